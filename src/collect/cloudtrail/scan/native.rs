//! The fast way: text as CloudTrail itself writes it, looked at in one pass.
//!
//! Native text begins with `{"Records":[`, and each record with `{"eventVersion"`. The pass notes
//! where records begin and whether one holds a denial's error code; only such a record is parsed.
//! Whatever does not look native in a place that matters sends the whole text the slow way, so
//! that speed never costs an answer.

use super::marks::for_each_mark;
use super::query::Compiled;
use super::tally::Tally;
use crate::denial::may_be_denial;
use crate::trail::{
    ChangeRef, EventRef, RecordReader, is_about_a_role, is_object_call, kind_of_call, may_matter,
};

const WRAPPER: &[u8] = b"{\"Records\":[";
const RECORD: &[u8; 15] = b"{\"eventVersion\"";

/// The text is not, or not wholly, as CloudTrail writes it: nothing was concluded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotNative;

/// What of a scanner's belongings a pass uses, and the file's tally.
pub(super) struct Tools<'a> {
    pub(super) reader: &'a mut RecordReader,
    pub(super) tally: &'a mut Tally,
}

/// What was wanted of a text.
#[derive(Default)]
pub(super) struct Wanted<'t> {
    pub(super) records: Vec<EventRef<'t>>,
    pub(super) changes: Vec<ChangeRef<'t>>,
}

/// Looks through `text` for what is wanted.
///
/// On `NotNative` the tally may hold something of the text and is to be taken back.
pub(super) fn scan<'t>(
    text: &'t [u8],
    query: &Compiled<'_>,
    tools: Tools<'_>,
) -> Result<Wanted<'t>, NotNative> {
    if !text.starts_with(WRAPPER) {
        return Err(NotNative);
    }
    let Tools { reader, tally } = tools;
    let mut pass = Pass {
        text,
        query,
        reader,
        tally,
        wanted: Wanted::default(),
        start: None,
        marks: Marks::default(),
        objects: None,
        outcome: Ok(()),
    };
    for_each_mark(text, |at| {
        let outcome = pass.mark(at);
        pass.outcome = outcome;
        pass.outcome.is_ok()
    });
    std::mem::replace(&mut pass.outcome, Ok(()))?;
    pass.end()
}

/// What the marks of a record told so far.
#[derive(Clone, Copy, Default)]
struct Marks {
    /// Where its first error code begins, which may be a nested one.
    failed: Option<usize>,
    /// It holds one that a denial may have.
    denied: bool,
    /// It holds a time.
    timed: bool,
    /// Its time is where a record's is; else it may be none.
    placed: bool,
    /// Why it may belong to a history that is wanted.
    history: Option<History>,
}

/// Why a record may belong to a history.
#[derive(Clone, Copy)]
enum History {
    /// By its name it concerns a role, which it then names.
    OfRole,
    /// By its name it is a change of something else; where its time begins.
    Change(usize),
    /// What is not as usual decides nothing.
    Unclear,
}

struct Pass<'t, 'a, 'q> {
    text: &'t [u8],
    query: &'a Compiled<'q>,
    reader: &'a mut RecordReader,
    tally: &'a mut Tally,
    wanted: Wanted<'t>,
    /// Where the record at hand begins.
    start: Option<usize>,
    /// What is known of it.
    marks: Marks,
    /// Its event's name, where it is of S3 and no call on an object was seen so far.
    objects: Option<&'t [u8]>,
    outcome: Result<(), NotNative>,
}

