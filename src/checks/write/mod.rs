//! Checks of the section `write`, one file each.

mod write_001_bucket_not_found;
mod write_002_wrong_region;
mod write_003_bucket_or_object_arn_missing;
mod write_004_permission_missing;
mod write_005_bucket_policy_denies;
mod write_006_key_access_missing;
mod write_007_database_not_found;
mod write_008_glue_arn_missing;
mod write_009_catalog_policy_denies;
mod write_010_lake_formation_blocks;
mod write_011_location_outside_permission;
mod write_012_redshift_target_not_found;
mod write_013_object_ownership_or_lock;

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[
    write_001_bucket_not_found::CHECK,
    write_002_wrong_region::CHECK,
    write_003_bucket_or_object_arn_missing::CHECK,
    write_004_permission_missing::CHECK,
    write_005_bucket_policy_denies::CHECK,
    write_006_key_access_missing::CHECK,
    write_007_database_not_found::CHECK,
    write_008_glue_arn_missing::CHECK,
    write_009_catalog_policy_denies::CHECK,
    write_010_lake_formation_blocks::CHECK,
    write_011_location_outside_permission::CHECK,
    write_012_redshift_target_not_found::CHECK,
    write_013_object_ownership_or_lock::CHECK,
];
