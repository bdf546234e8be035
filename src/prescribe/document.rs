//! A policy document being edited: only what has to change changes, the rest stays as it was written.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};

/// A policy document as JSON, in the order written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    value: Value,
    indent: &'static [u8],
}

impl Draft {
    /// Reads a document; `None` when it is no JSON object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        let by_two = text.lines().any(|line| line.starts_with("  ") && !line.starts_with("   "));
        value.is_object().then_some(Self { value, indent: if by_two { b"  " } else { b"    " } })
    }

    /// A document without statements.
    pub(super) fn new() -> Self {
        Self { value: json!({"Version": "2012-10-17", "Statement": []}), indent: b"    " }
    }

    /// The document, pretty-printed with the indentation it had.
    pub(super) fn text(&self) -> String {
        let mut bytes = Vec::new();
        let mut serializer =
            Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(self.indent));
        #[expect(
            clippy::expect_used,
            reason = "a JSON value has no key that is not a text, and a vector takes all"
        )]
        self.value.serialize(&mut serializer).expect("JSON is written");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Characters that count against AWS's limits: all but white space.
    pub(super) fn size(&self) -> usize {
        size(&self.text())
    }

    /// The statements. A document may hold one without an array around it.
    pub(super) fn statements(&mut self) -> &mut Vec<Value> {
        let statements = &mut self.value["Statement"];
        if !statements.is_array() {
            let only = statements.take();
            *statements = Value::Array(if only.is_null() { Vec::new() } else { vec![only] });
        }
        match statements {
            Value::Array(statements) => statements,
            _ => unreachable!("it was made an array above"),
        }
    }

    /// The statement at a position.
    pub(super) fn statement(&mut self, index: usize) -> Option<&mut Map<String, Value>> {
        match &mut self.value["Statement"] {
            Value::Array(statements) => statements.get_mut(index).and_then(Value::as_object_mut),
            Value::Object(only) if index == 0 => Some(only),
            _ => None,
        }
    }

    /// How many statements there are.
    pub(super) fn len(&self) -> usize {
        match &self.value["Statement"] {
            Value::Array(statements) => statements.len(),
            Value::Object(_) => 1,
            _ => 0,
        }
    }

    /// Appends a statement under a `Sid` that no other has: letters and digits, as IAM wants it.
    pub(super) fn push(&mut self, sid: &str, members: &[(&str, Value)]) {
        let taken: Vec<String> = self
            .statements()
            .iter()
            .filter_map(|statement| statement["Sid"].as_str().map(str::to_owned))
            .collect();
        let mut unique = sid.to_owned();
        let mut number = 2;
        while taken.contains(&unique) {
            unique = format!("{sid}{number}");
            number += 1;
        }
        let mut statement = Map::new();
        statement.insert("Sid".to_owned(), Value::String(unique));
        for (name, value) in members {
            statement.insert((*name).to_owned(), value.clone());
        }
        self.statements().push(Value::Object(statement));
    }

    /// Removes a statement.
    pub(super) fn remove(&mut self, index: usize) {
        if index < self.statements().len() {
            self.statements().remove(index);
        }
    }
}

/// A statement by its name or its number: ``statement `Guard` ``.
pub(super) fn named(statement: &Map<String, Value>, index: usize) -> String {
    match statement.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty()) {
        Some(sid) => format!("statement `{sid}`"),
        None => format!("statement {}", index + 1),
    }
}

/// Characters that count against AWS's limits: all but white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) fn size(text: &str) -> usize {
    text.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// The texts of a member that is one text or an array of them; `None`: the member is not there.
