//! Text for a person under way: paragraphs and lists of a width.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::report::{block, line, wrap};

/// Text under way. Whatever goes in is made safe for a terminal; words longer than the line (ARNs)
/// are never broken.
pub(super) struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// An empty page of so many columns.
    pub(super) fn new(width: usize) -> Self {
        Self { text: String::new(), width: width.max(40) }
    }

    /// An empty line, but for the first.
    pub(super) fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A paragraph, each line with `indent` before it.
    pub(super) fn paragraph(&mut self, indent: &str, text: &str) {
        self.wrapped(indent, indent, text);
    }

    /// A paragraph that begins with a mark; its other lines stand under its text.
    pub(super) fn item(&mut self, mark: &str, text: &str) {
        self.wrapped(mark, &" ".repeat(mark.chars().count()), text);
    }

    /// A line of its own that is not broken, to be copied.
    pub(super) fn raw(&mut self, indent: &str, text: &str) {
        let _ = writeln!(self.text, "{indent}{}", block(text));
    }

    /// All that was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// `rest` is as wide as `first`.
    fn wrapped(&mut self, first: &str, rest: &str, text: &str) {
        let lines = wrap(&line(text), self.width.saturating_sub(first.width()));
        for (at, line) in lines.iter().enumerate() {
            let _ = writeln!(self.text, "{}{line}", if at == 0 { first } else { rest });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_not_broken_and_lines_are() {
        let mut page = Page::new(40);
        let arn = "arn:aws:s3:::a-very-long-bucket-name-indeed/with/a/very/long/key";
        page.item("1. ", &format!("some words before {arn} and some words after it that go on"));
        assert!(page.text.lines().any(|line| line.contains(arn)));
        assert!(page.text.lines().filter(|line| !line.contains("arn:")).all(|line| line.len() <= 40));
    }
}
