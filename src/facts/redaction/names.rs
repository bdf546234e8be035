//! What stands for a name, wherever it stands.
//!
//! One mapping for all of them, letter by letter, so that whatever was equal, began alike or matched does so
//! after. What the doctor itself asks about, such as Iceberg's folder `data`, stays where it is a whole name
//! between two slashes; the letters that patterns have of such words stay everywhere ([`super::overlap`]).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::alphabet::{self, Alphabet};
use super::arn;
use super::keep::Keep;
use super::{address, condition, overlap};
use crate::facts::redaction::Kept;

/// How many alphabets are tried before more letters are left as they are.
const TRIES: u64 = 100;

/// What stands for each name.
#[derive(Debug)]
pub(super) struct Names {
    alphabet: Alphabet,
    keep: Keep,
    seen: RefCell<Seen>,
    draft: bool,
}

/// What the facts hold, gathered by a first pass in which every name stands for itself.
#[derive(Debug, Default)]
struct Seen {
    /// Names, paths and patterns.
    names: BTreeSet<String>,
    /// Resources of ARNs whose kind does not stand before a delimiter by itself.
    resources: BTreeSet<String>,
    /// Numbers that are written without quotation marks.
    numbers: BTreeSet<String>,
    /// Names of policies that AWS made.
    policies: BTreeSet<String>,
}

impl Names {
    /// Names that stand for themselves, and note what they are asked.
    pub(super) fn draft(kept: &Kept, role: &str) -> Self {
        let keep = Keep::of(kept, role);
        Self { alphabet: Alphabet::identity(), keep, seen: RefCell::default(), draft: true }
    }

    /// Pseudonyms for what a draft was asked.
    pub(super) fn settled(self) -> Self {
        let Self { mut keep, seen, .. } = self;
        let mut seen = seen.into_inner();
        keep.add_policies(std::mem::take(&mut seen.policies));
        let words = keep.partial();
        let patterns: Vec<&String> = seen.names.iter().filter(|it| overlap::is_pattern(it)).collect();
        let mut fixed: BTreeSet<char> =
            patterns.iter().flat_map(|pattern| overlap::letters(pattern, &words)).collect();
        let kinds = arn::kinds();
        fixed.extend(seen.resources.iter().flat_map(|resource| overlap::letters(resource, &kinds)));
        fixed.extend(Keep::letters_of_near_misses(seen.names.iter().flat_map(|it| parts(it))));
        let mut names = Self { alphabet: Alphabet::identity(), keep, seen: RefCell::default(), draft: false };
        let first = alphabet::hash(seen.names.iter().map(String::as_str));
        loop {
            let mut amiss = BTreeSet::new();
            for attempt in 0..TRIES {
                names.alphabet = Alphabet::of(first.wrapping_add(attempt), &fixed);
                amiss = names.amiss(&seen, &patterns, &words, &fixed);
                if amiss.is_empty() {
                    return names;
                }
            }
            fixed.append(&mut amiss);
        }
    }

