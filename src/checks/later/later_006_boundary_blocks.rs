//! LATER-006: the role's permissions boundary does not allow what the connector does.

use std::sync::Arc;

use crate::checks::shared::conditions::why_it_hits;
use crate::checks::shared::needs::{Ask, Verdict, asks, in_words, open_need};
use crate::checks::shared::policies::{boundary, own_resource_policy, role_policies};
use crate::checks::shared::services::digest;
use crate::checks::shared::simulated::{Simulated, simulated};
use crate::checks::shared::standing::depends;
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Arn, Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, StatementRef};
use crate::policy::Policy;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 6), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let role = view.role().map_err(|blocked| with_the_simulators(view, blocked))?;
    let Some(arn) = role.and_then(|role| role.boundary.as_ref()) else {
        return Ok(Outcome::Skip("the role has no permissions boundary".to_owned()));
    };
    let document = boundary(view);
    let asks = asks(view)?.into_iter().filter(Ask::is_called);
    let parts = asks.flat_map(|ask| match &document {
        Ok(Some(policy)) => ask.refused_parts(|part| part.of_boundary(policy)),
        _ => vec![ask],
    });
    let asks: Vec<Ask<'_>> = parts.collect();
    let mut refused = Vec::new();
    let mut undecided = None;
    let mut proof = Vec::new();
    for ask in &asks {
        let own = match &document {
            Ok(Some(policy)) => Ok(Some(ask.of_boundary(policy))),
            Ok(None) => Ok(None),
            Err(blocked) => Err(blocked.clone()),
        };
        let answer = compared(ask, own, simulated(view, ask).ok());
        match answer.and_then(|answer| lifted(view, ask, &document, answer)) {
            Ok(Answer { refusal: None, evidence }) => proof.push((ask, evidence)),
            Ok(Answer { refusal: Some(refusal), evidence }) => refused.push((ask, refusal, evidence)),
            Err(blocked) => undecided = undecided.or(Some(blocked)),
        }
    }
    let (refused, missed): (Vec<_>, Vec<_>) = refused.into_iter().partition(|(ask, ..)| ask.is_required());
    if !refused.is_empty() {
        return Ok(Outcome::Fail(findings(view, arn, &refused)));
    }
    // What could not be asked about may be refused as well.
    if let Some(undecided) = undecided.or_else(|| open_need(view)) {
        return Err(undecided);
    }
    // What the connector calls and goes on without, at some cost.
    if !missed.is_empty() {
        return Ok(Outcome::Warn(findings(view, arn, &missed)));
    }
    Ok(Outcome::Pass(digest(proof, "the permissions boundary allows", "AWS's simulator allows")))
}

/// Why nobody knows whether there is a boundary, with what AWS's simulator says of one.
fn with_the_simulators(view: &View<'_>, blocked: Blocked) -> Blocked {
    let Ok(asks) = asks(view) else { return blocked };
    let said = asks.into_iter().filter(Ask::is_called).find_map(|ask| {
        let aws = simulated(view, &ask).ok().filter(|aws| aws.boundary() == Some(false))?;
        aws.boundary_evidence()
    });
    match said {
        Some(said) => Blocked { why: format!("{}; {}", blocked.why, said.text), ..blocked },
        None => blocked,
    }
}

/// What the boundary makes of one question.
struct Answer {
    refusal: Option<Refusal>,
    evidence: Vec<Evidence>,
}

#[derive(Default)]
struct Refusal {
    because: Option<StatementRef>,
    detail: Option<String>,
}

/// The answer, unless the boundary's is a mere lack of an Allow and the policy of the resource allows the session
/// by itself, which a boundary does not limit.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>
fn lifted(
    view: &View<'_>,
    ask: &Ask<'_>,
    document: &Result<Option<Arc<Policy>>, Blocked>,
    answer: Answer,
) -> Result<Answer, Blocked> {
    let denied = |refusal: &Refusal| refusal.because.as_ref().is_some_and(|it| it.effect == "Deny");
    let (Some(refusal), Ok(Some(boundary))) = (&answer.refusal, document) else { return Ok(answer) };
    if denied(refusal) {
        return Ok(answer);
    }
    let unread = |unread: Blocked| {
        Blocked {
            why: format!(
                "{}; it might allow {} to the session itself, which no boundary limits",
                unread.why,
                ask.action()
            ),
            ..unread
        }
        .about([ask.concern()])
    };
    let Some(resource) = own_resource_policy(view, ask).map_err(unread)? else { return Ok(answer) };
    match ask.of_all(&role_policies(view).documents(), boundary, &resource) {
        Verdict::Allowed(statements) => {
            let text = format!(
                "{} on {} is allowed to the session itself by the policy of the resource, which the boundary does not limit",
                ask.action(),
                ask.resource.pattern
            );
            Ok(Answer { refusal: None, evidence: vec![Evidence::evaluated(statements, text)] })
        }
        Verdict::Depends { keys, statements } => Err(depends(ask, &keys, &statements)),
        Verdict::NotAllowed(_) | Verdict::Denied(_) => Ok(answer),
    }
}

