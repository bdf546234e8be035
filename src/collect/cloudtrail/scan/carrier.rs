//! From JSON values to records, whatever they are wrapped in.
//!
//! CloudTrail writes `{"Records": […]}`; `lookup-events` answers `{"Events": [{"CloudTrailEvent":
//! "…"}]}`, and with `--query` an array of strings; EventBridge puts the record into `detail`,
//! CloudWatch Logs into `message`, its queries into `value`, Elasticsearch into `_source`, Splunk
//! into `_raw`; exports are bare arrays or lines. So every member that may hold a record is looked
//! into, be it JSON within a string.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::trail::Event;

/// Wrappers within wrappers that are looked into: a record in a string in an array in an object.
const DEPTH: u8 = 10;

/// What was in a value besides records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Records.
    pub(super) records: u64,
    /// There was a place for records, if no record: `{"Records": []}`.
    pub(super) carrier: bool,
    /// CloudTrail's digests of its files.
    pub(super) digests: u64,
    /// CloudTrail's insights.
    pub(super) insights: u64,
    /// Strings that were to hold a record and cannot be read.
    pub(super) unreadable: u64,
}

/// Calls `found` with every record in `value`.
pub(super) fn for_each_record(value: &Value, found: &mut impl FnMut(Event)) -> Seen {
    let mut seen = Seen::default();
    look_into(value, DEPTH, &mut seen, found);
    seen
}

fn look_into(value: &Value, depth: u8, seen: &mut Seen, found: &mut impl FnMut(Event)) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| look_into(item, depth - 1, seen, found)),
        Value::String(text) => look_into_text(text, depth, seen, found),
        Value::Object(map) if map.contains_key("insightDetails") => seen.insights += 1,
        Value::Object(map) if map.contains_key("logFiles") && map.contains_key("digestEndTime") => {
            seen.digests += 1;
        }
        Value::Object(map) => match Event::from_value(value) {
            // Splunk puts fields of its own beside the record.
            Some(_) if map.get("_raw").is_some_and(Value::is_string) => {
                look_into_members(map, depth, seen, found);
            }
            Some(event) => {
                seen.records += 1;
                found(event);
            }
            None => look_into_members(map, depth, seen, found),
        },
        _ => {}
    }
}

fn look_into_members(map: &Map<String, Value>, depth: u8, seen: &mut Seen, found: &mut impl FnMut(Event)) {
    for (key, member) in map {
        let places = ["Records", "Events", "records", "events", "logEvents"];
        seen.carrier |= places.contains(&key.as_str()) && member.as_array().is_some_and(Vec::is_empty);
        look_into(member, depth - 1, seen, found);
    }
}

fn look_into_text(text: &str, depth: u8, seen: &mut Seen, found: &mut impl FnMut(Event)) {
    if !text.trim_start().starts_with(['{', '[']) {
        return;
    }
    match parse(text.as_bytes()) {
        Some(value) => look_into(&value, depth - 1, seen, found),
        None => seen.unreadable += u64::from(text.contains("\"eventVersion\"")),
    }
}

/// Reads one JSON value, mending what stricter readers reject: bytes that are not UTF-8, raw
/// control characters in strings, and halves of surrogate pairs. None when it is not JSON even so.
pub(in crate::collect::cloudtrail) fn parse(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok().or_else(|| {
        // Zeros stand where something was lost, and no mending brings it back.
        if bytes.contains(&0) {
            return None;
        }
        let text = String::from_utf8_lossy(bytes);
        serde_json::from_str(&mended(&text)).ok()
    })
}

