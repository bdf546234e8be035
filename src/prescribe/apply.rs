//! A change made to facts in memory, as AWS would show it afterwards.

use crate::facts::{AttachedPolicy, Fact, Facts, LakeGrant, ManagedPolicy};
use crate::model::{Change, ExternalId, PolicyHome};

use super::mask::EXTERNAL_ID;

/// Why a simulation is no longer known once the role's policies were changed in memory.
pub(super) const STALE: &str = "the policies were changed in memory";

/// The facts after a change. What cannot be expressed in facts (a manual step) leaves them as they are.
pub fn apply(change: &Change, facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    match change {
        Change::SetPolicy { home, after, .. } => set_policy(&mut facts, home, after),
        Change::DeletePolicy { home, .. } => delete_policy(&mut facts, home),
        Change::AttachPolicy { policy_arn, .. } => {
            if let (Fact::Known(attached), Ok(arn)) = (&mut facts.attached_policies, policy_arn.parse()) {
                let policy = AttachedPolicy {
                    name: policy_arn.rsplit('/').next().unwrap_or_default().to_owned(),
                    arn,
                };
                if !attached.contains(&policy) {
                    attached.push(policy);
                }
            }
            forget_simulations(&mut facts);
        }
        Change::DetachPolicy { policy_arn, .. } => {
            if let Fact::Known(attached) = &mut facts.attached_policies {
                attached.retain(|policy| policy.arn.as_str() != policy_arn);
            }
            forget_simulations(&mut facts);
        }
        Change::GrantLakeFormation { principal, on, permissions, .. } => {
            let (principal, on, permissions) = (principal.clone(), on.clone(), permissions.clone());
            let grant = LakeGrant { principal, on, permissions };
            match &mut facts.lake_formation.permissions {
                Fact::Known(grants) => grants.push(grant),
                grants @ Fact::Absent => *grants = Fact::Known(vec![grant]),
                _ => {}
            }
        }
        Change::Manual { .. } => {}
    }
    facts
}

fn set_policy(facts: &mut Facts, home: &PolicyHome, after: &str) {
    match home {
        PolicyHome::Trust { .. } => {
            if let Fact::Known(role) = &mut facts.role {
                after.clone_into(&mut role.trust_policy);
            }
            // Whoever makes the change puts there what the Streamkap app shows.
            if after.contains(&format!("\"{EXTERNAL_ID}\"")) {
                facts.target.external_id.get_or_insert_with(|| ExternalId::new(EXTERNAL_ID));
            }
        }
        PolicyHome::Inline { name, .. } => {
            facts.inline_policies.insert(name.clone(), Fact::Known(after.to_owned()));
            match &mut facts.inline_policy_names {
                Fact::Known(names) if names.contains(name) => {}
                Fact::Known(names) => names.push(name.clone()),
                names @ Fact::Absent => *names = Fact::Known(vec![name.clone()]),
                _ => {}
            }
            forget_simulations(facts);
        }
        PolicyHome::Managed { arn } => {
            let name = arn.rsplit('/').next().unwrap_or_default();
            let policy = facts.managed_policies.entry(arn.clone()).or_default();
            match policy {
                Fact::Known(policy) => after.clone_into(&mut policy.document),
                other => {
                    *other = Fact::Known(ManagedPolicy {
                        name: name.to_owned(),
                        version: "v1".to_owned(),
                        document: after.to_owned(),
                        updated: None,
                    });
                }
            }
            forget_simulations(facts);
        }
        PolicyHome::Bucket { bucket } => {
            facts.buckets.entry(bucket.clone()).or_default().policy = Fact::Known(after.to_owned());
        }
        PolicyHome::Key { arn } => {
            // The facts may know the key by an alias.
            let of_arn = |key: &&mut crate::facts::Key| key.metadata.known().is_some_and(|it| it.arn == *arn);
            if let Some(key) = facts.keys.get_mut(arn) {
                key.policy = Fact::Known(after.to_owned());
            } else if let Some(key) = facts.keys.values_mut().find(of_arn) {
                key.policy = Fact::Known(after.to_owned());
            }
        }
        PolicyHome::Catalog { .. } => facts.glue.policy = Fact::Known(after.to_owned()),
    }
}

fn delete_policy(facts: &mut Facts, home: &PolicyHome) {
    match home {
        PolicyHome::Inline { name, .. } => {
            facts.inline_policies.remove(name);
            if let Fact::Known(names) = &mut facts.inline_policy_names {
                names.retain(|known| known != name);
            }
            forget_simulations(facts);
        }
        PolicyHome::Bucket { bucket } => {
            facts.buckets.entry(bucket.clone()).or_default().policy = Fact::Absent;
        }
        PolicyHome::Catalog { .. } => facts.glue.policy = Fact::Absent,
        // A role and a key are never without theirs; a managed policy is detached.
        PolicyHome::Trust { .. } | PolicyHome::Key { .. } | PolicyHome::Managed { .. } => {}
    }
}

fn forget_simulations(facts: &mut Facts) {
    for simulation in &mut facts.simulations {
        if simulation.result.is_read() {
            simulation.result = Fact::NotAsked(STALE.to_owned());
        }
    }
}
