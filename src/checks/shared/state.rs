//! All policies that bear on the connectors' calls at one moment, so that a check can ask what is
//! allowed now and what was before a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::checks::View;
use crate::model::{Blocked, PolicyHome, StatementRef};
use crate::policy::{NearestMiss, Policy};
use crate::requirement::{Requirement, Resource};

use super::grants::{Granted, granted};
use super::keys;
use super::needs::{Ask, Verdict, asks};
use super::policies;
use super::standing::depends;

/// A policy that stands in a place, or not, or nobody knows.
#[derive(Clone, Debug)]
pub(crate) enum Doc {
    /// There is none.
    None,
    /// It is known.
    Known(Arc<Policy>),
    /// It could not be read.
    Unknown(Blocked),
}

impl From<Result<Option<Arc<Policy>>, Blocked>> for Doc {
    fn from(read: Result<Option<Arc<Policy>>, Blocked>) -> Self {
        match read {
            Ok(None) => Self::None,
            Ok(Some(policy)) => Self::Known(policy),
            Err(blocked) => Self::Unknown(blocked),
        }
    }
}

/// All policies at one moment.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The role's own: managed ones by ARN, embedded ones as `inline/NAME`.
    pub identity: BTreeMap<String, Doc>,
    /// The permissions boundary.
    pub boundary: Doc,
    /// Policies of buckets by name, of keys and of what connector files have the policy of by ARN, and the Data
    /// Catalog's as [`CATALOG`].
    pub resources: BTreeMap<String, Doc>,
    /// Those of other accounts, whose policies cannot allow without the role's own.
    foreign: BTreeSet<String>,
    /// What the grants on a key allow, by action and ARN: those of now, for no past ones are known.
    grants: BTreeMap<(String, String), Granted>,
}

/// The place of the Data Catalog's policy in [`State::resources`]. No bucket has such a name.
pub(crate) const CATALOG: &str = "the Data Catalog";

/// The layer that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The role's own policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// The policy of the bucket, the key or the Data Catalog.
    Resource,
    /// The grants of Lake Formation, which no [`State`] holds.
    LakeFormation,
}

/// What a state makes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Judgement {
    /// It is allowed, by these statements.
    Allowed(Vec<StatementRef>),
    /// It is refused.
    Refused {
        /// By which layer.
        layer: Layer,
        /// The statements that deny; none: nothing allows.
        statements: Vec<StatementRef>,
        /// What came closest to allowing.
        nearest: Option<NearestMiss>,
    },
    /// It cannot be told.
    Open(Blocked),
}

