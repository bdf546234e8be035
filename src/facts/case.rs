//! Case files: facts written down, to be diagnosed elsewhere or later.
//!
//! ```json
//! {"case_version": 1, "doctor_version": "0.1.0", "redacted": true, "facts": { … }}
//! ```

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::Facts;
use super::redaction::{Kept, redacted};

/// The version of case files that is written. Every version up to it can be read.
pub const CASE_VERSION: u64 = 1;

/// No case is larger: one with ninety days of events takes a few megabytes.
pub const MAX_BYTES: u64 = 64 << 20;

/// A case: facts, and how they were written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// [`CASE_VERSION`] when it was written.
    pub case_version: u64,
    /// The version of the doctor that wrote it.
    pub doctor_version: String,
    /// Whether account ids, names, external ids, addresses and principals are pseudonyms.
    pub redacted: bool,
    /// The facts.
    pub facts: Facts,
}

/// Why a case file cannot be used. One sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// It could not be read at all.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// More than [`MAX_BYTES`].
    #[error("it is larger than {} MiB, which no case is", MAX_BYTES >> 20)]
    TooLarge,
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Not JSON.
    #[error("it is not JSON (line {line}, column {column})")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It ends too soon.
    #[error("it ends in the middle: it was not written or copied to the end")]
    Truncated,
    /// JSON of something else.
    #[error("it is JSON, but not a case: it has no `case_version`")]
    NotACase,
    /// A later doctor wrote it.
    #[error(
        "it has case version {found}, and this doctor ({}) reads versions up to {CASE_VERSION}; a newer one is needed",
        env!("CARGO_PKG_VERSION")
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// A version that never was.
    #[error("it has case version {found}, which there never was")]
    NoSuchVersion {
        /// Its version.
        found: u64,
    },
    /// The right version, and yet something in it is wrong.
    #[error("something in it is not as it should be: {0}")]
    Malformed(String),
}

/// What tells a case from other JSON.
#[derive(Deserialize)]
struct Header {
    case_version: Option<serde_json::Value>,
}

impl Case {
    /// A case of these facts in clear.
    pub fn in_clear(facts: Facts) -> Self {
        Self { case_version: CASE_VERSION, doctor_version: doctor_version(), redacted: false, facts }
    }

    /// A case of these facts with pseudonyms, except for what everybody may know.
    pub fn redacted(facts: &Facts, kept: &Kept) -> Result<Self, CaseError> {
        let facts = redacted(facts, kept).map_err(|error| CaseError::Malformed(error.to_string()))?;
        Ok(Self { redacted: true, ..Self::in_clear(facts) })
    }

    /// Reads a case from a file or a pipe, no more of it than a case may have.
    pub fn read(source: impl Read) -> Result<Self, CaseError> {
        let mut text = Vec::new();
        let read = source.take(MAX_BYTES + 1).read_to_end(&mut text);
        read.map_err(|error| CaseError::Unreadable(error.to_string()))?;
        if u64::try_from(text.len()).is_ok_and(|size| size > MAX_BYTES) {
            return Err(CaseError::TooLarge);
        }
        Self::parse(&text)
    }

    /// Reads a case from its text.
    pub fn parse(text: &[u8]) -> Result<Self, CaseError> {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(CaseError::Empty);
        }
        if !text.trim_ascii_start().starts_with(b"{") {
            // A list would pass for the header.
            let read: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(text);
            return Err(read.map_or_else(|error| fault(&error), |_| CaseError::NotACase));
        }
        let header: Header = serde_json::from_slice(text).map_err(|error| fault(&error))?;
        match header.case_version.as_ref().map(serde_json::Value::as_u64) {
            None => return Err(CaseError::NotACase),
            Some(None) => {
                let found = header.case_version.unwrap_or_default();
                return Err(CaseError::Malformed(format!(
                    "its `case_version` is {found} and no whole number from 1 on"
                )));
            }
            Some(Some(0)) => return Err(CaseError::NoSuchVersion { found: 0 }),
            Some(Some(found)) if found > CASE_VERSION => return Err(CaseError::Newer { found }),
            Some(Some(_)) => {}
        }
        let case: Self = serde_json::from_slice(text).map_err(|error| match fault(&error) {
            // It has a version: it is one.
            CaseError::NotACase => CaseError::Malformed(error.to_string()),
            fault => fault,
        })?;
        match &case.facts.target.region {
            Some(region) if !is_region(region) => {
                Err(CaseError::Malformed("its `target.region` is not the name of a region".to_owned()))
            }
            _ => Ok(case),
        }
    }

    /// The file's text, which ends with a line break.
    pub fn to_json(&self) -> Result<String, CaseError> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| CaseError::Malformed(error.to_string()))
    }
}

