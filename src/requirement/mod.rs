//! What a target's connectors must be allowed, made concrete: actions with the ARNs they are asked on,
//! and the condition keys that the role's session is known to carry.
//!
//! The plan asks AWS's simulator these, the checks put them to our own engine: both go by the one list
//! that [`requirements`] makes. Pure.

mod context;
pub mod encryption;
mod files;
pub mod lake_formation;
pub mod location;
mod named;
mod probe;
mod session;

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Connector, Level, Need, ParameterKind, When, WhenFact, fill, places};
use crate::facts::{ConnectorTarget, Fact, Facts, Target};
use crate::model::{AccountId, Blocked, Partition};

pub use context::{ENCRYPTION_CONTEXT, Keys, OrganizationId, Situation, keys};
pub use encryption::EncryptionKey;
pub use files::{POLICIES_IN_EVENTS, Part, Resource, policy_in};
pub use location::{Location, Locations, Origin, Side, locations};
pub use named::buckets_of_needs;
pub use session::{SESSION_NAME, SessionCall, Sessions, documents, example_session};

/// The object or table name that stands for "any" where a need names a pattern. Policies are matched
/// against it literally, as AWS's simulator does.
pub const PROBE: &str = "streamkap-doctor-probe";

/// Of many places or tables of one need, how many AWS's simulator is asked about: each costs a call.
pub(crate) const SIMULATED: usize = 3;

/// One thing a connector must be allowed, with its places filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement<'c> {
    /// The connector's name: `s3`.
    pub connector: &'c str,
    /// Session names its connector uses in CloudTrail.
    pub sessions: &'c [String],
    /// The line of the connector file.
    pub need: &'c Need,
    /// The IAM action.
    pub action: &'c str,
    /// What it is asked on. AWS must allow all of them.
    pub resources: Vec<Resource>,
    /// Where in S3 it is about, if it is: the bucket, what keys begin with, why there.
    pub location: Option<Location>,
    /// Whether it is a use of the KMS key that the bucket or the Data Catalog encrypts with, made by S3 or
    /// Glue on the role's behalf.
    pub of_key: bool,
    /// Whether AWS's simulator is asked, too, about its resources or [parts](Part) of them: not about the fourth of
    /// many tables.
    pub simulated: bool,
}

impl Requirement<'_> {
    /// The bucket that it is about.
    pub fn bucket(&self) -> Option<&str> {
        self.location.as_ref().map(|it| it.bucket.as_str())
    }

    /// What the connector's keys in that bucket begin with.
    pub fn prefix(&self) -> &str {
        self.location.as_ref().map_or("", |it| it.prefix.as_str())
    }
}

/// A need that cannot be made concrete, because a place has no value yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open<'c> {
    /// The connector's name.
    pub connector: &'c str,
    /// The line of the connector file.
    pub need: &'c Need,
    /// What is not known, and why.
    pub blocked: Blocked,
}

/// The partition of the target's role: its ARN's, else its region's, else the commercial one.
pub fn partition(target: &Target) -> Partition {
    let named = target.role.partition.clone();
    named.or_else(|| target.region.as_deref().map(Partition::of_region)).unwrap_or_else(Partition::aws)
}

/// The partition of the role, by what was read before what was given.
fn partition_of(facts: &Facts) -> Partition {
    let role = facts.role.known().map(|role| role.arn.partition());
    let caller = || facts.caller.known().map(|caller| caller.arn.partition());
    role.or_else(|| facts.target.role.partition.clone())
        .or_else(caller)
        .unwrap_or_else(|| partition(&facts.target))
}

/// The account of the role: the one its ARN names, else the caller's.
pub fn account(facts: &Facts) -> Option<AccountId> {
    let role = facts.role.known().and_then(|role| role.arn.account_id());
    role.or_else(|| facts.target.role.account.clone())
        .or_else(|| facts.caller.known().map(|caller| caller.account.clone()))
}

/// All that the target's connectors need, in the order of their files.
///
/// A conditional need whose condition does not hold, or is not known to hold, is left out; what is left
/// out because a place has no value is told by [`open`].
pub fn requirements<'c>(facts: &Facts, catalog: &'c Catalog) -> Vec<Requirement<'c>> {
    let of_one = |of: OfConnector<'_, 'c>| -> Vec<Requirement<'c>> {
        of.needs().filter_map(|need| of.concrete(need).ok()).flatten().collect()
    };
    of_connectors(facts, catalog).flat_map(of_one).collect()
}

