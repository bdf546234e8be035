//! LATER-004: the role has no policies, or none that has to do with the connector.

use crate::checks::shared::needs::open_need;
use crate::checks::shared::standing::Standings;
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 4), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let policies = &standings.policies;
    // What cannot be asked about for want of a place is about the connector all the same.
    let open = view.open_requirements();
    if standings.names_any_need() || standings.name_any(open.iter().map(|it| it.need.action.as_str())) {
        let names: Vec<&str> = policies.read.iter().map(|it| it.policy.name()).collect();
        let text = format!("the role has {}", words::list(&names));
        return Ok(Outcome::Pass(vec![Evidence::read("iam:ListAttachedRolePolicies", text)]));
    }
    policies.complete()?;
    if standings.required().next().is_none() {
        if let Some(blocked) = open_need(view) {
            return Err(blocked);
        }
        return Ok(Outcome::Skip("the connectors need no permission of the role".to_owned()));
    }
    if standings.gaps().next().is_none() {
        return standings
            .undecided()
            .map_or_else(|| Ok(Outcome::Pass(standings.proof())), |it| Err(it.clone()));
    }
    Ok(Outcome::Fail(vec![finding(view, &standings)]))
}

fn finding(view: &View<'_>, standings: &Standings<'_>) -> Finding {
    let role = &view.target().role.name;
    let names: Vec<&str> = standings.policies.read.iter().map(|it| it.policy.name()).collect();
    let what = if names.is_empty() {
        format!("{role} has no policy, neither attached nor embedded: it may do nothing")
    } else {
        format!("{role} has {}, of which none names an action that the connector needs", words::list(&names))
    };
    let grants = standings.all.iter().map(|standing| standing.ask.grant()).collect();
    let text = match names.len() {
        0 => "no attached and no embedded policy".to_owned(),
        count => format!("{count} policies, none about the connector"),
    };
    Finding::new(role.clone(), what)
        .evidence(Evidence::read("iam:ListAttachedRolePolicies", text))
        .remedy(Remedy::AllowOnRole { grants })
}
