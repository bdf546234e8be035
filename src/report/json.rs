//! The report as JSON: the model as it is.

use super::model::Report;
use super::sanitise;

/// The report as JSON, ending with a line feed.
pub(super) fn render(report: &Report) -> String {
    text(report)
}

/// Any answer as JSON fit for a terminal, ending with a line feed.
pub fn text(answer: &impl serde::Serialize) -> String {
    sanitise::json(&pretty(answer))
}

/// Indented JSON, ending with a line feed.
pub(super) fn pretty(value: &impl serde::Serialize) -> String {
    // The model has no map with other keys than text, which is all that could go wrong.
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

/// The JSON schema of the report.
pub fn schema() -> String {
    schema_of::<Report>()
}

/// The JSON schema of any answer, ending with a line feed.
pub fn schema_of<T: schemars::JsonSchema>() -> String {
    pretty(&schemars::schema_for!(T))
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
