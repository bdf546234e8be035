//! `demo`: the same diagnosis on a case built into the program.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Ended;
use super::args::{DemoArgs, GlobalArgs};
use super::check::{Reporting, Subject, selection};
use super::config::Config;
use super::environment::Environment;
use super::failure::Failure;
use super::output::Printer;
use crate::catalog::Catalog;
use crate::demo::{self, Scenario};
use crate::model::nearest;
use crate::report::Origin;

/// The scenario shown when none is named.
const DEFAULT: &str = "wrong-external-id";

/// Runs it. Settings of a team do not apply to a demonstration, unless their file is named.
pub(super) fn run(
    args: &DemoArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    if args.list {
        return list(printer);
    }
    let catalog = Catalog::built_in();
    let config = Config::named(global, environment)?;
    let selection = selection(&args.selection, &config, catalog)?;
    let scenario = args.scenario.as_deref().unwrap_or(DEFAULT);
    let Some(facts) = demo::facts(scenario) else { return Err(unknown(scenario)) };
    let reporting = Reporting { args: &args.report, config: &config, selection: &selection, printer };
    let origin = Origin::Demo { scenario: scenario.to_owned() };
    let catalog = Cow::Borrowed(catalog);
    let sheets = reporting.sheets()?;
    reporting.print(&Subject { facts, catalog, origin, words: None, interrupted: false }, sheets)
}

fn list(printer: &Printer) -> Ended {
    let width = demo::scenarios().iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let connector = |scenario: &Scenario| {
        let facts = demo::facts(scenario.name)?;
        let name = facts.target.connectors.first().map(|it| it.connector.clone())?;
        Some(Catalog::built_in().connector(&name)?.title.as_str())
    };
    let mut groups: Vec<(&str, String)> = Vec::new();
    for scenario in demo::scenarios() {
        let title = connector(scenario).unwrap_or("Other");
        let line = format!("  {:width$}  {}\n", scenario.name, scenario.title);
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, lines)) => lines.push_str(&line),
            None => groups.push((title, line)),
        }
    }
    let mut text = String::new();
    for (title, lines) in groups {
        let _ = writeln!(text, "{title}\n{lines}");
    }
    let text = format!("{}\n", text.trim_end());
    printer.out(&text)?;
    Ok(0)
}

fn unknown(scenario: &str) -> Failure {
    let near = nearest(scenario, demo::scenarios().iter().map(|scenario| scenario.name.to_owned()));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`streamkap-doctor demo --list` prints them all".to_owned(),
    };
    Failure::usage(format!("there is no scenario `{scenario}`"), hint)
}
