//! Case files on the command line.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::catalog::Catalog;
use crate::facts::Facts;
use crate::facts::case::{Case, CaseError};

/// What an unredacted case has in its name.
const UNREDACTED: &str = "unredacted";

/// Reads a case file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Facts, Failure> {
    let case = if path == Path::new("-") {
        Case::read(io::stdin().lock())
    } else {
        File::open(path).map_err(|error| CaseError::Unreadable(error.to_string())).and_then(Case::read)
    };
    case.map(|case| case.facts).map_err(|error| {
        Failure::usage(
            format!("the case file {} cannot be used: {error}", path.display()),
            "`streamkap-doctor collect -o case.json` writes one",
        )
    })
}

/// The text of a case file.
pub(super) fn text(facts: Facts, unredacted: bool, catalog: &Catalog) -> Result<String, Failure> {
    let case =
        if unredacted { Ok(Case::in_clear(facts)) } else { Case::redacted(&facts, &catalog.vendor.kept()) };
    case.and_then(|case| case.to_json())
        .map_err(|error| Failure::usage(format!("the case cannot be written: {error}"), "please report this"))
}

/// Where a case is written: an unredacted one says so in its name.
pub(super) fn path(given: &Path, unredacted: bool) -> PathBuf {
    let name = given.file_name().unwrap_or_default().to_string_lossy();
    if !unredacted || given == Path::new("-") || name.contains(UNREDACTED) {
        return given.to_owned();
    }
    let stem = given.file_stem().unwrap_or_default().to_string_lossy();
    let extension = given.extension().map(|it| format!(".{}", it.to_string_lossy())).unwrap_or_default();
    given.with_file_name(format!("{stem}.{UNREDACTED}{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unredacted_case_says_so_in_its_name() {
        let name = |given: &str, unredacted| path(Path::new(given), unredacted).display().to_string();
        assert_eq!(name("out/case.json", true), "out/case.unredacted.json");
        assert_eq!(name("case", true), "case.unredacted");
        assert_eq!(name("my-unredacted.json", true), "my-unredacted.json");
        assert_eq!(name("case.json", false), "case.json");
        assert_eq!(name("-", true), "-");
    }
}
