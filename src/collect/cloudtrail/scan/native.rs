//! The fast way: text as CloudTrail itself writes it, looked at in one pass.
//!
//! Native text begins with `{"Records":[`, and each record with `{"eventVersion"`. The pass notes
//! where records begin and whether one holds a denial's error code; only such a record is parsed.
//! Whatever does not look native in a place that matters sends the whole text the slow way, so
//! that speed never costs an answer.

use super::marks::for_each_mark;
use super::query::Compiled;
use super::tally::Tally;
use crate::denial::is_denial_bytes;
use crate::trail::{EventRef, RecordReader, may_matter};

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

/// Looks through `text` for what is wanted.
///
/// On `NotNative` the tally may hold something of the text and is to be taken back.
pub(super) fn scan<'t>(
    text: &'t [u8],
    query: &Compiled<'_>,
    tools: Tools<'_>,
) -> Result<Vec<EventRef<'t>>, NotNative> {
    if !text.starts_with(WRAPPER) {
        return Err(NotNative);
    }
    let Tools { reader, tally } = tools;
    let mut pass = Pass {
        text,
        query,
        reader,
        tally,
        found: Vec::new(),
        start: None,
        denied: false,
        change: None,
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

/// Of what kind the name of a record's event is, when a history is wanted.
#[derive(Clone, Copy)]
enum Named {
    /// It concerns a role, which the record names.
    OfRole,
    /// It may concern anything.
    Change,
}

impl Named {
    fn of(name: &[u8]) -> Self {
        let of_role = memchr::memmem::find(name, b"Role").is_some();
        if of_role { Self::OfRole } else { Self::Change }
    }
}

struct Pass<'t, 'a, 'q> {
    text: &'t [u8],
    query: &'a Compiled<'q>,
    reader: &'a mut RecordReader,
    tally: &'a mut Tally,
    found: Vec<EventRef<'t>>,
    /// Where the record at hand begins.
    start: Option<usize>,
    /// It holds an error code of a denial, maybe nested.
    denied: bool,
    change: Option<Named>,
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
            Some(_) if !self.denied && self.change.is_none() => {}
            Some(_) => self.close(start)?,
            // Between the wrapper and the first record there is nothing.
            None if self.denied || !is_joint(&self.text[..start]) => return Err(NotNative),
            None => {}
        }
        let records = self.tally.coverage.records;
        // Data events come in numbers: a look at some records finds them.
        if !self.tally.coverage.data_events && (records < 4 || records.is_multiple_of(32)) {
            self.tally.coverage.data_events = ends_as_data_event(&self.text[..start]);
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
        self.denied |= is_denial_bytes(code);
        Ok(())
    }

    /// `"eventTime":"…Z","eventSource":"…","eventName":"…"`: CloudTrail writes the three in a row.
    fn time_and_name(&mut self, at: usize) {
        let Some(time) = after(self.text, at, 6, b"\"eventTime\":\"") else { return };
        self.tally.see_time(time);
        if self.query.wants_history() {
            let row = &time[..time.len().min(200)];
            // Out of its place the name decides nothing: then the record is parsed.
            self.change = match name_after_time(row) {
                Some(name) if may_matter(name) => Some(Named::of(name)),
                Some(_) => self.change,
                None => Some(Named::Change),
            };
        }
    }

    /// Settles the record at hand, which ends before `end`.
    #[inline(never)]
    fn close(&mut self, end: usize) -> Result<(), NotNative> {
        let change = self.change.take();
        let denied = std::mem::take(&mut self.denied);
        if !denied && change.is_none() {
            return Ok(());
        }
        let Some(start) = self.start else { return Err(NotNative) };
        let slice = &self.text[start..end];
        let denied = denied && self.query.may_be_denial(slice);
        match change {
            Some(Named::OfRole) if !denied && !self.query.may_name_role(slice) => Ok(()),
            None if !denied => Ok(()),
            _ => self.read(slice),
        }
    }

    /// Reads a record that may be wanted; what follows it must be nothing but what joins records.
    fn read(&mut self, slice: &'t [u8]) -> Result<(), NotNative> {
        let (record, end) = self.reader.read(slice).map_err(|_| NotNative)?;
        if !is_joint(&slice[end..]) {
            return Err(NotNative);
        }
        self.found.extend(record.filter(|record| self.query.accepts(record)));
        Ok(())
    }

    /// Settles the last record and looks at how the text ends.
    fn end(mut self) -> Result<Vec<EventRef<'t>>, NotNative> {
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
        if let Some(last) = self.start {
            self.tally.see_place(&text[last..]);
            self.tally.coverage.data_events |= ends_as_data_event(text);
        }
        Ok(self.found)
    }
}

/// The event's name, given what follows `"eventTime":"`.
fn name_after_time(row: &[u8]) -> Option<&[u8]> {
    let source = row.get(20..)?.strip_prefix(b"\",\"eventSource\":\"")?;
    let (_, after) = source.split_at(memchr::memchr(b'"', source)?);
    let name = after.strip_prefix(b"\",\"eventName\":\"")?;
    Some(&name[..memchr::memchr(b'"', name)?])
}

/// Whether the record that ends with `text` is of category `Data`; the category is among the last
/// members of a record.
fn ends_as_data_event(text: &[u8]) -> bool {
    let tail = &text[text.len().saturating_sub(400)..];
    let category = |at: usize| after(tail, at, 6, b"\"eventCategory\":\"");
    memchr::memrchr_iter(b'C', tail).find_map(category).is_some_and(|value| value.starts_with(b"Data\""))
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
        let found = scan(text.as_bytes(), &Compiled::new(&query), tools).ok()?;
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
