//! The words the whole program is written in: ARNs, accounts, checks, outcomes, findings, fixes.
//!
//! Plain data with no input or output. Depends on nothing else of ours.

mod address;
mod arn;
mod check;
mod concern;
mod finding;
mod fix;
mod lake;
mod near;
mod phase;
mod remedy;
mod secret;
mod shell;
mod status;
mod unprintable;

pub use address::{ends_of_range, is_public_address, telling_addresses};
pub use arn::{AccountId, Arn, ArnError, Partition};
pub use check::{CheckId, CheckIdError, Section, Severity};
pub use concern::Concern;
pub use finding::{Blocked, Bug, EngineVerdict, Evidence, Finding, Findings, Outcome, Source, StatementRef};
pub use fix::{Change, Fix, Owner, PolicyHome, Repair, Verification};
pub use lake::LakeResource;
pub use near::{edit_distance, nearest};
pub use phase::PhaseState;
pub use remedy::{Narrowing, Remedy};
pub use secret::{ExternalId, external_ids};
pub use shell::{shell_flag, shell_guard, shell_word};
pub use status::Status;
pub use unprintable::is_unprintable;
