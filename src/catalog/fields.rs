//! Reads the fields of a TOML table by name, with the place of each, and notes what is wrong with them.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use crate::model::{is_unprintable, nearest};

/// A place in a text, in bytes.
pub(super) type Span = Range<usize>;

/// A text with its place.
#[derive(Clone, Debug)]
pub(super) struct Text<'t> {
    /// The text, quotes and escapes resolved.
    pub(super) text: &'t str,
    /// Where it stands, quotes included.
    pub(super) span: Span,
}

/// A table whose fields are read one by one; what is left over at the end is unknown.
pub(super) struct Fields<'t> {
    /// What it describes: `a need`.
    what: &'static str,
    span: Span,
    table: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// The fields of a table that describes this.
    pub(super) fn new(what: &'static str, span: Span, table: &'t DeTable<'t>) -> Self {
        Self { what, span, table, known: Vec::new() }
    }

    /// Where the table stands: its first line.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    fn value(&mut self, name: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(name);
        self.table.get(name)
    }

    /// Any value, to be read by somebody else.
    pub(super) fn any(&mut self, name: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.value(name)
    }

    /// A text that may be left out.
    pub(super) fn text(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<Text<'t>> {
        let value = self.value(name)?;
        let text = text(value);
        if text.is_none() {
            faults.push(wrong_type(name, value, "a text in quotes"));
        }
        text.inspect(|text| seen(name, text, faults))
    }

    /// A text that may not be left out, nor be empty.
    pub(super) fn required(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Option<Text<'t>> {
        if !self.table.contains_key(name) {
            self.known.push(name);
            faults.push(self.missing(name));
            return None;
        }
        let text = self.text(name, faults)?;
        if text.text.trim().is_empty() {
            faults.push(fault(&text.span, format!("`{name}` is empty"), None));
            return None;
        }
        Some(text)
    }

    /// The fault of a field that is not there.
    pub(super) fn missing(&self, name: &str) -> Fault {
        fault(&self.span, format!("{} needs `{name}`", self.what), None)
    }

    /// `true` or `false`; `false` when left out.
    pub(super) fn flag(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> bool {
        match self.value(name) {
            None => false,
            Some(value) => value.get_ref().as_bool().unwrap_or_else(|| {
                faults.push(wrong_type(name, value, "true or false"));
                false
            }),
        }
    }

    /// A list of texts; empty when left out.
    pub(super) fn texts(&mut self, name: &'static str, faults: &mut Vec<Fault>) -> Vec<Text<'t>> {
        self.value(name).map(|value| texts(name, value, faults)).unwrap_or_default()
    }

    /// A list of lists of texts.
    pub(super) fn lists(
        &mut self,
        name: &'static str,
        faults: &mut Vec<Fault>,
    ) -> Vec<(Span, Vec<Text<'t>>)> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            faults.push(wrong_type(name, value, "a list of lists: [[\"one\", \"other\"]]"));
            return Vec::new();
        };
        items.iter().map(|item| (item.span(), texts(name, item, faults))).collect()
    }

    /// Tables: `[[name]]`.
    pub(super) fn tables(
        &mut self,
        name: &'static str,
        what: &'static str,
        faults: &mut Vec<Fault>,
    ) -> Vec<Fields<'t>> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            faults.push(wrong_type(name, value, &format!("tables headed by [[{name}]]")));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Fields::new(what, item.span(), table)),
                None => faults.push(wrong_type(name, item, &format!("a table headed by [[{name}]]"))),
            }
        }
        tables
    }

    /// One word of several.
    pub(super) fn word<T: Copy>(
        text: Option<Text<'_>>,
        field: &str,
        words: &[(&str, T)],
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let Text { text, span } = text?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = format!("expected {}{}", one_of(&names), meant(text, &names));
            faults.push(fault(&span, format!("`{text}` is no {field}"), Some(hint)));
        }
        found
    }

    /// Notes the fields that nobody asked for.
    pub(super) fn finish(self, faults: &mut Vec<Fault>) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let hint = format!("its fields are {}{}", self.known.join(", "), meant(name, &self.known));
                faults.push(fault(&key.span(), format!("{} has no field `{name}`", self.what), Some(hint)));
            }
        }
    }
}

/// A fault at a place.
pub(super) fn fault(span: &Span, what: String, hint: Option<String>) -> Fault {
    Fault { span: span.clone(), what, hint }
}

/// Notes a character that does something to a terminal or hides, where it is no blank.
fn seen(name: &str, text: &Text<'_>, faults: &mut Vec<Fault>) {
    let hidden = |it: &char| is_unprintable(*it) && !matches!(it, '\n' | '\r' | '\t');
    if let Some(character) = text.text.chars().find(hidden) {
        let what = format!("`{name}` holds a character that nobody sees, U+{:04X}", u32::from(character));
        faults.push(fault(&text.span, what, Some("leave it out".to_owned())));
    }
}

fn text<'t>(value: &'t Spanned<DeValue<'t>>) -> Option<Text<'t>> {
    value.get_ref().as_str().map(|text| Text { text, span: value.span() })
}

/// The texts of a list.
pub(super) fn texts<'t>(
    name: &str,
    value: &'t Spanned<DeValue<'t>>,
    faults: &mut Vec<Fault>,
) -> Vec<Text<'t>> {
    let Some(items) = value.get_ref().as_array() else {
        faults.push(wrong_type(name, value, "a list of texts: [\"…\"]"));
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in items {
        match text(item) {
            Some(text) => {
                seen(name, &text, faults);
                found.push(text);
            }
            None => faults.push(wrong_type(name, item, "a text in quotes")),
        }
    }
    found
}

/// A value of another type than the field has.
pub(super) fn wrong_type(name: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Fault {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    fault(&value.span(), format!("`{name}` is {found}"), Some(format!("expected {expected}")))
}

/// `a, b or c`.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// `; did you mean …?`, where one of the names is near.
pub(super) fn meant(given: &str, names: &[&str]) -> String {
    let near = nearest(given, names.iter().map(|name| (*name).to_owned()));
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
