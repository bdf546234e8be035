//! LATER-002: a change took from the role what the connector needs: who, when, and what went.
//!
//! What is refused now is put to the policies as they were before each change, newest first. The change
//! before which it was allowed is the cause.

use serde_json::Value;

use crate::checks::shared::history::{self, Assumptions};
use crate::checks::shared::keys;
use crate::checks::shared::needs::{Ask, asks};
use crate::checks::shared::phrases::absent_role;
use crate::checks::shared::rewind::{Before, Past, text_of};
use crate::checks::shared::state::{Judgement, Layer, State};
use crate::checks::shared::trust::{Call, Trust, Truth};
use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::facts::{FactId, KeyMetadata, Purpose};
use crate::model::{Blocked, CheckId, Evidence, ExternalId, Finding, Outcome, Owner, Remedy, Section};
use crate::requirement::POLICIES_IN_EVENTS;
use crate::trail::{Event, change_kind};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 2), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    let searched = history::events(view, Purpose::Changes)?;
    let changes: Vec<&Event> =
        searched.events.iter().copied().filter(|it| change_kind(it).is_some()).collect();
    let past = Past { view, role, changes };
    let assumptions = history::assumptions(view).unwrap_or_default();
    let asks: Vec<Ask<'_>> = asks(view)?.into_iter().filter(Ask::is_required).collect();
    let trust = trust_cause(&past, &assumptions);
    let mut causes = causes(&past, &asks);
    causes.extend(trust.cause);
    causes.extend(key_causes(&past, &asks));
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.at));
    // What stood there before may never have worked, where Streamkap is not known to have got in.
    let got_in = |cause: &Cause<'_>| got_in_before(&past, &assumptions, cause.event).is_some();
    let (known, open): (Vec<_>, Vec<_>) = causes.into_iter().partition(|it| it.proven || got_in(it));
    if !known.is_empty() {
        return Ok(Outcome::Fail(known.iter().map(|cause| finding(&past, &assumptions, cause)).collect()));
    }
    if let Some(blocked) = open.first().map(unproven).or_else(|| undecided(&past, &asks, &assumptions)) {
        return Err(blocked);
    }
    let judged = Judged::of(&State::now(view, &asks), &asks, trust.lets_in);
    match searched.gap() {
        Some(gap) if judged != Judged::Allowed => Err(gap),
        _ => Ok(Outcome::Pass(passed(&past, &assumptions, &searched, judged))),
    }
}

/// What becomes now of all that the connectors need, Streamkap's getting in included.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    Allowed,
    Refused,
    Open,
}

impl Judged {
    fn of(now: &State, asks: &[Ask<'_>], lets_in: Truth) -> Self {
        let judgements: Vec<Judgement> = asks.iter().map(|ask| now.judge(ask)).collect();
        let any = |kind: fn(&Judgement) -> bool| judgements.iter().any(kind);
        if lets_in == Truth::Fails || any(|it| matches!(it, Judgement::Refused { .. })) {
            Self::Refused
        } else if lets_in == Truth::Hangs || any(|it| matches!(it, Judgement::Open(_))) {
            Self::Open
        } else {
            Self::Allowed
        }
    }
}

/// Streamkap's last successful call for the role before a change.
fn got_in_before<'a>(
    past: &Past<'_, '_>,
    assumptions: &Assumptions<'a>,
    change: &Event,
) -> Option<&'a Event> {
    assumptions.of_role(past.role).rev().find(|it| it.event_time < change.event_time)
}

/// A change by which something may have been lost, or never have been there.
fn unproven(cause: &Cause<'_>) -> Blocked {
    let (verb, lost) = (if cause.lost.len() == 1 { "is" } else { "are" }, words::list(&cause.lost));
    Blocked::new(
        format!("whether {lost}, which {verb} not allowed now, went with a change"),
        format!(
            "on {} {}; what stood there before is not in the history, nor that Streamkap got in before",
            history::when(cause.event),
            told(cause.event)
        ),
    )
}