/// Whether a text has the form of a region's name, known or not.
fn is_region(text: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(allowed)
}

fn doctor_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

fn fault(error: &serde_json::Error) -> CaseError {
    match error.classify() {
        serde_json::error::Category::Eof => CaseError::Truncated,
        serde_json::error::Category::Syntax if error.to_string().contains("recursion limit") => {
            CaseError::Malformed("it is nested deeper than any case".to_owned())
        }
        serde_json::error::Category::Syntax => {
            CaseError::NotJson { line: error.line(), column: error.column() }
        }
        serde_json::error::Category::Data
            if error.to_string().contains("invalid type") && error.line() <= 1 =>
        {
            CaseError::NotACase
        }
        _ => CaseError::Malformed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{RoleName, Target};

    fn facts() -> Facts {
        let target = Target {
            role: RoleName { name: "r".to_owned(), path: None, account: None, partition: None },
            external_id: None,
            region: None,
            region_given: false,
            connectors: Vec::new(),
        };
        Facts::unread(target, "2026-03-02T10:00:00Z".to_owned())
    }

    #[test]
    fn a_case_reads_as_it_was_written() {
        let case = Case::in_clear(facts());
        let text = case.to_json().unwrap();
        assert_eq!(Case::parse(text.as_bytes()), Ok(case.clone()));
        assert_eq!(Case::read(format!("\u{feff}{text}").as_bytes()), Ok(case));
    }

    #[test]
    fn what_is_no_case_is_told_apart() {
        let text = Case::in_clear(facts()).to_json().unwrap();
        let deep = "[".repeat(100_000);
        for (given, expected) in [
            ("", CaseError::Empty),
            (" \n", CaseError::Empty),
            ("{\"a\": 1}", CaseError::NotACase),
            ("[1, 2]", CaseError::NotACase),
            ("3", CaseError::NotACase),
            (&deep, CaseError::Truncated),
            ("role: r", CaseError::NotJson { line: 1, column: 1 }),
            (&text[..text.len() / 2], CaseError::Truncated),
            ("{\"case_version\": 2, \"anything\": []}", CaseError::Newer { found: 2 }),
            ("{\"case_version\": 0}", CaseError::NoSuchVersion { found: 0 }),
        ] {
            assert_eq!(Case::parse(given.as_bytes()).unwrap_err(), expected, "{given}");
        }
        let nested = format!("{{\"case_version\": {deep}");
        assert!(matches!(Case::parse(nested.as_bytes()).unwrap_err(), CaseError::Malformed(_)));
        for given in [
            "{\"case_version\": \"1\"}",
            "{\"case_version\": 1}",
            "{\"case_version\": 1, \"facts\": []}",
            "{\"case_version\": -1}",
        ] {
            let error = Case::parse(given.as_bytes()).unwrap_err();
            assert!(matches!(error, CaseError::Malformed(_)), "{error:?}");
        }
    }

    #[test]
    fn a_region_that_is_none_makes_no_case() {
        for (region, is_one) in [("eu-west-1", true), ("us-iso-east-1", true), ("*", false), ("EU", false)] {
            let mut facts = facts();
            facts.target.region = Some(region.to_owned());
            let text = Case::in_clear(facts).to_json().unwrap();
            assert_eq!(Case::parse(text.as_bytes()).is_ok(), is_one, "{region}");
        }
    }

    #[test]
    fn no_more_is_read_than_a_case_may_have() {
        assert_eq!(Case::read(std::io::repeat(b' ')), Err(CaseError::TooLarge));
    }
}
