//! The one place that prints: the report to standard output and nothing else there, notes and errors
//! to standard error.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};

use super::args::Color;
use super::environment::Environment;
use super::failure::Failure;
use crate::report::{Layout, block, line};

/// The width of the table where there is no terminal.
const WIDTH: usize = 80;

/// Prints.
pub(super) struct Printer {
    width: usize,
    colour_out: bool,
    colour_err: bool,
    progress: bool,
}

impl Printer {
    /// Prints to the terminal or pipes of this process.
    pub(super) fn new(environment: &Environment, color: Color) -> Self {
        let used = |detected: ColorChoice| match color {
            Color::Auto => detected != ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        let dumb = environment.variable("TERM") == Some("dumb");
        Self {
            width: environment.columns().unwrap_or(WIDTH),
            colour_out: used(AutoStream::choice(&io::stdout())),
            colour_err: used(AutoStream::choice(&io::stderr())),
            progress: io::stderr().is_terminal() && !dumb,
        }
    }

    /// The layout of a report on standard output.
    pub(super) fn layout(&self, verbose: bool) -> Layout {
        Layout { width: self.width, verbose, colour: self.colour_out }
    }

    /// Whether progress bars can be shown.
    pub(super) fn shows_progress(&self) -> bool {
        self.progress
    }

    /// Writes to standard output. A reader who has had enough (`| head`) is no failure.
    #[expect(clippy::unused_self, reason = "nothing prints without a printer")]
    pub(super) fn out(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::usage(
                format!("standard output cannot be written: {error}"),
                "is the disk full?",
            )),
            _ => Ok(()),
        }
    }

    /// Standard output for a command that streams.
    #[expect(clippy::unused_self, reason = "nothing prints without a printer")]
    pub(super) fn stream(&self) -> impl Write {
        io::stdout().lock()
    }

    /// Writes a file, or standard output where the path is `-`.
    pub(super) fn file(&self, path: &Path, text: &str) -> Result<(), Failure> {
        if path == Path::new("-") {
            return self.out(text);
        }
        std::fs::write(path, text).map_err(|error| {
            let path = line(&path.display().to_string());
            Failure::usage(
                format!("{path} cannot be written: {error}"),
                "check the folder and its permissions",
            )
        })
    }

    /// Writes a note to standard error.
    #[expect(clippy::unused_self, reason = "nothing prints without a printer")]
    pub(super) fn note(&self, text: &str) {
        // Nobody can be told that standard error is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says something that needs attention but stops nothing.
    pub(super) fn warning(&self, text: &str) {
        self.labelled(AnsiColor::Yellow, "warning", &line(text));
    }

    /// Says each of several such things.
    pub(super) fn warnings(&self, texts: &[String]) {
        for text in texts {
            self.warning(text);
        }
    }

    /// Says what ended the command, and what to do.
    pub(super) fn failure(&self, failure: &Failure) {
        self.labelled(AnsiColor::Red, "error", &failure.message);
        if let Some(hint) = &failure.hint {
            self.labelled(AnsiColor::Cyan, "hint", &line(hint));
        }
    }

    fn labelled(&self, color: AnsiColor, label: &str, text: &str) {
        let style = color.on_default().effects(Effects::BOLD);
        let style = if self.colour_err { style } else { Style::new() };
        self.note(&format!("{style}{label}{style:#}: {}", block(text)));
    }
}
