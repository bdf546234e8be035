//! Connector files: what a connector does on AWS, as data.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One connector file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// The name used on the command line.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Names its sessions carry in CloudTrail; `*` stands for anything.
    #[serde(default)]
    pub sessions: Vec<String>,
    /// Streamkap's principals that assume the role for it, as ARNs. None: any of Streamkap's.
    #[serde(default)]
    pub principals: Vec<String>,
    /// What its users ought to know before they look for a fault in the wrong place.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Its parameters.
    #[serde(default, rename = "parameter")]
    pub parameters: Vec<Parameter>,
    /// What it does, phase by phase.
    #[serde(default, rename = "need", deserialize_with = "one_action_each")]
    pub needs: Vec<Need>,
}

/// A parameter of a connector.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The name, also the flag's: `bucket`.
    pub name: String,
    /// What kind of value it takes, for checking it before any call.
    pub kind: ParameterKind,
    /// Other parameters of the same value: `--bucket` where the connector asks for a warehouse.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The values of a choice.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Whether a run needs it.
    #[serde(default)]
    pub required: bool,
    /// The value when none is given.
    #[serde(default)]
    pub default: Option<String>,
    /// One line of help.
    pub help: String,
    /// Where a person finds it.
    #[serde(default)]
    pub find: Option<String>,
}

/// Kinds of parameter values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A need as it is written: of one action or of several that have all else in common.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    phase: Phase,
    action: Option<String>,
    #[serde(default)]
    actions: Vec<String>,
    resources: Vec<String>,
    level: Level,
    when: Option<When>,
    breaks: String,
    symptom: Option<String>,
    source: String,
    grade: Grade,
}

fn one_action_each<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Need>, D::Error> {
    let written = Vec::<Written>::deserialize(from)?;
    let mut needs = Vec::new();
    for it in written {
        let actions: Vec<String> = it.action.into_iter().chain(it.actions).collect();
        if actions.is_empty() {
            return Err(serde::de::Error::missing_field("action"));
        }
        needs.extend(actions.into_iter().map(|action| Need {
            phase: it.phase,
            action,
            resources: it.resources.clone(),
            level: it.level,
            when: it.when.clone(),
            breaks: it.breaks.clone(),
            symptom: it.symptom.clone(),
            source: it.source.clone(),
            grade: it.grade,
        }));
    }
    Ok(needs)
}

/// When a connector does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// On what a conditional need depends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFact {
    /// The bucket encrypts by default with a customer managed KMS key.
    BucketKey,
    /// The Glue Data Catalog encrypts its metadata with a KMS key, with the caller's permissions.
    CatalogKey,
}

impl When {
    /// Whether it depends on this fact.
    pub fn is_fact(&self, fact: WhenFact) -> bool {
        *self == Self::Fact(fact)
    }
}

/// How sure a line of a connector file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
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

impl Connector {
    /// Reads a connector file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
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
