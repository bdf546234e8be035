//! What one file's records showed, besides those that were looked for.

use memchr::memmem;

use super::carrier::Seen;
use super::query::Compiled;
use crate::trail::{Coverage, Event, ProblemKind, is_object_call};

/// Coverage under way, with times still as bytes: comparing those is all that most records cost.
#[derive(Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about a file that have nothing to do with each other"
)]
pub(super) struct Tally {
    pub(super) coverage: Coverage,
    /// First and last `eventTime`, `2026-03-02T00:00:00Z`: in this form text orders as time does.
    times: Option<(Time, Time)>,
    /// Account and region are told by the file's name already.
    pub(super) placed: bool,
    /// There was a place for records, if no record.
    pub(super) carrier: bool,
    /// There was an object that is no record and holds none.
    pub(super) foreign: bool,
    /// Some such object speaks of events all the same.
    pub(super) hinted: bool,
    /// What surely is no log is passed over.
    pub(super) lenient: bool,
    /// Digests of CloudTrail's.
    pub(super) digests: u64,
    /// Insights.
    pub(super) insights: u64,
    /// Texts within strings that were records and cannot be read.
    pub(super) unreadable: u64,
    /// What was the matter with the file at hand.
    pub(super) problems: Vec<ProblemKind>,
}

/// The text of a time as two numbers, which compare as the text does.
type Time = (u128, u32);

impl Tally {
    /// Takes back what was noted of records; what is known of the file stays.
    pub(super) fn forget_records(&mut self) {
        let kept = std::mem::take(self);
        let Coverage { bytes, text_bytes, .. } = kept.coverage;
        self.coverage = Coverage { bytes, text_bytes, ..Coverage::default() };
        self.placed = kept.placed;
        self.lenient = kept.lenient;
        self.problems = kept.problems;
    }

    /// Widens the times seen to the one at the front of `value`, if it is in the usual form.
    #[inline]
    pub(super) fn see_time(&mut self, value: &[u8]) {
        let Some((head, rest)) = value.split_first_chunk::<16>() else { return };
        let Some(tail) = rest.first_chunk::<4>() else { return };
        if tail[3] != b'Z' || head[10] != b'T' {
            return;
        }
        let time = (u128::from_be_bytes(*head), u32::from_be_bytes(*tail));
        match &mut self.times {
            Some((first, last)) if time < *first || time > *last => {
                (*first, *last) = (time.min(*first), time.max(*last));
            }
            Some(_) => {}
            None => self.times = Some((time, time)),
        }
    }

    /// Notes what an object held besides the events, which are seen one by one.
    pub(super) fn see_object(&mut self, seen: Seen) {
        self.carrier |= seen.carrier;
        self.digests += seen.digests;
        self.insights += seen.insights;
        self.unreadable += seen.unreadable;
        self.foreign |= seen == Seen::default();
    }

    /// Notes what a parsed event shows.
    pub(super) fn see_event(&mut self, event: &Event, query: &Compiled<'_>) {
        self.coverage.records += 1;
        self.coverage.see_time(event.event_time);
        if let Some(time) = event.event_time {
            let account = event.recipient_account.as_deref().unwrap_or_default();
            match self.coverage.heard.get_mut(account) {
                Some(heard) => heard.note((time, time)),
                None => self.coverage.heard.entry(account.to_owned()).or_default().note((time, time)),
            }
        }
        let (source, name) = (event.event_source.as_bytes(), event.event_name.as_bytes());
        if is_object_call(source, name, event.category.as_deref().map(str::as_bytes)) {
            self.coverage.data_events = true;
            self.coverage.bucket_seen = self.coverage.bucket_seen || query.is_of_event(event);
        }
        if !self.placed {
            note(&mut self.coverage.regions, Some(&event.region));
            note(&mut self.coverage.accounts, event.recipient_account.as_deref());
        }
    }

    /// Reads region and account out of a record.
    pub(super) fn see_place(&mut self, record: &[u8]) {
        note(&mut self.coverage.regions, member(record, b"\"awsRegion\":\""));
        note(&mut self.coverage.accounts, member(record, b"\"recipientAccountId\":\""));
    }

    /// Settles the times; to be called before the coverage is used. `account`: that of the file, by its name.
    pub(super) fn finish(&mut self, account: Option<&str>) {
        let Some((first, last)) = self.times.take() else { return };
        let [first, last] = [first, last].map(|time| {
            let text = [&time.0.to_be_bytes()[..], &time.1.to_be_bytes()].concat();
            std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok())
        });
        self.coverage.see_time(first);
        self.coverage.see_time(last);
        let mut accounts: Vec<String> = account.map(str::to_owned).into_iter().collect();
        if accounts.is_empty() {
            accounts.extend(self.coverage.accounts.iter().cloned());
        }
        if accounts.is_empty() {
            accounts.push(String::new());
        }
        for account in accounts {
            self.coverage.heard.entry(account).or_default().extend(first.zip(last));
        }
    }
}

/// Adds a value, if there is one and it is not there yet.
pub(super) fn note(set: &mut std::collections::BTreeSet<String>, value: Option<&str>) {
    if let Some(value) = value
        && !value.is_empty()
        && !set.contains(value)
    {
        set.insert(value.to_owned());
    }
}

fn member<'a>(record: &'a [u8], key: &[u8]) -> Option<&'a str> {
    let at = memmem::find(record, key)? + key.len();
    let value = &record[at..record.len().min(at + 64)];
    let end = memchr::memchr(b'"', value)?;
    std::str::from_utf8(&value[..end]).ok()
}
