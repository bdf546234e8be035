//! Conclusions that several checks share: functions over facts, never one check's outcome.

pub(crate) mod history;
pub(crate) mod trust;
pub(crate) mod words;

use crate::model::Outcome;

use super::View;

/// What a check of a role says when there is no such role: that is ASSUME-001's to report.
pub(crate) fn no_role(view: &View<'_>) -> Outcome {
    Outcome::Skip(format!("there is no role {}: see ASSUME-001", view.target().role.name))
}
