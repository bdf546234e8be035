//! The report as a person reads it: by the guide's symptoms, failures in full, passes as counts,
//! the verdict and the next command last.
//!
//! No line is ever cut: the table has no right border, so that what cannot be broken may stand out.

use std::collections::BTreeSet;

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use unicode_width::UnicodeWidthStr;

use crate::model::{Change, CheckId, Evidence, Section, StatementRef, Status};

use super::fixes::{chained, chains, mended};
use super::model::{CheckReport, Counts, FindingReport, Origin, Report, Search, SectionSummary};
use super::sanitise::{block, clipped, line};
use super::style::Style;
use super::wrap::{join, labelled, wrap};
use super::{Layout, phases, words};

/// Columns of the left part: the longest id.
const LEFT: usize = 12;
/// Columns that the bar between the parts takes.
const BAR: usize = 3;
/// Columns of the labels `Proof`, `Cause`, `Fix`.
const LABEL: usize = 7;

/// Pieces of proof shown without `-v`.
const PROOFS: usize = 2;

/// Renders the table, with style marks.
pub(super) fn render(report: &Report, layout: Layout) -> String {
    let layout = Layout { width: layout.width.clamp(60, 160), ..layout };
    let mut lines = head(report, layout.width);
    lines.push(String::new());
    for section in &report.summary.sections {
        lines.extend(heading(section, layout.width));
        lines.extend(because_of(report, section, layout.width));
        let rows = rows(report, section.section, layout);
        if !rows.is_empty() {
            lines.extend(rows);
            lines.push(String::new());
        }
    }
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    lines.extend(phases::lines(report, layout.width));
    lines.extend(mending(report, layout));
    lines.extend(coverage(report, layout));
    lines.extend(foot(report, layout.width));
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Who looked, at what, and when.
fn head(report: &Report, width: usize) -> Vec<String> {
    let whose = if report.source == Origin::Live { "You are" } else { "Read as" };
    let mut who = vec![match &report.caller {
        Some(caller) => format!("{whose} {}", line(&caller.arn)),
        None => "Caller not known".to_owned(),
    }];
    if let Some(caller) = &report.caller {
        who.push(format!("account {}", line(&caller.account)));
    }
    who.push(match &report.target.region {
        Some(region) => format!("region {}", line(region)),
        None => "no region".to_owned(),
    });
    let role = &report.target.role;
    who.push(format!("role {}", line(role.arn.as_deref().unwrap_or(&role.name))));

    let mut what = Vec::new();
    for connector in &report.target.connectors {
        let mut text = line(&connector.title);
        let values = connector.parameters.iter().filter(|(_, value)| !value.is_empty());
        for (position, (name, value)) in values.enumerate() {
            text.push_str(if position == 0 { ": " } else { ", " });
            text.extend([line(name).as_str(), " ", line(value).as_str()]);
        }
        what.push(text);
    }
    what.push(match &report.source {
        Origin::Live => format!("read {}", words::time(&report.collected_at)),
        Origin::Case { path, redacted } => {
            let redacted = if *redacted { ", with pseudonyms" } else { "" };
            format!("case {}{redacted}, read {}", line(path), words::time(&report.collected_at))
        }
        Origin::Demo { scenario } => format!("built-in case {}", line(scenario)),
    });

    let mut lines = joined(&who, width);
    lines.extend(joined(&what, width));
    for note in &report.notes {
        lines.extend(labelled(&Style::Warn.paint("Note"), 6, &line(note), width));
    }
    lines
}

fn joined(parts: &[String], width: usize) -> Vec<String> {
    join(parts.iter().map(String::as_str), " · ", width)
}

/// The symptom as a question, its answer, and at the right how the section's checks ended.
fn heading(section: &SectionSummary, width: usize) -> Vec<String> {
    let (answer, style) = answer(section);
    let mark = if section.section == Section::Practice { ":" } else { "?" };
    let question = Style::Strong.paint(&format!("{}{mark}", line(&section.symptom)));
    let left = format!("{question} {}", style.paint(answer));
    let only_skips = Counts { skip: 0, ..section.counts } == Counts::default();
    let counts: Vec<String> = words::counts(section.counts)
        .into_iter()
        .filter(|(status, _)| only_skips || *status != Status::Skip)
        .map(|(status, text)| Style::of(status).paint(&text))
        .collect();
    let right = counts.join(" · ");
    match width.checked_sub(left.width() + right.width()) {
        Some(gap) if gap >= 2 => vec![format!("{left}{}{right}", " ".repeat(gap))],
        _ => vec![left, format!("{}{right}", " ".repeat(width.saturating_sub(right.width())))],
    }
}

/// Where to read on when what causes the symptom is reported in another section.
fn because_of(report: &Report, section: &SectionSummary, width: usize) -> Vec<String> {
    let check = |id: &CheckId| report.checks.iter().find(|check| check.id == *id);
    let lines = section.because_of.iter().filter_map(check).flat_map(|check| {
        let place = if check.section < section.section { "above" } else { "below" };
        wrap(&format!("Because of {}, {place}: {}.", check.id, line(&check.title)), width)
    });
    lines.map(|line| Style::Fail.paint(&line)).collect()
}

fn answer(summary: &SectionSummary) -> (&'static str, Style) {
    let (section, counts) = (summary.section, summary.counts);
    let practice = section == Section::Practice;
    if counts.fail > 0 || !summary.because_of.is_empty() {
        (if practice { "NOT KEPT" } else { "YES" }, Style::Fail)
    } else if counts.broken > 0 {
        ("cannot tell", Style::Fail)
    } else if counts.unknown > 0 {
        ("cannot tell", Style::Unknown)
    } else if counts.warn > 0 {
        (if practice { "not kept" } else { "likely to come" }, Style::Warn)
    } else if counts.pass > 0 {
        (if practice { "kept" } else { "no cause found" }, Style::Pass)
    } else {
        ("does not apply", Style::Faint)
    }
}

/// A section's table: what did not pass, and with `-v` the rest.
fn rows(report: &Report, section: Section, layout: Layout) -> Vec<String> {
    let checks: Vec<&CheckReport> = report
        .checks
        .iter()
        .filter(|check| check.section == section)
        .filter(|check| layout.verbose || !matches!(check.status, Status::Pass | Status::Skip))
        .collect();
    if checks.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled);
    let mut told: Vec<&CheckReport> = Vec::new();
    for check in &checks {
        if told.iter().any(|other| other.id == check.id) {
            continue;
        }
        // Checks that were blocked by the same thing share one row.
        let same = |other: &&&CheckReport| {
            other.id == check.id || (check.status == Status::Unknown && other.blocked == check.blocked)
        };
        let group: Vec<&CheckReport> = checks.iter().filter(same).copied().collect();
        let right = detail(check, layout.width - LEFT - BAR, layout.verbose);
        table.add_row(vec![left(&group).join("\n"), right.join("\n")]);
        told.extend(group);
    }
    set_columns(&mut table, layout.width);
    // Rules are as wide as the widest line, which may stand out: cut them to the width.
    let cut = |line: String| if is_rule(&line) { line.chars().take(layout.width).collect() } else { line };
    table.lines().map(cut).collect()
}

