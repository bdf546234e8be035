//! What CloudTrail recorded, read from wherever it can be had.

pub mod archive;
mod athena;
pub(super) mod event_history;
mod lake;
mod pace;
mod queries;
mod running;
pub mod scan;
mod trail_bucket;
