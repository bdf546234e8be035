//! How the answer says things: times, numbers, lists, sentences, names.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::trail::account_of_actor;

/// Values of a list that are shown.
const SHOWN: usize = 3;

pub(super) fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}

pub(super) fn few(values: &BTreeSet<String>) -> String {
    let shown: Vec<_> = values.iter().take(SHOWN).map(String::as_str).collect();
    match values.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

pub(super) fn some(what: &str, values: &BTreeSet<String>) -> String {
    match values.len() {
        0 => String::new(),
        1 => format!("{what} {}", few(values)),
        _ => format!("{what}s {}", few(values)),
    }
}

/// A text as a sentence. Names of actions and ARNs keep their letters.
pub(super) fn sentence(text: &str) -> String {
    let is_word = text
        .split_whitespace()
        .next()
        .is_some_and(|first| first.chars().all(|it| it.is_alphabetic() || it == ','));
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut text = if is_word { first + letters.as_str() } else { text.to_owned() };
    if !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}

/// Whoever did something, or was refused, for a reader: Streamkap's own account by its name.
pub(super) fn who(named: &str) -> String {
    let vendor = Catalog::built_in().vendor.account.as_str();
    if account_of_actor(named) == Some(vendor) { format!("Streamkap ({named})") } else { named.to_owned() }
}

/// `1 record`, `3,519 records`.
pub(super) fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{} {what}s", thousands(number)) }
}

/// A number with commas between its thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_with_a_capital_unless_a_name_does() {
        for (text, told) in [
            ("denied still", "Denied still."),
            ("s3:PutObject on x was refused", "s3:PutObject on x was refused."),
            ("sts:AssumeRole was refused.", "sts:AssumeRole was refused."),
            ("arn:aws:s3:::b", "arn:aws:s3:::b."),
            ("", "."),
        ] {
            assert_eq!(sentence(text), told);
        }
    }

    #[test]
    fn streamkap_is_called_by_its_name() {
        let vendor = Catalog::built_in().vendor.account.as_str();
        assert_eq!(who(&format!("account {vendor}")), format!("Streamkap (account {vendor})"));
        let session = format!("arn:aws:sts::{vendor}:assumed-role/r/s");
        assert_eq!(who(&session), format!("Streamkap ({session})"));
        assert_eq!(who("account 111122223333"), "account 111122223333");
    }
}
