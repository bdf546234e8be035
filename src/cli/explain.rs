//! `explain`: a check's page.

use std::fmt::Write as _;

use super::Ended;
use super::args::ExplainArgs;
use super::failure::Failure;
use super::output::Printer;
use crate::catalog::{Catalog, Page};
use crate::model::nearest;

/// Runs it.
pub(super) fn run(args: &ExplainArgs, printer: &Printer) -> Ended {
    let catalog = Catalog::built_in();
    let page = find(catalog, &args.check)?;
    printer.out(&text(page, catalog, args.verbose))?;
    Ok(0)
}

/// The page of the check that was named by id or name.
pub(super) fn find<'c>(catalog: &'c Catalog, given: &str) -> Result<&'c Page, Failure> {
    let wanted = given.trim();
    let names = |page: &Page| [page.id.to_string(), page.name.clone()];
    let is = |page: &&Page| names(page).iter().any(|name| name.eq_ignore_ascii_case(wanted));
    catalog.pages.iter().find(is).ok_or_else(|| {
        let near = nearest(wanted, catalog.pages.iter().flat_map(names));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Failure::usage(
            format!("no check is called `{given}`"),
            format!("{near}`streamkap-doctor list` shows every check"),
        )
    })
}

/// What follows it are patches of accounts: the page's own tests.
const CASES: &str = "\n## Cases\n";

fn text(page: &Page, catalog: &Catalog, with_cases: bool) -> String {
    let body = page.body.split_once(CASES).map_or(page.body.as_str(), |(prose, _)| prose);
    let body = if with_cases { page.body.as_str() } else { body };
    let mut text = format!("# {} {}\n\n{}.\n\n", page.id, page.name, page.title);
    let facts =
        |ids: &[crate::facts::FactId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let _ = writeln!(text, "Section:   {} ({})", page.id.section(), page.id.section().symptom());
    let _ = writeln!(text, "Severity:  {}", page.severity.as_str());
    let _ = writeln!(text, "Guide:     {}\n           {}", page.guide, catalog.vendor.guide);
    if !page.needs.is_empty() {
        let _ = writeln!(text, "Needs:     {}", facts(&page.needs));
    }
    if !page.uses.is_empty() {
        let _ = writeln!(text, "Uses:      {}", facts(&page.uses));
    }
    let _ = writeln!(text, "Since:     {}\n\n{}", page.since, body.trim_end());
    text
}
