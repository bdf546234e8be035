//! The order of a timeline, and what it says of its entries.

#![expect(clippy::needless_pass_by_value, reason = "reads better at the many calls")]

use serde_json::{Value, json};

use super::*;
use crate::trail::DenialGroups;

const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";

fn event(minute: u32, source: &str, name: &str, parameters: Value) -> Event {
    Event::from_value(&json!({
        "eventID": format!("{name}-{minute}"), "eventTime": format!("2026-03-02T00:{minute:02}:00Z"),
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333", "requestParameters": parameters,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333"}
    }))
    .unwrap()
}

fn assumed_at(minute: u32) -> Event {
    let mut event = event(minute, "sts", "AssumeRole", json!({"roleArn": ROLE, "roleSessionName": "s"}));
    event.identity.arn = None;
    event.identity.account_id = Some("300973880807".into());
    event
}

fn denials(minute: u32, message: &str) -> Vec<DenialGroup> {
    let mut groups = DenialGroups::new();
    let mut event = event(minute, "s3", "PutObject", Value::Null);
    event.error_code = Some("AccessDenied".into());
    event.error_message = Some(format!(
        "User: x is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::orders/a\" {message}"
    ));
    groups.add(&event);
    groups.groups()
}

fn timeline(history: Vec<Event>, denials: &[DenialGroup]) -> Timeline {
    Timeline::new(&ROLE.parse().unwrap(), &RoleNow::default(), history, denials)
}

const IMPLICIT: &str = "because no identity-based policy allows the s3:PutObject action";

fn policy(actions: &str) -> String {
    json!({"Statement": [{"Sid": "Write", "Effect": "Allow", "Action": actions, "Resource": "*"}]})
        .to_string()
}

fn put_policy(minute: u32, document: &str) -> Event {
    event(
        minute,
        "iam",
        "PutRolePolicy",
        json!({"roleName": "orders", "policyName": "write", "policyDocument": document}),
    )
}

#[test]
fn the_statement_that_vanished_is_named_with_the_change_that_took_it() {
    let history = vec![
        put_policy(20, &policy("s3:Get*")),
        put_policy(5, &policy("s3:*")),
        assumed_at(18),
        assumed_at(19),
        event(
            25,
            "iam",
            "PutRolePolicy",
            json!({"roleName": "another", "policyName": "write", "policyDocument": policy("x:y")}),
        ),
        event(22, "s3", "PutBucketPolicy", json!({"bucketName": "other", "bucketPolicy": {"Statement": []}})),
    ];
    let timeline = timeline(history, &denials(30, IMPLICIT));
    let (cause, entry) = timeline.cause().unwrap();
    assert_eq!(entry.what, "PutRolePolicy write");
    assert_eq!(entry.actor, "arn:aws:iam::111122223333:user/alice");
    assert_eq!(entry.time.unwrap().to_string(), "2026-03-02T00:20:00Z");
    assert_eq!(cause.certainty, Certainty::Shown);
    assert_eq!(cause.statements[0].sid.as_deref(), Some("Write"));
    assert_eq!(cause.explains, [0]);
    let last = timeline.last_assumed_by("account 300973880807").unwrap();
    assert_eq!(last.time.unwrap().to_string(), "2026-03-02T00:19:00Z");
    let times: Vec<_> = timeline.entries.iter().map(|entry| entry.time).collect();
    assert!(times.is_sorted());
    assert!(!timeline.entries.iter().any(|entry| entry.what.contains("other")), "{:?}", timeline.entries);
}

#[test]
fn what_one_principal_of_the_account_was_given_is_not_given_to_another() {
    let by = |user: &str, minute: u32, refused: bool| {
        let mut event = event(minute, "sts", "AssumeRole", json!({"roleArn": ROLE, "roleSessionName": "s"}));
        event.identity.arn = Some(format!("arn:aws:iam::111122223333:user/{user}"));
        event.error_code = refused.then(|| "AccessDenied".to_owned());
        event
    };
    let refused = |history| {
        let refused = timeline(history, &[]).refused(|_| true);
        refused.into_iter().map(|(entry, _)| entry.actor).collect::<Vec<_>>()
    };
    let alice = "arn:aws:iam::111122223333:user/alice";
    assert_eq!(refused(vec![by("alice", 5, true), by("bob", 9, false)]), [alice]);
    assert_eq!(refused(vec![by("alice", 5, true), by("alice", 9, false)]), [""; 0]);
}

