//! Which change most likely caused which denials, and what speaks for it.
//!
//! The changes are gone through in order. What one takes away, or the `Deny` it brings, is a suspect until
//! another change puts things back, in the same place or in another one that serves as well. Of those that are
//! suspects when a denial happens one is to blame.

mod aws_policies;
mod bearing;
mod case;
mod level;
mod replay;
mod switch;
mod target;
#[cfg(test)]
mod tests;
mod trust;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use bearing::is_assumption_of;
pub use replay::RoleNow;
pub(super) use replay::{Changed, Replay};
pub(super) use trust::lost_trust;

use super::DenialGroup;
use super::applies::Ready;
use super::document::{StatementChange, is_about_service};
use crate::model::Arn;
use case::Case;
use level::{Level, Levels, Side, is_back};
use replay::{Content, Place, Remade, Step};
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

impl Blame {
    fn at_most(&mut self, certainty: Certainty) {
        self.certainty = self.certainty.min(certainty);
    }
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

/// What was taken away, until it is put back.
struct Suspect {
    at: usize,
    time: Timestamp,
    blame: Blame,
    /// How good it was before; none: not known.
    before: Option<Level>,
    /// Whether it is about the service that was called.
    is_near: bool,
}

impl Suspect {
    /// The blame for what was denied at `time`. Events have whole seconds: which came first in one, they do not
    /// tell.
    fn blame_at(&self, time: Timestamp) -> Blame {
        let mut blame = self.blame.clone();
        if time.duration_since(self.time) < SignedDuration::from_secs(1) {
            blame.at_most(Certainty::Likely);
        }
        blame
    }

    /// Whether it is a policy of the role's own of which the text is not known, taken away from `place`.
    fn is_unread(&self, place: &Where) -> bool {
        let is_of_identity = matches!(place, Where::Policy(place, Side::Allow) if place.is_of_identity());
        is_of_identity && self.before.is_none() && self.blame.certainty > Certainty::Possible
    }
}

/// Where something was taken away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    /// The place of a policy, and what it is to do.
    Policy(Place, Side),
    /// The name of a switch.
    Switch(String),
    /// All that the role had.
    Role,
}

impl Where {
    /// Whether a policy in `place` that allows the call makes up for what was taken here: of the role's own
    /// policies one is enough, as of the organization's policies on one target.
    fn is_made_up_by(&self, place: &Place) -> bool {
        match (self, place) {
            (Self::Role, place) => place.is_of_identity(),
            (Self::Policy(Place::Organization(_, one), Side::Allow), Place::Organization(_, other)) => {
                one == other
            }
            (Self::Policy(one, Side::Allow), other) => one.is_of_identity() && other.is_of_identity(),
            _ => false,
        }
    }
}

/// What a policy does to the call since a change.
struct Standing {
    at: usize,
    /// Whether nothing stood there before.
    came: bool,
    time: Timestamp,
    level: Option<Level>,
}

/// Finds, for a group of denials of the role, the changes that are to blame: one for all of it, or several
/// where one was put back, or came, between the denials. The changes come in order of time.
pub(super) fn find(role: &Arn, changes: &[Changed], denial: &DenialGroup, ready: &Ready) -> Vec<Found> {
    let mut search = Search::of(Case::of(role, denial, ready));
    let mut times: Vec<Timestamp> = denial.first.into_iter().chain(denial.times.iter().copied()).collect();
    times.extend(denial.last);
    times.sort_unstable();
    let mut times = times.iter().peekable();
    for (at, change) in changes.iter().enumerate() {
        let Some(time) = change.event.event_time else { continue };
        while let Some(denied) = times.next_if(|denied| **denied < time) {
            search.denied(*denied);
        }
        search.follow(at, time, change);
    }
    for denied in times {
        search.denied(*denied);
    }
    search.found
}

