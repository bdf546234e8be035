//! Calls on resources that nobody can name before they are made: they are asked about as `*`, as an installation
//! makes them, or as a pattern, and a statement about certain resources may mean them or not.

use std::borrow::Cow;

use crate::model::{EngineVerdict, StatementRef};
use crate::policy::scope::{common, covers};
use crate::policy::{Decision, Effect, Policy, PolicySet, Selector, takes_no_resource};
use crate::requirement::{Origin, PROBE, SessionCall, documents};

use super::needs::{Ask, Verdict};
use super::standing::names;

/// What a decision hangs on where statements treat some resources differently.
pub const RESOURCES: &str = "which resources are meant";

/// Whether a question is about resources that nobody can name: AWS knows some for the action, and `*` means none
/// of them.
pub fn is_of_any(ask: &Ask<'_>) -> bool {
    ask.resource.probe == "*" && !takes_no_resource(ask.action())
}

/// Whether a question is about all resources of a pattern, and nobody looks at what they are: the places in S3 and
/// the tables of the connectors are known, and asked about part by part.
fn is_of_pattern(ask: &Ask<'_>) -> bool {
    let known = ask.requirement.location.is_some() || ask.is_of_catalog() || ask.is_of_key();
    !known && ask.resource.pattern != "*" && ask.resource.pattern.contains(['*', '?'])
}

/// The verdict on whatever resources: that on the one asked about, unless a statement treats some differently.
pub(super) fn verdict(ask: &Ask<'_>, policies: &PolicySet, decision: Decision) -> Verdict {
    if !decision.depends_on.is_empty() {
        return decision.into();
    }
    if is_of_any(ask) {
        return on_any(ask, policies, decision);
    }
    if is_of_pattern(ask) {
        return if decision.verdict.is_allowed() {
            on_pattern(ask, policies, decision)
        } else {
            on_refused_pattern(ask, policies, decision)
        };
    }
    if is_of_files(ask) {
        return on_files(ask, policies, decision);
    }
    decision.into()
}

/// Whether a question is about files that a connector names as it is set to, so that nobody knows how they end:
/// Iceberg's are known.
fn is_of_files(ask: &Ask<'_>) -> bool {
    let place = ask.requirement.location.as_ref();
    place.is_some_and(|it| it.origin == Origin::Parameters)
        && ask.resource.probe.contains(":s3:::")
        && ask.resource.pattern.ends_with('*')
}

/// The verdict on files whatever they are called, unless a statement treats those of an ending differently, or
/// takes away a part of the place: which parts the connector writes to is set in Streamkap. What allows a part alone
/// does not allow the place.
fn on_files(ask: &Ask<'_>, policies: &PolicySet, decision: Decision) -> Verdict {
    let allowed = decision.verdict.is_allowed();
    let mut differing = Vec::new();
    for Named { pattern, statement, excluded, effect } in named(ask, policies) {
        let by_ending = pattern.rsplit_once('*').is_some_and(|(_, ending)| ending.starts_with('.'));
        let takes_part = (effect == Effect::Deny) != excluded && pattern.contains(['*', '?']);
        let is_about = by_ending || allowed && takes_part;
        let Some(resource) = common(&pattern, &ask.resource.pattern).filter(|_| is_about) else { continue };
        let on_part = decide_on(ask, resource, policies);
        if allowed && !on_part.depends_on.is_empty() {
            return on_part.into();
        }
        if on_part.depends_on.is_empty() && on_part.verdict.is_allowed() != allowed {
            differing.extend(statement);
        }
    }
    if differing.is_empty() {
        return decision.into();
    }
    Verdict::Depends { keys: vec![RESOURCES.to_owned()], statements: differing }
}

