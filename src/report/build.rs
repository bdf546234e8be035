//! Builds a report from what the stages before it concluded: counts, verdict, exit code, next commands.

use std::fmt::Write as _;

use crate::model::{Change, CheckId, Finding, Fix, Outcome, Repair, Section, Severity, Status};

use super::model::{
    Caller, CheckReport, ConnectorTarget, Counts, Coverage, Doctor, FailOn, FindingReport, FixReport,
    NextCommand, Origin, RepairReport, Report, SCHEMA_VERSION, SectionSummary, Summary, Target,
};
use super::verdict::{Circumstances, verdict};

/// What a report is built from.
pub struct Inputs<'a> {
    /// Where the facts come from.
    pub origin: Origin,
    /// When they were read: RFC 3339, UTC.
    pub collected_at: String,
    /// Who read them.
    pub caller: Option<Caller>,
    /// What was looked at.
    pub target: Target,
    /// What must be known first.
    pub notes: Vec<String>,
    /// Every selected check, in catalogue order.
    pub checks: Vec<CheckInput>,
    /// The changes that mend them, to be made in order.
    pub repairs: Vec<Repair>,
    /// What was searched.
    pub coverage: Coverage,
    /// What the verdict has to know besides.
    pub circumstances: Circumstances,
    /// From which status on the exit code is 1.
    pub fail_on: FailOn,
    /// Command lines of this run's target.
    pub next: Commands,
    /// Writes a change as commands of the AWS CLI.
    pub commands: &'a dyn Fn(&Change) -> Vec<String>,
}

/// Command lines that go on from here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Repeats this run, where that could show something new.
    pub again: Option<String>,
    /// Who has to repeat it, where this caller cannot: `signed in to account 111122223333`.
    pub again_as: Option<String>,
    /// Prints the permissions the doctor needs.
    pub policy: Option<String>,
}

/// One check and what it concluded.
pub struct CheckInput {
    /// The id.
    pub id: CheckId,
    /// The problem, as a name.
    pub name: String,
    /// The problem, as a sentence.
    pub title: String,
    /// How much it hurts.
    pub severity: Severity,
    /// The page below the project's root.
    pub page: String,
    /// Address of the guide.
    pub guide: String,
    /// What was concluded.
    pub outcome: Outcome,
}

