//! Denials in groups: one row per action, resource and reason, each event counted once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::Event;
use crate::denial::{Denial, Reason};

/// Denials that share action, resource, reason and denying policy.
///
/// Every list is sorted and holds at most fifty values: the first in order, whatever the order in
/// which the events were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DenialGroup {
    /// The IAM action, its service in lower case (`sns:Publish`); null when neither message nor
    /// event tells.
    pub action: Option<String>,
    /// An ARN, `*`, kind and name (`role orders`); null when neither message nor event tells.
    pub resource: Option<String>,
    /// The reason in AWS's words, as far as they go.
    pub reason: String,
    /// The same for programs.
    pub cause: Reason,
    /// Events, each counted once however often it was delivered.
    pub count: u64,
    /// The first `eventTime`.
    #[schemars(with = "Option<String>")]
    pub first: Option<Timestamp>,
    /// The last `eventTime`.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    /// `errorCode`, as spelt in the events.
    pub error_codes: BTreeSet<String>,
    /// `awsRegion`.
    pub regions: BTreeSet<String>,
    /// `recipientAccountId`.
    pub accounts: BTreeSet<String>,
    /// `sourceIPAddress`: addresses, or the names of services.
    pub source_ips: BTreeSet<String>,
    /// `userAgent`.
    pub user_agents: BTreeSet<String>,
    /// Who was refused: roles without the name of the session, users, services.
    pub principals: BTreeSet<String>,
    /// `vpcEndpointId`, where the call came through one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub vpc_endpoints: BTreeSet<String>,
    /// The policy AWS named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// The encoded message of the first event that has one, for `sts:DecodeAuthorizationMessage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoded: Option<String>,
    /// `eventID` of the first few events in order of time.
    pub event_ids: Vec<String>,
}

/// Values kept of each list of a group.
const VALUES: usize = 50;
/// Event ids kept of a group.
const SAMPLES: usize = 5;
/// Groups before resources are folded: an archive may name a new object in each denial.
const GROUPS: usize = 5_000;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    action: Option<String>,
    resource: Option<String>,
    cause: Reason,
    policy_arn: Option<String>,
}

#[derive(Clone, Default)]
struct Tally {
    count: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    error_codes: BTreeSet<String>,
    regions: BTreeSet<String>,
    accounts: BTreeSet<String>,
    source_ips: BTreeSet<String>,
    user_agents: BTreeSet<String>,
    principals: BTreeSet<String>,
    vpc_endpoints: BTreeSet<String>,
    /// The encoded message with the sample that it belongs to; the smallest wins.
    encoded: Option<(Sample, String)>,
    samples: BTreeSet<Sample>,
}

/// What orders the events of a group, so that the result does not depend on who read first.
type Sample = (Option<Timestamp>, String);

/// How far resources are folded together to keep the number of groups bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Folding {
    /// Each resource by itself.
    #[default]
    None,
    /// Objects by their bucket, `arn:aws:s3:::bucket/*`.
    Objects,
    /// All resources of an action and reason.
    All,
}

/// Collects denials into groups. Memory grows with the number of *different* denials up to a
/// bound, and by 24 bytes for each event, which duplicates are told by.
#[derive(Clone, Default)]
pub struct DenialGroups {
    groups: BTreeMap<Key, Tally>,
    folding: Folding,
    /// Hashes of event ids.
    seen: HashSet<u128>,
    /// Of a shared event id, in whose trail it was seen.
    shared: HashMap<u128, u64>,
    duplicates: u64,
}

impl DenialGroups {
    /// Nothing collected yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts `event`, if it is a denial and not a copy of one already counted.
    ///
    /// Copies have the same `eventID`: delivered twice, by several trails, or for a global
    /// service in several regions. The same call in another account's trail has an id of its own
    /// and the `sharedEventID` in common.
    pub fn add(&mut self, event: &Event) {
        let Some(denial) = event.denial() else { return };
        if self.is_copy(event) {
            self.duplicates += 1;
            return;
        }
        let key = self.folded(Key {
            action: denial.action.as_deref().map(canonical_action),
            resource: denial.resource.clone(),
            cause: denial.reason.clone(),
            policy_arn: denial.policy_arn.clone(),
        });
        self.groups.entry(key).or_default().add(event, &denial);
        while self.groups.len() > GROUPS && self.folding < Folding::All {
            self.fold();
        }
    }

    /// How many copies were left out.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Whether there were so many resources that they were folded together.
    pub fn is_folded(&self) -> bool {
        self.folding != Folding::None
    }