/// A change and what was lost by it.
struct Cause<'a> {
    /// The position of the change.
    at: usize,
    /// What is refused since: the actions with their resources, or `sts:AssumeRole`.
    lost: Vec<String>,
    grants: Vec<(String, Vec<String>)>,
    /// Whether what stood there before is known and allowed it.
    proven: bool,
    layer: Option<Layer>,
    event: &'a Event,
    /// The key, if that is what was changed.
    key: Option<&'a KeyMetadata>,
}

/// The changes before which something that is refused now was allowed.
fn causes<'a>(past: &Past<'_, 'a>, asks: &[Ask<'_>]) -> Vec<Cause<'a>> {
    let mut state = State::now(past.view, asks);
    let mut refused: Vec<(&Ask<'_>, Layer)> = asks
        .iter()
        .filter_map(|ask| match state.judge(ask) {
            Judgement::Refused { layer, .. } => Some((ask, layer)),
            _ => None,
        })
        .collect();
    let mut causes = Vec::new();
    for at in past.own() {
        if refused.is_empty() {
            break;
        }
        if !past.undo(&mut state, at) {
            continue;
        }
        let mut cause = Cause {
            at,
            lost: Vec::new(),
            grants: Vec::new(),
            proven: true,
            layer: None,
            event: past.changes[at],
            key: None,
        };
        refused.retain(|(ask, layer)| {
            let judgement = state.judge(ask);
            if matches!(judgement, Judgement::Refused { .. }) {
                return true;
            }
            cause.proven &= matches!(judgement, Judgement::Allowed(_));
            cause.layer = Some(*layer);
            cause.lost.push(format!("{} on {}", ask.action(), ask.resource.pattern));
            cause.grants.push((ask.action().to_owned(), vec![ask.resource.pattern.clone()]));
            false
        });
        if !cause.lost.is_empty() {
            causes.push(cause);
        }
    }
    causes
}

/// Whether the trust policy lets Streamkap in, and the change since which it does not.
struct TrustNow<'a> {
    lets_in: Truth,
    cause: Option<Cause<'a>>,
}

fn trust_cause<'a>(past: &Past<'_, 'a>, assumptions: &Assumptions<'_>) -> TrustNow<'a> {
    let mut call = Call::of(past.view, past.role);
    if call.external_id.is_none() {
        // What it last got in with is what it sends.
        let used = assumptions.successes.iter().rev().find_map(|event| event.parameter("externalId"));
        call.external_id = used.map(ExternalId::new);
    }
    let lets_in = |text: &str| {
        Trust::of(past.view, past.role, text, call.clone())
            .map_or(Truth::Hangs, |trust| trust.lets_in_streamkap())
    };
    let now = lets_in(&past.role.trust_policy);
    let mut found = TrustNow { lets_in: now, cause: None };
    if now != Truth::Fails {
        return found;
    }
    for at in past.own() {
        let event = past.changes[at];
        if event.event_name != "UpdateAssumeRolePolicy" || !past.is_role(event) {
            continue;
        }
        let stood = past.trust_before(at).as_deref().map(lets_in);
        if stood == Some(Truth::Fails) {
            continue;
        }
        let got_in = got_in_before(past, assumptions, event).is_some();
        found.cause = Some(Cause {
            at,
            lost: vec!["sts:AssumeRole by Streamkap".to_owned()],
            grants: Vec::new(),
            proven: stood == Some(Truth::Holds) || got_in,
            layer: None,
            event,
            key: None,
        });
        break;
    }
    found
}

