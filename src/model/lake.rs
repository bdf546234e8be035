//! What Lake Formation grants on, as facts hold it and changes name it.

use serde::{Deserialize, Serialize};

/// On what Lake Formation grants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LakeResource {
    /// The catalogue.
    Catalog,
    /// A database.
    Database {
        /// Its name.
        database: String,
    },
    /// A table, or all tables of a database.
    Table {
        /// The database.
        database: String,
        /// The table; `None`: all of them (`TableWildcard`).
        #[serde(skip_serializing_if = "Option::is_none", default)]
        table: Option<String>,
    },
    /// A place in S3.
    Location {
        /// `arn:aws:s3:::bucket/path`.
        arn: String,
    },
    /// Something that these connectors do not use: a tag, a filter.
    Other,
}

impl LakeResource {
    /// In words, within a sentence: `the database sales`.
    pub fn in_words(&self) -> String {
        match self {
            Self::Catalog => "the Data Catalog".to_owned(),
            Self::Database { database } => format!("the database {database}"),
            Self::Table { database, table: Some(table) } => format!("the table {database}.{table}"),
            Self::Table { database, table: None } => format!("all tables of the database {database}"),
            Self::Location { arn } => format!("the data location {arn}"),
            Self::Other => "something else".to_owned(),
        }
    }
}
