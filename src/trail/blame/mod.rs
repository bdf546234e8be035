//! Which change most likely caused which denials, and what speaks for it.
//!
//! The changes are gone through in order. What one takes away, or the `Deny` it brings, is a suspect until
//! another change puts things back. Of those that are suspects when a denial happens one is to blame.

mod replay;
mod switch;
mod target;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use replay::RoleNow;
pub(super) use replay::{Changed, Replay};
pub(super) use trust::lost_trust;

use super::DenialGroup;
use super::changes::ChangeKind;
use super::document::{
    Asked, Caller, Says, StatementChange, StatementChangeKind, allows, denies, is_about_service, losses,
};
use super::resource::bucket_of;
use crate::denial::{Layer, Reason};
use crate::model::Arn;
use replay::{Content, Place, Step};
use switch::{Turn, turns};

/// How surely a change caused the denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It came before them and could have.
    Possible,
    /// It took something away of the kind that AWS names as missing.
    Likely,
    /// The statement that went or came stands in the logs, or AWS names the very policy.
    Shown,
}

/// Why a change is held to have caused some denials.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blame {
    pub(super) certainty: Certainty,
    pub(super) reason: String,
    pub(super) statements: Vec<StatementChange>,
}

/// A change that is to blame for a group of denials, or for those of them since a time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// The position of the change.
    pub(super) at: usize,
    pub(super) blame: Blame,
    /// The position of the change that put things back after the denials.
    pub(super) undone_by: Option<usize>,
}

/// The two things a policy can do to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    /// It has to allow it.
    Allow,
    /// It must not deny it.
    Deny,
}

/// What was taken away, until it is put back.
struct Suspect {
    at: usize,
    blame: Blame,
    /// How good it was before: 0 to 2, as [`Case::level`] tells; none: not known.
    before: Option<u8>,
}

/// Where something was taken away: the place of a policy and what it is to do, or the name of a switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    Policy(Place, Side),
    Switch(String),
}

/// Finds, for a group of denials of the role, the changes that are to blame: one for all of it, or several
/// where one was put back, or came, between the denials. The changes come in order of time.
pub(super) fn find(role: &Arn, changes: &[Changed], denial: &DenialGroup) -> Vec<Found> {
    let case = Case { role, denial, asked: asked(role, denial), sides: sides(&denial.cause) };
    let mut suspects: BTreeMap<Where, Suspect> = BTreeMap::new();
    let mut found: Vec<Found> = Vec::new();
    let mut times: Vec<Timestamp> = denial.first.into_iter().chain(denial.times.iter().copied()).collect();
    times.extend(denial.last);
    times.sort_unstable();
    let mut times = times.iter().peekable();
    for (at, change) in changes.iter().enumerate() {
        let Some(time) = change.event.event_time else { continue };
        while let Some(denied) = times.next_if(|denied| **denied < time) {
            blame(&mut found, &suspects, denial.first, *denied);
        }
        for gone in case.follow(&mut suspects, at, change) {
            let undone = found.iter_mut().filter(|it| it.at == gone && it.undone_by.is_none());
            undone.for_each(|it| it.undone_by = Some(at));
        }
    }
    for denied in times {
        blame(&mut found, &suspects, denial.first, *denied);
    }
    found
}

/// Lays a denial to one of the suspects: the surest, of equals the last. What was to blame before is so
/// still, as long as it was not put back and no other is surer.
fn blame(
    found: &mut Vec<Found>,
    suspects: &BTreeMap<Where, Suspect>,
    first: Option<Timestamp>,
    denied: Timestamp,
) {
    let best = suspects.values().max_by_key(|suspect| (suspect.blame.certainty, suspect.at));
    let Some(best) = best else { return };
    if let Some(last) = found.last()
        && last.undone_by.is_none()
        && (last.at == best.at || last.blame.certainty >= best.blame.certainty)
    {
        return;
    }
    let mut blame = best.blame.clone();
    if first.is_some_and(|first| first < denied) && found.is_empty() {
        blame.reason.push_str("; the denials before it have another cause");
    }
    found.push(Found { at: best.at, blame, undone_by: None });
}

/// What is asked of documents for a group of denials; none where the action is not known.
fn asked<'d>(role: &'d Arn, denial: &'d DenialGroup) -> Option<Asked<'d>> {
    let caller =
        denial.principals.iter().find(|it| it.parse::<Arn>().is_ok_and(|arn| arn.service() == "iam"));
    Some(Asked {
        action: denial.action.as_deref()?,
        resource: denial.resource.as_deref().filter(|resource| resource.starts_with("arn:")),
        caller: Some(Caller::Role(caller.map_or(role.as_str(), String::as_str))),
    })
}

