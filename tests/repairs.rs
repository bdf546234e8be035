//! Whoever makes the changes that are printed, from the first to the last, has mended what they are for, and
//! at no time broken anything.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Judged, Selection, diagnose};
use streamkap_doctor::demo;
use streamkap_doctor::diagnosis::Mend;
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{Change, CheckId, Outcome, Repair, Status, Verification};
use streamkap_doctor::prescribe::{apply, commands, prescribe};

const POLICY: &str = "arn:aws:iam::111122223333:policy/StreamkapS3Access";
const BUCKET: &str = "arn:aws:s3:::orders-landing";

/// What is printed to mend the checks that end so.
fn repairs(facts: &Facts, statuses: &[Status]) -> (Vec<Judged>, Vec<Repair>) {
    let catalog = Catalog::of_target(&facts.target).unwrap();
    let mut judged = diagnose(facts, &catalog, &Selection::all(&catalog));
    let prescribed = prescribe(facts, &catalog, &mut judged);
    let ends_so = |id| {
        judged.iter().any(|judged: &Judged| judged.id == id && statuses.contains(&judged.outcome.status()))
    };
    let repairs = prescribed.repairs(ends_so);
    (judged, repairs)
}

/// The external ids in place of their names, as the commands fill them in.
fn filled_in(change: &Change, facts: &Facts) -> Change {
    let Change::SetPolicy { home, after, .. } = change else { return change.clone() };
    let mut after = after.clone();
    if let Some(role) = facts.role.known() {
        for (name, id) in common::external_ids(&role.trust_policy) {
            after = after.replace(&format!("\"{name}\""), &format!("\"{id}\""));
        }
    }
    if let Some(id) = &facts.target.external_id {
        after = after.replace("\"EXTERNAL_ID\"", &format!("\"{}\"", id.expose()));
    }
    Change::SetPolicy { home: home.clone(), before: None, after }
}

fn is_bad(outcome: &Outcome) -> bool {
    matches!(outcome.status(), Status::Fail | Status::Warn | Status::Broken)
}

/// What is wrong with the changes, made one after the other.
fn faults(facts: &Facts, statuses: &[Status]) -> Vec<String> {
    let catalog = Catalog::of_target(&facts.target).unwrap();
    let (before, repairs) = repairs(facts, statuses);
    let mut wrong = Vec::new();
    let mut pasted: Vec<String> = Vec::new();
    let mut facts_now = facts.clone();
    let mut last = before.clone();
    for (at, repair) in repairs.iter().enumerate() {
        let change = &repair.fix.change;
        if repairs[..at].iter().any(|other| other.fix.change.is_of_one(change)) {
            wrong.push(format!("{}: its policy was written before", repair.fix.title));
        }
        pasted.extend(commands(change));
        facts_now = apply(&filled_in(change, facts), &facts_now);
        let now = diagnose(&facts_now, &catalog, &Selection::all(&catalog));
        for (was, now) in last.iter().zip(&now) {
            // What could not be told before may turn out either way.
            let was_known = was.outcome.status() != Status::Unknown;
            if was_known && !is_bad(&was.outcome) && is_bad(&now.outcome) {
                wrong.push(format!("after {}: {} is {:?}", repair.fix.title, now.id, now.outcome));
            }
        }
        last = now;
    }
    wrong.extend(overclaims(&before, &repairs, facts));
    let writes =
        pasted.iter().filter_map(|command| command.lines().last()).filter(|line| line.starts_with("aws"));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    writes.for_each(|line| *counts.entry(line).or_default() += 1);
    wrong.extend(counts.iter().filter(|(_, count)| **count > 1).map(|(line, _)| format!("twice: {line}")));
    let is_proved = |repair: &Repair| !matches!(repair.fix.verification, Verification::Unverified { .. });
    for judged in last.iter().filter(|judged| is_bad(&judged.outcome)) {
        let of_check = || repairs.iter().filter(|repair| repair.mends.contains(&judged.id));
        if of_check().next().is_some() && of_check().all(is_proved) {
            wrong.push(format!("{} was to be mended: {:?}", judged.id, judged.outcome));
        }
        let claims =
            |it: &Repair| it.fix.clears.contains(&judged.id) || it.fix.completes.contains(&judged.id);
        let clears = repairs.iter().any(claims);
        if clears {
            wrong.push(format!("{} was to be cleared: {:?}", judged.id, judged.outcome));
        }
    }
    // What several changes mend together is claimed by the last of them.
    for was in before.iter().filter(|was| is_bad(&was.outcome)) {
        let of_check = || repairs.iter().filter(|repair| repair.mends.contains(&was.id));
        let is_well = last
            .iter()
            .any(|now| now.id == was.id && matches!(now.outcome.status(), Status::Pass | Status::Skip));
        let claims = |it: &Repair| it.fix.clears.contains(&was.id) || it.fix.completes.contains(&was.id);
        if is_well && of_check().next().is_some() && of_check().all(is_proved) && !repairs.iter().any(claims)
        {
            wrong.push(format!("{} is well in the end, and no change says so", was.id));
        }
    }
    for judged in before.iter().filter(|it| is_bad(&it.outcome) && statuses.contains(&it.outcome.status())) {
        let has_fix = judged.outcome.findings().iter().any(|finding| !finding.fixes.is_empty());
        if has_fix && !repairs.iter().any(|repair| repair.mends.contains(&judged.id)) {
            wrong.push(format!("nothing is printed for {}", judged.id));
        }
    }
    wrong
}

