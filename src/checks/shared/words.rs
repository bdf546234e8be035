//! Sentences that several checks build: lists, statements, conditions.

use crate::model::StatementRef;

/// `a`, `a and b`, `a, b and c`.
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// The first of what may be many: `a, b, c, d, e, f, g, h and 33 more`.
pub fn some<T: AsRef<str>>(items: &[T]) -> String {
    const SHOWN: usize = 8;
    if items.len() <= SHOWN + 1 {
        return list(items);
    }
    let shown: Vec<&str> = items[..SHOWN].iter().map(AsRef::as_ref).collect();
    format!("{} and {} more", shown.join(", "), items.len() - SHOWN)
}

/// ``statement `Sid` of StreamkapS3Access (line 4)``.
pub fn statement(statement: &StatementRef) -> String {
    let StatementRef { policy, sid, index, line, .. } = statement;
    match sid {
        Some(sid) => format!("statement `{sid}` of {policy} (line {line})"),
        None => format!("statement {} of {policy} (line {line})", index + 1),
    }
}

/// Adds what is not there yet, keeping the order.
pub fn add<T: PartialEq>(items: &mut Vec<T>, item: T) {
    if !items.contains(&item) {
        items.push(item);
    }
}

/// Each once, in the order of their first appearance.
pub fn unique<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    add_all(&mut found, items);
    found
}

/// Adds each that is not there yet, keeping the order.
pub fn add_all<T: PartialEq>(items: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    for item in more {
        add(items, item);
    }
}

/// The sentence with its first letter in upper case.
pub fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