/// The changes gone through so far, for one group of denials.
struct Search<'d> {
    case: Case<'d>,
    suspects: BTreeMap<Where, Suspect>,
    /// Policies that were to allow the call, as far as changes show them.
    standing: BTreeMap<Place, Standing>,
    /// Since when policies have denied the call that do so whatever else there is.
    denying: BTreeMap<Place, (usize, Timestamp)>,
    found: Vec<Found>,
    last_denied: Option<Timestamp>,
    /// It was denied already since things were last put back.
    is_denied: bool,
}

impl<'d> Search<'d> {
    const fn of(case: Case<'d>) -> Self {
        Self {
            case,
            suspects: BTreeMap::new(),
            standing: BTreeMap::new(),
            denying: BTreeMap::new(),
            found: Vec::new(),
            last_denied: None,
            is_denied: false,
        }
    }

    /// Lays a denial to one of the suspects: the surest, of equals the last. What was to blame before is so
    /// still, as long as it was not put back and no other is surer.
    fn denied(&mut self, time: Timestamp) {
        (self.last_denied, self.is_denied) = (Some(time), true);
        let order = |(place, suspect): &(&Where, &Suspect)| {
            let certainty = if self.denied_before(place).is_some() {
                Certainty::Possible
            } else {
                suspect.blame.certainty
            };
            (certainty, suspect.before.is_some(), suspect.is_near, suspect.at)
        };
        let Some((place, best)) = self.suspects.iter().max_by_key(order) else { return };
        let mut blame = best.blame_at(time);
        if let Some(other) = self.denied_before(place) {
            blame.at_most(Certainty::Possible);
            blame.reason = format!("{}; {} denied it before", blame.reason, other.in_words());
        }
        let at = best.at;
        if let Some(last) = self.found.iter_mut().find(|it| it.at == at && it.undone_by.is_none()) {
            last.blame.certainty = last.blame.certainty.max(blame.certainty);
            return;
        }
        if let Some(last) = self.found.last()
            && last.undone_by.is_none()
            && last.blame.certainty >= blame.certainty
        {
            return;
        }
        let mut blamed = vec![(at, blame)];
        if best.is_unread(place) {
            blamed.extend(self.others_unread(at, time));
        }
        let is_later = self.case.denial.first.is_some_and(|first| first < time) && self.found.is_empty();
        let several = blamed.len();
        for (at, mut blame) in blamed {
            if several > 1 {
                blame.at_most(Certainty::Possible);
                blame.reason.push_str("; of several policies that were taken away no text is in the logs");
            }
            if is_later {
                blame.reason.push_str("; the denials before it have another cause");
            }
            self.found.push(Found { at, blame, undone_by: None });
        }
    }

    /// The policies that were taken away besides the one at `at`, of which no text is known either: it may have
    /// been any of them.
    fn others_unread(&mut self, at: usize, time: Timestamp) -> Vec<(usize, Blame)> {
        let unread: Vec<&mut Suspect> = self
            .suspects
            .iter_mut()
            .filter(|(place, suspect)| suspect.is_unread(place))
            .map(|(_, suspect)| suspect)
            .collect();
        if unread.len() < 2 {
            return Vec::new();
        }
        let mut others = Vec::new();
        for suspect in unread {
            suspect.blame.at_most(Certainty::Possible);
            if suspect.at != at {
                others.push((suspect.at, suspect.blame_at(time)));
            }
        }
        others
    }

    /// Takes the next change.
    fn follow(&mut self, at: usize, time: Timestamp, change: &Changed) {
        for step in &change.steps {
            if !self.case.bears(change, step) {
                continue;
            }
            for side in self.case.sides {
                let levels = self.case.levels(step, *side);
                if *side == Side::Deny && step.bears {
                    self.note_denying(at, time, step, levels);
                }
                self.step((at, time), change, step, *side, levels);
                if *side == Side::Allow && (step.bears || step.place.is_on_target()) {
                    self.weigh(at, step, levels);
                    let came = step.before == Content::Absent;
                    self.standing
                        .insert(step.place.clone(), Standing { at, came, time, level: levels.after });
                }
            }
        }
        if let Some(remade) = change.remade {
            self.remade(at, time, remade);
        }
        if let Some(left) = &change.left {
            let is_of_it = |place: &Where| matches!(place, Where::Policy(Place::Organization(_, target), _) if target == left);
            self.clear(at, |place, _| is_of_it(place));
        }
        for turn in turns(change, self.case.denial, self.case.role) {
            self.turn(at, time, change, turn);
        }
    }

