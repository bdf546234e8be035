//! Connector files of the user's own: the words that they are made of stay, names in them change.

use toml::{Table, Value};

use super::names::Names;
use super::{document, prose};

/// A connector file under pseudonyms. Text that is none is taken for prose.
pub(super) fn redacted(text: &str, names: &Names) -> String {
    let Ok(mut file) = text.parse::<Table>() else { return prose::redacted(text, names) };
    table(&mut file, names);
    toml::to_string(&file).unwrap_or_default()
}

fn table(members: &mut Table, names: &Names) {
    let parameter = members.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (key, value) in members.iter_mut() {
        member(value, key, &parameter, names);
    }
}

/// The value of a key; `parameter`: the name that stands beside it.
fn member(value: &mut Value, key: &str, parameter: &str, names: &Names) {
    match value {
        Value::Table(members) if key == "when" => condition(members, names),
        Value::Table(members) => table(members, names),
        Value::Array(items) => items.iter_mut().for_each(|item| member(item, key, parameter, names)),
        Value::String(text) => match key {
            "resources" | "principals" | "sessions" => *text = names.text(text),
            "title" | "help" | "find" | "breaks" | "symptom" | "source" | "notes" => {
                *text = prose::redacted(text, names);
            }
            "resource_policy" if document::is_document(text) => *text = document::redacted(text, names),
            "default" if !names.is_choice(parameter, text) => *text = names.text(text),
            _ => {}
        },
        _ => {}
    }
}

/// `{ parameter = "phase", is = ["install"] }`: what it may be, as the parameter's values are.
fn condition(members: &mut Table, names: &Names) {
    let parameter = members.get("parameter").and_then(Value::as_str).unwrap_or_default().to_owned();
    for value in members.get_mut("is").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::String(text) = value
            && !names.is_choice(&parameter, text)
        {
            *text = names.text(text);
        }
    }
}
