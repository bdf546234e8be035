//! The model of the answer, version 1: what `denials -o json` prints.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::explain::{Meaning, explain};
use super::gather::{Gathered, Outcome};
use super::scope::{RoleFilter, Scope};
use super::selector::{Kind, Logged, selector_to_add};
use super::source::{Offer, SourceKind};
use super::verify::{Verification, verify};
use crate::denial::Denial;
use crate::facts::Facts;
use crate::model::{AccountId, Arn};
use crate::trail::{self, Cause, DenialGroup, EARLIER_CHANGES, Entry, EntryKind, Heard, RoleNow, Timeline};

/// The version of this model, raised when a reader of the last one would be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// What was denied, as far as one search could see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "streamkap-doctor denials")]
pub struct Answer {
    /// The version of this model: 1.
    pub schema_version: u32,
    /// Whether all that was to be searched was searched and readable. If not, there may be more.
    pub complete: bool,
    /// What was asked.
    pub question: Question,
    /// The groups, the largest first, then by action, resource and reason.
    pub denials: Vec<Denied>,
    /// What was searched and what could not be seen.
    pub coverage: Searched,
    /// The sources there are and what each could show; empty when one was named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Offer>,
    /// What happened around the denials, in order of time; absent unless the answer is about
    /// one role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// What must be known to read this answer rightly, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// Name or ARN of the role; null: denials of anybody.
    pub role: Option<String>,
    /// The accounts whose logs were wanted; empty: all.
    pub accounts: BTreeSet<String>,
    /// The window of time.
    pub window: Window,
    /// The connector's bucket, where it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
}

/// A window of time, open where null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// From this time on.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Before this time.
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

/// Denials that share action, resource and reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Denied {
    /// The denials themselves.
    #[serde(flatten)]
    pub group: DenialGroup,
    /// What they mean.
    #[serde(flatten)]
    pub meaning: Meaning,
    /// Whether the policies as they are now would deny it still.
    pub verification: Verification,
    /// The changes that may have caused it, by their positions among the timeline's causes, the likeliest
    /// first; empty: no change that was seen explains it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<usize>,
    /// What the encoded message holds, when it was decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub decoded: Option<serde_json::Value>,
}

/// What a search looked at: without it an empty result means nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Searched {
    /// Which source.
    pub source: SourceKind,
    /// Where exactly: folders, a bucket, an event data store, a table.
    pub places: Vec<String>,
    /// What kinds of events the source holds.
    pub kinds: Vec<Kind>,
    /// Logs: files, records, regions, accounts, times. For the other sources, regions and accounts
    /// asked, and the events that came back.
    #[serde(flatten)]
    pub looked: trail::Coverage,
    /// Bytes that CloudTrail Lake or Athena scanned, which is what they bill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed_bytes: Option<u64>,
    /// What could not have been seen here, one sentence each.
    pub blind_spots: Vec<String>,
    /// The event selector that would record what is missing, for `put-event-selectors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub selector_to_add: Option<serde_json::Value>,
    /// The command that adds it to a trail of the account beside the selectors that the trail has, which
    /// `put-event-selectors` replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_to_add: Option<String>,
}

impl Searched {
    /// What reading log files of unknown trails covers: what kinds of events they hold is told by
    /// what was seen in them. Where calls on objects of a bucket, with its prefix, are asked about, some have to
    /// be there.
    pub fn logs(
        source: SourceKind,
        places: Vec<String>,
        mut looked: trail::Coverage,
        bucket: Option<(&str, &str)>,
    ) -> Self {
        looked.lacks_if_empty(&places.join(", "), "");
        let mut kinds = Vec::new();
        let mut blind_spots = Vec::new();
        if looked.records == 0 {
            blind_spots.push("no record at all was read: nothing can be concluded".to_owned());
        } else {
            kinds.push(Kind::Management);
            blind_spots.push(
                "whether the trail records calls on KMS keys, which may be switched off, cannot be told from \
                 its files"
                    .to_owned(),
            );
        }
        if looked.data_events {
            kinds.push(Kind::S3Objects);
            blind_spots.push(
                "calls on objects of buckets that the trail leaves out: its files tell only that it records some \
                 buckets' objects"
                    .to_owned(),
            );
        } else {
            blind_spots.push(
                "calls on S3 objects (PutObject, GetObject, ListObjectsV2): they are data events, and none is \
                 in these logs"
                    .to_owned(),
            );
        }
        if let Some((bucket, _)) = bucket.filter(|_| looked.records > 0 && !looked.bucket_seen) {
            let what = format!("calls on objects of the bucket {bucket}");
            let others = if looked.data_events { ", only on objects of others" } else { " nor on any other" };
            looked.misses(&what, format!("no call on an object of it is in these logs{others}"));
        }
        blind_spots.extend(always_blind());
        let is_recorded = if bucket.is_some() { looked.bucket_seen } else { looked.data_events };
        let selector_to_add = (!is_recorded).then(|| selector_to_add("aws", bucket));
        Self {
            source,
            places,
            kinds,
            looked,
            billed_bytes: None,
            blind_spots,
            selector_to_add,
            command_to_add: None,
        }
    }
}

