//! Lake Formation's say over a data lake on the server: what its answers come to, and what asking it costs.

use std::time::Duration;

use serde_json::{Value, json};

use super::account::{Account, ROLE, policy};
use super::answers::{Shape, simulator};
use super::lake::{
    DATABASE, Governed, TABLE, catalog, encrypted_catalog, governed, grant, granted, left_to_iam,
};
use super::proxy::{Fault, Proxy};
use super::run::Run;

fn proxy(account: &Account, lake: Governed) -> Proxy {
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(account, ROLE, Shape::ByAction, None));
    proxy.answer(governed(lake)).answer(catalog(None));
    proxy
}

fn run(account: &Account, proxy: &Proxy, more: &[&str]) -> Run {
    let warehouse = account.warehouse();
    let parameters = [&["--database", DATABASE, "--warehouse", &warehouse], more].concat();
    Run::new(account, proxy).connector("iceberg-glue", &parameters)
}

/// The status of a check and all that it says.
fn check(report: &Value, id: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|it| it["id"] == id).unwrap();
    (check["status"].as_str().unwrap().to_owned(), check.to_string())
}

fn status(account: &Account, lake: Governed, id: &str) -> String {
    check(&run(account, &proxy(account, lake), &[]).report(), id).0
}

fn database() -> Value {
    json!({"Database": {"Name": DATABASE}})
}

fn table(name: &str) -> Value {
    json!({"Table": {"DatabaseName": DATABASE, "Name": name}})
}

/// A lake with more tables, by name.
fn with_tables(count: usize) -> (Account, Vec<String>) {
    let account = Account::lake();
    account.tables();
    let more: Vec<String> = (1..count).map(|number| format!("table_{number:03}")).collect();
    for name in &more {
        account.table(name, &format!("{}/sales.db/{name}", account.warehouse()));
    }
    (account, [vec![TABLE.to_owned()], more].concat())
}

/// Calls and the longest chain of them, event history aside, of a check that finds nothing wrong with the role's
/// own permissions: the proxy's simulator knows no key policies.
fn cost(account: &Account, proxy: &Proxy) -> (usize, usize, String) {
    proxy.delay(Duration::from_millis(200));
    let report = run(account, proxy, &[]).report();
    let write: Vec<String> = ["WRITE-004", "WRITE-010", "WRITE-011"]
        .map(|id| check(&report, id))
        .into_iter()
        .filter(|(status, _)| !["pass", "skip"].contains(&status.as_str()))
        .map(|(_, said)| said)
        .collect();
    assert!(write.is_empty(), "{write:?}");
    let calls: Vec<_> = proxy.calls().into_iter().filter(|call| call.operation != "LookupEvents").collect();
    let list: Vec<_> = calls.iter().map(|call| (call.depth, call.operation)).collect();
    let depth = calls.iter().map(|call| call.depth).max().unwrap_or(0);
    (calls.len(), depth, format!("{list:?}"))
}

#[test]
fn a_lake_takes_at_most_forty_five_calls_in_six_round_trips() {
    let (account, _) = with_tables(1);
    account.trail();
    let proxy = proxy(&account, Governed { grants: left_to_iam(), ..Governed::default() });
    let (calls, depth, list) = cost(&account, &proxy);
    assert!(calls <= 45 && depth <= 6, "{calls} calls, {depth} round trips: {list}");
    assert_eq!(proxy.count("ListPermissions"), 1);
}

#[test]
fn grants_hybrid_mode_two_keys_and_many_tables_take_no_more() {
    let (account, tables) = with_tables(8);
    account.trail();
    let (of_bucket, of_catalog) = (account.encrypt(None, None), account.key());
    let keys = ["kms:GenerateDataKey", "kms:Decrypt", "kms:Encrypt"];
    account.inline(ROLE, "InlineTwo", &policy(&keys, &[&of_bucket, &of_catalog]));
    let (role, place) = (account.role_arn(), format!("arn:aws:s3:::{}/warehouse", account.bucket_name()));
    let mut grants = vec![
        grant(&role, &database(), &["DESCRIBE", "CREATE_TABLE"]),
        grant(&role, &json!({"DataLocation": {"ResourceArn": place}}), &["DATA_LOCATION_ACCESS"]),
    ];
    grants.extend(tables.iter().map(|name| grant(&role, &table(name), &["DESCRIBE", "ALTER"])));
    let locations = vec![json!({"ResourceArn": place, "RoleArn": role, "HybridAccessEnabled": true})];
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(&account, ROLE, Shape::ByAction, None));
    proxy.answer(encrypted_catalog(&of_catalog)).answer(catalog(None));
    proxy.answer(governed(Governed { grants, locations, governs: true, ..Governed::default() }));
    let (calls, depth, list) = cost(&account, &proxy);
    assert!(calls <= 45 && depth <= 6, "{calls} calls, {depth} round trips: {list}");
    assert_eq!((proxy.count("ListPermissions"), proxy.count("ListLakeFormationOptIns")), (1, 1));
}

