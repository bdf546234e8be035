//! What the organisation's service control policies make of a question, as far as AWS's simulator tells.
//!
//! Member accounts cannot read these policies; AWS's simulator judges by them.

use crate::checks::View;
use crate::facts::Organization;
use crate::model::{AccountId, Blocked, EngineVerdict};

use super::needs::Ask;
use super::policies::{boundary, role_policies};
use super::simulated::{Simulated, simulated};
use super::words;

/// Why no service control policy can apply to an account, if so. `organization`: nothing where it is in none.
pub(crate) fn out_of_reach(
    organization: Option<&Organization>,
    account: Option<&AccountId>,
) -> Option<String> {
    let Some(organization) = organization else {
        return Some("the account is in no organization".to_owned());
    };
    if Some(&organization.management_account) == account {
        return Some(
            "the account manages its organization, where service control policies do not apply".to_owned(),
        );
    }
    (organization.feature_set == "CONSOLIDATED_BILLING").then(|| {
        format!("organization {} shares billing only and has no service control policies", organization.id)
    })
}

/// The simulator's answer with whether the organisation's policies allow. `member`: the account is known to be
/// in an organisation.
///
/// Blocked where the simulator was not asked or where another layer hides it.
pub(crate) fn allows<'a>(
    view: &View<'a>,
    ask: &Ask<'_>,
    member: bool,
) -> Result<(Simulated<'a>, bool), Blocked> {
    let aws = simulated(view, ask)?;
    verdict(view, ask, aws, member).map(|allowed| (aws, allowed)).ok_or_else(|| hidden(ask, aws))
}

/// Whether the organisation's policies allow; `None`: another layer hides it.
fn verdict(view: &View<'_>, ask: &Ask<'_>, aws: Simulated<'_>, member: bool) -> Option<bool> {
    if let Some(allowed) = aws.organization() {
        return Some(allowed);
    }
    // AWS shows every statement that denies but an organisation's: a denial by none of those that we
    // can read, and that AWS shows none for, is the organisation's.
    let hidden = aws.decision() == EngineVerdict::ExplicitDeny && !aws.shows_statements();
    if !hidden || !member || aws.is_denied_without_organization() || aws.lacks_unknown() {
        return None;
    }
    let policies = role_policies(view);
    let own = policies.complete().is_ok() && ask.of_identity(&policies.documents()).is_allowed();
    let within = match boundary(view) {
        Ok(boundary) => boundary.is_none_or(|boundary| ask.of_boundary(&boundary).is_allowed()),
        Err(_) => false,
    };
    (own && within).then_some(false)
}

fn hidden(ask: &Ask<'_>, aws: Simulated<'_>) -> Blocked {
    let what = format!("whether a service control policy allows {}", ask.action());
    let concerns = vec![ask.concern()];
    if aws.lacks_unknown() {
        let why = format!(
            "AWS's simulator was not told {}, on which it may hang",
            words::list(aws.missing_context())
        );
        return Blocked { what, why, grant: None, hint: None, concerns };
    }
    let refusing = match (aws.boundary() == Some(false), aws.identity().is_some_and(|it| !it.is_allowed())) {
        (true, true) => "the permissions boundary and the role's own policies refuse",
        (true, false) => "the permissions boundary refuses",
        (false, _) => "the role's own policies refuse",
    };
    let why = format!("{refusing} it already, behind which AWS's simulator does not show the organization's");
    let hint = Some("mend what refuses it first, then run the doctor again".to_owned());
    Blocked { what, why, grant: None, hint, concerns }
}
