//! CloudTrail's records from wherever they can be had.

mod logs;
pub mod scan;

pub use logs::search_logs;
