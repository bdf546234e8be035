//! Reads AWS into facts: the only place that talks to AWS or the network.
//!
//! Every call is one of [`operations`], all of which only read. What cannot be read becomes a fact that
//! says why; only what stops everything is an error.

pub mod cloudtrail;
mod progress;
mod settings;
mod start;

use crate::catalog::Catalog;
use crate::facts::{Facts, Target};

pub use progress::{Progress, Silent};
pub use settings::{HISTORY_DAYS, History, Patience, Settings};
pub use start::StartError;

/// What was read.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The facts.
    pub facts: Facts,
    /// Whether Ctrl-C ended the reading: what was not read by then says so.
    pub interrupted: bool,
}

/// Reads all that the target's connectors need.
pub async fn collect(
    settings: &Settings,
    target: Target,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Collected, StartError> {
    let _ = (settings, catalog, progress, target);
    Err(StartError::NoCredentials)
}
