//! A text in words: ARNs, account ids, addresses, and all between.

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Arn,
    Account,
    Address,
    Other,
}

/// A part of a text. All parts together are the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'t> {
    pub(super) kind: Kind,
    pub(super) text: &'t str,
}

/// The words of a text, in order.
pub(super) fn of(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        let before = text[..at].chars().next_back();
        match word_at(&text[at..], before) {
            Some((kind, length)) => {
                if start < at {
                    words.push(Word { kind: Kind::Other, text: &text[start..at] });
                }
                words.push(Word { kind, text: &text[at..at + length] });
                at += length;
                start = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    if start < text.len() {
        words.push(Word { kind: Kind::Other, text: &text[start..] });
    }
    words
}

fn word_at(text: &str, before: Option<char>) -> Option<(Kind, usize)> {
    if before.is_some_and(|it| it.is_ascii_alphanumeric()) {
        return None;
    }
    if text.starts_with("arn:") {
        return Some((Kind::Arn, arn_length(text)));
    }
    if let Some(id) = leading_account(text, before) {
        return Some((Kind::Account, id.len()));
    }
    let end =
        text.find(|it: char| !it.is_ascii_hexdigit() && !matches!(it, '.' | ':' | '/')).unwrap_or(text.len());
    let word = text[..end].trim_end_matches(['.', ':', '/']);
    is_address(word).then_some((Kind::Address, word.len()))
}

/// An ARN ends where prose goes on: at white space, a quote, a comma, a bracket, or a full stop or colon
/// before one of them.
fn arn_length(text: &str) -> usize {
    let ends = |it: char| {
        it.is_whitespace() || matches!(it, '"' | '\'' | ',' | ';' | '(' | ')' | '[' | ']' | '`' | '\\')
    };
    let length = text.find(ends).unwrap_or(text.len());
    text[..length].trim_end_matches(['.', ':']).len()
}

/// The account id at the start of a text: twelve digits and no more.
pub(super) fn leading_account(text: &str, before: Option<char>) -> Option<&str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let alone = before.is_none_or(|it| !it.is_ascii_alphanumeric());
    let ends = text[digits..].chars().next().is_none_or(|it| !it.is_ascii_alphanumeric());
    (digits == 12 && alone && ends).then(|| &text[..12])
}

/// Accounts in ARNs and ARN patterns within a text.
pub(super) fn accounts_in_arns(text: &str) -> Vec<&str> {
    let arns = of(text).into_iter().filter(|word| word.kind == Kind::Arn);
    arns.flat_map(|arn| arn.text.split([':', '/', '-', '_']))
        .filter(|it| leading_account(it, None) == Some(it))
        .collect()
}

/// Whether a word is an IPv4 or IPv6 address, with or without a mask.
fn is_address(word: &str) -> bool {
    let host = word.split_once('/').map_or(word, |(host, _)| host);
    host.len() > 2 && host.parse::<std::net::IpAddr>().is_ok()
}

/// `AROA…` and its kind, or `o-…`, `vpce-…`: what tells the kind, and the rest.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes>
pub(super) fn unique_id(text: &str) -> Option<(&str, &str)> {
    const FOUR: [&str; 7] = ["AROA", "AIDA", "AKIA", "ASIA", "AGPA", "ANPA", "AIPA"];
    const DASHED: [&str; 5] = ["o-", "ou-", "r-", "vpc-", "vpce-"];
    let four = FOUR.iter().find(|head| text.starts_with(**head) && text.len() >= 16).map(|_| 4);
    let dashed = DASHED.iter().filter(|head| text.starts_with(**head)).map(|head| head.len()).max();
    four.or(dashed).map(|at| text.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Kind, &str)> {
        let words = of(text);
        assert_eq!(words.iter().map(|word| word.text).collect::<String>(), text);
        words.into_iter().filter(|word| word.kind != Kind::Other).map(|word| (word.kind, word.text)).collect()
    }

    #[test]
    fn a_message_is_taken_apart() {
        let message = "User: arn:aws:sts::111122223333:assumed-role/R/s is not authorized to perform: s3:PutObject \
             on resource: \"arn:aws:s3:::orders/a b\" by 203.0.113.7, account 444455556666.";
        assert_eq!(
            found(message),
            [
                (Kind::Arn, "arn:aws:sts::111122223333:assumed-role/R/s"),
                (Kind::Arn, "arn:aws:s3:::orders/a"),
                (Kind::Address, "203.0.113.7"),
                (Kind::Account, "444455556666"),
            ]
        );
    }

    #[test]
    fn numbers_times_and_ids_are_no_accounts_or_addresses() {
        for text in ["1111222233334", "2026-03-02T10:00:00Z", "a111122223333", "1.2.3", "12:34", "v1", "::"] {
            assert_eq!(found(text), [], "{text}");
        }
        assert_eq!(found("10.0.0.0/8"), [(Kind::Address, "10.0.0.0/8")]);
        assert_eq!(found("2001:db8::1"), [(Kind::Address, "2001:db8::1")]);
    }

    #[test]
    fn ids_keep_what_tells_their_kind() {
        assert_eq!(unique_id("AROAEXAMPLEROLEID0001"), Some(("AROA", "EXAMPLEROLEID0001")));
        assert_eq!(unique_id("vpce-0a1b"), Some(("vpce-", "0a1b")));
        assert_eq!(unique_id("orders"), None);
    }
}
