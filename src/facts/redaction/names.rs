//! Which texts are names, and what stands for each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::Kept;
use super::alphabet::Alphabet;
use super::words;
use crate::facts::Facts;
use crate::model::{Arn, edit_distance, ends_of_range, is_public_address};

/// Fields of facts and events whose whole text is a name, a path or an id that the customer chose.
const FIELDS: [&str; 42] = [
    "access_key_id",
    "accessKeyId",
    "admin",
    "assumedRoleId",
    "bucket",
    "bucketName",
    "buckets",
    "cluster_names",
    "database",
    "database_names",
    "databaseName",
    "endpoint",
    "external_id",
    "externalId",
    "id",
    "inline_policy_names",
    "instanceProfileName",
    "key",
    "keyId",
    "links_to",
    "location",
    "name",
    "namespace",
    "parameters",
    "path",
    "policy_id",
    "policyName",
    "prefix",
    "principal_id",
    "principalId",
    "role_names",
    "roleName",
    "roleSessionName",
    "s3_objects",
    "sourceIdentity",
    "table",
    "tableName",
    "tags",
    "user_name",
    "userName",
    "value",
    "workgroup_names",
];

/// Words that are part of the machinery wherever they stand: AWS's own, and the folders that Iceberg makes.
const MACHINERY: [&str; 9] = [
    "aws-service-role",
    "service-role",
    "aws-reserved",
    "role_",
    "streamkap-doctor-probe",
    ".db/",
    "/data/",
    "/metadata/",
    ".amazonaws.com",
];

/// Whether the whole text of a field is a name.
pub(super) fn is_field_of_names(field: &str) -> bool {
    FIELDS.contains(&field)
}

/// What stands for each name.
#[derive(Debug)]
pub(super) struct Names {
    alphabet: Alphabet,
    /// Account ids and what stands for them.
    accounts: BTreeMap<String, String>,
    /// Addresses and what stands for them.
    addresses: BTreeMap<String, String>,
    /// Names that are replaced wherever they stand as a word, the longest first.
    dictionary: Vec<String>,
    /// Names of policies that AWS made.
    of_aws: BTreeSet<String>,
    kept: Kept,
}

impl Names {
    /// The names in these facts; `value` is the facts as JSON.
    pub(super) fn of(facts: &Facts, value: &Value, kept: &Kept) -> Self {
        let mut texts = Vec::new();
        strings(value, &mut texts);
        let mut accounts: BTreeSet<&str> = BTreeSet::new();
        let mut addresses: BTreeSet<&str> = BTreeSet::new();
        for text in &texts {
            for word in words::of(text) {
                match word.kind {
                    words::Kind::Account => accounts.insert(word.text),
                    words::Kind::Address => addresses.insert(word.text),
                    words::Kind::Arn | words::Kind::Other => continue,
                };
            }
        }
        accounts.extend(texts.iter().flat_map(|text| words::accounts_in_arns(text)));
        let stays = |id: &str| kept.accounts.iter().any(|known| edit_distance(known, id) <= 2);
        let accounts = accounts
            .into_iter()
            .filter(|id| !stays(id))
            .enumerate()
            .map(|(position, id)| (id.to_owned(), account(position)))
            .collect();
        let addresses = addresses
            .into_iter()
            .enumerate()
            .map(|(position, address)| (address.to_owned(), self::address(position, address)))
            .collect();
        let dictionary = dictionary(facts, &texts, kept);
        let arns = texts.iter().flat_map(|text| words::of(text)).filter(|word| word.kind == words::Kind::Arn);
        let theirs = arns.filter(|word| word.text.contains(":iam::aws:"));
        let of_aws = theirs.filter_map(|word| word.text.rsplit('/').next().map(str::to_owned)).collect();
        let alphabet = Alphabet::of(dictionary.iter().map(String::as_str));
        Self { alphabet, accounts, addresses, dictionary, of_aws, kept: kept.clone() }
    }

    /// What stands for an account id.
    pub(super) fn account<'t>(&'t self, id: &'t str) -> &'t str {
        self.accounts.get(id).map_or(id, String::as_str)
    }

    /// What stands for a text that as a whole is a name, an ARN, an account or an address.
    pub(super) fn whole(&self, text: &str) -> String {
        if text.starts_with("arn:") {
            return self.arn(text);
        }
        if let Some(known) = self.accounts.get(text).or_else(|| self.addresses.get(text)) {
            return known.clone();
        }
        if self.stays(text) || text.starts_with("alias/aws/") {
            return text.to_owned();
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return format!("{scheme}://{}", self.name(rest));
        }
        if let Some(alias) = text.strip_prefix("alias/") {
            return format!("alias/{}", self.name(alias));
        }
        if let Some((prefix, rest)) = words::unique_id(text) {
            return format!("{prefix}{}", self.name(rest));
        }
        self.name(text)
    }

    /// The same for values of policies, where `*` alone means anything.
    pub(super) fn whole_or_wildcard(&self, text: &str) -> String {
        if text == "*" { text.to_owned() } else { self.whole(text) }
    }