/// Builds the report.
pub fn build(inputs: Inputs<'_>) -> Report {
    let (commands, repairs) = (inputs.commands, &inputs.repairs[..]);
    let checks: Vec<CheckReport> =
        inputs.checks.into_iter().map(|check| check_report(check, repairs, commands)).collect();
    let counts = Counts::of(checks.iter().map(|check| check.status));
    let summary = Summary {
        counts,
        sections: sections(&checks),
        verdict: verdict(&checks, counts, &inputs.circumstances),
        exit_code: exit_code(counts, inputs.fail_on),
        next: next(&checks, &inputs.origin, &inputs.target, inputs.next),
    };
    Report {
        schema_version: SCHEMA_VERSION,
        doctor: Doctor {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        source: inputs.origin,
        collected_at: inputs.collected_at,
        caller: inputs.caller,
        target: inputs.target,
        notes: inputs.notes,
        summary,
        checks,
        repairs: repairs.iter().map(|repair| repair_report(repair, commands)).collect(),
        coverage: inputs.coverage,
    }
}

fn check_report(
    check: CheckInput,
    repairs: &[Repair],
    commands: &dyn Fn(&Change) -> Vec<String>,
) -> CheckReport {
    let id = check.id;
    let finding_report = |finding| finding_report(id, finding, repairs, commands);
    let mut report = CheckReport {
        id: check.id,
        name: check.name,
        title: check.title,
        section: check.id.section(),
        severity: check.severity,
        status: check.outcome.status(),
        findings: Vec::new(),
        blocked: Vec::new(),
        reason: None,
        evidence: Vec::new(),
        bug: None,
        page: check.page,
        guide: check.guide,
    };
    match check.outcome {
        Outcome::Pass(evidence) => report.evidence = evidence,
        Outcome::Warn(findings) | Outcome::Fail(findings) => {
            report.findings = findings.into_iter().map(finding_report).collect();
        }
        Outcome::Unknown(blocked) => report.blocked = blocked,
        Outcome::Skip(reason) => report.reason = Some(reason),
        Outcome::Broken(bug) => report.bug = Some(bug),
    }
    report
}

fn finding_report(
    id: CheckId,
    finding: Finding,
    repairs: &[Repair],
    commands: &dyn Fn(&Change) -> Vec<String>,
) -> FindingReport {
    let merged = |fix: &Fix| {
        let is_it = |repair: &&Repair| {
            repair.mends.contains(&id)
                && repair.fix.change.is_of_one(&fix.change)
                && repair.fix.change != fix.change
        };
        repairs.iter().find(is_it).map(|repair| repair.mends.clone()).unwrap_or_default()
    };
    let fixes = finding
        .fixes
        .into_iter()
        .map(|fix| FixReport { merged_for: merged(&fix), ..fix_report(fix, commands) });
    FindingReport {
        fixes: fixes.collect(),
        resource: finding.resource,
        what: finding.what,
        evidence: finding.evidence,
        because: finding.because,
        also: finding.also,
    }
}

fn fix_report(fix: Fix, commands: &dyn Fn(&Change) -> Vec<String>) -> FixReport {
    FixReport {
        title: fix.title,
        owner: fix.owner,
        commands: commands(&fix.change),
        change: fix.change,
        verification: fix.verification,
        clears: fix.clears,
        completes: fix.completes,
        notes: fix.notes,
        merged_for: Vec::new(),
    }
}

fn repair_report(repair: &Repair, commands: &dyn Fn(&Change) -> Vec<String>) -> RepairReport {
    RepairReport { mends: repair.mends.clone(), fix: fix_report(repair.fix.clone(), commands) }
}

fn sections(checks: &[CheckReport]) -> Vec<SectionSummary> {
    let of = |section| {
        let statuses = checks.iter().filter(|check| check.section == section).map(|check| check.status);
        let other = |check: &&CheckReport| check.section != section && causes(check, section);
        SectionSummary {
            section,
            symptom: section.symptom().to_owned(),
            counts: Counts::of(statuses),
            because_of: checks.iter().filter(other).map(|check| check.id).collect(),
        }
    };
    let present = |section: &Section| checks.iter().any(|check| check.section == *section);
    Section::ALL.into_iter().filter(present).map(of).collect()
}

/// Whether a check fails with something that causes a section's symptom.
pub(super) fn causes(check: &CheckReport, section: Section) -> bool {
    let of_finding = |finding: &FindingReport| finding.also.contains(&section);
    check.status == Status::Fail && (check.section == section || check.findings.iter().any(of_finding))
}

/// The exit code: a broken check first, as it may hide a failure; then what reaches `fail_on`; then
/// what could not be looked at.
fn exit_code(counts: Counts, fail_on: FailOn) -> u8 {
    let failing = counts.fail
        + if fail_on >= FailOn::Warn { counts.warn } else { 0 }
        + if fail_on >= FailOn::Unknown { counts.unknown } else { 0 };
    if counts.broken > 0 {
        4
    } else if failing > 0 {
        1
    } else if counts.unknown > 0 {
        3
    } else {
        0
    }
}

fn next(checks: &[CheckReport], origin: &Origin, target: &Target, commands: Commands) -> Vec<NextCommand> {
    let mut next = Vec::new();
    let mut add = |command: String, purpose: &str| {
        next.push(NextCommand { command, purpose: purpose.to_owned() });
    };
    let Commands { mut again, again_as, policy } = commands;
    if let Some(whom) = again_as {
        again.take().into_iter().for_each(|again| add(again, &whom));
    }
    let first = [Status::Fail, Status::Warn]
        .into_iter()
        .find_map(|status| checks.iter().find(|check| check.status == status));
    if let Some(check) = first {
        add(format!("streamkap-doctor explain {}", check.id), "what this check looks at, and why");
    }
    let refused = checks.iter().flat_map(|check| &check.blocked).any(|blocked| blocked.grant.is_some());
    if let Some(policy) = policy.filter(|_| refused) {
        add(policy, "the permissions that the doctor needs");
    }
    if let Some(again) = again {
        add(again, if first.is_some() { "when it is mended" } else { "to look again" });
    }
    if matches!(origin, Origin::Demo { .. }) {
        add(on_your_account(&target.connectors), "the same on your account");
    }
    next
}

/// The command line that checks these connectors, its values left to the reader.
fn on_your_account(connectors: &[ConnectorTarget]) -> String {
    let mut command = "streamkap-doctor check".to_owned();
    for connector in connectors {
        let _ = write!(command, " {}", connector.name);
    }
    command.push_str(" --role ROLE");
    for connector in connectors {
        for (name, _) in connector.parameters.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(command, " --{name} {}", name.to_uppercase().replace('-', "_"));
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::super::sample::report;
    use super::*;

    fn exit(fail_on: FailOn, without: &[Status]) -> u8 {
        report(fail_on, |check| !without.contains(&check.outcome.status())).summary.exit_code
    }

    #[test]
    fn the_exit_code_tells_the_worst() {
        use Status::{Broken, Fail, Unknown, Warn};
        assert_eq!(exit(FailOn::Fail, &[]), 4);
        assert_eq!(exit(FailOn::Fail, &[Broken]), 1);
        assert_eq!(exit(FailOn::Fail, &[Broken, Fail]), 3);
        assert_eq!(exit(FailOn::Warn, &[Broken, Fail]), 1);
        assert_eq!(exit(FailOn::Fail, &[Broken, Fail, Unknown]), 0);
        assert_eq!(exit(FailOn::Warn, &[Broken, Fail, Unknown]), 1);
        assert_eq!(exit(FailOn::Warn, &[Broken, Fail, Warn]), 3);
        assert_eq!(exit(FailOn::Unknown, &[Broken, Fail, Warn]), 1);
        assert_eq!(exit(FailOn::Unknown, &[Broken, Fail, Warn, Unknown]), 0);
    }

    #[test]
    fn every_selected_check_is_in_the_report() {
        let report = report(FailOn::Fail, |_| true);
        let ids: Vec<String> = report.checks.iter().map(|check| check.id.to_string()).collect();
        assert_eq!(
            ids,
            ["ASSUME-001", "ASSUME-010", "WRITE-003", "WRITE-005", "WRITE-006", "LATER-001", "PRACTICE-002"]
        );
        let counted: usize = Status::ALL.iter().map(|status| report.summary.counts.get(*status)).sum();
        assert_eq!(counted, ids.len());
    }
}
