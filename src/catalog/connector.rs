//! Connector files: what a connector does on AWS, as data.

use std::collections::BTreeMap;

use crate::model::Arn;

/// One connector file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// The name used on the command line.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Names its sessions carry in CloudTrail; `*` stands for anything.
    pub sessions: Vec<String>,
    /// Principals that assume the role for it; the root of an account stands for whoever is in it. None: any
    /// of Streamkap's.
    pub principals: Vec<Arn>,
    /// What its users ought to know before they look for a fault in the wrong place.
    pub notes: Vec<String>,
    /// Groups of parameters of which exactly one is given.
    pub one_of: Vec<Vec<String>>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What it does, phase by phase, each action on its own.
    pub needs: Vec<Need>,
}

/// A parameter of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name, also the flag's: `bucket`.
    pub name: String,
    /// What kind of value it takes, for checking it before any call.
    pub kind: ParameterKind,
    /// Other parameters of the same value: `--bucket` where the connector asks for a warehouse.
    pub aliases: Vec<String>,
    /// The values of a choice.
    pub choices: Vec<String>,
    /// Whether a run needs it.
    pub required: bool,
    /// The value when none is given.
    pub default: Option<String>,
    /// One line of help.
    pub help: String,
    /// Where a person finds it.
    pub find: Option<String>,
}

/// Kinds of parameter values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A bucket's name, ARN or `s3://` address.
    Bucket,
    /// A key prefix.
    Prefix,
    /// Where in S3 something begins: `s3://bucket/path`.
    Location,
    /// The name of a Glue database.
    GlueDatabase,
    /// The name of a Glue table.
    GlueTable,
    /// The identifier of a Redshift cluster.
    RedshiftCluster,
    /// The name of a Redshift Serverless workgroup.
    RedshiftWorkgroup,
    /// The name of a database or of a database user in Redshift.
    RedshiftName,
    /// One of `choices`.
    Choice,
    /// Anything.
    Text,
}

/// One thing that a connector does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// When it does it.
    pub phase: Phase,
    /// The IAM action.
    pub action: String,
    /// ARN templates with `{parameter}` places; AWS must allow all of them.
    pub resources: Vec<String>,
    /// The policy of the resource itself, where the file has it: the doctor reads none of most services.
    pub resource_policy: Option<ResourcePolicy>,
    /// Which of an Iceberg table's files it is about; none: all of them.
    pub files: Vec<FileKind>,
    /// How much it is needed.
    pub level: Level,
    /// On what a conditional need depends.
    pub when: Option<When>,
    /// What does not work without it.
    pub breaks: String,
    /// What the user sees when it is missing.
    pub symptom: Option<String>,
    /// Where this is known from.
    pub source: String,
    /// How sure it is.
    pub grade: Grade,
}

/// The files of an Iceberg table, by its specification's names.
/// <https://iceberg.apache.org/spec/#overview>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// Rows, and deletions of rows.
    Data,
    /// The table's metadata file: schema, snapshots, and where the newest manifest list is.
    TableMetadata,
    /// The list of a snapshot's manifests.
    ManifestList,
    /// Which files of rows a snapshot has.
    Manifest,
}

/// The policy of a resource as a connector file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourcePolicy {
    /// There is none.
    None,
    /// The document, which is one.
    Document(String),
}

/// When a connector does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// When it starts.
    Start,
    /// When it writes rows.
    Write,
    /// When it commits.
    Commit,
    /// When a table is new.
    NewTable,
    /// When a table's schema changes.
    SchemaChange,
    /// Compaction and expiry.
    Maintenance,
    /// After a failure.
    Cleanup,
    /// While it is installed.
    Install,
    /// While it is removed.
    Removal,
}

impl Phase {
    /// Every phase with its word in connector files, in the order in which a connector comes to them.
    pub const ALL: [(&'static str, Self); 9] = [
        ("start", Self::Start),
        ("write", Self::Write),
        ("commit", Self::Commit),
        ("new-table", Self::NewTable),
        ("schema-change", Self::SchemaChange),
        ("maintenance", Self::Maintenance),
        ("cleanup", Self::Cleanup),
        ("install", Self::Install),
        ("removal", Self::Removal),
    ];

    /// The phase in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Write => "write",
            Self::Commit => "commit",
            Self::NewTable => "new table",
            Self::SchemaChange => "schema change",
            Self::Maintenance => "maintenance",
            Self::Cleanup => "cleanup",
            Self::Install => "install",
            Self::Removal => "removal",
        }
    }
}

