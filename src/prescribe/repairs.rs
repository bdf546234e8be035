//! The changes that mend several findings, one after the other: each remedy is planned on the facts as those
//! before it left them, and every document is written once.

use std::rc::Rc;

use crate::checks::Judged;
use crate::checks::shared::words::{add_all, unique};
use crate::facts::Facts;
use crate::model::{Change, CheckId, Finding, Fix, Owner, Remedy, Repair, Status, Verification};

use super::rank::{Found, Said};
use super::spare::forget_said_anew;
use super::verify::{Before, is_bad, is_well, same, worse};
use super::{MOST, Plan, finding_of, mask, plan, unmade};

/// What was prescribed for each finding.
pub struct Prescribed<'a> {
    pub(super) before: Before<'a>,
    pub(super) found: Vec<Found>,
}

impl Prescribed<'_> {
    /// The changes that mend what these checks found, to be made in order. Each was tried after those before it:
    /// what they mend is gone after all of them, nothing fails on the way that did not fail before, and nothing
    /// stands worse in the end. What cannot be told so comes last and says why.
    pub fn repairs(&self, wanted: impl Fn(CheckId) -> bool) -> Vec<Repair> {
        let wanted = ids(self.found.iter().map(|found| found.id).filter(|id| wanted(*id)));
        let (course, groups) = Course::of(self, &wanted);
        let mut repairs = course.repairs(&groups);
        let mut made: Vec<Plan> = groups.into_iter().map(|group| group.plan).collect();
        for (id, finding) in course.open() {
            let is_it = |found: &&Found| {
                found.id == id && self.finding(found).is_some_and(|before| same(before, &finding))
            };
            match self.found.iter().find(is_it) {
                Some(found) => self.unproven(found, &mut made, &mut repairs),
                None => repairs.extend(found_later(id, &finding)),
            }
        }
        for repair in &mut repairs {
            repair.fix = mask::masked(&repair.fix, self.before.facts);
        }
        repairs
    }

    fn finding(&self, found: &Found) -> Option<&Finding> {
        finding_of(&self.before.judged, found.id, found.at)
    }

    /// Adds the best that is known for a finding without a proof that it can be made after the changes before: as
    /// a change, if it writes none of their documents and makes nothing worse, or else in words.
    fn unproven(&self, found: &Found, made: &mut Vec<Plan>, repairs: &mut Vec<Repair>) {
        let Some(first) = found.tried.first() else { return };
        for tried in found.tried.iter().take_while(|tried| tried.from == first.from) {
            if let Some(known) = repairs.iter_mut().find(|known| known.fix.change == tried.fix.change) {
                if !known.mends.contains(&found.id) {
                    known.mends.push(found.id);
                }
                continue;
            }
            let mut fix = tried.fix.clone();
            fix.clears.clear();
            fix.completes.clear();
            let plan = Plan::new(fix.title.clone(), fix.owner, fix.change.clone());
            if !is_manual(&plan) {
                let with_it = [&made[..], std::slice::from_ref(&plan)].concat();
                let in_the_way = made.iter().any(|other| other.change.is_of_one(&plan.change));
                let reason = if in_the_way {
                    Some(
                        "a change before it writes the same policy: make that one and run this again"
                            .to_owned(),
                    )
                } else {
                    worse(&self.before.after(made), &self.before.after(&with_it)).map(|(_, reason)| reason)
                };
                if let Some(reason) = reason {
                    fix.change = Change::Manual { steps: vec![fix.title.clone()], commands: Vec::new() };
                    fix.notes.clear();
                    fix.verification = Verification::Unverified { reason };
                } else {
                    if !matches!(fix.verification, Verification::Unverified { .. }) {
                        let reason = "after the changes before it, it does not clear this alone".to_owned();
                        fix.verification = Verification::Unverified { reason };
                    }
                    made.push(plan);
                }
            }
            repairs.push(Repair { mends: vec![found.id], fix });
        }
    }
}

/// What comes to light only when other findings are gone, in words.
fn found_later(id: CheckId, finding: &Finding) -> Option<Repair> {
    let remedy = finding.remedies.first()?;
    let reason = "it comes to light only after the changes before: make them and run this again".to_owned();
    Some(Repair { mends: vec![id], fix: unmade(remedy, reason) })
}

/// One remedy's changes.
#[derive(Clone)]
struct Step {
    /// The finding that it was made for.
    id: CheckId,
    finding: Finding,
    /// The checks of which it clears a finding.
    mends: Vec<CheckId>,
    plans: Vec<Plan>,
    /// The diagnosis after it.
    after: Rc<[Judged]>,
}

