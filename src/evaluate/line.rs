//! A line of the input, read from JSON.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::policy::{Context, closest};

/// A line of the input. Documents stay text until it is known whether they were seen before.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) principal: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) action: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) resource: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) resource_account: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) context: Keys,
    #[serde(borrow, default)]
    pub(super) identity_policies: Option<Vec<Object<Named<'a>>>>,
    #[serde(borrow, default)]
    pub(super) permissions_boundary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) session_policies: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    pub(super) service_control_policies: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(borrow, default)]
    pub(super) resource_control_policies: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(borrow, default)]
    pub(super) resource_policy: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) endpoint_policy: Option<&'a RawValue>,
}

/// What is left of a line that is not a request.
#[derive(Deserialize)]
pub(super) struct OnlyId<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) document: &'a RawValue,
}

/// The fields of a JSON object.
pub(super) trait Fields {
    /// Those that have to be there.
    const REQUIRED: &'static [&'static str];
    /// Those that may be left out, so that nobody notices when one is misspelt.
    const OPTIONAL: &'static [&'static str];
}

impl Fields for Line<'_> {
    const REQUIRED: &'static [&'static str] = &["id", "principal", "action", "resource"];
    const OPTIONAL: &'static [&'static str] = &[
        "resource_account",
        "context",
        "identity_policies",
        "permissions_boundary",
        "session_policies",
        "service_control_policies",
        "resource_control_policies",
        "resource_policy",
        "endpoint_policy",
    ];
}

impl Fields for OnlyId<'_> {
    const REQUIRED: &'static [&'static str] = &["id"];
    const OPTIONAL: &'static [&'static str] = &[];
}

impl Fields for Named<'_> {
    const REQUIRED: &'static [&'static str] = &["document"];
    const OPTIONAL: &'static [&'static str] = &["name"];
}

/// A JSON object: no list, and none of its fields a misspelt one of [`Fields::OPTIONAL`]. Other fields
/// are passed over.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Fields> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Fields> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        let spelt = Spelt::<A, T> { map, fields: PhantomData };
        T::deserialize(MapAccessDeserializer::new(spelt)).map(Object)
    }
}

/// An object whose keys are looked at on the way.
struct Spelt<A, T> {
    map: A,
    fields: PhantomData<T>,
}

impl<'de, A: MapAccess<'de>, T: Fields> MapAccess<'de> for Spelt<A, T> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(Name(name)) = self.map.next_key()? else { return Ok(None) };
        if let Some(meant) = misspelt::<T>(&name) {
            let message = format!("`{name}` is not a field; did you mean `{meant}`?");
            return Err(A::Error::custom(message));
        }
        let key: CowStrDeserializer<'_, A::Error> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// The field that a name was likely meant to be: with another case, word separator or number, or a
/// few letters wrong.
fn misspelt<T: Fields>(name: &str) -> Option<&'static str> {
    if T::OPTIONAL.contains(&name) || T::REQUIRED.contains(&name) {
        return None;
    }
    let plain =
        |name: &str| name.to_ascii_lowercase().replace(['_', '-', ' '], "").replace("policies", "policy");
    let name = plain(name);
    T::OPTIONAL.iter().copied().find(|known| closest(&name, std::iter::once(&*plain(known))).is_some())
}

/// The name of a field, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the name of a field")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

/// The condition keys of a line: a value is a string or a list of strings; numbers and booleans are
/// taken as their text, null as absence.
#[derive(Default)]
pub(super) struct Keys(pub(super) Context);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of condition keys")
    }

    fn visit_unit<E>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut context = Context::new();
        while let Some((Name(key), values)) = map.next_entry::<Name<'de>, Values>()? {
            match values {
                Values::None => {}
                Values::One(value) => context.set(&key, [value.as_str()]),
                Values::Many(values) => context.set(&key, values.iter().map(String::as_str)),
            }
        }
        Ok(Keys(context))
    }
}

enum Values {
    None,
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string or a list of strings")
    }

    fn visit_str<E>(self, value: &str) -> Result<Values, E> {
        Ok(Values::One(value.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Values, E> {
        Ok(Values::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<Values>()? {
            match value {
                Values::One(value) => values.push(value),
                Values::None | Values::Many(_) => {
                    return Err(A::Error::custom("a list of condition values holds strings only"));
                }
            }
        }
        Ok(Values::Many(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_told_from_one_that_is_meant() {
        for (name, meant) in [
            ("resource_polcy", Some("resource_policy")),
            ("resourcePolicy", Some("resource_policy")),
            ("resource_policies", Some("resource_policy")),
            ("identity_policy", Some("identity_policies")),
            ("service-control-policies", Some("service_control_policies")),
            ("permission_boundary", Some("permissions_boundary")),
            ("Context", Some("context")),
            ("resource_policy", None),
            ("id", None),
            ("sid", None),
            ("principal", None),
            ("resource", None),
            ("source", None),
            ("expected", None),
            ("policies", None),
            ("", None),
        ] {
            assert_eq!(misspelt::<Line<'_>>(name), meant, "{name}");
        }
    }
}
