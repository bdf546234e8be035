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
    let cut_short = || format!("older pages were left unread after {}", query.pages);
    let incomplete = query.incomplete.then(|| query.gap.clone().unwrap_or_else(cut_short));
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
        unread => {
            let why = unread.read("").err().map(|blocked| format!(" ({})", blocked.why)).unwrap_or_default();
            spots.push(format!("Policies of an organization, if the account is in one{why}."));
        }
    }
    spots.extend(unasked_simulator(facts));
    spots
}

/// That AWS's simulator did not answer, where the doctor's own evaluation then stands alone.
fn unasked_simulator(facts: &Facts) -> Option<String> {
    let unread: Vec<_> =
        facts.simulations.iter().filter_map(|it| it.result.read("AWS's simulator").err()).collect();
    let first = unread.first()?;
    let share = if unread.len() == facts.simulations.len() { "any" } else { "some" };
    let allow = first.grant.as_ref().map(|action| format!("; allow {action}")).unwrap_or_default();
    Some(format!(
        "What AWS's policy simulator says: it did not answer {share} of the questions ({}{allow}), and the doctor's own evaluation stands alone there.",
        first.why
    ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::History;

    fn spots(scenario: &str, change: impl FnOnce(&mut Facts)) -> String {
        let mut facts = crate::demo::facts(scenario).unwrap();
        change(&mut facts);
        coverage(&facts, Catalog::built_in()).blind_spots.join(" ")
    }

    #[test]
    fn calls_on_objects_are_out_of_sight_for_every_connector_that_makes_them() {
        for (scenario, makes) in [("healthy", true), ("iceberg-glue", true), ("redshift", false)] {
            assert_eq!(spots(scenario, |_| ()).contains("no data events"), makes, "{scenario}");
        }
    }

    #[test]
    fn the_account_that_manages_its_organization_is_not_told_of_policies_that_spare_it() {
        let control = "Resource control policies";
        assert!(spots("healthy", |_| ()).contains(control));
        let managed = spots("healthy", |facts| {
            let account = facts.caller.known().map(|caller| caller.account.clone()).unwrap();
            let Fact::Known(organization) = &mut facts.organization else { panic!("no organization") };
            organization.management_account = account;
        });
        assert!(!managed.contains(control), "{managed}");
    }

    #[test]
    fn a_history_that_was_left_out_and_one_that_was_not_searched_are_told_apart() {
        let left_out = spots("healthy", |facts| facts.history = History::left_out("--no-history was given"));
        assert!(left_out.contains("CloudTrail's event history: --no-history was given."), "{left_out}");
        let unsearched = spots("healthy", |facts| facts.history = History::unsearched("no region"));
        assert!(unsearched.contains("it was not searched: no region."), "{unsearched}");
    }
}
