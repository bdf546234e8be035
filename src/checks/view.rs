//! How a check sees the facts: every read is noted and the unread becomes `unknown`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::shared::once::{Noted, Once};
use crate::catalog::{Catalog, Connector, ParameterKind, Vendor};
use crate::facts::{
    AttachedPolicy, Bucket, Caller, CatalogEncryption, Cluster, ConnectorTarget, DatabaseMetadata, Fact,
    FactId, Facts, FailureKind, History, Key, LakeFormation, ManagedPolicy, Organization, Role,
    ServiceAccess, Simulation, Table, Target, Trail, Workgroup,
};
use crate::model::{Blocked, Concern};
use crate::requirement::{
    self, ENCRYPTION_CONTEXT, Location, Locations, Open, PROBE, Requirement, Resource, Situation, encryption,
};

/// A fact as a check reads it: the value, nothing where AWS says there is none, or why nobody looked.
pub(crate) type Read<'a, T> = Result<Option<&'a T>, Blocked>;

/// The facts, with a note of which were read.
pub struct View<'a> {
    facts: &'a Facts,
    catalog: &'a Catalog,
    read: RefCell<BTreeSet<FactId>>,
    once: Rc<Once<'a>>,
}

impl<'a> View<'a> {
    /// Sees these facts.
    pub fn new(facts: &'a Facts, catalog: &'a Catalog) -> Self {
        Self { facts, catalog, read: RefCell::default(), once: Rc::default() }
    }

    /// Sees the same facts with a note of its own, and shares what is worked out of them.
    pub(super) fn beside(&self) -> Self {
        let Self { facts, catalog, once, .. } = self;
        Self { facts, catalog, read: RefCell::default(), once: Rc::clone(once) }
    }

    /// A value that is worked out once for all who see these facts, and counts as read by each who asks for it.
    pub(crate) fn once<T: Clone>(
        &self,
        which: impl for<'o> Fn(&'o Once<'a>) -> &'o Noted<T>,
        work_out: impl FnOnce(&Self) -> T,
    ) -> T {
        let (value, read) = which(&self.once).get_or_init(|| {
            let view = self.beside();
            let value = work_out(&view);
            (value, view.read.into_inner())
        });
        self.read.borrow_mut().extend(read);
        value.clone()
    }

    /// The facts read so far.
    pub fn read(&self) -> Vec<FactId> {
        self.read.borrow().iter().copied().collect()
    }

    fn note(&self, id: FactId) {
        self.read.borrow_mut().insert(id);
    }