impl<'t> Pass<'t, '_, '_> {
    /// Looks at the pair at `at`: which of the keys it stands for, if any.
    #[inline]
    fn mark(&mut self, at: usize) -> Result<(), NotNative> {
        match (self.text[at], self.text[at + 1]) {
            (b't', _) => self.record(at),
            (b'T', _) => {
                self.time_and_name(at);
                Ok(())
            }
            (b'r', _) => match after(self.text, at, 5, b"\"errorCode\"") {
                Some(rest) => self.error_code(rest),
                None => Ok(()),
            },
            // Zeros in place of what was written: nobody can say what it was.
            (0, _) => Err(NotNative),
            // A letter or dot written as an escape may stand in a key or a code.
            (_, b'u') => match self.text.get(at + 2..at + 6) {
                Some([b'0', b'0', b'4'..=b'7', _] | [b'0', b'0', b'2', b'e' | b'E']) => Err(NotNative),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn record(&mut self, at: usize) -> Result<(), NotNative> {
        if after(self.text, at, 6, RECORD).is_none() {
            return Ok(());
        }
        let start = at - 6;
        if self.start.is_some() && !ends_a_record(&self.text[..start]) {
            return Err(NotNative);
        }
        match self.start {
            Some(_) => self.close(start)?,
            // Between the wrapper and the first record there is nothing.
            None if self.marks.denied || !is_joint(&self.text[..start]) => return Err(NotNative),
            None => {}
        }
        self.start = Some(start);
        self.tally.coverage.records += 1;
        Ok(())
    }

    #[inline(never)]
    fn error_code(&mut self, rest: &[u8]) -> Result<(), NotNative> {
        let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else { return Ok(()) };
        let Some(value) = value.trim_ascii_start().strip_prefix(b"\"") else { return Ok(()) };
        let code = memchr::memchr(b'"', &value[..value.len().min(200)]).map(|end| &value[..end]);
        let Some(code) = code else { return Err(NotNative) };
        if code.contains(&b'\\') {
            return Err(NotNative);
        }
        self.marks.failed.get_or_insert(self.text.len() - rest.len());
        self.marks.denied |= may_be_denial(code);
        Ok(())
    }

    /// `"eventTime":"…Z","eventSource":"…","eventName":"…"`: CloudTrail writes the three in a row.
    fn time_and_name(&mut self, at: usize) {
        let Some(time) = after(self.text, at, 6, b"\"eventTime\":\"") else { return };
        self.tally.see_time(time);
        let source = source_after_time(&time[..time.len().min(200)]);
        self.marks.placed = source.is_some();
        let may_be_object = !self.query.knows_objects(&self.tally.coverage)
            && source.is_some_and(|source| source.starts_with(b"s3.amazonaws.com\""));
        if !may_be_object && !self.query.wants_history() {
            return;
        }
        let called = source.and_then(source_and_name);
        if may_be_object {
            self.objects = called.map(|(_, name)| name);
        }
        if self.query.wants_history() {
            let (before, again) = (self.marks.history, std::mem::replace(&mut self.marks.timed, true));
            self.marks.history = match (called, before) {
                (Some((_, name)), Some(History::Change(_))) if !may_matter(name) => Some(History::Unclear),
                (Some((_, name)), before) if !may_matter(name) => before,
                (Some((_, name)), None | Some(History::OfRole)) if is_about_a_role(name) => {
                    Some(History::OfRole)
                }
                (Some(_), None) if !again => Some(History::Change(self.text.len() - time.len())),
                // Out of its place, or one of several, the name decides nothing.
                _ => Some(History::Unclear),
            };
        }
    }

    /// Notes whether the record at hand, which is of S3 and ends before `end`, is a call on an object.
    #[inline(never)]
    fn see_category(&mut self, end: usize) {
        let record = &self.text[self.start.unwrap_or(end)..end];
        let is_one = |name| is_object_call(b"s3.amazonaws.com", name, category_at_end(record));
        if self.objects.take().is_some_and(is_one) {
            let coverage = &mut self.tally.coverage;
            coverage.data_events = true;
            coverage.bucket_seen = coverage.bucket_seen || self.query.is_of_bucket(record);
        }
    }

    /// Settles the record at hand, which ends before `end`.
    #[inline]
    fn close(&mut self, end: usize) -> Result<(), NotNative> {
        if self.objects.is_some() {
            self.see_category(end);
        }
        // A file that is named as AWS names it is of one account and region.
        if !self.tally.placed {
            self.see_place(end);
        }
        let marks = std::mem::take(&mut self.marks);
        if marks.denied || marks.history.is_some() || !marks.placed { self.look(end, marks) } else { Ok(()) }
    }

    #[inline(never)]
    fn see_place(&mut self, end: usize) {
        self.tally.see_place(&self.text[self.start.unwrap_or(end)..end]);
    }

    #[inline(never)]
    fn look(
        &mut self,
        end: usize,
        Marks { failed, denied, history, placed, .. }: Marks,
    ) -> Result<(), NotNative> {
        let Some(start) = self.start else { return Err(NotNative) };
        let slice = &self.text[start..end];
        let denied = denied && self.query.may_be_denial(slice);
        match history {
            Some(History::OfRole) if !denied && !self.query.may_name_role(slice) => Ok(()),
            Some(History::Change(time))
                if failed.is_some_and(|code| self.is_one_row(time, code)) && !denied =>
            {
                Ok(())
            }
            Some(History::Change(time)) if failed.is_none() => match change(slice, &self.text[time..end]) {
                Some(change) => {
                    self.wanted
                        .changes
                        .extend(Some(change).filter(|change| self.query.accepts_change(change)));
                    Ok(())
                }
                None => self.read(slice),
            },
            None if !denied && placed => Ok(()),
            _ => self.read(slice),
        }
    }

    /// Whether no object begins between a record's time and its error code, so that both are its own.
    fn is_one_row(&self, time: usize, code: usize) -> bool {
        self.text.get(time..code).is_some_and(|row| memchr::memchr(b'{', row).is_none())
    }

    /// Reads a record that may be wanted; what follows it must be nothing but what joins records.
    fn read(&mut self, slice: &'t [u8]) -> Result<(), NotNative> {
        let (record, end) = self.reader.read(slice).map_err(|_| NotNative)?;
        // What is no record after all, such as an insight, is counted otherwise.
        let Some(record) = record.filter(|_| is_joint(&slice[end..])) else { return Err(NotNative) };
        self.wanted.records.extend(Some(record).filter(|record| self.query.accepts(record)));
        Ok(())
    }

    /// Settles the last record and looks at how the text ends.
    fn end(mut self) -> Result<Wanted<'t>, NotNative> {
        let text = self.text;
        match self.start {
            Some(_) => {
                if !text.trim_ascii_end().ends_with(b"]}") {
                    return Err(NotNative);
                }
                self.close(text.len())?;
            }
            None if !is_joint(text) => return Err(NotNative),
            None => self.tally.carrier = true,
        }
        Ok(self.wanted)
    }
}

/// What follows `"eventSource":"`, given what follows `"eventTime":"`.
#[inline]
fn source_after_time(row: &[u8]) -> Option<&[u8]> {
    after(row.get(20..)?, 0, 0, b"\",\"eventSource\":\"")
}

/// The event's source and name, given what follows `"eventSource":"`.
fn source_and_name(source: &[u8]) -> Option<(&[u8], &[u8])> {
    let (source, after) = source.split_at(memchr::memchr(b'"', source)?);
    let name = after.strip_prefix(b"\",\"eventName\":\"")?;
    Some((source, &name[..memchr::memchr(b'"', name)?]))
}

/// The change that a record without an error code is, of which `row` is all from its time on; none where
/// something is not in its usual place or needs mending.
fn change<'t>(record: &'t [u8], row: &'t [u8]) -> Option<ChangeRef<'t>> {
    let text = |bytes: &'t [u8]| std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\\'));
    let value = |bytes: &'t [u8]| text(&bytes[..memchr::memchr(b'"', bytes)?]);
    let (source, name) = source_and_name(source_after_time(row)?)?;
    // These are among the last members of a record.
    let event_id = value(last(record, b'D', 7, b"\"eventID\":\"")?)?;
    let account = value(last(record, b'A', 10, b"\"recipientAccountId\":\"")?)?;
    Some(ChangeRef {
        event_id,
        event_time: Some(value(row)?.parse().ok()?),
        kind: kind_of_call(text(source)?, text(name)?)?,
        account: Some(account),
        text: std::str::from_utf8(record).ok()?,
    })
}

