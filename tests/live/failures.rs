//! Servers and networks that fail: what could not be read says why, and everything else is read.

use std::time::Duration;

use streamkap_doctor::facts::{Fact, FailureKind};

use super::account::{Account, ROLE};
use super::answers::{Shape, simulator};
use super::proxy::{Fault, Proxy};
use super::run::Run;

fn proxy(account: &Account) -> Proxy {
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(account, ROLE, Shape::ByAction, None));
    proxy
}

fn kind<T: std::fmt::Debug>(fact: &Fact<T>) -> FailureKind {
    match fact {
        Fact::Failed(failure) => failure.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_few_failures_are_overcome_by_trying_again() {
    let account = Account::healthy();
    for fault in [Fault::Throttle, Fault::Internal, Fault::Cut] {
        let proxy = proxy(&account);
        proxy.fail_first(&["GetRole", "GetBucketPolicy", "DescribeTrails"], fault, 2);
        let facts = Run::new(&account, &proxy).facts();
        assert!(facts.role.known().is_some(), "{fault:?}: {:?}", facts.role);
        assert_eq!(facts.buckets[&account.bucket_name()].policy, Fact::Absent, "{fault:?}");
        assert!(facts.trails.is_read(), "{fault:?}: {:?}", facts.trails);
    }
}

#[test]
fn a_failure_that_lasts_costs_its_own_fact_and_says_what_it_was() {
    let account = Account::healthy();
    for (fault, expected) in [
        (Fault::Throttle, FailureKind::Throttled),
        (Fault::Internal, FailureKind::Service),
        (Fault::Cut, FailureKind::Unreadable),
        (Fault::Garbage, FailureKind::Unreadable),
        (Fault::Expire, FailureKind::Credentials),
    ] {
        let proxy = proxy(&account);
        proxy.fail(&["GetRole", "GetBucketEncryption"], fault);
        let facts = Run::new(&account, &proxy).facts();
        let found = kind(&facts.role);
        let cut = fault == Fault::Cut && found == FailureKind::Network;
        assert!(found == expected || cut, "{fault:?}: {:?}", facts.role);
        assert!(!facts.buckets[&account.bucket_name()].encryption.is_read(), "{fault:?}");
        assert_eq!(facts.inline_policy_names.known().map(Vec::len), Some(2), "{fault:?}");
        assert!(facts.simulations.iter().all(|it| it.result.is_read()), "{fault:?}");
    }
}

#[test]
fn a_call_that_is_never_answered_is_given_up_and_the_rest_is_read() {
    let account = Account::healthy();
    let proxy = proxy(&account);
    proxy.fail(&["GetBucketPolicy"], Fault::Hang);
    let facts = Run::new(&account, &proxy).facts();
    assert_eq!(kind(&facts.buckets[&account.bucket_name()].policy), FailureKind::TimedOut);
    assert!(facts.role.known().is_some());
}

#[test]
fn credentials_that_expire_halfway_cost_only_what_was_not_read_yet() {
    let account = Account::healthy();
    let proxy = proxy(&account);
    proxy.fail_after(&[], Fault::Expire, 12);
    let facts = Run::new(&account, &proxy).facts();
    assert!(facts.caller.known().is_some());
    let policies = facts.managed_policies.values().chain([]);
    let unread: Vec<_> = policies.filter(|it| !it.is_read()).map(kind).collect();
    let simulated: Vec<_> = facts.simulations.iter().filter(|it| !it.result.is_read()).collect();
    assert!(!unread.is_empty() || !simulated.is_empty());
    assert!(unread.iter().all(|kind| *kind == FailureKind::Credentials), "{unread:?}");
}

#[test]
fn a_server_that_takes_calls_and_does_not_answer_is_given_up_in_time() {
    let account = Account::empty();
    let proxy = Proxy::start(account.server);
    proxy.fail(&[], Fault::Hang);
    let ended = Run::new(&account, &proxy).end("check", &["--no-history"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("did not answer within 10 seconds"), "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(16), "{:?}", ended.took);
}

#[test]
fn what_stops_a_run_is_one_sentence_with_a_hint_and_soon() {
    let account = Account::empty();
    let proxy = Proxy::start(account.server);
    let target = ["--role", ROLE, "--bucket", "orders"];
    let unreachable = Run::new(&account, &proxy).with("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let none = Run::signed_out().with("AWS_EC2_METADATA_DISABLED", "true").target(&target);
    let profile = Run::signed_out().with("AWS_PROFILE", "nowhere").target(&target);
    let unknown = Run::new(&account, &proxy).with("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN00");
    for (name, run, said) in [
        ("unreachable", unreachable, "cannot be reached"),
        ("no credentials", none, "no AWS credentials were found"),
        ("no such profile", profile, "nowhere"),
        ("unknown key", unknown, "does not accept these credentials"),
    ] {
        let ended = run.end("check", &["--no-history"]);
        assert_eq!(ended.code, 3, "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("hint:"), "{name}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{name}");
        // Two seconds, doubled for a machine that does other things beside.
        assert!(ended.took < Duration::from_secs(4), "{name}: {:?}", ended.took);
    }
}

#[test]
fn the_instance_metadata_service_is_not_waited_for() {
    let run = Run::signed_out().target(&["--role", ROLE, "--bucket", "orders"]);
    let ended = run.without("AWS_EC2_METADATA_DISABLED").end("check", &["--no-history"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(4), "{:?}", ended.took);
}
