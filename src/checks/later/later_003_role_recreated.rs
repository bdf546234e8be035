//! LATER-003: the role was deleted and made again under the same name.

use jiff::Timestamp;

use crate::checks::shared::history::{self, Assumptions};
use crate::checks::shared::phrases::{self, absent_role};
use crate::checks::{Check, View};
use crate::facts::{Purpose, Role};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section};
use crate::trail::Event;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 3), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    let assumptions = history::assumptions(view)?;
    let created = role.created.parse::<Timestamp>().ok();
    let former = assumptions.successes.iter().rev().find(|event| is_former(event, role, created));
    let Some(former) = former else { return Ok(Outcome::Pass(vec![same(role, &assumptions)])) };
    if view.installs_only() {
        let text = "the role was made again since it was last used, as it may be for each installation";
        return Ok(Outcome::Pass(vec![history::evidence(former, text)]));
    }
    let since = assumptions.successes.last().filter(|event| !is_former(event, role, created));
    let finding = finding(view, role, former, since.copied());
    // It works again: what else named the old role by its id may not.
    Ok(if since.is_some() { Outcome::Warn(vec![finding]) } else { Outcome::Fail(vec![finding]) })
}

/// The id of the role that a successful call gave a session of.
fn role_id(event: &Event) -> Option<&str> {
    let user = event.response_elements.get("assumedRoleUser")?.get("assumedRoleId")?.as_str()?;
    user.split(':').next()
}

/// Whether the call was for a role of this name before the present one.
fn is_former(event: &Event, role: &Role, created: Option<Timestamp>) -> bool {
    let other_id = role_id(event).is_some_and(|id| id != role.id);
    let before = event.event_time.zip(created).is_some_and(|(time, created)| time < created);
    other_id || before
}

fn same(role: &Role, assumptions: &Assumptions<'_>) -> Evidence {
    let created = phrases::moment_of(&role.created);
    match assumptions.successes.first() {
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
    }
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
            && event.parameter("roleName") == Some(name)
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
