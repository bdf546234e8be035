//! Why the role's own policies do not allow: the kinds of gaps, and the needs that are refused for one reason.

use std::sync::Arc;

use crate::model::{Evidence, Finding, Remedy, StatementRef};
use crate::policy::scope::covers;
use crate::policy::{Effect, Miss, NearestMiss, Policy, Selector};
use crate::requirement::Location;

use super::glue::{self, Mistake};
use super::needs::{self, Ask, Verdict};
use super::policies::RolePolicies;
use super::{objects, words};

/// Why the role's own policies do not allow.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which kind of gap.
    pub cause: Cause,
    /// The statement at fault, where one is.
    pub because: Option<StatementRef>,
    /// Whether a statement allows it, were it not for a condition.
    pub conditional: bool,
    /// What nearly allowed, or what denies, in one sentence without a full stop.
    pub detail: Option<String>,
    /// Proof of both engines.
    pub evidence: Vec<Evidence>,
}

/// The kinds of gaps, each reported by one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// WRITE-003: the action is allowed on the bucket where it is asked on objects, or the reverse.
    WrongForm {
        /// The resource as written.
        written: String,
    },
    /// PARTIAL-004: allowed on some objects of the bucket, not on the connector's.
    OtherPrefix {
        /// The resources as written.
        written: Vec<String>,
    },
    /// WRITE-011: allowed elsewhere in S3, not where the Glue database or a table has its files.
    Outside {
        /// The resources as written.
        written: Vec<String>,
    },
    /// WRITE-001: the bucket does not exist, so that nothing about it can be judged yet.
    NoBucket,
    /// WRITE-008: a Glue action is allowed, but on none of the ARNs that are asked for.
    GlueArn {
        /// What is wrong.
        mistake: Mistake,
        /// The resource as written and as it must be, where one is mistaken.
        correction: Option<(String, String)>,
    },
    /// PARTIAL-003: a Glue action is allowed on certain tables of the database only.
    ExistingTables {
        /// The resources as written.
        written: Vec<String>,
    },
    /// WRITE-004: nothing allows it.
    Missing,
    /// WRITE-004: a statement denies it.
    Denied,
    /// WRITE-004: the role's own policies allow it, and that of the resource does not.
    OtherSide,
}

impl Cause {
    /// The check that reports it.
    pub const fn owner(&self) -> &'static str {
        match self {
            Self::WrongForm { .. } => "WRITE-003",
            Self::OtherPrefix { .. } => "PARTIAL-004",
            Self::Outside { .. } => "WRITE-011",
            Self::NoBucket => "WRITE-001",
            Self::GlueArn { .. } => "WRITE-008",
            Self::ExistingTables { .. } => "PARTIAL-003",
            Self::Missing | Self::Denied | Self::OtherSide => "WRITE-004",
        }
    }
}

/// Needs that are refused for one reason: the same statement, the same resources as written, one bucket.
#[derive(Debug)]
pub struct Gap<'s, 'a> {
    /// The statement at fault, where one is.
    pub because: Option<StatementRef>,
    /// The resources as written.
    pub written: Vec<String>,
    /// The needs, each with its refusal.
    pub members: Vec<(&'s Ask<'a>, &'s Refusal)>,
}

impl Gap<'_, '_> {
    /// Whether the connector cannot work for it.
    pub fn is_required(&self) -> bool {
        self.members.iter().any(|(ask, _)| ask.is_required())
    }

    /// Whether the connector calls any of it.
    pub fn is_called(&self) -> bool {
        self.members.iter().any(|(ask, _)| ask.is_called())
    }

    /// The bucket that it is about.
    pub(super) fn bucket(&self) -> Option<&str> {
        self.members.first().and_then(|(ask, _)| ask.requirement.bucket())
    }

    /// The actions, each once.
    pub fn actions(&self) -> Vec<&str> {
        words::unique(self.members.iter().map(|(ask, _)| ask.action()))
    }

    /// What is asked, each once, as patterns.
    pub fn asked(&self) -> Vec<String> {
        words::unique(self.members.iter().map(|(ask, _)| ask.resource.pattern.clone()))
    }

