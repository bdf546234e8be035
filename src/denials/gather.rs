//! Gathers what a search brings: denials in groups, and the history that may explain them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::scope::{RoleFilter, Scope};
use crate::model::Arn;
use crate::trail::{
    ChangeKind, ChangeRef, DenialGroup, DenialGroups, Denied, Event, EventRef, RoleNow, Sink, Timeline,
    is_assumption, is_history_of,
};

/// Changes that are kept, and assumptions of the role: the latest of each. A role is changed
/// rarely, but may be assumed all the time.
const HISTORY: usize = 10_000;

/// What a search has brought so far.
pub struct Gathered<'a> {
    scope: &'a Scope,
    role: Option<Arn>,
    groups: DenialGroups,
    changes: Latest,
    assumptions: Latest,
}

impl<'a> Gathered<'a> {
    /// Nothing yet.
    pub fn new(scope: &'a Scope) -> Self {
        let role = scope.role.as_ref().map(RoleFilter::role);
        let (changes, assumptions) = (Latest::default(), Latest::default());
        Self { scope, role, groups: DenialGroups::new(), changes, assumptions }
    }

    /// For another worker of the same search: nothing yet, and an event that either has taken is a
    /// copy to the other.
    pub fn sibling(&self) -> Self {
        Self { groups: self.groups.sibling(), ..Self::new(self.scope) }
    }

    /// Adds what a sibling has gathered. The outcome is the same whoever gathered what.
    pub fn merge(&mut self, other: Self) {
        self.groups.merge(other.groups);
        self.changes.merge(other.changes);
        self.assumptions.merge(other.assumptions);
    }

    /// Takes an event, if it is one that was asked for or belongs to the role's history.
    #[expect(clippy::needless_pass_by_value, reason = "what is gathered is nobody else's any more")]
    pub fn add(&mut self, event: Event) {
        self.take(&EventRef::from(&event));
    }

    fn take(&mut self, event: &EventRef<'_>) {
        let is_of_history = self.role.as_ref().is_some_and(|role| event.is_history_of(role));
        let is_assumption = is_assumption(event.event_name.as_bytes());
        let refuses_role =
            || is_of_history && is_assumption && event.is_refusal() && self.scope.covers(event);
        if self.scope.wants_record(event) || refuses_role() {
            self.groups.add_record(event);
        }
        if !is_of_history {
            return;
        }
        let key = (event.event_time, event.event_id.clone().into_owned());
        if !is_assumption {
            self.changes.put(key, || Kept::of(event));
            return;
        }
        self.assumptions.put(key, || {
            let mut event = event.to_event()?;
            // The timeline has no use for it, and it is most of the event.
            event.response_elements = Value::Null;
            Some(Kept::Event(Box::new(event)))
        });
    }

    /// What was asked for.
    pub fn scope(&self) -> &'a Scope {
        self.scope
    }

    /// Copies of denials that were left out.
    pub fn duplicates(&self) -> u64 {
        self.groups.duplicates()
    }

    /// What must be known of the gathering.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.groups.has_folded_reasons() {
            notes.push(
                "so many different denials were found that those of an action, or all, are put together: their \
                 resources and reasons are shown as (many)"
                    .to_owned(),
            );
        } else if self.groups.is_folded() {
            notes.push(
                "so many resources were denied that they are put together by bucket or by action".to_owned(),
            );
        }
        for (latest, what) in [(&self.changes, "changes"), (&self.assumptions, "assumptions of the role")] {
            if latest.left_out {
                notes.push(format!("the timeline knows only the last {HISTORY} {what}"));
            }
        }
        notes
    }

    /// The groups, and the timeline where one role was asked for. `now` tells what is known of it, `seen_until` the
    /// time of the last record of whatever kind.
    pub fn finish(self, now: &RoleNow, seen_until: Option<Timestamp>) -> Outcome {
        let mut notes = self.notes();
        let groups = self.groups.groups();
        let kept = self.changes.events.into_values().chain(self.assumptions.events.into_values());
        let denied = Denied::of(&groups);
        let (mut history, mut unreadable) = (Vec::new(), 0_u64);
        for kept in kept.flatten().filter(|kept| kept.may_explain(&denied)) {
            match kept.event() {
                Some(event) => history.push(event),
                None => unreadable += 1,
            }
        }
        if unreadable > 0 {
            notes
                .push(format!("changes that are damaged in the logs, and not in the timeline: {unreadable}"));
        }
        let role = match &self.scope.role {
            Some(RoleFilter::Name(name)) => only_role(name, &groups, &history),
            _ => self.role,
        };
        let timeline = role.map(|role| {
            history.retain(|event| is_history_of(event, &role));
            Timeline::until(seen_until, &role, now, history, &groups)
        });
        Outcome { groups, timeline, notes }
    }
}

