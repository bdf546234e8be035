//! The phase table agrees with the checks, in every world there is: the demos, the fault worlds, and the
//! cases of every page.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests: a panic is a failed test, and a patch is written where it is used"
)]

mod common;

use common::agreement::disagreements;
use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::diagnosis::Mend;
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{PhaseState, Status};
use streamkap_doctor::report::{PhaseReport, Report};

fn report(facts: &Facts) -> Report {
    common::report(facts, Mend::Failures)
}

#[test]
fn a_demo_s_phases_agree_with_its_checks() {
    let scenarios = streamkap_doctor::demo::scenarios();
    let wrong: Vec<String> = scenarios
        .iter()
        .flat_map(|it| disagreements(it.name, &streamkap_doctor::demo::facts(it.name).unwrap()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_fault_world_s_phases_agree_with_its_checks() {
    let wrong: Vec<String> =
        common::fault_worlds().flat_map(|(name, facts)| disagreements(&name, &facts)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_page_case_s_phases_agree_with_the_checks() {
    let mut wrong = Vec::new();
    for page in &Catalog::built_in().pages {
        for block in page.body.split("\n```json ").skip(1) {
            let (info, rest) = block.split_once('\n').unwrap();
            let text = rest.split("\n```").next().unwrap();
            let Ok(patch) = serde_json::from_str::<Value>(text) else { continue };
            let name = format!("{} {info}", page.id);
            wrong.extend(disagreements(&name, &common::facts(common::patched(patch)).unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{} worlds\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn it_works_until_the_first_new_table() {
    let mut world = common::world("iceberg-glue");
    let policies = world["managed_policies"].as_object_mut().unwrap();
    let text = serde_json::to_string(policies).unwrap();
    let narrowed = text.replace(":table/sales/*", ":table/sales/orders");
    assert_ne!(text, narrowed);
    world["managed_policies"] = serde_json::from_str(&narrowed).unwrap();
    world["simulations"] = Value::Array(Vec::new());
    let report = report(&common::facts(world).unwrap());
    let phases = &report.target.connectors[0].phases;
    let state = |name: &str| phases.iter().find(|it| it.phase == name).unwrap();
    assert_eq!(state("new table").state, PhaseState::Broken, "{phases:?}");
    assert!(state("new table").actions.contains(&"glue:CreateTable".to_owned()), "{phases:?}");
    for phase in ["start", "write", "commit", "schema change"] {
        assert_ne!(state(phase).state, PhaseState::Broken, "{:?}", state(phase));
    }
}

/// The phases of an Iceberg connector whose account is in no organisation, the healthy world patched.
fn iceberg(patch: Value) -> Vec<PhaseReport> {
    let mut world = common::world("iceberg-glue");
    world["organization"] = json!({"state": "absent"});
    world["simulations"] = json!([]);
    common::merge(&mut world, &patch);
    let report = report(&common::facts(world).unwrap());
    report.target.connectors.into_iter().next().unwrap().phases
}

/// The phases that are in a state.
fn those(phases: &[PhaseReport], state: PhaseState) -> Vec<&str> {
    phases.iter().filter(|it| it.state == state).map(|it| it.phase.as_str()).collect()
}

/// The database's own location, with the tables that there are.
fn database(location: &str, tables: &[(&str, &str)]) -> Value {
    let table =
        |(name, location): &(&str, &str)| json!({"name": name, "location": location, "format": "ICEBERG"});
    let tables: Vec<Value> = tables.iter().map(table).collect();
    json!({"glue": {"databases": {"sales": {
        "metadata": {"value": {"location": location}},
        "tables": {"state": "known", "value": tables},
    }}}})
}

/// The role's policy with one more statement that denies writing to these objects.
fn denying(resource: &str) -> Value {
    let world = common::world("iceberg-glue");
    let arn = "arn:aws:iam::111122223333:policy/StreamkapIcebergAccess";
    let mut statements = world["managed_policies"][arn]["value"]["document"]["Statement"].clone();
    let deny = json!({"Sid": "No", "Effect": "Deny", "Action": "s3:PutObject", "Resource": resource});
    statements.as_array_mut().unwrap().push(deny);
    json!({"managed_policies": {arn: {"value": {"document": {"Statement": statements}}}}})
}

#[test]
fn a_refused_metadata_file_lets_rows_be_written_and_nothing_be_committed() {
    let phases = iceberg(denying("arn:aws:s3:::acme-lake/warehouse/*/metadata/*"));
    let broken = those(&phases, PhaseState::Broken);
    assert!(broken.contains(&"commit") && broken.contains(&"new table"), "{phases:?}");
    assert!(those(&phases, PhaseState::Ok).contains(&"write"), "{phases:?}");
    let phases = iceberg(denying("arn:aws:s3:::acme-lake/warehouse/*/data/*"));
    let broken = those(&phases, PhaseState::Broken);
    assert!(broken.contains(&"write") && broken.contains(&"new table"), "{phases:?}");
    assert!(those(&phases, PhaseState::Ok).contains(&"commit"), "{phases:?}");
}

/// The same that denies reading these objects, or writing and reading them.
fn refusing(actions: Value, resource: &str) -> Value {
    let mut patch = denying(resource);
    let arn = "arn:aws:iam::111122223333:policy/StreamkapIcebergAccess";
    let statements = &mut patch["managed_policies"][arn]["value"]["document"]["Statement"];
    statements.as_array_mut().unwrap().last_mut().unwrap()["Action"] = actions;
    patch
}

#[test]
fn each_phase_reads_and_writes_its_own_files() {
    let all = ["start", "write", "commit", "new table", "schema change", "maintenance"];
    let both = || json!(["s3:GetObject", "s3:PutObject"]);
    for (actions, resource, expected) in [
        (json!("s3:GetObject"), "*.parquet", &[][..]),
        (json!("s3:GetObject"), "*.avro", &["commit", "new table"]),
        (json!("s3:GetObject"), "*-m0.avro", &["commit", "new table"]),
        (json!("s3:PutObject"), "*/snap-*.avro", &["commit", "new table"]),
        (both(), "*.avro", &["commit", "new table"]),
        (json!("s3:GetObject"), "*.metadata.json", &["start", "commit", "new table", "schema change"]),
        (json!("s3:PutObject"), "*.metadata.json", &["commit", "new table", "schema change"]),
        (json!("s3:PutObject"), "*.parquet", &["write", "new table"]),
    ] {
        let phases = iceberg(refusing(actions, &format!("arn:aws:s3:::acme-lake/{resource}")));
        assert_eq!(those(&phases, PhaseState::Broken), expected, "{resource}: {phases:?}");
        // Compaction alone reads rows, and is off unless it is set up.
        let well = all.iter().filter(|it| !expected.contains(it));
        let cost = if resource == "*.parquet" && expected.is_empty() { &["maintenance"][..] } else { &[] };
        assert_eq!(those(&phases, PhaseState::AtACost), cost, "{resource}: {phases:?}");
        let ok = those(&phases, PhaseState::Ok);
        assert!(well.filter(|it| !cost.contains(it)).all(|it| ok.contains(it)), "{resource}: {phases:?}");
    }
}

#[test]
fn a_bucket_s_policy_that_denies_metadata_files_breaks_the_commit_alone() {
    let deny = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
        "Action": "s3:PutObject", "Resource": "arn:aws:s3:::acme-lake/*/metadata/*"}]});
    let policy = json!({"state": "known", "value": deny.to_string()});
    let phases = iceberg(json!({"buckets": {"acme-lake": {"policy": policy}}}));
    assert!(those(&phases, PhaseState::Broken).contains(&"commit"), "{phases:?}");
    assert!(those(&phases, PhaseState::Ok).contains(&"write"), "{phases:?}");
}

#[test]
fn where_new_tables_may_not_lie_those_that_lie_elsewhere_go_on() {
    let orders = "s3://acme-lake/warehouse/sales.db/orders";
    let phases = iceberg(database("s3://acme-lake/elsewhere", &[("orders", orders)]));
    assert_eq!(those(&phases, PhaseState::Broken), ["new table"], "{phases:?}");
    for phase in ["start", "write", "commit", "schema change"] {
        assert!(those(&phases, PhaseState::Ok).contains(&phase), "{phase}: {phases:?}");
    }
    // A table that lies there is one that exists, and without any all tables are new.
    for tables in [&[("orders", "s3://acme-lake/elsewhere/orders")][..], &[]] {
        let phases = iceberg(database("s3://acme-lake/elsewhere", tables));
        let broken = those(&phases, PhaseState::Broken);
        assert!(["write", "new table"].iter().all(|it| broken.contains(it)), "{phases:?}");
    }
}

/// The phases of the fault world of this name.
fn of_world(name: &str) -> Vec<PhaseReport> {
    let (_, facts) =
        common::fault_worlds().find(|(path, _)| path.ends_with(&format!("/{name}.json"))).unwrap();
    report(&facts).target.connectors.into_iter().next().unwrap().phases
}

#[test]
fn tables_that_exist_and_those_that_are_to_be_made_are_told_apart() {
    for (world, broken) in [
        ("one-table-denied", &["write", "commit", "schema change"][..]),
        ("one-table-denied-by-bucket", &["write", "commit", "schema change"]),
        ("boundary-denies-one-table", &["write", "commit", "schema change"]),
        ("many-tables-denied", &["write", "commit", "schema change"]),
        ("existing-tables-only", &["new table"]),
        ("metadata-json-denied", &["commit", "new table", "schema change"]),
        ("endings-allowed", &[]),
        ("no-table-and-none-can-be-made", &["write", "commit", "new table"]),
    ] {
        let phases = of_world(world);
        assert_eq!(those(&phases, PhaseState::Broken), broken, "{world}: {phases:?}");
        assert!(those(&phases, PhaseState::Unknown).is_empty(), "{world}: {phases:?}");
    }
}

#[test]
fn a_table_that_is_named_is_the_only_one_that_counts() {
    let tables: Vec<(String, String)> = ["orders", "items"]
        .map(|name| (name.to_owned(), format!("s3://acme-lake/warehouse/sales.db/{name}")))
        .into();
    let tables: Vec<(&str, &str)> = tables.iter().map(|(name, uri)| (&**name, &**uri)).collect();
    let mut patch = database("s3://acme-lake/warehouse/sales.db", &tables);
    common::merge(&mut patch, &denying("arn:aws:s3:::acme-lake/warehouse/sales.db/items/*"));
    let world = common::world("iceberg-glue");
    for (named, is_broken) in [("orders", false), ("items", true)] {
        let mut target = world["target"].clone();
        target["connectors"][0]["parameters"]["table"] = json!(named);
        patch["target"] = target;
        let phases = iceberg(patch.clone());
        assert_eq!(those(&phases, PhaseState::Broken).contains(&"write"), is_broken, "{named}: {phases:?}");
    }
}

#[test]
fn where_lake_formation_may_hide_tables_the_first_rows_are_left_open() {
    let (_, facts) =
        common::fault_worlds().find(|(path, _)| path.contains("no-table-and-none-can-be-made")).unwrap();
    let mut facts = facts;
    facts.lake_formation.settings = streamkap_doctor::facts::Fact::NotAsked("not read".to_owned());
    let phases = report(&facts).target.connectors.into_iter().next().unwrap().phases;
    assert_eq!(those(&phases, PhaseState::Broken), ["new table"], "{phases:?}");
    let unknown = those(&phases, PhaseState::Unknown);
    assert!(unknown.contains(&"write") && unknown.contains(&"commit"), "{phases:?}");
}

#[test]
fn commits_to_tables_in_a_registered_location_are_open_without_access_to_it() {
    let phases = of_world("registered-location");
    assert_eq!(those(&phases, PhaseState::Broken), ["new table"], "{phases:?}");
    assert_eq!(those(&phases, PhaseState::Unknown), ["commit", "schema change"], "{phases:?}");
}

#[test]
fn a_service_control_policy_about_one_table_breaks_what_is_written_to_it() {
    let mut world = common::world("iceberg-glue");
    let simulations = world["simulations"].as_array_mut().unwrap();
    let mut denied = simulations.iter().find(|it| it["action"] == "s3:PutObject").unwrap().clone();
    let resource =
        denied["resource"].as_str().unwrap().replace("sales.db/streamkap-doctor-probe", "sales.db/orders");
    denied["resource"] = json!(resource);
    denied["result"]["value"] = json!({"decision": "explicitDeny", "matched": [], "missing_context": [],
        "allowed_by_organization": false, "without_scps": "allowed"});
    simulations.push(denied);
    let report = report(&common::facts(world).unwrap());
    let failing = report.checks.iter().filter(|it| it.status == Status::Fail).map(|it| it.id.to_string());
    assert_eq!(failing.collect::<Vec<_>>(), ["LATER-005"]);
    let phases = &report.target.connectors[0].phases;
    assert_eq!(those(phases, PhaseState::Broken), ["write", "commit", "schema change"], "{phases:?}");
}

#[test]
fn a_table_elsewhere_does_not_count_where_another_one_is_named() {
    let tables = [("orders", "s3://acme-lake/warehouse/sales.db/orders"), ("items", "s3://acme-lake/items")];
    let patch = database("s3://acme-lake/warehouse/sales.db", &tables);
    let phases = iceberg(patch.clone());
    assert!(those(&phases, PhaseState::Broken).contains(&"write"), "{phases:?}");
    let world = common::world("iceberg-glue");
    for (named, is_broken) in [("orders", false), ("Orders", false), ("items", true)] {
        let mut target = world["target"].clone();
        target["connectors"][0]["parameters"]["table"] = json!(named);
        let mut patch = patch.clone();
        patch["target"] = target;
        let phases = iceberg(patch);
        assert_eq!(those(&phases, PhaseState::Broken).contains(&"write"), is_broken, "{named}: {phases:?}");
    }
}

/// The warehouse's bucket with a customer key whose policy leaves it to IAM: the role is allowed these uses.
fn encrypted(uses: &[&str]) -> Value {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/4e1c";
    let administered = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]});
    let world = common::world("iceberg-glue");
    let arn = "arn:aws:iam::111122223333:policy/StreamkapIcebergAccess";
    let mut statements = world["managed_policies"][arn]["value"]["document"]["Statement"].clone();
    let allow = json!({"Sid": "Key", "Effect": "Allow", "Action": uses, "Resource": key});
    statements.as_array_mut().unwrap().push(allow);
    json!({
        "managed_policies": {arn: {"value": {"document": {"Statement": statements}}}},
        "buckets": {"acme-lake": {"encryption": {"state": "known", "value":
            {"algorithm": "aws:kms", "key": key, "bucket_key": true, "blocked": []}}}},
        "keys": {key: {
            "metadata": {"state": "known", "value": {"arn": key, "state": "Enabled", "manager": "CUSTOMER",
                "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT"}},
            "policy": {"state": "known", "value": administered},
            "grants": {"state": "known", "value": []},
        }},
    })
}

#[test]
fn metadata_files_are_written_and_read_with_the_key_of_their_bucket() {
    let phases = iceberg(encrypted(&["kms:GenerateDataKey"]));
    let broken = those(&phases, PhaseState::Broken);
    // Files of rows of more than 48 MiB are uploaded in parts, which takes kms:Decrypt.
    assert_eq!(broken, ["start", "write", "commit", "new table", "schema change"], "{phases:?}");
    let phases = iceberg(encrypted(&["kms:Decrypt"]));
    let broken = those(&phases, PhaseState::Broken);
    assert_eq!(broken, ["write", "commit", "new table", "schema change"], "{phases:?}");
    let phases = iceberg(encrypted(&["kms:GenerateDataKey", "kms:Decrypt"]));
    assert!(those(&phases, PhaseState::Broken).is_empty(), "{phases:?}");
}

/// The same without a Bucket Key: the key's policy denies its use for these objects.
fn encrypted_but_for(object: &str) -> Value {
    let mut patch = encrypted(&["kms:GenerateDataKey", "kms:Decrypt"]);
    let encryption = &mut patch["buckets"]["acme-lake"]["encryption"];
    encryption["value"]["bucket_key"] = json!(false);
    let key = encryption["value"]["key"].as_str().unwrap().to_owned();
    let policy = &mut patch["keys"][&key]["policy"]["value"];
    policy["Statement"].as_array_mut().unwrap().push(json!({"Sid": "No", "Effect": "Deny",
        "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*",
        "Condition": {"StringLike": {"kms:EncryptionContext:aws:s3:arn": object}}}));
    patch
}

#[test]
fn a_key_is_asked_for_each_object_that_it_is_used_for() {
    let broken = |object: &str| {
        let phases = iceberg(encrypted_but_for(&format!("arn:aws:s3:::acme-lake/warehouse/{object}")));
        those(&phases, PhaseState::Broken).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(broken("sales.db/other/*"), [""; 0]);
    // A table that exists, of which the key's policy says something.
    assert_eq!(broken("sales.db/orders/*"), ["start", "write", "commit", "schema change"]);
    assert_eq!(broken("sales.db/orders/data/*"), ["write"]);
    assert_eq!(broken("sales.db/*.avro"), ["commit", "new table"]);
}

#[test]
fn a_location_outside_of_s3_breaks_what_is_to_lie_there() {
    let orders = "s3://acme-lake/warehouse/sales.db/orders";
    let phases = iceberg(database("hdfs://nodes/sales", &[("orders", orders)]));
    assert_eq!(those(&phases, PhaseState::Broken), ["new table"], "{phases:?}");
    let phases = iceberg(database("hdfs://nodes/sales", &[]));
    assert_eq!(those(&phases, PhaseState::Broken), ["write", "commit", "new table"], "{phases:?}");
    let phases = iceberg(database("s3://acme-lake/warehouse/sales.db", &[("orders", "hdfs://nodes/orders")]));
    let broken = those(&phases, PhaseState::Broken);
    assert!(broken.contains(&"write") && !broken.contains(&"new table"), "{phases:?}");
}

#[test]
fn what_hangs_on_tables_that_nobody_saw_is_unknown() {
    let refusal =
        json!({"state": "denied", "value": {"action": "glue:GetTables", "message": "not authorized"}});
    let phases = iceberg(json!({"glue": {"databases": {"sales": {"tables": refusal}}}}));
    let unknown = those(&phases, PhaseState::Unknown);
    for phase in ["start", "write", "commit", "schema change"] {
        assert!(unknown.contains(&phase), "{phase}: {phases:?}");
    }
    assert!(those(&phases, PhaseState::Ok).contains(&"new table"), "{phases:?}");
}

#[test]
fn what_service_control_policies_may_refuse_is_unknown() {
    let refusal =
        json!({"state": "denied", "value": {"action": "iam:SimulatePrincipalPolicy", "message": "no"}});
    for world in ["healthy", "iceberg-glue"] {
        let mut world = common::world(world);
        for simulation in world["simulations"].as_array_mut().unwrap() {
            simulation["result"] = refusal.clone();
        }
        let report = report(&common::facts(world).unwrap());
        let phases = &report.target.connectors[0].phases;
        // What a connector can do without is as unknown as what it cannot.
        assert!(those(phases, PhaseState::Ok).iter().all(|it| *it == "start"), "{phases:?}");
        assert!(those(phases, PhaseState::Unknown).contains(&"write"), "{phases:?}");
    }
}

#[test]
fn what_hangs_on_a_policy_that_may_be_about_another_cluster_is_unknown() {
    let mut world = common::world("redshift");
    world["inline_policy_names"] =
        json!({"state": "denied", "value": {"action": "iam:ListRolePolicies", "message": "no"}});
    let report = report(&common::facts(world).unwrap());
    let phases = &report.target.connectors[0].phases;
    assert_eq!(those(phases, PhaseState::Unknown), ["start"], "{phases:?}");
}

#[test]
fn a_policy_about_another_cluster_breaks_no_phase_and_a_paused_cluster_does() {
    for (fault, broken) in [
        ("user-of-another-cluster", vec![]),
        ("cluster-with-a-slash", vec![]),
        ("cluster-paused", vec!["start"]),
        ("cluster-absent", vec!["start"]),
    ] {
        let (_, facts) = common::fault_worlds().find(|(name, _)| name.contains(fault)).unwrap();
        let report = report(&facts);
        let phases = &report.target.connectors[0].phases;
        assert_eq!(those(phases, PhaseState::Broken), broken, "{fault}: {phases:?}");
        // The connector logs in with user and password: a statement about another cluster costs it nothing.
        let status = if broken.is_empty() { Status::Warn } else { Status::Fail };
        let told = report.checks.iter().filter(|it| matches!(it.status, Status::Fail | Status::Warn));
        let told: Vec<_> = told.map(|it| (it.id.to_string(), it.status)).collect();
        assert_eq!(told, [("WRITE-012".to_owned(), status)], "{fault}");
    }
}

#[test]
fn a_bucket_that_nobody_read_leaves_those_connectors_alone_that_write_elsewhere() {
    let mut world = common::world("iceberg-glue");
    let s3 = json!({"connector": "s3", "parameters": {"bucket": "orders-landing", "prefix": ""}});
    world["target"]["connectors"].as_array_mut().unwrap().push(s3);
    world["organization"] = json!({"state": "absent"});
    let refusal = json!({"state": "denied", "value": {"action": "s3:ListBucket", "message": "no"}});
    for part in ["head", "object_lock", "policy", "encryption"] {
        world["buckets"]["orders-landing"][part] = refusal.clone();
    }
    let report = report(&common::facts(world).unwrap());
    let [iceberg, s3] = &report.target.connectors[..] else { panic!("{:?}", report.target) };
    assert!(iceberg.phases.iter().all(|it| it.state == PhaseState::Ok), "{:?}", iceberg.phases);
    assert!(s3.phases.iter().all(|it| it.state != PhaseState::Ok || it.phase == "start"), "{:?}", s3.phases);
}

/// The places of all facts in a world, as JSON pointers.
fn facts_in(value: &Value, at: &str, found: &mut Vec<String>) {
    if value.get("state").is_some_and(Value::is_string) {
        found.push(at.to_owned());
        return;
    }
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    for (key, member) in value.as_object().into_iter().flatten() {
        facts_in(member, &format!("{at}/{}", escaped(key)), found);
    }
    for (index, member) in value.as_array().into_iter().flatten().enumerate() {
        facts_in(member, &format!("{at}/{index}"), found);
    }
}

#[test]
fn whatever_fact_is_refused_the_phases_agree_with_the_checks_and_none_is_broken() {
    let refusal = json!({"state": "denied", "value": {"action": "s3:GetBucketPolicy", "message": "no"}});
    let mut wrong = Vec::new();
    for name in common::HEALTHY {
        let world = common::world(name);
        let mut places = Vec::new();
        facts_in(&world, "", &mut places);
        // One simulation is like the others.
        places.retain(|it| !it.starts_with("/simulations/") || it.starts_with("/simulations/0/"));
        assert!(places.len() > 5, "{name}: {places:?}");
        for place in places {
            let mut world = world.clone();
            *world.pointer_mut(&place).unwrap() = refusal.clone();
            let facts = common::facts(world).unwrap();
            wrong.extend(disagreements(&format!("{name} without {place}"), &facts));
            let broken = report(&facts).target.connectors.into_iter().flat_map(|it| it.phases);
            let broken = broken.filter(|it| it.state == PhaseState::Broken);
            wrong.extend(broken.map(|it| format!("{name} without {place}: {it:?}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
