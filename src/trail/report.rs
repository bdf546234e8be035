//! What a search for denials found, as one document.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Coverage, DenialGroup, Timeline};

/// The version of [`DenialReport`]; it grows when a member changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// The answer of a search for denials: `streamkap-doctor denials -o json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DenialReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The role whose denials were looked for; null when anybody's were.
    pub role: Option<String>,
    /// Events at or after this time were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// Events before this time were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// Denials in groups, the largest first. Empty is not good news by itself: see the coverage.
    pub denials: Vec<DenialGroup>,
    /// Whether there were so many resources that they stand folded together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folded: bool,
    /// The order of events around the denials, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// What was looked at.
    pub coverage: Coverage,
}
