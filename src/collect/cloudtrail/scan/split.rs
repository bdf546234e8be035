//! The slow and sure way: takes any text apart into the JSON objects that may be records.
//!
//! Used for all that is not written as CloudTrail writes it, and for streams. Wrappers are
//! stepped into, so that one record at a time is held; a broken record costs itself alone,
//! because reading goes on at the next `{"eventVersion"`. Between objects only what joins them may
//! stand: anything else may be what is left of a record.

use memchr::memmem;

/// An object larger than this is no record: CloudTrail's own are at most 256 KB.
pub(super) const MAX_OBJECT: usize = 2 << 20;
/// How often in a text reading may start anew after something broken or too large, which keeps
/// hostile texts from being read over and over.
const RESUMPTIONS: u32 = 300;
/// Wrappers within wrappers that are kept account of; nobody writes so many.
const DEPTH: usize = 64;
/// Keys of arrays whose elements are taken one by one, however small the wrapper.
const CARRIERS: [&[u8]; 5] = [b"Records", b"Events", b"records", b"events", b"logEvents"];
/// Keys of the arrays of events in an answer of AWS, which comes in pages.
const OF_PAGE: [&[u8]; 2] = [b"Events", b"events"];
/// Keys of what a page has where others follow it.
const TOKENS: [&[u8]; 2] = [b"NextToken", b"nextToken"];
/// Keys by which an object that cannot be taken as a whole is told to be a record.
const OF_RECORD: [&[u8]; 4] = [b"eventVersion", b"eventSource", b"eventName", b"userIdentity"];
const RECORD: &[u8] = b"{\"eventVersion\"";

/// What an object, or a text within a string, turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// It held records.
    Records,
    /// It is JSON and held none.
    Nothing,
    /// It is not JSON.
    Broken,
}

/// Where in a text reading is. Carries over from one piece of a stream to the next.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the text, and none excludes another")]
pub(super) struct Splitter {
    /// The wrappers that are open, each by its opening bracket.
    open: Vec<u8>,
    /// Within a string outside of any object.
    in_string: bool,
    /// Something stood where nothing may: until the next record nothing else is complained of.
    lost: bool,
    /// Outside of wrappers: how the line at hand goes.
    line: Line,
    resumptions: u32,
    /// Objects that were broken or too large, and texts between objects that belong to nothing.
    pub(super) unreadable: u64,
    /// The text ended within an object or a wrapper.
    pub(super) truncated: bool,
    /// An array of records was seen, however empty.
    pub(super) carrier: bool,
    /// Pages of answers.
    pub(super) pages: u64,
    /// Those of them that others follow.
    pub(super) open_pages: u64,
}

/// Tools put words before the records of a log, one to a line: times, names of hosts.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Fresh,
    /// Words stand in it, and no object yet.
    Words,
    /// An object stood in it.
    Object,
}

enum Object {
    /// It ends before this position.
    Closed(usize),
    /// It holds an array of records, which begins here.
    Carrier { inside: usize, is_page: bool, is_open: bool },
    /// It goes on beyond what is at hand.
    Longer(Longer),
}

/// An object whose end is not at hand.
struct Longer {
    /// As far as it was looked at.
    end: usize,
    /// The limit was reached, not the end of the text.
    too_large: bool,
    in_string: bool,
    /// By its keys it is a record.
    is_record: bool,
}

impl Splitter {
    /// Calls `read` with each object of `text`, and with each string that holds one and stands in
    /// an array or by itself.
    ///
    /// Returns how much of the text was used up. With `last`, all of it; otherwise the rest is to
    /// be given again with more behind it.
    pub(super) fn split(&mut self, text: &[u8], last: bool, mut read: impl FnMut(&[u8]) -> Read) -> usize {
        let mut at = 0;
        while at < text.len() {
            let next = match text[at] {
                _ if self.in_string => Some(self.end_of_string(text, at)),
                b'{' => self.object(text, at, last, &mut read),
                b'"' => self.string(text, at, last, &mut read),
                byte => {
                    self.between(byte);
                    Some(at + 1)
                }
            };
            match next {
                Some(next) => at = next,
                None => return at,
            }
        }
        if last {
            self.end();
        }
        text.len()
    }

    /// Takes the object at `at`. Gives where to go on; none when more of the text is needed.
    fn object(
        &mut self,
        text: &[u8],
        at: usize,
        last: bool,
        read: &mut impl FnMut(&[u8]) -> Read,
    ) -> Option<usize> {
        if self.open.is_empty() {
            self.line = Line::Object;
        }
        match object(text, at) {
            Object::Closed(end) => Some(match read(&text[at..end]) {
                Read::Broken => {
                    self.unreadable += 1;
                    self.resume(text, at, end)
                }
                Read::Records => {
                    self.lost = false;
                    end
                }
                Read::Nothing => end,
            }),
            Object::Carrier { inside, is_page, is_open } => {
                self.carrier = true;
                self.pages += u64::from(is_page);
                self.open_pages += u64::from(is_open);
                self.open_wrapper(b'{');
                self.open_wrapper(b'[');
                Some(inside)
            }
            Object::Longer(longer) if !longer.too_large && !last => None,
            Object::Longer(Longer { end, too_large, in_string, is_record }) => {
                self.truncated |= !too_large;
                if !is_record && self.resumptions < RESUMPTIONS {
                    // A wrapper of another kind.
                    self.resumptions += 1;
                    self.open_wrapper(b'{');
                    return Some(at + 1);
                }
                // A text that ends too early is told apart.
                self.unreadable += u64::from(too_large);
                let next = self.resume(text, at, end);
                self.in_string = too_large && in_string && next == end;
                Some(next)
            }
        }
    }