impl State {
    /// The state as it is now.
    pub(crate) fn now(view: &View<'_>, asks: &[Ask<'_>]) -> Self {
        let own = policies::role_policies(view);
        let mut identity: BTreeMap<String, Doc> =
            own.read.iter().map(|it| (place(&it.home), Doc::Known(Arc::clone(&it.policy)))).collect();
        for (number, blocked) in own.unread.iter().enumerate() {
            identity.insert(format!("unread/{number}"), Doc::Unknown(blocked.clone()));
        }
        let (mut resources, mut foreign, mut grants) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        for ask in asks {
            if let Some(place) = resource_place(ask) {
                foreign.extend((ask.is_elsewhere() || view.is_foreign_bucket(&place)).then(|| place.clone()));
                let read = if let Some(given) = policies::given_policy(ask) {
                    given
                } else if ask.is_of_kms() {
                    let entry = keys::entry(view, ask);
                    let key = (ask.action().to_owned(), ask.resource.probe.clone());
                    grants.insert(key, granted(view, &entry, ask));
                    policies::key_policy(view, &entry)
                } else if place == CATALOG {
                    policies::catalog_policy(view)
                } else {
                    policies::bucket_policy(view, &place)
                };
                resources.insert(place, read.into());
            }
        }
        Self { identity, boundary: policies::boundary(view).into(), resources, foreign, grants }
    }

    /// What becomes of a call in this state.
    pub(crate) fn judge(&self, ask: &Ask<'_>) -> Judgement {
        let known: Vec<Arc<Policy>> = self.identity.values().filter_map(known).collect();
        let resource = self.resource(ask);
        let policy = resource.and_then(known_ref);
        let own = if policy.is_some() { ask.with_resource(&known, policy) } else { ask.of_identity(&known) };
        let statements = match own {
            Verdict::Allowed(statements) => statements,
            Verdict::Denied(statements) => {
                let of_resource = statements.first().is_some_and(|it| it.layer == "resource");
                let layer = if of_resource { Layer::Resource } else { Layer::Identity };
                return Judgement::Refused { layer, statements, nearest: None };
            }
            Verdict::Depends { keys, statements } => {
                return Judgement::Open(depends(ask, &keys, &statements));
            }
            Verdict::NotAllowed(nearest) => return self.not_allowed(ask, &known, nearest),
        };
        if let Some(refused) = self.bounded(ask, &known) {
            return refused;
        }
        // An unread policy can still deny, be it one of the role's own or the resource's.
        match self.identity.values().chain(resource).find_map(unread) {
            Some(blocked) => Judgement::Open(blocked.clone()),
            None => Judgement::Allowed(statements),
        }
    }

    fn not_allowed(&self, ask: &Ask<'_>, own: &[Arc<Policy>], nearest: Option<NearestMiss>) -> Judgement {
        // A policy of the resource that names the session, or a grant, allows by itself.
        if let Some(blocked) = self.identity.values().chain(self.own_resource(ask)).find_map(unread) {
            return Judgement::Open(blocked.clone());
        }
        match self.grants.get(&(ask.action().to_owned(), ask.resource.probe.clone())) {
            Some(Granted::Yes(_)) => return Judgement::Allowed(Vec::new()),
            Some(Granted::Open(blocked)) => return Judgement::Open(blocked.clone()),
            Some(Granted::No) | None => {}
        }
        let layer = if ask.of_identity(own).is_allowed() { Layer::Resource } else { Layer::Identity };
        Judgement::Refused { layer, statements: Vec::new(), nearest }
    }

    /// What stands at the resource of a question.
    fn resource(&self, ask: &Ask<'_>) -> Option<&Doc> {
        resource_place(ask).and_then(|place| self.resources.get(&place))
    }

    /// The same where the resource is in the role's account, so that its policy alone can allow.
    fn own_resource(&self, ask: &Ask<'_>) -> Option<&Doc> {
        let place = resource_place(ask).filter(|place| !self.foreign.contains(place))?;
        self.resources.get(&place)
    }

    fn bounded(&self, ask: &Ask<'_>, own: &[Arc<Policy>]) -> Option<Judgement> {
        let refused =
            |statements, nearest| Judgement::Refused { layer: Layer::Boundary, statements, nearest };
        match &self.boundary {
            Doc::None => None,
            Doc::Unknown(blocked) => Some(Judgement::Open(blocked.clone())),
            Doc::Known(policy) => match ask.of_boundary(policy) {
                Verdict::Allowed(_) => None,
                Verdict::Denied(statements) => Some(refused(statements, None)),
                Verdict::NotAllowed(nearest) => match self.own_resource(ask) {
                    Some(Doc::Known(resource)) if ask.of_all(own, policy, resource).is_allowed() => None,
                    Some(Doc::Unknown(blocked)) => Some(Judgement::Open(blocked.clone())),
                    _ => Some(refused(Vec::new(), nearest)),
                },
                Verdict::Depends { keys, statements } => {
                    Some(Judgement::Open(depends(ask, &keys, &statements)))
                }
            },
        }
    }
}

fn known(doc: &Doc) -> Option<Arc<Policy>> {
    known_ref(doc).cloned()
}

fn known_ref(doc: &Doc) -> Option<&Arc<Policy>> {
    match doc {
        Doc::Known(policy) => Some(policy),
        _ => None,
    }
}

fn unread(doc: &Doc) -> Option<&Blocked> {
    match doc {
        Doc::Unknown(blocked) => Some(blocked),
        _ => None,
    }
}

/// The name of a policy's place in [`State::identity`].
fn place(home: &PolicyHome) -> String {
    match home {
        PolicyHome::Managed { arn } => arn.clone(),
        PolicyHome::Inline { name, .. } => inline(name),
        _ => String::new(),
    }
}

/// The place of an embedded policy.
pub(crate) fn inline(name: &str) -> String {
    format!("inline/{name}")
}

/// The name of a resource's policy in [`State::resources`]: the bucket's name, the key's ARN or [`CATALOG`]. None
/// of a resource whose policy nobody knows, or of what may be any key.
fn resource_place(ask: &Ask<'_>) -> Option<String> {
    let arn = ask.resource.probe.as_str();
    let mut parts = arn.splitn(6, ':');
    let (service, resource) = (parts.nth(2)?, parts.nth(2)?);
    match service {
        "s3" => ask.resource.account().is_none().then(|| resource.split('/').next().map(str::to_owned))?,
        "kms" => (ask.is_of_key() || ask.names_key()).then(|| arn.to_owned()),
        "glue" => (!ask.is_elsewhere()).then(|| CATALOG.to_owned()),
        _ => ask.requirement.need.resource_policy.is_some().then(|| arn.to_owned()),
    }
}

/// The question whether the role may do any action on any resource, with the condition keys of the
/// connector that writes to the bucket. `None`: no connector has needs, so that none are known.
pub(crate) fn ask_for<'s, 'a: 's>(
    view: &View<'a>,
    action: &'s str,
    resource: &str,
) -> Result<Option<Ask<'s>>, Blocked> {
    let mut requirement: Requirement<'s> = match asks(view)?.first() {
        Some(ask) => ask.requirement.clone(),
        None => return Ok(None),
    };
    requirement.action = action;
    requirement.of_key = action.starts_with("kms:");
    let resource = Resource::exact(resource.to_owned());
    Ask::of(view, requirement, resource).map(Some)
}
