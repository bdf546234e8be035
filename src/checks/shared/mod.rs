//! Conclusions that several checks share: functions over facts, never one check's outcome.

pub mod anywhere;
pub(crate) mod callers;
pub(crate) mod commands;
pub(crate) mod concerns;
pub mod conditions;
pub(crate) mod denied;
pub mod glue;
pub(crate) mod grants;
pub(crate) mod history;
pub(crate) mod keys;
pub mod lake_formation;
pub mod needs;
pub(crate) mod objects;
pub(crate) mod once;
pub(crate) mod organization;
pub mod phases;
pub(crate) mod phrases;
pub(crate) mod places;
pub mod policies;
pub(crate) mod redshift;
pub(crate) mod refusal;
pub(crate) mod region;
pub(crate) mod rewind;
pub(crate) mod service_role;
pub(crate) mod services;
pub mod simulated;
pub mod standing;
pub(crate) mod state;
pub(crate) mod trust;
pub(crate) mod unnamed_key;
pub(crate) mod unread;
pub mod words;

use crate::checks::View;
use crate::model::Outcome;

/// What a check says that has nothing to judge because there is no such role.
pub fn absent_role(view: &View<'_>) -> Option<Outcome> {
    let name = &view.target().role.name;
    matches!(view.role(), Ok(None))
        .then(|| Outcome::Skip(format!("there is no role {name} (reported as ASSUME-001)")))
}
