//! Letters for letters and digits for digits.

/// A cycle through the letters and one through the digits: no character stands for itself.
#[derive(Clone, Debug)]
pub(super) struct Alphabet {
    letters: [u8; 26],
    digits: [u8; 10],
}

impl Alphabet {
    /// The alphabet that belongs to these texts: others make another one.
    pub(super) fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        // FNV-1a, the same in every build.
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in texts.flat_map(|text| text.bytes().chain([0xff])) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let letters = cycle::<26>(&mut state);
        Self { letters, digits: cycle::<10>(&mut state) }
    }

    /// What stands for a character.
    pub(super) fn character(&self, character: char) -> char {
        let Ok(byte) = u8::try_from(u32::from(character)) else { return character };
        match byte {
            b'a'..=b'z' => char::from(b'a' + self.letters[usize::from(byte - b'a')]),
            b'A'..=b'Z' => char::from(b'A' + self.letters[usize::from(byte - b'A')]),
            b'0'..=b'9' => char::from(b'0' + self.digits[usize::from(byte - b'0')]),
            _ => character,
        }
    }

    /// What stands for a text.
    pub(super) fn text(&self, text: &str) -> String {
        text.chars().map(|character| self.character(character)).collect()
    }
}

/// One cycle through all of `0..N` (Sattolo's shuffle), drawn by xorshift.
fn cycle<const N: usize>(state: &mut u64) -> [u8; N] {
    let mut items: [u8; N] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
    for at in (1..N).rev() {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let other = usize::try_from(*state % u64::try_from(at).unwrap_or(1)).unwrap_or(0);
        items.swap(at, other);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_stands_for_itself_and_no_two_for_the_same() {
        for seed in ["a", "b", "orders", ""] {
            let alphabet = Alphabet::of([seed].into_iter());
            let all = "abcdefghijklmnopqrstuvwxyz0123456789";
            let mapped = alphabet.text(all);
            assert!(all.chars().zip(mapped.chars()).all(|(one, other)| one != other));
            let distinct: std::collections::BTreeSet<char> = mapped.chars().collect();
            assert_eq!(distinct.len(), all.len());
        }
    }

    #[test]
    fn shape_stays() {
        let alphabet = Alphabet::of(["x"].into_iter());
        let mapped = alphabet.text("Ab-1_*?/é");
        assert_eq!(mapped.chars().nth(2), Some('-'));
        assert!(mapped.ends_with("*?/é") && mapped.starts_with(char::is_uppercase));
        assert_eq!(alphabet.text("AB").to_lowercase(), alphabet.text("ab"));
    }
}
