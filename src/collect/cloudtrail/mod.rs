//! What CloudTrail recorded, read from wherever it can be had.

pub mod archive;
mod athena;
pub(super) mod event_history;
mod lake;
mod logs;
mod pace;
mod queries;
pub mod scan;
mod trail_bucket;

pub use logs::search_logs;
