//! The stages after reading, in one function: facts to outcomes to fixes to a report. Pure.

mod coverage;
mod phases;

use crate::catalog::{Catalog, Connector, ParameterKind, Phase};
use crate::checks::{self, Judged, Selection, View};
use crate::facts::Facts;
use crate::model::{AccountId, CheckId, Outcome, Status};
use crate::prescribe::{commands, prescribe};
use crate::report::{
    Caller, CheckInput, Circumstances, Commands, ConnectorTarget, FailOn, Inputs, Origin, Report, RoleTarget,
    Target, build,
};

/// How to diagnose.
pub struct Diagnosis<'a> {
    /// What is known of checks, connectors and Streamkap.
    pub catalog: &'a Catalog,
    /// The checks to run.
    pub selection: &'a Selection,
    /// Findings that are accepted.
    pub ignores: &'a [Ignore],
    /// From which status on the exit code is 1.
    pub fail_on: FailOn,
    /// Where the facts come from.
    pub origin: Origin,
    /// Which findings to put the changes together for.
    pub mend: Mend,
    /// The command line that repeats this run, where that could show something new.
    pub again: Option<String>,
    /// The command line that prints the permissions the doctor needs.
    pub policy: Option<String>,
}

/// The checks whose findings are to be mended one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mend {
    /// Those that fail.
    Failures,
    /// Those that fail or, where none does, those that warn: what only warns is never mended along with a failure, for
    /// it may take away what something else uses.
    Worst,
    /// One that fails or warns.
    Only(CheckId),
}

impl Mend {
    /// The checks of a diagnosis that it means.
    fn of(self, all: &[Judged]) -> Vec<CheckId> {
        let of = |status| all.iter().filter(move |it| it.outcome.status() == status).map(|it| it.id);
        let (failing, warning) = (of(Status::Fail).collect::<Vec<_>>(), of(Status::Warn));
        match self {
            Self::Only(id) => failing.into_iter().chain(warning).filter(|it| *it == id).collect(),
            Self::Worst if failing.is_empty() => warning.collect(),
            Self::Worst | Self::Failures => failing,
        }
    }
}

/// A check whose finding is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// The check.
    pub check: CheckId,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it is: `2026-12-31`.
    pub expires: Option<String>,
}

impl Diagnosis<'_> {
    /// Diagnoses the facts.
    pub fn report(self, facts: &Facts) -> Report {
        let view = View::new(facts, self.catalog);
        let mut judged = checks::diagnose_in(&view, self.selection);
        let mut target = target(facts, self.catalog);
        phases::phases(&view, &judged, &mut target.connectors);
        let prescribed = prescribe(facts, self.catalog, &mut judged);
        let mut notes: Vec<String> = self.catalog.vendor.own_role(&facts.target).into_iter().collect();
        notes.extend(other_account(facts));
        notes.extend(self.catalog.vendor.region_oddity(&facts.target));
        notes.extend(ignore(&mut judged, self.ignores, &facts.collected_at));
        let wanted = self.mend.of(&judged);
        let repairs = prescribed.repairs(|id| wanted.contains(&id));
        build(Inputs {
            circumstances: circumstances(facts, self.catalog, &self.origin),
            origin: self.origin,
            collected_at: facts.collected_at.clone(),
            caller: facts
                .caller
                .known()
                .map(|caller| Caller { arn: caller.arn.to_string(), account: caller.account.to_string() }),
            target,
            notes,
            checks: judged.into_iter().filter_map(|judged| input(judged, self.catalog)).collect(),
            repairs,
            coverage: coverage::coverage(facts, self.catalog),
            fail_on: self.fail_on,
            next: Commands {
                again: self.again,
                again_as: two_accounts(facts).map(|(_, role)| format!("signed in to account {role}")),
                policy: self.policy,
            },
            commands: &commands,
        })
    }
}

/// Joins what a check concluded with its page.
fn input(judged: Judged, catalog: &Catalog) -> Option<CheckInput> {
    let page = catalog.page(judged.id)?;
    Some(CheckInput {
        id: page.id,
        name: page.name.clone(),
        title: page.title.clone(),
        severity: page.severity,
        page: page.path(),
        guide: catalog.vendor.guide.clone(),
        outcome: judged.outcome,
    })
}

