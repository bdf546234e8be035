//! Denials in groups: one row per action, resource and reason, each event counted once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::borrowed::EventRef;
use super::group::{DenialGroup, Tally};
use super::message::{MANY, Merging, Messages};
use super::record::Event;
use super::seen::{Seen, key_of};

/// Groups before resources are folded: an archive may name a new object in each denial.
const GROUPS: usize = 5_000;

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
    /// Reasons that differ in free words, or in the policy that AWS names.
    Words,
    /// All reasons of an action.
    Reasons,
    /// All there is.
    Actions,
}

impl Folding {
    fn next(self) -> Self {
        match self {
            Self::None => Self::Objects,
            Self::Objects => Self::All,
            Self::All => Self::Words,
            Self::Words => Self::Reasons,
            Self::Reasons | Self::Actions => Self::Actions,
        }
    }

    fn merging(self) -> Merging {
        match self {
            Self::None | Self::Objects | Self::All => Merging::None,
            Self::Words => Merging::Words,
            Self::Reasons => Merging::Reasons,
            Self::Actions => Merging::Actions,
        }
    }
}

/// Collects denials into groups.
///
/// Several may collect side by side: each worker its own [`DenialGroups::sibling`], merged in the
/// end. The outcome is the same whoever collects what. Memory grows with the number of *different*
/// denials up to a bound, and by some 40 bytes for each event, which duplicates are told by.
#[derive(Default)]
pub struct DenialGroups {
    messages: Messages,
    groups: Vec<Group>,
    /// The groups of each kind.
    of_kind: Vec<OfKind>,
    folding: Folding,
    seen: Arc<Seen>,
    duplicates: u64,
    /// By shared event id, who recorded the call.
    shared: BTreeMap<u128, Vec<Claim>>,
    /// The accounts that claims name.
    accounts: Vec<String>,
}

struct Group {
    kind: usize,
    resource: Option<String>,
    tally: Tally,
}

/// Positions of the groups of a kind, by resource.
#[derive(Default)]
struct OfKind {
    unnamed: Option<usize>,
    named: HashMap<String, usize>,
}

/// Events of one shared id in one account's trail: counted if that account comes first among
/// those which recorded the call.
struct Claim {
    account: usize,
    group: usize,
    count: u64,
}

impl DenialGroups {
    /// Nothing collected yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For another worker: nothing collected, but an event that either has counted is a copy to
    /// the other.
    pub fn sibling(&self) -> Self {
        Self { seen: Arc::clone(&self.seen), ..Self::default() }
    }

    /// Counts `event`, if it is a denial and not a copy of one already counted.
    ///
    /// Copies have the same `eventID`: delivered twice, by several trails, or for a global
    /// service in several regions. The same call in another account's trail has an id of its own
    /// and the `sharedEventID` in common; then only the account whose number is the lowest counts.
    pub fn add(&mut self, event: &Event) {
        self.add_record(&EventRef::from(event));
    }

    /// The same of a borrowed event.
    pub fn add_record(&mut self, event: &EventRef<'_>) {
        if !event.is_refusal() {
            return;
        }
        // An event without an id cannot be told from another one.
        if !event.event_id.is_empty() && !self.seen.note(&event.event_id) {
            self.duplicates += 1;
            return;
        }
        let Some(told) = self.messages.read(event) else { return };
        let of_key = told.resource.as_deref().is_some_and(|resource| resource.contains(":kms:"));
        let asked = if of_key { event.encrypted_bucket() } else { None };
        let resource = told.resource.or_else(|| event.resource().map(Cow::Owned));
        let resource = resource.map(|resource| folded(self.folding, resource));
        let group = position(&mut self.of_kind, &mut self.groups, told.kind, resource);
        let tally = &mut self.groups[group].tally;
        tally.see(event, told.encoded.as_deref());
        tally.see_bucket(asked.as_deref());
        match event.shared_event_id.as_deref().filter(|id| !id.is_empty()) {
            None => tally.count += 1,
            Some(shared) => {
                let account = self.account(event.recipient_account.as_deref().unwrap_or_default());
                claim(self.shared.entry(key_of(shared)).or_default(), Claim { account, group, count: 1 });
            }
        }
        self.bound();
    }

