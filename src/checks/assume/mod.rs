//! Checks of the section `assume`, one file each.

mod assume_001_role_not_found;
mod assume_002_principal_not_trusted;
mod assume_003_deleted_principal;
mod assume_004_external_id_mismatch;
mod assume_005_trust_condition_blocks;
mod assume_006_trust_denies;
mod assume_007_wrong_trust_action;
mod assume_008_never_assumed;
mod assume_009_cross_partition;
mod assume_010_organization_may_block;

use super::Check;

/// The section's checks, by number.
pub(super) const CHECKS: &[Check] = &[
    assume_001_role_not_found::CHECK,
    assume_002_principal_not_trusted::CHECK,
    assume_003_deleted_principal::CHECK,
    assume_004_external_id_mismatch::CHECK,
    assume_005_trust_condition_blocks::CHECK,
    assume_006_trust_denies::CHECK,
    assume_007_wrong_trust_action::CHECK,
    assume_008_never_assumed::CHECK,
    assume_009_cross_partition::CHECK,
    assume_010_organization_may_block::CHECK,
];
