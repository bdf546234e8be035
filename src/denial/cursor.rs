//! A reader of words that takes any run of white space for one space.
//!
//! Messages are wrapped by terminals, logs and mail; resources keep their own spaces.

/// A position in a text, moving only forwards.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    /// Steps over `phrase`, word by word, or stays where it is.
    pub(super) fn eat(&mut self, phrase: &str) -> bool {
        let mut rest = self.rest;
        for (index, word) in phrase.split(' ').enumerate() {
            let trimmed = rest.trim_start();
            if index > 0 && trimmed.len() == rest.len() {
                return false;
            }
            match trimmed.get(..word.len()) {
                Some(head) if head.eq_ignore_ascii_case(word) => rest = &trimmed[word.len()..],
                _ => return false,
            }
        }
        self.rest = rest;
        true
    }

    /// Whether `phrase` comes next.
    pub(super) fn sees(mut self, phrase: &str) -> bool {
        self.eat(phrase)
    }

    /// The next run of anything but white space.
    pub(super) fn token(&mut self) -> Option<&'a str> {
        let trimmed = self.rest.trim_start();
        let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
        let (token, rest) = trimmed.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }
}

/// The words of `text` with single spaces between them.
pub(super) fn collapse(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        out.push(' ');
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_matches_over_any_white_space_but_not_without_it() {
        let mut cursor = Cursor::new(" is not\n\tauthorized to x");
        assert!(cursor.eat("is not authorized to"));
        assert_eq!(cursor.token(), Some("x"));
        assert!(!Cursor::new("isnot").sees("is not"));
    }
}