    /// Adds what a sibling has collected.
    pub fn merge(&mut self, mut other: Self) {
        while self.folding < other.folding {
            self.fold();
        }
        while other.folding < self.folding {
            other.fold();
        }
        self.duplicates += other.duplicates;
        let kinds: Vec<_> =
            other.messages.kinds().iter().map(|kind| self.messages.position(kind.clone())).collect();
        let mut moved = Vec::with_capacity(other.groups.len());
        for Group { kind, resource, tally } in other.groups {
            let group = position(&mut self.of_kind, &mut self.groups, kinds[kind], resource.map(Cow::Owned));
            self.groups[group].tally.merge(tally);
            moved.push(group);
        }
        let accounts: Vec<_> = other.accounts.iter().map(|account| self.account(account)).collect();
        for (shared, claims) in other.shared {
            let ours = self.shared.entry(shared).or_default();
            for Claim { account, group, count } in claims {
                claim(ours, Claim { account: accounts[account], group: moved[group], count });
            }
        }
        self.bound();
    }

    /// How many copies were left out.
    pub fn duplicates(&self) -> u64 {
        let claimed: u64 = self.shared.values().flatten().map(|claim| claim.count).sum();
        let counted: u64 =
            self.shared.values().flat_map(|claims| self.counted(claims)).map(|claim| claim.count).sum();
        self.duplicates + claimed - counted
    }

    /// Whether there were so many resources that they were folded together.
    pub fn is_folded(&self) -> bool {
        self.folding != Folding::None
    }

    /// Whether there were so many reasons or actions that they were folded together.
    pub fn has_folded_reasons(&self) -> bool {
        self.folding > Folding::All
    }

    /// The groups, the largest first, then by action, resource and reason.
    pub fn groups(&self) -> Vec<DenialGroup> {
        let mut counts: Vec<u64> = self.groups.iter().map(|group| group.tally.count).collect();
        for claim in self.shared.values().flat_map(|claims| self.counted(claims)) {
            counts[claim.group] += claim.count;
        }
        let kinds = self.messages.kinds();
        let key = |group: &Group| {
            let kind = &kinds[group.kind];
            (&kind.action, group.resource.clone(), &kind.cause, &kind.policy_arn, kind.truncated)
        };
        let mut order: Vec<_> = (0..self.groups.len()).filter(|&at| counts[at] > 0).collect();
        order.sort_by_cached_key(|&at| (std::cmp::Reverse(counts[at]), key(&self.groups[at])));
        let group = |at: usize| {
            let Group { kind, resource, tally } = &self.groups[at];
            tally.clone().group(&kinds[*kind], resource.as_deref(), counts[at])
        };
        order.into_iter().map(group).collect()
    }

    /// The claims that count: those of the account which comes first.
    fn counted<'c>(&'c self, claims: &'c [Claim]) -> impl Iterator<Item = &'c Claim> {
        let name = |claim: &Claim| self.accounts[claim.account].as_str();
        let first = claims.iter().map(name).min();
        claims.iter().filter(move |claim| Some(name(claim)) == first)
    }

    /// The position of an account among those known; there are few.
    fn account(&mut self, account: &str) -> usize {
        self.accounts.iter().position(|known| known == account).unwrap_or_else(|| {
            self.accounts.push(account.to_owned());
            self.accounts.len() - 1
        })
    }

    fn bound(&mut self) {
        while self.groups.len() > GROUPS && self.folding < Folding::Actions {
            self.fold();
        }
    }

    fn fold(&mut self) {
        self.folding = self.folding.next();
        let kinds = self.messages.merge(self.folding.merging());
        self.of_kind.clear();
        let mut moved = Vec::with_capacity(self.groups.len());
        for Group { kind, resource, tally } in std::mem::take(&mut self.groups) {
            let resource = resource.map(|resource| folded(self.folding, Cow::Owned(resource)));
            let group = position(&mut self.of_kind, &mut self.groups, kinds[kind], resource);
            self.groups[group].tally.merge(tally);
            moved.push(group);
        }
        for claims in self.shared.values_mut() {
            for mut old in std::mem::take(claims) {
                old.group = moved[old.group];
                claim(claims, old);
            }
        }
    }
}

