//! The terminal that progress bars are drawn on.

use std::io::{self, Write as _};

use indicatif::{ProgressBar, ProgressDrawTarget, TermLike};

use super::output::Printer;

/// Columns left free: a bar is padded to the end of its line, and the `^C` that a terminal echoes there
/// would wrap and leave the bar standing on a line of its own.
const FREE: u16 = 3;
/// Columns where the terminal does not tell.
const WIDTH: u16 = 80;

/// A bar of no length on standard error; hidden where there is no terminal.
pub(super) fn bar(printer: &Printer) -> ProgressBar {
    if !printer.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(Narrow), 15));
    bar
}

/// Standard error, a little narrower than it is.
#[derive(Debug)]
struct Narrow;

impl Narrow {
    fn control(&self, count: usize, letter: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.write_str(&format!("\x1b[{count}{letter}")) }
    }
}

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        let size = terminal_size::terminal_size_of(io::stderr());
        size.map_or(WIDTH, |(width, _)| width.0).saturating_sub(FREE).max(1)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.control(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.control(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.control(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.control(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.write_str(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        io::stderr().lock().write_all(s.as_bytes())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
