//! A JSON reader that remembers where everything stands.
//!
//! Bounded in size and depth, and without recursion: a hostile document costs a quick error.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Weight};

/// The longest document read, in bytes. AWS's longest is 131,072 characters
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html>).
const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting read. A policy needs six levels.
const MAX_DEPTH: usize = 32;

/// A JSON value and the bytes it takes in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// The number as written.
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

impl Value {
    /// What the value is, for messages.
    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// A member of an object, in the order written; keys may repeat.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

/// Finds lines and columns of byte offsets in a text.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// How many characters stand before every 1,024th byte: one line may hold the whole document.
    counts: Vec<usize>,
}

const STRIDE: usize = 1024;

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        let counts = text.as_bytes().chunks(STRIDE).scan(0, |before, chunk| {
            let count = *before;
            *before += characters(chunk);
            Some(count)
        });
        Self { text, starts: starts.collect(), counts: counts.collect() }
    }

    /// The line and the column in characters of an offset, both from 1. A byte-order mark has no width.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let width = self.characters_before(offset) - self.characters_before(self.starts[line - 1]);
        let mark = usize::from(line == 1 && width > 0 && self.text.starts_with('\u{feff}'));
        (line, width - mark + 1)
    }

    fn characters_before(&self, offset: usize) -> usize {
        let bytes = &self.text.as_bytes()[..offset.min(self.text.len())];
        let chunk = bytes.len() / STRIDE;
        let Some(count) = self.counts.get(chunk) else { return characters(bytes) };
        count + characters(&bytes[chunk * STRIDE..])
    }

    pub(super) fn diagnostic(&self, weight: Weight, offset: usize, message: impl Into<String>) -> Diagnostic {
        let (line, column) = self.place(offset);
        Diagnostic { line, column, weight, message: message.into() }
    }
}

/// How many characters begin in these bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count()
}

/// Reads one JSON value, to the end of the text. A byte-order mark before it is passed over.
pub(super) fn parse(text: &str) -> Result<Node, Diagnostic> {
    if text.len() > MAX_BYTES {
        let message = format!("the document has {} bytes; the longest read is {MAX_BYTES}", text.len());
        return Err(Diagnostic { line: 1, column: 1, weight: Weight::Error, message });
    }
    let mut reader = Reader { text, at: 0, open: Vec::new() };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    reader.document().map_err(|fault| Lines::new(text).diagnostic(Weight::Error, fault.at, fault.message))
}

struct Fault {
    at: usize,
    message: String,
}

/// An array or object whose end has not been read yet.
enum Open {
    Array { start: usize, items: Vec<Node> },
    Object { start: usize, members: Vec<Member>, key: Option<(String, Range<usize>)> },
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, Fault> {
        let mut finished = self.value()?;
        loop {
            if let Some(node) = finished.take() {
                let Some(parent) = self.open.last_mut() else {
                    self.skip_space();
                    if self.at < self.text.len() {
                        return Err(self.fault("there is more text after the end of the document"));
                    }
                    return Ok(node);
                };
                match parent {
                    Open::Array { items, .. } => items.push(node),
                    Open::Object { members, key, .. } => {
                        if let Some((key, key_span)) = key.take() {
                            members.push(Member { key, key_span, node });
                        }
                    }
                }
                finished = self.after_item()?;
            } else {
                finished = self.value()?;
            }
        }
    }

