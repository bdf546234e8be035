//! What the event history shows of the role: who assumed it, what was changed, what was refused.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::checks::View;
use crate::facts::{FactId, History, LookupQuery, Purpose, Role};
use crate::model::{Arn, Blocked, Evidence, Source};
use crate::trail::Event;

use super::callers;

/// The events of one purpose, each once, oldest first, and what was not searched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Searched<'a> {
    /// Events that have a time.
    pub events: Vec<&'a Event>,
    /// Queries that brought no answer, in words.
    pub unread: Vec<Blocked>,
    /// Queries that were answered.
    pub queries: Vec<&'a LookupQuery>,
}

impl Searched<'_> {
    /// Whether every query was answered to the end.
    pub(crate) fn is_complete(&self) -> bool {
        self.unread.is_empty() && self.queries.iter().all(|query| !query.incomplete)
    }

    /// What was not searched, or not to the end; `None`: all was.
    pub(crate) fn gap(&self) -> Option<Blocked> {
        if self.is_complete() {
            return None;
        }
        let cut_short = || {
            let gap = self.queries.iter().find_map(|query| query.gap.as_deref());
            let why = gap.map(|gap| format!(": {gap}")).unwrap_or_default();
            Blocked {
                hint: gap.is_none().then(|| "run again with a shorter --since".to_owned()),
                ..Blocked::new(
                    "CloudTrail's event history",
                    format!("the {} was not read to the end{why}", self.window()),
                )
            }
        };
        Some(self.unread.first().cloned().unwrap_or_else(cut_short))
    }

    /// When the search begins, in all of its queries.
    pub(crate) fn start(&self) -> Option<Timestamp> {
        self.queries.iter().filter_map(|query| query.since.parse().ok()).max()
    }

    /// Where and since when was searched: `event history of eu-west-1 and us-east-1 since 2026-08-22 12:00 UTC`.
    pub(crate) fn window(&self) -> String {
        let regions: BTreeSet<&str> = self.queries.iter().map(|query| query.region.as_str()).collect();
        let since = self.queries.iter().map(|query| query.since.as_str()).min().unwrap_or_default();
        let regions = super::words::list(&regions.into_iter().collect::<Vec<_>>());
        format!("event history of {regions} since {}", super::phrases::moment_of(since))
    }
}

/// The events searched for a purpose; an error when no query of it was answered.
pub(crate) fn events<'a>(view: &View<'a>, purpose: Purpose) -> Result<Searched<'a>, Blocked> {
    let history = view.history(fact_of(purpose));
    let mut found = Searched::default();
    let mut seen = BTreeSet::new();
    for query in history.queries.iter().filter(|query| query.purpose == purpose) {
        let what = format!("the event history of {} ({})", query.region, query.filter.value);
        match query.events.read(&what) {
            Ok(events) => {
                found.queries.push(query);
                let new = events.into_iter().flatten().filter(|event| event.event_time.is_some());
                found
                    .events
                    .extend(new.filter(|event| event.event_id.is_empty() || seen.insert(&event.event_id)));
            }
            Err(blocked) => found.unread.push(blocked),
        }
    }
    if found.queries.is_empty() {
        return Err(found.unread.into_iter().next().unwrap_or_else(|| not_searched(history)));
    }
    found.events.sort_by_key(|event| event.event_time);
    Ok(found)
}

fn fact_of(purpose: Purpose) -> FactId {
    match purpose {
        Purpose::AssumeRole => FactId::HistoryAssumeRole,
        Purpose::Changes => FactId::HistoryChanges,
        Purpose::Denials => FactId::HistoryDenials,
    }
}

fn not_searched(history: &History) -> Blocked {
    let why = history.switched_off.as_ref().or(history.not_searched.as_ref());
    Blocked::new(
        "CloudTrail's event history",
        why.cloned().unwrap_or_else(|| "it was not searched".to_owned()),
    )
}

/// Why a check does not apply that lacks nothing but the event history which the user left out.
pub(crate) fn left_out(history: &History, blocked: &[Blocked]) -> Option<String> {
    let why = history.switched_off.as_ref()?;
    let lacks = not_searched(history);
    let nothing_else = !blocked.is_empty() && blocked.iter().all(|it| *it == lacks);
    nothing_else.then(|| format!("{} was left out: {why}", lacks.what))
}

/// Calls of `AssumeRole` for the role by Streamkap's account, or the installer's of what is installed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assumptions<'a> {
    /// Calls that succeeded, oldest first.
    pub successes: Vec<&'a Event>,
    /// Calls that were refused, oldest first. Mostly these show in the caller's account only.
    pub refusals: Vec<&'a Event>,
    /// What was searched.
    pub all: Searched<'a>,
}