fn target(facts: &Facts, catalog: &Catalog) -> Target {
    let asked = &facts.target;
    let role = facts.role.known();
    let given = || {
        Some(format!(
            "arn:{}:iam::{}:role{}{}",
            asked.role.partition.as_ref()?,
            asked.role.account.as_ref()?,
            asked.role.path.as_ref()?,
            asked.role.name
        ))
    };
    let account = role.and_then(|role| role.arn.account_id()).or_else(|| asked.role.account.clone());
    Target {
        role: RoleTarget {
            name: asked.role.name.clone(),
            arn: role.map(|role| role.arn.to_string()).or_else(given),
            account: account.map(|account| account.to_string()),
        },
        external_id: asked.external_id.as_ref().map(ToString::to_string),
        region: asked.region.clone().or_else(|| bucket_region(facts)),
        connectors: asked
            .connectors
            .iter()
            .map(|it| connector_target(it, catalog.connector(&it.connector)))
            .collect(),
    }
}

/// The region of a bucket, which the connector's has to be.
fn bucket_region(facts: &Facts) -> Option<String> {
    facts.buckets.values().find_map(|bucket| Some(bucket.head.known()?.region.clone()))
}

fn connector_target(asked: &crate::facts::ConnectorTarget, known: Option<&Connector>) -> ConnectorTarget {
    ConnectorTarget {
        name: asked.connector.clone(),
        title: known.map_or_else(|| asked.connector.clone(), |known| known.title.clone()),
        parameters: asked.parameters.clone(),
        notes: known.map(|known| known.notes.clone()).unwrap_or_default(),
        phases: Vec::new(),
    }
}

/// The caller's account and the role's, where they are two. Half of all bugs are the wrong profile.
pub fn two_accounts(facts: &Facts) -> Option<(&AccountId, &AccountId)> {
    let caller = &facts.caller.known()?.account;
    let role = facts.target.role.account.as_ref()?;
    (caller != role).then_some((caller, role))
}

/// That the role is in another account than the caller, one sentence.
pub fn in_another_account(caller: &AccountId, role: &AccountId) -> String {
    format!(
        "The role is in account {role}, and you are signed in to account {caller}: only account {role} can read it."
    )
}

fn other_account(facts: &Facts) -> Option<String> {
    two_accounts(facts).map(|(caller, role)| in_another_account(caller, role))
}

fn circumstances(facts: &Facts, catalog: &Catalog, origin: &Origin) -> Circumstances {
    let first = if catalog.vendor.own_role(&facts.target).is_some() {
        Some("Name the role of your own account: this one is Streamkap's.".to_owned())
    } else {
        two_accounts(facts).map(|(caller, role)| match origin {
            Origin::Live => {
                format!("Sign in to account {role} first: account {caller} cannot read its role.")
            }
            _ => format!("Read the role anew, signed in to account {role}: account {caller} cannot read it."),
        })
    };
    Circumstances { cannot: cannot(facts, catalog), first, left_out: facts.history.switched_off.clone() }
}

/// What Streamkap cannot do where something that it needs is missing: `write with this role`.
fn cannot(facts: &Facts, catalog: &Catalog) -> String {
    let of = |it: &crate::facts::ConnectorTarget| {
        let Some(connector) = catalog.connector(&it.connector) else { return "do its work with this role" };
        if connector.is_installation() {
            match it.parameters.get("phase").map(String::as_str) {
                Some("removal") => "remove with this role what it installed",
                Some("all") => "install and remove with this role",
                _ => "install with this role",
            }
        } else if connector.of_kind(ParameterKind::RedshiftCluster).next().is_some() {
            "work with Redshift as it is set"
        } else if connector.needs.iter().any(|need| matches!(need.phase, Phase::Write | Phase::Commit)) {
            "write with this role"
        } else {
            "do its work with this role"
        }
    };
    let mut all = facts.target.connectors.iter().map(of);
    let first = all.next().unwrap_or("do its work with this role");
    if all.all(|other| other == first) { first } else { "do its work with this role" }.to_owned()
}

/// Turns ignored findings into skips. Notes those that have expired and those that ignore nothing.
fn ignore(judged: &mut [Judged], ignores: &[Ignore], now: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for ignore in ignores {
        let Some(judged) = judged.iter_mut().find(|judged| judged.id == ignore.check) else { continue };
        let found = matches!(judged.outcome.status(), Status::Fail | Status::Warn);
        let expired = ignore.expires.as_deref().filter(|day| now.get(..10).is_some_and(|today| *day < today));
        match (found, expired) {
            (true, Some(day)) => {
                notes.push(format!("The ignore of {} ended on {day} and no longer holds.", ignore.check));
            }
            (true, None) => {
                let first = judged.outcome.findings().first().map_or("", |finding| finding.what.as_str());
                judged.outcome = Outcome::Skip(format!("Ignored ({}): {first}", ignore.reason));
            }
            (false, _) if judged.outcome.status() == Status::Pass => {
                notes.push(format!("The ignore of {} is stale: the check passes.", ignore.check));
            }
            (false, _) => {}
        }
    }
    notes
}
