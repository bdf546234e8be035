//! Runs the cases of every check's page: each is a patch of the healthy world and the status that
//! the check must then give.
//!
//! A case is a fenced block: ```` ```json fail words of the finding ````. The words are optional and must
//! stand in the text the check gives (findings, their proof, what blocks, the reason for skipping).
//! A patch may name the world it is over: `"base": "iceberg-glue"`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write as _;

use serde_json::Value;
use streamkap_doctor::catalog::{Catalog, Page};
use streamkap_doctor::checks::{Selection, diagnose};
use streamkap_doctor::model::{Outcome, Status};

struct Case {
    status: String,
    words: String,
    patch: Value,
    line: usize,
}

fn cases(page: &Page) -> Vec<Case> {
    let cases = page.body.split_once("## Cases\n").unwrap_or_else(|| panic!("{}: no cases", page.id)).1;
    let offset = page.body.lines().count() - cases.lines().count();
    let mut found = Vec::new();
    let mut lines = cases.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```json ") else { continue };
        let (status, words) = info.split_once(' ').unwrap_or((info, ""));
        let text: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let patch = serde_json::from_str(&text.join("\n")).unwrap_or_else(|error| {
            panic!("{}: the case in line {} is not JSON: {error}", page.id, offset + number + 1)
        });
        found.push(Case {
            status: status.to_owned(),
            words: words.to_owned(),
            patch,
            line: offset + number + 1,
        });
    }
    found
}

/// All that an outcome says.
fn said(outcome: &Outcome) -> String {
    let mut text = String::new();
    match outcome {
        Outcome::Pass(evidence) => evidence.iter().for_each(|it| writeln!(text, "{}", it.text).unwrap()),
        Outcome::Warn(findings) | Outcome::Fail(findings) => {
            for finding in findings {
                writeln!(text, "{}", finding.what).unwrap();
                finding.evidence.iter().for_each(|it| writeln!(text, "  {}", it.text).unwrap());
            }
        }
        Outcome::Unknown(blocked) => {
            for it in blocked {
                writeln!(text, "{}: {}; {}", it.what, it.why, it.hint.as_deref().unwrap_or_default())
                    .unwrap();
            }
        }
        Outcome::Skip(reason) => text.push_str(reason),
        Outcome::Broken(bug) => text.push_str(&bug.message),
    }
    text
}

fn run(page: &Page, case: &Case) -> Result<(), String> {
    let catalog = Catalog::built_in();
    let place = format!("{} (line {} of its prose)", page.path(), case.line);
    let facts =
        common::facts(common::patched(case.patch.clone())).map_err(|error| format!("{place}: {error}"))?;
    let selection = Selection::new(catalog, &[page.id.to_string()], &[]).unwrap();
    let judged = diagnose(&facts, catalog, &selection);
    let said = said(&judged[0].outcome);
    let status = judged[0].outcome.status();
    if status.as_str() != case.status {
        return Err(format!("{place}: {status} instead of {}\n{said}", case.status));
    }
    if matches!(status, Status::Fail | Status::Warn) {
        let without_proof = judged[0].outcome.findings().iter().any(|finding| finding.evidence.is_empty());
        if without_proof {
            return Err(format!("{place}: a finding without evidence\n{said}"));
        }
    }
    if !said.contains(&case.words) {
        return Err(format!("{place}: does not say `{}`\n{said}", case.words));
    }
    Ok(())
}

#[test]
fn every_case_of_every_page_holds() {
    let failures: Vec<String> = Catalog::built_in()
        .pages
        .iter()
        .flat_map(|page| cases(page).into_iter().map(move |case| run(page, &case)))
        .filter_map(Result::err)
        .collect();
    assert!(failures.is_empty(), "{} cases fail:\n\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_page_has_a_case_that_passes_and_one_that_does_not() {
    for page in &Catalog::built_in().pages {
        let statuses: Vec<String> = cases(page).into_iter().map(|case| case.status).collect();
        assert!(statuses.iter().any(|status| status == "pass"), "{}: no passing case", page.id);
        assert!(statuses.iter().any(|status| status != "pass"), "{}: only passing cases", page.id);
    }
}

#[test]
fn every_page_has_its_sections_and_says_how_to_fix() {
    for page in &Catalog::built_in().pages {
        let headings: Vec<&str> = page.body.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(
            headings,
            ["## What it checks", "## Why it matters", "## How to fix", "## Cases"],
            "{}",
            page.id
        );
    }
}

#[test]
fn every_healthy_world_is_healthy() {
    let catalog = Catalog::built_in();
    for world in common::HEALTHY {
        let facts = common::facts(common::world(world)).unwrap();
        for judged in diagnose(&facts, catalog, &Selection::all(catalog)) {
            let status = judged.outcome.status();
            assert!(
                matches!(status, Status::Pass | Status::Skip),
                "{world}: {} {status}: {}",
                judged.id,
                said(&judged.outcome)
            );
        }
    }
}

#[test]
fn every_healthy_world_reads_as_it_was_written() {
    for world in common::HEALTHY {
        let facts = common::facts(common::world(world)).unwrap();
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<streamkap_doctor::facts::Facts>(&text).unwrap(), facts);
    }
}
