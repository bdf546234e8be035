//! CloudTrail's event history as it was searched.

use serde::{Deserialize, Serialize};

use super::Fact;
use crate::trail::Event;

/// Every query put to `cloudtrail:LookupEvents`, with its window and answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The queries, in the order of [`Purpose`], then region, then filter.
    #[serde(default)]
    pub queries: Vec<LookupQuery>,
    /// How the user left event history out: `--no-history was given`. What needs it is then skipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub switched_off: Option<String>,
    /// Why it was not searched, when nobody wanted it so. What needs it is then unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_searched: Option<String>,
}

impl History {
    /// Left out by the user, and by what word.
    pub fn left_out(why: impl Into<String>) -> Self {
        Self { switched_off: Some(why.into()), ..Self::default() }
    }

    /// Not searched, and why.
    pub fn unsearched(why: impl Into<String>) -> Self {
        Self { not_searched: Some(why.into()), ..Self::default() }
    }
}

/// One query: a region, one attribute, a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookupQuery {
    /// What it is asked for.
    pub purpose: Purpose,
    /// The region whose event history was searched.
    pub region: String,
    /// The one attribute that `LookupEvents` can filter by.
    pub filter: LookupFilter,
    /// Start of the window, RFC 3339.
    pub since: String,
    /// End of the window, RFC 3339.
    pub until: String,
    /// Pages read.
    pub pages: u32,
    /// Whether anything was left unread: older pages, or records.
    #[serde(default)]
    pub incomplete: bool,
    /// Why, where it was not the limit of pages: a call failed, or a record cannot be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gap: Option<String>,
    /// The events, newest first, only those that bear on the target.
    pub events: Fact<Vec<Event>>,
}

/// A `LookupAttribute`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LookupFilter {
    /// `ResourceName`, `EventName`, `Username`, `EventSource`, `AccessKeyId`.
    pub attribute: String,
    /// Its value.
    pub value: String,
}

/// What a query is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Calls of `AssumeRole` for the role.
    AssumeRole,
    /// Changes to the role, its policies, the bucket, the key, the catalogue, Lake Formation's grants.
    Changes,
    /// Calls made with the role's sessions that were denied.
    Denials,
}
