//! Text in UTF-16, as PowerShell's `>` writes it.

use std::io::Read;

/// Bytes taken at once.
const CHUNK: usize = 64 * 1024;

/// The text in UTF-8, if it is in UTF-16 by its mark.
pub(super) fn utf16(text: &[u8]) -> Option<Vec<u8>> {
    let mut wide = Wide::of(text.get(..2)?, &text[2..])?;
    let mut out = Vec::with_capacity(text.len() / 2);
    wide.read_to_end(&mut out).ok()?;
    Some(out)
}

/// Reads UTF-16 as UTF-8. Halves of pairs without their other half become the replacement
/// character.
pub(super) struct Wide<R> {
    source: R,
    unit: fn([u8; 2]) -> u16,
    /// Bytes of a unit, or of a pair, whose rest is still to come.
    held: Vec<u8>,
    /// UTF-8 that nobody took yet, from a position on.
    ready: Vec<u8>,
    at: usize,
}

impl<R: Read> Wide<R> {
    /// By the mark of byte order at the front of a text; `source` is what follows it.
    pub(super) fn of(mark: &[u8], source: R) -> Option<Self> {
        let unit: fn([u8; 2]) -> u16 = match mark {
            [0xff, 0xfe] => u16::from_le_bytes,
            [0xfe, 0xff] => u16::from_be_bytes,
            _ => return None,
        };
        Some(Self { source, unit, held: Vec::new(), ready: Vec::new(), at: 0 })
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let kept = self.held.len();
        let mut bytes = std::mem::take(&mut self.held);
        bytes.resize(kept + CHUNK, 0);
        let len = self.source.read(&mut bytes[kept..])?;
        bytes.truncate(kept + len);
        let (pairs, odd) = bytes.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|pair| (self.unit)(*pair)).collect();
        let mut rest = odd.len();
        if len > 0 && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            units.pop();
            rest += 2;
        }
        self.held = bytes[bytes.len() - rest..].to_vec();
        let text = char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}'));
        self.ready = text.collect::<String>().into_bytes();
        self.at = 0;
        if len == 0 {
            self.held.clear();
        }
        Ok(())
    }
}

impl<R: Read> Read for Wide<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.ready.len() {
            self.fill()?;
            if self.ready.is_empty() && self.held.is_empty() {
                return Ok(0);
            }
        }
        let len = out.len().min(self.ready.len() - self.at);
        out[..len].copy_from_slice(&self.ready[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let len = self.0.len().min(1).min(out.len());
            out[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    #[test]
    fn both_byte_orders_are_read_in_pieces_of_any_size() {
        let text = "a\u{e9}\u{1f600}z";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (mark, bytes) in [([0xff, 0xfe], little), ([0xfe, 0xff], big)] {
            let mut out = String::new();
            Wide::of(&mark, Slow(&bytes)).unwrap().read_to_string(&mut out).unwrap();
            assert_eq!(out, text);
            assert_eq!(utf16(&[&mark[..], &bytes].concat()), Some(text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn halves_are_replaced_and_other_text_is_none_of_it() {
        assert_eq!(utf16(b"\xff\xfe\x00\xd8a\0\x3d\xd8"), Some("\u{fffd}a\u{fffd}".into()));
        assert_eq!(utf16(b"\xff\xfea"), Some(Vec::new()));
        assert_eq!(utf16(b"{}"), None);
        assert_eq!(utf16(b""), None);
    }
}