/// A change with all that the steps make of its document.
struct Group {
    plan: Plan,
    /// The steps that it is part of, by their place.
    steps: Vec<usize>,
}

/// Steps that were tried one after the other.
#[derive(Clone)]
struct Course<'p, 'a> {
    all: &'p Prescribed<'a>,
    wanted: &'p [CheckId],
    steps: Vec<Step>,
    /// The facts after the last step.
    facts: Facts,
    /// Findings for which no step was found.
    given_up: Vec<(CheckId, Finding)>,
}

impl<'p, 'a> Course<'p, 'a> {
    /// The steps that mend what the wanted checks found, and their changes with each document written once.
    /// Findings whose steps cannot be part of one course are left out.
    fn of(all: &'p Prescribed<'a>, wanted: &'p [CheckId]) -> (Self, Vec<Group>) {
        let too_many = all.found.iter().skip(MOST);
        let mut left_out: Vec<(CheckId, Finding)> =
            too_many.filter_map(|found| Some((found.id, all.finding(found)?.clone()))).collect();
        loop {
            let (steps, facts) = (Vec::new(), all.before.facts.clone());
            let mut course = Self { all, wanted, steps, facts, given_up: left_out.clone() };
            course.run();
            // What is left at first may go after what the others changed.
            course.given_up.clone_from(&left_out);
            course.run();
            course.mend_together(&left_out);
            match course.groups() {
                Ok(groups) => return (course, groups),
                Err(culprit) => {
                    let Step { id, finding, .. } = course.steps.swap_remove(culprit);
                    left_out.push((id, finding));
                }
            }
        }
    }

    fn before(&self) -> &'p Before<'a> {
        &self.all.before
    }

    /// The diagnosis after the last step.
    fn now(&self) -> &[Judged] {
        self.steps.last().map_or(&self.all.before.judged, |step| &step.after)
    }

    /// What the wanted checks find after the last step.
    fn open(&self) -> Vec<(CheckId, Finding)> {
        let wanted = self.now().iter().filter(|judged| self.wanted.contains(&judged.id));
        let of_check = |judged: &Judged| {
            let id = judged.id;
            judged.outcome.findings().iter().map(move |finding| (id, finding.clone())).collect::<Vec<_>>()
        };
        wanted.flat_map(of_check).collect()
    }

    /// Takes steps as long as one is found for a finding that is left.
    fn run(&mut self) {
        let most = 2 * self.all.found.len().min(MOST) + self.steps.len();
        while self.steps.len() < most {
            let is_given_up = |(id, finding): &(CheckId, Finding)| {
                self.given_up.iter().any(|(of, known)| of == id && same(known, finding))
            };
            let Some((id, finding)) = self.open().into_iter().take(2 * MOST).find(|it| !is_given_up(it))
            else {
                break;
            };
            match self.step_for(id, &finding) {
                Some(step) => self.push(step),
                None => self.given_up.push((id, finding)),
            }
        }
    }

    /// A step after which the finding is gone.
    fn step_for(&self, id: CheckId, finding: &Finding) -> Option<Step> {
        for remedy in self.remedies(id, finding) {
            let Ok(plans) = plan(&remedy, &self.facts, self.before().catalog) else { continue };
            // What a person has to do stands before what may help.
            if plans.iter().any(is_manual) {
                return None;
            }
            let step = self.step(id, finding, plans);
            if let Some(step) = step.filter(|step| is_gone(id, finding, &step.after)) {
                return Some(step);
            }
        }
        None
    }

    /// The remedies of a finding, best first: as it was before all steps those that were tried, each as it is said
    /// now, since statements may stand at another place.
    fn remedies(&self, id: CheckId, finding: &Finding) -> Vec<Remedy> {
        let of_check = self.all.found.iter().filter(|found| found.id == id);
        let mut known = of_check.filter(|found| self.all.finding(found).is_some_and(|it| same(it, finding)));
        let Some(found) = known.next() else { return finding.remedies.clone() };
        let said = unique(found.tried.iter().map(|tried| tried.from));
        said.into_iter().filter_map(|said| self.remedy(said)).collect()
    }

    fn remedy(&self, said: Said) -> Option<Remedy> {
        let before = finding_of(&self.before().judged, said.id, said.at)?;
        let now = self.now().iter().find(|judged| judged.id == said.id)?;
        let is_it =
            |finding: &&Finding| same(finding, before) && finding.remedies.len() == before.remedies.len();
        let finding = now.outcome.findings().iter().find(is_it).unwrap_or(before);
        finding.remedies.get(said.remedy).cloned()
    }