    /// Keeps account of the policies that deny the call for certain.
    fn note_denying(&mut self, at: usize, time: Timestamp, step: &Step, levels: Levels) {
        if levels.after == Some(Level::Refuses) && self.case.is_exact() {
            self.denying.entry(step.place.clone()).or_insert((at, time));
        } else {
            self.denying.remove(&step.place);
        }
    }

    /// Another policy that denied the call already when the one in a place began to: what came there changed nothing.
    fn denied_before(&self, place: &Where) -> Option<&Place> {
        let Where::Policy(place, Side::Deny) = place else { return None };
        let since = self.denying.get(place)?;
        let mut others = self.denying.iter().filter(|(other, began)| *other != place && *began < since);
        others.next().map(|(other, _)| other)
    }

    fn step(
        &mut self,
        (at, time): (usize, Timestamp),
        change: &Changed,
        step: &Step,
        side: Side,
        levels: Levels,
    ) {
        let place = Where::Policy(step.place.clone(), side);
        let known = self.suspects.remove(&place);
        // A role that is made anew has the trust policy that it is made with, whatever became of the one before.
        let is_remade = change.remade.is_some() && step.place == Place::Trust;
        if let Some(back) = known.as_ref().filter(|it| is_back(it.before, levels.after)) {
            self.put_back(back.at, at);
            return;
        }
        let asked = self.case.asked();
        let is_near = || match (levels.before, step.after.document(), asked) {
            (None, Some(document), Some(asked)) => is_about_service(document, asked),
            _ => true,
        };
        // What only took back what came since had no part in it.
        let restores = side == Side::Allow && self.has_come(step) && self.stood_in_calm(step).is_none();
        let new = self.case.blame(change, step, side).filter(|_| !restores).map(|mut blame| {
            // What was refused already was not taken by what may have stood there before.
            let is_unknown = levels.before.is_none() && self.stood_in_calm(step).is_none();
            if self.is_denied && (is_unknown || side == Side::Deny) {
                blame.at_most(Certainty::Possible);
            } else if is_remade && levels.after == Some(Level::Refuses) {
                // Of the policy that was, nothing counts any more.
                blame.certainty = blame.certainty.max(Certainty::Likely);
            }
            Suspect { at, time, blame, before: levels.before, is_near: is_near() }
        });
        let known = known.filter(|_| !is_remade);
        self.suspects.extend(worse(known, new, levels.after).map(|suspect| (place, suspect)));
    }

    /// Holds a step of a policy that has to allow the call against the others that may.
    fn weigh(&mut self, at: usize, step: &Step, levels: Levels) {
        let here = Where::Policy(step.place.clone(), Side::Allow);
        let is_exact = self.case.is_exact();
        let others =
            self.standing.iter().filter(|(place, _)| **place != step.place && here.is_made_up_by(place));
        let elsewhere = others.filter_map(|(_, standing)| standing.level).max();
        let is_new = self.suspects.get(&here).is_some_and(|suspect| suspect.at == at);
        match elsewhere {
            Some(Level::Passes) if is_exact && is_new => _ = self.suspects.remove(&here),
            Some(Level::Passes | Level::OnCondition) if is_new => {
                self.suspects.entry(here.clone()).and_modify(|it| it.blame.at_most(Certainty::Likely));
            }
            _ => {}
        }
        let is_other = |place: &Where| *place != here && place.is_made_up_by(&step.place);
        match levels.after {
            Some(Level::Passes) if is_exact => self.clear(at, |place, _| is_other(place)),
            Some(Level::Passes | Level::OnCondition) => self.doubt(is_other),
            _ => {}
        }
        if is_new && levels.before.is_none() {
            // It may have made up for the others while it was there.
            if let Some(came) = self.stood_in_calm(step) {
                self.clear(came, |place, suspect| is_other(place) && suspect.at < came);
            }
            self.doubt(is_other);
        }
    }

