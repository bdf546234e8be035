//! Which fix comes first: the one that clears most.

use std::cmp::Reverse;

use crate::model::{Change, CheckId, Fix, Verification};

/// A finding by its check and its place there, and the fixes that were tried for it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: CheckId,
    pub(super) at: usize,
    pub(super) tried: Vec<Tried>,
}

/// Where a remedy was said: by which finding of which check, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) id: CheckId,
    pub(super) at: usize,
    pub(super) remedy: usize,
}

/// A fix that was tried.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) fix: Fix,
    /// Failing findings that are gone after it, those of other checks included.
    pub(super) cleared: usize,
    /// The remedy that it carries out, perhaps along with others.
    pub(super) from: Said,
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
pub(super) fn best_first(tried: &mut Vec<Tried>) {
    let manual = |tried: &Tried| matches!(tried.fix.change, Change::Manual { .. });
    if tried.iter().any(|tried| !tried.is_in_vain()) {
        tried.retain(|tried| !tried.is_in_vain() || manual(tried));
    }
    tried.sort_by_key(Tried::rank);
}

/// A fix of one check that clears all of another's findings is offered there, too, if it ranks above what
/// that other has of its own.
pub(super) fn share(found: &mut [Found]) {
    let whole = |tried: &&Tried| tried.fix.verification == Verification::Verified;
    let known: Vec<(CheckId, Tried)> = found
        .iter()
        .flat_map(|found| found.tried.iter().filter(whole).map(|it| (found.id, it.clone())))
        .collect();
    for Found { id, tried: own, .. } in found {
        let best = own.iter().map(Tried::rank).min();
        let foreign = known.iter().filter(|(of, it)| of != id && it.fix.clears.contains(id));
        let Some((_, foreign)) = foreign.min_by_key(|(_, tried)| tried.rank()) else { continue };
        let stands_there = own.iter().any(|it| it.fix.change == foreign.fix.change);
        if !stands_there && best.is_none_or(|best| foreign.rank() < best) {
            own.insert(0, foreign.clone());
        }
    }
}
