//! What was read from AWS: plain data, written to and read from case files.
//!
//! `collect` fills it, `checks` read it through a [`View`](crate::checks::View) that notes what was
//! read, `prescribe` changes a copy of it to verify a fix.

mod account;
pub mod case;
mod fact;
mod glue;
mod history;
mod id;
pub mod redaction;
mod redshift;
mod resources;
mod role;
mod selector;
mod simulation;
mod target;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::model::LakeResource;
pub use account::{Caller, Organization, Trail, TrailStatus};
pub use fact::{Fact, Failure, FailureKind, Refusal};
pub use glue::{
    CatalogEncryption, Database, DatabaseMetadata, DefaultPermissions, Glue, LakeFormation, LakeGrant,
    LakeLocation, LakeOptIn, LakeSettings, TABLES_ASKED, Table,
};
pub use history::{History, LookupFilter, LookupQuery, Purpose};
pub use id::FactId;
pub use redshift::{Cluster, Redshift, Workgroup};
pub use resources::{Bucket, BucketHead, Encryption, Grant, Key, KeyMetadata, ObjectOwnership};
pub use role::{AttachedPolicy, ManagedPolicy, Role, RoleUse, ServiceAccess};
pub use selector::{DataResource, EventSelector, Extent, GivenSelector, Logs, SelectorCondition};
pub use simulation::{MatchedStatement, Simulation, SimulationResult};
pub use target::{ConnectorTarget, RoleName, Target};

/// Everything that was read for one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What was asked for.
    pub target: Target,
    /// When reading began: RFC 3339, UTC. The clock of every check.
    pub collected_at: String,
    /// Who read (`sts:GetCallerIdentity`).
    #[serde(default)]
    pub caller: Fact<Caller>,
    /// The role itself (`iam:GetRole`).
    #[serde(default)]
    pub role: Fact<Role>,
    /// Names of the account's roles, asked only when the role was not found (`iam:ListRoles`).
    #[serde(default)]
    pub role_names: Fact<Vec<String>>,
    /// Managed policies attached to the role (`iam:ListAttachedRolePolicies`).
    #[serde(default)]
    pub attached_policies: Fact<Vec<AttachedPolicy>>,
    /// Managed policies by ARN, the permissions boundary's included (`iam:GetPolicy`, `iam:GetPolicyVersion`).
    #[serde(default)]
    pub managed_policies: BTreeMap<String, Fact<ManagedPolicy>>,
    /// Names of the policies embedded in the role (`iam:ListRolePolicies`).
    #[serde(default)]
    pub inline_policy_names: Fact<Vec<String>>,
    /// Documents of the embedded policies by name, decoded (`iam:GetRolePolicy`).
    #[serde(default)]
    pub inline_policies: BTreeMap<String, Fact<String>>,
    /// What AWS's simulator said, one entry for each action and resource asked.
    #[serde(default)]
    pub simulations: Vec<Simulation>,
    /// Buckets by name.
    #[serde(default)]
    pub buckets: BTreeMap<String, Bucket>,
    /// KMS keys by ARN.
    #[serde(default)]
    pub keys: BTreeMap<String, Key>,
    /// The Glue Data Catalog of the connector's region.
    #[serde(default)]
    pub glue: Glue,
    /// Lake Formation in the connector's region.
    #[serde(default)]
    pub lake_formation: LakeFormation,
    /// Redshift in the connector's region.
    #[serde(default)]
    pub redshift: Redshift,
    /// When the role last used each service that it may use (`iam:GetServiceLastAccessedDetails`).
    #[serde(default)]
    pub last_accessed: Fact<Vec<ServiceAccess>>,
    /// The organisation of the account (`organizations:DescribeOrganization`); absent: it is in none.
    #[serde(default)]
    pub organization: Fact<Organization>,
    /// Trails that log the connector's region (`cloudtrail:DescribeTrails`).
    #[serde(default)]
    pub trails: Fact<Vec<Trail>>,
    /// What CloudTrail's event history said.
    #[serde(default)]
    pub history: History,
}

impl Facts {
    /// Facts of which nothing has been read yet.
    pub fn unread(target: Target, collected_at: String) -> Self {
        Self {
            target,
            collected_at,
            caller: Fact::default(),
            role: Fact::default(),
            role_names: Fact::default(),
            attached_policies: Fact::default(),
            managed_policies: BTreeMap::new(),
            inline_policy_names: Fact::default(),
            inline_policies: BTreeMap::new(),
            simulations: Vec::new(),
            buckets: BTreeMap::new(),
            keys: BTreeMap::new(),
            glue: Glue::default(),
            lake_formation: LakeFormation::default(),
            redshift: Redshift::default(),
            last_accessed: Fact::default(),
            organization: Fact::default(),
            trails: Fact::default(),
            history: History::default(),
        }
    }
}
