//! Which changes event history is asked for, and which of those it gives bear on the target. Pure.

use serde_json::Value;

use super::queries::{Query, Subject};
use crate::trail::Event;

/// Events of the bucket that change whether the role may write to it.
pub(super) const BUCKET_CHANGES: [&str; 5] = [
    "PutBucketPolicy",
    "DeleteBucketPolicy",
    "PutBucketEncryption",
    "DeleteBucketEncryption",
    "PutBucketPublicAccessBlock",
];
/// Events of a key that change whether the role may use it. Not `RetireGrant` and `CreateGrant`, which
/// services call by the thousand.
pub(super) const KEY_CHANGES: [&str; 4] =
    ["PutKeyPolicy", "DisableKey", "ScheduleKeyDeletion", "RevokeGrant"];
/// Events of the Data Catalog and of Lake Formation that change whether the role may use a database.
pub(super) const CATALOG_CHANGES: [(&str, &str); 11] = [
    (GLUE, "PutResourcePolicy"),
    (GLUE, "DeleteResourcePolicy"),
    (GLUE, "DeleteDatabase"),
    (GLUE, "PutDataCatalogEncryptionSettings"),
    (LAKE_FORMATION, "GrantPermissions"),
    (LAKE_FORMATION, "RevokePermissions"),
    (LAKE_FORMATION, "BatchGrantPermissions"),
    (LAKE_FORMATION, "BatchRevokePermissions"),
    (LAKE_FORMATION, "PutDataLakeSettings"),
    (LAKE_FORMATION, "RegisterResource"),
    (LAKE_FORMATION, "DeregisterResource"),
];
const GLUE: &str = "glue.amazonaws.com";
const LAKE_FORMATION: &str = "lakeformation.amazonaws.com";

/// Whether a change bears on the role, its policies, or what its connectors write to.
pub(super) fn changes(subject: &Subject, query: &Query, event: &Event) -> bool {
    let value = query.filter.value.as_str();
    if query.filter.attribute == "EventName" {
        let bears =
            of_bucket(subject, event) || of_key(subject, query, event) || of_catalog(subject, query, event);
        return event.event_name == value && bears;
    }
    let role = event.parameter("roleName");
    if value == subject.role.name() {
        // IAM compares names without regard to case, and records them as they were given.
        return role.is_some_and(|name| name.eq_ignore_ascii_case(value));
    }
    // What was done to the policy itself; that it was attached to a role is that role's event.
    role.is_none()
        && (event.parameter("policyArn") == Some(value)
            || event.response_elements.pointer("/policy/arn").and_then(Value::as_str) == Some(value))
}

fn of_bucket(subject: &Subject, event: &Event) -> bool {
    let bucket = event.parameter("bucketName");
    BUCKET_CHANGES.contains(&event.event_name.as_str())
        && subject.buckets.iter().any(|(name, _)| bucket == Some(name.as_str()))
}

/// Whether an event changes the catalogue as a whole, one of the databases, or what the role has of it.
fn of_catalog(subject: &Subject, query: &Query, event: &Event) -> bool {
    let is_listed = CATALOG_CHANGES
        .iter()
        .any(|(source, name)| *source == event.event_source && *name == event.event_name);
    if subject.catalog_region.as_ref() != Some(&query.region) || !is_listed {
        return false;
    }
    let text = event.request_parameters.to_string();
    let names = |name: &String| text.contains(&format!("\"{name}\""));
    match event.event_name.as_str() {
        "DeleteDatabase" => event.parameter("name").is_some_and(|name| subject.databases.contains(name)),
        "RegisterResource" | "DeregisterResource" => {
            let within = |bucket: &str| {
                text.contains(&format!(":::{bucket}\"")) || text.contains(&format!(":::{bucket}/"))
            };
            subject.buckets.iter().any(|(bucket, _)| within(bucket))
        }
        name if name.ends_with("Permissions") => {
            subject.databases.iter().any(names)
                || text.contains(subject.role.name())
                || text.contains("\"catalog\"")
        }
        _ => true,
    }
}

/// Which key it is, is asked again when the key's ARN is known: see [`of_keys`].
fn of_key(subject: &Subject, query: &Query, event: &Event) -> bool {
    KEY_CHANGES.contains(&event.event_name.as_str()) && subject.key_regions.contains(&query.region)
}

