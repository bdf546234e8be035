//! Facts without the names of their owner.
//!
//! Account ids, names, external ids, addresses and principals each become a pseudonym: equal values the
//! same one, everywhere, also inside policy documents, messages and events. Names change letter by letter
//! and digit by digit, punctuation and wildcards stay, so that whatever matched before matches after, at
//! the same line and column, and near misses stay near misses. It is a pseudonym and no encryption: the
//! lengths and shapes of names stay visible.
//!
//! Whatever is not known to be AWS's vocabulary is taken for a name. What everybody may know stays:
//! Streamkap's account (and what is nearly it), names AWS gives, regions, actions, times, and the words with
//! which the doctor itself asks, such as Iceberg's folder `data` ([`keep`]).

mod address;
mod alphabet;
mod arn;
mod condition;
mod definition;
mod document;
mod keep;
mod names;
mod overlap;
mod prose;

use std::collections::{BTreeMap, BTreeSet};

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
    /// Names of vendors' roles.
    pub roles: Vec<String>,
    /// Values that connector files offer, by parameter.
    pub choices: BTreeMap<String, BTreeSet<String>>,
}

/// Fields whose texts are AWS's vocabulary or ours, never a name.
const VOCABULARY: [&str; 46] = [
    "action",
    "algorithm",
    "at",
    "attribute",
    "awsRegion",
    "blocked",
    "category",
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
    "mode",
    "narrowed_by",
    "object_lock",
    "operations",
    "operator",
    "ownership",
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
    "type",
    "until",
    "updated",
    "usage",
    "version",
    "without_boundary",
    "without_scps",
];

/// Fields that hold sentences.
const PROSE: [&str; 8] = [
    "delivery_error",
    "error_message",
    "gap",
    "invoked_by",
    "message",
    "source_ip",
    "switched_off",
    "user_agent",
];

/// Members of an event's parameters and answer whose texts are AWS's vocabulary.
const VOCABULARY_OF_EVENTS: [&str; 14] = [
    "createDate",
    "defaultVersionId",
    "durationSeconds",
    "expiration",
    "includeShadowTrails",
    "isDefaultVersion",
    "operations",
    "permissions",
    "permissionsWithGrantOption",
    "setAsDefault",
    "status",
    "updateDate",
    "versionId",
    "x-amz-acl",
];

/// Attributes of events, in queries and in event selectors, whose values are AWS's vocabulary.
const ATTRIBUTES_OF_WORDS: [&str; 9] = [
    "EventName",
    "EventSource",
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    "resources.type",
    "sessionCredentialFromConsole",
];

/// Members of an event's parameters that map names to values.
const KEYED_IN_EVENTS: [&str; 4] = ["encryptionContext", "parameters", "tags", "variables"];

/// Fields of facts that map names to values: their keys are names.
const KEYED_BY_NAME: [&str; 8] =
    ["buckets", "clusters", "databases", "inline_policies", "keys", "managed_policies", "tags", "workgroups"];

/// The same facts under pseudonyms.
///
/// # Errors
/// When the facts do not read back, which is a bug of redaction.
pub fn redacted(facts: &Facts, kept: &Kept) -> Result<Facts, serde_json::Error> {
    let mut value = serde_json::to_value(facts)?;
    let draft = Names::draft(kept, &facts.target.role.name);
    of_facts(&mut value.clone(), "", &draft);
    of_facts(&mut value, "", &draft.settled());
    serde_json::from_value(value)
}

/// Redacts the value of a field of facts.
fn of_facts(value: &mut Value, field: &str, names: &Names) {
    match value {
        Value::String(text) => *text = text_of_facts(text, field, names),
        Value::Array(items) => items.iter_mut().for_each(|item| of_facts(item, field, names)),
        Value::Object(members) => {
            let old = std::mem::take(members);
            *members = object(old, field, names);
        }
        _ => {}
    }
}