impl<'a> Assumptions<'a> {
    /// The successful calls for this very role, and not for a former one of its name.
    pub(crate) fn of_role(&self, role: &Role) -> impl DoubleEndedIterator<Item = &'a Event> {
        self.successes.iter().copied().filter(|event| !is_former(event, role))
    }
}

/// The id of the role that a successful call gave a session of.
pub(crate) fn role_id(event: &Event) -> Option<&str> {
    let user = event.response_elements.get("assumedRoleUser")?.get("assumedRoleId")?.as_str()?;
    user.split(':').next()
}

/// Whether a call was for a role of this name before the present one.
pub(crate) fn is_former(event: &Event, role: &Role) -> bool {
    role_id(event).map_or_else(|| is_older(event, role), |id| id != role.id)
}

/// Whether an event is older than the role.
pub(crate) fn is_older(event: &Event, role: &Role) -> bool {
    let created = role.created.parse::<Timestamp>().ok();
    event.event_time.zip(created).is_some_and(|(time, created)| time < created)
}

/// Whether an event names the role: IAM compares names without regard to case, and records them as given.
pub(crate) fn is_of_role(event: &Event, role: &str) -> bool {
    event.parameter("roleName").is_some_and(|name| name.eq_ignore_ascii_case(role))
}

/// Calls of `AssumeRole` for the role by those who call for its connectors; an error when nothing could be
/// searched.
pub(crate) fn assumptions<'a>(view: &View<'a>) -> Result<Assumptions<'a>, Blocked> {
    let all = events(view, Purpose::AssumeRole)?;
    let accounts = callers::accounts(view);
    let calls = all.events.iter().copied().filter(|event| {
        event.event_source == "sts.amazonaws.com"
            && event.event_name == "AssumeRole"
            && event.identity.account_id.as_ref().is_some_and(|id| accounts.contains(id))
            && concerns(event, &view.target().role.name)
    });
    let (mut successes, mut refusals) = (Vec::new(), Vec::new());
    for call in calls {
        match &call.error_code {
            None => successes.push(call),
            Some(_) if call.is_denial() => refusals.push(call),
            Some(_) => {}
        }
    }
    Ok(Assumptions { successes, refusals, all })
}

/// Whether an `AssumeRole` is for the role of this name, as far as the record tells.
fn concerns(event: &Event, role: &str) -> bool {
    // Refused calls often come without parameters, and then the message tells.
    let named = event.parameter("roleArn").map(str::to_owned);
    let named = named.or_else(|| event.denial().and_then(|denial| denial.resource));
    named.and_then(|arn| arn.parse::<Arn>().ok()).is_none_or(|arn| arn.name() == role)
}

/// Since when the trust policy stands as it is now, as far as the history goes back: its last change,
/// the role's creation, or the start of what was searched. `None` when the changes could not be
/// searched to the end.
pub(crate) fn trust_unchanged_since(view: &View<'_>, created: &str) -> Option<Timestamp> {
    let changes = events(view, Purpose::Changes).ok()?;
    if !changes.is_complete() {
        return None;
    }
    let last = last_trust_change(view, &changes);
    let known = last.map_or(changes.start(), |event| event.event_time)?;
    Some(created.parse().map_or(known, |created: Timestamp| created.max(known)))
}

/// The last change of the role's trust policy, with which it was made included.
pub(crate) fn last_trust_change<'a>(view: &View<'_>, changes: &Searched<'a>) -> Option<&'a Event> {
    let name = &view.target().role.name;
    changes.events.iter().rev().copied().find(|event| {
        matches!(event.event_name.as_str(), "UpdateAssumeRolePolicy" | "CreateRole")
            && event.error_code.is_none()
            && is_of_role(event, name)
    })
}

/// The event as proof.
pub(crate) fn evidence(event: &Event, text: impl Into<String>) -> Evidence {
    let source = Source::Event {
        id: event.event_id.clone(),
        time: event.event_time.map(|time| time.to_string()).unwrap_or_default(),
        region: event.region.clone(),
    };
    Evidence { source, text: text.into() }
}

/// Who called, in words: `Streamkap's account 300973880807`.
pub(crate) fn caller(view: &View<'_>, event: &Event) -> String {
    let own = view.vendor().account.as_str();
    callers::in_words(view, event.identity.account_id.as_deref().unwrap_or(own))
}

/// When an event happened, as reports show it.
pub(crate) fn when(event: &Event) -> String {
    event.event_time.map_or_else(|| "at an unknown time".to_owned(), super::phrases::moment)
}
