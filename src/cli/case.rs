//! Case files on the command line: `--case FILE`, and `-` for standard input.

use std::fs::File;
use std::io;
use std::path::Path;

use super::failure::Failure;
use crate::catalog::Catalog;
use crate::facts::case::{Case, CaseError};
use crate::report::line;

/// Reads a case file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Case, Failure> {
    let shown = line(&path.display().to_string());
    let case = if path == Path::new("-") {
        Case::read(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(|error| {
            Failure::usage(
                format!("the case file `{shown}` cannot be opened: {error}"),
                "check its path and permissions",
            )
        })?;
        Case::read(file)
    };
    let case = case.map_err(|error| {
        let hint = match &error {
            CaseError::Newer { .. } => {
                "get the newest streamkap-doctor, or have the case collected by this one"
            }
            CaseError::Unreadable(_) => "check its path and permissions",
            CaseError::Truncated => "copy it again, the whole of it",
            _ => "`streamkap-doctor collect -o case.json` writes one",
        };
        Failure::usage(format!("the case file `{shown}` cannot be used: {error}"), hint)
    })?;
    Catalog::of_target(&case.facts.target).map_err(|error| {
        Failure::listing(
            format!("the case file `{shown}` cannot be used: its connectors are not known\n{error}"),
            "a newer doctor may know them; a case of a connector file of your own has that file's text in it",
        )
    })?;
    Ok(case)
}