/// What a policy may have failed to do, by AWS's words. The denial by a service control policy "may be worded
/// as explicit though implicit".
fn sides(cause: &Reason) -> &'static [Side] {
    match (cause.is_explicit(), cause.layer()) {
        (Some(false), _) => &[Side::Allow],
        (Some(true), Some(Layer::Scp | Layer::Rcp)) | (None, _) => &[Side::Allow, Side::Deny],
        (Some(true), _) => &[Side::Deny],
    }
}

/// A group of denials against which changes are held.
struct Case<'d> {
    role: &'d Arn,
    denial: &'d DenialGroup,
    asked: Option<Asked<'d>>,
    sides: &'static [Side],
}

impl Case<'_> {
    /// Takes the next change: new suspects, and the positions of changes whose effect it puts back.
    fn follow(&self, suspects: &mut BTreeMap<Where, Suspect>, at: usize, change: &Changed) -> Vec<usize> {
        let mut gone = Vec::new();
        for step in change.steps.iter().filter(|step| self.bears(change, step)) {
            for side in self.sides {
                let place = Where::Policy(step.place.clone(), *side);
                let (before, after) =
                    (self.level(step, &step.before, *side), self.level(step, &step.after, *side));
                let known = suspects.remove(&place);
                if let Some(back) = known.as_ref().filter(|it| is_back(it.before, after)) {
                    gone.push(back.at);
                    continue;
                }
                let new = self.blame(change, step, *side).map(|blame| Suspect { at, blame, before });
                suspects.extend(worse(known, new, after).map(|suspect| (place, suspect)));
            }
        }
        for turn in turns(change, self.denial, self.role) {
            match turn {
                Turn::On(name) => gone.extend(suspects.remove(&Where::Switch(name)).map(|it| it.at)),
                Turn::Off(name, certainty) => {
                    let place = Where::Switch(name);
                    let blame = Blame { certainty, reason: self.by_name(change), statements: Vec::new() };
                    let suspect =
                        worse(suspects.remove(&place), Some(Suspect { at, blame, before: None }), Some(0));
                    suspects.extend(suspect.map(|suspect| (place, suspect)));
                }
            }
        }
        gone
    }

    /// How good a policy is for what was denied: 0 it refuses it, 1 it hangs on a condition, 2 it lets it
    /// through; none where it is not known.
    fn level(&self, step: &Step, content: &Content, side: Side) -> Option<u8> {
        let rank = |says| match says {
            Says::No => 0,
            Says::OnCondition => 1,
            Says::Yes => 2,
        };
        match (content, side) {
            (Content::Unknown, _) => None,
            // Without a boundary or a policy of the endpoint, all is allowed.
            (Content::Absent, _) if matches!(step.place, Place::Boundary | Place::Endpoint(_)) => Some(2),
            (Content::Absent, Side::Allow) => Some(0),
            (Content::Absent, Side::Deny) => Some(2),
            (Content::Document(document), Side::Allow) => Some(rank(allows(document, self.asked?))),
            (Content::Document(document), Side::Deny) => Some(2 - rank(denies(document, self.asked?))),
        }
    }

    /// Whether a step is about a policy that can have refused the call, by AWS's words and by what is denied.
    fn bears(&self, change: &Changed, step: &Step) -> bool {
        is_of_layer(&step.place, &self.denial.cause)
            && is_about(&step.place, self.role, self.denial)
            && self.is_named(change, step) != Some(false)
    }

    /// Whether the policy is the one that AWS names; none where it names none.
    fn is_named(&self, change: &Changed, step: &Step) -> Option<bool> {
        let named = self.denial.policy_arn.as_deref()?;
        Some(match &step.place {
            Place::Managed(arn) => arn == named,
            Place::Boundary => change.target == named,
            Place::Organization(id, _) => named.rsplit('/').next() == Some(id),
            _ => false,
        })
    }

    /// What speaks for a step as the cause; none where it made nothing worse.
    fn blame(&self, change: &Changed, step: &Step, side: Side) -> Option<Blame> {
        let (before, after) = (self.level(step, &step.before, side), self.level(step, &step.after, side));
        let worse = before.is_none_or(|before| after.is_none_or(|after| after < before));
        if side == Side::Deny && worse && after != Some(2) && self.is_named(change, step) == Some(true) {
            let policy = self.denial.policy_arn.as_deref().unwrap_or_default();
            let reason = format!("AWS names {policy} as the policy that denies, and this change brought it");
            return Some(Blame { certainty: Certainty::Shown, reason, statements: self.moved(step, side) });
        }
        let statements = self.moved(step, side);
        let certainty = certainty(self.asked, step, side, (before, after), &statements)?;
        let reason = self.reason(change, step, (before, after), &statements);
        doubted(Blame { certainty, reason, statements }, step, before)
    }

    /// The statements that went or came with a step, of the side in question.
    fn moved(&self, step: &Step, side: Side) -> Vec<StatementChange> {
        let Some(asked) = self.asked.filter(|_| step.after != Content::Unknown) else { return Vec::new() };
        let mut statements = losses(step.before.document(), step.after.document(), asked);
        let wanted = match side {
            Side::Allow => StatementChangeKind::AllowLost,
            Side::Deny => StatementChangeKind::DenyAdded,
        };
        statements.retain(|statement| statement.kind == wanted);
        statements
    }

    fn reason(
        &self,
        change: &Changed,
        step: &Step,
        (before, after): (Option<u8>, Option<u8>),
        statements: &[StatementChange],
    ) -> String {
        let (target, action) = (&change.target, self.asked.map_or("the call", |asked| asked.action));
        if let Some(first) = statements.first() {
            let name = match &first.sid {
                Some(sid) => format!("statement {sid}"),
                None => format!("statement {}", first.index + 1),
            };
            return match (first.kind, before) {
                (StatementChangeKind::AllowLost, _) => {
                    format!("{name} of {target}, which named {action}, is gone")
                }
                (StatementChangeKind::DenyAdded, Some(_)) => {
                    format!("{name} of {target}, which denies {action}, is new")
                }
                (StatementChangeKind::DenyAdded, None) => format!(
                    "{name} of {target} denies {action} since then; what stood there before is not in the logs"
                ),
            };
        }
        match (before, after, &step.after) {
            (None, Some(_), Content::Document(_)) => format!(
                "{target} as this change put it does not allow {action}; what stood there before is not in the logs"
            ),
            (Some(_), None, _) => {
                format!("{target} allowed {action}; what this change put there is not in the logs")
            }
            _ => self.by_name(change),
        }
    }

    /// What speaks for a change by its name alone.
    fn by_name(&self, change: &Changed) -> String {
        let name = &change.event.event_name;
        let takes =
            ["Delete", "BatchDelete", "Detach", "Revoke", "BatchRevoke", "Retire", "Disable", "Schedule"];
        let verb =
            if takes.iter().any(|prefix| name.starts_with(prefix)) { "takes away" } else { "may take away" };
        match self.sides {
            [Side::Deny] => format!("{name} may have brought what AWS says denies: {}", self.denial.reason),
            _ => format!("{name} {verb} what AWS says is missing: {}", self.denial.reason),
        }
    }
}