/// The needs that would have to be met and cannot be asked about, because a place has no value yet.
pub fn open<'c>(facts: &Facts, catalog: &'c Catalog) -> Vec<Open<'c>> {
    let of_one = |of: OfConnector<'_, 'c>| -> Vec<Open<'c>> {
        let connector = of.connector.name.as_str();
        let needs = of.needs().filter(|need| need.level != Level::Documented);
        needs.filter_map(|need| Some(Open { connector, need, blocked: of.concrete(need).err()? })).collect()
    };
    of_connectors(facts, catalog).flat_map(of_one).collect()
}

fn of_connectors<'f, 'c>(
    facts: &'f Facts,
    catalog: &'c Catalog,
) -> impl Iterator<Item = OfConnector<'f, 'c>> {
    let targets = facts.target.connectors.iter();
    targets.filter_map(move |target| {
        let connector = catalog.connector(&target.connector)?;
        let locations = locations(facts, target, connector);
        let tables = files::told_apart(facts, &locations.below);
        Some(OfConnector { facts, target, connector, locations, tables })
    })
}

/// A connector's needs whose condition holds, as far as the parameters tell.
pub fn needs_of<'c>(target: &ConnectorTarget, connector: &'c Connector) -> impl Iterator<Item = &'c Need> {
    connector.needs.iter().filter(|need| match &need.when {
        None | Some(When::Fact(_)) => true,
        Some(When::Given { given }) => target.parameters.contains_key(given),
        Some(When::Is { parameter, is }) => {
            target.parameters.get(parameter).is_some_and(|value| is.contains(value))
        }
    })
}

/// One connector of the target, with where it writes.
struct OfConnector<'f, 'c> {
    facts: &'f Facts,
    target: &'f ConnectorTarget,
    connector: &'c Connector,
    locations: Locations,
    /// The tables below the place of new ones, those together that no policy tells apart.
    tables: Vec<files::Alike>,
}

/// One value of a place in a template.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    location: Option<Location>,
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self { text, location: None }
    }
}

