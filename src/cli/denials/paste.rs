//! `denials --paste`: a text in, its denials explained. Needs no AWS.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use super::args::AnswerFormat;
use super::live::Reader;
use super::{Run, json, keep_known_checks, live};
use crate::catalog::Catalog;
use crate::cli::Ended;
use crate::cli::failure::{Failure, INCOMPLETE};
use crate::cli::output::Printer;
use crate::cli::progress::Screen;
use crate::collect::{Session, Settings};
use crate::denials::{Pasted, short_pasted, table_pasted};
use crate::model::Partition;

/// No text that somebody pastes is larger; a whole day's log may be.
const LIMIT: u64 = 256 << 20;

impl Run<'_> {
    /// Finds and explains the denials of a file, standard input, or of the words given themselves.
    /// With `settings`, encoded messages are opened by AWS.
    pub(super) fn paste(&self, given: &str, settings: Option<&Settings>) -> Ended {
        let text = self.read(given)?;
        let mut pasted = Pasted::of(&text, &Catalog::built_in().vendor.account);
        for denial in &mut pasted.denials {
            keep_known_checks(&mut denial.meaning);
        }
        if let Some(settings) = settings {
            decode(&mut pasted, settings, self.printer)?;
        }
        let text = match self.output {
            AnswerFormat::Json => json(&pasted),
            AnswerFormat::Short => short_pasted(&pasted),
            AnswerFormat::Table => table_pasted(&pasted, self.printer.layout(false).width),
        };
        self.printer.out(&text)?;
        // Nothing recognised is not nothing denied.
        Ok(if pasted.denials.is_empty() { INCOMPLETE } else { 1 })
    }

    fn read(&self, given: &str) -> Result<String, Failure> {
        let wrong = |error: io::Error| {
            Failure::usage(
                format!("{given} cannot be read: {error}"),
                "expected a file with the text, or `-`",
            )
        };
        let mut bytes = Vec::new();
        if given == "-" {
            if io::stdin().is_terminal() {
                self.printer.note("Paste the text, then press Ctrl-D on a line of its own.");
            }
            io::stdin().lock().take(LIMIT).read_to_end(&mut bytes).map_err(wrong)?;
        } else if !Path::new(given).exists() && given.contains(' ') {
            // Not a file but the message itself.
            return Ok(given.to_owned());
        } else {
            File::open(given).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes)).map_err(wrong)?;
        }
        Ok(decoded(&bytes))
    }
}

/// Opens encoded messages. They can be opened by whoever is of the account that they were made for.
fn decode(pasted: &mut Pasted, settings: &Settings, printer: &Printer) -> Result<(), Failure> {
    if pasted.denials.iter().all(|denial| denial.encoded.is_none()) {
        return Ok(());
    }
    let runtime = live::runtime()?;
    let screen = Screen::new(printer, None);
    let session = runtime.block_on(Session::open(settings, &Partition::aws(), &screen))?;
    let reader = Reader { runtime: &runtime, session, screen: &screen };
    for denial in &mut pasted.denials {
        let Some(encoded) = &denial.encoded else { continue };
        match reader.decode(encoded) {
            Ok(decoded) => denial.decoded = Some(decoded),
            Err(blocked) => pasted.notes.push(live::not_decoded(&blocked)),
        }
    }
    pasted.notes.dedup();
    screen.clear();
    Ok(())
}

/// The text of bytes in UTF-8 or, as some editors save it, UTF-16.
fn decoded(bytes: &[u8]) -> String {
    let wide = |pair: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|unit| pair([unit[0], unit[1]]));
        String::from_utf16_lossy(&units.collect::<Vec<_>>())
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_other_encodings_are_read() {
        assert_eq!(decoded(b"\xef\xbb\xbfdenied"), "denied");
        assert_eq!(decoded(b"\xff\xfed\0e\0"), "de");
        assert_eq!(decoded(b"\xfe\xff\0d\0e"), "de");
        assert_eq!(decoded(b"a\xffb"), "a\u{fffd}b");
    }
}
