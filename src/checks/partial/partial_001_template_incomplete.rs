//! PARTIAL-001: the role's policies against the guide's template, action by action.

use crate::catalog::Level;
use crate::checks::shared::needs::{in_words, patterns};
use crate::checks::shared::places::join;
use crate::checks::shared::standing::{Answer, Cause, Refusal, Standing, Standings};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, Source, StatementRef};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 1), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let missing: Vec<&Standing<'_>> = standings.required().filter(|it| is_missing(it)).collect();
    // Of a role that may do nothing at all, WRITE-004 and LATER-004 tell.
    let mut required = standings.required().peekable();
    let is_there = required.peek().is_none() || required.any(|it| matches!(it.answer, Answer::Allowed(_)));
    if is_there {
        let mut findings = Vec::new();
        if !missing.is_empty() {
            findings.push(incomplete(view, &standings, &missing));
        }
        findings.extend(optional_gaps(view, &standings));
        if !findings.is_empty() {
            return Ok(Outcome::Warn(findings));
        }
    }
    standings.policies.complete()?;
    let undecided = standings.optional().filter_map(|it| match &it.answer {
        Answer::Unless(_, blocked) | Answer::Undecided(blocked) => Some(blocked.clone()),
        _ => None,
    });
    let open = view.open_requirements().into_iter().filter(|it| it.need.level == Level::Optional);
    let unread = undecided.chain(standings.unless("WRITE-004")).chain(open.map(|it| it.blocked));
    let unread: Vec<Blocked> = unread.collect();
    if !unread.is_empty() {
        return Ok(join(unread.into_iter().map(Err)));
    }
    let mut evidence = vec![present(&standings)];
    evidence.extend(absent(&standings));
    Ok(Outcome::Pass(evidence))
}

fn is_missing(standing: &Standing<'_>) -> bool {
    matches!(&standing.answer, Answer::Refused(refusal) if refusal.cause == Cause::Missing)
}

/// One finding for each thing that the connector calls and goes on without, at some cost. What a required
/// gap brings along is reported with that one.
fn optional_gaps(view: &View<'_>, standings: &Standings<'_>) -> Vec<Finding> {
    let mut groups: Vec<(&str, Vec<(&Standing<'_>, &Refusal)>)> = Vec::new();
    for standing in standings.optional() {
        let Answer::Refused(refusal) = &standing.answer else { continue };
        let of_required = standings.gaps().any(|(_, required)| {
            required.cause != Cause::Missing
                && required.cause == refusal.cause
                && required.because == refusal.because
        });
        if of_required || matches!(refusal.cause, Cause::WrongForm { .. } | Cause::NoBucket) {
            continue;
        }
        let action = standing.ask.action();
        match groups.iter_mut().find(|(known, _)| *known == action) {
            Some((_, members)) => members.push((standing, refusal)),
            None => groups.push((action, vec![(standing, refusal)])),
        }
    }
    groups.into_iter().map(|(action, members)| costly(view, action, &members)).collect()
}

fn costly(view: &View<'_>, action: &str, members: &[(&Standing<'_>, &Refusal)]) -> Finding {
    let role = &view.target().role.name;
    let resources = words::unique(members.iter().map(|(it, _)| it.ask.whole().to_owned()));
    let breaks = members.first().map_or("", |(it, _)| it.ask.requirement.need.breaks.as_str());
    let what = format!(
        "{role} may not do {action} on {}, which the connector calls and goes on without: {breaks}",
        in_words(members.iter().map(|(it, _)| &it.ask))
    );
    let refused = words::some(&patterns(members.iter().map(|(it, _)| &it.ask)));
    let mut finding = Finding::new(refused, what).about(members.iter().map(|(it, _)| it.ask.concern()));
    for (it, refusal) in members {
        words::add_all(&mut finding.evidence, refusal.evidence.iter().cloned());
        let need = it.ask.requirement.need;
        let text = need.symptom.clone().unwrap_or_else(|| need.breaks.clone());
        let source = Source::Documentation { reference: need.source.clone() };
        words::add(&mut finding.evidence, Evidence { source, text });
    }
    let grants = vec![(action.to_owned(), resources)];
    let because = members.iter().find_map(|(_, refusal)| refusal.because.clone());
    let denied = members.iter().any(|(_, refusal)| refusal.cause == Cause::Denied);
    finding.because.clone_from(&because);
    finding.remedy(match because {
        Some(statement) if denied => {
            Remedy::ExemptFromRolePolicy { policy: statement.policy, statement: statement.index, grants }
        }
        _ => Remedy::AllowOnRole { grants },
    })
}

