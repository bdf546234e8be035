//! Remembers what was made of a text, for texts that come again and again.

/// Pairs of texts remembered at most.
const SLOTS: usize = 2048;
/// Longer texts are not remembered: they hardly come again.
const LONGEST: usize = 4096;

/// What was made of the texts last seen. Memory is bounded: two texts share a slot, and a third
/// drives out the one that was put there first.
pub(super) struct Memo<V> {
    slots: Vec<[Slot<V>; 2]>,
    /// For what is not to be remembered.
    passing: Option<V>,
}

/// A text and what was made of it.
type Slot<V> = Option<(Vec<u8>, V)>;

impl<V> Default for Memo<V> {
    fn default() -> Self {
        Self { slots: Vec::new(), passing: None }
    }
}

impl<V> Memo<V> {
    /// What was made of `text`, or is made of it now.
    pub(super) fn get<E>(&mut self, text: &[u8], make: impl FnOnce() -> Result<V, E>) -> Result<&mut V, E> {
        if text.len() > LONGEST {
            return Ok(self.passing.insert(make()?));
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || [None, None]);
        }
        let slot = &mut self.slots[slot(text)];
        let known = |slot: &Slot<V>| slot.as_ref().is_some_and(|(known, _)| known == text);
        let mut at = usize::from(known(&slot[1]));
        if !known(&slot[at]) {
            let value = make()?;
            let mut key = slot[1].take().map(|(key, _)| key).unwrap_or_default();
            key.clear();
            key.extend_from_slice(text);
            slot[1] = slot[0].replace((key, value));
            at = 0;
        }
        match &mut slot[at] {
            Some((_, value)) => Ok(value),
            // Filled above.
            None => unreachable!("an empty slot was filled"),
        }
    }
}

/// Whoever writes the logs may make texts share a slot; that costs the remembering alone.
#[expect(clippy::cast_possible_truncation, reason = "the remainder is small")]
fn slot(text: &[u8]) -> usize {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = text.as_chunks::<8>();
    let step = |hash: u64, word: u64| {
        let wide = u128::from(hash ^ word) * u128::from(MIX | 1);
        (wide as u64) ^ (wide >> 64) as u64
    };
    let hash = words.iter().fold(text.len() as u64, |hash, word| step(hash, u64::from_le_bytes(*word)));
    let tail = rest.iter().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
    (step(hash, tail ^ MIX) % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_seen_before_is_not_made_again_and_no_text_gets_anothers() {
        let mut memo = Memo::default();
        let mut made = 0;
        for round in 0..3 {
            for number in 0..3 {
                let text = format!("text {number}");
                let value = memo.get(text.as_bytes(), || {
                    made += 1;
                    Ok::<_, ()>(number)
                });
                assert_eq!(value, Ok(&mut number.clone()), "{round}");
            }
        }
        assert_eq!(made, 3);
        for number in 0..10_000 {
            let text = format!("{number}");
            assert_eq!(memo.get(text.as_bytes(), || Ok::<_, ()>(number)), Ok(&mut number.clone()));
        }
        let long = vec![b'a'; LONGEST + 1];
        assert_eq!(memo.get(&long, || Ok::<_, ()>(1)), Ok(&mut 1));
        assert_eq!(memo.get(&long, || Ok::<_, ()>(2)), Ok(&mut 2));
        assert_eq!(memo.get(b"broken", || Err(())), Err(()));
        assert_eq!(memo.get(b"broken", || Ok::<_, ()>(3)), Ok(&mut 3));
    }
}