#[test]
fn many_tables_that_are_each_left_to_iam_are_known_page_by_page() {
    let (account, tables) = with_tables(12);
    let mut grants: Vec<Value> = (0..60)
        .map(|number| granted(json!({"Table": {"DatabaseName": "web", "Name": format!("t{number}")}})))
        .collect();
    grants.push(granted(database()));
    grants.extend(tables.iter().map(|name| granted(table(name))));
    let proxy = proxy(&account, Governed { grants: grants.clone(), ..Governed::default() });
    let report = run(&account, &proxy, &[]).report();
    assert_eq!(check(&report, "WRITE-010").0, "pass", "{report:#}");
    assert_eq!(proxy.count("ListPermissions"), 2);
    // The last one is not.
    grants.pop();
    assert_eq!(status(&account, Governed { grants, ..Governed::default() }, "WRITE-010"), "fail");
}

#[test]
fn a_list_of_everything_that_is_refused_is_asked_for_one_by_one() {
    let (account, tables) = with_tables(2);
    let mut grants = vec![granted(database())];
    grants.extend(tables.iter().map(|name| granted(table(name))));
    let proxy = proxy(&account, Governed { grants, by_name_only: true, ..Governed::default() });
    let report = run(&account, &proxy, &[]).report();
    assert_eq!(check(&report, "WRITE-010").0, "pass", "{report:#}");
    // Everything, then the database, all of its tables, and each of the two.
    assert_eq!(proxy.count("ListPermissions"), 5);
}

#[test]
fn what_is_granted_in_another_account_s_catalogue_does_not_count() {
    let (account, _) = with_tables(1);
    let there = json!({"Table": {"CatalogId": "999988887777", "DatabaseName": DATABASE, "Name": TABLE}});
    let here = json!({"Table": {"CatalogId": account.id, "DatabaseName": DATABASE, "Name": TABLE}});
    let of =
        |table: Value| Governed { grants: vec![granted(database()), granted(table)], ..Governed::default() };
    assert_eq!(status(&account, of(there), "WRITE-010"), "fail");
    assert_eq!(status(&account, of(here), "WRITE-010"), "pass");
}

#[test]
fn tables_that_may_be_hidden_from_the_caller_leave_it_open_unless_one_is_named() {
    let (account, _) = with_tables(1);
    let of_another = |grants| Governed { grants, of_another: true, ..Governed::default() };
    assert_eq!(status(&account, of_another(left_to_iam()), "WRITE-010"), "unknown");
    let all = vec![
        granted(database()),
        granted(json!({"Table": {"DatabaseName": DATABASE, "Name": "ALL_TABLES", "TableWildcard": {}}})),
    ];
    assert_eq!(status(&account, of_another(all), "WRITE-010"), "pass");
    let proxy = proxy(&account, of_another(left_to_iam()));
    let report = run(&account, &proxy, &["--table", TABLE]).report();
    assert_eq!(check(&report, "WRITE-010").0, "pass", "{report:#}");
}

#[test]
fn a_database_to_be_made_takes_create_database_where_lake_formation_governs() {
    let account = Account::lake();
    let lake = |grants| Governed { grants, governs: true, ..Governed::default() };
    let catalog = json!({"Catalog": {}});
    assert_eq!(status(&account, lake(Vec::new()), "WRITE-007"), "fail");
    let to_role = grant(&account.role_arn(), &catalog, &["CREATE_DATABASE"]);
    assert_eq!(status(&account, lake(vec![to_role]), "WRITE-007"), "warn");
    assert_eq!(status(&account, Governed::default(), "WRITE-007"), "warn");
    let refused = proxy(&account, lake(Vec::new()));
    refused.fail(&["lakeformation:ListPermissions"], Fault::Refuse);
    let (status, said) = check(&run(&account, &refused, &[]).report(), "WRITE-007");
    assert_eq!(status, "unknown");
    assert!(said.contains("lakeformation:ListPermissions"), "{said}");
}

#[test]
fn a_table_that_was_named_and_is_not_there_is_told() {
    let (account, _) = with_tables(1);
    let proxy = proxy(&account, Governed { grants: left_to_iam(), ..Governed::default() });
    let (status, said) = check(&run(&account, &proxy, &["--table", "ordrs"]).report(), "WRITE-007");
    assert_eq!(status, "warn");
    assert!(said.contains("There is no table ordrs"), "{said}");
}
