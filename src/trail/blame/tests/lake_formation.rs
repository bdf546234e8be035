//! Grants of Lake Formation.

use super::*;

/// A call that Lake Formation refused.
fn lacking(permission: &str, object: &str) -> Event {
    let table = "arn:aws:glue:eu-west-1:111122223333:table/sales/orders";
    let mut event = refused(30, "glue:GetTable", table, "");
    event.request_parameters = json!({"databaseName": "sales", "name": "orders"});
    event.error_message =
        Some(format!("Insufficient Lake Formation permission(s): Required {permission} on {object}"));
    event
}

fn revoke(minute: u32, principal: &str, resource: Value, permissions: Value) -> Event {
    let parameters = json!({"principal": {"dataLakePrincipalIdentifier": principal}, "permissions": permissions,
        "resource": resource});
    event(minute, "lakeformation", "RevokePermissions", parameters)
}

#[test]
fn a_revoked_grant_on_something_else_is_not_to_blame() {
    let of = |database: &str, name: &str| json!({"table": {"databaseName": database, "name": name}});
    let likely = Some(said("RevokePermissions", 20, Certainty::Likely));
    for (principal, resource, permissions, blamed_for) in [
        (ROLE, of("sales", "orders"), json!(["SELECT", "DESCRIBE"]), &likely),
        (ROLE, json!({"table": {"databaseName": "sales", "tableWildcard": {}}}), json!(["ALL"]), &likely),
        ("IAM_ALLOWED_PRINCIPALS", of("sales", "orders"), json!(["ALL"]), &likely),
        (ROLE, of("marketing", "orders"), json!(["SELECT"]), &None),
        (ROLE, of("sales", "customers"), json!(["SELECT"]), &None),
        (ROLE, json!({"database": {"name": "marketing"}}), json!(["ALL"]), &None),
        ("arn:aws:iam::111122223333:role/other", of("sales", "orders"), json!(["SELECT"]), &None),
        ("arn:aws:iam::111122223333:user/orders", of("sales", "orders"), json!(["SELECT"]), &None),
    ] {
        let change = revoke(20, principal, resource.clone(), permissions);
        assert_eq!(
            blamed(vec![change], lacking("Describe", "orders")),
            *blamed_for,
            "{principal} {resource}"
        );
    }
    let of_other = revoke(20, ROLE, of("sales", "orders"), json!(["SELECT"]));
    assert_eq!(blamed(vec![of_other], lacking("Alter", "orders")), None);
}

#[test]
fn one_of_many_that_were_revoked_at_once_is_found_and_a_new_grant_puts_it_back() {
    let entry = |principal: &str| {
        json!({"id": "1", "principal": {"dataLakePrincipalIdentifier": principal}, "permissions": ["DESCRIBE"],
            "resource": {"table": {"databaseName": "sales", "name": "orders"}}})
    };
    let batch = |minute, name: &str, entries: Value| {
        event(minute, "lakeformation", name, json!({"catalogId": "111122223333", "entries": entries}))
    };
    let other = "arn:aws:iam::111122223333:role/other";
    let both = batch(10, "BatchRevokePermissions", json!([entry(other), entry(ROLE)]));
    assert_eq!(
        blamed(vec![both.clone()], lacking("Describe", "orders")),
        Some(said("BatchRevokePermissions", 10, Certainty::Likely))
    );
    let theirs = batch(10, "BatchRevokePermissions", json!([entry(other)]));
    assert_eq!(blamed(vec![theirs], lacking("Describe", "orders")), None);
    let again = batch(20, "BatchGrantPermissions", json!([entry(ROLE)]));
    assert_eq!(blamed(vec![both, again], lacking("Describe", "orders")), None);
    let mut elsewhere = batch(10, "BatchRevokePermissions", json!([entry(ROLE)]));
    elsewhere.region = "us-east-1".into();
    assert_eq!(blamed(vec![elsewhere], lacking("Describe", "orders")), None);
}