/// Whether an event changes one of these keys, or no key at all.
pub(super) fn of_keys(arns: &[String], event: &Event) -> bool {
    if !KEY_CHANGES.contains(&event.event_name.as_str()) {
        return true;
    }
    let id = event.parameter("keyId");
    let named = event.resources.iter().filter_map(|it| it.arn.as_deref()).chain(id);
    let mut named = named.peekable();
    named.peek().is_some()
        && named.any(|name| arns.iter().any(|arn| arn == name || arn.ends_with(&format!("/{name}"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::queries::tests::{event, query, subject};
    use super::super::queries::{bears_on, first};
    use super::*;

    #[test]
    fn changes_of_the_catalogue_are_those_that_concern_the_databases_or_the_role() {
        let subject = subject();
        let queries = first(&subject);
        let bears = |source: &str, name: &str, parameters: &Value| {
            let event = Event { event_source: source.to_owned(), ..event(name, parameters) };
            bears_on(&subject, &query(&queries, "EventName", name), &event)
        };
        let on = |database: &str, principal: &str| {
            json!({"principal": {"dataLakePrincipalIdentifier": principal}, "permissions": ["ALL"],
                "resource": {"table": {"databaseName": database, "tableWildcard": {}}}})
        };
        assert!(bears(LAKE_FORMATION, "RevokePermissions", &on("sales", "IAM_ALLOWED_PRINCIPALS")));
        assert!(bears(LAKE_FORMATION, "RevokePermissions", &on("other", subject.role.as_str())));
        assert!(!bears(LAKE_FORMATION, "RevokePermissions", &on("other", "IAM_ALLOWED_PRINCIPALS")));
        assert!(bears(LAKE_FORMATION, "PutDataLakeSettings", &json!({"dataLakeSettings": {}})));
        assert!(bears(LAKE_FORMATION, "DeregisterResource", &json!({"resourceArn": "arn:aws:s3:::orders"})));
        assert!(!bears(
            LAKE_FORMATION,
            "DeregisterResource",
            &json!({"resourceArn": "arn:aws:s3:::orders-2"})
        ));
        assert!(bears(GLUE, "DeleteDatabase", &json!({"name": "sales"})));
        assert!(!bears(GLUE, "DeleteDatabase", &json!({"name": "other"})));
        assert!(bears(GLUE, "PutResourcePolicy", &json!({"policyInJson": "{}"})));
        // Other services have calls of that name.
        assert!(!bears(
            "secretsmanager.amazonaws.com",
            "PutResourcePolicy",
            &json!({"resourcePolicy": "{}"})
        ));
    }

    #[test]
    fn changes_are_those_of_this_role_its_policies_and_bucket_that_succeeded() {
        let subject = subject();
        let queries = first(&subject);
        let of_role = query(&queries, "ResourceName", "Streamkap");
        let attach = |role: &str| event("AttachRolePolicy", &json!({"roleName": role, "policyArn": "p"}));
        assert!(bears_on(&subject, &of_role, &attach("streamkap")));
        assert!(!bears_on(&subject, &of_role, &attach("Other")));
        let refused = Event { error_code: Some("AccessDenied".to_owned()), ..attach("Streamkap") };
        assert!(!bears_on(&subject, &of_role, &refused));
        let read = Event { read_only: Some(true), ..event("GetRole", &json!({"roleName": "Streamkap"})) };
        assert!(!bears_on(&subject, &of_role, &read));
        let arn = "arn:aws:iam::111122223333:policy/Writes";
        let of_policy = query(&queries, "ResourceName", arn);
        assert!(bears_on(&subject, &of_policy, &event("CreatePolicyVersion", &json!({"policyArn": arn}))));
        assert!(!bears_on(
            &subject,
            &of_policy,
            &event("AttachRolePolicy", &json!({"policyArn": arn, "roleName": "Other"}))
        ));
        let of_bucket = query(&queries, "EventName", "PutBucketPolicy");
        assert!(bears_on(&subject, &of_bucket, &event("PutBucketPolicy", &json!({"bucketName": "orders"}))));
        assert!(!bears_on(&subject, &of_bucket, &event("PutBucketPolicy", &json!({"bucketName": "other"}))));
    }

    #[test]
    fn a_key_is_told_by_its_arn_or_its_id() {
        let arns = ["arn:aws:kms:eu-central-1:111122223333:key/1234".to_owned()];
        for (id, expected) in [("1234", true), (arns[0].as_str(), true), ("5678", false)] {
            assert_eq!(of_keys(&arns, &event("PutKeyPolicy", &json!({"keyId": id}))), expected, "{id}");
        }
        assert!(!of_keys(&arns, &event("DisableKey", &json!(null))));
        assert!(of_keys(&arns, &event("PutBucketPolicy", &json!(null))));
    }
}