/// How much a need is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The connector cannot work without it.
    Required,
    /// Required when a fact holds.
    Conditional,
    /// It is called, and goes on without it at some cost.
    Optional,
    /// In the guide's template, never called.
    Documented,
}

impl Level {
    /// Whether the connector cannot work without it, where its condition holds.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::Conditional)
    }
}

/// On what a conditional need depends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// On a fact: `when = "bucket-key"`.
    Fact(WhenFact),
    /// On a parameter being given: `when = { given = "cluster" }`.
    Given {
        /// The parameter.
        given: String,
    },
    /// On a parameter's value: `when = { parameter = "phase", is = ["install", "all"] }`.
    Is {
        /// The parameter.
        parameter: String,
        /// The values.
        is: Vec<String>,
    },
}

/// Facts on which a conditional need depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFact {
    /// The bucket encrypts by default with a customer managed KMS key.
    BucketKey,
    /// The Glue Data Catalog encrypts its metadata with a KMS key, with the caller's permissions.
    CatalogKey,
}

/// How sure a line of a connector file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Verbatim in a published text.
    V,
    /// Stated in Streamkap's guide.
    S,
    /// Read in the connector's source code.
    C,
    /// Inferred.
    I,
    /// General knowledge of AWS or Kafka.
    K,
}

impl ParameterKind {
    /// Every kind with its word in connector files.
    pub const ALL: [(&'static str, Self); 10] = [
        ("bucket", Self::Bucket),
        ("prefix", Self::Prefix),
        ("location", Self::Location),
        ("glue-database", Self::GlueDatabase),
        ("glue-table", Self::GlueTable),
        ("redshift-cluster", Self::RedshiftCluster),
        ("redshift-workgroup", Self::RedshiftWorkgroup),
        ("redshift-name", Self::RedshiftName),
        ("choice", Self::Choice),
        ("text", Self::Text),
    ];
}

impl FileKind {
    /// Every kind with its word in connector files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("data", Self::Data),
        ("table-metadata", Self::TableMetadata),
        ("manifest-list", Self::ManifestList),
        ("manifest", Self::Manifest),
    ];
}

impl Level {
    /// Every level with its word in connector files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("required", Self::Required),
        ("conditional", Self::Conditional),
        ("optional", Self::Optional),
        ("documented", Self::Documented),
    ];
}

impl WhenFact {
    /// Every fact with its word in connector files.
    pub const ALL: [(&'static str, Self); 2] =
        [("bucket-key", Self::BucketKey), ("catalog-key", Self::CatalogKey)];
}

impl Grade {
    /// Every grade with its letter in connector files.
    pub const ALL: [(&'static str, Self); 5] =
        [("V", Self::V), ("S", Self::S), ("C", Self::C), ("I", Self::I), ("K", Self::K)];
}

impl Connector {
    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Whether a resource of a need names this place: `{region}`.
    pub fn names_place(&self, place: &str) -> bool {
        let resources = self.needs.iter().flat_map(|need| &need.resources);
        resources.flat_map(|template| places(template)).any(|name| name == place)
    }

    /// Whether it uses the role to install and to remove something only, and never in between.
    pub fn is_installation(&self) -> bool {
        let passing = |need: &Need| matches!(need.phase, Phase::Install | Phase::Removal);
        !self.needs.is_empty() && self.needs.iter().all(passing)
    }

    /// The parameters of a kind.
    pub fn of_kind(&self, kind: ParameterKind) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.kind == kind)
    }
}

/// The names in a template's `{name}` places, in order.
pub fn places(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// Puts values into a template's `{name}` places. `None` when a place has no value.
pub fn fill(template: &str, values: &BTreeMap<&str, &str>) -> Option<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}')?;
        filled.push_str(&rest[..open]);
        filled.push_str(values.get(&rest[open + 1..close])?);
        rest = &rest[close + 1..];
    }
    filled.push_str(rest);
    Some(filled)
}
