//! Patches of cases: JSON merge patches (RFC 7386) with policy documents as objects.
//!
//! Extended in one point: an object whose keys are all numbers patches the elements of an array by
//! position; `null` removes one, and the number after the last appends.

use serde_json::{Map, Value};

use crate::facts::Facts;

/// The facts of a case whose policy documents may be objects.
pub fn facts(mut world: Value) -> Result<Facts, serde_json::Error> {
    close_documents(&mut world);
    serde_json::from_value(world)
}

/// Applies a patch.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        target.clone_from(patch);
        return;
    };
    if let (Value::Array(items), Some(positions)) = (&mut *target, positions(members)) {
        for (at, member) in positions {
            if at == items.len() {
                items.push(Value::Null);
            }
            if let Some(item) = items.get_mut(at) {
                merge(item, member);
            }
        }
        items.retain(|item| !item.is_null());
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else { return };
    for (key, member) in members {
        if member.is_null() {
            object.shift_remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), member);
        }
    }
}

/// The members by position, when all keys are numbers.
fn positions(members: &Map<String, Value>) -> Option<Vec<(usize, &Value)>> {
    let positions = members.iter().map(|(key, member)| Some((key.parse().ok()?, member)));
    positions.collect::<Option<Vec<_>>>().filter(|positions| !positions.is_empty())
}

/// Texts that are policy documents become objects.
pub fn open_documents(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with('{') && text.contains("Statement") => {
            if let Ok(document) = serde_json::from_str(text) {
                *value = document;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(open_documents),
        Value::Object(members) => members.values_mut().for_each(open_documents),
        _ => {}
    }
}

/// Objects that are policy documents become texts, pretty-printed.
fn close_documents(value: &mut Value) {
    match value {
        Value::Object(members) if members.contains_key("Statement") => {
            *value = Value::String(format!("{value:#}"));
        }
        Value::Array(items) => items.iter_mut().for_each(close_documents),
        Value::Object(members) => members.values_mut().for_each(close_documents),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_of_an_array_are_patched_by_position() {
        let mut world = json!({"a": [{"b": 1}, {"b": 2}]});
        merge(&mut world, &json!({"a": {"0": {"b": 3}, "1": null, "2": {"b": 4}}}));
        assert_eq!(world, json!({"a": [{"b": 3}, {"b": 4}]}));
    }

    #[test]
    fn documents_are_objects_in_patches_and_texts_in_facts() {
        let mut world = json!({"document": "{\"Statement\": []}"});
        open_documents(&mut world);
        merge(&mut world, &json!({"document": {"Statement": [{}]}}));
        close_documents(&mut world);
        assert_eq!(world["document"], "{\n  \"Statement\": [\n    {}\n  ]\n}");
    }
}
