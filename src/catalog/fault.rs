//! What is wrong with a connector file: where, the line with a caret below it, and what is expected.

use std::fmt;
use std::ops::Range;

/// Faults shown of one file; what follows is mostly their consequence.
const SHOWN: usize = 12;
/// Characters of a line that are shown.
const WIDTH: usize = 96;
/// Characters shown before the place in a line that is longer.
const BEFORE: usize = 32;

/// Something wrong at a place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The place, in bytes of the text.
    pub span: Range<usize>,
    /// What is wrong, one sentence without a full stop.
    pub what: String,
    /// What is expected, and what was probably meant.
    pub hint: Option<String>,
}

/// A connector file that cannot be used. `Display` is one or several lines: each fault with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DefinitionError {
    /// The file's name, or what else the text comes from.
    pub path: String,
    /// Each fault as it is shown.
    shown: Vec<String>,
    /// How many more there are.
    more: usize,
}

impl DefinitionError {
    /// Faults of a text, in its order.
    pub fn new(path: &str, text: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
        let shown = faults.iter().take(SHOWN).map(|fault| shown(path, text, fault)).collect();
        Self { path: path.to_owned(), shown, more: faults.len().saturating_sub(SHOWN) }
    }

    /// A file that is no text at all.
    pub fn whole(path: &str, what: &str) -> Self {
        Self { path: path.to_owned(), shown: vec![format!("{path}: {what}")], more: 0 }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.shown.join("\n"))?;
        match self.more {
            0 => Ok(()),
            more => write!(out, "\nand {more} more"),
        }
    }
}

/// `file:line:column: what`, the line, a caret below the place, the hint.
fn shown(path: &str, text: &str, fault: &Fault) -> String {
    let start = floor(text, fault.span.start);
    let end = floor(text, fault.span.end).max(start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let number = text[..start].matches('\n').count() + 1;
    let before = text[line_start..start].chars().count();
    let skipped =
        if text[line_start..line_end].chars().count() > WIDTH { before.saturating_sub(BEFORE) } else { 0 };
    let line: String = text[line_start..line_end].chars().skip(skipped).take(WIDTH).collect();
    let line: String = line.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let shown = line.trim_end().chars().count();
    let column = before - skipped;
    let length = text[start..end.min(line_end)].chars().count();
    let carets = length.min(shown.saturating_sub(column)).max(1);
    let margin = number.to_string().len().max(4);
    let mut lines = vec![
        format!("{path}:{number}:{}: {}", before + 1, fault.what),
        format!("{number:>margin$} | {}", line.trim_end()),
        format!("{:margin$} | {}{}", "", " ".repeat(column), "^".repeat(carets)),
    ];
    lines.extend(fault.hint.iter().map(|hint| format!("{:margin$} = {hint}", "")));
    lines.join("\n")
}

/// The nearest character boundary at or below a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, span: Range<usize>) -> String {
        let fault = Fault { span, what: "it is odd".to_owned(), hint: Some("expected a".to_owned()) };
        DefinitionError::new("f.toml", text, vec![fault]).to_string()
    }

    #[test]
    fn a_fault_is_shown_below_its_line() {
        assert_eq!(
            error("a = 1\nlevel = \"é\"\n", 14..18),
            "f.toml:2:9: it is odd\n   2 | level = \"é\"\n     |         ^^^\n     = expected a"
        );
    }

    #[test]
    fn a_long_line_and_a_place_past_the_end_are_shown_in_part() {
        let long = error(&"x".repeat(10_000), 9_000..9_999);
        assert!(long.lines().all(|line| line.len() < 120), "{long}");
        assert!(long.starts_with("f.toml:1:9001: "));
        assert!(error("é", 1..99).contains("f.toml:1:1: "));
        assert!(error("", 0..0).contains('^'));
    }
}
