//! The report as JSON: the model as it is.

use super::model::Report;
use super::sanitise;

/// The report as JSON, ending with a line feed.
pub(super) fn render(report: &Report) -> String {
    #[expect(clippy::expect_used, reason = "the model has no map with other keys than text")]
    let text = serde_json::to_string_pretty(report).expect("a report is always JSON");
    let mut safe = sanitise::json(&text);
    safe.push('\n');
    safe
}

/// The JSON schema of the report.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Report);
    #[expect(clippy::expect_used, reason = "a schema is JSON")]
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}
