//! The command line as a person or a script meets it: exit code, standard output and standard error
//! together, on built-in cases and hostile input. No AWS.

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

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A folder of its own and a clean environment.
struct Shell {
    folder: tempfile::TempDir,
}

impl Shell {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamkap-doctor"));
        command.args(line.split_whitespace()).current_dir(self.folder.path()).env_clear();
        command.env("HOME", self.folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The healthy account as a case file, changed.
    fn case(&self, change: impl FnOnce(&mut Value)) {
        let healthy = streamkap_doctor::demo::facts("healthy").unwrap();
        let mut world = serde_json::to_value(healthy).unwrap();
        change(&mut world);
        let case = json!({
            "case_version": 1, "doctor_version": "0.1.0", "redacted": false, "facts": world
        });
        self.write("case.json", &case.to_string());
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Exit code, standard output and standard error in one text.
fn shown(output: &Output) -> String {
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    format!("exit code: {code}\n----- stdout -----\n{}----- stderr -----\n{}", stdout(output), stderr(output))
}

macro_rules! snapshot {
    ($name:literal, $line:expr) => {
        insta::assert_snapshot!($name, shown(&Shell::new().run($line)));
    };
}

#[test]
fn nothing_given_prints_the_help_and_is_a_usage_error() {
    snapshot!("nothing", "");
}

#[test]
fn version_is_one_line() {
    let output = Shell::new().run("--version");
    assert_eq!(stdout(&output), format!("streamkap-doctor {}\n", env!("CARGO_PKG_VERSION")));
    assert!(output.status.success());
}

#[test]
fn a_misspelt_command_a_misspelt_connector_and_a_misspelt_check_are_suggested() {
    snapshot!("misspelt-command", "chekc s3");
    snapshot!("misspelt-connector", "s33 --role R --bucket orders");
    snapshot!("misspelt-check", "demo --only ASSUM-004");
    snapshot!("misspelt-explained-check", "explain external-id-mismach");
}

#[test]
fn what_is_missing_or_wrong_is_told_before_any_call() {
    for (line, told) in [
        ("check", "no connector was named"),
        ("check s3", "needs --bucket"),
        ("check s3 --bucket orders", "no role was given"),
        ("s3 --role my_role!", "is not the name of a role"),
        ("check s3 --role R --bucket Orders", "did you mean `orders`?"),
        ("check s3 --role R --bucket orders --region eu-wset-1", "did you mean `eu-west-1`?"),
        ("check redshift --role R", "needs --cluster or --workgroup"),
        ("check iceberg-glue --role R --database Sales", "did you mean `sales`?"),
        ("check iceberg-glue --role R --database my.db", "did you mean `my_db`?"),
        ("check byoc --role R --phase instal", "did you mean `install`?"),
        ("check s3 --role R --bucket orders--use1-az4--x-s3", "is a directory bucket"),
        (
            "check s3 --role R --bucket arn:aws:s3express:us-east-1:111122223333:bucket/orders--use1-az4--x-s3",
            "is a directory bucket",
        ),
        ("check s3 --role R --bucket s3://orders/a/ --prefix b/", "two prefixes were given"),
        ("check s3 --role R --bucket orders --since tomorrow", "`tomorrow` is not a time"),
        ("check s3 --role R --bucket orders --since 7d --no-history", "cannot be used with"),
        ("check s3 --role R --bucket orders --endpoint-url localhost:1", "is not an endpoint"),
        ("check s3 --role R --bucket orders -o xml", "invalid value 'xml'"),
        ("check s3 --role R --bucket orders --report json", "expected FORMAT=PATH"),
        ("check s3 --role R --bucket orders --only write --skip write", "no check is left to run"),
        ("check --case case.json --role R", "--role was given together with --case"),
        ("check --case none.json", "the case file `none.json` cannot be opened"),
        ("check --config none.toml --case case.json", "none.toml cannot be read"),
        ("evaluate none.jsonl", "none.jsonl cannot be read"),
        ("completions tcsh", "invalid value 'tcsh'"),
    ] {
        let output = Shell::new().run(line);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", shown(&output));
        let told_text = stderr(&output);
        assert!(told_text.contains(told), "{line}: {told_text}");
        assert_eq!(stdout(&output), "", "{line}");
    }
}

#[test]
fn evaluate_tells_by_its_exit_code_whether_every_line_was_decided() {
    let decided =
        r#"{"principal": "arn:aws:iam::111122223333:role/r", "action": "s3:GetObject", "resource": "*"}"#;
    let shell = Shell::new();
    for (lines, code) in
        [(decided.to_owned(), 0), (format!("{decided}\n{{}}\n{decided}"), 2), (String::new(), 0)]
    {
        shell.write("lines.jsonl", &lines);
        let output = shell.run("evaluate lines.jsonl");
        assert_eq!(output.status.code(), Some(code), "{}", shown(&output));
        assert_eq!((stdout(&output).lines().count(), &*stderr(&output)), (lines.lines().count(), ""));
    }
}

#[test]
fn evaluate_answers_a_line_before_it_waits_for_the_next() {
    let line = r#"{"id": "1", "principal": "arn:aws:iam::111122223333:role/r", "action": "s3:GetObject", "resource": "*"}"#;
    let shell = Shell::new();
    let mut command = shell.command("evaluate -");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let (sender, answers) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for answer in output.lines() {
            sender.send(answer.unwrap()).unwrap();
        }
    });
    // A whole line, a line and a part of the next, and the rest.
    let (part, rest) = line.split_at(40);
    for written in [format!("{line}\n"), format!("{line}\n{part}"), format!("{rest}\n")] {
        input.write_all(written.as_bytes()).unwrap();
        let answer = answers.recv_timeout(std::time::Duration::from_mins(1));
        assert!(answer.is_ok_and(|answer| answer.starts_with("{\"id\":\"1\"")), "{written}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}

#[test]
fn an_odd_external_id_is_pointed_out_and_never_shown() {
    let shell = Shell::new();
    let mut command = shell.command("check s3 --role R --bucket orders --region eu-west-1");
    // No credentials: it ends after the warning.
    let output = command.args(["--external-id", " secret-external-id "]).output().unwrap();
    assert!(stderr(&output).contains("begins or ends with white space"), "{}", shown(&output));
    assert!(!shown(&output).contains("secret-external-id"));
}

#[test]
fn an_empty_external_id_is_none() {
    let shell = Shell::new();
    let mut command = shell.command("check s3 --role R --bucket orders --region eu-west-1");
    command.args(["--external-id", ""]).env("STREAMKAP_DOCTOR_EXTERNAL_ID", " of the environment ");
    let output = command.output().unwrap();
    assert!(stderr(&output).contains("begins or ends with white space"), "{}", shown(&output));
}

#[test]
fn a_policy_that_takes_an_external_id_says_so() {
    let output = Shell::new().run("demo wrong-external-id -o json");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let repair = &report["repairs"][0];
    assert_eq!(
        (repair["mends"].clone(), repair["verification"]["state"].clone()),
        (json!(["ASSUME-004"]), json!("verified"))
    );
    let shell = Shell::new();
    shell.case(|world| world["target"]["external_id"] = json!("4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f4"));
    let output = shell.run("fix --case case.json -o policy");
    assert!(stdout(&output).contains("\"EXTERNAL_ID\""), "{}", shown(&output));
    assert!(stderr(&output).contains("in place of EXTERNAL_ID"), "{}", shown(&output));
}

#[test]
fn a_region_that_streamkap_does_not_offer_is_pointed_out_at_once() {
    let told = |line: &str, region: &str| {
        let shell = Shell::new();
        shell.write("file.toml", "region = \"eu-north-1\"");
        stderr(&shell.command(line).env("AWS_REGION", region).output().unwrap())
    };
    let words = "do not offer the region eu-north-1";
    assert!(told("check s3 --role R --bucket orders --region eu-north-1", "eu-west-1").contains(words));
    // The file's region is the connector's, wherever the session is.
    let by_file = told("check s3 --role R --bucket orders --config file.toml", "eu-west-1");
    assert!(by_file.contains(words), "{by_file}");
    // The session's region says nothing of the connector.
    let by_session = told("check s3 --role R --bucket orders", "eu-north-1");
    assert!(!by_session.contains("offer"), "{by_session}");
}

#[test]
fn no_credentials_is_one_sentence_with_a_hint_and_exit_code_3() {
    let output = Shell::new().run("check s3 --role R --bucket orders --region eu-west-1");
    assert_eq!(output.status.code(), Some(3), "{}", shown(&output));
    assert_eq!(stdout(&output), "");
    let told = stderr(&output);
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.starts_with("error: ") && told.contains("\nhint: "), "{told}");
}

#[test]
fn the_healthy_case_reads_at_two_widths() {
    for (name, columns) in [("healthy-80", "80"), ("healthy-140-verbose", "140")] {
        let shell = Shell::new();
        shell.case(|_| ());
        let verbose = if columns == "140" { "-v" } else { "" };
        let output = shell
            .command(&format!("check --case case.json {verbose}"))
            .env("COLUMNS", columns)
            .output()
            .unwrap();
        insta::assert_snapshot!(name, shown(&output));
    }
}

#[test]
fn two_runs_on_one_case_are_the_same_to_the_byte_in_every_format() {
    let shell = Shell::new();
    shell.case(|_| ());
    for format in ["table", "short", "json"] {
        let line = format!("check --case case.json -v -o {format}");
        assert_eq!(shell.run(&line), shell.run(&line), "{format}");
    }
}

#[test]
fn the_report_obeys_the_published_schema() {
    let schema: Value = serde_json::from_str(include_str!("../docs/reference/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let shell = Shell::new();
    for scenario in [&["role"][..], &["buckets"], &["simulations"], &[]] {
        shell.case(|world| {
            for fact in scenario {
                world.as_object_mut().unwrap().remove(*fact);
            }
        });
        let output = shell.run("check --case case.json -o json");
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{scenario:?}: {errors:#?}");
        assert_eq!(report["schema_version"], 1);
        let code = report["summary"]["exit_code"].as_i64().map(|code| i32::try_from(code).unwrap());
        assert_eq!(output.status.code(), code);
    }
}

#[test]
fn every_selected_check_is_in_the_json_in_catalogue_order() {
    let shell = Shell::new();
    shell.case(|_| ());
    let ids = |line: &str| -> Vec<String> {
        let report: Value = serde_json::from_str(&stdout(&shell.run(line))).unwrap();
        let checks = report["checks"].as_array().unwrap();
        checks.iter().map(|check| check["id"].as_str().unwrap().to_owned()).collect()
    };
    let list = stdout(&shell.run("list"));
    let listed: Vec<String> = list
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert_eq!(ids("check --case case.json -o json"), listed);
    assert_eq!(
        ids("check --case case.json -o json --only PRACTICE-00*,ASSUME-001 --skip PRACTICE-001"),
        listed
            .iter()
            .filter(|id| (id.starts_with("PRACTICE") && *id != "PRACTICE-001") || *id == "ASSUME-001")
            .cloned()
            .collect::<Vec<_>>()
    );
    for id in listed {
        assert!(shell.run(&format!("explain {id}")).status.success(), "{id}");
    }
}

#[test]
fn the_exit_code_is_the_same_for_every_format() {
    let shell = Shell::new();
    shell.case(|world| world["target"]["external_id"] = "another-external-id-entirely".into());
    let refused = json!({"state": "denied", "value": {"action": "iam:GetRole", "message": "no"}});
    for (expected, fail_on, change) in
        [(1, "fail", None), (3, "fail", Some(&refused)), (1, "unknown", Some(&refused))]
    {
        if let Some(refused) = change {
            shell.case(|world| world["role"] = refused.clone());
        }
        for format in ["table", "short", "json"] {
            let output = shell.run(&format!("check --case case.json -o {format} --fail-on {fail_on}"));
            assert_eq!(output.status.code(), Some(expected), "{format} {fail_on}");
        }
    }
}

#[test]
fn reports_are_written_to_files_without_colour() {
    let shell = Shell::new();
    shell.case(|_| ());
    let output = shell
        .command("check --case case.json --color always -o short --report json=a.json --report table=b.txt")
        .output()
        .unwrap();
    assert_eq!(stdout(&output), "");
    let read = |name: &str| fs::read_to_string(shell.folder.path().join(name)).unwrap();
    assert!(serde_json::from_str::<Value>(&read("a.json")).is_ok());
    assert!(read("b.txt").contains("Role cannot be assumed? no cause found"));
    assert!(!read("b.txt").contains('\u{1b}'));
}

#[test]
fn colours_follow_the_conventions() {
    let shell = Shell::new();
    shell.case(|_| ());
    let coloured = |line: &str, variables: &[(&str, &str)]| {
        let mut command = shell.command(line);
        command.envs(variables.iter().copied());
        stdout(&command.output().unwrap()).contains('\u{1b}')
    };
    let line = "check --case case.json";
    assert!(!coloured(line, &[]), "a pipe");
    assert!(coloured(line, &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(line, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(coloured(&format!("{line} --color always"), &[("NO_COLOR", "1")]));
    assert!(!coloured(&format!("{line} --color never"), &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn a_reader_who_has_had_enough_is_no_failure() {
    let shell = Shell::new();
    shell.case(|_| ());
    let mut child = shell
        .command("check --case case.json -v")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_hostile_case_controls_no_terminal() {
    let shell = Shell::new();
    let hostile =
        "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}<script>alert(1)</script>\r\nfake: 0 fail";
    shell.case(|world| {
        world["caller"]["value"]["arn"] = format!("arn:aws:iam::111122223333:user/{hostile}").into();
        world["target"]["role"]["name"] = hostile.into();
        world["target"]["connectors"][0]["parameters"]["prefix"] = hostile.into();
        world["role"] = json!({"state": "failed", "value": {
            "kind": "rejected", "action": "iam:GetRole", "message": hostile
        }});
        world["collected_at"] = "2026-11-20T12:00:00Z\u{1b}[31m".into();
    });
    for format in ["table", "short", "json"] {
        let output = shell.run(&format!("check --case case.json -v -o {format}"));
        let text = shown(&output);
        assert!(
            !text.chars().any(|it| it != '\n' && (it.is_control() || "\u{202e}\u{2066}".contains(it))),
            "{text}"
        );
        assert!(!text.lines().any(|line| line.starts_with("fake")), "{text}");
        assert!(text.contains("\\u001b"), "{format}");
    }
}

#[test]
fn case_files_that_are_none_are_told_apart() {
    let shell = Shell::new();
    shell.case(|_| ());
    let whole = fs::read_to_string(shell.folder.path().join("case.json")).unwrap();
    for (text, told) in [
        (String::new(), "it is empty"),
        ("role: R".to_owned(), "it is not JSON"),
        ("[]".to_owned(), "not a case"),
        (whole[..whole.len() / 2].to_owned(), "it ends in the middle"),
        (r#"{"case_version": 7}"#.to_owned(), "a newer one is needed"),
        (format!(r#"{{"case_version": 1, "facts": {}"#, "[".repeat(100_000)), "cannot be used"),
        (
            r#"{"case_version": 1, "doctor_version": "0", "redacted": false, "facts": {"target": 3}}"#
                .to_owned(),
            "cannot be used",
        ),
    ] {
        shell.write("bad.json", &text);
        let output = shell.run("check --case bad.json");
        assert_eq!(output.status.code(), Some(2), "{told}: {}", shown(&output));
        assert!(stderr(&output).contains(told), "{told}: {}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 2, "{}", stderr(&output));
    }
    let huge = fs::File::create(shell.folder.path().join("huge.json")).unwrap();
    huge.set_len(65 << 20).unwrap();
    assert!(stderr(&shell.run("check --case huge.json")).contains("larger than 64 MiB"));
}

#[test]
fn the_configuration_file_stands_behind_flags_and_environment() {
    let shell = Shell::new();
    shell.case(|world| world["target"]["external_id"] = "another-external-id-entirely".into());
    shell.write("streamkap-doctor.toml", "output = \"short\"\nonly = [\"external-id-mismatch\"]\n");
    assert!(stdout(&shell.run("check --case case.json")).starts_with("fail    ASSUME-004"));
    assert!(stdout(&shell.run("check --case case.json -o json")).starts_with('{'));
    shell.write("streamkap-doctor.toml", "rolle = \"R\"\n");
    let output = shell.run("check --case case.json");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("line 1: unknown field `rolle`"), "{}", stderr(&output));
}

#[test]
fn an_ignored_finding_is_a_skip_until_it_expires() {
    let shell = Shell::new();
    let ignore = |check: &str, expires: &str| {
        let text = format!("[[ignore]]\ncheck = \"{check}\"\nreason = \"agreed\"\nexpires = \"{expires}\"\n");
        shell.write("streamkap-doctor.toml", &text);
        let output = shell.run("check --case case.json --only assume -v");
        (output.status.code(), stdout(&output))
    };
    shell.case(|world| world["target"]["external_id"] = "another-external-id-entirely".into());
    // The case was read on 2026-11-20.
    let (code, text) = ignore("ASSUME-004", "2026-11-20");
    assert_eq!(code, Some(0));
    assert!(text.contains("Ignored (agreed):"), "{text}");
    let (code, text) = ignore("ASSUME-004", "2026-11-19");
    assert_eq!(code, Some(1));
    assert!(text.contains("The ignore of ASSUME-004 ended on 2026-11-19"), "{text}");
    let (_, text) = ignore("ASSUME-002", "2026-12-31");
    assert!(text.contains("The ignore of ASSUME-002 is stale"), "{text}");
}

#[test]
fn a_fix_is_printed_for_a_shell_as_a_policy_and_as_json() {
    let shell = Shell::new();
    shell.case(|world| {
        let policies = world["managed_policies"].as_object_mut().unwrap();
        for policy in policies.values_mut() {
            let text = policy["value"]["document"].as_str().unwrap();
            let text = text.replace("arn:aws:s3:::orders-landing/*", "arn:aws:s3:::orders-landing");
            policy["value"]["document"] = text.into();
        }
        world["simulations"] = json!([]);
    });
    let commands = stdout(&shell.run("fix WRITE-003 --case case.json"));
    assert!(commands.contains("\n# WRITE-003: "), "{commands}");
    assert!(commands.contains("aws iam create-policy-version"), "{commands}");
    let policy = stdout(&shell.run("fix bucket-or-object-arn-missing --case case.json -o policy"));
    let policy: Value = serde_json::from_str(&policy).unwrap();
    assert!(policy.to_string().contains("arn:aws:s3:::orders-landing/*"));
    let fixes = stdout(&shell.run("fix --case case.json -o json"));
    let fixes: Value = serde_json::from_str(&fixes).unwrap();
    assert_eq!(fixes[0]["verification"]["state"], "verified");
    let output = shell.run("fix ASSUME-001 --case case.json");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    assert!(stderr(&output).contains("Nothing to mend"));
}

#[test]
fn one_change_for_several_findings_is_told_once() {
    let text = stdout(&Shell::new().run("demo policy-detached"));
    // What clears most comes first, for every finding that it clears.
    let told = "To mend WRITE-004, LATER-002, LATER-004: Attach StreamkapS3Access";
    assert!(text.contains(told), "{text}");
    assert_eq!(text.matches("To mend").count(), 1, "{text}");
    assert!(text.contains("Fix: the same as for WRITE-004"), "{text}");
}

#[test]
fn a_symptom_whose_cause_another_section_owns_points_there() {
    for (demo, owner) in [("boundary-denies", "LATER-006"), ("organization-denies", "LATER-005")] {
        let text = stdout(&Shell::new().run(&format!("demo {demo}")));
        assert!(text.contains("tries to write? YES"), "{text}");
        assert!(text.contains(&format!("Because of {owner}, below: ")), "{text}");
        assert!(text.contains(&format!("Streamkap cannot write with this role ({owner}).")), "{text}");
        let report: Value =
            serde_json::from_str(&stdout(&Shell::new().run(&format!("demo {demo} -o json")))).unwrap();
        let sections = report["summary"]["sections"].as_array().unwrap();
        let of = |name: &str| sections.iter().find(|it| it["section"] == name).unwrap();
        assert_eq!(of("write")["because_of"], json!([owner]));
        assert_eq!(of("partial").get("because_of"), None);
    }
}

#[test]
fn the_policy_for_the_doctor_is_limited_to_what_was_asked() {
    let shell = Shell::new();
    let policy = |line: &str| -> Value { serde_json::from_str(&stdout(&shell.run(line))).unwrap() };
    let whole = policy("policy s3 --role arn:aws:iam::111122223333:role/R --bucket orders").to_string();
    for needed in ["cloudtrail:LookupEvents", "iam:SimulatePrincipalPolicy", "arn:aws:s3:::orders\""] {
        assert!(whole.contains(needed), "{needed}");
    }
    let small = policy("policy s3 --bucket orders --only bucket-policy-denies --no-history").to_string();
    assert!(!small.contains("LookupEvents") && small.contains("s3:GetBucketPolicy"), "{small}");
    assert!(policy("policy").to_string().contains("arn:aws:s3:::*"));
    let trail = policy("policy s3 --bucket orders --denials").to_string();
    assert!(trail.contains("s3:GetObject") && trail.contains("arn:aws:s3:::*/AWSLogs/*"), "{trail}");
    assert!(!whole.contains("s3:GetObject\""), "{whole}");
    let queries = policy("policy s3 --bucket orders --denials=lake,athena,decode").to_string();
    for needed in ["cloudtrail:StartQuery", "athena:GetQueryResults", "sts:DecodeAuthorizationMessage"] {
        assert!(queries.contains(needed) && !trail.contains(needed), "{needed}");
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Shell::new().run(&format!("completions {shell}"));
        assert!(output.status.success() && stdout(&output).contains("streamkap-doctor"), "{shell}");
    }
}
