//! What to ask event history, and which events of the answers bear on the target. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::changes::{BUCKET_CHANGES, CATALOG_CHANGES, KEY_CHANGES, changes};
use crate::facts::{LookupFilter, Purpose};
use crate::model::Arn;
use crate::trail::{Event, made_by_role, names_role};

/// Where a partition records IAM's events, and those of the global endpoint of STS.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>
pub(in crate::collect) fn global(role: &Arn) -> &'static str {
    match role.partition().as_str() {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// Sessions whose denials are looked up by name: the newest.
const SESSIONS: usize = 5;
/// Policies once attached whose history is looked up.
const DETACHED: usize = 5;

/// What is searched for.
#[derive(Clone, Debug)]
pub(in crate::collect) struct Subject {
    /// The role.
    pub(in crate::collect) role: Arn,
    /// Regions in which the role's assumptions are recorded: by whichever endpoint of STS was called.
    pub(in crate::collect) session_regions: BTreeSet<String>,
    /// Regions in which the calls of the role's sessions are recorded.
    pub(in crate::collect) call_regions: BTreeSet<String>,
    /// The buckets, each with its region.
    pub(in crate::collect) buckets: Vec<(String, String)>,
    /// Regions of customer managed keys, to search for changes.
    pub(in crate::collect) key_regions: BTreeSet<String>,
    /// Region of the Data Catalog that the connectors use, to search for changes.
    pub(in crate::collect) catalog_region: Option<String>,
    /// The connectors' databases in it.
    pub(in crate::collect) databases: BTreeSet<String>,
    /// ARNs of the customer's managed policies that the role has, its boundary's included.
    pub(in crate::collect) policies: Vec<String>,
    /// The vendor's account.
    pub(in crate::collect) vendor: String,
    /// Session names of the connectors; `*` stands for anything.
    pub(in crate::collect) sessions: Vec<String>,
    /// Services whose denials are searched as a whole, for the sessions' names are not known beforehand:
    /// `glue.amazonaws.com`.
    pub(in crate::collect) sources: BTreeSet<String>,
    /// The same for when no session was seen and no connector was named.
    pub(in crate::collect) stand_ins: BTreeSet<String>,
    /// What to search for.
    pub(in crate::collect) purposes: BTreeSet<Purpose>,
}

/// One query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Query {
    pub(super) purpose: Purpose,
    pub(super) region: String,
    pub(super) filter: LookupFilter,
    /// Why it is not asked, though it might bring something.
    pub(super) unasked: Option<String>,
}

impl Query {
    fn new(purpose: Purpose, region: &str, attribute: &str, value: &str) -> Self {
        let filter = LookupFilter { attribute: attribute.to_owned(), value: value.to_owned() };
        Self { purpose, region: region.to_owned(), filter, unasked: None }
    }

    fn unasked(self, why: String) -> Self {
        Self { unasked: Some(why), ..self }
    }
}

/// What the first queries brought of the role's sessions.
pub(super) struct Assumed<'e> {
    /// The calls of `AssumeRole` for the role, newest first.
    pub(super) events: Vec<&'e Event>,
    /// Whether all of them in the window were read.
    pub(super) are_read: bool,
}

/// The queries that can be asked at once.
pub(super) fn first(subject: &Subject) -> Vec<Query> {
    let mut queries = Vec::new();
    let global = global(&subject.role);
    let wants = |purpose| subject.purposes.contains(&purpose);
    // Denials go by the names of the sessions that AssumeRole tells.
    if wants(Purpose::AssumeRole) || wants(Purpose::Denials) {
        for region in &subject.session_regions {
            queries.push(Query::new(Purpose::AssumeRole, region, "ResourceName", subject.role.as_str()));
        }
    }
    if wants(Purpose::Denials) {
        let of_source = |(region, source): (&String, &String)| {
            Query::new(Purpose::Denials, region, "EventSource", source)
        };
        let regions = subject.call_regions.iter();
        let pairs = regions.flat_map(|region| subject.sources.iter().map(move |source| (region, source)));
        queries.extend(pairs.map(of_source));
    }
    if wants(Purpose::Changes) {
        let change = |region: &str, attribute: &str, value: &str| {
            Query::new(Purpose::Changes, region, attribute, value)
        };
        queries.push(change(global, "ResourceName", subject.role.name()));
        queries.extend(subject.policies.iter().map(|arn| change(global, "ResourceName", arn)));
        let regions: BTreeSet<&String> = subject.buckets.iter().map(|(_, region)| region).collect();
        for region in regions {
            queries.extend(BUCKET_CHANGES.map(|name| change(region, "EventName", name)));
        }
        for region in &subject.key_regions {
            queries.extend(KEY_CHANGES.map(|name| change(region, "EventName", name)));
        }
        if let Some(region) = &subject.catalog_region {
            queries.extend(CATALOG_CHANGES.map(|(_, name)| change(region, "EventName", name)));
        }
    }
    queries
}

