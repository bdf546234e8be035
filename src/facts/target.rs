//! What the user asked to be looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{AccountId, ExternalId, Partition};

/// One role and the connectors that use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The role.
    pub role: RoleName,
    /// The external id that Streamkap's app shows, if given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub external_id: Option<ExternalId>,
    /// The connector's region, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<String>,
    /// Whether the region was given as the connector's, by flag or configuration file. One that comes from
    /// `AWS_REGION` or the profile says nothing of how the connector is set. Case files from before this was
    /// written down do not tell: not given.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub region_given: bool,
    /// The connectors, in the order given. Never empty.
    pub connectors: Vec<ConnectorTarget>,
}

impl Target {
    /// The connector's region, if it was given as such.
    pub fn given_region(&self) -> Option<&str> {
        self.region.as_deref().filter(|_| self.region_given)
    }
}

/// A role as the user named it, understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleName {
    /// The name without path.
    pub name: String,
    /// The path with both slashes, `/` or `/service/`, when the user gave one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// The account, when the user gave an ARN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<AccountId>,
    /// The partition, when the user gave an ARN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub partition: Option<Partition>,
}

/// One connector and its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorTarget {
    /// The connector file's name: `s3`, `iceberg-glue`, …
    pub connector: String,
    /// Parameters by name: `bucket` → `orders`. Defaults of the connector file are filled in.
    pub parameters: BTreeMap<String, String>,
    /// The text of a user's own connector file, kept so that a case is complete.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub definition: Option<String>,
}
