//! Letters for letters and digits for digits.

use std::collections::BTreeSet;

/// A cycle through the letters and one through the digits: but for those that are fixed, no character
/// stands for itself.
#[derive(Clone, Debug)]
pub(super) struct Alphabet {
    letters: [u8; 26],
    digits: [u8; 10],
    /// What is added, bit by bit, to letters beyond ASCII; none stand for themselves but with 0.
    beyond: u32,
}

impl Alphabet {
    /// Every character stands for itself.
    pub(super) fn identity() -> Self {
        Self { letters: positions(), digits: positions(), beyond: 0 }
    }

    /// One of many alphabets, the same for the same seed. `fixed`: lower-case letters and digits that stand
    /// for themselves.
    pub(super) fn of(seed: u64, fixed: &BTreeSet<char>) -> Self {
        let mut state = mixed(seed);
        let letters = cycle(&mut state, |at| fixed.contains(&char::from(b'a' + at)));
        let digits = cycle(&mut state, |at| fixed.contains(&char::from(b'0' + at)));
        // Even: scripts whose cases alternate keep them.
        let beyond = u32::try_from(state % 7).unwrap_or(0) * 2 + 2;
        Self { letters, digits, beyond }
    }

    /// What stands for a character: of the same kind and case, and as long in UTF-8.
    pub(super) fn character(&self, character: char) -> char {
        let Ok(byte) = u8::try_from(u32::from(character)) else { return self.foreign(character) };
        match byte {
            b'a'..=b'z' => char::from(b'a' + self.letters[usize::from(byte - b'a')]),
            b'A'..=b'Z' => char::from(b'A' + self.letters[usize::from(byte - b'A')]),
            b'0'..=b'9' => char::from(b'0' + self.digits[usize::from(byte - b'0')]),
            _ => self.foreign(character),
        }
    }

    /// A letter of another script, by another of its sixteen neighbours: where cases lie in other rows or
    /// alternate, as they do in Latin, Greek and Cyrillic, they stay.
    fn foreign(&self, character: char) -> char {
        let other = char::from_u32(u32::from(character) ^ self.beyond).unwrap_or(character);
        let kind = |it: char| (it.is_alphanumeric() && !it.is_ascii(), it.is_lowercase(), it.is_uppercase());
        if kind(character).0 && kind(character) == kind(other) { other } else { character }
    }

    /// What stands for a text.
    pub(super) fn text(&self, text: &str) -> String {
        text.chars().map(|character| self.character(character)).collect()
    }
}

/// FNV-1a, the same in every build.
pub(super) fn hash<'t>(texts: impl Iterator<Item = &'t str>) -> u64 {
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A number whose every bit depends on every bit of the given one (the finaliser of SplitMix64); never 0,
/// from which xorshift does not move.
pub(super) fn mixed(number: u64) -> u64 {
    let mut state = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state ^ (state >> 31)).max(1)
}

fn positions<const N: usize>() -> [u8; N] {
    std::array::from_fn(|at| u8::try_from(at).unwrap_or(0))
}

/// One cycle through all of `0..N` that are not fixed (Sattolo's shuffle), drawn by xorshift.
fn cycle<const N: usize>(state: &mut u64, fixed: impl Fn(u8) -> bool) -> [u8; N] {
    let mut items = positions::<N>();
    let free: Vec<u8> = items.into_iter().filter(|at| !fixed(*at)).collect();
    let mut shuffled = free.clone();
    for at in (1..shuffled.len()).rev() {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let other = usize::try_from(*state % u64::try_from(at).unwrap_or(1)).unwrap_or(0);
        shuffled.swap(at, other);
    }
    for (at, item) in free.into_iter().zip(shuffled) {
        items[usize::from(at)] = item;
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_stands_for_itself_and_no_two_for_the_same() {
        for seed in 0..50 {
            let alphabet = Alphabet::of(seed, &BTreeSet::new());
            let all = "abcdefghijklmnopqrstuvwxyz0123456789";
            let mapped = alphabet.text(all);
            assert!(all.chars().zip(mapped.chars()).all(|(one, other)| one != other));
            assert_eq!(mapped.chars().collect::<BTreeSet<char>>().len(), all.len());
        }
    }

    #[test]
    fn what_is_fixed_stands_for_itself_and_the_rest_does_not() {
        let alphabet = Alphabet::of(7, &BTreeSet::from(['d', 'a', 't', '3']));
        assert_eq!(alphabet.text("data-DATA-3"), "data-DATA-3");
        let all = "bcefghijklmnopqrsuvwxyz012456789";
        assert!(all.chars().all(|it| alphabet.character(it) != it));
        let mapped: BTreeSet<char> = all.chars().map(|it| alphabet.character(it)).collect();
        assert_eq!(mapped, all.chars().collect());
    }

    #[test]
    fn shape_stays() {
        let alphabet = Alphabet::of(1, &BTreeSet::new());
        let text = "Ab-1_*?/ Grün ЗАКАЗЫ заказы 注文 ";
        let mapped = alphabet.text(text);
        assert_eq!(mapped.len(), text.len());
        let kind = |text: &str| -> Vec<_> {
            text.chars().map(|it| (it.is_alphanumeric(), it.is_uppercase(), it.is_whitespace())).collect()
        };
        assert_eq!(kind(&mapped), kind(text));
        let changed = text.chars().zip(mapped.chars()).filter(|(one, _)| one.is_alphanumeric());
        assert!(changed.clone().all(|(one, other)| one != other), "{:?}", changed.collect::<Vec<_>>());
        assert_eq!(alphabet.text("ÄЗA").to_lowercase(), alphabet.text("äзa"));
        assert_eq!(Alphabet::identity().text(text), text);
    }
}
