//! Facts without the names of their owner.
//!
//! Account ids, names, external ids, addresses and principals each become a pseudonym: equal values the
//! same one, everywhere, also inside policy documents, messages and events. Names change letter by letter
//! and digit by digit, punctuation and wildcards stay, so that whatever matched before matches after, at
//! the same line and column, and near misses stay near misses. It is a pseudonym and no encryption: the
//! lengths and shapes of names stay visible.
//!
//! What everybody may know stays: Streamkap's account (and what is nearly it), names AWS gives, regions,
//! actions, times.

mod alphabet;
mod document;
mod names;
mod words;

use serde_json::{Map, Value};

use self::names::Names;
use super::Facts;

/// What is no secret and stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Accounts of vendors. Accounts that nearly are one of them stay too: they are mistyped.
    pub accounts: Vec<String>,
    /// Session names of vendors; `*` at the end stands for anything.
    pub sessions: Vec<String>,
    /// Words that stay within names, such as the name of the probe.
    pub words: Vec<String>,
}

/// Fields whose texts are AWS's vocabulary or ours, never a name.
const VOCABULARY: [&str; 40] = [
    "action",
    "algorithm",
    "at",
    "attribute",
    "awsRegion",
    "blocked",
    "collected_at",
    "connector",
    "created",
    "decision",
    "error_code",
    "event_id",
    "event_name",
    "event_source",
    "event_time",
    "feature_set",
    "format",
    "home_region",
    "kind",
    "last",
    "manager",
    "missing_context",
    "mode",
    "operations",
    "partition",
    "permissions",
    "purpose",
    "read_write",
    "region",
    "service",
    "shared_event_id",
    "since",
    "spec",
    "state",
    "status",
    "until",
    "updated",
    "usage",
    "version",
    "without_scps",
];

/// The same facts under pseudonyms.
///
/// # Errors
/// When the facts do not read back, which is a bug of redaction.
pub fn redacted(facts: &Facts, kept: &Kept) -> Result<Facts, serde_json::Error> {
    let mut value = serde_json::to_value(facts)?;
    let names = Names::of(facts, &value, kept);
    redact(&mut value, "", &names);
    serde_json::from_value(value)
}

/// Redacts the value of a field.
fn redact(value: &mut Value, field: &str, names: &Names) {
    match value {
        Value::String(text) => {
            if let Some(changed) = text_of(text, field, names) {
                *text = changed;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, field, names)),
        Value::Object(members) => {
            let old = std::mem::take(members);
            *members = object(old, field, names);
        }
        _ => {}
    }
}

/// Fields that map names to values: their keys are names.
const KEYED_BY_NAME: [&str; 8] =
    ["buckets", "clusters", "databases", "inline_policies", "keys", "managed_policies", "tags", "workgroups"];

fn object(members: Map<String, Value>, field: &str, names: &Names) -> Map<String, Value> {
    let by_name = KEYED_BY_NAME.contains(&field);
    // A fact's value stands for the field that holds the fact.
    let is_fact = members.contains_key("state") && members.contains_key("value");
    let by_name = by_name && !is_fact;
    let is_known = is_fact && members["state"] == "known";
    let is_filter = members.contains_key("attribute");
    members
        .into_iter()
        .map(|(key, mut value)| {
            match (field, key.as_str()) {
                ("context", key) => context(key, &mut value, names),
                ("inline_policies", _) if by_name => redact(&mut value, "document", names),
                ("tags", _) if by_name => redact(&mut value, "name", names),
                ("parameters", _) => redact(&mut value, "name", names),
                (_, "value") if is_known => redact(&mut value, field, names),
                // The reason why there is none, in words.
                (_, "value") if is_fact => redact(&mut value, "message", names),
                (_, "value") if is_filter => redact(&mut value, "filter", names),
                _ if by_name => redact(&mut value, "entry", names),
                (_, key) => redact(&mut value, key, names),
            }
            let key = if by_name { names.whole(&key) } else { key };
            (key, value)
        })
        .collect()
}

/// The values of a condition key.
fn context(key: &str, value: &mut Value, names: &Names) {
    let values = value.as_array_mut().into_iter().flatten();
    for value in values {
        if let Value::String(text) = value {
            *text = document::condition_value(key, text, names);
        }
    }
}

fn text_of(text: &str, field: &str, names: &Names) -> Option<String> {
    if VOCABULARY.contains(&field) {
        return None;
    }
    // A connector file is text in which names stand: TOML begins with a bracket, too.
    if field == "definition" {
        return Some(names.within(text));
    }
    if text.trim_start().starts_with(['{', '[']) {
        return Some(document::redacted(text, names));
    }
    Some(if names::is_field_of_names(field) { names.whole(text) } else { names.within(text) })
}

#[cfg(test)]
mod tests;