/// The category of the record that ends with `text`, which is among the last members of a record.
fn category_at_end(text: &[u8]) -> Option<&[u8]> {
    let tail = &text[text.len().saturating_sub(400)..];
    let value = last(tail, b'C', 6, b"\"eventCategory\":\"")?;
    Some(&value[..memchr::memchr(b'"', value)?])
}

/// What follows the last `key` in `text`; its byte number `back` is `letter`, which is rare.
fn last<'t, const LEN: usize>(text: &'t [u8], letter: u8, back: usize, key: &[u8; LEN]) -> Option<&'t [u8]> {
    memchr::memrchr_iter(letter, text).find_map(|at| after(text, at, back, key))
}

/// What follows `key`, if `key` stands in `text` with its byte number `back` at `at`.
///
/// Keys have their length in their type, so that they are compared in a few instructions and without a call.
#[inline]
fn after<'t, const LEN: usize>(text: &'t [u8], at: usize, back: usize, key: &[u8; LEN]) -> Option<&'t [u8]> {
    let (front, rest) = text.get(at.checked_sub(back)?..)?.split_first_chunk::<LEN>()?;
    (front == key).then_some(rest)
}

/// Whether a text ends with a whole record and what may stand between it and the next one. A record that was cut
/// off, or that nothing parts from the next, is damage, whether or not anybody wants to read it.
#[inline]
fn ends_a_record(text: &[u8]) -> bool {
    let next_document = || {
        let before = text.strip_suffix(WRAPPER)?.trim_ascii_end().strip_suffix(b"]}")?;
        Some(before.trim_ascii_end().ends_with(b"}"))
    };
    text.ends_with(b"},") || next_document() == Some(true)
}

