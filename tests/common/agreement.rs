//! Whether the phase table agrees with the checks.

use streamkap_doctor::diagnosis::Mend;
use streamkap_doctor::facts::Facts;
use streamkap_doctor::model::{PhaseState, Section, Status};
use streamkap_doctor::report::PhaseReport;

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

/// Where the phase table and the checks of a report contradict each other, each with the name of the facts.
pub(crate) fn disagreements(name: &str, facts: &Facts) -> Vec<String> {
    let report = super::report(facts, Mend::Failures);
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
    let found = |id: &_| {
        let check = report.checks.iter().find(|it| it.id == *id);
        check.is_some_and(|it| matches!(it.status, Status::Fail | Status::Warn))
    };
    for row in rows.iter().filter(|it| it.state == PhaseState::Broken) {
        if row.checks.is_empty() || !row.checks.iter().all(found) {
            wrong.push(format!("{name}: broken by no check that found something: {row:?}"));
        }
    }
    let sound = |row: &&PhaseReport| matches!(row.state, PhaseState::Ok | PhaseState::AtACost);
    for check in chain.iter().filter(|it| it.status == Status::Unknown) {
        if rows.iter().all(sound) {
            wrong.push(format!("{name}: {} is unknown, and every phase is well", check.id));
        }
    }
    let role_is_there =
        report.checks.iter().any(|it| it.id.to_string() == "ASSUME-001" && it.status == Status::Pass);
    let open =
        report.checks.iter().any(|it| matches!(it.status, Status::Unknown | Status::Fail | Status::Broken));
    for row in rows.iter().filter(|it| it.state == PhaseState::Unknown && role_is_there && !open) {
        wrong.push(format!("{name}: unknown, and every check is certain: {row:?}"));
    }
    let calm = |status: Status| matches!(status, Status::Pass | Status::Skip);
    let template = report.checks.iter().find(|it| it.id.to_string() == "PARTIAL-001");
    let all_calm = chain.iter().copied().chain(template).all(|check| calm(check.status));
    if all_calm && role_is_there {
        let not_ok = rows.iter().filter(|row| row.state != PhaseState::Ok);
        wrong.extend(not_ok.map(|row| format!("{name}: every check is content, and {row:?}")));
    }
    wrong
}
