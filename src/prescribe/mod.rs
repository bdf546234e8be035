//! Fixes: what would mend a finding becomes a change, the change is tried on the facts in memory, and
//! only then is it shown.
//!
//! A [`Remedy`] is what a check knows; a [`Change`] is a whole document before and after; a [`Fix`] is a
//! change with its owner and what trying it showed. Nothing is ever changed in an account.

mod advice;
mod apply;
mod command;
mod correction;
mod deleted;
mod document;
mod limits;
mod mask;
mod narrow;
mod rank;
mod repairs;
mod resource;
mod role;
mod spare;
mod trust;
mod verify;
mod words;

use crate::catalog::Catalog;
use crate::checks::shared::words::add_all;
use crate::checks::{Judged, Selection, diagnose};
use crate::facts::{Fact, Facts, ManagedPolicy};
use crate::model::{Change, CheckId, Finding, Fix, Owner, Remedy, Verification};

pub use apply::apply;
pub use command::commands;
pub use mask::EXTERNAL_ID;
pub use repairs::Prescribed;

use advice::{in_words, owner};
use rank::{Found, Said, Tried, best_first};
use verify::{Before, Trial};

/// Findings for which changes are worked out and tried, each by a diagnosis of its own: a case from a stranger may
/// hold thousands.
const MOST: usize = 50;

/// A change before it is tried.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    title: String,
    owner: Owner,
    change: Change,
    /// What else whoever makes it should know, a sentence each.
    notes: Vec<String>,
    /// A managed policy that the change brings in, whose document is known from elsewhere than the facts.
    brings: Option<(String, String)>,
}

impl Plan {
    fn new(title: String, owner: Owner, change: Change) -> Self {
        Self { title, owner, change, notes: Vec::new(), brings: None }
    }

    /// The same with more to know.
    fn noting(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        add_all(&mut self.notes, notes);
        self
    }

    /// The facts after it.
    fn apply(&self, facts: &Facts) -> Facts {
        let mut facts = apply(&self.change, facts);
        if let Some((arn, document)) = &self.brings {
            let policy = facts.managed_policies.entry(arn.clone()).or_default();
            if !policy.is_read() {
                *policy = Fact::Known(ManagedPolicy {
                    name: arn.rsplit('/').next().unwrap_or_default().to_owned(),
                    version: "v1".to_owned(),
                    document: document.clone(),
                    updated: None,
                });
            }
        }
        facts
    }
}

/// Completes every finding with its fixes, each tried on a copy of the facts. What it returns puts together
/// those that are made one after the other.
pub fn prescribe<'a>(facts: &'a Facts, catalog: &'a Catalog, judged: &mut [Judged]) -> Prescribed<'a> {
    let ids: Vec<String> = judged.iter().map(|judged| judged.id.to_string()).collect();
    // The ids come from a diagnosis: there is no unknown one among them.
    let selection = Selection::new(catalog, &ids, &[]).unwrap_or_else(|_| Selection::all(catalog));
    let before = Before::new(facts, catalog, selection, judged.to_vec());
    let mut found: Vec<Found> = Vec::new();
    for judged in &before.judged {
        for (at, finding) in judged.outcome.findings().iter().enumerate() {
            let from = |remedy| Said { id: judged.id, at, remedy };
            let remedies = finding.remedies.iter().enumerate();
            let fixes = |(number, remedy)| match found.len() {
                0..MOST => fixes_of(&before, from(number), finding, remedy),
                _ => vec![untried(from(number), remedy, too_many())],
            };
            let tried = remedies.flat_map(fixes).collect();
            found.push(Found { id: judged.id, at, tried });
        }
    }
    together(&before, &mut found);
    rank::share(&mut found);
    for found in &mut found {
        best_first(&mut found.tried);
        let outcome =
            judged.iter_mut().find(|judged| judged.id == found.id).map(|judged| &mut judged.outcome);
        if let Some(finding) = outcome.and_then(|outcome| outcome.findings_mut().get_mut(found.at)) {
            finding.fixes = found.tried.iter().map(|tried| mask::masked(&tried.fix, facts)).collect();
        }
    }
    Prescribed { before, found }
}

/// The fixes that one remedy makes: several only when all of them are needed, in order.
fn fixes_of(before: &Before<'_>, from: Said, finding: &Finding, remedy: &Remedy) -> Vec<Tried> {
    let plans = match plan(remedy, before.facts, before.catalog) {
        Ok(plans) => plans,
        Err(reason) => return vec![untried(from, remedy, reason)],
    };
    let Trial { verification, clears, cleared } = before.verify(from.id, finding, &plans);
    let each: Vec<Vec<CheckId>> = match &plans[..] {
        [_] => vec![clears.clone()],
        all if verification == Verification::Verified => {
            all.iter().map(|plan| before.cleared_by(std::slice::from_ref(plan))).collect()
        }
        all => vec![Vec::new(); all.len()],
    };
    let last = plans.len().saturating_sub(1);
    let tried = |(at, Plan { title, owner, change, notes, .. })| {
        let (mut verification, mut completes) = (verification.clone(), Vec::new());
        if last > 0 && verification == Verification::Verified {
            verification = Verification::VerifiedTogether { with: vec![from.id.to_string()] };
            let is_left = |id: &CheckId| at == last && !each.iter().flatten().any(|known| known == id);
            completes = clears.iter().copied().filter(is_left).collect();
        }
        let clears = each.get(at).cloned().unwrap_or_default();
        Tried { fix: Fix { title, owner, change, verification, clears, completes, notes }, cleared, from }
    };
    plans.into_iter().enumerate().map(tried).collect()
}

