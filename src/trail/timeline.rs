//! The order of events around denials: who last got in, who changed what, what was refused first,
//! and which change it most likely was.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::applies::Ready;
use super::blame::{Blame, Certainty, Changed, Found, Replay, RoleNow, find, is_assumption_of, lost_trust};
use super::changes::{ChangeKind, is_assumption, names_role};
use super::document::StatementChange;
use super::identity::account_of_actor;
use super::{DenialGroup, Event};
use crate::model::Arn;

/// What happened around a role's denials, in order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// The role that it is about.
    #[serde(skip)]
    pub role: Option<Arn>,
    /// In order of time; those without a time come first.
    pub entries: Vec<Entry>,
    /// The changes that may have caused denials, the likeliest first.
    pub causes: Vec<Cause>,
}

/// One event, or several alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When; of several alike, the last.
    #[schemars(with = "Option<String>")]
    pub time: Option<Timestamp>,
    /// What kind of thing happened.
    #[serde(flatten)]
    pub kind: EntryKind,
    /// Who did it: a session's or user's ARN, an account, a service.
    pub actor: String,
    /// What happened, in words: `PutRolePolicy orders-write`.
    pub what: String,
    /// `eventID`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event_id: String,
    /// `awsRegion`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// `sourceIPAddress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// How many events this stands for.
    pub count: u64,
}

/// What kind of thing happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    /// The role was assumed.
    Assumed,
    /// Assuming the role was refused. Mostly that is logged in the caller's account only.
    AssumeRefused,
    /// Something was changed that the role depends on.
    Changed {
        /// What.
        change: ChangeKind,
    },
    /// The first denial of a group.
    Denied {
        /// The group's position among the denials.
        denial: usize,
    },
}

/// A change that may have caused denials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The change's position among the entries.
    pub entry: usize,
    /// How surely.
    pub certainty: Certainty,
    /// What speaks for it, in one sentence.
    pub reason: String,
    /// The statements that went or came, where the logs hold the documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementChange>,
    /// The denials it explains, by position.
    pub explains: Vec<usize>,
    /// The position among the entries of the change that put things back; absent: nothing did so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<usize>,
}

/// Denials shown by their first event.
const DENIALS: usize = 20;

impl Timeline {
    /// Puts the history of `role` in order and looks for what caused `denials`. `now` tells what is known of
    /// the role after all of it.
    ///
    /// `history` are events that [`super::is_history_of`] wants, copies and all, in any order.
    pub fn new(role: &Arn, now: &RoleNow, history: Vec<Event>, denials: &[DenialGroup]) -> Self {
        Self::until(None, role, now, history, denials)
    }

    /// The same where more was seen than the history and the denials: records until `end`.
    pub fn until(
        end: Option<Timestamp>,
        role: &Arn,
        now: &RoleNow,
        history: Vec<Event>,
        denials: &[DenialGroup],
    ) -> Self {
        let (assumptions, changes) = in_order(history, role);
        let first_denied = denials.iter().filter_map(|denial| denial.first).min();
        let given = assumptions.iter().filter(|event| event.error_code.is_none());
        let made = denials.iter().filter(|denial| !is_assumption_of(role, denial));
        let seen = given.filter_map(|event| event.event_time).chain(made.filter_map(|it| it.first)).min();
        let mut replay = Replay::new(role, now, seen, &changes);
        let changes: Vec<Changed> = changes.into_iter().filter_map(|event| replay.follow(event)).collect();
        let mut blames = blames(role, &changes, denials);
        if let Some(found) = lost_trust(&changes, &assumptions, denials, end) {
            blames.entry(found.at).or_default().push((None, found));
        }
        let undoing: BTreeSet<usize> =
            blames.values().flatten().filter_map(|(_, found)| found.undone_by).collect();

        let mut entries: Vec<(Option<usize>, Entry)> = assumed(role, &assumptions, first_denied);
        for (at, change) in changes.iter().enumerate() {
            let matters = blames.contains_key(&at)
                || undoing.contains(&at)
                || names_role(&change.event, role)
                || denials.iter().any(|denial| change.concerns(denial, role));
            if matters {
                entries.push((Some(at), changed(change)));
            }
        }
        // Refusals of the role itself are told as such.
        let shown = denials.iter().enumerate().take(DENIALS).filter(|(_, it)| !is_assumption_of(role, it));
        entries.extend(shown.map(|(at, denial)| (None, denied(at, denial))));
        entries.sort_by(|(_, one), (_, other)| (one.time, &one.event_id).cmp(&(other.time, &other.event_id)));

        let position = |change: usize| entries.iter().position(|(at, _)| *at == Some(change));
        let mut causes: Vec<(Option<Timestamp>, u64, Cause)> = blames
            .into_iter()
            .filter_map(|(at, blames)| Some((changes[at].event.event_time, position(at)?, blames)))
            .filter_map(|(time, entry, blames)| {
                let cause = cause(entry, blames, position)?;
                let count = cause.explains.iter().map(|at| denials[*at].count).sum();
                Some((time, count, cause))
            })
            .collect();
        // What is in force still first, then the surest; of equals the latest before the denials, then the one
        // explaining more.
        causes.sort_by(|(time, count, one), (other_time, other_count, other)| {
            let order = (other.undone_by.is_none(), other.certainty, other_time, other_count);
            order.cmp(&(one.undone_by.is_none(), one.certainty, time, count))
        });
        Self {
            role: Some(role.clone()),
            causes: causes.into_iter().map(|(.., cause)| cause).collect(),
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        }
    }

