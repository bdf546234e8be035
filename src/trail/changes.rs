//! Which events change what a role may do, and what they are about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::borrowed::{ChangeRef, EventRef, Source};
use super::identity::{is_account_of, same};
use super::record::Event;
use crate::model::Arn;

/// What an event did to the role's permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The role's trust policy.
    Trust,
    /// A policy embedded in the role.
    InlinePolicy,
    /// A managed policy attached to or detached from the role.
    Attachment,
    /// The text of a managed policy.
    ManagedPolicy,
    /// The role's permissions boundary.
    Boundary,
    /// The role itself: made, deleted, its session duration.
    Role,
    /// A bucket's policy or public access block, or its encryption.
    Bucket,
    /// A key's policy, state or grants.
    Key,
    /// The Data Catalog's resource policy.
    Catalog,
    /// A database or table of the Data Catalog: with one that is deleted go Lake Formation's grants on it,
    /// and one that is made anew begins with the grants of the settings of that day.
    Database,
    /// Lake Formation's grants and settings.
    LakeFormation,
    /// A policy of the organisation.
    Organization,
    /// A VPC endpoint's policy.
    Endpoint,
}

/// Every `eventName` that may change what a role can do, with its source.
const CHANGES: [(&str, &str, ChangeKind); 73] = [
    ("iam", "UpdateAssumeRolePolicy", ChangeKind::Trust),
    ("iam", "PutRolePolicy", ChangeKind::InlinePolicy),
    ("iam", "DeleteRolePolicy", ChangeKind::InlinePolicy),
    ("iam", "AttachRolePolicy", ChangeKind::Attachment),
    ("iam", "DetachRolePolicy", ChangeKind::Attachment),
    ("iam", "CreatePolicy", ChangeKind::ManagedPolicy),
    ("iam", "CreatePolicyVersion", ChangeKind::ManagedPolicy),
    ("iam", "SetDefaultPolicyVersion", ChangeKind::ManagedPolicy),
    ("iam", "DeletePolicyVersion", ChangeKind::ManagedPolicy),
    ("iam", "DeletePolicy", ChangeKind::ManagedPolicy),
    ("iam", "PutRolePermissionsBoundary", ChangeKind::Boundary),
    ("iam", "DeleteRolePermissionsBoundary", ChangeKind::Boundary),
    ("iam", "CreateRole", ChangeKind::Role),
    ("iam", "DeleteRole", ChangeKind::Role),
    ("iam", "UpdateRole", ChangeKind::Role),
    ("iam", "TagRole", ChangeKind::Role),
    ("iam", "UntagRole", ChangeKind::Role),
    ("s3", "PutBucketPolicy", ChangeKind::Bucket),
    ("s3", "DeleteBucketPolicy", ChangeKind::Bucket),
    ("s3", "PutBucketPublicAccessBlock", ChangeKind::Bucket),
    ("s3", "PutAccountPublicAccessBlock", ChangeKind::Bucket),
    ("s3", "PutBucketAcl", ChangeKind::Bucket),
    ("s3", "PutBucketEncryption", ChangeKind::Bucket),
    ("s3", "DeleteBucketEncryption", ChangeKind::Bucket),
    ("s3", "DeleteBucket", ChangeKind::Bucket),
    ("s3", "PutBucketOwnershipControls", ChangeKind::Bucket),
    ("kms", "PutKeyPolicy", ChangeKind::Key),
    ("kms", "DisableKey", ChangeKind::Key),
    ("kms", "EnableKey", ChangeKind::Key),
    ("kms", "ImportKeyMaterial", ChangeKind::Key),
    ("kms", "ScheduleKeyDeletion", ChangeKind::Key),
    ("kms", "CancelKeyDeletion", ChangeKind::Key),
    ("kms", "RevokeGrant", ChangeKind::Key),
    ("kms", "RetireGrant", ChangeKind::Key),
    ("kms", "CreateGrant", ChangeKind::Key),
    ("kms", "DeleteImportedKeyMaterial", ChangeKind::Key),
    ("glue", "PutResourcePolicy", ChangeKind::Catalog),
    ("glue", "DeleteResourcePolicy", ChangeKind::Catalog),
    ("glue", "PutDataCatalogEncryptionSettings", ChangeKind::Catalog),
    ("glue", "CreateDatabase", ChangeKind::Database),
    ("glue", "UpdateDatabase", ChangeKind::Database),
    ("glue", "DeleteDatabase", ChangeKind::Database),
    ("glue", "CreateTable", ChangeKind::Database),
    // Not UpdateTable: Iceberg calls it at each commit.
    ("glue", "DeleteTable", ChangeKind::Database),
    ("glue", "BatchDeleteTable", ChangeKind::Database),
    ("glue", "DeleteCatalog", ChangeKind::Database),
    ("lakeformation", "GrantPermissions", ChangeKind::LakeFormation),
    ("lakeformation", "RevokePermissions", ChangeKind::LakeFormation),
    ("lakeformation", "BatchGrantPermissions", ChangeKind::LakeFormation),
    ("lakeformation", "BatchRevokePermissions", ChangeKind::LakeFormation),
    ("lakeformation", "PutDataLakeSettings", ChangeKind::LakeFormation),
    ("lakeformation", "RegisterResource", ChangeKind::LakeFormation),
    ("lakeformation", "DeregisterResource", ChangeKind::LakeFormation),
    ("lakeformation", "UpdateResource", ChangeKind::LakeFormation),
    ("lakeformation", "CreateLakeFormationOptIn", ChangeKind::LakeFormation),
    ("lakeformation", "DeleteLakeFormationOptIn", ChangeKind::LakeFormation),
    ("lakeformation", "AddLFTagsToResource", ChangeKind::LakeFormation),
    ("lakeformation", "RemoveLFTagsFromResource", ChangeKind::LakeFormation),
    ("lakeformation", "UpdateLFTag", ChangeKind::LakeFormation),
    ("lakeformation", "DeleteLFTag", ChangeKind::LakeFormation),
    ("lakeformation", "DeleteDataCellsFilter", ChangeKind::LakeFormation),
    ("organizations", "AttachPolicy", ChangeKind::Organization),
    ("organizations", "DetachPolicy", ChangeKind::Organization),
    ("organizations", "CreatePolicy", ChangeKind::Organization),
    ("organizations", "UpdatePolicy", ChangeKind::Organization),
    ("organizations", "EnablePolicyType", ChangeKind::Organization),
    ("organizations", "DisablePolicyType", ChangeKind::Organization),
    ("organizations", "DeletePolicy", ChangeKind::Organization),
    ("organizations", "AcceptHandshake", ChangeKind::Organization),
    ("organizations", "MoveAccount", ChangeKind::Organization),
    ("ec2", "ModifyVpcEndpoint", ChangeKind::Endpoint),
    ("ec2", "DeleteVpcEndpoints", ChangeKind::Endpoint),
    ("ec2", "CreateVpcEndpoint", ChangeKind::Endpoint),
];

