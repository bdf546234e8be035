//! The command line: definitions, settings, one module per subcommand.
//!
//! The environment, the clock and the terminal are read here and passed on as values; printing
//! happens in [`output`].

mod again;
mod args;
mod case;
mod check;
mod collect;
mod completions;
mod config;
mod connector_files;
mod demo;
mod denials;
mod environment;
mod evaluate;
mod explain;
mod failure;
mod fix;
mod list;
mod output;
mod parameters;
mod policy;
mod progress;
pub mod reference;
mod regions;
mod settings;
mod sheet;
mod target;
mod target_args;
mod terminal;
mod values;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Color, Command};
use environment::Environment;
use failure::Failure;
use output::Printer;

/// What a subcommand ends with: an exit code, or a failure to print.
type Ended = Result<u8, Failure>;

/// Reads the command line, runs it, and gives its exit code.
pub fn main() -> ExitCode {
    let environment = Environment::read();
    let arguments = Cli::with_default_command(environment.arguments.clone());
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            Printer::new(&environment, Color::Auto).parse_error(&error);
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::USAGE));
        }
    };
    let printer = Printer::new(&environment, cli.global.color);
    let ended = run(cli, &environment, &printer);
    ExitCode::from(ended.unwrap_or_else(|failure| {
        printer.failure(&failure);
        failure.code
    }))
}

fn run(cli: Cli, environment: &Environment, printer: &Printer) -> Ended {
    let global = &cli.global;
    let without_aws = match cli.command {
        Command::Demo(_) => Some("demo"),
        Command::Evaluate(_) => Some("evaluate"),
        Command::Explain(_) => Some("explain"),
        Command::List(_) => Some("list"),
        Command::Completions(_) => Some("completions"),
        _ => None,
    };
    if let Some(command) = without_aws {
        for flag in global.aws_flags() {
            printer.warning(&format!("{flag} does nothing here: `{command}` asks nothing of AWS"));
        }
    }
    match cli.command {
        Command::Check(check) => check::run(&check, global, environment, printer),
        Command::Denials(denials) => denials::run(&denials, global, environment, printer),
        Command::Demo(demo) => demo::run(&demo, global, environment, printer),
        Command::Fix(fix) => fix::run(&fix, global, environment, printer),
        Command::Collect(collect) => collect::run(&collect, global, environment, printer),
        Command::Evaluate(evaluate) => evaluate::run(&evaluate, printer),
        Command::Explain(explain) => explain::run(&explain, printer),
        Command::List(list) => list::run(&list, global, environment, printer),
        Command::Policy(policy) => policy::run(&policy, global, environment, printer),
        Command::Completions(completions) => completions::run(&completions, printer),
    }
}