    /// The step that these changes are, unless something fails after it that did not before any. What fails again is
    /// mended again: of one document, only what the last step leaves is written.
    fn step(&self, id: CheckId, finding: &Finding, plans: Vec<Plan>) -> Option<Step> {
        if plans.is_empty() {
            return None;
        }
        let made = self.steps.iter().flat_map(|step| &step.plans).cloned();
        let after = self.before().after(&made.chain(plans.iter().cloned()).collect::<Vec<_>>());
        if fails_anew(&self.before().judged, &after) {
            return None;
        }
        let is_mended = |judged: &&Judged| {
            let now = after.iter().find(|it| it.id == judged.id).map_or(0, |it| it.outcome.findings().len());
            self.wanted.contains(&judged.id) && now < judged.outcome.findings().len()
        };
        let mends = self.now().iter().filter(is_mended).map(|judged| judged.id).chain([id]);
        Some(Step { id, finding: finding.clone(), mends: ids(mends), plans, after })
    }

    fn push(&mut self, step: Step) {
        self.facts = step.plans.iter().fold(self.facts.clone(), |facts, plan| plan.apply(&facts));
        self.steps.push(step);
    }

    /// Tries what mends several findings only when all of it is done.
    fn mend_together(&mut self, left_out: &[(CheckId, Finding)]) {
        let mut trial = self.clone();
        let open: Vec<(CheckId, Finding)> = self
            .open()
            .into_iter()
            .filter(|(id, it)| !left_out.iter().any(|(of, known)| of == id && same(known, it)))
            .collect();
        for (id, finding) in &open {
            let Some(remedy) = trial.remedies(*id, finding).into_iter().next() else { continue };
            let plans = plan(&remedy, &trial.facts, self.before().catalog).unwrap_or_default();
            if !plans.iter().any(is_manual)
                && let Some(step) = trial.step(*id, finding, plans)
            {
                trial.push(step);
            }
        }
        let added = &trial.steps[self.steps.len()..];
        if added.len() > 1 && added.iter().all(|step| is_gone(step.id, &step.finding, trial.now())) {
            *self = trial;
        }
    }

    /// The changes with each document as the last step leaves it, in an order in which they can be made one after
    /// the other. `Err`: the step for which they cannot.
    fn groups(&self) -> Result<Vec<Group>, usize> {
        if let Some((id, _)) = worse(&self.before().judged, self.now()) {
            let is_worse =
                |step: &Step| worse(&self.before().judged, &step.after).is_some_and(|(of, _)| of == id);
            return Err(self.steps.iter().position(is_worse).unwrap_or(0));
        }
        let mut orders = [Place::OfFirst, Place::OfLast].into_iter().map(|place| grouped(&self.steps, place));
        orders.find(|groups| self.hold(groups)).ok_or(self.steps.len().saturating_sub(1))
    }

    /// Whether nothing fails on the way that did not before, and all is in the end as after the steps.
    fn hold(&self, groups: &[Group]) -> bool {
        let plans: Vec<Plan> = groups.iter().map(|group| group.plan.clone()).collect();
        let mut last: Option<Rc<[Judged]>> = None;
        for made in 1..=plans.len() {
            let after = self.before().after(&plans[..made]);
            let known = last.as_deref().unwrap_or(&self.before().judged);
            if fails_anew(&self.before().judged, &after) || fails_anew(known, &after) {
                return false;
            }
            last = Some(after);
        }
        let found =
            |judged: &[Judged]| judged.iter().map(|it| it.outcome.findings().len()).collect::<Vec<_>>();
        last.is_none_or(|after| found(&after) == found(self.now()))
    }

    /// The changes as they are shown.
    fn repairs(&self, groups: &[Group]) -> Vec<Repair> {
        let before = self.before();
        let alone: Vec<Vec<CheckId>> =
            groups.iter().map(|group| before.cleared_by(std::slice::from_ref(&group.plan))).collect();
        let plans: Vec<Plan> = groups.iter().map(|group| group.plan.clone()).collect();
        let in_turn: Vec<Vec<CheckId>> =
            (0..=plans.len()).map(|made| before.cleared(&before.after(&plans[..made]))).collect();
        let in_the_end = before.cleared(self.now());
        let (chain, needed) = self.chain(groups);
        let mends =
            |at: usize| ids(groups[at].steps.iter().flat_map(|step| self.steps[*step].mends.iter().copied()));
        let shown = |(at, plan): (usize, Plan)| {
            let verification = if chain.contains(&at) {
                let others = needed.iter().copied().filter(|other| *other != at);
                let with = ids(others.flat_map(mends)).iter().map(ToString::to_string).collect();
                Verification::VerifiedTogether { with }
            } else {
                Verification::Verified
            };
            let is_new = |id: &CheckId| {
                !in_turn[at].contains(id)
                    && in_the_end.contains(id)
                    && !alone.iter().any(|cleared| cleared.contains(id))
            };
            let completes = in_turn[at + 1].iter().copied().filter(is_new).collect();
            let (clears, Plan { title, owner, change, notes, .. }) = (alone[at].clone(), plan);
            let fix = Fix { title, owner, change, verification, clears, completes, notes };
            Repair { fix, mends: mends(at) }
        };
        plans.iter().cloned().enumerate().map(shown).collect()
    }

