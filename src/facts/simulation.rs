//! Answers of `iam:SimulatePrincipalPolicy`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Fact;
use crate::model::EngineVerdict;

/// One action on one resource, put to AWS's simulator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// The action, such as `s3:PutObject`.
    pub action: String,
    /// The ARN, or `*`.
    pub resource: String,
    /// The context keys that were sent.
    pub context: BTreeMap<String, Vec<String>>,
    /// What AWS said.
    pub result: Fact<SimulationResult>,
}

/// AWS's verdict on one action and resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulationResult {
    /// The verdict.
    pub decision: EngineVerdict,
    /// Statements that decided; never SCP statements, which AWS does not show.
    #[serde(default)]
    pub matched: Vec<MatchedStatement>,
    /// Context keys that policies named and the call did not send. SCPs' keys are never listed.
    #[serde(default)]
    pub missing_context: Vec<String>,
    /// `PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary`; `None`: AWS did not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub allowed_by_boundary: Option<bool>,
    /// `OrganizationsDecisionDetail.AllowedByOrganizations`; `None`: AWS did not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub allowed_by_organization: Option<bool>,
    /// The verdict with SCPs left out (`PolicyExclusionList`), asked only after a denial.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub without_scps: Option<EngineVerdict>,
    /// The verdict with the permissions boundary left out, asked only after a denial.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub without_boundary: Option<EngineVerdict>,
}

/// A statement AWS says decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedStatement {
    /// Managed policy: its name. Inline policy: `role_<role>_<policy>`.
    pub policy_id: String,
    /// Line of the start, from 1.
    pub line: i32,
    /// Column of the start; AWS points one past the character.
    pub column: i32,
}
