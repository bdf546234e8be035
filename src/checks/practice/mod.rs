//! Checks of the section `practice`, one file each.

mod practice_001_external_id_not_required;
mod practice_002_wildcard_resource;
mod practice_003_broad_managed_policy;
mod practice_004_more_than_the_connector_needs;
mod practice_005_trusts_others;
mod practice_006_cloudtrail_off;
mod practice_007_one_role_for_everything;
mod practice_008_unused_permissions;
mod practice_009_session_tags_required;

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[
    practice_001_external_id_not_required::CHECK,
    practice_002_wildcard_resource::CHECK,
    practice_003_broad_managed_policy::CHECK,
    practice_004_more_than_the_connector_needs::CHECK,
    practice_005_trusts_others::CHECK,
    practice_006_cloudtrail_off::CHECK,
    practice_007_one_role_for_everything::CHECK,
    practice_008_unused_permissions::CHECK,
    practice_009_session_tags_required::CHECK,
];
