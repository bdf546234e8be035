//! Policies of the role's own, and its boundary.

use super::*;

#[test]
fn a_managed_policy_that_is_not_attached_to_the_role_is_not_blamed() {
    let narrowed = |arn: &str| {
        vec![
            version(5, arn, "v2", statement("Allow", "s3:*")),
            version(20, arn, "v3", statement("Allow", "s3:Get*")),
        ]
    };
    let denied = || [put_object(30, NONE_ALLOWS)];
    // The events do not tell whether it is attached.
    let unknown = timeline_of(&RoleNow::default(), narrowed(WRITE), &denied());
    assert_eq!(told(&unknown), Some(said("CreatePolicyVersion", 20, Certainty::Possible)));
    assert!(unknown.causes[0].reason.contains("if it is attached to the role"), "{:?}", unknown.causes);
    let now = |arn: &str| RoleNow { attached: Some(BTreeSet::from([arn.to_owned()])) };
    let attached = timeline_of(&now(WRITE), narrowed(WRITE), &denied());
    assert_eq!(told(&attached), Some(said("CreatePolicyVersion", 20, Certainty::Shown)));
    assert_eq!(told(&timeline_of(&now(OTHER), narrowed(WRITE), &denied())), None);
    // What is known to be another role's policy by the role's own beginning.
    let mut history = narrowed(WRITE);
    history.push(event(1, "iam", "CreateRole", json!({"roleName": "orders", "path": "/service/"})));
    assert_eq!(blamed(history, put_object(30, NONE_ALLOWS)), None);
    let mut history = narrowed(WRITE);
    history.extend([attach(2, "AttachRolePolicy", WRITE), attach(15, "DetachRolePolicy", WRITE)]);
    assert_eq!(
        blamed(history, put_object(30, NONE_ALLOWS)),
        Some(said("DetachRolePolicy", 15, Certainty::Shown))
    );
    // A new version of it that never spoke of the call, and of which no former one is known.
    assert_eq!(
        blamed(vec![version(20, OTHER, "v2", statement("Allow", "ec2:*"))], put_object(30, NONE_ALLOWS)),
        None
    );
}

#[test]
fn what_aws_does_to_no_attached_policy_takes_nothing_away() {
    let mut made = event(
        20,
        "iam",
        "CreatePolicy",
        json!({"policyName": "write", "policyDocument": statement("Allow", "s3:Get*").to_string()}),
    );
    made.response_elements =
        json!({"policy": {"arn": WRITE, "policyName": "write", "defaultVersionId": "v1"}});
    for change in [
        event(20, "iam", "DeletePolicy", json!({"policyArn": WRITE})),
        event(20, "iam", "DeletePolicyVersion", json!({"policyArn": WRITE, "versionId": "v1"})),
        made,
        event(20, "organizations", "DeletePolicy", json!({"policyId": "p-12345678"})),
        event(
            20,
            "organizations",
            "EnablePolicyType",
            json!({"policyType": "SERVICE_CONTROL_POLICY", "rootId": "r-ab12"}),
        ),
        event(20, "iam", "DeleteRolePermissionsBoundary", json!({"roleName": "orders"})),
    ] {
        let name = change.event_name.clone();
        for clause in [
            NONE_ALLOWS,
            SCP_DENIES,
            "because no permissions boundary allows the s3:PutObject action",
            "because no service control policy allows the s3:PutObject action",
        ] {
            let history = vec![attach(1, "AttachRolePolicy", WRITE), change.clone()];
            assert_eq!(blamed(history, put_object(30, clause)), None, "{name} {clause}");
        }
    }
}

