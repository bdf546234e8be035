//! Checks of the section `practice`, one file each.

mod practice_002_wildcard_resource;
mod practice_003_broad_managed_policy;
mod practice_004_more_than_the_connector_needs;

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[
    practice_002_wildcard_resource::CHECK,
    practice_003_broad_managed_policy::CHECK,
    practice_004_more_than_the_connector_needs::CHECK,
];
