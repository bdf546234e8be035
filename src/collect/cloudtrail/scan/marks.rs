//! One pass over a log's text for the few byte pairs by which its records are told.
//!
//! Five pairs, each rare in logs but for the key it stands for: `tV` in `"eventVersion"`, `Ti` in
//! `"eventTime"`, `rC` in `"errorCode"`, and `\u`, the start of an escape. Each sight of one costs
//! a mispredicted branch, which is why there are no more. The fifth, two zeros, is in no text that is whole.
//!
//! The second bytes of the pairs differ in their lower bits. So a table look-up by those bits gives
//! the only first byte that may stand there, however many pairs. AVX-512's tables take six bits, which
//! tell apart what stands in logs; AVX2's take four, and a second look-up gives the only second byte.

/// The pairs. Their second bytes differ in the lower four bits.
const PAIRS: [[u8; 2]; 5] = [*b"tV", *b"Ti", *b"rC", *b"\\u", *b"\0\0"];

/// Bytes looked at together.
const BLOCK: usize = 64;
/// Blocks whose pairs are noted before any is told: one bit for each block that has one. Noting goes without a
/// branch, so that the processor mispredicts none.
const GROUP: usize = 64;

/// Calls `seen` with the position of the first byte of each pair, in order, until it returns
/// false. It may be called for what only begins as a pair does, too.
pub(super) fn for_each_mark(text: &[u8], mut seen: impl FnMut(usize) -> bool) {
    let (look, mut masks) = (look(), [0; GROUP]);
    let mut start = 0;
    while start + BLOCK < text.len() {
        let len = (text.len() - start - 1).min(GROUP * BLOCK) / BLOCK * BLOCK;
        let blocks = look(&text[start..=start + len], &mut masks);
        for block in ones(blocks) {
            for byte in ones(masks[block]) {
                if !seen(start + block * BLOCK + byte) {
                    return;
                }
            }
        }
        start += len;
    }
    for at in start..text.len().saturating_sub(1) {
        if is_mark(text[at], text[at + 1]) && !seen(at) {
            return;
        }
    }
}

fn is_mark(first: u8, second: u8) -> bool {
    PAIRS.contains(&[first, second])
}

/// Which bits of a mask are set, from the lowest.
#[inline]
fn ones(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (mask != 0).then_some(mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        lowest
    })
}

/// The blocks of a group twice: as they are, and one byte further on.
#[inline]
fn blocks(group: &[u8]) -> impl Iterator<Item = (&[u8; BLOCK], &[u8; BLOCK])> {
    group.as_chunks().0.iter().zip(group[1..].as_chunks().0)
}

/// Notes for each block of a group, which has one byte more than its blocks, at which of its bytes a pair
/// begins, one bit each, and gives the blocks that have any, one bit each.
type Look = fn(&[u8], &mut [u64; GROUP]) -> u64;

/// The fastest way that this processor has.
fn look() -> Look {
    #[cfg(target_arch = "x86_64")]
    use std::arch::is_x86_feature_detected;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi") {
        #[expect(unsafe_code, reason = "a function compiled for AVX-512, which this processor has")]
        // SAFETY: the features it is compiled for were detected in the line above.
        return |group, masks| unsafe { avx512::look(group, masks) };
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "a function compiled for AVX2, which this processor has")]
        // SAFETY: the features it is compiled for were detected in the line above.
        return |group, masks| unsafe { avx2::look(group, masks) };
    }
    look_portably
}

/// The same in words that any compiler turns into vector instructions: most blocks have no pair.
#[expect(clippy::needless_bitwise_bool, reason = "without branches the loop becomes vector instructions")]
fn look_portably(group: &[u8], masks: &mut [u64; GROUP]) -> u64 {
    let mut with_pairs = 0;
    for (at, ((first, second), mask)) in blocks(group).zip(masks).enumerate() {
        let any = first.iter().zip(second).fold(false, |any, (&one, &two)| {
            PAIRS.iter().fold(any, |any, pair| any | ((one == pair[0]) & (two == pair[1])))
        });
        if any {
            let pairs = first.iter().zip(second).rev();
            *mask = pairs.fold(0, |mask, (&one, &two)| mask << 1 | u64::from(is_mark(one, two)));
            with_pairs |= 1 << at;
        }
    }
    with_pairs
}