/// What a search brought.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// Denials in groups, the largest first.
    pub groups: Vec<DenialGroup>,
    /// What happened around them, where one role was asked for and is known.
    pub timeline: Option<Timeline>,
    /// What must be known of the search.
    pub notes: Vec<String>,
}

/// The role of this name, if what was found is of one account only.
fn only_role(name: &str, groups: &[DenialGroup], history: &[Event]) -> Option<Arn> {
    let assumed = history.iter().filter_map(|event| event.parameter("roleArn"));
    let denied = groups.iter().flat_map(|group| &group.principals).map(String::as_str);
    // Of a role's names, the one of its sessions is IAM's own; a call's is its caller's.
    let arns = denied.chain(assumed).filter_map(|arn| arn.parse::<Arn>().ok());
    let arns = arns.filter(|arn| arn.service() == "iam" && arn.name().eq_ignore_ascii_case(name));
    let mut roles: BTreeMap<String, Arn> = BTreeMap::new();
    for arn in arns {
        roles.entry(arn.account().to_owned()).or_insert(arn);
    }
    let is_it = |event: &&Event| event.parameter("roleName").is_some_and(|it| it.eq_ignore_ascii_case(name));
    let changed = history.iter().filter(is_it);
    for account in changed.filter_map(|event| event.recipient_account.clone()) {
        let role = || Arn::new("aws", "iam", "", &account, &format!("role/{name}"));
        roles.entry(account.clone()).or_insert_with(role);
    }
    if roles.len() == 1 { roles.into_values().next() } else { None }
}

impl Sink for Gathered<'_> {
    fn event(&mut self, event: Event) {
        self.add(event);
    }

    fn record(&mut self, record: &EventRef<'_>) {
        self.take(record);
    }

    fn change(&mut self, change: &ChangeRef<'_>) {
        if self.role.as_ref().is_some_and(|role| change.is_history_of(role)) {
            let key = (change.event_time, change.event_id.to_owned());
            self.changes.put(key, || Some(Kept::of_text(change.kind, change.text)));
        }
    }
}

/// An event of the history, read when all is gathered if only its text was at hand.
enum Kept {
    Event(Box<Event>),
    Change(ChangeKind, Box<str>),
}

impl Kept {
    fn of(event: &EventRef<'_>) -> Option<Self> {
        match (event.text(), event.change_kind()) {
            (Some(text), Some(kind)) if !Denied::may_concern_any(kind) => {
                Some(Self::Change(kind, text.into()))
            }
            _ => event.to_event().map(|event| Self::Event(Box::new(event))),
        }
    }

    /// Read at once where it will be needed in any case: workers have company, the end has not.
    fn of_text(kind: ChangeKind, text: &str) -> Self {
        let event = if Denied::may_concern_any(kind) { Event::from_text(text) } else { None };
        event.map_or_else(|| Self::Change(kind, text.into()), |event| Self::Event(Box::new(event)))
    }

    /// Whether it may be about what was denied.
    fn may_explain(&self, denied: &Denied<'_>) -> bool {
        match self {
            Self::Event(_) => true,
            Self::Change(kind, text) => denied.may_concern(*kind, text),
        }
    }

    /// The event; none when its text is no record after all.
    fn event(self) -> Option<Event> {
        match self {
            Self::Event(event) => Some(*event),
            Self::Change(_, text) => Event::from_text(&text),
        }
    }
}

/// The latest events, each once; which those are does not depend on the order of their coming.
#[derive(Default)]
struct Latest {
    /// By time and id; those without an id cannot be told apart.
    events: BTreeMap<(Option<Timestamp>, String), Vec<Kept>>,
    /// Events were left out.
    left_out: bool,
}

impl Latest {
    /// Adds an event as `keep` keeps it, unless it is a copy.
    fn put(&mut self, key: (Option<Timestamp>, String), keep: impl FnOnce() -> Option<Kept>) {
        let nameless = key.1.is_empty();
        let alike = self.events.entry(key).or_default();
        if alike.is_empty() || nameless && alike.len() < HISTORY {
            alike.extend(keep());
        }
        if self.events.len() > HISTORY {
            self.events.pop_first();
            self.left_out = true;
        }
    }