/// The queries that the events of the first ones suggest, and those that they would if there were fewer.
pub(super) fn second(subject: &Subject, assumed: &Assumed<'_>, changes: &[&Event]) -> Vec<Query> {
    let mut queries = Vec::new();
    if subject.purposes.contains(&Purpose::Denials) {
        let names = sessions(subject, &assumed.events);
        for region in &subject.call_regions {
            let denials = |attribute, value: &str| Query::new(Purpose::Denials, region, attribute, value);
            let calls = calls(subject, &names);
            queries.extend(calls.into_iter().map(|(attribute, value)| denials(attribute, &value)));
            let left_out = left_out(subject, &names, assumed.are_read);
            queries.extend(left_out.map(|(name, why)| denials("Username", &name).unasked(why)));
        }
    }
    if subject.purposes.contains(&Purpose::Changes) {
        let once_attached = detached(subject, changes);
        let query = |arn: &String| Query::new(Purpose::Changes, global(&subject.role), "ResourceName", arn);
        queries.extend(once_attached.iter().take(DETACHED).map(query));
        if let Some(next) = once_attached.get(DETACHED) {
            let more = once_attached.len() - DETACHED;
            let why = format!(
                "only {DETACHED} of the policies that were detached are looked up, and not {more} more"
            );
            queries.push(query(next).unasked(why));
        }
    }
    queries
}

