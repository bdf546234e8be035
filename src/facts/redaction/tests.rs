use serde_json::json;

use super::*;
use crate::facts::{AttachedPolicy, Bucket, Caller, Fact, History, ManagedPolicy, Role};
use crate::model::ExternalId;
use crate::trail::Event;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"ForAcmeOrders","Effect":"Allow",
 "Principal":{"AWS":["arn:aws:iam::300973880807:root","300973880870","arn:aws:iam::999988887777:user/eve"]},
 "Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"Acme-ID-77"},
 "IpAddress":{"aws:SourceIp":["203.0.113.7/32","0.0.0.0/0"]},"Bool":{"aws:SecureTransport":"true"}}}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:PutObject"],
 "Resource":["arn:aws:s3:::acme-orders-*/raw/${aws:PrincipalTag/team}/*","*"]},
 {"Effect":"Deny","Action":"*","Resource":"arn:aws:kms:eu-west-1:111122223333:key/1234-abcd"}]}"#;

fn facts() -> Facts {
    let target = serde_json::from_value(json!({
        "role": {"name": "AcmeStreamkap", "path": "/acme/", "account": "111122223333"},
        "external_id": "acme-id-77", "region": "eu-west-1",
        "connectors": [{"connector": "s3", "parameters": {"bucket": "acme-orders-prod", "prefix": "raw/"}}]
    }))
    .unwrap();
    let mut facts = Facts::unread(target, "2026-03-02T10:00:00Z".to_owned());
    facts.caller = Fact::Known(Caller {
        arn: "arn:aws:sts::111122223333:assumed-role/AcmeAdmin/ann@acme.example".parse().unwrap(),
        account: "111122223333".parse().unwrap(),
    });
    facts.role = Fact::Known(Role {
        arn: "arn:aws:iam::111122223333:role/acme/AcmeStreamkap".parse().unwrap(),
        id: "AROAACMEACMEACME00001".to_owned(),
        created: "2026-01-02T10:00:00Z".to_owned(),
        max_session_duration: 3600,
        trust_policy: TRUST.to_owned(),
        boundary: None,
        last_used: None,
        tags: [("team".to_owned(), "acme-data".to_owned())].into(),
    });
    facts.attached_policies = Fact::Known(vec![AttachedPolicy {
        name: "AmazonS3FullAccess".to_owned(),
        arn: "arn:aws:iam::aws:policy/AmazonS3FullAccess".parse().unwrap(),
    }]);
    facts.managed_policies.insert(
        "arn:aws:iam::111122223333:policy/AcmeWrites".to_owned(),
        Fact::Known(ManagedPolicy {
            name: "AcmeWrites".to_owned(),
            version: "v3".to_owned(),
            document: POLICY.to_owned(),
            updated: None,
        }),
    );
    facts.buckets.insert("acme-orders-prod".to_owned(), Bucket { policy: Fact::Absent, ..Bucket::default() });
    facts.role_names = Fact::Denied(crate::facts::Refusal {
        action: "iam:ListRoles".to_owned(),
        message:
            "User: arn:aws:sts::111122223333:assumed-role/AcmeAdmin/ann@acme.example may not; 203.0.113.7"
                .to_owned(),
    });
    facts.history = history();
    facts
}

fn history() -> History {
    let event = Event::from_value(&json!({
        "eventID": "e-1", "eventTime": "2026-03-01T00:00:00Z", "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole", "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "AWSAccount", "accountId": "300973880807", "principalId": "AROAVENDORVENDOR0001:s"},
        "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/acme/AcmeStreamkap",
            "externalId": "Acme-ID-77", "roleSessionName": "AwsV2SDKConnectorSession"}
    }))
    .unwrap();
    serde_json::from_value(json!({"queries": [{
        "purpose": "assume-role", "region": "eu-west-1", "pages": 1,
        "filter": {"attribute": "ResourceName", "value": "arn:aws:iam::111122223333:role/acme/AcmeStreamkap"},
        "since": "2026-01-01T00:00:00Z", "until": "2026-03-02T10:00:00Z",
        "events": {"state": "known", "value": [event]}
    }]}))
    .unwrap()
}

fn kept() -> Kept {
    Kept {
        accounts: vec!["300973880807".to_owned()],
        sessions: vec!["AwsV2SDKConnectorSession".to_owned()],
        roles: Vec::new(),
        choices: BTreeMap::new(),
    }
}

#[test]
fn nothing_that_tells_the_owner_is_left() {
    let text = serde_json::to_string(&redacted(&facts(), &kept()).unwrap()).unwrap();
    for secret in [
        "acme",
        "111122223333",
        "999988887777",
        "203.0.113.7",
        "orders",
        "raw",
        "1234-abcd",
        "user/eve",
        "ann@",
        "ID-77",
    ] {
        assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{secret} in {text}");
    }
}

#[test]
fn what_everybody_may_know_stays() {
    let text = serde_json::to_string(&redacted(&facts(), &kept()).unwrap()).unwrap();
    for known in [
        "arn:aws:iam::300973880807:root",
        "300973880870",
        "arn:aws:iam::aws:policy/AmazonS3FullAccess",
        "AmazonS3FullAccess",
        "s3:PutObject",
        "sts:ExternalId",
        "0.0.0.0/0",
        "AwsV2SDKConnectorSession",
        "eu-west-1",
        "${aws:PrincipalTag/",
        "\"AssumeRole\"",
        "2012-10-17",
    ] {
        assert!(text.contains(known), "{known} not in {text}");
    }
}

