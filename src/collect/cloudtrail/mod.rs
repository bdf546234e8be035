//! What CloudTrail recorded, read from where AWS keeps it.

pub(super) mod event_history;
mod pace;
mod queries;