    /// By their place, the changes that do not clear alone what they are for, and those with which they do: themselves,
    /// or else all.
    fn chain(&self, groups: &[Group]) -> (Vec<usize>, Vec<usize>) {
        let before = self.before();
        let holds = |group: &Group, after: &[Judged]| {
            let steps = group.steps.iter().map(|at| &self.steps[*at]);
            steps.into_iter().all(|step| is_gone(step.id, &step.finding, after))
        };
        let is_whole = |group: &Group| {
            let alone = before.after(std::slice::from_ref(&group.plan));
            worse(&before.judged, &alone).is_none() && holds(group, &alone)
        };
        let chain: Vec<usize> = (0..groups.len()).filter(|at| !is_whole(&groups[*at])).collect();
        let plans: Vec<Plan> = chain.iter().map(|at| groups[*at].plan.clone()).collect();
        let after = before.after(&plans);
        let is_enough =
            worse(&before.judged, &after).is_none() && chain.iter().all(|at| holds(&groups[*at], &after));
        let needed = if is_enough { chain.clone() } else { (0..groups.len()).collect() };
        (chain, needed)
    }
}

/// Whether a check's finding is gone by a diagnosis.
fn is_gone(id: CheckId, finding: &Finding, after: &[Judged]) -> bool {
    let outcome = after.iter().find(|judged| judged.id == id).map(|judged| &judged.outcome);
    is_well(outcome)
        || outcome.is_some_and(|it| is_bad(it) && !it.findings().iter().any(|left| same(left, finding)))
}

/// Whether a check fails by one diagnosis that did not by the one before it.
fn fails_anew(before: &[Judged], after: &[Judged]) -> bool {
    let failed = |id: CheckId| {
        let status = before.iter().find(|judged| judged.id == id).map(|judged| judged.outcome.status());
        matches!(status, Some(Status::Fail | Status::Broken | Status::Unknown))
    };
    let mut fails = after.iter().filter(|it| matches!(it.outcome.status(), Status::Fail | Status::Broken));
    fails.any(|judged| !failed(judged.id))
}

/// Where a document stands that several steps change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where the first of them is.
    OfFirst,
    /// Where the last of them is.
    OfLast,
}

fn grouped(steps: &[Step], place: Place) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, plan) in
        steps.iter().enumerate().flat_map(|(at, step)| step.plans.iter().map(move |plan| (at, plan)))
    {
        let known = groups.iter().position(|group| group.plan.change.is_of_one(&plan.change));
        let Some(known) = known else {
            groups.push(Group { plan: plan.clone(), steps: vec![at] });
            continue;
        };
        let group = &mut groups[known];
        join(&mut group.plan, plan);
        if group.steps.last() != Some(&at) {
            group.steps.push(at);
        }
        if place == Place::OfLast {
            let group = groups.remove(known);
            groups.push(group);
        }
    }
    groups
}

/// Makes of a change what a later one leaves of its document.
fn join(plan: &mut Plan, later: &Plan) {
    let before = match &plan.change {
        Change::SetPolicy { before, .. } => before.clone(),
        Change::DeletePolicy { before, .. } => Some(before.clone()),
        _ => None,
    };
    match (&later.change, before) {
        (Change::SetPolicy { home, after, .. }, before) => {
            plan.change = Change::SetPolicy { home: home.clone(), before, after: after.clone() };
        }
        (Change::DeletePolicy { home, .. }, Some(before)) => {
            plan.change = Change::DeletePolicy { home: home.clone(), before };
        }
        _ => {}
    }
    forget_said_anew(&mut plan.notes, &later.notes);
    add_all(&mut plan.notes, later.notes.iter().cloned());
    if !plan.title.split("; ").any(|title| title == later.title) {
        plan.title = format!("{}; {}", plan.title, later.title);
    }
    if plan.owner == Owner::You {
        plan.owner = later.owner;
    }
}

fn is_manual(plan: &Plan) -> bool {
    matches!(plan.change, Change::Manual { .. })
}

/// Ids in report order, each once.
fn ids(ids: impl Iterator<Item = CheckId>) -> Vec<CheckId> {
    let ids: std::collections::BTreeSet<CheckId> = ids.collect();
    ids.into_iter().collect()
}