#[test]
fn only_the_very_policy_that_aws_names_is_to_blame() {
    let named = format!("with an explicit deny in an identity-based policy: {OTHER}");
    // `write` ends the name of `over-write`.
    let short = inline(20, "write", statement("Deny", "s3:*"));
    assert_eq!(blamed(vec![attach(20, "AttachRolePolicy", WRITE), short], put_object(30, &named)), None);
    assert_eq!(
        blamed(vec![attach(20, "AttachRolePolicy", OTHER)], put_object(30, &named)),
        Some(said("AttachRolePolicy", 20, Certainty::Shown))
    );
    let scp = |id: &str| {
        event(20, "organizations", "AttachPolicy", json!({"policyId": id, "targetId": "ou-ab12-cdefghij"}))
    };
    let named = format!(
        "{SCP_DENIES}: arn:aws:organizations::999988887777:policy/o-exampleorgid/service_control_policy/p-abcd1234"
    );
    assert_eq!(
        blamed(vec![scp("p-abcd1234")], put_object(30, &named)),
        Some(said("AttachPolicy", 20, Certainty::Shown))
    );
    assert_eq!(blamed(vec![scp("p-other123"), scp("p-1234")], put_object(30, &named)), None);
}

#[test]
fn an_unseen_new_text_is_not_taken_for_none() {
    let history = vec![
        version(1, WRITE, "v2", statement("Allow", "s3:*")),
        attach(2, "AttachRolePolicy", WRITE),
        event(20, "iam", "SetDefaultPolicyVersion", json!({"policyArn": WRITE, "versionId": "v1"})),
    ];
    let found = timeline(history, put_object(30, NONE_ALLOWS));
    assert_eq!(told(&found), Some(said("SetDefaultPolicyVersion", 20, Certainty::Likely)));
    assert!(found.causes[0].statements.is_empty(), "{:?}", found.causes);
}

#[test]
fn a_boundary_that_does_not_allow_it_is_to_blame_until_it_is_gone() {
    let bounded = |minute| {
        let parameters = json!({"roleName": "orders", "permissionsBoundary": WRITE});
        event(minute, "iam", "PutRolePermissionsBoundary", parameters)
    };
    let clause = "because no permissions boundary allows the s3:PutObject action";
    let gone = event(20, "iam", "DeleteRolePermissionsBoundary", json!({"roleName": "orders"}));
    assert_eq!(
        blamed(vec![bounded(10)], put_object(30, clause)),
        Some(said("PutRolePermissionsBoundary", 10, Certainty::Likely))
    );
    assert_eq!(blamed(vec![bounded(10), gone], put_object(30, clause)), None);
    assert_eq!(blamed(vec![bounded(10)], put_object(30, NONE_ALLOWS)), None);
    let narrowed = version(15, WRITE, "v2", statement("Allow", "glue:*"));
    let wide = version(1, WRITE, "v1", statement("Allow", "*"));
    assert_eq!(
        blamed(vec![wide, bounded(10), narrowed], put_object(30, clause)),
        Some(said("CreatePolicyVersion", 15, Certainty::Shown))
    );
}

