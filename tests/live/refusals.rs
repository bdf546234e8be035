//! A caller who lacks a permission: exactly what it is for becomes unread, and the permission is named.

use std::collections::BTreeSet;

use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::facts::{Fact, FactId, Facts};
use streamkap_doctor::plan::Plan;

use super::account::{Account, ROLE};
use super::answers::{Shape, event_history, simulator};
use super::proxy::{Fault, Proxy};
use super::run::Run;

/// Whether a fact was refused, with the action; `None`: it was read.
fn refused<T>(fact: &Fact<T>) -> Option<String> {
    match fact {
        Fact::Denied(refusal) => Some(refusal.action.clone()),
        Fact::Known(_) | Fact::Absent | Fact::NotAsked(_) => None,
        Fact::Failed(failure) => panic!("not a refusal: {failure:?}"),
    }
}

/// The facts that were refused, with the permissions that they name.
fn refusals(facts: &Facts) -> BTreeSet<(FactId, String)> {
    let mut found = BTreeSet::new();
    let mut note = |id: FactId, action: Option<String>| found.extend(action.map(|action| (id, action)));
    note(FactId::Role, refused(&facts.role));
    note(FactId::RoleNames, refused(&facts.role_names));
    note(FactId::RolePolicies, refused(&facts.attached_policies));
    note(FactId::RolePolicies, refused(&facts.inline_policy_names));
    for policy in facts.managed_policies.values() {
        note(FactId::RolePolicies, refused(policy));
    }
    for policy in facts.inline_policies.values() {
        note(FactId::RolePolicies, refused(policy));
    }
    for simulation in &facts.simulations {
        note(FactId::Simulation, refused(&simulation.result));
    }
    for bucket in facts.buckets.values() {
        note(FactId::Bucket, refused(&bucket.head));
        note(FactId::BucketPolicy, refused(&bucket.policy));
        note(FactId::BucketEncryption, refused(&bucket.encryption));
        note(FactId::BucketOwnership, refused(&bucket.ownership));
        note(FactId::BucketPublicAccess, refused(&bucket.restrict_public_buckets));
        note(FactId::BucketObjectLock, refused(&bucket.object_lock));
    }
    for key in facts.keys.values() {
        note(FactId::Key, refused(&key.metadata));
        note(FactId::KeyPolicy, refused(&key.policy));
        note(FactId::KeyGrants, refused(&key.grants));
    }
    note(FactId::RoleLastAccessed, refused(&facts.last_accessed));
    for database in facts.glue.databases.values() {
        note(FactId::GlueDatabase, refused(&database.metadata));
        note(FactId::GlueTables, refused(&database.tables));
    }
    note(FactId::GlueDatabaseNames, refused(&facts.glue.database_names));
    note(FactId::GluePolicy, refused(&facts.glue.policy));
    note(FactId::GlueEncryption, refused(&facts.glue.encryption));
    note(FactId::LakeSettings, refused(&facts.lake_formation.settings));
    note(FactId::LakePermissions, refused(&facts.lake_formation.permissions));
    note(FactId::LakeLocations, refused(&facts.lake_formation.locations));
    note(FactId::LakeOptIns, refused(&facts.lake_formation.opt_ins));
    note(FactId::Organization, refused(&facts.organization));
    note(FactId::Trails, refused(&facts.trails));
    for trail in facts.trails.known().into_iter().flatten() {
        note(FactId::Trails, refused(&trail.status));
        note(FactId::Trails, refused(&trail.selectors));
    }
    found
}

#[test]
fn each_permission_that_is_lacking_costs_its_own_fact_and_is_named() {
    let account = Account::healthy();
    account.encrypt(None, None);
    account.trail();
    let simulator = std::sync::Arc::new(simulator(&account, ROLE, Shape::ByAction, None));
    let target = Run::new(&account, &Proxy::start(account.server)).facts().target;
    let read = Plan::new(&target, Catalog::built_in()).facts;
    let actions: BTreeSet<&str> = read.iter().flat_map(|id| id.actions()).copied().collect();
    for action in actions {
        // These are asked in other circumstances, or have a test of their own.
        let others = ["iam:ListRoles", "cloudtrail:LookupEvents", "s3:GetBucketPublicAccessBlock"];
        if others.contains(&action) {
            continue;
        }
        let proxy = Proxy::start(account.server);
        let answers = std::sync::Arc::clone(&simulator);
        proxy.answer(move |request| answers(request)).fail(&[action], Fault::Refuse);
        let facts = Run::new(&account, &proxy).facts();
        if action == "s3:ListBucket" {
            // Whoever may not list a bucket is still told that it exists and where.
            assert_eq!(refusals(&facts), BTreeSet::new());
            let head = facts.buckets.values().next().unwrap().head.known().unwrap();
            assert!(!head.accessible && head.region == "eu-west-1");
            continue;
        }
        let expected: BTreeSet<(FactId, String)> = FactId::ALL
            .iter()
            .filter(|(id, _, actions)| *id != FactId::Boundary && actions.contains(&action))
            .map(|(id, _, _)| (*id, action.to_owned()))
            .collect();
        assert_eq!(refusals(&facts), expected, "{action}");
    }
}

#[test]
fn a_caller_who_may_not_search_event_history_is_told_after_one_call_a_region() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    proxy.answer(event_history(Vec::new())).fail(&["LookupEvents"], Fault::Refuse);
    let facts = Run::new(&account, &proxy).facts_with(&[]);
    assert!(!facts.history.queries.is_empty());
    assert!(
        facts
            .history
            .queries
            .iter()
            .all(|it| refused(&it.events).as_deref() == Some("cloudtrail:LookupEvents"))
    );
    assert_eq!(proxy.count("LookupEvents"), 2);
}
