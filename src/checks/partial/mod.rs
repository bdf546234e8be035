//! Checks of the section `partial`, one file each.

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[];
