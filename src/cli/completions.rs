//! `completions`: scripts for shells.

use clap::CommandFactory as _;

use super::Ended;
use super::args::{Cli, CompletionsArgs};
use super::output::Printer;

/// Runs it.
pub(super) fn run(args: &CompletionsArgs, printer: &Printer) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "streamkap-doctor", &mut script);
    printer.out(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
