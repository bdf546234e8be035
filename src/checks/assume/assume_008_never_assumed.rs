//! ASSUME-008: whether Streamkap was ever seen to assume the role. Positive evidence only.

use crate::checks::shared::{
    history,
    phrases::{self, absent_role},
    words,
};
use crate::checks::{Check, View};
use crate::facts::{Purpose, Role};
use crate::model::{Blocked, CheckId, ExternalId, Finding, Outcome, Owner, Remedy, Section};
use crate::trail::Event;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 8), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    let assumptions = history::assumptions(view)?;
    let success = assumptions.successes.last();
    if let Some(refusal) = refused_last(view, &assumptions) {
        return Ok(Outcome::Fail(vec![refused(view, role, refusal, success.copied())]));
    }
    let Some(last) = success else { return unseen(view, role, &assumptions) };
    let calls = phrases::count(assumptions.successes.len(), "successful call");
    let text = format!(
        "{} last assumed the role on {}, by STS in {}{}; {calls} in the {}",
        words::capital(&history::caller(view, last)),
        history::when(last),
        last.region,
        external_id(last),
        assumptions.all.window(),
    );
    Ok(Outcome::Pass(vec![history::evidence(last, text)]))
}

fn external_id(event: &Event) -> String {
    event
        .parameter("externalId")
        .map_or_else(String::new, |id| format!(" with the external id {}", ExternalId::new(id)))
}

/// A refused call after the last success, unless the role was changed after it.
///
/// Mostly such calls show in the caller's account only, so that none is no sign of anything.
fn refused_last<'a>(view: &View<'a>, assumptions: &history::Assumptions<'a>) -> Option<&'a Event> {
    let refusal = *assumptions.refusals.last()?;
    let succeeded =
        assumptions.successes.last().is_some_and(|success| success.event_time >= refusal.event_time);
    let changes = history::events(view, Purpose::Changes).unwrap_or_default();
    let has_changed = changes
        .events
        .iter()
        .any(|event| event.event_time >= refusal.event_time && event.error_code.is_none());
    (!succeeded && !has_changed).then_some(refusal)
}

fn refused(view: &View<'_>, role: &Role, refusal: &Event, success: Option<&Event>) -> Finding {
    let since = success.map_or_else(
        || "never got in".to_owned(),
        |success| format!("last got in on {}", history::when(success)),
    );
    let what = format!(
        "{} was refused the role {} on {}; it {since}",
        words::capital(&history::caller(view, refusal)),
        role.arn.name(),
        history::when(refusal)
    );
    let message = refusal.error_message.clone().unwrap_or_else(|| "AWS gave no reason".to_owned());
    Finding::new(role.arn.as_str(), what).evidence(history::evidence(refusal, message)).remedy(
        Remedy::Manual {
            owner: Owner::You,
            title: "Mend what the other checks of this section report, then restart the connector".to_owned(),
            steps: vec![
                "Mend the trust policy as the other checks of this section say".to_owned(),
                "Wait two minutes and restart the connector in the Streamkap app".to_owned(),
            ],
            commands: Vec::new(),
        },
    )
}

/// The role of an installation is used while it is installed and removed, and at no other time.
fn unseen(view: &View<'_>, role: &Role, assumptions: &history::Assumptions<'_>) -> Result<Outcome, Blocked> {
    if !view.installs_only() || !assumptions.all.unread.is_empty() {
        return Err(no_sign(view, role, assumptions));
    }
    Ok(Outcome::Skip(format!(
        "nobody installed or removed anything with the role, by the {}: between the two it is not used",
        assumptions.all.window()
    )))
}

fn no_sign(view: &View<'_>, role: &Role, assumptions: &history::Assumptions<'_>) -> Blocked {
    if let Some(unread) = assumptions.all.unread.first() {
        return unread.clone();
    }
    let used = role.last_used.as_ref().map_or_else(String::new, |last| {
        format!(
            "; somebody used its credentials on {}, not necessarily Streamkap",
            phrases::moment_of(&last.at)
        )
    });
    Blocked {
        what: format!("whether Streamkap ever assumed the role {}", role.arn.name()),
        why: format!(
            "there is no sign of it in the {}{used}: refused calls do not show in this account",
            assumptions.all.window()
        ),
        grant: None,
        hint: Some(format!(
            "If the role is new, start the connector in the Streamkap app and run the doctor again: a success of account {} shows within minutes",
            view.vendor().account
        )),
    }
}
