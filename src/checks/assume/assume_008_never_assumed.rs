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
    let success = assumptions.of_role(role).next_back();
    let refusal = refused_last(role, &assumptions, success);
    let mended = refusal.map(|refusal| changed_since(view, refusal)).transpose()?.flatten();
    if let (Some(refusal), None) = (refusal, mended) {
        return Ok(Outcome::Fail(vec![refused(view, role, refusal, success)]));
    }
    // It was refused after it last got in: whether the change since mended that does not show.
    let Some(last) = success.filter(|_| refusal.is_none()) else {
        return unseen(view, role, &assumptions, refusal.zip(mended));
    };
    let calls = phrases::count(assumptions.of_role(role).count(), "successful call");
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

/// A refused call for this role after the last success.
///
/// Mostly such calls show in the caller's account only, so that none is no sign of anything.
fn refused_last<'a>(
    role: &Role,
    assumptions: &history::Assumptions<'a>,
    success: Option<&Event>,
) -> Option<&'a Event> {
    let refusal = *assumptions.refusals.last()?;
    let succeeded = success.is_some_and(|success| success.event_time >= refusal.event_time);
    (!succeeded && !history::is_older(refusal, role)).then_some(refusal)
}

/// The change of the trust policy after a refused call, which may have mended it; blocked where the changes
/// could not be searched.
fn changed_since<'a>(view: &View<'a>, refusal: &Event) -> Result<Option<&'a Event>, Blocked> {
    let changes = history::events(view, Purpose::Changes)?;
    let change = history::last_trust_change(view, &changes);
    let change = change.filter(|change| change.event_time >= refusal.event_time);
    match changes.gap() {
        Some(gap) if change.is_none() => Err(gap),
        _ => Ok(change),
    }
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

/// The role of an installation is used while it is installed and removed, and at no other time. `mended`: a
/// call that was refused, and the change of the trust policy after it.
fn unseen(
    view: &View<'_>,
    role: &Role,
    assumptions: &history::Assumptions<'_>,
    mended: Option<(&Event, &Event)>,
) -> Result<Outcome, Blocked> {
    if let Some(gap) = assumptions.all.gap() {
        return Err(gap);
    }
    if !view.installs_only() || mended.is_some() {
        return Err(no_sign(view, role, assumptions, mended));
    }
    Ok(Outcome::Skip(format!(
        "nobody installed or removed anything with the role, by the {}: between the two it is not used",
        assumptions.all.window()
    )))
}

fn no_sign(
    view: &View<'_>,
    role: &Role,
    assumptions: &history::Assumptions<'_>,
    mended: Option<(&Event, &Event)>,
) -> Blocked {
    let window = assumptions.all.window();
    let why = match (mended, assumptions.successes.last()) {
        (Some((refusal, change)), _) => format!(
            "it was refused on {}, {} changed the trust policy on {}, and no call shows since",
            history::when(refusal),
            change.identity.actor(),
            history::when(change)
        ),
        (None, Some(former)) => format!(
            "it last assumed a former role of that name, on {}; there is no sign of this one in the {window}: refused \
             calls do not show in this account",
            history::when(former)
        ),
        (None, None) => format!(
            "there is no sign of it in the {window}{}: refused calls do not show in this account",
            used(role)
        ),
    };
    Blocked {
        hint: Some(format!(
            "If the role is new, start the connector in the Streamkap app and run the doctor again: a success of account {} shows within minutes",
            view.vendor().account
        )),
        ..Blocked::new(format!("whether Streamkap ever assumed the role {}", role.arn.name()), why)
    }
}

/// When the role was last used by anybody, as the end of a clause.
fn used(role: &Role) -> String {
    role.last_used.as_ref().map_or_else(String::new, |last| {
        format!(
            "; somebody used its credentials on {}, not necessarily Streamkap",
            phrases::moment_of(&last.at)
        )
    })
}
