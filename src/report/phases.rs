//! The phase table of each connector: how far it gets.

use crate::model::PhaseState;

use super::model::{ConnectorTarget, PhaseReport, Report};
use super::sanitise::line;
use super::style::Style;
use super::wrap::labelled;

/// Actions that are named one by one; more are counted by service.
const NAMED: usize = 4;
/// Columns of the longest state, with the spaces around it.
const STATE: usize = 13;

/// The tables of all connectors, each with a heading and the connector's notes.
pub(super) fn lines(report: &Report, width: usize) -> Vec<String> {
    report.target.connectors.iter().flat_map(|connector| table(connector, width)).collect()
}

fn table(connector: &ConnectorTarget, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let rows = rows(&connector.phases);
    for row in &rows {
        lines.extend(row.lines(width));
    }
    for note in &connector.notes {
        lines.extend(labelled(&Style::Faint.paint("Note"), 6, &line(note), width));
    }
    if !lines.is_empty() {
        let heading = if rows.is_empty() { "" } else { ", phase by phase" };
        let heading = format!("{}{heading}:", line(&connector.title));
        lines.insert(0, Style::Strong.paint(&heading));
        lines.insert(0, String::new());
    }
    lines
}

/// Phases in a row that stand alike and for the same reason.
struct Row<'a> {
    phases: Vec<&'a str>,
    like: &'a PhaseReport,
}

fn rows(phases: &[PhaseReport]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for phase in phases {
        let same = |row: &&mut Row<'_>| {
            let of = row.like;
            of.state == phase.state
                && of.actions == phase.actions
                && of.checks == phase.checks
                && of.breaks == phase.breaks
                && of.unread == phase.unread
        };
        match rows.last_mut().filter(same) {
            Some(row) => row.phases.push(&phase.phase),
            None => rows.push(Row { phases: vec![&phase.phase], like: phase }),
        }
    }
    rows
}

impl Row<'_> {
    fn names(&self) -> String {
        self.phases.iter().map(|phase| line(phase)).collect::<Vec<_>>().join(", ")
    }

    /// `  BROKEN     new table: glue:CreateTable is refused (see PARTIAL-003)`.
    fn lines(&self, width: usize) -> Vec<String> {
        let (word, style) = match self.like.state {
            PhaseState::Ok => ("ok", Style::Pass),
            PhaseState::AtACost => ("at a cost", Style::Warn),
            PhaseState::Unknown => ("UNKNOWN", Style::Unknown),
            PhaseState::Broken => ("BROKEN", Style::Fail),
        };
        let reason = self.reason();
        let join = if reason.is_empty() { "" } else { ": " };
        let text = format!("{}{join}{reason}", self.names());
        labelled(&format!("  {}", style.paint(word)), STATE, &text, width)
    }

    fn reason(&self) -> String {
        let like = self.like;
        let mut reason = refused(&like.actions);
        let breaks: Vec<String> = like.breaks.iter().map(|it| line(it)).collect();
        if !breaks.is_empty() {
            reason = format!("{reason}: {}", breaks.join("; "));
        }
        if !like.checks.is_empty() {
            let ids: Vec<String> = like.checks.iter().map(ToString::to_string).collect();
            let ids = ids.join(", ");
            reason = if reason.is_empty() { ids } else { format!("{reason} ({ids})") };
        }
        if let Some(first) = like.unread.first() {
            let more = match like.unread.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            reason = format!("{}{more}", line(first));
        }
        reason
    }
}

/// `glue:CreateTable is refused`, `39 actions of ec2 and 4 of eks are refused`.
fn refused(actions: &[String]) -> String {
    let listed = |items: &[String]| match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    };
    let actions: Vec<String> = actions.iter().map(|it| line(it)).collect();
    match actions.as_slice() {
        [] => String::new(),
        [one] => format!("{one} is refused"),
        few if few.len() <= NAMED => format!("{} are refused", listed(few)),
        many => {
            let mut services: Vec<(&str, usize)> = Vec::new();
            for action in many {
                let service = action.split(':').next().unwrap_or_default();
                match services.iter_mut().find(|(known, _)| *known == service) {
                    Some((_, count)) => *count += 1,
                    None => services.push((service, 1)),
                }
            }
            let counted: Vec<String> = services
                .iter()
                .enumerate()
                .map(|(at, (service, count))| match (at, count) {
                    (0, 1) => format!("1 action of {service}"),
                    (0, count) => format!("{count} actions of {service}"),
                    (_, count) => format!("{count} of {service}"),
                })
                .collect();
            format!("{} are refused", listed(&counted))
        }
    }
}
