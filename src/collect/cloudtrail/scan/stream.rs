//! Reads gzip or plain text as a stream: for what is too large for memory, truncated or broken.
//!
//! All that comes before a break is given; after a broken member the next one is tried, as in
//! files put together with `cat`.

use std::io::Read;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::trail::ProblemKind;

/// Bytes asked of the source at once.
const CHUNK: usize = 256 * 1024;
/// How far back the next member is looked for after a break. A truncated member with another one
/// behind it is noticed only when that one's bytes make no sense as a continuation.
const LOOK_BACK: usize = 64 * 1024;
/// Members tried after a broken one: each may be a chance pair of bytes in compressed data.
const RESUMPTIONS: u32 = 64;

/// Text out of a source that may be compressed.
pub(super) struct TextStream<R> {
    source: Source<R>,
    member: Member,
    /// Where in the source the member at hand begins.
    member_start: u64,
    resumptions: u32,
    /// What was the matter, once each.
    pub(super) problems: Vec<ProblemKind>,
}

enum Member {
    /// Nothing read yet.
    Start,
    Plain,
    Inside(Box<Inside>),
    /// A member ended.
    Between,
    End,
}

struct Inside {
    inflate: Decompress,
    crc: Crc,
}

impl<R: Read> TextStream<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source: Source { read: source, buffer: Vec::new(), at: 0, end: 0, taken: 0, failed: None },
            member_start: 0,
            member: Member::Start,
            resumptions: 0,
            problems: Vec::new(),
        }
    }

    /// Compressed or plain bytes taken from the source so far.
    pub(super) fn taken(&self) -> u64 {
        self.source.taken
    }

    /// Fills the front of `out` as far as the text goes; zero at its end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> usize {
        let mut len = 0;
        while len < out.len() {
            match self.step(&mut out[len..]) {
                Some(more) => len += more,
                None => break,
            }
        }
        if len == 0
            && let Some(detail) = self.source.failed.take()
        {
            self.problem(ProblemKind::Unreadable { detail });
        }
        len
    }

    fn problem(&mut self, kind: ProblemKind) {
        if !self.problems.contains(&kind) {
            self.problems.push(kind);
        }
    }

    /// Some bytes, maybe none yet; none at the end.
    fn step(&mut self, out: &mut [u8]) -> Option<usize> {
        match std::mem::replace(&mut self.member, Member::End) {
            Member::Start => self.start(),
            Member::Plain => {
                let len = self.source.copy_to(out);
                self.member = if len == 0 { Member::End } else { Member::Plain };
                (len > 0).then_some(len)
            }
            Member::Inside(inside) => Some(self.inflate(inside, out)),
            Member::Between => self.between(),
            Member::End => None,
        }
    }

    fn start(&mut self) -> Option<usize> {
        let head = self.source.peek(2);
        if head.is_empty() {
            self.problem(ProblemKind::Empty);
            return None;
        }
        if head.starts_with(&[0x1f, 0x8b]) {
            self.open_member();
        } else {
            self.member = Member::Plain;
        }
        Some(0)
    }

    /// Another member, zero padding, or bytes that belong to nothing, behind which there may be
    /// another member.
    fn between(&mut self) -> Option<usize> {
        while self.source.peek(1).first() == Some(&0) {
            self.source.skip(1);
        }
        let head = self.source.peek(2);
        if head.is_empty() {
            return None;
        }
        if head.starts_with(&[0x1f, 0x8b]) {
            self.open_member();
        } else {
            self.problem(ProblemKind::TrailingData);
            self.next_member();
        }
        Some(0)
    }

    fn open_member(&mut self) {
        self.member_start = self.source.position();
        match self.header() {
            Some(()) => {
                let inside = Inside { inflate: Decompress::new(false), crc: Crc::new() };
                self.member = Member::Inside(Box::new(inside));
            }
            None => self.resume(corrupt("the header is broken")),
        }
    }

    /// Steps over a member's header (RFC 1952, section 2.3); none when it is not one.
    fn header(&mut self) -> Option<()> {
        let source = &mut self.source;
        let mut fixed = [0; 10];
        for byte in &mut fixed {
            *byte = source.next_byte()?;
        }
        let flags = fixed[3];
        // Deflate is the one method; the upper flags must be zero.
        if fixed[2] != 8 || flags & 0xe0 != 0 {
            return None;
        }
        if flags & 4 != 0 {
            let len = u16::from_le_bytes([source.next_byte()?, source.next_byte()?]);
            for _ in 0..len {
                source.next_byte()?;
            }
        }
        for text in [8, 16] {
            // A name, a comment: up to a zero byte.
            while flags & text != 0 && source.next_byte()? != 0 {}
        }
        if flags & 2 != 0 {
            source.next_byte()?;
            source.next_byte()?;
        }
        Some(())
    }

    fn inflate(&mut self, mut inside: Box<Inside>, out: &mut [u8]) -> usize {
        let input = self.source.peek(1);
        let at_end = input.is_empty();
        let (in_before, out_before) = (inside.inflate.total_in(), inside.inflate.total_out());
        let result = inside.inflate.decompress(input, out, FlushDecompress::None);
        let consumed = usize_of(inside.inflate.total_in() - in_before);
        let produced = usize_of(inside.inflate.total_out() - out_before);
        self.source.skip(consumed);
        inside.crc.update(&out[..produced]);
        match result {
            Ok(Status::StreamEnd) => self.close_member(&inside),
            Ok(_) if at_end && produced == 0 => self.resume(ProblemKind::Truncated),
            Ok(_) => self.member = Member::Inside(inside),
            Err(_) if at_end => self.resume(ProblemKind::Truncated),
            Err(_) => self.resume(corrupt("the compressed data is broken")),
        }
        produced
    }

    /// The checksum and length after a member's data.
    fn close_member(&mut self, inside: &Inside) {
        let mut trailer = [0; 8];
        for byte in &mut trailer {
            match self.source.next_byte() {
                Some(read) => *byte = read,
                None => return self.problem(ProblemKind::Truncated),
            }
        }
        let [a, b, c, d, ..] = trailer;
        if u32::from_le_bytes([a, b, c, d]) != inside.crc.sum() {
            // Maybe it is the end of a truncated member, and another one lies within.
            return self.resume(corrupt("the checksum does not fit"));
        }
        self.member = Member::Between;
    }

    /// Looks for another member after a break.
    fn resume(&mut self, problem: ProblemKind) {
        self.problem(problem);
        let since_start = usize_of(self.source.position() - self.member_start).saturating_sub(1);
        self.source.back(since_start.min(LOOK_BACK));
        self.next_member();
    }

    /// Goes on to what looks like the beginning of a member; to the end without one.
    fn next_member(&mut self) {
        self.member = Member::End;
        self.resumptions += 1;
        if self.resumptions > RESUMPTIONS {
            return;
        }
        loop {
            match self.source.next_byte() {
                None => return,
                Some(0x1f) if self.source.peek(2).starts_with(&[0x8b, 8]) => break,
                Some(_) => {}
            }
        }
        // The first byte is taken; put the header's check on the rest.
        self.source.back(1);
        self.member = Member::Between;
    }
}

