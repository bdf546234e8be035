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
mod iam;
mod kms;
mod lake_formation;
mod last_accessed;
pub mod operations;
mod organizations;
mod permissions;
mod progress;
mod reading;
mod redshift;
mod regional;
mod s3;
mod settings;
mod simulate;
mod start;
mod sts;
mod trails;

use tokio::sync::watch;

use self::client::Aws;
use self::reading::Reading;
use crate::catalog::Catalog;
use crate::facts::{Facts, Target};
use crate::plan::Plan;
use crate::requirement;

pub use permissions::minimal_policy;
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

/// Reads all that the target's connectors need, or of that the facts that the settings name.
///
/// Ctrl-C ends the reading early, and what was read is returned.
pub async fn collect(
    settings: &Settings,
    target: Target,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<Collected, StartError> {
    let plan = Plan::new(&target, catalog);
    let plan = match &settings.facts {
        Some(wanted) => plan.only(wanted),
        None => plan,
    };
    let (sender, stop) = watch::channel(false);
    let listener = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            // Nobody listens any more: reading has ended.
            let _ = sender.send(true);
        }
        sender.closed().await;
    });
    let partition = requirement::partition(&target);
    let connected = tokio::select! {
        connected = Aws::connect(settings, &partition, progress, stop.clone()) => connected,
        () = interruption(stop.clone()) => Err(StartError::Interrupted),
    };
    let result = match connected {
        Ok(aws) => Reading::new(&aws, settings, &plan, catalog).read(target).await,
        Err(error) => Err(error),
    };
    let interrupted = *stop.borrow();
    listener.abort();
    Ok(Collected { facts: result?, interrupted })
}

/// The region of the settings, the environment or the profile. Calls nobody.
pub async fn session_region(settings: &Settings) -> Option<String> {
    client::region(settings).await.map(|region| region.to_string())
}

/// Returns when the user interrupts; else never.
async fn interruption(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
