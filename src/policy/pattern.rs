//! Texts with wildcards: `*` for any run of characters, `?` for exactly one.
//!
//! Matching never backtracks. The pattern is cut at its `*` into chunks; the first and the last
//! are tied to the ends of the text, each one between is sought once, leftmost, in what is left.
//! A chunk without `?` is sought in linear time; one with `?` as [`gaps`] tells. `STEPS` in the tests
//! counts the work.

use super::gaps;

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text that stands for itself, any `*` or `?` in it included.
    Text(&'a str),
    /// `*`.
    Many,
    /// `?`.
    One,
}

/// Cuts a pattern into tokens.
pub(super) fn tokens(pattern: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?']) {
        if at > 0 {
            found.push(Token::Text(&rest[..at]));
        }
        found.push(if rest.as_bytes()[at] == b'*' { Token::Many } else { Token::One });
        rest = &rest[at + 1..];
    }
    if !rest.is_empty() {
        found.push(Token::Text(rest));
    }
    found
}

/// Whether the whole text matches the tokens.
pub(super) fn matches(tokens: &[Token<'_>], text: &str) -> bool {
    match tokens {
        [Token::Many] => true,
        [] => text.is_empty(),
        [Token::Text(only)] => *only == text,
        [Token::Text(prefix), Token::Many] => text.starts_with(prefix),
        [Token::Many, Token::Text(suffix)] => text.ends_with(suffix),
        _ => matches_in_chunks(tokens, text),
    }
}

fn matches_in_chunks(tokens: &[Token<'_>], text: &str) -> bool {
    let mut chunks = tokens.split(|token| *token == Token::Many);
    let Some(first) = chunks.next() else { return text.is_empty() };
    let Some(mut rest) = strip_start(first, text) else { return false };
    let Some(mut chunk) = chunks.next() else { return rest.is_empty() };
    for next in chunks {
        let Some(after) = seek(chunk, rest) else { return false };
        rest = after;
        chunk = next;
    }
    ends_with(chunk, rest)
}

/// The text after the chunk, which stands at its start.
fn strip_start<'t>(chunk: &[Token<'_>], text: &'t str) -> Option<&'t str> {
    let mut rest = text;
    for token in chunk {
        step(1);
        rest = match token {
            Token::Text(literal) => {
                step(literal.len());
                rest.strip_prefix(literal)?
            }
            _ => skip_one(rest)?,
        };
    }
    Some(rest)
}

fn skip_one(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next()?;
    Some(characters.as_str())
}

fn ends_with(chunk: &[Token<'_>], text: &str) -> bool {
    let mut rest = text;
    for token in chunk.iter().rev() {
        step(1);
        let shorter = if let Token::Text(literal) = token {
            step(literal.len());
            rest.strip_suffix(literal)
        } else {
            let mut characters = rest.chars();
            characters.next_back().map(|_| characters.as_str())
        };
        match shorter {
            Some(shorter) => rest = shorter,
            None => return false,
        }
    }
    true
}

/// The text after the leftmost place where the chunk stands.
fn seek<'t>(chunk: &[Token<'_>], text: &'t str) -> Option<&'t str> {
    match chunk {
        [] => Some(text),
        [Token::Text(literal)] => {
            let at = memchr::memmem::find(text.as_bytes(), literal.as_bytes());
            step(at.map_or(text.len(), |at| at + literal.len()) + literal.len());
            at.map(|at| &text[at + literal.len()..])
        }
        _ => seek_with_gaps(chunk, text),
    }
}

/// The text after the leftmost place where a chunk with `?` stands.
fn seek_with_gaps<'t>(chunk: &[Token<'_>], text: &'t str) -> Option<&'t str> {
    // At either end of a chunk `?` only moves the place.
    let is_letter = |token: &Token<'_>| *token != Token::One;
    let start = chunk.iter().position(is_letter).unwrap_or(chunk.len());
    let end = chunk.iter().rposition(is_letter).map_or(start, |last| last + 1);
    let rest = strip_start(&chunk[..start], text)?;
    let rest = match &chunk[start..end] {
        inner @ ([] | [Token::Text(_)]) => seek(inner, rest)?,
        inner => &rest[gaps::find(&letters(inner), rest)?..],
    };
    strip_start(&chunk[end..], rest)
}

/// The characters of a chunk, none for `?`.
fn letters(chunk: &[Token<'_>]) -> Vec<Option<char>> {
    let mut letters = Vec::new();
    for token in chunk {
        match token {
            Token::Text(literal) => letters.extend(literal.chars().map(Some)),
            _ => letters.push(None),
        }
    }
    letters
}

#[cfg(not(test))]
#[inline(always)]
pub(super) fn step(_: usize) {}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(super) fn step(count: usize) {
    STEPS.with(|steps| steps.set(steps.get() + count));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(pattern: &str, text: &str) -> bool {
        matches(&tokens(pattern), text)
    }

    /// The textbook definition, exponential and plainly right.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((wanted, rest)) => text.first() == Some(wanted) && naive(rest, &text[1..]),
        }
    }

    fn steps(pattern: &str, text: &str) -> usize {
        STEPS.with(|steps| steps.set(0));
        glob(pattern, text);
        STEPS.with(std::cell::Cell::get)
    }

    #[test]
    fn stars_and_question_marks_match_as_documented() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("?", "é", true),
            ("?", "", false),
            ("??*", "a", false),
            ("*a?c*", "zzabczz", true),
            ("*a?c", "zzabcabc", true),
            ("a*a", "a", false),
            ("ab*ba", "aba", false),
            ("*ab*ab*", "ab", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn work_grows_with_the_length_of_the_text_not_with_its_square() {
        let length = 20_000;
        let text = "a".repeat(length);
        let bound = 8 * length;
        for pattern in [
            format!("{}b", "a*".repeat(length / 2)),
            format!("{}b", "*a".repeat(length / 2)),
            format!("*{}b*", "a".repeat(length / 2)),
            format!("{}*b", "?".repeat(length / 2)),
            "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b*".to_owned(),
            "*".repeat(length),
        ] {
            let taken = steps(&pattern, &text);
            assert!(taken <= bound, "{taken} steps for {}…", &pattern[..10]);
        }
        // Short chunks with `?` between stars cost one step a character.
        let taken = steps(&format!("{}b", "*a?a".repeat(length / 4)), &text);
        assert!(taken <= bound, "{taken} steps");
        // `?` at the ends of a chunk costs a step each.
        let taken = steps(&format!("*{0}b{0}*", "?".repeat(length / 4)), &text);
        assert!(taken <= bound, "{taken} steps");
    }

    #[test]
    fn a_long_chunk_with_question_marks_costs_a_bounded_number_of_steps_a_character() {
        for length in [20_000, 80_000] {
            for letters in [100, 4_000, length / 2] {
                let taken = steps(&format!("*{}b*", "a?".repeat(letters / 2)), &"a".repeat(length));
                assert!(taken <= 110 * length, "{taken} steps for {letters} in {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_definition(pattern in "[ab*?é]{0,8}", text in "[abé]{0,9}") {
            let wide: Vec<char> = pattern.chars().collect();
            let letters: Vec<char> = text.chars().collect();
            prop_assert_eq!(glob(&pattern, &text), naive(&wide, &letters));
        }
    }
}
