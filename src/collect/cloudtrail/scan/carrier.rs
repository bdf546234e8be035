//! From JSON values to records, whatever they are wrapped in.
//!
//! CloudTrail writes `{"Records": […]}`; `lookup-events` answers `{"Events": [{"CloudTrailEvent":
//! "…"}]}`, EventBridge puts the record into `detail`, CloudWatch Logs into `message`; exports
//! are bare arrays or lines.

use std::borrow::Cow;

use serde_json::Value;

use crate::trail::Event;

/// Wrappers within wrappers that are looked into: a record in a string in an array in an object.
const DEPTH: u8 = 6;

/// Calls `found` with every record in `value`; tells whether there was any record or a place for
/// one (`{"Records": []}`).
pub(super) fn for_each_record(value: &Value, found: &mut impl FnMut(Event)) -> bool {
    look_into(value, DEPTH, found)
}

fn look_into(value: &Value, depth: u8, found: &mut impl FnMut(Event)) -> bool {
    if depth == 0 {
        return false;
    }
    match value {
        Value::Array(items) => items.iter().fold(false, |any, item| look_into(item, depth - 1, found) | any),
        Value::Object(map) => {
            if let Some(event) = Event::from_value(value) {
                found(event);
                return true;
            }
            if map.contains_key("insightDetails") {
                return false;
            }
            let mut any = false;
            for (key, member) in map {
                any |= match member {
                    Value::Array(items) if items.is_empty() => key == "Records" || key == "Events",
                    Value::Array(_) => look_into(member, depth - 1, found),
                    Value::Object(_) if key == "detail" => look_into(member, depth - 1, found),
                    Value::String(text) if key == "CloudTrailEvent" || key == "message" => {
                        look_into_text(text, depth - 1, found)
                    }
                    _ => false,
                };
            }
            any
        }
        _ => false,
    }
}

fn look_into_text(text: &str, depth: u8, found: &mut impl FnMut(Event)) -> bool {
    text.trim_start().starts_with('{')
        && parse(text.as_bytes()).is_some_and(|value| look_into(&value, depth, found))
}

/// Reads one JSON value, mending what stricter readers reject: bytes that are not UTF-8, raw
/// control characters in strings, and halves of surrogate pairs. None when it is not JSON even so.
pub(super) fn parse(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok().or_else(|| {
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
        ] {
            assert_eq!(ids(&value), ["1"], "{value}");
        }
    }

    #[test]
    fn digests_and_insights_hold_none() {
        let insight = json!({"Records": [{"eventID": "1", "insightDetails": {"eventSource": "a", "eventName": "b", "errorCode": "AccessDenied"}}]});
        assert_eq!(ids(&insight), Vec::<String>::new());
        assert_eq!(ids(&json!({"awsAccountId": "1", "logFiles": []})), Vec::<String>::new());
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
    }
}