/// The calls by which a session of a role begins.
const ASSUMPTIONS: [&str; 3] = ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"];

/// A small set that tells most other names off in a few instructions: bits by [`slot`].
const SLOTS: [u64; 8] = slots();

const fn slot(name: &[u8]) -> usize {
    let len = name.len();
    if len == 0 {
        return 0;
    }
    let (first, middle, last) = (name[0] as usize, name[len / 2] as usize, name[len - 1] as usize);
    (len.wrapping_mul(31) ^ first.wrapping_mul(7) ^ middle.wrapping_mul(131) ^ last.wrapping_mul(17)) % 512
}

const fn slots() -> [u64; 8] {
    let mut bits = [0; 8];
    let mut at = 0;
    while at < CHANGES.len() + ASSUMPTIONS.len() {
        let name = if at < CHANGES.len() { CHANGES[at].1 } else { ASSUMPTIONS[at - CHANGES.len()] };
        let slot = slot(name.as_bytes());
        bits[slot / 64] |= 1 << (slot % 64);
        at += 1;
    }
    bits
}

/// Every change there is: the `eventSource`, the `eventName`, and whether it is of the role itself, which it
/// then names.
pub fn changes() -> impl Iterator<Item = (String, &'static str, bool)> {
    CHANGES.iter().map(|(service, name, kind)| (format!("{service}.amazonaws.com"), *name, is_of_role(*kind)))
}

/// The calls by which a session of a role begins, by `eventName`.
pub const fn assumptions() -> &'static [&'static str] {
    &ASSUMPTIONS
}

/// Whether a change of this kind is one of the role itself.
pub(super) const fn is_of_role(kind: ChangeKind) -> bool {
    matches!(
        kind,
        ChangeKind::Trust
            | ChangeKind::InlinePolicy
            | ChangeKind::Attachment
            | ChangeKind::Boundary
            | ChangeKind::Role
    )
}

/// Whether an `eventName` may belong to a change or to the assumption of a role.
///
/// Made for looking at every record of an archive: nearly all names are told off at once.
pub fn may_matter(event_name: &[u8]) -> bool {
    let slot = slot(event_name);
    SLOTS[slot / 64] >> (slot % 64) & 1 == 1
        && (is_assumption(event_name) || CHANGES.iter().any(|(_, name, _)| name.as_bytes() == event_name))
}

/// Whether an `eventName` is a call by which a role is assumed.
pub fn is_assumption(event_name: &[u8]) -> bool {
    ASSUMPTIONS.iter().any(|name| name.as_bytes() == event_name)
}

