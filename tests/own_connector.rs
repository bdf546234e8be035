//! Needs of a connector file of the user's own that no built-in connector has.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Selection, diagnose};
use streamkap_doctor::diagnosis::Mend;
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{Outcome, PhaseState, Status};
use streamkap_doctor::report::Report;

const POLICY: &str = "arn:aws:iam::111122223333:policy/StreamkapS3Access";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

/// The healthy world with a connector that has one need, and a role that has one statement.
fn facts(need: &str, statement: &Value, more: &Value) -> Facts {
    let parameter = "[[parameter]]\nname = \"bucket\"\nkind = \"bucket\"\nhelp = \"A bucket\"\n\
                     [[parameter]]\nname = \"queue\"\nkind = \"text\"\nhelp = \"A queue\"\n";
    let text = format!(
        "name = \"own\"\n{parameter}\n[[need]]\nphase = \"write\"\n{need}\nbreaks = \"nothing works\"\n"
    );
    let connector =
        json!({"connector": "own", "parameters": {"bucket": "orders-landing"}, "definition": text});
    let mut world = common::healthy();
    common::merge(
        &mut world,
        &json!({
            "target": {"connectors": [connector]},
            "managed_policies": {POLICY: {"value": {"document": {"Statement": [statement]}}}},
            "simulations": [],
        }),
    );
    common::merge(&mut world, more);
    common::facts(world).unwrap()
}

fn status(facts: &Facts, check: &str) -> (Status, String) {
    let catalog = Catalog::of_target(&facts.target).unwrap();
    let only = Selection::new(&catalog, &[check.to_owned()], &[]).unwrap();
    let outcome = &diagnose(facts, &catalog, &only)[0].outcome;
    let said = match outcome {
        Outcome::Unknown(blocked) => format!("{blocked:?}"),
        outcome => format!("{:?}", outcome.findings()),
    };
    (outcome.status(), said)
}

fn report(facts: &Facts) -> Report {
    common::report(facts, Mend::Failures)
}

fn need(action: &str, resource: &str) -> String {
    format!("action = \"{action}\"\nresources = [\"{resource}\"]\nlevel = \"required\"")
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

#[test]
fn a_call_to_kms_that_is_not_by_way_of_a_service_is_judged_like_any_other() {
    let list = need("kms:ListAliases", "*");
    let none = facts(&list, &allow("s3:PutObject", "*"), &json!({}));
    assert_eq!(status(&none, "WRITE-004").0, Status::Fail);
    let own = facts(&list, &allow("kms:ListAliases", "*"), &json!({}));
    assert_eq!(status(&own, "WRITE-004").0, Status::Pass);
    let through = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}});
    assert_eq!(status(&facts(&list, &through, &json!({})), "WRITE-004").0, Status::Fail);
}

#[test]
fn a_key_that_is_named_hangs_on_its_policy_too() {
    let decrypt = need("kms:Decrypt", KEY);
    let (status_of, said) = status(&facts(&decrypt, &allow("kms:Decrypt", KEY), &json!({})), "WRITE-004");
    assert_eq!(status_of, Status::Unknown);
    assert!(said.contains("the key's has to allow it, too"), "{said}");
    // Its policy may name the role itself.
    let refused = facts(&decrypt, &allow("kms:Encrypt", KEY), &json!({}));
    assert_eq!(status(&refused, "WRITE-004").0, Status::Unknown);
    let denied = json!({"Effect": "Deny", "Action": "kms:*", "Resource": "*"});
    assert_eq!(status(&facts(&decrypt, &denied, &json!({})), "WRITE-004").0, Status::Fail);
}

#[test]
fn no_phase_is_broken_where_no_check_says_so() {
    for action in ["kms:ListAliases", "kms:CreateKey"] {
        let facts = facts(&need(action, "*"), &allow("s3:PutObject", "*"), &json!({}));
        let report = report(&facts);
        let broken = report.target.connectors[0].phases.iter().any(|it| it.state == PhaseState::Broken);
        let failing = report.checks.iter().any(|it| it.status == Status::Fail);
        assert!(broken && failing, "{action}: {broken} {failing}");
    }
}

