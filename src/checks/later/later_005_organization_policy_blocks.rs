//! LATER-005: a service control policy of the organisation blocks what the connector does.
//!
//! Member accounts cannot read these policies; AWS's simulator judges by them.

use crate::checks::shared::needs::{Ask, asks, open_need};
use crate::checks::shared::policies::{boundary, role_policies};
use crate::checks::shared::services::digest;
use crate::checks::shared::simulated::{Simulated, simulated};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::facts::Organization;
use crate::model::{AccountId, Blocked, CheckId, EngineVerdict, Finding, Outcome, Owner, Remedy, Section};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 5), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    // What the simulator was not to be asked, another table stands for.
    let asked = |ask: &Ask<'_>| ask.is_required() && ask.requirement.simulated;
    let asks: Vec<Ask<'_>> = asks(view)?.into_iter().filter(asked).collect();
    let open = open_need(view);
    if asks.is_empty() && open.is_none() {
        return Ok(Outcome::Skip("the connectors need no permission of the role".to_owned()));
    }
    let account = asks.first().and_then(|ask| view.situation(&ask.requirement).account);
    let organization = view.organization();
    if let Some(reason) = organization.as_ref().ok().and_then(|it| out_of_reach(*it, account.as_ref())) {
        return Ok(Outcome::Skip(reason));
    }
    let member = matches!(organization, Ok(Some(_)));
    let (mut blocked_by, mut undecided, mut proof) = (Vec::new(), None, Vec::new());
    for ask in &asks {
        match simulated(view, ask) {
            Ok(aws) => match verdict(view, ask, aws, member) {
                Some(true) => proof.push((ask, vec![aws.organization_evidence()])),
                Some(false) => blocked_by.push((ask, aws)),
                None => undecided = undecided.or_else(|| Some(hidden(ask, aws))),
            },
            Err(blocked) => undecided = undecided.or(Some(blocked)),
        }
    }
    if !blocked_by.is_empty() {
        return Ok(Outcome::Fail(vec![finding(view, organization.ok().flatten(), &blocked_by)]));
    }
    // What could not be asked about may be refused as well.
    match undecided.or(open) {
        Some(blocked) => Err(blocked),
        None => Ok(Outcome::Pass(digest(
            proof,
            "the role's policies allow",
            "by AWS's simulator the organization's policies allow",
        ))),
    }
}

/// Why no service control policy can apply, if so.
fn out_of_reach(organization: Option<&Organization>, account: Option<&AccountId>) -> Option<String> {
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
    if aws.lacks_unknown() {
        let why = format!(
            "AWS's simulator was not told {}, on which it may hang",
            words::list(aws.missing_context())
        );
        return Blocked { what, why, grant: None, hint: None, concerns: vec![ask.concern()] };
    }
    let refusing = match (aws.boundary() == Some(false), aws.identity().is_some_and(|it| !it.is_allowed())) {
        (true, true) => "the permissions boundary and the role's own policies refuse",
        (true, false) => "the permissions boundary refuses",
        (false, _) => "the role's own policies refuse",
    };
    let why = format!("{refusing} it already, behind which AWS's simulator does not show the organization's");
    let hint = Some("mend what refuses it first, then run the doctor again".to_owned());
    Blocked { what, why, grant: None, hint, concerns: vec![ask.concern()] }
}

fn finding(
    view: &View<'_>,
    organization: Option<&Organization>,
    blocked: &[(&Ask<'_>, Simulated<'_>)],
) -> Finding {
    let mut actions: Vec<String> = Vec::new();
    let mut resources: Vec<String> = Vec::new();
    for (ask, _) in blocked {
        words::add(&mut actions, ask.action().to_owned());
        words::add(&mut resources, ask.resource.pattern.clone());
    }
    let name =
        organization.map_or_else(|| "the organization".to_owned(), |it| format!("organization {}", it.id));
    let role = &view.target().role.name;
    let what = format!(
        "A service control policy of {name} blocks {role} from {} on {}",
        words::some(&actions),
        words::list(&resources)
    );
    let mut finding = Finding::new(resources.join(", "), what)
        .also(Section::Write)
        .about(blocked.iter().map(|(ask, _)| ask.concern()));
    let said = blocked.iter().map(|(ask, aws)| (*ask, vec![aws.evidence()]));
    let said = digest(said, "the role's policies refuse", "AWS's simulator refuses");
    let by = "by AWS's simulator the organization's policies refuse";
    let theirs = blocked.iter().map(|(ask, aws)| (*ask, vec![aws.organization_evidence()]));
    let mut theirs = digest(theirs, by, by).into_iter();
    // That it is refused, and by whom, need by need.
    for refused in said {
        finding.evidence.push(refused);
        finding.evidence.extend(theirs.next());
    }
    finding.evidence.extend(theirs);
    let region = view.target().region.as_deref().unwrap_or("the connector's region");
    let manager = organization.map_or_else(String::new, |it| format!(" (account {})", it.management_account));
    finding.remedy(Remedy::Manual {
        owner: Owner::OrganizationAdmin,
        title: format!("Let the service control policies allow {}", words::some(&actions)),
        steps: vec![
            format!(
                "Ask the administrator of {name}{manager} which service control policy covers this account"
            ),
            format!(
                "It must allow {} on {} to {role} in {region}",
                words::list(&actions),
                words::list(&resources)
            ),
        ],
        commands: Vec::new(),
    })
}
