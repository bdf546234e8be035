//! `denials --logs` and `--paste` end to end: odd folders, standard input, interruption.

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

#[path = "common/logs.rs"]
mod logs;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use logs::{ROLE, gz, record};
use serde_json::{Value, json};

fn doctor() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamkap-doctor"));
    command.env_clear().env("TZ", "UTC").stdin(Stdio::null());
    command
}

fn denials(logs: &Path, more: &[&str]) -> (Value, Output) {
    let output =
        doctor().arg("denials").arg("--logs").arg(logs).args(["-o", "json"]).args(more).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (answer, output)
}

fn file(records: &[Value]) -> String {
    json!({"Records": records}).to_string()
}

fn count(answer: &Value) -> u64 {
    answer["denials"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum()
}

#[test]
fn an_odd_folder_gives_every_denial_once_and_tells_what_was_broken() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let day = "AWSLogs/o-ab12cd34ef/111122223333/CloudTrail/eu-west-1/2026/03/02";
    let name =
        |random: &str| format!("{day}/111122223333_CloudTrail_eu-west-1_20260302T1005Z_{random}.json.gz");
    put(&name("a"), &gz(file(&[record("1", ROLE, "AccessDenied"), record("2", ROLE, "")])));
    // A copy, another spelling, pretty-printed.
    let pretty = serde_json::to_string_pretty(&json!({"Records": [record("1", ROLE, "AccessDenied"), record("3", ROLE, "Client.UnauthorizedOperation")]})).unwrap();
    put(&name("b"), &gz(&pretty));
    // Two members; a role of the same name elsewhere.
    let other = "arn:aws:iam::444455556666:role/service/orders";
    put(
        &name("c"),
        &[gz(file(&[record("4", ROLE, "AccessDenied")])), gz(file(&[record("5", other, "AccessDenied")]))]
            .concat(),
    );
    // Truncated after its only record.
    let cut = gz(file(&[record("6", ROLE, "AccessDenied")]));
    put(&name("d"), &cut[..cut.len() - 8]);
    put("AWSLogs/o-ab12cd34ef/111122223333/CloudTrail-Digest/eu-west-1/2026/03/02/x.json.gz", &gz("{}"));

    let (answer, output) = denials(folder.path(), &["--role", ROLE]);
    assert_eq!(count(&answer), 4, "{answer:#}");
    assert_eq!(answer["denials"][0]["action"], "s3:PutObject");
    assert_eq!(answer["denials"][0]["resource"], "arn:aws:s3:::orders/a b");
    assert_eq!(answer["denials"][0]["reason"], "no identity-based policy allows the s3:PutObject action");
    assert_eq!(answer["complete"], false);
    assert_eq!(answer["coverage"]["problems"][0]["problem"], "truncated");
    assert_eq!(answer["coverage"]["data_events"], true);
    assert_eq!(output.status.code(), Some(1));

    let (by_name, _) = denials(folder.path(), &["--role", "orders"]);
    assert_eq!(count(&by_name), 5, "a bare name is looked for in every account");
    let (early, output) = denials(folder.path(), &["--role", ROLE, "--until", "2026-03-01T09:00:00Z"]);
    assert_eq!((count(&early), output.status.code()), (0, Some(3)));
}

#[test]
fn nothing_found_is_told_with_what_could_not_have_been_seen() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), file(&[])).unwrap();
    let output = doctor().arg("denials").arg("--logs").arg(folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text.contains("That is no proof that nothing is denied."), "{text}");
    assert!(text.contains("no record at all was read"), "{text}");
}

#[test]
fn logs_without_a_record_of_the_window_are_no_complete_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (answer, output) = denials(folder.path(), &["--role", ROLE]);
    assert_eq!((&answer["complete"], output.status.code()), (&json!(false), Some(3)), "an empty folder");
    let logs = folder.path().join("a.json");
    std::fs::write(&logs, file(&[record("1", ROLE, "")])).unwrap();
    for (window, complete) in [
        (["--since", "2026-03-01"], true),
        (["--since", "2026-03-03"], false),
        (["--until", "2026-03-01"], false),
    ] {
        let (answer, output) = denials(&logs, &[&["--role", ROLE], &window[..]].concat());
        let code = if complete { 0 } else { 3 };
        assert_eq!((&answer["complete"], output.status.code()), (&json!(complete), Some(code)), "{window:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_wait_for_standard_input_or_a_pipe_prints_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (given, found) in [("-", 1), (pipe.to_str().unwrap(), 0)] {
        let mut child = doctor()
            .args(["denials", "-o", "json", "--logs", given])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Left open, and nobody ever writes into the pipe.
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{}", record("1", ROLE, "AccessDenied")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let output = child.wait_with_output().unwrap();
        drop(input);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), count(&answer)), (Some(130), found), "{given}");
    }
}

