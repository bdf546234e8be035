//! `evaluate`: the policy engine on its own.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::Ended;
use super::args::EvaluateArgs;
use super::failure::{self, Failure};
use super::output::Printer;
use crate::evaluate::Summary;

/// How much is read at a time: what a pipe holds.
const BUFFER: usize = 1 << 16;

/// Runs it. Errors of single lines are answers, and tell by the exit code that there are any.
pub(super) fn run(args: &EvaluateArgs, printer: &Printer) -> Ended {
    let ended = if args.file == Path::new("-") {
        crate::evaluate::run(BufReader::with_capacity(BUFFER, io::stdin().lock()), printer.stream())
    } else {
        let file = File::open(&args.file).map_err(|error| {
            let message = format!("{} cannot be read: {error}", args.file.display());
            Failure::usage(message, "expected a file with one request a line, or `-`")
        })?;
        crate::evaluate::run(BufReader::with_capacity(BUFFER, file), printer.stream())
    };
    match ended {
        Ok(Summary { errors: 0, .. }) => Ok(0),
        Ok(_) => Ok(failure::USAGE),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => {
            Err(Failure::usage(format!("reading or writing failed: {error}"), "check the file and the disk"))
        }
    }
}
