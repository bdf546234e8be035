//! One fault is reported by one check, whatever the others see: those of the trust policy by one of the section
//! `assume`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Selection, diagnose};
use streamkap_doctor::model::Status;

const EXTERNAL_ID: &str = "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3";
const ROOT: &str = "arn:aws:iam::300973880807:root";

/// The checks of the section that fail or warn when this is the trust policy, and nobody got in yet.
fn reported(statements: &Value) -> Vec<String> {
    let catalog = Catalog::built_in();
    let mut world = common::healthy();
    common::merge(&mut world, &json!({"history": {"queries": {"0": {"events": {"value": []}}}}}));
    common::merge(&mut world, &json!({"role": {"value": {"trust_policy": {"Statement": statements}}}}));
    let selection = Selection::new(catalog, &["assume".to_owned()], &[]).unwrap();
    let facts = common::facts(world).unwrap();
    let judged = diagnose(&facts, catalog, &selection);
    let bad = judged
        .iter()
        .filter(|it| matches!(it.outcome.status(), Status::Fail | Status::Warn | Status::Broken));
    bad.map(|judged| judged.id.to_string()).collect()
}

fn statement(principal: &Value, action: &str, condition: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition})
}

fn id() -> Value {
    json!({"StringEquals": {"sts:ExternalId": EXTERNAL_ID}})
}

#[test]
fn a_right_trust_policy_is_reported_by_none() {
    assert!(reported(&json!([statement(&json!({"AWS": ROOT}), "sts:AssumeRole", &id())])).is_empty());
    assert!(reported(&json!([statement(&json!({"AWS": ROOT}), "sts:*", &json!({}))])).is_empty());
}

#[test]
fn a_wrong_principal_is_reported_once() {
    for principal in [
        "arn:aws:iam::300973880870:root",
        "arn:aws:iam:300973880807:root",
        "arn:aws:iam::999988887777:root",
        "arn:aws:iam::300973880807:role/other",
        "arn:aws:iam::300973880807:user/kafkaConnectTenantAccessRole",
    ] {
        let trust = json!([statement(&json!({"AWS": principal}), "sts:AssumeRole", &id())]);
        assert_eq!(reported(&trust), ["ASSUME-002"], "{principal}");
    }
    let service = json!([statement(&json!({"Service": "ec2.amazonaws.com"}), "sts:AssumeRole", &json!({}))]);
    assert_eq!(reported(&service), ["ASSUME-002"]);
    assert_eq!(reported(&json!([])), ["ASSUME-002"]);
}

#[test]
fn a_deleted_principal_is_reported_once() {
    let trust = json!([statement(&json!({"AWS": "AROAJQABLZS4A3QDU576Q"}), "sts:AssumeRole", &id())]);
    assert_eq!(reported(&trust), ["ASSUME-003"]);
}

#[test]
fn a_wrong_external_id_is_reported_once() {
    for condition in [
        json!({"StringEquals": {"sts:ExternalId": "another"}}),
        json!({"StringLike": {"sts:ExternalId": "another-*"}}),
        json!({"StringEquals": {"sts:ExternalId": format!("{EXTERNAL_ID}\n")}}),
        json!({"StringNotEquals": {"sts:ExternalId": EXTERNAL_ID}}),
        json!({"ForAllValues:StringEquals": {"sts:ExternalId": ["another"]}}),
    ] {
        let trust = json!([statement(&json!({"AWS": ROOT}), "sts:AssumeRole", &condition)]);
        assert_eq!(reported(&trust), ["ASSUME-004"], "{condition}");
    }
    let denies = json!([
        statement(&json!({"AWS": ROOT}), "sts:AssumeRole", &json!({})),
        {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
         "Condition": {"StringNotEquals": {"sts:ExternalId": "another"}}}
    ]);
    assert_eq!(reported(&denies), ["ASSUME-004"]);
}

#[test]
fn another_condition_is_reported_once() {
    for condition in [
        json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-other"}}),
        json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}}),
        json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
        json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}),
    ] {
        let mut both = condition.clone();
        common::merge(&mut both, &id());
        let trust = json!([statement(&json!({"AWS": ROOT}), "sts:AssumeRole", &both)]);
        assert_eq!(reported(&trust), ["ASSUME-005"], "{condition}");
    }
}