impl<'c> OfConnector<'_, 'c> {
    fn needs(&self) -> impl Iterator<Item = &'c Need> {
        needs_of(self.target, self.connector)
    }

    /// Whether the fact holds on which a need hangs. Of one that names the key it hangs on, that is told by
    /// whether there is one.
    fn holds(&self, need: &Need) -> Result<bool, Blocked> {
        let Some(When::Fact(fact)) = &need.when else { return Ok(true) };
        if names_key(need) {
            return Ok(true);
        }
        let (keys, what) = match fact {
            WhenFact::BucketKey => {
                let buckets = self.locations.all();
                let keys = buckets.map(|it| encryption::of_bucket(self.facts, &it.bucket)).collect();
                (keys, "with which key the bucket encrypts")
            }
            WhenFact::CatalogKey => {
                (vec![encryption::of_catalog(self.facts)], "with which key the Data Catalog encrypts")
            }
        };
        if keys.iter().any(|key| matches!(key, EncryptionKey::Customer { .. })) {
            return Ok(true);
        }
        if let (WhenFact::BucketKey, Some(blocked)) = (fact, &self.locations.open) {
            return Err(blocked.clone());
        }
        if keys.contains(&EncryptionKey::Unknown) {
            let why = format!("it was not read, and {} hangs on it", need.action);
            return Err(Blocked::new(what, why));
        }
        Ok(false)
    }

    /// The need with its places filled in: once, or once for each table or location.
    fn concrete(&self, need: &'c Need) -> Result<Vec<Requirement<'c>>, Blocked> {
        if !self.holds(need)? {
            return Ok(Vec::new());
        }
        let mut names: Vec<&str> = Vec::new();
        for name in need.resources.iter().flat_map(|template| places(template)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let mut filled: Vec<(BTreeMap<&str, String>, Option<Location>)> = vec![(BTreeMap::new(), None)];
        for name in names {
            let values = self.values(name, need)?;
            filled = filled
                .into_iter()
                .flat_map(|(known, location)| {
                    values.iter().map(move |value| {
                        let mut known = known.clone();
                        known.insert(name, value.text.clone());
                        (known, value.location.clone().or_else(|| location.clone()))
                    })
                })
                .collect();
        }
        let requirements = |(at, (values, location)): (usize, (BTreeMap<&str, String>, Option<Location>))| {
            let values = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let resources = need.resources.iter().filter_map(|template| fill(template, &values));
            let of_place = |(location, patterns): (Option<Location>, Vec<String>)| Requirement {
                connector: &self.connector.name,
                sessions: &self.connector.sessions,
                need,
                action: &need.action,
                resources: patterns
                    .into_iter()
                    .map(|pattern| self.resource(need, pattern, location.as_ref()))
                    .collect(),
                location,
                of_key: is_of_key(need),
                simulated: at < SIMULATED,
            };
            by_place(need, resources, location.as_ref()).into_iter().map(of_place).collect::<Vec<_>>()
        };
        Ok(filled.into_iter().enumerate().flat_map(requirements).collect())
    }

    /// What a need is asked on, of one place.
    fn resource(&self, need: &Need, pattern: String, location: Option<&Location>) -> Resource {
        let files = |pattern, place| Resource::of_files(pattern, Some(place), &self.tables, &need.files);
        let Some(location) = location else {
            return Resource::new(probe::of_log_group(&need.action, pattern));
        };
        if !is_of_key(need) {
            return files(pattern, location);
        }
        // Whatever lies in the bucket is encrypted with its key, each object by itself where there is no Bucket Key.
        let bucket = self.facts.buckets.get(&location.bucket);
        if bucket.and_then(|it| it.encryption.known()).is_some_and(|it| it.bucket_key) {
            return Resource::new(pattern);
        }
        let partition = partition_of(self.facts);
        let objects = |it: &Location| format!("arn:{partition}:s3:::{}/{}*", it.bucket, it.prefix);
        let places = self.locations.all().filter(|it| it.bucket == location.bucket && has_files_of(need, it));
        let objects: Vec<Resource> = places.map(|it| files(objects(it), it)).collect();
        Resource::of_objects(pattern, &objects)
    }

    /// The values of a place: several for tables and locations, none where there is nothing to ask about.
    fn values(&self, name: &str, need: &Need) -> Result<Vec<Value>, Blocked> {
        let one = |text: String| Ok(vec![text.into()]);
        match name {
            "partition" => one(partition_of(self.facts).to_string()),
            "account" => account(self.facts).map_or_else(|| Err(unknown_account()), |it| one(it.to_string())),
            "region" => self.region().map_or_else(|| Err(unknown_region()), |it| one(it.to_owned())),
            "bucket_key" => Ok(self.bucket_keys(need)),
            "catalog_key" => Ok(customer(encryption::of_catalog(self.facts), None)),
            "location" => self.locations(need, |it| format!("{}/{}", it.bucket, it.prefix)),
            "location_bucket" => self.locations(need, |it| it.bucket.clone()),
            "workgroup_id" => self.workgroup_id().map(|id| vec![id.into()]),
            _ => self.parameter(name),
        }
    }

    fn region(&self) -> Option<&str> {
        self.target.parameters.get("region").or(self.facts.target.region.as_ref()).map(String::as_str)
    }

    fn parameter(&self, name: &str) -> Result<Vec<Value>, Blocked> {
        let parameter = self.connector.parameters.iter().find(|it| it.name == name);
        let given = self.target.parameters.get(name);
        match (parameter.map(|it| it.kind), given) {
            (Some(ParameterKind::GlueTable), None) => self.tables(),
            (Some(ParameterKind::Bucket), Some(bucket)) => {
                let location = self.locations.all().find(|it| it.bucket == *bucket).cloned();
                Ok(vec![Value { text: bucket.clone(), location }])
            }
            (_, Some(value)) => Ok(vec![value.clone().into()]),
            (_, None) => Err(Blocked {
                hint: Some(format!("give it with --{name}")),
                ..Blocked::new(
                    format!("what --{name} of the connector {} is", self.connector.name),
                    "it was not given",
                )
            }),
        }
    }

    /// The Iceberg tables that exist and could be seen; new ones have needs of their own. None where there is no
    /// database.
    fn tables(&self) -> Result<Vec<Value>, Blocked> {
        let mut databases = self.connector.of_kind(ParameterKind::GlueDatabase);
        let Some(name) = databases.find_map(|it| self.target.parameters.get(&it.name)) else {
            return Ok(Vec::new());
        };
        let what = format!("the tables of the Glue database {name}");
        let not_read = || {
            let why = "it was not read".to_owned();
            Blocked::new(what.clone(), why)
        };
        let database = self.facts.glue.databases.get(name).ok_or_else(not_read)?;
        if matches!(database.metadata, Fact::Absent) {
            return Ok(Vec::new());
        }
        let tables = database.tables.read(&what)?.into_iter().flatten();
        Ok(tables.filter(|table| table.is_iceberg()).map(|table| table.name.clone().into()).collect())
    }

    fn locations(&self, need: &Need, text: impl Fn(&Location) -> String) -> Result<Vec<Value>, Blocked> {
        if let Some(blocked) = &self.locations.open {
            return Err(blocked.clone());
        }
        let mut values: Vec<Value> = Vec::new();
        let same = |it: &Value, text: &str, side: Side| {
            it.text == text && it.location.as_ref().is_some_and(|it| it.side() == side)
        };
        for location in self.locations.known.iter().filter(|it| has_files_of(need, it)) {
            let text = text(location);
            if !values.iter().any(|it| same(it, &text, location.side())) {
                values.push(Value { text, location: Some(location.clone()) });
            }
        }
        Ok(values)
    }

    /// The keys of the buckets written to, with the first location in each.
    fn bucket_keys(&self, need: &Need) -> Vec<Value> {
        let mut buckets: Vec<&Location> = Vec::new();
        for location in self.locations.all().filter(|it| has_files_of(need, it)) {
            if !buckets.iter().any(|it| it.bucket == location.bucket) {
                buckets.push(location);
            }
        }
        let key = |location: &Location| encryption::of_bucket(self.facts, &location.bucket);
        buckets.into_iter().flat_map(|location| customer(key(location), Some(location))).collect()
    }

    fn workgroup_id(&self) -> Result<String, Blocked> {
        let mut named = self.connector.of_kind(ParameterKind::RedshiftWorkgroup);
        let name = named.find_map(|it| self.target.parameters.get(&it.name)).map_or("", String::as_str);
        let what = format!("the id of the workgroup {name}");
        let absent = |why: &str| Blocked::new(what.clone(), why);
        match self.facts.redshift.workgroups.get(name) {
            Some(read) => match read.read(&what)? {
                Some(workgroup) => Ok(workgroup.id.clone()),
                None => Err(absent("there is no such workgroup")),
            },
            None => Err(absent("it was not read")),
        }
    }
}

/// Whether files that a need is about lie at a place.
fn has_files_of(need: &Need, place: &Location) -> bool {
    need.files.is_empty() || need.files.iter().any(|kind| place.side().has(*kind))
}

/// The resources of a need by the bucket that they are of: the one of its place, or another one that is written out.
/// Of what is not S3's there is one place only.
fn by_place(
    need: &Need,
    resources: impl Iterator<Item = String>,
    location: Option<&Location>,
) -> Vec<(Option<Location>, Vec<String>)> {
    let mut places: Vec<(Option<Location>, Vec<String>)> = Vec::new();
    for resource in resources {
        let written = named::place_of(&resource).filter(|_| need.action.starts_with("s3:"));
        let place = match (location, written) {
            (Some(known), Some(written)) if known.bucket != written.bucket => Some(written),
            (None, written) => written,
            (known, _) => known.cloned(),
        };
        let bucket = |place: &Option<Location>| place.as_ref().map(|it| it.bucket.clone());
        match places.iter_mut().find(|(known, _)| bucket(known) == bucket(&place)) {
            Some((_, resources)) => resources.push(resource),
            None => places.push((place, vec![resource])),
        }
    }
    places
}

fn customer(key: EncryptionKey, location: Option<&Location>) -> Vec<Value> {
    match key {
        EncryptionKey::Customer { arn } => vec![Value { text: arn, location: location.cloned() }],
        EncryptionKey::Unknown | EncryptionKey::NotNeeded => Vec::new(),
    }
}

fn unknown_account() -> Blocked {
    Blocked {
        hint: Some("give the role by its ARN".to_owned()),
        ..Blocked::new("the role's account", "neither the role nor the caller was read")
    }
}

fn unknown_region() -> Blocked {
    Blocked {
        hint: Some("give it with --region".to_owned()),
        ..Blocked::new("the connector's region", "none was given")
    }
}

/// What S3 does with the key of a bucket on behalf of whoever makes a call, where the call takes that.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>
pub fn key_use(action: &str) -> Option<&'static str> {
    match action {
        "s3:PutObject" => Some("kms:GenerateDataKey"),
        "s3:GetObject" => Some("kms:Decrypt"),
        _ => None,
    }
}

/// Whether a need is a use of the key that a bucket or the Data Catalog encrypts with.
fn is_of_key(need: &Need) -> bool {
    need.action.starts_with("kms:") && names_key(need)
}

/// Whether a need hangs on a key that is only known when the encryption is read.
pub fn hangs_on_key(need: &Need) -> bool {
    names_key(need) || need.when.as_ref().is_some_and(|when| matches!(when, When::Fact(_)))
}

fn names_key(need: &Need) -> bool {
    let mut names = need.resources.iter().flat_map(|template| places(template));
    names.any(|name| matches!(name, "bucket_key" | "catalog_key"))
}

#[cfg(test)]
mod tests;