/// A remedy in words, with the reason why no change is made of it.
fn untried(from: Said, remedy: &Remedy, reason: String) -> Tried {
    Tried { fix: unmade(remedy, reason), cleared: 0, from }
}

/// The fix that a remedy in words is.
fn unmade(remedy: &Remedy, reason: String) -> Fix {
    let (title, owner) = (in_words(remedy), owner(remedy));
    let change = Change::Manual { steps: vec![title.clone()], commands: Vec::new() };
    Fix::new(title, owner, change, Verification::Unverified { reason })
}

fn too_many() -> String {
    format!("changes are worked out for the first {MOST} findings: mend those and run this again")
}

/// The changes that a remedy comes to, none of them longer than AWS takes.
fn plan(remedy: &Remedy, facts: &Facts, catalog: &Catalog) -> Result<Vec<Plan>, String> {
    let plans = plan_of_any_length(remedy, facts, catalog)?.into_iter();
    let plans = plans.map(|plan| deleted::left_out(role::noting_others(plan, facts)));
    limits::fit(plans.collect::<Result<_, _>>()?, facts)
}

fn plan_of_any_length(remedy: &Remedy, facts: &Facts, catalog: &Catalog) -> Result<Vec<Plan>, String> {
    if let Some(plan) = trust::plan(remedy, facts, catalog) {
        return plan.map(|plan| vec![plan]);
    }
    let one = |plan: Result<Plan, String>| plan.map(|plan| vec![plan]);
    match remedy {
        Remedy::AllowOnRole { grants } => role::allow(facts, catalog, grants),
        Remedy::ExemptFromRolePolicy { policy, statement, grants } => {
            one(role::exempt(facts, catalog, policy, *statement, grants))
        }
        Remedy::AllowInBoundary { grants } => one(role::allow_in_boundary(facts, catalog, grants)),
        Remedy::Narrow(narrowing) => one(narrow::narrow(facts, catalog, narrowing)),
        Remedy::ReplaceResource { policy, statement, found, wanted } => {
            one(correction::replace_resource(facts, catalog, policy, *statement, found, wanted))
        }
        Remedy::ReplaceManagedPolicy { arn } => role::replace_managed(facts, catalog, arn),
        Remedy::AttachPolicy { arn, document } => Ok(vec![role::attach(facts, arn, document.as_deref())]),
        Remedy::PutInlinePolicy { name, document } => Ok(vec![role::put_inline(facts, name, document)]),
        Remedy::ExemptFromBucketPolicy { bucket, statement } => {
            one(resource::exempt_from_bucket_policy(facts, bucket, *statement))
        }
        Remedy::AllowInBucketPolicy { bucket, grants } => {
            one(resource::allow_in_bucket_policy(facts, bucket, grants))
        }
        Remedy::AllowInKeyPolicy { key, actions } => one(resource::allow_in_key_policy(facts, key, actions)),
        Remedy::ExemptFromKeyPolicy { key, statement } => {
            one(resource::exempt_from_key_policy(facts, key, *statement))
        }
        Remedy::CorrectResources { policy, statement, corrections } => {
            one(correction::correct_resources(facts, catalog, policy, *statement, corrections))
        }
        Remedy::CorrectBucket { found, wanted } => correction::correct_bucket(facts, catalog, found, wanted),
        Remedy::ExemptFromCatalogPolicy { statement } => {
            one(resource::exempt_from_catalog_policy(facts, *statement))
        }
        Remedy::GrantLakeFormation { grants } => resource::grant_lake_formation(facts, grants),
        Remedy::Manual { owner, title, steps, commands } => {
            let change = Change::Manual { steps: steps.clone(), commands: commands.clone() };
            Ok(vec![Plan::new(title.clone(), *owner, change)])
        }
        _ => Err("nothing is known that would do it".to_owned()),
    }
}

/// Fixes that do not clear their finding alone may do so with those of the other findings.
fn together(before: &Before<'_>, found: &mut [Found]) {
    let alone = |found: &Found| {
        !found.tried.first().is_some_and(|it| matches!(it.fix.verification, Verification::Unverified { .. }))
    };
    if found.iter().all(alone) {
        return;
    }
    let mut facts = before.facts.clone();
    let mut used: Vec<CheckId> = Vec::new();
    for Found { id, at, .. } in found.iter().take(MOST) {
        let Some(finding) = finding_of(&before.judged, *id, *at) else { continue };
        // Made anew for the facts as the fixes before left them: documents are whole.
        let plans = finding.remedies.first().map(|remedy| plan(remedy, &facts, before.catalog));
        for plan in plans.into_iter().flatten().flatten() {
            if !matches!(plan.change, Change::Manual { .. }) {
                facts = plan.apply(&facts);
                if !used.contains(id) {
                    used.push(*id);
                }
            }
        }
    }
    let after = diagnose(&facts, before.catalog, &before.selection);
    for found in found {
        let id = found.id;
        let Some(finding) = finding_of(&before.judged, id, found.at) else { continue };
        let with: Vec<String> = used.iter().filter(|other| **other != id).map(ToString::to_string).collect();
        if alone(found)
            || with.is_empty()
            || !used.contains(&id)
            || before.fault(id, finding, &after).is_some()
        {
            continue;
        }
        let changes = found.tried.iter_mut().filter(|it| !matches!(it.fix.change, Change::Manual { .. }));
        for tried in changes {
            tried.fix.verification = Verification::VerifiedTogether { with: with.clone() };
        }
    }
}

fn finding_of(judged: &[Judged], id: CheckId, at: usize) -> Option<&Finding> {
    judged.iter().find(|judged| judged.id == id).and_then(|judged| judged.outcome.findings().get(at))
}
