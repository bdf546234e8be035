//! Policy documents: the text stays as it is but for the names in it, so that lines and columns stay.

use std::fmt::Write;

use super::names::Names;
use super::{condition, prose};

/// A document under pseudonyms. What is not JSON in it is taken for prose.
pub(super) fn redacted(text: &str, names: &Names) -> String {
    let mut out = String::with_capacity(text.len());
    let mut path: Vec<Level> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let length = literal_length(rest);
                out.push_str(&literal(&rest[..length], &mut path, names));
                length
            }
            _ if first.is_alphanumeric() => {
                let length = rest.find(|it: char| !is_bare(it)).unwrap_or(rest.len());
                out.push_str(&bare(&rest[..length], names));
                length
            }
            _ => {
                step(first, &mut path);
                out.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

/// A document as AWS sends it, URL-encoded, and encoded again; `None`: it is none.
pub(super) fn redacted_encoded(text: &str, names: &Names) -> Option<String> {
    const STAYS: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let begins = ["%7B", "%7b", "%0A", "%0a", "%20", "%09", "%5B", "%5b", "%EF%BB%BF"];
    if !begins.iter().any(|begin| text.trim_start().starts_with(begin)) {
        return None;
    }
    let decoded = percent_encoding::percent_decode_str(text.trim_start()).decode_utf8_lossy();
    Some(percent_encoding::utf8_percent_encode(&redacted(&decoded, names), STAYS).to_string())
}

/// Whether a text is, or was to be, a document.
pub(super) fn is_document(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    start.starts_with(['{', '[']) && start.contains('"')
}

#[derive(Debug)]
struct Level {
    object: bool,
    awaits_key: bool,
    key: String,
}

fn step(mark: char, path: &mut Vec<Level>) {
    match mark {
        '{' | '[' => path.push(Level { object: mark == '{', awaits_key: mark == '{', key: String::new() }),
        '}' | ']' => {
            path.pop();
        }
        ',' => {
            if let Some(level) = path.last_mut() {
                level.awaits_key = level.object;
            }
        }
        _ => {}
    }
}

fn is_bare(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-' | '+' | '_')
}

/// What stands without quotation marks: a number, a word of JSON, or what does not belong there.
fn bare(text: &str, names: &Names) -> String {
    match text {
        "true" | "false" | "null" => text.to_owned(),
        _ if text.parse::<f64>().is_ok() => names.number(text),
        _ => prose::redacted(text, names),
    }
}

/// The length of a string literal with its quotes; of one that does not end, all there is.
fn literal_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A string literal, which is a key where one is due.
fn literal(text: &str, path: &mut [Level], names: &Names) -> String {
    let Some(inner) = text.get(1..).and_then(|it| it.strip_suffix('"')) else {
        // It does not end, and so says nothing to AWS.
        return prose::redacted(text, names);
    };
    let (plain, written) = unescaped(inner);
    let above: Vec<String> =
        path.iter().filter(|level| level.object).map(|it| it.key.to_ascii_lowercase()).collect();
    let changed = match path.last_mut() {
        Some(level) if level.object && level.awaits_key => {
            level.key.clone_from(&plain);
            level.awaits_key = false;
            // Below `Condition` stand the operators, below them the condition keys.
            let condition = above.iter().position(|key| key == "condition");
            let is_condition_key = condition.is_some_and(|at| above.len() == at + 3);
            if is_condition_key { condition::key(&plain, names) } else { plain }
        }
        _ => value(&plain, &above, names),
    };
    format!("\"{}\"", escaped(&changed, &written))
}

/// The value of an element of a policy; `keys`: the elements that it is in, in lower case.
fn value(text: &str, keys: &[String], names: &Names) -> String {
    let at = |name: &str| keys.iter().position(|key| key == name);
    let in_any = |elements: &[&str]| elements.iter().any(|name| at(name).is_some());
    let below = |at: usize, levels: usize| keys.get(at + levels).map(String::as_str);
    if let Some(condition) = at("condition") {
        let (operator, key) = (below(condition, 1), below(condition, 2).unwrap_or_default());
        return condition::value(operator, key, text, names);
    }
    if let Some(principal) = at("principal").or_else(|| at("notprincipal")) {
        let is_arn = text.trim_start().starts_with("arn:");
        let stands_for_one = below(principal, 1).is_none_or(|kind| kind == "aws") && is_arn;
        return if stands_for_one { names.text(text) } else { names.of_no_principal(text) };
    }
    match keys.last().map(String::as_str) {
        _ if in_any(&["resource", "notresource"]) => names.text(text),
        _ if in_any(&["action", "notaction", "effect", "version"]) => text.to_owned(),
        // Streamkap's own templates stay recognisable.
        Some("sid") => text
            .strip_prefix("Streamkap")
            .map_or_else(|| names.path(text), |rest| format!("Streamkap{}", names.path(rest))),
        Some("id") => names.text(text),
        _ => prose::redacted(text, names),
    }
}

/// How a character of a literal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// As it is.
    Plain,
    /// `\u0041`, in UTF-16.
    Hexadecimal,
    /// `\n` and the like: the letter after the backslash.
    Letter(char),
}

/// The text of a literal's inside, and how each character was written.
fn unescaped(inner: &str) -> (String, Vec<Written>) {
    let (mut plain, mut written) = (String::with_capacity(inner.len()), Vec::new());
    let mut rest = inner;
    while let Some(first) = rest.chars().next() {
        let (character, how, length) =
            if first == '\\' { escape(rest) } else { (first, Written::Plain, first.len_utf8()) };
        plain.push(character);
        written.push(how);
        rest = &rest[length..];
    }
    (plain, written)
}

/// The character that an escape at the start of a text stands for, and the escape's length. What is no
/// escape stands for its backslash.
fn escape(text: &str) -> (char, Written, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let pair = [unit(0), unit(6)];
    let decoded = char::decode_utf16(pair.into_iter().map_while(|it| it)).next();
    if let (Some(first), Some(Ok(character))) = (pair[0], decoded) {
        let length = if character.len_utf16() == 2 { 12 } else { 6 };
        debug_assert!(length == 12 || u32::from(first) == u32::from(character));
        return (character, Written::Hexadecimal, length);
    }
    let letter = text.chars().nth(1);
    let character = match letter {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some(it @ ('"' | '\\' | '/')) => it,
        _ => return ('\\', Written::Plain, 1),
    };
    (character, Written::Letter(letter.unwrap_or_default()), 2)
}

/// The inside of a literal, its characters written as those were that they stand for.
fn escaped(text: &str, written: &[Written]) -> String {
    let same = text.chars().count() == written.len();
    let mut out = String::with_capacity(text.len());
    let how = written.iter().copied().filter(|_| same).chain(std::iter::repeat(Written::Plain));
    for (character, how) in text.chars().zip(how) {
        match how {
            Written::Plain if !same && matches!(character, '"' | '\\') => {
                out.push('\\');
                out.push(character);
            }
            Written::Plain => out.push(character),
            Written::Hexadecimal => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            Written::Letter(letter) => {
                out.push('\\');
                out.push(letter);
            }
        }
    }
    out
}
