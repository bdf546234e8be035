//! What AWS would decide, and why.
//!
//! Every layer is matched on its own; then one of the two rules, for one account or across
//! accounts, puts the layers together.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>

use std::sync::Arc;

use crate::model::{EngineVerdict, StatementRef};

use super::compiled::{Compiled, Layer, Policy};
use super::document::{self, Effect};
use super::explain::{self, NearestMiss};
use super::missing::{Absence, Keys};
use super::principal::Fit;
use super::request::{Facts, Request, Who};
use super::truth::Truth;

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
    /// Resource control policies by level, root first; `None`: none apply. AWS attaches an allowing
    /// one to every level that cannot be taken away, so that these only ever deny.
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
    /// The layer that decided: that of the deny, that which lacks an allow, or that which allows.
    pub decided_by: Layer,
    /// The statements that decided: all that deny, first the deciding layer's, or all that allow.
    /// Empty for an implicit deny.
    pub statements: Vec<StatementRef>,
    /// Condition keys that were not given and whose presence could have changed the verdict, as written.
    pub missing_context: Vec<String>,
    /// Unknown keys on which it hangs whether the request is allowed, as written; empty: it is certain.
    pub depends_on: Vec<String>,
    /// The statements that would allow if those keys had fitting values.
    pub would_allow: Vec<StatementRef>,
    /// For an implicit deny, the statement that came closest to allowing.
    pub nearest_miss: Option<NearestMiss>,
}

impl Decision {
    /// The verdict and its ground in one sentence, without a full stop and with a small first letter.
    pub fn explanation(&self) -> String {
        explain::sentence(self)
    }
}

/// Decides a request by the policies given, as AWS does.
pub fn evaluate(policies: &PolicySet, request: &Request) -> Decision {
    let facts = Facts::new(request);
    let layers = Layers::matched(policies, &facts);
    layers.decision(&facts)
}

/// Judges a resource's policy alone, the caller's own policies taken as allowing.
pub(super) fn evaluate_resource_side(policy: &Arc<Policy>, request: &Request) -> Decision {
    let facts = Facts::new(request);
    let policies = PolicySet { resource: Some(Arc::clone(policy)), ..PolicySet::default() };
    let mut layers = Layers::matched(&policies, &facts);
    layers.only_resource = true;
    layers.decision(&facts)
}

/// A statement that means the request's action and principal, and its resource unless for want of
/// a variable's value.
#[derive(Clone, Copy)]
pub(super) struct Hit<'p> {
    pub(super) statement: &'p Compiled,
    pub(super) written: &'p document::Statement,
    fit: Fit,
    /// Whether its resource and conditions hold.
    pub(super) truth: Truth,
}

/// What the statements of one layer, or of one level of it, say.
#[derive(Default)]
struct Matched<'p> {
    denies: Vec<Hit<'p>>,
    allows: Vec<Hit<'p>>,
    /// The policies themselves, to look for the nearest miss.
    policies: &'p [Arc<Policy>],
}

impl<'p> Matched<'p> {
    fn new(policies: &'p [Arc<Policy>], facts: &Facts<'_>, bounded: bool) -> Self {
        let mut matched = Self { policies, ..Self::default() };
        for policy in policies {
            let layer = policy.layer();
            for (statement, written) in policy.statements() {
                matched.take((statement, written), layer, facts, bounded);
            }
        }
        matched
    }

    fn take(
        &mut self,
        (statement, written): (&'p Compiled, &'p document::Statement),
        layer: Layer,
        facts: &Facts<'_>,
        bounded: bool,
    ) {
        if !statement.covers_action(facts) {
            return;
        }
        let fit = match layer {
            Layer::Resource | Layer::ResourceControl | Layer::Endpoint => {
                statement.covers_principal(facts, bounded)
            }
            _ => Fit::Itself,
        };
        if fit == Fit::None {
            return;
        }
        let resource = statement.covers_resource(facts);
        // A resource missed for want of a variable's value is worth telling.
        if resource == Truth::No && !statement.would_cover_resource(facts) {
            return;
        }
        let truth = resource.and(statement.conditions_hold(facts));
        let hit = Hit { statement, written, fit, truth };
        match statement.effect {
            Effect::Allow => self.allows.push(hit),
            Effect::Deny => self.denies.push(hit),
        }
    }

