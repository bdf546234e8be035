//! What AWS would decide, and why.

use std::fmt;
use std::sync::Arc;

use crate::model::{EngineVerdict, StatementRef};

use super::{Layer, Policy, Request};

/// The policies that apply to a request, by layer.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    /// Policies of the user or role.
    pub identity: Vec<Arc<Policy>>,
    /// The permissions boundary.
    pub boundary: Option<Arc<Policy>>,
    /// Session policies; none given means none limits the session.
    pub session: Vec<Arc<Policy>>,
    /// Service control policies by level, root first; `None`: none apply.
    pub scps: Option<Vec<Vec<Arc<Policy>>>>,
    /// Resource control policies by level, root first; `None`: none apply.
    pub rcps: Option<Vec<Vec<Arc<Policy>>>>,
    /// The resource's policy; for `sts:AssumeRole` the role's trust policy.
    pub resource: Option<Arc<Policy>>,
    /// The VPC endpoint's policy.
    pub endpoint: Option<Arc<Policy>>,
}

/// What AWS would decide.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The verdict. Where it hangs on unknown keys, the verdict for their worst case.
    pub verdict: EngineVerdict,
    /// The layer that decided.
    pub decided_by: Layer,
    /// The statements that decided; empty for an implicit deny.
    pub statements: Vec<StatementRef>,
    /// Condition keys that mattered and were not given.
    pub missing_context: Vec<String>,
    /// Unknown keys on which it hangs whether the request is allowed; empty: the verdict is certain.
    pub depends_on: Vec<String>,
    /// For an implicit deny, the statement that came closest to allowing.
    pub nearest_miss: Option<NearestMiss>,
}

/// A statement that nearly allowed a request. `Display` says why it did not, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearestMiss {
    /// The statement.
    pub statement: StatementRef,
    /// The first part that did not match.
    pub miss: Miss,
}

/// The part of a statement that did not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The action.
    Action {
        /// The actions the statement names.
        allowed: Vec<String>,
        /// The action asked for.
        found: String,
    },
    /// The resource.
    Resource {
        /// The action asked for, which matched.
        action: String,
        /// The resources the statement names.
        allowed: Vec<String>,
        /// The resource asked for.
        found: String,
    },
    /// The principal.
    Principal {
        /// The principals the statement names.
        allowed: Vec<String>,
        /// The principal that asks.
        found: String,
    },
    /// A condition.
    Condition {
        /// The operator as written.
        operator: String,
        /// The key as written.
        key: String,
        /// The values the condition names.
        expected: Vec<String>,
        /// The values of the request; `None`: the key is absent.
        found: Option<Vec<String>>,
    },
}

impl fmt::Display for NearestMiss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.miss)
    }
}

/// Decides a request by the policies given, as AWS does.
pub fn evaluate(policies: &PolicySet, request: &Request) -> Decision {
    let _ = (policies, request);
    Decision {
        verdict: EngineVerdict::ImplicitDeny,
        decided_by: Layer::Identity,
        statements: Vec::new(),
        missing_context: Vec::new(),
        depends_on: Vec::new(),
        nearest_miss: None,
    }
}
