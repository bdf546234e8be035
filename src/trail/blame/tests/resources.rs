//! What the policies, states and settings of buckets, keys and endpoints do.

use super::*;

#[test]
fn a_deny_for_another_principal_is_not_to_blame() {
    let deny = |principal: Value| json!({"Sid": "Lock", "Effect": "Deny", "Principal": principal, "Action": "s3:Put*", "Resource": "arn:aws:s3:::orders/*"});
    let blamed = |bucket, principal| {
        blamed(vec![bucket_policy(20, bucket, deny(principal))], put_object(30, BUCKET_DENIES))
    };
    let shown = Some(said("PutBucketPolicy", 20, Certainty::Shown));
    assert_eq!(blamed("orders", json!("*")), shown);
    assert_eq!(blamed("orders", json!({"AWS": [ROLE]})), shown);
    assert_eq!(blamed("orders", json!({"AWS": "arn:aws:iam::111122223333:role/other"})), None);
    assert_eq!(blamed("orders", json!({"Service": "delivery.logs.amazonaws.com"})), None);
    assert_eq!(blamed("old-orders", json!("*")), None);
}

#[test]
fn a_deny_on_condition_is_likely_and_no_more() {
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::orders/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
    assert_eq!(
        blamed(vec![bucket_policy(20, "orders", deny)], put_object(30, BUCKET_DENIES)),
        Some(said("PutBucketPolicy", 20, Certainty::Likely))
    );
}

#[test]
fn a_key_that_is_enabled_again_or_another_one_is_not_to_blame() {
    let decrypt = || refused(30, "kms:Decrypt", KEY, "");
    let id = KEY.rsplit('/').next().unwrap();
    let state = |minute, name: &str, key: &str| event(minute, "kms", name, json!({"keyId": key}));
    let disabled = Some(said("DisableKey", 10, Certainty::Likely));
    assert_eq!(blamed(vec![state(10, "DisableKey", id)], decrypt()), disabled);
    assert_eq!(blamed(vec![state(10, "DisableKey", KEY)], decrypt()), disabled);
    assert_eq!(blamed(vec![state(10, "DisableKey", id), state(20, "EnableKey", KEY)], decrypt()), None);
    assert_eq!(
        blamed(vec![state(10, "DisableKey", "99999999-12ab-34cd-56ef-1234567890ab")], decrypt()),
        None
    );
    let mut unusable = decrypt();
    unusable.error_code = Some("DisabledException".into());
    unusable.error_message = Some(format!("{KEY} is disabled."));
    let shown = Some(said("DisableKey", 10, Certainty::Shown));
    assert_eq!(blamed(vec![state(10, "DisableKey", id)], unusable.clone()), shown);
    assert_eq!(blamed(vec![attach(10, "DetachRolePolicy", WRITE)], unusable.clone()), None);
    unusable.event_source = "s3.amazonaws.com".into();
    unusable.event_name = "PutObject".into();
    unusable.error_code = Some("KMS.DisabledException".into());
    assert_eq!(blamed(vec![state(10, "DisableKey", id)], unusable), shown, "through S3");
    // AWS says that a permission is missing, which the key's state is none of.
    let named =
        refused(30, "kms:Decrypt", KEY, "because no identity-based policy allows the kms:Decrypt action");
    assert_eq!(blamed(vec![state(10, "DisableKey", id)], named), None);
}

