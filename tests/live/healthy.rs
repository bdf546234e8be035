//! Roles that work, and what reading them costs.

use std::time::Duration;

use serde_json::json;
use streamkap_doctor::facts::{Fact, Purpose};
use streamkap_doctor::model::EngineVerdict;

use super::account::{Account, EXTERNAL_ID, ROLE, policy};
use super::answers::{Shape, event_history, simulator};
use super::proxy::Proxy;
use super::run::Run;

fn proxy(account: &Account, shape: Shape) -> Proxy {
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(account, ROLE, shape, None));
    proxy
}

#[test]
fn everything_is_read_once_and_decoded() {
    let account = Account::healthy();
    let key = account.encrypt(None, None);
    account.bucket_policy(
        &json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
        "Action": "s3:*", "Resource": format!("arn:aws:s3:::{}/*", account.bucket_name()),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}),
    );
    account.trail();
    let proxy = proxy(&account, Shape::ByAction);
    let facts = Run::new(&account, &proxy).facts();

    let role = facts.role.known().unwrap();
    assert_eq!(role.arn.as_str(), account.role_arn());
    assert!(
        role.trust_policy.starts_with('{') && role.trust_policy.contains(EXTERNAL_ID),
        "{}",
        role.trust_policy
    );
    assert_eq!(facts.attached_policies.known().unwrap().len(), 3);
    assert_eq!(facts.managed_policies.len(), 3);
    assert!(
        facts.managed_policies.values().all(|it| it.known().is_some_and(|it| it.document.starts_with('{')))
    );
    assert_eq!(facts.inline_policies.len(), 2);
    let bucket = &facts.buckets[&account.bucket_name()];
    assert_eq!(bucket.head.known().unwrap().region, "eu-west-1");
    assert!(bucket.policy.known().unwrap().contains("aws:SecureTransport"));
    assert_eq!(bucket.encryption.known().unwrap().algorithm, "aws:kms");
    assert_eq!(facts.keys[&key].metadata.known().unwrap().arn, key);
    assert!(facts.keys[&key].policy.known().unwrap().contains("kms:*"));
    assert_eq!(facts.trails.known().unwrap().len(), 1);
    assert!(facts.trails.known().unwrap()[0].status.known().unwrap().logging);
    assert!(facts.organization.is_read());
    let verdict = |action: &str| {
        let asked = facts.simulations.iter().find(|it| it.action == action).unwrap();
        asked.result.known().unwrap_or_else(|| panic!("{asked:?}")).decision
    };
    assert_eq!(verdict("s3:PutObject"), EngineVerdict::Allowed);
    assert_eq!(verdict("s3:ListBucketMultipartUploads"), EngineVerdict::Allowed);
    assert_eq!(verdict("kms:Decrypt"), EngineVerdict::ImplicitDeny);

    let calls = proxy.calls();
    let mut subjects: Vec<_> = calls.iter().map(|call| (call.operation, &call.subject)).collect();
    subjects.sort();
    assert!(subjects.windows(2).all(|pair| pair[0] != pair[1]), "asked twice: {subjects:?}");
}

#[test]
fn reading_takes_at_most_thirty_calls_in_five_round_trips() {
    let account = Account::healthy();
    account.trail();
    let proxy = proxy(&account, Shape::ByAction);
    proxy.delay(Duration::from_millis(200));
    Run::new(&account, &proxy).facts();
    let calls = proxy.calls();
    let list: Vec<_> = calls.iter().map(|call| (call.depth, call.operation)).collect();
    assert!(calls.len() <= 30, "{} calls: {list:?}", calls.len());
    let depth = calls.iter().map(|call| call.depth).max().unwrap();
    assert!(depth <= 5, "{depth} round trips: {list:?}");
    assert!(proxy.most_at_once("SimulatePrincipalPolicy") <= 2);
    assert_eq!(proxy.count("GetCallerIdentity"), 1);
}

#[test]
fn a_key_named_by_its_alias_that_refuses_takes_no_more() {
    let account = Account::healthy();
    account.trail();
    account.encrypt(None, Some("alias/orders"));
    let proxy = proxy(&account, Shape::ByAction);
    proxy.delay(Duration::from_millis(200));
    Run::new(&account, &proxy).facts();
    let calls = proxy.calls();
    let list: Vec<_> = calls.iter().map(|call| (call.depth, call.operation)).collect();
    assert!(calls.len() <= 30, "{} calls: {list:?}", calls.len());
    let depth = calls.iter().map(|call| call.depth).max().unwrap();
    assert!(depth <= 5, "{depth} round trips: {list:?}");
}

#[test]
fn both_shapes_of_the_simulator_s_answers_read_alike() {
    let account = Account::healthy();
    let read = |shape| {
        let proxy = proxy(&account, shape);
        let facts = Run::new(&account, &proxy).facts();
        facts.simulations.into_iter().map(|it| (it.action, it.resource, it.result)).collect::<Vec<_>>()
    };
    assert_eq!(read(Shape::ByAction), read(Shape::ByActionAndResource));
}

