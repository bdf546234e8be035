//! The order of events around denials: who last got in, who changed what, what was refused first,
//! and which change it most likely was.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blame::{Blame, Certainty, Changed, Found, Replay, RoleNow, find, lost_trust};
use super::changes::{ChangeKind, is_assumption, names_role};
use super::document::StatementChange;
use super::{DenialGroup, Event};
use crate::model::Arn;

/// What happened around a role's denials, in order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
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
        let (assumptions, changes) = in_order(history, role);
        let mut replay = Replay::new(role, now, &changes);
        let changes: Vec<Changed> = changes.into_iter().filter_map(|event| replay.follow(event)).collect();
        let first_denied = denials.iter().filter_map(|denial| denial.first).min();
        let mut blames = blames(role, &changes, denials);
        if let Some(found) = lost_trust(&changes, &assumptions, denials) {
            blames.entry(found.at).or_default().push((None, found));
        }
        let undoing: BTreeSet<usize> =
            blames.values().flatten().filter_map(|(_, found)| found.undone_by).collect();

        let mut entries: Vec<(Option<usize>, Entry)> = assumed(&assumptions, first_denied);
        for (at, change) in changes.iter().enumerate() {
            let matters = blames.contains_key(&at)
                || undoing.contains(&at)
                || names_role(&change.event, role)
                || denials.iter().any(|denial| change.concerns(denial, role));
            if matters {
                entries.push((Some(at), changed(change)));
            }
        }
        entries
            .extend(denials.iter().enumerate().take(DENIALS).map(|(at, denial)| (None, denied(at, denial))));
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
        // The surest first; of equals the latest before the denials, then the one explaining more.
        causes.sort_by(|(time, count, one), (other_time, other_count, other)| {
            (other.certainty, other_time, other_count).cmp(&(one.certainty, time, count))
        });
        Self {
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

    /// When `account` last assumed the role.
    pub fn last_assumed_by(&self, account: &str) -> Option<&Entry> {
        let actor = format!("account {account}");
        let by_account = |entry: &&Entry| entry.kind == EntryKind::Assumed && entry.actor == actor;
        self.entries.iter().filter(by_account).max_by_key(|entry| entry.time)
    }
}

/// Sorts by time, leaves copies out, and parts assumptions of the role from the rest.
fn in_order(mut history: Vec<Event>, role: &Arn) -> (Vec<Event>, Vec<Event>) {
    history.sort_by(|one, other| (one.event_time, &one.event_id).cmp(&(other.event_time, &other.event_id)));
    let mut seen = BTreeSet::new();
    history.retain(|event| event.event_id.is_empty() || seen.insert(event.event_id.clone()));
    let (assumptions, changes): (Vec<_>, Vec<_>) =
        history.into_iter().partition(|event| is_assumption(event.event_name.as_bytes()));
    (assumptions.into_iter().filter(|event| names_role(event, role)).collect(), changes)
}

/// For each change, which denials it may have caused and why.
type Blames = BTreeMap<usize, Vec<(Option<usize>, Found)>>;

