//! What a requirement is asked on, and the files of Iceberg tables: one of each kind that a table has, of a table
//! that is to be made and of those that exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::location::{Below, Side};
use super::{ENCRYPTION_CONTEXT, Location, Origin, PROBE, SIMULATED, probe};
use crate::catalog::FileKind;
use crate::facts::Facts;
use crate::policy::scope::{covers, means, without_variables};

/// A resource of a requirement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// What the connector needs: an ARN that may end in `*` (`arn:aws:s3:::orders/raw/*`).
    pub pattern: String,
    /// One concrete ARN of the pattern, for asking: `arn:aws:s3:::orders/raw/streamkap-doctor-probe`.
    pub probe: String,
    /// What of the connector's files it is about.
    pub part: Part,
    /// Others of the pattern that a policy may treat differently, with the narrower patterns that they
    /// stand for: our own engine asks about them, too.
    pub also: Arc<[Self]>,
    /// The same tables' other files, which the need is not about: where they are refused as well, all are.
    pub besides: Arc<[Self]>,
}

/// What of a connector's files a resource is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Which of a table's files; `None`: all, or none.
    pub files: Option<FileKind>,
    /// Of a KMS key, the object that it is used for, by its ARN: S3's encryption context.
    pub object: Option<String>,
    /// The table, if it exists.
    pub table: Option<String>,
    /// How many tables it stands for besides, because no policy tells them apart.
    pub alike: usize,
    /// The narrower pattern of this part alone, where the resource's is that of all parts.
    pub own: Option<String>,
    /// Wider patterns that it is a part of, the narrower first: its directory's, its table's.
    pub within: Vec<String>,
    /// Whether AWS's simulator is asked, too.
    pub simulated: bool,
}

/// A kind of file.
struct Kind {
    files: FileKind,
    directory: &'static str,
    /// What names of the kind begin and end with.
    begins: &'static str,
    ends: &'static str,
    /// What stands before the made-up part of the name, as in the connector's names.
    numbers: &'static str,
}

impl Kind {
    const fn metadata(
        files: FileKind,
        begins: &'static str,
        numbers: &'static str,
        ends: &'static str,
    ) -> Self {
        Self { files, directory: "metadata", begins, ends, numbers }
    }

    fn pattern(&self) -> String {
        format!("{}*{}", self.begins, self.ends)
    }

    fn probe(&self) -> String {
        let Self { begins, ends, numbers, files, .. } = self;
        let counted = if *files == FileKind::Data { "-00001" } else { "" };
        format!("{begins}{numbers}{PROBE}{counted}{ends}")
    }

    /// The same with the directory that it stands in.
    fn probe_in_directory(&self) -> String {
        format!("{}/{}", self.directory, self.probe())
    }
}

/// Files of rows and of deletions (apache/iceberg `OutputFileFactory`, Parquet unless a table says otherwise), and
/// with every commit a metadata file (`BaseMetastoreTableOperations`, `TableMetadataParser`), a manifest list and
/// manifests (`SnapshotProducer`).
const KINDS: [Kind; 4] = [
    Kind { files: FileKind::Data, directory: "data", begins: "", ends: ".parquet", numbers: "00000-0-" },
    Kind::metadata(FileKind::TableMetadata, "", "00000-", ".metadata.json"),
    Kind::metadata(FileKind::ManifestList, "snap-", "0-1-", ".avro"),
    Kind::metadata(FileKind::Manifest, "", "", "-m0.avro"),
];

/// A table below the place of new ones, with how many others no policy treats differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alike {
    table: String,
    path: String,
    others: usize,
    simulated: bool,
}

impl Resource {
    /// A pattern with the probe that stands for it: a `*` becomes [`PROBE`], and a `?` a letter. `*` alone, of
    /// actions that are not about any resource, stays what it is, and so do region and account. A secret that is
    /// named without the end that Secrets Manager gives it is meant with that.
    pub fn new(pattern: String) -> Self {
        let pattern = probe::with_ending(pattern);
        let probe = probe::of(&pattern);
        Self { probe, ..Self::exact(pattern) }
    }

