//! CloudTrail's records from wherever they can be had.

pub mod scan;
