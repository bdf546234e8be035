//! Colours, carried through the layout as marks that take no room and are resolved at the end.
//!
//! The marks are invisible format characters of no width, so that text with them measures as it
//! prints; [`sanitise`](super::sanitise) lets none of them in from outside.

use anstyle::{AnsiColor, Effects, Style as Ansi};

use crate::model::Status;

/// What a piece of text is, from which its colour follows. Never the only carrier of a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Fail,
    Warn,
    Unknown,
    Pass,
    Strong,
    Faint,
}

const MARKS: [(char, Style); 6] = [
    ('\u{2061}', Style::Fail),
    ('\u{2062}', Style::Warn),
    ('\u{2063}', Style::Unknown),
    ('\u{2064}', Style::Pass),
    ('\u{206a}', Style::Strong),
    ('\u{206b}', Style::Faint),
];
const END: char = '\u{206f}';

impl Style {
    /// The style of a status.
    pub(super) fn of(status: Status) -> Self {
        match status {
            Status::Fail | Status::Broken => Self::Fail,
            Status::Warn => Self::Warn,
            Status::Unknown => Self::Unknown,
            Status::Pass => Self::Pass,
            Status::Skip => Self::Faint,
        }
    }

    /// The text between marks.
    pub(super) fn paint(self, text: &str) -> String {
        let mark = MARKS.iter().find(|(_, style)| *style == self).map_or(END, |(mark, _)| *mark);
        format!("{mark}{text}{END}")
    }

    fn ansi(self) -> Ansi {
        match self {
            Self::Fail => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Self::Warn => AnsiColor::Yellow.on_default().effects(Effects::BOLD),
            Self::Unknown => AnsiColor::Cyan.on_default().effects(Effects::BOLD),
            Self::Pass => AnsiColor::Green.on_default(),
            Self::Strong => Ansi::new().effects(Effects::BOLD),
            Self::Faint => Ansi::new().effects(Effects::DIMMED),
        }
    }
}

/// Replaces the marks by ANSI codes, or by nothing.
pub(super) fn resolve(text: &str, colour: bool) -> String {
    let mut resolved = String::with_capacity(text.len());
    for character in text.chars() {
        let style = MARKS.iter().find(|(mark, _)| *mark == character).map(|(_, style)| style.ansi());
        match style {
            Some(style) if colour => resolved.push_str(&style.render().to_string()),
            None if character == END && colour => resolved.push_str("\u{1b}[0m"),
            None if character != END => resolved.push(character),
            _ => {}
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn marks_take_no_room_and_leave_no_trace_without_colour() {
        let text = Style::Fail.paint("FAIL");
        assert_eq!(text.width(), 4);
        assert_eq!(resolve(&text, false), "FAIL");
        assert_eq!(resolve(&text, true), "\u{1b}[1m\u{1b}[31mFAIL\u{1b}[0m");
    }
}
