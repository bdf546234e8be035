//! Redacting a case changes no verdict, and gives nothing away.

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

mod common;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Selection, diagnose};
use streamkap_doctor::facts::Facts;
use streamkap_doctor::facts::case::Case;
use streamkap_doctor::model::{CheckId, Status};

fn verdicts(facts: &Facts) -> Vec<(CheckId, Status, usize)> {
    let catalog = Catalog::built_in();
    let judged = diagnose(facts, catalog, &Selection::all(catalog));
    judged.iter().map(|it| (it.id, it.outcome.status(), it.outcome.findings().len())).collect()
}

fn redacted(facts: &Facts) -> Facts {
    Case::redacted(facts, &Catalog::built_in().kept()).unwrap().facts
}

/// The healthy world, and worlds broken in ways that a careless pseudonym would mend or make worse.
fn worlds() -> Vec<(&'static str, Facts)> {
    let trust =
        |statement: &Value| json!({"role": {"value": {"trust_policy": {"Statement": {"0": statement}}}}});
    let addresses = |range: &str| {
        let guard = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": range}}});
        let policy = json!({"Version": "2012-10-17", "Statement": [guard]});
        json!({"buckets": {"orders-landing": {"policy": {"state": "known", "value": policy}}}})
    };
    let patches = [
        ("healthy", json!({})),
        (
            "external id in another case",
            json!({"target": {"external_id": "4F9D2C71-6B0E-4A83-9C15-E72D08B5A6F3"}}),
        ),
        (
            "external id with white space",
            json!({"target": {"external_id": "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3 "}}),
        ),
        ("mistyped account", trust(&json!({"Principal": {"AWS": "arn:aws:iam::300973880870:root"}}))),
        ("another account", trust(&json!({"Principal": {"AWS": "arn:aws:iam::999988887777:root"}}))),
        (
            "the vendor's role",
            trust(
                &json!({"Principal": {"AWS": "arn:aws:iam::300973880807:role/kafkaConnectTenantAccessRole"}}),
            ),
        ),
        (
            "another bucket",
            json!({"target": {"connectors": {"0": {"parameters": {"bucket": "orders-landing-2"}}}}}),
        ),
        ("a private network", addresses("10.0.0.0/8")),
        ("a network of the internet", addresses("52.94.0.0/16")),
        ("one of the newer internet", addresses("2600:1f00::/24")),
        ("no organization", json!({"organization": {"state": "absent", "value": null}})),
    ];
    let build = |patch: &Value| {
        let mut world = common::healthy();
        common::merge(&mut world, patch);
        common::facts(world).unwrap()
    };
    let by_patch = patches.iter().map(|(name, patch)| (*name, build(patch)));
    let demos = streamkap_doctor::demo::scenarios().iter();
    let demos = demos.map(|it| (it.name, streamkap_doctor::demo::facts(it.name).unwrap()));
    by_patch.chain(demos).collect()
}

#[test]
fn no_verdict_changes() {
    for (name, facts) in worlds() {
        assert_eq!(verdicts(&redacted(&facts)), verdicts(&facts), "{name}");
    }
}

#[test]
fn nothing_of_the_owner_is_left() {
    for (name, facts) in worlds() {
        let text = Case::redacted(&facts, &Catalog::built_in().kept()).unwrap().to_json().unwrap();
        for secret in [
            "111122223333",
            "orders-landing",
            "StreamkapConnectorAccess",
            "4f9d2c71",
            "e72d08b5a6f3",
            "acme-lake",
            "old-lake",
            "sales",
            "analytics",
            "abc123",
        ] {
            assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{name}: {secret} is left");
        }
    }
}

#[test]
fn a_redacted_case_reads_back_and_is_the_same_every_time() {
    let (_, facts) = worlds().remove(0);
    let case = Case::redacted(&facts, &Catalog::built_in().kept()).unwrap();
    let text = case.to_json().unwrap();
    assert_eq!(Case::parse(text.as_bytes()).unwrap(), case);
    let again = Case::redacted(&facts, &Catalog::built_in().kept()).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
}
