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
    /// Its parameters.
    #[serde(default, rename = "parameter")]
    pub parameters: Vec<Parameter>,
    /// What it does, phase by phase.
    #[serde(default, rename = "need")]
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
    /// Anything.
    Text,
}

/// One thing that a connector does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// When it does it.
    pub phase: Phase,
    /// The IAM action.
    pub action: String,
    /// ARN templates with `{parameter}` places; AWS must allow all of them.
    pub resources: Vec<String>,
    /// How much it is needed.
    pub level: Level,
    /// The fact on which a conditional need depends.
    #[serde(default)]
    pub when: Option<When>,
    /// What does not work without it.
    pub breaks: String,
    /// What the user sees when it is missing.
    #[serde(default)]
    pub symptom: Option<String>,
    /// Where this is known from.
    pub source: String,
    /// How sure it is.
    pub grade: Grade,
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
    /// In the guide's template, never called.
    Documented,
}

/// Facts on which a conditional need depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// The bucket encrypts by default with a customer managed KMS key.
    BucketKey,
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
