//! What reading tells while it goes on. The screen is the command line's business.

use std::time::Duration;

use crate::facts::Caller;
use crate::model::AccountId;

/// How far the search of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// Log files of a trail.
    Files {
        /// Files that listings have named so far.
        listed: u64,
        /// Files of these that were fetched and looked through.
        scanned: u64,
        /// Bytes of these.
        bytes: u64,
    },
    /// A query runs in AWS.
    Query {
        /// How long it has.
        running: Duration,
    },
    /// The query has ended, and its rows are fetched.
    Rows {
        /// Rows so far.
        read: u64,
    },
}

/// Is told how reading goes on. Called from several tasks; must return at once.
pub trait Progress: Send + Sync {
    /// Credentials work: who reads, in which region, and in which account the role is said to be.
    fn signed_in(&self, caller: &Caller, region: &str, role_account: &AccountId) {
        let _ = (caller, region, role_account);
    }

    /// A call begins: `IAM`, `GetRole`.
    fn asking(&self, service: &'static str, operation: &'static str) {
        let _ = (service, operation);
    }

    /// A call has ended, well or not.
    fn answered(&self, service: &'static str, operation: &'static str) {
        let _ = (service, operation);
    }

    /// Everything but event history has been read.
    fn read(&self) {}

    /// A page of event history has been read: pages so far, pages expected at the least, and the time
    /// that the rest will take at CloudTrail's pace.
    fn history(&self, done: u32, expected: u32, left: Duration) {
        let _ = (done, expected, left);
    }

    /// The search of an archive goes on.
    fn searching(&self, search: Search) {
        let _ = search;
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
