//! Verification of changes: made to the facts in memory, then the diagnosis again.

use std::cell::RefCell;
use std::rc::Rc;

use crate::catalog::Catalog;
use crate::checks::{Judged, Selection, diagnose};
use crate::facts::Facts;
use crate::model::{Change, CheckId, Finding, Outcome, Status, Verification};

use super::Plan;
use super::apply::STALE;

/// The diagnosis before any change, which a change must not worsen.
pub(super) struct Before<'a> {
    pub(super) facts: &'a Facts,
    pub(super) catalog: &'a Catalog,
    pub(super) selection: Selection,
    pub(super) judged: Vec<Judged>,
    /// Diagnoses after changes that were tried: several findings may ask for the same.
    tried: RefCell<Vec<Attempt>>,
}

/// Changes and the diagnosis after them.
type Attempt = (Vec<Plan>, Rc<[Judged]>);

/// What trying a change showed.
pub(super) struct Trial {
    pub(super) verification: Verification,
    /// The checks that fail or warn now, and would no longer. Empty unless it is verified.
    pub(super) clears: Vec<CheckId>,
    /// The failing findings that would be gone.
    pub(super) cleared: usize,
}

impl<'a> Before<'a> {
    /// The diagnosis of these facts.
    pub(super) fn new(
        facts: &'a Facts,
        catalog: &'a Catalog,
        selection: Selection,
        judged: Vec<Judged>,
    ) -> Self {
        Self { facts, catalog, selection, judged, tried: RefCell::default() }
    }

    /// What became of the changes: whether a check's finding is gone and nothing else is worse, and what
    /// else is gone.
    pub(super) fn verify(&self, id: CheckId, finding: &Finding, plans: &[Plan]) -> Trial {
        let unverified = |reason| Trial {
            verification: Verification::Unverified { reason },
            clears: Vec::new(),
            cleared: 0,
        };
        if plans.iter().any(|plan| matches!(plan.change, Change::Manual { .. })) {
            return unverified(
                "it changes no policy, so that the doctor cannot try it on what it has read".to_owned(),
            );
        }
        let after = self.after(plans);
        if let Some(reason) = self.fault(id, finding, &after) {
            return unverified(reason);
        }
        let failing = self.judged.iter().filter(|it| it.outcome.status() == Status::Fail);
        let gone = |of: &Judged| {
            (0..of.outcome.findings().len()).filter(|at| self.is_gone(of.id, *at, &after)).count()
        };
        let (cleared, clears) = (failing.map(gone).sum(), self.cleared(&after));
        Trial { verification: Verification::Verified, cleared, clears }
    }

    /// The checks that fail or warn now, and no longer by a diagnosis after changes.
    pub(super) fn cleared(&self, after: &[Judged]) -> Vec<CheckId> {
        let bad = self.judged.iter().filter(|it| is_bad(&it.outcome)).map(|it| it.id);
        bad.filter(|id| is_well(after.iter().find(|it| it.id == *id).map(|it| &it.outcome))).collect()
    }

    /// The checks that fail or warn now, and no longer after changes that make nothing worse.
    pub(super) fn cleared_by(&self, plans: &[Plan]) -> Vec<CheckId> {
        let after = self.after(plans);
        if worse(&self.judged, &after).is_some() { Vec::new() } else { self.cleared(&after) }
    }

    /// The diagnosis after changes, made in order.
    pub(super) fn after(&self, plans: &[Plan]) -> Rc<[Judged]> {
        let known =
            self.tried.borrow().iter().find(|(tried, _)| tried == plans).map(|(_, after)| Rc::clone(after));
        known.unwrap_or_else(|| {
            let facts = plans.iter().fold(self.facts.clone(), |facts, plan| plan.apply(&facts));
            let after: Rc<[Judged]> = diagnose(&facts, self.catalog, &self.selection).into();
            self.tried.borrow_mut().push((plans.to_vec(), Rc::clone(&after)));
            after
        })
    }

