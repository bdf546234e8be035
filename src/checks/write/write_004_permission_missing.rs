//! WRITE-004: the role's own policies do not allow what the connector needs.

use crate::checks::shared::needs::Ask;
use crate::checks::shared::services::{Service, digest};
use crate::checks::shared::standing::{Cause, Refusal, Standings};
use crate::checks::shared::{absent_bucket, absent_role, bucket_name, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, Source, StatementRef};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 4), judge };

type Gap<'s, 'a> = (&'s Ask<'a>, &'s Refusal);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let gaps: Vec<Gap<'_, '_>> = standings.gaps().collect();
    if let Some(skip) =
        (!gaps.is_empty()).then(|| bucket_name(view)).flatten().and_then(|it| absent_bucket(view, it))
    {
        return Ok(skip);
    }
    let own: Vec<Gap<'_, '_>> = gaps
        .iter()
        .filter(|(_, refusal)| matches!(refusal.cause, Cause::Missing | Cause::Denied))
        .copied()
        .collect();
    if !own.is_empty() {
        return Ok(Outcome::Fail(findings(view, &standings, &own)));
    }
    if let Some(blocked) = standings.undecided() {
        return Err(blocked.clone());
    }
    if let Some((_, refusal)) = gaps.first() {
        let owner =
            if matches!(refusal.cause, Cause::OtherPrefix { .. }) { "PARTIAL-004" } else { "WRITE-003" };
        return Ok(Outcome::Skip(format!("what is missing is reported as {owner}")));
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
        let key = Key {
            denied: refusal.cause == Cause::Denied,
            pattern: ask.resource.pattern.clone(),
            because: refusal.because.clone(),
            service: Service::of(ask),
        };
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push((ask, refusal)),
            None => groups.push((key, vec![(ask, refusal)])),
        }
    }
    let none = standings.policies.are_none();
    groups.into_iter().map(|(key, members)| finding(view, standings, none, key, &members)).collect()
}

#[derive(PartialEq)]
struct Key {
    denied: bool,
    pattern: String,
    because: Option<StatementRef>,
    service: Option<Service>,
}

/// Of how many actions of its service a group is missing: ` 3 of the 41 ec2 actions of the phase install,`.
fn share(standings: &Standings<'_>, service: &Service, missing: usize) -> String {
    let all = standings.required().filter(|it| Service::of(&it.ask).as_ref() == Some(service)).count();
    let Service { phase, name } = service;
    format!("{missing} of the {all} {name} actions of the phase {}: ", phase.as_str())
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
    let share = key.service.as_ref().map(|it| share(standings, it, actions.len())).unwrap_or_default();
    let mut what = format!("{role} may not do {share}{} on {}", words::some(&actions), key.pattern);
    let detail = members.iter().find_map(|(_, refusal)| refusal.detail.as_deref());
    match detail {
        Some(detail) => what = format!("{what}: {detail}"),
        None if none => what = format!("{what}: it has no policy"),
        None => {}
    }
    let mut finding = Finding::new(key.pattern.clone(), what);
    let pieces = members.iter().map(|(ask, refusal)| (*ask, refusal.evidence.clone()));
    finding.evidence = digest(pieces, "the role's own policies do not allow", "AWS's simulator refuses");
    for (ask, _) in members {
        let need = ask.requirement.need;
        let action = if key.service.is_some() { "each of them" } else { ask.action() };
        let text = format!("{action} is needed at {}: without it, {}", need.phase.as_str(), need.breaks);
        let source = Source::Documentation { reference: need.source.clone() };
        words::add(&mut finding.evidence, Evidence { source, text });
    }
    finding.because = key.because;
    let remedy = remedy(standings, key.denied, finding.because.as_ref(), members);
    finding.remedy(remedy)
}

fn remedy(
    standings: &Standings<'_>,
    denied: bool,
    because: Option<&StatementRef>,
    members: &[Gap<'_, '_>],
) -> Remedy {
    let grants: Vec<(String, Vec<String>)> = members.iter().map(|(ask, _)| grant(ask)).collect();
    match because {
        Some(statement) if denied => Remedy::ExemptFromRolePolicy {
            policy: statement.policy.clone(),
            statement: statement.index,
            grants,
        },
        // A role without any of the guide's actions gets the guide's whole template.
        _ if !standings.names_any_need() => Remedy::AllowOnRole {
            grants: standings.all.iter().map(|standing| grant(&standing.ask)).collect(),
        },
        _ => Remedy::AllowOnRole { grants },
    }
}

fn grant(ask: &Ask<'_>) -> (String, Vec<String>) {
    (ask.action().to_owned(), vec![ask.resource.pattern.clone()])
}