    /// A resource as it stands.
    pub fn exact(arn: String) -> Self {
        let part = Part { simulated: true, ..Part::default() };
        Self { pattern: arn.clone(), probe: arn, part, also: Arc::default(), besides: Arc::default() }
    }

    /// The account in its ARN, if that has one.
    pub fn account(&self) -> Option<&str> {
        self.probe.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// The files of Iceberg tables, of each kind one: below a table's own location, or of a table that is to be
    /// made one directory below a database's, with those of the tables that lie there. `kinds`: those that the need
    /// is about, or none for all. Any other resource is [`Resource::new`].
    pub(super) fn of_files(
        pattern: String,
        location: Option<&Location>,
        tables: &[Alike],
        kinds: &[FileKind],
    ) -> Self {
        let Some(location) = location.filter(|it| it.origin != Origin::Parameters) else {
            return Self::new(pattern);
        };
        let Some(head) = pattern.strip_suffix('*').filter(|head| head.contains('/')) else {
            return Self::new(pattern);
        };
        let side = location.side();
        let is_meant = |it: &Self| kinds.is_empty() || it.part.files.is_some_and(|it| kinds.contains(&it));
        let (mut parts, mut besides) = (Vec::new(), Vec::new());
        let mut add = |mut of_table: Vec<Self>, simulated: bool| {
            of_table.retain(|it| it.part.files.is_some_and(|kind| side.has(kind)));
            let (mut meant, others): (Vec<Self>, Vec<Self>) = of_table.into_iter().partition(is_meant);
            if let Some(first) = meant.first_mut() {
                first.part.simulated = simulated;
            }
            parts.extend(meant);
            besides.extend(others);
        };
        if let Origin::Table { name, .. } = &location.origin {
            add(of_table(head, head, Some(name), 0, side), true);
        } else {
            add(of_table(&format!("{head}{PROBE}/"), &format!("{head}*/"), None, 0, side), true);
            let place = format!("{}/{}", location.bucket, location.prefix);
            let is_whole = head.ends_with(&format!(":{place}"));
            for it in tables.iter().filter(|_| is_whole) {
                let Some(below) = it.path.strip_prefix(&place) else { continue };
                let at = format!("{head}{below}");
                add(of_table(&at, &at, Some(&it.table), it.others, side), it.simulated);
            }
        }
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return Self::new(pattern) };
        let part = Part { own: Some(first.pattern), ..first.part };
        Self { pattern, probe: first.probe, part, also: parts.collect(), besides: besides.into() }
    }

    /// A KMS key that S3 uses for each of these objects, which are what tells one use from another.
    pub(super) fn of_objects(key: String, objects: &[Self]) -> Self {
        let parts = objects.iter().flat_map(|it| std::iter::once(it).chain(it.also.iter()));
        let mut parts = parts.map(|it| {
            let Part { files, table, alike, .. } = it.part.clone();
            let part = Part { files, table, alike, object: Some(it.probe.clone()), ..Part::default() };
            Self { part, ..Self::exact(key.clone()) }
        });
        let Some(first) = parts.next() else { return Self::exact(key) };
        let part = Part { simulated: true, ..first.part };
        Self { part, also: parts.collect(), ..Self::exact(key.clone()) }
    }

    /// Those of its parts that AWS's simulator is asked about, itself the first.
    pub fn simulated(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.also.iter().filter(|it| it.part.simulated))
    }
}

/// A table's files of each kind. `directory`: of the probe; `pattern`: of any such table.
fn of_table(
    directory: &str,
    pattern: &str,
    table: Option<&String>,
    alike: usize,
    side: Side,
) -> Vec<Resource> {
    let of_kind = |kind: &Kind| {
        // What the table's properties name has no directories of the kinds in it.
        let directory_of_kind =
            if side == Side::Both { format!("{}/", kind.directory) } else { String::new() };
        let mut within = vec![format!("{pattern}{directory_of_kind}*")];
        within.extend(table.map(|_| format!("{pattern}*")));
        let (table, files) = (table.cloned(), Some(kind.files));
        Resource {
            pattern: format!("{pattern}{directory_of_kind}{}", kind.pattern()),
            probe: format!("{directory}{directory_of_kind}{}", kind.probe()),
            part: Part { files, table, alike, within, ..Part::default() },
            also: Arc::default(),
            besides: Arc::default(),
        }
    };
    KINDS.iter().map(of_kind).collect()
}

