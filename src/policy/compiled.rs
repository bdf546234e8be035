//! A policy compiled for matching, and the layer it acts in.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::StatementRef;

use super::arn_pattern::{ArnPattern, Variables};
use super::clean;
use super::condition::Condition;
use super::document::{self, Document, Effect, Kind, Selector, Version};
use super::key::{Key, hash};
use super::principal::{self, Entry, Fit};
use super::request::Facts;
use super::template::{Binding, Template, Variable};
use super::truth::Truth;

/// The layer of policies that decides, by the names `evaluate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Identity policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
    /// Service control policies.
    ServiceControl,
    /// Resource control policies.
    ResourceControl,
    /// The resource's own policy, a trust policy included.
    Resource,
    /// The VPC endpoint's policy.
    Endpoint,
}

impl Layer {
    /// `identity`, `boundary`, `session`, `scp`, `rcp`, `resource`, `endpoint`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::ServiceControl => "scp",
            Self::ResourceControl => "rcp",
            Self::Resource => "resource",
            Self::Endpoint => "endpoint",
        }
    }
}

impl From<Kind> for Layer {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Identity => Self::Identity,
            Kind::Boundary => Self::Boundary,
            Kind::Session => Self::Session,
            Kind::ServiceControl => Self::ServiceControl,
            Kind::ResourceControl => Self::ResourceControl,
            Kind::Resource | Kind::Trust => Self::Resource,
            Kind::Endpoint => Self::Endpoint,
        }
    }
}

/// A named document compiled once for matching.
#[derive(Debug)]
pub struct Policy {
    name: String,
    document: Document,
    statements: Vec<Compiled>,
}

impl Policy {
    /// Compiles a document under the name that explanations print. Its layer follows from its kind.
    pub fn compile(name: &str, document: Document) -> Arc<Self> {
        let name = clean(name).into_owned();
        let statements =
            document.statements().iter().map(|written| Compiled::new(written, &name, &document)).collect();
        Arc::new(Self { name, document, statements })
    }

    /// The name given, without control characters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The layer it acts in.
    pub fn layer(&self) -> Layer {
        self.document.kind().into()
    }

    /// The document it was compiled from.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// A resource of one of its statements with all six fields of an ARN, as far as it is one: incomplete ARNs are
    /// completed, and a `*` at the end goes over the colons.
    pub fn in_full<'r>(&self, resource: &'r str) -> Cow<'r, str> {
        if resource.ends_with('*') {
            with_all_fields(resource)
        } else {
            completed(resource, self.document.kind())
        }
    }

    /// Its compiled statements, each with what is written.
    pub(super) fn statements(&self) -> impl Iterator<Item = (&Compiled, &document::Statement)> {
        self.statements.iter().zip(self.document.statements())
    }

    /// The reference to one of its statements, by position in [`Document::statements`].
    pub fn statement_ref(&self, index: usize) -> Option<&StatementRef> {
        self.statements.get(index).map(|statement| &statement.reference)
    }
}

/// A resource as AWS understands it: "when you specify an incomplete ARN (one with fewer than the standard six fields)
/// in an identity-based policy, AWS automatically completes the ARN by adding wildcard characters (*) to all missing
/// fields" (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
fn completed(resource: &str, kind: Kind) -> Cow<'_, str> {
    let is_identity_based = matches!(kind, Kind::Identity | Kind::Boundary | Kind::Session);
    if is_identity_based && !resource.ends_with('*') {
        with_all_fields(resource)
    } else {
        Cow::Borrowed(resource)
    }
}

/// What begins as an ARN, with a `*` for each of the six fields that it lacks.
fn with_all_fields(resource: &str) -> Cow<'_, str> {
    let lacking = 6_usize.saturating_sub(resource.split(':').count());
    if lacking == 0 || !resource.starts_with("arn:") {
        return Cow::Borrowed(resource);
    }
    Cow::Owned(format!("{resource}{}", ":*".repeat(lacking)))
}

/// A pattern of actions.
#[derive(Debug)]
struct Action {
    /// The hash of its service prefix, unless that has a wildcard.
    service: Option<u64>,
    /// The name behind the prefix; without a plain prefix, the whole. In lower case.
    name: Template,
}

impl Action {
    fn new(written: &str) -> Self {
        let action = written.to_ascii_lowercase();
        match action.split_once(':') {
            Some((service, name)) if !service.contains(['*', '?']) => {
                Self { service: Some(hash(service)), name: Template::new(name, false, true) }
            }
            _ => Self { service: None, name: Template::new(&action, false, true) },
        }
    }

