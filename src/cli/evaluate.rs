//! `evaluate`: the policy engine on its own.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::Ended;
use super::args::EvaluateArgs;
use super::failure::Failure;
use super::output::Printer;

/// Runs it. Errors of single lines are answers, not failures.
pub(super) fn run(args: &EvaluateArgs, printer: &Printer) -> Ended {
    let ended = if args.file == Path::new("-") {
        crate::evaluate::run(io::stdin().lock(), printer.stream())
    } else {
        let file = File::open(&args.file).map_err(|error| {
            let message = format!("{} cannot be read: {error}", args.file.display());
            Failure::usage(message, "expected a file with one request a line, or `-`")
        })?;
        crate::evaluate::run(BufReader::with_capacity(1 << 16, file), printer.stream())
    };
    match ended {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::usage(format!("reading or writing failed: {error}"), "check the file and the disk"))
        }
        _ => Ok(0),
    }
}