#[test]
fn what_one_role_of_another_account_was_given_is_not_given_to_another() {
    let by = |id: Option<&str>, minute: u32, refused: bool| {
        let mut event = assumed_at(minute);
        event.identity.arn = None;
        event.identity.principal_id = id.map(|id| format!("{id}:session"));
        event.error_code = refused.then(|| "AccessDenied".to_owned());
        event
    };
    let refused = |history| {
        let refused = timeline(history, &[]).refused(|_| true);
        refused.into_iter().map(|(entry, _)| entry.actor).collect::<Vec<_>>()
    };
    let (one, other) = (Some("AROAONE"), Some("AROAOTHER"));
    assert_eq!(refused(vec![by(one, 5, true), by(other, 9, false)]), ["account 300973880807, AROAONE"]);
    assert_eq!(refused(vec![by(one, 5, true), by(other, 9, false), by(one, 12, false)]), [""; 0]);
    assert_eq!(refused(vec![by(one, 5, true), by(one, 9, false)]), [""; 0]);
    assert_eq!(refused(vec![by(one, 5, true)]), ["account 300973880807"]);
    let last = |history| {
        let timeline = timeline(history, &[]);
        let last = timeline.last_assumed_by("account 300973880807");
        last.map(|entry| entry.time.unwrap().to_string())
    };
    let both = vec![by(one, 5, true), by(other, 6, true), by(other, 9, false)];
    assert_eq!(last(both.clone()), None);
    assert_eq!(last([both, vec![by(one, 12, false)]].concat()).as_deref(), Some("2026-03-02T00:12:00Z"));
}