/// What changes claim to clear and do not: each alone, and the last of those that count together with those before it.
fn overclaims(before: &[Judged], repairs: &[Repair], facts: &Facts) -> Vec<String> {
    let catalog = Catalog::of_target(&facts.target).unwrap();
    let mut wrong = Vec::new();
    let mut all = facts.clone();
    for repair in repairs {
        let change = filled_in(&repair.fix.change, facts);
        all = apply(&change, &all);
        let mut check = |claimed: &[CheckId], facts: &Facts, how: &str| {
            let after = diagnose(facts, &catalog, &Selection::all(&catalog));
            for id in claimed {
                let was = before.iter().find(|judged| judged.id == *id).unwrap();
                let now = after.iter().find(|judged| judged.id == *id).unwrap();
                if !is_bad(&was.outcome) || is_bad(&now.outcome) {
                    wrong.push(format!("{} does not clear {id} {how}: {:?}", repair.fix.title, now.outcome));
                }
            }
        };
        if !repair.fix.clears.is_empty() {
            check(&repair.fix.clears, &apply(&change, facts), "alone");
        }
        check(&repair.fix.completes, &all, "with those before it");
    }
    wrong
}

/// The faults of a world's changes, of failures alone and of warnings with them.
fn all_faults(name: &str, facts: &Facts) -> Vec<String> {
    let of = |statuses: &[Status]| faults(facts, statuses);
    let found = of(&[Status::Fail]).into_iter().chain(of(&[Status::Fail, Status::Warn]));
    found.map(|fault| format!("{name}: {fault}")).collect()
}

