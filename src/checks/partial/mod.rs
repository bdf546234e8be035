//! Checks of the section `partial`, one file each.

mod partial_001_template_incomplete;
mod partial_002_partition_actions_missing;
mod partial_003_scoped_to_existing_tables;
mod partial_004_prefix_too_narrow;
mod partial_005_denied_events;
mod partial_006_trail_cannot_show;

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[
    partial_001_template_incomplete::CHECK,
    partial_002_partition_actions_missing::CHECK,
    partial_003_scoped_to_existing_tables::CHECK,
    partial_004_prefix_too_narrow::CHECK,
    partial_005_denied_events::CHECK,
    partial_006_trail_cannot_show::CHECK,
];