/// Keys that were disabled or are to be deleted.
fn key_causes<'a>(past: &Past<'_, 'a>, asks: &[Ask<'_>]) -> Vec<Cause<'a>> {
    let mut causes: Vec<Cause<'a>> = Vec::new();
    for ask in asks.iter().filter(|ask| ask.is_of_key()) {
        let arn = ask.resource.probe.as_str();
        let entry = keys::entry(past.view, ask);
        let Ok(Some(key)) = past.view.key(&entry, FactId::Key, |it| &it.metadata) else { continue };
        let id = arn.rsplit('/').next().unwrap_or(arn);
        let stopped = past.own().find(|at| {
            let event = past.changes[*at];
            matches!(event.event_name.as_str(), "DisableKey" | "ScheduleKeyDeletion")
                && event.parameter("keyId").is_some_and(|named| named.ends_with(id))
        });
        let Some(at) = stopped.filter(|_| !keys::is_usable(&key.state)) else { continue };
        let event = past.changes[at];
        let lost = format!("{} on {arn}", ask.action());
        match causes.iter_mut().find(|cause| cause.at == at) {
            Some(cause) => cause.lost.push(lost),
            None => {
                causes.push(Cause {
                    at,
                    lost: vec![lost],
                    grants: Vec::new(),
                    proven: true,
                    layer: None,
                    event,
                    key: Some(key),
                });
            }
        }
    }
    causes
}