/// What a call changes when it succeeds; none for calls that change nothing a role depends on.
pub fn kind_of_call(event_source: &str, event_name: &str) -> Option<ChangeKind> {
    let service = event_source.strip_suffix(".amazonaws.com").unwrap_or(event_source);
    let change = CHANGES.iter().find(|(source, name, _)| *name == event_name && *source == service);
    change.map(|(.., kind)| *kind)
}

/// Whether a call changes a role itself, which it then names, or begins a session of one.
pub fn is_about_a_role(event_name: &[u8]) -> bool {
    memchr::memmem::find(event_name, b"Role").is_some()
}

/// What kind of change an event is; none for other events and for changes that failed.
pub fn change_kind(event: &Event) -> Option<ChangeKind> {
    EventRef::from(event).change_kind()
}

/// Whether the event is about `role`: a change of the role itself, or its assumption.
///
/// A role is named by `roleName`, which is unique in its account, or by `roleArn`.
pub fn names_role(event: &Event, role: &Arn) -> bool {
    if let Some(arn) = event.parameter("roleArn") {
        return is_same_role(arn, role);
    }
    if let Some(name) = event.parameter("roleName") {
        let here = event.recipient_account.as_deref().or(event.identity.account_id.as_deref());
        return same(name, role.name()) && here.is_none_or(|account| is_account_of(account, role));
    }
    // Refused calls often come without parameters, and then the message tells.
    let told =
        message_may_name(event.error_message.as_deref(), role).then(|| event.denial()?.resource).flatten();
    let mut named =
        event.resources.iter().filter_map(|resource| resource.arn.as_deref()).chain(told.as_deref());
    named.any(|arn| is_same_role(arn, role))
}

/// Whether what a message says of the call, the caller aside, holds the role's name: the grammar of denials is
/// slow where a role is refused others by the thousand.
fn message_may_name(message: Option<&str>, role: &Arn) -> bool {
    let message = message.unwrap_or_default();
    let call = message.split_once(" is not authorized ").map_or(message, |(_, call)| call);
    call.to_ascii_lowercase().contains(&role.name().to_ascii_lowercase())
}

/// Whether an ARN is the role's, in a path or without.
pub(super) fn is_same_role(arn: &str, role: &Arn) -> bool {
    same(arn, role.as_str())
        || arn.parse::<Arn>().is_ok_and(|other| {
            other.service() == "iam"
                && other.resource().starts_with("role/")
                && is_account_of(other.account(), role)
                && same(other.name(), role.name())
        })
}

/// Whether a search for the history of `role` wants the event: assumptions of the role, changes of
/// it, and changes of what a role depends on in general.
pub fn is_history_of(event: &Event, role: &Arn) -> bool {
    EventRef::from(event).is_history_of(role)
}

impl EventRef<'_> {
    /// The same as [`change_kind`].
    pub fn change_kind(&self) -> Option<ChangeKind> {
        self.error_code.is_none().then(|| kind_of_call(&self.event_source, &self.event_name)).flatten()
    }

    /// Whether the role may be named where [`names_role`] looks for it.
    fn may_name_role(&self, role: &Arn) -> bool {
        let has_more = match &self.source {
            Source::Event(_) => true,
            Source::Text { parameters, resources, .. } => {
                [parameters, resources].into_iter().flatten().any(|text| *text != "null")
            }
        };
        has_more || message_may_name(self.error_message.as_deref(), role)
    }

    /// The same as [`is_history_of`].
    pub fn is_history_of(&self, role: &Arn) -> bool {
        let names_role =
            || self.may_name_role(role) && self.whole().is_some_and(|event| names_role(event, role));
        if is_assumption(self.event_name.as_bytes()) {
            return names_role();
        }
        match self.change_kind() {
            Some(kind) if is_of_role(kind) => names_role(),
            Some(kind) => may_concern(kind, self.recipient_account.as_deref(), role),
            None => false,
        }
    }
}

impl ChangeRef<'_> {
    /// The same as [`is_history_of`], of a change that is none of a role itself.
    pub fn is_history_of(&self, role: &Arn) -> bool {
        may_concern(self.kind, self.account, role)
    }
}

