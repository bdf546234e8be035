//! The condition keys of a request.

use std::collections::BTreeMap;

use super::key::Key;

/// Condition keys and their values, keys without regard to case.
///
/// A key that is neither given nor marked unknown is absent, as AWS understands absence; keys
/// that AWS derives from the principal or the resource are filled in by
/// [`Request`](super::Request) when they are absent here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    entries: BTreeMap<Key, Values>,
    /// Lower-case keys, and prefixes that end in `/` or `:`.
    unknown: Vec<Box<str>>,
    /// Whether a key that is neither given nor listed in `absent` is unknown.
    open: bool,
    absent: Vec<Box<str>>,
}

/// The values of a key: nearly always one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Values {
    One([String; 1]),
    Many(Vec<String>),
}

/// The values of a key that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given<'a> {
    Listed(&'a [String]),
    /// Derived from the principal or the resource.
    Derived(&'a str),
}

impl<'a> Given<'a> {
    pub(super) fn is_empty(self) -> bool {
        matches!(self, Self::Listed([]))
    }

    /// The value, if there is exactly one.
    pub(super) fn only(self) -> Option<&'a str> {
        match self {
            Self::Listed([only]) => Some(only),
            Self::Listed(_) => None,
            Self::Derived(value) => Some(value),
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        let (listed, derived) = match self {
            Self::Listed(values) => (values, None),
            Self::Derived(value) => (&[][..], Some(value)),
        };
        listed.iter().map(String::as_str).chain(derived)
    }
}

/// What a context says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup<'a> {
    /// The key's values, possibly none.
    Given(Given<'a>),
    /// Nobody outside AWS can know.
    Unknown,
    /// Not there.
    Absent,
}

impl Context {
    /// No keys at all: every key is absent.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every key is unknown until it is given or said to be [absent](Self::absent).
    pub fn open() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// Gives a key one value, replacing what it had.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, [value]);
        self
    }

    /// Gives a key its values, replacing what it had. No values is a present, empty key.
    pub fn set<'a>(&mut self, key: &str, values: impl IntoIterator<Item = &'a str>) {
        let mut values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        let values = match (values.len(), values.pop()) {
            (1, Some(only)) => Values::One([only]),
            (_, last) => {
                values.extend(last);
                Values::Many(values)
            }
        };
        self.entries.insert(Key::new(key), values);
    }

    /// Marks a key, or all keys with a prefix that ends in `/` or `:` (`aws:PrincipalTag/`), as not
    /// knowable: conditions on it are neither true nor false. A value given wins, whatever the order.
    #[must_use]
    pub fn unknown(mut self, key_or_prefix: &str) -> Self {
        self.unknown.push(key_or_prefix.to_ascii_lowercase().into_boxed_str());
        self
    }

    /// Says that a key is absent, which matters in an [open](Self::open) context and below a prefix that is
    /// [unknown](Self::unknown).
    #[must_use]
    pub fn absent(mut self, key: &str) -> Self {
        self.absent.push(key.to_ascii_lowercase().into_boxed_str());
        self
    }

    /// The values of a key, if it was given.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        match self.lookup(&Key::new(key)) {
            Lookup::Given(Given::Listed(values)) => Some(values),
            _ => None,
        }
    }

    /// Whether any key may be unknown.
    pub(super) fn has_unknown(&self) -> bool {
        self.open || !self.unknown.is_empty()
    }

    /// Looks up a key.
    pub(super) fn lookup(&self, key: &Key) -> Lookup<'_> {
        if let Some(values) = self.entries.get(key) {
            return Lookup::Given(Given::Listed(match values {
                Values::One(values) => values,
                Values::Many(values) => values,
            }));
        }
        if self.is_marked_unknown(key) || (self.open && !lists(&self.absent, key)) {
            Lookup::Unknown
        } else {
            Lookup::Absent
        }
    }

    /// Whether a key was marked unknown by name or prefix.
    pub(super) fn is_marked_unknown(&self, key: &Key) -> bool {
        self.unknown.iter().any(|name| **name == *key.as_str())
            || (lists(&self.unknown, key) && !lists(&self.absent, key))
    }
}

fn lists(names: &[Box<str>], key: &Key) -> bool {
    let key = key.as_str();
    names.iter().any(|name| **name == *key || (name.ends_with(['/', ':']) && key.starts_with(&**name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whatever_their_case() {
        let context = Context::new().with("aws:SourceIp", "203.0.113.7").with("AWS:sourceip", "203.0.113.8");
        assert_eq!(context.get("aws:SOURCEIP"), Some(&["203.0.113.8".to_owned()][..]));
        assert_eq!(context.get("aws:SourceVpc"), None);
    }

    #[test]
    fn unknown_keys_and_prefixes_yield_to_given_values() {
        let context = Context::new().unknown("aws:PrincipalTag/").with("aws:PrincipalTag/team", "data");
        assert_eq!(context.lookup(&Key::new("aws:principaltag/env")), Lookup::Unknown);
        assert_eq!(
            context.lookup(&Key::new("aws:principaltag/team")),
            Lookup::Given(Given::Listed(&["data".to_owned()]))
        );
        assert_eq!(context.lookup(&Key::new("aws:sourceip")), Lookup::Absent);
        let context = Context::new().unknown("kms:").absent("kms:ViaService");
        assert_eq!(context.lookup(&Key::new("kms:viaservice")), Lookup::Absent);
        assert_eq!(context.lookup(&Key::new("kms:keyspec")), Lookup::Unknown);
    }

    #[test]
    fn in_an_open_context_only_what_is_said_is_known() {
        let context = Context::open().absent("sts:ExternalId");
        assert_eq!(context.lookup(&Key::new("aws:sourceip")), Lookup::Unknown);
        assert_eq!(context.lookup(&Key::new("sts:externalid")), Lookup::Absent);
    }

    #[test]
    fn a_key_may_have_no_values() {
        let mut context = Context::new();
        context.set("aws:TagKeys", []);
        assert_eq!(context.lookup(&Key::new("aws:tagkeys")), Lookup::Given(Given::Listed(&[])));
    }
}
