//! Lists that come page by page.

use std::collections::BTreeSet;

/// What is said of a list that cannot be read to its end.
pub(super) const ENDLESS: &str =
    "AWS says that the list goes on, and names no page that was not read already";

/// The tokens of a list's pages. None of them may come twice: such a list has no end.
#[derive(Debug, Default)]
pub(super) struct Pages {
    seen: BTreeSet<String>,
}

/// The list goes on, but a page was named again, or none.
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

    /// The same where the answer says besides whether the list goes on.
    pub(super) fn next_if(&mut self, goes_on: bool, named: Option<&str>) -> Result<Option<String>, Endless> {
        match self.next(named.filter(|_| goes_on))? {
            None if goes_on => Err(Endless),
            next => Ok(next),
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

    #[test]
    fn a_list_that_goes_on_without_saying_where_is_told_from_one_that_ends() {
        let mut pages = Pages::default();
        assert_eq!(pages.next_if(true, Some("a")), Ok(Some("a".to_owned())));
        assert_eq!(pages.next_if(false, Some("b")), Ok(None));
        assert_eq!(pages.next_if(false, None), Ok(None));
        assert_eq!(pages.next_if(true, None), Err(Endless));
        assert_eq!(pages.next_if(true, Some("")), Err(Endless));
    }
}
