//! Fixes: every change that is shown was tried on the facts, clears its finding and breaks nothing.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Judged, Selection, diagnose};
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{Change, Fix, Owner, Status, Verification};
use streamkap_doctor::prescribe::{apply, commands, prescribe};

const POLICY: &str = "arn:aws:iam::111122223333:policy/StreamkapS3Access";
const BUCKET: &str = "arn:aws:s3:::orders-landing";

fn prescribed(facts: &Facts) -> Vec<Judged> {
    let catalog = Catalog::built_in();
    let mut judged = diagnose(facts, catalog, &Selection::all(catalog));
    prescribe(facts, catalog, &mut judged);
    judged
}

fn world(patch: &Value) -> Facts {
    let mut world = common::healthy();
    common::merge(&mut world, patch);
    common::facts(world).unwrap()
}

/// The fixes of the one finding of a check in a patched world.
fn fixes(patch: &Value, check: &str) -> (Facts, Vec<Fix>) {
    let facts = world(patch);
    let judged = prescribed(&facts);
    let found = judged.iter().find(|judged| judged.id.to_string() == check).unwrap();
    let findings = found.outcome.findings();
    assert_eq!(findings.len(), 1, "{check}: {:?}", found.outcome);
    (facts, findings[0].fixes.clone())
}

fn after(fix: &Fix) -> Value {
    let Change::SetPolicy { after, .. } = &fix.change else { panic!("{:?}", fix.change) };
    serde_json::from_str(after).unwrap()
}

/// The statement patched over the first of the role's policy, the simulator unasked.
fn statement(members: &Value) -> Value {
    json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": {"0": members}}}}}, "simulations": []})
}

fn bucket_policy(statement: &Value) -> Value {
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    json!({"buckets": {"orders-landing": {"policy": {"state": "known", "value": document}}}})
}

/// Applying the shown changes to the facts leaves a world in which the check does not fail.
fn mends(facts: &Facts, fixes: &[Fix], check: &str) {
    let catalog = Catalog::built_in();
    let facts = fixes.iter().fold(facts.clone(), |facts, fix| apply(&fix.change, &facts));
    let only = Selection::new(catalog, &[check.to_owned()], &[]).unwrap();
    let status = diagnose(&facts, catalog, &only)[0].outcome.status();
    assert!(matches!(status, Status::Pass | Status::Skip), "{check} is {status} after the fix");
}

#[test]
fn a_missing_action_is_added_to_the_statement_about_the_same_resources() {
    let (facts, fixes) = fixes(&statement(&json!({"Action": ["s3:GetObject", "s3:PutObject"]})), "WRITE-004");
    assert_eq!(fixes[0].verification, Verification::Verified);
    let document = after(&fixes[0]);
    assert_eq!(document["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(
        document["Statement"][0]["Action"],
        json!(["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"])
    );
    mends(&facts, &fixes, "WRITE-004");
}

#[test]
fn a_missing_object_arn_is_added_to_the_statement_that_names_the_bucket() {
    let (facts, fixes) = fixes(&statement(&json!({"Resource": BUCKET})), "WRITE-003");
    assert_eq!(fixes[0].verification, Verification::Verified);
    let objects = format!("{BUCKET}/*");
    assert_eq!(after(&fixes[0])["Statement"][0]["Resource"], json!([BUCKET, objects]));
    mends(&facts, &fixes, "WRITE-003");
}

#[test]
fn a_statement_with_a_condition_is_left_alone_and_another_added() {
    let condition = json!({"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}});
    let (facts, fixes) = fixes(&statement(&condition), "WRITE-004");
    assert_eq!(fixes[0].verification, Verification::Verified);
    let document = after(&fixes[0]);
    assert_eq!(document["Statement"][0]["Condition"], condition["Condition"]);
    assert_eq!(document["Statement"][1]["Sid"], "StreamkapAccess");
    mends(&facts, &fixes, "WRITE-004");
}

#[test]
fn a_role_without_policies_gets_the_guides_template_embedded() {
    let patch = json!({"attached_policies": {"value": []}, "managed_policies": null, "simulations": []});
    let (facts, fixes) = fixes(&patch, "LATER-004");
    assert_eq!(fixes[0].verification, Verification::Verified);
    let text = after(&fixes[0]).to_string();
    for action in [
        "GetObject",
        "PutObject",
        "AbortMultipartUpload",
        "ListMultipartUploadParts",
        "ListBucketMultipartUploads",
    ] {
        assert!(text.contains(action), "{text}");
    }
    assert!(matches!(&fixes[0].change, Change::SetPolicy { before: None, .. }));
    mends(&facts, &fixes, "LATER-004");
}

#[test]
fn a_policy_that_would_grow_beyond_its_limit_is_left_for_another() {
    let filler: Vec<String> = (0..160).map(|number| format!("arn:aws:s3:::filler-{number:024}")).collect();
    let big = json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": filler}
    ]}}}}, "simulations": []});
    let (facts, fixes) = fixes(&big, "WRITE-004");
    let Change::SetPolicy { home, .. } = &fixes[0].change else { panic!() };
    assert!(matches!(home, streamkap_doctor::model::PolicyHome::Inline { .. }), "{home:?}");
    mends(&facts, &fixes, "WRITE-004");
}