/// By the lower bits of a pair's second byte, its first or second one; elsewhere a byte that is in no text.
#[cfg(target_arch = "x86_64")]
const fn table<const SIZE: usize>(which: usize) -> [u8; SIZE] {
    let mut table = [0xff; SIZE];
    // Nothing that a byte with these bits could equal.
    table[SIZE - 1] = 0;
    let mut at = 0;
    while at < PAIRS.len() {
        table[PAIRS[at][1] as usize % SIZE] = PAIRS[at][which];
        at += 1;
    }
    table
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a plain load, which compilers are not sure to make of safe words")]
mod avx512 {
    use std::arch::x86_64::{
        _mm512_cmpeq_epi8_mask, _mm512_loadu_si512, _mm512_permutexvar_epi8, _mm512_test_epi64_mask,
    };

    use super::{BLOCK, GROUP, table};

    const FIRST: [u8; 64] = table(0);

    /// In plain loops: what iterators hand out is not sure to be compiled into this function, and for these features.
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    pub(super) fn look(group: &[u8], masks: &mut [u64; GROUP]) -> u64 {
        // SAFETY: the table has the 64 bytes that are loaded.
        let firsts = unsafe { _mm512_loadu_si512(FIRST.as_ptr().cast()) };
        let blocks = (group.len().saturating_sub(1) / BLOCK).min(GROUP);
        let mut at = 0;
        while at < blocks {
            // SAFETY: below `blocks`, a block and the byte after it are within the group.
            let (one, two) = unsafe {
                let block = group.as_ptr().add(at * BLOCK);
                (_mm512_loadu_si512(block.cast()), _mm512_loadu_si512(block.add(1).cast()))
            };
            masks[at] = _mm512_cmpeq_epi8_mask(one, _mm512_permutexvar_epi8(two, firsts));
            at += 1;
        }
        // Which have any is told for eight at once, and not in the loop, which has enough to do.
        let (mut with_pairs, mut at) = (0, 0);
        while at < GROUP {
            // SAFETY: of 64 masks, which is a multiple of eight, there are eight from here on.
            let eight = unsafe { _mm512_loadu_si512(masks.as_ptr().add(at).cast()) };
            with_pairs |= u64::from(_mm512_test_epi64_mask(eight, eight)) << at;
            at += 8;
        }
        // Beyond the last block stand masks of another group.
        if blocks < GROUP { with_pairs & ((1 << blocks) - 1) } else { with_pairs }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "a plain load, which compilers are not sure to make of safe words")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_shuffle_epi8,
    };

    use super::{GROUP, blocks, table};

    const FIRST: [u8; 16] = table(0);
    const SECOND: [u8; 16] = table(1);

    #[target_feature(enable = "avx2")]
    pub(super) fn look(group: &[u8], masks: &mut [u64; GROUP]) -> u64 {
        let mut with_pairs = 0;
        let tables = (both(&FIRST), both(&SECOND));
        for (at, ((one, two), mask)) in blocks(group).zip(masks).enumerate() {
            let [low, high] = [0, 32].map(|half| bits(&one[half..], &two[half..], tables));
            *mask = u64::from(low) | u64::from(high) << 32;
            with_pairs |= u64::from(*mask != 0) << at;
        }
        with_pairs
    }

    /// One bit for each of the first 32 bytes where a pair begins.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(one: &[u8], two: &[u8], (firsts, seconds): (__m256i, __m256i)) -> u32 {
        let (one, two) = (one[..32].as_ptr(), two[..32].as_ptr());
        // SAFETY: each has the 32 bytes that are loaded.
        let (one, two) = unsafe { (_mm256_loadu_si256(one.cast()), _mm256_loadu_si256(two.cast())) };
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

    /// Every way that this processor can go.
    fn ways() -> Vec<Look> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "there is one way"))]
        let mut ways: Vec<Look> = vec![look_portably, look()];
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "a function compiled for AVX2, which this processor has")]
            // SAFETY: the feature was detected in the line above.
            ways.push(|group, masks| unsafe { avx2::look(group, masks) });
        }
        ways
    }

    proptest! {
        #[test]
        fn every_pair_is_seen_once_and_in_order(text in proptest::collection::vec(prop::sample::select(b"tVCNTirx\\u5)\0\xff\xf6\x03\x83".to_vec()), 0..18_000)) {
            let pairs = |found: Vec<usize>| -> Vec<_> {
                found.into_iter().filter(|&at| is_mark(text[at], text[at + 1])).collect()
            };
            let mut found = Vec::new();
            for_each_mark(&text, |at| { found.push(at); true });
            prop_assert!(found.is_sorted_by(|one, next| one < next));
            prop_assert_eq!(pairs(found), slowly(&text));
            let end = text.len().min(GROUP * BLOCK + 1).saturating_sub(1) / BLOCK * BLOCK;
            let whole: Vec<_> = slowly(&text).into_iter().filter(|&at| at < end).collect();
            for look in ways() {
                let mut masks = [0; GROUP];
                let any = if end > 0 { look(&text[..=end], &mut masks) } else { 0 };
                let found = ones(any).flat_map(|block| ones(masks[block]).map(move |byte| block * BLOCK + byte));
                prop_assert_eq!(pairs(found.collect()), whole.clone());
            }
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
