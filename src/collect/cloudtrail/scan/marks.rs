//! One pass over a log's text for the few byte pairs by which its records are told.
//!
//! Four pairs, each rare in logs but for the key it stands for: `tV` in `"eventVersion"`, `Ti` in
//! `"eventTime"`, `rr` in `"errorCode"`, and `\u`, the start of an escape. Each sight of one costs
//! a mispredicted branch, which is why there are no more.
//!
//! The second bytes of the pairs differ in their lower four bits. So one table look-up by those
//! bits gives the only second byte, another the only first byte, that may stand there: five
//! instructions for 32 bytes, however many pairs.

/// The pairs. Their second bytes differ in the lower four bits.
const PAIRS: [[u8; 2]; 4] = [*b"tV", *b"Ti", *b"rr", *b"\\u"];

/// Room for the positions of pairs, to be used again.
pub(super) struct Positions(Box<[u16; STRETCH]>);

impl Default for Positions {
    fn default() -> Self {
        Self(Box::new([0; STRETCH]))
    }
}

/// Calls `seen` with the position of the first byte of each pair, in order, until it returns
/// false.
pub(super) fn for_each_mark(text: &[u8], positions: &mut Positions, mut seen: impl FnMut(usize) -> bool) {
    let positions = &mut *positions.0;
    let mut at = 0;
    while at + BLOCK < text.len() {
        let blocks = (text.len() - at - 1).min(STRETCH) / BLOCK;
        let count = collect(&text[at..=at + blocks * BLOCK], positions);
        for offset in &positions[..count] {
            if !seen(at + usize::from(*offset)) {
                return;
            }
        }
        at += blocks * BLOCK;
    }
    for at in at..text.len().saturating_sub(1) {
        if is_mark(text[at], text[at + 1]) && !seen(at) {
            return;
        }
    }
}

fn is_mark(first: u8, second: u8) -> bool {
    PAIRS.contains(&[first, second])
}

/// Bytes looked at together.
const BLOCK: usize = 64;
/// Bytes whose positions are collected before any is looked at. Collecting goes without a branch
/// for each, so that the processor mispredicts none.
const STRETCH: usize = 8192;

