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
        (["--since", "2026-03-02"], false),
        (["--since", "2026-02-27"], false),
        (["--since", "2026-03-03"], false),
        (["--until", "2026-03-01"], false),
        (["--until", "2026-03-03"], true),
        (["--until", "2026-03-09"], false),
    ] {
        let (answer, output) = denials(&logs, &[&["--role", ROLE], &window[..]].concat());
        let code = if complete { 0 } else { 3 };
        assert_eq!((&answer["complete"], output.status.code()), (&json!(complete), Some(code)), "{window:?}");
    }
}

#[test]
fn what_was_asked_for_and_is_in_no_log_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("a.json");
    let mut assumed = record("2", "arn:aws:iam::111122223333:role/admin", "");
    assumed["eventSource"] = json!("sts.amazonaws.com");
    assumed["eventName"] = json!("AssumeRole");
    assumed["requestParameters"] = json!({"roleArn": ROLE.replace("orders", "ORDERS")});
    for (records, more, lacking) in [
        (vec![record("1", ROLE, "")], &["--role", ROLE][..], None),
        (vec![record("1", ROLE, "")], &["--role", "orders"], None),
        (vec![record("1", ROLE, "")], &["--role", "Orders"], Some("role Orders")),
        (vec![assumed.clone()], &["--role", &ROLE.replace("orders", "ORDERS")], None),
        (
            vec![assumed.clone()],
            &["--role", "arn:aws:iam::111122223333:role/order"],
            Some("role arn:aws:iam::111122223333:role/order"),
        ),
        (
            vec![record("1", ROLE, "")],
            &["--role", "arn:aws:iam::999922223333:role/service/orders"],
            Some("role arn:aws:iam::999922223333:role/service/orders"),
        ),
        (vec![record("1", ROLE, "")], &["--account", "999922223333"], Some("account 999922223333")),
        (vec![record("1", ROLE, "")], &["--account", "111122223333"], None),
        (vec![record("1", ROLE, "")], &["--regions", "us-east-1"], Some("region us-east-1")),
        (vec![record("1", ROLE, "")], &["--regions", "eu-west-1"], None),
        (vec![record("1", ROLE, "")], &["--bucket", "s3://orders/raw"], None),
        (
            vec![assumed.clone()],
            &["--bucket", "s3://orders/raw"],
            Some("calls on objects of the bucket orders"),
        ),
    ] {
        let pretty = serde_json::to_string_pretty(&json!({"Records": records})).unwrap();
        for text in [file(&records), file(&records).replace('/', "\\/"), pretty] {
            std::fs::write(&logs, text).unwrap();
            let (answer, output) = denials(&logs, more);
            assert_eq!(
                output.status.code(),
                Some(if lacking.is_some() { 3 } else { 0 }),
                "{more:?} {answer:#}"
            );
            assert_eq!(answer["complete"], json!(lacking.is_none()));
            assert_eq!(answer["coverage"]["problems"][0]["file"].as_str(), lacking, "{answer:#}");
        }
    }
}