    /// The same in words.
    pub fn asked_in_words(&self) -> String {
        needs::in_words(self.members.iter().map(|(ask, _)| *ask))
    }

    /// The places that it is about, each once.
    pub fn locations(&self) -> Vec<&Location> {
        words::unique(self.members.iter().filter_map(|(ask, _)| ask.requirement.location.as_ref()))
    }

    /// The finding without a remedy: the policies' part of the proof and the statement.
    pub fn finding(&self, what: String) -> Finding {
        let mut finding = Finding::new(words::some(&self.asked()), what);
        for (_, refusal) in &self.members {
            words::add_all(&mut finding.evidence, refusal.evidence.iter().cloned());
        }
        finding.because.clone_from(&self.because);
        finding.about(self.members.iter().map(|(ask, _)| ask.concern()))
    }

    /// What the role has to be allowed.
    pub fn remedy(&self) -> Remedy {
        Remedy::AllowOnRole { grants: words::unique(self.members.iter().map(|(ask, _)| ask.grant())) }
    }
}

/// Whether an `Action` or `NotAction` means the action.
pub fn names(actions: &Selector<String>, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let mut values = actions.values().iter();
    let named = values.any(|pattern| covers(&pattern.to_ascii_lowercase(), &action));
    named == matches!(actions, Selector::Any(_))
}

/// The refusal that a verdict of the role's own policies comes to.
pub(super) fn refusal(ask: &Ask<'_>, policies: &RolePolicies, own: &Verdict) -> Refusal {
    let asked = format!("{} on {}", ask.action(), ask.resource.pattern);
    if let Verdict::Denied(statements) = own {
        return Refusal {
            cause: Cause::Denied,
            because: statements.first().cloned(),
            conditional: false,
            detail: statements.first().map(|it| format!("{} denies it", words::statement(it))),
            evidence: vec![Evidence::evaluated(statements.clone(), format!("{asked} is denied"))],
        };
    }
    let nearest = match own {
        Verdict::NotAllowed(nearest) => nearest.as_ref(),
        _ => None,
    };
    let (cause, because) = gap(ask, policies, nearest);
    let statement = nearest.map(|miss| miss.statement.clone());
    let detail = nearest.map(ToString::to_string);
    let near = detail.as_deref().unwrap_or("none of the role's policies comes near");
    let text = format!("{asked}: {near}");
    let evidence = vec![Evidence::evaluated(statement.iter().cloned().collect(), text)];
    let conditional = nearest.is_some_and(|miss| matches!(miss.miss, Miss::Condition { .. }));
    Refusal { cause, because: because.or(statement), conditional, detail, evidence }
}

/// The kind of a gap, by the resources of the statements that allow the action.
fn gap(
    ask: &Ask<'_>,
    policies: &RolePolicies,
    nearest: Option<&NearestMiss>,
) -> (Cause, Option<StatementRef>) {
    let by_resource = nearest.is_some_and(|miss| matches!(miss.miss, Miss::Resource { .. }));
    if by_resource && ask.is_of_catalog() {
        return glue::gap(ask, &resources_for(&policies.documents(), ask.action()));
    }
    match ask.requirement.location.as_ref().filter(|_| by_resource && !ask.is_of_kms()) {
        Some(location) => objects::gap(ask, location, &policies.documents()),
        None => (Cause::Missing, None),
    }
}

/// Every resource on which a statement allows the action, with the statement.
pub(super) fn resources_for(policies: &[Arc<Policy>], action: &str) -> Vec<(StatementRef, String)> {
    let mut found = Vec::new();
    for policy in policies {
        for (at, statement) in policy.document().statements().iter().enumerate() {
            if statement.effect != Effect::Allow || !names(&statement.actions, action) {
                continue;
            }
            let Some(reference) = policy.statement_ref(at) else { continue };
            let resources = statement.resources.iter().flat_map(Selector::any);
            found.extend(resources.map(|resource| (reference.clone(), resource.clone())));
        }
    }
    found
}
