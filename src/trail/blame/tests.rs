//! What is blamed and what is not, on events as CloudTrail writes them.

#![expect(clippy::needless_pass_by_value, reason = "reads better at the many calls")]

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Certainty, RoleNow};
use crate::trail::{Cause, DenialGroup, DenialGroups, Event, Timeline};

const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const WRITE: &str = "arn:aws:iam::111122223333:policy/write";
const OTHER: &str = "arn:aws:iam::111122223333:policy/over-write";

fn event(minute: u32, source: &str, name: &str, parameters: Value) -> Event {
    Event::from_value(&json!({
        "eventVersion": "1.08", "eventID": format!("{name}-{minute}"),
        "eventTime": format!("2026-03-02T{:02}:{:02}:00Z", minute / 60, minute % 60),
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333", "requestParameters": parameters,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333"}
    }))
    .unwrap()
}

/// A refused call of the role.
fn refused(minute: u32, action: &str, resource: &str, clause: &str) -> Event {
    let (service, name) = action.split_once(':').unwrap();
    let quote = if service == "s3" { "\"" } else { "" };
    let mut event = event(minute, service, name, Value::Null);
    event.error_code = Some("AccessDenied".into());
    event.error_message = Some(format!(
        "User: arn:aws:sts::111122223333:assumed-role/orders/s is not authorized to perform: {action} on resource: \
         {quote}{resource}{quote} {clause}"
    ));
    let issuer = json!({"type": "Role", "arn": ROLE});
    event.identity = Event::from_value(&json!({"eventSource": "a", "eventName": "b",
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}}}))
    .unwrap()
    .identity;
    event
}

fn put_object(minute: u32, clause: &str) -> Event {
    refused(minute, "s3:PutObject", "arn:aws:s3:::orders/raw/a", clause)
}

fn groups(events: &[Event]) -> Vec<DenialGroup> {
    let mut groups = DenialGroups::new();
    for event in events {
        groups.add(event);
    }
    groups.groups()
}

fn timeline_of(now: &RoleNow, history: Vec<Event>, denied: &[Event]) -> Timeline {
    Timeline::new(&ROLE.parse().unwrap(), now, history, &groups(denied))
}

fn timeline(history: Vec<Event>, denied: Event) -> Timeline {
    timeline_of(&RoleNow::default(), history, &[denied])
}

/// The change that is blamed, and how surely.
fn blamed(history: Vec<Event>, denied: Event) -> Option<(String, Certainty)> {
    told(&timeline(history, denied))
}

fn told(timeline: &Timeline) -> Option<(String, Certainty)> {
    timeline.cause().map(|(cause, entry)| (entry.event_id.clone(), cause.certainty))
}

fn said(name: &str, minute: u32, certainty: Certainty) -> (String, Certainty) {
    (format!("{name}-{minute}"), certainty)
}

const NONE_ALLOWS: &str = "because no identity-based policy allows the s3:PutObject action";
const BUCKET_DENIES: &str = "with an explicit deny in a resource-based policy";
const SCP_DENIES: &str = "with an explicit deny in a service control policy";

fn statement(effect: &str, actions: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": "S", "Effect": effect, "Action": actions, "Resource": "*"}]})
}

fn attach(minute: u32, name: &str, arn: &str) -> Event {
    event(minute, "iam", name, json!({"roleName": "orders", "policyArn": arn}))
}

fn version(minute: u32, arn: &str, id: &str, document: Value) -> Event {
    let mut event = event(
        minute,
        "iam",
        "CreatePolicyVersion",
        json!({"policyArn": arn, "policyDocument": document.to_string(), "setAsDefault": true}),
    );
    event.response_elements = json!({"policyVersion": {"versionId": id, "isDefaultVersion": true}});
    event
}

fn inline(minute: u32, name: &str, document: Value) -> Event {
    let parameters =
        json!({"roleName": "orders", "policyName": name, "policyDocument": document.to_string()});
    event(minute, "iam", "PutRolePolicy", parameters)
}

fn bucket_policy(minute: u32, bucket: &str, statement: Value) -> Event {
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    event(minute, "s3", "PutBucketPolicy", json!({"bucketName": bucket, "bucketPolicy": policy}))
}