/// Rules above, between and below the rows, a bar between the columns, and nothing at the right.
const STYLE: TableStyle = {
    let rule = LineStyle::none().fill('─');
    let mut style = TableStyle::new()
        .top_border(rule.junction('┬'))
        .row_separator(rule.junction('┼'))
        .bottom_border(rule.junction('┴'));
    style.content_lines.junction = Some('│');
    style
};

fn set_columns(table: &mut Table, width: usize) {
    let columns = [(LEFT + 1, (0, 1)), (width - LEFT - BAR + 1, (1, 0))];
    for (column, (least, padding)) in table.column_iter_mut().zip(columns) {
        column.set_padding(padding);
        let least = u16::try_from(least).unwrap_or(u16::MAX);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
    }
}

fn is_rule(line: &str) -> bool {
    line.starts_with('─')
}

fn left(group: &[&CheckReport]) -> Vec<String> {
    let Some(first) = group.first() else { return Vec::new() };
    let word = first.status.as_str();
    let word = if matches!(first.status, Status::Pass | Status::Skip) {
        word.to_owned()
    } else {
        word.to_ascii_uppercase()
    };
    let mut lines = vec![Style::of(first.status).paint(&word)];
    lines.extend(group.iter().map(|check| check.id.to_string()));
    if matches!(first.status, Status::Fail | Status::Warn) {
        lines.push(Style::Faint.paint(first.severity.as_str()));
    }
    lines
}