/// The verdict on all of the service, unless a statement treats some resources differently.
fn on_any(ask: &Ask<'_>, policies: &PolicySet, on_all: Decision) -> Verdict {
    let mut on_all = on_all;
    let mut decisions = Vec::new();
    for Named { pattern, statement, .. } in named(ask, policies) {
        let Some(resource) = example(ask, &pattern) else { continue };
        let decision = decide_on(ask, resource, policies);
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

/// The verdict on a pattern of which the made-up name is allowed: the same only if nothing refuses a part of it,
/// and if what allows it does not mean the made-up name by chance.
fn on_pattern(ask: &Ask<'_>, policies: &PolicySet, decision: Decision) -> Verdict {
    let wanted = ask.resource.pattern.as_str();
    let mut covered = false;
    let mut differing = Vec::new();
    for Named { pattern, statement, excluded, effect } in named(ask, policies) {
        let whole = pattern.contains("${") || covers(&pattern, wanted);
        covered |= effect == Effect::Allow && (excluded || whole);
        let Some(resource) = common(&pattern, wanted).filter(|_| !whole) else { continue };
        let on_part = decide_on(ask, resource, policies);
        if !on_part.depends_on.is_empty() {
            return on_part.into();
        }
        if !on_part.verdict.is_allowed() {
            differing.extend(statement);
        }
    }
    if covered && differing.is_empty() {
        return decision.into();
    }
    let statements = if differing.is_empty() { decision.statements } else { differing };
    Verdict::Depends { keys: vec![RESOURCES.to_owned()], statements }
}

/// The verdict on a pattern of which the made-up name is refused: the same unless others are allowed. Which of
/// them there are is not known.
fn on_refused_pattern(ask: &Ask<'_>, policies: &PolicySet, decision: Decision) -> Verdict {
    let wanted = ask.resource.pattern.as_str();
    let is_allowed = |resource: String| {
        let on_part = decide_on(ask, resource, policies);
        on_part.verdict.is_allowed() || !on_part.depends_on.is_empty()
    };
    let mut statements = Vec::new();
    for Named { pattern, statement, excluded, effect } in named(ask, policies) {
        let spares = (effect == Effect::Allow) != excluded;
        if spares && common(&pattern, wanted).is_some_and(is_allowed) {
            statements.extend(statement);
        }
    }
    // What refuses the made-up name may mean it by chance.
    let others = || ["0", "zz"].into_iter().map(|name| filled(wanted, name));
    if statements.is_empty() && !others().any(is_allowed) {
        return decision.into();
    }
    if statements.is_empty() {
        statements = decision.statements;
    }
    Verdict::Depends { keys: vec![RESOURCES.to_owned()], statements }
}

/// The decision on another resource, asked for in the region that its ARN names.
fn decide_on(ask: &Ask<'_>, resource: String, policies: &PolicySet) -> Decision {
    let mut call = SessionCall::clone(&ask.call);
    let part =
        |at: usize| resource.split(':').nth(at).filter(|part| !part.is_empty() && !part.contains(['*', '?']));
    for (at, key) in [(3, "aws:RequestedRegion"), (4, "aws:ResourceAccount")] {
        if let Some(part) = part(at) {
            call.keys = call.keys.with(key, Some(part));
        }
    }
    SessionCall { resource, ..call }.decide(policies)
}

/// A resource that a statement about the action names.
struct Named {
    pattern: String,
    statement: Option<StatementRef>,
    /// Whether the statement is about all others.
    excluded: bool,
    effect: Effect,
}

/// The resources of the action's service that statements about the action name, each with the statement.
fn named(ask: &Ask<'_>, policies: &PolicySet) -> Vec<Named> {
    let service = ask.service();
    let is_of_service = |resource: &Cow<'_, str>| {
        let named = resource.split(':').nth(2);
        // `*` alone means every service.
        named.map_or(resource.contains('*'), |named| {
            named.contains(['*', '?']) || named.eq_ignore_ascii_case(service)
        })
    };
    let of_policy = |policy: &Policy| {
        let statements = policy.document().statements().iter().enumerate();
        let about = statements.filter(|(_, statement)| names(&statement.actions, ask.action()));
        let of_statement = about.flat_map(|(at, statement)| {
            let excluded = matches!(statement.resources, Some(Selector::AllBut(_)));
            let resources = statement.resources.iter().flat_map(Selector::values);
            let resources = resources.map(|resource| policy.in_full(resource)).filter(is_of_service);
            resources.map(move |pattern| Named {
                pattern: pattern.into_owned(),
                statement: policy.statement_ref(at).cloned(),
                excluded,
                effect: statement.effect,
            })
        });
        of_statement.collect::<Vec<_>>()
    };
    documents(policies).flat_map(|policy| of_policy(policy)).collect()
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
        (2, Some(ask.service().to_owned())),
        (3, given("aws:RequestedRegion")),
        (4, ask.call.sessions.account().map(str::to_owned)),
    ];
    for (at, value) in known {
        let part = parts.get_mut(at)?;
        if part.contains(['*', '?']) {
            value.unwrap_or_default().clone_into(part);
        }
    }
    Some(filled(&parts.join(":"), PROBE))
}

/// A resource that a pattern means.
fn filled(pattern: &str, name: &str) -> String {
    pattern.replace('*', name).replace('?', &name[..1])
}

/// Whether a pattern means all resources of a service, in whatever region and account.
fn is_whole(pattern: &str) -> bool {
    let mut parts = pattern.splitn(6, ':').skip(3);
    let whole = |part: Option<&str>| part.is_some_and(|part| part == "*");
    let place = |part: Option<&str>| part.is_some_and(|part| part == "*" || part.is_empty());
    place(parts.next()) && whole(parts.next()) && whole(parts.next())
}
