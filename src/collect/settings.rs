//! How to read: all that the command line, the environment and the clock have to say, read once and
//! passed in.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::facts::FactId;

/// How far back CloudTrail's event history goes.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
pub const HISTORY_DAYS: i64 = 90;

/// How to read from AWS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The profile given on the command line, which then goes before access keys in the environment.
    pub profile: Option<String>,
    /// The region given on the command line; else the environment's or the profile's.
    pub region: Option<String>,
    /// The endpoint given on the command line for every service.
    pub endpoint_url: Option<String>,
    /// Start of the window in event history; `None`: as far back as it goes.
    pub since: Option<Timestamp>,
    /// End of the window in event history; `None`: now.
    pub until: Option<Timestamp>,
    /// Regions of event history to search for sessions and denials; empty: the connector's, its resources',
    /// and the one in which the partition's global services record.
    pub regions: BTreeSet<String>,
    /// Whether to search event history.
    pub history: History,
    /// The facts to read; `None`: all that the target needs.
    pub facts: Option<BTreeSet<FactId>>,
    /// The moment that counts as now.
    pub now: Timestamp,
    /// How long to wait.
    pub patience: Patience,
}

/// Whether to search event history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Search it, reading at most this many pages (of 50 events, two a second) for each query.
    Search {
        /// Pages for each query.
        pages: u32,
    },
    /// Leave it out, and why: `--no-history was given`.
    Off(String),
}

impl Default for History {
    fn default() -> Self {
        Self::Search { pages: 30 }
    }
}

/// How long to wait for answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For one attempt of a call.
    pub attempt: Duration,
    /// For a call with all its attempts.
    pub call: Duration,
    /// For the first call, which tells whether anybody answers at all, with all its attempts. A server that
    /// takes the call may have to wake up first.
    pub first: Duration,
    /// Attempts at a call.
    pub attempts: u32,
    /// Between two calls to one region's event history.
    pub pace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(3100),
            attempt: Duration::from_secs(8),
            call: Duration::from_secs(20),
            first: Duration::from_secs(10),
            attempts: 4,
            pace: Duration::from_millis(500),
        }
    }
}

impl Settings {
    /// The settings of a run without any flag at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            profile: None,
            region: None,
            endpoint_url: None,
            since: None,
            until: None,
            regions: BTreeSet::new(),
            history: History::default(),
            facts: None,
            now,
            patience: Patience::default(),
        }
    }

    /// The start of the window that is searched: never before event history begins.
    pub fn window_start(&self) -> Timestamp {
        let oldest = self.history_start();
        self.since.map_or(oldest, |since| since.clamp(oldest, self.now))
    }

    /// The end of the window that is searched.
    pub fn window_end(&self) -> Timestamp {
        self.until.map_or(self.now, |until| until.min(self.now))
    }

    /// The beginning of event history.
    pub fn history_start(&self) -> Timestamp {
        self.now.saturating_sub(SignedDuration::from_hours(24 * HISTORY_DAYS)).unwrap_or(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_within_event_history() {
        let now: Timestamp = "2026-03-31T00:00:00Z".parse().unwrap();
        let start = |since: Option<&str>| {
            let since = since.map(|text| text.parse().unwrap());
            Settings { since, ..Settings::at(now) }.window_start().to_string()
        };
        assert_eq!(start(None), "2025-12-31T00:00:00Z");
        assert_eq!(start(Some("2026-03-30T00:00:00Z")), "2026-03-30T00:00:00Z");
        assert_eq!(start(Some("2020-01-01T00:00:00Z")), "2025-12-31T00:00:00Z");
        assert_eq!(start(Some("2030-01-01T00:00:00Z")), "2026-03-31T00:00:00Z");
    }
}
