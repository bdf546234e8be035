//! Redshift clusters and Redshift Serverless workgroups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Fact;

/// What was read of Redshift.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redshift {
    /// Clusters by identifier, those that were named (`redshift:DescribeClusters`).
    #[serde(default)]
    pub clusters: BTreeMap<String, Fact<Cluster>>,
    /// Identifiers of the region's clusters, asked only when one was not found.
    #[serde(default)]
    pub cluster_names: Fact<Vec<String>>,
    /// Workgroups by name, those that were named (`redshift-serverless:GetWorkgroup`).
    #[serde(default)]
    pub workgroups: BTreeMap<String, Fact<Workgroup>>,
    /// Names of the region's workgroups, asked only when one was not found
    /// (`redshift-serverless:ListWorkgroups`).
    #[serde(default)]
    pub workgroup_names: Fact<Vec<String>>,
}

/// A provisioned cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// `ClusterIdentifier`.
    pub id: String,
    /// `available`, `paused`, …
    pub status: String,
    /// The database that was made with the cluster. Others are not shown by AWS.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub database: Option<String>,
    /// The administrator's name. Other users are not shown by AWS.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub admin: Option<String>,
    /// Host and port, once it is available.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// Roles attached to it, by which COPY and UNLOAD reach S3.
    #[serde(default)]
    pub roles: Vec<String>,
    /// `PubliclyAccessible`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub public: Option<bool>,
}

/// A Redshift Serverless workgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workgroup {
    /// `workgroupName`.
    pub name: String,
    /// `workgroupId`, a UUID: what ARNs in policies hold.
    pub id: String,
    /// `AVAILABLE`, …
    pub status: String,
    /// The namespace, which holds databases and users.
    pub namespace: String,
    /// Host and port.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// `publiclyAccessible`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub public: Option<bool>,
}
