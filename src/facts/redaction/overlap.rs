//! Where a pattern with wildcards and a word that stays may match each other in part.
//!
//! Words such as Iceberg's `data` stay as they are, for the doctor itself asks about them. The pattern
//! `*/data*` has to match them still, and so do `*/d*` and `*ta/*`: of a pattern whose wildcard may stand for
//! the rest of such a word, the letters that it has of the word stay, wherever they stand.

use std::collections::BTreeSet;

/// The letters, in lower case, and digits that `text` has of the words at its wildcards.
///
/// `words` and `text` are cut at `/` and `:`, ends included: a word is given with `|` where a name has to
/// begin or end, as in `|data|`, `.db|`, `|iceberg-aws-`.
pub(super) fn letters(text: &str, words: &[String]) -> BTreeSet<char> {
    let mut found = BTreeSet::new();
    if !text.contains(['*', '?']) {
        return found;
    }
    let pieces = pieces(text);
    let last = pieces.len() - 1;
    for (at, piece) in pieces.iter().enumerate() {
        for word in words {
            let shared = shared(piece, word, at > 0, at < last);
            let characters = shared.iter().flat_map(|it| it.chars()).filter(char::is_ascii_alphanumeric);
            found.extend(characters.map(|it| it.to_ascii_lowercase()));
        }
    }
    found
}

/// Whether a text holds wildcards or policy variables, which stand for anything.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// A pattern cut at its wildcards and policy variables.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::from("|")];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let opaque = super::names::opaque(rest);
        let length = opaque.max(first.len_utf8());
        match first {
            _ if opaque > 0 => pieces.push(String::new()),
            '*' | '?' => pieces.push(String::new()),
            _ => {
                let delimiter = matches!(first, '/' | ':');
                if let Some(piece) = pieces.last_mut() {
                    piece.push(if delimiter { '|' } else { first });
                }
            }
        }
        rest = &rest[length..];
    }
    if let Some(piece) = pieces.last_mut() {
        piece.push('|');
    }
    pieces
}

/// What a piece and a word have in common where the piece ends at a wildcard: the end of the piece that
/// begins the word, the beginning that ends it, or the piece as a whole in its midst.
fn shared<'p>(piece: &'p str, word: &str, left: bool, right: bool) -> Vec<&'p str> {
    let mut found = Vec::new();
    let ends = piece.char_indices().map(|(at, _)| at).chain([piece.len()]);
    for at in ends {
        let (head, tail) = piece.split_at(at);
        if right && tail.len() < word.len() && word.starts_with(tail) {
            found.push(tail);
        }
        if left && head.len() < word.len() && word.ends_with(head) {
            found.push(head);
        }
    }
    if left && right && piece.len() < word.len() && word.contains(piece) {
        found.push(piece);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_at_wildcards_that_a_word_may_complete_are_found() {
        let words = ["|data|", "|metadata|", ".db|", "|iceberg-aws-", "|300973880807|"].map(str::to_owned);
        for (pattern, expected) in [
            ("arn/acme/data*", "adt"),
            ("*/data/*", ""),
            ("*/data", ""),
            ("sales.db/*", ""),
            ("sales.db*", "bd"),
            ("sales.d?/*", "d"),
            ("?????.d?/*", "d"),
            ("*b/raw/*", "b"),
            ("*ta/*", "at"),
            ("*a*", "a"),
            ("acme-*", ""),
            ("ice*", "cei"),
            ("*aws-1", "asw"),
            ("3009*", "039"),
            ("acme/data", ""),
            ("data${aws:username}*", "adt"),
        ] {
            let found: String = letters(pattern, &words).into_iter().collect();
            assert_eq!(found, expected, "{pattern}");
        }
    }
}