    /// Takes or steps over the string at `at`. Gives where to go on; none when more of the text is
    /// needed.
    fn string(
        &mut self,
        text: &[u8],
        at: usize,
        last: bool,
        read: &mut impl FnMut(&[u8]) -> Read,
    ) -> Option<usize> {
        // A wrapper's own keys and values, or what is left of a broken record.
        let is_value = self.open.last() != Some(&b'{');
        if !is_value {
            if !last && text.len() - at < LONGEST_TOKEN {
                return None;
            }
            self.open_pages += u64::from(is_token(&text[at..]) && self.open_pages < self.pages);
        }
        let end = string_end(text, at + 1).filter(|_| is_value);
        if end.is_none() && is_value && !self.lost && !last && text.len() - at < MAX_OBJECT {
            return None;
        }
        if let Some(end) = end {
            if matches!(text[at + 1..end - 1].trim_ascii_start().first(), Some(b'{' | b'[')) {
                self.line = Line::Object;
                match read(&text[at..end]) {
                    Read::Broken => self.stray(),
                    Read::Nothing => return Some(end),
                    Read::Records => {
                        self.lost = false;
                        return Some(end);
                    }
                }
            } else if self.open.is_empty() {
                self.stray();
            }
        }
        self.in_string = true;
        Some(at + 1)
    }

    /// Looks at a byte between objects and strings.
    fn between(&mut self, byte: u8) {
        match (self.open.last(), byte) {
            (None, b'\n') => {
                if self.line == Line::Words {
                    self.stray();
                }
                self.line = Line::Fresh;
            }
            (None, b'[') if self.line == Line::Words => {}
            (_, b'[') => self.open_wrapper(b'['),
            (Some(b'['), b']') | (Some(b'{'), b'}') if !self.lost => {
                self.open.pop();
            }
            // Keys and values of a wrapper that are no strings.
            (_, b' ' | b'\t' | b'\r' | b'\n' | b',')
            | (Some(b'{'), b':' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') => {}
            // Marks of byte order and the separator of JSON text sequences.
            (None, 0xef | 0xbb | 0xbf | 0x1e) if self.line != Line::Words => {}
            (None, _) if self.line == Line::Words => {}
            (None, byte) if self.line == Line::Fresh && !matches!(byte, b']' | b'}') => {
                self.line = Line::Words;
            }
            _ => self.stray(),
        }
    }

    fn open_wrapper(&mut self, bracket: u8) {
        if self.open.len() < DEPTH {
            self.open.push(bracket);
        } else {
            self.stray();
        }
    }

    /// Something stands where nothing may.
    fn stray(&mut self) {
        if !self.lost {
            self.unreadable += 1;
            self.lost = true;
        }
    }

    /// The text is over.
    fn end(&mut self) {
        if self.open.is_empty() && self.line == Line::Words {
            self.stray();
        }
        // After something broken the account of wrappers may be wrong.
        self.truncated |= self.unreadable == 0 && (!self.open.is_empty() || self.in_string);
    }

    /// After a broken object between `start` and `end`: the next record within it, or its end.
    fn resume(&mut self, text: &[u8], start: usize, end: usize) -> usize {
        self.lost = true;
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
            self.stray();
            return end - 2;
        }
        end
    }
}

/// Bytes in which the key of a token and the beginning of its value stand.
const LONGEST_TOKEN: usize = 64;

/// Whether a text begins with the key of a token that is a string: `"NextToken": "`.
fn is_token(text: &[u8]) -> bool {
    let value_of = |key: &[u8]| text.strip_prefix(b"\"")?.strip_prefix(key)?.strip_prefix(b"\"");
    TOKENS.iter().filter_map(|key| value_of(key)).any(|rest| {
        rest.trim_ascii_start().strip_prefix(b":").is_some_and(|it| it.trim_ascii_start().starts_with(b"\""))
    })
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
    let (mut in_string, mut is_record, mut is_open) = (false, false, false);
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
                    is_record |= OF_RECORD.contains(&key);
                    is_open |= is_token(&text[at..limit]);
                }
                at = end;
                continue;
            }
            b'[' if depth == 1 && CARRIERS.contains(&key) => {
                let is_page = OF_PAGE.contains(&key);
                return Object::Carrier { inside: at + 1, is_page, is_open: is_page && is_open };
            }
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
    Object::Longer(Longer { end: limit, too_large: limit == start + MAX_OBJECT, in_string, is_record })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &str) -> (Vec<String>, Splitter) {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        splitter.split(text.as_bytes(), true, |object| {
            found.push(String::from_utf8_lossy(object).into_owned());
            match serde_json::from_slice::<serde_json::Value>(object) {
                Ok(value) if value.get("eventVersion").is_some() => Read::Records,
                Ok(_) => Read::Nothing,
                Err(_) => Read::Broken,
            }
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
                    Read::Records
                });
                held.drain(..used);
            }
            assert_eq!(found, whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_text_of_nothing_but_openings_ends_soon() {
        // Looked through again from each opening, it would take hours.
        for piece in ["{", "{\"eventVersion\"", "{\"", "[", "\"{", "{\"Records\":["] {
            objects(&piece.repeat(3_000_000 / piece.len()));
        }
    }
}
