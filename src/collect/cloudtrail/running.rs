//! A query that runs in AWS, of CloudTrail Lake or Athena: waiting until it has ended.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::collect::client::Aws;
use crate::collect::progress::Search;
use crate::model::Blocked;

/// Waits between questions whether the query has ended: the last one is repeated.
const WAITS: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_millis(700), Duration::from_secs(2), Duration::from_secs(5)];

/// How a query stands.
pub(super) enum State {
    /// It is queued or runs.
    Running,
    /// It succeeded and scanned so many bytes.
    Succeeded(Option<u64>),
    /// It ended otherwise: how, and why in AWS's words.
    Failed(String, Option<String>),
}

/// A query that was started.
pub(super) struct Running<'a> {
    pub(super) aws: &'a Aws<'a>,
    /// The command that cancels it. Cancelling changes nothing in the account's data, but IAM grants it as
    /// writing, and the doctor only reads: it is left to the user.
    pub(super) cancel: String,
    /// How long it may take.
    pub(super) limit: Duration,
}

impl Running<'_> {
    /// Waits for the query's end; gives the bytes that it scanned. `ask` asks how it stands.
    pub(super) async fn ended<'q>(
        &self,
        ask: impl Fn() -> BoxFuture<'q, Result<State, Blocked>> + Send,
    ) -> Result<Option<u64>, Blocked> {
        let begun = tokio::time::Instant::now();
        let mut waits = WAITS.iter().copied();
        loop {
            match ask().await {
                _ if self.aws.is_stopped() => return Err(self.runs_on("interrupted")),
                Ok(State::Running) => {}
                Ok(State::Succeeded(bytes)) => return Ok(bytes),
                Ok(State::Failed(state, said)) => {
                    let said = said.unwrap_or_else(|| "AWS gave no reason".to_owned());
                    return Err(blocked("the query", format!("it ended as {state}: {said}")));
                }
                Err(why) => {
                    let message = format!("whether it has ended cannot be read: {}: {}", why.what, why.why);
                    return Err(Blocked { grant: why.grant, ..self.runs_on(&message) });
                }
            }
            if begun.elapsed() > self.limit {
                let minutes = self.limit.as_secs() / 60;
                return Err(self.runs_on(&format!("it did not end within {minutes} minutes")));
            }
            self.aws.progress().searching(Search::Query { running: begun.elapsed() });
            tokio::select! {
                () = tokio::time::sleep(waits.next().unwrap_or(WAITS[3])) => {}
                () = self.aws.stopped() => {}
            }
        }
    }

    /// The doctor waits no longer, and AWS knows nothing of it.
    fn runs_on(&self, why: &str) -> Blocked {
        let why = format!(
            "{why}; it may run on and is billed for what it scans until it ends: `{}` ends it",
            self.cancel
        );
        blocked("the query", why)
    }
}

/// Whether a query may be started still.
pub(super) fn may_start(aws: &Aws<'_>) -> Result<(), Blocked> {
    if aws.is_stopped() { Err(blocked("the query", "interrupted before it was started")) } else { Ok(()) }
}

/// What of an interrupted start cannot be known.
pub(super) fn not_started(aws: &Aws<'_>, why: Blocked) -> Blocked {
    if !aws.is_stopped() {
        return why;
    }
    blocked("the query", "interrupted while it was started: it may run, and be billed for what it scans")
}

/// Something that cannot be had, and why.
pub(super) fn blocked(what: &str, why: impl Into<String>) -> Blocked {
    Blocked::new(what, why)
}
