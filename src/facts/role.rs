//! The role and its policies.

use serde::{Deserialize, Serialize};

use crate::model::Arn;

/// What `iam:GetRole` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// ARN with path.
    pub arn: Arn,
    /// `AROA…`, unique for ever: a role made again under the same name has another.
    pub id: String,
    /// RFC 3339.
    pub created: String,
    /// Seconds, 3600 to 43200.
    pub max_session_duration: i32,
    /// The trust policy as AWS stores it, URL encoding undone.
    pub trust_policy: String,
    /// ARN of the permissions boundary, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub boundary: Option<Arn>,
    /// Last use of the role's credentials by anybody in the trailing 400 days.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used: Option<RoleUse>,
    /// Tags, which policies may refer to as `aws:PrincipalTag/…`.
    #[serde(default)]
    pub tags: std::collections::BTreeMap<String, String>,
}

/// `RoleLastUsed`: somebody's use, not necessarily Streamkap's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleUse {
    /// RFC 3339.
    pub at: String,
    /// The region it was used in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<String>,
}

/// An attached managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedPolicy {
    /// The policy's name.
    pub name: String,
    /// The policy's ARN.
    pub arn: Arn,
}

/// A managed policy's default version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// The policy's name.
    pub name: String,
    /// `v1`, `v2`, …
    pub version: String,
    /// The document as AWS stores it, URL encoding undone.
    pub document: String,
    /// When this version was made, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub updated: Option<String>,
}

/// When the role last used a service that its policies let it use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccess {
    /// The service's prefix in actions: `s3`.
    pub service: String,
    /// RFC 3339; `None`: not within the time that AWS keeps track of (400 days or more).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<String>,
}