#[test]
fn files_in_forms_that_are_not_read_make_an_answer_incomplete_and_others_do_not() {
    let good = file(&[record("1", ROLE, "")]);
    let console = "Event name,Event time,User name,Event source\nPutObject,2026-03-02,s,s3.amazonaws.com\n";
    let mut tar = vec![0; 1024];
    tar[..6].copy_from_slice(b"a.json");
    tar[257..262].copy_from_slice(b"ustar");
    for (name, content, advice) in [
        ("logs.zip", &b"PK\x03\x04\x14\0"[..], "unpack it first"),
        ("logs.json.bz2", b"BZh91AY&SY", "decompress it first"),
        ("logs.json.xz", b"\xfd7zXZ\0\0", "decompress it first"),
        ("logs.json.zst", b"\x28\xb5\x2f\xfd\x04", "decompress it first"),
        ("logs.tar", &tar, "unpack it first"),
        ("logs.tar.gz", &gz(&tar), "unpack it first"),
        ("logs.parquet", b"PAR1\x15", "Athena"),
        ("logs.orc", b"ORC\n", "Athena"),
        ("event_history.csv", console.as_bytes(), "choose JSON"),
        ("zeros.json", &[0; 900], ""),
        ("headless.json", &good.as_bytes()[200..], ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good.json"), &good).unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        let (answer, output) = denials(folder.path(), &["--role", ROLE]);
        assert_eq!(
            (&answer["complete"], output.status.code()),
            (&json!(false), Some(3)),
            "{name}: {answer:#}"
        );
        let problem = &answer["coverage"]["problems"][0];
        assert!(problem["file"].as_str().unwrap().ends_with(name), "{answer:#}");
        let table = doctor().args(["denials", "--role", ROLE, "--logs"]).arg(folder.path()).output().unwrap();
        let table = String::from_utf8(table.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(table.contains(advice), "{name}: {table}");
        if name == "logs.zip" {
            let (answer, _) = denials(&folder.path().join(name), &["--role", ROLE]);
            assert_eq!(
                answer["coverage"]["problems"][0]["problem"], "other_form",
                "named by itself: {answer:#}"
            );
        }
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.json"), &good).unwrap();
    for (name, content) in [
        ("README", &b"read me"[..]),
        ("notes.txt", b"what errorCode means"),
        ("truth.json", br#"{"role": "orders", "denied": ["1", "2"]}"#),
        (".DS_Store", b"\0\0\0\x01Bud1"),
        (".keep", b""),
        ("costs.csv", b"day,service,amount\n"),
        ("111122223333_vpcflowlogs_eu-west-1_fl-1_20260302T0005Z_a.log.gz", &gz("2 111122223333 eni-1")),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let (answer, output) = denials(folder.path(), &["--role", ROLE]);
    assert_eq!((&answer["complete"], output.status.code()), (&json!(true), Some(0)), "{answer:#}");
    assert_eq!(answer["coverage"]["other_files"], 7);
}

#[test]
fn the_window_and_the_accounts_are_those_of_denials_and_not_of_what_explains_them() {
    let folder = tempfile::tempdir().unwrap();
    let put = |account: &str, day: &str, records: &[Value]| {
        let name = format!("{account}_CloudTrail_eu-west-1_{day}T0005Z_a.json.gz");
        std::fs::write(folder.path().join(name), gz(file(records))).unwrap();
    };
    let change = |id: &str, account: &str, time: &str, source: &str, name: &str, parameters: Value| {
        let mut change = record(id, "arn:aws:iam::111122223333:role/admin", "");
        change["eventSource"] = json!(format!("{source}.amazonaws.com"));
        change["eventName"] = json!(name);
        change["eventTime"] = json!(time);
        change["recipientAccountId"] = json!(account);
        change["requestParameters"] = parameters;
        change
    };
    let policy = |action: &str| {
        let document =
            json!({"Statement": [{"Sid": "W", "Effect": "Allow", "Action": action, "Resource": "*"}]});
        json!({"roleName": "orders", "policyName": "w", "policyDocument": document.to_string()})
    };
    let change_of_role = |id: &str, time: &str, action| {
        change(id, "111122223333", time, "iam", "PutRolePolicy", policy(action))
    };
    put("111122223333", "20260201", &[change_of_role("a", "2026-02-01T00:00:00Z", "s3:*")]);
    put("111122223333", "20260220", &[change_of_role("b", "2026-02-20T00:00:00Z", "s3:Get*")]);
    put("111122223333", "20260302", &[record("1", ROLE, "AccessDenied")]);
    let attached = json!({"policyId": "p-1", "targetId": "111122223333"});
    put(
        "999922223333",
        "20260219",
        &[change("c", "999922223333", "2026-02-19T00:00:00Z", "organizations", "AttachPolicy", attached)],
    );
    for more in [
        &["--since", "2026-03-01"][..],
        &["--account", "111122223333"],
        &["--since", "2026-03-01", "--account", "111122223333"],
    ] {
        for role in [ROLE, "orders"] {
            let (answer, _) = denials(folder.path(), &[&["--role", role], more].concat());
            assert_eq!(count(&answer), 1, "{answer:#}");
            let causes = answer["timeline"]["causes"].as_array().unwrap();
            assert!(causes.iter().any(|cause| cause["statements"][0]["sid"] == "W"), "{more:?} {answer:#}");
        }
    }
    // What lies further back is passed over, and that is told.
    put("111122223333", "20250101", &[change_of_role("z", "2025-01-01T00:00:00Z", "s3:*")]);
    let (answer, _) = denials(folder.path(), &["--role", ROLE, "--since", "2026-03-01"]);
    assert_eq!(answer["coverage"]["earlier_files"], 1, "{answer:#}");
    assert!(answer["coverage"]["blind_spots"].to_string().contains("more than 90 days before"), "{answer:#}");
    let (answer, _) = denials(folder.path(), &["--since", "2026-03-01"]);
    assert_eq!(
        answer["coverage"]["earlier_files"], 4,
        "without a role there is nothing to explain: {answer:#}"
    );
}

#[test]
fn days_without_a_record_in_the_midst_of_a_window_make_it_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    for day in ["2026-03-02", "2026-03-03", "2026-03-07"] {
        let mut quiet = record(day, ROLE, "");
        quiet["eventTime"] = json!(format!("{day}T06:00:00Z"));
        std::fs::write(folder.path().join(format!("{day}.json")), file(&[quiet])).unwrap();
    }
    let silence = "2026-03-03T06:00:00Z to 2026-03-07T06:00:00Z";
    let (answer, output) =
        denials(folder.path(), &["--role", ROLE, "--since", "2026-03-02", "--until", "2026-03-08"]);
    assert_eq!((&answer["complete"], output.status.code()), (&json!(false), Some(3)), "{answer:#}");
    assert_eq!(answer["coverage"]["problems"][0]["file"], silence, "{answer:#}");
    assert_eq!(answer["coverage"]["problems"].as_array().unwrap().len(), 1, "{answer:#}");
    for (since, until) in [("2026-03-02", "2026-03-04"), ("2026-03-06T12:00:00Z", "2026-03-08T00:00")] {
        let window = ["--since", since, "--until", until];
        let (answer, _) = denials(folder.path(), &[&["--role", ROLE][..], &window].concat());
        assert_eq!(answer["complete"], true, "{window:?} {answer:#}");
    }
    // Without a window it is of what there is, and what there is not is told.
    let (answer, output) = denials(folder.path(), &["--role", ROLE]);
    assert_eq!((&answer["complete"], output.status.code()), (&json!(true), Some(0)), "{answer:#}");
    assert!(answer["coverage"]["blind_spots"].to_string().contains(silence), "{answer:#}");
}

#[test]
fn records_of_another_account_fill_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = |account: &str, day: u32| {
        let mut quiet =
            record(&format!("{account}{day}"), &format!("arn:aws:iam::{account}:role/service/orders"), "");
        quiet["eventTime"] = json!(format!("2026-03-{day:02}T06:00:00Z"));
        quiet
    };
    let (own, other) = ("111122223333", "999922223333");
    for day in 2..=7 {
        for account in [other, own].into_iter().filter(|account| *account == other || day < 4) {
            let name = format!("{account}-{day}.json");
            std::fs::write(folder.path().join(name), file(&[quiet(account, day)])).unwrap();
        }
    }
    let window = ["--since", "2026-03-02", "--until", "2026-03-08"];
    for (asked, complete) in [
        (&["--role", ROLE][..], false),
        (&["--role", "orders", "--account", own], false),
        (&["--role", "orders", "--account", own, "--account", other], false),
        (&["--role", "orders", "--account", other], true),
    ] {
        let (answer, _) = denials(folder.path(), &[asked, &window].concat());
        assert_eq!(answer["complete"], complete, "{asked:?} {answer:#}");
    }
}

#[test]
fn a_page_of_an_answer_is_whole_only_with_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let page = |name: &str, token: Option<&str>| {
        let mut page = json!({"Events": [{"CloudTrailEvent": record(name, ROLE, "").to_string()}]});
        if let Some(token) = token {
            page["NextToken"] = json!(token);
        }
        std::fs::write(folder.path().join(name), page.to_string()).unwrap();
    };
    let is_open = || {
        let (answer, output) = denials(folder.path(), &["--role", ROLE]);
        assert_eq!((&answer["complete"], output.status.code()), (&json!(false), Some(3)), "{answer:#}");
        assert_eq!(answer["coverage"]["problems"][0]["problem"], "open_page", "{answer:#}");
    };
    let event = record("1", ROLE, "");
    let before = json!({"nextToken": "a", "events": [{"message": event.to_string()}]});
    std::fs::write(folder.path().join("1.json"), before.to_string()).unwrap();
    is_open();
    page("1.json", Some("a"));
    is_open();
    page("2.json", None);
    let (answer, output) = denials(folder.path(), &["--role", ROLE]);
    assert_eq!((&answer["complete"], output.status.code()), (&json!(true), Some(0)), "{answer:#}");
}

#[test]
fn a_file_of_several_accounts_and_regions_is_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut elsewhere = record("2", "arn:aws:iam::999922223333:role/other", "");
    elsewhere["awsRegion"] = json!("us-west-2");
    for records in [[record("1", ROLE, ""), elsewhere.clone()], [elsewhere, record("1", ROLE, "")]] {
        std::fs::write(folder.path().join("a.json"), file(&records)).unwrap();
        for asked in [["--account", "111122223333"], ["--regions", "us-west-2"], ["--regions", "eu-west-1"]] {
            let (answer, _) = denials(folder.path(), &[&["--role", ROLE][..], &asked].concat());
            assert_eq!(answer["complete"], true, "{asked:?} {answer:#}");
        }
    }
}

#[test]
fn a_window_without_an_end_goes_on_until_now() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), file(&[record("1", ROLE, "")])).unwrap();
    for (window, complete) in [
        (&["--since", "2026-03-02"][..], false),
        (&["--since", "2026-03-02", "--until", "2026-03-03"], true),
        (&["--since", "2026-03-02T00:00:00", "--until", "2026-03-02T23:00:00"], true),
    ] {
        let (answer, _) = denials(folder.path(), &[&["--role", ROLE], window].concat());
        assert_eq!(answer["complete"], complete, "{window:?} {answer:#}");
    }
}

