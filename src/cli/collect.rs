//! `collect`: writes what can be read of a role into a case file.

use std::path::{Path, PathBuf};

use super::args::{CollectArgs, GlobalArgs};
use super::config::Config;
use super::environment::Environment;
use super::failure::{Failure, INTERRUPTED};
use super::output::Printer;
use super::parameters::Given;
use super::progress::Screen;
use super::sheet::Secrecy;
use super::{Ended, settings};
use crate::catalog::{Catalog, Connector};
use crate::collect::{Collected, Settings, collect, session_region};
use crate::facts::case::Case;
use crate::facts::{ConnectorTarget, Target};
use crate::report::line;

/// Runs it.
pub(super) fn run(
    args: &CollectArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let config = Config::read(global, environment)?;
    let given = Given::new(&args.target, global, &config, environment)?;
    let catalog = given.catalog();
    let (target, warnings) = given.target()?;
    printer.warnings(&warnings);
    let settings = settings::settings(global, &args.history, &config, environment)?;
    let path = if args.unredacted { marked(&args.output) } else { args.output.clone() };
    let secrecy = if args.unredacted { Secrecy::Owner } else { Secrecy::Usual };
    let sheet = printer.sheet(&path, secrecy)?;
    let collected = read(&settings, target, catalog, printer)?;
    let case = if args.unredacted {
        Ok(Case::in_clear(collected.facts))
    } else {
        Case::redacted(&collected.facts, &catalog.kept())
    };
    let text = case.and_then(|case| case.to_json()).map_err(|error| {
        Failure::usage(format!("the case cannot be written: {error}"), "please report this")
    })?;
    printer.write(sheet, &text)?;
    if path != Path::new("-") {
        let what =
            if args.unredacted { "in clear: do not pass it on" } else { "with pseudonyms for your names" };
        printer.note(&format!("Wrote {} ({what}).", line(&path.display().to_string())));
        printer.note(&format!("Next: streamkap-doctor check --case {}", line(&path.display().to_string())));
    }
    Ok(if collected.interrupted { INTERRUPTED } else { 0 })
}

/// A case in clear says so in its name: `case.json` becomes `case.unredacted.json`.
fn marked(path: &Path) -> PathBuf {
    const MARK: &str = "unredacted";
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path == Path::new("-") || name.contains(MARK) {
        return path.to_owned();
    }
    let named = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => format!("{stem}.{MARK}.{extension}"),
        _ => format!("{name}.{MARK}"),
    };
    path.with_file_name(named)
}

/// Reads AWS, showing how it goes on.
pub(super) fn read(
    settings: &Settings,
    target: Target,
    catalog: &Catalog,
    printer: &Printer,
) -> Result<Collected, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::usage(format!("no threads can be started: {error}"), "check the limits of this shell")
        })?;
    let target = located(&runtime, settings, target, catalog)?;
    let screen = Screen::new(printer, Some(&target));
    let collected = runtime.block_on(collect(settings, target, catalog, &screen));
    screen.clear();
    // Calls that are still on their way must not hold the exit up.
    runtime.shutdown_background();
    Ok(collected?)
}

/// The target with the region of the session, where its connectors' resources are in a region and none
/// was given.
fn located(
    runtime: &tokio::runtime::Runtime,
    settings: &Settings,
    mut target: Target,
    catalog: &Catalog,
) -> Result<Target, Failure> {
    let named = |it: &&ConnectorTarget| {
        let connector = catalog.connector(&it.connector);
        let required =
            |it: &Connector| it.names_place("region") && !it.parameters.iter().any(|p| p.name == "region");
        connector.is_some_and(required)
    };
    if let (None, Some(regional)) = (&target.region, target.connectors.iter().find(named)) {
        let region = runtime.block_on(session_region(settings)).ok_or_else(|| {
            Failure::usage(
                format!("the connector {} needs --region", regional.connector),
                "the region of what it writes to; neither AWS_REGION nor the profile has one. \
                 Where to find it: Streamkap app: the connector's Settings; the AWS console names it at the top right",
            )
        })?;
        target.region = Some(super::regions::parse(&region)?);
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_in_clear_says_so_in_its_name() {
        for (given, wanted) in [
            ("case.json", "case.unredacted.json"),
            ("a/b/case", "a/b/case.unredacted"),
            ("my-unredacted-case.json", "my-unredacted-case.json"),
            ("-", "-"),
        ] {
            assert_eq!(marked(Path::new(given)), Path::new(wanted));
        }
    }
}
