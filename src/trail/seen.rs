//! Which events were seen, told by their ids; shared by all who count.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Parts, so that workers seldom wait for each other.
const PARTS: usize = 64;

/// The ids seen so far: 16 bytes each and the table's room for them.
pub(super) struct Seen {
    parts: Vec<Mutex<HashSet<u128>>>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }
}

impl Seen {
    /// Notes an id; false when it was noted before.
    pub(super) fn note(&self, id: &str) -> bool {
        let key = key_of(id);
        let part = &self.parts[(key % PARTS as u128) as usize];
        part.lock().unwrap_or_else(PoisonError::into_inner).insert(key)
    }
}

/// 128 bits for an id: those of a UUID as CloudTrail writes it, else a hash.
pub(super) fn key_of(id: &str) -> u128 {
    uuid(id.as_bytes()).unwrap_or_else(|| u128::from(hash(1, id)) << 64 | u128::from(hash(2, id)))
}

fn hash(salt: u64, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    text.hash(&mut hasher);
    hasher.finish()
}

/// `01234567-89ab-cdef-0123-456789abcdef`, in lower case.
fn uuid(text: &[u8]) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    let mut bits = 0;
    for (at, &byte) in text.iter().enumerate() {
        let digit = match (byte, at) {
            (b'-', 8 | 13 | 18 | 23) => continue,
            (_, 8 | 13 | 18 | 23) => return None,
            (b'0'..=b'9', _) => byte - b'0',
            (b'a'..=b'f', _) => byte - b'a' + 10,
            _ => return None,
        };
        bits = bits << 4 | u128::from(digit);
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_whatever_its_form() {
        let seen = Seen::default();
        let ids = [
            "01234567-89ab-cdef-0123-456789abcdef",
            "01234567-89AB-cdef-0123-456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdee",
            "0123456789ab-cdef-0123-456789abcdef--",
            "0123456-789ab-cdef-0123-456789abcdef",
            "1",
            "",
        ];
        for id in ids {
            assert!(seen.note(id), "{id}");
        }
        for id in ids {
            assert!(!seen.note(id), "{id}");
        }
        assert_eq!(key_of(ids[0]), 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    }
}
