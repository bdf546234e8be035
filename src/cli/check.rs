//! `check`: reads AWS or a case file, diagnoses, prints the report.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::again::words;
use super::args::{CheckArgs, GlobalArgs, ReportArgs, SelectionArgs, SubjectArgs};
use super::config::Config;
use super::environment::Environment;
use super::failure::{Failure, INTERRUPTED};
use super::output::Printer;
use super::parameters::Given;
use super::target_args::{FLAGS, TargetArgs, flag};
use super::{Ended, case, collect, settings};
use crate::catalog::Catalog;
use crate::checks::Selection;
use crate::diagnosis::{Diagnosis, Ignore};
use crate::facts::{FactId, Facts};
use crate::report::{FailOn, Format, Origin, Report, render};

/// Runs it.
pub(super) fn run(
    args: &CheckArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let config = Config::read(global, environment)?;
    let catalog = Catalog::built_in();
    let selection = selection(&args.selection, &config, catalog)?;
    let subject = Subject::read(&args.subject, &selection, &config, global, environment, printer)?;
    let reporting = Reporting { args: &args.report, config: &config, selection: &selection, printer };
    reporting.print(&subject)
}

/// Facts and where they come from.
pub(super) struct Subject {
    /// The facts.
    pub(super) facts: Facts,
    /// What is known of checks and of the target's connectors.
    pub(super) catalog: Cow<'static, Catalog>,
    /// Where they come from.
    pub(super) origin: Origin,
    /// The words that name the target again on a command line.
    pub(super) words: Option<String>,
    /// Whether Ctrl-C ended the reading.
    pub(super) interrupted: bool,
}

impl Subject {
    /// Reads the case file, or AWS.
    pub(super) fn read(
        args: &SubjectArgs,
        selection: &Selection,
        config: &Config,
        global: &GlobalArgs,
        environment: &Environment,
        printer: &Printer,
    ) -> Result<Self, Failure> {
        if let Some(path) = &args.case {
            refuse_target(&args.target, global)?;
            let facts = case::read(path)?;
            let catalog = Catalog::of_target(&facts.target)?;
            let origin = Origin::Case { path: path.display().to_string() };
            return Ok(Self { facts, catalog, origin, words: None, interrupted: false });
        }
        let given = Given::new(&args.target, global, config, environment)?;
        let catalog = given.catalog().clone();
        let (target, warnings) = given.target()?;
        printer.warnings(&warnings);
        let mut settings = settings::settings(global, &args.history, config, environment)?;
        settings.facts = facts(selection, &catalog);
        let words = Some(words(&target, &catalog, global, args));
        let collected = collect::read(&settings, target, &catalog, printer)?;
        let interrupted = collected.interrupted;
        Ok(Self { facts: collected.facts, catalog, origin: Origin::Live, words, interrupted })
    }
}

/// The checks that were selected, by flags or else by the configuration file.
pub(super) fn selection(
    args: &SelectionArgs,
    config: &Config,
    catalog: &Catalog,
) -> Result<Selection, Failure> {
    let only = if args.only.is_empty() { &config.only } else { &args.only };
    let skip = if args.skip.is_empty() { &config.skip } else { &args.skip };
    let selection = Selection::new(catalog, only, skip)
        .map_err(|error| Failure::usage(error.to_string(), "`streamkap-doctor list` shows every check"))?;
    if catalog.pages.iter().any(|page| selection.contains(page.id)) {
        Ok(selection)
    } else {
        Err(Failure::usage("no check is left to run", "--skip leaves out all that --only names"))
    }
}

/// The facts that the selected checks read; `None` when every check is selected.
pub(super) fn facts(selection: &Selection, catalog: &Catalog) -> Option<BTreeSet<FactId>> {
    let selected = || catalog.pages.iter().filter(|page| selection.contains(page.id));
    if selected().count() == catalog.pages.len() {
        return None;
    }
    Some(selected().flat_map(|page| page.needs.iter().chain(&page.uses)).copied().collect())
}

/// A case has its target in it.
fn refuse_target(target: &TargetArgs, global: &GlobalArgs) -> Result<(), Failure> {
    let flags = FLAGS.map(|(name, _)| (flag(name), target.flag(name).is_some()));
    let others = [
        ("a connector", !target.connectors.is_empty()),
        ("--role", target.role.is_some()),
        ("--external-id", target.external_id.is_some()),
        ("--param", !target.parameters.param.is_empty()),
        ("--connector-file", !target.parameters.connector_file.is_empty()),
        ("--region", global.region.is_some()),
    ];
    let others = others.map(|(name, given)| (name.to_owned(), given));
    match others.into_iter().chain(flags).find(|(_, given)| *given) {
        Some((name, _)) => Err(Failure::usage(
            format!("{name} was given together with --case"),
            "a case file holds its own target; leave one of the two out",
        )),
        None => Ok(()),
    }
}

/// Reports facts in every format asked for.
pub(super) struct Reporting<'a> {
    /// The flags.
    pub(super) args: &'a ReportArgs,
    /// The file.
    pub(super) config: &'a Config,
    /// The checks to run.
    pub(super) selection: &'a Selection,
    /// Where to print.
    pub(super) printer: &'a Printer,
}

impl Reporting<'_> {
    /// Diagnoses the facts.
    pub(super) fn report(&self, subject: &Subject) -> Report {
        let ignores: Vec<Ignore> = self
            .config
            .ignore
            .iter()
            .map(|ignore| Ignore {
                check: ignore.check,
                reason: ignore.reason.clone(),
                expires: ignore.expires.map(|day| day.to_string()),
            })
            .collect();
        let command = |name: &str| Some(format!("streamkap-doctor {name} {}", subject.words.as_ref()?));
        Diagnosis {
            catalog: &subject.catalog,
            selection: self.selection,
            ignores: &ignores,
            fail_on: self.args.fail_on.or(self.config.fail_on).map(FailOn::from).unwrap_or_default(),
            origin: subject.origin.clone(),
            again: command("check"),
            policy: command("policy"),
        }
        .report(&subject.facts)
    }

    /// Diagnoses the facts and writes the reports.
    pub(super) fn print(&self, subject: &Subject) -> Ended {
        let report = self.report(subject);
        let layout = self.printer.layout(self.args.verbose);
        for file in &self.args.report {
            let plain = crate::report::Layout { colour: false, ..layout };
            self.printer.file(&file.path, &render(&report, file.format.into(), plain))?;
        }
        let format = self.args.output.or(self.config.output).map_or(Format::Table, Format::from);
        self.printer.out(&render(&report, format, layout))?;
        Ok(if subject.interrupted { INTERRUPTED } else { report.summary.exit_code })
    }
}