/// Collects the positions of pairs in the blocks of `stretch`, relative to its start, and gives
/// their number. The stretch has one byte more than its blocks, for the last pair.
fn collect(stretch: &[u8], positions: &mut [u16; STRETCH]) -> usize {
    #[cfg(target_arch = "x86_64")]
    use std::arch::is_x86_feature_detected;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
    {
        #[expect(unsafe_code, reason = "a function compiled for AVX-512, which this processor has")]
        // SAFETY: the features it is compiled for were detected in the line above.
        return unsafe { avx512::collect(stretch, positions) };
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
    {
        #[expect(unsafe_code, reason = "a function compiled for AVX2, which this processor has")]
        // SAFETY: the features it is compiled for were detected in the line above.
        return unsafe { avx2::collect(stretch, positions) };
    }
    collect_portably(stretch, positions)
}

/// Adds the positions of a block's pairs, one bit of `mask` each; `base` is the block's own.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a mask has at most 64 zeros")]
fn add(mask: u64, base: u16, positions: &mut [u16; STRETCH], count: &mut usize) {
    let first = |mask: u64| base + mask.trailing_zeros() as u16;
    // Mostly there is none or one: written in any case, counted only if there is.
    if let Some(slot) = positions.get_mut(*count) {
        *slot = first(mask);
    }
    *count += usize::from(mask != 0);
    let mut rest = mask & mask.wrapping_sub(1);
    while rest != 0 {
        positions[*count] = first(rest);
        *count += 1;
        rest &= rest - 1;
    }
}

/// The same in words that any compiler turns into vector instructions: most blocks have no pair.
#[expect(clippy::needless_bitwise_bool, reason = "without branches the loop becomes vector instructions")]
fn collect_portably(stretch: &[u8], positions: &mut [u16; STRETCH]) -> usize {
    let (mut base, mut count) = (0, 0);
    for (first, second) in stretch.chunks_exact(BLOCK).zip(stretch[1..].chunks_exact(BLOCK)) {
        let any = first.iter().zip(second).fold(false, |any, (&one, &two)| {
            any | ((one == b't') & (two == b'V'))
                | ((one == b'T') & (two == b'i'))
                | ((one == b'r') & (two == b'r'))
                | ((one == b'\\') & (two == b'u'))
        });
        if any {
            let mask = first
                .iter()
                .zip(second)
                .rev()
                .fold(0_u64, |mask, (&one, &two)| mask << 1 | u64::from(is_mark(one, two)));
            add(mask, base, positions, &mut count);
        }
        base += 64;
    }
    count
}

/// By the lower four bits of a pair's second byte, that byte.
#[cfg(target_arch = "x86_64")]
const SECOND: [u8; 16] = table(false);
/// By the same, the pair's first byte.
#[cfg(target_arch = "x86_64")]
const FIRST: [u8; 16] = table(true);

#[cfg(target_arch = "x86_64")]
const fn table(first: bool) -> [u8; 16] {
    let mut table = [0xff; 16];
    // Nothing that a byte with these four bits could equal.
    table[15] = 0;
    let mut at = 0;
    while at < PAIRS.len() {
        let [one, two] = PAIRS[at];
        table[(two & 15) as usize] = if first { one } else { two };
        at += 1;
    }
    table
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a plain load, which compilers are not sure to make of safe words")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm_loadu_si128, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask, _mm512_loadu_si512,
        _mm512_mask_cmpeq_epi8_mask, _mm512_shuffle_epi8,
    };

    use super::{BLOCK, FIRST, SECOND, STRETCH, add};

    #[target_feature(enable = "avx512bw,bmi1,bmi2")]
    pub(super) fn collect(stretch: &[u8], positions: &mut [u16; STRETCH]) -> usize {
        let (mut rest, mut base, mut count) = (stretch, 0, 0);
        let (firsts, seconds) = (everywhere(&FIRST), everywhere(&SECOND));
        while let Some(block) = rest.first_chunk::<{ BLOCK + 1 }>() {
            let from = block.as_ptr();
            // SAFETY: the block has 65 bytes, of which the loads take 0 to 63 and 1 to 64.
            let (one, two) =
                unsafe { (_mm512_loadu_si512(from.cast()), _mm512_loadu_si512(from.add(1).cast())) };
            let second = _mm512_cmpeq_epi8_mask(two, _mm512_shuffle_epi8(seconds, two));
            let mask = _mm512_mask_cmpeq_epi8_mask(second, one, _mm512_shuffle_epi8(firsts, two));
            add(mask, base, positions, &mut count);
            rest = &rest[BLOCK..];
            base += 64;
        }
        count
    }

    /// A table in all quarters of a register: a look-up stays within its quarter.
    #[target_feature(enable = "avx512bw")]
    fn everywhere(table: &[u8; 16]) -> __m512i {
        // SAFETY: the table has the 16 bytes that are loaded.
        _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a plain load, which compilers are not sure to make of safe words")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_shuffle_epi8,
    };

    use super::{BLOCK, FIRST, SECOND, STRETCH, add};

    #[target_feature(enable = "avx2,bmi1,bmi2")]
    pub(super) fn collect(stretch: &[u8], positions: &mut [u16; STRETCH]) -> usize {
        let (mut rest, mut base, mut count) = (stretch, 0, 0);
        let tables = (both(&FIRST), both(&SECOND));
        while let Some(block) = rest.first_chunk::<{ BLOCK + 1 }>() {
            let (low, high) = (bits(block, 0, tables), bits(block, 32, tables));
            add(u64::from(low) | u64::from(high) << 32, base, positions, &mut count);
            rest = &rest[BLOCK..];
            base += 64;
        }
        count
    }

    /// One bit for each position from `at`, 0 or 32, to `at + 31` where a pair begins.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(block: &[u8; BLOCK + 1], at: usize, (firsts, seconds): (__m256i, __m256i)) -> u32 {
        let from = block[at..at + 33].as_ptr();
        // SAFETY: 33 bytes begin there, of which the loads take 0 to 31 and 1 to 32.
        let (one, two) = unsafe { (_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(1).cast())) };
        let second = _mm256_cmpeq_epi8(two, _mm256_shuffle_epi8(seconds, two));
        let first = _mm256_cmpeq_epi8(one, _mm256_shuffle_epi8(firsts, two));
        _mm256_movemask_epi8(_mm256_and_si256(second, first)).cast_unsigned()
    }

    /// A table in both halves of a register: a look-up stays within its half.
    #[target_feature(enable = "avx2")]
    fn both(table: &[u8; 16]) -> __m256i {
        // SAFETY: the table has the 16 bytes that are loaded.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slowly(text: &[u8]) -> Vec<usize> {
        (0..text.len().saturating_sub(1)).filter(|&at| is_mark(text[at], text[at + 1])).collect()
    }

    type Collect = fn(&[u8], &mut [u16; STRETCH]) -> usize;

    /// Every way that this processor can go.
    fn ways() -> Vec<Collect> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "there is one way"))]
        let mut ways: Vec<Collect> = vec![collect_portably, collect];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2") {
            #[expect(unsafe_code, reason = "a function compiled for AVX2, which this processor has")]
            // SAFETY: the features were detected in the line above; BMI1 came with them.
            ways.push(|stretch, positions| unsafe { avx2::collect(stretch, positions) });
        }
        ways
    }

    proptest! {
        #[test]
        fn every_pair_is_seen_once_and_in_order(text in proptest::collection::vec(prop::sample::select(b"tVCNTirx\\u\0\xff\xf6\x03".to_vec()), 0..18_000)) {
            let mut found = Vec::new();
            for_each_mark(&text, &mut Positions::default(), |at| { found.push(at); true });
            prop_assert_eq!(&found, &slowly(&text));
            let end = text.len().min(STRETCH + 1).saturating_sub(1) / BLOCK * BLOCK;
            let whole: Vec<_> = slowly(&text).into_iter().filter(|&at| at < end).collect();
            for collect in ways() {
                let mut positions = [0; STRETCH];
                let count = if end > 0 { collect(&text[..=end], &mut positions) } else { 0 };
                let found: Vec<_> = positions[..count].iter().map(|at| usize::from(*at)).collect();
                prop_assert_eq!(&found, &whole);
            }
        }
    }

    #[test]
    fn it_stops_when_told() {
        let text = b"tV".repeat(100);
        let mut count = 0;
        for_each_mark(&text, &mut Positions::default(), |_| {
            count += 1;
            count < 3
        });
        assert_eq!(count, 3);
    }
}
