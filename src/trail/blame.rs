//! Which change most likely caused which denials, and what speaks for it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::{ChangeKind, change_kind};
use super::document::{Allowed, Asked, StatementChange, StatementChangeKind, allows, document_of, losses};
use super::resource::bucket_of;
use super::{DenialGroup, Event};
use crate::denial::{Layer, Reason};

/// How surely a change caused the denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It came before them and could have.
    Possible,
    /// It took something away of the kind that AWS names as missing.
    Likely,
    /// The statement that went or came stands in the logs, or AWS names the very policy.
    Shown,
}

/// Why a change is held to have caused some denials.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blame {
    pub(super) certainty: Certainty,
    pub(super) reason: String,
    pub(super) statements: Vec<StatementChange>,
}

/// A change with the document before and after it, as far as earlier events hold them.
pub(super) struct Changed {
    pub(super) kind: ChangeKind,
    /// What the change is about: a policy, a bucket, a key.
    pub(super) target: String,
    old: Option<Value>,
    new: Option<Value>,
    pub(super) event: Event,
}

/// Follows policy documents through the changes, which must come in order of time.
#[derive(Default)]
pub(super) struct Documents {
    current: BTreeMap<String, Value>,
    versions: BTreeMap<(String, String), Value>,
}

impl Documents {
    /// Notes a change; none when the event is not one.
    pub(super) fn follow(&mut self, event: Event) -> Option<Changed> {
        let kind = change_kind(&event)?;
        let target = target(kind, &event);
        let written = document_of(&event);
        let version = |event: &Event| {
            let made = event.response_elements.pointer("/policyVersion/versionId").and_then(Value::as_str);
            let version = made.or_else(|| event.parameter("versionId"))?;
            Some((target.clone(), version.to_owned()))
        };
        let old = self.current.get(&target).cloned();
        let new = match event.event_name.as_str() {
            "CreatePolicyVersion" => {
                if let (Some(version), Some(document)) = (version(&event), &written) {
                    self.versions.insert(version, document.clone());
                }
                let default = event.request_parameters.get("setAsDefault");
                let is_default = default.is_some_and(|flag| *flag == true || *flag == "true");
                if is_default { written } else { old.clone() }
            }
            "SetDefaultPolicyVersion" => {
                version(&event).and_then(|version| self.versions.get(&version).cloned())
            }
            "AttachRolePolicy" => {
                return Some(Changed { kind, target, old: None, new: old, event });
            }
            "DetachRolePolicy" | "DeletePolicyVersion" => {
                return Some(Changed { kind, target, old, new: None, event });
            }
            "CreatePolicy" => {
                if let Some(document) = &written {
                    self.versions.insert((target.clone(), "v1".to_owned()), document.clone());
                }
                written
            }
            _ => written,
        };
        match &new {
            Some(document) => self.current.insert(target.clone(), document.clone()),
            None => self.current.remove(&target),
        };
        Some(Changed { kind, target, old, new, event })
    }
}

fn target(kind: ChangeKind, event: &Event) -> String {
    let parameter = |name: &str| event.parameter(name).map(str::to_owned);
    let made = || event.response_elements.pointer("/policy/arn").and_then(Value::as_str).map(str::to_owned);
    let named = match kind {
        ChangeKind::Trust | ChangeKind::Role => parameter("roleName").map(|_| "trust policy".to_owned()),
        ChangeKind::InlinePolicy => parameter("policyName"),
        ChangeKind::Attachment | ChangeKind::ManagedPolicy => {
            parameter("policyArn").or_else(made).or_else(|| parameter("policyName"))
        }
        ChangeKind::Boundary => parameter("permissionsBoundary"),
        ChangeKind::Bucket => parameter("bucketName"),
        ChangeKind::Key => parameter("keyId"),
        ChangeKind::Catalog => None,
        ChangeKind::Database => Some(database(event)),
        ChangeKind::LakeFormation => permissions(event),
        ChangeKind::Organization => parameter("policyId").or_else(|| parameter("targetId")),
        ChangeKind::Endpoint => parameter("vpcEndpointId"),
    };
    named.unwrap_or_default()
}

/// `DATABASE` or `DATABASE.TABLE`.
fn database(event: &Event) -> String {
    let of_table = event.event_name.ends_with("Table");
    let text = |pointer: &str| event.request_parameters.pointer(pointer).and_then(Value::as_str);
    let database =
        if of_table { text("/databaseName") } else { text("/name").or_else(|| text("/databaseInput/name")) };
    let table = text("/name").or_else(|| text("/tableInput/name")).filter(|_| of_table);
    [database, table].into_iter().flatten().collect::<Vec<_>>().join(".")
}