pub(super) fn texts(statement: &Map<String, Value>, member: &str) -> Option<Vec<String>> {
    match statement.get(member)? {
        Value::String(only) => Some(vec![only.clone()]),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

/// One text as itself, several as an array.
pub(super) fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { Value::String(texts.remove(0)) } else { Value::from(texts) }
}

/// Sets a member to texts, in the place it has or else at the end.
pub(super) fn set_texts(statement: &mut Map<String, Value>, member: &str, texts: Vec<String>) {
    statement.insert(member.to_owned(), one_or_many(texts));
}

/// Adds texts to a member that are not there yet.
pub(super) fn add_texts(statement: &mut Map<String, Value>, member: &str, more: &[String]) {
    let mut all = texts(statement, member).unwrap_or_default();
    for text in more {
        if !all.contains(text) {
            all.push(text.clone());
        }
    }
    set_texts(statement, member, all);
}

/// Renames a member, keeping its place.
pub(super) fn rename(statement: &mut Map<String, Value>, from: &str, to: &str) {
    let members = std::mem::take(statement);
    for (name, value) in members {
        statement.insert(if name == from { to.to_owned() } else { name }, value);
    }
}

/// Adds values to a condition: to an operator and key that are there, or as a new one.
pub(super) fn add_condition(statement: &mut Map<String, Value>, operator: &str, key: &str, value: &str) {
    let condition = statement.entry("Condition").or_insert_with(|| Value::Object(Map::new()));
    let Some(operators) = condition.as_object_mut() else { return };
    let existing = operators.keys().find(|known| known.eq_ignore_ascii_case(operator)).cloned();
    let entry = operators.entry(existing.unwrap_or_else(|| operator.to_owned()));
    let Some(keys) = entry.or_insert_with(|| Value::Object(Map::new())).as_object_mut() else { return };
    let existing = keys.keys().find(|known| known.eq_ignore_ascii_case(key)).cloned();
    add_texts(keys, &existing.unwrap_or_else(|| key.to_owned()), &[value.to_owned()]);
}

/// The texts that a condition compares a key with, by an operator that asks for one of them.
pub(super) fn required(statement: &Map<String, Value>, key: &str) -> Vec<(String, String, Vec<String>)> {
    const OPERATORS: [&str; 4] = ["ArnEquals", "ArnLike", "StringEquals", "StringLike"];
    let operators = statement.get("Condition").and_then(Value::as_object);
    let mut found = Vec::new();
    for (operator, keys) in operators.into_iter().flatten() {
        if !OPERATORS.iter().any(|known| known.eq_ignore_ascii_case(operator)) {
            continue;
        }
        let Some(keys) = keys.as_object() else { continue };
        for written in keys.keys().filter(|written| written.eq_ignore_ascii_case(key)) {
            found.push((operator.clone(), written.clone(), texts(keys, written).unwrap_or_default()));
        }
    }
    found
}

/// Removes a key from the conditions, of one operator or of all, and what becomes empty by it.
pub(super) fn drop_condition(statement: &mut Map<String, Value>, operator: Option<&str>, key: &str) {
    let Some(operators) = statement.get_mut("Condition").and_then(Value::as_object_mut) else { return };
    for (name, keys) in operators.iter_mut() {
        if operator.is_none_or(|operator| name.eq_ignore_ascii_case(operator))
            && let Some(keys) = keys.as_object_mut()
        {
            keys.retain(|known, _| !known.eq_ignore_ascii_case(key));
        }
    }
    operators.retain(|_, keys| keys.as_object().is_none_or(|keys| !keys.is_empty()));
    if operators.is_empty() {
        statement.shift_remove("Condition");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_edited_stays_as_it_was() {
        let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Id\": \"x\",\n  \"Statement\": {\n    \"Effect\": \"Allow\",\n    \"Action\": \"s3:*\",\n    \"Resource\": \"*\"\n  }\n}";
        assert_eq!(Draft::parse(text).unwrap().text(), text);
    }

    #[test]
    fn a_statement_is_added_under_a_name_of_its_own() {
        let mut draft = Draft::parse(r#"{"Statement": {"Sid": "A", "Effect": "Allow"}}"#).unwrap();
        draft.push("A", &[("Effect", json!("Deny"))]);
        assert_eq!((draft.len(), draft.statements()[1]["Sid"].clone()), (2, json!("A2")));
    }

    #[test]
    fn conditions_are_added_beside_others_and_dropped_without_a_trace() {
        let mut draft =
            Draft::parse(r#"{"Statement": [{"Condition": {"ArnNotEquals": {"aws:PrincipalArn": "a"}}}]}"#)
                .unwrap();
        let statement = draft.statement(0).unwrap();
        add_condition(statement, "ArnNotEquals", "AWS:principalarn", "b");
        assert_eq!(statement["Condition"], json!({"ArnNotEquals": {"aws:PrincipalArn": ["a", "b"]}}));
        drop_condition(statement, None, "aws:principalArn");
        assert!(!statement.contains_key("Condition"));
    }

    #[test]
    fn white_space_does_not_count_against_the_limits() {
        assert_eq!(size("{ \"a\":\n 1 }"), 7);
    }
}
