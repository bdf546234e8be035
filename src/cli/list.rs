//! `list`: the catalogue of checks.

use std::fmt::Write as _;

use super::Ended;
use super::args::{GlobalArgs, ListArgs};
use super::check::selection;
use super::config::Config;
use super::environment::Environment;
use super::output::Printer;
use crate::catalog::{Catalog, Page};
use crate::model::Section;

/// Runs it.
pub(super) fn run(
    args: &ListArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let catalog = Catalog::built_in();
    let selection = selection(&args.selection, &Config::named(global, environment)?, catalog)?;
    let pages: Vec<&Page> = catalog.pages.iter().filter(|page| selection.contains(page.id)).collect();
    printer.out(&text(&pages))?;
    Ok(0)
}

fn text(pages: &[&Page]) -> String {
    let width = pages.iter().map(|page| page.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for section in Section::ALL {
        let mut of_section = pages.iter().filter(|page| page.id.section() == section).peekable();
        if of_section.peek().is_none() {
            continue;
        }
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{section}: {}", section.symptom());
        for page in of_section {
            let _ = writeln!(text, "  {:<12}  {:<width$}  {}", page.id, page.name, page.severity.as_str());
        }
    }
    text
}