#[test]
fn a_bucket_mistyped_in_the_policies_is_named_right_wherever_they_allow_something_on_it() {
    let mistyped = "arn:aws:s3:::orders-landnig";
    let statement =
        json!({"Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": format!("{mistyped}/*")});
    let other = json!({"Effect": "Allow", "Action": "s3:ListBucketMultipartUploads", "Resource": mistyped});
    let document = json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": {"0": statement, "1": other}}}}},
        "simulations": []});
    let (facts, fixes) = fixes(&document, "WRITE-004");
    assert_eq!(fixes[0].verification, Verification::Verified);
    assert_eq!(
        fixes[0].title,
        "Name the bucket orders-landing in place of orders-landnig in StreamkapS3Access"
    );
    let document = after(&fixes[0]);
    assert_eq!(document["Statement"][0]["Resource"], json!(format!("{BUCKET}/*")));
    assert_eq!(document["Statement"][1]["Resource"], json!(BUCKET));
    mends(&facts, &fixes[..1], "WRITE-004");
}

#[test]
fn a_misspelt_key_of_the_trust_policy_is_renamed_and_not_dropped() {
    let trust = |key: &str| {
        json!({"role": {"value": {"trust_policy": {"Statement": {"0": {"Condition": {"StringEquals": {
            "sts:ExternalId": null, key: "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3"}}}}}}},
            "history": {"queries": {"0": {"events": {"value": []}}}}})
    };
    let (facts, fixes) = fixes(&trust("sts:ExternalID1"), "ASSUME-005");
    assert_eq!(fixes[0].verification, Verification::Verified);
    assert_eq!(fixes.len(), 1, "the condition is not to be dropped: {fixes:?}");
    let condition = &after(&fixes[0])["Statement"][0]["Condition"];
    assert_eq!(condition, &json!({"StringEquals": {"sts:ExternalId": "CURRENT_EXTERNAL_ID"}}));
    mends(&facts, &fixes, "ASSUME-005");
}

#[test]
fn a_deny_of_the_role_spares_what_is_needed_and_keeps_the_rest() {
    let patch = statement(&json!({}));
    let mut patch = patch;
    common::merge(
        &mut patch,
        &json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": {"1": {
            "Sid": "Guard", "Effect": "Deny", "Action": ["s3:PutObject", "s3:DeleteBucket"], "Resource": "*"}}}}}}}),
    );
    let (facts, fixes) = fixes(&patch, "WRITE-004");
    assert_eq!(fixes[0].verification, Verification::Verified);
    let document = after(&fixes[0]);
    assert_eq!(document["Statement"][1]["Action"], "s3:DeleteBucket");
    assert_eq!(document["Statement"][1]["Resource"], "*");
    assert_eq!(document["Statement"][2]["NotResource"], format!("{BUCKET}/*"));
    assert_eq!(document["Statement"][2]["Effect"], "Deny");
    mends(&facts, &fixes, "WRITE-004");
}

