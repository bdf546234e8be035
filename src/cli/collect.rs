//! `collect`: writes what can be read of a role into a case file.

use super::args::{CollectArgs, GlobalArgs};
use super::config::Config;
use super::environment::Environment;
use super::failure::{Failure, INTERRUPTED};
use super::output::Printer;
use super::parameters::Given;
use super::progress::Screen;
use super::{Ended, settings};
use crate::catalog::Catalog;
use crate::collect::{Collected, Settings, collect};
use crate::facts::Target;

/// Runs it.
pub(super) fn run(
    args: &CollectArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let config = Config::read(global, environment)?;
    let catalog = Catalog::built_in();
    let region = settings::region(global, &config, environment)?;
    let given = Given::new(&args.target, region.as_deref(), &config, environment);
    let (target, warnings) = given.target(catalog)?;
    warnings.iter().for_each(|warning| printer.warning(warning));
    let settings = settings::settings(global, &args.history, &config, environment)?;
    let collected = read(&settings, target, catalog, printer)?;
    printer.file(&args.output, &serde_json::to_string_pretty(&collected.facts).unwrap_or_default())?;
    Ok(if collected.interrupted { INTERRUPTED } else { 0 })
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
    let screen = Screen::new(printer, &target);
    let collected = runtime.block_on(collect(settings, target, catalog, &screen));
    screen.clear();
    // Calls that are still on their way must not hold the exit up.
    runtime.shutdown_background();
    Ok(collected?)
}