    /// Why the diagnosis after a change does not bear it out; `None`: it does.
    pub(super) fn fault(&self, id: CheckId, finding: &Finding, after: &[Judged]) -> Option<String> {
        let mended = after.iter().find(|judged| judged.id == id).map(|judged| &judged.outcome);
        self.remains(id, finding, mended).or_else(|| self.worsened(id, after))
    }

    /// Why a check's finding is not gone by a diagnosis after changes, or what else the check finds by it.
    pub(super) fn remains(&self, id: CheckId, finding: &Finding, after: Option<&Outcome>) -> Option<String> {
        let known = self.judged.iter().find(|judged| judged.id == id).map(|judged| judged.outcome.findings());
        let known = known.unwrap_or_default();
        match after {
            None => Some(format!("{id} was not run again")),
            Some(Outcome::Unknown(blocked)) if !is_stale(after) => {
                let why = blocked.first().map(|it| format!("{}: {}", it.what, it.why)).unwrap_or_default();
                Some(format!("after it {id} could not be told ({why})"))
            }
            Some(Outcome::Broken(bug)) => Some(format!("after it {id} broke: {}", bug.message)),
            Some(outcome) => {
                let left = outcome.findings();
                let fresh = left.iter().find(|it| !known.iter().any(|known| same(known, it)));
                let still = left.iter().find(|it| same(it, finding));
                still.or(fresh).map(|it| format!("after it {id} still says: {}", it.what))
            }
        }
    }

    fn worsened(&self, id: CheckId, after: &[Judged]) -> Option<String> {
        let others = after.iter().filter(|judged| judged.id != id);
        worse_of(&self.judged, others).map(|(_, reason)| reason)
    }

    /// Whether a finding that stood at this place before any change is gone after some.
    pub(super) fn is_gone(&self, id: CheckId, at: usize, after: &[Judged]) -> bool {
        let Some(finding) = super::finding_of(&self.judged, id, at) else { return true };
        let outcome = after.iter().find(|judged| judged.id == id).map(|judged| &judged.outcome);
        is_well(outcome)
            || outcome.is_some_and(|it| is_bad(it) && !it.findings().iter().any(|left| same(left, finding)))
    }
}

/// The first check that stands worse by one diagnosis than by the one before it, and how.
pub(super) fn worse(before: &[Judged], after: &[Judged]) -> Option<(CheckId, String)> {
    worse_of(before, after.iter())
}

fn worse_of<'j>(before: &[Judged], after: impl Iterator<Item = &'j Judged>) -> Option<(CheckId, String)> {
    for judged in after {
        let Some(known) = before.iter().find(|it| it.id == judged.id) else { continue };
        let was = known.outcome.status();
        let now = judged.outcome.status();
        let good = matches!(was, Status::Pass | Status::Skip);
        let worse = match now {
            Status::Fail | Status::Warn | Status::Broken => {
                good || (was, now) == (Status::Warn, Status::Fail)
            }
            Status::Unknown => was == Status::Pass && !is_stale(Some(&judged.outcome)),
            Status::Pass | Status::Skip => false,
        };
        if worse {
            let what = judged.outcome.findings().first().map(|it| format!(": {}", it.what));
            let reason = format!("after it {} would be {now}{}", judged.id, what.unwrap_or_default());
            return Some((judged.id, reason));
        }
    }
    None
}

/// Whether two findings are one: their sentence may change with what else stands in a policy.
pub(super) fn same(left: &Finding, right: &Finding) -> bool {
    let by_remedy = !left.remedies.is_empty() && left.remedies == right.remedies;
    left.resource == right.resource && (left.what == right.what || by_remedy)
}

pub(super) fn is_bad(outcome: &Outcome) -> bool {
    matches!(outcome.status(), Status::Fail | Status::Warn)
}

/// Whether nothing is left of what a check found.
pub(super) fn is_well(outcome: Option<&Outcome>) -> bool {
    is_stale(outcome) || matches!(outcome, Some(Outcome::Pass(_) | Outcome::Skip(_)))
}

/// Whether an outcome is unknown only because AWS's simulator was not asked again.
fn is_stale(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Unknown(blocked)) if blocked.iter().all(|it| it.why == STALE))
}