    fn denying(&self, assume: Assume) -> impl Iterator<Item = &Hit<'p>> {
        self.denies.iter().filter(move |hit| match assume {
            Assume::Worst => hit.truth != Truth::No,
            Assume::Best => hit.truth == Truth::Yes,
        })
    }

    fn allowing(&self, assume: Assume) -> impl Iterator<Item = &Hit<'p>> {
        self.allows.iter().filter(move |hit| match assume {
            Assume::Worst => hit.truth == Truth::Yes,
            Assume::Best => hit.truth != Truth::No,
        })
    }

    fn allows(&self, assume: Assume) -> bool {
        self.allowing(assume).next().is_some()
    }

    /// How the caller is meant by what allows.
    fn fit(&self, assume: Assume) -> Fit {
        self.allowing(assume).map(|hit| hit.fit).max().unwrap_or(Fit::None)
    }
}

/// How conditions on unknown keys are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Assume {
    /// They fail where they would allow and hold where they deny.
    Worst,
    /// They hold where they would allow and fail where they deny.
    Best,
}

/// All layers of a request, matched.
struct Layers<'p> {
    identity: Matched<'p>,
    boundary: Option<Matched<'p>>,
    session: Option<Matched<'p>>,
    scps: Vec<Matched<'p>>,
    rcps: Vec<Matched<'p>>,
    resource: Matched<'p>,
    endpoint: Option<Matched<'p>>,
    /// Whether the resource's policy alone is judged.
    only_resource: bool,
}

/// A verdict and the layer that makes it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Outcome {
    verdict: EngineVerdict,
    layer: Layer,
}