    /// The change that most likely caused the denials, with its entry.
    pub fn cause(&self) -> Option<(&Cause, &Entry)> {
        let cause = self.causes.first()?;
        Some((cause, self.entries.get(cause.entry)?))
    }

    /// The positions among the causes of those that explain a group of denials, the likeliest first.
    pub fn causes_of(&self, denial: usize) -> Vec<usize> {
        let explains = |at: &usize| self.causes[*at].explains.contains(&denial);
        (0..self.causes.len()).filter(explains).collect()
    }

    /// Who was refused the role and did not get it since, within a window of time: the last refusal of each,
    /// with the number of all, and the first time.
    pub fn refused(&self, is_within: impl Fn(Timestamp) -> bool) -> Vec<(Entry, Option<Timestamp>)> {
        let mut refused: BTreeMap<&str, (Entry, Option<Timestamp>)> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.time.is_none_or(&is_within)) {
            match entry.kind {
                EntryKind::Assumed => _ = refused.remove(entry.actor.as_str()),
                EntryKind::AssumeRefused => {
                    let before = refused.remove(entry.actor.as_str());
                    let (count, first) = before.map_or((0, entry.time), |(it, first)| (it.count, first));
                    let all = Entry { count: count + entry.count, ..entry.clone() };
                    refused.insert(&entry.actor, (all, first));
                }
                _ => {}
            }
        }
        refused.into_values().collect()
    }

    /// Whether it was the role itself that was refused to somebody.
    pub fn refuses_role(&self, denial: &DenialGroup) -> bool {
        self.role.as_ref().is_some_and(|role| is_assumption_of(role, denial))
    }

    /// When somebody last assumed the role: one of another account, or one in the role's own. Of several of one
    /// account none may be refused still.
    pub fn last_assumed_by(&self, who: &str) -> Option<&Entry> {
        let own = self.role.as_ref().map(Arn::account);
        let account = account_of_actor(who).filter(|account| Some(*account) != own);
        let actor = account.map_or_else(|| who.to_owned(), |account| format!("account {account}"));
        let is_theirs = |entry: &Entry| {
            entry.actor.strip_prefix(&actor).is_some_and(|id| id.is_empty() || id.starts_with(", "))
        };
        if self.refused(|_| true).iter().any(|(entry, _)| is_theirs(entry)) {
            return None;
        }
        let assumed = self.entries.iter().filter(|it| it.kind == EntryKind::Assumed && is_theirs(it));
        assumed.max_by_key(|entry| entry.time)
    }
}

/// Sorts by time, leaves copies out, and parts assumptions of the role from the rest.
fn in_order(mut history: Vec<Event>, role: &Arn) -> (Vec<Event>, Vec<Event>) {
    history.sort_by(|one, other| (one.event_time, &one.event_id).cmp(&(other.event_time, &other.event_id)));
    let (mut seen, mut recorders) = (BTreeSet::new(), BTreeMap::new());
    history.retain(|event| {
        // The same call in another account's trail has an id of its own and the shared one in common.
        let recorded_here = event.shared_event_id.as_ref().is_none_or(|shared| {
            let recorder = recorders.entry(shared.clone()).or_insert_with(|| event.recipient_account.clone());
            *recorder == event.recipient_account
        });
        recorded_here && (event.event_id.is_empty() || seen.insert(event.event_id.clone()))
    });
    let (assumptions, changes): (Vec<_>, Vec<_>) =
        history.into_iter().partition(|event| is_assumption(event.event_name.as_bytes()));
    (assumptions.into_iter().filter(|event| names_role(event, role)).collect(), changes)
}

/// For each change, which denials it may have caused and why.
type Blames = BTreeMap<usize, Vec<(Option<usize>, Found)>>;

fn blames(role: &Arn, changes: &[Changed], denials: &[DenialGroup]) -> Blames {
    let mut blames = Blames::new();
    let ready = Ready::default();
    for (index, denial) in denials.iter().enumerate() {
        for found in find(role, changes, denial, &ready) {
            blames.entry(found.at).or_default().push((Some(index), found));
        }
    }
    blames
}