/// Names of the role's sessions, the newest first and the vendor's before others'.
fn sessions(subject: &Subject, assumed: &[&Event]) -> Vec<String> {
    let by_vendor = |event: &&&Event| event.identity.account_id.as_deref() == Some(subject.vendor.as_str());
    let (vendor, others): (Vec<&&Event>, Vec<&&Event>) = assumed.iter().partition(by_vendor);
    let mut names: Vec<String> = Vec::new();
    for event in vendor.into_iter().chain(others) {
        let Some(name) = event.parameter("roleSessionName").filter(|name| !name.is_empty()) else { continue };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// By what the calls of the role's sessions are found: the names of the newest ones. Where none was seen, the
/// names that its connectors are known to use, and the events of the services of those whose names are not
/// known.
fn calls(subject: &Subject, seen: &[String]) -> Vec<(&'static str, String)> {
    let known: Vec<String> = subject.sessions.iter().filter(|name| !name.contains('*')).cloned().collect();
    let names = if seen.is_empty() { &known[..] } else { seen };
    let by_name = names.iter().take(SESSIONS).map(|name| ("Username", name.clone()));
    let stand_ins = subject.stand_ins.iter().filter(|_| seen.is_empty());
    by_name.chain(stand_ins.map(|service| ("EventSource", service.clone()))).collect()
}

/// The session that is the first of those whose calls are not looked for, and why; none when all are, be it
/// by the services that they call.
fn left_out(subject: &Subject, seen: &[String], are_read: bool) -> Option<(String, String)> {
    if !subject.sources.is_empty() {
        return None;
    }
    let regions = subject.session_regions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if let Some(next) = seen.get(SESSIONS) {
        let more = seen.len() - SESSIONS;
        let why = format!(
            "only the calls of the newest {SESSIONS} sessions are looked for, and not of {more} more"
        );
        return Some((next.clone(), why));
    }
    // The connectors' own names are the same all the time: older calls bring no others.
    let are_fixed = !seen.is_empty() && seen.iter().all(|name| subject.sessions.contains(name));
    let why = if !are_read && !are_fixed {
        format!("the role's sessions, by whose names its calls are found, were not all read in {regions}")
    } else if seen.is_empty() {
        format!(
            "no session of the role is in the event history of {regions}, by whose name its calls could be found"
        )
    } else {
        return None;
    };
    Some(("*".to_owned(), why))
}

/// Customer managed policies that were detached from the role and are not attached now.
fn detached(subject: &Subject, changes: &[&Event]) -> Vec<String> {
    let mut arns: Vec<String> = Vec::new();
    for event in changes.iter().filter(|event| event.event_name == "DetachRolePolicy") {
        let Some(arn) = event.parameter("policyArn") else { continue };
        let aws_managed = arn.contains(":iam::aws:");
        let known = arns.iter().chain(&subject.policies).any(|known| known == arn);
        if !aws_managed && !known {
            arns.push(arn.to_owned());
        }
    }
    arns
}

/// Whether an event of a query's answer bears on the target.
pub(super) fn bears_on(subject: &Subject, query: &Query, event: &Event) -> bool {
    match query.purpose {
        Purpose::AssumeRole => concerns_role(&subject.role, event),
        Purpose::Denials => event.is_denial() && made_by_role(event, &subject.role),
        Purpose::Changes => {
            event.error_code.is_none() && event.read_only != Some(true) && changes(subject, query, event)
        }
    }
}

fn concerns_role(role: &Arn, event: &Event) -> bool {
    event.event_name == "AssumeRole" && names_role(event, role)
}

/// The event without the secrets of the credentials that a call brought.
pub(super) fn without_secrets(mut event: Event) -> Event {
    if let Value::Object(response) = &mut event.response_elements {
        response.retain(|key, _| {
            let key = key.to_ascii_lowercase();
            !["credential", "secret", "token", "password"].iter().any(|word| key.contains(word))
        });
    }
    event
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::collect::cloudtrail) fn subject() -> Subject {
        Subject {
            role: "arn:aws:iam::111122223333:role/data/Streamkap".parse().unwrap(),
            session_regions: ["eu-west-1", "us-east-1"].map(str::to_owned).into(),
            call_regions: ["eu-west-1", "eu-central-1"].map(str::to_owned).into(),
            buckets: vec![("orders".to_owned(), "eu-central-1".to_owned())],
            key_regions: BTreeSet::from(["eu-central-1".to_owned()]),
            catalog_region: Some("eu-west-1".to_owned()),
            databases: BTreeSet::from(["sales".to_owned()]),
            policies: vec!["arn:aws:iam::111122223333:policy/Writes".to_owned()],
            vendor: "300973880807".to_owned(),
            sessions: vec!["AwsV2SDKConnectorSession".to_owned(), "iceberg-aws-*".to_owned()],
            sources: BTreeSet::from(["glue.amazonaws.com".to_owned()]),
            stand_ins: BTreeSet::from(["kms.amazonaws.com".to_owned()]),
            purposes: BTreeSet::from([Purpose::AssumeRole, Purpose::Changes, Purpose::Denials]),
        }
    }

    pub(in crate::collect::cloudtrail) fn event(name: &str, parameters: &Value) -> Event {
        Event::from_value(&json!({"eventID": "1", "eventSource": "iam.amazonaws.com", "eventName": name,
            "awsRegion": "us-east-1", "requestParameters": parameters}))
        .unwrap()
    }

    pub(in crate::collect::cloudtrail) fn query(queries: &[Query], attribute: &str, value: &str) -> Query {
        queries
            .iter()
            .find(|it| it.filter.attribute == attribute && it.filter.value == value)
            .unwrap()
            .clone()
    }

    #[test]
    fn each_thing_is_searched_where_it_is_recorded() {
        let queries = first(&subject());
        let regions = |purpose, attribute: &str| -> BTreeSet<String> {
            let found = queries.iter().filter(|it| it.purpose == purpose && it.filter.attribute == attribute);
            found.map(|it| it.region.clone()).collect()
        };
        let set = |regions: &[&str]| regions.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(regions(Purpose::AssumeRole, "ResourceName"), set(&["eu-west-1", "us-east-1"]));
        assert_eq!(regions(Purpose::Changes, "ResourceName"), set(&["us-east-1"]));
        assert_eq!(query(&queries, "EventName", "PutBucketPolicy").region, "eu-central-1");
        assert_eq!(query(&queries, "EventName", "RevokeGrant").region, "eu-central-1");
        assert_eq!(query(&queries, "EventName", "RevokePermissions").region, "eu-west-1");
        assert_eq!(query(&queries, "ResourceName", "Streamkap").region, "us-east-1");
        assert_eq!(regions(Purpose::Denials, "EventSource"), set(&["eu-central-1", "eu-west-1"]));
    }

    #[test]
    fn the_vendor_s_sessions_go_before_others_and_known_names_stand_in() {
        let assumed = |session: &str, account: &str| Event {
            identity: crate::trail::Identity { account_id: Some(account.to_owned()), ..Default::default() },
            ..event("AssumeRole", &json!({"roleSessionName": session}))
        };
        let events = [assumed("me", "111122223333"), assumed("iceberg-aws-1", "300973880807")];
        let events: Vec<&Event> = events.iter().collect();
        let values = |subject: &Subject, events: &[&Event]| -> Vec<String> {
            calls(subject, &sessions(subject, events)).into_iter().map(|(_, value)| value).collect()
        };
        assert_eq!(values(&subject(), &events), ["iceberg-aws-1", "me"]);
        // A pattern cannot be asked for.
        assert_eq!(values(&subject(), &[]), ["AwsV2SDKConnectorSession", "kms.amazonaws.com"]);
    }

    #[test]
    fn denials_are_looked_for_wherever_the_role_s_calls_are_recorded() {
        let queries = second(&subject(), &Assumed { events: Vec::new(), are_read: true }, &[]);
        let regions: BTreeSet<&str> = queries.iter().map(|query| query.region.as_str()).collect();
        assert_eq!(regions, BTreeSet::from(["eu-central-1", "eu-west-1"]));
    }

    #[test]
    fn sessions_whose_calls_are_not_looked_for_are_told() {
        let by_name = Subject { sources: BTreeSet::new(), ..subject() };
        let events: Vec<Event> = (0..7)
            .map(|number| event("AssumeRole", &json!({"roleSessionName": format!("s{number}")})))
            .collect();
        let unasked = |subject: &Subject, count: usize, are_read: bool| -> Option<(String, String)> {
            let assumed = Assumed { events: events.iter().take(count).collect(), are_read };
            let queries = second(subject, &assumed, &[]);
            let mut unasked =
                queries.iter().filter_map(|it| Some((it.filter.value.clone(), it.unasked.clone()?)));
            unasked.next()
        };
        let (session, why) = unasked(&by_name, 7, true).unwrap();
        assert!(session == "s5" && why.ends_with("not of 2 more"), "{session}: {why}");
        assert_eq!(unasked(&by_name, 5, true), None);
        assert!(unasked(&by_name, 5, false).unwrap().1.contains("were not all read in eu-west-1, us-east-1"));
        assert!(unasked(&by_name, 0, true).unwrap().1.starts_with("no session of the role is in"));
        let fixed = event("AssumeRole", &json!({"roleSessionName": "AwsV2SDKConnectorSession"}));
        let assumed = Assumed { events: vec![&fixed], are_read: false };
        assert!(second(&by_name, &assumed, &[]).iter().all(|it| it.unasked.is_none()));
        // Whatever the sessions are called, their services are searched as a whole.
        assert_eq!(unasked(&subject(), 7, false), None);
    }

    #[test]
    fn a_policy_that_was_detached_is_looked_up_too() {
        let detach =
            |arn: &str| event("DetachRolePolicy", &json!({"roleName": "Streamkap", "policyArn": arn}));
        let events = [
            detach("arn:aws:iam::111122223333:policy/Gone"),
            detach("arn:aws:iam::111122223333:policy/Writes"),
            detach("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        ];
        let assumed = || Assumed { events: Vec::new(), are_read: true };
        let queries = second(&subject(), &assumed(), &events.iter().collect::<Vec<_>>());
        let changes: Vec<_> = queries.iter().filter(|it| it.purpose == Purpose::Changes).collect();
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].filter.value, "arn:aws:iam::111122223333:policy/Gone");
        let many: Vec<Event> =
            (0..7).map(|number| detach(&format!("arn:aws:iam::111122223333:policy/P{number}"))).collect();
        let queries = second(&subject(), &assumed(), &many.iter().collect::<Vec<_>>());
        let unasked: Vec<&Query> = queries.iter().filter(|it| it.unasked.is_some()).collect();
        assert!(
            unasked.len() == 1 && unasked[0].unasked.as_deref().unwrap().ends_with("not 2 more"),
            "{unasked:?}"
        );
    }

    #[test]
    fn an_assumption_is_the_role_s_by_account_and_name_whatever_the_path() {
        let subject = subject();
        let query = query(&first(&subject), "ResourceName", subject.role.as_str());
        for (arn, expected) in [
            ("arn:aws:iam::111122223333:role/data/Streamkap", true),
            ("arn:aws:iam::111122223333:role/Streamkap", true),
            ("arn:aws:iam::444455556666:role/data/Streamkap", false),
            ("arn:aws:iam::111122223333:role/Other", false),
        ] {
            assert_eq!(
                bears_on(&subject, &query, &event("AssumeRole", &json!({"roleArn": arn}))),
                expected,
                "{arn}"
            );
        }
        assert!(!bears_on(&subject, &query, &event("AssumeRole", &json!(null))));
    }

    #[test]
    fn no_secret_of_a_session_is_kept() {
        let event = Event {
            response_elements: json!({"credentials": {"sessionToken": "x", "accessKeyId": "ASIA"}, "assumedRoleUser": {"arn": "a"}}),
            ..event("AssumeRole", &json!({}))
        };
        assert_eq!(without_secrets(event).response_elements, json!({"assumedRoleUser": {"arn": "a"}}));
    }
}
