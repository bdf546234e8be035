//! Calls on resources that nobody can name before they are made, as an installation makes them: they are asked
//! about as `*`, and a statement about certain resources may mean them or not.

use crate::model::EngineVerdict;
use crate::policy::{Decision, PolicySet, Selector, takes_no_resource};
use crate::requirement::{PROBE, SessionCall, documents};

use super::needs::{Ask, Verdict};
use super::standing::names;

/// What a decision hangs on where statements treat some resources differently.
pub const RESOURCES: &str = "which resources are meant";

/// Whether a question is about resources that nobody can name: AWS knows some for the action, and `*` means none
/// of them.
pub fn is_of_any(ask: &Ask<'_>) -> bool {
    ask.resource.probe == "*" && !takes_no_resource(ask.action())
}

/// The verdict on whatever resources: that on all of the service, unless a statement treats some differently.
pub(super) fn verdict(ask: &Ask<'_>, policies: &PolicySet, on_all: Decision) -> Verdict {
    if !is_of_any(ask) || !on_all.depends_on.is_empty() {
        return on_all.into();
    }
    let mut on_all = on_all;
    let mut decisions = Vec::new();
    for (pattern, statement) in named(ask, policies) {
        let Some(resource) = example(ask, &pattern) else { continue };
        let decision = SessionCall { resource, ..SessionCall::clone(&ask.call) }.decide(policies);
        if !decision.depends_on.is_empty() {
            return decision.into();
        }
        decisions.push((decision.verdict.is_allowed(), statement));
        // What is said of the whole service is said of all resources.
        if is_whole(&pattern) && decision.verdict != EngineVerdict::ImplicitDeny {
            on_all = decision;
        }
    }
    let allowed = on_all.verdict.is_allowed();
    let differing = decisions.into_iter().filter(|(is_allowed, _)| *is_allowed != allowed);
    let differing: Vec<_> = differing.map(|(_, statement)| statement).collect();
    if differing.is_empty() {
        return on_all.into();
    }
    // The denial that is no certain one, or what allows or denies on some of them.
    let denied = on_all.verdict == EngineVerdict::ExplicitDeny;
    let statements = if denied { on_all.statements } else { differing.into_iter().flatten().collect() };
    Verdict::Depends { keys: vec![RESOURCES.to_owned()], statements }
}

/// The resources of the action's service that statements about the action name, each with the statement.
fn named(ask: &Ask<'_>, policies: &PolicySet) -> Vec<(String, Option<crate::model::StatementRef>)> {
    let service = ask.action().split(':').next().unwrap_or_default();
    let is_of_service = |resource: &&String| {
        let named = resource.split(':').nth(2);
        named.is_some_and(|named| named.contains(['*', '?']) || named.eq_ignore_ascii_case(service))
    };
    let mut found = Vec::new();
    for policy in documents(policies) {
        for (at, statement) in policy.document().statements().iter().enumerate() {
            if !names(&statement.actions, ask.action()) {
                continue;
            }
            let resources = statement.resources.iter().flat_map(Selector::values);
            let resources = resources.filter(is_of_service);
            found.extend(resources.map(|it| (it.clone(), policy.statement_ref(at).cloned())));
        }
    }
    found
}

/// A resource that a pattern means, in the role's account; `None`: it hangs on a variable.
fn example(ask: &Ask<'_>, pattern: &str) -> Option<String> {
    if pattern.contains("${") {
        return None;
    }
    let mut parts: Vec<String> = pattern.splitn(6, ':').map(str::to_owned).collect();
    let given = |key: &str| ask.call.keys.values.get(key).and_then(|it| it.first()).cloned();
    let known = [
        (1, Some("aws".to_owned())),
        (2, ask.action().split(':').next().map(str::to_owned)),
        (3, given("aws:RequestedRegion")),
        (4, ask.call.sessions.account().map(str::to_owned)),
    ];
    for (at, value) in known {
        let part = parts.get_mut(at)?;
        if part.contains(['*', '?']) {
            value.unwrap_or_default().clone_into(part);
        }
    }
    Some(parts.join(":").replace('*', PROBE).replace('?', "x"))
}

/// Whether a pattern means all resources of a service, in whatever region and account.
fn is_whole(pattern: &str) -> bool {
    let mut parts = pattern.splitn(6, ':').skip(3);
    let whole = |part: Option<&str>| part.is_some_and(|part| part == "*");
    let place = |part: Option<&str>| part.is_some_and(|part| part == "*" || part.is_empty());
    place(parts.next()) && whole(parts.next()) && whole(parts.next())
}
