//! Worlds with one fault each, in `tests/worlds/<connector>/<fault>.json`: the checks that must fail, warn
//! and be unknown, and no others.
//!
//! ```json
//! {"title": "the policy names one table", "base": "iceberg-glue", "fails": ["PARTIAL-003"], "warns": [],
//!  "unknown": [], "says": "words that the first failing finding has", "patch": {…}}
//! ```
//!
//! Every failing finding has proof and a fix, and the first fix of each is verified unless the world says
//! `"unverified": "why"`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Judged, Selection, diagnose};
use streamkap_doctor::model::{Status, Verification};
use streamkap_doctor::prescribe::prescribe;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct World {
    #[serde(rename = "title")]
    _title: String,
    base: String,
    #[serde(default)]
    fails: Vec<String>,
    #[serde(default)]
    warns: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
    #[serde(default)]
    says: String,
    #[serde(default)]
    unverified: Option<String>,
    patch: Value,
}

fn judged(world: &World) -> Vec<Judged> {
    let mut patched = common::world(&world.base);
    common::merge(&mut patched, &world.patch);
    let facts = common::facts(patched).unwrap();
    let catalog = Catalog::built_in();
    let mut judged = diagnose(&facts, catalog, &Selection::all(catalog));
    prescribe(&facts, catalog, &mut judged);
    judged
}

fn with(judged: &[Judged], status: Status) -> Vec<String> {
    judged.iter().filter(|it| it.outcome.status() == status).map(|it| it.id.to_string()).collect()
}

fn faults(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let world: World =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let judged = judged(&world);
    let mut wrong = Vec::new();
    let expected = [
        (Status::Fail, &world.fails),
        (Status::Warn, &world.warns),
        (Status::Unknown, &world.unknown),
        (Status::Broken, &Vec::new()),
    ];
    for (status, ids) in expected {
        let found = with(&judged, status);
        if found != *ids {
            let of_status = judged.iter().filter(|it| it.outcome.status() == status);
            let said: Vec<String> = of_status.map(|it| format!("{} {:?}", it.id, it.outcome)).collect();
            wrong.push(format!("{status}: {found:?} in place of {ids:?}\n{}", said.join("\n")));
        }
    }
    let failing = judged.iter().filter(|it| it.outcome.status() == Status::Fail);
    let findings: Vec<_> = failing.flat_map(|it| it.outcome.findings()).collect();
    if !findings.iter().any(|it| it.what.contains(&world.says)) && !findings.is_empty() {
        let said: Vec<&str> = findings.iter().map(|it| it.what.as_str()).collect();
        wrong.push(format!("does not say `{}`: {said:?}", world.says));
    }
    for finding in findings {
        let unverified = finding
            .fixes
            .first()
            .is_none_or(|fix| matches!(fix.verification, Verification::Unverified { .. }));
        if finding.evidence.is_empty() {
            wrong.push(format!("no proof: {}", finding.what));
        }
        if finding.fixes.is_empty() || (unverified && world.unverified.is_none()) {
            wrong.push(format!("no verified fix: {} {:?}", finding.what, finding.fixes));
        }
    }
    wrong
}

#[test]
fn every_fault_fails_the_checks_that_own_it_and_no_others() {
    let mut wrong = Vec::new();
    for path in common::world_files() {
        let name = path.file_stem().unwrap().display().to_string();
        wrong.extend(faults(&path).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