#[test]
fn the_simulator_names_the_layer_that_denies() {
    let account = Account::healthy();
    account.limit(ROLE, "Boundary", &policy(&["s3:GetObject"], &["*"]));
    let scp = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:AbortMultipartUpload", "Resource": "*"}]});
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(&account, ROLE, Shape::ByAction, Some(&scp)));
    // The server knows of no organization that sets this policy.
    proxy.fail(&["DescribeOrganization"], super::proxy::Fault::Refuse);
    let facts = Run::new(&account, &proxy).facts();
    let result = |action: &str| {
        facts.simulations.iter().find(|it| it.action == action).unwrap().result.known().unwrap().clone()
    };
    let put = result("s3:PutObject");
    assert_eq!(put.decision, EngineVerdict::ImplicitDeny);
    assert_eq!((put.allowed_by_boundary, put.without_boundary), (Some(false), Some(EngineVerdict::Allowed)));
    assert_eq!(put.without_scps, None, "the organization was said to allow it");
    let abort = result("s3:AbortMultipartUpload");
    assert_eq!(abort.decision, EngineVerdict::ExplicitDeny);
    assert_eq!(abort.without_scps, Some(EngineVerdict::ImplicitDeny), "the boundary still refuses");
    assert!(facts.managed_policies.keys().any(|arn| arn.ends_with("policy/Boundary")));
}

#[test]
fn a_key_named_by_its_alias_is_resolved_and_asked_about() {
    let account = Account::healthy();
    let key = account.encrypt(None, Some("alias/orders"));
    let proxy = proxy(&account, Shape::ByAction);
    let facts = Run::new(&account, &proxy).facts();
    let entry = &facts.keys[&format!("arn:aws:kms:eu-west-1:{}:alias/orders", account.id)];
    assert_eq!(entry.metadata.known().unwrap().arn, key);
    assert!(entry.policy.known().is_some(), "{:?}", entry.policy);
    assert!(facts.simulations.iter().any(|it| it.action == "kms:GenerateDataKey" && it.resource == key));
    // Neither the role's policies nor a grant allow it: whether a grant does, was asked.
    assert_eq!(entry.grants, Fact::Known(Vec::new()));
}

#[test]
fn event_history_is_searched_page_by_page_and_keeps_what_bears_on_the_role() {
    let account = Account::healthy();
    let arn = account.role_arn();
    let now = jiff::Timestamp::now();
    let at = |minutes: i64| {
        (now - jiff::SignedDuration::from_mins(minutes)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let assumed = |number: i64, region: &str, role: &str| {
        json!({"eventID": format!("a-{region}-{number}"), "eventTime": at(60 * number + 1), "awsRegion": region,
            "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
            "userIdentity": {"type": "AWSAccount", "accountId": "300973880807", "principalId": "AROAV:s"},
            "requestParameters": {"roleArn": role, "roleSessionName": "orders-session", "externalId": EXTERNAL_ID},
            "responseElements": {"credentials": {"sessionToken": "s3cret"}, "assumedRoleUser": {"arn": "x"}}})
    };
    let mut events: Vec<_> = (0..120).map(|number| assumed(number, "eu-west-1", &arn)).collect();
    events.push(assumed(7, "us-east-1", &arn));
    events.push(assumed(8, "eu-west-1", "arn:aws:iam::111111111111:role/Other"));
    events.push(json!({"eventID": "c-1", "eventTime": at(90), "awsRegion": "us-east-1", "eventSource": "iam.amazonaws.com",
        "eventName": "DetachRolePolicy", "requestParameters": {"roleName": ROLE, "policyArn": format!("arn:aws:iam::{}:policy/Gone", account.id)}}));
    events.push(json!({"eventID": "c-2", "eventTime": at(95), "awsRegion": "us-east-1", "eventSource": "iam.amazonaws.com",
        "eventName": "CreatePolicyVersion", "requestParameters": {"policyArn": format!("arn:aws:iam::{}:policy/Gone", account.id)}}));
    events.push(json!({"eventID": "d-1", "eventTime": at(80), "awsRegion": "eu-west-1", "eventSource": "kms.amazonaws.com",
        "eventName": "GenerateDataKey", "errorCode": "AccessDenied", "errorMessage": "no", "requestParameters": null,
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::{}:assumed-role/{ROLE}/orders-session", account.id),
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": arn}}}}));
    let proxy = proxy(&account, Shape::ByAction);
    proxy.answer(event_history(events));
    // The first call is throttled longer than the client itself retries.
    proxy.fail_first(&["LookupEvents"], super::proxy::Fault::Throttle, 1);
    let facts = Run::new(&account, &proxy).facts_with(&["--since", "30d"]);

    let of = |purpose: Purpose, region: &'static str| {
        facts.history.queries.iter().filter(move |it| it.purpose == purpose && it.region == region)
    };
    let assumed = of(Purpose::AssumeRole, "eu-west-1").next().unwrap();
    assert_eq!((assumed.pages, assumed.incomplete), (3, false));
    assert_eq!(assumed.events.known().unwrap().len(), 120);
    assert_eq!(of(Purpose::AssumeRole, "us-east-1").next().unwrap().events.known().unwrap().len(), 1);
    let changes: Vec<_> =
        of(Purpose::Changes, "us-east-1").flat_map(|it| it.events.known().unwrap()).collect();
    assert_eq!(changes.iter().map(|it| it.event_id.as_str()).collect::<Vec<_>>(), ["c-1", "c-2"]);
    let denials: Vec<_> = of(Purpose::Denials, "eu-west-1").collect();
    assert_eq!(denials[0].filter.value, "orders-session");
    assert_eq!(denials[0].events.known().unwrap()[0].event_id, "d-1");
    let text = serde_json::to_string(&facts).unwrap();
    assert!(!text.contains("s3cret"));
}