fn detail(check: &CheckReport, width: usize, verbose: bool) -> Vec<String> {
    let mut lines = Vec::new();
    match check.status {
        Status::Fail | Status::Warn => {
            for (position, finding) in check.findings.iter().enumerate() {
                if position > 0 {
                    lines.push(String::new());
                }
                lines.extend(finding_lines(check.id, finding, width, verbose));
            }
            lines.extend(item("More", &format!("streamkap-doctor explain {}", check.id), width));
            lines.extend(item("", &line(&check.guide), width));
        }
        Status::Unknown => {
            for blocked in &check.blocked {
                lines.extend(wrap(&words::blocked(blocked), width));
                if let Some(action) = &blocked.grant {
                    lines.extend(item("Grant", &format!("{} to yourself", line(action)), width));
                }
                if let Some(hint) = &blocked.hint {
                    lines.extend(item("Hint", &line(hint), width));
                }
            }
        }
        Status::Pass if check.evidence.is_empty() => lines.extend(wrap(&line(&check.name), width)),
        Status::Pass => {
            for evidence in &check.evidence {
                lines.extend(wrap(&words::evidence(evidence, None), width));
            }
        }
        Status::Skip => lines.extend(wrap(&line(check.reason.as_deref().unwrap_or_default()), width)),
        Status::Broken => {
            let message = check.bug.as_ref().map(|bug| line(&bug.message)).unwrap_or_default();
            lines
                .extend(wrap(&format!("This check itself went wrong, which is our fault: {message}"), width));
        }
    }
    lines
}

fn finding_lines(id: CheckId, finding: &FindingReport, width: usize, verbose: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        wrap(&line(&finding.what), width).iter().map(|line| Style::Strong.paint(line)).collect();
    if let Some(statement) = &finding.because {
        lines.extend(item("Cause", &words::statement(statement), width));
    }
    let shown = if verbose { finding.evidence.len() } else { PROOFS };
    for evidence in finding.evidence.iter().take(shown) {
        lines.extend(proof(evidence, finding.because.as_ref(), width));
    }
    match finding.evidence.len().saturating_sub(shown) {
        0 => {}
        more => lines.extend(item("", &format!("(-v shows {more} more)"), width)),
    }
    for (position, fix) in finding.fixes.iter().enumerate() {
        let label = match position {
            0 => "Fix",
            _ if fix.belongs_to(id) => "And",
            _ => "Or",
        };
        lines.extend(item(label, &line(&fix.title), width));
        lines.extend(item("", &words::owner_and_verification(fix, id), width));
        for note in &fix.notes {
            lines.extend(item("", &line(note), width));
        }
        if let (0, Change::Manual { steps, .. }) = (position, &fix.change) {
            for (number, step) in steps.iter().enumerate().filter(|(_, step)| **step != fix.title) {
                lines.extend(item("", &format!("{}. {}", number + 1, line(step)), width));
            }
        }
    }
    lines
}

/// Proof. Text of several lines is laid out already, as where a caret points at a difference.
fn proof(evidence: &Evidence, cause: Option<&StatementRef>, width: usize) -> Vec<String> {
    if !evidence.text.trim().contains('\n') {
        return item("Proof", &words::evidence(evidence, cause), width);
    }
    let label = Style::Faint.paint("Proof");
    let text = block(evidence.text.trim_end());
    let mut lines: Vec<String> =
        text.lines().map(|line| format!("{}{}", " ".repeat(LABEL), clipped(line))).collect();
    if let Some(first) = lines.first_mut() {
        *first = format!("{label}{}{}", " ".repeat(LABEL - label.width()), first.trim_start());
    }
    lines.extend(item("", &format!("[{}]", words::source(&evidence.source, cause)), width));
    lines
}

fn item(label: &str, text: &str, width: usize) -> Vec<String> {
    labelled(&Style::Faint.paint(label), LABEL, text, width)
}

/// The changes that mend what fails as commands, outside of the table and at the margin so that
/// they can be copied.
fn mending(report: &Report, layout: Layout) -> Vec<String> {
    let mut lines = Vec::new();
    let mut first = true;
    for chain in chains(&report.repairs) {
        let commands = chained(chain);
        if commands.is_empty() {
            continue;
        }
        lines.push(String::new());
        for repair in chain {
            let title = format!("To mend {}: {}", mended(repair), line(&repair.fix.title));
            lines.extend(wrap(&title, layout.width).iter().map(|line| Style::Strong.paint(line)));
        }
        lines.push(String::new());
        if let (Some(caution), true) = (report.source.caution(), first) {
            lines.extend(wrap(caution, layout.width - 2).iter().map(|line| format!("# {line}")));
        }
        first = false;
        for command in &commands {
            lines.extend(block(command).lines().map(str::to_owned));
        }
    }
    lines
}

