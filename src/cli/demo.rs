//! `demo`: the same diagnosis on a case built into the program.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Ended;
use super::args::DemoArgs;
use super::check::{Reporting, Subject, selection};
use super::config::Config;
use super::failure::Failure;
use super::output::Printer;
use crate::catalog::Catalog;
use crate::demo::{self, Scenario};
use crate::model::nearest;
use crate::report::Origin;

/// The scenario shown when none is named.
const DEFAULT: &str = "wrong-external-id";

/// Runs it. Settings of a team do not apply to a demonstration.
pub(super) fn run(args: &DemoArgs, printer: &Printer) -> Ended {
    if args.list {
        return list(printer);
    }
    let catalog = Catalog::built_in();
    let config = Config::default();
    let selection = selection(&args.selection, &config, catalog)?;
    let scenario = args.scenario.as_deref().unwrap_or(DEFAULT);
    let Some(facts) = demo::facts(scenario) else { return Err(unknown(scenario)) };
    let reporting = Reporting { args: &args.report, config: &config, selection: &selection, printer };
    let origin = Origin::Demo { scenario: scenario.to_owned() };
    let catalog = Cow::Borrowed(catalog);
    reporting.print(&Subject { facts, catalog, origin, words: None, interrupted: false })
}

fn list(printer: &Printer) -> Ended {
    let width = demo::scenarios().iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Scenario { name, title, .. } in demo::scenarios() {
        let _ = writeln!(text, "{name:width$}  {title}");
    }
    printer.out(&text)?;
    Ok(0)
}

fn unknown(scenario: &str) -> Failure {
    let near = nearest(scenario, demo::scenarios().iter().map(|scenario| scenario.name.to_owned()));
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => "streamkap-doctor demo --list prints them all".to_owned(),
    };
    Failure::usage(format!("there is no scenario {scenario}"), hint)
}