    /// What was asked for.
    pub fn target(&self) -> &'a Target {
        &self.facts.target
    }

    /// When the facts were read: the clock of every check. RFC 3339, UTC.
    pub fn now(&self) -> &'a str {
        &self.facts.collected_at
    }

    /// Streamkap's facts.
    pub fn vendor(&self) -> &'a Vendor {
        &self.catalog.vendor
    }

    /// The target's connectors with their files.
    pub fn connectors(&self) -> impl Iterator<Item = (&'a ConnectorTarget, &'a Connector)> {
        let catalog = self.catalog;
        self.facts
            .target
            .connectors
            .iter()
            .filter_map(move |target| Some((target, catalog.connector(&target.connector)?)))
    }

    /// Whether the role is used to install and to remove something only, so that it may be gone and is
    /// unused in between.
    pub fn installs_only(&self) -> bool {
        let mut connectors = self.connectors().peekable();
        connectors.peek().is_some() && connectors.all(|(_, connector)| connector.is_installation())
    }

    /// Who runs the doctor.
    pub fn caller(&self) -> Read<'a, Caller> {
        self.note(FactId::Caller);
        self.facts.caller.read("who runs the doctor")
    }

    /// The role.
    pub fn role(&self) -> Read<'a, Role> {
        self.note(FactId::Role);
        self.facts.role.read(&format!("the role {}", self.facts.target.role.name))
    }

    /// The account's role names, read when the role was not found.
    pub fn role_names(&self) -> Read<'a, Vec<String>> {
        self.note(FactId::RoleNames);
        self.facts.role_names.read("the names of the account's roles")
    }

    /// Managed policies attached to the role.
    pub fn attached_policies(&self) -> Read<'a, Vec<AttachedPolicy>> {
        self.note(FactId::RolePolicies);
        self.facts.attached_policies.read("the policies attached to the role")
    }

    /// A managed policy that is attached to the role.
    pub fn managed_policy(&self, arn: &str) -> Read<'a, ManagedPolicy> {
        self.note(FactId::RolePolicies);
        read_entry(&self.facts.managed_policies, arn, "the policy")
    }

    /// The permissions boundary's document.
    pub fn boundary(&self, arn: &str) -> Read<'a, ManagedPolicy> {
        self.note(FactId::Boundary);
        read_entry(&self.facts.managed_policies, arn, "the permissions boundary")
    }

    /// Names of the role's inline policies.
    pub fn inline_policy_names(&self) -> Read<'a, Vec<String>> {
        self.note(FactId::RolePolicies);
        self.facts.inline_policy_names.read("the role's inline policies")
    }

    /// An inline policy's document.
    pub fn inline_policy(&self, name: &str) -> Read<'a, String> {
        self.note(FactId::RolePolicies);
        read_entry(&self.facts.inline_policies, name, "the inline policy")
    }

    /// What AWS's simulator was asked for this action and resource, if it was: of a key, for the same object. What
    /// it was to be asked, cases of before 2026-12 have for another of the files.
    pub fn simulation(&self, action: &str, resource: &Resource) -> Option<&'a Simulation> {
        self.note(FactId::Simulation);
        let asked = |probe: String| {
            let simulations = self.facts.simulations.iter();
            simulations.filter(move |it| it.action.eq_ignore_ascii_case(action) && it.resource == probe)
        };
        let (probe, part) = (&resource.probe, &resource.part);
        let exact = match &part.object {
            Some(object) => {
                let context = |it: &Simulation| it.context.get(ENCRYPTION_CONTEXT).cloned();
                asked(probe.clone()).find(|it| context(it).is_some_and(|of| of == [object.as_str()]))
            }
            None => asked(probe.clone()).next(),
        };
        let former =
            || [probe.clone()].into_iter().chain(former_probes(probe)).find_map(|it| asked(it).next());
        exact.or_else(|| if part.simulated { former() } else { None })
    }

    /// All that AWS's simulator was asked.
    pub fn simulations(&self) -> &'a [Simulation] {
        self.note(FactId::Simulation);
        &self.facts.simulations
    }

    /// A bucket, of which each part notes that it is read by the `id` given.
    ///
    /// `part` picks the fact: `view.bucket("orders", FactId::BucketPolicy, |it| &it.policy)`.
    pub fn bucket<T>(&self, name: &str, id: FactId, part: impl Fn(&'a Bucket) -> &'a Fact<T>) -> Read<'a, T> {
        self.note(id);
        let what = format!("{} of {name}", words(id));
        let bucket = self.facts.buckets.get(name);
        let read = bucket.map_or_else(|| Err(not_read(&what)), |bucket| part(bucket).read(&what));
        read.map_err(|unread| unread.about([of_bucket(name, id)]))
    }

    /// A KMS key by ARN, likewise.
    pub fn key<T>(&self, arn: &str, id: FactId, part: impl Fn(&'a Key) -> &'a Fact<T>) -> Read<'a, T> {
        self.note(id);
        let what = format!("{} {arn}", words(id));
        self.facts.keys.get(arn).map_or_else(|| Err(not_read(&what)), |key| part(key).read(&what))
    }

    /// What the target's connectors need, as far as the facts make it concrete: a need of a KMS key is
    /// left out where the encryption was not read.
    pub fn requirements(&self) -> Rc<Vec<Requirement<'a>>> {
        self.once(
            |once| &once.requirements,
            |view| {
                view.note_places();
                Rc::new(requirement::requirements(view.facts, view.catalog))
            },
        )
    }

    /// The needs that cannot be asked about, because something that they name is not known.
    pub fn open_requirements(&self) -> Vec<Open<'a>> {
        self.note_places();
        requirement::open(self.facts, self.catalog)
    }

    /// Where each of the target's connectors writes in S3.
    pub fn locations(&self) -> Vec<(&'a ConnectorTarget, Locations)> {
        self.note_locations();
        let of = |(target, connector): (&'a ConnectorTarget, &'a Connector)| {
            (target, requirement::locations(self.facts, target, connector))
        };
        self.connectors().map(of).collect()
    }

    /// The buckets that the target's connectors write to, each once, with the first location in it; an
    /// error where a location is not known.
    pub fn buckets(&self) -> Result<Vec<Location>, Blocked> {
        let mut found: Vec<Location> = Vec::new();
        for (_, locations) in self.locations() {
            for location in locations.all() {
                if !found.iter().any(|it| it.bucket == location.bucket) {
                    found.push(location.clone());
                }
            }
            if let Some(blocked) = locations.open {
                return Err(blocked);
            }
        }
        Ok(found)
    }

    /// Only a connector of a Glue database has its location from Glue.
    fn note_locations(&self) {
        if self.databases().next().is_some() {
            self.note(FactId::GlueDatabase);
            self.note(FactId::GlueTables);
        }
    }

    fn note_places(&self) {
        self.note_locations();
        for id in [FactId::Caller, FactId::Role, FactId::Bucket, FactId::BucketEncryption, FactId::Key] {
            self.note(id);
        }
        if self.databases().next().is_some() {
            self.note(FactId::GlueEncryption);
        }
        if self.parameters(ParameterKind::RedshiftWorkgroup).next().is_some() {
            self.note(FactId::RedshiftWorkgroup);
        }
    }

    /// The values of the parameters of a kind, of all connectors.
    pub fn parameters(&self, kind: ParameterKind) -> impl Iterator<Item = &'a str> {
        self.connectors().flat_map(move |(target, connector)| {
            connector.of_kind(kind).filter_map(|it| target.parameters.get(&it.name)).map(String::as_str)
        })
    }

    /// The Glue databases that connectors write to.
    pub fn databases(&self) -> impl Iterator<Item = &'a str> {
        self.parameters(ParameterKind::GlueDatabase)
    }

    /// A Glue database.
    pub fn database(&self, name: &str) -> Read<'a, DatabaseMetadata> {
        self.note(FactId::GlueDatabase);
        let what = format!("the Glue database {name}");
        let database = self.facts.glue.databases.get(name);
        let read = database.map_or_else(|| Err(not_read(&what)), |it| it.metadata.read(&what));
        read.map_err(|unread| unread.about([Concern::Database(name.to_owned())]))
    }

    /// The tables of a Glue database that the caller may see, or the one that was named.
    pub fn tables(&self, database: &str) -> Read<'a, Vec<Table>> {
        self.note(FactId::GlueTables);
        let what = format!("the tables of the Glue database {database}");
        let known = self.facts.glue.databases.get(database);
        let read = known.map_or_else(|| Err(not_read(&what)), |it| it.tables.read(&what));
        read.map_err(|unread| unread.about([Concern::Tables(database.to_owned())]))
    }

    /// The names of the catalogue's databases, read when one was not found.
    pub fn database_names(&self) -> Read<'a, Vec<String>> {
        self.note(FactId::GlueDatabaseNames);
        self.facts.glue.database_names.read("the names of the Glue databases")
    }

    /// The Data Catalog's resource policy.
    pub fn catalog_policy(&self) -> Read<'a, String> {
        self.note(FactId::GluePolicy);
        self.facts.glue.policy.read("the resource policy of the Glue Data Catalog")
    }

    /// How the Data Catalog encrypts its metadata.
    pub fn catalog_encryption(&self) -> Read<'a, CatalogEncryption> {
        self.note(FactId::GlueEncryption);
        self.facts.glue.encryption.read("the encryption of the Glue Data Catalog")
    }

    /// A part of what Lake Formation says.
    ///
    /// `view.lake_formation(FactId::LakeSettings, |it| &it.settings)`.
    pub fn lake_formation<T>(
        &self,
        id: FactId,
        part: impl Fn(&'a LakeFormation) -> &'a Fact<T>,
    ) -> Read<'a, T> {
        self.note(id);
        part(&self.facts.lake_formation).read(words(id))
    }

    /// Whether Lake Formation's grants were listed all at once, so that one that is not among them is not there
    /// for the caller to see.
    pub fn lists_all_grants(&self) -> bool {
        self.note(FactId::LakePermissions);
        self.facts.lake_formation.all_grants
    }

    /// A Redshift cluster.
    pub fn cluster(&self, id: &str) -> Read<'a, Cluster> {
        self.note(FactId::RedshiftCluster);
        let read = read_entry(&self.facts.redshift.clusters, id, "the Redshift cluster");
        read.map_err(|unread| unread.about([Concern::Redshift(id.to_owned())]))
    }

    /// Identifiers of the region's Redshift clusters, read when one was not found.
    pub fn cluster_names(&self) -> Read<'a, Vec<String>> {
        self.note(FactId::RedshiftCluster);
        self.facts.redshift.cluster_names.read("the identifiers of the Redshift clusters")
    }

    /// A Redshift Serverless workgroup.
    pub fn workgroup(&self, name: &str) -> Read<'a, Workgroup> {
        self.note(FactId::RedshiftWorkgroup);
        let read = read_entry(&self.facts.redshift.workgroups, name, "the Redshift Serverless workgroup");
        read.map_err(|unread| unread.about([Concern::Redshift(name.to_owned())]))
    }

    /// Names of the region's workgroups, read when one was not found.
    pub fn workgroup_names(&self) -> Read<'a, Vec<String>> {
        self.note(FactId::RedshiftWorkgroup);
        self.facts.redshift.workgroup_names.read("the names of the Redshift Serverless workgroups")
    }

    /// When the role last used each service that it may use.
    pub fn last_accessed(&self) -> Read<'a, Vec<ServiceAccess>> {
        self.note(FactId::RoleLastAccessed);
        self.facts.last_accessed.read("when the role last used each service")
    }

    /// Who makes a requirement's calls, from where and when.
    pub fn situation(&self, requirement: &Requirement<'_>) -> Situation {
        use FactId::{Bucket, BucketEncryption, BucketPolicy, Caller, Organization, Role};
        for id in [Caller, Role, Bucket, BucketPolicy, BucketEncryption, Organization] {
            self.note(id);
        }
        Situation::of(self.facts, requirement)
    }

    /// The name under which a bucket's default KMS key is known to [`View::key`]; `None`: its encryption
    /// names no key, or not so that its ARN can be told.
    pub fn bucket_key(&self, bucket: &str) -> Option<String> {
        for id in [FactId::Caller, FactId::Role, FactId::Bucket, FactId::BucketEncryption] {
            self.note(id);
        }
        encryption::bucket_entry(self.facts, bucket)
    }

    /// The name under which the key with this ARN is known to [`View::key`], which may be that of an alias.
    pub fn key_entry(&self, arn: &str) -> Option<String> {
        self.note(FactId::Key);
        let is_it = |key: &Key| key.metadata.known().is_some_and(|metadata| metadata.arn == arn);
        let mut keys = self.facts.keys.iter();
        keys.find(|(entry, key)| *entry == arn || is_it(key)).map(|(entry, _)| entry.clone())
    }

    /// The keys that AWS described, by the ARN of each with the name under which [`View::key`] knows it.
    pub fn described_keys(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.note(FactId::Key);
        let described = |(entry, key): (&'a String, &'a Key)| {
            key.metadata.known().map(|metadata| (metadata.arn.as_str(), entry.as_str()))
        };
        self.facts.keys.iter().filter_map(described)
    }

    /// The name of the key of the Glue Data Catalog, likewise.
    pub fn catalog_key(&self) -> Option<String> {
        for id in [FactId::Caller, FactId::Role, FactId::GlueEncryption] {
            self.note(id);
        }
        encryption::catalog_entry(self.facts)
    }

    /// Whether AWS said that a bucket is another account's: it shows a bucket's policy to its owner only.
    pub fn is_foreign_bucket(&self, bucket: &str) -> bool {
        self.note(FactId::BucketPolicy);
        let policy = self.facts.buckets.get(bucket).map(|it| &it.policy);
        matches!(policy, Some(Fact::Failed(failure)) if failure.kind == FailureKind::OtherAccount)
    }

    /// The organisation; nothing: the account is in none.
    pub fn organization(&self) -> Read<'a, Organization> {
        self.note(FactId::Organization);
        self.facts.organization.read("the account's organization")
    }

    /// Trails that log the connector's region.
    pub fn trails(&self) -> Read<'a, Vec<Trail>> {
        self.note(FactId::Trails);
        self.facts.trails.read("the account's trails")
    }

    /// The event history, not noted as read: how it was searched.
    pub(super) fn unnoted_history(&self) -> &'a History {
        &self.facts.history
    }

    /// The event history as searched. `id` is one of the three history facts.
    pub fn history(&self, id: FactId) -> &'a History {
        self.note(id);
        &self.facts.history
    }
}