/// Whether a place is as good again as it was.
fn is_back(before: Option<u8>, after: Option<u8>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => after >= before,
        (None, Some(after)) => after == 2,
        (None, None) => true,
        (Some(_), None) => false,
    }
}

/// The suspect of a place of which there was one, after a change that put nothing back.
fn worse(known: Option<Suspect>, new: Option<Suspect>, after: Option<u8>) -> Option<Suspect> {
    match (known, new) {
        (Some(known), Some(new)) if new.blame.certainty >= known.blame.certainty => {
            Some(Suspect { before: known.before.max(new.before), ..new })
        }
        (Some(mut known), _) => {
            // Part of it is back, or perhaps all.
            if after != Some(0) {
                known.blame.certainty = known.blame.certainty.min(Certainty::Likely);
            }
            Some(known)
        }
        (None, new) => new,
    }
}

/// How surely a step from one level to another is the cause; none where it made nothing worse.
fn certainty(
    asked: Option<Asked<'_>>,
    step: &Step,
    side: Side,
    levels: (Option<u8>, Option<u8>),
    statements: &[StatementChange],
) -> Option<Certainty> {
    let of_organization = matches!(step.place, Place::Organization(..));
    match (side, levels) {
        (Side::Allow, (Some(2), Some(0))) | (Side::Deny, (Some(1 | 2) | None, Some(0))) => {
            Some(Certainty::Shown)
        }
        (_, (Some(before), Some(after))) if after < before => Some(Certainty::Likely),
        // The condition was changed.
        (_, (Some(1), Some(1))) => (!statements.is_empty()).then_some(Certainty::Likely),
        (Side::Deny, (None, Some(1))) => Some(Certainty::Likely),
        // It is no worse than it was: as good as can be now, or as bad before.
        (_, (Some(_), Some(_)) | (Some(0), None))
        | (Side::Deny, (None, Some(_)))
        | (Side::Allow, (None, Some(2))) => None,
        (Side::Allow, (None, Some(1))) => Some(Certainty::Possible),
        (Side::Allow, (None, Some(_))) => Some(match (&step.after, asked) {
            // What never had to do with the call took nothing from it, unless something else stood there.
            (Content::Document(document), Some(asked)) if !is_about_service(document, asked) => {
                Certainty::Possible
            }
            _ => Certainty::Likely,
        }),
        (Side::Allow, (Some(_), None)) => Some(Certainty::Likely),
        (Side::Allow, (None, None)) if step.place == Place::Boundary => Some(Certainty::Likely),
        (Side::Deny, (_, None)) if of_organization => Some(Certainty::Likely),
        (_, (_, None)) => Some(Certainty::Possible),
    }
}