#[test]
fn logs_of_other_buckets_objects_are_no_complete_answer_about_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("a.json");
    std::fs::write(&logs, file(&[record("1", ROLE, "")])).unwrap();
    for (bucket, complete) in [("orders", true), ("s3://orders/raw", true), ("payments", false)] {
        let (answer, output) = denials(&logs, &["--role", ROLE, "--bucket", bucket]);
        let code = if complete { 0 } else { 3 };
        assert_eq!((&answer["complete"], output.status.code()), (&json!(complete), Some(code)), "{answer:#}");
        let selector = answer["coverage"]["selector_to_add"].to_string();
        assert_eq!(selector.contains("payments"), !complete, "{answer:#}");
    }
}

#[test]
fn a_denial_is_never_listed_beside_the_word_that_none_of_its_kind_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("a.json");
    let mut invoked = record("0", "arn:aws:iam::111122223333:role/other", "");
    invoked["eventSource"] = json!("lambda.amazonaws.com");
    invoked["eventName"] = json!("Invoke");
    let mut managed = record("2", ROLE, "");
    managed["eventSource"] = json!("glue.amazonaws.com");
    managed["eventName"] = json!("GetTable");
    managed["eventCategory"] = json!("Management");
    std::fs::write(&logs, file(&[invoked.clone(), managed.clone()])).unwrap();
    let (answer, _) = denials(&logs, &["--role", ROLE]);
    assert_eq!(answer["coverage"]["kinds"], json!(["management"]));
    assert!(answer["coverage"]["blind_spots"].to_string().contains("none is in these logs"), "{answer:#}");
    let many = (0..40).map(|_| invoked.clone()).chain([record("1", ROLE, "AccessDenied"), managed]);
    std::fs::write(&logs, file(&many.collect::<Vec<_>>())).unwrap();
    let (answer, _) = denials(&logs, &["--role", ROLE]);
    assert_eq!(answer["coverage"]["kinds"], json!(["management", "s3_objects"]));
    assert!(!answer["coverage"]["blind_spots"].to_string().contains("none is in these logs"), "{answer:#}");
}

