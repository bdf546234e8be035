//! Commands of fixes in a shell, of accounts whose names want to be obeyed: nothing of them is.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests: a panic is a failed test"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use streamkap_doctor::demo;

/// What stands behind every name: a command of its own, a substitution, a quote that ends too early.
const HOSTILE: &str = "\ntouch PWNED #$(touch PWNED)`touch PWNED`';touch PWNED;'\"";

/// Names in the built-in accounts.
const NAMES: [&str; 4] =
    ["StreamkapConnectorAccess", "StreamkapS3Access", "StreamkapGlueAccess", "DeveloperBoundary"];

/// The text with what is hostile behind each name.
fn renamed(value: &mut Value) {
    let change = |text: &str| {
        NAMES.iter().fold(text.to_owned(), |text, name| text.replace(name, &format!("{name}{HOSTILE}")))
    };
    match value {
        // A document is JSON in a text: its names are left alone, for what is in it is quoted by JSON.
        Value::String(text) if text.trim_start().starts_with('{') => {}
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(renamed),
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (key, mut member) in old {
                renamed(&mut member);
                members.insert(change(&key), member);
            }
        }
        _ => {}
    }
}

fn fixes(folder: &Path, scenario: &str) -> String {
    let mut facts = serde_json::to_value(demo::facts(scenario).unwrap()).unwrap();
    renamed(&mut facts);
    let case = json!({"case_version": 1, "doctor_version": "0.1.0", "redacted": false, "facts": facts});
    let path = folder.join("case.json");
    fs::write(&path, case.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_streamkap-doctor"))
        .args(["fix", "--case"])
        .arg(&path)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_name_of_an_account_is_obeyed_by_the_shell_that_a_fix_is_pasted_into() {
    let mut commands = 0;
    for scenario in demo::scenarios() {
        let folder = tempfile::tempdir().unwrap();
        let script = fixes(folder.path(), scenario.name);
        commands += script.lines().filter(|line| line.starts_with("aws ")).count();
        let script = format!("aws() {{ :; }}\n{script}");
        Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        assert!(!folder.path().join("PWNED").exists(), "{}:\n{script}", scenario.name);
    }
    assert!(commands > 5, "{commands} commands were tried");
}
