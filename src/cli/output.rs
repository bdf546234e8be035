//! The one place that prints: the report to standard output and nothing else there, notes and errors
//! to standard error.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::sync::Mutex;

use anstyle::{AnsiColor, Effects, Style};

use super::args::Color;
use super::environment::Environment;
use super::failure::Failure;
use super::sheet::{Secrecy, Sheet};
use crate::report::{Layout, block, line, wrap};

/// The width of the table where there is no terminal.
const WIDTH: usize = 80;

/// Prints.
pub(super) struct Printer {
    width: usize,
    colour_out: bool,
    colour_err: bool,
    progress: bool,
    /// Warnings that were given: none is given twice.
    warned: Mutex<BTreeSet<String>>,
}

impl Printer {
    /// Prints to the terminal or pipes of this process.
    pub(super) fn new(environment: &Environment, color: Color) -> Self {
        let dumb = environment.variable("TERM") == Some("dumb");
        let wanted = |terminal: bool| match color {
            Color::Auto => coloured(environment, terminal),
            Color::Always => true,
            Color::Never => false,
        };
        Self {
            width: environment.columns().unwrap_or(WIDTH),
            colour_out: wanted(io::stdout().is_terminal()),
            colour_err: wanted(io::stderr().is_terminal()),
            progress: io::stderr().is_terminal() && !dumb,
            warned: Mutex::default(),
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
                "it may be closed, or its disk full; the checks were run all the same",
            )),
            _ => Ok(()),
        }
    }

    /// Standard output for a command that streams.
    #[expect(clippy::unused_self, reason = "nothing prints without a printer")]
    pub(super) fn stream(&self) -> impl Write {
        io::stdout().lock()
    }

    /// Makes sure that a file can be written before anything is read for it; `-` is standard output.
    #[expect(clippy::unused_self, reason = "nothing prints without a printer")]
    pub(super) fn sheet(&self, path: &Path, secrecy: Secrecy) -> Result<Sheet, Failure> {
        Sheet::open(path, secrecy)
    }

    /// Writes to what was opened before.
    pub(super) fn write(&self, sheet: Sheet, text: &str) -> Result<(), Failure> {
        if sheet.is_standard_output() { self.out(text) } else { sheet.write(text) }
    }

    /// Writes a note to standard error.
    #[expect(clippy::unused_self, reason = "nothing prints without a printer")]
    pub(super) fn note(&self, text: &str) {
        // Nobody can be told that standard error is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A note of one paragraph, as wide as the terminal, if there is one.
    pub(super) fn paragraph(&self, text: &str) {
        let text = line(text);
        self.note(&if io::stderr().is_terminal() { wrap(&text, self.width).join("\n") } else { text });
    }

    /// Says something that needs attention but stops nothing; what was said before is not said again.
    pub(super) fn warning(&self, text: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if warned.insert(text.to_owned()) {
            self.labelled(AnsiColor::Yellow, "warning", &line(text));
        }
    }

    /// Says each of several such things.
    pub(super) fn warnings(&self, texts: &[String]) {
        for text in texts {
            self.warning(text);
        }
    }

    /// Says what is wrong with the command line; help and the version come this way too, and go to
    /// standard output.
    pub(super) fn parse_error(&self, error: &clap::Error) {
        let colour = if error.use_stderr() { self.colour_err } else { self.colour_out };
        let text = error.render();
        let text = if colour { text.ansi().to_string() } else { text.to_string() };
        if error.use_stderr() {
            self.note(text.replacen("tip:", "hint:", 1).trim_end());
        } else {
            // Whoever stopped reading has had enough.
            let _ = self.out(&text);
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

/// Whether text for a terminal, or for something else, has colours where nobody said so on the command
/// line: <https://no-color.org>, <https://bixense.com/clicolors/>.
fn coloured(environment: &Environment, terminal: bool) -> bool {
    if environment.variable("NO_COLOR").is_some() {
        return false;
    }
    match environment.variable("CLICOLOR_FORCE") {
        Some("0") | None => {
            terminal && environment.variable("TERM").map_or(cfg!(windows), |term| term != "dumb")
        }
        Some(_) => true,
    }
}
