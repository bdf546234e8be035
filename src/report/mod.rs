//! The report: one versioned model, and one file per format that prints it.
//!
//! Knows nothing of AWS or of checks: plain values in, text out. Nothing here prints.

mod build;
mod fixes;
mod json;
mod model;
mod phases;
mod sanitise;
mod short;
mod style;
mod table;
mod verdict;
mod words;
mod wrap;

#[cfg(test)]
mod sample;

pub use build::{CheckInput, Commands, Inputs, build};
pub use fixes::{FixStyle, render_fixes};
pub use json::{schema, schema_of, text as json_text};
pub use model::{
    Caller, CheckReport, ConnectorTarget, Counts, Coverage, Doctor, FailOn, FindingReport, FixReport,
    NextCommand, Origin, PhaseReport, RepairReport, Report, RoleTarget, SCHEMA_VERSION, Search,
    SectionSummary, Summary, Target,
};
pub use sanitise::{block, line};
pub use verdict::Circumstances;
pub use wrap::wrap;

/// A format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For a person: by the guide's symptoms, with proof and fixes.
    Table,
    /// One line for each check that did not pass; silent when healthy.
    Short,
    /// The model itself.
    Json,
}

/// How a report for a person is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Columns to fill. What cannot be broken (an ARN, a command) may be wider.
    pub width: usize,
    /// Whether checks that passed or do not apply are shown one by one.
    pub verbose: bool,
    /// Whether to use colours.
    pub colour: bool,
}

/// The report in a format, ending with a line feed unless it is empty.
pub fn render(report: &Report, format: Format, layout: Layout) -> String {
    match format {
        Format::Table => style::resolve(&table::render(report, layout), layout.colour),
        Format::Short => style::resolve(&short::render(report), layout.colour),
        Format::Json => json::render(report),
    }
}
