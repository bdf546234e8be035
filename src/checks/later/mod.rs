//! Checks of the section `later`, one file each.

mod later_001_session_duration;
mod later_002_role_changed;
mod later_003_role_recreated;
mod later_004_policies_detached;
mod later_005_organization_policy_blocks;
mod later_006_boundary_blocks;
mod later_007_refresh_gap;

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[
    later_001_session_duration::CHECK,
    later_002_role_changed::CHECK,
    later_003_role_recreated::CHECK,
    later_004_policies_detached::CHECK,
    later_005_organization_policy_blocks::CHECK,
    later_006_boundary_blocks::CHECK,
    later_007_refresh_gap::CHECK,
];