impl Searched {
    /// Log files are of the time, the accounts and the regions that they are of, and say nothing about others.
    fn hold_to(&mut self, scope: &Scope) {
        self.tell_earlier_changes(scope);
        if !matches!(self.source, SourceKind::Logs | SourceKind::TrailBucket) {
            return;
        }
        self.hold_to_window(scope);
        if self.source != SourceKind::Logs || self.looked.records == 0 {
            return;
        }
        for (what, asked, seen) in [
            ("account", &scope.accounts, self.looked.accounts.clone()),
            ("region", &scope.regions, self.looked.regions.clone()),
        ] {
            // Where records tell none, as old ones do, nothing is lacking by that.
            for missing in asked.difference(&seen).filter(|_| !seen.is_empty()) {
                let told = seen.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                self.looked.misses(
                    &format!("{what} {missing}"),
                    format!("none of its logs is here, only of {told}"),
                );
            }
        }
        if let Some(role) = scope.role.as_ref().filter(|_| !self.looked.role_seen) {
            self.looked.misses(
                &format!("role {}", role.as_str()),
                "it stands in no record, neither as caller nor as what is assumed or changed: its name is another or \
                 written in another case, or it was used in another account, region or time",
            );
        }
    }

    /// Records have to be of all of the window: an account is not silent for long. Where no window is asked for,
    /// what there is is what is meant, and what is lacking in its midst is told.
    fn hold_to_window(&mut self, scope: &Scope) {
        let (Some(first), Some(last)) = (self.looked.first, self.looked.last) else { return };
        let Window { since, until } = scope.window;
        let end = until.or(scope.asked.filter(|_| since.is_some()));
        let (since, until) = (since.unwrap_or(first), end.unwrap_or(last));
        if last < since || (first >= until && end.is_some()) {
            let places = self.places.join(", ");
            self.looked
                .misses(&places, format!("the records are from {first} to {last}: none is of the window"));
            return;
        }
        for (from, to) in self.silences(scope, (since, until)) {
            if scope.window.since.is_some() || to == until && end.is_some() {
                self.looked.misses(&format!("{from} to {to}"), "no record at all is from within this time");
            } else {
                self.blind_spots.push(format!(
                    "what was called from {from} to {to}: no record at all is from within this time"
                ));
            }
        }
    }

    /// The times without a record of one of the accounts that are asked about, or of the role's; where none of them
    /// stands in any record, of all.
    fn silences(&self, scope: &Scope, window: (Timestamp, Timestamp)) -> BTreeSet<(Timestamp, Timestamp)> {
        let heard = &self.looked.heard;
        let role = scope.role.as_ref().map(RoleFilter::role);
        let own = role.iter().map(|role| role.account().to_owned());
        let asked: BTreeSet<String> =
            if scope.accounts.is_empty() { own.collect() } else { scope.accounts.clone() };
        let of = |wanted: &dyn Fn(&str) -> bool| {
            let mut all = Heard::default();
            let those = heard.iter().filter(|(account, _)| account.is_empty() || wanted(account));
            those.for_each(|(_, it)| all.merge(it.clone()));
            all.silences(window)
        };
        let told: Vec<&String> = asked.iter().filter(|account| heard.contains_key(*account)).collect();
        if told.is_empty() {
            return of(&|_| true).into_iter().collect();
        }
        told.into_iter().flat_map(|account| of(&|it| it == account)).collect()
    }

    /// The window and the accounts are those of the denials. What explains them may lie elsewhere.
    fn tell_earlier_changes(&mut self, scope: &Scope) {
        if scope.role.is_none() {
            return;
        }
        if self.source == SourceKind::Logs {
            let earlier = self.looked.earlier_files;
            if let Some(from) = scope.window.since.filter(|_| earlier > 0) {
                let days = EARLIER_CHANGES.as_hours() / 24;
                self.blind_spots.push(format!(
                    "changes that were made more than {days} days before {from}: of {earlier} files only the names \
                     were read; without --since all are"
                ));
            }
            return;
        }
        if let Some(from) = scope.window.since {
            self.blind_spots.push(format!(
                "changes that were made before {from} and may explain denials: with an earlier --since they show"
            ));
        }
        if !scope.accounts.is_empty() {
            self.blind_spots.push(
                "changes that are recorded in other accounts than those asked for, of the organisation or of \
                 another account's bucket: without --account they show"
                    .to_owned(),
            );
        }
    }

