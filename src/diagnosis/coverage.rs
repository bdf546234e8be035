//! What was searched, and what cannot be seen from the customer's account.

use crate::catalog::Catalog;
use crate::facts::{Fact, Facts, LookupQuery, Purpose};
use crate::model::AccountId;
use crate::report::{Coverage, Search};

/// The coverage of a run.
pub(super) fn coverage(facts: &Facts, catalog: &Catalog) -> Coverage {
    Coverage {
        searches: facts.history.queries.iter().map(search).collect(),
        blind_spots: blind_spots(facts, catalog),
    }
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
fn blind_spots(facts: &Facts, catalog: &Catalog) -> Vec<String> {
    let mut spots = Vec::new();
    if let Some(reason) = &facts.history.switched_off {
        spots.push(format!("CloudTrail's event history: {reason}."));
    } else if let Some(reason) = &facts.history.not_searched {
        spots.push(format!("CloudTrail's event history: it was not searched: {reason}."));
    }
    spots.push("Refused AssumeRole calls: only Streamkap's account logs them.".to_owned());
    let connectors = facts.target.connectors.iter().filter_map(|it| catalog.connector(&it.connector));
    let mut actions = connectors.flat_map(|connector| &connector.needs).map(|need| need.action.as_str());
    if actions.any(is_object_call) {
        spots.push("Calls on S3 objects: event history holds no data events.".to_owned());
    }
    match &facts.organization {
        Fact::Absent => {}
        // Its policies do not restrict the account that manages it.
        Fact::Known(organization) if Some(&organization.management_account) == role_account(facts) => {}
        Fact::Known(organization) => spots.push(format!(
            "Resource control policies of the organization {}: a member account cannot read them.",
            organization.id
        )),
        _ => spots.push("Policies of an organization, if the account is in one.".to_owned()),
    }
    spots
}

/// Whether a call is recorded as a data event of S3: one on an object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html>
fn is_object_call(action: &str) -> bool {
    let on_object = |name: &str| name.contains("Object") || name.ends_with("MultipartUpload");
    action.strip_prefix("s3:").is_some_and(on_object)
}

/// The account of the role, as far as it is known.
fn role_account(facts: &Facts) -> Option<&AccountId> {
    facts.target.role.account.as_ref().or_else(|| facts.caller.known().map(|caller| &caller.account))
}
