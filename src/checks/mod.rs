//! The checks: facts to outcomes, pure. One file per check, named like its page in `checks/`.
//!
//! A check reads facts through a [`View`], which turns whatever was not read into `unknown` and notes
//! what was read. No check reads what another concluded; what several need is a function over facts, in
//! `shared`.

mod assume;
mod later;
mod partial;
mod practice;
mod selection;
pub mod shared;
mod view;
mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::catalog::Catalog;
use crate::facts::{FactId, Facts};
use crate::model::{Blocked, Bug, CheckId, Outcome};

pub use selection::{Selection, SelectionError};
pub use view::View;

/// One check's logic. Its prose and metadata are its page's.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The id, as on the page.
    pub id: CheckId,
    /// Judges the facts. `Err`: could not look, and why.
    pub judge: fn(&View<'_>) -> Result<Outcome, Blocked>,
}

/// What one check concluded, and what it read for it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The check.
    pub id: CheckId,
    /// What it concluded.
    pub outcome: Outcome,
    /// The facts it read, in order.
    pub read: Vec<FactId>,
}

/// Every check, in report order.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [assume::CHECKS, write::CHECKS, partial::CHECKS, later::CHECKS, practice::CHECKS].into_iter().flatten()
}

/// Judges the selected checks. A check that panics is `broken`, and the others go on.
pub fn diagnose(facts: &Facts, catalog: &Catalog, selection: &Selection) -> Vec<Judged> {
    diagnose_in(&View::new(facts, catalog), selection)
}

/// The same for whoever looks at the facts further.
pub fn diagnose_in(view: &View<'_>, selection: &Selection) -> Vec<Judged> {
    all().filter(|check| selection.contains(check.id)).map(|check| judge(check, &view.beside())).collect()
}

fn judge(check: &Check, view: &View<'_>) -> Judged {
    let outcome = match catch_unwind(AssertUnwindSafe(|| (check.judge)(view))) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(blocked)) => Outcome::Unknown(vec![blocked]),
        Err(panic) => Outcome::Broken(Bug { message: panic_message(panic.as_ref()) }),
    };
    Judged { id: check.id, outcome: applying(outcome, view), read: view.read() }
}

/// A check that lacks nothing but what the user left out does not apply.
fn applying(outcome: Outcome, view: &View<'_>) -> Outcome {
    let Outcome::Unknown(blocked) = outcome else { return outcome };
    match shared::history::left_out(view.unnoted_history(), &blocked) {
        Some(reason) => Outcome::Skip(reason),
        None => Outcome::Unknown(blocked),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_page_and_every_page_a_check() {
        let checks: Vec<CheckId> = all().map(|check| check.id).collect();
        let pages: Vec<CheckId> = Catalog::built_in().pages.iter().map(|page| page.id).collect();
        assert_eq!(checks, pages);
    }
}
