//! The slow and sure way: takes any text apart into its outermost JSON objects.
//!
//! Used for all that is not written as CloudTrail writes it, and for streams. Wrappers are
//! stepped into, so that one record at a time is held; a broken record costs itself alone,
//! because reading goes on at the next `{"eventVersion"`.

use memchr::memmem;

/// An object larger than this is no record: CloudTrail's own are at most 256 KB.
pub(super) const MAX_OBJECT: usize = 2 << 20;
/// How often in a text reading may start anew after something broken, which keeps hostile texts
/// from being read over and over.
const RESUMPTIONS: u32 = 300;
/// Keys of arrays whose elements are taken one by one.
const CARRIERS: [&[u8]; 3] = [b"Records", b"Events", b"logEvents"];
const RECORD: &[u8] = b"{\"eventVersion\"";

/// Where in a text reading is. Carries over from one piece of a stream to the next.
#[derive(Default)]
pub(super) struct Splitter {
    /// Within a string outside of any object.
    in_string: bool,
    resumptions: u32,
    /// Objects that were broken or too large.
    pub(super) unreadable: u64,
    /// The text ended within an object.
    pub(super) truncated: bool,
    /// An array of records was seen, however empty.
    pub(super) carrier: bool,
}

enum Object {
    /// It ends before this position.
    Closed(usize),
    /// It holds an array of records, which begins here.
    Carrier(usize),
    /// The text ends first.
    Open,
    /// It goes on beyond the limit, which falls at this position, within a string or not.
    TooLarge { end: usize, in_string: bool },
}

impl Splitter {
    /// Calls `read` with each object of `text`; it tells whether the object was readable.
    ///
    /// Returns how much of the text was used up. With `last`, all of it; otherwise the rest is to
    /// be given again with more behind it.
    pub(super) fn split(&mut self, text: &[u8], last: bool, mut read: impl FnMut(&[u8]) -> bool) -> usize {
        let mut at = 0;
        while at < text.len() {
            if self.in_string {
                at = self.end_of_string(text, at);
                continue;
            }
            // Outside of objects only their beginnings and strings matter.
            match memchr::memchr2(b'{', b'"', &text[at..]) {
                None => return text.len(),
                Some(offset) => at += offset,
            }
            if text[at] == b'"' {
                self.in_string = true;
                at += 1;
                continue;
            }
            at = match object(text, at) {
                Object::Closed(end) => {
                    if read(&text[at..end]) {
                        end
                    } else {
                        self.resume(text, at, end)
                    }
                }
                Object::Carrier(inside) => {
                    self.carrier = true;
                    inside
                }
                Object::Open if !last => return at,
                Object::Open => {
                    self.truncated = true;
                    self.resume(text, at, text.len())
                }
                Object::TooLarge { end, in_string } => {
                    let next = self.resume(text, at, end);
                    self.in_string = in_string && next == end;
                    next
                }
            };
        }
        text.len()
    }

    /// After a broken object between `start` and `end`: the next record within it, or its end.
    fn resume(&mut self, text: &[u8], start: usize, end: usize) -> usize {
        self.unreadable += 1;
        self.resumptions += 1;
        if self.resumptions > RESUMPTIONS {
            return text.len();
        }
        match memmem::find(&text[start + 1..end], RECORD) {
            Some(offset) => start + 1 + offset,
            None => end,
        }
    }

    /// Steps to the end of a string outside of any object.
    ///
    /// Where a broken record left its quotes unpaired, text and strings have changed places: then
    /// a "string" ends right before `eventVersion"`, and its last brace is a record's first.
    fn end_of_string(&mut self, text: &[u8], start: usize) -> usize {
        let Some(end) = string_end(text, start) else { return text.len() };
        self.in_string = false;
        if end > start + 1 && text[..end - 1].ends_with(b"{") && text[end - 1..].starts_with(&RECORD[1..]) {
            return end - 2;
        }
        end
    }
}

