//! Each need of the connectors as a question to a layer of policies, answered by our own engine.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use crate::catalog::Level;
use crate::checks::View;
use crate::model::{Blocked, EngineVerdict, StatementRef};
use crate::policy::scope::covers;
use crate::policy::{Decision, Layer, NearestMiss, Policy, PolicySet};
use crate::requirement::{ENCRYPTION_CONTEXT, Requirement, Resource, SessionCall};

use super::policies::{allow_all, delegate_to, is_ours};
use super::{anywhere, phrases, words};

/// May the role do this action on this resource?
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The need it comes from.
    pub requirement: Requirement<'a>,
    /// The one resource asked about.
    pub resource: Resource,
    /// The call as our engine is asked about it.
    pub call: Rc<SessionCall>,
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

    /// The same without the statements of policies of our own.
    fn of_others(mut self) -> Self {
        match &mut self {
            Self::Allowed(statements) | Self::Denied(statements) | Self::Depends { statements, .. } => {
                statements.retain(|statement| !is_ours(statement));
            }
            Self::NotAllowed(nearest) => *nearest = nearest.take().filter(|miss| !is_ours(&miss.statement)),
        }
        self
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
    let asks = view.once(|once| &once.asks, |view| all(view).map(Rc::new))?;
    Ok(asks.to_vec())
}

fn all<'a>(view: &View<'a>) -> Result<Vec<Ask<'a>>, Blocked> {
    let mut asks = Vec::new();
    // The catalogue and the database are asked about once, and not with every table.
    let mut asked = BTreeSet::new();
    for requirement in view.requirements().iter() {
        for resource in &requirement.resources {
            let question =
                (std::ptr::from_ref(requirement.need), requirement.connector, resource.probe.clone());
            if !super::glue::is_glue(requirement.action) || asked.insert(question) {
                asks.push(Ask::of(view, requirement.clone(), resource.clone())?);
            }
        }
    }
    Ok(asks)
}

/// The resources that are asked for, without those that another covers.
pub fn patterns<'s, 'a: 's>(asks: impl IntoIterator<Item = &'s Ask<'a>>) -> Vec<String> {
    widest(asks.into_iter().map(|ask| ask.resource.pattern.clone()))
}

/// Those resources that no other covers, each once.
pub fn widest(patterns: impl IntoIterator<Item = String>) -> Vec<String> {
    let all = words::unique(patterns);
    let covered = |it: &String| all.iter().any(|other| other != it && covers(other, it));
    all.iter().filter(|it| !covered(it)).cloned().collect()
}

/// What is asked for, in words: resources, and of how many tables besides that no policy treats differently.
pub fn in_words<'s, 'a: 's>(asks: impl IntoIterator<Item = &'s Ask<'a>>) -> String {
    let asks: Vec<&Ask<'a>> = asks.into_iter().collect();
    let patterns = words::some(&patterns(asks.iter().copied()));
    let parts = asks.iter().map(|ask| &ask.resource.part);
    let alike = words::unique(parts.filter(|it| it.alike > 0).map(|it| (it.table.as_ref(), it.alike)));
    match alike.iter().map(|(_, count)| count).sum() {
        0 => patterns,
        count => format!("{patterns} and the same of {}", phrases::count(count, "more table")),
    }
}

/// Each action with the resources that it is asked on.
pub fn grants<'s, 'a: 's>(asks: impl IntoIterator<Item = &'s Ask<'a>>) -> Vec<(String, Vec<String>)> {
    let asks: Vec<&Ask<'a>> = asks.into_iter().collect();
    let actions = words::unique(asks.iter().map(|ask| ask.action()));
    let of = |action: &str| {
        let of_action = asks.iter().filter(|ask| ask.action() == action);
        widest(of_action.map(|ask| ask.whole().to_owned()))
    };
    actions.into_iter().map(|action| (action.to_owned(), of(action))).collect()
}

/// Why a need without which a connector cannot work is not asked about, if there is one: a place of it has
/// no value, or a table's is not known.
pub fn open_need(view: &View<'_>) -> Option<Blocked> {
    let open = view.open_requirements();
    let open = open.into_iter().find(|it| it.need.level.is_required()).map(|it| it.blocked);
    open.or_else(|| view.locations().into_iter().find_map(|(_, it)| it.unplaced.into_iter().next()))
}