/// What keeps the check from telling whether a change after Streamkap first got in took something.
fn undecided(past: &Past<'_, '_>, asks: &[Ask<'_>], assumptions: &Assumptions<'_>) -> Option<Blocked> {
    let first = assumptions.successes.first().and_then(|event| event.event_time);
    let mut state = State::now(past.view, asks);
    let open = asks.iter().find_map(|ask| match state.judge(ask) {
        Judgement::Open(blocked) => Some(blocked),
        _ => None,
    })?;
    let touched = past.own().any(|at| past.changes[at].event_time > first && past.undo(&mut state, at));
    touched.then_some(open)
}

fn passed(
    past: &Past<'_, '_>,
    assumptions: &Assumptions<'_>,
    searched: &history::Searched<'_>,
    judged: Judged,
) -> Vec<Evidence> {
    let first = assumptions.successes.first().and_then(|event| event.event_time);
    let since = past.own().map(|at| past.changes[at]).filter(|event| event.event_time > first);
    let since: Vec<&Event> = since.collect();
    let window = searched.window();
    let verdict = match judged {
        Judged::Refused => format!("what is refused now was not taken by a change in the {window}"),
        _ if since.is_empty() && first.is_some() => {
            format!("nothing was changed since Streamkap first got in, by the {window}")
        }
        _ if since.is_empty() => format!("nothing was changed, by the {window}"),
        Judged::Allowed => "whatever was changed, all that the connector needs is still allowed".to_owned(),
        Judged::Open => format!("nothing that the connector needs was taken by a change in the {window}"),
    };
    let mut evidence = vec![Evidence::read("cloudtrail:LookupEvents", verdict)];
    if let Some(gap) = searched.gap() {
        let text = format!("{} was not searched to the end: {}", gap.what, gap.why);
        evidence.push(Evidence::read("cloudtrail:LookupEvents", text));
    }
    for event in since.iter().take(5) {
        evidence.push(history::evidence(event, format!("{} on {}", told(event), history::when(event))));
    }
    evidence
}

/// A change in words: `arn:…:assumed-role/Admin/ann detached StreamkapS3Access from StreamkapConnectorAccess`.
fn told(event: &Event) -> String {
    let who = event.identity.actor();
    let parameter = |name: &str| event.parameter(name).unwrap_or("?");
    let policy = || parameter("policyArn").rsplit('/').next().unwrap_or("?").to_owned();
    let role = parameter("roleName");
    let did = match event.event_name.as_str() {
        "DetachRolePolicy" => format!("detached {} from {role}", policy()),
        "AttachRolePolicy" => format!("attached {} to {role}", policy()),
        "DeleteRolePolicy" => format!("deleted the policy {} of {role}", parameter("policyName")),
        "PutRolePolicy" => format!("wrote the policy {} of {role}", parameter("policyName")),
        "CreatePolicyVersion" => format!("wrote a new version of {}", policy()),
        "SetDefaultPolicyVersion" => {
            format!("made {} the version of {} that counts", parameter("versionId"), policy())
        }
        "UpdateAssumeRolePolicy" => format!("changed the trust policy of {role}"),
        "PutRolePermissionsBoundary" => format!("gave {role} a permissions boundary"),
        "PutBucketPolicy" => format!("wrote the bucket policy of {}", parameter("bucketName")),
        "DeleteBucketPolicy" => format!("deleted the bucket policy of {}", parameter("bucketName")),
        "PutKeyPolicy" => format!("wrote the policy of the key {}", parameter("keyId")),
        "DisableKey" => format!("disabled the key {}", parameter("keyId")),
        "ScheduleKeyDeletion" => format!("scheduled the key {} for deletion", parameter("keyId")),
        name => format!("called {name}"),
    };
    format!("{who} {did}")
}

fn finding(past: &Past<'_, '_>, assumptions: &Assumptions<'_>, cause: &Cause<'_>) -> Finding {
    let event = cause.event;
    let when = history::when(event);
    let doubt = if cause.proven {
        ""
    } else {
        ", as far as can be told: what stood there before is not in the history"
    };
    let verb = if cause.lost.len() == 1 { "is" } else { "are" };
    let refused = words::list(&cause.lost);
    let what = format!("On {when} {}; since then {refused} {verb} not allowed{doubt}", told(event));
    let mut finding = Finding::new(past.role.arn.as_str(), what).evidence(history::evidence(
        event,
        format!("{} in {}, event {}", event.event_name, event.region, event.event_id),
    ));
    if let Some(gone) = statements_moved(past, cause.at) {
        finding = finding.evidence(history::evidence(event, gone));
    }
    if let Some(last) = got_in_before(past, assumptions, event) {
        finding = finding.evidence(history::evidence(
            last,
            format!("Streamkap got in before, last on {}", history::when(last)),
        ));
    }
    let denials = history::events(past.view, Purpose::Denials).unwrap_or_default();
    if let Some(denial) = denials.events.iter().find(|it| it.is_denial() && it.event_time > event.event_time)
    {
        let text =
            format!("the first refused call after it, on {}: {}", history::when(denial), denial.event_name);
        finding = finding.evidence(history::evidence(denial, text));
    }
    remedies(past, cause).into_iter().fold(finding, Finding::remedy)
}

/// Which statements went with the change, and which that deny came with it.
fn statements_moved(past: &Past<'_, '_>, at: usize) -> Option<String> {
    let event = past.changes[at];
    let after = POLICIES_IN_EVENTS.iter().find_map(|name| text_of(event, name));
    let before = match event.event_name.as_str() {
        "UpdateAssumeRolePolicy" => past.trust_before(at),
        "PutRolePolicy" | "DeleteRolePolicy" => text_before(past, event.parameter("policyName")?, at),
        "DetachRolePolicy" | "CreatePolicyVersion" | "SetDefaultPolicyVersion" => {
            past.managed(event.parameter("policyArn")?, at).map(|policy| policy.document().text().to_owned())
        }
        _ => None,
    };
    let before = before.map(|text| statements(&text)).unwrap_or_default();
    let after = after.map(|text| statements(&text)).unwrap_or_default();
    let gone = names(&before, |statement| !after.contains(statement));
    let denies = |statement: &Value| statement.get("Effect").and_then(Value::as_str) == Some("Deny");
    let came = names(&after, |statement| denies(statement) && !before.contains(statement));
    let went = if after.is_empty() { "went" } else { "went or was changed" };
    match (gone.is_empty(), came.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("{} {went} with it", words::list(&gone))),
        (true, false) => Some(format!("{}, which denies, came with it", words::list(&came))),
        (false, false) => Some(format!(
            "{} {went} with it, and {}, which denies, came",
            words::list(&gone),
            words::list(&came)
        )),
    }
}

