//! The six answers a check can give, without their findings.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The bare result of a check.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Looked at, and in order.
    Pass,
    /// Works today, likely to bite; or a best practice is broken.
    Warn,
    /// The connector cannot do its work.
    Fail,
    /// Could not be looked at. Never a pass and never a fail.
    Unknown,
    /// Does not apply to this target.
    Skip,
    /// The check itself went wrong: our fault.
    Broken,
}

impl Status {
    /// Every status, in the order summaries list them.
    pub const ALL: [Self; 6] = [Self::Fail, Self::Warn, Self::Unknown, Self::Broken, Self::Pass, Self::Skip];

    /// The lower-case word used in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Skip => "skip",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}
