//! `policy`: the permissions that the doctor itself needs.

use super::Ended;
use super::args::{GlobalArgs, PolicyArgs};
use super::config::Config;
use super::environment::Environment;
use super::output::Printer;

/// Runs it.
pub(super) fn run(
    args: &PolicyArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let _ = (args, Config::read(global, environment)?, printer);
    Ok(0)
}
