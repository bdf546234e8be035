//! Changes that follow on each other.

use super::*;

#[test]
fn what_was_put_back_before_the_denial_is_not_to_blame() {
    let wide = statement("Allow", "s3:*");
    let narrow = statement("Allow", "s3:Get*");
    for history in [
        vec![inline(1, "w", wide.clone()), inline(10, "w", narrow.clone()), inline(20, "w", wide.clone())],
        vec![attach(10, "DetachRolePolicy", WRITE), attach(20, "AttachRolePolicy", WRITE)],
        vec![
            version(1, WRITE, "v2", wide.clone()),
            version(10, WRITE, "v3", narrow.clone()),
            event(20, "iam", "SetDefaultPolicyVersion", json!({"policyArn": WRITE, "versionId": "v2"})),
        ],
    ] {
        assert_eq!(blamed(history, put_object(30, NONE_ALLOWS)), None);
    }
    let deny =
        json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::orders/*"});
    let gone = event(20, "s3", "DeleteBucketPolicy", json!({"bucketName": "orders"}));
    assert_eq!(blamed(vec![bucket_policy(10, "orders", deny), gone], put_object(30, BUCKET_DENIES)), None);
    let quarantine = |name, minute| attach(minute, name, OTHER);
    let named = format!("with an explicit deny in an identity-based policy: {OTHER}");
    let there_and_gone = vec![quarantine("AttachRolePolicy", 10), quarantine("DetachRolePolicy", 20)];
    assert_eq!(blamed(there_and_gone, put_object(30, &named)), None);
}

#[test]
fn of_several_of_unknown_text_each_that_was_in_force_before_the_first_denial_may_be_to_blame() {
    let history = vec![
        attach(5, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/a"),
        attach(10, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/b"),
        attach(15, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/c"),
        attach(16, "AttachRolePolicy", "arn:aws:iam::111122223333:policy/c"),
        attach(40, "DetachRolePolicy", "arn:aws:iam::111122223333:policy/d"),
    ];
    let denied = [put_object(30, NONE_ALLOWS), put_object(50, NONE_ALLOWS)];
    let found = timeline_of(&RoleNow::default(), history, &denied);
    let may = |id| (id, Certainty::Possible, None);
    assert_eq!(all(&found), [may("DetachRolePolicy-10"), may("DetachRolePolicy-5")]);
    // Of one alone it is likely, and so it is of one whose text was known to allow it.
    let alone = vec![attach(10, "DetachRolePolicy", OTHER)];
    assert_eq!(
        blamed(alone, put_object(30, NONE_ALLOWS)),
        Some(said("DetachRolePolicy", 10, Certainty::Likely))
    );
    let known = vec![
        version(1, WRITE, "v2", statement("Allow", "s3:*")),
        attach(5, "DetachRolePolicy", WRITE),
        attach(10, "DetachRolePolicy", OTHER),
    ];
    assert_eq!(
        blamed(known, put_object(30, NONE_ALLOWS)),
        Some(said("DetachRolePolicy", 5, Certainty::Likely))
    );
}

#[test]
fn of_a_change_and_a_denial_in_one_second_it_is_not_told_which_came_first() {
    let history =
        || vec![inline(1, "w", statement("Allow", "s3:*")), inline(30, "w", statement("Allow", "s3:Get*"))];
    let blamed_of = |denied: &[Event]| told(&timeline_of(&RoleNow::default(), history(), denied));
    let same = put_object(30, NONE_ALLOWS);
    assert_eq!(blamed_of(std::slice::from_ref(&same)), Some(said("PutRolePolicy", 30, Certainty::Likely)));
    let later = put_object(31, NONE_ALLOWS);
    assert_eq!(blamed_of(&[same, later]), Some(said("PutRolePolicy", 30, Certainty::Shown)));
}

#[test]
fn an_early_stray_denial_hides_no_later_cause() {
    let history =
        || vec![inline(1, "w", statement("Allow", "s3:*")), inline(200, "w", statement("Allow", "s3:Get*"))];
    let mut denied = vec![put_object(5, NONE_ALLOWS)];
    denied.extend((201..400).map(|minute| put_object(minute, NONE_ALLOWS)));
    let found = timeline_of(&RoleNow::default(), history(), &denied);
    assert_eq!(told(&found), Some(said("PutRolePolicy", 200, Certainty::Shown)));
    assert!(found.causes[0].reason.contains("before it have another cause"), "{:?}", found.causes);
    // One cause before and another one after: each is told.
    let mut history = history();
    history.extend([
        inline(2, "w", statement("Allow", "s3:Get*")),
        inline(100, "w", statement("Allow", "s3:*")),
    ]);
    let found = timeline_of(&RoleNow::default(), history, &denied);
    let blamed: Vec<_> =
        found.causes.iter().map(|cause| found.entries[cause.entry].event_id.as_str()).collect();
    assert_eq!(blamed, ["PutRolePolicy-200", "PutRolePolicy-2"]);
    let undone: Vec<_> = found.causes.iter().map(|cause| undone_by(&found, cause)).collect();
    assert_eq!(undone, [None, Some("PutRolePolicy-100")]);
}

fn undone_by<'t>(timeline: &'t Timeline, cause: &Cause) -> Option<&'t str> {
    cause.undone_by.map(|at| timeline.entries[at].event_id.as_str())
}

#[test]
fn a_repair_elsewhere_ends_what_a_change_is_to_blame_for() {
    let history = |repair: &str, text: Value| {
        vec![
            version(1, OTHER, "v1", text),
            inline(2, "w", statement("Allow", "s3:*")),
            inline(10, "w", statement("Allow", "s3:Get*")),
            attach(20, "AttachRolePolicy", repair),
            attach(40, "DetachRolePolicy", repair),
        ]
    };
    let foreign = "arn:aws:iam::111122223333:policy/unseen";
    for (repair, text, certainty) in [
        (OTHER, statement("Allow", "s3:*"), Certainty::Shown),
        // Its text is in no log, but while it was there no call was denied.
        (foreign, json!({}), Certainty::Likely),
    ] {
        let denied: Vec<_> = [11, 15, 41, 50].map(|minute| put_object(minute, NONE_ALLOWS)).into();
        let found = timeline_of(&RoleNow::default(), history(repair, text.clone()), &denied);
        let first = ("PutRolePolicy-10", Certainty::Shown, Some("AttachRolePolicy-20"));
        assert_eq!(all(&found), [("DetachRolePolicy-40", certainty, None), first], "{repair}");
        let found = timeline_of(&RoleNow::default(), history(repair, text), &denied[..2]);
        assert_eq!(all(&found)[0].0, "PutRolePolicy-10", "{repair}");
    }
    // A denial in between: it made up for nothing.
    let denied: Vec<_> = [11, 25, 50].map(|minute| put_object(minute, NONE_ALLOWS)).into();
    let found = timeline_of(&RoleNow::default(), history(foreign, json!({})), &denied);
    assert_eq!(all(&found), [("PutRolePolicy-10", Certainty::Shown, None)]);
}

#[test]
fn each_kind_of_denial_is_laid_to_the_change_that_explains_it() {
    let history = vec![
        inline(1, "w", statement("Allow", "s3:*")),
        version(2, OTHER, "v1", statement("Deny", "glue:*")),
        version(3, WRITE, "v1", statement("Allow", "kms:*")),
        inline(10, "w", statement("Allow", "s3:Get*")),
        attach(20, "AttachRolePolicy", OTHER),
        attach(30, "DetachRolePolicy", WRITE),
    ];
    let table = "arn:aws:glue:eu-west-1:111122223333:table/sales/orders";
    let denied = [
        put_object(40, NONE_ALLOWS),
        refused(41, "glue:GetTable", table, "with an explicit deny in an identity-based policy"),
        refused(42, "kms:Decrypt", KEY, "because no identity-based policy allows the kms:Decrypt action"),
    ];
    let found = timeline_of(&RoleNow::default(), history, &denied);
    let groups = groups(&denied);
    for (group, blamed) in groups.iter().enumerate() {
        let [cause] = found.causes_of(group)[..] else { panic!("{:?}", found.causes) };
        let (event, certainty, _) = all(&found)[cause];
        let wanted = match blamed.action.as_deref().unwrap() {
            "s3:PutObject" => "PutRolePolicy-10",
            "glue:GetTable" => "AttachRolePolicy-20",
            _ => "DetachRolePolicy-30",
        };
        assert_eq!((event, certainty), (wanted, Certainty::Shown));
    }
}