fn unknown_role(view: &View<'_>) -> Blocked {
    let unread = view.role().err().or_else(|| view.caller().err());
    unread.unwrap_or_else(|| Blocked {
        hint: Some("give the role by its ARN".to_owned()),
        ..Blocked::new(
            format!("the account of the role {}", view.target().role.name),
            "neither the role nor the caller was read",
        )
    })
}

impl<'a> Ask<'a> {
    /// The question of a requirement on a resource; an error when not even the role's account is known.
    pub fn of(view: &View<'_>, requirement: Requirement<'a>, resource: Resource) -> Result<Self, Blocked> {
        let situation = view.situation(&requirement);
        let call = SessionCall::of(&situation, &requirement, &resource).map_err(|error| {
            Blocked::new(
                format!("the role {}", situation.role_arn.clone().unwrap_or_default()),
                error.to_string(),
            )
        })?;
        let call = Rc::new(call.ok_or_else(|| unknown_role(view))?);
        Ok(Self { requirement, resource, call })
    }
}

impl Ask<'_> {
    /// The action.
    pub fn action(&self) -> &str {
        self.requirement.action
    }

    /// Whether the connector cannot work without it.
    pub fn is_required(&self) -> bool {
        self.requirement.need.level.is_required()
    }

    /// Whether the connector calls it, be it that it goes on without.
    pub fn is_called(&self) -> bool {
        self.requirement.need.level != Level::Documented
    }

    /// Whether the connector calls it and goes on without it.
    pub fn is_optional(&self) -> bool {
        self.requirement.need.level == Level::Optional
    }

    /// Whether it is a call to the Glue Data Catalog, which may have a policy of its own.
    pub fn is_of_catalog(&self) -> bool {
        super::glue::is_glue(self.action())
    }

    /// The question about each part of the resource that a policy may treat differently, the first without
    /// those of the others.
    pub(crate) fn parts(&self) -> Vec<Self> {
        [self.first()].into_iter().chain(self.others()).collect()
    }

    /// The question about the first of those parts.
    fn first(&self) -> Self {
        let mut first = self.clone();
        (first.resource.also, first.resource.besides) = (Arc::default(), Arc::default());
        if let Some(own) = first.resource.part.own.take() {
            first.resource.pattern = own;
        }
        first
    }

    /// The questions of the same need about resources that a policy may treat differently.
    fn others(&self) -> impl Iterator<Item = Self> {
        self.resource.also.iter().map(|resource| self.on(resource))
    }

    /// The same question about another resource.
    fn on(&self, resource: &Resource) -> Self {
        let mut other = self.clone();
        other.resource = resource.clone();
        let call = Rc::make_mut(&mut other.call);
        call.resource.clone_from(&resource.probe);
        if let Some(object) = &resource.part.object {
            call.keys = call.keys.clone().with(ENCRYPTION_CONTEXT, Some(object));
        }
        other
    }

    /// The parts that AWS's simulator was asked about besides the first, where it was: not by every version of the
    /// doctor.
    pub fn simulated_besides(&self, view: &View<'_>) -> Vec<Self> {
        let asked = |part: &&Resource| view.simulation(self.action(), part).is_some();
        self.resource.simulated().skip(1).filter(asked).map(|part| self.on(part)).collect()
    }

    /// The parts that a layer of policies does not allow: those that are refused together as one, by the widest
    /// pattern of them. The question itself where none is, or all files of a new table.
    pub fn refused_parts(&self, judge: impl Fn(&Self) -> Verdict) -> Vec<Self> {
        let all = || vec![self.clone()];
        let judged = |part: Self| {
            let refused = !judge(&part).is_allowed();
            (part, refused)
        };
        let parts: Vec<(Self, bool)> = self.parts().into_iter().map(judged).collect();
        let besides = &self.resource.besides;
        if parts.iter().all(|(_, refused)| !refused) || parts.len() + besides.len() == 1 {
            return all();
        }
        let besides: Vec<(Self, bool)> = besides.iter().map(|it| judged(self.on(it))).collect();
        let files = || parts.iter().chain(&besides);
        let table = &self.resource.part.table;
        if files().filter(|(part, _)| part.resource.part.table == *table).all(|(_, refused)| *refused) {
            return all();
        }
        let whole = |pattern: &&String| {
            let of_it = |part: &Self| part.resource.part.within.contains(*pattern);
            files().filter(|(part, _)| of_it(part)).all(|(_, refused)| *refused)
        };
        let mut found: Vec<Self> = Vec::new();
        for (part, _) in parts.iter().filter(|(_, refused)| *refused) {
            let of_part = &part.resource;
            let widest = of_part.part.within.iter().rev().find(whole).unwrap_or(&of_part.pattern);
            if !found.iter().any(|it| it.resource.pattern == *widest) {
                found.push(self.on(&Resource { pattern: widest.clone(), ..of_part.clone() }));
            }
        }
        found
    }

    /// What has to be allowed, of a question about a part that of the whole.
    pub fn whole(&self) -> &str {
        let probe = &self.resource.probe;
        let mut resources = self.requirement.resources.iter();
        let whole =
            resources.find(|it| it.probe == *probe || it.also.iter().any(|part| part.probe == *probe));
        whole.map_or(&self.resource.pattern, |whole| &whole.pattern)
    }

    /// What a policy has to allow: the action, on the whole of it.
    pub fn grant(&self) -> (String, Vec<String>) {
        (self.action().to_owned(), vec![self.whole().to_owned()])
    }

    /// Whether it is a use of the KMS key that the bucket or the Data Catalog encrypts with, which WRITE-006
    /// judges together with the key's policy.
    pub fn is_of_key(&self) -> bool {
        self.requirement.of_key
    }

    /// Whether it is a call to KMS, be it by way of a service or not.
    pub fn is_of_kms(&self) -> bool {
        self.action().starts_with("kms:")
    }

    /// Whether it is such a call on one key that is named, whose policy has to allow, too.
    pub fn names_key(&self) -> bool {
        self.is_of_kms()
            && self.resource.probe == self.resource.pattern
            && self.resource.probe.contains(":key/")
    }

    /// Whether the resource's ARN names another account than the role's.
    pub fn is_elsewhere(&self) -> bool {
        self.resource.account().is_some_and(|account| self.call.sessions.account() != Some(account))
    }

    /// What the policies say, of all resources of the question: that of the first that is not allowed.
    fn evaluate(&self, policies: &PolicySet) -> Verdict {
        let one = |ask: &Self| anywhere::verdict(ask, policies, ask.call.decide(policies));
        let verdict = one(self);
        if !verdict.is_allowed() {
            return verdict.of_others();
        }
        let others = self.others().map(|other| one(&other)).find(|other| !other.is_allowed());
        others.unwrap_or(verdict).of_others()
    }

    /// A key's policy, or that of another side, has to allow whatever else does: one that leaves it to the role's
    /// account.
    fn delegation(&self) -> Option<Arc<Policy>> {
        let account = self.call.sessions.account().filter(|_| self.is_of_kms() || self.has_another_side())?;
        Some(delegate_to(account))
    }

    /// The same question with a condition key of which nothing is known.
    pub fn without(mut self, key: &str) -> Self {
        let mut call = SessionCall::clone(&self.call);
        call.keys = call.keys.without(key);
        self.call = Rc::new(call);
        self
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
            // As a cap on everything, the role's policies alone are searched for the nearest statement. None at
            // all would cap nothing.
            Verdict::NotAllowed(_) if set.resource.is_some() && !policies.is_empty() => {
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

    /// What all of them say together. A boundary does not limit what the resource's policy allows to the
    /// session itself.
    pub fn of_all(
        &self,
        policies: &[Arc<Policy>],
        boundary: &Arc<Policy>,
        resource: &Arc<Policy>,
    ) -> Verdict {
        self.evaluate(&PolicySet {
            identity: policies.to_vec(),
            boundary: Some(Arc::clone(boundary)),
            resource: Some(Arc::clone(resource)),
            ..PolicySet::default()
        })
    }

    /// What the permissions boundary says, the role's own policies taken as allowing.
    pub fn of_boundary(&self, boundary: &Arc<Policy>) -> Verdict {
        let set = PolicySet {
            identity: vec![allow_all()],
            boundary: Some(Arc::clone(boundary)),
            resource: self.delegation(),
            ..PolicySet::default()
        };
        match self.evaluate(&set) {
            // What would allow is told of the role's own policies, for which the boundary stands in.
            Verdict::Depends { keys, statements } if statements.is_empty() => {
                let alone = self.evaluate(&PolicySet { identity: vec![Arc::clone(boundary)], ..set });
                Verdict::Depends { keys, statements: alone.statements().to_vec() }
            }
            verdict => verdict,
        }
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