#[test]
fn a_deny_of_the_bucket_policy_spares_the_role_by_its_arn() {
    let deny = json!({"Sid": "Vpce", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [BUCKET, format!("{BUCKET}/*")], "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}});
    let (facts, fixes) = fixes(&bucket_policy(&deny), "WRITE-005");
    assert_eq!(fixes[0].verification, Verification::Verified);
    assert_eq!(
        after(&fixes[0])["Statement"][0]["Condition"],
        json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"},
            "ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/StreamkapConnectorAccess"}})
    );
    mends(&facts, &fixes, "WRITE-005");
}

#[test]
fn a_boundary_is_widened_and_its_denies_narrowed_at_once() {
    let arn = "arn:aws:iam::111122223333:policy/Boundary";
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Allowed", "Effect": "Allow", "Action": ["dynamodb:*"], "Resource": "*"},
        {"Sid": "NoUploads", "Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::*"}]});
    let patch = json!({"role": {"value": {"boundary": arn}}, "simulations": [], "managed_policies": {arn: {
        "state": "known", "value": {"name": "Boundary", "version": "v1", "document": document}}}});
    let facts = world(&patch);
    let judged = prescribed(&facts);
    let found = judged.iter().find(|judged| judged.id.to_string() == "LATER-006").unwrap();
    for finding in found.outcome.findings() {
        assert!(
            !matches!(finding.fixes[0].verification, Verification::Unverified { .. }),
            "{} {:#?}",
            finding.what,
            finding.fixes
        );
    }
}

#[test]
fn a_broad_managed_policy_goes_only_after_what_is_needed_is_there() {
    let full = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    let patch = json!({"attached_policies": {"value": [{"name": "AmazonS3FullAccess", "arn": full}]},
        "managed_policies": {POLICY: null, full: {"state": "known", "value": {"name": "AmazonS3FullAccess",
        "version": "v2", "document": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*",
        "Resource": "*"}]}}}}, "simulations": []});
    let (facts, fixes) = fixes(&patch, "PRACTICE-003");
    assert!(matches!(fixes[0].change, Change::SetPolicy { .. }));
    assert!(matches!(fixes[1].change, Change::DetachPolicy { .. }));
    assert!(
        fixes.iter().all(|fix| matches!(fix.verification, Verification::VerifiedTogether { .. })),
        "{fixes:#?}"
    );
    mends(&facts, &fixes, "PRACTICE-003");
    mends(&facts, &fixes, "WRITE-004");
}

#[test]
fn no_external_id_of_streamkap_shows_in_a_fix() {
    let trust = json!({"role": {"value": {"trust_policy": {"Statement": {"0": {
        "Condition": {"StringEquals": {"sts:ExternalId": "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f4"}}}}}}}});
    let facts = world(&trust);
    let mut seen = 0;
    for judged in prescribed(&facts) {
        for fix in judged.outcome.findings().iter().flat_map(|finding| &finding.fixes) {
            let shown = format!("{}{:?}{}", fix.title, fix.change, commands(&fix.change).join("\n"));
            assert!(!shown.contains("4f9d2c71"), "{shown}");
            seen += usize::from(shown.contains("EXTERNAL_ID"));
        }
    }
    assert!(seen > 0);
}

