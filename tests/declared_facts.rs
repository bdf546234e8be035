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

/// The healthy world without one fact.
fn denied(id: FactId) -> Value {
    let mut world = common::healthy();
    let refusal = json!({"state": "denied", "value": {"action": id.actions().first().unwrap_or(&"sts:GetCallerIdentity"),
        "message": "User: ann is not authorized"}});
    let queries = |world: &mut Value, purpose: &str| {
        for query in world["history"]["queries"].as_array_mut().unwrap() {
            if query["purpose"] == purpose {
                query["events"] = refusal.clone();
            }
        }
    };
    let bucket = |world: &mut Value, part: &str| {
        for (_, bucket) in world["buckets"].as_object_mut().unwrap() {
            bucket[part] = refusal.clone();
        }
    };
    let databases = |world: &mut Value, part: &str| {
        for (_, database) in world["glue"]["databases"].as_object_mut().into_iter().flatten() {
            database[part] = refusal.clone();
        }
    };
    let entries = |world: &mut Value, part: &str| {
        for (_, entry) in world["redshift"][part].as_object_mut().into_iter().flatten() {
            *entry = refusal.clone();
        }
    };
    match id {
        FactId::Caller => world["caller"] = refusal,
        FactId::Role => world["role"] = refusal,
        FactId::RoleNames => world["role_names"] = refusal,
        FactId::RolePolicies => {
            for (_, policy) in world["managed_policies"].as_object_mut().unwrap() {
                *policy = refusal.clone();
            }
            world["attached_policies"] = refusal.clone();
            world["inline_policy_names"] = refusal;
        }
        FactId::Simulation => {
            for simulation in world["simulations"].as_array_mut().unwrap() {
                simulation["result"] = refusal.clone();
            }
        }
        FactId::Bucket => bucket(&mut world, "head"),
        FactId::BucketPolicy => bucket(&mut world, "policy"),
        FactId::BucketEncryption => bucket(&mut world, "encryption"),
        FactId::BucketOwnership => bucket(&mut world, "ownership"),
        FactId::BucketPublicAccess => bucket(&mut world, "restrict_public_buckets"),
        FactId::BucketObjectLock => bucket(&mut world, "object_lock"),
        FactId::Organization => world["organization"] = refusal,
        FactId::Trails => world["trails"] = refusal,
        FactId::HistoryAssumeRole => queries(&mut world, "assume-role"),
        FactId::HistoryChanges => queries(&mut world, "changes"),
        FactId::HistoryDenials => queries(&mut world, "denials"),
        FactId::RoleLastAccessed => world["last_accessed"] = refusal,
        FactId::GlueDatabase => databases(&mut world, "metadata"),
        FactId::GlueDatabaseNames => world["glue"]["database_names"] = refusal,
        FactId::GlueTables => databases(&mut world, "tables"),
        FactId::GluePolicy => world["glue"]["policy"] = refusal,
        FactId::GlueEncryption => world["glue"]["encryption"] = refusal,
        FactId::LakeSettings => world["lake_formation"]["settings"] = refusal,
        FactId::LakePermissions => world["lake_formation"]["permissions"] = refusal,
        FactId::LakeLocations => world["lake_formation"]["locations"] = refusal,
        FactId::LakeOptIns => world["lake_formation"]["opt_ins"] = refusal,
        FactId::RedshiftCluster => entries(&mut world, "clusters"),
        FactId::RedshiftWorkgroup => entries(&mut world, "workgroups"),
        // The healthy world has neither a boundary nor a key.
        FactId::Boundary | FactId::Key | FactId::KeyPolicy | FactId::KeyGrants => {}
    }
    world
}

#[test]
fn every_check_reads_what_its_page_declares_and_no_more() {
    let worlds = FactId::ALL.iter().map(|(id, ..)| denied(*id)).chain([common::healthy()]);
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
fn a_fact_that_is_needed_is_read_in_the_healthy_world() {
    for judged in judged(common::healthy()) {
        let page = Catalog::built_in().page(judged.id).unwrap();
        for need in &page.needs {
            assert!(judged.read.contains(need), "{} needs {need} and does not read it", judged.id);
        }
    }
}

#[test]
fn a_denied_fact_makes_unknown_what_needs_it_and_changes_nothing_else() {
    let healthy = statuses(common::healthy());
    for (id, name, _) in FactId::ALL {
        for (check, status) in statuses(denied(id)) {
            let page = Catalog::built_in().page(check).unwrap();
            let needs = page.needs.contains(&id);
            // A note stays one: it may only lose the proof that settles it.
            if page.severity == Severity::Info && page.uses.contains(&id) && status == Status::Skip {
                continue;
            }
            let expected = if needs { Status::Unknown } else { healthy[&check] };
            assert_eq!(status, expected, "{check} when {name} is denied");
        }
    }
}

#[test]
fn a_denied_fact_names_the_permission_to_grant() {
    for (id, name, actions) in FactId::ALL {
        for judged in judged(denied(id)) {
            if judged.outcome.status() != Status::Unknown || actions.is_empty() {
                continue;
            }
            let streamkap_doctor::model::Outcome::Unknown(blocked) = judged.outcome else { continue };
            assert!(blocked.iter().any(|it| it.grant.is_some()), "{} when {name} is denied", judged.id);
        }
    }
}
