//! ASSUME-010: a resource control policy of the organisation may refuse Streamkap, which cannot be seen from here.

use crate::checks::shared::{callers, history, phrases::absent_role, words};
use crate::checks::{Check, View};
use crate::facts::Organization;
use crate::model::{Blocked, CheckId, Evidence, Outcome, Section};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 10), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    let organization = view.organization();
    if let Ok(organization) = organization
        && let Some(reason) = exempt(organization, role.arn.account())
    {
        return Ok(Outcome::Pass(vec![Evidence::read("organizations:DescribeOrganization", reason)]));
    }
    // A note by itself, so that history which nobody read leaves it one.
    let assumptions = history::assumptions(view).ok();
    let changed = history::trust_unchanged_since(view, &role.created);
    let last = assumptions.as_ref().and_then(|it| it.of_role(role).next_back());
    if let Some(success) = last.filter(|it| changed.is_none_or(|since| it.event_time > Some(since))) {
        let text = format!(
            "{} assumed the role on {}: no policy of an organization refused it then",
            words::capital(&history::caller(view, success)),
            history::when(success)
        );
        return Ok(Outcome::Pass(vec![history::evidence(success, text)]));
    }
    let organization = organization.ok().flatten();
    Ok(Outcome::Skip(note(view, organization)))
}

/// Why no organisation's policy can refuse, if that is so.
fn exempt(organization: Option<&Organization>, account: &str) -> Option<String> {
    let Some(organization) = organization else {
        return Some(format!("account {account} is in no organization"));
    };
    if organization.management_account.as_str() == account {
        let id = &organization.id;
        return Some(format!(
            "account {account} is the management account of {id}, which its policies do not restrict"
        ));
    }
    (organization.feature_set == "CONSOLIDATED_BILLING")
        .then(|| format!("organization {} does billing only and has no policies", organization.id))
}

/// What to ask the organisation's administrator.
fn note(view: &View<'_>, organization: Option<&Organization>) -> String {
    let place = organization.map_or_else(
        || "if the account is in an organization (organizations:DescribeOrganization tells), its".to_owned(),
        |it| {
            format!(
                "the account is in organization {} (management account {}), whose",
                it.id, it.management_account
            )
        },
    );
    let accounts = callers::accounts(view);
    let are = match &accounts[..] {
        [only] => format!("account {only} is exempt"),
        several => format!("the accounts {} are exempt", words::list(several)),
    };
    format!(
        "cannot be seen from here: {place} resource control policies may refuse sts:AssumeRole to outside accounts; \
         ask its administrator whether one does, and whether {are}",
    )
}
