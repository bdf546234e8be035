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

#[cfg(test)]
mod tests {
    use super::super::sample::report;
    use super::super::{FailOn, Format, Layout, render};
    use super::*;

    fn short(kept: impl Fn(Status) -> bool) -> String {
        let report = report(FailOn::Fail, |check| kept(check.outcome.status()));
        render(&report, Format::Short, Layout { width: 80, verbose: false, colour: false })
    }

    #[test]
    fn it_has_one_line_for_each_check_that_did_not_pass() {
        insta::assert_snapshot!(short(|_| true));
    }

    #[test]
    fn it_is_silent_when_healthy() {
        assert_eq!(short(|status| matches!(status, Status::Pass | Status::Skip)), "");
    }
}
