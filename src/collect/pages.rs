//! Lists that come page by page.

use std::collections::BTreeSet;

/// What is said of a list that names a page again.
pub(super) const ENDLESS: &str = "AWS named a page again that was read already, so that the list has no end";

/// The tokens of a list's pages. None of them may come twice: such a list has no end.
#[derive(Debug, Default)]
pub(super) struct Pages {
    seen: BTreeSet<String>,
}

/// A page was named again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endless;

impl Pages {
    /// The token of the next page, which an answer named; none at the end of the list.
    pub(super) fn next(&mut self, named: Option<&str>) -> Result<Option<String>, Endless> {
        match named.filter(|token| !token.is_empty()) {
            None => Ok(None),
            Some(token) if self.seen.insert(token.to_owned()) => Ok(Some(token.to_owned())),
            Some(_) => Err(Endless),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_comes_again_is_told_from_the_end() {
        let mut pages = Pages::default();
        for (named, expected) in [
            (Some("a"), Ok(Some("a".to_owned()))),
            (Some("b"), Ok(Some("b".to_owned()))),
            (Some("a"), Err(Endless)),
            (Some(""), Ok(None)),
            (None, Ok(None)),
        ] {
            assert_eq!(pages.next(named), expected);
        }
    }
}