    /// Letters and digits of names that by chance became, or came to match, what stays as it is.
    fn amiss(
        &self,
        seen: &Seen,
        patterns: &[&String],
        words: &[String],
        fixed: &BTreeSet<char>,
    ) -> BTreeSet<char> {
        let mut amiss = BTreeSet::new();
        let free = |text: &str| -> BTreeSet<char> {
            let letters = text.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase());
            letters.filter(|it| !fixed.contains(it)).collect()
        };
        for pattern in patterns {
            if !overlap::letters(&self.path(pattern), words).is_subset(fixed) {
                amiss.append(&mut free(pattern));
            }
        }
        let kinds = arn::kinds();
        for resource in &seen.resources {
            if !overlap::letters(&self.path(resource), &kinds).is_subset(fixed) {
                amiss.append(&mut free(resource));
            }
        }
        for part in seen.names.iter().flat_map(|name| parts(name)) {
            if self.keep.ends(part) != self.keep.ends(&self.part(part)) {
                amiss.append(&mut free(part));
            }
        }
        for number in &seen.numbers {
            if self.alphabet.text(number).starts_with('0') {
                amiss.append(&mut free(number));
            }
        }
        amiss
    }

    /// What stands for a text that as a whole is a name, a path, an address in S3, an ARN, an id, an
    /// account, a network address, or a pattern of such.
    pub(super) fn text(&self, text: &str) -> String {
        let trimmed = text.trim();
        if trimmed.len() < text.len() && !trimmed.is_empty() {
            let start = text.len() - text.trim_start().len();
            let (before, after) = (&text[..start], &text[start + trimmed.len()..]);
            return format!("{before}{}{after}", self.text(trimmed));
        }
        // A pattern of ARNs may begin with a wildcard.
        if text.starts_with("arn:") || text.starts_with(['*', '?']) && text.contains(':') {
            return arn::redacted(text, self);
        }
        if let Some(address) = address::redacted(text) {
            return if self.draft { text.to_owned() } else { address };
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return format!("{scheme}://{}", self.path(rest));
        }
        if let Some(alias) = text.strip_prefix("alias/") {
            return format!("alias/{}", self.alias(alias));
        }
        self.path(text)
    }

    /// The name of a key, after `alias/`.
    pub(super) fn alias(&self, name: &str) -> String {
        if name.starts_with("aws/") { name.to_owned() } else { self.path(name) }
    }

    /// Names with slashes or colons between them.
    pub(super) fn path(&self, text: &str) -> String {
        self.note(text);
        cut(text, &['/', ':']).fold(String::new(), |mut path, (part, end)| {
            path.push_str(&self.part(part));
            path.push_str(end);
            path
        })
    }

    /// One name.
    fn part(&self, text: &str) -> String {
        let (head, tail) = self.keep.ends(text);
        let middle = &text[head..text.len() - tail];
        format!("{}{}{}", &text[..head], self.letters(middle), &text[text.len() - tail..])
    }

    /// Letter by letter. Policy variables and places of templates stay.
    fn letters(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = match opaque(rest) {
                0 => {
                    out.push(self.alphabet.character(first));
                    first.len_utf8()
                }
                length => {
                    out.push_str(&self.variable(&rest[..length]));
                    length
                }
            };
            rest = &rest[length..];
        }
        out
    }

    /// A policy variable: a tag's name in it is a name, and so is what stands there in its absence
    /// (`${aws:PrincipalTag/team, 'orders'}`).
    fn variable(&self, text: &str) -> String {
        let Some(inner) = text.strip_prefix("${").and_then(|it| it.strip_suffix('}')) else {
            return text.to_owned();
        };
        let (key, default) = inner.split_once(',').map_or((inner, None), |(key, it)| (key, Some(it)));
        let key = condition::key(key, self);
        match default {
            Some(default) => format!("${{{key},{}}}", self.path(default)),
            None => format!("${{{key}}}"),
        }
    }

    /// An account id, where an account stands: a vendor's stays, and so does what is nearly one.
    pub(super) fn account(&self, text: &str) -> String {
        let stays = matches!(text, "aws" | "cloudfront") || self.is_of_vendor(text);
        if stays { text.to_owned() } else { self.path(text) }
    }

    /// Whether the account is a vendor's, or nearly.
    pub(super) fn is_of_vendor(&self, account: &str) -> bool {
        self.keep.is_near_account(account)
    }

    /// Names in an ARN of a vendor's account: those of its principals stay, however mistyped.
    pub(super) fn of_vendor(&self, resource: &str) -> String {
        resource
            .split_inclusive(['/', ':'])
            .map(|part| if self.keep.is_near_role(part) { part.to_owned() } else { self.path(part) })
            .collect()
    }

    /// A principal that is none of those that AWS knows: words by which it can be told that the vendor is
    /// meant stay in it.
    pub(super) fn of_no_principal(&self, text: &str) -> String {
        let changed = self.text(text);
        if changed.len() != text.len() {
            return changed;
        }
        let mut out = String::with_capacity(text.len());
        while let (at, Some(next)) = (out.len(), text[out.len()..].chars().next()) {
            match self.keep.telling(&text[at..]) {
                0 => out.push_str(&changed[at..at + next.len_utf8()]),
                length => out.push_str(&text[at..at + length]),
            }
        }
        out
    }

    /// The id of a policy in the simulator's answers: a managed policy's name, or `role_ROLE_POLICY`.
    pub(super) fn policy_id(&self, text: &str) -> String {
        let Some(rest) = text.strip_prefix("role_") else { return self.path(text) };
        let of_role = rest.strip_prefix(&self.keep.role).and_then(|it| it.strip_prefix('_'));
        match of_role {
            Some(policy) => format!("role_{}_{}", self.path(&self.keep.role), self.path(policy)),
            None => format!("role_{}", self.path(rest)),
        }
    }

    /// A number that is written without quotation marks: an account's, if it has as many digits.
    pub(super) fn number(&self, text: &str) -> String {
        let is_id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_id || self.is_of_vendor(text) {
            return text.to_owned();
        }
        if self.draft {
            self.seen.borrow_mut().numbers.insert(text.to_owned());
        }
        self.path(text)
    }

    /// Notes names, or a pattern of them.
    pub(super) fn note(&self, text: &str) {
        if self.draft && !text.is_empty() {
            self.seen.borrow_mut().names.insert(text.to_owned());
        }
    }

    /// Notes the resource of an ARN that may be a pattern of kinds.
    pub(super) fn note_resource(&self, text: &str) {
        if self.draft {
            self.seen.borrow_mut().resources.insert(text.to_owned());
        }
    }

    /// Notes the name of a policy that AWS made: it is no secret.
    pub(super) fn note_policy(&self, name: &str) {
        if self.draft {
            self.seen.borrow_mut().policies.insert(name.to_owned());
        }
    }

    /// Whether a connector file offers the value for this parameter: then it is a word and no name.
    pub(super) fn is_choice(&self, parameter: &str, value: &str) -> bool {
        let choices: &BTreeMap<String, BTreeSet<String>> = &self.keep.choices;
        choices.get(parameter).is_some_and(|choices| choices.contains(value))
    }
}