#[test]
fn a_managed_policy_that_is_not_attached_to_the_role_is_not_blamed() {
    let narrowed = |arn: &str| {
        vec![
            version(5, arn, "v2", statement("Allow", "s3:*")),
            version(20, arn, "v3", statement("Allow", "s3:Get*")),
        ]
    };
    let denied = || [put_object(30, NONE_ALLOWS)];
    // The events do not tell whether it is attached.
    let unknown = timeline_of(&RoleNow::default(), narrowed(WRITE), &denied());
    assert_eq!(told(&unknown), Some(said("CreatePolicyVersion", 20, Certainty::Possible)));
    assert!(unknown.causes[0].reason.contains("if it is attached to the role"), "{:?}", unknown.causes);
    let now = |arn: &str| RoleNow { attached: Some(BTreeSet::from([arn.to_owned()])) };
    let attached = timeline_of(&now(WRITE), narrowed(WRITE), &denied());
    assert_eq!(told(&attached), Some(said("CreatePolicyVersion", 20, Certainty::Shown)));
    assert_eq!(told(&timeline_of(&now(OTHER), narrowed(WRITE), &denied())), None);
    // What is known to be another role's policy by the role's own beginning.
    let mut history = narrowed(WRITE);
    history.push(event(1, "iam", "CreateRole", json!({"roleName": "orders", "path": "/service/"})));
    assert_eq!(blamed(history, put_object(30, NONE_ALLOWS)), None);
    let mut history = narrowed(WRITE);
    history.extend([attach(2, "AttachRolePolicy", WRITE), attach(15, "DetachRolePolicy", WRITE)]);
    assert_eq!(
        blamed(history, put_object(30, NONE_ALLOWS)),
        Some(said("DetachRolePolicy", 15, Certainty::Shown))
    );
    // A new version of it that never spoke of the call, and of which no former one is known.
    assert_eq!(
        blamed(vec![version(20, OTHER, "v2", statement("Allow", "ec2:*"))], put_object(30, NONE_ALLOWS)),
        None
    );
}

#[test]
fn what_aws_does_to_no_attached_policy_takes_nothing_away() {
    let mut made = event(
        20,
        "iam",
        "CreatePolicy",
        json!({"policyName": "write", "policyDocument": statement("Allow", "s3:Get*").to_string()}),
    );
    made.response_elements =
        json!({"policy": {"arn": WRITE, "policyName": "write", "defaultVersionId": "v1"}});
    for change in [
        event(20, "iam", "DeletePolicy", json!({"policyArn": WRITE})),
        event(20, "iam", "DeletePolicyVersion", json!({"policyArn": WRITE, "versionId": "v1"})),
        made,
        event(20, "organizations", "DeletePolicy", json!({"policyId": "p-12345678"})),
        event(
            20,
            "organizations",
            "EnablePolicyType",
            json!({"policyType": "SERVICE_CONTROL_POLICY", "rootId": "r-ab12"}),
        ),
        event(20, "iam", "DeleteRolePermissionsBoundary", json!({"roleName": "orders"})),
    ] {
        let name = change.event_name.clone();
        for clause in [
            NONE_ALLOWS,
            SCP_DENIES,
            "because no permissions boundary allows the s3:PutObject action",
            "because no service control policy allows the s3:PutObject action",
        ] {
            let history = vec![attach(1, "AttachRolePolicy", WRITE), change.clone()];
            assert_eq!(blamed(history, put_object(30, clause)), None, "{name} {clause}");
        }
    }
}