    fn merge(&mut self, other: Self) {
        for (key, alike) in other.events {
            for kept in alike {
                self.put(key.clone(), || Some(kept));
            }
        }
        self.left_out |= other.left_out;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/orders";

    fn scope() -> Scope {
        Scope { role: Some(RoleFilter::Arn(ROLE.parse().unwrap())), ..Scope::default() }
    }

    /// Denials, changes and assumptions, some of them twice, some known by a shared id.
    fn events() -> Vec<Event> {
        let event = |number: usize| {
            // The rest are copies.
            let number = number % 630;
            let (name, code) =
                [("PutObject", "AccessDenied"), ("PutRolePolicy", ""), ("AssumeRole", "")][number % 3];
            let source = ["s3.amazonaws.com", "iam.amazonaws.com", "sts.amazonaws.com"][number % 3];
            let account = ["111122223333", "444455556666"][number / 3 % 2];
            let mut event = json!({
                "eventID": format!("event-{number}"), "eventTime": format!("2026-03-02T10:{:02}:{:02}Z", number / 60, number % 60),
                "eventSource": source, "eventName": name, "awsRegion": "eu-west-1", "errorCode": code, "recipientAccountId": account,
                "requestParameters": {"roleName": "orders", "roleArn": ROLE, "bucketName": "b", "key": format!("{}", number % 7)},
                "userIdentity": {"sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}}}, "sourceIPAddress": format!("10.0.0.{number}"),
            });
            if number.is_multiple_of(9) {
                event["sharedEventID"] = json!(format!("shared-{}", number % 45));
            }
            Event::from_value(&event).unwrap()
        };
        (0..900).map(event).collect()
    }

    #[test]
    fn any_number_of_workers_in_any_order_gathers_the_same() {
        let scope = scope();
        let alone = {
            let mut gathered = Gathered::new(&scope);
            for event in events() {
                gathered.add(event);
            }
            (gathered.duplicates(), gathered.finish(&RoleNow::default(), None))
        };
        assert_eq!(alone.1.groups.len(), 7);
        assert_eq!(alone.1.groups.iter().map(|group| group.count).sum::<u64>() + alone.0, 300);
        assert!(alone.0 > 90, "copies and calls that two accounts recorded: {}", alone.0);
        for workers in [2, 3, 8] {
            for reversed in [false, true] {
                let mut events = events();
                if reversed {
                    events.reverse();
                }
                let mut gathered = Gathered::new(&scope);
                let mut siblings: Vec<_> = (0..workers).map(|_| gathered.sibling()).collect();
                for (number, event) in events.into_iter().enumerate() {
                    let worker = &mut siblings[number * 7 % workers];
                    if scope.wants(&event) && !is_history_of(&event, &ROLE.parse().unwrap()) {
                        worker.record(&EventRef::from(&event));
                    } else {
                        worker.event(event);
                    }
                }
                if reversed {
                    siblings.reverse();
                }
                for sibling in siblings {
                    gathered.merge(sibling);
                }
                assert!(
                    (gathered.duplicates(), gathered.finish(&RoleNow::default(), None)) == alone,
                    "{workers} workers"
                );
            }
        }
    }

    #[test]
    fn a_change_that_is_damaged_in_the_logs_is_told() {
        let scope = scope();
        let mut gathered = Gathered::new(&scope);
        let change = |event_id, text| ChangeRef {
            event_id,
            event_time: None,
            kind: ChangeKind::ManagedPolicy,
            account: Some("111122223333"),
            text,
        };
        gathered
            .change(&change("1", r#"{"eventSource":"iam.amazonaws.com","eventName":"CreatePolicy","a":}"#));
        gathered.change(&change("2", r#"{"eventSource":"iam.amazonaws.com","eventName":"CreatePolicy"}"#));
        let notes = gathered.finish(&RoleNow::default(), None).notes;
        assert_eq!(notes, ["changes that are damaged in the logs, and not in the timeline: 1"]);
    }

    #[test]
    fn the_latest_of_the_history_are_kept_and_changes_apart_from_assumptions() {
        let scope = scope();
        let mut gathered = Gathered::new(&scope);
        let event = |number: usize, source: &str, name: &str| {
            Event::from_value(&json!({
                "eventID": format!("{name}-{number}"), "eventTime": 1_772_445_600 + number, "eventSource": source, "eventName": name,
                "requestParameters": {"roleName": "orders", "roleArn": ROLE}, "recipientAccountId": "111122223333",
            }))
            .unwrap()
        };
        gathered.add(event(0, "iam.amazonaws.com", "PutRolePolicy"));
        for number in (0..HISTORY + 10).rev() {
            gathered.add(event(number, "sts.amazonaws.com", "AssumeRole"));
        }
        assert_eq!(
            gathered.notes(),
            [format!("the timeline knows only the last {HISTORY} assumptions of the role")]
        );
        assert_eq!(gathered.assumptions.events.keys().next().unwrap().1, "AssumeRole-10");
        let timeline = gathered.finish(&RoleNow::default(), None).timeline;
        assert!(timeline.unwrap().entries.iter().any(|entry| entry.what.starts_with("PutRolePolicy")));
    }
}
