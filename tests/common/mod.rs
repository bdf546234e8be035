//! Worlds and the patches that pages make to them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses what it needs")]

use serde_json::Value;
use streamkap_doctor::facts::Facts;

const HEALTHY: &str = include_str!("../worlds/healthy.json");

/// The healthy world as JSON, its policy documents as objects, so that patches can reach into them.
pub(crate) fn healthy() -> Value {
    let mut world = serde_json::from_str(HEALTHY).unwrap();
    open_documents(&mut world);
    world
}

/// The facts of a world whose policy documents may be objects.
pub(crate) fn facts(mut world: Value) -> Result<Facts, serde_json::Error> {
    close_documents(&mut world);
    serde_json::from_value(world)
}

/// Applies a JSON merge patch (RFC 7386), which is extended in one point: an object whose keys are
/// all numbers patches the elements of an array by position; `null` removes one, and the number
/// after the last appends.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        target.clone_from(patch);
        return;
    };
    let positions = !members.is_empty() && members.keys().all(|key| key.parse::<usize>().is_ok());
    if let (Value::Array(items), true) = (&mut *target, positions) {
        for (key, member) in members {
            let at: usize = key.parse().unwrap();
            if at == items.len() {
                items.push(Value::Null);
            }
            merge(&mut items[at], member);
        }
        items.retain(|item| !item.is_null());
        return;
    }
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let object = target.as_object_mut().unwrap();
    for (key, member) in members {
        if member.is_null() {
            object.shift_remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), member);
        }
    }
}

/// Texts that are policy documents become objects.
fn open_documents(value: &mut Value) {
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
            *value = Value::String(serde_json::to_string_pretty(&Value::Object(members.clone())).unwrap());
        }
        Value::Array(items) => items.iter_mut().for_each(close_documents),
        Value::Object(members) => members.values_mut().for_each(close_documents),
        _ => {}
    }
}
