//! A connector file of the user's own: the one that its page in the documentation shows.

use serde_json::Value;

use super::account::{Account, REGION, ROLE, policy};
use super::answers::{Shape, simulator};
use super::proxy::Proxy;
use super::run::Run;

/// The first block of TOML of the page.
fn shown() -> &'static str {
    let page = include_str!("../../docs/guide/connector-files.md");
    page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap()
}

fn statuses(account: &Account, file: &str) -> Value {
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(account, ROLE, Shape::ByAction, None));
    let parameters = ["--connector-file", file, "--param", "queue=orders"];
    let report = Run::new(account, &proxy).connector("orders-queue", &parameters).report();
    let find =
        |id: &str| report["checks"].as_array().unwrap().iter().find(|it| it["id"] == id).unwrap().clone();
    serde_json::json!({"missing": find("WRITE-004"), "template": find("PARTIAL-001"),
        "phases": report["target"]["connectors"][0]["phases"]})
}

#[test]
fn a_connector_of_the_user_s_own_is_judged_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders-queue.toml");
    std::fs::write(&path, shown()).unwrap();
    let file = path.to_str().unwrap();

    let account = Account::empty();
    account.role(ROLE, &account.trust());
    let queue = format!("arn:aws:sqs:{REGION}:{}:orders", account.id);
    account.attach(ROLE, "Deletes", &policy(&["sqs:DeleteMessage", "sqs:PurgeQueue"], &[&queue]));
    let found = statuses(&account, file);
    assert_eq!(found["missing"]["status"], "fail", "{found:#}");
    let what = found["missing"]["findings"][0]["what"].as_str().unwrap();
    assert!(what.contains("sqs:SendMessage") && what.contains(&queue), "{what}");
    assert!(found["phases"].to_string().contains("broken"), "{found:#}");

    account.attach(ROLE, "Sends", &policy(&["sqs:SendMessage"], &[&queue]));
    let found = statuses(&account, file);
    assert_eq!(found["missing"]["status"], "pass", "{found:#}");
    assert_eq!(found["template"]["status"], "pass", "{found:#}");
}
