//! What a search looked at: without it an empty result means nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was read of log files, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Coverage {
    /// Whether all was looked at: not interrupted, and nothing broken.
    pub complete: bool,
    /// Whether the search was interrupted.
    pub interrupted: bool,
    /// Log files read.
    pub files: u64,
    /// Files passed over as CloudTrail's digests.
    pub digests: u64,
    /// Files passed over as CloudTrail Insights.
    pub insights: u64,
    /// Files passed over as something else: other services' logs, aggregates, files before the
    /// window.
    pub other_files: u64,
    /// Bytes read from files.
    pub bytes: u64,
    /// Bytes of text after decompression.
    pub text_bytes: u64,
    /// Records seen, of any caller and kind.
    pub records: u64,
    /// Copies of events left out, where the search counted events.
    pub duplicates: u64,
    /// The first `eventTime` seen in any record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub first: Option<Timestamp>,
    /// The last `eventTime` seen in any record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    /// Regions whose logs were read.
    pub regions: BTreeSet<String>,
    /// Accounts whose logs were read.
    pub accounts: BTreeSet<String>,
    /// Whether any data event was seen. Calls on S3 objects are data events: without them an
    /// empty result says nothing about S3.
    pub data_events: bool,
    /// Files that were not read to the end or not in the ordinary way, by name.
    pub problems: Vec<Problem>,
    /// Problems beyond those listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_problems: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The file, or `standard input`.
    pub file: String,
    /// What is the matter with it.
    #[serde(flatten)]
    pub kind: ProblemKind,
    /// Records that were read from it all the same.
    pub records_kept: u64,
}

/// What can be the matter with a log file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum ProblemKind {
    /// Nothing in it.
    Empty,
    /// It ends in the midst of a record or of its compression.
    Truncated,
    /// Its compression is broken, or its checksum wrong.
    Corrupt {
        /// What exactly.
        detail: String,
    },
    /// Bytes after the compressed data, which belong to nothing: they may be what is left of it.
    TrailingData,
    /// Records that are not JSON or too large to be records.
    UnreadableRecords {
        /// How many.
        count: u64,
    },
    /// Neither compressed nor JSON.
    NotALog,
    /// JSON, but no CloudTrail records in it: another export, or records in a form that is not
    /// known. Digests and insights are counted, and no problem.
    NoRecords,
    /// So large that it was read piece by piece, as a stream. Nothing is lost by that but speed.
    Large {
        /// Bytes of its text.
        text_bytes: u64,
    },
    /// It inflates without end and without records: given up.
    Bomb {
        /// How far it was read.
        text_bytes: u64,
    },
    /// It could not be opened or read.
    Unreadable {
        /// The system's words.
        detail: String,
    },
}

impl ProblemKind {
    /// Whether something may have been missed because of it.
    pub fn loses_records(&self) -> bool {
        !matches!(self, Self::Large { .. })
    }
}

/// Problems listed by name; the rest are counted.
const PROBLEMS: usize = 1_000;

impl Coverage {
    /// Adds what another part of the same search covered.
    pub fn merge(&mut self, other: Self) {
        self.interrupted |= other.interrupted;
        self.files += other.files;
        self.digests += other.digests;
        self.insights += other.insights;
        self.other_files += other.other_files;
        self.bytes += other.bytes;
        self.text_bytes += other.text_bytes;
        self.records += other.records;
        self.duplicates += other.duplicates;
        self.see_time(other.first);
        self.see_time(other.last);
        self.regions.extend(other.regions);
        self.accounts.extend(other.accounts);
        self.data_events |= other.data_events;
        self.problems.extend(other.problems);
        self.more_problems += other.more_problems;
    }

    /// Widens the time seen to `time`.
    pub fn see_time(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Puts the problems in order and settles whether the search was complete.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.problems.sort();
        let losses = self.problems.iter().any(|problem| problem.kind.loses_records());
        self.complete = !self.interrupted && !losses && self.more_problems == 0;
        if self.problems.len() > PROBLEMS {
            self.more_problems += (self.problems.len() - PROBLEMS) as u64;
            self.problems.truncate(PROBLEMS);
        }
        self
    }
}