/// A text cut at its slashes and colons, those in policy variables excepted.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    cut(text, &['/', ':']).map(|(part, _)| part)
}

/// A text cut at delimiters, those in policy variables excepted: each part with what ends it.
pub(super) fn cut<'t>(text: &'t str, delimiters: &[char]) -> impl Iterator<Item = (&'t str, &'t str)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            if delimiters.contains(&first) {
                let end = at + first.len_utf8();
                rest = Some(&text[end..]);
                return Some((&text[..at], &text[at..end]));
            }
            at += opaque(&text[at..]).max(first.len_utf8());
        }
        rest = None;
        Some((text, ""))
    })
}

/// The length of a policy variable (`${aws:username}`) or of a template's place (`{bucket}`) at the start
/// of a text; 0: there is none.
pub(super) fn opaque(text: &str) -> usize {
    if text.starts_with("${") {
        return text.find('}').map_or(0, |end| end + 1);
    }
    let Some(inner) = text.strip_prefix('{') else { return 0 };
    let is_place = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '_');
    let length = inner.find(|it| !is_place(it)).unwrap_or(inner.len());
    if length > 0 && inner[length..].starts_with('}') { length + 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn names(texts: &[&str]) -> Names {
        let kept = Kept {
            accounts: vec!["300973880807".to_owned()],
            sessions: vec!["AwsV2SDKConnectorSession".to_owned(), "iceberg-aws-*".to_owned()],
            roles: vec!["kafkaConnectTenantAccessRole".to_owned()],
            choices: BTreeMap::new(),
        };
        let draft = Names::draft(&kept, "Role");
        for text in texts {
            assert_eq!(draft.text(text), *text);
        }
        draft.settled()
    }

    #[test]
    fn whole_names_that_the_doctor_asks_about_stay() {
        let names = names(&["s3://acme-lake/wh/sales.db"]);
        let mapped = names.text("s3://acme-lake/wh/sales.db");
        assert!(
            mapped.starts_with("s3://") && mapped.strip_suffix(".db").is_some() && !mapped.contains("sales")
        );
        let file = names.text("arn:aws:s3:::acme-lake/wh/sales.db/orders/data/*");
        assert!(file.starts_with(&format!("arn:aws:s3:::{}/", &mapped[5..])), "{file} {mapped}");
        assert!(file.ends_with("/data/*"));
        assert!(!names.text("database").contains("data"));
        assert_eq!(names.text("iceberg-aws-*"), "iceberg-aws-*");
        assert_eq!(names.text("300973880807"), "300973880807");
    }

    #[test]
    fn patterns_match_what_stays_as_before() {
        for pattern in
            ["*/data*", "*/d*", "?????.d?/*", "*ta/*", "sales.db*", "3009*", "*Role", "Aws*", "AROA*"]
        {
            let names = names(&[pattern, "sales.db", "date", "111122223333", "x", "a", "k", "s"]);
            assert_eq!(
                overlap::letters(&names.text(pattern), &names.keep.partial()),
                overlap::letters(pattern, &names.keep.partial()),
                "{pattern}"
            );
        }
    }

    /// Whether a pattern matches; written for its plainness.
    fn matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                matches(&pattern[1..], text) || !text.is_empty() && matches(pattern, &text[1..])
            }
            (Some('?'), Some(_)) => matches(&pattern[1..], &text[1..]),
            (Some(one), Some(other)) => one == other && matches(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    fn name() -> impl Strategy<Value = String> {
        const KNOWN: [&str; 8] =
            ["data", "metadata", "sales", "sales.db", "data.db", "date", "iceberg-aws-1", "300973880807"];
        prop_oneof![
            select(KNOWN.as_slice()).prop_map(str::to_owned),
            "[a-e]{1,4}",
            "[dmatb.]{1,5}",
            "[39]{1,2}[0-9]{1,3}"
        ]
    }

    fn path() -> impl Strategy<Value = String> {
        prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
    }

    /// A pattern made of a path: some of its letters become wildcards.
    fn pattern(path: &str, wild: &[(usize, usize, bool)]) -> String {
        let mut letters: Vec<char> = path.chars().collect();
        for (at, length, star) in wild {
            let start = at % (letters.len() + 1);
            let end = (start + length).min(letters.len());
            let with = if *star { "*".to_owned() } else { "?".repeat(end - start) };
            letters.splice(start..end, with.chars());
        }
        letters.into_iter().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn what_matched_matches_and_nothing_else(
            paths in prop::collection::vec(path(), 1..4),
            wild in prop::collection::vec((0..12_usize, 0..4_usize, any::<bool>()), 1..3),
        ) {
            let pattern = pattern(&paths[0], &wild);
            let all: Vec<&str> = paths.iter().map(String::as_str).chain([pattern.as_str()]).collect();
            let names = names(&all);
            let letters = |text: &str| text.chars().collect::<Vec<char>>();
            for path in &paths {
                let before = matches(&letters(&pattern), &letters(path));
                let after = matches(&letters(&names.text(&pattern)), &letters(&names.text(path)));
                prop_assert_eq!(before, after, "{} {} -> {} {}", pattern, path, names.text(&pattern), names.text(path));
                // What the doctor makes of a name itself.
                let made = |head: &str, table: &str| format!("{head}.db/{table}/data/streamkap-doctor-probe");
                let before = matches(&letters(&pattern), &letters(&made(path, "x")));
                let made = made(&names.text(path), &names.text("x"));
                let after = matches(&letters(&names.text(&pattern)), &letters(&made));
                prop_assert_eq!(before, after, "{} {} made -> {} {}", pattern, path, names.text(&pattern), names.text(path));
            }
        }
    }

    #[test]
    fn a_near_miss_of_what_stays_is_one_after() {
        let mapped = names(&["date"]).text("date");
        assert!(mapped.starts_with("dat") && mapped != "date", "{mapped}");
    }

    #[test]
    fn variables_and_places_stay_but_for_the_names_in_them() {
        let names = names(&["x"]);
        assert_eq!(names.text("${aws:PrincipalAccount}/{bucket}"), "${aws:PrincipalAccount}/{bucket}");
        let mapped = names.text("${aws:principaltag/TEAM, 'orders'}");
        assert!(mapped.starts_with("${aws:principaltag/") && mapped.ends_with("'}"), "{mapped}");
        assert!(!mapped.contains("TEAM") && !mapped.contains("orders"));
    }

    #[test]
    fn white_space_and_accounts_that_are_nearly_the_vendors_stay() {
        let names = names(&["x"]);
        for same in [" 300973880807", "3009-7388-0807", "300973880870", "arn:aws:iam::300973880807:root"] {
            assert_eq!(names.text(same), same);
        }
        assert_ne!(names.text("111122223333"), "111122223333");
    }
}
