//! Messages: words that AWS, its SDKs and the doctor use stay, all others are taken for names.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::keep::is_region;
use super::names::Names;

/// Words of messages, in lower case. None is a name that anybody would want to hide.
static WORDS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("prose.txt").split_whitespace().collect());

/// How names of AWS's operations begin.
const VERBS: [&str; 18] = [
    "Abort", "Assume", "Attach", "Batch", "Create", "Decrypt", "Delete", "Describe", "Detach", "Generate",
    "Get", "Head", "List", "Lookup", "Put", "Search", "Simulate", "Update",
];

/// How AWS's error codes end.
const CODES: [&str; 6] = ["Denied", "Error", "Exception", "Failure", "Fault", "Operation"];

/// A message under pseudonyms.
pub(super) fn redacted(text: &str, names: &Names) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let before = rest.find(|it| !ends_word(it)).unwrap_or(rest.len());
        let (between, after) = rest.split_at(before);
        out.push_str(between);
        // An ARN in quotation marks may have white space in it.
        let quoted = between.ends_with('"') && after.starts_with("arn:");
        let end = if quoted { after.find('"') } else { after.find(ends_word) };
        let (word, after) = after.split_at(end.unwrap_or(after.len()));
        out.push_str(&self::word(word, names));
        rest = after;
    }
    out
}

fn ends_word(character: char) -> bool {
    const MARKS: [char; 17] =
        ['"', '`', ',', ';', '(', ')', '[', ']', '<', '>', '\\', '|', '=', '!', '“', '”', '…'];
    character.is_whitespace() || MARKS.contains(&character)
}

/// A word with the marks at its ends.
fn word(text: &str, names: &Names) -> String {
    let marks = ['.', ':', '\'', '/', '#'];
    let bare = text.trim_matches(marks);
    let start = text.len() - text.trim_start_matches(marks).len();
    if bare.is_empty() {
        return text.to_owned();
    }
    let (before, after) = (&text[..start], &text[start + bare.len()..]);
    let changed = if stays(bare) { bare.to_owned() } else { names.text(bare) };
    format!("{before}{changed}{after}")
}

fn stays(word: &str) -> bool {
    let known = |word: &str| WORDS.contains(word.to_ascii_lowercase().as_str());
    known(word)
        || word.contains('/') && word.split('/').all(|it| known(it) || is_short_number(it))
        || word.split(['.', '#']).all(is_code)
        || is_short_number(word)
        || is_moment(word)
        || is_region(word)
        || is_action(word)
}

/// `NoSuchBucket` and the like, and names of operations.
fn is_code(word: &str) -> bool {
    let camel = word.starts_with(|it: char| it.is_ascii_uppercase())
        && word.bytes().all(|it| it.is_ascii_alphanumeric());
    let code = CODES.iter().any(|end| word.ends_with(end));
    let operation = VERBS.iter().any(|verb| {
        word.strip_prefix(verb).is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_uppercase()))
    });
    camel && (code || operation) || WORDS.contains(word.to_ascii_lowercase().as_str())
}

/// A status, a count or a version: no number of it has more than three digits, and it is no network address.
fn is_short_number(word: &str) -> bool {
    let mut numbers = word.split('.').peekable();
    numbers.peek().is_some()
        && word.split('.').count() < 4
        && numbers.all(|it| (1..=3).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_digit()))
}

/// A day, a moment, or a time of day.
fn is_moment(word: &str) -> bool {
    let form: String = word.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    ["0000-00-00", "00:00", "0:00", "00:00:00", "0:00:00"].contains(&form.as_str())
        || word.parse::<jiff::Timestamp>().is_ok()
}

/// `s3:PutObject`, `glue:*`.
fn is_action(word: &str) -> bool {
    let Some((service, action)) = word.split_once(':') else { return false };
    let of_service = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let of_action = |it: u8| it.is_ascii_alphabetic() || matches!(it, b'*' | b'?');
    !service.is_empty()
        && service.bytes().all(of_service)
        && action.starts_with(|it: char| it.is_ascii_uppercase() || it == '*')
        && action.bytes().all(of_action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::redaction::Kept;

    fn redact(text: &str) -> String {
        let draft = Names::draft(&Kept::default(), "Role");
        assert_eq!(redacted(text, &draft), text);
        redacted(text, &draft.settled())
    }

    #[test]
    fn what_aws_says_stays() {
        for same in [
            "User is not authorized to perform: glue:GetTable because no identity-based policy allows the glue:GetTable action",
            "An error occurred (AccessDeniedException) when calling the GetBucketPolicy operation: Access Denied",
            "Insufficient Lake Formation permission(s): Required Describe on",
            "(Service: S3, Status Code: 403, Request ID: null)",
            "Client.UnauthorizedOperation: 1 hour session limit at 2026-03-02T10:00:00Z",
            "asked only when a database isn't found",
            "ListRoles of IAM was throttled to the end: ThrottlingException (HTTP 400): Rate exceeded",
        ] {
            assert_eq!(redact(same), same);
        }
    }

    #[test]
    fn what_nobody_else_says_goes() {
        for (text, goes) in [
            (
                "could not connect to https://proxy.acme.example:3128 as ann:s3cr3t",
                vec!["acme", "ann", "s3cr3t", "3128"],
            ),
            ("User: arn:aws:iam::111122223333:user/ann is not authorized", vec!["1111", "ann"]),
            ("on resource: \"arn:aws:s3:::acme/a secret\" with an explicit deny", vec!["acme", "secret"]),
            ("Owned by Ann Lee, ext 4711", vec!["Ann", "Lee", "4711"]),
            ("from 203.0.113.7, account 111122223333.", vec!["113.7", "1111"]),
            ("aws-cli/2.15.30 exec-env/acme-laptop", vec!["acme", "laptop"]),
        ] {
            let changed = redact(text);
            assert!(goes.iter().all(|it| !changed.contains(it)), "{changed}");
        }
    }

    #[test]
    fn the_list_is_in_order_and_in_lower_case() {
        let words: Vec<&str> = include_str!("prose.txt").split_whitespace().collect();
        assert!(words.is_sorted_by(|one, other| one < other));
        assert!(words.iter().all(|word| *word == word.to_lowercase()));
    }
}
