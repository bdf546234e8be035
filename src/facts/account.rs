//! The caller, the organisation and the account's trails.

use serde::{Deserialize, Serialize};

use super::{EventSelector, Fact};
use crate::model::{AccountId, Arn};

/// Who runs the doctor (`sts:GetCallerIdentity`, which needs no permission).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The caller's ARN.
    pub arn: Arn,
    /// The caller's account.
    pub account: AccountId,
}

/// What `organizations:DescribeOrganization` says to a member account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The management account, in which neither SCPs nor RCPs apply.
    pub management_account: AccountId,
    /// `ALL` or `CONSOLIDATED_BILLING`, in which there are no SCPs.
    pub feature_set: String,
}

/// A trail that logs the connector's region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// The trail's ARN.
    pub arn: Arn,
    /// The bucket it writes to.
    pub bucket: String,
    /// Key prefix in that bucket.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub prefix: Option<String>,
    /// The region that owns it.
    pub home_region: String,
    /// Whether it logs every region.
    pub multi_region: bool,
    /// Whether it belongs to the organisation.
    pub organization: bool,
    /// `cloudtrail:GetTrailStatus`.
    #[serde(default)]
    pub status: Fact<TrailStatus>,
    /// `cloudtrail:GetEventSelectors`.
    #[serde(default)]
    pub selectors: Fact<Vec<EventSelector>>,
}

/// Whether a trail is logging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailStatus {
    /// `IsLogging`.
    pub logging: bool,
    /// When delivery last failed and how, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivery_error: Option<String>,
}
