//! The cases built into the program: each shows its one fault, by the check that owns it and by those of
//! the other sections that have to, and mends it.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "helpers of tests: a panic is a failed test, and a story is told in one piece"
)]

use std::collections::BTreeMap;

use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Judged, Selection, diagnose};
use streamkap_doctor::demo;
use streamkap_doctor::model::{Change, Status, Verification};
use streamkap_doctor::prescribe::prescribe;

fn judged(scenario: &str) -> Vec<Judged> {
    let catalog = Catalog::built_in();
    let facts = demo::facts(scenario).unwrap();
    let mut judged = diagnose(&facts, catalog, &Selection::all(catalog));
    prescribe(&facts, catalog, &mut judged);
    judged
}

fn with(judged: &[Judged], status: Status) -> Vec<String> {
    judged.iter().filter(|it| it.outcome.status() == status).map(|it| it.id.to_string()).collect()
}

/// What fails, what warns, what cannot be told.
type Expected = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

fn expected() -> BTreeMap<&'static str, Expected> {
    BTreeMap::from([
        ("healthy", (&[][..], &[][..], &[][..])),
        ("iceberg-glue", (&[], &[], &[])),
        ("redshift", (&[], &[], &[])),
        ("byoc", (&[], &[], &[])),
        ("one-table-only", (&["PARTIAL-003"], &[], &[])),
        ("database-location-elsewhere", (&["WRITE-011"], &[], &[])),
        ("lake-formation-blocks", (&["WRITE-010"], &[], &[])),
        ("glue-wrong-region", (&["WRITE-008"], &[], &[])),
        ("cluster-mistyped", (&["WRITE-012"], &[], &[])),
        ("network-actions-missing", (&["WRITE-004"], &["PARTIAL-001"], &[])),
        ("wrong-external-id", (&["ASSUME-004"], &[], &["ASSUME-008", "LATER-007"])),
        // Whoever has the mistyped account can assume the role.
        ("mistyped-account", (&["ASSUME-002"], &["PRACTICE-005"], &["ASSUME-008", "LATER-007"])),
        ("object-arn-missing", (&["WRITE-003"], &[], &[])),
        ("bucket-policy-denies", (&["WRITE-005"], &[], &[])),
        ("kms-key-refuses", (&["WRITE-006"], &[], &[])),
        ("policy-detached", (&["WRITE-004", "LATER-002", "LATER-004"], &[], &[])),
        ("organization-denies", (&["LATER-005"], &[], &[])),
        ("boundary-denies", (&["LATER-006"], &[], &[])),
    ])
}

#[test]
fn every_scenario_shows_its_fault_and_nothing_else() {
    let expected = expected();
    let mut wrong = String::new();
    for scenario in demo::scenarios() {
        let judged = judged(scenario.name);
        let found = [Status::Fail, Status::Warn, Status::Unknown].map(|status| with(&judged, status));
        let (fail, warn, unknown) = expected[scenario.name];
        if found != [fail, warn, unknown].map(|ids| ids.iter().map(ToString::to_string).collect::<Vec<_>>()) {
            let said: Vec<String> = judged
                .iter()
                .filter(|it| !matches!(it.outcome.status(), Status::Pass | Status::Skip))
                .map(|it| format!("{} {:?}", it.id, it.outcome))
                .collect();
            wrong.push_str(&format!("{}: {found:?}\n{}\n\n", scenario.name, said.join("\n")));
        }
        assert!(with(&judged, Status::Broken).is_empty(), "{}", scenario.name);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_fault_has_a_verified_fix_or_says_why_there_is_none() {
    for scenario in demo::scenarios() {
        for judged in judged(scenario.name).iter().filter(|it| it.outcome.status() == Status::Fail) {
            for finding in judged.outcome.findings() {
                let first = finding.fixes.first();
                let first = first.unwrap_or_else(|| panic!("{}: no fix for {}", scenario.name, finding.what));
                match &first.verification {
                    Verification::Unverified { reason } => {
                        assert!(matches!(first.change, Change::Manual { .. }), "{} {reason}", scenario.name);
                        // Only the organisation's own administrator can change its policies, and only
                        // the connector's owner knows which cluster is meant.
                        assert!(
                            ["organization-denies", "cluster-mistyped"].contains(&scenario.name),
                            "{reason}"
                        );
                    }
                    Verification::Verified | Verification::VerifiedTogether { .. } => {}
                }
            }
        }
    }
}
