//! What was searched, and what cannot be seen from the customer's account.

use crate::facts::{Fact, Facts, LookupQuery, Purpose};
use crate::report::{Coverage, Search};

/// The coverage of a run.
pub(super) fn coverage(facts: &Facts) -> Coverage {
    Coverage { searches: facts.history.queries.iter().map(search).collect(), blind_spots: blind_spots(facts) }
}

fn search(query: &LookupQuery) -> Search {
    let read = query.events.read("event history");
    let events = read.as_ref().ok().map(|events| events.map_or(0, Vec::len));
    let unread = read.err().map(|blocked| blocked.why);
    let incomplete = query.incomplete.then(|| format!("older pages were left unread after {}", query.pages));
    Search {
        purpose: purpose(query.purpose).to_owned(),
        region: query.region.clone(),
        filter: format!("{}={}", query.filter.attribute, query.filter.value),
        since: query.since.clone(),
        until: query.until.clone(),
        events,
        gap: unread.or(incomplete),
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::AssumeRole => "AssumeRole calls",
        Purpose::Changes => "changes",
        Purpose::Denials => "denied calls",
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>,
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
fn blind_spots(facts: &Facts) -> Vec<String> {
    let mut spots = Vec::new();
    if let Some(reason) = &facts.history.switched_off {
        spots.push(format!("CloudTrail's event history: {reason}."));
    } else if let Some(reason) = &facts.history.not_searched {
        spots.push(format!("CloudTrail's event history: it was not searched: {reason}."));
    }
    spots.push("Refused AssumeRole calls: only Streamkap's account logs them.".to_owned());
    if facts.target.connectors.iter().any(|connector| connector.parameters.contains_key("bucket")) {
        spots.push("Calls on S3 objects: event history holds no data events.".to_owned());
    }
    match &facts.organization {
        Fact::Absent => {}
        Fact::Known(organization) => spots.push(format!(
            "Resource control policies of the organization {}: a member account cannot read them.",
            organization.id
        )),
        _ => spots.push("Policies of an organization, if the account is in one.".to_owned()),
    }
    spots
}
