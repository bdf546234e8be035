//! Checks of the section `later`, one file each.

mod later_004_policies_detached;
mod later_005_organization_policy_blocks;
mod later_006_boundary_blocks;

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[
    later_004_policies_detached::CHECK,
    later_005_organization_policy_blocks::CHECK,
    later_006_boundary_blocks::CHECK,
];
