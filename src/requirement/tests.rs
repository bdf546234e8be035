//! What connectors need, made concrete for facts of every kind.

use super::*;
use crate::facts::{Bucket, BucketHead, Database, DatabaseMetadata, Encryption, RoleName, Table};

fn facts(connector: &str, parameters: &[(&str, &str)]) -> Facts {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let connector = ConnectorTarget {
        connector: connector.to_owned(),
        parameters: parameters.iter().map(pair).collect(),
        definition: None,
    };
    let account = Some("111122223333".parse().unwrap());
    let target = Target {
        role: RoleName { name: "r".to_owned(), path: None, account, partition: None },
        external_id: None,
        region: Some("eu-west-1".to_owned()),
        region_given: false,
        connectors: vec![connector],
    };
    Facts::unread(target, "2026-03-02T10:00:00Z".to_owned())
}

fn needs(facts: &Facts) -> Vec<Requirement<'static>> {
    requirements(facts, Catalog::built_in())
}

fn asked(facts: &Facts, action: &str) -> Vec<Vec<String>> {
    let needs = needs(facts);
    let of_action = needs.iter().filter(|need| need.action == action);
    of_action.map(|need| need.resources.iter().map(|it| it.probe.clone()).collect()).collect()
}

#[test]
fn every_resource_is_concrete() {
    let facts = facts("s3", &[("bucket", "orders"), ("prefix", "raw/")]);
    let needs = needs(&facts);
    let put = needs.iter().find(|need| need.action == "s3:PutObject").unwrap();
    assert_eq!(put.resources[0].pattern, "arn:aws:s3:::orders/raw/*");
    assert_eq!(put.resources[0].probe, "arn:aws:s3:::orders/raw/streamkap-doctor-probe");
    assert_eq!((put.bucket(), put.prefix()), (Some("orders"), "raw/"));
    let list = needs.iter().find(|need| need.action == "s3:ListBucketMultipartUploads").unwrap();
    assert_eq!(list.resources[0].probe, "arn:aws:s3:::orders");
    assert!(needs.iter().flat_map(|need| &need.resources).all(|it| !it.probe.contains(['*', '{'])));
}

#[test]
fn the_partition_is_the_region_s() {
    let mut facts = facts("s3", &[("bucket", "orders"), ("prefix", "")]);
    facts.target.region = Some("cn-north-1".to_owned());
    assert_eq!(needs(&facts)[0].resources[0].pattern, "arn:aws-cn:s3:::orders/*");
}

#[test]
fn a_key_is_needed_only_when_the_bucket_is_known_to_have_a_customer_s() {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/k";
    let encrypted = |key: Option<&str>| Encryption {
        algorithm: "aws:kms".to_owned(),
        key: key.map(str::to_owned),
        bucket_key: false,
        blocked: Vec::new(),
    };
    for (encryption, expected) in [
        (Fact::NotAsked("not read".to_owned()), 0),
        (Fact::Known(encrypted(None)), 0),
        (Fact::Known(encrypted(Some(arn))), 2),
    ] {
        let mut facts = facts("s3", &[("bucket", "orders"), ("prefix", "")]);
        let head = Fact::Known(BucketHead { region: "eu-west-1".to_owned(), accessible: true });
        facts.buckets.insert("orders".to_owned(), Bucket { head, encryption, ..Bucket::default() });
        let needs = needs(&facts);
        let kms: Vec<_> = needs.iter().filter(|need| need.action.starts_with("kms:")).collect();
        assert_eq!(kms.len(), expected);
        assert!(kms.iter().all(|need| need.resources[0].probe == arn && need.bucket() == Some("orders")));
    }
}

