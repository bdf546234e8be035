//! Which fix comes first: the one that clears most.

use std::cmp::Reverse;

use crate::model::{Change, CheckId, Fix, Verification};

/// A fix that was tried.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) fix: Fix,
    /// Failing findings that are gone after it, those of other checks included.
    pub(super) cleared: usize,
}

impl Tried {
    fn is_in_vain(&self) -> bool {
        matches!(self.fix.verification, Verification::Unverified { .. })
    }

    /// First what was verified, then what clears most. Of equals, one that only attaches a policy that
    /// stands there already: it writes nothing new.
    fn rank(&self) -> (bool, Reverse<usize>, bool) {
        let attaches = matches!(self.fix.change, Change::AttachPolicy { .. });
        (self.is_in_vain(), Reverse(self.cleared), !attaches)
    }
}

/// What was verified, then manual steps. A change that was tried in vain is shown only where there is
/// nothing better.
pub(super) fn best_first(mut fixes: Vec<Tried>) -> Vec<Fix> {
    let manual = |tried: &Tried| matches!(tried.fix.change, Change::Manual { .. });
    if fixes.iter().any(|tried| !tried.is_in_vain()) {
        fixes.retain(|tried| !tried.is_in_vain() || manual(tried));
    }
    fixes.sort_by_key(Tried::rank);
    fixes.into_iter().map(|tried| tried.fix).collect()
}

/// A fix of one check that clears all of another's findings is offered there, too, if it ranks above what
/// that other has of its own.
pub(super) fn share(fixes: &mut [(CheckId, usize, Vec<Tried>)]) {
    let whole = |tried: &&Tried| tried.fix.verification == Verification::Verified;
    let known: Vec<(CheckId, Tried)> = fixes
        .iter()
        .flat_map(|(id, _, tried)| tried.iter().filter(whole).map(|it| (*id, it.clone())))
        .collect();
    for (id, _, own) in fixes {
        let best = own.iter().map(Tried::rank).min();
        let foreign = known.iter().filter(|(of, it)| of != id && it.fix.clears.contains(id));
        let Some((_, foreign)) = foreign.min_by_key(|(_, tried)| tried.rank()) else { continue };
        let stands_there = own.iter().any(|it| it.fix.change == foreign.fix.change);
        if !stands_there && best.is_none_or(|best| foreign.rank() < best) {
            own.insert(0, foreign.clone());
        }
    }
}
