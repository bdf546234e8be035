//! Patterns as sets of texts: containment, and one text for every way a text can fit them.
//!
//! Both walk the product of small automata, one per pattern, and give up beyond a bound rather
//! than take long.

use std::collections::{HashSet, VecDeque};

use super::pattern::{matches, tokens};

/// How many combined states are walked before giving up.
const MAX_STATES: usize = 20_000;

/// A pattern, or a text to be equalled, as an automaton.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    units: Vec<Unit>,
    ignore_case: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Letter(char),
    One,
    Many,
}

/// The positions of a pattern that can have been reached, as bits.
type States = Vec<u64>;

impl Glob {
    /// A pattern with `*` and `?`.
    pub(super) fn pattern(text: &str) -> Self {
        let units = text.chars().map(|letter| match letter {
            '*' => Unit::Many,
            '?' => Unit::One,
            letter => Unit::Letter(letter),
        });
        Self { units: units.collect(), ignore_case: false }
    }

    /// Exactly this text.
    pub(super) fn text(text: &str, ignore_case: bool) -> Self {
        Self { units: text.chars().map(Unit::Letter).collect(), ignore_case }
    }

    fn start(&self) -> States {
        let mut states = vec![0; (self.units.len() + 1).div_ceil(64)];
        self.reach(&mut states, 0);
        states
    }

    /// Adds a position, and those behind it that `*` can skip to.
    fn reach(&self, states: &mut States, mut at: usize) {
        loop {
            states[at / 64] |= 1 << (at % 64);
            if self.units.get(at) != Some(&Unit::Many) {
                return;
            }
            at += 1;
        }
    }

    /// The positions after one more letter; `None` is a letter that the pattern does not name.
    fn step(&self, states: &States, letter: Option<char>) -> States {
        let mut next = vec![0; states.len()];
        for (at, unit) in self.units.iter().enumerate() {
            if states[at / 64] >> (at % 64) & 1 == 0 {
                continue;
            }
            match unit {
                Unit::Many => self.reach(&mut next, at),
                Unit::One => self.reach(&mut next, at + 1),
                Unit::Letter(wanted) => {
                    let same = letter.is_some_and(|letter| {
                        *wanted == letter || (self.ignore_case && wanted.eq_ignore_ascii_case(&letter))
                    });
                    if same {
                        self.reach(&mut next, at + 1);
                    }
                }
            }
        }
        next
    }

    fn accepts(&self, states: &States) -> bool {
        let end = self.units.len();
        states[end / 64] >> (end % 64) & 1 == 1
    }

    fn letters(&self) -> impl Iterator<Item = char> {
        self.units.iter().flat_map(|unit| match unit {
            Unit::Letter(letter) if self.ignore_case => {
                vec![letter.to_ascii_lowercase(), letter.to_ascii_uppercase()]
            }
            Unit::Letter(letter) => vec![*letter],
            _ => Vec::new(),
        })
    }
}

/// Whether every text that `inner` matches is matched by `outer`.
///
/// Exact for patterns of ordinary size; for a pair whose automata are too large the answer is no.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    let fixed = |pattern: &str| pattern.find(['*', '?']).unwrap_or(pattern.len());
    let prefix = &outer[..fixed(outer)];
    if prefix.len() == outer.len() {
        return outer == inner;
    }
    // A text of `inner` may start with any letters once its own fixed start is over.
    if !inner[..fixed(inner)].starts_with(prefix) {
        return false;
    }
    if outer.strip_suffix('*') == Some(prefix) || outer == inner {
        return true;
    }
    if fixed(inner) == inner.len() {
        return matches(&tokens(outer), inner);
    }
    let (outer, inner) = (Glob::pattern(outer), Glob::pattern(inner));
    let mut letters: Vec<Option<char>> = outer.letters().chain(inner.letters()).map(Some).collect();
    letters.push(None);
    letters.sort_unstable();
    letters.dedup();
    let start = (inner.start(), outer.start());
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some((in_inner, in_outer)) = open.pop() {
        if inner.accepts(&in_inner) && !outer.accepts(&in_outer) {
            return false;
        }
        for &letter in &letters {
            let next = (inner.step(&in_inner, letter), outer.step(&in_outer, letter));
            if next.0.iter().any(|&word| word != 0) && seen.insert(next.clone()) {
                if seen.len() > MAX_STATES {
                    return false;
                }
                open.push(next);
            }
        }
    }
    true
}

/// The shortest text that two patterns match, `filler` where neither names a letter; `None`: no text fits both, or
/// their automata are too large.
pub(super) fn common(left: &str, right: &str, filler: char) -> Option<String> {
    let (left, right) = (Glob::pattern(left), Glob::pattern(right));
    let mut letters: Vec<Option<char>> = left.letters().chain(right.letters()).map(Some).collect();
    letters.sort_unstable();
    letters.dedup();
    // What neither names comes first, so that it is taken where any letter will do.
    letters.insert(0, None);
    let start = (left.start(), right.start());
    let mut seen = HashSet::from([start.clone()]);
    let mut open = VecDeque::from([(start, String::new())]);
    while let Some(((in_left, in_right), text)) = open.pop_front() {
        if left.accepts(&in_left) && right.accepts(&in_right) {
            return Some(text);
        }
        for &letter in &letters {
            let next = (left.step(&in_left, letter), right.step(&in_right, letter));
            let goes_on = |states: &States| states.iter().any(|&word| word != 0);
            if goes_on(&next.0) && goes_on(&next.1) && seen.insert(next.clone()) {
                if seen.len() > MAX_STATES {
                    return None;
                }
                open.push_back((next, format!("{text}{}", letter.unwrap_or(filler))));
            }
        }
    }
    None
}

