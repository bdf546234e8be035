//! Case files on the command line: `--case FILE`, and `-` for standard input.

use std::fs::File;
use std::io;
use std::path::Path;

use super::failure::Failure;
use crate::catalog::Catalog;
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
    let facts = case.map(|case| case.facts).map_err(|error| {
        Failure::usage(
            format!("the case file {} cannot be used: {error}", path.display()),
            "`streamkap-doctor collect -o case.json` writes one",
        )
    })?;
    Catalog::of_target(&facts.target).map_err(|error| {
        Failure::listing(
            format!("the case file {} cannot be used: its connectors are not known\n{error}", path.display()),
            "a newer doctor may know them; a case of a connector file of your own has that file's text in it",
        )
    })?;
    Ok(facts)
}