#[test]
fn a_text_that_is_seen_for_the_first_time_may_have_been_so_before() {
    let narrow = || inline(20, "w", statement("Allow", "s3:Get*"));
    assert_eq!(
        blamed(vec![narrow()], put_object(30, NONE_ALLOWS)),
        Some(said("PutRolePolicy", 20, Certainty::Possible))
    );
    // Of two, the one that has to do with the service.
    let other = inline(25, "x", statement("Allow", "ec2:*"));
    assert_eq!(
        blamed(vec![narrow(), other], put_object(30, NONE_ALLOWS)),
        Some(said("PutRolePolicy", 20, Certainty::Possible))
    );
    // What was refused before the change was not taken by it.
    let deny =
        json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::orders/*"});
    let denied = [put_object(10, BUCKET_DENIES), put_object(30, BUCKET_DENIES)];
    let found = timeline_of(&RoleNow::default(), vec![bucket_policy(20, "orders", deny)], &denied);
    assert_eq!(told(&found), Some(said("PutBucketPolicy", 20, Certainty::Possible)));
}

#[test]
fn a_policy_that_was_moved_took_nothing_away() {
    let wide = || statement("Allow", "s3:*");
    let gone = |minute, name: &str| {
        event(minute, "iam", "DeleteRolePolicy", json!({"roleName": "orders", "policyName": name}))
    };
    let moved = [
        // From one embedded in the role to a managed one, in either order.
        vec![
            inline(1, "w", wide()),
            version(8, WRITE, "v1", wide()),
            attach(9, "AttachRolePolicy", WRITE),
            gone(10, "w"),
        ],
        vec![
            inline(1, "w", wide()),
            gone(10, "w"),
            version(11, WRITE, "v1", wide()),
            attach(12, "AttachRolePolicy", WRITE),
        ],
        // Renamed.
        vec![inline(1, "w", wide()), inline(9, "write", wide()), gone(10, "w")],
        vec![
            version(1, WRITE, "v1", wide()),
            version(2, OTHER, "v1", wide()),
            attach(10, "DetachRolePolicy", WRITE),
            attach(11, "AttachRolePolicy", OTHER),
        ],
        vec![
            inline(1, "w", wide()),
            gone(10, "w"),
            attach(12, "AttachRolePolicy", "arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        ],
    ];
    for mut history in moved {
        assert_eq!(blamed(history.clone(), put_object(30, NONE_ALLOWS)), None);
        // What goes after it has no other to make up for it.
        let last = history.last().unwrap().clone();
        history.push(match last.event_name.as_str() {
            "DeleteRolePolicy" if last.parameter("policyName") == Some("w") && history.len() == 3 => {
                gone(20, "write")
            }
            "DeleteRolePolicy" => attach(20, "DetachRolePolicy", WRITE),
            _ => attach(20, "DetachRolePolicy", last.parameter("policyArn").unwrap()),
        });
        let found = blamed(history, put_object(30, NONE_ALLOWS)).unwrap();
        assert!(found.0.ends_with("-20") && found.1 == Certainty::Shown, "{found:?}");
    }
    // To one that does not allow it, or of which that is not known.
    for policy in [statement("Allow", "glue:*"), json!({})] {
        let history = vec![
            inline(1, "w", wide()),
            version(8, WRITE, "v1", policy),
            attach(9, "AttachRolePolicy", WRITE),
            gone(10, "w"),
        ];
        assert_eq!(
            blamed(history, put_object(30, NONE_ALLOWS)),
            Some(said("DeleteRolePolicy", 10, Certainty::Shown))
        );
    }
}

#[test]
fn a_role_that_was_made_anew_without_its_policies_is_the_cause() {
    let deleted = || event(20, "iam", "DeleteRole", json!({"roleName": "orders"}));
    let detached = || attach(19, "DetachRolePolicy", WRITE);
    let denied = || put_object(30, NONE_ALLOWS);
    for (before, certainty) in [
        (vec![deleted()], Certainty::Likely),
        (vec![detached(), deleted()], Certainty::Likely),
        (vec![version(1, WRITE, "v1", statement("Allow", "s3:*")), detached(), deleted()], Certainty::Shown),
        (vec![inline(1, "w", statement("Allow", "s3:*"))], Certainty::Shown),
    ] {
        let mut history = before;
        history.push(role_made(21));
        let found = timeline(history.clone(), denied());
        assert_eq!(told(&found), Some(said("CreateRole", 21, certainty)));
        assert!(found.causes[0].reason.contains("made anew"), "{:?}", found.causes);
        // Given less than it had.
        history.push(inline(22, "w", statement("Allow", "s3:Get*")));
        assert_eq!(blamed(history.clone(), denied()), Some(said("CreateRole", 21, certainty)));
        history.push(inline(23, "w", statement("Allow", "s3:Put*")));
        assert_eq!(blamed(history, denied()), None);
    }
    // That there was one before is told by others, too.
    let mut assumed = event(5, "sts", "AssumeRole", json!({"roleArn": ROLE}));
    assumed.identity.arn = None;
    assert_eq!(
        blamed(vec![assumed, role_made(21)], denied()),
        Some(said("CreateRole", 21, Certainty::Likely))
    );
    // Where AWS does not tell what refused, it may have been another layer.
    let history = vec![inline(1, "w", statement("Allow", "s3:*")), deleted(), role_made(21)];
    assert_eq!(blamed(history, put_object(30, "")), Some(said("CreateRole", 21, Certainty::Likely)));
    // The first of its name; and a refusal that has nothing to do with the role's own policies.
    assert_eq!(blamed(vec![role_made(21)], denied()), None);
    assert_eq!(blamed(vec![deleted(), role_made(21)], put_object(30, BUCKET_DENIES)), None);
    // With it went what denied.
    let history = vec![inline(1, "w", statement("Deny", "s3:*")), deleted(), role_made(21)];
    assert_eq!(blamed(history, put_object(30, "with an explicit deny in an identity-based policy")), None);
    let bounded = event(
        1,
        "iam",
        "PutRolePermissionsBoundary",
        json!({"roleName": "orders", "permissionsBoundary": WRITE}),
    );
    let clause = "because no permissions boundary allows the s3:PutObject action";
    assert_eq!(blamed(vec![bounded, deleted(), role_made(21)], put_object(30, clause)), None);
}

#[test]
fn a_deny_beside_one_that_was_there_before_changed_nothing() {
    let put = |minute, name: &str, effect: &str| {
        let document = statement(effect, "s3:PutObject").to_string();
        let parameters = json!({"roleName": "orders", "policyName": name, "policyDocument": document});
        event(minute, "iam", "PutRolePolicy", parameters)
    };
    let denies = "with an explicit deny in an identity-based policy";
    let (guard, later) = (|| put(10, "guard", "Deny"), || put(20, "later", "Deny"));
    let by = |minute| Some(said("PutRolePolicy", minute, Certainty::Shown));
    assert_eq!(blamed(vec![guard(), later()], put_object(30, denies)), by(10));
    assert_eq!(blamed(vec![later()], put_object(30, denies)), by(20));
    // The first one is gone when it is denied.
    let history = vec![guard(), later(), put(25, "guard", "Allow")];
    assert_eq!(blamed(history, put_object(30, denies)), by(20));
}

#[test]
fn conditions_and_variables_that_do_not_fit_the_calls_are_no_cause() {
    let put = |minute, statement: Value| {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let parameters = json!({"roleName": "orders", "policyName": "w", "policyDocument": document});
        event(minute, "iam", "PutRolePolicy", parameters)
    };
    let denies = "with an explicit deny in an identity-based policy";
    let deny = |condition: Value| {
        put(
            20,
            json!({"Sid": "D", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": condition}),
        )
    };
    for (condition, found) in [
        (json!({"ArnNotEquals": {"aws:PrincipalArn": ROLE}}), None),
        (json!({"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}), None),
        (json!({"ArnEquals": {"aws:PrincipalArn": ROLE}}), Some(Certainty::Shown)),
        (json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}), Some(Certainty::Likely)),
    ] {
        let found = found.map(|certainty| said("PutRolePolicy", 20, certainty));
        assert_eq!(blamed(vec![deny(condition.clone())], put_object(30, denies)), found, "{condition}");
    }
    let nothing = || put(20, json!({"Sid": "X", "Effect": "Allow", "Action": "sqs:*", "Resource": "*"}));
    for (resource, found) in [
        ("arn:aws:s3:::orders/${aws:PrincipalTag/team}/*", Some(Certainty::Likely)),
        ("arn:aws:s3:::orders/r*/*", Some(Certainty::Shown)),
    ] {
        let allow = json!({"Sid": "W", "Effect": "Allow", "Action": "s3:PutObject", "Resource": resource});
        let found = found.map(|certainty| said("PutRolePolicy", 20, certainty));
        assert_eq!(blamed(vec![put(10, allow), nothing()], put_object(30, NONE_ALLOWS)), found, "{resource}");
    }
    let other = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::orders/${aws:PrincipalAccount}/*"});
    let found = timeline(vec![put(10, other), nothing()], put_object(30, NONE_ALLOWS));
    assert!(found.causes.iter().all(|cause| cause.certainty == Certainty::Possible), "{:?}", found.causes);
}