    fn stays(&self, text: &str) -> bool {
        let vendor_session = self.kept.sessions.iter().any(|known| match known.strip_suffix('*') {
            Some(head) => text.starts_with(head),
            None => text == known,
        });
        vendor_session || self.of_aws.contains(text) || self.is_of_vendor(text)
    }

    fn is_of_vendor(&self, id: &str) -> bool {
        self.kept.accounts.iter().any(|known| edit_distance(known, id) <= 2)
    }

    /// A name, letter by letter. Account ids within it become those that stand for them; the words of the
    /// machinery and policy variables stay.
    pub(super) fn name(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if rest.starts_with("${") {
                let length = rest.find('}').map_or(rest.len(), |end| end + 1);
                out.push_str(&self.variable(&rest[..length]));
                rest = &rest[length..];
            } else if let Some(length) = self.prefix_that_stays(rest) {
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            } else if let Some(id) = words::leading_account(rest, out.chars().next_back()) {
                // An id that is not among the accounts is none; its digits change like others.
                match self.accounts.get(id) {
                    Some(account) => out.push_str(account),
                    None if self.stays(id) => out.push_str(id),
                    None => out.push_str(&self.alphabet.text(id)),
                }
                rest = &rest[id.len()..];
            } else {
                out.push(self.alphabet.character(first));
                rest = &rest[first.len_utf8()..];
            }
        }
        out
    }

    /// A policy variable: the name of a tag in it is a name.
    fn variable(&self, text: &str) -> String {
        match text.split_once("Tag/") {
            Some((head, tag)) => format!("{head}Tag/{}", self.name(tag)),
            None => text.to_owned(),
        }
    }

    /// The id of a statement. Streamkap's own templates stay recognisable.
    pub(super) fn statement(&self, sid: &str) -> String {
        if sid.starts_with("Streamkap") { sid.to_owned() } else { self.name(sid) }
    }

    /// The length of what stays at the start of a text.
    fn prefix_that_stays(&self, text: &str) -> Option<usize> {
        let words = MACHINERY.iter().copied().chain(self.kept.words.iter().map(String::as_str));
        words.filter(|word| text.starts_with(word)).map(str::len).max()
    }

    /// An ARN, or a pattern of ARNs: its account and the names in its resource.
    pub(super) fn arn(&self, text: &str) -> String {
        let mut fields: Vec<&str> = text.splitn(6, ':').collect();
        if fields.len() < 6 {
            return self.name_after(text, "arn:");
        }
        let (service, account, resource) = (fields[2], fields[4], fields[5]);
        // A vendor's own names are no secret; one that nearly is a vendor's is mistyped.
        if account == "aws" || (account.len() == 12 && self.is_of_vendor(account)) {
            return text.to_owned();
        }
        let resource = self.resource(service, resource);
        fields[4] = self.account(account);
        fields[5] = &resource;
        fields.join(":")
    }

    fn name_after(&self, text: &str, head: &str) -> String {
        let rest = text.strip_prefix(head).unwrap_or(text);
        format!("{head}{}", self.within(rest))
    }

    /// The resource of an ARN: the type before the first slash or colon stays, names change.
    fn resource(&self, service: &str, resource: &str) -> String {
        // The catalogue has no name in its ARN.
        if service == "s3" || matches!((service, resource), (_, "root" | "*") | ("glue", "catalog")) {
            return if service == "s3" { self.name(resource) } else { resource.to_owned() };
        }
        let Some(at) = resource.find(['/', ':']) else { return self.name(resource) };
        let (kind, name) = resource.split_at(at + 1);
        if kind == "alias/" && name.starts_with("aws/") {
            return resource.to_owned();
        }
        if kind == "assumed-role/" {
            let (role, session) = name.split_once('/').unwrap_or((name, ""));
            let session = if self.stays(session) { session.to_owned() } else { self.name(session) };
            return format!(
                "{kind}{}{}{session}",
                self.name(role),
                if name.contains('/') { "/" } else { "" }
            );
        }
        format!("{kind}{}", self.name(name))
    }

    /// A text in words: ARNs, accounts, addresses and known names within it change, the rest stays.
    pub(super) fn within(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for word in words::of(text) {
            match word.kind {
                words::Kind::Arn => out.push_str(&self.arn(word.text)),
                words::Kind::Account => out.push_str(self.account(word.text)),
                words::Kind::Address => {
                    out.push_str(self.addresses.get(word.text).map_or(word.text, String::as_str));
                }
                words::Kind::Other => out.push_str(&self.known_names(word.text)),
            }
        }
        out
    }

    /// Replaces names of the dictionary that stand as words.
    fn known_names(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before: Option<char> = None;
        while let Some(first) = rest.chars().next() {
            let at_start = before.is_none_or(|it| !it.is_ascii_alphanumeric());
            let known = self.dictionary.iter().find(|name| {
                let ends = rest[name.len().min(rest.len())..].chars().next();
                rest.starts_with(name.as_str()) && ends.is_none_or(|it| !it.is_ascii_alphanumeric())
            });
            if let (true, Some(name)) = (at_start, known) {
                out.push_str(&self.whole(name));
                before = name.chars().next_back();
                rest = &rest[name.len()..];
            } else {
                out.push(first);
                before = Some(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        out
    }
}

/// An account id that is near no other.
fn account(position: usize) -> String {
    let mixed = (u64::try_from(position).unwrap_or(0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    format!("9{:011}", mixed % 100_000_000_000)
}

/// An address or range: one of those for benchmarks (RFC 2544, RFC 5180) for one that a call over the
/// internet can come from, else a private one, or in IPv6 one of those for documents (RFC 3849).
fn address(position: usize, address: &str) -> String {
    let (host, mask) = address.split_at(address.find('/').unwrap_or(address.len()));
    let ends = ends_of_range(address).or_else(|| ends_of_range(host));
    let Some((first, last)) = ends.filter(|_| !matches!(host, "0.0.0.0" | "::")) else {
        return address.to_owned();
    };
    let public = is_public_address(first) || is_public_address(last);
    let (high, low) = (position >> 16, format!("{}.{}", (position >> 8) % 256, position % 256));
    match (first, public) {
        (IpAddr::V4(_), true) => format!("198.{}.{low}{mask}", 18 + high % 2),
        (IpAddr::V4(_), false) => format!("10.{}.{low}{mask}", high % 256),
        (IpAddr::V6(_), true) => format!("2001:2::{:x}{mask}", position + 1),
        (IpAddr::V6(_), false) => format!("2001:db8::{:x}{mask}", position + 1),
    }
}

/// Every string in a value, keys included.
fn strings<'v>(value: &'v Value, into: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(members) => {
            for (key, value) in members {
                into.push(key);
                strings(value, into);
            }
        }
        _ => {}
    }
}

/// Names that the facts give by type and that are long enough to be told from words.
fn dictionary(facts: &Facts, texts: &[&str], kept: &Kept) -> Vec<String> {
    const SHORTEST: usize = 5;
    let mut names: BTreeSet<String> = BTreeSet::new();
    names.insert(facts.target.role.name.clone());
    names.extend(facts.target.external_id.iter().map(|id| id.expose().to_owned()));
    for connector in &facts.target.connectors {
        names.extend(connector.parameters.values().map(|value| value.trim_matches('/').to_owned()));
    }
    names.extend(facts.role_names.known().into_iter().flatten().cloned());
    names.extend(facts.inline_policy_names.known().into_iter().flatten().cloned());
    let events = facts.history.queries.iter().filter_map(|query| query.events.known()).flatten();
    names.extend(events.filter_map(|event| event.parameter("roleSessionName").map(str::to_owned)));
    names.extend(facts.organization.known().map(|organization| organization.id.clone()));
    names.extend(facts.buckets.keys().cloned());
    names.extend(facts.glue.databases.keys().cloned());
    names.extend(facts.glue.database_names.known().into_iter().flatten().cloned());
    let tables = facts.glue.databases.values().filter_map(|database| database.tables.known()).flatten();
    names.extend(tables.map(|table| table.name.clone()));
    names.extend(facts.redshift.clusters.keys().chain(facts.redshift.workgroups.keys()).cloned());
    let listed = [&facts.redshift.cluster_names, &facts.redshift.workgroup_names];
    names.extend(listed.into_iter().filter_map(|names| names.known()).flatten().cloned());
    names.extend(facts.trails.known().into_iter().flatten().map(|trail| trail.bucket.clone()));
    names.extend(texts.iter().flat_map(|text| document_ids(text)));
    for arn in texts.iter().flat_map(|text| words::of(text)).filter(|word| word.kind == words::Kind::Arn) {
        if let Ok(arn) = arn.text.parse::<Arn>()
            && arn.account() != "aws"
            && arn.resource().contains('/')
        {
            names.extend(arn.resource().split('/').skip(1).map(str::to_owned));
        }
    }
    let is_word = |name: &String| {
        name.len() >= SHORTEST
            && !name.contains(['*', '$', ':'])
            && !MACHINERY.contains(&name.as_str())
            && !kept.words.contains(name)
            && !kept.accounts.contains(name)
    };
    let mut names: Vec<String> = names.into_iter().filter(is_word).collect();
    names.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
    names
}

/// External ids within a policy document.
fn document_ids(text: &str) -> Vec<String> {
    fn walk(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    if key.eq_ignore_ascii_case("sts:ExternalId") || key == "externalId" {
                        let one = value.as_str().into_iter();
                        let many = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                        into.extend(one.chain(many).map(str::to_owned));
                    }
                    walk(value, into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, into)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if text.trim_start().starts_with('{')
        && let Ok(document) = serde_json::from_str(text)
    {
        walk(&document, &mut found);
    }
    found
}