/// What Lake Formation granted or revoked, as far as the event tells: `SELECT on sales.orders`.
fn permissions(event: &Event) -> Option<String> {
    let text = |pointer: &str| event.request_parameters.pointer(pointer).and_then(Value::as_str);
    let permissions = event.request_parameters.get("permissions").and_then(Value::as_array);
    let permissions: Vec<&str> = permissions.into_iter().flatten().filter_map(Value::as_str).collect();
    let place: Vec<&str> = [
        text("/resource/table/databaseName").or_else(|| text("/resource/database/name")),
        text("/resource/table/name"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let place =
        if place.is_empty() { text("/resourceArn").unwrap_or_default().to_owned() } else { place.join(".") };
    let told = match (permissions.is_empty(), place.is_empty()) {
        (true, _) => place,
        (false, true) => permissions.join(", "),
        (false, false) => format!("{} on {place}", permissions.join(", ")),
    };
    (!told.is_empty()).then_some(told)
}

impl Changed {
    /// Whether the change is about the denied resource, as far as both are known.
    pub(super) fn concerns(&self, denial: &DenialGroup) -> bool {
        let resource = denial.resource.as_deref().unwrap_or_default();
        let service =
            denial.action.as_deref().and_then(|action| action.split(':').next()).unwrap_or_default();
        match self.kind {
            ChangeKind::Bucket => {
                let bucket = bucket_of(resource);
                // The account's public access block names no bucket.
                service == "s3"
                    && (self.target.is_empty() || bucket.is_none_or(|bucket| bucket == self.target))
            }
            ChangeKind::Key => {
                let id = self.target.rsplit('/').next().unwrap_or_default();
                let key = resource.rsplit('/').next().unwrap_or_default();
                service == "kms" && (!resource.contains(":key/") || id == key)
            }
            ChangeKind::Catalog => service == "glue",
            ChangeKind::LakeFormation => {
                matches!(service, "glue" | "lakeformation")
                    && self
                        .principal()
                        .is_none_or(|arn| denial.principals.is_empty() || denial.principals.contains(arn))
            }
            ChangeKind::Database => {
                let database = self.target.split('.').next().unwrap_or_default();
                let named = [":database/", ":table/"].iter().find_map(|kind| resource.split(kind).nth(1));
                let named = named.and_then(|rest| rest.split('/').next());
                matches!(service, "glue" | "lakeformation")
                    && (database.is_empty()
                        || named.is_none_or(|named| matches!(named, "*" | "") || named == database))
            }
            _ => true,
        }
    }

    /// Whose permissions Lake Formation's change is about, where it names one principal's ARN.
    fn principal(&self) -> Option<&str> {
        let member = self.event.request_parameters.pointer("/principal/dataLakePrincipalIdentifier");
        member.and_then(Value::as_str).filter(|principal| principal.contains(":role/"))
    }

    /// What speaks for this change as the cause of `denial`; none when it cannot be.
    pub(super) fn blame(&self, denial: &DenialGroup) -> Option<Blame> {
        if !fits(self.kind, &denial.cause) || !self.concerns(denial) {
            return None;
        }
        self.named_policy(denial).or_else(|| self.by_document(denial)).or_else(|| self.by_name(denial))
    }

    /// AWS named the policy, and this change brought it or changed it.
    fn named_policy(&self, denial: &DenialGroup) -> Option<Blame> {
        let policy = denial.policy_arn.as_deref()?;
        let name = self.event.event_name.as_str();
        let took_away = name.starts_with("De") || name.starts_with("Disable");
        if self.target.is_empty() || took_away || !policy.ends_with(self.target.as_str()) {
            return None;
        }
        Some(Blame {
            certainty: Certainty::Shown,
            reason: format!("AWS names {policy} as the policy that denies, and this change brought it"),
            statements: Vec::new(),
        })
    }

    fn by_document(&self, denial: &DenialGroup) -> Option<Blame> {
        let asked = Asked { action: denial.action.as_deref()?, resource: known_resource(denial) };
        let explicit = denial.cause.is_explicit();
        let mut statements = losses(self.old.as_ref(), self.new.as_ref(), asked);
        let now = self.new.as_ref().map_or(Allowed::No, |new| allows(new, asked));
        statements.retain(|statement| match statement.kind {
            StatementChangeKind::AllowLost => explicit != Some(true) && now != Allowed::Yes,
            StatementChangeKind::DenyAdded => explicit != Some(false),
        });
        if let Some(first) = statements.first() {
            let name = first
                .sid
                .as_ref()
                .map_or_else(|| format!("statement {}", first.index + 1), |sid| format!("statement {sid}"));
            let reason = match first.kind {
                StatementChangeKind::AllowLost => {
                    format!("{name} of {}, which named {}, is gone", self.target, asked.action)
                }
                StatementChangeKind::DenyAdded => {
                    format!("{name} of {}, which denies {}, is new", self.target, asked.action)
                }
            };
            // What is still allowed under a condition may have been allowed here or not.
            let on_condition = first.kind == StatementChangeKind::AllowLost && now == Allowed::OnCondition;
            let certainty = if on_condition { Certainty::Likely } else { Certainty::Shown };
            return Some(Blame { certainty, reason, statements });
        }
        let replaced_unseen = self.old.is_none() && self.writes_policy();
        let new = self.new.as_ref().filter(|_| replaced_unseen && explicit != Some(true))?;
        (allows(new, asked) == Allowed::No).then(|| Blame {
            certainty: Certainty::Likely,
            reason: format!(
                "{} as this change put it does not allow {}; what stood there before is not in the logs",
                self.target, asked.action
            ),
            statements: Vec::new(),
        })
    }

    /// Whether the change replaces what stood there, so that the old text may have allowed more.
    fn writes_policy(&self) -> bool {
        matches!(
            self.event.event_name.as_str(),
            "PutRolePolicy"
                | "CreatePolicyVersion"
                | "SetDefaultPolicyVersion"
                | "PutBucketPolicy"
                | "PutKeyPolicy"
                | "PutResourcePolicy"
                | "UpdateAssumeRolePolicy"
        )
    }

    /// Without documents, the kind of call alone.
    fn by_name(&self, denial: &DenialGroup) -> Option<Blame> {
        if self.old.is_some() || self.new.is_some() {
            // The documents are known and lost nothing of what was denied.
            return None;
        }
        let name = self.event.event_name.as_str();
        let takes_away = [
            "Delete",
            "BatchDelete",
            "Detach",
            "Revoke",
            "BatchRevoke",
            "Retire",
            "Disable",
            "Schedule",
            "Deregister",
            "Remove",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix));
        let explicit = denial.cause.is_explicit() == Some(true);
        let certainty = match name {
            _ if takes_away && explicit => return None,
            _ if takes_away => Certainty::Likely,
            "PutRolePermissionsBoundary"
            | "AttachPolicy"
            | "UpdatePolicy"
            | "EnablePolicyType"
            | "MoveAccount" => Certainty::Likely,
            "AttachRolePolicy"
            | "EnableKey"
            | "CancelKeyDeletion"
            | "CreateGrant"
            | "GrantPermissions"
            | "BatchGrantPermissions"
            | "RegisterResource"
            | "CreateRole"
            | "CreatePolicy" => return None,
            _ => Certainty::Possible,
        };
        let what = if takes_away { "takes away" } else { "may take away" };
        let reason = format!("{name} {what} what AWS says is missing: {}", denial.reason);
        Some(Blame { certainty, reason, statements: Vec::new() })
    }

    /// The statements by which the role's trust policy lost the right to assume it.
    pub(super) fn trust_losses(&self) -> Vec<StatementChange> {
        let asked = Asked { action: "sts:AssumeRole", resource: None };
        losses(self.old.as_ref(), self.new.as_ref(), asked)
    }
}

/// The denied resource, where it is one that a statement could name.
fn known_resource(denial: &DenialGroup) -> Option<&str> {
    denial.resource.as_deref().filter(|resource| resource.starts_with("arn:"))
}

/// Whether a change of this kind can have a denial for this reason as its effect.
fn fits(kind: ChangeKind, cause: &Reason) -> bool {
    let of_role = matches!(
        kind,
        ChangeKind::InlinePolicy | ChangeKind::Attachment | ChangeKind::ManagedPolicy | ChangeKind::Role
    );
    let of_resource = matches!(kind, ChangeKind::Bucket | ChangeKind::Key | ChangeKind::Catalog);
    // Without a layer AWS leaves open whether a policy or Lake Formation refused it.
    let of_catalog = matches!(kind, ChangeKind::LakeFormation | ChangeKind::Database);
    match (cause, cause.layer()) {
        (_, Some(Layer::Identity)) => of_role,
        (_, Some(Layer::Boundary)) => matches!(kind, ChangeKind::Boundary | ChangeKind::ManagedPolicy),
        (_, Some(Layer::Resource)) => of_resource,
        (_, Some(Layer::Scp | Layer::Rcp)) => kind == ChangeKind::Organization,
        (_, Some(Layer::Endpoint)) => kind == ChangeKind::Endpoint,
        (_, Some(Layer::Trust)) => matches!(kind, ChangeKind::Trust | ChangeKind::Role),
        (_, Some(Layer::Session)) | (Reason::CrossAccountPassRole, _) => false,
        (Reason::LakeFormation { .. }, _) => matches!(kind, ChangeKind::LakeFormation | ChangeKind::Database),
        (Reason::Opaque, _) => of_resource || of_catalog,
        (Reason::BlockPublicAccess { .. } | Reason::SseCBlocked, _) => kind == ChangeKind::Bucket,
        (Reason::SessionDuration { .. }, _) => kind == ChangeKind::Role,
        _ => kind != ChangeKind::Trust,
    }
}