/// The tables, those together that no resource of a policy that was read tells apart. The first few, which AWS's
/// simulator is asked about before the policies are known, are never put together.
pub(super) fn told_apart(facts: &Facts, tables: &[Below]) -> Vec<Alike> {
    let written = if tables.len() > SIMULATED { written(facts, tables) } else { Vec::new() };
    let mut found: Vec<Alike> = Vec::new();
    let mut known: BTreeMap<Vec<(usize, usize)>, usize> = BTreeMap::new();
    for (at, it) in tables.iter().enumerate() {
        let simulated = at < SIMULATED;
        let new = Alike { table: it.table.clone(), path: it.path.clone(), others: 0, simulated };
        let marks = marks(&written, &it.path);
        let alike = known.get(&marks).and_then(|known| found.get_mut(*known)).filter(|_| !simulated);
        if let Some(alike) = alike {
            alike.others += 1;
        } else {
            known.entry(marks).or_insert(found.len());
            found.push(new);
        }
    }
    found
}

/// Which resources match which kinds of a table's files.
fn marks(written: &[String], path: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut probes: Option<[String; KINDS.len()]> = None;
    for (at, resource) in written.iter().enumerate() {
        if !meets(resource, path) {
            continue;
        }
        let probes =
            probes.get_or_insert_with(|| KINDS.map(|kind| format!("{path}{}", kind.probe_in_directory())));
        let matched = probes.iter().enumerate().filter(|(_, probe)| means(resource, probe));
        found.extend(matched.map(|(kind, _)| (at, kind)));
    }
    found
}

/// The resources of statements that may tell tables apart, and the objects that uses of a key are told apart by, from
/// the bucket's name on: not those that all of them match or none.
fn written(facts: &Facts, tables: &[Below]) -> Vec<String> {
    let managed = facts.managed_policies.values().filter_map(|it| Some(&it.known()?.document));
    let inline = facts.inline_policies.values().filter_map(|it| it.known());
    let of_buckets = facts.buckets.values().filter_map(|it| it.policy.known());
    let of_keys = facts.keys.values().filter_map(|it| it.policy.known());
    // What policies said before their last change, they said of tables, too.
    let former: Vec<String> = former(facts).collect();
    let mut found = Vec::new();
    for document in managed.chain(inline).chain(of_buckets).chain(of_keys).chain(&former) {
        let statements = serde_json::from_str::<Value>(document).ok().map(|it| it["Statement"].clone());
        let statements = statements.map(|it| if it.is_array() { it } else { Value::Array(vec![it]) });
        for statement in statements.iter().filter_map(Value::as_array).flatten() {
            let conditions = statement["Condition"].as_object().into_iter().flatten();
            let keys = conditions.filter_map(|(_, keys)| keys.as_object()).flatten();
            let objects = keys.filter(|(key, _)| key.eq_ignore_ascii_case(ENCRYPTION_CONTEXT));
            let objects = objects.map(|(_, values)| values);
            for element in [&statement["Resource"], &statement["NotResource"]].into_iter().chain(objects) {
                let texts = element.as_array().map_or_else(|| std::slice::from_ref(element), Vec::as_slice);
                found.extend(texts.iter().filter_map(Value::as_str).filter_map(of_bucket));
            }
        }
    }
    found.sort();
    found.dedup();
    let common = shared(tables);
    found.retain(|resource| meets(resource, common) && !covers(resource, &format!("{common}*")));
    found
}

/// The documents in the events that changed policies.
fn former(facts: &Facts) -> impl Iterator<Item = String> {
    let queries = facts.history.queries.iter();
    let events = queries.filter_map(|it| it.events.known()).flatten();
    let of =
        |parameters| POLICIES_IN_EVENTS.into_iter().filter_map(move |member| policy_in(parameters, member));
    events.flat_map(move |event| of(&event.request_parameters))
}

