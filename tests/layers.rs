//! Holds the layer rules of `docs/design/architecture.md`: which module may use which, where the AWS
//! SDK and the command line parser may be named, where printing happens, and where the clock and the
//! environment are read.

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

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules and what each may use, itself aside.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("model", &[]),
    ("policy", &["model"]),
    ("denial", &["model", "policy"]),
    ("trail", &["model", "denial", "policy"]),
    ("facts", &["model", "trail"]),
    ("catalog", &["model", "facts", "policy"]),
    ("requirement", &["model", "facts", "catalog", "policy"]),
    ("plan", &["model", "facts", "catalog", "requirement"]),
    ("checks", &["model", "facts", "catalog", "policy", "requirement", "trail", "denial"]),
    ("prescribe", &["model", "facts", "catalog", "policy", "requirement", "checks"]),
    ("report", &["model"]),
    (
        "denials",
        &["model", "facts", "catalog", "policy", "requirement", "checks", "trail", "denial", "report"],
    ),
    (
        "collect",
        &["model", "facts", "catalog", "requirement", "plan", "policy", "trail", "denial", "denials"],
    ),
    ("diagnosis", &["model", "facts", "catalog", "checks", "prescribe", "report"]),
    ("evaluate", &["model", "policy"]),
    ("demo", &["model", "facts"]),
    (
        "cli",
        &[
            "model",
            "facts",
            "catalog",
            "checks",
            "collect",
            "plan",
            "prescribe",
            "report",
            "diagnosis",
            "evaluate",
            "demo",
            "denial",
            "denials",
            "requirement",
            "trail",
        ],
    ),
    ("main", &["cli"]),
];

/// Where a word may stand: the word, and the beginnings of the paths that may have it.
const ONLY_IN: [(&str, &[&str]); 15] = [
    ("aws_sdk", &["collect/"]),
    ("aws_config", &["collect/"]),
    ("aws_smithy", &["collect/"]),
    ("aws_credential", &["collect/"]),
    ("tokio::", &["collect/", "cli/collect.rs", "cli/denials/"]),
    ("clap::", &["cli/"]),
    ("comfy_table", &["report/table.rs"]),
    ("indicatif", &["cli/progress.rs", "cli/terminal.rs", "cli/denials/logs.rs"]),
    ("println!", &[]),
    ("print!", &[]),
    ("eprint", &[]),
    ("io::stdout", &["cli/output.rs", "cli/environment.rs"]),
    ("io::stderr", &["cli/output.rs", "cli/terminal.rs"]),
    // AWS's own variables that the SDK does not read are read where AWS is called.
    ("env::var", &["cli/environment.rs", "collect/client.rs"]),
    ("Timestamp::now", &["cli/environment.rs"]),
];

#[test]
fn every_module_uses_only_what_its_layer_may() {
    let rules: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let Some(allowed) = rules.get(module.as_str()) else {
            panic!(
                "{path}: the module {module} has no layer: add it to MAY_USE and to docs/design/architecture.md"
            );
        };
        for used in used_modules(&text) {
            if used != module && !allowed.contains(&used.as_str()) {
                broken.push(format!("{path} uses {used}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_outside_world_is_met_in_few_places() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        for (word, homes) in ONLY_IN {
            if has_word(&text, word) && !homes.iter().any(|home| path.starts_with(home)) {
                broken.push(format!("{path} has {word}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_rules_see_what_they_forbid() {
    assert_eq!(
        used_modules(
            "use crate::model::Arn;\nuse crate::{facts::{Fact, Role}, checks};\nuse crate::{\n    cli::x,\n    trail,\n};\n\
             let x = crate::report::line(y); // crate::demo"
        ),
        ["checks", "cli", "facts", "model", "report", "trail"].map(str::to_owned).into()
    );
    assert!(has_word("    println!(\"x\")", "println!"));
    assert!(!has_word("// println!(\"x\")", "println!"));
    assert!(has_word("use aws_config::x;", "aws_config"));
    assert!(!has_word("my_aws_config()", "aws_config"));
}

/// Every source file below `src/` without comments, strings and the tests in it.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                if name != "lib.rs" && !name.ends_with("tests.rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    found.push((name, text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned()));
                }
            }
        }
    }
    found.sort();
    found
}

fn module_of(path: &str) -> String {
    path.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

/// Modules of the crate that the code names: `crate::x` and `crate::{x, y::{z}}`, on one line or several.
fn used_modules(text: &str) -> BTreeSet<String> {
    let text = text.lines().map(code).collect::<Vec<_>>().join("\n");
    let mut used = BTreeSet::new();
    for (at, prefix) in text.match_indices("crate::") {
        let rest = &text[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => used.extend(members(list).into_iter().map(first_name)),
            None => used.extend([first_name(rest)]),
        }
    }
    used.remove("");
    used.remove("lib");
    used
}

/// The members of a list in braces, given what follows its opening one.
fn members(list: &str) -> Vec<&str> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, it) in list.char_indices() {
        match it {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
                if it == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

/// The name that a path begins with.
fn first_name(path: &str) -> String {
    let path = path.trim_start();
    let end = path.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_')).unwrap_or(path.len());
    path[..end].to_owned()
}

/// Whether the code has the word, not as the end of another one.
fn has_word(text: &str, word: &str) -> bool {
    text.lines().map(code).any(|line| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().last();
            !before.is_some_and(|it| it.is_ascii_alphanumeric() || it == '_' || it == '"')
        })
    })
}

/// The line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}
