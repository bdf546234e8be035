//! Which policies can have refused a call: by the layer that AWS names, and by what was called.

use super::replay::{Changed, Place};
use super::switch::{encrypts, is_same_catalog, turns};
use crate::denial::{Layer, Reason};
use crate::model::{Arn, Partition};
use crate::trail::DenialGroup;
use crate::trail::changes::{ChangeKind, is_same_role};
use crate::trail::resource::bucket_of;

/// Whether a policy in this place can have refused the call, by AWS's words and by what is denied.
pub(super) fn bears(change: &Changed, place: &Place, role: &Arn, denial: &DenialGroup) -> bool {
    let possible = if is_assumption_of(role, denial) {
        is_of_assumption(place, &denial.cause)
    } else {
        is_of_layer(place, &denial.cause)
    };
    possible
        && is_about(change, place, role, denial)
        && is_named(change, place, denial) != Some(false)
        && !is_of_other_layer(change, denial)
}

/// Whether a change is about a policy of the organization that has the other of the two layers than AWS names.
fn is_of_other_layer(change: &Changed, denial: &DenialGroup) -> bool {
    let named = denial.cause.layer().filter(|it| matches!(it, Layer::Scp | Layer::Rcp));
    change.layer.zip(named).is_some_and(|(theirs, named)| theirs != named)
}

/// Whether it was the role itself that was refused to somebody.
pub(in crate::trail) fn is_assumption_of(role: &Arn, denial: &DenialGroup) -> bool {
    let is_of_sts = denial.action.as_deref().is_some_and(|action| action.starts_with("sts:"));
    is_of_sts && denial.resource.as_deref().is_some_and(|resource| is_same_role(resource, role))
}

/// Whoever may assume a role is told by its trust policy, and by the organization; the role's own policies have
/// no say.
fn is_of_assumption(place: &Place, cause: &Reason) -> bool {
    match (place, cause.layer()) {
        (Place::Trust, None) => cause.is_unstated() || cause.is_explicit() == Some(true),
        (Place::Trust, Some(Layer::Trust | Layer::Resource))
        | (Place::Organization(..), Some(Layer::Scp | Layer::Rcp)) => true,
        (Place::Organization(..), None) => cause.is_explicit() == Some(true),
        _ => false,
    }
}

/// Whether a policy in this place can have refused a call for this reason.
fn is_of_layer(place: &Place, cause: &Reason) -> bool {
    let of_role = place.is_of_identity();
    let of_resource = matches!(place, Place::Bucket(_) | Place::Key(_) | Place::Catalog(_));
    match (cause, cause.layer()) {
        // In one account either may allow: with that of the resource, what is missing is missing in the role's own.
        (Reason::Implicit { layer: Layer::Identity }, _) => of_role || of_resource,
        (_, Some(Layer::Identity)) => of_role,
        (_, Some(Layer::Boundary)) => *place == Place::Boundary,
        (_, Some(Layer::Resource)) | (Reason::Opaque, None) => of_resource,
        (_, Some(Layer::Scp | Layer::Rcp)) => matches!(place, Place::Organization(..)),
        (_, Some(Layer::Endpoint)) => matches!(place, Place::Endpoint(_)),
        (_, Some(Layer::Trust)) => *place == Place::Trust,
        (_, Some(Layer::Session)) => false,
        // Where the layer is not told.
        (Reason::Explicit { .. } | Reason::Other { .. } | Reason::Unstated, _) => *place != Place::Trust,
        _ => false,
    }
}

/// Whether a policy in this place is one of what was denied.
fn is_about(change: &Changed, place: &Place, role: &Arn, denial: &DenialGroup) -> bool {
    let resource = denial.resource.as_deref().unwrap_or_default();
    let service = service(denial);
    match place {
        Place::Managed(_) | Place::Inline(_) | Place::Boundary | Place::Organization(..) => true,
        Place::Trust => is_assumption_of(role, denial),
        Place::Bucket(bucket) => service == "s3" && is_bucket(change, bucket, resource),
        Place::Key(key) => service == "kms" && is_key(change, key, resource),
        Place::Catalog(catalog) => {
            let account = resource.split(':').nth(4).unwrap_or_default();
            let (theirs, region) = catalog.split_once(' ').unwrap_or_default();
            service == "glue"
                && (account.is_empty() || theirs.is_empty() || account == theirs)
                && (region.is_empty() || denial.regions.is_empty() || denial.regions.contains(region))
        }
        Place::Endpoint(endpoint) => {
            denial.vpc_endpoints.is_empty() || denial.vpc_endpoints.contains(endpoint)
        }
    }
}

/// Whether the policy is the one that AWS names; none where it names none.
pub(super) fn is_named(change: &Changed, place: &Place, denial: &DenialGroup) -> Option<bool> {
    let named = denial.policy_arn.as_deref()?;
    Some(match place {
        Place::Managed(arn) => arn == named,
        Place::Boundary => change.target == named,
        Place::Organization(id, _) => named.rsplit('/').next() == Some(id),
        _ => false,
    })
}

fn service(denial: &DenialGroup) -> &str {
    denial.action.as_deref().and_then(|action| action.split(':').next()).unwrap_or_default()
}

/// Whether a bucket of this name is the one of a resource. Names are unique in a partition.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub(super) fn is_bucket(change: &Changed, bucket: &str, resource: &str) -> bool {
    let partition = resource.split(':').nth(1).unwrap_or_default();
    let region = change.event.region.as_str();
    bucket_of(resource) == Some(bucket)
        && (region.is_empty() || Partition::of_region(region).as_str() == partition)
}

/// Whether a key of this id is the one of a resource. The replicas of a key have one id in many regions, and each
/// its own policy and state.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html>
pub(super) fn is_key(change: &Changed, key: &str, resource: &str) -> bool {
    let region = resource.split(':').nth(3).unwrap_or_default();
    let theirs = change.event.region.as_str();
    resource.split_once(":key/").is_some_and(|(_, id)| id == key)
        && (region.is_empty() || theirs.is_empty() || region == theirs)
}

/// Whether what an account has in general bears on a resource that was denied: it is the role's account, or one in
/// whose trail the denials are, as they are in that of the resource's owner.
pub(super) fn is_owner(change: &Changed, role: &Arn, denial: &DenialGroup) -> bool {
    let Some(account) = change.event.recipient_account.as_deref() else { return true };
    account == role.account() || denial.accounts.contains(account)
}

impl Changed {
    /// Whether a change of a bucket, a key, a catalogue, a database or its grants is one of what was denied,
    /// as far as both are known.
    pub(in crate::trail) fn concerns(&self, denial: &DenialGroup, role: &Arn) -> bool {
        let resource = denial.resource.as_deref().unwrap_or_default();
        let service = service(denial);
        match self.kind {
            // The account's public access block names no bucket.
            ChangeKind::Bucket if self.target.is_empty() => {
                service == "s3" && bucket_of(resource).is_some() && is_owner(self, role, denial)
            }
            ChangeKind::Bucket | ChangeKind::Catalog if encrypts(self, denial) => true,
            ChangeKind::Bucket => service == "s3" && is_bucket(self, &self.target, resource),
            ChangeKind::Key => {
                let by_state = matches!(denial.cause, Reason::KeyState { .. });
                (service == "kms" || by_state) && is_key(self, &self.target, resource)
            }
            ChangeKind::Catalog => service == "glue" && is_same_catalog(self, denial),
            ChangeKind::Database | ChangeKind::LakeFormation => !turns(self, denial, role).is_empty(),
            _ => false,
        }
    }
}