#[test]
fn an_assumption_in_the_trails_of_two_accounts_is_one() {
    let recorded = |id: &str, account: &str| {
        let mut event = assumed_at(5);
        event.error_code = Some("AccessDenied".into());
        event.event_id = id.to_owned();
        event.recipient_account = Some(account.to_owned());
        event.shared_event_id = Some("shared".to_owned());
        event
    };
    let history = vec![recorded("1", "111122223333"), recorded("2", "300973880807")];
    let refused = timeline(history, &[]).refused(|_| true);
    assert_eq!(refused.iter().map(|(entry, _)| entry.count).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_change_after_the_first_denial_is_not_its_cause() {
    let history = vec![put_policy(5, &policy("s3:*")), put_policy(31, &policy("s3:Get*"))];
    assert_eq!(timeline(history, &denials(30, IMPLICIT)).cause(), None);
}

#[test]
fn a_change_that_kept_the_permission_is_not_the_cause() {
    let history = vec![put_policy(5, &policy("s3:*")), put_policy(20, &policy("s3:Put*"))];
    // The wider statement went, but it is the narrower one's text that allows it still.
    let found = timeline(history, &denials(30, IMPLICIT));
    assert!(found.cause().is_none_or(|(cause, _)| cause.certainty < Certainty::Shown), "{:?}", found.causes);
}

#[test]
fn without_documents_what_takes_away_is_likely() {
    let detach = event(
        20,
        "iam",
        "DetachRolePolicy",
        json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/p"}),
    );
    let attach = event(
        25,
        "iam",
        "AttachRolePolicy",
        json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/q"}),
    );
    let timeline = timeline(vec![detach, attach], &denials(30, IMPLICIT));
    let (cause, entry) = timeline.cause().unwrap();
    assert_eq!(
        (entry.what.as_str(), cause.certainty),
        ("DetachRolePolicy arn:aws:iam::1:policy/p", Certainty::Likely)
    );
}

#[test]
fn a_new_version_of_a_managed_policy_is_compared_with_the_one_before() {
    let version = |minute, id: &str, actions: &str| {
        let mut event = event(
            minute,
            "iam",
            "CreatePolicyVersion",
            json!({"policyArn": "arn:aws:iam::1:policy/p", "policyDocument": policy(actions), "setAsDefault": true}),
        );
        event.response_elements = json!({"policyVersion": {"versionId": id}});
        event
    };
    let back = event(
        20,
        "iam",
        "SetDefaultPolicyVersion",
        json!({"policyArn": "arn:aws:iam::1:policy/p", "versionId": "v2"}),
    );
    let attached = event(
        1,
        "iam",
        "AttachRolePolicy",
        json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/p"}),
    );
    let history = vec![attached, version(5, "v2", "s3:Get*"), version(10, "v3", "s3:*"), back];
    let timeline = timeline(history, &denials(30, IMPLICIT));
    assert_eq!(timeline.cause().unwrap().1.what, "SetDefaultPolicyVersion arn:aws:iam::1:policy/p");
    assert_eq!(timeline.cause().unwrap().0.certainty, Certainty::Shown);
}

#[test]
fn an_explicit_deny_is_laid_to_the_policy_that_brought_it() {
    let deny = json!({"Statement": [{"Sid": "Lock", "Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "arn:aws:s3:::orders/*"}]});
    let history = vec![
        event(20, "s3", "PutBucketPolicy", json!({"bucketName": "orders", "bucketPolicy": deny})),
        event(
            21,
            "iam",
            "DetachRolePolicy",
            json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/p"}),
        ),
    ];
    let timeline = timeline(history, &denials(30, "with an explicit deny in a resource-based policy"));
    let (cause, entry) = timeline.cause().unwrap();
    assert_eq!(entry.what, "PutBucketPolicy orders");
    assert_eq!(cause.statements[0].sid.as_deref(), Some("Lock"));
}

#[test]
fn the_policy_that_aws_names_settles_it() {
    let attach = event(
        20,
        "iam",
        "AttachRolePolicy",
        json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/quarantine"}),
    );
    let denied =
        denials(30, "with an explicit deny in an identity-based policy: arn:aws:iam::1:policy/quarantine");
    let timeline = timeline(vec![attach], &denied);
    assert_eq!(timeline.cause().unwrap().0.certainty, Certainty::Shown);
}

#[test]
fn assumptions_that_end_with_a_change_of_trust_point_at_it() {
    let trust = |minute, account: &str| {
        let document = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}]});
        event(
            minute,
            "iam",
            "UpdateAssumeRolePolicy",
            json!({"roleName": "orders", "policyDocument": document.to_string()}),
        )
    };
    let history = vec![trust(1, "300973880807"), assumed_at(5), assumed_at(10), trust(15, "999999999999")];
    let timeline = timeline(history, &[]);
    let (cause, entry) = timeline.cause().unwrap();
    assert_eq!(entry.time.unwrap().to_string(), "2026-03-02T00:15:00Z");
    assert_eq!((cause.certainty, cause.statements.len()), (Certainty::Likely, 1));
}

#[test]
fn a_grant_of_lake_formation_that_went_is_laid_to_whoever_revoked_it() {
    let revoke = |minute, role: &str, database: &str| {
        event(
            minute,
            "lakeformation",
            "RevokePermissions",
            json!({"principal": {"dataLakePrincipalIdentifier": role}, "permissions": ["DESCRIBE"],
                "resource": {"database": {"name": database}}}),
        )
    };
    let mut denied = event(30, "glue", "GetDatabase", json!({"name": "sales"}));
    denied.error_code = Some("AccessDeniedException".into());
    denied.error_message =
        Some("Insufficient Lake Formation permission(s): Required Describe on sales".into());
    let issuer = json!({"type": "Role", "arn": ROLE});
    denied.identity = Event::from_value(&json!({"eventSource": "a", "eventName": "b",
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}}}))
    .unwrap()
    .identity;
    let mut groups = DenialGroups::new();
    groups.add(&denied);
    let denials = groups.groups();
    let other = "arn:aws:iam::111122223333:role/other";
    let timeline = timeline(vec![revoke(20, ROLE, "sales"), revoke(25, other, "sales")], &denials);
    let (cause, entry) = timeline.cause().unwrap();
    assert_eq!(
        (entry.what.as_str(), cause.certainty),
        ("RevokePermissions DESCRIBE on sales", Certainty::Likely)
    );
    assert!(timeline.entries.iter().all(|entry| entry.time != revoke(25, other, "sales").event_time));
}

#[test]
fn a_database_that_was_deleted_took_its_grants_along() {
    let mut denied = event(30, "glue", "GetTable", json!({"databaseName": "sales", "name": "orders"}));
    denied.error_code = Some("AccessDeniedException".into());
    denied.error_message =
        Some("Insufficient Lake Formation permission(s): Required Describe on orders".into());
    let mut groups = DenialGroups::new();
    groups.add(&denied);
    let denials = groups.groups();
    let gone = event(20, "glue", "DeleteTable", json!({"databaseName": "sales", "name": "orders"}));
    let settings = event(10, "lakeformation", "PutDataLakeSettings", json!({}));
    let timeline = timeline(vec![gone, settings], &denials);
    assert_eq!(timeline.cause().unwrap().1.what, "DeleteTable sales.orders");
    assert_eq!(timeline.entries.len(), 3, "{:?}", timeline.entries);
}

#[test]
fn a_call_that_was_throttled_is_no_refusal_of_the_role() {
    for (code, refused) in
        [("AccessDenied", true), ("ThrottlingException", false), ("ValidationException", false)]
    {
        let mut event = assumed_at(5);
        event.error_code = Some(code.into());
        let timeline = timeline(vec![event], &[]);
        let told = timeline.entries.iter().any(|entry| entry.kind == EntryKind::AssumeRefused);
        assert_eq!(told, refused, "{code}");
    }
}