#[test]
fn a_glue_action_is_asked_on_the_catalogue_the_database_and_the_table() {
    let mut facts = facts("iceberg-glue", &[("database", "sales"), ("warehouse", "s3://lake/wh")]);
    let format = Some("ICEBERG".to_owned());
    let table = |name: &str| Table { name: name.to_owned(), format: format.clone(), ..Table::default() };
    let other = Table { name: "csv".to_owned(), ..Table::default() };
    let database = Database {
        metadata: Fact::Known(DatabaseMetadata::default()),
        tables: Fact::Known(vec![table("orders"), other, table("items")]),
    };
    facts.glue.databases.insert("sales".to_owned(), database);
    let base = "arn:aws:glue:eu-west-1:111122223333:";
    let of = |table: &str| {
        vec![format!("{base}catalog"), format!("{base}database/sales"), format!("{base}table/sales/{table}")]
    };
    assert_eq!(asked(&facts, "glue:CreateTable"), [of(PROBE)]);
    assert_eq!(asked(&facts, "glue:GetTable"), [of("orders"), of("items"), of(PROBE)]);
    let table = format!("arn:aws:s3:::lake/wh/sales.db/{PROBE}");
    let data = [format!("{table}/data/00000-0-{PROBE}-00001.parquet")];
    let metadata = [format!("{table}/metadata/00000-{PROBE}.metadata.json")];
    // Rows when it writes, metadata when it commits, changes a schema or creates a table.
    assert_eq!(
        asked(&facts, "s3:PutObject"),
        [data.clone(), metadata.clone(), metadata.clone(), metadata.clone()]
    );
    // Of those it reads back metadata, and rows for compaction only.
    assert_eq!(asked(&facts, "s3:GetObject"), [metadata.clone(), metadata.clone(), metadata, data]);
    assert!(open(&facts, Catalog::built_in()).is_empty());
}

#[test]
fn the_files_of_a_table_are_asked_about_where_iceberg_puts_them() {
    let location = |origin| Location { bucket: "lake".to_owned(), prefix: "wh/".to_owned(), origin };
    let files = |origin, pattern: &str| {
        let resource = Resource::of_files(pattern.to_owned(), Some(&location(origin)), &[], &[]);
        let also = resource.also.iter().map(|it| it.probe.clone());
        [resource.probe].into_iter().chain(also).collect::<Vec<_>>()
    };
    let (database, objects) = (|| Origin::Database { name: "d".to_owned(), uri: String::new() }, "lake/wh/*");
    let table = Origin::Table { name: "t".to_owned(), uri: String::new(), side: Side::Both };
    let below = |directory: &str| {
        [
            format!("{directory}/data/00000-0-{PROBE}-00001.parquet"),
            format!("{directory}/metadata/00000-{PROBE}.metadata.json"),
            format!("{directory}/metadata/snap-0-1-{PROBE}.avro"),
            format!("{directory}/metadata/{PROBE}-m0.avro"),
        ]
    };
    assert_eq!(files(database(), objects), below(&format!("lake/wh/{PROBE}")));
    assert_eq!(files(table, objects), below("lake/wh"));
    assert_eq!(files(Origin::Parameters, objects), [format!("lake/wh/{PROBE}")]);
    assert_eq!(files(database(), "arn:aws:s3:::lake"), ["arn:aws:s3:::lake"]);
}

#[test]
fn what_cannot_be_filled_in_is_told_and_not_left_out() {
    let unread = facts("iceberg-glue", &[("database", "sales"), ("warehouse", "s3://lake/wh")]);
    let open = open(&unread, Catalog::built_in());
    let actions: Vec<&str> = open.iter().map(|it| it.need.action.as_str()).collect();
    assert!(actions.contains(&"s3:PutObject") && !actions.contains(&"glue:CreateTable"), "{actions:?}");
}

#[test]
fn tables_that_nobody_could_list_are_told_and_not_left_out() {
    let mut facts = facts("iceberg-glue", &[("database", "sales"), ("warehouse", "s3://lake/wh")]);
    let unread = Fact::NotAsked("not read".to_owned());
    for (metadata, tables, expected) in [
        (Fact::Known(DatabaseMetadata::default()), unread.clone(), true),
        (Fact::Known(DatabaseMetadata::default()), Fact::Known(Vec::new()), false),
        (Fact::Absent, unread, false),
    ] {
        facts.glue.databases.insert("sales".to_owned(), Database { metadata, tables });
        let open = open(&facts, Catalog::built_in());
        let open = open.iter().any(|it| it.need.action == "glue:GetTable");
        assert_eq!(open, expected, "{:?}", facts.glue.databases);
    }
}

#[test]
fn a_need_of_another_phase_is_none() {
    let count = |phase: &str| needs(&facts("byoc", &[("phase", phase)])).len();
    let (install, removal) = (count("install"), count("removal"));
    assert!(install > 100 && removal > 80, "{install} {removal}");
    assert_eq!(count("all"), install + removal);
    assert_eq!(needs(&facts("byoc", &[("phase", "install")]))[0].resources[0].probe, "*");
}
