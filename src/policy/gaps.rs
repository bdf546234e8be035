//! Finds a text some of whose characters may be any, leftmost, without going back.
//!
//! Short ones by Shift-And, 64 characters of the pattern a step; long ones by convolution, which
//! costs a step for each doubling of their length.

use super::pattern::step;

/// The longest pattern that is quicker to find by Shift-And.
const SHORT: usize = 4096;

/// The end, in bytes, of the leftmost place in the text where the pattern stands. The pattern has
/// characters that have to be there, and `None` for any one character.
pub(super) fn find(pattern: &[Option<char>], text: &str) -> Option<usize> {
    if pattern.len() > text.len() {
        return None;
    }
    if pattern.len() <= SHORT || pattern.len() > LONGEST {
        shift_and(pattern, text)
    } else {
        convolve(pattern, text)
    }
}

/// Bit `i` of the state says that the first `i + 1` characters of the pattern stand just before the
/// place reached.
fn shift_and(pattern: &[Option<char>], text: &str) -> Option<usize> {
    let masks = Masks::new(pattern);
    let mut state = vec![0_u64; masks.words];
    let last = pattern.len().checked_sub(1)?;
    for (at, character) in text.char_indices() {
        step(masks.words);
        let mut carry = 1;
        for (word, allowed) in state.iter_mut().zip(masks.of(character)) {
            let next = *word >> 63;
            *word = ((*word << 1) | carry) & allowed;
            carry = next;
        }
        if state[last / 64] >> (last % 64) & 1 == 1 {
            return Some(at + character.len_utf8());
        }
    }
    None
}

/// For each character of a pattern, the positions that accept it.
struct Masks {
    characters: Vec<char>,
    words: usize,
    /// `words` words per character, then `words` words for all other characters.
    bits: Vec<u64>,
}

impl Masks {
    fn new(pattern: &[Option<char>]) -> Self {
        let words = pattern.len().div_ceil(64);
        let mut characters: Vec<char> = pattern.iter().flatten().copied().collect();
        characters.sort_unstable();
        characters.dedup();
        let mut any = vec![0_u64; words];
        for (position, _) in pattern.iter().enumerate().filter(|(_, wanted)| wanted.is_none()) {
            any[position / 64] |= 1 << (position % 64);
        }
        let mut bits = any.repeat(characters.len() + 1);
        for (position, wanted) in pattern.iter().enumerate() {
            let row = wanted.and_then(|wanted| characters.binary_search(&wanted).ok());
            if let Some(row) = row {
                bits[row * words + position / 64] |= 1 << (position % 64);
            }
        }
        Self { characters, words, bits }
    }

    fn of(&self, character: char) -> &[u64] {
        let row = self.characters.binary_search(&character).unwrap_or(self.characters.len());
        &self.bits[row * self.words..(row + 1) * self.words]
    }
}

/// A prime, one more than 15 times 2^27: its field has roots of unity for transforms of up to 2^27 values.
const PRIME: u64 = 2_013_265_921;

/// A number whose powers are all numbers of the field but zero.
const GENERATOR: u64 = 31;

/// The longest pattern whose transform the field has room for.
const LONGEST: usize = 1 << 26;

/// Weighs every character of the pattern, and compares at each place the sum of the weighted
/// characters of the text, had from one convolution, with that of the pattern. Where the pattern
/// stands they are equal; where they are equal by chance is sorted out by looking.
fn convolve(pattern: &[Option<char>], text: &str) -> Option<usize> {
    let letters: Vec<char> = text.chars().collect();
    let places = (letters.len() + 1).checked_sub(pattern.len())?;
    let transform = Transform::new((2 * pattern.len()).next_power_of_two());
    let mut kernel = vec![0; transform.length];
    let mut wanted_sum = 0;
    let mut weight = 1;
    for (slot, wanted) in kernel[..pattern.len()].iter_mut().rev().zip(pattern) {
        if let Some(wanted) = wanted {
            // Any weights do, as what is equal by chance is looked at.
            weight = weight * 48_271 % PRIME;
            *slot = weight;
            wanted_sum = (wanted_sum + weight * u64::from(u32::from(*wanted))) % PRIME;
        }
    }
    transform.forward(&mut kernel);
    // The sums come out multiplied by the length.
    let wanted_sum = wanted_sum * (transform.length as u64 % PRIME) % PRIME;
    let width = transform.length + 1 - pattern.len();
    for start in (0..places).step_by(width) {
        let mut sums = vec![0; transform.length];
        for (slot, letter) in sums.iter_mut().zip(&letters[start..]) {
            *slot = u64::from(u32::from(*letter));
        }
        transform.forward(&mut sums);
        sums.iter_mut().zip(&kernel).for_each(|(sum, weight)| *sum = *sum * weight % PRIME);
        transform.backward(&mut sums);
        for (offset, sum) in sums[pattern.len() - 1..].iter().take(places - start).enumerate() {
            let end = start + offset + pattern.len();
            if *sum == wanted_sum && stands_at(pattern, &letters[start + offset..end]) {
                return Some(letters[..end].iter().map(|letter| letter.len_utf8()).sum());
            }
        }
    }
    None
}

