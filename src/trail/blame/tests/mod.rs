//! What is blamed and what is not, on events as CloudTrail writes them.

#![expect(clippy::needless_pass_by_value, reason = "reads better at the many calls")]

mod lake_formation;
mod organization;
mod over_time;
mod resources;
mod role;
mod trust;

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

/// The changes that are blamed, the likeliest first, each with the one that put things back.
fn all(timeline: &Timeline) -> Vec<(&str, Certainty, Option<&str>)> {
    let named = |at: usize| timeline.entries[at].event_id.as_str();
    let told = |cause: &Cause| (named(cause.entry), cause.certainty, cause.undone_by.map(named));
    timeline.causes.iter().map(told).collect()
}

fn role_made(minute: u32) -> Event {
    event(minute, "iam", "CreateRole", json!({"roleName": "orders", "path": "/service/"}))
}
