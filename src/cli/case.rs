//! Case files on the command line: `--case FILE`, and `-` for standard input.

use std::fs::File;
use std::io;
use std::path::Path;

use super::failure::Failure;
use crate::facts::Facts;
use crate::facts::case::{Case, CaseError};

/// Reads a case file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Facts, Failure> {
    let case = if path == Path::new("-") {
        Case::read(io::stdin().lock())
    } else {
        match File::open(path) {
            Ok(file) => Case::read(file),
            Err(error) => Err(CaseError::Unreadable(error.to_string())),
        }
    };
    case.map(|case| case.facts).map_err(|error| {
        Failure::usage(
            format!("the case file {} cannot be used: {error}", path.display()),
            "`streamkap-doctor collect -o case.json` writes one",
        )
    })
}
