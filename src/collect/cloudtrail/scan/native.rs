//! The fast way: text as CloudTrail itself writes it, looked at in one pass.
//!
//! Native text begins with `{"Records":[`, and each record with `{"eventVersion"`. The pass notes
//! where records begin and whether one holds a denial's error code; only such a record is parsed.
//! Whatever does not look native in a place that matters sends the whole text the slow way, so
//! that speed never costs an answer.

use serde_json::Value;

use super::marks::for_each_mark;
use super::query::Compiled;
use super::tally::Tally;
use crate::denial::is_denial_code;
use crate::trail::{Event, may_matter};

const WRAPPER: &[u8] = b"{\"Records\":[";
const RECORD: &[u8] = b"{\"eventVersion\"";

/// The text is not, or not wholly, as CloudTrail writes it: nothing was concluded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotNative;

/// Looks through `text` and adds what is wanted to `found`, what was seen to `tally`.
///
/// On `NotNative`, `found` and `tally` may hold something of the text and are to be taken back.
pub(super) fn scan(
    text: &[u8],
    query: &Compiled<'_>,
    found: &mut Vec<Event>,
    tally: &mut Tally,
) -> Result<(), NotNative> {
    if !text.starts_with(WRAPPER) {
        return Err(NotNative);
    }
    let mut pass =
        Pass { text, query, found, tally, start: None, denied: false, change: None, outcome: Ok(()) };
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
    Assumption,
    Change,
}

struct Pass<'a, 'q> {
    text: &'a [u8],
    query: &'a Compiled<'q>,
    found: &'a mut Vec<Event>,
    tally: &'a mut Tally,
    /// Where the record at hand begins.
    start: Option<usize>,
    /// It holds an error code of a denial, maybe nested.
    denied: bool,
    change: Option<Named>,
    outcome: Result<(), NotNative>,
}

impl Pass<'_, '_> {
    /// Looks at the pair at `at`: which of the keys it stands for, if any.
    fn mark(&mut self, at: usize) -> Result<(), NotNative> {
        match (self.text[at], self.text[at + 1]) {
            (b't', b'V') => self.record(at),
            (b'T', _) => {
                if let Some(value) = after(self.text, at, 6, b"\"eventTime\":\"") {
                    self.tally.see_time(value);
                }
                Ok(())
            }
            (b'r', _) => self.error_code(at),
            (b't', b'C') => {
                if let Some(value) = after(self.text, at, 5, b"\"eventCategory\":\"") {
                    self.tally.coverage.data_events |= value.starts_with(b"Data\"");
                }
                Ok(())
            }
            (b't', _) => {
                if self.query.wants_history() {
                    self.event_name(at);
                }
                Ok(())
            }
            // A letter or dot written as an escape may stand in a key or a code.
            _ => match self.text.get(at + 2..at + 6) {
                Some([b'0', b'0', b'4'..=b'7', _] | [b'0', b'0', b'2', b'e' | b'E']) => Err(NotNative),
                _ => Ok(()),
            },
        }
    }

    fn record(&mut self, at: usize) -> Result<(), NotNative> {
        let start = at.wrapping_sub(6);
        if at < 6 || !self.text[start..].starts_with(RECORD) {
            return Ok(());
        }
        match self.start {
            Some(_) => self.close(start)?,
            // Between the wrapper and the first record there is nothing.
            None if self.denied || !is_joint(&self.text[..start]) => return Err(NotNative),
            None => {}
        }
        self.start = Some(start);
        self.tally.coverage.records += 1;
        Ok(())
    }

    fn error_code(&mut self, at: usize) -> Result<(), NotNative> {
        let Some(after) = after(self.text, at, 5, b"\"errorCode\"") else { return Ok(()) };
        let Some(value) = after.trim_ascii_start().strip_prefix(b":") else { return Ok(()) };
        let Some(value) = value.trim_ascii_start().strip_prefix(b"\"") else { return Ok(()) };
        let code = memchr::memchr(b'"', &value[..value.len().min(200)]).map(|end| &value[..end]);
        let Some(code) = code else { return Err(NotNative) };
        if code.contains(&b'\\') {
            return Err(NotNative);
        }
        self.denied |= std::str::from_utf8(code).is_ok_and(is_denial_code);
        Ok(())
    }

    fn event_name(&mut self, at: usize) {
        let Some(value) = after(self.text, at, 5, b"\"eventName\":\"") else { return };
        let value = &value[..value.len().min(64)];
        let Some(name) = memchr::memchr(b'"', value).map(|end| &value[..end]) else { return };
        if may_matter(name) {
            let assumption = name.starts_with(b"Assume");
            self.change = Some(if assumption { Named::Assumption } else { Named::Change });
        }
    }

    /// Settles the record at hand, which ends before `end`.
    fn close(&mut self, end: usize) -> Result<(), NotNative> {
        let change = self.change.take();
        let denied = std::mem::take(&mut self.denied);
        if !denied && change.is_none() {
            return Ok(());
        }
        let Some(start) = self.start else { return Err(NotNative) };
        let slice = &self.text[start..end];
        let wanted = denied && self.query.may_be_denial(slice)
            || match change {
                Some(Named::Assumption) => self.query.may_be_assumption(slice),
                Some(Named::Change) => true,
                None => false,
            };
        if wanted { self.parse(slice) } else { Ok(()) }
    }

    /// Parses a record; what follows it must be nothing but what joins records.
    fn parse(&mut self, slice: &[u8]) -> Result<(), NotNative> {
        let mut values = serde_json::Deserializer::from_slice(slice).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else { return Err(NotNative) };
        if !is_joint(&slice[values.byte_offset()..]) {
            return Err(NotNative);
        }
        if let Some(event) = Event::from_value(&value)
            && self.query.accepts(&event)
        {
            self.found.push(event);
        }
        Ok(())
    }

    /// Settles the last record and looks at how the text ends.
    fn end(mut self) -> Result<(), NotNative> {
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
        if let Some(first) = self.start {
            self.tally.see_place(&text[first..]);
        }
        Ok(())
    }
}

/// What follows `key`, if `key` stands in `text` with its byte number `back` at `at`.
fn after<'t>(text: &'t [u8], at: usize, back: usize, key: &[u8]) -> Option<&'t [u8]> {
    text.get(at.checked_sub(back)?..)?.strip_prefix(key)
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
        let (mut found, mut tally) = (Vec::new(), Tally::default());
        scan(text.as_bytes(), &Compiled::new(&query), &mut found, &mut tally).ok()?;
        Some((found.into_iter().map(|event| event.event_id).collect(), tally))
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
            format!("{{\"Records\":[{}]}}", good.replace("errorCode", "\\u0065rrorCode")),
            format!("{{\"Records\":[{}]}}", good.replace("\"AccessDenied\"", "\"Access\\u0044enied\"")),
            format!("{{\"Records\":[{}]}}", good.replace("\"eventID\"", ",\"eventID\"")),
        ] {
            assert!(scan_text(&text).is_none(), "{text}");
        }
    }
}
