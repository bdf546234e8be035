//! `check`: reads AWS or a case file, diagnoses, prints the report.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::again::words;
use super::args::{CheckArgs, GlobalArgs, ReportArgs, ReportFile, SelectionArgs, SubjectArgs};
use super::config::Config;
use super::environment::Environment;
use super::failure::{Failure, INTERRUPTED};
use super::output::Printer;
use super::parameters::Given;
use super::sheet::{Secrecy, Sheet};
use super::target_args::{FLAGS, TargetArgs, flag};
use super::{Ended, case, collect, settings};
use crate::catalog::Catalog;
use crate::checks::Selection;
use crate::collect::Collected;
use crate::diagnosis::{Diagnosis, Ignore, Mend};
use crate::facts::case::Case;
use crate::facts::{FactId, Facts, History};
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
    let reporting = Reporting { args: &args.report, config: &config, selection: &selection, printer };
    let sheets = reporting.sheets()?;
    let subject = Subject::read(&args.subject, &selection, &config, global, environment, printer)?;
    reporting.print(&subject, sheets)
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
            let since = args.history.since.is_some().then_some("--since");
            for flag in since.into_iter().chain(global.aws_flags()) {
                printer.warning(&format!("{flag} does nothing here: a case file was read before"));
            }
            let Case { mut facts, redacted, .. } = case::read(path)?;
            if args.history.no_history {
                facts.history = History::left_out("--no-history was given");
            }
            let catalog = Catalog::of_target(&facts.target)?;
            let origin = Origin::Case { path: path.display().to_string(), redacted };
            return Ok(Self { facts, catalog, origin, words: None, interrupted: false });
        }
        let given = Given::new(&args.target, global, config, environment)?;
        let catalog = given.catalog().clone();
        let (target, warnings) = given.target()?;
        printer.warnings(&warnings);
        let mut settings = settings::settings(global, &args.history, config, environment)?;
        settings.facts = facts(selection, &catalog);
        let Collected { facts, interrupted } = collect::read(&settings, target, &catalog, printer)?;
        let words = Some(words(&facts, &catalog, global, args));
        Ok(Self { facts, catalog, origin: Origin::Live, words, interrupted })
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
        ("--param", !target.more.param.is_empty()),
        ("--connector-file", !target.more.connector_file.is_empty()),
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
    pub(super) fn report(&self, subject: &Subject, mend: Mend) -> Report {
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
            mend,
            again: command("check"),
            policy: command("policy"),
        }
        .report(&subject.facts)
    }

    /// The files to write besides, opened: what cannot be written is told before anything is read.
    pub(super) fn sheets(&self) -> Result<Vec<(Format, Sheet)>, Failure> {
        let open =
            |file: &ReportFile| Ok((file.format.into(), self.printer.sheet(&file.path, Secrecy::Usual)?));
        self.args.report.iter().map(open).collect()
    }

    /// Diagnoses the facts and writes the reports, the one for standard output first.
    pub(super) fn print(&self, subject: &Subject, sheets: Vec<(Format, Sheet)>) -> Ended {
        let mend = if self.args.verbose { Mend::Worst } else { Mend::Failures };
        let mut report = self.report(subject, mend);
        if subject.interrupted {
            report.summary.verdict.insert_str(0, "Interrupted before all was read. ");
        }
        let layout = self.printer.layout(self.args.verbose);
        let format = self.args.output.or(self.config.output).map_or(Format::Table, Format::from);
        self.printer.out(&render(&report, format, layout))?;
        if format == Format::Short {
            // A line for each check has no room for them.
            self.printer.warnings(&report.notes);
        }
        let plain = crate::report::Layout { colour: false, ..layout };
        for (format, sheet) in sheets {
            self.printer.write(sheet, &render(&report, format, plain))?;
        }
        Ok(if subject.interrupted { INTERRUPTED } else { report.summary.exit_code })
    }
}
