//! The condition keys of a request.

use std::collections::BTreeMap;

/// Condition keys and their values, keys without regard to case.
///
/// A key that is neither given nor marked unknown is absent, as AWS understands absence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
    unknown: Vec<String>,
}

impl Context {
    /// No keys at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a key one value, replacing what it had.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, [value]);
        self
    }

    /// Gives a key its values, replacing what it had. No values is a present, empty key.
    pub fn set<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a str>) {
        self.values.insert(key.to_ascii_lowercase(), values.into_iter().map(str::to_owned).collect());
    }

    /// Marks a key, or all keys with a prefix that ends in `/` (`aws:PrincipalTag/`), as not
    /// knowable: conditions on it are neither true nor false. A value given by [`Context::set`] wins.
    #[must_use]
    pub fn unknown(mut self, key_or_prefix: &str) -> Self {
        self.unknown.push(key_or_prefix.to_ascii_lowercase());
        self
    }
}