    /// A denial is the proof that its kind of events is recorded, whatever else speaks against it.
    fn agree_with(&mut self, groups: &[DenialGroup]) {
        let found: BTreeSet<Kind> =
            groups.iter().filter_map(|group| group.action.as_deref()).map(Kind::of_action).collect();
        for kind in found {
            let denies = format!("{}:", kind.as_str());
            let begins = format!("{} (", kind.as_str());
            let before = self.blind_spots.len();
            self.blind_spots.retain(|spot| !spot.starts_with(&denies) && !spot.starts_with(&begins));
            if self.blind_spots.len() < before {
                self.blind_spots.push(format!(
                    "{} but for some: denials of them are here, but not all are sure to be recorded",
                    kind.as_str()
                ));
            }
        }
    }

    /// What reading a trail's files covers, by what its event selectors record of `bucket` and its
    /// prefix, or of any bucket.
    pub fn trail(
        places: Vec<String>,
        mut looked: trail::Coverage,
        logged: &Logged,
        partition: &str,
        bucket: Option<(&str, &str)>,
    ) -> Self {
        looked.lacks_if_empty(&places.join(", "), "");
        let mut blind_spots: Vec<String> = Kind::ALL
            .into_iter()
            .filter(|kind| !logged.shows(*kind))
            .map(|kind| format!("{}: the trail's event selectors do not record them", kind.as_str()))
            .collect();
        blind_spots.extend(
            logged.partial.iter().map(|(kind, part)| format!("of {}, {part} are recorded", kind.as_str())),
        );
        if looked.records == 0 {
            blind_spots.insert(0, "no record at all was read: nothing can be concluded".to_owned());
        }
        blind_spots.extend(always_blind());
        let selector_to_add =
            (!logged.full.contains(&Kind::S3Objects)).then(|| selector_to_add(partition, bucket));
        let kinds = logged.full.clone();
        Self {
            source: SourceKind::TrailBucket,
            places,
            kinds,
            looked,
            billed_bytes: None,
            blind_spots,
            selector_to_add,
            command_to_add: None,
        }
    }

    /// What a query of CloudTrail Lake or Athena covers: which events are in the store or table is
    /// not told by the answer.
    pub fn queried(source: SourceKind, places: Vec<String>, looked: trail::Coverage) -> Self {
        let mut blind_spots = vec![format!(
            "which kinds of events {} holds is not told by its answer: calls on S3 objects are there only if \
             data events are recorded",
            source.as_str()
        )];
        blind_spots.extend(always_blind());
        Self {
            source,
            places,
            kinds: Vec::new(),
            looked,
            billed_bytes: None,
            blind_spots,
            selector_to_add: None,
            command_to_add: None,
        }
    }
}

/// What no source shows.
fn always_blind() -> [String; 2] {
    [
        "Streamkap being refused to assume the role: AWS records that in Streamkap's account, mostly only there"
            .to_owned(),
        "what never reached AWS's permissions: the network, SQL errors in Redshift, databases that Lake \
         Formation leaves out of lists"
            .to_owned(),
    ]
}

impl Denied {
    /// `at` is the group's position.
    fn of(
        at: usize,
        group: DenialGroup,
        timeline: Option<&Timeline>,
        facts: Option<&Facts>,
        vendor: &AccountId,
    ) -> Self {
        let denial = Denial {
            principal: group.principals.first().cloned(),
            action: group.action.clone(),
            resource: group.resource.clone(),
            reason: group.cause.clone(),
            policy_arn: group.policy_arn.clone(),
            encoded: group.encoded.clone(),
            truncated: group.truncated,
            ..Denial::default()
        };
        let of_role = timeline.filter(|timeline| timeline.refuses_role(&group));
        let verification =
            of_role.map_or_else(|| verify(&group, facts), |timeline| given_since(&group, timeline));
        let causes = timeline.map_or_else(Vec::new, |timeline| timeline.causes_of(at));
        Self { meaning: explain(&denial, vendor), verification, causes, decoded: None, group }
    }
}

/// Whether the role, which was refused, was given to all of them since.
fn given_since(group: &DenialGroup, timeline: &Timeline) -> Verification {
    let given = |who: &String| {
        let entry = timeline.last_assumed_by(who).filter(|entry| entry.time > group.last)?;
        Some(format!("{who} assumed the role at {}", entry.time?))
    };
    let given: Option<Vec<String>> = group.principals.iter().map(given).collect();
    match given {
        Some(given) if !given.is_empty() => Verification::FixedSince { why: given.join("; ") },
        _ => Verification::Unknown { why: "the checks named above read what decides it".to_owned() },
    }
}

