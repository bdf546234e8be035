//! LATER-005: a service control policy of the organisation blocks what the connector does.

use crate::checks::shared::needs::{Ask, asks, open_need, patterns};
use crate::checks::shared::organization::{allows, out_of_reach};
use crate::checks::shared::phases::tables;
use crate::checks::shared::services::digest;
use crate::checks::shared::simulated::Simulated;
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::facts::Organization;
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section};
use crate::requirement::SIMULATED;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 5), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    // What the simulator was not to be asked, another table stands for.
    let asked = |ask: &Ask<'_>| ask.is_called() && ask.requirement.simulated;
    let asks = asks(view)?.into_iter().filter(asked);
    let parts = asks.flat_map(|ask| {
        let besides = ask.simulated_besides(view);
        [ask].into_iter().chain(besides)
    });
    let asks: Vec<Ask<'_>> = parts.collect();
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
        match allows(view, ask, member) {
            Ok((aws, true)) => proof.push((ask, vec![aws.organization_evidence()])),
            Ok((aws, false)) => blocked_by.push((ask, aws)),
            Err(blocked) => undecided = undecided.or(Some(blocked)),
        }
    }
    let (refused, missed): (Vec<_>, Vec<_>) = blocked_by.into_iter().partition(|(ask, _)| ask.is_required());
    let organization = organization.ok().flatten();
    if !refused.is_empty() {
        return Ok(Outcome::Fail(vec![finding(view, organization, &refused)]));
    }
    // What could not be asked about may be refused as well.
    if let Some(blocked) = undecided.or(open) {
        return Err(blocked);
    }
    // What the connector calls and goes on without, at some cost.
    if !missed.is_empty() {
        return Ok(Outcome::Warn(vec![finding(view, organization, &missed)]));
    }
    let ours = "the role's policies allow";
    let mut proof = digest(proof, ours, "by AWS's simulator the organization's policies allow");
    proof.extend(unasked(view));
    Ok(Outcome::Pass(proof))
}

/// That nobody asked about more than the first few of many tables.
fn unasked(view: &View<'_>) -> Option<Evidence> {
    let counts = view.connectors().filter_map(|(target, connector)| tables(view, target, connector).ok());
    let most = counts.map(|tables| tables.len()).max()?;
    let text = format!(
        "of {most} tables AWS's simulator was asked about {SIMULATED}, for each costs a call: a service control policy about another one would not be seen"
    );
    (most > SIMULATED).then(|| Evidence::simulated(text))
}

fn finding(
    view: &View<'_>,
    organization: Option<&Organization>,
    blocked: &[(&Ask<'_>, Simulated<'_>)],
) -> Finding {
    let mut actions: Vec<String> = Vec::new();
    for (ask, _) in blocked {
        words::add(&mut actions, ask.action().to_owned());
    }
    let resources = patterns(blocked.iter().map(|(ask, _)| *ask));
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