/// The members of events that hold policies.
pub const POLICIES_IN_EVENTS: [&str; 3] = ["policyDocument", "bucketPolicy", "policy"];

/// A policy document in an event's parameters, which CloudTrail gives as text or, for buckets, as an object.
pub fn policy_in(parameters: &Value, member: &str) -> Option<String> {
    match parameters.get(member)? {
        Value::String(text) => Some(crate::policy::decode(text).into_owned()),
        object @ Value::Object(_) => serde_json::to_string_pretty(object).ok(),
        _ => None,
    }
}

/// The bucket and key of an ARN as written; a variable in it stands for any text.
fn of_bucket(arn: &str) -> Option<String> {
    arn.splitn(6, ':').nth(5).map(without_variables)
}

/// Whether a resource may match something below a path: up to its first wildcard they are the same.
fn meets(resource: &str, path: &str) -> bool {
    let head = resource.split(['*', '?']).next().unwrap_or_default();
    head.starts_with(path) || (path.starts_with(head) && head.len() < resource.len())
}

/// What all paths begin with.
fn shared(tables: &[Below]) -> &str {
    let Some((first, others)) = tables.split_first() else { return "" };
    let mut shared = first.path.as_str();
    for other in others {
        let same =
            shared.char_indices().zip(other.path.chars()).take_while(|((_, left), right)| left == right);
        let length = same.map(|((at, letter), _)| at + letter.len_utf8()).last().unwrap_or_default();
        shared = shared.get(..length).unwrap_or_default();
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Fact, RoleName, Target};

    fn told(policy: &str, count: usize) -> Vec<(String, usize)> {
        let role = RoleName { name: "r".to_owned(), path: None, account: None, partition: None };
        let connectors = Vec::new();
        let target = Target { role, external_id: None, region: None, region_given: false, connectors };
        let mut facts = Facts::unread(target, "2026-03-02T10:00:00Z".to_owned());
        facts.inline_policies.insert("p".to_owned(), Fact::Known(policy.to_owned()));
        let below = |at: usize| Below { table: format!("t{at}"), path: format!("lake/sales.db/t{at}/") };
        let tables: Vec<Below> = (0..count).map(below).collect();
        told_apart(&facts, &tables).into_iter().map(|it| (it.table, it.others)).collect()
    }

    fn denying(resource: &str) -> String {
        format!(
            r#"{{"Statement": [{{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::lake/*"}},
            {{"Effect": "Deny", "Action": "s3:PutObject", "Resource": ["arn:aws:s3:::{resource}"]}}]}}"#
        )
    }

    #[test]
    fn tables_that_no_policy_tells_apart_are_one_but_for_those_that_the_simulator_is_asked_about() {
        let named = |of: &[(&str, usize)]| -> Vec<(String, usize)> {
            of.iter().map(|(name, others)| ((*name).to_owned(), *others)).collect()
        };
        let all = named(&[("t0", 997), ("t1", 0), ("t2", 0)]);
        assert_eq!(told(&denying("lake/other/*"), 1000), all);
        assert_eq!(told(&denying("lake/*.json"), 1000), all);
        let one = named(&[("t0", 996), ("t1", 0), ("t2", 0), ("t7", 0)]);
        assert_eq!(told(&denying("lake/sales.db/t7/*"), 1000), one);
        assert_eq!(told(&denying("lake/sales.db/t7/metadata/*.json"), 1000), one);
        let some = named(&[("t0", 987), ("t1", 0), ("t2", 0), ("t10", 9)]);
        assert_eq!(told(&denying("lake/*/t1?/data/*"), 1000), some);
        let text = |kind: usize| format!("lake/sales.db/t{kind}/{}", KINDS[0].probe_in_directory());
        assert!(means("lake/*/t1?/data/*.parquet", &text(12)) && !means("lake/*/t1?/data/*", &text(1)));
    }
}
