//! Keeps what AWS or a file says from doing anything to a terminal or a page.
//!
//! Policy names, messages and case files are written by others. A control character, an escape
//! sequence or a character that reorders or hides text is shown as the escape that JSON has for it.

use std::fmt::Write as _;

/// One line of text that is safe to print: runs of white space become one space, whatever else
/// controls or hides becomes an escape.
pub fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut space = false;
    for character in text.trim().chars() {
        if character.is_whitespace() {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) {
            safe.push(' ');
        }
        push(&mut safe, character);
    }
    safe
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
    if !is_unsafe(character) {
        safe.push(character);
        return;
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        let _ = write!(safe, "\\u{unit:04x}");
    }
}

/// Controls, and format characters that reorder, hide or carry text unseen. Unicode: Cc, Cf, Zl, Zp,
/// the tag characters and the variation selectors of the supplementary plane.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({ "a": "x\u{9b}\u{202e}\u{e0041}\u{1b}ü" });
        let text = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|it| is_unsafe(it) && it != '\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