#[test]
fn a_path_that_is_not_there_is_a_wrong_command_line() {
    let output = doctor().args(["denials", "--logs", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn standard_input_is_scanned_too() {
    let mut child = doctor()
        .args(["denials", "--logs", "-", "-o", "short"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&gz(file(&[record("1", ROLE, "AccessDenied")]))).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("1\t2026-03-02T00:00:00Z\t"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn an_interrupted_search_prints_what_it_found_marked_incomplete() {
    let mut child = doctor()
        .args(["denials", "--logs", "-", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // Records without end: the search can only end by the signal.
    let writer = std::thread::spawn(move || {
        let first = record("1", ROLE, "AccessDenied").to_string();
        let other = record("2", ROLE, "").to_string();
        let mut sent = writeln!(input, "{first}");
        while sent.is_ok() {
            sent = writeln!(input, "{other}");
        }
    });
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!((&answer["complete"], &answer["coverage"]["interrupted"]), (&json!(false), &json!(true)));
    assert_eq!(count(&answer), 1);
}

#[test]
fn a_pasted_stack_trace_is_explained_without_aws() {
    let trace = "ERROR WorkerSinkTask{id=s3-0} failed\n\tat a.B.c(B.java:1)\nCaused by: software.amazon.awssdk.services.glue.model.AccessDeniedException: \
        User: arn:aws:sts::111122223333:assumed-role/orders/iceberg-aws-1 is not authorized to perform: glue:GetTable on resource: \
        arn:aws:glue:eu-west-1:111122223333:table/sales/orders because no identity-based policy allows the glue:GetTable action \
        (Service: Glue, Status Code: 400, Request ID: 1)";
    let mut child = doctor()
        .args(["denials", "--paste", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(trace.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let pasted: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(pasted["denials"].as_array().unwrap().len(), 1);
    assert_eq!(pasted["denials"][0]["action"], "glue:GetTable");
    assert_eq!(pasted["denials"][0]["layer"], "identity-based policy");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn denials_are_verified_against_a_case() {
    let folder = tempfile::tempdir().unwrap();
    let mut world: Value = serde_json::from_str(include_str!("../demo/healthy.json")).unwrap();
    let role = world["role"]["value"]["arn"].as_str().unwrap().to_owned();
    let mut denied = record("1", &role, "AccessDenied");
    denied["errorMessage"] = json!(
        "User: x is not authorized to perform: s3:DeleteBucket on resource: \"arn:aws:s3:::no-such\" because no identity-based policy allows the s3:DeleteBucket action"
    );
    std::fs::write(folder.path().join("a.json"), file(&[denied])).unwrap();
    // The policy of that bucket is known to be absent, so that the role's policies decide.
    world["buckets"]["no-such"] = json!({"policy": {"state": "absent"}});
    let case = folder.path().join("case");
    let whole = json!({"case_version": 1, "doctor_version": "0.1.0", "redacted": false, "facts": world});
    std::fs::write(&case, whole.to_string()).unwrap();
    let logs = folder.path().join("a.json");
    let (answer, _) = denials(&logs, &["--role", &role, "--case", case.to_str().unwrap()]);
    assert_eq!(answer["denials"][0]["verification"]["status"], "still_denied", "{answer:#}");
}

#[test]
fn a_bare_name_has_its_timeline_when_the_logs_know_one_role_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let policy = |actions: &str| {
        json!({"Statement": [{"Sid": "Write", "Effect": "Allow", "Action": actions, "Resource": "*"}]})
            .to_string()
    };
    let put = |id: &str, day: u32, actions: &str| {
        let mut put = record(id, "arn:aws:iam::111122223333:role/admin", "");
        put["eventSource"] = json!("iam.amazonaws.com");
        put["eventName"] = json!("PutRolePolicy");
        put["eventTime"] = json!(format!("2026-02-{day:02}T00:00:00Z"));
        put["requestParameters"] =
            json!({"roleName": "orders", "policyName": "write", "policyDocument": policy(actions)});
        put
    };
    let records = [put("a", 1, "s3:*"), put("b", 2, "s3:Get*"), record("1", ROLE, "AccessDenied")];
    let logs = folder.path().join("a.json");
    std::fs::write(&logs, file(&records)).unwrap();
    let (answer, _) = denials(&logs, &["--role", "orders"]);
    assert_eq!(answer["timeline"]["causes"][0]["statements"][0]["sid"], "Write", "{answer:#}");
    let elsewhere = record("2", "arn:aws:iam::444455556666:role/orders", "AccessDenied");
    std::fs::write(&logs, file(&[&records[..], &[elsewhere]].concat())).unwrap();
    let (answer, _) = denials(&logs, &["--role", "orders"]);
    assert!(answer["timeline"].is_null(), "two roles have one name");
    assert!(answer["coverage"]["blind_spots"].to_string().contains("given by its ARN"), "{answer:#}");
}

/// Streamkap's call for the role at a second, refused without parameters, or answered.
fn assumed(id: &str, second: u32, refused: bool) -> Value {
    let mut call = record(id, ROLE, if refused { "AccessDenied" } else { "" });
    call["eventSource"] = json!("sts.amazonaws.com");
    call["eventName"] = json!("AssumeRole");
    call["eventTime"] = json!(format!("2026-03-02T10:00:{second:02}Z"));
    call["userIdentity"] =
        json!({"type": "AWSAccount", "principalId": "AROAV:s", "accountId": "300973880807"});
    call["requestParameters"] = json!({"roleArn": ROLE, "roleSessionName": "s"});
    if refused {
        call["requestParameters"] = Value::Null;
        call["errorMessage"] = json!(format!(
            "User: arn:aws:sts::300973880807:assumed-role/kafkaConnectTenantAccessRole/s is not authorized to perform: \
             sts:AssumeRole on resource: {ROLE}"
        ));
    }
    call
}

#[test]
fn a_refused_role_is_told_and_is_no_good_end_unless_it_was_given_since() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("a.json");
    let run = |records: &[Value], output: &str| {
        std::fs::write(&logs, file(records)).unwrap();
        let ended =
            doctor().args(["denials", "--role", ROLE, "-o", output, "--logs"]).arg(&logs).output().unwrap();
        (String::from_utf8(ended.stdout).unwrap(), ended.status.code())
    };
    let refused = [assumed("1", 1, false), assumed("2", 2, true), assumed("3", 3, true)];
    let (table, code) = run(&refused, "table");
    assert_eq!(code, Some(1), "{table}");
    let (answer, _) = run(&refused, "json");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let [group] = &answer["denials"].as_array().unwrap()[..] else { panic!("{answer:#}") };
    assert_eq!(
        (&group["action"], &group["resource"], &group["count"]),
        (&json!("sts:AssumeRole"), &json!(ROLE), &json!(2))
    );
    assert_eq!(group["verification"]["status"], "unknown");
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "AssumeRole refused: AWS gave no reason",
        "The role itself was refused to Streamkap (account 300973880807) 2 times",
    ] {
        assert!(words.contains(told), "{told}: {table}");
    }
    assert!(!table.contains("No denial was found"), "{table}");
    let (short, code) = run(&refused, "short");
    assert!(short.starts_with("2\t2026-03-02T10:00:02Z\t2026-03-02T10:00:03Z\tsts:AssumeRole\t"), "{short}");
    assert_eq!(code, Some(1));
    let (table, code) = run(&[&refused[..], &[assumed("4", 4, false)]].concat(), "table");
    assert_eq!(code, Some(0), "{table}");
    assert!(table.contains("AssumeRole refused") && table.contains("Now: fixed since."), "{table}");
    assert!(!table.contains("Sts:"), "{table}");
    // Refusals before the role was given count apart from those since.
    let early: Vec<Value> = (10..15).map(|second| assumed(&second.to_string(), second, true)).collect();
    let late: Vec<Value> = (20..27).map(|second| assumed(&second.to_string(), second, true)).collect();
    let (table, code) = run(&[&early[..], &[assumed("15", 15, false)], &late[..]].concat(), "table");
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(code == Some(1) && words.contains("(account 300973880807) 7 times, last at"), "{table}");
}

#[test]
fn each_kind_of_denial_has_its_own_cause() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("a.json");
    let change = |id: &str, day: u32, source: &str, name: &str, parameters: Value| {
        let mut change = record(id, "arn:aws:iam::111122223333:role/admin", "");
        change["eventSource"] = json!(source);
        change["eventName"] = json!(name);
        change["eventTime"] = json!(format!("2026-02-{day:02}T00:00:00Z"));
        change["requestParameters"] = parameters;
        change
    };
    let put = |id: &str, day: u32, action: &str| {
        let policy =
            json!({"Statement": [{"Sid": "W", "Effect": "Allow", "Action": action, "Resource": "*"}]});
        let parameters =
            json!({"roleName": "orders", "policyName": "w", "policyDocument": policy.to_string()});
        change(id, day, "iam.amazonaws.com", "PutRolePolicy", parameters)
    };
    let mut database = record("2", ROLE, "AccessDenied");
    database["eventSource"] = json!("glue.amazonaws.com");
    database["eventName"] = json!("GetDatabase");
    database["errorMessage"] = json!("Insufficient Lake Formation permission(s): Required Describe on sales");
    database["requestParameters"] = json!({"name": "sales"});
    let mut other = database.clone();
    other["eventID"] = json!("3");
    other["errorMessage"] = json!("Insufficient Lake Formation permission(s): Required Describe on stock");
    other["requestParameters"] = json!({"name": "stock"});
    let revoked = json!({"principal": {"dataLakePrincipalIdentifier": ROLE}, "permissions": ["DESCRIBE"],
        "resource": {"database": {"name": "sales"}}});
    let records = [
        put("a", 1, "s3:*"),
        put("b", 2, "s3:Get*"),
        change("c", 3, "lakeformation.amazonaws.com", "RevokePermissions", revoked),
        record("1", ROLE, "AccessDenied"),
        database,
        other,
    ];
    std::fs::write(&logs, file(&records)).unwrap();
    let (answer, _) = denials(&logs, &["--role", ROLE]);
    let (causes, entries) = (&answer["timeline"]["causes"], &answer["timeline"]["entries"]);
    let place = |at: &Value| usize::try_from(at.as_u64().unwrap()).unwrap();
    let of = |denied: &Value| -> Vec<String> {
        let causes = denied["causes"].as_array().into_iter().flatten().map(|at| &causes[place(at)]);
        causes.map(|it| entries[place(&it["entry"])]["what"].as_str().unwrap().to_owned()).collect()
    };
    for denied in answer["denials"].as_array().unwrap() {
        let expected: &[&str] = match denied["resource"].as_str().unwrap() {
            it if it.contains(":s3:") => &["PutRolePolicy w"],
            it if it.ends_with("/sales") => &["RevokePermissions DESCRIBE on sales"],
            _ => &[],
        };
        assert_eq!(of(denied), expected, "{denied:#}");
    }
    let table = doctor().args(["denials", "--role", ROLE, "--logs"]).arg(&logs).output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    for (told, times) in [("this change:", 2), ("No change that was seen explains it.", 1)] {
        assert_eq!(table.matches(told).count(), times, "{told}: {table}");
    }
}

#[test]
fn what_is_printed_obeys_the_published_schema() {
    let schema = |name: &str| -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let valid = |schema: &Value, answer: &Value| {
        let validator = jsonschema::validator_for(schema).unwrap();
        validator
            .iter_errors(answer)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect::<Vec<_>>()
    };
    let answers = schema("denials.schema.json");
    let folder = tempfile::tempdir().unwrap();
    let good = gz(file(&[record("1", ROLE, "AccessDenied")]));
    std::fs::write(folder.path().join("a.json.gz"), &good).unwrap();
    std::fs::write(folder.path().join("b.json.gz"), &good[..good.len() - 8]).unwrap();
    for more in
        [&["--role", ROLE][..], &["--role", "orders"], &[], &["--role", ROLE, "--until", "2020-01-01"]]
    {
        let (mut answer, _) = denials(folder.path(), more);
        assert_eq!(valid(&answers, &answer), Vec::<String>::new(), "{answer:#}");
        assert_eq!(answer["schema_version"], 1);
        answer["coverage"]["source"] = json!("hearsay");
        assert!(!valid(&answers, &answer).is_empty(), "the schema says something");
    }
    let text = "AccessDenied: User: arn:aws:sts::111122223333:assumed-role/orders/s is not authorized to perform: \
        s3:PutObject on resource: \"arn:aws:s3:::orders/k\" because no identity-based policy allows the s3:PutObject action";
    for text in [text, "all is well"] {
        let output = doctor().args(["denials", "-o", "json", "--paste", text]).output().unwrap();
        let pasted: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(valid(&schema("denials-paste.schema.json"), &pasted), Vec::<String>::new(), "{pasted:#}");
    }
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    // More than a pipe holds.
    let many: Vec<Value> = (0..2000)
        .map(|number| {
            let mut denied = record(&number.to_string(), ROLE, "AccessDenied");
            let message =
                denied["errorMessage"].as_str().unwrap().replace("a b", &format!("object-{number}"));
            denied["errorMessage"] = json!(message);
            denied
        })
        .collect();
    std::fs::write(folder.path().join("a.json"), file(&many)).unwrap();
    for format in ["table", "short", "json"] {
        let mut child = doctor()
            .args(["denials", "-o", format, "--logs"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 64];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}