/// The names of the statements that are picked.
fn names(statements: &[Value], pick: impl Fn(&Value) -> bool) -> Vec<String> {
    let picked = statements.iter().enumerate().filter(|(_, statement)| pick(statement));
    picked
        .map(|(number, statement)| match statement.get("Sid").and_then(Value::as_str) {
            Some(sid) if !sid.is_empty() => format!("statement {sid}"),
            _ => format!("statement {}", number + 1),
        })
        .collect()
}

/// The text of an embedded policy before a change, if it is known.
fn text_before(past: &Past<'_, '_>, name: &str, at: usize) -> Option<String> {
    match past.inline_before(name, at) {
        Before::Text(text) => Some(text),
        Before::Nothing | Before::Unknown => None,
    }
}

fn statements(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    match document.get("Statement") {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

/// Whether a policy as it was has every statement that it has now, be it in other words: then nothing that came
/// since is lost by writing it again.
fn loses_nothing(now: &str, before: &str) -> bool {
    let (now, before) = (statements(now), statements(before));
    let is_named = |sid: &Value| before.iter().any(|statement| statement.get("Sid") == Some(sid));
    let stands = |it: &Value| before.contains(it) || it.get("Sid").is_none_or(is_named);
    now.len() <= before.len() && now.iter().all(stands)
}

fn remedies(past: &Past<'_, '_>, cause: &Cause<'_>) -> Vec<Remedy> {
    let event = cause.event;
    let restored = match event.event_name.as_str() {
        "UpdateAssumeRolePolicy" => Some(
            past.trust_before(cause.at)
                .filter(|before| cause.proven && loses_nothing(&past.role.trust_policy, before))
                .map_or(Remedy::TrustStreamkap, |document| Remedy::RestoreTrust { document }),
        ),
        "DetachRolePolicy" => event.parameter("policyArn").map(|arn| Remedy::AttachPolicy {
            arn: arn.to_owned(),
            document: past.managed(arn, cause.at).map(|policy| policy.document().text().to_owned()),
        }),
        "PutRolePolicy" | "DeleteRolePolicy" => event.parameter("policyName").and_then(|name| {
            let document = text_before(past, name, cause.at)?;
            let now = past.view.inline_policy(name).ok().flatten();
            if now.is_some_and(|now| !loses_nothing(now, &document)) {
                return None;
            }
            Some(Remedy::PutInlinePolicy { name: name.to_owned(), document })
        }),
        "DisableKey" | "ScheduleKeyDeletion" => cause.key.map(|key| {
            let (steps, commands) = keys::made_usable(key);
            let (owner, title) = (Owner::KeyOwner, "Enable the key again".to_owned());
            Remedy::Manual { owner, title, steps, commands }
        }),
        _ => None,
    };
    let allowed = match cause.layer {
        Some(Layer::Identity) => Some(Remedy::AllowOnRole { grants: cause.grants.clone() }),
        Some(Layer::Boundary) => Some(Remedy::AllowInBoundary { grants: cause.grants.clone() }),
        Some(Layer::Resource | Layer::LakeFormation) | None => None,
    };
    restored.into_iter().chain(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_written_as_it_was_only_where_nothing_has_come_to_it_since() {
        let policy = |statements: &[&str]| format!(r#"{{"Statement": [{}]}}"#, statements.join(","));
        let write = r#"{"Sid": "Write", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}"#;
        let less = r#"{"Sid": "Write", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}"#;
        let other = r#"{"Sid": "Table", "Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"}"#;
        let before = policy(&[write]);
        assert!(loses_nothing(&policy(&[less]), &before));
        assert!(loses_nothing(&policy(&[]), &before));
        assert!(!loses_nothing(&policy(&[other]), &before));
        assert!(!loses_nothing(&policy(&[less, other]), &before));
    }
}
