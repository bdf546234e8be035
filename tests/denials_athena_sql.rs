//! Athena's SQL, executed for real: DuckDB over converted records, the dialect translated by sqlglot.
//!
//! What it selects must be what [`Scope::wants`] wants of the same records. Both Python packages are
//! pinned and installed under `target/` on the first run.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "helpers of tests: a panic is a failed test, and a story is told in one piece"
)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use streamkap_doctor::denials::{
    COLUMNS, Partitions, RoleFilter, Scope, TableLayout, Window, athena_ddl, athena_query, event_of_row,
};
use streamkap_doctor::trail::{Event, is_history_of};

const PACKAGES: [&str; 2] = ["duckdb==2.0.0", "sqlglot==30.30.0"];

/// A Python with the packages.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("athena-venv");
        let python = folder.join("bin/python");
        let run = |command: &mut Command| {
            let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            assert!(status.success(), "{command:?} failed");
        };
        if !folder.join("ready").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES));
            std::fs::write(folder.join("ready"), "").unwrap();
        }
        python
    })
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/athena/run.py")
}

/// A denial of a session of `issuer`, delivered on `day` into the folders of its account and region.
fn record(
    id: &str,
    issuer: Option<&str>,
    session: &str,
    code: &str,
    time: &str,
    place: (&str, &str, &str),
) -> Value {
    let (account, region, day) = place;
    json!({
        "eventID": id, "eventTime": time, "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
        "awsRegion": region, "recipientAccountId": account, "errorCode": code, "errorMessage": "Access Denied",
        "readOnly": false, "requestParameters": {"bucketName": "it's", "key": "k"},
        "userIdentity": {"type": "AssumedRole", "arn": session, "sessionContext":
            issuer.map(|arn| json!({"sessionIssuer": {"type": "Role", "arn": arn}}))},
        "_partition": {"account": account, "region": region, "day": day}
    })
}

fn records() -> Vec<Value> {
    let role = "arn:aws:iam::111122223333:role/service/a_b";
    let session = "arn:aws:sts::111122223333:assumed-role/a_b/s";
    let here = ("111122223333", "eu-west-1", "2026/03/02");
    let at = "2026-03-02T10:00:00Z";
    let plain =
        |id: &str, issuer: &str, session: &str| record(id, Some(issuer), session, "AccessDenied", at, here);
    vec![
        plain("role", role, session),
        plain(
            "underscore-is-no-pattern",
            "arn:aws:iam::111122223333:role/service/aXb",
            "arn:aws:sts::111122223333:assumed-role/aXb/s",
        ),
        plain(
            "longer",
            "arn:aws:iam::111122223333:role/service/a_b2",
            "arn:aws:sts::111122223333:assumed-role/a_b2/s",
        ),
        plain("other-path", "arn:aws:iam::111122223333:role/a_b", session),
        plain(
            "other-account",
            "arn:aws:iam::444455556666:role/service/a_b",
            "arn:aws:sts::444455556666:assumed-role/a_b/s",
        ),
        plain(
            "other-case",
            "arn:aws:iam::111122223333:role/service/A_b",
            "arn:aws:sts::111122223333:assumed-role/A_b/s",
        ),
        record("no-issuer", None, session, "AccessDenied", at, here),
        record(
            "session-named-like-it",
            None,
            "arn:aws:sts::111122223333:assumed-role/x/a_b",
            "AccessDenied",
            at,
            here,
        ),
        record("prefix", Some(role), session, "Client.UnauthorizedOperation", at, here),
        record("kms", Some(role), session, "KMS.AccessDeniedException", at, here),
        record("only-sounds-like-it", Some(role), session, "InvalidAccessDeniedThing", at, here),
        record("succeeded", Some(role), session, "", at, here),
        record(
            "before",
            Some(role),
            session,
            "AccessDenied",
            "2026-03-01T23:59:59Z",
            ("111122223333", "eu-west-1", "2026/03/01"),
        ),
        record("first-second", Some(role), session, "AccessDenied", "2026-03-02T00:00:00Z", here),
        record(
            "late",
            Some(role),
            session,
            "AccessDenied",
            "2026-03-02T23:59:00Z",
            ("111122223333", "eu-west-1", "2026/03/03"),
        ),
        record(
            "after",
            Some(role),
            session,
            "AccessDenied",
            "2026-03-03T00:00:00Z",
            ("111122223333", "eu-west-1", "2026/03/03"),
        ),
        record(
            "other-region",
            Some(role),
            session,
            "AccessDenied",
            at,
            ("111122223333", "us-east-1", "2026/03/02"),
        ),
        record(
            "other-trail",
            Some(role),
            session,
            "AccessDenied",
            at,
            ("444455556666", "eu-west-1", "2026/03/02"),
        ),
    ]
}