/// What the facts tell of the role that is asked for.
fn role_now(facts: Option<&Facts>, scope: &Scope) -> RoleNow {
    let asked = scope.role.as_ref().map(RoleFilter::role);
    let Some(facts) = facts.filter(|it| it.role.known().is_some_and(|role| is_it(&role.arn, asked.as_ref())))
    else {
        return RoleNow::default();
    };
    let attached = facts.attached_policies.known();
    RoleNow { attached: attached.map(|all| all.iter().map(|it| it.arn.to_string()).collect()) }
}

/// Whether a role that was read is the one that is asked for, of which the account may not be known.
fn is_it(role: &Arn, asked: Option<&Arn>) -> bool {
    asked.is_some_and(|asked| {
        asked.name().eq_ignore_ascii_case(role.name())
            && (asked.account().is_empty() || asked.account() == role.account())
    })
}

impl Answer {
    /// Puts the answer together: groups are explained and verified against the policies in `facts`.
    /// `vendor` is Streamkap's account.
    pub fn of(
        gathered: Gathered<'_>,
        mut coverage: Searched,
        facts: Option<&Facts>,
        vendor: &AccountId,
    ) -> Self {
        let scope = gathered.scope();
        coverage.hold_to(scope);
        let seen_until = coverage.looked.last;
        let Outcome { groups, timeline, mut notes } = gathered.finish(&role_now(facts, scope), seen_until);
        coverage.agree_with(&groups);
        let roles: BTreeSet<_> = groups.iter().flat_map(|group| &group.principals).cloned().collect();
        if let (Some(RoleFilter::Name(name)), true) = (&scope.role, roles.len() > 1) {
            let roles: Vec<_> = roles.into_iter().collect();
            notes.push(format!(
                "several roles are called {name}: {}; give one's ARN to see it alone",
                roles.join(", ")
            ));
        }
        if timeline.is_none() {
            coverage.blind_spots.push(match scope.role {
                None => "what was changed before the denials: a timeline is made for one role, with --role"
                    .to_owned(),
                Some(_) => {
                    "what was changed before the denials: no role of this name, or several, were found; a \
                    timeline is made for one, given by its ARN"
                        .to_owned()
                }
            });
        }
        let denied = groups.into_iter().enumerate();
        let explained = |(at, group)| Denied::of(at, group, timeline.as_ref(), facts, vendor);
        let denials = denied.map(explained).collect();
        Self {
            schema_version: SCHEMA_VERSION,
            complete: coverage.looked.complete,
            question: scope.question(),
            denials,
            coverage,
            sources: Vec::new(),
            timeline,
            notes,
        }
    }

    /// Who was refused the role itself in the window and did not get it since: the last refusal of each, with
    /// the number of all, and the first time.
    pub fn refused(&self) -> Vec<(Entry, Option<Timestamp>)> {
        let Window { since, until } = self.question.window;
        let is_within =
            |time| since.is_none_or(|since| time >= since) && until.is_none_or(|until| time < until);
        self.timeline.as_ref().map_or_else(Vec::new, |timeline| timeline.refused(is_within))
    }

    /// The change after which the role was not assumed any more by those who used to, if nothing put it back. Their
    /// being refused is recorded in their own account only.
    pub fn kept_out(&self) -> Option<(&Cause, &Entry)> {
        let timeline = self.timeline.as_ref()?;
        let is_unexplained = |cause: &&Cause| cause.explains.is_empty() && cause.undone_by.is_none();
        let cause = timeline.causes.iter().find(is_unexplained)?;
        let change = timeline.entries.get(cause.entry)?;
        let is_given =
            timeline.entries.iter().any(|it| it.kind == EntryKind::Assumed && it.time > change.time);
        (!is_given).then_some((cause, change))
    }

    /// The exit code: 130 interrupted, 1 something is denied that is not known to be mended, or the role itself
    /// was refused, 3 nothing found but not all was seen, such as a role that is given to nobody since its trust
    /// policy was changed, 0 nothing found.
    pub fn exit_code(&self) -> u8 {
        let is_denied = || self.denials.iter().any(|denied| !denied.verification.is_fixed());
        if self.coverage.looked.interrupted {
            130
        } else if is_denied() || !self.refused().is_empty() {
            1
        } else if self.complete && self.kept_out().is_none() {
            0
        } else {
            3
        }
    }
}