    /// Reads a scalar or an empty container; of another container, the opening and (for an
    /// object) the first key, and returns nothing.
    fn value(&mut self) -> Result<Option<Node>, Fault> {
        self.skip_space();
        let start = self.at;
        let Some(byte) = self.peek() else {
            return Err(self.fault("the document ends where a value is expected"));
        };
        let value = match byte {
            b'{' => return self.open_object(start),
            b'[' => return self.open_array(start),
            b'"' => Value::String(self.string()?),
            b'-' | b'0'..=b'9' => Value::Number(self.number()?),
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Null)?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Some(Node { value, span: start..self.at }))
    }

    fn open_object(&mut self, start: usize) -> Result<Option<Node>, Fault> {
        self.descend()?;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Some(Node { value: Value::Object(Vec::new()), span: start..self.at }));
        }
        let key = self.key()?;
        self.open.push(Open::Object { start, members: Vec::new(), key: Some(key) });
        Ok(None)
    }

    fn open_array(&mut self, start: usize) -> Result<Option<Node>, Fault> {
        self.descend()?;
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Some(Node { value: Value::Array(Vec::new()), span: start..self.at }));
        }
        self.open.push(Open::Array { start, items: Vec::new() });
        Ok(None)
    }

    fn descend(&mut self) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.fault(format!("the document is nested more than {MAX_DEPTH} levels deep")));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads what follows an item: a comma (and the next key), or the end of its container, which is returned.
    fn after_item(&mut self) -> Result<Option<Node>, Fault> {
        self.skip_space();
        let in_object = matches!(self.open.last(), Some(Open::Object { .. }));
        match (self.peek(), in_object) {
            (Some(b','), _) => {
                self.at += 1;
                self.skip_space();
                if matches!(self.peek(), Some(b']' | b'}')) {
                    return Err(self.fault("a comma stands before the closing bracket"));
                }
                if in_object {
                    let next = self.key()?;
                    if let Some(Open::Object { key, .. }) = self.open.last_mut() {
                        *key = Some(next);
                    }
                }
                Ok(None)
            }
            (Some(b'}'), true) | (Some(b']'), false) => {
                self.at += 1;
                let end = self.at;
                Ok(self.open.pop().map(|open| match open {
                    Open::Array { start, items } => Node { value: Value::Array(items), span: start..end },
                    Open::Object { start, members, .. } => {
                        Node { value: Value::Object(members), span: start..end }
                    }
                }))
            }
            (None, true) => Err(self.fault("the document ends inside an object: a `}` is missing")),
            (None, false) => Err(self.fault("the document ends inside a list: a `]` is missing")),
            (Some(_), true) => Err(self.unexpected("`,` or `}`")),
            (Some(_), false) => Err(self.unexpected("`,` or `]`")),
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Result<(String, Range<usize>), Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {}
            None => return Err(self.fault("the document ends where a key is expected")),
            Some(_) => return Err(self.unexpected("a key in double quotes")),
        }
        let key = self.string()?;
        let span = start..self.at;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(
                self.fault(format!("a colon is expected after the key `{}`", crate::policy::clean(&key)))
            );
        }
        self.at += 1;
        Ok((key, span))
    }

    fn string(&mut self) -> Result<String, Fault> {
        let opening = self.at;
        self.at += 1;
        let mut result = String::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(run) = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20) else {
                return Err(Fault { at: opening, message: "a string is not closed".to_owned() });
            };
            result.push_str(&self.text[self.at..self.at + run]);
            self.at += run;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(result);
                }
                Some(b'\\') => result.push(self.escape()?),
                _ => return Err(self.fault("a string holds a line break or another control character")),
            }
        }
    }

    /// Reads an escape sequence. Half of a surrogate pair becomes U+FFFD.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let letter = self.text.as_bytes().get(start + 1).copied();
        self.at = start + 2;
        let character = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex(start)?;
                let paired = (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u");
                if paired {
                    let back = self.at;
                    self.at += 2;
                    let second = self.hex(start)?;
                    if (0xdc00..0xe000).contains(&second) {
                        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = back;
                }
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                return Err(Fault {
                    at: start,
                    message: "an unknown escape sequence in a string".to_owned(),
                });
            }
        };
        Ok(character)
    }

    fn hex(&mut self, escape: usize) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.ok_or(Fault { at: escape, message: "`\\u` needs four hexadecimal digits".to_owned() })
    }

    fn number(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let run = self.text.as_bytes()[start..]
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let text = &self.text[start..start + run];
        if !is_json_number(text) {
            return Err(self.fault(format!("`{text}` is not a number")));
        }
        self.at += run;
        Ok(text.to_owned())
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Fault> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.unexpected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn skip_space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { at: self.at, message: message.into() }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = self.text[self.at..].chars().next().unwrap_or(' ');
        self.fault(format!("{wanted} is expected, `{}` found", crate::policy::clean(&found.to_string())))
    }
}

fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn values_know_their_bytes() {
        let text = "{\"a\": [1, \"x\"]}";
        let node = parse(text).unwrap();
        let Value::Object(members) = &node.value else { panic!("not an object") };
        assert_eq!(&text[members[0].key_span.clone()], "\"a\"");
        assert_eq!(&text[members[0].node.span.clone()], "[1, \"x\"]");
    }

    #[test]
    fn faults_name_line_and_column_in_characters() {
        assert_eq!(fault("{\n  \"é\": x}"), "line 2, column 8: a value is expected, `x` found");
        assert_eq!(fault("[1, 2,]"), "line 1, column 7: a comma stands before the closing bracket");
        assert_eq!(fault("{\"a\" 1}"), "line 1, column 6: a colon is expected after the key `a`");
        assert_eq!(fault("{} {}"), "line 1, column 4: there is more text after the end of the document");
        assert_eq!(fault("[\"a"), "line 1, column 2: a string is not closed");
        assert_eq!(fault("[01]"), "line 1, column 2: `01` is not a number");
        assert_eq!(fault(""), "line 1, column 1: the document ends where a value is expected");
        assert_eq!(fault("[1"), "line 1, column 3: the document ends inside a list: a `]` is missing");
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_has_no_width() {
        assert!(parse("\u{feff}{}").is_ok());
        assert!(fault("\u{feff}[x]").starts_with("line 1, column 2:"));
    }

    #[test]
    fn depth_and_size_are_bounded() {
        assert!(fault(&"[".repeat(1_000_000)).contains("nested more than 32 levels"));
        assert!(fault(&" ".repeat(10_000_000)).contains("10000000 bytes"));
        let deep = format!("{}{}", "[".repeat(32), "]".repeat(32));
        assert!(parse(&deep).is_ok());
    }

    #[test]
    fn escapes_are_decoded() {
        let node = parse(r#""\u00e9\ud83d\ude00\n\ud800x\/""#).unwrap();
        assert_eq!(node.value, Value::String("é😀\n\u{fffd}x/".to_owned()));
        assert!(fault(r#""\q""#).contains("unknown escape"));
        assert!(fault(r#""\u12""#).contains("four hexadecimal digits"));
        assert!(fault("\"\\u+123\"").contains("four hexadecimal digits"));
    }
}
