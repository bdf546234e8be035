//! Who may assume the role.

use super::*;

#[test]
fn a_trust_policy_that_is_put_back_or_still_allows_is_not_to_blame() {
    let assumed = |minute| {
        let mut event = event(minute, "sts", "AssumeRole", json!({"roleArn": ROLE, "roleSessionName": "s"}));
        event.identity.arn = None;
        event.identity.account_id = Some("300973880807".into());
        event
    };
    let trust = |minute, accounts: Value| {
        let document = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": accounts}, "Action": "sts:AssumeRole"}]});
        let parameters = json!({"roleName": "orders", "policyDocument": document.to_string()});
        event(minute, "iam", "UpdateAssumeRolePolicy", parameters)
    };
    let found = |history| told(&timeline_of(&RoleNow::default(), history, &[]));
    let (ours, other) = (json!("300973880807"), json!("999999999999"));
    let lost = Some(said("UpdateAssumeRolePolicy", 15, Certainty::Likely));
    assert_eq!(found(vec![assumed(10), trust(15, other.clone())]), lost);
    assert_eq!(found(vec![assumed(10), trust(15, other.clone()), trust(20, ours.clone())]), None);
    assert_eq!(
        found(vec![trust(1, ours.clone()), assumed(10), trust(15, json!(["300973880807", "999999999999"]))]),
        None
    );
    assert_eq!(found(vec![assumed(10), trust(15, other.clone()), assumed(20)]), None);
    // A role that was deleted and made anew.
    let deleted = || event(15, "iam", "DeleteRole", json!({"roleName": "orders"}));
    let made = |accounts: Value| {
        let mut made = trust(20, accounts);
        made.event_name = "CreateRole".into();
        let document = made.request_parameters["policyDocument"].take();
        made.request_parameters =
            json!({"roleName": "orders", "path": "/service/", "assumeRolePolicyDocument": document});
        made
    };
    let anew = Some(said("UpdateAssumeRolePolicy", 20, Certainty::Likely));
    for before in [vec![assumed(10)], vec![trust(1, ours.clone()), assumed(10)]] {
        let after = |more: Vec<Event>| [before.clone(), more].concat();
        assert_eq!(found(after(vec![deleted()])), Some(said("DeleteRole", 15, Certainty::Likely)));
        assert_eq!(found(after(vec![deleted(), made(other.clone())])), anew);
        assert_eq!(found(after(vec![deleted(), made(ours.clone())])), None);
        assert_eq!(found(after(vec![deleted(), made(other.clone()), trust(25, ours.clone())])), None);
    }
}

#[test]
fn external_ids_do_not_show() {
    let document = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "300973880807"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": ["4f9d2c71-6b0e-4a83", "short"]}}}]});
    let trust = |minute, document: Value| {
        let parameters = json!({"roleName": "orders", "policyDocument": document.to_string()});
        event(minute, "iam", "UpdateAssumeRolePolicy", parameters)
    };
    let mut assumed = event(10, "sts", "AssumeRole", json!({"roleArn": ROLE, "roleSessionName": "s"}));
    assumed.identity.arn = None;
    assumed.identity.account_id = Some("300973880807".into());
    let history = vec![trust(1, document), assumed, trust(20, json!({"Statement": []}))];
    let found = timeline_of(&RoleNow::default(), history, &[]);
    let told = serde_json::to_string(&found).unwrap();
    assert!(
        told.contains("4f…83 (18 characters)") && !told.contains("6b0e") && !told.contains("short"),
        "{told}"
    );
}

/// A call of Streamkap's to assume the role that was refused.
fn refused_role() -> Event {
    let mut event = event(30, "sts", "AssumeRole", Value::Null);
    event.error_code = Some("AccessDenied".into());
    event.error_message = Some(format!(
        "User: arn:aws:sts::300973880807:assumed-role/kafkaConnectTenantAccessRole/s is not authorized to perform: \
         sts:AssumeRole on resource: {ROLE}"
    ));
    event.identity.arn = None;
    event.identity.account_id = Some("300973880807".into());
    event
}

/// The trust policy is put to one that names an account.
fn put_trust(minute: u32, account: &str, external_id: Option<&str>) -> Event {
    let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"});
    if let Some(id) = external_id {
        statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": id}});
    }
    let document = json!({"Statement": [statement]});
    let parameters = json!({"roleName": "orders", "policyDocument": document.to_string()});
    event(minute, "iam", "UpdateAssumeRolePolicy", parameters)
}

#[test]
fn a_refused_assumption_is_laid_to_the_trust_policy_and_not_to_the_role_s_own() {
    let (ours, other) = ("arn:aws:iam::300973880807:root", "999999999999");
    let by = |certainty| Some(said("UpdateAssumeRolePolicy", 20, certainty));
    let detached = || attach(25, "DetachRolePolicy", WRITE);
    assert_eq!(
        blamed(vec![put_trust(1, ours, None), put_trust(20, other, None), detached()], refused_role()),
        by(Certainty::Shown)
    );
    assert_eq!(
        blamed(vec![put_trust(1, ours, Some("a")), put_trust(20, ours, Some("b"))], refused_role()),
        by(Certainty::Likely)
    );
    let shortened = event(20, "iam", "UpdateRole", json!({"roleName": "orders", "maxSessionDuration": 3600}));
    let mut too_long = refused_role();
    too_long.error_code = Some("ValidationError".into());
    too_long.error_message =
        Some("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".into());
    too_long.request_parameters = json!({"roleArn": ROLE});
    assert_eq!(
        blamed(vec![shortened, put_trust(25, other, None)], too_long),
        Some(said("UpdateRole", 20, Certainty::Likely))
    );
    assert_eq!(blamed(vec![put_trust(20, other, None)], refused_role()), by(Certainty::Possible));
    assert_eq!(
        blamed(vec![put_trust(1, other, None), put_trust(20, ours, None), detached()], refused_role()),
        None
    );
}

#[test]
fn a_refused_assumption_is_laid_to_the_deletion_of_the_role_or_to_its_making_anew() {
    let (ours, other) = ("arn:aws:iam::300973880807:root", "999999999999");
    let detached = || attach(25, "DetachRolePolicy", WRITE);
    let deleted = || event(20, "iam", "DeleteRole", json!({"roleName": "orders"}));
    let gone = Some(said("DeleteRole", 20, Certainty::Shown));
    assert_eq!(blamed(vec![deleted(), detached()], refused_role()), gone);
    assert_eq!(blamed(vec![put_trust(1, ours, None), deleted()], refused_role()), gone);
    let made = |account: &str| {
        let mut made = put_trust(25, account, None);
        made.event_name = "CreateRole".into();
        let document = made.request_parameters["policyDocument"].take();
        made.request_parameters =
            json!({"roleName": "orders", "path": "/service/", "assumeRolePolicyDocument": document});
        made
    };
    assert_eq!(
        blamed(vec![put_trust(1, ours, None), deleted(), made(ours)], refused_role()),
        None,
        "as it was"
    );
    let anew = Some(said("UpdateAssumeRolePolicy", 25, Certainty::Shown));
    assert_eq!(blamed(vec![put_trust(1, ours, None), deleted(), made(other)], refused_role()), anew);
    let likely = said("UpdateAssumeRolePolicy", 25, Certainty::Likely);
    assert_eq!(blamed(vec![deleted(), made(other)], refused_role()), Some(likely));
}
