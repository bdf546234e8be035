//! What AWS says when it refuses a call: the grammar of denial messages.
//!
//! The general form is `User: P is not authorized to perform: A on resource: R` followed by a
//! clause that names the layer, but single services, SDKs and CloudTrail each have their own.
//! Sources: IAM user guide, "Troubleshoot access denied error messages"; S3 user guide,
//! "Troubleshoot access denied (403 Forbidden) errors"; captured records. Pure.

mod action;
mod code;
mod cursor;
mod find;
mod grammar;
mod readable;
#[cfg(test)]
mod tests;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use action::{action_of, action_of_operation, sdk_prefix, service_prefix};
pub use code::{codes_of_denials, is_denial_code};
pub(crate) use code::{is_key_state_code, is_relaying_code, may_be_denial};
pub use find::find_all;
pub use grammar::parse;

/// One refusal, as far as its text tells.
///
/// Every field may be missing: S3 tells strangers just `Access Denied`, and CloudTrail writes
/// some denials without any message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Denial {
    /// Who was refused, mostly a session's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The IAM action as AWS wrote it; the case differs between services (`SNS:Publish`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The resource without its quotes: an ARN, `*`, or kind and name (`role orders`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What refused it.
    pub reason: Reason,
    /// The action named in `because no … allows the X action`. Not always `action`: the
    /// documentation itself prints another spelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause_action: Option<String>,
    /// The policy that denied, told since 2026 for explicit denials within the organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// For `sts:DecodeAuthorizationMessage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded: Option<String>,
    /// The error code, where an SDK or the CLI printed one around the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The API operation the CLI or an SDK was calling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The service as an SDK names it (`Glue`, `AWSGlue`, `S3`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// CloudTrail cuts messages at 1,024 characters; then the end of this one is missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Whether an error says that the caller was refused: by its code, or by what it hands on of another service.
pub(crate) fn is_denial(error_code: &str, error_message: Option<&str>) -> bool {
    is_denial_code(error_code) || is_relaying_code(error_code) && error_message.and_then(parse).is_some()
}

/// The same, or that a session would be too long, for which STS has another code.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) fn is_refusal(error_code: &str, error_message: Option<&str>) -> bool {
    is_denial(error_code, error_message)
        || error_message.is_some_and(|message| message.contains("The requested DurationSeconds exceeds"))
}

impl Denial {
    /// The denial an API call's event holds, or none when `error_code` is not a denial's.
    ///
    /// A missing or wordless message falls back on the event's source and name for the action.
    pub fn of_event(
        event_source: &str,
        event_name: &str,
        error_code: &str,
        error_message: Option<&str>,
    ) -> Option<Self> {
        if !is_refusal(error_code, error_message) {
            return None;
        }
        let of_key = || is_key_state_code(error_code).then_some(Reason::KeyState { state: None });
        let reason = || of_key().unwrap_or_else(|| error_message.map_or(Reason::Unstated, Reason::other));
        let read = error_message.and_then(parse);
        let mut denial = read.unwrap_or_else(|| Self { reason: reason(), ..Self::default() });
        denial.action = denial.action.or_else(|| action_of(event_source, event_name));
        denial.error_code = Some(error_code.to_owned());
        Some(denial)
    }

    /// Lake Formation's permission and object, where it was Lake Formation that refused.
    pub fn lake_formation(&self) -> Option<(Option<&str>, &str)> {
        match &self.reason {
            Reason::LakeFormation { permission, object } => Some((permission.as_deref(), object)),
            _ => None,
        }
    }
}

/// A layer of permission that can refuse a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The role's own policies.
    Identity,
    /// The policy of the bucket, key, catalogue …
    Resource,
    /// The role's permissions boundary.
    Boundary,
    /// The policy handed over with `AssumeRole`.
    Session,
    /// A service control policy of the organisation.
    Scp,
    /// A resource control policy of the organisation.
    Rcp,
    /// The policy of the VPC endpoint the call came through.
    Endpoint,
    /// The trust policy of the role to be assumed.
    Trust,
}

impl Layer {
    /// The layer's name in AWS's messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Scp => "service control policy",
            Self::Rcp => "resource control policy",
            Self::Endpoint => "VPC endpoint policy",
            Self::Trust => "role trust policy",
        }
    }
}

