//! Roles and buckets that are elsewhere or nowhere.

use streamkap_doctor::facts::{Fact, FailureKind};

use super::account::{Account, ROLE};
use super::answers::{Shape, simulator};
use super::proxy::{Fault, Proxy};
use super::run::Run;
use super::wire::Message;

#[test]
fn a_role_of_another_account_is_not_looked_for_in_the_caller_s() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    let arn = format!("arn:aws:iam::444455556666:role/{ROLE}");
    let run = Run::new(&account, &proxy).target(&["--role", &arn, "--bucket", &account.bucket_name()]);
    let facts = run.facts();
    let Fact::Failed(failure) = &facts.role else { panic!("{:?}", facts.role) };
    assert_eq!(failure.kind, FailureKind::OtherAccount);
    assert!(
        failure.message.contains("444455556666") && failure.message.contains(&account.id),
        "{}",
        failure.message
    );
    assert!(facts.simulations.iter().all(|it| matches!(it.result, Fact::Failed(_))));
    assert!(facts.buckets[&account.bucket_name()].head.known().is_some());
    let services: Vec<_> = proxy.calls().iter().map(|call| call.service).collect();
    assert!(!services.contains(&"IAM"), "{services:?}");
}

#[test]
fn a_role_that_is_not_there_brings_the_names_of_those_that_are() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    let run = Run::new(&account, &proxy).target(&[
        "--role",
        "StreamkapConectorAccess",
        "--bucket",
        &account.bucket_name(),
    ]);
    let facts = run.facts();
    assert_eq!(facts.role, Fact::Absent);
    assert!(facts.role_names.known().unwrap().iter().any(|name| name == ROLE));
    assert_eq!(proxy.count("SimulatePrincipalPolicy"), 0);
}

#[test]
fn a_bucket_that_is_not_there_is_absent_and_nothing_more_is_asked_of_it() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(&account, ROLE, Shape::ByAction, None));
    let facts =
        Run::new(&account, &proxy).target(&["--role", ROLE, "--bucket", "no-such-bucket-at-all"]).facts();
    assert_eq!(facts.buckets["no-such-bucket-at-all"].head, Fact::Absent);
    assert_eq!(proxy.count("GetBucketPolicy"), 0);
}

#[test]
fn a_bucket_of_another_region_is_read_there() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    // S3's answer to a call in the wrong region, which the server does not give.
    proxy.answer(|request| {
        (request.operation().name == "HeadBucket" && request.region() != "eu-west-1").then(|| {
            let mut answer = Message::answer(301, "application/xml", "");
            answer.headers.push(("x-amz-bucket-region".to_owned(), "eu-west-1".to_owned()));
            answer
        })
    });
    let facts = Run::new(&account, &proxy).with("AWS_REGION", "us-west-2").facts();
    let bucket = &facts.buckets[&account.bucket_name()];
    let head = bucket.head.known().unwrap();
    assert_eq!((head.region.as_str(), head.accessible), ("eu-west-1", true));
    assert_eq!(bucket.policy, Fact::Absent);
    // What was asked in the wrong region in the hope that it was the right one is asked again.
    assert_eq!(bucket.encryption.known().unwrap().algorithm, "AES256");
    assert_eq!((proxy.count("GetBucketEncryption"), proxy.count("DescribeTrails")), (2, 2));
}

#[test]
fn a_bucket_of_another_region_fails_a_connector_whose_region_was_given() {
    let account = Account::healthy();
    let failing = |region: &[&str]| {
        let proxy = Proxy::start(account.server);
        proxy.answer(simulator(&account, ROLE, Shape::ByAction, None));
        let bucket = account.bucket_name();
        let target = [&["--role", ROLE, "--bucket", &bucket], region].concat();
        let report = Run::new(&account, &proxy).with("AWS_REGION", "us-west-2").target(&target).report();
        let checks = report["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|it| it["id"] == "WRITE-002").unwrap()["status"].clone()
    };
    // The server shows every bucket in the region of its making, whichever is asked.
    assert_eq!(failing(&[]), "pass");
    assert_eq!(failing(&["--region", "eu-west-1"]), "pass");
    assert_eq!(failing(&["--region", "eu-central-1"]), "fail");
}

#[test]
fn a_bucket_of_another_account_says_so() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    proxy.fail(&["GetBucketPolicy", "GetBucketEncryption"], Fault::OtherAccount);
    let facts = Run::new(&account, &proxy).facts();
    let Fact::Failed(failure) = &facts.buckets[&account.bucket_name()].policy else { panic!() };
    assert_eq!(failure.kind, FailureKind::OtherAccount);
    assert!(failure.message.contains("belongs to another account"), "{}", failure.message);
    // What stops other accounts' roles is asked of such a bucket only.
    assert_eq!(proxy.count("GetPublicAccessBlock"), 1);
    let own = Proxy::start(account.server);
    Run::new(&account, &own).facts();
    assert_eq!(own.count("GetPublicAccessBlock"), 0);
}