/// A cause, put together of what speaks for it at each group of denials.
fn cause(
    entry: usize,
    blames: Vec<(Option<usize>, Found)>,
    position: impl Fn(usize) -> Option<usize>,
) -> Option<Cause> {
    let explains = blames.iter().filter_map(|(denial, _)| *denial).collect();
    let undone_by = blames.iter().map(|(_, found)| found.undone_by).collect::<Option<Vec<_>>>();
    let undone_by = undone_by.and_then(|all| all.into_iter().max()).and_then(position);
    let best = blames.into_iter().map(|(_, found)| found.blame);
    let best = best.reduce(|best, other| if other.certainty > best.certainty { other } else { best })?;
    let Blame { certainty, reason, statements } = best;
    Some(Cause { entry, certainty, reason, statements, explains, undone_by })
}

/// Of each account's assumptions the first, the last before the denials, and the last.
fn assumed(
    role: &Arn,
    assumptions: &[Event],
    first_denied: Option<Timestamp>,
) -> Vec<(Option<usize>, Entry)> {
    let mut by_actor: BTreeMap<(bool, String), Vec<&Event>> = BTreeMap::new();
    let callers: BTreeSet<_> = assumptions.iter().filter_map(|event| caller_elsewhere(role, event)).collect();
    // A call that was throttled or mistaken says nothing of who may assume the role.
    for event in assumptions.iter().filter(|event| event.error_code.is_none() || event.denial().is_some()) {
        let actor = match caller_elsewhere(role, event) {
            None => event.identity.principal().into_owned(),
            // Of callers in another account mostly nothing is told but that and an id.
            Some((account, Some(id))) if callers.iter().filter(|(of, _)| *of == account).count() > 1 => {
                format!("account {account}, {id}")
            }
            Some((account, _)) => format!("account {account}"),
        };
        by_actor.entry((event.error_code.is_some(), actor)).or_default().push(event);
    }
    let mut entries = Vec::new();
    for ((refused, actor), events) in &by_actor {
        let last_until = |time: Option<Timestamp>| events.iter().rposition(|event| event.event_time <= time);
        let before = first_denied.map_or(events.len().checked_sub(1), |first| last_until(Some(first)));
        // Refusals before the role was last given count apart from those since.
        let given = by_actor.get(&(false, actor.clone())).filter(|_| *refused).and_then(|given| given.last());
        let until_given = given.and_then(|given| last_until(given.event_time));
        let shown: BTreeSet<usize> =
            [Some(0), before, until_given, events.len().checked_sub(1)].into_iter().flatten().collect();
        let mut told = 0;
        for at in shown {
            let kind = if *refused { EntryKind::AssumeRefused } else { EntryKind::Assumed };
            let what = assumption(events[at]);
            let count = (at + 1 - told) as u64;
            told = at + 1;
            entries.push((None, Entry { actor: actor.clone(), count, ..entry(events[at], kind, what) }));
        }
    }
    entries
}

/// The account, if it is not the role's own, and the id of who called: a role's, `AROA…`, or a user's.
fn caller_elsewhere<'e>(role: &Arn, event: &'e Event) -> Option<(&'e str, Option<&'e str>)> {
    let account = event.identity.account_id.as_deref().filter(|account| *account != role.account())?;
    let id = event.identity.principal_id.as_deref().and_then(|id| id.split(':').next());
    Some((account, id.filter(|id| !id.is_empty())))
}

/// `AssumeRole as SESSION`, and why not where it was refused.
fn assumption(event: &Event) -> String {
    let session = event.parameter("roleSessionName");
    let session = session.map_or(String::new(), |session| format!(" as {session}"));
    let call = format!("{}{session}", event.event_name);
    match (&event.error_code, event.denial()) {
        (None, _) => call,
        (Some(_), Some(denial)) => {
            format!("{call} refused: {}", denial.reason.of_action(denial.action.as_deref()))
        }
        (Some(code), None) => format!("{call} failed: {code}"),
    }
}

fn changed(change: &Changed) -> Entry {
    let what = format!("{} {}", change.event.event_name, change.target);
    entry(&change.event, EntryKind::Changed { change: change.kind }, what.trim_end().to_owned())
}

fn entry(event: &Event, kind: EntryKind, what: String) -> Entry {
    Entry {
        time: event.event_time,
        kind,
        actor: event.identity.actor(),
        what,
        event_id: event.event_id.clone(),
        region: event.region.clone(),
        source_ip: event.source_ip.clone(),
        count: 1,
    }
}

fn denied(at: usize, denial: &DenialGroup) -> Entry {
    let action = denial.action.as_deref().unwrap_or("a call");
    let on = denial.resource.as_ref().map(|resource| format!(" on {resource}")).unwrap_or_default();
    Entry {
        time: denial.first,
        kind: EntryKind::Denied { denial: at },
        actor: denial.principals.first().cloned().unwrap_or_default(),
        what: format!("{action}{on} denied: {}", denial.reason),
        event_id: denial.event_ids.first().cloned().unwrap_or_default(),
        region: denial.regions.first().cloned().unwrap_or_default(),
        source_ip: denial.source_ips.first().cloned(),
        count: denial.count,
    }
}

#[cfg(test)]
mod tests;
