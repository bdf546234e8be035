//! WRITE-004: the role's own policies do not allow what the connector needs.

use crate::catalog::Level;
use crate::checks::shared::needs::Ask;
use crate::checks::shared::standing::{Cause, Refusal, Standings};
use crate::checks::shared::{absent_bucket, absent_role, bucket_name, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, Source, StatementRef};
use crate::policy::scope::covers;

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
    let open = view.open_requirements();
    if let Some(open) = open.iter().find(|it| matches!(it.need.level, Level::Required | Level::Conditional)) {
        return Err(open.blocked.clone());
    }
    if !gaps.is_empty() {
        let owners = words::unique(gaps.iter().map(|(_, refusal)| refusal.cause.owner()));
        return Ok(Outcome::Skip(format!("what is missing is reported as {}", words::list(&owners))));
    }
    if standings.required().next().is_none() {
        return Ok(Outcome::Skip("the connectors need no permission of the role".to_owned()));
    }
    Ok(Outcome::Pass(standings.proof()))
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
    /// `None`: a Glue action is one gap, whatever its ARNs.
    pattern: Option<String>,
    because: Option<StatementRef>,
}

impl Key {
    fn of(ask: &Ask<'_>, refusal: &Refusal) -> Self {
        let denied = refusal.cause == Cause::Denied;
        if !ask.is_of_catalog() {
            let pattern = Some(ask.resource.pattern.clone());
            return Self { denied, pattern, because: refusal.because.clone() };
        }
        // Which statement comes nearest to an action that none names is chance.
        let because = refusal.because.clone().filter(|_| denied || refusal.conditional);
        Self { denied, pattern: None, because }
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
    let patterns = patterns(members);
    let mut what = format!("{role} may not do {} on {}", words::list(&actions), words::list(&patterns));
    let detail = members.iter().find_map(|(_, refusal)| refusal.detail.as_deref());
    match detail {
        Some(detail) => what = format!("{what}: {detail}"),
        None if none => what = format!("{what}: it has no policy"),
        None => {}
    }
    let mut finding = Finding::new(patterns.join(", "), what);
    for (_, refusal) in members {
        words::add_all(&mut finding.evidence, refusal.evidence.iter().cloned());
    }
    for (ask, _) in members {
        let need = ask.requirement.need;
        let text =
            format!("{} is needed at {}: without it, {}", ask.action(), need.phase.as_str(), need.breaks);
        let source = Source::Documentation { reference: need.source.clone() };
        words::add(&mut finding.evidence, Evidence { source, text });
    }
    finding.because = key.because.or_else(|| members.first().and_then(|(_, it)| it.because.clone()));
    let remedy = remedy(standings, key.denied, finding.because.as_ref(), members);
    finding.remedy(remedy)
}

fn remedy(
    standings: &Standings<'_>,
    denied: bool,
    because: Option<&StatementRef>,
    members: &[Gap<'_, '_>],
) -> Remedy {
    let grants = grants(members);
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

/// The resources that are asked for, without those that another covers.
fn patterns(members: &[Gap<'_, '_>]) -> Vec<String> {
    let all = words::unique(members.iter().map(|(ask, _)| ask.resource.pattern.clone()));
    let covered = |it: &String| all.iter().any(|other| other != it && covers(other, it));
    all.iter().filter(|it| !covered(it)).cloned().collect()
}

/// Each action with the resources that it is asked on.
fn grants(members: &[Gap<'_, '_>]) -> Vec<(String, Vec<String>)> {
    let actions = words::unique(members.iter().map(|(ask, _)| ask.action()));
    let of = |action: &str| -> Vec<Gap<'_, '_>> {
        members.iter().filter(|(ask, _)| ask.action() == action).copied().collect()
    };
    actions.into_iter().map(|action| (action.to_owned(), patterns(&of(action)))).collect()
}

fn grant(ask: &Ask<'_>) -> (String, Vec<String>) {
    (ask.action().to_owned(), vec![ask.resource.pattern.clone()])
}
