//! Searches log files for denials, from folder to report.

use super::scan::{Input, Options, Query, scan};
use crate::trail::{DenialGroups, DenialReport, Event, SCHEMA_VERSION, Timeline, made_by_role};

/// Scans `inputs` for what `query` wants and puts it together: denials in groups, each event
/// counted once, and the timeline if `query.history` asks for one.
///
/// Interrupted through `options.cancel` it gives what was found so far, marked in the coverage.
/// Memory does not grow with the archive; see [`DenialGroups`] for how it does with the denials.
pub fn search_logs(inputs: Vec<Input>, query: &Query, options: Options<'_>) -> DenialReport {
    let mut groups = DenialGroups::new();
    let mut history: Vec<Event> = Vec::new();
    let mut coverage = scan(inputs, query, options, |event| {
        let by_role = query.role.as_ref().is_none_or(|role| made_by_role(&event, role));
        if by_role && event.is_denial() {
            groups.add(&event);
        } else {
            history.push(event);
        }
    });
    coverage.duplicates = groups.duplicates();
    let denials = groups.groups();
    let timeline = query.history.as_ref().map(|role| Timeline::new(role, history, &denials));
    DenialReport {
        schema_version: SCHEMA_VERSION,
        role: query.role.as_ref().map(ToString::to_string),
        from: query.from,
        until: query.until,
        folded: groups.is_folded(),
        denials,
        timeline,
        coverage,
    }
}