    /// Whether a policy of the organisation goes that came while all else there was is as it was.
    fn has_come(&self, step: &Step) -> bool {
        let is_of_it = |place: &Place| matches!(place, Place::Organization(..));
        let is_suspect =
            |place: &Where| matches!(place, Where::Policy(place, Side::Allow) if is_of_it(place));
        is_of_it(&step.place)
            && self.standing.get(&step.place).is_some_and(|it| it.came)
            && !self.suspects.keys().any(is_suspect)
    }

    /// The change that put in place what a step takes away, if after denials before it there was none since.
    fn stood_in_calm(&self, step: &Step) -> Option<usize> {
        let stood = self.standing.get(&step.place)?;
        self.last_denied.is_some_and(|last| last < stood.time).then_some(stood.at)
    }

    /// Clears suspects, which the change at `by` makes up for.
    fn clear(&mut self, by: usize, is_one: impl Fn(&Where, &Suspect) -> bool) {
        let gone: Vec<_> = self.suspects.extract_if(.., |place, suspect| is_one(place, suspect)).collect();
        for (_, suspect) in gone {
            self.put_back(suspect.at, by);
        }
    }

    /// Other suspects may not be all that it takes.
    fn doubt(&mut self, is_one: impl Fn(&Where) -> bool) {
        let doubted = self.suspects.iter_mut().filter(|(place, _)| is_one(place));
        doubted.for_each(|(_, suspect)| suspect.blame.at_most(Certainty::Likely));
    }

    /// The role is made anew: whatever was taken from the one before, it is gone with that one.
    fn remade(&mut self, at: usize, time: Timestamp, remade: Remade) {
        self.standing.retain(|place, _| !place.is_of_identity());
        let is_of_role = |place: &Where| match place {
            Where::Policy(place, Side::Allow) => place.is_of_identity(),
            Where::Role => true,
            _ => false,
        };
        let before: Vec<_> = self.suspects.extract_if(.., |place, _| is_of_role(place)).collect();
        let Some(mut blame) = self.case.blame_for_remaking(remade) else { return };
        if let Some((_, best)) = before.into_iter().max_by_key(|(_, suspect)| suspect.blame.certainty) {
            blame.certainty = blame.certainty.max(best.blame.certainty);
            blame.statements = best.blame.statements;
        }
        self.suspects.insert(Where::Role, Suspect { at, time, blame, before: None, is_near: true });
    }

    fn turn(&mut self, at: usize, time: Timestamp, change: &Changed, turn: Turn) {
        match turn {
            Turn::On(name) => {
                if let Some(back) = self.suspects.remove(&Where::Switch(name)) {
                    self.put_back(back.at, at);
                }
            }
            Turn::Off(name, certainty) => {
                let place = Where::Switch(name);
                let blame = Blame { certainty, reason: self.case.by_name(change), statements: Vec::new() };
                let new = Suspect { at, time, blame, before: None, is_near: true };
                let suspect = worse(self.suspects.remove(&place), Some(new), Some(Level::Refuses));
                self.suspects.extend(suspect.map(|suspect| (place, suspect)));
            }
        }
    }

    /// Notes that what the change at `gone` took is put back by the one at `by`.
    fn put_back(&mut self, gone: usize, by: usize) {
        self.is_denied = false;
        let undone = self.found.iter_mut().filter(|it| it.at == gone && it.undone_by.is_none());
        undone.for_each(|it| it.undone_by = Some(by));
    }
}

/// The suspect of a place of which there was one, after a change that put nothing back.
fn worse(known: Option<Suspect>, new: Option<Suspect>, after: Option<Level>) -> Option<Suspect> {
    match (known, new) {
        (Some(known), Some(new)) if new.blame.certainty >= known.blame.certainty => {
            Some(Suspect { before: known.before.max(new.before), ..new })
        }
        (Some(mut known), _) => {
            // Part of it is back, or perhaps all.
            if after != Some(Level::Refuses) {
                known.blame.at_most(Certainty::Likely);
            }
            Some(known)
        }
        (None, new) => new,
    }
}