impl<'p> Layers<'p> {
    fn matched(policies: &'p PolicySet, facts: &Facts<'_>) -> Self {
        // A root user, a service and an anonymous caller have no policies of their own.
        let has_own = !matches!(facts.principal.who, Who::Root | Who::Named | Who::Anonymous);
        let bounded = has_own && policies.boundary.is_some();
        let one = |policy: &'p Option<Arc<Policy>>| {
            policy.is_some().then(|| Matched::new(policy.as_slice(), facts, bounded))
        };
        let levels = |levels: &'p Option<Vec<Vec<Arc<Policy>>>>, apply: bool| {
            let levels = levels.as_deref().filter(|_| apply).unwrap_or_default();
            levels.iter().map(|level| Matched::new(level, facts, bounded)).collect()
        };
        // A federated user may do only what its session policies allow.
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
        let has_session = !policies.session.is_empty() || facts.principal.who == Who::FederatedUser;
        let mut resource = Matched::new(policies.resource.as_slice(), facts, bounded);
        if facts.may_mend_bucket_policy() {
            resource.denies.clear();
        }
        Self {
            identity: Matched::new(if has_own { &policies.identity } else { &[] }, facts, bounded),
            boundary: one(&policies.boundary).filter(|_| has_own),
            session: (has_own && has_session).then(|| Matched::new(&policies.session, facts, bounded)),
            scps: levels(&policies.scps, facts.service_control_applies()),
            rcps: levels(&policies.rcps, facts.resource_control_applies()),
            resource,
            endpoint: one(&policies.endpoint),
            only_resource: false,
        }
    }

    /// The layers that can deny, in AWS's order.
    fn in_order(&self) -> impl Iterator<Item = (Layer, &Matched<'p>)> {
        let rcps = self.rcps.iter().map(|level| (Layer::ResourceControl, level));
        let scps = self.scps.iter().map(|level| (Layer::ServiceControl, level));
        rcps.chain(scps)
            .chain([(Layer::Resource, &self.resource), (Layer::Identity, &self.identity)])
            .chain(self.boundary.iter().map(|matched| (Layer::Boundary, matched)))
            .chain(self.session.iter().map(|matched| (Layer::Session, matched)))
            .chain(self.endpoint.iter().map(|matched| (Layer::Endpoint, matched)))
    }

    fn outcome(&self, facts: &Facts<'_>, assume: Assume) -> Outcome {
        let deny = |layer| Outcome { verdict: EngineVerdict::ExplicitDeny, layer };
        let lacking = |layer| Outcome { verdict: EngineVerdict::ImplicitDeny, layer };
        let allowed = |layer| Outcome { verdict: EngineVerdict::Allowed, layer };
        match &*facts.action {
            // "No permissions are required to perform this operation", and none can be denied.
            // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
            "sts:getcalleridentity" => return allowed(Layer::Identity),
            // "You cannot use policies to control authentication operations", and only long-term
            // credentials have one: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
            "sts:getsessiontoken" => {
                let has_password = matches!(facts.principal.who, Who::Root | Who::User);
                return if has_password { allowed(Layer::Identity) } else { lacking(Layer::Identity) };
            }
            _ => {}
        }
        if let Some((layer, _)) =
            self.in_order().find(|(_, matched)| matched.denying(assume).next().is_some())
        {
            return deny(layer);
        }
        if self.scps.iter().any(|level| !level.allows(assume)) {
            return lacking(Layer::ServiceControl);
        }
        let granted = self.granted(facts, assume);
        match granted {
            Ok(layer) if self.endpoint.as_ref().is_none_or(|endpoint| endpoint.allows(assume)) => {
                allowed(layer)
            }
            Ok(_) => lacking(Layer::Endpoint),
            Err(layer) => lacking(layer),
        }
    }

    /// Which of the resource's and the caller's policies grant, or which fails to.
    fn granted(&self, facts: &Facts<'_>, assume: Assume) -> Result<Layer, Layer> {
        let resource = self.resource.fit(assume);
        if matches!(facts.principal.who, Who::Named | Who::Anonymous) {
            return if resource == Fit::None { Err(Layer::Resource) } else { Ok(Layer::Resource) };
        }
        if self.only_resource {
            return if resource == Fit::None { Err(Layer::Resource) } else { Ok(Layer::Resource) };
        }
        if facts.principal.who == Who::Root && facts.action == "sts:assumerole" {
            // A root user may do all in its account, but cannot assume a role.
            // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
            return Err(Layer::Identity);
        }
        let same_account = facts.same_account();
        if resource == Fit::None && (!same_account || facts.needs_resource_policy()) {
            return Err(Layer::Resource);
        }
        let caps = [(&self.boundary, Layer::Boundary), (&self.session, Layer::Session)];
        let capped = caps
            .into_iter()
            .find(|(cap, _)| cap.as_ref().is_some_and(|cap| !cap.allows(assume)))
            .map(|(_, layer)| layer);
        let by_identity = facts.principal.who == Who::Root || self.identity.allows(assume);
        if by_identity && capped.is_none() {
            return Ok(Layer::Identity);
        }
        if same_account && resource == Fit::Itself {
            return Ok(Layer::Resource);
        }
        if !by_identity && (!same_account || resource < Fit::Role) {
            return Err(Layer::Identity);
        }
        capped.map_or(Ok(Layer::Resource), Err)
    }

    fn decision(&self, facts: &Facts<'_>) -> Decision {
        let worst = self.outcome(facts, Assume::Worst);
        let (mut outcome, mut assume) = (worst, Assume::Worst);
        let mut depends_on = Vec::new();
        let mut would_allow = Vec::new();
        if facts.has_unknown() && !worst.verdict.is_allowed() {
            let best = self.outcome(facts, Assume::Best);
            if best.verdict.is_allowed() {
                depends_on = self.unknown_keys(facts);
                would_allow = self.deciding(best, facts, Assume::Best);
            } else {
                // Refused in any case: by what is certain.
                (outcome, assume) = (best, Assume::Best);
            }
        }
        Decision {
            verdict: outcome.verdict,
            decided_by: outcome.layer,
            statements: self.deciding(outcome, facts, assume),
            missing_context: self.missing(outcome, facts, assume),
            depends_on,
            would_allow,
            nearest_miss: (outcome.verdict == EngineVerdict::ImplicitDeny)
                .then(|| explain::nearest_miss(&self.lacking(outcome.layer, assume), facts))
                .flatten(),
        }
    }

    /// The policies in which an allow was looked for in vain.
    fn lacking(&self, layer: Layer, assume: Assume) -> [&'p [Arc<Policy>]; 2] {
        match layer {
            Layer::Identity => [self.identity.policies, self.resource.policies],
            Layer::ServiceControl => {
                let level = self.scps.iter().find(|level| !level.allows(assume));
                [level.map_or(&[][..], |level| level.policies), &[]]
            }
            _ => {
                let lacking = self.in_order().find(|(other, _)| *other == layer);
                [lacking.map_or(&[][..], |(_, matched)| matched.policies), &[]]
            }
        }
    }

    fn deciding(&self, outcome: Outcome, facts: &Facts<'_>, assume: Assume) -> Vec<StatementRef> {
        let reference = |hit: &Hit<'_>| hit.statement.reference.clone();
        match outcome.verdict {
            EngineVerdict::ExplicitDeny => {
                self.in_order().flat_map(|(_, matched)| matched.denying(assume)).map(reference).collect()
            }
            EngineVerdict::Allowed => self.granting(facts, assume).map(reference).collect(),
            EngineVerdict::ImplicitDeny => Vec::new(),
        }
    }

    /// The statements of the resource's and the caller's policies that allow.
    fn granting<'s>(&'s self, facts: &Facts<'_>, assume: Assume) -> impl Iterator<Item = &'s Hit<'p>> {
        // An account in a resource policy of the same account only lets identity policies decide.
        let least = if facts.same_account() && !facts.needs_resource_policy() && !self.only_resource {
            Fit::Role
        } else {
            Fit::Account
        };
        let resource = self.resource.allowing(assume).filter(move |hit| hit.fit >= least);
        resource.chain(self.identity.allowing(assume))
    }

    fn unknown_keys(&self, facts: &Facts<'_>) -> Vec<String> {
        let mut keys = Keys::default();
        for (_, matched) in self.in_order() {
            let undecided = |hit: &&Hit<'_>| hit.truth == Truth::Unknown;
            for hit in matched.denies.iter().filter(undecided) {
                keys.add_of(hit, |key| facts.is_unknown(key));
            }
            if !matched.allows(Assume::Worst) || matched.fit(Assume::Worst) < matched.fit(Assume::Best) {
                for hit in matched.allows.iter().filter(undecided) {
                    keys.add_of(hit, |key| facts.is_unknown(key));
                }
            }
        }
        keys.written
    }

    fn missing(&self, outcome: Outcome, facts: &Facts<'_>, assume: Assume) -> Vec<String> {
        let mut keys = Keys::default();
        let absence = Absence::of(facts);
        match outcome.verdict {
            EngineVerdict::ExplicitDeny => {
                let fired: Vec<_> =
                    self.in_order().flat_map(|(_, matched)| matched.denying(assume)).collect();
                // A deny that hangs on no absent key stands whatever else is given.
                if fired.iter().all(|hit| absence.decides(hit)) {
                    for hit in fired {
                        keys.add_absent(hit, &absence);
                    }
                }
            }
            EngineVerdict::ImplicitDeny => {
                let both = outcome.layer == Layer::Identity;
                for (layer, matched) in self.in_order() {
                    if layer == outcome.layer || (both && layer == Layer::Resource) {
                        let near = matched.allows.iter().filter(|hit| absence.fails(hit));
                        near.for_each(|hit| keys.add_absent(hit, &absence));
                    }
                }
            }
            EngineVerdict::Allowed => {
                for (_, matched) in self.in_order() {
                    let near = matched.denies.iter().filter(|hit| absence.fails(hit));
                    near.for_each(|hit| keys.add_absent(hit, &absence));
                }
                let granting: Vec<_> = self.granting(facts, assume).collect();
                if granting.iter().all(|hit| absence.decides(hit)) {
                    for hit in granting {
                        keys.add_absent(hit, &absence);
                    }
                }
            }
        }
        keys.written
    }
}
