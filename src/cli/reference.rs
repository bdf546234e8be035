//! The generated part of the documentation, made from the definitions that the program runs on, so
//! that it cannot disagree with it. `tests/references.rs` compares it with what is in `docs/`.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::args::Cli;
use super::config::KEYS;
use super::environment::VARIABLES;
use crate::catalog::{Catalog, Page};
use crate::denials::{Answer, Pasted};
use crate::model::Section;
use crate::report;

/// Width of the help texts in the reference.
const WIDTH: usize = 90;
const GENERATED: &str =
    "<!-- Generated: UPDATE_REFERENCES=1 cargo test --test references writes this file. -->\n\n";

/// Every generated file: its path below `docs/reference/` and its text.
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("cli.md", command_line()),
        ("checks.md", checks(Catalog::built_in())),
        ("exit-codes.md", exit_codes()),
        ("environment.md", environment()),
        ("configuration.md", configuration()),
        ("report.schema.json", report::schema()),
        ("denials.schema.json", report::schema_of::<Answer>()),
        ("denials-paste.schema.json", report::schema_of::<Pasted>()),
    ]
}

fn command_line() -> String {
    let mut text = format!("# Command line\n\n{GENERATED}");
    let mut command = Cli::command().term_width(WIDTH);
    command.build();
    section(&mut text, &mut command.clone());
    for subcommand in command.get_subcommands().filter(|it| it.get_name() != "help") {
        section(&mut text, &mut subcommand.clone().term_width(WIDTH));
    }
    text
}

fn section(text: &mut String, command: &mut clap::Command) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    let _ = write!(text, "## {name}\n\n```text\n{}\n```\n\n", help.join("\n"));
}

fn checks(catalog: &Catalog) -> String {
    let mut text = format!("# Checks\n\n{GENERATED}");
    text.push_str(
        "`streamkap-doctor explain ID` prints a check's page. Facts and the permissions that reading\n",
    );
    text.push_str("them takes: *needs* are those without which the check is unknown, *uses* those it reads if it can.\n");
    for section in Section::ALL {
        let mut pages = catalog.pages.iter().filter(|page| page.id.section() == section).peekable();
        if pages.peek().is_none() {
            continue;
        }
        let _ = write!(text, "\n## {section}: {}\n\n", section.symptom());
        text.push_str(
            "| id | name | severity | the problem | needs | uses | since |\n|---|---|---|---|---|---|---|\n",
        );
        for page in pages {
            row(&mut text, page);
        }
    }
    text
}

fn row(text: &mut String, page: &Page) {
    let facts =
        |ids: &[crate::facts::FactId]| ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(" ");
    let _ = writeln!(
        text,
        "| [{}](../../{}) | `{}` | {} | {} | {} | {} | {} |",
        page.id,
        page.path(),
        page.name,
        page.severity.as_str(),
        page.title,
        facts(&page.needs),
        facts(&page.uses),
        page.since
    );
}

fn exit_codes() -> String {
    let rows = [
        ("0", "Nothing at or above `--fail-on`, and everything selected was looked at."),
        ("1", "A check failed (or warned, or could not look, where `--fail-on` says so)."),
        (
            "2",
            "The command line, the configuration or a file is wrong, and nothing was checked. Also when a report could not be written in the end: standard error says which.",
        ),
        (
            "3",
            "Incomplete: something selected could not be looked at, and nothing failed. Also when nothing could be read at all: no credentials, no network.",
        ),
        ("4", "A check was broken: the doctor's own fault. The other checks of the report hold."),
        ("130", "Interrupted with Ctrl-C."),
    ];
    let mut text = format!("# Exit codes\n\n{GENERATED}The same for every format of the report.\n\n");
    text.push_str("| code | meaning |\n|---|---|\n");
    for (code, meaning) in rows {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text.push_str("\nWhere several hold, 4 goes before 1, and 1 before 3.\n");
    text
}

fn environment() -> String {
    let mut text = format!("# Environment variables\n\n{GENERATED}");
    text.push_str("A flag goes before a variable, a variable before `streamkap-doctor.toml`.\n\n");
    text.push_str("| variable | what it does |\n|---|---|\n");
    for variable in VARIABLES {
        let _ = writeln!(text, "| `{}` | {} |", variable.name, variable.help);
    }
    text.push_str(
        "\nThe AWS SDK reads its own: every standard `AWS_*` variable, and `HTTPS_PROXY`, `HTTP_PROXY` and\n\
         `NO_PROXY`. The doctor has no private copies of them.\n",
    );
    text
}

fn configuration() -> String {
    let mut text = format!("# Configuration file\n\n{GENERATED}");
    text.push_str(
        "`streamkap-doctor.toml` in the working directory, or the file that `--config` or\n\
         `STREAMKAP_DOCTOR_CONFIG` names. A flag goes before a variable, a variable before the file. An unknown\n\
         key is an error.\n\n| key | takes | what it does |\n|---|---|---|\n",
    );
    for key in KEYS {
        let _ = writeln!(text, "| `{}` | {} | {} |", key.name, key.takes, key.help);
    }
    text
}