#[test]
fn a_bucket_or_catalog_that_is_encrypted_with_the_key_since_is_to_blame() {
    let denied = || {
        refused(
            30,
            "kms:GenerateDataKey",
            KEY,
            "because no identity-based policy allows the kms:GenerateDataKey action",
        )
    };
    let bucket = |minute, key: &str| {
        let by_default =
            json!({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}});
        let rule = json!({"Rule": by_default});
        event(
            minute,
            "s3",
            "PutBucketEncryption",
            json!({"bucketName": "orders", "ServerSideEncryptionConfiguration": rule}),
        )
    };
    let catalog = |minute, key: &str| {
        let at_rest = json!({"catalogEncryptionMode": "SSE-KMS", "sseAwsKmsKeyId": key});
        let settings = json!({"dataCatalogEncryptionSettings": {"encryptionAtRest": at_rest}});
        event(minute, "glue", "PutDataCatalogEncryptionSettings", settings)
    };
    let id = KEY.rsplit('/').next().unwrap();
    let other = KEY.replace("1234abcd", "9999abcd");
    let by_bucket = Some(said("PutBucketEncryption", 10, Certainty::Likely));
    assert_eq!(blamed(vec![bucket(10, KEY)], denied()), by_bucket);
    assert_eq!(blamed(vec![bucket(10, id)], denied()), by_bucket);
    assert_eq!(blamed(vec![bucket(10, &other)], denied()), None);
    assert_eq!(blamed(vec![bucket(10, KEY), bucket(20, &other)], denied()), None, "another key since");
    let by_catalog = Some(said("PutDataCatalogEncryptionSettings", 10, Certainty::Likely));
    assert_eq!(blamed(vec![catalog(10, KEY)], denied()), by_catalog);
    assert_eq!(blamed(vec![catalog(10, &other)], denied()), None);
}

#[test]
fn a_grant_of_another_s_that_is_revoked_is_not_to_blame() {
    let denied =
        || refused(30, "kms:Decrypt", KEY, "because no resource-based policy allows the kms:Decrypt action");
    let id = KEY.rsplit('/').next().unwrap();
    let grant = |grantee: &str, operation: &str| {
        let parameters = json!({"keyId": KEY, "granteePrincipal": grantee, "operations": [operation]});
        let mut event = event(5, "kms", "CreateGrant", parameters);
        event.response_elements = json!({"grantId": "abc", "keyId": KEY});
        event
    };
    let revoke = || event(10, "kms", "RevokeGrant", json!({"keyId": id, "grantId": "abc"}));
    assert_eq!(
        blamed(vec![grant(ROLE, "Decrypt"), revoke()], denied()),
        Some(said("RevokeGrant", 10, Certainty::Likely))
    );
    assert_eq!(
        blamed(vec![grant("arn:aws:iam::111122223333:role/other", "Decrypt"), revoke()], denied()),
        None
    );
    assert_eq!(blamed(vec![grant(ROLE, "Encrypt"), revoke()], denied()), None);
    assert_eq!(blamed(vec![revoke()], denied()), Some(said("RevokeGrant", 10, Certainty::Possible)));
}

