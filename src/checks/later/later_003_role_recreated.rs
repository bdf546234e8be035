//! LATER-003: the role was deleted and made again under the same name.

use jiff::Timestamp;

use crate::checks::shared::history::{self, Assumptions, is_former, role_id};
use crate::checks::shared::needs::{Ask, asks};
use crate::checks::shared::phrases::{self, absent_role};
use crate::checks::shared::state::{Judgement, State};
use crate::checks::shared::trust::{Trust, Truth};
use crate::checks::{Check, View};
use crate::facts::{Purpose, Role};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section};
use crate::trail::Event;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 3), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    let assumptions = history::assumptions(view)?;
    let former = assumptions.successes.iter().rev().find(|event| is_former(event, role));
    let Some(former) = former else { return same(view, role, &assumptions) };
    if view.installs_only() {
        let text = "the role was made again since it was last used, as it may be for each installation";
        return Ok(Outcome::Pass(vec![history::evidence(former, text)]));
    }
    let since = assumptions.of_role(role).next_back();
    let finding = vec![finding(view, role, former, since)];
    // The new role may have all that the old one had. What else named the old role by its id may not have it.
    let works = since.is_some() || !lacks_something(view);
    Ok(if works { Outcome::Warn(finding) } else { Outcome::Fail(finding) })
}

/// Whether the role surely keeps Streamkap out or lacks what its connectors need.
fn lacks_something(view: &View<'_>) -> bool {
    if let Ok(Some(trust)) = Trust::read(view)
        && trust.lets_in_streamkap() == Truth::Fails
    {
        return true;
    }
    let asks: Vec<Ask<'_>> = asks(view).unwrap_or_default().into_iter().filter(Ask::is_required).collect();
    let state = State::now(view, &asks);
    asks.iter().any(|ask| matches!(state.judge(ask), Judgement::Refused { .. }))
}

/// That no former role shows; blocked where one could hide in what was not searched.
fn same(view: &View<'_>, role: &Role, assumptions: &Assumptions<'_>) -> Result<Outcome, Blocked> {
    let created = phrases::moment_of(&role.created);
    let first = assumptions.successes.first();
    let mut evidence = vec![match first {
        Some(first) => history::evidence(
            first,
            format!(
                "the role is the one that Streamkap assumed on {}: made on {created}, id {}",
                history::when(first),
                role.id
            ),
        ),
        None => {
            Evidence::read("iam:GetRole", format!("the role was made on {created}; no earlier use shows"))
        }
    }];
    if let Some(gap) = assumptions.all.gap() {
        let known = first.is_some() || is_older_than_search(role, assumptions);
        match unbroken(view, role).filter(|_| known) {
            Some(text) => evidence.push(text),
            None => return Err(gap),
        }
    }
    Ok(Outcome::Pass(evidence))
}

/// Whether the role was made before all that was searched, so that all of it is about this one.
fn is_older_than_search(role: &Role, assumptions: &Assumptions<'_>) -> bool {
    let created = role.created.parse::<Timestamp>().ok();
    let begins =
        assumptions.all.queries.iter().filter_map(|query| query.since.parse::<Timestamp>().ok()).min();
    created.zip(begins).is_some_and(|(created, begins)| created < begins)
}

/// That no role of this name was deleted, by all the changes in the history.
fn unbroken(view: &View<'_>, role: &Role) -> Option<Evidence> {
    let changes = history::events(view, Purpose::Changes).ok().filter(history::Searched::is_complete)?;
    let deleted = |event: &&&Event| {
        event.event_name == "DeleteRole"
            && event.error_code.is_none()
            && history::is_of_role(event, role.arn.name())
    };
    let text = format!("no role of this name was deleted, by the {}", changes.window());
    changes.events.iter().find(deleted).is_none().then(|| Evidence::read("cloudtrail:LookupEvents", text))
}

fn finding(view: &View<'_>, role: &Role, former: &Event, since: Option<&Event>) -> Finding {
    let name = role.arn.name();
    let created = phrases::moment_of(&role.created);
    let now = since.map_or_else(
        || "and has not got in since".to_owned(),
        |event| format!("and got in again on {}", history::when(event)),
    );
    let what = format!(
        "The role {name} was deleted and made again on {created}: Streamkap used another role of that name until {}, {now}",
        history::when(former)
    );
    let ids = match role_id(former) {
        Some(id) if id != role.id => {
            format!("the role assumed then had the id {id}; the role has the id {} now", role.id)
        }
        _ => format!("Streamkap assumed the role before it was made on {created}"),
    };
    let mut finding = Finding::new(role.arn.as_str(), what)
        .evidence(history::evidence(former, ids))
        .evidence(Evidence::read("iam:GetRole", format!("the role {} was made on {created}", role.id)));
    let changes = history::events(view, Purpose::Changes).unwrap_or_default();
    for event in changes.events.iter().filter(|event| {
        matches!(event.event_name.as_str(), "DeleteRole" | "CreateRole")
            && event.error_code.is_none()
            && history::is_of_role(event, name)
            && event.event_time > former.event_time
    }) {
        let done = if event.event_name == "DeleteRole" { "deleted" } else { "made" };
        let text = format!("{} {done} the role on {}", event.identity.actor(), history::when(event));
        finding = finding.evidence(history::evidence(event, text));
    }
    finding.remedy(Remedy::Manual {
        owner: Owner::You,
        title: "Give the new role what the old one had".to_owned(),
        steps: vec![
            "Compare the new role's trust policy and permissions with what the other checks report".to_owned(),
            "Save every bucket policy, key policy and Lake Formation grant that named the old role again: AWS keeps the deleted role's id in them".to_owned(),
            "Restart the connector in the Streamkap app".to_owned(),
        ],
        commands: Vec::new(),
    })
}