fn object(members: Map<String, Value>, field: &str, names: &Names) -> Map<String, Value> {
    // A fact's value stands for the field that holds the fact.
    let is_fact = members.contains_key("state") && members.contains_key("value");
    let by_name = KEYED_BY_NAME.contains(&field) && !is_fact;
    let is_known = is_fact && members["state"] == "known";
    let attribute = members.get("attribute").and_then(Value::as_str).map(str::to_owned);
    let member = |(key, mut value): (String, Value)| {
        let key = match (field, key.as_str()) {
            ("context", name) => {
                of_context(name, &mut value, names);
                condition::key(name, names)
            }
            ("parameters", name) => {
                of_parameter(name, &mut value, names);
                key
            }
            (_, "request_parameters" | "response_elements") => {
                of_event(&mut value, "", names);
                key
            }
            (_, "value") if is_known => {
                of_facts(&mut value, field, names);
                key
            }
            // The reason why there is none, in words.
            (_, "value") if is_fact => {
                of_facts(&mut value, "message", names);
                key
            }
            (_, "value") if attribute.is_some() => {
                let is_word = attribute.as_deref().is_some_and(|it| ATTRIBUTES_OF_WORDS.contains(&it));
                of_facts(&mut value, if is_word { "event_name" } else { "name" }, names);
                key
            }
            _ if by_name => {
                of_facts(&mut value, "entry", names);
                names.text(&key)
            }
            (_, name) => {
                of_facts(&mut value, name, names);
                key
            }
        };
        (key, value)
    };
    members.into_iter().map(member).collect()
}

/// The values of a condition key.
fn of_context(key: &str, value: &mut Value, names: &Names) {
    for value in value.as_array_mut().into_iter().flatten() {
        if let Value::String(text) = value {
            *text = condition::value(None, key, text, names);
        }
    }
}

/// The value of a connector's parameter.
fn of_parameter(name: &str, value: &mut Value, names: &Names) {
    if let Value::String(text) = value {
        let is_word = names.is_choice(name, text) || name == "region" && keep::is_region(text);
        if !is_word {
            *text = names.text(text);
        }
    }
}

fn text_of_facts(text: &str, field: &str, names: &Names) -> String {
    match field {
        _ if VOCABULARY.contains(&field) => text.to_owned(),
        _ if PROSE.contains(&field) => prose::redacted(text, names),
        "definition" => definition::redacted(text, names),
        "missing_context" => condition::key(text, names),
        "policy_id" => names.policy_id(text),
        _ => text_of_any(text, names),
    }
}

/// A text that is a name or a document.
fn text_of_any(text: &str, names: &Names) -> String {
    if document::is_document(text) {
        return document::redacted(text, names);
    }
    document::redacted_encoded(text, names).unwrap_or_else(|| names.text(text))
}

/// Redacts a member of an event's parameters or answer.
fn of_event(value: &mut Value, field: &str, names: &Names) {
    match value {
        Value::String(text) => {
            let is_word = VOCABULARY_OF_EVENTS.contains(&field) || matches!(text.as_str(), "true" | "false");
            if !is_word {
                *text = text_of_any(text, names);
            }
        }
        Value::Number(number) => {
            if let Ok(changed) = names.number(&number.to_string()).parse::<u64>()
                && !number.is_f64()
            {
                *value = changed.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| of_event(item, field, names)),
        Value::Object(members) if members.contains_key("Statement") => {
            let changed = document::redacted(&value.to_string(), names);
            *value = serde_json::from_str(&changed).unwrap_or_default();
        }
        Value::Object(members) => {
            let by_name = KEYED_IN_EVENTS.contains(&field);
            let member = |(key, mut value): (String, Value)| {
                of_event(&mut value, &key, names);
                let key = if by_name { condition::context_key(&key, names) } else { key };
                (key, value)
            };
            *members = std::mem::take(members).into_iter().map(member).collect();
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
