//! The commands that are printed, pasted into a shell: each does what was tried on the facts, or nothing.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Selection, diagnose};
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{Change, PolicyHome};
use streamkap_doctor::prescribe::{commands, prescribe};

/// A stand-in for the AWS CLI: notes its arguments a line each, and the documents that it is given.
const AWS: &str = r#"#!/bin/bash
for word in "$@"; do
  printf '%s\n' "$word" >> arguments
  case $word in file://*) cat "${word#file://}" >> documents ;; esac
done
case "$*" in *' get-role '*) echo "current$(grep -c get-role arguments)" ;; esac
"#;

/// What a shell's reading the commands leaves: the arguments of `aws`, and the documents it was given.
fn pasted(commands: &[String], external_id: Option<&str>, folder: &str) -> (String, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("aws"), AWS).unwrap();
    fs::set_permissions(folder.join("aws"), fs::Permissions::from_mode(0o755)).unwrap();
    // Left from before: must not be taken for what was to be written.
    fs::write(folder.join("trust-policy.json"), "old").unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    // As at a prompt, where a command that fails does not keep the next from being read.
    let mut shell = Command::new("bash");
    shell
        .args(["--norc", "--noprofile", "-i"])
        .current_dir(&folder)
        .env("PATH", path)
        .env_remove("EXTERNAL_ID");
    if let Some(id) = external_id {
        shell.env("EXTERNAL_ID", id);
    }
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let text = commands.join("\n") + "\n";
    std::io::Write::write_all(&mut shell.stdin.take().unwrap(), text.as_bytes()).unwrap();
    shell.wait().unwrap();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    (read("arguments"), read("documents"))
}

fn trust_commands(condition: &Value, given: &str) -> Vec<String> {
    let mut world = common::healthy();
    let patch = json!({"role": {"value": {"trust_policy": {"Statement": {"0": {"Condition": condition}}}}},
        "target": {"external_id": given}, "history": {"queries": {"0": {"events": {"value": []}}}}});
    common::merge(&mut world, &patch);
    let facts: Facts = common::facts(world).unwrap();
    let catalog = Catalog::built_in();
    let mut judged = diagnose(&facts, catalog, &Selection::all(catalog));
    let repairs = prescribe(&facts, catalog, &mut judged).repairs(|id| id.section().to_string() == "assume");
    assert_eq!(repairs.len(), 1, "{repairs:#?}");
    commands(&repairs[0].fix.change)
}

#[test]
fn a_trust_policy_is_written_with_the_ids_that_are_known_to_the_shell_only() {
    let other = json!({"StringEquals": {"sts:ExternalId": ["another-connectors-id", "mistyped-id"]}});
    let commands = trust_commands(&other, "mistyped-1d");
    let all = commands.join("\n");
    assert!(!all.contains("another-connectors-id") && !all.contains("mistyped"), "{all}");
    let (arguments, documents) = pasted(&commands, Some("$(id)`x`\\"), "trust");
    assert!(
        arguments.contains("update-assume-role-policy\n--role-name\nStreamkapConnectorAccess\n"),
        "{arguments}"
    );
    let queries: Vec<&str> = arguments.lines().filter(|line| line.starts_with("Role.")).collect();
    let path = r#"Role.AssumeRolePolicyDocument."Statement"[0]."Condition"."StringEquals"."sts:ExternalId""#;
    assert_eq!(queries, [format!("{path}[0]"), format!("{path}[1]")]);
    assert!(documents.contains(r#""current1""#) && documents.contains("\"$(id)`x`\\\""), "{documents}");
}

#[test]
fn without_the_external_id_nothing_is_written() {
    let other = json!({"StringEquals": {"sts:ExternalId": "mistyped-id"}});
    let (arguments, documents) = pasted(&trust_commands(&other, "mistyped-1d"), None, "refused");
    assert_eq!((arguments.as_str(), documents.as_str()), ("", ""));
}

#[test]
fn a_trust_policy_whose_id_is_right_needs_none() {
    let id = "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3";
    let misspelt = json!({"StringEquals": {"sts:ExternalId": null, "sts:ExternalID1": id}});
    let commands = trust_commands(&misspelt, id);
    let (arguments, documents) = pasted(&commands, None, "unchanged");
    assert!(arguments.contains("update-assume-role-policy"), "{commands:#?}");
    let document: Value = serde_json::from_str(&documents).unwrap();
    assert_eq!(
        document["Statement"][0]["Condition"],
        json!({"StringEquals": {"sts:ExternalId": "current1"}})
    );
}

#[test]
fn hostile_names_and_documents_arrive_as_they_are() {
    let after = "{\"Statement\": \"$(touch x) `id` ${aws:username} \\\\ 'EXTERNAL_ID'\"}";
    let (role, name) = ("a'; touch y; '".to_owned(), "-$(touch z)".to_owned());
    let home = PolicyHome::Inline { role: role.clone(), name: name.clone() };
    let change = Change::SetPolicy { home, before: None, after: after.to_owned() };
    let (arguments, documents) = pasted(&commands(&change), None, "hostile");
    assert!(arguments.contains(&format!("\n{role}\n--policy-name={name}\n")), "{arguments}");
    assert_eq!(documents, format!("{after}\n"));
}
