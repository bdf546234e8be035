//! A remedy in words, for where no change can be made of it.

use super::words;
use crate::checks::shared::words::{some, unique};
use crate::model::{LakeResource, Narrowing, Owner, Remedy};

/// Who can carry out a remedy for which no change could be made.
pub(super) fn owner(remedy: &Remedy) -> Owner {
    match remedy {
        Remedy::AllowInKeyPolicy { .. } | Remedy::ExemptFromKeyPolicy { .. } => Owner::KeyOwner,
        Remedy::AllowInBucketPolicy { .. } => Owner::BucketAccount,
        Remedy::GrantLakeFormation { .. } => Owner::LakeFormationAdmin,
        Remedy::AllowInBoundary { .. } => Owner::BoundaryOwner,
        Remedy::Manual { owner, .. } => *owner,
        _ => Owner::You,
    }
}

/// A remedy for which no change could be made, as advice.
pub(super) fn in_words(remedy: &Remedy) -> String {
    match remedy {
        Remedy::AllowOnRole { grants: needed } => format!("Allow the role {}", grants(needed)),
        Remedy::ExemptFromRolePolicy { policy, statement, grants: needed } => {
            format!("Take {} out of statement {} of {policy}, which denies it", grants(needed), statement + 1)
        }
        Remedy::AllowInBoundary { grants: needed } => {
            format!("Allow {} in the permissions boundary, or give the role another", grants(needed))
        }
        Remedy::Narrow(Narrowing { policy, statement, excess, .. }) => {
            let actions = unique(excess.iter().map(|(action, _)| action));
            format!(
                "Take {} out of statement {} of {policy}, but for what the connector needs",
                some(&actions),
                statement + 1
            )
        }
        Remedy::AllowInBucketPolicy { bucket, grants: needed } => {
            format!("Allow the role {} in the policy of bucket {bucket}", grants(needed))
        }
        Remedy::ExemptFromBucketPolicy { bucket, statement } => {
            format!("Spare the role in statement {} of the policy of bucket {bucket}", statement + 1)
        }
        Remedy::AllowInKeyPolicy { key, actions } => {
            format!("Allow the role {} in the policy of key {key}", words::list(actions))
        }
        Remedy::ExemptFromKeyPolicy { key, statement } => {
            format!("Spare the role in statement {} of the policy of key {key}", statement + 1)
        }
        Remedy::ReplaceResource { policy, found, wanted, .. } => {
            format!("Name {} in place of {found} in {policy}", words::list(wanted))
        }
        Remedy::CorrectResources { policy, corrections, .. } => {
            format!(
                "Name {} in {policy}",
                each(corrections, |(found, wanted)| format!("{wanted} in place of {found}"))
            )
        }
        Remedy::CorrectBucket { found, wanted } => {
            format!("Name the bucket {wanted} in place of {found} in the role's policies")
        }
        Remedy::ExemptFromCatalogPolicy { statement } => {
            format!("Spare the role in statement {} of the Data Catalog's resource policy", statement + 1)
        }
        Remedy::GrantLakeFormation { grants: needed } => {
            let grant = |(on, permissions): &(LakeResource, Vec<String>)| {
                format!("{} on {}", words::list(permissions), on.in_words())
            };
            format!("Grant the role {} in Lake Formation", each(needed, grant))
        }
        Remedy::ReplaceManagedPolicy { arn } => {
            format!("Replace {arn} by a policy of what the connector needs")
        }
        Remedy::AttachPolicy { arn, .. } => format!("Attach {arn} to the role again"),
        Remedy::PutInlinePolicy { name, .. } => format!("Write the embedded policy {name} as it was"),
        Remedy::RestoreTrust { .. } => "Write the trust policy as it was".to_owned(),
        Remedy::RemovePrincipal { found, .. } => format!("Stop trusting {found}"),
        Remedy::ReplacePrincipal { found, wanted, .. } => format!("Trust {wanted} in place of {found}"),
        Remedy::Manual { title, .. } => title.clone(),
        _ => "Correct the role's trust policy".to_owned(),
    }
}

/// `s3:PutObject on arn:aws:s3:::orders/*`, of each action.
fn grants(grants: &[(String, Vec<String>)]) -> String {
    each(grants, |(action, resources)| format!("{action} on {}", words::list(resources)))
}

fn each<T>(all: &[T], one: impl Fn(&T) -> String) -> String {
    words::list(&all.iter().map(one).collect::<Vec<_>>())
}
