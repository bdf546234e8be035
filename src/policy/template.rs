//! Texts with policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, `${*}`.
//!
//! What a variable stands for is plain text: a `*` in a tag's value is a star, not a wildcard.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use std::borrow::Cow;

use super::key::Key;
use super::pattern::{Token, matches};
use super::truth::Truth;

/// A text of a policy, cut up once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Many,
    One,
    Variable(Variable),
}

/// A policy variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) key: Key,
    /// The key as written.
    pub(super) written: Box<str>,
    /// The text it stands for when the key has no value.
    default: Option<String>,
}

/// What a variable stands for in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding<'a> {
    /// The key's one value.
    Text(&'a str),
    /// The key is absent or has not exactly one value.
    None,
    /// The key's value cannot be known.
    Unknown,
}

/// Why a template has no text in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unbound {
    /// A variable has no value: the text is like no other.
    Missing,
    /// A variable's value cannot be known.
    Unknown,
}

impl Unbound {
    /// Whether a text is matched by what is unbound.
    pub(super) fn matches(self) -> Truth {
        match self {
            Self::Missing => Truth::No,
            Self::Unknown => Truth::Unknown,
        }
    }
}

impl Template {
    /// Cuts up a text. Variables are understood from version 2012-10-17 on; wildcards where the
    /// element or operator has them.
    pub(super) fn new(text: &str, variables: bool, wildcards: bool) -> Self {
        let mut template = Self { pieces: Vec::new() };
        let mut rest = text;
        while let Some(at) = rest.find(['*', '?', '$']) {
            template.push_text(&rest[..at]);
            rest = &rest[at..];
            let (piece, length) = match rest.as_bytes()[0] {
                b'*' if wildcards => (Piece::Many, 1),
                b'?' if wildcards => (Piece::One, 1),
                b'$' if variables => variable(rest).unwrap_or_else(|| (Piece::Text("$".to_owned()), 1)),
                _ => (Piece::Text(rest[..1].to_owned()), 1),
            };
            template.push(piece);
            rest = &rest[length..];
        }
        template.push_text(rest);
        template
    }

    fn push_text(&mut self, text: &str) {
        if let Some(Piece::Text(last)) = self.pieces.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.pieces.push(Piece::Text(text.to_owned()));
        }
    }

    fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.push_text(&text),
            Piece::Many if self.pieces.last() == Some(&Piece::Many) => {}
            piece => self.pieces.push(piece),
        }
    }

    /// The text, if it has neither variables nor wildcards.
    pub(super) fn literal(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is `*` alone.
    pub(super) fn is_anything(&self) -> bool {
        self.pieces == [Piece::Many]
    }

    /// Whether the text matches, for the commonest shapes, which need no values.
    fn matches_plainly(&self, text: &str) -> Option<bool> {
        match &self.pieces[..] {
            [] => Some(text.is_empty()),
            [Piece::Many] => Some(true),
            [Piece::Text(only)] => Some(only == text),
            [Piece::Text(prefix), Piece::Many] => Some(text.starts_with(&**prefix)),
            [Piece::Many, Piece::Text(suffix)] => Some(text.ends_with(&**suffix)),
            [Piece::Text(prefix), Piece::Many, Piece::Text(suffix)] => Some(
                text.len() >= prefix.len() + suffix.len()
                    && text.starts_with(&**prefix)
                    && text.ends_with(&**suffix),
            ),
            // What does not even start right needs no further look.
            [Piece::Text(prefix), ..] if !text.starts_with(&**prefix) && !self.has_variables() => Some(false),
            _ => None,
        }
    }

    fn has_variables(&self) -> bool {
        self.variables().next().is_some()
    }

    /// Its variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(variable),
            _ => None,
        })
    }

    /// Whether any of its variables has neither value nor default.
    pub(super) fn lacks_value<'a>(&self, lookup: impl Fn(&Key) -> Binding<'a>) -> bool {
        self.variables().any(|variable| variable.default.is_none() && lookup(&variable.key) == Binding::None)
    }

    /// The tokens to match, with every variable's value in place, and whether they are all known:
    /// an unknown value is taken for any text.
    fn bind<'a>(&'a self, lookup: impl Fn(&Key) -> Binding<'a>) -> Result<(Vec<Token<'a>>, bool), Unbound> {
        let mut known = true;
        let mut tokens = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            tokens.push(match piece {
                Piece::Text(text) => Token::Text(text),
                Piece::Many => Token::Many,
                Piece::One => Token::One,
                Piece::Variable(Variable { key, default, .. }) => match (lookup(key), default) {
                    (Binding::Text(value), _) => Token::Text(value),
                    (Binding::None, Some(default)) => Token::Text(default),
                    (Binding::None, None) => return Err(Unbound::Missing),
                    (Binding::Unknown, _) => {
                        known = false;
                        Token::Many
                    }
                },
            });
        }
        Ok((tokens, known))
    }

    /// Whether the whole text matches, with every variable's value in place. What does not match
    /// whatever an unknown value is, does not match; nor does anything where a value is missing.
    pub(super) fn matches<'a>(&'a self, text: &str, lookup: impl Fn(&Key) -> Binding<'a>) -> Truth {
        if let Some(fits) = self.matches_plainly(text) {
            return fits.into();
        }
        match self.bind(lookup) {
            Ok((tokens, known)) => match (matches(&tokens, text), known) {
                (true, false) => Truth::Unknown,
                (fits, _) => fits.into(),
            },
            Err(unbound) => unbound.matches(),
        }
    }

    /// The text with every variable's value in place, wildcards as written.
    pub(super) fn text<'a>(&'a self, lookup: impl Fn(&Key) -> Binding<'a>) -> Result<Cow<'a, str>, Unbound> {
        if let Some(text) = self.literal() {
            return Ok(Cow::Borrowed(text));
        }
        let (tokens, known) = self.bind(lookup)?;
        if !known {
            return Err(Unbound::Unknown);
        }
        Ok(tokens
            .iter()
            .map(|token| match token {
                Token::Text(text) => text,
                Token::Many => "*",
                Token::One => "?",
            })
            .collect())
    }
}

