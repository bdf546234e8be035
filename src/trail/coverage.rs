//! What a search looked at: without it an empty result means nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::silence::Heard;

/// How long before a window of time changes are looked for in log files that may explain what is denied in it.
pub const EARLIER_CHANGES: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What was read of log files, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about a search that have nothing to do with each other"
)]
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
    /// Files passed over as something else: other services' logs, aggregates, texts.
    pub other_files: u64,
    /// Log files passed over because they were delivered long before the window.
    pub earlier_files: u64,
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
    /// The regions of answers of which the last page was seen, with which those before it are whole.
    #[serde(skip)]
    pub last_pages: BTreeSet<String>,
    /// The regions of pages that others follow.
    #[serde(skip)]
    pub open_pages: BTreeSet<String>,
    /// Of which times there are records, by account; those that tell none are under the empty one.
    #[serde(skip)]
    pub heard: BTreeMap<String, Heard>,
    /// Regions whose logs were read.
    pub regions: BTreeSet<String>,
    /// Accounts whose logs were read.
    pub accounts: BTreeSet<String>,
    /// Whether any call on an S3 object was seen. They are data events, which trails record only where they are
    /// told to: without them an empty result says nothing about S3. Data events of other services do not count.
    pub data_events: bool,
    /// Whether one on an object of the bucket that was asked about was seen.
    pub bucket_seen: bool,
    /// Whether the role that was asked for stands in any record, be it denied something or not.
    pub role_seen: bool,
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
    /// It may hold records, but in a form that is not read: an archive, a table, another compression.
    OtherForm {
        /// Which form, and what to do.
        detail: String,
    },
    /// JSON, but no CloudTrail records in it: another export, or records in a form that is not
    /// known. Digests and insights are counted, and no problem.
    NoRecords,
    /// A page of an answer that says that others follow, and the last of them is not there.
    OpenPage,
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
    /// It is asked about, and is not in what was searched: an account, a region, a role, a part of the window,
    /// a kind of events.
    NotThere {
        /// What is there in its place.
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
/// Equal problems listed one by one; more of them become one.
const EQUAL: usize = 5;

impl Coverage {
    /// Adds what another part of the same search covered.
    pub fn merge(&mut self, other: Self) {
        self.interrupted |= other.interrupted;
        self.files += other.files;
        self.digests += other.digests;
        self.insights += other.insights;
        self.other_files += other.other_files;
        self.earlier_files += other.earlier_files;
        self.bytes += other.bytes;
        self.text_bytes += other.text_bytes;
        self.records += other.records;
        self.duplicates += other.duplicates;
        self.see_time(other.first);
        self.see_time(other.last);
        self.regions.extend(other.regions);
        self.accounts.extend(other.accounts);
        self.last_pages.extend(other.last_pages);
        self.open_pages.extend(other.open_pages);
        for (account, heard) in other.heard {
            self.heard.entry(account).or_default().merge(heard);
        }
        self.data_events |= other.data_events;
        self.bucket_seen |= other.bucket_seen;
        self.role_seen |= other.role_seen;
        self.problems.extend(other.problems);
        self.more_problems += other.more_problems;
    }

    /// Widens the time seen to `time`.
    pub fn see_time(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Notes what could not be read at all: `what` is a place, and `detail` why. The search is incomplete
    /// with it.
    pub fn lacks(&mut self, what: &str, detail: impl Into<String>) {
        self.fails(what, ProblemKind::Unreadable { detail: detail.into() });
    }

    /// Notes what is asked about and is not in what was searched: `what` is that, and `detail` what is there.
    /// The search is incomplete with it.
    pub fn misses(&mut self, what: &str, detail: impl Into<String>) {
        self.fails(what, ProblemKind::NotThere { detail: detail.into() });
    }

    fn fails(&mut self, what: &str, kind: ProblemKind) {
        self.problems.push(Problem { file: what.to_owned(), kind, records_kept: 0 });
        self.complete = false;
    }

    /// Notes that nothing was read, if that is so.
    pub fn lacks_if_empty(&mut self, what: &str, why: &str) {
        let is_told = self.problems.iter().any(|it| it.file == what && it.kind.loses_records());
        if self.records == 0 && !is_told {
            self.misses(what, format!("no record at all was read{why}"));
        }
    }

    /// Puts the problems in order and settles whether the search was complete.
    #[must_use]
    pub fn finish(mut self) -> Self {
        if self.open_pages.is_subset(&self.last_pages) {
            self.problems.retain(|it| it.kind != ProblemKind::OpenPage);
        }
        self.problems.sort();
        self.problems = merged(self.problems);
        let losses = self.problems.iter().any(|problem| problem.kind.loses_records());
        self.complete = !self.interrupted && !losses && self.more_problems == 0;
        if self.problems.len() > PROBLEMS {
            self.more_problems += (self.problems.len() - PROBLEMS) as u64;
            self.problems.truncate(PROBLEMS);
        }
        self
    }
}

/// The problems, in order, with many that are equal but for the file put into one: a bucket that refuses
/// refuses each of its files in the same words.
fn merged(problems: Vec<Problem>) -> Vec<Problem> {
    let mut alike: BTreeMap<(ProblemKind, u64), Vec<String>> = BTreeMap::new();
    for Problem { file, kind, records_kept } in problems {
        alike.entry((kind, records_kept)).or_default().push(file);
    }
    let mut merged: Vec<Problem> = Vec::new();
    for ((kind, records_kept), mut files) in alike {
        let is_told_in_words = matches!(kind, ProblemKind::Unreadable { .. } | ProblemKind::NotThere { .. });
        if is_told_in_words && files.len() > EQUAL {
            let more = files.len() - 1;
            files.truncate(1);
            files[0] = format!("{} and {more} more", files[0]);
        }
        let one = |file| Problem { file, kind: kind.clone(), records_kept };
        merged.extend(files.into_iter().map(one));
    }
    merged.sort();
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_equal_refusals_are_one_problem_and_different_ones_stay_apart() {
        let mut looked = Coverage::default();
        for number in 0..1_000 {
            looked.lacks(&format!("key-{number:04}"), "refused");
        }
        looked.lacks("another", "gone");
        let looked = looked.finish();
        let files: Vec<&str> = looked.problems.iter().map(|problem| problem.file.as_str()).collect();
        assert_eq!(files, ["another", "key-0000 and 999 more"]);
        assert_eq!((looked.complete, looked.more_problems), (false, 0));
    }

    #[test]
    fn a_search_that_read_nothing_lacks_all() {
        let mut empty = Coverage { complete: true, ..Coverage::default() };
        empty.lacks_if_empty("logs", "");
        assert!(!empty.complete && empty.problems[0].file == "logs");
        let mut some = Coverage { complete: true, records: 1, ..Coverage::default() };
        some.lacks_if_empty("logs", "");
        assert!(some.complete && some.problems.is_empty());
    }
}