/// Escapes `\ud800` to `\udfff` without their other half become the replacement character, raw
/// control characters become spaces.
fn mended(text: &str) -> Cow<'_, str> {
    let control = text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t'));
    let spaced: Cow<'_, str> = if control || text.contains(['\n', '\t', '\r']) {
        Cow::Owned(text.chars().map(|letter| if letter < ' ' { ' ' } else { letter }).collect())
    } else {
        Cow::Borrowed(text)
    };
    if !spaced.contains("\\ud") && !spaced.contains("\\uD") {
        return spaced;
    }
    let mut out = String::with_capacity(spaced.len());
    let mut rest = &*spaced;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let taken = match (surrogate(escape), escape.get(6..).and_then(surrogate)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(_), _) => {
                out.push_str("\\ufffd");
                rest = &escape[6..];
                continue;
            }
            // Two bytes, so that an escaped backslash hides what follows it.
            _ => escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end),
        };
        out.push_str(&escape[..taken]);
        rest = &escape[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The code of a `\uXXXX` at the front, if it is half of a pair.
fn surrogate(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    let code = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ids(value: &Value) -> Vec<String> {
        let mut ids = Vec::new();
        for_each_record(value, &mut |event| ids.push(event.event_id));
        ids
    }

    fn record(id: &str) -> Value {
        json!({"eventID": id, "eventSource": "s3.amazonaws.com", "eventName": "x",
            "resources": [{"eventSource": "a", "eventName": "b"}]})
    }

    #[test]
    fn records_are_found_in_every_carrier() {
        for value in [
            json!({"Records": [record("1")]}),
            json!([record("1")]),
            record("1"),
            json!({"Events": [{"EventId": "1", "CloudTrailEvent": record("1").to_string()}], "NextToken": "x"}),
            json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": record("1")}),
            json!({"logEvents": [{"id": "1", "message": record("1").to_string()}]}),
            json!([record("1").to_string()]),
            json!({"results": [[{"field": "@message", "value": record("1").to_string()}]]}),
            json!({"hits": {"hits": [{"_source": record("1")}]}}),
            json!({"preview": false, "result": {"_raw": record("1").to_string()}}),
            json!({"result": {"_raw": record("1").to_string(), "eventSource": "s3.amazonaws.com", "eventName": "x"}}),
            json!({"Message": json!({"detail": record("1")}).to_string()}),
        ] {
            assert_eq!(ids(&value), ["1"], "{value}");
        }
    }

    #[test]
    fn digests_and_insights_hold_none() {
        let insight = json!({"Records": [{"eventID": "1", "insightDetails": {"eventSource": "a", "eventName": "b", "errorCode": "AccessDenied"}}]});
        assert_eq!(ids(&insight), Vec::<String>::new());
        let digest = json!({"awsAccountId": "1", "digestEndTime": "2026-03-02T01:00:00Z", "logFiles": []});
        assert_eq!(ids(&digest), Vec::<String>::new());
        let seen = for_each_record(&json!([insight, digest]), &mut |_| {});
        assert_eq!(seen, Seen { digests: 1, insights: 1, ..Seen::default() });
    }

    #[test]
    fn a_text_that_was_a_record_and_cannot_be_read_is_counted() {
        let broken = r#"{"eventVersion":"1.09","#;
        for value in [json!({"Events": [{"CloudTrailEvent": broken}]}), json!([broken])] {
            assert_eq!(for_each_record(&value, &mut |_| {}).unreadable, 1, "{value}");
        }
        assert_eq!(for_each_record(&json!({"message": "{not JSON}"}), &mut |_| {}).unreadable, 0);
    }

    #[test]
    fn a_record_within_a_record_s_parameters_is_no_event() {
        let mut outer = record("1");
        outer["requestParameters"] = json!({"body": record("2").to_string(), "Records": [record("3")]});
        assert_eq!(ids(&json!({"Records": [outer]})), ["1"]);
    }

    #[test]
    fn what_strict_readers_reject_is_mended() {
        for (bytes, text) in [
            (&b"\"a\xff\xfe\""[..], "a\u{fffd}\u{fffd}"),
            (br#""\ud83d""#, "\u{fffd}"),
            (br#""\ud83dx\ude00""#, "\u{fffd}x\u{fffd}"),
            (br#""\ud83d\ude00 \ud83d""#, "\u{1f600} \u{fffd}"),
            (br#""\\ud83d \ud83d""#, "\\ud83d \u{fffd}"),
            (b"\"a\nb\x01c\"", "a b c"),
        ] {
            assert_eq!(parse(bytes), Some(json!(text)));
        }
        assert_eq!(parse(b"{\"a\""), None);
        assert_eq!(parse(b"{\"errorCode\":\"Acc\0\0\0\0nied\"}"), None);
    }
}