fn stands_at(pattern: &[Option<char>], letters: &[char]) -> bool {
    pattern.iter().zip(letters).all(|(wanted, letter)| wanted.is_none_or(|wanted| wanted == *letter))
}

/// The number-theoretic transform of a length, a power of two.
struct Transform {
    length: usize,
    root: u64,
    inverse: u64,
}

impl Transform {
    fn new(length: usize) -> Self {
        let root = power(GENERATOR, (PRIME - 1) / length as u64);
        Self { length, root, inverse: power(root, PRIME - 2) }
    }

    /// Transforms values, which leaves them in the order of their reversed bits.
    fn forward(&self, values: &mut [u64]) {
        let mut width = self.length;
        let mut root = self.root;
        while width > 1 {
            step(self.length / 2);
            for block in values.chunks_exact_mut(width) {
                let (low, high) = block.split_at_mut(width / 2);
                let mut twist = 1;
                for (left, right) in low.iter_mut().zip(high) {
                    let difference = *left + PRIME - *right;
                    *left = (*left + *right) % PRIME;
                    *right = difference % PRIME * twist % PRIME;
                    twist = twist * root % PRIME;
                }
            }
            root = root * root % PRIME;
            width /= 2;
        }
    }

    /// Transforms values in the order of their reversed bits back, multiplied by the length.
    fn backward(&self, values: &mut [u64]) {
        let mut width = 2;
        while width <= self.length {
            step(self.length / 2);
            let root = power(self.inverse, (self.length / width) as u64);
            for block in values.chunks_exact_mut(width) {
                let (low, high) = block.split_at_mut(width / 2);
                let mut twist = 1;
                for (left, right) in low.iter_mut().zip(high) {
                    let turned = *right * twist % PRIME;
                    *right = (*left + PRIME - turned) % PRIME;
                    *left = (*left + turned) % PRIME;
                    twist = twist * root % PRIME;
                }
            }
            width *= 2;
        }
    }
}

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut base) = (1, base);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gapped(pattern: &str) -> Vec<Option<char>> {
        pattern.chars().map(|letter| (letter != '?').then_some(letter)).collect()
    }

    #[test]
    fn the_leftmost_place_is_found_in_any_block() {
        let pattern = gapped("a?b");
        for at in [0, 1, 5, 6, 7, 100] {
            let text = format!("{}éaébaxb", "x".repeat(at));
            assert_eq!(convolve(&pattern, &text), Some(at + "éaéb".len()), "{at}");
        }
        assert_eq!(convolve(&pattern, "a?c"), None);
        assert_eq!(convolve(&pattern, "ab"), None);
    }

    #[test]
    fn a_long_pattern_is_found_where_a_short_one_would_be() {
        let pattern = gapped(&format!("{}b", "a?".repeat(SHORT)));
        let text = format!("{}b{}", "a".repeat(5 * SHORT), "a".repeat(SHORT));
        assert_eq!(find(&pattern, &text), Some(5 * SHORT + 1));
        assert_eq!(find(&pattern, &text[..5 * SHORT]), None);
    }

    proptest! {
        #[test]
        fn both_ways_find_the_same(pattern in "[ab?é]{1,9}", text in "[abé]{0,40}") {
            let pattern = gapped(&pattern);
            prop_assert_eq!(convolve(&pattern, &text), shift_and(&pattern, &text));
        }
    }
}
