//! From an account to a verdict: what a user sees of a role that works, of roles that are broken in one way
//! each, and of a caller who may not read everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::facts::FactId;

use super::account::{Account, EXTERNAL_ID, ROLE, policy};
use super::answers::{Shape, simulator};
use super::proxy::{Fault, Proxy};
use super::run::Run;

fn proxy(account: &Account, scp: Option<&Value>) -> Proxy {
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(account, ROLE, Shape::ByAction, scp));
    proxy
}

fn statuses(report: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["checks"].as_array().unwrap().iter().map(|it| (text(&it["id"]), text(&it["status"]))).collect()
}

fn of_status<'s>(statuses: &'s BTreeMap<String, String>, status: &str) -> BTreeSet<&'s str> {
    statuses.iter().filter(|(_, found)| *found == status).map(|(id, _)| id.as_str()).collect()
}

/// The checks that fail for an account.
fn failing(account: &Account, scp: Option<&Value>) -> BTreeSet<String> {
    let proxy = proxy(account, scp);
    if scp.is_some() {
        // The server knows of no organization that sets this policy.
        proxy.fail(&["DescribeOrganization"], Fault::Refuse);
    }
    let statuses = statuses(&Run::new(account, &proxy).report());
    assert_eq!(of_status(&statuses, "broken"), BTreeSet::new());
    of_status(&statuses, "fail").into_iter().map(str::to_owned).collect()
}

fn ids(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn a_role_that_works_fails_nothing() {
    let account = Account::healthy();
    account.trail();
    assert_eq!(failing(&account, None), ids(&[]));
}

#[test]
fn an_external_id_in_another_case_is_found() {
    let account = Account::healthy();
    let proxy = proxy(&account, None);
    let bucket = account.bucket_name();
    let wrong = EXTERNAL_ID.to_uppercase();
    let run =
        Run::new(&account, &proxy).target(&["--role", ROLE, "--bucket", &bucket, "--external-id", &wrong]);
    let report = run.report();
    assert_eq!(of_status(&statuses(&report), "fail"), BTreeSet::from(["ASSUME-004"]));
    assert!(!report.to_string().contains(EXTERNAL_ID) && !report.to_string().contains(&wrong));
}

#[test]
fn a_mistyped_account_in_the_trust_policy_is_found() {
    let account = Account::empty();
    account.bucket(&account.bucket_name());
    let trust = account.trust().to_string().replace("300973880807", "300973880870");
    account.role(ROLE, &serde_json::from_str(&trust).unwrap());
    account.attach(ROLE, "StreamkapWrite", &account.write_policy());
    assert!(failing(&account, None).contains("ASSUME-002"));
}

#[test]
fn a_policy_that_names_only_the_bucket_is_found() {
    let account = Account::empty();
    account.bucket(&account.bucket_name());
    account.role(ROLE, &account.trust());
    let bucket = format!("arn:aws:s3:::{}", account.bucket_name());
    account.inline(ROLE, "Write", &policy(&["s3:PutObject", "s3:AbortMultipartUpload"], &[&bucket]));
    assert!(failing(&account, None).contains("WRITE-003"));
}

#[test]
fn a_bucket_policy_that_denies_is_found() {
    let account = Account::healthy();
    account.bucket_policy(&json!({"Version": "2012-10-17", "Statement": [{"Sid": "OnlyOurNetwork", "Effect": "Deny",
        "Principal": "*", "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{}/*", account.bucket_name()),
        "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}}]}));
    assert_eq!(failing(&account, None), ids(&["WRITE-005"]));
}

#[test]
fn a_boundary_that_denies_is_found() {
    let account = Account::healthy();
    account.limit(ROLE, "Boundary", &policy(&["s3:GetObject"], &["*"]));
    assert_eq!(failing(&account, None), ids(&["LATER-006"]));
}

#[test]
fn an_organization_s_policy_that_denies_is_found_by_the_simulator() {
    let account = Account::healthy();
    let scp = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]});
    assert_eq!(failing(&account, Some(&scp)), ids(&["LATER-005"]));
}

#[test]
fn a_key_that_the_role_may_not_use_is_found() {
    let account = Account::healthy();
    account.encrypt(None, None);
    assert_eq!(failing(&account, None), ids(&["WRITE-006"]));
}

#[test]
fn a_permission_that_the_caller_lacks_costs_exactly_the_checks_that_need_it() {
    let account = Account::healthy();
    account.trail();
    let simulator = Arc::new(simulator(&account, ROLE, Shape::ByAction, None));
    let report = |refused: &[&str]| {
        let proxy = Proxy::start(account.server);
        let answers = Arc::clone(&simulator);
        proxy.answer(move |request| answers(request));
        if !refused.is_empty() {
            proxy.fail(refused, Fault::Refuse);
        }
        Run::new(&account, &proxy).report()
    };
    let healthy = statuses(&report(&[]));
    for action in
        ["iam:GetRole", "s3:GetBucketPolicy", "s3:GetEncryptionConfiguration", "cloudtrail:DescribeTrails"]
    {
        let facts: Vec<FactId> = FactId::ALL
            .iter()
            .filter(|(_, _, actions)| actions.contains(&action))
            .map(|(id, ..)| *id)
            .collect();
        let needing: BTreeSet<String> = Catalog::built_in()
            .pages
            .iter()
            .filter(|page| page.needs.iter().any(|id| facts.contains(id)))
            .map(|page| page.id.to_string())
            .filter(|id| healthy[id] != "unknown")
            .collect();
        let report = report(&[action]);
        let refused = statuses(&report);
        let changed: BTreeSet<String> = refused
            .iter()
            .filter(|(id, status)| healthy[*id] != **status)
            .map(|(id, _)| id.clone())
            .collect();
        // One that does not apply may still not apply.
        let certain: BTreeSet<String> = needing.iter().filter(|id| healthy[*id] != "skip").cloned().collect();
        assert!(
            changed.is_subset(&needing) && changed.is_superset(&certain),
            "{action}: {changed:?} {needing:?}"
        );
        for check in report["checks"].as_array().unwrap() {
            if changed.contains(check["id"].as_str().unwrap()) {
                assert_eq!(check["status"], "unknown", "{action}: {check}");
                assert!(check.to_string().contains(action), "{action}: {check}");
            }
        }
    }
}

#[test]
fn a_redacted_case_has_the_verdicts_of_the_account() {
    let account = Account::healthy();
    account.encrypt(None, Some("alias/orders"));
    let live = statuses(&Run::new(&account, &proxy(&account, None)).report());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let file = file.to_str().unwrap();
    let ended = Run::new(&account, &proxy(&account, None)).end("collect", &["--no-history", "-o", file]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let text = std::fs::read_to_string(file).unwrap();
    for secret in [account.id.as_str(), EXTERNAL_ID, ROLE, "orders"] {
        assert!(!text.contains(secret), "{secret} is left");
    }
    let ended = Run::signed_out().alone("check", &["--case", file, "-o", "json"]);
    assert_eq!(statuses(&serde_json::from_str(&ended.stdout).unwrap()), live);
}

#[test]
fn ctrl_c_writes_what_was_read_so_far() {
    let account = Account::healthy();
    let proxy = proxy(&account, None);
    proxy.fail(&["GetBucketPolicy"], Fault::Hang);
    let ended = Run::new(&account, &proxy).interrupted(
        "collect",
        &["--no-history", "-o", "-", "--unredacted"],
        || proxy.count("GetBucketPolicy") > 0 && proxy.count("GetRole") > 0,
    );
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert!(ended.stdout.contains("interrupted before it was read"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&account.role_arn()));
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
}
