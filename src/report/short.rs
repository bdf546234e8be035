//! One line for each check that did not pass; nothing at all when every check passed.

use crate::model::Status;

use super::model::{CheckReport, Report};
use super::sanitise::line;
use super::style::Style;
use super::words;

/// The lines.
pub(super) fn render(report: &Report) -> String {
    let shown = |check: &&CheckReport| !matches!(check.status, Status::Pass | Status::Skip);
    report.checks.iter().filter(shown).map(row).collect()
}

fn row(check: &CheckReport) -> String {
    let status = Style::of(check.status).paint(&format!("{:<8}", check.status));
    format!("{status}{:<13}{}\n", check.id, what(check))
}

fn what(check: &CheckReport) -> String {
    let first = match check.status {
        Status::Unknown => check.blocked.first().map(words::blocked),
        Status::Broken => {
            check.bug.as_ref().map(|bug| format!("The check went wrong: {}", line(&bug.message)))
        }
        _ => check.findings.first().map(|finding| line(&finding.what)),
    };
    let more = check.findings.len().max(check.blocked.len()).saturating_sub(1);
    let first = first.unwrap_or_else(|| line(&check.title));
    if more == 0 { first } else { format!("{first} (and {more} more)") }
}
