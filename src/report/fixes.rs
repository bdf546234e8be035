//! The changes of a report on their own: as commands, as policies, as JSON.

use std::fmt::Write as _;

use crate::model::{Change, CheckId, Status};

use super::json::pretty;
use super::model::{CheckReport, FixReport, Report};
use super::sanitise::{self, block, line};
use super::words;

/// As what changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixStyle {
    /// Commands of the AWS CLI, the rest as comments.
    Commands,
    /// Policies as they would stand afterwards.
    Policy,
    /// A JSON array of the report's fixes.
    Json,
}

/// The best fix of each finding of a check, or of every check that fails or warns. A change that
/// mends several findings is written once. Empty, or an empty array, when there is none.
pub fn render_fixes(report: &Report, wanted: Option<CheckId>, style: FixStyle) -> String {
    let fixes = best_fixes(report, |check| wanted.is_none_or(|id| id == check.id));
    match style {
        FixStyle::Commands => {
            let caution = report.source.caution().filter(|_| !fixes.is_empty());
            let caution = caution.map(|caution| format!("# {caution}\n\n"));
            caution.into_iter().chain(fixes.iter().map(commands)).collect()
        }
        FixStyle::Policy => fixes.iter().filter_map(policy).collect(),
        FixStyle::Json => {
            let fixes: Vec<&FixReport> = fixes.iter().map(|best| best.fix).collect();
            sanitise::json(&pretty(&fixes))
        }
    }
}

/// A change and the checks whose findings it mends.
pub(super) struct BestFix<'a> {
    /// The change.
    pub(super) fix: &'a FixReport,
    /// The checks, in catalogue order.
    pub(super) ids: Vec<CheckId>,
}

impl BestFix<'_> {
    /// `WRITE-003, WRITE-004`.
    pub(super) fn mended(&self) -> String {
        self.ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// The first fix of each finding, with those that are needed along with it, each change once.
pub(super) fn best_fixes(report: &Report, wanted: impl Fn(&CheckReport) -> bool) -> Vec<BestFix<'_>> {
    let mut best: Vec<BestFix<'_>> = Vec::new();
    let failing = |check: &&CheckReport| matches!(check.status, Status::Fail | Status::Warn) && wanted(check);
    for check in report.checks.iter().filter(failing) {
        for finding in &check.findings {
            let first = finding.fixes.first();
            let along = finding.fixes.iter().skip(1).take_while(|fix| fix.belongs_to(check.id));
            for fix in first.into_iter().chain(along) {
                match best.iter_mut().find(|known| known.fix.change == fix.change) {
                    Some(known) if known.ids.contains(&check.id) => {}
                    Some(known) => known.ids.push(check.id),
                    None => best.push(BestFix { fix, ids: vec![check.id] }),
                }
            }
        }
    }
    best
}

fn commands(best: &BestFix<'_>) -> String {
    let fix = best.fix;
    let mut text = format!("# {}: {}\n", best.mended(), line(&fix.title));
    if let Some(id) = best.ids.first() {
        let _ = writeln!(text, "# {}", words::owner_and_verification(fix, *id));
    }
    if let Change::Manual { steps, .. } = &fix.change {
        for (number, step) in steps.iter().enumerate() {
            let _ = writeln!(text, "# {}. {}", number + 1, line(step));
        }
    }
    for command in &fix.commands {
        let _ = writeln!(text, "{}", block(command));
    }
    text.push('\n');
    text
}

fn policy(best: &BestFix<'_>) -> Option<String> {
    match &best.fix.change {
        Change::SetPolicy { after, .. } => Some(format!("{}\n", block(after))),
        _ => None,
    }
}
