//! Reads AWS into facts: the only place that talks to AWS or the network.
//!
//! Every call is one of [`operations`], all of which only read. What cannot be read becomes a fact that
//! says why; only what stops everything is an error. Cost is counted in round trips: what can be asked at
//! once is, in the five rounds that `Reading` goes through, with event history beside them.

mod client;
pub mod cloudtrail;
mod error;
mod glue;
mod grants;
mod guard;
mod iam;
mod kms;
mod lake_formation;
mod last_accessed;
pub mod operations;
mod organizations;
mod pages;
mod permissions;
mod profile;
mod progress;
mod reading;
mod redshift;
mod regional;
mod s3;
mod session;
mod settings;
mod simulate;
mod start;
mod sts;
mod trails;
mod whole;

use crate::catalog::Catalog;
use crate::facts::{Facts, Target};
use crate::requirement;

pub use permissions::minimal_policy;
pub use progress::{Progress, Search, Silent};
pub use session::Session;
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

/// Reads all that the target's connectors need, or of that the facts that the settings name.
///
/// Ctrl-C ends the reading early, and what was read is returned.
pub async fn collect(
    settings: &Settings,
    target: Target,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Collected, StartError> {
    let session = Session::open(settings, &requirement::partition(&target), progress).await?;
    let facts = session.read(target, catalog).await?;
    Ok(Collected { facts, interrupted: session.is_interrupted() })
}

/// The region of the settings, the environment or the profile. Calls nobody.
pub async fn session_region(settings: &Settings) -> Option<String> {
    client::region(settings).await.map(|region| region.to_string())
}
