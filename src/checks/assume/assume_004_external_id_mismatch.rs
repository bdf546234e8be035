//! ASSUME-004: the trust policy asks for another external id than Streamkap sends.

use crate::checks::shared::trust::{
    Judged, Principals, Reading, TOO_SHORT, Trust, Truth, difference, external_id_fault, hits, is_placeholder,
};
use crate::checks::shared::{history, phrases::absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, ExternalId, Finding, Outcome, Remedy, Section, Source};
use crate::policy::Condition;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 4), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let Some(best) = trust.best() else {
        return Ok(Outcome::Skip(
            "no statement of the trust policy is about Streamkap (reported as ASSUME-002)".to_owned(),
        ));
    };
    // Where it is not what was given, the difference says more.
    let is_other = view.target().external_id.is_some() && best.external_id() == Truth::Fails;
    if let Some((asked, fault)) = impossible(best).filter(|_| !is_other) {
        return Ok(Outcome::Fail(vec![unmeetable(view, &trust, best, asked, fault)]));
    }
    let Some(given) = view.target().external_id.as_ref() else { return not_given(view, &trust, best) };
    let denies: Vec<&Reading> = trust
        .denies
        .iter()
        .filter(|deny| !deny.external_ids.is_empty() && hits(deny) == Truth::Holds)
        .collect();
    let mut findings: Vec<Finding> = denies.iter().map(|deny| mismatch(view, &trust, deny, given)).collect();
    match best.external_id() {
        Truth::Fails => findings.insert(0, mismatch(view, &trust, best, given)),
        Truth::Hangs if findings.is_empty() => return Err(hangs(best)),
        Truth::Hangs | Truth::Holds => {}
    }
    if findings.is_empty() {
        Ok(Outcome::Pass(vec![accepted(view, best, given)]))
    } else {
        Ok(Outcome::Fail(findings))
    }
}

/// A condition that no external id meets, whichever Streamkap was given, and why.
fn impossible(best: &Reading) -> Option<(&Condition, &'static str)> {
    best.external_ids.iter().map(|it| &it.condition).find_map(|condition| {
        let faults: Option<Vec<&str>> =
            condition.values.iter().map(|value| never_sent(value, condition)).collect();
        Some((condition, *faults?.first()?))
    })
}

/// Why no external id can be what a condition compares with. `None`: one can, or it cannot be told.
fn never_sent(value: &str, condition: &Condition) -> Option<&'static str> {
    let operator = condition.operator.to_ascii_lowercase();
    // A variable stands for something else, and what is to be unlike a text may be anything.
    let is_open = ["not", "ifexists", "forallvalues"].iter().any(|it| operator.contains(it));
    if !operator.contains("string") || is_open || value.contains("${") {
        return None;
    }
    let is_pattern = operator.contains("like") && value.contains(['*', '?']);
    let text = if is_pattern { value.replace(['*', '?'], "") } else { value.to_owned() };
    external_id_fault(&text).filter(|fault| !(is_pattern && *fault == TOO_SHORT))
}

fn unmeetable(
    view: &View<'_>,
    trust: &Trust<'_>,
    best: &Reading,
    condition: &Condition,
    fault: &'static str,
) -> Finding {
    let role = trust.role.arn.name();
    let placeholder = condition.values.iter().find(|value| is_placeholder(value));
    let what = match placeholder {
        Some(left) => format!(
            "The trust policy of {role} still has a placeholder, {}, where the external id belongs",
            masked(left)
        ),
        None => format!(
            "The trust policy of {role} asks for the external id {}, which nobody can send: {fault}",
            values(condition)
        ),
    };
    let text = format!("{}, line {}: {fault}", statement(best), condition.line);
    let allowed = "an external id has 2 to 1,224 letters of A to Z, a to z, 0 to 9 and _+=,.@:/-".to_owned();
    let reference = "docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html".to_owned();
    let mut finding = Finding::new(trust.role.arn.as_str(), what)
        .because(best.reference.clone())
        .evidence(best.evidence(text))
        .evidence(Evidence { source: Source::Documentation { reference }, text: allowed });
    if let Some(given) = view.target().external_id.as_ref() {
        let text = format!("--external-id is {given}");
        finding = finding.evidence(Evidence { source: Source::Given, text });
    }
    finding.remedy(Remedy::SetExternalId { statement: best.reference.index })
}

fn accepted(view: &View<'_>, best: &Reading, given: &ExternalId) -> Evidence {
    let text = if best.external_ids.is_empty() && view.installs_only() {
        format!("{} asks for no external id, and an installer may send none", best.name())
    } else if best.external_ids.is_empty() {
        format!("{} asks for no external id: PRACTICE-001 says why it should", best.name())
    } else {
        format!("{} accepts the external id given, {given}", best.name())
    };
    best.evidence(text)
}

/// Without an external id to compare with nothing can be said, except when none is asked for.
fn not_given(view: &View<'_>, trust: &Trust<'_>, best: &Reading) -> Result<Outcome, Blocked> {
    let asked: Vec<&Condition> = best
        .external_ids
        .iter()
        .chain(trust.denies.iter().flat_map(|it| &it.external_ids))
        .map(|it| &it.condition)
        .collect();
    if asked.is_empty() {
        let text = format!("{} asks for no external id", best.name());
        return Ok(Outcome::Pass(vec![best.evidence(text)]));
    }
    let wanted: Vec<String> = asked.iter().flat_map(|it| &it.values).map(|value| masked(value)).collect();
    let mut why = format!("no --external-id was given; the trust policy asks for {}", words::list(&wanted));
    let assumptions = history::assumptions(view).unwrap_or_default();
    if let Some((event, used)) = last_used(&assumptions.successes) {
        let same = asked.iter().any(|it| it.values.iter().any(|value| value == used.expose()));
        let same = if same { ", the same" } else { "" };
        why = format!("{why}, and Streamkap last got in with {used}{same}, on {}", history::when(event));
    }
    Err(Blocked {
        hint: Some(
            "Copy it from the connector's setup in the Streamkap app and give it with --external-id"
                .to_owned(),
        ),
        ..Blocked::new("the external id of the Streamkap app", why)
    })
}

