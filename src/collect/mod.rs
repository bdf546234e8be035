//! The only place that reads from AWS, the network or log files; everything after it is pure.

pub mod cloudtrail;
