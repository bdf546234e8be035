//! The external id, which is masked wherever it is shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An external id. `Display` and `Debug` mask it; only [`ExternalId::expose`] gives it in clear.
///
/// Serialising gives it in clear: a case file masks it by pseudonym before it is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// Wraps the text as given, white space and quotes included: they may be the fault.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in clear, for comparing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first and last two characters with the length between: `ab…yz (36 characters)`.
    ///
    /// Shorter than nine characters, only the length is told.
    pub fn masked(&self) -> String {
        let characters: Vec<char> = self.0.chars().collect();
        let count = characters.len();
        if count < 9 {
            return format!("… ({count} characters)");
        }
        let head: String = characters[..2].iter().collect();
        let tail: String = characters[count - 2..].iter().collect();
        format!("{head}…{tail} ({count} characters)")
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.masked())
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ExternalId({})", self.masked())
    }
}

/// The external ids that a policy's statement compares with, those under a misspelt key too.
pub fn external_ids(statement: &mut Map<String, Value>) -> Vec<&mut String> {
    let condition = statement.get_mut("Condition").and_then(Value::as_object_mut);
    let keys = condition.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut).flatten();
    let of_id = keys.filter(|(key, _)| key.to_ascii_lowercase().contains("externalid"));
    let values = of_id.flat_map(|(_, value)| match value {
        Value::Array(values) => values.as_mut_slice(),
        only => std::slice::from_mut(only),
    });
    values
        .filter_map(|value| match value {
            Value::String(id) => Some(id),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_id_never_shows_in_clear_by_accident() {
        let id = ExternalId::new("d1f0c2aa-9b7e-4a51");
        assert_eq!(id.to_string(), "d1…51 (18 characters)");
        assert!(!format!("{id:?}").contains("9b7e"));
        assert_eq!(ExternalId::new("secret").to_string(), "… (6 characters)");
    }
}