/// What refused a call, as far as AWS tells.
///
/// AWS names one layer only, though several may have refused; mending it may bring up the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// `because no <layer> allows the X action`: some policy of that layer must allow it, for
    /// this very resource and under the conditions of this call.
    Implicit {
        /// The layer that lacks the permission.
        layer: Layer,
    },
    /// `with an explicit deny in a <layer>`.
    Explicit {
        /// The layer, unless AWS kept it to itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        layer: Option<Layer>,
        /// `transitively through a <layer>`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<Layer>,
    },
    /// A layer is named, but not whether a statement denies or none allows.
    DeniedBy {
        /// The layer named.
        layer: Layer,
    },
    /// AWS hides from another account whether the resource exists: absent in this Region, not
    /// allowed by its policy, or denied by it.
    Opaque,
    /// S3 Block Public Access prevented it.
    BlockPublicAccess {
        /// The setting, such as `BlockPublicAcls`.
        setting: String,
    },
    /// The bucket refuses uploads encrypted with customer-provided keys.
    SseCBlocked,
    /// Lake Formation's own grants refused it; IAM is not the matter.
    LakeFormation {
        /// What was required, such as `Create Table`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        permission: Option<String>,
        /// On what: a name, `Catalog`, or an S3 location.
        object: String,
    },
    /// A longer session was asked for than the role, or role chaining (one hour), permits.
    SessionDuration {
        /// Whether it is the limit of role chaining, which no setting can raise.
        chained: bool,
    },
    /// The KMS key is disabled, or in another state in which it serves nobody.
    KeyState {
        /// `disabled`, `pending deletion`, …
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<String>,
    },
    /// A role of another account was passed to a service.
    CrossAccountPassRole,
    /// Words that fit no known form.
    Other {
        /// The words.
        text: String,
    },
    /// Nothing is said beyond the refusal.
    #[default]
    Unstated,
}

impl Reason {
    /// The reason for words without a known form; none for the few that say nothing.
    fn other(text: &str) -> Self {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.trim_end_matches('.') {
            "" | "An unknown error occurred" | "null" => Self::Unstated,
            _ => Self::Other { text },
        }
    }

    /// The reason for a reader who knows which action it is about, in AWS's words.
    pub fn of_action(&self, action: Option<&str>) -> String {
        match (self, action) {
            (Self::Implicit { layer }, Some(action)) => {
                format!("no {} allows the {action} action", layer.as_str())
            }
            _ => self.to_string(),
        }
    }

    /// The same of a message that may have been cut before it.
    pub fn of_message(&self, action: Option<&str>, truncated: bool) -> String {
        match self {
            Self::Unstated if truncated => "the message was cut before the reason".to_owned(),
            _ => self.of_action(action),
        }
    }

    /// The layer named.
    pub fn layer(&self) -> Option<Layer> {
        match self {
            Self::Implicit { layer } | Self::DeniedBy { layer } => Some(*layer),
            Self::Explicit { layer, .. } => *layer,
            _ => None,
        }
    }

    /// Whether AWS leaves open what refused it.
    pub fn is_unstated(&self) -> bool {
        matches!(self, Self::Opaque | Self::Other { .. } | Self::Unstated)
    }

    /// Whether AWS says that a statement denies (`Some(true)`) or that none allows (`Some(false)`).
    pub fn is_explicit(&self) -> Option<bool> {
        match self {
            Self::Implicit { .. } => Some(false),
            Self::Explicit { .. } => Some(true),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Implicit { layer } => write!(out, "no {} allows it", layer.as_str()),
            Self::Explicit { layer: None, .. } => out.write_str("explicit deny"),
            Self::Explicit { layer: Some(layer), via } => {
                write!(out, "explicit deny in {} {}", article(*layer), layer.as_str())?;
                via.map_or(Ok(()), |via| write!(out, " through {} {}", article(via), via.as_str()))
            }
            Self::DeniedBy { layer } => write!(out, "denied by {} {}", article(*layer), layer.as_str()),
            Self::Opaque => out.write_str(
                "the resource does not exist in this Region, or no resource-based policy allows it, \
                 or one denies it",
            ),
            Self::BlockPublicAccess { setting } => {
                write!(out, "prevented by the {setting} setting of S3 Block Public Access")
            }
            Self::SseCBlocked => {
                out.write_str("the bucket blocks uploads encrypted with customer-provided keys (SSE-C)")
            }
            Self::LakeFormation { permission: Some(permission), object } => {
                write!(out, "Lake Formation permission {permission} on {object} is missing")
            }
            Self::LakeFormation { permission: None, object } => {
                write!(out, "Lake Formation permissions on {object} are missing")
            }
            Self::SessionDuration { chained: true } => {
                out.write_str("the session asked for exceeds the one hour of role chaining")
            }
            Self::SessionDuration { chained: false } => {
                out.write_str("the session asked for exceeds the role's MaxSessionDuration")
            }
            Self::KeyState { state: Some(state) } => write!(out, "the key is {state}"),
            Self::KeyState { state: None } => {
                out.write_str("the key is in a state in which it cannot be used")
            }
            Self::CrossAccountPassRole => out.write_str("a role of another account cannot be passed"),
            Self::Other { text } => out.write_str(text),
            Self::Unstated => out.write_str("AWS gave no reason"),
        }
    }
}

const fn article(layer: Layer) -> &'static str {
    match layer {
        Layer::Identity => "an",
        Layer::Trust => "the",
        _ => "a",
    }
}