fn compared(
    ask: &Ask<'_>,
    own: Result<Option<Verdict>, Blocked>,
    aws: Option<Simulated<'_>>,
) -> Result<Answer, Blocked> {
    let vote = aws.and_then(|aws| aws.boundary());
    let said: Vec<Evidence> = aws.iter().filter_map(Simulated::boundary_evidence).collect();
    let own = match (own, vote) {
        (Ok(Some(own)), _) => own,
        (_, Some(true)) => return Ok(Answer { refusal: None, evidence: said }),
        (_, Some(false)) => return Ok(Answer { refusal: Some(Refusal::default()), evidence: said }),
        (Err(blocked), None) => return Err(blocked),
        (Ok(None), None) => Verdict::NotAllowed(None),
    };
    if let (Some(bare), Some(vote)) = (own.bare(), vote)
        && bare.is_allowed() != vote
    {
        return Err(disagreement(ask, bare.is_allowed()));
    }
    let text =
        |verdict: &str| format!("{} on {}: the boundary {verdict}", ask.action(), ask.resource.pattern);
    let (refusal, statements, text) = match own {
        Verdict::Depends { keys, statements } => return Err(depends(ask, &keys, &statements)),
        Verdict::Allowed(statements) => (None, statements, text("allows it")),
        Verdict::Denied(statements) => {
            let because = statements.first().cloned();
            let detail = because.as_ref().map(|it| format!("{} denies it", words::statement(it)));
            (Some(Refusal { because, detail }), statements, text("denies it"))
        }
        Verdict::NotAllowed(nearest) => {
            let detail = nearest.as_ref().map(ToString::to_string);
            let because = nearest.map(|miss| miss.statement);
            let statements = because.iter().cloned().collect();
            (Some(Refusal { because, detail }), statements, text("has no statement that allows it"))
        }
    };
    let mut evidence = vec![Evidence::evaluated(statements, text)];
    evidence.extend(said);
    Ok(Answer { refusal, evidence })
}

fn disagreement(ask: &Ask<'_>, ours: bool) -> Blocked {
    let word = |allows| if allows { "allows" } else { "does not allow" };
    Blocked {
        what: format!("whether the permissions boundary allows {} on {}", ask.action(), ask.resource.pattern),
        why: format!(
            "AWS's simulator says that it {} and the doctor's own engine that it {}, for no reason that it knows of",
            word(!ours),
            word(ours)
        ),
        grant: None,
        hint: Some("let the connector write once and read its log: AWS's own answer counts".to_owned()),
        concerns: vec![ask.concern()],
    }
}

type Refused<'s, 'a> = (&'s Ask<'a>, Refusal, Vec<Evidence>);

/// One finding for each statement at fault.
fn findings(view: &View<'_>, arn: &Arn, refused: &[Refused<'_, '_>]) -> Vec<Finding> {
    let mut groups: Vec<(Option<&StatementRef>, Vec<&Refused<'_, '_>>)> = Vec::new();
    for member in refused {
        let because = member.1.because.as_ref();
        match groups.iter_mut().find(|(known, _)| *known == because) {
            Some((_, members)) => members.push(member),
            None => groups.push((because, vec![member])),
        }
    }
    groups.into_iter().map(|(because, members)| finding(view, arn, because, &members)).collect()
}

fn finding(
    view: &View<'_>,
    arn: &Arn,
    because: Option<&StatementRef>,
    members: &[&Refused<'_, '_>],
) -> Finding {
    let (mut actions, mut grants) = (Vec::new(), Vec::new());
    for (ask, ..) in members {
        words::add(&mut actions, ask.action());
        words::add(&mut grants, ask.grant());
    }
    let role = &view.target().role.name;
    let mut what = format!(
        "The permissions boundary {} does not let {role} do {} on {}",
        arn.name(),
        words::some(&actions),
        in_words(members.iter().map(|(ask, ..)| *ask))
    );
    if let Some(detail) = members.iter().find_map(|(_, refusal, _)| refusal.detail.as_deref()) {
        what = format!("{what}: {detail}");
    }
    if let (Some(because), Ok(Some(policy)), Some((ask, ..))) = (because, boundary(view), members.first())
        && because.effect == "Deny"
    {
        let why = why_it_hits(&policy, because.index, &view.situation(&ask.requirement));
        what = format!("{what}, for {why}");
    }
    let mut finding = Finding::new(arn.to_string(), what)
        .also(Section::Write)
        .about(members.iter().map(|(ask, ..)| ask.concern()));
    let pieces = members.iter().map(|(ask, _, evidence)| (*ask, evidence.clone()));
    finding.evidence = digest(pieces, "the permissions boundary does not allow", "AWS's simulator refuses");
    finding.because = because.cloned();
    finding.remedy(Remedy::AllowInBoundary { grants })
}
