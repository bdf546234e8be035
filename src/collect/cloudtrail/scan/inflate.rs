//! Inflates whole gzip objects in memory with libdeflate.
//!
//! The only `unsafe` code of the log scanner besides `marks`: the safe wrapper crate does not
//! tell how much input a member took, which concatenated members need.

use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE,
    libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// Deflate cannot expand more than this: 258 bytes from two bits, less the block's header.
const MAX_RATIO: usize = 1_032;
/// The first buffer; most log files inflate to less.
const FIRST_BUFFER: usize = 2 * 1024 * 1024;

/// One thread's decompressor. libdeflate keeps no state between calls, only its tables.
pub(super) struct Inflater {
    raw: NonNull<libdeflate_decompressor>,
}

// SAFETY: the decompressor is memory owned by this value alone; nothing in it is tied to the
// thread that made it.
#[expect(unsafe_code, reason = "libdeflate's decompressor is a plain allocation, owned by one value")]
unsafe impl Send for Inflater {}

/// How inflating an object went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    /// All members; the text is this long. `trailing` tells that bytes follow which are neither
    /// a member nor zero padding, and hold no member.
    Whole { len: usize, trailing: bool },
    /// Larger than the limit.
    TooLarge,
    /// Broken somewhere: to be read as a stream, which keeps what comes before the break.
    Broken,
}

impl Inflater {
    /// None only when memory is exhausted.
    #[expect(unsafe_code, reason = "calls libdeflate")]
    pub(super) fn new() -> Option<Self> {
        // SAFETY: the function has no preconditions; a null pointer is a failed allocation.
        let raw = unsafe { libdeflate_alloc_decompressor() };
        NonNull::new(raw).map(|raw| Self { raw })
    }

    /// Inflates all members of `object` into `out`, which grows to at most `limit` bytes and is
    /// meant to be used again.
    pub(super) fn inflate(&mut self, object: &[u8], out: &mut Vec<u8>, limit: usize) -> Inflated {
        grow(out, first_size(object, limit));
        let (mut taken, mut len) = (0, 0);
        loop {
            match self.member(&object[taken..], &mut out[len..]) {
                Member::Done { consumed, produced } => {
                    taken += consumed;
                    len += produced;
                    // Zeros pad blocks of tapes and disks, also between members.
                    let padding = object[taken..].iter().take_while(|byte| **byte == 0).count();
                    taken += padding;
                    let rest = &object[taken..];
                    if rest.is_empty() {
                        return Inflated::Whole { len, trailing: false };
                    }
                    if !rest.starts_with(&[0x1f, 0x8b]) {
                        let member = memchr::memmem::find(rest, &[0x1f, 0x8b, 8]).is_some();
                        return if member {
                            Inflated::Broken
                        } else {
                            Inflated::Whole { len, trailing: true }
                        };
                    }
                }
                Member::NoSpace if out.len() >= limit => return Inflated::TooLarge,
                Member::NoSpace => {
                    let size = out.len() * 2;
                    grow(out, size.min(limit));
                }
                Member::Bad => return Inflated::Broken,
            }
        }
    }

    #[expect(unsafe_code, reason = "calls libdeflate")]
    fn member(&mut self, input: &[u8], output: &mut [u8]) -> Member {
        let (mut consumed, mut produced) = (0, 0);
        // SAFETY: the decompressor is valid until dropped and not in use elsewhere, since this
        // borrows it exclusively. Both pointers come from slices of the lengths given, input is
        // only read, output only written within its length, and the two cannot overlap.
        let result = unsafe {
            libdeflate_gzip_decompress_ex(
                self.raw.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                output.len(),
                &raw mut consumed,
                &raw mut produced,
            )
        };
        match result {
            code if code == libdeflate_result_LIBDEFLATE_SUCCESS => Member::Done { consumed, produced },
            code if code == libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Member::NoSpace,
            _ => Member::Bad,
        }
    }
}

impl Drop for Inflater {
    #[expect(unsafe_code, reason = "frees what libdeflate allocated")]
    fn drop(&mut self) {
        // SAFETY: allocated by libdeflate in `new` and freed only here.
        unsafe { libdeflate_free_decompressor(self.raw.as_ptr()) };
    }
}

enum Member {
    Done { consumed: usize, produced: usize },
    NoSpace,
    Bad,
}

/// What the last member claims to inflate to, as far as that is possible: the field is modulo
/// 2^32, of the last member only, and may be forged.
fn first_size(object: &[u8], limit: usize) -> usize {
    let claimed = object
        .last_chunk::<4>()
        .map_or(0, |size| usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX));
    let possible = object.len().saturating_mul(MAX_RATIO);
    claimed.min(possible).clamp(FIRST_BUFFER.min(limit), limit)
}

fn grow(out: &mut Vec<u8>, len: usize) {
    if out.len() < len {
        // Zeroed pages come from the system untouched; the old contents are not needed.
        *out = if out.is_empty() { vec![0; len] } else { keep(out, len) };
    }
}

/// Members inflated so far stand at the front and must stay.
fn keep(out: &mut Vec<u8>, len: usize) -> Vec<u8> {
    let mut larger = std::mem::take(out);
    larger.resize(len, 0);
    larger
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(object: &[u8], limit: usize) -> (Inflated, Vec<u8>) {
        let mut out = Vec::new();
        let inflated = Inflater::new().unwrap().inflate(object, &mut out, limit);
        if let Inflated::Whole { len, .. } = inflated {
            out.truncate(len);
        }
        (inflated, out)
    }

    const LIMIT: usize = 64 << 20;

    #[test]
    fn members_are_joined_and_zero_padding_is_no_fault() {
        let mut object = [gz(b"one "), gz(b"two")].concat();
        object.extend([0; 512]);
        let (inflated, text) = inflate(&object, LIMIT);
        assert_eq!(inflated, Inflated::Whole { len: 7, trailing: false });
        assert_eq!(text, b"one two");
    }

    #[test]
    fn a_member_behind_padding_is_joined_and_one_behind_junk_is_left_to_the_stream() {
        let padded = [&gz(b"one ")[..], &[0; 512], &gz(b"two")].concat();
        assert_eq!(inflate(&padded, LIMIT).1, b"one two");
        let junk = [&gz(b"one ")[..], b"junk", &gz(b"two")].concat();
        assert_eq!(inflate(&junk, LIMIT).0, Inflated::Broken);
    }

    #[test]
    fn other_trailing_bytes_are_told() {
        let object = [gz(b"one"), b"junk".to_vec()].concat();
        assert_eq!(inflate(&object, LIMIT).0, Inflated::Whole { len: 3, trailing: true });
    }

    #[test]
    fn a_large_first_member_before_a_small_last_one_still_fits() {
        let big = vec![b'x'; 9 << 20];
        let object = [gz(&big), gz(b"y")].concat();
        assert_eq!(inflate(&object, LIMIT).0, Inflated::Whole { len: big.len() + 1, trailing: false });
    }

    #[test]
    fn what_inflates_beyond_the_limit_is_left_to_the_stream() {
        let object = gz(&vec![0; 3 << 20]);
        assert_eq!(inflate(&object, 1 << 20).0, Inflated::TooLarge);
    }

    #[test]
    fn broken_objects_are_told_as_broken() {
        let object = gz(b"hello hello hello");
        for broken in [&object[..object.len() - 9], &object[..5], &[0x1f, 0x8b][..], &[][..]] {
            assert_eq!(inflate(broken, LIMIT).0, Inflated::Broken);
        }
    }
}