#[test]
fn a_need_that_hangs_on_a_key_is_asked_for_where_there_is_one() {
    let put = "action = \"s3:GetEncryptionConfiguration\"\nresources = [\"arn:{partition}:s3:::{bucket}\"]\n\
               level = \"conditional\"\nwhen = \"bucket-key\"";
    let encryption = |value: &Value| json!({"buckets": {"orders-landing": {"encryption": value}}});
    let kms = |key: &str| {
        let value = json!({"algorithm": "aws:kms", "key": key, "bucket_key": false});
        encryption(&json!({"state": "known", "value": value}))
    };
    let other = allow("s3:PutObject", "*");
    let denied = json!({"state": "denied",
        "value": {"action": "s3:GetEncryptionConfiguration", "message": "User: ann is not authorized"}});
    for (more, expected) in [
        (json!({}), Status::Skip),
        (kms(KEY), Status::Fail),
        (kms("alias/aws/s3"), Status::Skip),
        (encryption(&denied), Status::Unknown),
    ] {
        assert_eq!(status(&facts(put, &other, &more), "WRITE-004").0, expected, "{more}");
    }
}

#[test]
fn what_is_optional_only_is_warned_of_all_the_same() {
    let tidy = "action = \"sqs:DeleteMessage\"\nresources = [\"arn:{partition}:sqs:{region}:{account}:q\"]\n\
                level = \"optional\"";
    let refused = facts(tidy, &allow("s3:PutObject", "*"), &json!({}));
    assert_eq!(status(&refused, "PARTIAL-001").0, Status::Warn);
    let allowed = facts(tidy, &allow("sqs:*", "*"), &json!({}));
    assert_eq!(status(&allowed, "PARTIAL-001").0, Status::Pass);
    let open = facts(&tidy.replace("{account}:q", "{account}:{queue}"), &allow("sqs:*", "*"), &json!({}));
    assert_eq!(status(&open, "PARTIAL-001").0, Status::Unknown);
}

#[test]
fn a_denial_on_some_resources_counts_beside_a_grant_on_the_whole_service() {
    let run = need("ec2:RunInstances", "*");
    let statement = |effect: &str, resource: &str| json!({"Effect": effect, "Action": "ec2:RunInstances", "Resource": resource});
    let of = |statements: &[Value]| {
        let more = json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": statements}}}}});
        status(&facts(&run, &statements[0], &more), "WRITE-004").0
    };
    let whole = "arn:aws:ec2:*:*:*";
    let (allow, deny) = (statement("Allow", whole), statement("Deny", "arn:aws:ec2:*:*:instance/*"));
    assert_eq!(of(std::slice::from_ref(&allow)), Status::Pass);
    assert_eq!(of(&[allow.clone(), deny.clone()]), Status::Unknown);
    assert_eq!(of(&[deny, allow.clone()]), Status::Unknown);
    let denied = statement("Deny", whole);
    assert_eq!(of(&[statement("Allow", "*"), denied.clone()]), Status::Fail);
    assert_eq!(of(&[allow, denied]), Status::Fail);
}

#[test]
fn what_another_side_has_to_allow_too_is_left_open() {
    let theirs = "arn:aws:sqs:eu-west-1:444455556666:orders";
    let role = "arn:aws:iam::111122223333:role/Other";
    for (action, resource) in [("sqs:SendMessage", theirs), ("sts:AssumeRole", role)] {
        let need = need(action, resource);
        let of = |statement: &Value| status(&facts(&need, statement, &json!({})), "WRITE-004");
        let (allowed, said) = of(&allow(action, resource));
        assert_eq!(allowed, Status::Unknown, "{action}");
        assert!(said.contains("it has to allow it, too"), "{said}");
        // Both sides have to allow.
        assert_eq!(of(&allow("s3:PutObject", "*")).0, Status::Fail, "{action}");
        assert_eq!(
            of(&json!({"Effect": "Deny", "Action": "*", "Resource": "*"})).0,
            Status::Fail,
            "{action}"
        );
    }
    let own = "arn:aws:sqs:eu-west-1:111122223333:orders";
    let own = facts(&need("sqs:SendMessage", own), &allow("sqs:SendMessage", own), &json!({}));
    assert_eq!(status(&own, "WRITE-004").0, Status::Pass);
}