/// Texts of at least `shortest` letters from `alphabet`, one for every combination of patterns
/// that a text can match at once.
///
/// Whatever depends on a text only through which of the patterns match it is thus decided for all
/// texts by deciding it for these. `None` when there are too many combinations to walk.
pub(super) fn representatives(patterns: &[Glob], alphabet: &str, shortest: usize) -> Option<Vec<String>> {
    let named: Vec<char> = patterns.iter().flat_map(Glob::letters).collect();
    let mut letters: Vec<(char, Option<char>)> = Vec::new();
    let mut other = None;
    for letter in alphabet.chars() {
        if named.contains(&letter) {
            letters.push((letter, Some(letter)));
        } else {
            other.get_or_insert(letter);
        }
    }
    letters.extend(other.map(|letter| (letter, None)));
    let start: Vec<States> = patterns.iter().map(Glob::start).collect();
    let mut seen = HashSet::from([(start.clone(), 0)]);
    let mut open = VecDeque::from([(start, String::new(), 0)]);
    let mut fits = HashSet::new();
    let mut found = Vec::new();
    while let Some((states, text, length)) = open.pop_front() {
        let fit: Vec<bool> =
            patterns.iter().zip(&states).map(|(pattern, states)| pattern.accepts(states)).collect();
        if length >= shortest && fits.insert(fit) {
            found.push(text.clone());
        }
        for &(shown, letter) in &letters {
            let next: Vec<States> =
                patterns.iter().zip(&states).map(|(pattern, states)| pattern.step(states, letter)).collect();
            let length = (length + 1).min(shortest);
            if seen.insert((next.clone(), length)) {
                if seen.len() > MAX_STATES {
                    return None;
                }
                open.push_back((next, format!("{text}{shown}"), length));
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::pattern::{matches, tokens};

    fn glob(pattern: &str, text: &str) -> bool {
        matches(&tokens(pattern), text)
    }

    #[test]
    fn covering_is_containment() {
        for (outer, inner, expected) in [
            ("*", "a*b", true),
            ("a*", "a?c", true),
            ("a?", "a*", false),
            ("a*", "*", false),
            ("?*", "*?", true),
            ("?*", "*a?*", true),
            ("a*b", "ab", true),
            ("a*b", "a*b*b", true),
            ("s3:get*", "s3:getobject*", true),
            ("arn:aws:s3:::orders/*", "arn:aws:s3:::orders/raw/*", true),
            ("arn:aws:s3:::orders/*", "arn:aws:s3:::orders*", false),
        ] {
            assert_eq!(covers(outer, inner), expected, "{outer} over {inner}");
        }
    }

    #[test]
    fn patterns_too_large_to_compare_are_not_called_covered() {
        let outer = format!("*a{}*b", "?".repeat(60));
        assert!(!covers(&outer, &format!("*a{}b*b", "?".repeat(60))));
    }

    #[test]
    fn representatives_show_every_fit() {
        let patterns = [Glob::pattern("ab*"), Glob::pattern("*yz"), Glob::text("ABC", true)];
        let texts = representatives(&patterns, "abcdefABCDEFxyz-", 2).unwrap();
        let fits = |first: bool, last: bool| {
            texts.iter().any(|text| glob("ab*", text) == first && glob("*yz", text) == last)
        };
        assert!(fits(true, true) && fits(true, false) && fits(false, true) && fits(false, false));
        assert!(texts.iter().any(|text| text.eq_ignore_ascii_case("abc")));
        assert!(texts.iter().all(|text| text.len() >= 2));
    }

    proptest! {
        #[test]
        fn a_covered_pattern_matches_nothing_more(outer in "[ab*?]{0,6}", inner in "[ab*?]{0,6}", text in "[abz]{0,7}") {
            if covers(&outer, &inner) && glob(&inner, &text) {
                prop_assert!(glob(&outer, &text), "{} over {} at {}", outer, inner, text);
            }
        }

        #[test]
        fn a_pattern_that_is_not_covered_has_a_witness(outer in "[ab*?]{0,4}", inner in "[ab*?]{0,4}") {
            if !covers(&outer, &inner) {
                // Every text over {a, b, z} up to this length; z is a letter neither names.
                let mut texts = vec![String::new()];
                let mut found = false;
                for _ in 0..=7 {
                    found = found || texts.iter().any(|text| glob(&inner, text) && !glob(&outer, text));
                    if found { break; }
                    texts = texts
                        .iter()
                        .flat_map(|text| ["a", "b", "z"].map(|letter| format!("{text}{letter}")))
                        .collect();
                }
                prop_assert!(found, "{} over {}", outer, inner);
            }
        }

        #[test]
        fn a_common_text_fits_both(left in "[ab*?]{0,5}", right in "[ab*?]{0,5}", text in "[abz]{0,6}") {
            match common(&left, &right, 'z') {
                Some(text) => prop_assert!(glob(&left, &text) && glob(&right, &text), "{}", text),
                None => prop_assert!(!(glob(&left, &text) && glob(&right, &text)), "{}", text),
            }
        }

        #[test]
        fn representatives_leave_no_fit_out(first in "[ab*?]{0,4}", second in "[ab*]{0,4}", text in "[abz]{2,6}") {
            let texts = representatives(&[Glob::pattern(&first), Glob::pattern(&second)], "abz", 2).unwrap();
            let fit = |text: &str| (glob(&first, text), glob(&second, text));
            prop_assert!(texts.iter().any(|other| fit(other) == fit(&text)));
        }
    }
}
