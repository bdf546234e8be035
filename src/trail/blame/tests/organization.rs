//! Policies of the organization.

use super::*;

#[test]
fn a_policy_of_the_organization_on_another_account_is_not_to_blame() {
    let scp = |target: &str| {
        event(20, "organizations", "AttachPolicy", json!({"policyId": "p-abcd1234", "targetId": target}))
    };
    assert_eq!(blamed(vec![scp("444455556666")], put_object(30, SCP_DENIES)), None);
    assert_eq!(
        blamed(vec![scp("r-ab12")], put_object(30, SCP_DENIES)),
        Some(said("AttachPolicy", 20, Certainty::Likely))
    );
    let moved = |account: &str, minute, from: &str, to: &str| {
        let parameters = json!({"accountId": account, "sourceParentId": from, "destinationParentId": to});
        event(minute, "organizations", "MoveAccount", parameters)
    };
    let there = moved("111122223333", 20, "ou-a", "ou-b");
    assert_eq!(
        blamed(vec![there.clone()], put_object(30, SCP_DENIES)),
        Some(said("MoveAccount", 20, Certainty::Likely))
    );
    let back = moved("111122223333", 25, "ou-b", "ou-a");
    assert_eq!(
        blamed(vec![there, back], put_object(30, SCP_DENIES)),
        Some(said("MoveAccount", 25, Certainty::Likely))
    );
    assert_eq!(blamed(vec![moved("444455556666", 20, "ou-a", "ou-b")], put_object(30, SCP_DENIES)), None);
}

#[test]
fn a_policy_on_an_organizational_unit_bears_on_the_account_if_that_is_in_it() {
    let management = |mut event: Event| {
        event.recipient_account = Some("999988887777".into());
        event
    };
    let attached = |target: &str| {
        management(event(
            20,
            "organizations",
            "AttachPolicy",
            json!({"policyId": "p-abcd1234", "targetId": target}),
        ))
    };
    let moved = |minute, from: &str, to: &str| {
        let parameters =
            json!({"accountId": "111122223333", "sourceParentId": from, "destinationParentId": to});
        management(event(minute, "organizations", "MoveAccount", parameters))
    };
    let found = timeline(vec![attached("ou-ab12-11111111")], put_object(30, SCP_DENIES));
    assert_eq!(told(&found), Some(said("AttachPolicy", 20, Certainty::Possible)));
    let reason = &found.causes[0].reason;
    assert!(
        reason.contains("if the account is under ou-ab12-11111111, which the logs do not show"),
        "{reason}"
    );
    let (here, elsewhere) = ("ou-ab12-11111111", "ou-ab12-22222222");
    let likely = Some(said("AttachPolicy", 20, Certainty::Likely));
    assert_eq!(blamed(vec![moved(1, elsewhere, here), attached(here)], put_object(30, SCP_DENIES)), likely);
    let left = vec![moved(1, elsewhere, here), attached(here), moved(25, here, elsewhere)];
    assert_eq!(blamed(left, put_object(30, SCP_DENIES)), Some(said("MoveAccount", 25, Certainty::Likely)));
    assert_eq!(blamed(vec![attached(here), moved(40, here, elsewhere)], put_object(30, SCP_DENIES)), likely);
}

#[test]
fn another_policy_on_the_same_target_makes_up_for_one_that_went() {
    let of = |minute, name: &str, policy: &str, target: &str| {
        event(minute, "organizations", name, json!({"policyId": policy, "targetId": target}))
    };
    let clause = "because no service control policy allows the s3:PutObject action";
    let detached = || of(10, "DetachPolicy", "p-FullAWSAccess", "111122223333");
    let text = statement("Allow", "s3:*").to_string();
    let mut made =
        event(1, "organizations", "CreatePolicy", json!({"content": text, "type": "SERVICE_CONTROL_POLICY"}));
    made.response_elements = json!({"policy": {"policySummary": {"id": "p-s3only12"}}});
    let attached = |target: &str| of(15, "AttachPolicy", "p-s3only12", target);
    assert_eq!(
        blamed(vec![made.clone(), detached()], put_object(30, clause)),
        Some(said("DetachPolicy", 10, Certainty::Shown))
    );
    assert_eq!(
        blamed(vec![made.clone(), detached(), attached("111122223333")], put_object(30, clause)),
        None
    );
    // Each of them has to allow it: the account's own, and what is above.
    assert_eq!(
        blamed(vec![made, detached(), attached("r-ab12")], put_object(30, clause)),
        Some(said("DetachPolicy", 10, Certainty::Shown))
    );
}

#[test]
fn only_a_policy_of_the_type_that_aws_names_is_to_blame() {
    let made = |kind: &str| {
        let deny = statement("Deny", "s3:*");
        let parameters = json!({"name": "p", "type": kind, "content": deny.to_string()});
        let mut made = event(10, "organizations", "CreatePolicy", parameters);
        made.response_elements = json!({"policy": {"policySummary": {"id": "p-abcd1234", "type": kind}}});
        made
    };
    let attached = || {
        let parameters = json!({"policyId": "p-abcd1234", "targetId": "111122223333"});
        event(20, "organizations", "AttachPolicy", parameters)
    };
    let shown = Some(said("AttachPolicy", 20, Certainty::Shown));
    for (kind, found) in
        [("SERVICE_CONTROL_POLICY", shown), ("RESOURCE_CONTROL_POLICY", None), ("TAG_POLICY", None)]
    {
        assert_eq!(blamed(vec![made(kind), attached()], put_object(30, SCP_DENIES)), found, "{kind}");
    }
}

#[test]
fn what_takes_a_policy_away_brings_no_deny() {
    let change = |minute, name: &str| {
        let parameters = json!({"policyId": "p-abcd1234", "targetId": "111122223333"});
        event(minute, "organizations", name, parameters)
    };
    let (attached, detached) = (|| change(10, "AttachPolicy"), || change(20, "DetachPolicy"));
    assert_eq!(blamed(vec![attached(), detached()], put_object(30, SCP_DENIES)), None);
    let possible = Some(said("DetachPolicy", 20, Certainty::Possible));
    assert_eq!(blamed(vec![detached()], put_object(30, SCP_DENIES)), possible);
}