/// Whether a text is nothing but what may stand between two records: a comma, or the end of one
/// document and the beginning of the next.
fn is_joint(text: &[u8]) -> bool {
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        let next = [&b","[..], b"]}", WRAPPER].iter().find_map(|part| rest.strip_prefix(*part));
        match next {
            Some(after) => rest = after.trim_ascii_start(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::*;
    use crate::model::Arn;
    use crate::trail::{Event, change_kind};

    const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";

    fn record(id: &str, code: &str) -> String {
        format!(
            r#"{{"eventVersion":"1.09","userIdentity":{{"type":"AssumedRole","sessionContext":{{"sessionIssuer":{{"type":"Role","arn":"{ROLE}"}}}}}},"eventTime":"2026-03-02T00:00:00Z","eventSource":"s3.amazonaws.com","eventName":"PutObject","awsRegion":"eu-west-1",{code}"eventID":"{id}","recipientAccountId":"111122223333","eventCategory":"Data"}}"#
        )
    }

    const DENIED: &str = r#""errorCode":"AccessDenied","#;

    fn scan_text(text: &str) -> Option<(Vec<String>, Tally)> {
        let query = Query { role: Some(ROLE.parse::<Arn>().unwrap()), ..Query::default() };
        let mut tally = Tally::default();
        let tools = Tools { reader: &mut RecordReader::default(), tally: &mut tally };
        let found = scan(text.as_bytes(), &Compiled::new(&query), tools).ok()?.records;
        Some((found.into_iter().map(|record| record.event_id.into_owned()).collect(), tally))
    }

    #[test]
    fn native_text_gives_its_denials_and_what_was_seen() {
        let text = format!(
            r#"{{"Records":[{},{},{}]}}"#,
            record("1", ""),
            record("2", DENIED),
            record("3", r#""errorCode":"Throttling","#)
        );
        let (ids, tally) = scan_text(&text).unwrap();
        assert_eq!(ids, ["2"]);
        assert_eq!(tally.coverage.records, 3);
        assert!(tally.coverage.data_events);
        assert!(tally.coverage.regions.contains("eu-west-1"));
        assert!(tally.coverage.accounts.contains("111122223333"));
    }

    #[test]
    fn a_change_tells_what_its_record_does_without_being_read() {
        let query = Query { history: Some(ROLE.parse().unwrap()), ..Query::default() };
        let (mut told, mut all) = (0, 0);
        for line in include_str!("../../../../tests/data/cloudtrail/events.jsonl").lines() {
            let event = Event::from_text(line).unwrap();
            // A real record, under a change's name.
            let called =
                |source: &str, name: &str| format!(r#""eventSource":"{source}","eventName":"{name}""#);
            let named = called(&event.event_source, &event.event_name);
            let line = line.replace(&named, &called("s3.amazonaws.com", "PutBucketPolicy"));
            let event = Event::from_text(&line).unwrap();
            let Some(kind) = change_kind(&event) else { continue };
            all += 1;
            let text = format!(r#"{{"Records":[{line},{}]}}"#, record("2", ""));
            let tools = Tools { reader: &mut RecordReader::default(), tally: &mut Tally::default() };
            let wanted = scan(text.as_bytes(), &Compiled::new(&query), tools).unwrap();
            let records = wanted.records.iter().map(|record| record.to_event().unwrap());
            let mut found: Vec<_> = records.collect();
            for change in &wanted.changes {
                told += 1;
                assert_eq!((change.event_id, change.event_time), (event.event_id.as_str(), event.event_time));
                assert_eq!((change.account, change.kind), (event.recipient_account.as_deref(), kind));
                found.extend(Event::from_text(change.text));
            }
            assert_eq!(found, [event]);
        }
        assert!(told > 10 && told * 10 > all * 9, "{told} of {all}");
    }

    #[test]
    fn two_records_that_look_like_one_are_no_change() {
        let query = Query { history: Some(ROLE.parse().unwrap()), ..Query::default() };
        let change = record("1", "").replace("PutObject", "PutBucketPolicy");
        let shuffled = record("2", "").replacen("{\"eventVersion\":\"1.09\",", "{", 1);
        for (first, second) in [
            (&change, &shuffled),
            (&record("1", ""), &change.replacen("{\"eventVersion\":\"1.09\",", "{", 1)),
        ] {
            let text = format!(r#"{{"Records":[{first},{second}]}}"#);
            let tools = Tools { reader: &mut RecordReader::default(), tally: &mut Tally::default() };
            assert!(scan(text.as_bytes(), &Compiled::new(&query), tools).is_err(), "{text}");
        }
    }

    #[test]
    fn white_space_around_the_code_is_no_obstacle() {
        let text =
            format!(r#"{{"Records":[{}]}}"#, record("1", "\"errorCode\"\r\n\t:\r\n\t\"AccessDenied\","));
        assert_eq!(scan_text(&text).unwrap().0, ["1"]);
    }

    #[test]
    fn a_nested_error_code_is_not_the_records_own() {
        let nested = r#""requestParameters":{"evaluations":[{"errorCode":"AccessDenied"}]},"#;
        let text = format!(r#"{{"Records":[{},{}]}}"#, record("1", nested), record("2", ""));
        assert_eq!(scan_text(&text).unwrap().0, Vec::<String>::new());
    }

    #[test]
    fn concatenated_documents_are_native_still() {
        let text =
            format!("{{\"Records\":[{}]}}\n{{\"Records\":[{}]}}", record("1", DENIED), record("2", DENIED));
        assert_eq!(scan_text(&text).unwrap().0, ["1", "2"]);
        assert_eq!(scan_text("{\"Records\":[]}").unwrap().0, Vec::<String>::new());
    }

    #[test]
    fn whatever_is_not_native_where_it_matters_is_left_to_the_slow_way() {
        let good = record("1", DENIED);
        let shuffled = good.replacen("{\"eventVersion\":\"1.09\",", "{", 1);
        for text in [
            format!("[{good}]"),
            format!("{{\"Records\": [{good}]}}"),
            format!("{{\"Records\":[{shuffled}]}}"),
            format!("{{\"Records\":[{good},{shuffled}]}}"),
            format!("{{\"Records\":[{shuffled},{good}]}}"),
            format!("{{\"Records\":[{good}"),
            format!("{{\"Records\":[{},{good}]}}", record("2", "").trim_end_matches('}')),
            format!("{{\"Records\":[{}{good}]}}", record("2", "")),
            format!("{{\"Records\":[{}]}}{{\"Records\":[{good}]}}", record("2", "").trim_end_matches('}')),
            format!("{{\"Records\":[{}]}}", good.replace("errorCode", "\\u0065rrorCode")),
            format!("{{\"Records\":[{}]}}", good.replace("\"AccessDenied\"", "\"Access\\u0044enied\"")),
            format!("{{\"Records\":[{}]}}", good.replace("\"eventID\"", ",\"eventID\"")),
        ] {
            assert!(scan_text(&text).is_none(), "{text}");
        }
    }
}