    fn matches(&self, facts: &Facts<'_>) -> bool {
        let text = match self.service {
            Some(service) if service == facts.service => facts.action_name(),
            Some(_) => return false,
            None => &facts.action,
        };
        self.name.matches(text, |_| Binding::None) == Truth::Yes
    }
}

/// A statement compiled for matching.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) effect: Effect,
    actions: Selector<Action>,
    resources: Option<Selector<ArnPattern>>,
    principals: Option<Selector<Entry>>,
    pub(super) conditions: Vec<Condition>,
    pub(super) reference: StatementRef,
}

impl Compiled {
    fn new(written: &document::Statement, policy: &str, document: &Document) -> Self {
        let variables = document.version() == Version::V2012;
        let in_resources = if variables { Variables::BehindFifthColon } else { Variables::Nowhere };
        let conditions =
            written.conditions.iter().map(|condition| Condition::compile(condition, variables)).collect();
        Self {
            effect: written.effect,
            actions: written.actions.map(|action| Action::new(action)),
            resources: written.resources.as_ref().map(|resources| {
                resources.map(|resource| ArnPattern::new(&completed(resource, document.kind()), in_resources))
            }),
            principals: written.principals.as_ref().map(|principals| principals.map(Entry::compile)),
            conditions,
            reference: StatementRef {
                layer: Layer::from(document.kind()).as_str().to_owned(),
                policy: policy.to_owned(),
                sid: written.sid.as_deref().map(|sid| clean(sid).into_owned()),
                index: written.index,
                effect: written.effect.as_str().to_owned(),
                line: written.line,
            },
        }
    }

    /// Whether the action is meant.
    pub(super) fn covers_action(&self, facts: &Facts<'_>) -> bool {
        let any = |actions: &[Action]| actions.iter().any(|action| action.matches(facts));
        match &self.actions {
            Selector::Any(actions) => any(actions),
            Selector::AllBut(actions) => !any(actions),
        }
    }

    /// Whether it names an action of the service asked for.
    pub(super) fn is_about_service(&self, facts: &Facts<'_>) -> bool {
        self.actions.any().iter().any(|action| action.service == Some(facts.service))
    }

    /// Whether the resource is meant. A statement without `Resource` (a trust policy's) means the
    /// resource it is attached to.
    pub(super) fn covers_resource(&self, facts: &Facts<'_>) -> Truth {
        self.covers_resource_with(facts, |key| facts.binding(key))
    }

    /// Whether the resource could be meant if the variables without a value had one.
    pub(super) fn would_cover_resource(&self, facts: &Facts<'_>) -> bool {
        let bound = |key: &Key| match facts.binding(key) {
            Binding::None => Binding::Unknown,
            binding => binding,
        };
        self.resource_variables().any(|variable| facts.is_absent(&variable.key))
            && self.covers_resource_with(facts, bound) != Truth::No
    }

    fn covers_resource_with<'a>(&'a self, facts: &Facts<'_>, lookup: impl Fn(&Key) -> Binding<'a>) -> Truth {
        let Some(resources) = &self.resources else { return Truth::Yes };
        let (patterns, negated) = match resources {
            Selector::Any(patterns) => (patterns, false),
            Selector::AllBut(patterns) => (patterns, true),
        };
        let mut any = Truth::No;
        for pattern in patterns {
            // "the resource that includes a policy variable with no value will not match any
            // resource", and so what `NotResource` says of it excepts nothing:
            // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
            any = any.or(pattern.matches(&facts.resource, &lookup));
            if any == Truth::Yes {
                break;
            }
        }
        if negated { any.not() } else { any }
    }

    /// The variables in its resources.
    pub(super) fn resource_variables(&self) -> impl Iterator<Item = &Variable> {
        self.resources.iter().flat_map(Selector::values).flat_map(ArnPattern::variables)
    }

    /// How the caller is meant. `bounded` says that it has a permissions boundary, which
    /// `NotPrincipal` with `Deny` hits whatever it lists:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.
    pub(super) fn covers_principal(&self, facts: &Facts<'_>, bounded: bool) -> Fit {
        match &self.principals {
            Some(Selector::Any(entries)) => principal::fit(entries, facts),
            Some(Selector::AllBut(entries)) => {
                let spared = match self.effect {
                    Effect::Deny => !bounded && principal::is_exempt(entries, facts),
                    Effect::Allow => principal::fit(entries, facts) != Fit::None,
                };
                if spared { Fit::None } else { Fit::Itself }
            }
            None => Fit::None,
        }
    }

    /// Whether all conditions hold.
    pub(super) fn conditions_hold(&self, facts: &Facts<'_>) -> Truth {
        let mut all = Truth::Yes;
        for condition in &self.conditions {
            all = all.and(condition.holds(facts));
            if all == Truth::No {
                break;
            }
        }
        all
    }
}