fn blames(role: &Arn, changes: &[Changed], denials: &[DenialGroup]) -> Blames {
    let mut blames = Blames::new();
    for (index, denial) in denials.iter().enumerate() {
        for found in find(role, changes, denial) {
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
fn assumed(assumptions: &[Event], first_denied: Option<Timestamp>) -> Vec<(Option<usize>, Entry)> {
    let mut by_actor: BTreeMap<(bool, String), Vec<&Event>> = BTreeMap::new();
    for event in assumptions {
        let identity = &event.identity;
        let account = identity.account_id.as_ref().map(|account| format!("account {account}"));
        let actor = account.unwrap_or_else(|| identity.actor());
        by_actor.entry((event.error_code.is_some(), actor)).or_default().push(event);
    }
    let mut entries = Vec::new();
    for ((refused, actor), events) in by_actor {
        let before =
            events.iter().rposition(|event| first_denied.is_none_or(|first| event.event_time <= Some(first)));
        let shown: BTreeSet<usize> =
            [Some(0), before, events.len().checked_sub(1)].into_iter().flatten().collect();
        let mut told = 0;
        for at in shown {
            let kind = if refused { EntryKind::AssumeRefused } else { EntryKind::Assumed };
            let what = assumption(events[at]);
            let count = (at + 1 - told) as u64;
            told = at + 1;
            entries.push((None, Entry { actor: actor.clone(), count, ..entry(events[at], kind, what) }));
        }
    }
    entries
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
#[expect(clippy::needless_pass_by_value, reason = "reads better at the many calls")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::trail::DenialGroups;

    const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";

    fn event(minute: u32, source: &str, name: &str, parameters: Value) -> Event {
        Event::from_value(&json!({
            "eventID": format!("{name}-{minute}"), "eventTime": format!("2026-03-02T00:{minute:02}:00Z"),
            "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": "us-east-1",
            "recipientAccountId": "111122223333", "requestParameters": parameters,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333"}
        }))
        .unwrap()
    }

    fn assumed_at(minute: u32) -> Event {
        let mut event = event(minute, "sts", "AssumeRole", json!({"roleArn": ROLE, "roleSessionName": "s"}));
        event.identity.arn = None;
        event.identity.account_id = Some("300973880807".into());
        event
    }

    fn denials(minute: u32, message: &str) -> Vec<DenialGroup> {
        let mut groups = DenialGroups::new();
        let mut event = event(minute, "s3", "PutObject", Value::Null);
        event.error_code = Some("AccessDenied".into());
        event.error_message = Some(format!(
            "User: x is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::orders/a\" {message}"
        ));
        groups.add(&event);
        groups.groups()
    }

    fn timeline(history: Vec<Event>, denials: &[DenialGroup]) -> Timeline {
        Timeline::new(&ROLE.parse().unwrap(), &RoleNow::default(), history, denials)
    }

    const IMPLICIT: &str = "because no identity-based policy allows the s3:PutObject action";

    fn policy(actions: &str) -> String {
        json!({"Statement": [{"Sid": "Write", "Effect": "Allow", "Action": actions, "Resource": "*"}]})
            .to_string()
    }

    fn put_policy(minute: u32, document: &str) -> Event {
        event(
            minute,
            "iam",
            "PutRolePolicy",
            json!({"roleName": "orders", "policyName": "write", "policyDocument": document}),
        )
    }

    #[test]
    fn the_statement_that_vanished_is_named_with_the_change_that_took_it() {
        let history = vec![
            put_policy(20, &policy("s3:Get*")),
            put_policy(5, &policy("s3:*")),
            assumed_at(18),
            assumed_at(19),
            event(
                25,
                "iam",
                "PutRolePolicy",
                json!({"roleName": "another", "policyName": "write", "policyDocument": policy("x:y")}),
            ),
            event(
                22,
                "s3",
                "PutBucketPolicy",
                json!({"bucketName": "other", "bucketPolicy": {"Statement": []}}),
            ),
        ];
        let timeline = timeline(history, &denials(30, IMPLICIT));
        let (cause, entry) = timeline.cause().unwrap();
        assert_eq!(entry.what, "PutRolePolicy write");
        assert_eq!(entry.actor, "arn:aws:iam::111122223333:user/alice");
        assert_eq!(entry.time.unwrap().to_string(), "2026-03-02T00:20:00Z");
        assert_eq!(cause.certainty, Certainty::Shown);
        assert_eq!(cause.statements[0].sid.as_deref(), Some("Write"));
        assert_eq!(cause.explains, [0]);
        let last = timeline.last_assumed_by("300973880807").unwrap();
        assert_eq!(last.time.unwrap().to_string(), "2026-03-02T00:19:00Z");
        let times: Vec<_> = timeline.entries.iter().map(|entry| entry.time).collect();
        assert!(times.is_sorted());
        assert!(!timeline.entries.iter().any(|entry| entry.what.contains("other")), "{:?}", timeline.entries);
    }

    #[test]
    fn a_change_after_the_first_denial_is_not_its_cause() {
        let history = vec![put_policy(5, &policy("s3:*")), put_policy(31, &policy("s3:Get*"))];
        assert_eq!(timeline(history, &denials(30, IMPLICIT)).cause(), None);
    }

    #[test]
    fn a_change_that_kept_the_permission_is_not_the_cause() {
        let history = vec![put_policy(5, &policy("s3:*")), put_policy(20, &policy("s3:Put*"))];
        // The wider statement went, but it is the narrower one's text that allows it still.
        let found = timeline(history, &denials(30, IMPLICIT));
        assert!(
            found.cause().is_none_or(|(cause, _)| cause.certainty < Certainty::Shown),
            "{:?}",
            found.causes
        );
    }

    #[test]
    fn without_documents_what_takes_away_is_likely() {
        let detach = event(
            20,
            "iam",
            "DetachRolePolicy",
            json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/p"}),
        );
        let attach = event(
            25,
            "iam",
            "AttachRolePolicy",
            json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/q"}),
        );
        let timeline = timeline(vec![detach, attach], &denials(30, IMPLICIT));
        let (cause, entry) = timeline.cause().unwrap();
        assert_eq!(
            (entry.what.as_str(), cause.certainty),
            ("DetachRolePolicy arn:aws:iam::1:policy/p", Certainty::Likely)
        );
    }

    #[test]
    fn a_new_version_of_a_managed_policy_is_compared_with_the_one_before() {
        let version = |minute, id: &str, actions: &str| {
            let mut event = event(
                minute,
                "iam",
                "CreatePolicyVersion",
                json!({"policyArn": "arn:aws:iam::1:policy/p", "policyDocument": policy(actions), "setAsDefault": true}),
            );
            event.response_elements = json!({"policyVersion": {"versionId": id}});
            event
        };
        let back = event(
            20,
            "iam",
            "SetDefaultPolicyVersion",
            json!({"policyArn": "arn:aws:iam::1:policy/p", "versionId": "v2"}),
        );
        let attached = event(
            1,
            "iam",
            "AttachRolePolicy",
            json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/p"}),
        );
        let history = vec![attached, version(5, "v2", "s3:Get*"), version(10, "v3", "s3:*"), back];
        let timeline = timeline(history, &denials(30, IMPLICIT));
        assert_eq!(timeline.cause().unwrap().1.what, "SetDefaultPolicyVersion arn:aws:iam::1:policy/p");
        assert_eq!(timeline.cause().unwrap().0.certainty, Certainty::Shown);
    }

    #[test]
    fn an_explicit_deny_is_laid_to_the_policy_that_brought_it() {
        let deny = json!({"Statement": [{"Sid": "Lock", "Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "arn:aws:s3:::orders/*"}]});
        let history = vec![
            event(20, "s3", "PutBucketPolicy", json!({"bucketName": "orders", "bucketPolicy": deny})),
            event(
                21,
                "iam",
                "DetachRolePolicy",
                json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/p"}),
            ),
        ];
        let timeline = timeline(history, &denials(30, "with an explicit deny in a resource-based policy"));
        let (cause, entry) = timeline.cause().unwrap();
        assert_eq!(entry.what, "PutBucketPolicy orders");
        assert_eq!(cause.statements[0].sid.as_deref(), Some("Lock"));
    }

    #[test]
    fn the_policy_that_aws_names_settles_it() {
        let attach = event(
            20,
            "iam",
            "AttachRolePolicy",
            json!({"roleName": "orders", "policyArn": "arn:aws:iam::1:policy/quarantine"}),
        );
        let denied = denials(
            30,
            "with an explicit deny in an identity-based policy: arn:aws:iam::1:policy/quarantine",
        );
        let timeline = timeline(vec![attach], &denied);
        assert_eq!(timeline.cause().unwrap().0.certainty, Certainty::Shown);
    }

    #[test]
    fn assumptions_that_end_with_a_change_of_trust_point_at_it() {
        let trust = |minute, account: &str| {
            let document = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}]});
            event(
                minute,
                "iam",
                "UpdateAssumeRolePolicy",
                json!({"roleName": "orders", "policyDocument": document.to_string()}),
            )
        };
        let history =
            vec![trust(1, "300973880807"), assumed_at(5), assumed_at(10), trust(15, "999999999999")];
        let timeline = timeline(history, &[]);
        let (cause, entry) = timeline.cause().unwrap();
        assert_eq!(entry.time.unwrap().to_string(), "2026-03-02T00:15:00Z");
        assert_eq!((cause.certainty, cause.statements.len()), (Certainty::Likely, 1));
    }

    #[test]
    fn a_grant_of_lake_formation_that_went_is_laid_to_whoever_revoked_it() {
        let revoke = |minute, role: &str, database: &str| {
            event(
                minute,
                "lakeformation",
                "RevokePermissions",
                json!({"principal": {"dataLakePrincipalIdentifier": role}, "permissions": ["DESCRIBE"],
                    "resource": {"database": {"name": database}}}),
            )
        };
        let mut denied = event(30, "glue", "GetDatabase", json!({"name": "sales"}));
        denied.error_code = Some("AccessDeniedException".into());
        denied.error_message =
            Some("Insufficient Lake Formation permission(s): Required Describe on sales".into());
        let issuer = json!({"type": "Role", "arn": ROLE});
        denied.identity = Event::from_value(&json!({"eventSource": "a", "eventName": "b",
            "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}}}))
        .unwrap()
        .identity;
        let mut groups = DenialGroups::new();
        groups.add(&denied);
        let denials = groups.groups();
        let other = "arn:aws:iam::111122223333:role/other";
        let timeline = timeline(vec![revoke(20, ROLE, "sales"), revoke(25, other, "sales")], &denials);
        let (cause, entry) = timeline.cause().unwrap();
        assert_eq!(
            (entry.what.as_str(), cause.certainty),
            ("RevokePermissions DESCRIBE on sales", Certainty::Likely)
        );
        assert!(timeline.entries.iter().all(|entry| entry.time != revoke(25, other, "sales").event_time));
    }

    #[test]
    fn a_database_that_was_deleted_took_its_grants_along() {
        let mut denied = event(30, "glue", "GetTable", json!({"databaseName": "sales", "name": "orders"}));
        denied.error_code = Some("AccessDeniedException".into());
        denied.error_message =
            Some("Insufficient Lake Formation permission(s): Required Describe on orders".into());
        let mut groups = DenialGroups::new();
        groups.add(&denied);
        let denials = groups.groups();
        let gone = event(20, "glue", "DeleteTable", json!({"databaseName": "sales", "name": "orders"}));
        let settings = event(10, "lakeformation", "PutDataLakeSettings", json!({}));
        let timeline = timeline(vec![gone, settings], &denials);
        assert_eq!(timeline.cause().unwrap().1.what, "DeleteTable sales.orders");
        assert_eq!(timeline.entries.len(), 3, "{:?}", timeline.entries);
    }
}
