//! One pass over a log's text for the few byte pairs by which its records are told.
//!
//! Five pairs, each rare in logs but for the key it stands for:
//! `tV` in `"eventVersion"`, `Ti` in `"eventTime"`, `rC` in `"errorCode"`, `tC` in
//! `"eventCategory"`, `tN` in `"eventName"`, and `\u`, the start of an escape.

/// Calls `seen` with the position of the first byte of each pair, in order, until it returns
/// false.
pub(super) fn for_each_mark(text: &[u8], mut seen: impl FnMut(usize) -> bool) {
    let start = vector_pass(text, &mut seen);
    let Some(start) = start else { return };
    for at in start..text.len().saturating_sub(1) {
        if is_mark(text[at], text[at + 1]) && !seen(at) {
            return;
        }
    }
}

const fn is_mark(first: u8, second: u8) -> bool {
    matches!((first, second), (b't', b'V' | b'C' | b'N') | (b'T', b'i') | (b'r', b'C') | (b'\\', b'u'))
}

/// As far as whole blocks go: the position from which the rest is to be looked at, or none when
/// `seen` had enough.
#[cfg(target_arch = "x86_64")]
fn vector_pass(text: &[u8], seen: &mut impl FnMut(usize) -> bool) -> Option<usize> {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return block_pass(text, seen);
    }
    let mut at = 0;
    // The pairs of a block reach one byte beyond it.
    while at + BLOCK < text.len() {
        #[expect(unsafe_code, reason = "a function compiled for AVX2, which this processor has")]
        // SAFETY: AVX2 was detected above.
        let (next, mut mask) = unsafe { avx2::next_block(text, at) };
        while mask != 0 {
            if !seen(next + mask.trailing_zeros() as usize) {
                return None;
            }
            mask &= mask - 1;
        }
        at = next + BLOCK;
    }
    Some(at.min(text.len()))
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_pass(text: &[u8], seen: &mut impl FnMut(usize) -> bool) -> Option<usize> {
    block_pass(text, seen)
}

const BLOCK: usize = 64;

/// The same in words that any compiler turns into vector instructions: most blocks have no pair.
#[expect(clippy::needless_bitwise_bool, reason = "without branches the loop becomes vector instructions")]
fn block_pass(text: &[u8], seen: &mut impl FnMut(usize) -> bool) -> Option<usize> {
    let mut at = 0;
    while at + BLOCK < text.len() {
        let (first, second) = (&text[at..at + BLOCK], &text[at + 1..=at + BLOCK]);
        let any = first.iter().zip(second).fold(false, |any, (&one, &two)| {
            any | ((one == b't') & ((two == b'V') | (two == b'C') | (two == b'N')))
                | ((one == b'T') & (two == b'i'))
                | ((one == b'r') & (two == b'C'))
                | ((one == b'\\') & (two == b'u'))
        });
        if any {
            for offset in 0..BLOCK {
                if is_mark(first[offset], second[offset]) && !seen(at + offset) {
                    return None;
                }
            }
        }
        at += BLOCK;
    }
    Some(at.min(text.len()))
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set_epi64x, _mm256_set1_epi8, _mm256_testz_si256,
    };

    use super::BLOCK;

    /// The first block of `text` from `at` on that holds a pair, and where in it: one bit per
    /// position. Without any, the last whole block with no bit set.
    #[target_feature(enable = "avx2")]
    pub(super) fn next_block(text: &[u8], mut at: usize) -> (usize, u64) {
        loop {
            let (low, high) = (half(text, at), half(text, at + 32));
            let any = _mm256_or_si256(low, high);
            if _mm256_testz_si256(any, any) == 0 {
                return (at, u64::from(bits(low)) | u64::from(bits(high)) << 32);
            }
            if at + 2 * BLOCK >= text.len() {
                return (at, 0);
            }
            at += BLOCK;
        }
    }

    #[target_feature(enable = "avx2")]
    fn bits(lanes: __m256i) -> u32 {
        _mm256_movemask_epi8(lanes).cast_unsigned()
    }

    /// All ones where a pair begins, of the 32 bytes from `at`.
    #[target_feature(enable = "avx2")]
    fn half(text: &[u8], at: usize) -> __m256i {
        let (one, two) = (load(text, at), load(text, at + 1));
        let is = |lanes, byte: u8| _mm256_cmpeq_epi8(lanes, _mm256_set1_epi8(byte.cast_signed()));
        let upper = _mm256_or_si256(_mm256_or_si256(is(two, b'V'), is(two, b'N')), is(two, b'C'));
        let after_t = _mm256_and_si256(is(one, b't'), upper);
        let time = _mm256_and_si256(is(one, b'T'), is(two, b'i'));
        let code = _mm256_and_si256(is(one, b'r'), is(two, b'C'));
        let escape = _mm256_and_si256(is(one, b'\\'), is(two, b'u'));
        _mm256_or_si256(_mm256_or_si256(after_t, time), _mm256_or_si256(code, escape))
    }

    /// Thirty-two bytes; becomes one unaligned load.
    #[target_feature(enable = "avx2")]
    fn load(text: &[u8], at: usize) -> __m256i {
        let bytes = &text[at..at + 32];
        let word = |index: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
            i64::from_le_bytes(eight)
        };
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slowly(text: &[u8]) -> Vec<usize> {
        (0..text.len().saturating_sub(1)).filter(|&at| is_mark(text[at], text[at + 1])).collect()
    }

    proptest! {
        #[test]
        fn every_pair_is_seen_once_and_in_order(text in proptest::collection::vec(prop::sample::select(b"tVCNTirx\\u".to_vec()), 0..400)) {
            let mut found = Vec::new();
            for_each_mark(&text, |at| { found.push(at); true });
            prop_assert_eq!(&found, &slowly(&text));
            let mut portable = Vec::new();
            let end = block_pass(&text, &mut |at| { portable.push(at); true }).unwrap();
            let whole: Vec<_> = slowly(&text).into_iter().filter(|&at| at < end).collect();
            prop_assert_eq!(portable, whole);
        }
    }

    #[test]
    fn it_stops_when_told() {
        let text = b"tV".repeat(100);
        let mut count = 0;
        for_each_mark(&text, |_| {
            count += 1;
            count < 3
        });
        assert_eq!(count, 3);
    }
}
