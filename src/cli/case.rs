//! Case files on the command line.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::failure::Failure;
use crate::facts::Facts;

/// No case is larger: a case with ninety days of events takes a few megabytes.
const LIMIT: u64 = 64 << 20;

/// Reads a case file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Facts, Failure> {
    let shown = path.display();
    let wrong = |why: String| {
        Failure::usage(
            format!("the case file {shown} cannot be used: {why}"),
            "`streamkap-doctor collect -o case.json` writes one",
        )
    };
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LIMIT + 1).read_to_end(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut text))
    };
    read.map_err(|error| wrong(error.to_string()))?;
    if u64::try_from(text.len()).is_ok_and(|size| size > LIMIT) {
        return Err(wrong(format!("it is larger than {} MiB", LIMIT >> 20)));
    }
    serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
}