/// Reads a variable at the start of the text, with its length. What is not one stays text.
fn variable(text: &str) -> Option<(Piece, usize)> {
    let inside = text.strip_prefix("${")?;
    // A default value may hold a brace.
    let (key_end, _) = inside.char_indices().find(|(_, letter)| matches!(letter, '}' | ','))?;
    let key = inside[..key_end].trim();
    let (default, length) = if inside[key_end..].starts_with(',') {
        let quoted = inside[key_end + 1..].trim_start();
        let value = quoted.strip_prefix('\'')?;
        let value_end = value.find('\'')?;
        let after = value[value_end + 1..].trim_start();
        let rest = after.strip_prefix('}')?;
        (Some(value[..value_end].to_owned()), text.len() - rest.len())
    } else {
        (None, 2 + key_end + 1)
    };
    let piece = match key {
        "*" | "?" | "$" if default.is_none() => Piece::Text(key.to_owned()),
        "" => return None,
        key => Piece::Variable(Variable { key: Key::new(key), written: key.into(), default }),
    };
    Some((piece, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(template: &str, text: &str, value: Binding<'_>) -> Truth {
        let template = Template::new(template, true, true);
        template.matches(text, |_| value)
    }

    #[test]
    fn a_variable_stands_for_its_value_as_plain_text() {
        assert_eq!(fits("home/${aws:username}/*", "home/ann/x", Binding::Text("ann")), Truth::Yes);
        assert_eq!(fits("home/${aws:username}/*", "home/bob/x", Binding::Text("*")), Truth::No);
        assert_eq!(fits("home/${aws:username}/*", "home/*/x", Binding::Text("*")), Truth::Yes);
    }

    #[test]
    fn a_variable_without_value_has_no_text_unless_it_has_a_default() {
        assert_eq!(fits("a/${aws:username}", "a/", Binding::None), Truth::No);
        assert_eq!(fits("a/${aws:username, 'x}y'}", "a/x}y", Binding::None), Truth::Yes);
        assert_eq!(fits("a/${aws:username,'x'}", "a/b", Binding::Text("b")), Truth::Yes);
        assert_eq!(fits("a/${aws:username}", "a/b", Binding::Unknown), Truth::Unknown);
        assert_eq!(fits("a/${aws:username}", "b/b", Binding::Unknown), Truth::No);
    }

    #[test]
    fn special_characters_are_written_as_variables() {
        assert_eq!(fits("a${*}${?}${$}", "a*?$", Binding::None), Truth::Yes);
        assert_eq!(fits("a${*}", "ab", Binding::None), Truth::No);
    }

    #[test]
    fn before_version_2012_a_variable_is_text() {
        let template = Template::new("${aws:username}", false, true);
        assert_eq!(template.literal(), Some("${aws:username}"));
    }

    #[test]
    fn what_only_looks_like_a_variable_is_text() {
        for text in ["${", "${}", "${aws:username", "${a, b}", "$x{", "${a,'b}"] {
            assert_eq!(Template::new(text, true, true).literal(), Some(text));
        }
    }
}
