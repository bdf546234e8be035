//! What is known of the calls, key by key.

use super::*;
use crate::catalog::Catalog;
use crate::facts::{
    Bucket, ConnectorTarget, Database, DatabaseMetadata, Encryption, Organization, RoleName, Target,
};
use crate::requirement::requirements;

fn facts() -> Facts {
    let target = Target {
        role: RoleName {
            name: "r".to_owned(),
            path: None,
            account: Some("111122223333".parse().unwrap()),
            partition: None,
        },
        external_id: None,
        region: Some("eu-west-1".to_owned()),
        region_given: false,
        connectors: vec![ConnectorTarget {
            connector: "s3".to_owned(),
            parameters: [("bucket", "orders"), ("prefix", "")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            definition: None,
        }],
    };
    Facts::unread(target, "2026-03-02T10:00:00Z".to_owned())
}

fn keys_of(facts: &Facts, action: &str) -> Keys {
    let mut facts = facts.clone();
    let encryption = Fact::Known(Encryption {
        algorithm: "aws:kms".to_owned(),
        key: Some("arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()),
        bucket_key: false,
        blocked: Vec::new(),
    });
    facts.buckets.insert("orders".to_owned(), Bucket { encryption, ..Bucket::default() });
    let facts = &facts;
    let needs = requirements(facts, Catalog::built_in());
    let need = needs.iter().find(|need| need.action == action).unwrap();
    keys(&Situation::of(facts, need), need, &need.resources[0])
}

#[test]
fn a_key_is_used_by_way_of_s3() {
    let keys = keys_of(&facts(), "kms:Decrypt");
    assert_eq!(keys.values["kms:ViaService"], ["s3.eu-west-1.amazonaws.com"]);
    assert_eq!(keys.values["aws:ViaAWSService"], ["true"]);
    assert_eq!(keys.values["kms:CallerAccount"], ["111122223333"]);
    assert_eq!(keys.values["aws:ResourceAccount"], ["111122223333"]);
    assert_eq!(keys_of(&facts(), "s3:PutObject").values["aws:ViaAWSService"], ["false"]);
}

#[test]
fn what_kms_and_s3_fill_in_themselves_is_never_absent() {
    let keys = keys_of(&facts(), "kms:Decrypt");
    assert_eq!(keys.values["kms:KeySpec"], ["SYMMETRIC_DEFAULT"]);
    assert_eq!(keys.values["kms:KeyUsage"], ["ENCRYPT_DECRYPT"]);
    assert_eq!(keys.values["kms:EncryptionAlgorithm"], ["SYMMETRIC_DEFAULT"]);
    assert_eq!(keys.values["kms:MultiRegion"], ["false"]);
    assert!(keys.either["kms:KeyOrigin"].iter().all(Option::is_some));
    let put = keys_of(&facts(), "s3:PutObject");
    assert!(put.either["s3:x-amz-content-sha256"].iter().all(Option::is_some));
    assert!(put.is_unknown("aws:VpceAccount") && !put.is_unknown("s3:ExistingObjectTag/team"));
}

#[test]
fn a_key_is_used_for_an_object_where_iceberg_puts_one() {
    let mut facts = facts();
    facts.target.connectors[0] = ConnectorTarget {
        connector: "iceberg-glue".to_owned(),
        parameters: [("database", "sales"), ("warehouse", "s3://orders/wh")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        definition: None,
    };
    let database =
        Database { metadata: Fact::Known(DatabaseMetadata::default()), tables: Fact::Known(Vec::new()) };
    facts.glue.databases.insert("sales".to_owned(), database);
    let keys = keys_of(&facts, "kms:GenerateDataKey");
    let probe = crate::requirement::PROBE;
    let object = format!("arn:aws:s3:::orders/wh/sales.db/{probe}/data/00000-0-{probe}-00001.parquet");
    assert_eq!(keys.values["kms:EncryptionContext:aws:s3:arn"], [object]);
}

#[test]
fn what_was_not_read_is_unknown_and_what_is_not_there_is_absent() {
    let mut facts = facts();
    let keys = keys_of(&facts, "s3:PutObject");
    assert!(keys.unknown.iter().any(|key| key == "aws:PrincipalOrgID"));
    assert!(keys.unknown.iter().any(|key| key == "aws:PrincipalTag/"));
    facts.organization = Fact::Absent;
    let keys = keys_of(&facts, "s3:PutObject");
    assert!(!keys.unknown.iter().any(|key| key.starts_with("aws:PrincipalOrg")));
    assert!(!keys.values.contains_key("aws:PrincipalOrgID"));
    facts.organization = Fact::Known(Organization {
        id: "o-1".to_owned(),
        management_account: "444455556666".parse().unwrap(),
        feature_set: "ALL".to_owned(),
    });
    assert_eq!(keys_of(&facts, "s3:PutObject").values["aws:PrincipalOrgID"], ["o-1"]);
}

#[test]
fn a_redshift_call_names_its_database_and_user() {
    let mut facts = facts();
    facts.target.connectors[0] = ConnectorTarget {
        connector: "redshift".to_owned(),
        parameters: [("cluster", "analytics"), ("db", "sales"), ("db-user", "streamkap")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        definition: None,
    };
    let keys = keys_of(&facts, "redshift:GetClusterCredentials");
    assert_eq!(keys.values["redshift:DbUser"], ["streamkap"]);
    assert_eq!(keys.values["redshift:DbName"], ["sales"]);
    let keys = keys_of(&facts, "redshift:GetClusterCredentialsWithIAM");
    assert!(!keys.values.contains_key("redshift:DbUser"));
    assert_eq!(keys.values["redshift:DbName"], ["sales"]);
    let keys = keys_of(&facts, "redshift-data:DescribeStatement");
    assert!(keys.unknown.iter().any(|key| key == "redshift-data:statement-owner-iam-userid"));
}

#[test]
fn a_resource_that_names_its_region_is_asked_for_there() {
    let situation = Situation::of(&facts(), &requirements(&facts(), Catalog::built_in())[0]);
    let region = |service: &str, arn: &str| {
        region_of(&situation, service, &Resource::new(arn.to_owned())).map(str::to_owned)
    };
    assert_eq!(region("sqs", "arn:aws:sqs:us-east-1:111122223333:q").as_deref(), Some("us-east-1"));
    assert_eq!(region("sqs", "arn:aws:sqs:*:111122223333:q"), None);
    assert_eq!(region("sqs", "*").as_deref(), Some("eu-west-1"));
    assert_eq!(region("s3", "arn:aws:s3:::orders/a").as_deref(), Some("eu-west-1"));
    assert_eq!(region("iam", "arn:aws:iam::111122223333:role/r").as_deref(), Some("us-east-1"));
}

#[test]
fn session_tags_and_headers_are_absent() {
    let keys = keys_of(&facts(), "s3:PutObject");
    for key in
        ["aws:MultiFactorAuthAge", "aws:RequestTag/team", "s3:x-amz-server-side-encryption", "s3:x-amz-acl"]
    {
        assert!(!keys.may_have(key), "{key}");
    }
    assert_eq!(keys.either["aws:SourceVpce"][0], None, "over the internet there is no endpoint");
    assert_eq!(keys.values["aws:CurrentTime"], ["2026-03-02T10:00:00Z"]);
    assert_eq!(keys.values["aws:EpochTime"], ["1772445600"]);
    assert_eq!(keys.values["aws:RequestedRegion"], ["eu-west-1"]);
}

#[test]
fn what_has_one_of_a_few_values_is_told_with_all_of_them() {
    let keys = keys_of(&facts(), "s3:PutObject");
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(keys.either["s3:TlsVersion"], [some("1.2"), some("1.3")]);
    assert_eq!(keys.either["aws:MultiFactorAuthPresent"], [None, some("false")]);
    let issued = [some("2026-03-02T09:00:00Z"), some("2026-03-02T10:00:00Z")];
    assert_eq!(keys.either["aws:TokenIssueTime"], issued);
}

#[test]
fn a_key_may_be_there_by_its_name_in_any_case_or_by_its_prefix() {
    let keys = keys_of(&facts(), "s3:PutObject");
    for key in ["AWS:sourceip", "s3:tlsversion", "aws:principaltype", "aws:PrincipalTag/team"] {
        assert!(keys.may_have(key), "{key}");
    }
    let keys = keys.with("aws:sourceIp", None).with("s3:TlsVersion", Some("1.3"));
    assert!(!keys.may_have("aws:SourceIp") && !keys.either.contains_key("s3:TlsVersion"));
    assert_eq!(keys.values["s3:TlsVersion"], ["1.3"]);
}