#[test]
fn equal_values_have_one_pseudonym_wherever_they_stand() {
    let redacted = redacted(&facts(), &kept()).unwrap();
    let role = redacted.role.known().unwrap();
    assert_eq!(redacted.target.role.name, role.arn.name());
    assert_eq!(redacted.caller.known().unwrap().account.as_str(), role.arn.account());
    assert!(role.arn.resource().starts_with(&format!("role{}", redacted.target.role.path.clone().unwrap())));
    let event = &redacted.history.queries[0].events.known().unwrap()[0];
    assert_eq!(event.parameter("roleArn"), Some(role.arn.as_str()));
    assert_eq!(event.recipient_account.as_deref(), Some(role.arn.account()));
    let trust: Value = serde_json::from_str(&role.trust_policy).unwrap();
    let wanted = &trust["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"];
    assert_eq!(event.parameter("externalId"), wanted.as_str());
    assert_eq!(redacted.target.connectors[0].parameters["bucket"], *redacted.buckets.keys().next().unwrap());
}

#[test]
fn what_matched_matches_and_what_was_near_is_near() {
    let redacted = redacted(&facts(), &kept()).unwrap();
    let role = redacted.role.known().unwrap();
    let trust: Value = serde_json::from_str(&role.trust_policy).unwrap();
    let wanted = trust["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"].as_str().unwrap();
    let given = redacted.target.external_id.as_ref().map(ExternalId::expose).unwrap();
    assert_ne!(wanted, given);
    assert_eq!(wanted.to_lowercase(), given.to_lowercase());
    let policy = redacted.managed_policies.values().next().unwrap().known().unwrap();
    let document: Value = serde_json::from_str(&policy.document).unwrap();
    let pattern = document["Statement"][0]["Resource"][0].as_str().unwrap();
    let (head, _) = pattern.split_once('*').unwrap();
    let bucket = redacted.buckets.keys().next().unwrap();
    assert!(format!("arn:aws:s3:::{bucket}").starts_with(head), "{bucket} {head}");
    assert!(pattern.contains(&format!("/{}$", redacted.target.connectors[0].parameters["prefix"])));
    let tag = role.tags.keys().next().unwrap();
    assert!(pattern.contains(&format!("PrincipalTag/{tag}}}")), "{tag} {pattern}");
}

#[test]
fn documents_keep_their_lines_and_columns() {
    let redacted = redacted(&facts(), &kept()).unwrap();
    let lengths = |text: &str| text.lines().map(str::len).collect::<Vec<_>>();
    let policy = redacted.managed_policies.values().next().unwrap().known().unwrap();
    assert_eq!(lengths(&policy.document), lengths(POLICY));
    assert_eq!(policy.document.find("\"Deny\""), POLICY.find("\"Deny\""));
}

#[test]
fn a_document_that_is_not_json_gives_nothing_away_either() {
    let mut facts = facts();
    let role = facts.role.known().cloned().unwrap();
    let trust_policy = "{\"Statement\": [{\"Resource\": \"arn:aws:s3:::acme-orders-prod".to_owned();
    facts.role = Fact::Known(Role { trust_policy, ..role });
    let redacted = redacted(&facts, &kept()).unwrap();
    assert!(!redacted.role.known().unwrap().trust_policy.contains("acme"));
}

#[test]
fn a_trail_s_selectors_keep_aws_s_words_and_lose_the_owner_s() {
    let conditions = [
        json!({"attribute": "eventCategory", "operator": "Equals", "value": ["Data"]}),
        json!({"attribute": "resources.type", "operator": "Equals", "value": ["AWS::S3::Object"]}),
        json!({"attribute": "resources.ARN", "operator": "NotStartsWith", "value": ["arn:aws:s3:::acme-orders-prod/"]}),
        json!({"attribute": "userIdentity.arn", "operator": "NotEquals", "value": ["arn:aws:iam::111122223333:user/ann"]}),
    ];
    let trail = json!({
        "arn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/acme-trail", "bucket": "acme-orders-prod",
        "home_region": "eu-west-1", "multi_region": true, "organization": false,
        "selectors": {"state": "known", "value": [{
            "management": false, "read_write": "All", "s3_objects": ["arn:aws:s3"],
            "s3_excluded": ["arn:aws:s3:::acme-orders-prod/"], "narrowed_by": ["userIdentity.arn NotEquals"],
            "given": {"kind": "advanced", "name": "acme-objects", "conditions": conditions}
        }]}
    });
    let mut facts = facts();
    facts.trails = Fact::Known(vec![serde_json::from_value(trail).unwrap()]);
    let redacted = redacted(&facts, &kept()).unwrap();
    let trail = &redacted.trails.known().unwrap()[0];
    let command = trail.command_to_log(&[]).unwrap();
    for word in ["\"Equals\":[\"Data\"]", "AWS::S3::Object", "NotStartsWith", "userIdentity.arn", "NotEquals"]
    {
        assert!(command.contains(word), "{word}: {command}");
    }
    let text = serde_json::to_string(trail).unwrap();
    assert!(!text.contains("acme") && !text.contains("user/ann"), "{text}");
    let selector = &trail.selectors.known().unwrap()[0];
    assert_eq!(
        (&selector.s3_objects[0][..], &selector.narrowed_by[0][..]),
        ("arn:aws:s3", "userIdentity.arn NotEquals")
    );
    // What was excluded is so still.
    assert_eq!(selector.s3_excluded[0], format!("arn:aws:s3:::{}/", redacted.buckets.keys().next().unwrap()));
}