/// The external id of the last successful call that tells one.
fn last_used<'a>(successes: &[&'a crate::trail::Event]) -> Option<(&'a crate::trail::Event, ExternalId)> {
    successes.iter().rev().find_map(|event| Some((*event, ExternalId::new(event.parameter("externalId")?))))
}

fn hangs(best: &Reading) -> Blocked {
    Blocked::new(
        "whether the trust policy accepts the external id",
        format!("{} compares it with what only AWS knows", best.name()),
    )
}

fn mismatch(view: &View<'_>, trust: &Trust<'_>, reading: &Reading, given: &ExternalId) -> Finding {
    let refused: Vec<&Judged> =
        reading.external_ids.iter().filter(|it| it.truth != Truth::Holds || is_deny(reading)).collect();
    let role = trust.role.arn.name();
    let condition = refused.first().map(|it| &it.condition);
    let what =
        condition.map_or_else(String::new, |condition| sentence(role, condition, given, is_deny(reading)));
    let mut finding = Finding::new(trust.role.arn.as_str(), what).because(reading.reference.clone());
    for judged in &refused {
        finding = finding.evidence(reading.evidence(compared(reading, &judged.condition, given)));
    }
    let assumptions = history::assumptions(view).unwrap_or_default();
    if let Some((event, used)) = last_used(&assumptions.successes) {
        finding = finding.evidence(history::evidence(event, success(event, &used, &refused, given)));
    }
    finding
        .evidence(Evidence { source: Source::Given, text: format!("--external-id is {given}") })
        .remedy(Remedy::SetExternalId { statement: reading.reference.index })
}

fn is_deny(reading: &Reading) -> bool {
    reading.statement.effect == crate::policy::Effect::Deny
}

/// What is wrong, with the nearest of the values asked for.
fn sentence(role: &str, condition: &Condition, given: &ExternalId, denies: bool) -> String {
    let operator = condition.operator.to_ascii_lowercase();
    if condition.values.is_empty() {
        return format!("The trust policy of {role} names no external id at all, so that none is accepted");
    }
    if denies {
        let wanted = values(condition);
        return format!("The trust policy of {role} denies whoever sends {given}: it compares with {wanted}");
    }
    if operator.contains("null") {
        return format!(
            "The trust policy of {role} lets in only those who send no external id, and Streamkap sends one"
        );
    }
    if operator.contains("not") {
        return format!(
            "The trust policy of {role} refuses the external id that Streamkap sends, {given}: {} lets in all but it",
            condition.operator
        );
    }
    if !operator.contains("string") {
        return format!(
            "The trust policy of {role} compares the external id with {}, which texts never satisfy",
            condition.operator
        );
    }
    let nearest =
        condition.values.iter().min_by_key(|value| crate::model::edit_distance(value, given.expose()));
    let nearest = nearest.map_or("", String::as_str);
    if is_placeholder(nearest) {
        return format!(
            "The trust policy of {role} still has a placeholder, {}, where the external id belongs",
            masked(nearest)
        );
    }
    if condition.values.iter().any(|value| value == given.expose()) {
        return format!(
            "The trust policy of {role} names the external id, but {} does not accept it",
            condition.operator
        );
    }
    if !operator.contains("like") && nearest.contains(['*', '?']) {
        return format!(
            "The trust policy of {role} asks for {} with {}, which takes the wildcard as it stands; only StringLike expands it",
            masked(nearest),
            condition.operator
        );
    }
    format!(
        "The trust policy of {role} asks for the external id {}, and Streamkap sends {given}: {}",
        values(condition),
        difference(nearest, given.expose())
    )
}

fn values(condition: &Condition) -> String {
    words::list(&condition.values.iter().map(|value| masked(value)).collect::<Vec<_>>())
}

fn masked(value: &str) -> String {
    crate::policy::clean(&ExternalId::new(value).masked()).into_owned()
}

fn compared(reading: &Reading, condition: &Condition, given: &ExternalId) -> String {
    format!(
        "{}, line {}: {} on {} with {} is not met by {given}",
        statement(reading),
        condition.line,
        condition.operator,
        condition.key,
        if condition.values.is_empty() { "no value".to_owned() } else { values(condition) }
    )
}

fn statement(reading: &Reading) -> String {
    match reading.principals {
        Principals::Streamkap | Principals::Everybody => reading.name(),
        _ => format!("{} (whose principal is wrong too)", reading.name()),
    }
}

fn success(
    event: &crate::trail::Event,
    used: &ExternalId,
    refused: &[&Judged],
    given: &ExternalId,
) -> String {
    let when = history::when(event);
    if used == given {
        return format!(
            "Streamkap got in with the external id given, {given}, on {when}: the trust policy was changed since"
        );
    }
    let wanted = refused.iter().any(|it| it.condition.values.iter().any(|value| value == used.expose()));
    let relation = if wanted {
        "the one that the trust policy asks for"
    } else {
        "neither the one given nor the one asked for"
    };
    format!("Streamkap last got in with {used}, {relation}, on {when}")
}