#[test]
fn the_changes_of_every_world_mend_it_in_the_order_printed() {
    let mut wrong = Vec::new();
    for scenario in demo::scenarios() {
        wrong.extend(all_faults(scenario.name, &demo::facts(scenario.name).unwrap()));
    }
    wrong.extend(common::fault_worlds().flat_map(|(name, facts)| all_faults(&name, &facts)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Cases of the pages in which several checks find something, so that their fixes may be in each other's way.
#[test]
fn the_changes_of_cases_with_several_faults_mend_them_in_the_order_printed() {
    let mut wrong = Vec::new();
    for page in &Catalog::built_in().pages {
        let cases = page.body.split_once("## Cases\n").unwrap().1;
        for (number, case) in cases.split("\n```json ").skip(1).enumerate() {
            let (_, patch) = case.split_once('\n').unwrap();
            let patch: Value = serde_json::from_str(patch.split("\n```").next().unwrap()).unwrap();
            let facts = common::facts(common::patched(patch)).unwrap();
            let judged = diagnose(&facts, Catalog::built_in(), &Selection::all(Catalog::built_in()));
            let findings: usize = judged.iter().map(|it| it.outcome.findings().len()).sum();
            if findings > 1 {
                wrong.extend(all_faults(&format!("{} case {}", page.id, number + 1), &facts));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn world(patch: &Value) -> Facts {
    let mut world = common::healthy();
    common::merge(&mut world, patch);
    common::facts(world).unwrap()
}

fn mended(repair: &Repair) -> Vec<String> {
    repair.mends.iter().map(ToString::to_string).collect()
}

/// A policy with several faults, each of which has a document of its own for its fix.
fn several_faults() -> Facts {
    world(&json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": [
        {"Sid": "Objects", "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": BUCKET},
        {"Sid": "Pass", "Effect": "Allow", "Action": ["iam:PassRole"], "Resource": "arn:aws:iam::111122223333:role/*"},
        {"Sid": "Payroll", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::payroll/*"}
    ]}}}}, "simulations": []}))
}

#[test]
fn fixes_of_one_policy_are_one_document() {
    let facts = several_faults();
    let (judged, all) = repairs(&facts, &[Status::Fail, Status::Warn]);
    let bad: Vec<String> =
        judged.iter().filter(|it| is_bad(&it.outcome)).map(|it| it.id.to_string()).collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(mended(&all[0]), bad);
    assert_eq!(all[0].fix.verification, Verification::Verified);
    assert_eq!(all[0].fix.clears, all[0].mends);
    assert_eq!(faults(&facts, &[Status::Fail, Status::Warn]), [""; 0]);
    let (_, failing) = repairs(&facts, &[Status::Fail]);
    let Change::SetPolicy { after, .. } = &failing[0].fix.change else { panic!() };
    assert!(after.contains("payroll"), "what only warns is left alone: {after}");
}

#[test]
fn narrowing_a_statement_keeps_what_the_connector_needs() {
    let mut world = common::world("iceberg-glue");
    let policies = world["managed_policies"].as_object_mut().unwrap();
    let (arn, _) = policies.iter().find(|(_, it)| it.to_string().contains("glue:GetTable")).unwrap();
    let arn = arn.clone();
    let document = &policies[&arn]["value"]["document"];
    let glue = document["Statement"].as_array().unwrap();
    let at = glue.iter().position(|it| it.to_string().contains("glue:GetTable")).unwrap();
    let patch = json!({"managed_policies": {arn: {"value": {"document": {"Statement": {at.to_string(): {"Action": "glue:*"}}}}}},
        "simulations": []});
    common::merge(&mut world, &patch);
    let facts = common::facts(world).unwrap();
    let (_, all) = repairs(&facts, &[Status::Warn]);
    assert_eq!(mended(&all[0]), ["PRACTICE-004"]);
    assert_eq!(all[0].fix.verification, Verification::Verified, "{all:#?}");
    let Change::SetPolicy { after, .. } = &all[0].fix.change else { panic!() };
    assert!(after.contains("glue:GetTable") && !after.contains("glue:*"), "{after}");
    assert_eq!(faults(&facts, &[Status::Warn]), [""; 0]);
}

#[test]
fn what_only_warns_is_not_mended_along_with_a_failure() {
    let report = |mend| common::report(&several_faults(), mend);
    let worst = report(Mend::Worst);
    let warns = worst.checks.iter().find(|check| check.status == Status::Warn).unwrap().id;
    let failing = |id| worst.checks.iter().any(|check| check.id == id && check.status == Status::Fail);
    let mended: Vec<_> = worst.repairs.iter().flat_map(|repair| repair.mends.clone()).collect();
    assert!(!mended.is_empty() && mended.iter().all(|id| failing(*id)), "{mended:?}");
    assert!(report(Mend::Only(warns)).repairs.iter().all(|repair| repair.mends.contains(&warns)));
}
