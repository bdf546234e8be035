//! What CloudTrail records, whatever it was read from: event history, log files, Lake, Athena.
//!
//! Pure: the record, whose it is, denials in groups, and the order of events that explains them.

mod applies;
mod blame;
mod borrowed;
mod changes;
mod coverage;
mod denials;
mod document;
mod group;
mod identity;
mod lacking;
mod memo;
mod message;
mod reader;
mod record;
mod relevance;
mod resource;
mod seen;
mod silence;
mod spread;
mod timeline;

pub use blame::{Certainty, RoleNow};
pub use borrowed::{ChangeRef, EventRef, Sink};
pub use changes::{
    ChangeKind, assumptions, change_kind, changes, is_about_a_role, is_assumption, is_history_of,
    kind_of_call, may_matter, names_role,
};
pub use coverage::{Coverage, EARLIER_CHANGES, Problem, ProblemKind};
pub use denials::DenialGroups;
pub use document::{StatementChange, StatementChangeKind};
pub use group::DenialGroup;
pub use identity::{Identity, Issuer, account_of_actor, made_by_role, role_of_any_account};
pub(crate) use lacking::Lacking;
pub use reader::RecordReader;
pub use record::{Event, Resource};
pub use relevance::Denied;
pub use resource::{bucket_of, is_object_call, resource_of};
pub use silence::Heard;
pub use timeline::{Cause, Entry, EntryKind, Timeline};