fn scope(role: Option<RoleFilter>) -> Scope {
    Scope {
        role,
        accounts: ["111122223333".to_owned()].into(),
        regions: ["eu-west-1".to_owned()].into(),
        window: Window {
            since: Some("2026-03-02T00:00:00Z".parse().unwrap()),
            until: Some("2026-03-03T00:00:00Z".parse().unwrap()),
        },
        asked: None,
        bucket: None,
    }
}

fn selected(records: &[Value], scope: &Scope) -> BTreeSet<String> {
    let columns =
        COLUMNS.iter().map(|(_, expression)| expression.split('.').next().unwrap().to_owned()).collect();
    let partitions = Partitions {
        columns: vec![
            ("account".to_owned(), None),
            ("region".to_owned(), None),
            ("day".to_owned(), Some("yyyy/MM/dd".to_owned())),
        ],
    };
    let sql = athena_query(&"trails.cloudtrail".parse().unwrap(), &columns, &partitions, scope);
    let folder = tempfile::tempdir().unwrap();
    let (data, query) = (folder.path().join("records.json"), folder.path().join("query.sql"));
    std::fs::write(&data, json!(records).to_string()).unwrap();
    std::fs::write(&query, &sql).unwrap();
    let output = Command::new(python()).arg(script()).arg(&data).arg(&query).output().unwrap();
    assert!(output.status.success(), "{sql}\n{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).unwrap();
    rows.lines()
        .map(|line| {
            let row: BTreeMap<String, String> = serde_json::from_str(line).unwrap();
            let event = event_of_row(&row).unwrap();
            assert!(wants(scope, &event), "what comes back is recognised as wanted: {event:?}");
            if event.event_source == "s3.amazonaws.com" {
                assert_eq!(event.parameter("bucketName"), Some("it's"));
            }
            event.event_id
        })
        .collect()
}

/// A denial that is asked for, or what belongs to the role's history in the window.
fn wants(scope: &Scope, event: &Event) -> bool {
    let window = scope.window;
    let in_window =
        event.event_time.is_some_and(|time| Some(time) >= window.since && Some(time) < window.until);
    let here = event.recipient_account.as_ref().is_some_and(|account| scope.accounts.contains(account));
    let role = scope.role.as_ref().map(RoleFilter::role);
    scope.wants(event) || in_window && here && role.is_some_and(|role| is_history_of(event, &role))
}

/// Assumptions and changes, some of them the role's.
fn history() -> Vec<Value> {
    let role = "arn:aws:iam::111122223333:role/service/a_b";
    let event = |id: &str, source: &str, name: &str, region: &str, parameters: Value| {
        json!({
            "eventID": id, "eventTime": "2026-03-02T09:00:00Z", "eventSource": format!("{source}.amazonaws.com"),
            "eventName": name, "awsRegion": region, "recipientAccountId": "111122223333", "readOnly": false,
            "requestParameters": parameters, "responseElements": {"policy": {"arn": "x"}},
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice"},
            "_partition": {"account": "111122223333", "region": region, "day": "2026/03/02"}
        })
    };
    let assumed = |id: &str, arn: &str| event(id, "sts", "AssumeRole", "eu-west-1", json!({"roleArn": arn}));
    let refused = |id: &str, arn: &str| {
        let mut refused = event(id, "sts", "AssumeRole", "eu-west-1", Value::Null);
        refused["errorCode"] = json!("AccessDenied");
        refused["errorMessage"] = json!(format!(
            "User: arn:aws:sts::300973880807:assumed-role/a_b/s is not authorized to perform: sts:AssumeRole on resource: {arn}"
        ));
        refused
    };
    let put = |id: &str, name: &str| {
        event(id, "iam", "PutRolePolicy", "us-east-1", json!({"roleName": name, "policyName": "p"}))
    };
    let mut failed = put("change-refused", "a_b");
    failed["errorCode"] = json!("AccessDenied");
    let mut before = put("change-before", "a_b");
    before["eventTime"] = json!("2026-02-02T09:00:00Z");
    vec![
        assumed("assumed", role),
        assumed("assumed-another", "arn:aws:iam::111122223333:role/service/aXb"),
        assumed("assumed-in-another-case", "arn:aws:iam::111122223333:role/service/A_B"),
        refused("assuming-refused", role),
        refused("assuming-another-refused", "arn:aws:iam::111122223333:role/service/a_b2"),
        refused("assuming-another-refused-too", "arn:aws:iam::111122223333:role/service/a_b-2"),
        refused("assuming-elsewhere-refused", "arn:aws:iam::444455556666:role/service/a_b"),
        put("changed-in-us-east-1", "a_b"),
        put("changed-in-another-case", "A_b"),
        put("changed-another", "aXb"),
        failed,
        before,
        event("bucket-policy", "s3", "PutBucketPolicy", "eu-west-1", json!({"bucketName": "it's"})),
        event(
            "revoked",
            "lakeformation",
            "RevokePermissions",
            "eu-west-1",
            json!({"permissions": ["SELECT"]}),
        ),
        event("not-of-this-service", "glue", "PutBucketPolicy", "eu-west-1", json!(null)),
        event("read", "s3", "GetBucketPolicy", "eu-west-1", json!({"bucketName": "it's"})),
    ]
}

#[test]
fn the_history_of_the_role_comes_with_its_denials() {
    let all = [records(), history()].concat();
    let scope = scope(Some(RoleFilter::Arn("arn:aws:iam::111122223333:role/service/a_b".parse().unwrap())));
    let events = all.iter().filter_map(Event::from_value).filter(|event| wants(&scope, event));
    let wanted: BTreeSet<String> = events.map(|event| event.event_id).collect();
    let found = selected(&all, &scope);
    assert_eq!(found, wanted);
    for id in [
        "assumed",
        "assumed-in-another-case",
        "assuming-refused",
        "changed-in-another-case",
        "changed-in-us-east-1",
        "bucket-policy",
        "revoked",
        "role",
    ] {
        assert!(found.contains(id), "{id}");
    }
    let by_name = Scope { role: Some(RoleFilter::Name("a_b".to_owned())), ..scope };
    assert!(selected(&all, &by_name).contains("changed-in-us-east-1"));
    let anybody = Scope { role: None, ..by_name };
    assert!(!selected(&all, &anybody).contains("assumed"), "nobody's history was asked for");
}

#[test]
fn the_sql_selects_what_the_scope_wants() {
    let records = records();
    for role in [
        None,
        Some(RoleFilter::Arn("arn:aws:iam::111122223333:role/service/a_b".parse().unwrap())),
        Some(RoleFilter::Arn("arn:aws:iam::111122223333:role/a_b".parse().unwrap())),
        Some(RoleFilter::Name("a_b".to_owned())),
        Some(RoleFilter::Name("x' OR '1'='1".to_owned())),
    ] {
        let scope = scope(role);
        let events = records.iter().filter_map(Event::from_value).filter(|event| scope.wants(event));
        let wanted: BTreeSet<String> = events.map(|event| event.event_id).collect();
        assert_eq!(selected(&records, &scope), wanted, "{:?}", scope.role);
    }
}

#[test]
fn the_role_of_the_records_is_found_by_its_arn() {
    let scope = scope(Some(RoleFilter::Arn("arn:aws:iam::111122223333:role/service/a_b".parse().unwrap())));
    let expected = ["role", "no-issuer", "prefix", "kms", "first-second", "late"].map(str::to_owned);
    assert_eq!(selected(&records(), &scope), BTreeSet::from(expected));
}

#[test]
fn the_table_definitions_are_well_formed() {
    let layout = |organization: Option<&str>, accounts: &[&str]| TableLayout {
        bucket: "logs".to_owned(),
        prefix: Some("audit".to_owned()),
        organization: organization.map(str::to_owned),
        accounts: accounts.iter().map(|&account| account.to_owned()).collect(),
        regions: vec!["eu-west-1".to_owned()],
        from_day: "2026/01/01".to_owned(),
    };
    for layout in [
        layout(None, &["111122223333"]),
        layout(Some("o-ab12cd34ef"), &["111122223333", "444455556666"]),
        layout(None, &["111122223333", "444455556666"]),
    ] {
        let ddl = athena_ddl(&"trails.cloudtrail".parse().unwrap(), &layout);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.sql");
        std::fs::write(&file, &ddl).unwrap();
        let output = Command::new(python()).arg(script()).arg("--parse").arg(&file).output().unwrap();
        assert!(output.status.success(), "{ddl}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
