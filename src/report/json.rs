//! The report as JSON: the model as it is.

use super::model::Report;
use super::sanitise;

/// The report as JSON, ending with a line feed.
pub(super) fn render(report: &Report) -> String {
    text(report)
}

/// Any answer as JSON, ending with a line feed. Its maps must have text for keys.
///
/// # Panics
/// When a map has other keys than text.
pub fn text(answer: &impl serde::Serialize) -> String {
    #[expect(clippy::expect_used, reason = "the model has no map with other keys than text")]
    let text = serde_json::to_string_pretty(answer).expect("a report is always JSON");
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

#[cfg(test)]
mod tests {
    use super::super::FailOn;
    use super::super::sample::report;
    use super::*;

    #[test]
    fn the_report_obeys_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let value: serde_json::Value =
            serde_json::from_str(&render(&report(FailOn::Fail, |_| true))).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let mut wrong = value;
        wrong["checks"][0]["status"] = "fine".into();
        assert!(!validator.is_valid(&wrong));
    }

    #[test]
    fn the_report_is_read_back_as_it_was() {
        let report = report(FailOn::Fail, |_| true);
        assert_eq!(serde_json::from_str::<Report>(&render(&report)).unwrap(), report);
    }
}