/// Adds a claim to those of its shared id.
fn claim(claims: &mut Vec<Claim>, new: Claim) {
    let alike = claims.iter_mut().find(|old| (old.account, old.group) == (new.account, new.group));
    match alike {
        Some(old) => old.count += new.count,
        None => claims.push(new),
    }
}

/// The position of the group of this kind and resource, made if there is none.
fn position(
    of_kind: &mut Vec<OfKind>,
    groups: &mut Vec<Group>,
    kind: usize,
    resource: Option<Cow<'_, str>>,
) -> usize {
    if of_kind.len() <= kind {
        of_kind.resize_with(kind + 1, OfKind::default);
    }
    let OfKind { unnamed, named } = &mut of_kind[kind];
    let known = match &resource {
        Some(resource) => named.get(&**resource).copied(),
        None => *unnamed,
    };
    known.unwrap_or_else(|| {
        let new = groups.len();
        let resource = resource.map(Cow::into_owned);
        match &resource {
            Some(resource) => _ = named.insert(resource.clone(), new),
            None => *unnamed = Some(new),
        }
        groups.push(Group { kind, resource, tally: Tally::default() });
        new
    })
}

/// A resource, or what it is folded into.
fn folded(folding: Folding, resource: Cow<'_, str>) -> Cow<'_, str> {
    match folding {
        Folding::None => resource,
        Folding::Objects => bucket_of_object(&resource).map_or(resource, Cow::Owned),
        _ => Cow::Borrowed(MANY),
    }
}

/// `arn:aws:s3:::bucket/*` for an object's ARN.
fn bucket_of_object(resource: &str) -> Option<String> {
    let start = resource.find(":s3:::")?;
    let (bucket, _) = resource[start..].split_once('/')?;
    Some(format!("{}{bucket}/*", &resource[..start]))
}

#[cfg(test)]
mod tests {
    use super::super::group::SAMPLES;
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
        let spelt = |id: &str, action: &str| Event {
            event_source: "sns.amazonaws.com".into(),
            event_name: "Publish".into(),
            error_message: Some(format!(
                "User: a is not authorized to perform: {action} on resource: arn:aws:sns:eu-west-1:111122223333:t because \
                 no identity-based policy allows the {action} action"
            )),
            ..denied(id, 1, "a")
        };
        let groups = collect(&[spelt("1", "SNS:Publish"), spelt("2", "sns:Publish")]);
        assert_eq!((groups.len(), groups[0].count), (1, 2), "{groups:#?}");
        assert_eq!(groups[0].action.as_deref(), Some("sns:Publish"));
    }

    #[test]
    fn reasons_and_actions_without_end_are_put_together_and_all_count() {
        let worded = |number: usize| Event {
            error_message: Some(format!("No luck today, said daemon {number}")),
            ..denied(&number.to_string(), 1, "a")
        };
        let called = |number: usize| Event {
            event_name: format!("Call{number}"),
            error_message: None,
            ..denied(&format!("c{number}"), 1, "a")
        };
        let mut events: Vec<_> = (0..GROUPS + 10).map(worded).collect();
        events.push(denied("named", 2, "a"));
        let alone = collect_by(1, &events);
        let counts: Vec<_> = alone.0.iter().map(|group| (group.reason.as_str(), group.count)).collect();
        let named = "no identity-based policy allows the s3:PutObject action";
        assert_eq!(counts, [(MANY, GROUPS as u64 + 10), (named, 1)]);
        assert_eq!(collect_by(3, &events), alone);
        events.extend((0..GROUPS + 10).map(called));
        let all = collect_by(1, &events);
        assert_eq!(all.0.iter().map(|group| group.count).sum::<u64>(), events.len() as u64);
        assert!(
            all.0.len() <= 2 && all.0.iter().all(|it| it.action.is_none() && it.reason == MANY),
            "{:?}",
            all.0
        );
        assert_eq!(collect_by(3, &events), all);
    }

    #[test]
    fn a_message_that_was_cut_before_its_reason_is_told_as_cut() {
        let cut =
            |id: &str, message: &str| Event { error_message: Some(message.into()), ..denied(id, 1, "a") };
        let user =
            "User: a is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::orders/a\"";
        for (message, is_cut) in [
            (format!("{user} with an explicit deny in a service control po..."), true),
            (
                format!(
                    "{user} with an explicit deny in a service control policy: arn:aws:organizations::1:pol..."
                ),
                true,
            ),
            (format!("{user} because no identity-based policy allows the s3:PutObject action"), false),
            (
                format!(
                    "{user} because no identity-based policy allows the s3:PutObject action. Encoded authorization failure \
                     message: abcdefghijklmnopqrstuvwxyz0123456789..."
                ),
                false,
            ),
        ] {
            assert_eq!(collect(&[cut("1", &message)])[0].truncated, is_cut, "{message}");
        }
    }

    /// The same events dealt out to workers, whose parts are merged in turn.
    fn collect_by(workers: usize, events: &[Event]) -> (Vec<DenialGroup>, u64, bool) {
        let mut whole = DenialGroups::new();
        let mut parts: Vec<_> = (0..workers).map(|_| whole.sibling()).collect();
        for (number, event) in events.iter().enumerate() {
            parts[number * 5 % workers].add(event);
        }
        for part in parts {
            whole.merge(part);
        }
        (whole.groups(), whole.duplicates(), whole.is_folded())
    }

    #[test]
    fn copies_count_once_whichever_workers_come_upon_them() {
        let events: Vec<_> = (0..400).map(|n| denied(&(n % 150).to_string(), n % 150 % 60, "a")).collect();
        for workers in 1..6 {
            let (groups, duplicates, _) = collect_by(workers, &events);
            assert_eq!((groups.len(), groups[0].count, duplicates), (1, 150, 250), "{workers}");
            assert_eq!(groups[0].first.unwrap().to_string(), "2026-03-02T00:00:00Z");
            assert_eq!(groups[0].last.unwrap().to_string(), "2026-03-02T00:00:59Z");
            assert_eq!(groups, collect(&events));
        }
    }

    #[test]
    fn of_two_accounts_that_recorded_a_call_the_same_one_counts_whoever_comes_first() {
        let recorded = |id: &str, account: &str, object: &str| Event {
            shared_event_id: Some("s".into()),
            recipient_account: Some(account.into()),
            ..denied(id, 1, object)
        };
        // The owner's trail may tell less than the caller's, and so be of another group.
        let mut events = [recorded("1", "111122223333", "a"), recorded("2", "444455556666", "b")];
        let forwards = collect_by(2, &events);
        assert_eq!((forwards.0.len(), forwards.0[0].count, forwards.1), (1, 1, 1));
        assert_eq!(forwards.0[0].resource.as_deref(), Some("arn:aws:s3:::orders/a"));
        events.reverse();
        assert_eq!(collect_by(2, &events), forwards);
        assert_eq!(collect_by(1, &events), forwards);
    }

    #[test]
    fn folding_does_not_depend_on_the_workers() {
        let buckets = |n: usize| format!("{}/{n}", n % 3);
        let mut events: Vec<_> = (0..GROUPS + 500).map(|n| denied(&n.to_string(), 1, &buckets(n))).collect();
        for event in events.iter_mut().step_by(9) {
            event.shared_event_id = Some(format!("{}", event.event_id.len()));
            event.recipient_account = Some("444455556666".into());
        }
        let alone = collect_by(1, &events);
        assert!(alone.2);
        assert_eq!(alone.0.iter().map(|group| group.count).sum::<u64>(), (GROUPS + 500) as u64);
        assert_eq!(collect_by(3, &events), alone);
    }
}