#[test]
fn what_was_put_back_before_the_denial_is_not_to_blame() {
    let wide = statement("Allow", "s3:*");
    let narrow = statement("Allow", "s3:Get*");
    for history in [
        vec![inline(1, "w", wide.clone()), inline(10, "w", narrow.clone()), inline(20, "w", wide.clone())],
        vec![attach(10, "DetachRolePolicy", WRITE), attach(20, "AttachRolePolicy", WRITE)],
        vec![
            version(1, WRITE, "v2", wide.clone()),
            version(10, WRITE, "v3", narrow.clone()),
            event(20, "iam", "SetDefaultPolicyVersion", json!({"policyArn": WRITE, "versionId": "v2"})),
        ],
    ] {
        assert_eq!(blamed(history, put_object(30, NONE_ALLOWS)), None);
    }
    let deny =
        json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::orders/*"});
    let gone = event(20, "s3", "DeleteBucketPolicy", json!({"bucketName": "orders"}));
    assert_eq!(blamed(vec![bucket_policy(10, "orders", deny), gone], put_object(30, BUCKET_DENIES)), None);
    let quarantine = |name, minute| attach(minute, name, OTHER);
    let named = format!("with an explicit deny in an identity-based policy: {OTHER}");
    let there_and_gone = vec![quarantine("AttachRolePolicy", 10), quarantine("DetachRolePolicy", 20)];
    assert_eq!(blamed(there_and_gone, put_object(30, &named)), None);
}

#[test]
fn of_several_the_last_one_still_in_force_before_the_first_denial_is_to_blame() {
    let history = vec![
        attach(5, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/a"),
        attach(10, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/b"),
        attach(15, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/c"),
        attach(16, "AttachRolePolicy", "arn:aws:iam::111122223333:policy/c"),
        attach(40, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/d"),
    ];
    let denied = [put_object(30, NONE_ALLOWS), put_object(50, NONE_ALLOWS)];
    let found = timeline_of(&RoleNow::default(), history, &denied);
    assert_eq!(told(&found), Some(said("DetachRolePolicy", 10, Certainty::Likely)));
    assert_eq!(found.causes.len(), 1, "{:?}", found.causes);
}

#[test]
fn a_deny_for_another_principal_is_not_to_blame() {
    let deny = |principal: Value| json!({"Sid": "Lock", "Effect": "Deny", "Principal": principal, "Action": "s3:Put*", "Resource": "arn:aws:s3:::orders/*"});
    let blamed = |bucket, principal| {
        blamed(vec![bucket_policy(20, bucket, deny(principal))], put_object(30, BUCKET_DENIES))
    };
    let shown = Some(said("PutBucketPolicy", 20, Certainty::Shown));
    assert_eq!(blamed("orders", json!("*")), shown);
    assert_eq!(blamed("orders", json!({"AWS": [ROLE]})), shown);
    assert_eq!(blamed("orders", json!({"AWS": "arn:aws:iam::111122223333:role/other"})), None);
    assert_eq!(blamed("orders", json!({"Service": "delivery.logs.amazonaws.com"})), None);
    assert_eq!(blamed("old-orders", json!("*")), None);
}

#[test]
fn a_deny_on_condition_is_likely_and_no_more() {
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::orders/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    assert_eq!(
        blamed(vec![bucket_policy(20, "orders", deny)], put_object(30, BUCKET_DENIES)),
        Some(said("PutBucketPolicy", 20, Certainty::Likely))
    );
}

#[test]
fn only_the_very_policy_that_aws_names_is_to_blame() {
    let named = format!("with an explicit deny in an identity-based policy: {OTHER}");
    // `write` ends the name of `over-write`.
    let short = inline(20, "write", statement("Deny", "s3:*"));
    assert_eq!(blamed(vec![attach(20, "AttachRolePolicy", WRITE), short], put_object(30, &named)), None);
    assert_eq!(
        blamed(vec![attach(20, "AttachRolePolicy", OTHER)], put_object(30, &named)),
        Some(said("AttachRolePolicy", 20, Certainty::Shown))
    );
    let scp = |id: &str| {
        event(20, "organizations", "AttachPolicy", json!({"policyId": id, "targetId": "ou-ab12-cdefghij"}))
    };
    let named = format!(
        "{SCP_DENIES}: arn:aws:organizations::999988887777:policy/o-exampleorgid/service_control_policy/p-abcd1234"
    );
    assert_eq!(
        blamed(vec![scp("p-abcd1234")], put_object(30, &named)),
        Some(said("AttachPolicy", 20, Certainty::Shown))
    );
    assert_eq!(blamed(vec![scp("p-other123"), scp("p-1234")], put_object(30, &named)), None);
}

#[test]
fn a_policy_of_the_organization_on_another_account_is_not_to_blame() {
    let scp = |target: &str| {
        event(20, "organizations", "AttachPolicy", json!({"policyId": "p-abcd1234", "targetId": target}))
    };
    assert_eq!(blamed(vec![scp("444455556666")], put_object(30, SCP_DENIES)), None);
    assert_eq!(
        blamed(vec![scp("r-ab12")], put_object(30, SCP_DENIES)),
        Some(said("AttachPolicy", 20, Certainty::Likely))
    );
    let moved = |account: &str, minute, from: &str, to: &str| {
        let parameters = json!({"accountId": account, "sourceParentId": from, "destinationParentId": to});
        event(minute, "organizations", "MoveAccount", parameters)
    };
    let there = moved("111122223333", 20, "ou-a", "ou-b");
    assert_eq!(
        blamed(vec![there.clone()], put_object(30, SCP_DENIES)),
        Some(said("MoveAccount", 20, Certainty::Likely))
    );
    let back = moved("111122223333", 25, "ou-b", "ou-a");
    assert_eq!(
        blamed(vec![there, back], put_object(30, SCP_DENIES)),
        Some(said("MoveAccount", 25, Certainty::Likely))
    );
    assert_eq!(blamed(vec![moved("444455556666", 20, "ou-a", "ou-b")], put_object(30, SCP_DENIES)), None);
}

#[test]
fn a_key_that_is_enabled_again_or_another_one_is_not_to_blame() {
    let decrypt = || refused(30, "kms:Decrypt", KEY, "");
    let id = KEY.rsplit('/').next().unwrap();
    let state = |minute, name: &str, key: &str| event(minute, "kms", name, json!({"keyId": key}));
    let disabled = Some(said("DisableKey", 10, Certainty::Likely));
    assert_eq!(blamed(vec![state(10, "DisableKey", id)], decrypt()), disabled);
    assert_eq!(blamed(vec![state(10, "DisableKey", KEY)], decrypt()), disabled);
    assert_eq!(blamed(vec![state(10, "DisableKey", id), state(20, "EnableKey", KEY)], decrypt()), None);
    assert_eq!(
        blamed(vec![state(10, "DisableKey", "99999999-12ab-34cd-56ef-1234567890ab")], decrypt()),
        None
    );
    // AWS says that a permission is missing, which the key's state is none of.
    let named =
        refused(30, "kms:Decrypt", KEY, "because no identity-based policy allows the kms:Decrypt action");
    assert_eq!(blamed(vec![state(10, "DisableKey", id)], named), None);
}

#[test]
fn a_grant_of_another_s_that_is_revoked_is_not_to_blame() {
    let denied =
        || refused(30, "kms:Decrypt", KEY, "because no resource-based policy allows the kms:Decrypt action");
    let id = KEY.rsplit('/').next().unwrap();
    let grant = |grantee: &str, operation: &str| {
        let parameters = json!({"keyId": KEY, "granteePrincipal": grantee, "operations": [operation]});
        let mut event = event(5, "kms", "CreateGrant", parameters);
        event.response_elements = json!({"grantId": "abc", "keyId": KEY});
        event
    };
    let revoke = || event(10, "kms", "RevokeGrant", json!({"keyId": id, "grantId": "abc"}));
    assert_eq!(
        blamed(vec![grant(ROLE, "Decrypt"), revoke()], denied()),
        Some(said("RevokeGrant", 10, Certainty::Likely))
    );
    assert_eq!(
        blamed(vec![grant("arn:aws:iam::111122223333:role/other", "Decrypt"), revoke()], denied()),
        None
    );
    assert_eq!(blamed(vec![grant(ROLE, "Encrypt"), revoke()], denied()), None);
    assert_eq!(blamed(vec![revoke()], denied()), Some(said("RevokeGrant", 10, Certainty::Possible)));
}

/// A call that Lake Formation refused.
fn lacking(permission: &str, object: &str) -> Event {
    let table = "arn:aws:glue:eu-west-1:111122223333:table/sales/orders";
    let mut event = refused(30, "glue:GetTable", table, "");
    event.request_parameters = json!({"databaseName": "sales", "name": "orders"});
    event.error_message =
        Some(format!("Insufficient Lake Formation permission(s): Required {permission} on {object}"));
    event
}

fn revoke(minute: u32, principal: &str, resource: Value, permissions: Value) -> Event {
    let parameters = json!({"principal": {"dataLakePrincipalIdentifier": principal}, "permissions": permissions,
        "resource": resource});
    event(minute, "lakeformation", "RevokePermissions", parameters)
}

#[test]
fn a_revoked_grant_on_something_else_is_not_to_blame() {
    let of = |database: &str, name: &str| json!({"table": {"databaseName": database, "name": name}});
    let likely = Some(said("RevokePermissions", 20, Certainty::Likely));
    for (principal, resource, permissions, blamed_for) in [
        (ROLE, of("sales", "orders"), json!(["SELECT", "DESCRIBE"]), &likely),
        (ROLE, json!({"table": {"databaseName": "sales", "tableWildcard": {}}}), json!(["ALL"]), &likely),
        ("IAM_ALLOWED_PRINCIPALS", of("sales", "orders"), json!(["ALL"]), &likely),
        (ROLE, of("marketing", "orders"), json!(["SELECT"]), &None),
        (ROLE, of("sales", "customers"), json!(["SELECT"]), &None),
        (ROLE, json!({"database": {"name": "marketing"}}), json!(["ALL"]), &None),
        ("arn:aws:iam::111122223333:role/other", of("sales", "orders"), json!(["SELECT"]), &None),
        ("arn:aws:iam::111122223333:user/orders", of("sales", "orders"), json!(["SELECT"]), &None),
    ] {
        let change = revoke(20, principal, resource.clone(), permissions);
        assert_eq!(
            blamed(vec![change], lacking("Describe", "orders")),
            *blamed_for,
            "{principal} {resource}"
        );
    }
    let of_other = revoke(20, ROLE, of("sales", "orders"), json!(["SELECT"]));
    assert_eq!(blamed(vec![of_other], lacking("Alter", "orders")), None);
}

#[test]
fn one_of_many_that_were_revoked_at_once_is_found_and_a_new_grant_puts_it_back() {
    let entry = |principal: &str| {
        json!({"id": "1", "principal": {"dataLakePrincipalIdentifier": principal}, "permissions": ["DESCRIBE"],
            "resource": {"table": {"databaseName": "sales", "name": "orders"}}})
    };
    let batch = |minute, name: &str, entries: Value| {
        event(minute, "lakeformation", name, json!({"catalogId": "111122223333", "entries": entries}))
    };
    let other = "arn:aws:iam::111122223333:role/other";
    let both = batch(10, "BatchRevokePermissions", json!([entry(other), entry(ROLE)]));
    assert_eq!(
        blamed(vec![both.clone()], lacking("Describe", "orders")),
        Some(said("BatchRevokePermissions", 10, Certainty::Likely))
    );
    let theirs = batch(10, "BatchRevokePermissions", json!([entry(other)]));
    assert_eq!(blamed(vec![theirs], lacking("Describe", "orders")), None);
    let again = batch(20, "BatchGrantPermissions", json!([entry(ROLE)]));
    assert_eq!(blamed(vec![both, again], lacking("Describe", "orders")), None);
    let mut elsewhere = batch(10, "BatchRevokePermissions", json!([entry(ROLE)]));
    elsewhere.region = "us-east-1".into();
    assert_eq!(blamed(vec![elsewhere], lacking("Describe", "orders")), None);
}

#[test]
fn an_early_stray_denial_hides_no_later_cause() {
    let history =
        || vec![inline(1, "w", statement("Allow", "s3:*")), inline(200, "w", statement("Allow", "s3:Get*"))];
    let mut denied = vec![put_object(5, NONE_ALLOWS)];
    denied.extend((201..400).map(|minute| put_object(minute, NONE_ALLOWS)));
    let found = timeline_of(&RoleNow::default(), history(), &denied);
    assert_eq!(told(&found), Some(said("PutRolePolicy", 200, Certainty::Shown)));
    assert!(found.causes[0].reason.contains("before it have another cause"), "{:?}", found.causes);
    // One cause before and another one after: each is told.
    let mut history = history();
    history.extend([
        inline(2, "w", statement("Allow", "s3:Get*")),
        inline(100, "w", statement("Allow", "s3:*")),
    ]);
    let found = timeline_of(&RoleNow::default(), history, &denied);
    let blamed: Vec<_> =
        found.causes.iter().map(|cause| found.entries[cause.entry].event_id.as_str()).collect();
    assert_eq!(blamed, ["PutRolePolicy-200", "PutRolePolicy-2"]);
    let undone: Vec<_> = found.causes.iter().map(|cause| undone_by(&found, cause)).collect();
    assert_eq!(undone, [None, Some("PutRolePolicy-100")]);
}

fn undone_by<'t>(timeline: &'t Timeline, cause: &Cause) -> Option<&'t str> {
    cause.undone_by.map(|at| timeline.entries[at].event_id.as_str())
}

#[test]
fn an_unseen_new_text_is_not_taken_for_none() {
    let history = vec![
        version(1, WRITE, "v2", statement("Allow", "s3:*")),
        attach(2, "AttachRolePolicy", WRITE),
        event(20, "iam", "SetDefaultPolicyVersion", json!({"policyArn": WRITE, "versionId": "v1"})),
    ];
    let found = timeline(history, put_object(30, NONE_ALLOWS));
    assert_eq!(told(&found), Some(said("SetDefaultPolicyVersion", 20, Certainty::Likely)));
    assert!(found.causes[0].statements.is_empty(), "{:?}", found.causes);
}

#[test]
fn a_boundary_that_does_not_allow_it_is_to_blame_until_it_is_gone() {
    let bounded = |minute| {
        let parameters = json!({"roleName": "orders", "permissionsBoundary": WRITE});
        event(minute, "iam", "PutRolePermissionsBoundary", parameters)
    };
    let clause = "because no permissions boundary allows the s3:PutObject action";
    let gone = event(20, "iam", "DeleteRolePermissionsBoundary", json!({"roleName": "orders"}));
    assert_eq!(
        blamed(vec![bounded(10)], put_object(30, clause)),
        Some(said("PutRolePermissionsBoundary", 10, Certainty::Likely))
    );
    assert_eq!(blamed(vec![bounded(10), gone], put_object(30, clause)), None);
    assert_eq!(blamed(vec![bounded(10)], put_object(30, NONE_ALLOWS)), None);
    let narrowed = version(15, WRITE, "v2", statement("Allow", "glue:*"));
    let wide = version(1, WRITE, "v1", statement("Allow", "*"));
    assert_eq!(
        blamed(vec![wide, bounded(10), narrowed], put_object(30, clause)),
        Some(said("CreatePolicyVersion", 15, Certainty::Shown))
    );
}

#[test]
fn an_endpoint_s_policy_is_read_where_ec2_keeps_it() {
    let mut denied = put_object(30, "with an explicit deny in a VPC endpoint policy");
    denied.vpc_endpoint_id = Some("vpce-0a1b2c3d4e5f67890".into());
    let deny =
        json!({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "*"}]});
    let modified = |id: &str| {
        let request = json!({"VpcEndpointId": id, "PolicyDocument": deny.to_string()});
        event(20, "ec2", "ModifyVpcEndpoint", json!({"ModifyVpcEndpointRequest": request}))
    };
    assert_eq!(
        blamed(vec![modified("vpce-0a1b2c3d4e5f67890")], denied.clone()),
        Some(said("ModifyVpcEndpoint", 20, Certainty::Shown))
    );
    assert_eq!(blamed(vec![modified("vpce-99999999999999999")], denied), None);
}

#[test]
fn a_trust_policy_that_is_put_back_or_still_allows_is_not_to_blame() {
    let assumed = |minute| {
        let mut event = event(minute, "sts", "AssumeRole", json!({"roleArn": ROLE, "roleSessionName": "s"}));
        event.identity.arn = None;
        event.identity.account_id = Some("300973880807".into());
        event
    };
    let trust = |minute, accounts: Value| {
        let document = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": accounts}, "Action": "sts:AssumeRole"}]});
        let parameters = json!({"roleName": "orders", "policyDocument": document.to_string()});
        event(minute, "iam", "UpdateAssumeRolePolicy", parameters)
    };
    let found = |history| told(&timeline_of(&RoleNow::default(), history, &[]));
    let (ours, other) = (json!("300973880807"), json!("999999999999"));
    let lost = Some(said("UpdateAssumeRolePolicy", 15, Certainty::Likely));
    assert_eq!(found(vec![assumed(10), trust(15, other.clone())]), lost);
    assert_eq!(found(vec![assumed(10), trust(15, other.clone()), trust(20, ours.clone())]), None);
    assert_eq!(
        found(vec![trust(1, ours.clone()), assumed(10), trust(15, json!(["300973880807", "999999999999"]))]),
        None
    );
    assert_eq!(found(vec![assumed(10), trust(15, other), assumed(20)]), None);
}
