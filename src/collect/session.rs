//! Being signed in: one set of credentials and one ear for Ctrl-C for all that a command reads.

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::Aws;
use super::progress::Progress;
use super::reading::Reading;
use super::settings::Settings;
use super::start::StartError;
use crate::catalog::Catalog;
use crate::facts::{FactId, Facts, Target};
use crate::model::Partition;
use crate::plan::Plan;

/// The facts about event history.
const HISTORY: [FactId; 3] = [FactId::HistoryAssumeRole, FactId::HistoryChanges, FactId::HistoryDenials];

/// Signed in to AWS. After Ctrl-C every call ends at once, and what was read by then is kept.
pub struct Session<'p> {
    pub(super) aws: Aws<'p>,
    pub(super) settings: Settings,
    listener: JoinHandle<()>,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl<'p> Session<'p> {
    /// Finds credentials and a region. `partition` is that of the role, if there is one. Asks nothing of
    /// AWS but what its credentials take.
    pub async fn open(
        settings: &Settings,
        partition: &Partition,
        progress: &'p dyn Progress,
    ) -> Result<Self, StartError> {
        let (sender, stop) = watch::channel(false);
        let listener = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                // Nobody listens any more: reading has ended.
                let _ = sender.send(true);
            }
            sender.closed().await;
        });
        let aws = tokio::select! {
            aws = Aws::connect(settings, partition, progress, stop.clone()) => aws,
            () = interruption(stop.clone()) => Err(StartError::Interrupted),
        };
        match aws {
            Ok(aws) => Ok(Self { aws, settings: settings.clone(), listener }),
            Err(error) => {
                listener.abort();
                Err(error)
            }
        }
    }

    /// Reads all that the target's connectors need, or of that the facts that the settings name.
    pub async fn read(&self, target: Target, catalog: &Catalog) -> Result<Facts, StartError> {
        let plan = Plan::new(&target, catalog);
        let plan = match &self.settings.facts {
            Some(wanted) => plan.only(wanted),
            None => plan,
        };
        Reading::new(&self.aws, &self.settings, &plan, catalog).read(target).await
    }

    /// Searches event history for a target of which everything else was read before, and puts into the
    /// facts what it brings.
    pub async fn search_history(&self, facts: &mut Facts, catalog: &Catalog) {
        let plan = Plan::new(&facts.target, catalog).only(&HISTORY.into());
        facts.history = Reading::new(&self.aws, &self.settings, &plan, catalog).search_history(facts).await;
    }

    /// Whether Ctrl-C was pressed.
    pub fn is_interrupted(&self) -> bool {
        self.aws.is_stopped()
    }
}

/// Returns when the user interrupts; else never.
async fn interruption(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
