//! `demo`: the same diagnosis on a case built into the program.

use super::Ended;
use super::args::DemoArgs;
use super::check::{Reporting, selection};
use super::config::Config;
use super::failure::Failure;
use super::output::Printer;
use crate::catalog::Catalog;
use crate::report::Origin;

/// Runs it. Settings of a team do not apply to a demonstration.
pub(super) fn run(args: &DemoArgs, printer: &Printer) -> Ended {
    let catalog = Catalog::built_in();
    let config = Config::default();
    let selection = selection(&args.selection, &config, catalog)?;
    let facts = serde_json::from_str(include_str!("../../tests/worlds/healthy.json"))
        .map_err(|error| Failure::usage(error.to_string(), ""))?;
    let reporting = Reporting { args: &args.report, config: &config, selection: &selection, printer };
    reporting.print(&facts, catalog, Origin::Demo { scenario: "healthy".to_owned() }, None)
}
