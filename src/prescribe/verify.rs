//! Verification of changes: made to the facts in memory, then the diagnosis again.

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
    pub(super) judged: &'a [Judged],
}

impl Before<'_> {
    /// What became of the changes: whether a check's finding is gone and nothing else is worse.
    pub(super) fn verify(&self, id: CheckId, finding: &Finding, plans: &[Plan]) -> Verification {
        if plans.iter().any(|plan| matches!(plan.change, Change::Manual { .. })) {
            let reason =
                "it changes no policy, so that the doctor cannot try it on what it has read".to_owned();
            return Verification::Unverified { reason };
        }
        let facts = plans.iter().fold(self.facts.clone(), |facts, plan| plan.apply(&facts));
        let after = diagnose(&facts, self.catalog, &self.selection);
        match self.fault(id, finding, &after) {
            Some(reason) => Verification::Unverified { reason },
            None => Verification::Verified,
        }
    }

    /// Why the diagnosis after a change does not bear it out; `None`: it does.
    pub(super) fn fault(&self, id: CheckId, finding: &Finding, after: &[Judged]) -> Option<String> {
        let mended = after.iter().find(|judged| judged.id == id).map(|judged| &judged.outcome);
        self.remains(id, finding, mended).or_else(|| self.worsened(id, after))
    }

    fn remains(&self, id: CheckId, finding: &Finding, after: Option<&Outcome>) -> Option<String> {
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
        for judged in after.iter().filter(|judged| judged.id != id) {
            let before = self.judged.iter().find(|it| it.id == judged.id)?.outcome.status();
            let now = judged.outcome.status();
            let good = matches!(before, Status::Pass | Status::Skip);
            let worse = match now {
                Status::Fail | Status::Warn | Status::Broken => good,
                Status::Unknown => before == Status::Pass && !is_stale(Some(&judged.outcome)),
                Status::Pass | Status::Skip => false,
            };
            if worse {
                let what = judged.outcome.findings().first().map(|it| format!(": {}", it.what));
                return Some(format!("after it {} would be {now}{}", judged.id, what.unwrap_or_default()));
            }
        }
        None
    }
}

/// Whether two findings are one: their sentence may change with what else stands in a policy.
fn same(left: &Finding, right: &Finding) -> bool {
    let by_remedy = !left.remedies.is_empty() && left.remedies == right.remedies;
    left.resource == right.resource && (left.what == right.what || by_remedy)
}

/// Whether an outcome is unknown only because AWS's simulator was not asked again.
fn is_stale(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Unknown(blocked)) if blocked.iter().all(|it| it.why == STALE))
}