/// Whether a role may depend on something of this kind that was changed in an account.
fn may_concern(kind: ChangeKind, account: Option<&str>, role: &Arn) -> bool {
    // Another account's managed policy cannot be attached to the role.
    kind != ChangeKind::ManagedPolicy || account.is_none_or(|account| is_account_of(account, role))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(source: &str, name: &str, parameters: &serde_json::Value) -> Event {
        Event::from_value(&json!({"eventSource": source, "eventName": name, "requestParameters": parameters,
            "recipientAccountId": "111122223333"}))
        .unwrap()
    }

    fn role() -> Arn {
        "arn:aws:iam::111122223333:role/service/orders".parse().unwrap()
    }

    #[test]
    fn every_name_of_the_list_passes_and_others_do_not() {
        for (_, name, _) in CHANGES {
            assert!(may_matter(name.as_bytes()), "{name}");
        }
        for name in ["AssumeRole", "AssumeRoleWithSAML"] {
            assert!(may_matter(name.as_bytes()), "{name}");
        }
        for name in ["", "GetObject", "PutObject", "Decrypt", "AssumeRolE", "PutRolePolicies"] {
            assert!(!may_matter(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_changes_a_role_is_told_by_its_name() {
        for (_, name, kind) in CHANGES {
            assert_eq!(is_about_a_role(name.as_bytes()), is_of_role(kind), "{name}");
        }
        assert!(ASSUMPTIONS.iter().all(|name| is_about_a_role(name.as_bytes())));
    }

    #[test]
    fn changes_of_this_role_belong_to_its_history_and_those_of_others_do_not() {
        let changed = |name: &str| event("iam.amazonaws.com", "PutRolePolicy", &json!({"roleName": name}));
        assert!(is_history_of(&changed("orders"), &role()));
        assert!(!is_history_of(&changed("orders-canary"), &role()));
        let assumed = |arn: &str| event("sts.amazonaws.com", "AssumeRole", &json!({"roleArn": arn}));
        assert!(is_history_of(&assumed(role().as_str()), &role()));
        assert!(!is_history_of(&assumed("arn:aws:iam::999922223333:role/service/orders"), &role()));
        assert!(is_history_of(
            &event("s3.amazonaws.com", "PutBucketPolicy", &json!({"bucketName": "b"})),
            &role()
        ));
    }

    #[test]
    fn a_refused_assumption_without_parameters_is_told_by_its_message() {
        let refused = |role: &str| {
            let mut event = event("sts.amazonaws.com", "AssumeRole", &serde_json::Value::Null);
            event.error_code = Some("AccessDenied".into());
            event.error_message = Some(format!(
                "User: arn:aws:sts::300973880807:assumed-role/kafkaConnectTenantAccessRole/s is not authorized to perform: \
                 sts:AssumeRole on resource: arn:aws:iam::{role}"
            ));
            event
        };
        assert!(is_history_of(&refused("111122223333:role/service/orders"), &role()));
        assert!(!is_history_of(&refused("111122223333:role/service/orders-2"), &role()));
        assert!(!is_history_of(&refused("999922223333:role/service/orders"), &role()));
    }

    #[test]
    fn a_managed_policy_of_another_account_is_none_of_the_role_s_history() {
        let mut changed = event(
            "iam.amazonaws.com",
            "CreatePolicyVersion",
            &json!({"policyArn": "arn:aws:iam::111122223333:policy/p"}),
        );
        assert!(is_history_of(&changed, &role()));
        changed.recipient_account = Some("999922223333".into());
        assert!(!is_history_of(&changed, &role()));
    }

    #[test]
    fn what_takes_a_permission_away_in_any_service_is_a_change() {
        for (source, name) in [
            ("s3", "PutBucketPolicy"),
            ("s3", "DeleteBucketPolicy"),
            ("s3", "PutBucketEncryption"),
            ("s3", "PutBucketPublicAccessBlock"),
            ("kms", "PutKeyPolicy"),
            ("kms", "DisableKey"),
            ("kms", "ScheduleKeyDeletion"),
            ("kms", "RevokeGrant"),
            ("glue", "PutResourcePolicy"),
            ("glue", "DeleteResourcePolicy"),
            ("glue", "UpdateDatabase"),
            ("glue", "DeleteDatabase"),
            ("glue", "DeleteTable"),
            ("lakeformation", "RevokePermissions"),
            ("lakeformation", "BatchRevokePermissions"),
            ("lakeformation", "PutDataLakeSettings"),
            ("lakeformation", "DeregisterResource"),
            ("organizations", "DetachPolicy"),
        ] {
            let found = change_kind(&event(&format!("{source}.amazonaws.com"), name, &json!({})));
            assert!(found.is_some(), "{source} {name}");
        }
        assert_eq!(change_kind(&event("glue.amazonaws.com", "UpdateTable", &json!({}))), None);
    }

    #[test]
    fn a_name_counts_for_its_own_service_only_and_only_when_it_succeeded() {
        assert_eq!(change_kind(&event("s3.amazonaws.com", "CreatePolicy", &json!({}))), None);
        let mut refused = event("iam.amazonaws.com", "PutRolePolicy", &json!({"roleName": "orders"}));
        assert_eq!(change_kind(&refused), Some(ChangeKind::InlinePolicy));
        refused.error_code = Some("AccessDenied".into());
        assert_eq!(change_kind(&refused), None);
    }
}
