//! What a check reads is what its page declares, and an unread fact costs the checks that need it
//! and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Judged, Selection, diagnose};
use streamkap_doctor::facts::FactId;
use streamkap_doctor::model::{CheckId, Severity, Status};

fn judged(world: Value) -> Vec<Judged> {
    let catalog = Catalog::built_in();
    diagnose(&common::facts(world).unwrap(), catalog, &Selection::all(catalog))
}

fn statuses(world: Value) -> BTreeMap<CheckId, Status> {
    judged(world).into_iter().map(|judged| (judged.id, judged.outcome.status())).collect()
}

/// A healthy world without one fact.
fn denied(world: &str, id: FactId) -> Value {
    let mut world = common::world(world);
    let refusal = json!({"state": "denied", "value": {"action": id.actions().first().unwrap_or(&"sts:GetCallerIdentity"),
        "message": "User: ann is not authorized"}});
    let queries = |world: &mut Value, purpose: &str| {
        let queries = world["history"]["queries"].as_array_mut().unwrap();
        for query in queries.iter_mut().filter(|query| query["purpose"] == purpose) {
            query["events"] = refusal.clone();
        }
    };
    let set = |world: &mut Value, path: &str| {
        if let Some(fact) = world.pointer_mut(path) {
            *fact = refusal.clone();
        }
    };
    let each = |world: &mut Value, path: &str, part: &str| {
        for (_, entry) in world.pointer_mut(path).and_then(Value::as_object_mut).into_iter().flatten() {
            let fact = if part.is_empty() { entry } else { &mut entry[part] };
            *fact = refusal.clone();
        }
    };
    match id {
        FactId::Caller => world["caller"] = refusal,
        FactId::Role => world["role"] = refusal,
        FactId::RoleNames => world["role_names"] = refusal,
        FactId::RolePolicies => {
            each(&mut world, "/managed_policies", "");
            world["attached_policies"] = refusal.clone();
            world["inline_policy_names"] = refusal;
        }
        FactId::Simulation => {
            for simulation in world["simulations"].as_array_mut().unwrap() {
                simulation["result"] = refusal.clone();
            }
        }
        FactId::Bucket => each(&mut world, "/buckets", "head"),
        FactId::BucketPolicy => each(&mut world, "/buckets", "policy"),
        FactId::BucketEncryption => each(&mut world, "/buckets", "encryption"),
        FactId::BucketOwnership => each(&mut world, "/buckets", "ownership"),
        FactId::BucketPublicAccess => each(&mut world, "/buckets", "restrict_public_buckets"),
        FactId::BucketObjectLock => each(&mut world, "/buckets", "object_lock"),
        FactId::Organization => world["organization"] = refusal,
        FactId::Trails => world["trails"] = refusal,
        FactId::HistoryAssumeRole => queries(&mut world, "assume-role"),
        FactId::HistoryChanges => queries(&mut world, "changes"),
        FactId::HistoryDenials => queries(&mut world, "denials"),
        FactId::RoleLastAccessed => set(&mut world, "/last_accessed"),
        FactId::GlueDatabase => each(&mut world, "/glue/databases", "metadata"),
        FactId::GlueDatabaseNames => set(&mut world, "/glue/database_names"),
        FactId::GlueTables => each(&mut world, "/glue/databases", "tables"),
        FactId::GluePolicy => set(&mut world, "/glue/policy"),
        FactId::GlueEncryption => set(&mut world, "/glue/encryption"),
        FactId::LakeSettings => set(&mut world, "/lake_formation/settings"),
        FactId::LakePermissions => set(&mut world, "/lake_formation/permissions"),
        FactId::LakeLocations => set(&mut world, "/lake_formation/locations"),
        FactId::LakeOptIns => set(&mut world, "/lake_formation/opt_ins"),
        FactId::RedshiftCluster => each(&mut world, "/redshift/clusters", ""),
        FactId::RedshiftWorkgroup => each(&mut world, "/redshift/workgroups", ""),
        // The healthy world has neither a boundary nor a key.
        FactId::Boundary | FactId::Key | FactId::KeyPolicy | FactId::KeyGrants => {}
    }
    world
}

#[test]
fn every_check_reads_what_its_page_declares_and_no_more() {
    let denied =
        common::HEALTHY.iter().flat_map(|world| FactId::ALL.iter().map(|(id, ..)| denied(world, *id)));
    let worlds = denied.chain(common::HEALTHY.map(common::world));
    for world in worlds {
        for judged in judged(world) {
            let page = Catalog::built_in().page(judged.id).unwrap();
            for read in &judged.read {
                assert!(
                    page.needs.contains(read) || page.uses.contains(read),
                    "{} reads {read}, which its page does not declare",
                    judged.id
                );
            }
        }
    }
}

#[test]
fn a_fact_that_is_needed_is_read_in_a_healthy_world() {
    let read: Vec<Judged> = common::HEALTHY.iter().flat_map(|world| judged(common::world(world))).collect();
    for page in &Catalog::built_in().pages {
        let of_page = || read.iter().filter(|judged| judged.id == page.id);
        for need in &page.needs {
            let reads = of_page().any(|judged| judged.read.contains(need));
            assert!(reads, "{} needs {need} and does not read it", page.id);
        }
    }
}

#[test]
fn a_denied_fact_makes_unknown_what_needs_it_and_changes_nothing_else() {
    for world in common::HEALTHY {
        let healthy = statuses(common::world(world));
        for (id, name, _) in FactId::ALL {
            let changed = common::world(world) != denied(world, id);
            for (check, status) in statuses(denied(world, id)) {
                let page = Catalog::built_in().page(check).unwrap();
                let needs = changed && page.needs.contains(&id);
                // A check that has nothing to look at may have learned so from the fact, or from another.
                if needs && healthy[&check] == Status::Skip {
                    assert!(matches!(status, Status::Skip | Status::Unknown), "{world}: {check} {name}");
                    continue;
                }
                // A note stays one: it may only lose the proof that settles it.
                if page.severity == Severity::Info && page.uses.contains(&id) && status == Status::Skip {
                    continue;
                }
                // What it is judged by in part may be what settles it.
                if changed && page.uses.contains(&id) && status == Status::Unknown {
                    continue;
                }
                let expected = if needs { Status::Unknown } else { healthy[&check] };
                assert_eq!(status, expected, "{world}: {check} when {name} is denied");
            }
        }
    }
}

#[test]
fn a_denied_fact_names_the_permission_to_grant() {
    let worlds = common::HEALTHY.iter().flat_map(|world| FactId::ALL.map(|fact| (world, fact)));
    for (world, (id, name, actions)) in worlds {
        for judged in judged(denied(world, id)) {
            if judged.outcome.status() != Status::Unknown || actions.is_empty() {
                continue;
            }
            let streamkap_doctor::model::Outcome::Unknown(blocked) = judged.outcome else { continue };
            assert!(blocked.iter().any(|it| it.grant.is_some()), "{} when {name} is denied", judged.id);
        }
    }
}