/// Every case of every page: what is prescribed is verified, or says why it could not be.
#[test]
fn every_fix_of_every_case_is_verified_or_says_why_not() {
    let mut report = String::new();
    let mut verified = 0;
    for page in &Catalog::built_in().pages {
        for (line, patch) in cases(&page.body) {
            let facts = common::facts(common::patched(patch)).unwrap();
            for judged in prescribed(&facts).iter().filter(|judged| judged.id == page.id) {
                for finding in judged.outcome.findings() {
                    for fix in &finding.fixes {
                        match &fix.verification {
                            Verification::Unverified { reason } => {
                                let manual = matches!(fix.change, Change::Manual { .. });
                                assert!(!reason.is_empty());
                                if !manual {
                                    writeln!(report, "{} case {line}: {}: {reason}", page.id, fix.title)
                                        .unwrap();
                                }
                            }
                            _ => verified += 1,
                        }
                    }
                    if finding.fixes.is_empty() {
                        writeln!(report, "{} case {line}: no fix for: {}", page.id, finding.what).unwrap();
                    }
                }
            }
        }
    }
    if std::env::var_os("SHOW").is_some() {
        println!("{verified} verified\n{report}");
    }
    assert!(verified > 25, "only {verified} verified\n{report}");
}

fn cases(body: &str) -> Vec<(usize, Value)> {
    let cases = body.split_once("## Cases\n").unwrap().1;
    let mut found = Vec::new();
    let mut lines = cases.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```json ") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((found.len() + 1, serde_json::from_str(&text.join("\n")).unwrap()));
        }
    }
    found
}

/// The bucket's key, in a state.
fn key_in(state: &str) -> Value {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/0f3b1c2d-1111-4222-8333-444455556666";
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]});
    json!({
        "buckets": {"orders-landing": {"encryption": {"state": "known", "value": {
            "algorithm": "aws:kms", "key": arn, "bucket_key": true}}}},
        "keys": {arn: {
            "metadata": {"state": "known", "value": {"arn": arn, "state": state, "manager": "CUSTOMER",
                "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT"}},
            "policy": {"state": "known", "value": policy},
            "grants": {"state": "known", "value": []}}},
        "managed_policies": {POLICY: {"value": {"document": {"Statement": {"1": {"Effect": "Allow",
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": arn}}}}}},
        "history": {"queries": {"3": {"events": {"value": {"2": {"event_id": "k",
            "event_time": "2026-11-20T10:05:00Z", "event_source": "kms.amazonaws.com",
            "event_name": "ScheduleKeyDeletion", "region": "eu-west-1",
            "identity": {"arn": "arn:aws:iam::111122223333:user/ann"},
            "request_parameters": {"keyId": "0f3b1c2d-1111-4222-8333-444455556666"}}}}}}},
        "simulations": []
    })
}

/// AWS refuses to enable a key that is to be deleted, and to cancel a deletion that is not under way.
#[test]
fn a_key_to_be_deleted_is_kept_first_and_then_enabled() {
    let key = "--key-id arn:aws:kms:eu-west-1:111122223333:key/0f3b1c2d-1111-4222-8333-444455556666 --region eu-west-1";
    let enable = format!("aws kms enable-key {key}");
    for (state, expected) in
        [("PendingDeletion", format!("aws kms cancel-key-deletion {key} &&\n{enable}")), ("Disabled", enable)]
    {
        for check in ["LATER-002", "WRITE-006"] {
            let (_, fixes) = fixes(&key_in(state), check);
            assert_eq!(commands(&fixes[0].change), [expected.as_str()], "{check} of a key that is {state}");
        }
    }
}

#[test]
fn an_external_id_that_was_not_given_is_required_by_a_command_that_asks_for_it() {
    let trust = json!({"target": {"external_id": null},
        "role": {"value": {"trust_policy": {"Statement": {"0": {"Condition": null}}}}}});
    let (facts, fixes) = fixes(&trust, "PRACTICE-001");
    assert_eq!(fixes[0].verification, Verification::Verified);
    let command = commands(&fixes[0].change).pop().unwrap();
    assert!(command.starts_with(": \"${EXTERNAL_ID:?"), "{command}");
    mends(&facts, &fixes, "PRACTICE-001");
}

const ROLE: &str = "arn:aws:iam::111122223333:role/StreamkapConnectorAccess";
const DELETED: &str = "AROAJQABLZS4A3QDU576Q";

fn commands_of(fix: &Fix) -> String {
    commands(&fix.change).join("\n")
}

/// The statements of a bucket policy of these.
fn bucket_policies(statements: &Value) -> Value {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    json!({"buckets": {"orders-landing": {"policy": {"state": "known", "value": document}}}})
}

fn put_denied(members: &Value) -> Value {
    let mut statement = json!({"Sid": "Guard", "Effect": "Deny", "Action": "s3:PutObject", "Resource": format!("{BUCKET}/*")});
    common::merge(&mut statement, members);
    statement
}

/// AWS shows the id of a principal that was deleted, and takes no document with it:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
#[test]
fn a_document_to_be_written_names_no_principal_that_was_deleted() {
    let old = json!({"Sid": "Old", "Effect": "Allow", "Principal": {"AWS": DELETED}, "Action": "s3:GetObject",
        "Resource": format!("{BUCKET}/*")});
    let guard = put_denied(
        &json!({"Principal": "*", "Condition": {"StringNotLike": {"aws:userid": [format!("{DELETED}:*")]}}}),
    );
    let (facts, fixes) = fixes(&bucket_policies(&json!([old, guard])), "WRITE-005");
    assert_eq!(fixes[0].verification, Verification::Verified);
    assert_eq!(after(&fixes[0])["Statement"].as_array().unwrap().len(), 1);
    assert!(fixes[0].notes.iter().any(|note| note.contains(DELETED)), "{:?}", fixes[0].notes);
    assert_eq!(
        after(&fixes[0])["Statement"][0]["Condition"]["StringNotLike"],
        guard["Condition"]["StringNotLike"],
        "an id in a condition stays"
    );
    mends(&facts, &fixes, "WRITE-005");
}

#[test]
fn a_deny_that_spares_a_deleted_principal_alone_is_left_to_a_person() {
    let deny = put_denied(&json!({"NotPrincipal": {"AWS": [DELETED]}}));
    let (_, fixes) = fixes(&bucket_policies(&json!([deny])), "WRITE-005");
    assert!(matches!(fixes[0].change, Change::Manual { .. }), "{fixes:?}");
    assert!(
        matches!(&fixes[0].verification, Verification::Unverified { reason } if reason.contains(DELETED))
    );
}

#[test]
fn a_bucket_policy_that_denies_the_role_by_name_no_longer_names_it() {
    let other = "arn:aws:iam::111122223333:role/other";
    let session = "arn:aws:sts::111122223333:assumed-role/StreamkapConnectorAccess/s";
    let by_condition = |operator: &str, value: Value| json!({"Principal": "*", "Condition": {operator: {"aws:PrincipalArn": value}}});
    for (members, left) in [
        (json!({"Principal": {"AWS": ROLE}}), None),
        (json!({"Principal": {"AWS": [ROLE, session]}}), None),
        (json!({"Principal": {"AWS": [ROLE, other]}}), Some(json!({"Principal": {"AWS": other}}))),
        (by_condition("ArnEquals", json!(ROLE)), None),
        (by_condition("StringLike", json!([ROLE, other])), Some(by_condition("StringLike", json!(other)))),
    ] {
        let (facts, fixes) = fixes(&bucket_policies(&json!([put_denied(&members)])), "WRITE-005");
        assert_eq!(fixes[0].verification, Verification::Verified, "{members}");
        match left {
            Some(left) => assert_eq!(after(&fixes[0])["Statement"][0], put_denied(&left)),
            None => {
                assert_eq!(commands_of(&fixes[0]), "aws s3api delete-bucket-policy --bucket orders-landing");
            }
        }
        mends(&facts, &fixes, "WRITE-005");
    }
}

#[test]
fn a_deny_of_a_pattern_keeps_denying_all_but_what_is_needed() {
    let deny = |members: Value| {
        let mut patch = statement(&json!({}));
        let mut deny = json!({"Sid": "Guard", "Effect": "Deny"});
        common::merge(&mut deny, &members);
        let guard =
            json!({"managed_policies": {POLICY: {"value": {"document": {"Statement": {"1": deny}}}}}});
        common::merge(&mut patch, &guard);
        patch
    };
    let objects = format!("{BUCKET}/*");
    let (facts, by_pattern) =
        fixes(&deny(json!({"Action": "s3:Put*", "Resource": [objects, BUCKET]})), "WRITE-004");
    let document = after(&by_pattern[0]);
    assert_eq!(
        document["Statement"][1],
        json!({"Sid": "Guard", "Effect": "Deny", "Action": "s3:Put*", "Resource": BUCKET})
    );
    assert_eq!(document["Statement"][2]["Resource"], json!(objects));
    let others = document["Statement"][2]["Action"].to_string();
    assert!(others.contains("s3:PutObjectAcl") && !others.contains("\"s3:PutObject\""), "{others}");
    assert!(
        by_pattern[0].notes.iter().any(|note| note.contains("s3:PutObjectAcl")),
        "{:?}",
        by_pattern[0].notes
    );
    mends(&facts, &by_pattern, "WRITE-004");

    let kept = json!(["s3:GetObject", "s3:AbortMultipartUpload", "s3:List*"]);
    let (facts, all_but) = fixes(&deny(json!({"NotAction": kept, "Resource": "*"})), "WRITE-004");
    let document = after(&all_but[0]);
    assert_eq!(
        document["Statement"][1],
        json!({"Sid": "Guard", "Effect": "Deny", "Resource": "*",
            "NotAction": ["s3:GetObject", "s3:AbortMultipartUpload", "s3:List*", "s3:PutObject"]})
    );
    assert_eq!(
        document["Statement"][2],
        json!({"Sid": "Guard2", "Effect": "Deny", "Action": "s3:PutObject", "NotResource": objects})
    );
    mends(&facts, &all_but, "WRITE-004");
}

#[test]
fn a_boundary_is_changed_by_its_owner_who_is_told_that_it_counts_for_others() {
    let arn = "arn:aws:iam::111122223333:policy/Boundary";
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Guard", "Effect": "Deny", "Action": "s3:PutObject", "Resource": format!("{BUCKET}/*")}]});
    let patch = json!({"role": {"value": {"boundary": arn}}, "simulations": [], "managed_policies": {arn: {
        "state": "known", "value": {"name": "Boundary", "version": "v1", "document": document}}}});
    for judged in prescribed(&world(&patch)).iter().filter(|judged| judged.id.to_string() == "LATER-006") {
        for finding in judged.outcome.findings() {
            let fix = &finding.fixes[0];
            assert!(matches!(fix.change, Change::SetPolicy { .. }), "{fix:?}");
            assert_eq!(fix.owner, Owner::BoundaryOwner);
            assert!(fix.notes.iter().any(|note| note.contains("every user and role")), "{:?}", fix.notes);
        }
    }
}

#[test]
fn a_policy_whose_only_statement_denies_goes_by_a_command() {
    let document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": format!("{BUCKET}/*")}]});
    let embedded = json!({"inline_policy_names": {"state": "known", "value": ["Guard"]},
        "inline_policies": {"Guard": {"state": "known", "value": document}}, "simulations": []});
    let (facts, embedded) = fixes(&embedded, "WRITE-004");
    assert_eq!(embedded[0].verification, Verification::Verified);
    assert_eq!(
        commands_of(&embedded[0]),
        "aws iam delete-role-policy --role-name StreamkapConnectorAccess --policy-name Guard"
    );
    mends(&facts, &embedded, "WRITE-004");

    let guard = "arn:aws:iam::111122223333:policy/Guard";
    let attached = json!({"attached_policies": {"value": {"1": {"name": "Guard", "arn": guard}}}, "simulations": [],
        "managed_policies": {guard: {"state": "known", "value": {"name": "Guard", "version": "v1", "document": document}}}});
    let (facts, attached) = fixes(&attached, "WRITE-004");
    assert_eq!(
        commands_of(&attached[0]),
        format!("aws iam detach-role-policy --role-name StreamkapConnectorAccess --policy-arn {guard}")
    );
    assert!(attached[0].notes[0].contains("keeps it"), "{:?}", attached[0].notes);
    mends(&facts, &attached, "WRITE-004");
}
