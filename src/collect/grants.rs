//! Whether a key's grants are worth asking for: when the policies alone refuse what a connector needs, or
//! when they could not be read.

use crate::facts::{Facts, Key};
use crate::model::EngineVerdict;
use crate::policy::{Document, Kind, Policy, PolicySet};
use crate::requirement::{Requirement, SessionCall, Situation};

/// Whether the key's policy and the role's own policies fail to allow the requirements on the key.
pub(super) fn worth_asking(facts: &Facts, requirements: &[Requirement<'_>], arn: &str, key: &Key) -> bool {
    let Some(policies) = policies(facts, key) else { return true };
    let of_key = requirements.iter().flat_map(|it| it.resources.iter().map(move |resource| (it, resource)));
    of_key.filter(|(_, resource)| resource.probe == arn).any(|(requirement, resource)| {
        let call = SessionCall::of(&Situation::of(facts, requirement), requirement, resource);
        let Ok(Some(call)) = call else { return true };
        call.decide(&policies).verdict != EngineVerdict::Allowed
    })
}

/// The role's policies and the key's; `None` when one of them was not read or cannot be.
fn policies(facts: &Facts, key: &Key) -> Option<PolicySet> {
    let mut set = PolicySet::default();
    let compile =
        |name: &str, kind, text: &str| Some(Policy::compile(name, Document::parse(kind, text).ok()?));
    for attached in facts.attached_policies.known()? {
        let policy = facts.managed_policies.get(attached.arn.as_str())?.known()?;
        set.identity.push(compile(&policy.name, Kind::Identity, &policy.document)?);
    }
    for name in facts.inline_policy_names.known()? {
        set.identity.push(compile(name, Kind::Identity, facts.inline_policies.get(name)?.known()?)?);
    }
    if let Some(boundary) = &facts.role.known()?.boundary {
        let policy = facts.managed_policies.get(boundary.as_str())?.known()?;
        set.boundary = Some(compile(&policy.name, Kind::Boundary, &policy.document)?);
    }
    set.resource = Some(compile("key policy", Kind::Resource, key.policy.known()?)?);
    Some(set)
}