#[test]
fn a_deny_is_reported_once() {
    for deny in [
        json!({"Effect": "Deny", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}),
        json!({"Effect": "Deny", "NotPrincipal": {"AWS": "111122223333"}, "Action": "*"}),
        json!({"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
            "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}}),
    ] {
        let trust = json!([statement(&json!({"AWS": ROOT}), "sts:AssumeRole", &id()), deny]);
        assert_eq!(reported(&trust), ["ASSUME-006"]);
    }
}

#[test]
fn a_wrong_action_is_reported_once() {
    for action in ["sts:AssumeRoleWithSAML", "sts:AssumeRol", "sts:TagSession", "s3:*"] {
        let trust = json!([statement(&json!({"AWS": ROOT}), action, &id())]);
        assert_eq!(reported(&trust), ["ASSUME-007"], "{action}");
    }
}

#[test]
fn a_statement_that_lets_streamkap_in_makes_up_for_all_others() {
    let good = statement(&json!({"AWS": ROOT}), "sts:AssumeRole", &id());
    for other in [
        statement(&json!({"AWS": "arn:aws:iam::300973880870:root"}), "sts:AssumeRole", &id()),
        statement(&json!({"AWS": "AROAJQABLZS4A3QDU576Q"}), "sts:AssumeRole", &id()),
        statement(
            &json!({"AWS": ROOT}),
            "sts:AssumeRole",
            &json!({"StringEquals": {"sts:ExternalId": "another"}}),
        ),
        statement(
            &json!({"AWS": ROOT}),
            "sts:AssumeRole",
            &json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
        ),
        statement(&json!({"AWS": ROOT}), "sts:TagSession", &json!({})),
    ] {
        assert!(reported(&json!([other, good])).is_empty(), "{other}");
        assert!(reported(&json!([good, other])).is_empty(), "{other}");
    }
}

#[test]
fn two_faults_are_reported_by_two_checks() {
    let trust = json!([statement(
        &json!({"AWS": "arn:aws:iam::300973880870:root"}),
        "sts:AssumeRole",
        &json!({"StringEquals": {"sts:ExternalId": "another"}})
    )]);
    assert_eq!(reported(&trust), ["ASSUME-002", "ASSUME-004"]);
}

#[test]
fn a_role_that_is_not_there_is_reported_once() {
    let catalog = Catalog::built_in();
    let mut world = common::healthy();
    common::merge(&mut world, &json!({"role": {"state": "absent", "value": null}}));
    let judged = diagnose(&common::facts(world).unwrap(), catalog, &Selection::all(catalog));
    let failing: Vec<String> =
        judged.iter().filter(|it| it.outcome.status() == Status::Fail).map(|it| it.id.to_string()).collect();
    assert_eq!(failing, ["ASSUME-001"]);
    assert!(judged.iter().all(|it| it.outcome.status() != Status::Broken));
}

/// All that fails or warns after a patch of the healthy world.
fn bad(patch: &Value) -> Vec<String> {
    let catalog = Catalog::built_in();
    let mut world = common::healthy();
    common::merge(&mut world, patch);
    let judged = diagnose(&common::facts(world).unwrap(), catalog, &Selection::all(catalog));
    let bad = judged
        .iter()
        .filter(|it| matches!(it.outcome.status(), Status::Fail | Status::Warn | Status::Broken));
    bad.map(|judged| judged.id.to_string()).collect()
}

#[test]
fn a_wrong_region_is_reported_once() {
    assert_eq!(bad(&json!({"target": {"region": "us-west-2"}})), ["WRITE-002"]);
    assert_eq!(bad(&json!({"target": {"region": "eu-west-3"}})), ["WRITE-002"]);
    let stockholm = json!({"target": {"region": "eu-north-1"},
        "buckets": {"orders-landing": {"head": {"value": {"region": "eu-north-1"}}}}});
    assert_eq!(bad(&stockholm), ["WRITE-002"]);
}

#[test]
fn a_region_that_nobody_gave_as_the_connector_s_is_no_fault() {
    assert!(bad(&json!({"target": {"region": "us-west-2", "region_given": null}})).is_empty());
    assert!(bad(&json!({"target": {"region": null, "region_given": null}})).is_empty());
}
