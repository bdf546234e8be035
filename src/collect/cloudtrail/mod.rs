//! What CloudTrail recorded, read from wherever it can be had.

pub(super) mod event_history;
mod logs;
mod pace;
mod queries;
pub mod scan;

pub use logs::search_logs;