/// The position after the closing quote of a string whose inside begins at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr::memchr2(b'"', b'\\', &text[at.min(text.len())..])?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The extent of the object that begins at `start`.
fn object(text: &[u8], start: usize) -> Object {
    let limit = text.len().min(start + MAX_OBJECT);
    let mut depth = 0_usize;
    let mut key: &[u8] = b"";
    let mut in_string = false;
    let mut at = start;
    while at < limit {
        match text[at] {
            b'"' => {
                let Some(end) = string_end(&text[..limit], at + 1) else {
                    in_string = true;
                    break;
                };
                if depth == 1 {
                    key = &text[at + 1..end - 1];
                }
                at = end;
                continue;
            }
            b'[' if depth == 1 && CARRIERS.contains(&key) => return Object::Carrier(at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Object::Closed(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    if limit == text.len() && limit < start + MAX_OBJECT {
        Object::Open
    } else {
        Object::TooLarge { end: limit, in_string }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &str) -> (Vec<String>, Splitter) {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        splitter.split(text.as_bytes(), true, |object| {
            found.push(String::from_utf8_lossy(object).into_owned());
            serde_json::from_slice::<serde_json::Value>(object).is_ok()
        });
        (found, splitter)
    }

    #[test]
    fn wrappers_are_stepped_into_and_other_objects_stay_whole() {
        for text in [
            r#"{"Records":[{"a":1},{"b":"}"}]}"#,
            r#"{"x":{"y":1},"Records" : [ {"a":1} , {"b":"}"} ],"pad":"{{"}"#,
            r#"[{"a":1},{"b":"}"}]"#,
            "{\"a\":1}\n{\"b\":\"}\"}\n",
            r#"{"Records":[{"a":1}]}{"Records":[{"b":"}"}]}"#,
        ] {
            let (found, splitter) = objects(text);
            assert_eq!(found, [r#"{"a":1}"#, r#"{"b":"}"}"#], "{text}");
            assert_eq!((splitter.unreadable, splitter.truncated), (0, false));
        }
        assert_eq!(objects(r#"{"a":{"Records":[{"b":1}]}}"#).0.len(), 1);
    }

    const GOOD: &str = r#"{"eventVersion":"1","eventID":"good"}"#;

    #[test]
    fn reading_goes_on_after_a_broken_record() {
        for broken in [
            r#"{"eventVersion":"1","a":"no end of string}"#,
            r#"{"eventVersion":"1","a":{"b":1}"#,
            r#"{"eventVersion":"1"},"a":"b"}"#,
            r#"{"eventVersion":"1"},"a":"b}"#,
            r#"{"eventVersion":"1",,}"#,
            r#"{"eventVersion""#,
        ] {
            let text = format!("{{\"Records\":[{GOOD},{broken},{GOOD},{GOOD}]}}");
            let (found, _) = objects(&text);
            assert_eq!(found.iter().filter(|object| *object == GOOD).count(), 3, "{broken}: {found:?}");
        }
    }

    #[test]
    fn a_text_that_ends_within_a_record_is_told_as_truncated() {
        let (found, splitter) = objects(&format!("{{\"Records\":[{GOOD},{}", &GOOD[..20]));
        assert_eq!(found, [GOOD]);
        assert!(splitter.truncated);
    }

    #[test]
    fn pieces_of_any_size_give_the_same_as_the_whole() {
        let text = format!("{{\"pad\":\"{{\",\"Records\":[{GOOD},{GOOD}],\"tail\":\"{{]\"}}\n{GOOD}");
        let (whole, _) = objects(&text);
        for size in 1..text.len() {
            let mut splitter = Splitter::default();
            let (mut found, mut held) = (Vec::new(), Vec::new());
            let mut pieces = text.as_bytes().chunks(size).peekable();
            while let Some(piece) = pieces.next() {
                held.extend_from_slice(piece);
                let used = splitter.split(&held, pieces.peek().is_none(), |object| {
                    found.push(String::from_utf8_lossy(object).into_owned());
                    true
                });
                held.drain(..used);
            }
            assert_eq!(found, whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_text_of_nothing_but_openings_ends_soon() {
        let start = std::time::Instant::now();
        for piece in ["{", "{\"eventVersion\"", "{\"", "[", "\"{", "{\"Records\":["] {
            objects(&piece.repeat(8_000_000 / piece.len()));
        }
        assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    }
}