#[test]
fn an_endpoint_s_policy_is_read_where_ec2_keeps_it() {
    let mut denied = put_object(30, "with an explicit deny in a VPC endpoint policy");
    denied.vpc_endpoint_id = Some("vpce-0a1b2c3d4e5f67890".into());
    let deny =
        json!({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": "*"}]});
    let modified = |id: &str| {
        let request = json!({"VpcEndpointId": id, "PolicyDocument": deny.to_string()});
        event(20, "ec2", "ModifyVpcEndpoint", json!({"ModifyVpcEndpointRequest": request}))
    };
    assert_eq!(
        blamed(vec![modified("vpce-0a1b2c3d4e5f67890")], denied.clone()),
        Some(said("ModifyVpcEndpoint", 20, Certainty::Shown))
    );
    assert_eq!(blamed(vec![modified("vpce-99999999999999999")], denied), None);
}

#[test]
fn the_public_access_block_of_another_account_is_not_to_blame() {
    let prevented =
        "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access";
    let blocked = |account: &str| {
        let all = json!({"PublicAccessBlockConfiguration": {"BlockPublicPolicy": true}});
        let mut event = event(20, "s3", "PutAccountPublicAccessBlock", all);
        event.recipient_account = Some(account.into());
        event
    };
    for clause in [prevented, ""] {
        let found = timeline(vec![blocked("444455556666")], put_object(30, clause));
        assert_eq!(told(&found), None, "{clause}");
        assert_eq!(found.entries.len(), 1, "{:?}", found.entries);
        let found = blamed(vec![blocked("111122223333")], put_object(30, clause));
        assert_eq!(
            found.map(|(event, _)| event).as_deref(),
            Some("PutAccountPublicAccessBlock-20"),
            "{clause}"
        );
    }
}

#[test]
fn a_replica_of_the_key_in_another_region_is_another_key() {
    let id = "mrk-1234abcd12ab34cd56ef1234567890ab";
    let disabled = |region: &str| {
        let mut event = event(10, "kms", "DisableKey", json!({"keyId": id}));
        event.region = region.into();
        event
    };
    let denied = || refused(30, "kms:Decrypt", &format!("arn:aws:kms:eu-west-1:111122223333:key/{id}"), "");
    assert_eq!(blamed(vec![disabled("us-east-1")], denied()), None);
    assert_eq!(
        blamed(vec![disabled("eu-west-1")], denied()),
        Some(said("DisableKey", 10, Certainty::Likely))
    );
}

#[test]
fn an_allow_of_the_resource_that_is_gone_is_missed_where_none_of_the_role_s_allows() {
    let put = |minute, principal: Value| {
        let allow =
            json!({"Sid": "W", "Effect": "Allow", "Principal": principal, "Action": "s3:*", "Resource": "*"});
        let parameters = json!({"bucketName": "orders", "bucketPolicy": {"Statement": [allow]}});
        event(minute, "s3", "PutBucketPolicy", parameters)
    };
    let gone = || event(20, "s3", "DeleteBucketPolicy", json!({"bucketName": "orders"}));
    let likely = Some(said("DeleteBucketPolicy", 20, Certainty::Likely));
    let by = |principal| blamed(vec![put(10, principal), gone()], put_object(30, NONE_ALLOWS));
    assert_eq!(by(json!({"AWS": ROLE})), likely);
    // To name the account leaves it to the role's own policies.
    assert_eq!(by(json!({"AWS": "arn:aws:iam::111122223333:root"})), None);
    assert_eq!(by(json!({"AWS": "arn:aws:iam::111122223333:role/other"})), None);
    assert_eq!(blamed(vec![gone()], put_object(30, NONE_ALLOWS)), None);
}

#[test]
fn a_deny_for_a_session_may_be_for_another_one() {
    let deny = json!({"Sid": "D", "Effect": "Deny", "Action": "s3:*", "Resource": "*",
        "Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/orders/other"}});
    let parameters = json!({"bucketName": "orders", "bucketPolicy": {"Statement": [deny]}});
    let put = event(20, "s3", "PutBucketPolicy", parameters);
    let likely = Some(said("PutBucketPolicy", 20, Certainty::Likely));
    assert_eq!(blamed(vec![put], put_object(30, BUCKET_DENIES)), likely);
}

#[test]
fn the_encryption_of_a_bucket_that_was_not_asked_is_not_to_blame() {
    let encrypted = |bucket: &str| {
        let rule =
            json!({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}});
        let parameters = json!({"bucketName": bucket, "ServerSideEncryptionConfiguration": {"Rule": rule}});
        event(20, "s3", "PutBucketEncryption", parameters)
    };
    let refused = || {
        let mut refused = refused(30, "kms:GenerateDataKey", KEY, "");
        refused.event_source = "s3.amazonaws.com".into();
        refused.event_name = "PutObject".into();
        refused.request_parameters = json!({"bucketName": "orders", "key": "a"});
        refused
    };
    let likely = || Some(said("PutBucketEncryption", 20, Certainty::Likely));
    assert_eq!(blamed(vec![encrypted("orders")], refused()), likely());
    assert_eq!(blamed(vec![encrypted("other")], refused()), None);
    let by_kms = || {
        let mut refused = super::refused(30, "kms:GenerateDataKey", KEY, "");
        refused.request_parameters = json!({"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::orders/a"}});
        refused
    };
    assert_eq!(blamed(vec![encrypted("orders")], by_kms()), likely());
    assert_eq!(blamed(vec![encrypted("other")], by_kms()), None);
}

#[test]
fn a_role_made_anew_is_another_one_to_the_policies_of_resources() {
    let change = |minute, name: &str| event(minute, "iam", name, json!({"roleName": "orders"}));
    let denied = put_object(30, "because no resource-based policy allows the s3:PutObject action");
    let found = blamed(vec![change(10, "DeleteRole"), change(20, "CreateRole")], denied);
    assert_eq!(found, Some(said("CreateRole", 20, Certainty::Possible)));
}