    /// The groups, the largest first, then by action, resource and reason.
    pub fn groups(&self) -> Vec<DenialGroup> {
        let mut groups: Vec<_> = self.groups.iter().map(|(key, tally)| tally.group(key)).collect();
        // A stable sort: equal counts stay in the order of their keys.
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    fn is_copy(&mut self, event: &Event) -> bool {
        // An event without an id cannot be told from another one.
        if !event.event_id.is_empty() && !self.seen.insert(hash128(&event.event_id)) {
            return true;
        }
        let Some(shared) = event.shared_event_id.as_deref().filter(|id| !id.is_empty()) else { return false };
        let account = hash64(0, event.recipient_account.as_deref().unwrap_or_default());
        let first = *self.shared.entry(hash128(shared)).or_insert(account);
        first != account
    }

    fn folded(&self, mut key: Key) -> Key {
        if self.folding >= Folding::All {
            key.resource = key.resource.map(|_| "(many)".to_owned());
        } else if self.folding >= Folding::Objects {
            key.resource = key.resource.map(|resource| bucket_of_object(&resource).unwrap_or(resource));
        }
        key
    }

    fn fold(&mut self) {
        self.folding = if self.folding == Folding::None { Folding::Objects } else { Folding::All };
        for (key, tally) in std::mem::take(&mut self.groups) {
            let key = self.folded(key);
            self.groups.entry(key).or_default().merge(tally);
        }
    }
}

/// `arn:aws:s3:::bucket/*` for an object's ARN.
fn bucket_of_object(resource: &str) -> Option<String> {
    let start = resource.find(":s3:::")?;
    let (bucket, _) = resource[start..].split_once('/')?;
    Some(format!("{}{bucket}/*", &resource[..start]))
}

/// The action with its service in lower case; AWS writes `SNS:Publish` and `sns:Publish`.
fn canonical_action(action: &str) -> String {
    match action.split_once(':') {
        Some((service, name)) => format!("{}:{name}", service.to_ascii_lowercase()),
        None => action.to_owned(),
    }
}

fn hash64(salt: u64, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    text.hash(&mut hasher);
    hasher.finish()
}

fn hash128(text: &str) -> u128 {
    u128::from(hash64(1, text)) << 64 | u128::from(hash64(2, text))
}

impl Tally {
    fn add(&mut self, event: &Event, denial: &Denial) {
        self.count += 1;
        self.first = earliest(self.first, event.event_time);
        self.last = self.last.max(event.event_time);
        keep(&mut self.error_codes, event.error_code.as_deref());
        keep(&mut self.regions, Some(&event.region));
        keep(&mut self.accounts, event.recipient_account.as_deref());
        keep(&mut self.source_ips, event.source_ip.as_deref());
        keep(&mut self.user_agents, event.user_agent.as_deref());
        keep(&mut self.principals, Some(&principal(event)));
        keep(&mut self.vpc_endpoints, event.vpc_endpoint_id.as_deref());
        let sample = (event.event_time, event.event_id.clone());
        if let Some(encoded) = &denial.encoded {
            self.keep_encoded((sample.clone(), encoded.clone()));
        }
        self.samples.insert(sample);
        self.trim_samples();
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.first = earliest(self.first, other.first);
        self.last = self.last.max(other.last);
        for (into, from) in [
            (&mut self.error_codes, other.error_codes),
            (&mut self.regions, other.regions),
            (&mut self.accounts, other.accounts),
            (&mut self.source_ips, other.source_ips),
            (&mut self.user_agents, other.user_agents),
            (&mut self.principals, other.principals),
            (&mut self.vpc_endpoints, other.vpc_endpoints),
        ] {
            for value in &from {
                keep(into, Some(value));
            }
        }
        if let Some(encoded) = other.encoded {
            self.keep_encoded(encoded);
        }
        self.samples.extend(other.samples);
        self.trim_samples();
    }

    fn keep_encoded(&mut self, encoded: (Sample, String)) {
        if self.encoded.as_ref().is_none_or(|kept| encoded < *kept) {
            self.encoded = Some(encoded);
        }
    }

    fn trim_samples(&mut self) {
        while self.samples.len() > SAMPLES {
            self.samples.pop_last();
        }
    }