/// What was searched, and what cannot be seen: silence is no good news by itself.
fn coverage(report: &Report, layout: Layout) -> Vec<String> {
    let mut lines = Vec::new();
    let searched = searched(&report.coverage.searches);
    if !searched.is_empty() {
        lines.extend(labelled("Searched", LEFT + BAR, &searched, layout.width));
    }
    let spots: Vec<String> = report.coverage.blind_spots.iter().map(|spot| line(spot)).collect();
    if !spots.is_empty() {
        lines.extend(labelled("Not visible", LEFT + BAR, &spots.join(" "), layout.width));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// The searches of event history in one sentence for each window.
fn searched(searches: &[Search]) -> String {
    let mut windows: Vec<(&str, &str)> = Vec::new();
    for search in searches {
        let window = (search.since.as_str(), search.until.as_str());
        if !windows.contains(&window) {
            windows.push(window);
        }
    }
    let sentence = |(since, until): &(&str, &str)| {
        let of_window: Vec<&Search> = searches
            .iter()
            .filter(|search| (search.since.as_str(), search.until.as_str()) == (*since, *until))
            .collect();
        format!("event history, {} to {}: {}.", words::day(since), words::day(until), found(&of_window))
    };
    windows.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

/// `14 AssumeRole calls (eu-west-1, us-east-1), 4 changes (eu-west-1)`.
fn found(searches: &[&Search]) -> String {
    let mut purposes: Vec<&str> = searches.iter().map(|search| search.purpose.as_str()).collect();
    purposes.dedup();
    let part = |purpose: &&str| {
        let of_purpose = || searches.iter().filter(|search| search.purpose == **purpose);
        let events: usize = of_purpose().filter_map(|search| search.events).sum();
        let count = if of_purpose().all(|search| search.events.is_none()) {
            format!("no answer about {}", line(purpose))
        } else {
            format!("{events} {}", line(purpose))
        };
        let regions: BTreeSet<String> = of_purpose().map(|search| line(&search.region)).collect();
        let gaps: BTreeSet<String> =
            of_purpose().filter_map(|search| search.gap.as_deref()).map(line).collect();
        let regions = regions.into_iter().collect::<Vec<_>>().join(", ");
        let where_and_gaps: Vec<String> = std::iter::once(regions).chain(gaps).collect();
        format!("{count} ({})", where_and_gaps.join("; "))
    };
    purposes.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// A failing check once more: what is wrong, and what to do. `told` are the fixes of the checks before.
fn in_short<'a>(check: &'a CheckReport, told: &mut Vec<(&'a Change, CheckId)>, width: usize) -> Vec<String> {
    let indent = LEFT + BAR;
    let mut lines = Vec::new();
    for finding in &check.findings {
        let label = if lines.is_empty() { check.id.to_string() } else { String::new() };
        lines.extend(labelled(&label, indent, &line(&finding.what), width));
        let Some(fix) = finding.fixes.first() else { continue };
        let text = match told.iter().find(|(change, _)| **change == fix.change) {
            Some((_, id)) if *id == check.id => continue,
            Some((_, id)) => format!("Fix: the same as for {id}"),
            None => format!("Fix: {} (by {})", line(&fix.title), fix.owner.in_words()),
        };
        told.push((&fix.change, check.id));
        lines.extend(labelled("", indent, &text, width).iter().map(|line| Style::Strong.paint(line)));
    }
    lines
}

/// The verdict, all counts, what to do first, and what to type next.
fn foot(report: &Report, width: usize) -> Vec<String> {
    let summary = &report.summary;
    let worst =
        Status::ALL.into_iter().find(|status| summary.counts.get(*status) > 0).unwrap_or(Status::Skip);
    let style = if worst == Status::Skip { Style::Strong } else { Style::of(worst) };
    let mut lines = vec![String::new(), "═".repeat(width)];
    lines.extend(wrap(&line(&summary.verdict), width).iter().map(|line| style.paint(line)));
    let counts: Vec<String> = words::counts(summary.counts).into_iter().map(|(_, text)| text).collect();
    lines.push(counts.join(" · "));

    let mut told = Vec::new();
    for check in report.checks.iter().filter(|check| check.status == Status::Fail) {
        lines.push(String::new());
        lines.extend(in_short(check, &mut told, width));
    }
    if !summary.next.is_empty() {
        lines.push(String::new());
    }
    for next in &summary.next {
        let (command, purpose) = (block(&next.command), line(&next.purpose));
        if command.width() + purpose.width() + 8 <= width {
            lines.push(format!("  {command}   {}", Style::Faint.paint(&format!("# {purpose}"))));
        } else {
            lines.push(format!("  {}", Style::Faint.paint(&format!("# {purpose}"))));
            lines.push(format!("  {command}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests;
