//! What CloudTrail recorded, read from wherever it can be had.

pub(super) mod event_history;
mod pace;
mod queries;
pub mod scan;