/// The blame as far as the policy is known to bear on the role: none where its text is not known either.
fn doubted(mut blame: Blame, step: &Step, before: Option<u8>) -> Option<Blame> {
    if step.bears {
        return Some(blame);
    }
    let (most, doubt) = match &step.place {
        Place::Organization(_, target) if target.is_empty() => (
            Certainty::Possible,
            "if it is attached above the account, which the logs do not show".to_owned(),
        ),
        Place::Organization(_, target) => (Certainty::Likely, format!("if the account is under {target}")),
        _ if before.is_none() => return None,
        _ => (Certainty::Possible, "if it is attached to the role, which the logs do not show".to_owned()),
    };
    blame.certainty = blame.certainty.min(most);
    blame.reason = format!("{}, {doubt}", blame.reason);
    Some(blame)
}

/// Whether a policy in this place can have refused a call for this reason.
fn is_of_layer(place: &Place, cause: &Reason) -> bool {
    let of_role = matches!(place, Place::Managed(_) | Place::Inline(_));
    let of_resource = matches!(place, Place::Bucket(_) | Place::Key(_) | Place::Catalog(_));
    match (cause, cause.layer()) {
        (_, Some(Layer::Identity)) => of_role,
        (_, Some(Layer::Boundary)) => *place == Place::Boundary,
        (_, Some(Layer::Resource)) | (Reason::Opaque, None) => of_resource,
        (_, Some(Layer::Scp | Layer::Rcp)) => matches!(place, Place::Organization(..)),
        (_, Some(Layer::Endpoint)) => matches!(place, Place::Endpoint(_)),
        (_, Some(Layer::Trust)) => *place == Place::Trust,
        (_, Some(Layer::Session)) => false,
        // Where the layer is not told.
        (Reason::Explicit { .. } | Reason::Other { .. } | Reason::Unstated, _) => *place != Place::Trust,
        _ => false,
    }
}

/// Whether a policy in this place is one of what was denied.
fn is_about(place: &Place, role: &Arn, denial: &DenialGroup) -> bool {
    let resource = denial.resource.as_deref().unwrap_or_default();
    let service = denial.action.as_deref().and_then(|action| action.split(':').next()).unwrap_or_default();
    match place {
        Place::Managed(_) | Place::Inline(_) | Place::Boundary | Place::Organization(..) => true,
        Place::Trust => resource == role.as_str(),
        Place::Bucket(bucket) => service == "s3" && bucket_of(resource) == Some(bucket),
        Place::Key(key) => service == "kms" && resource.ends_with(&format!(":key/{key}")),
        Place::Catalog(catalog) => {
            let account = resource.split(':').nth(4).unwrap_or_default();
            let (theirs, region) = catalog.split_once(' ').unwrap_or_default();
            service == "glue"
                && (account.is_empty() || theirs.is_empty() || account == theirs)
                && (region.is_empty() || denial.regions.is_empty() || denial.regions.contains(region))
        }
        Place::Endpoint(endpoint) => {
            denial.vpc_endpoints.is_empty() || denial.vpc_endpoints.contains(endpoint)
        }
    }
}

impl Changed {
    /// Whether a change of a bucket, a key, a catalogue, a database or its grants is one of what was denied,
    /// as far as both are known.
    pub(super) fn concerns(&self, denial: &DenialGroup, role: &Arn) -> bool {
        let resource = denial.resource.as_deref().unwrap_or_default();
        let service = denial.action.as_deref().and_then(|it| it.split(':').next()).unwrap_or_default();
        match self.kind {
            // The account's public access block names no bucket.
            ChangeKind::Bucket => {
                let bucket = bucket_of(resource);
                service == "s3"
                    && bucket.is_some_and(|bucket| self.target.is_empty() || bucket == self.target)
            }
            ChangeKind::Key => service == "kms" && resource.ends_with(&format!(":key/{}", self.target)),
            ChangeKind::Catalog => service == "glue" && switch::is_same_catalog(self, denial),
            ChangeKind::Database | ChangeKind::LakeFormation => !turns(self, denial, role).is_empty(),
            _ => false,
        }
    }
}