impl<R: Read> Read for TextStream<R> {
    /// Never fails: what was the matter stands in the problems.
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        Ok(Self::read(self, out))
    }
}

fn corrupt(detail: &str) -> ProblemKind {
    ProblemKind::Corrupt { detail: detail.into() }
}

fn usize_of(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A buffered source with some bytes of look-ahead and of going back.
struct Source<R> {
    read: R,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    taken: u64,
    failed: Option<String>,
}

impl<R: Read> Source<R> {
    /// The bytes at hand, at least `wanted` of them unless the source ends.
    fn peek(&mut self, wanted: usize) -> &[u8] {
        while self.end - self.at < wanted && self.fill() {}
        &self.buffer[self.at..self.end]
    }

    fn fill(&mut self) -> bool {
        if self.failed.is_some() {
            return false;
        }
        if self.buffer.is_empty() {
            self.buffer.resize(CHUNK + LOOK_BACK, 0);
        }
        // Keep some bytes behind for `back`.
        let keep = self.at.saturating_sub(LOOK_BACK);
        self.buffer.copy_within(keep..self.end, 0);
        self.at -= keep;
        self.end -= keep;
        loop {
            match self.read.read(&mut self.buffer[self.end..]) {
                Ok(0) => return false,
                Ok(len) => {
                    self.end += len;
                    self.taken += len as u64;
                    return true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error.to_string());
                    return false;
                }
            }
        }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.peek(1).first().copied()?;
        self.at += 1;
        Some(byte)
    }

    /// How much has been used of the source.
    fn position(&self) -> u64 {
        self.taken - (self.end - self.at) as u64
    }

    fn back(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
    }

    fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.end);
    }

    fn copy_to(&mut self, out: &mut [u8]) -> usize {
        let bytes = self.peek(1);
        let len = bytes.len().min(out.len());
        out[..len].copy_from_slice(&bytes[..len]);
        self.skip(len);
        len
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Not compressible to nothing, so that breaks fall into data.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b'a' + (state >> 24) as u8 % 26
            })
            .collect()
    }

    fn read(bytes: &[u8]) -> (Vec<u8>, Vec<ProblemKind>) {
        let mut stream = TextStream::new(bytes);
        let (mut text, mut piece) = (Vec::new(), vec![0; 10_000]);
        loop {
            let len = stream.read(&mut piece);
            if len == 0 {
                return (text, stream.problems);
            }
            text.extend_from_slice(&piece[..len]);
        }
    }

    #[test]
    fn members_and_padding_are_read_without_complaint() {
        let mut object = [gz(b"one "), gz(&noise(700_000)), gz(b" end")].concat();
        object.extend([0; 100]);
        let (text, problems) = read(&object);
        assert_eq!(text, [&b"one "[..], &noise(700_000), b" end"].concat());
        assert_eq!(problems, []);
        assert_eq!(read(b"plain").0, b"plain");
        assert_eq!(read(b"").1, [ProblemKind::Empty]);
    }

    #[test]
    fn a_member_behind_padding_or_junk_is_read_and_junk_is_told() {
        for (between, expected) in [
            (&[0_u8; 512][..], vec![]),
            (b"junk", vec![ProblemKind::TrailingData]),
            (b"\x1f\x1f\0", vec![ProblemKind::TrailingData]),
        ] {
            let (text, problems) = read(&[&gz(b"one ")[..], between, &gz(b"two"), between].concat());
            assert_eq!((&text[..], problems), (&b"one two"[..], expected), "{between:?}");
        }
    }

    #[test]
    fn a_truncated_member_gives_what_was_there() {
        let whole = noise(100_000);
        let object = gz(&whole);
        let (text, problems) = read(&object[..object.len() / 2]);
        assert!(text.len() > 40_000 && whole.starts_with(&text), "{}", text.len());
        assert_eq!(problems, [ProblemKind::Truncated]);
        let (text, problems) = read(&object[..object.len() - 3]);
        assert_eq!((text, problems), (whole, vec![ProblemKind::Truncated]));
    }

    #[test]
    fn a_wrong_checksum_is_told_and_the_text_kept() {
        let mut object = gz(b"hello");
        let at = object.len() - 6;
        object[at] ^= 255;
        let (text, problems) = read(&object);
        assert_eq!(text, b"hello");
        assert!(matches!(problems[..], [ProblemKind::Corrupt { .. }]), "{problems:?}");
    }

    #[test]
    fn after_a_broken_member_the_next_one_is_read() {
        let whole = noise(100_000);
        let mut broken = gz(&whole);
        let middle = broken.len() / 2;
        broken[middle..middle + 200].fill(0xff);
        let (text, problems) = read(&[broken, gz(b"THE NEXT")].concat());
        assert!(text.ends_with(b"THE NEXT"));
        assert!(whole.starts_with(&text[..40_000]));
        assert!(problems.iter().any(|problem| matches!(problem, ProblemKind::Corrupt { .. })));
    }
}
