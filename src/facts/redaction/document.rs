//! Policy documents: the text stays as it is but for the names in it, so that lines and columns stay.

use super::names::Names;

/// A document under pseudonyms. Text that is not JSON is taken as prose.
pub(super) fn redacted(text: &str, names: &Names) -> String {
    let mut out = String::with_capacity(text.len());
    let mut path: Vec<Level> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => {
                let length = literal_length(rest);
                let literal = &rest[..length];
                let is_key = path.last().is_some_and(|level| level.object && level.awaits_key);
                if let (true, Some(level)) = (is_key, path.last_mut()) {
                    level.key = inner(literal);
                    level.awaits_key = false;
                    out.push_str(&key(literal, names));
                } else {
                    let keys: Vec<&str> =
                        path.iter().filter(|level| level.object).map(|it| it.key.as_str()).collect();
                    out.push_str(&value(literal, &keys, names));
                }
                rest = &rest[length..];
                continue;
            }
            '{' | '[' => {
                path.push(Level { object: first == '{', awaits_key: first == '{', key: String::new() });
            }
            '}' | ']' => {
                path.pop();
            }
            ',' => {
                if let Some(level) = path.last_mut() {
                    level.awaits_key = level.object;
                }
            }
            _ => {}
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

struct Level {
    object: bool,
    awaits_key: bool,
    key: String,
}

/// The length of a string literal with its quotes; of one that does not end, all there is.
fn literal_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn inner(literal: &str) -> String {
    literal.trim_matches('"').to_owned()
}

/// Condition keys may end in a name: the name of a tag.
fn key(literal: &str, names: &Names) -> String {
    match literal.split_once("Tag/") {
        Some((head, tag)) => format!("{head}Tag/{}", names.name(tag)),
        None => literal.to_owned(),
    }
}

/// The value of an element of a policy.
fn value(literal: &str, keys: &[&str], names: &Names) -> String {
    let Some(text) = literal.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        // It does not end, and so says nothing to AWS.
        return names.within(literal);
    };
    let has = |name: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(name));
    let changed = match keys.last() {
        Some(_) if has("Action") || has("NotAction") || has("Effect") || has("Version") => text.to_owned(),
        Some(last) if has("Condition") => condition_value(last, text, names),
        Some(last) if last.eq_ignore_ascii_case("Sid") => names.statement(text),
        Some(_) if has("Service") => text.to_owned(),
        Some(_) if has("Principal") || has("NotPrincipal") => names.whole_or_wildcard(text),
        Some(_) if has("Resource") || has("NotResource") => names.whole_or_wildcard(text),
        _ => names.within(text),
    };
    format!("\"{changed}\"")
}

/// The value of a condition key, by the key's kind.
pub(super) fn condition_value(key: &str, text: &str, names: &Names) -> String {
    /// Keys whose values are names, ids, paths, accounts, addresses or ARNs of the customer.
    const NAMES: [&str; 26] = [
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:resourceaccount",
        "aws:resourceorgid",
        "aws:resourceorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceidentity",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:username",
        "aws:vpcsourceip",
        "kms:calleraccount",
        "kms:granteeprincipal",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:prefix",
        "s3:resourceaccount",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "sts:externalid",
        "sts:rolesessionname",
    ];
    let key = key.to_ascii_lowercase();
    let tag = key.contains("tag/") && key.starts_with("aws:");
    let of_names = NAMES.contains(&key.as_str()) || tag || key.starts_with("kms:encryptioncontext:");
    if of_names { names.whole_or_wildcard(text) } else { names.within(text) }
}