fn incomplete(view: &View<'_>, standings: &Standings<'_>, missing: &[&Standing<'_>]) -> Finding {
    let names: Vec<&str> = words::unique(missing.iter().map(|it| it.ask.action()));
    let mut allowed: Vec<&str> = Vec::new();
    let works = standings.required().filter(|it| matches!(it.answer, Answer::Allowed(_)));
    words::add_all(&mut allowed, works.map(|it| it.ask.action()));
    let what = format!(
        "{} has {} of the guide's template, and lacks {} (see WRITE-004)",
        view.target().role.name,
        words::some(&allowed),
        words::some(&names),
    );
    let grants = words::unique(missing.iter().map(|it| it.ask.grant()));
    let mut finding = Finding::new(view.target().role.name.clone(), what)
        .about(missing.iter().map(|it| it.ask.concern()))
        .evidence(present(standings));
    for (without, it) in consequences(missing) {
        let need = it.ask.requirement.need;
        let text = format!("without {}, {}", words::some(&without), need.breaks);
        finding = finding
            .evidence(Evidence { source: Source::Documentation { reference: need.source.clone() }, text });
    }
    finding.remedy(Remedy::AllowOnRole { grants })
}

/// The missing actions, those together without which the same breaks.
fn consequences<'s, 'a>(missing: &[&'s Standing<'a>]) -> Vec<(Vec<&'s str>, &'s Standing<'a>)> {
    let mut found: Vec<(Vec<&str>, &Standing<'_>)> = Vec::new();
    let what = |it: &'s Standing<'a>| (&it.ask.requirement.need.breaks, &it.ask.requirement.need.source);
    for it in missing {
        match found.iter_mut().find(|(_, known)| what(known) == what(it)) {
            Some((actions, _)) => words::add(actions, it.ask.action()),
            None => found.push((vec![it.ask.action()], it)),
        }
    }
    found
}

/// The template's actions that the role's own policies allow, and those that others allow in their stead.
fn present(standings: &Standings<'_>) -> Evidence {
    let (mut own, mut granted): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut statements: Vec<StatementRef> = Vec::new();
    for standing in &standings.all {
        let verdict = standing.ask.of_identity(&standings.policies.documents());
        if verdict.is_allowed() {
            words::add(&mut own, standing.ask.action());
            words::add_all(&mut statements, verdict.statements().iter().cloned());
        } else if let Answer::Allowed(evidence) = &standing.answer {
            words::add(&mut granted, standing.ask.action());
            let of = evidence.iter().filter_map(|it| match &it.source {
                Source::Evaluation { statements } => Some(statements),
                _ => None,
            });
            words::add_all(&mut statements, of.flatten().cloned());
        }
    }
    let text = match (own.is_empty(), granted.is_empty()) {
        (true, true) => "of the guide's template the role has nothing at all: that is no template which is \
                         there in part, but what WRITE-004 and LATER-004 look at"
            .to_owned(),
        (_, true) => format!("of the guide's template the role has {}", words::some(&own)),
        (true, false) => format!(
            "of the guide's template the role has {}, allowed by another policy than its own",
            words::some(&granted)
        ),
        (false, false) => format!(
            "of the guide's template the role has {}, and {} by another policy than its own",
            words::some(&own),
            words::some(&granted)
        ),
    };
    Evidence::evaluated(statements, text)
}

/// Actions that the template lists and the connector never calls, so that nothing fails without them.
fn absent(standings: &Standings<'_>) -> Option<Evidence> {
    let mut names: Vec<&str> = Vec::new();
    for standing in standings.all.iter().filter(|it| !it.ask.is_required() && !it.ask.is_optional()) {
        if !standing.ask.of_identity(&standings.policies.documents()).is_allowed() {
            words::add(&mut names, standing.ask.action());
        }
    }
    let text = format!("the template also lists {}, which the connector never calls", words::list(&names));
    let reference = "docs.streamkap.com/aws-cross-account-iam".to_owned();
    (!names.is_empty()).then_some(Evidence { source: Source::Documentation { reference }, text })
}