#[test]
fn who_was_taken_out_of_the_trust_policy_cannot_be_seen_refused_and_the_verdict_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("a.json");
    let trust = |id: &str, minute: u32, account: &str| {
        let mut change = record(id, "arn:aws:iam::111122223333:role/admin", "");
        change["eventSource"] = json!("iam.amazonaws.com");
        change["eventName"] = json!("UpdateAssumeRolePolicy");
        change["eventTime"] = json!(format!("2026-03-02T10:{minute:02}:00Z"));
        let document = json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")}}]});
        change["requestParameters"] = json!({"roleName": "orders", "policyDocument": document.to_string()});
        change
    };
    let mut late = record("9", "arn:aws:iam::111122223333:role/other", "");
    late["eventTime"] = json!("2026-03-03T10:00:00Z");
    let records =
        [trust("a", 0, "300973880807"), assumed("1", 1, false), trust("b", 30, "111122223333"), late];
    std::fs::write(&logs, file(&records)).unwrap();
    let ended = doctor().args(["denials", "--role", ROLE, "--logs"]).arg(&logs).output().unwrap();
    let table = String::from_utf8(ended.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(ended.status.code(), Some(3), "{table}");
    for told in ["this change: UpdateAssumeRolePolicy", "records it in that account only"] {
        assert!(table.contains(told), "{told}: {table}");
    }
    let mut again = assumed("2", 1, false);
    again["eventTime"] = json!("2026-03-02T12:00:00Z");
    std::fs::write(&logs, file(&[&records[..], &[trust("c", 40, "300973880807"), again]].concat())).unwrap();
    let ended = doctor().args(["denials", "--role", ROLE, "--logs"]).arg(&logs).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stdout));
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
    for (text, code) in [(text, 1), ("all is well", 3)] {
        let output = doctor().args(["denials", "-o", "json", "--paste", text]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "nothing recognised is not nothing denied");
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
