//! From an account to a verdict for the Iceberg and Redshift destinations: one that works, and one broken in
//! one way each.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account::{Account, REGION, ROLE, policy};
use super::answers::{Shape, simulator};
use super::lake::{DATABASE, catalog, clusters, granted, lake_formation, left_to_iam};
use super::proxy::{Fault, Proxy};
use super::run::Run;

fn proxy(account: &Account, grants: Vec<Value>) -> Proxy {
    proxy_with(account, grants, None)
}

fn proxy_with(account: &Account, grants: Vec<Value>, policy: Option<Value>) -> Proxy {
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(account, ROLE, Shape::ByAction, None));
    proxy.answer(lake_formation(grants)).answer(catalog(policy));
    proxy
}

fn run(account: &Account, proxy: &Proxy, database: &str) -> Run {
    Run::new(account, proxy)
        .connector("iceberg-glue", &["--database", database, "--warehouse", &account.warehouse()])
}

fn of_status(report: &Value, status: &str) -> BTreeSet<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|it| it["status"] == status).map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn failing(account: &Account, grants: Vec<Value>, database: &str) -> BTreeSet<String> {
    let report = run(account, &proxy(account, grants), database).report();
    assert_eq!(of_status(&report, "broken"), BTreeSet::new());
    of_status(&report, "fail")
}

fn ids(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn a_lake_that_works_fails_nothing_and_its_chain_is_known() {
    let account = Account::lake();
    account.tables();
    let report = run(&account, &proxy(&account, left_to_iam()), DATABASE).report();
    assert_eq!(of_status(&report, "fail"), BTreeSet::new());
    // Event history is switched off, which is what some checks live by.
    let unknown = of_status(&report, "unknown");
    let of_write: Vec<&String> = unknown.iter().filter(|id| id.starts_with("WRITE")).collect();
    assert!(of_write.is_empty(), "{of_write:?}");
    let passed = of_status(&report, "pass");
    for id in ["WRITE-004", "WRITE-007", "WRITE-008", "WRITE-010", "WRITE-011", "PARTIAL-003"] {
        assert!(passed.contains(id), "{id}: {report:#}");
    }
}

#[test]
fn each_broken_link_of_the_chain_is_the_one_that_is_named() {
    let all = ["catalog", "database/sales", "table/sales/*"];
    let with = |glue: &[&str], prefix: &str| {
        let account = Account::empty();
        account.bucket(&account.bucket_name());
        account.role(ROLE, &account.trust());
        account.attach(ROLE, "StreamkapGlue", &account.glue_policy(glue));
        account.attach(ROLE, "StreamkapFiles", &account.files_policy(prefix));
        account.tables();
        account
    };
    let below = "warehouse/sales.db/";
    let account = with(&all[1..], below);
    assert_eq!(failing(&account, left_to_iam(), DATABASE), ids(&["WRITE-008"]), "no catalog ARN");
    let account = with(&["catalog", "database/sales", "table/sales/orders"], below);
    assert_eq!(failing(&account, left_to_iam(), DATABASE), ids(&["PARTIAL-003"]), "one table");
    let account = with(&all, "warehouse/other.db/");
    assert_eq!(failing(&account, left_to_iam(), DATABASE), ids(&["PARTIAL-004"]), "another prefix");

    let account = with(&all, below);
    let only_database = vec![granted(json!({"Database": {"Name": DATABASE}}))];
    assert_eq!(failing(&account, only_database, DATABASE), ids(&["WRITE-010"]), "Lake Formation");
    assert_eq!(failing(&account, left_to_iam(), "sale"), ids(&["WRITE-007"]), "a mistyped database");
    let denies = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"},
        "Action": "glue:UpdateTable", "Resource": format!("arn:aws:glue:{REGION}:{}:*", account.id)}]});
    let report = run(&account, &proxy_with(&account, left_to_iam(), Some(denies)), DATABASE).report();
    assert_eq!(of_status(&report, "fail"), ids(&["WRITE-009"]), "the catalogue's policy");
}

#[test]
fn tables_go_where_the_database_says_and_not_the_warehouse() {
    let account = Account::lake();
    let elsewhere = format!("elsewhere-{}", account.id);
    account.bucket(&elsewhere);
    account.database(DATABASE, Some(&format!("s3://{elsewhere}/db")));
    let failing = failing(&account, left_to_iam(), DATABASE);
    assert_eq!(failing, ids(&["WRITE-011"]));
}

#[test]
fn a_permission_that_is_lacking_costs_what_needs_it_and_fails_nothing() {
    let account = Account::lake();
    account.tables();
    for action in [
        "glue:GetDatabase",
        "glue:GetTables",
        "glue:GetResourcePolicy",
        "glue:GetDataCatalogEncryptionSettings",
        "lakeformation:ListPermissions",
        "lakeformation:ListResources",
    ] {
        let proxy = proxy(&account, left_to_iam());
        proxy.fail(&[action], Fault::Refuse);
        let report = run(&account, &proxy, DATABASE).report();
        assert_eq!(of_status(&report, "fail"), BTreeSet::new(), "{action}");
        assert!(report.to_string().contains(&format!("\"grant\":\"{action}\"")), "{action}: {report:#}");
    }
}

#[test]
fn a_cluster_that_is_not_there_is_told_with_the_one_that_is() {
    let account = Account::empty();
    account.role(ROLE, &account.trust());
    let arn = |kind: &str| format!("arn:aws:redshift:{REGION}:{}:{kind}", account.id);
    let (user, database) = (arn("dbuser:analytics/streamkap"), arn("dbname:analytics/sales"));
    account.attach(
        ROLE,
        "StreamkapRedshift",
        &policy(&["redshift:GetClusterCredentials"], &[&user, &database]),
    );
    let report = |cluster: &str| {
        let proxy = proxy(&account, Vec::new());
        proxy.answer(clusters("analytics"));
        let parameters = ["--cluster", cluster, "--db", "sales", "--db-user", "streamkap"];
        Run::new(&account, &proxy).connector("redshift", &parameters).report()
    };
    assert_eq!(of_status(&report("analytics"), "fail"), BTreeSet::new());
    let missing = report("analytic");
    assert_eq!(of_status(&missing, "fail"), ids(&["WRITE-012"]));
    assert!(missing.to_string().contains("analytics"));
}
