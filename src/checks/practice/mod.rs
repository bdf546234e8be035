//! Checks of the section `practice`, one file each.

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[];