    fn group(&self, key: &Key) -> DenialGroup {
        let tally = self.clone();
        DenialGroup {
            action: key.action.clone(),
            resource: key.resource.clone(),
            reason: key.cause.of_action(key.action.as_deref()),
            cause: key.cause.clone(),
            count: tally.count,
            first: tally.first,
            last: tally.last,
            error_codes: tally.error_codes,
            regions: tally.regions,
            accounts: tally.accounts,
            source_ips: tally.source_ips,
            user_agents: tally.user_agents,
            principals: tally.principals,
            vpc_endpoints: tally.vpc_endpoints,
            policy_arn: key.policy_arn.clone(),
            encoded: tally.encoded.map(|(_, encoded)| encoded),
            event_ids: tally.samples.into_iter().map(|(_, id)| id).filter(|id| !id.is_empty()).collect(),
        }
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Keeps the first [`VALUES`] values in their own order: what stays does not depend on the order
/// in which they came.
fn keep(set: &mut BTreeSet<String>, value: Option<&str>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return };
    if set.contains(value) || set.len() >= VALUES && set.last().is_some_and(|last| last.as_str() < value) {
        return;
    }
    set.insert(value.to_owned());
    if set.len() > VALUES {
        set.pop_last();
    }
}

/// The role behind a session, or whoever it was.
fn principal(event: &Event) -> String {
    let issuer = event.identity.issuer.as_ref().and_then(|issuer| issuer.arn.clone());
    issuer.unwrap_or_else(|| event.identity.actor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn denied(id: &str, second: u32, object: &str) -> Event {
        Event::from_value(&json!({
            "eventID": id, "eventTime": format!("2026-03-02T00:00:{second:02}Z"), "eventSource": "s3.amazonaws.com",
            "eventName": "PutObject", "awsRegion": "eu-west-1", "errorCode": "AccessDenied", "sourceIPAddress": format!("10.0.0.{second}"),
            "errorMessage": format!("User: a is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::orders/{object}\" because no identity-based policy allows the s3:PutObject action"),
            "recipientAccountId": "111122223333"
        }))
        .unwrap()
    }

    fn collect(events: &[Event]) -> Vec<DenialGroup> {
        let mut groups = DenialGroups::new();
        for event in events {
            groups.add(event);
        }
        groups.groups()
    }

    #[test]
    fn denials_are_grouped_and_every_event_counts_once() {
        let events = [denied("1", 5, "a"), denied("2", 3, "a"), denied("1", 5, "a"), denied("3", 9, "b")];
        let groups = collect(&events);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].count, groups[1].count), (2, 1));
        assert_eq!(groups[0].action.as_deref(), Some("s3:PutObject"));
        assert_eq!(groups[0].resource.as_deref(), Some("arn:aws:s3:::orders/a"));
        assert_eq!(groups[0].reason, "no identity-based policy allows the s3:PutObject action");
        assert_eq!(groups[0].first.unwrap().to_string(), "2026-03-02T00:00:03Z");
        assert_eq!(groups[0].last.unwrap().to_string(), "2026-03-02T00:00:05Z");
        assert_eq!(groups[0].event_ids, ["2", "1"]);
    }

    #[test]
    fn the_same_call_in_two_accounts_trails_counts_once() {
        let shared = |id: &str, account: &str| Event {
            shared_event_id: Some("s".into()),
            recipient_account: Some(account.into()),
            ..denied(id, 1, "a")
        };
        assert_eq!(collect(&[shared("1", "1"), shared("2", "2")])[0].count, 1);
        assert_eq!(collect(&[shared("1", "1"), shared("2", "1")])[0].count, 2);
    }

    #[test]
    fn events_without_an_id_cannot_be_told_apart_and_all_count() {
        assert_eq!(collect(&[denied("", 1, "a"), denied("", 1, "a")])[0].count, 2);
    }

    #[test]
    fn the_result_does_not_depend_on_the_order_of_reading() {
        let mut events: Vec<_> =
            (0..300).map(|n| denied(&n.to_string(), n % 60, ["a", "b", "c"][n as usize % 3])).collect();
        let forwards = collect(&events);
        events.reverse();
        assert_eq!(collect(&events), forwards);
        assert_eq!(forwards[0].source_ips.len(), 20);
        assert_eq!(forwards[0].event_ids.len(), SAMPLES);
    }

    #[test]
    fn objects_are_folded_into_their_bucket_when_there_are_too_many() {
        let mut groups = DenialGroups::new();
        for n in 0..=GROUPS {
            groups.add(&denied(&n.to_string(), 1, &n.to_string()));
        }
        let folded = groups.groups();
        assert!(groups.is_folded());
        assert_eq!(folded.len(), 1);
        assert_eq!(folded[0].resource.as_deref(), Some("arn:aws:s3:::orders/*"));
        assert_eq!(folded[0].count, GROUPS as u64 + 1);
    }

    #[test]
    fn two_spellings_of_a_service_are_one_action() {
        assert_eq!(canonical_action("SNS:Publish"), "sns:Publish");
    }
}
