//! WRITE-004: the role's own policies do not allow what the connector needs.

use crate::checks::shared::needs::{Ask, grants, in_words, open_need, patterns};
use crate::checks::shared::objects::mistyped;
use crate::checks::shared::phases::unseen_tables;
use crate::checks::shared::services::{Service, digest};
use crate::checks::shared::standing::{Cause, Refusal, Standings};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, StatementRef,
};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 4), judge };

type Gap<'s, 'a> = (&'s Ask<'a>, &'s Refusal);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let gaps: Vec<Gap<'_, '_>> = standings.gaps().collect();
    let own: Vec<Gap<'_, '_>> =
        gaps.iter().filter(|(_, refusal)| refusal.cause.owner() == "WRITE-004").copied().collect();
    if !own.is_empty() {
        return Ok(Outcome::Fail(findings(view, &standings, &own)));
    }
    if let Some(blocked) = standings.undecided() {
        return Err(blocked.clone());
    }
    if let Some(blocked) = open_need(view).or_else(|| unseen_tables(view)) {
        return Err(blocked);
    }
    if !gaps.is_empty() {
        let owners = words::unique(gaps.iter().map(|(_, refusal)| refusal.cause.owner()));
        return Ok(Outcome::Skip(format!("what is missing is reported as {}", words::list(&owners))));
    }
    if standings.required().next().is_none() {
        return Ok(Outcome::Skip(nothing_needed(view)));
    }
    Ok(Outcome::Pass(standings.proof()))
}

/// Why there is nothing to allow, with what the connectors' files say of it.
fn nothing_needed(view: &View<'_>) -> String {
    let notes: Vec<&str> =
        view.connectors().flat_map(|(_, connector)| &connector.notes).map(String::as_str).collect();
    let notes = words::unique(notes).join(" ");
    if notes.is_empty() {
        return "the connectors need no permission of the role".to_owned();
    }
    format!("the connectors need no permission of the role. {}", notes.trim_end_matches('.'))
}

/// One finding for each cause: the actions that one statement nearly allows, or denies, on one resource.
fn findings(view: &View<'_>, standings: &Standings<'_>, gaps: &[Gap<'_, '_>]) -> Vec<Finding> {
    let mut groups: Vec<(Key, Vec<Gap<'_, '_>>)> = Vec::new();
    for &(ask, refusal) in gaps {
        let key = Key::of(ask, refusal);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push((ask, refusal)),
            None => groups.push((key, vec![(ask, refusal)])),
        }
    }
    let none = standings.policies.are_none();
    groups.into_iter().map(|(key, members)| finding(view, standings, none, key, &members)).collect()
}

/// What makes gaps one: that one change mends them.
#[derive(PartialEq)]
struct Key {
    denied: bool,
    /// Whether the role's own policies allow it.
    other_side: bool,
    /// `None`: a Glue action is one gap, whatever its ARNs.
    pattern: Option<String>,
    because: Option<StatementRef>,
    /// Of an installation's many actions, those of one service and phase.
    service: Option<Service>,
}

/// Of how many actions of its service a group is missing: `3 of the 39 ec2 actions of the phase install: `.
fn share(standings: &Standings<'_>, service: &Service, missing: usize) -> String {
    let all = standings.required().filter(|it| Service::of(&it.ask).as_ref() == Some(service)).count();
    let Service { phase, name } = service;
    let share = if missing == all { format!("all {all}") } else { format!("{missing} of the {all}") };
    format!("{share} {name} actions of the phase {}: ", phase.as_str())
}

impl Key {
    fn of(ask: &Ask<'_>, refusal: &Refusal) -> Self {
        let denied = refusal.cause == Cause::Denied;
        let other_side = refusal.cause == Cause::OtherSide;
        let service = Service::of(ask);
        if !ask.is_of_catalog() && service.is_none() {
            let pattern = Some(ask.whole().to_owned());
            return Self { denied, other_side, pattern, because: refusal.because.clone(), service };
        }
        // Which statement comes nearest to an action that none names is chance.
        let because = refusal.because.clone().filter(|_| denied || refusal.conditional);
        Self { denied, other_side, pattern: None, because, service }
    }
}

fn finding(
    view: &View<'_>,
    standings: &Standings<'_>,
    none: bool,
    key: Key,
    members: &[Gap<'_, '_>],
) -> Finding {
    let role = &view.target().role.name;
    let actions = words::unique(members.iter().map(|(ask, _)| ask.action()));
    let patterns = patterns(members.iter().map(|(ask, _)| *ask));
    let share = key.service.as_ref().map(|it| share(standings, it, actions.len())).unwrap_or_default();
    let mut what = format!(
        "{role} may not do {share}{} on {}",
        words::some(&actions),
        in_words(members.iter().map(|(ask, _)| *ask))
    );
    let detail = members.iter().find_map(|(_, refusal)| refusal.detail.as_deref());
    match detail {
        Some(detail) => what = format!("{what}: {detail}"),
        None if none => what = format!("{what}: it has no policy"),
        None => {}
    }
    let mut finding =
        Finding::new(words::some(&patterns), what).about(members.iter().map(|(ask, _)| ask.concern()));
    let pieces = members.iter().map(|(ask, refusal)| (*ask, refusal.evidence.clone()));
    finding.evidence = digest(pieces, "the role's own policies do not allow", "AWS's simulator refuses");
    for (ask, _) in members {
        let need = ask.requirement.need;
        let action = if key.service.is_some() { "each of them" } else { ask.action() };
        let text = format!("{action} is needed at {}: without it, {}", need.phase.as_str(), need.breaks);
        let source = Source::Documentation { reference: need.source.clone() };
        words::add(&mut finding.evidence, Evidence { source, text });
    }
    finding.because = key.because.or_else(|| members.first().and_then(|(_, it)| it.because.clone()));
    let bucket = members.iter().find_map(|(ask, _)| ask.requirement.bucket()).filter(|_| !key.denied);
    let documents = standings.policies.documents();
    finding.remedies.extend(bucket.and_then(|bucket| mistyped(view, &documents, bucket)));
    if key.other_side {
        return finding.remedy(of_other_side(role, &actions, &patterns));
    }
    let remedy = remedy(standings, key.denied, finding.because.as_ref(), members);
    finding.remedy(remedy)
}

/// What whoever owns a resource has to do: the role's own policies are right.
fn of_other_side(role: &str, actions: &[&str], patterns: &[String]) -> Remedy {
    let (actions, resources) = (words::some(actions), words::list(patterns));
    Remedy::Manual {
        owner: Owner::You,
        title: format!("Let the policy of {resources} allow {role}"),
        steps: vec![format!("Allow {role} {actions} there, or take away what denies it")],
        commands: Vec::new(),
    }
}

fn remedy(
    standings: &Standings<'_>,
    denied: bool,
    because: Option<&StatementRef>,
    members: &[Gap<'_, '_>],
) -> Remedy {
    let grants = grants(members.iter().map(|(ask, _)| *ask));
    match because {
        Some(statement) if denied => Remedy::ExemptFromRolePolicy {
            policy: statement.policy.clone(),
            statement: statement.index,
            grants,
        },
        // A role without any of the guide's actions gets the guide's whole template.
        _ if !standings.names_any_need() => Remedy::AllowOnRole {
            grants: standings.all.iter().map(|standing| standing.ask.grant()).collect(),
        },
        _ => Remedy::AllowOnRole { grants },
    }
}
