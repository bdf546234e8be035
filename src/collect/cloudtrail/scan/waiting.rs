//! Reads what may keep its reader waiting, such as standard input and pipes, without waiting for it
//! longer than the user wants.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;
/// Pieces that lie ready.
const AHEAD: usize = 4;
/// How often to look whether the user still wants it.
const LOOK: Duration = Duration::from_millis(50);

/// The bytes of a source that a thread of its own reads. Once cancelled, what came is all there is;
/// the thread, which the system may keep waiting for ever, is left to the end of the program.
pub(super) struct Waiting<'c> {
    pieces: Receiver<io::Result<Vec<u8>>>,
    cancel: &'c AtomicBool,
    piece: Vec<u8>,
    at: usize,
}

impl<'c> Waiting<'c> {
    /// Opens and reads the source on a thread: opening may wait as well.
    pub(super) fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        cancel: &'c AtomicBool,
    ) -> Self {
        let (sender, pieces) = sync_channel(AHEAD);
        std::thread::spawn(move || {
            let mut source = match open() {
                Ok(source) => source,
                Err(error) => return drop(sender.send(Err(error))),
            };
            loop {
                let mut piece = vec![0; CHUNK];
                let read = source.read(&mut piece);
                let again = match &read {
                    Ok(len) => *len > 0,
                    Err(error) => error.kind() == io::ErrorKind::Interrupted,
                };
                let read = read.map(|len| {
                    piece.truncate(len);
                    piece
                });
                // An error means that nobody listens any more.
                if sender.send(read).is_err() || !again {
                    return;
                }
            }
        });
        Self { pieces, cancel, piece: Vec::new(), at: 0 }
    }
}

impl Read for Waiting<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => (self.piece, self.at) = (piece?, 0),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if self.cancel.load(Ordering::Relaxed) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let len = out.len().min(self.piece.len() - self.at);
        out[..len].copy_from_slice(&self.piece[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says one word and then nothing for ever.
    struct Silent(bool);

    impl Read for Silent {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            while self.0 {
                std::thread::sleep(Duration::from_secs(1));
            }
            self.0 = true;
            out[..4].copy_from_slice(b"word");
            Ok(4)
        }
    }

    #[test]
    fn all_is_read_in_order_and_errors_are_handed_on() {
        let never = AtomicBool::new(false);
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let source = io::Cursor::new(bytes.clone());
        let mut read = Vec::new();
        Waiting::new(move || Ok(source), &never).read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        let refused = Waiting::new(|| Err::<io::Empty, _>(io::Error::other("no")), &never).read(&mut [0]);
        assert_eq!(refused.unwrap_err().to_string(), "no");
    }

    #[test]
    fn a_silent_source_is_left_when_the_user_has_had_enough() {
        let cancel = AtomicBool::new(false);
        let mut waiting = Waiting::new(|| Ok(Silent(false)), &cancel);
        let mut word = [0; 8];
        assert_eq!(waiting.read(&mut word).unwrap(), 4);
        cancel.store(true, Ordering::Relaxed);
        assert_eq!(waiting.read(&mut word).unwrap(), 0);
    }
}
