//! What CloudTrail records, whatever it was read from: event history, log files, Lake, Athena.
//!
//! Pure: the record, whose it is, denials in groups, and the order of events that explains them.

mod denials;
mod identity;
mod record;
mod resource;

pub use denials::{DenialGroup, DenialGroups};
pub use identity::{Identity, Issuer, made_by_role};
pub use record::{Event, Resource};
pub use resource::resource_of;
