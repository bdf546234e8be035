//! How good a policy is for a call, before a change and after it, and how surely the change is to blame for that.

use super::Certainty;
use super::replay::{Content, Place, Step};
use crate::trail::document::{Asked, Says, allows, denies};

/// The two things a policy can do to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// It has to allow it.
    Allow,
    /// It must not deny it.
    Deny,
}

/// What a policy does to a call, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// It refuses it: no statement allows it, or one denies it.
    Refuses,
    /// That hangs on a condition.
    OnCondition,
    /// It lets it through.
    Passes,
}

/// A policy's level before a change and after it; none where what stands there is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) before: Option<Level>,
    pub(super) after: Option<Level>,
}

impl Levels {
    /// What a step does to what is `asked`.
    pub(super) fn of(step: &Step, asked: Option<Asked<'_>>, side: Side) -> Self {
        let level = |content: &Content| level(&step.place, content, asked, side);
        Self { before: level(&step.before), after: level(&step.after) }
    }

    /// Whether it may be worse than it was.
    pub(super) fn may_be_worse(self) -> bool {
        self.before.is_none_or(|before| self.after.is_none_or(|after| after < before))
    }
}

fn level(place: &Place, content: &Content, asked: Option<Asked<'_>>, side: Side) -> Option<Level> {
    match (content, side) {
        (Content::Unknown, _) => None,
        // Without a boundary or a policy of the endpoint, all is allowed.
        (Content::Absent, _) if matches!(place, Place::Boundary | Place::Endpoint(_)) => Some(Level::Passes),
        (Content::Absent, Side::Allow) => Some(Level::Refuses),
        (Content::Absent, Side::Deny) => Some(Level::Passes),
        (Content::Document(document), Side::Allow) => Some(match allows(document, asked?) {
            Says::No => Level::Refuses,
            Says::OnCondition => Level::OnCondition,
            Says::Yes => Level::Passes,
        }),
        (Content::Document(document), Side::Deny) => Some(match denies(document, asked?) {
            Says::No => Level::Passes,
            Says::OnCondition => Level::OnCondition,
            Says::Yes => Level::Refuses,
        }),
    }
}

/// Whether a place that was at a level is as good again.
pub(super) fn is_back(before: Option<Level>, after: Option<Level>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => after >= before,
        (None, Some(after)) => after == Level::Passes,
        (None, None) => true,
        (Some(_), None) => false,
    }
}

/// How surely a step from one level to another is the cause, `moved` telling whether statements about the call
/// went or came; none where it made nothing worse.
pub(super) fn certainty(step: &Step, side: Side, levels: Levels, moved: bool) -> Option<Certainty> {
    use Level::{OnCondition, Passes, Refuses};
    match (side, levels.before, levels.after) {
        (Side::Allow, Some(Passes), Some(Refuses))
        | (Side::Deny, Some(OnCondition | Passes) | None, Some(Refuses)) => Some(Certainty::Shown),
        (_, Some(before), Some(after)) if after < before => Some(Certainty::Likely),
        // The condition was changed.
        (_, Some(OnCondition), Some(OnCondition)) => moved.then_some(Certainty::Likely),
        // It is no worse than it was: as good as can be now, or as bad before.
        (_, Some(_), Some(_)) | (_, Some(Refuses), None) | (_, None, Some(Passes)) => None,
        (Side::Allow, None, Some(Refuses)) => Some(match step.after {
            // What stood there may have lacked it, too. Of boundaries most roles have none before.
            Content::Document(_) if step.place != Place::Boundary => Certainty::Possible,
            _ => Certainty::Likely,
        }),
        (Side::Allow, Some(_), None) | (Side::Deny, None, Some(OnCondition)) => Some(Certainty::Likely),
        (Side::Allow, None, None) if step.place == Place::Boundary => Some(Certainty::Likely),
        (Side::Deny, _, None) if matches!(step.place, Place::Organization(..)) => Some(Certainty::Likely),
        (_, _, None) | (Side::Allow, None, Some(OnCondition)) => Some(Certainty::Possible),
    }
}
