//! How a phase of a connector's work stands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a phase of a connector's work stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PhaseState {
    /// All that it needs is allowed.
    Ok,
    /// It goes on without something, and that costs something; or it works for part of its objects.
    AtACost,
    /// It could not be looked at.
    Unknown,
    /// Something without which it cannot work is refused.
    Broken,
}

impl PhaseState {
    /// Every state, the worst first.
    pub const ALL: [Self; 4] = [Self::Broken, Self::Unknown, Self::AtACost, Self::Ok];

    /// The words used on the screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::AtACost => "at a cost",
            Self::Unknown => "unknown",
            Self::Broken => "broken",
        }
    }
}

impl fmt::Display for PhaseState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}
