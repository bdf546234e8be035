//! Keeps what AWS or a file says from doing anything to a terminal or a page.
//!
//! Policy names, messages and case files are written by others. A control character, an escape
//! sequence or a character that reorders or hides text is shown as the escape that JSON has for it.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::is_unprintable;

/// Characters of the longest word that is shown whole: no ARN has more than 2,048 bytes.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
const LONGEST: usize = 2048;
/// Characters shown of a longer one.
const BEGINNING: usize = 256;

/// One line of text that is safe to print: runs of white space become one space, whatever else
/// controls or hides becomes an escape. Of a word that is longer than any name the beginning is shown.
pub fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(4 * LONGEST));
    for word in text.split_whitespace() {
        if !safe.is_empty() {
            safe.push(' ');
        }
        clipped(word).chars().for_each(|character| push(&mut safe, character));
    }
    safe
}

/// Text without white space, or a line that is laid out already: of what is longer than any name the
/// beginning, and how long it is.
pub(super) fn clipped(text: &str) -> Cow<'_, str> {
    match text.chars().count() {
        length if length > LONGEST => {
            let beginning: String = text.chars().take(BEGINNING).collect();
            format!("{beginning}… ({length} characters)").into()
        }
        _ => text.into(),
    }
}

/// Text of several lines that is safe to print: line feeds stay, a tab becomes two spaces.
pub fn block(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => safe.push('\n'),
            '\t' => safe.push_str("  "),
            '\r' if characters.peek() == Some(&'\n') => {}
            _ => push(&mut safe, character),
        }
    }
    safe
}

/// JSON text in which no character outside its strings' escapes controls a terminal.
///
/// JSON itself escapes only what is below U+0020; such characters stand in strings only, so that an
/// escape in their place means the same.
pub(super) fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' { safe.push('\n') } else { push(&mut safe, character) }
    }
    safe
}

fn push(safe: &mut String, character: char) {
    if !is_unprintable(character) {
        safe.push(character);
        return;
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _ = write!(safe, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        assert_eq!(line("a\u{1b}[31mred\u{9b}0m"), "a\\u001b[31mred\\u009b0m");
        assert_eq!(line("bell\u{7}del\u{7f}"), "bell\\u0007del\\u007f");
    }

    #[test]
    fn text_that_reorders_or_hides_is_shown() {
        assert_eq!(line("a\u{202e}b\u{200b}c\u{2066}"), "a\\u202eb\\u200bc\\u2066");
        assert_eq!(line("tag\u{e0041}"), "tag\\udb40\\udc41");
    }

    #[test]
    fn a_line_stays_one_line_and_a_block_keeps_its_lines() {
        assert_eq!(line("  one\r\n\ttwo\u{2028}three "), "one two three");
        assert_eq!(block("{\r\n\t\"a\": 1\n}\r"), "{\n  \"a\": 1\n}\\u000d");
    }

    #[test]
    fn of_a_word_that_is_no_name_the_beginning_is_shown() {
        let arn = format!("arn:aws:s3:::{}", "a".repeat(LONGEST - 13));
        assert_eq!(line(&arn), arn);
        let long = line(&format!("in {} now", "é".repeat(200_000)));
        assert!(long.ends_with("é… (200000 characters) now"), "{long}");
        assert!(long.chars().count() < 300);
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({ "a": "x\u{9b}\u{202e}\u{e0041}\u{1b}ü" });
        let text = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|it| is_unprintable(it) && it != '\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
