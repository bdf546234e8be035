//! `fix`: prints the change that mends a finding, and never makes it.

use super::Ended;
use super::args::{FixArgs, FixFormat, GlobalArgs, ReportArgs};
use super::check::{Reporting, Subject};
use super::config::Config;
use super::connector_files::Definitions;
use super::environment::Environment;
use super::explain;
use super::failure::INTERRUPTED;
use super::output::Printer;
use super::target_args::TargetArgs;
use crate::catalog::Catalog;
use crate::checks::Selection;
use crate::diagnosis::Mend;
use crate::model::{CheckId, Status};
use crate::prescribe::EXTERNAL_ID;
use crate::report::{FixStyle, render_fixes};

/// Runs it. The whole diagnosis is made, since a fix may break nothing else.
pub(super) fn run(
    args: &FixArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let config = Config::read(global, environment)?;
    let catalog = Catalog::built_in();
    let mut subject = args.subject.clone();
    let wanted = wanted(args, catalog, &mut subject.target)?;
    let selection = Selection::all(catalog);
    let subject = Subject::read(&subject, &selection, &config, global, environment, printer)?;
    let options = ReportArgs { output: None, report: Vec::new(), fail_on: None, verbose: false };
    let reporting = Reporting { args: &options, config: &config, selection: &selection, printer };
    let report = reporting.report(&subject, wanted.map_or(Mend::Worst, Mend::Only));
    let style = match args.output {
        FixFormat::Cli => FixStyle::Commands,
        FixFormat::Policy => FixStyle::Policy,
        FixFormat::Json => FixStyle::Json,
    };
    let text = render_fixes(&report, style);
    printer.out(&text)?;
    // Among commands it stands as a comment.
    let caution = report.source.caution().filter(|_| style != FixStyle::Commands);
    if let Some(caution) = caution {
        printer.warning(caution);
    }
    if style == FixStyle::Policy && text.contains(EXTERNAL_ID) {
        printer.warning(
            "put the external id that the Streamkap app shows in place of EXTERNAL_ID, and what the trust policy asks \
             for now in place of CURRENT_EXTERNAL_ID",
        );
    }
    let of = |status| report.checks.iter().filter(move |check| check.status == status);
    let warning: Vec<String> = of(Status::Warn).map(|check| check.id.to_string()).collect();
    if wanted.is_none() && of(Status::Fail).next().is_some() && !warning.is_empty() {
        printer.note(&format!(
            "This mends what fails. For what warns ({}) give the check: `streamkap-doctor fix {}`.",
            warning.join(", "),
            warning[0]
        ));
    }
    if text.is_empty() || text == "[]\n" {
        let status = wanted.and_then(|id| report.checks.iter().find(|check| check.id == id));
        printer.note(match status.map(|check| check.status) {
            Some(Status::Pass | Status::Skip) => "Nothing to mend: the check finds nothing wrong.",
            Some(Status::Unknown) => "The check could not look: `streamkap-doctor check` says why.",
            Some(_) => "No change is known that would mend it: `streamkap-doctor explain` says more.",
            None => "Nothing to mend.",
        });
    }
    Ok(if subject.interrupted { INTERRUPTED } else { 0 })
}

/// The check that was named. A connector may stand in its place.
fn wanted(
    args: &FixArgs,
    catalog: &Catalog,
    target: &mut TargetArgs,
) -> Result<Option<CheckId>, super::Failure> {
    match &args.check {
        None => Ok(None),
        Some(name) => match explain::find(catalog, name) {
            Ok(page) => Ok(Some(page.id)),
            Err(_) if is_connector(name, catalog, target)? => {
                target.connectors.insert(0, name.clone());
                Ok(None)
            }
            Err(failure) => Err(failure),
        },
    }
}

/// Whether a word names a connector, be it one of the files given.
fn is_connector(name: &str, catalog: &Catalog, target: &TargetArgs) -> Result<bool, super::Failure> {
    let own = Definitions::read(&target.more.connector_file)?;
    Ok(catalog.connector(name).or_else(|| own.catalog.connector(name)).is_some())
}
