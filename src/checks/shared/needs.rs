//! Each need of the connectors as a question to a layer of policies, answered by our own engine.

use std::sync::Arc;

use crate::catalog::Level;
use crate::checks::View;
use crate::model::{Blocked, EngineVerdict, StatementRef};
use crate::policy::{Decision, Layer, NearestMiss, Policy, PolicySet, Principal, Request, evaluate};
use crate::requirement::{Requirement, Resource};

use super::policies::{allow_all, delegate_to};

/// May the role do this action on this resource?
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The need it comes from.
    pub requirement: Requirement<'a>,
    /// The one resource asked about.
    pub resource: Resource,
    /// The request as our engine takes it.
    pub request: Request,
}

/// What a layer of policies says to a question.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It allows.
    Allowed(Vec<StatementRef>),
    /// Nothing in it allows; the statement that came closest.
    NotAllowed(Option<NearestMiss>),
    /// A statement denies.
    Denied(Vec<StatementRef>),
    /// It hangs on condition keys that nobody outside AWS can know.
    Depends {
        /// The keys, as written.
        keys: Vec<String>,
        /// The statements that would decide: those that deny, or else those that would allow.
        statements: Vec<StatementRef>,
    },
}

impl Verdict {
    /// Whether it surely allows.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Whether it surely does not allow.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::NotAllowed(_) | Self::Denied(_))
    }

    /// The statements that decided.
    pub fn statements(&self) -> &[StatementRef] {
        match self {
            Self::Allowed(statements) | Self::Denied(statements) | Self::Depends { statements, .. } => {
                statements
            }
            Self::NotAllowed(_) => &[],
        }
    }

    /// The bare verdict; `None` when it hangs on what nobody knows.
    pub fn bare(&self) -> Option<EngineVerdict> {
        match self {
            Self::Allowed(_) => Some(EngineVerdict::Allowed),
            Self::NotAllowed(_) => Some(EngineVerdict::ImplicitDeny),
            Self::Denied(_) => Some(EngineVerdict::ExplicitDeny),
            Self::Depends { .. } => None,
        }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        if !decision.depends_on.is_empty() {
            let denies = decision.verdict == EngineVerdict::ExplicitDeny;
            let statements = if denies { decision.statements } else { decision.would_allow };
            return Self::Depends { keys: decision.depends_on, statements };
        }
        match decision.verdict {
            EngineVerdict::Allowed => Self::Allowed(decision.statements),
            EngineVerdict::ImplicitDeny => Self::NotAllowed(decision.nearest_miss),
            EngineVerdict::ExplicitDeny => Self::Denied(decision.statements),
        }
    }
}

/// Every question that the target's connectors put, in the order of their files.
///
/// Blocked when not even the role's account is known, by which a policy would know it.
pub fn asks<'a>(view: &View<'a>) -> Result<Vec<Ask<'a>>, Blocked> {
    let mut asks = Vec::new();
    for requirement in view.requirements() {
        let situation = view.situation(&requirement);
        let Some(role) = situation.role_arn.as_deref() else { return Err(unknown_role(view)) };
        let principal = Principal::parse(role).map_err(|error| Blocked {
            what: format!("the role {role}"),
            why: error.to_string(),
            grant: None,
            hint: None,
        })?;
        for resource in &requirement.resources {
            let owner = situation.bucket_account.as_ref().filter(|_| requirement.action.starts_with("s3:"));
            let request = Request {
                principal: principal.clone(),
                action: requirement.action.to_owned(),
                resource: resource.probe.clone(),
                resource_account: owner.map(ToString::to_string),
                context: view.keys(&requirement, resource).context(),
            };
            asks.push(Ask { requirement: requirement.clone(), resource: resource.clone(), request });
        }
    }
    Ok(asks)
}

fn unknown_role(view: &View<'_>) -> Blocked {
    let unread = view.role().err().or_else(|| view.caller().err());
    unread.unwrap_or_else(|| Blocked {
        what: format!("the account of the role {}", view.target().role.name),
        why: "neither the role nor the caller was read".to_owned(),
        grant: None,
        hint: Some("give the role by its ARN".to_owned()),
    })
}

impl Ask<'_> {
    /// The action.
    pub fn action(&self) -> &str {
        self.requirement.action
    }

    /// Whether the connector cannot work without it.
    pub fn is_required(&self) -> bool {
        matches!(self.requirement.need.level, Level::Required | Level::Conditional)
    }

    /// Whether the connector calls it and goes on without it.
    pub fn is_optional(&self) -> bool {
        self.requirement.need.level == Level::Optional
    }

    /// Whether it is a call to the Glue Data Catalog, which may have a policy of its own.
    pub fn is_of_catalog(&self) -> bool {
        super::glue::is_glue(self.action())
    }

    /// Whether it is a use of a KMS key.
    pub fn is_of_key(&self) -> bool {
        self.action().starts_with("kms:")
    }

    fn evaluate(&self, policies: &PolicySet) -> Verdict {
        evaluate(policies, &self.request).into()
    }

    /// A key's policy has to allow whatever else does: one that leaves it to the role's account.
    fn delegation(&self) -> Option<Arc<Policy>> {
        let account = self.request.principal.account().filter(|_| self.is_of_key())?;
        Some(delegate_to(account))
    }

    /// What the role's own policies say, the resource's left out.
    pub fn of_identity(&self, policies: &[Arc<Policy>]) -> Verdict {
        let resource = self.delegation();
        let identity = policies.to_vec();
        let set = PolicySet { identity, resource, ..PolicySet::default() };
        match self.evaluate(&set) {
            Verdict::Allowed(mut statements) => {
                statements.retain(|statement| statement.layer == Layer::Identity.as_str());
                Verdict::Allowed(statements)
            }
            // As a cap on everything, the role's policies alone are searched for the nearest statement.
            Verdict::NotAllowed(_) if self.is_of_key() => {
                self.evaluate(&PolicySet { identity: vec![allow_all()], session: policies.to_vec(), ..set })
            }
            verdict => verdict,
        }
    }

    /// What the role's own policies and the resource's say together.
    pub fn with_resource(&self, policies: &[Arc<Policy>], resource: Option<&Arc<Policy>>) -> Verdict {
        let (identity, resource) = (policies.to_vec(), resource.cloned());
        self.evaluate(&PolicySet { identity, resource, ..PolicySet::default() })
    }

    /// What the permissions boundary says, the role's own policies taken as allowing.
    pub fn of_boundary(&self, boundary: &Arc<Policy>) -> Verdict {
        self.evaluate(&PolicySet {
            identity: vec![allow_all()],
            boundary: Some(Arc::clone(boundary)),
            resource: self.delegation(),
            ..PolicySet::default()
        })
    }

    /// What the resource's policy says, the role's own policies taken as allowing. `bounded`: the role has
    /// a permissions boundary, which `NotPrincipal` with `Deny` hits whatever it lists.
    pub fn of_resource(&self, policy: &Arc<Policy>, bounded: bool) -> Verdict {
        self.evaluate(&PolicySet {
            identity: vec![allow_all()],
            boundary: bounded.then(allow_all),
            resource: Some(Arc::clone(policy)),
            ..PolicySet::default()
        })
    }
}
