//! What identifies and grades a check.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A check's id, such as `ASSUME-004`: the section in capitals, a dash, three digits.
///
/// Ordered by section in the guide's order, then by number: the order of every report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckId {
    section: Section,
    number: u16,
}

impl CheckId {
    /// The id with this section and number.
    pub const fn new(section: Section, number: u16) -> Self {
        Self { section, number }
    }

    /// The number within its section.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// The section the check belongs to.
    pub const fn section(self) -> Section {
        self.section
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}-{:03}", self.section.as_str().to_ascii_uppercase(), self.number);
        out.pad(&text)
    }
}

impl FromStr for CheckId {
    type Err = CheckIdError;

    fn from_str(text: &str) -> Result<Self, CheckIdError> {
        let error = || CheckIdError(text.to_owned());
        let (section, number) = text.split_once('-').ok_or_else(error)?;
        let section = Section::ALL
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(section))
            .ok_or_else(error)?;
        if number.len() != 3 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let number = number.parse().map_err(|_| error())?;
        Ok(Self { section, number })
    }
}

impl TryFrom<String> for CheckId {
    type Error = CheckIdError;

    fn try_from(text: String) -> Result<Self, CheckIdError> {
        text.parse()
    }
}

impl From<CheckId> for String {
    fn from(id: CheckId) -> Self {
        id.to_string()
    }
}

impl schemars::JsonSchema for CheckId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CheckId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]+-[0-9]{3}$" })
    }
}

/// The text is not a check's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a check id: expected one such as ASSUME-004")]
pub struct CheckIdError(String);

/// A section of the report: the guide's troubleshooting entries, in its order, then its
/// security practices.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// Role cannot be assumed.
    Assume,
    /// Access denied when Streamkap tries to write.
    Write,
    /// Some operations succeed, others fail.
    Partial,
    /// Works initially but fails after some time.
    Later,
    /// Security best practices.
    Practice,
}

impl Section {
    /// Every section, in report order.
    pub const ALL: [Self; 5] = [Self::Assume, Self::Write, Self::Partial, Self::Later, Self::Practice];

    /// The name used on the command line and in file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assume => "assume",
            Self::Write => "write",
            Self::Partial => "partial",
            Self::Later => "later",
            Self::Practice => "practice",
        }
    }

    /// The guide's own words for the symptom.
    pub const fn symptom(self) -> &'static str {
        match self {
            Self::Assume => "Role cannot be assumed",
            Self::Write => "Access Denied when Streamkap tries to write",
            Self::Partial => "Some operations succeed, others fail",
            Self::Later => "Works initially but fails after some time",
            Self::Practice => "Security best practices",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

/// How much a failing check hurts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A practice is not followed.
    Low,
    /// Likely to bite, or hurts some operations.
    Medium,
    /// The connector cannot work.
    High,
    /// The account is open to others.
    Critical,
}

impl Severity {
    /// The lower-case word used in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_it_parses() {
        let id: CheckId = "assume-004".parse().unwrap();
        assert_eq!(id, CheckId::new(Section::Assume, 4));
        assert_eq!(id.to_string(), "ASSUME-004");
    }

    #[test]
    fn ids_are_ordered_as_the_guide_orders_its_symptoms() {
        let ids: Vec<CheckId> = ["ASSUME-010", "WRITE-001", "PARTIAL-001", "LATER-001", "PRACTICE-001"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_malformed_id_is_refused() {
        for text in ["", "ASSUME", "ASSUME-4", "ASSUME-0004", "NOPE-001", "ASSUME-+01"] {
            assert!(text.parse::<CheckId>().is_err(), "{text}");
        }
    }
}
