//! Answers that leave open what was asked: nothing is concluded from them.

use std::fmt::Debug;

use serde_json::json;
use streamkap_doctor::facts::{Fact, FailureKind};

use super::account::{Account, ROLE};
use super::answers::{Shape, simulator};
use super::proxy::{Fault, Proxy};
use super::run::Run;
use super::wire::{Message, error};

const JSON: &str = "application/x-amz-json-1.1";

fn scene() -> (Account, Proxy) {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(&account, ROLE, Shape::ByAction, None));
    (account, proxy)
}

/// Answers calls of one operation.
fn answer(
    proxy: &Proxy,
    operation: &'static str,
    message: impl Fn(&Message) -> Message + Send + Sync + 'static,
) {
    proxy.answer(move |request| (request.operation().name == operation).then(|| message(request)));
}

fn expect<T: Debug>(fact: &Fact<T>, kind: FailureKind, part: &str) {
    let Fact::Failed(failure) = fact else { panic!("{fact:?}") };
    assert!(failure.kind == kind && failure.message.contains(part), "{failure:?}");
}

#[test]
fn an_identity_that_sts_does_not_give_costs_no_other_fact_where_the_role_tells_the_account() {
    let (account, proxy) = scene();
    proxy.fail(&["GetCallerIdentity"], Fault::Internal);
    let target = ["--role", &account.role_arn(), "--bucket", &account.bucket_name()];
    let facts = Run::new(&account, &proxy).target(&target).facts();
    expect(&facts.caller, FailureKind::Service, "gave no identity");
    assert!(facts.role.known().is_some() && !facts.simulations.is_empty());
    assert!(facts.simulations.iter().all(|it| it.result.is_read()), "{:?}", facts.simulations);
    // A name alone may be that of a role in any account, and so may an ARN of another one.
    let other = account.role_arn().replace(&account.id, "444455556666");
    for role in [ROLE, &other] {
        let target = ["--role", role, "--bucket", &account.bucket_name()];
        let ended = Run::new(&account, &proxy).target(&target).end("check", &["--no-history"]);
        assert!(ended.code == 3 && ended.stderr.contains("gave no identity"), "{role}: {}", ended.stderr);
    }
}

#[test]
fn a_bucket_whose_region_is_not_told_is_not_taken_to_be_where_it_was_asked_for() {
    let (account, proxy) = scene();
    answer(&proxy, "HeadBucket", |_| Message::answer(200, "application/xml", ""));
    let facts = Run::new(&account, &proxy).facts();
    expect(&facts.buckets[&account.bucket_name()].head, FailureKind::Unreadable, "in which region");
}

#[test]
fn settings_that_are_not_in_the_answer_are_not_the_usual_ones() {
    let (account, proxy) = scene();
    for operation in ["GetBucketEncryption", "GetBucketOwnershipControls", "GetObjectLockConfiguration"] {
        answer(&proxy, operation, |_| Message::answer(200, "application/xml", ""));
    }
    let facts = Run::new(&account, &proxy).facts();
    let bucket = &facts.buckets[&account.bucket_name()];
    expect(&bucket.encryption, FailureKind::Unreadable, "without any settings");
    expect(&bucket.ownership, FailureKind::Unreadable, "without any settings");
    expect(&bucket.object_lock, FailureKind::Unreadable, "without any settings");
}

#[test]
fn policies_that_vanish_while_they_are_read_are_not_known_to_be_gone() {
    let (account, proxy) = scene();
    for operation in ["GetPolicy", "GetRolePolicy"] {
        answer(&proxy, operation, |request| error(request.operation(), 404, "NoSuchEntity", "gone"));
    }
    let facts = Run::new(&account, &proxy).facts();
    assert!(!facts.managed_policies.is_empty() && !facts.inline_policies.is_empty());
    for policy in facts.managed_policies.values() {
        expect(policy, FailureKind::Unreadable, "deleted while it was read");
    }
    for policy in facts.inline_policies.values() {
        expect(policy, FailureKind::Unreadable, "deleted while it was read");
    }
}

#[test]
fn a_trail_of_which_nobody_says_whether_it_logs_is_not_taken_to_be_stopped() {
    let (account, proxy) = scene();
    account.trail();
    answer(&proxy, "GetTrailStatus", |_| Message::answer(200, JSON, "{}"));
    let facts = Run::new(&account, &proxy).facts();
    let trails = facts.trails.known().unwrap();
    assert!(!trails.is_empty());
    for trail in trails {
        expect(&trail.status, FailureKind::Unreadable, "whether the trail is logging");
    }
}

#[test]
fn a_list_that_goes_on_without_saying_where_is_not_known() {
    let (account, proxy) = scene();
    answer(&proxy, "ListAttachedRolePolicies", |_| {
        let result = "<ListAttachedRolePoliciesResult><AttachedPolicies/><IsTruncated>true</IsTruncated></ListAttachedRolePoliciesResult>";
        let body = format!(
            "<ListAttachedRolePoliciesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">{result}</ListAttachedRolePoliciesResponse>"
        );
        Message::answer(200, "text/xml", body)
    });
    let facts = Run::new(&account, &proxy).facts();
    expect(&facts.attached_policies, FailureKind::Unreadable, "names no page that was not read");
}

#[test]
fn grants_that_do_not_end_are_not_all_known() {
    let (account, proxy) = scene();
    let key = account.encrypt(None, None);
    answer(&proxy, "ListGrants", |_| {
        let grant =
            json!({"GrantId": "g", "GranteePrincipal": "arn:aws:iam::444455556666:role/x", "Operations": []});
        Message::answer(
            200,
            JSON,
            json!({"Grants": [grant], "Truncated": true, "NextMarker": "m"}).to_string(),
        )
    });
    let facts = Run::new(&account, &proxy).facts();
    expect(&facts.keys[&key].grants, FailureKind::Unreadable, "names no page that was not read");
}

#[test]
fn a_key_of_another_account_that_is_not_found_may_be_there_all_the_same() {
    let (account, proxy) = scene();
    let key = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    answer(&proxy, "GetBucketEncryption", move |_| {
        let rule = format!(
            "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{key}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>"
        );
        let body = format!(
            "<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>{rule}</Rule></ServerSideEncryptionConfiguration>"
        );
        Message::answer(200, "application/xml", body)
    });
    answer(&proxy, "DescribeKey", |request| {
        error(request.operation(), 400, "NotFoundException", "Invalid keyId")
    });
    let facts = Run::new(&account, &proxy).facts();
    expect(&facts.keys[key].metadata, FailureKind::OtherAccount, "AWS does not say whether it exists");
}
