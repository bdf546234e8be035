//! The phase table agrees with the checks, in every world there is: the demos, the fault worlds, and the
//! cases of every page.

mod common;

use serde_json::Value;
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::Selection;
use streamkap_doctor::diagnosis::Diagnosis;
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{PhaseState, Section, Status};
use streamkap_doctor::report::{CheckReport, FailOn, Origin, PhaseReport, Report};

fn report(facts: &Facts) -> Report {
    let catalog = Catalog::built_in();
    Diagnosis {
        catalog,
        selection: &Selection::all(catalog),
        ignores: &[],
        fail_on: FailOn::Fail,
        origin: Origin::Live,
        again: None,
        policy: None,
    }
    .report(facts)
}

/// Whether a check is about what the connectors' calls need, so that its failure breaks a phase.
fn bears(section: Section, number: u16) -> bool {
    match section {
        Section::Assume => number != 8 && number != 10,
        Section::Write => true,
        Section::Partial => number == 3 || number == 4,
        Section::Later => number == 5 || number == 6,
        Section::Practice => false,
    }
}

fn disagreements(name: &str, facts: &Facts) -> Vec<String> {
    let report = report(facts);
    let rows: Vec<&PhaseReport> = report.target.connectors.iter().flat_map(|it| &it.phases).collect();
    let chain: Vec<_> = report.checks.iter().filter(|it| bears(it.id.section(), it.id.number())).collect();
    let mut wrong = Vec::new();
    if rows.is_empty() {
        wrong.push(format!("{name}: no phases"));
    }
    for check in chain.iter().filter(|it| it.status == Status::Fail) {
        let told = rows.iter().any(|row| row.state == PhaseState::Broken && row.checks.contains(&check.id));
        if !told {
            wrong.push(format!("{name}: {} fails and breaks no phase: {rows:?}", check.id));
        }
    }
    let says = |it: &&CheckReport| matches!(it.status, Status::Fail | Status::Warn);
    if report.checks.iter().filter(says).count() == 0 {
        let broken = rows.iter().filter(|row| row.state == PhaseState::Broken);
        wrong.extend(broken.map(|row| format!("{name}: no check says what breaks {row:?}")));
    }
    let calm = |status: Status| matches!(status, Status::Pass | Status::Skip);
    let template = report.checks.iter().find(|it| it.id.to_string() == "PARTIAL-001");
    let all_calm = chain.iter().copied().chain(template).all(|check| calm(check.status));
    let role_is_there =
        report.checks.iter().any(|it| it.id.to_string() == "ASSUME-001" && it.status == Status::Pass);
    if all_calm && role_is_there {
        let not_ok = rows.iter().filter(|row| row.state != PhaseState::Ok);
        wrong.extend(not_ok.map(|row| format!("{name}: every check is content, and {row:?}")));
    }
    wrong
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
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let mut wrong = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let world: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let mut patched = common::world(world["base"].as_str().unwrap());
            common::merge(&mut patched, &world["patch"]);
            wrong.extend(disagreements(&path.display().to_string(), &common::facts(patched).unwrap()));
        }
    }
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