fn read_entry<'a, T>(facts: &'a BTreeMap<String, Fact<T>>, name: &str, what: &str) -> Read<'a, T> {
    let what = format!("{what} {name}");
    facts.get(name).map_or_else(|| Err(not_read(&what)), |fact| fact.read(&what))
}

/// What cases of before 2026-12 have in place of a table's file: one of rows, or its name without an ending.
fn former_probes(probe: &str) -> Vec<String> {
    let Some((directory, name)) = probe.rsplit_once('/').filter(|(_, name)| name.contains(PROBE)) else {
        return Vec::new();
    };
    let table = directory.strip_suffix("/data").or_else(|| directory.strip_suffix("/metadata"));
    let data = |name: &str| table.map(|table| format!("{table}/data/{name}"));
    let rows = format!("00000-0-{PROBE}-00001.parquet");
    [data(&rows).filter(|_| *name != rows), data(PROBE)].into_iter().flatten().collect()
}

fn not_read(what: &str) -> Blocked {
    Blocked::new(what, "it was not read")
}

/// What hangs on a fact of a bucket: on how it keeps new objects, what is written to it.
fn of_bucket(name: &str, id: FactId) -> Concern {
    match id {
        FactId::BucketOwnership | FactId::BucketObjectLock => Concern::Uploads(name.to_owned()),
        FactId::BucketEncryption => Concern::Key { bucket: Some(name.to_owned()) },
        _ => Concern::Bucket(name.to_owned()),
    }
}

fn words(id: FactId) -> &'static str {
    match id {
        FactId::BucketPolicy => "the bucket policy",
        FactId::BucketEncryption => "the default encryption",
        FactId::BucketOwnership => "the ownership controls",
        FactId::BucketPublicAccess => "the public access block",
        FactId::BucketObjectLock => "the Object Lock settings",
        FactId::Key => "the KMS key",
        FactId::KeyPolicy => "the key policy of",
        FactId::KeyGrants => "the grants on",
        FactId::LakeSettings => "Lake Formation's settings",
        FactId::LakePermissions => "Lake Formation's grants",
        FactId::LakeLocations => "the locations registered with Lake Formation",
        FactId::LakeOptIns => "the opt-ins of Lake Formation's hybrid mode",
        _ => "the bucket",
    }
}
