//! Conclusions that several checks share: functions over facts, never one check's outcome.
