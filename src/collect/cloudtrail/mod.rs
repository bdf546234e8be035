//! What CloudTrail recorded, read from wherever it can be had.

pub mod archive;
mod athena;
mod changes;
pub(super) mod event_history;
mod folders;
mod lake;
mod pace;
mod projection;
mod queries;
mod rows;
mod running;
pub mod scan;
mod trail_bucket;
