//! ASSUME-002: no statement of the trust policy names Streamkap.

use crate::checks::shared::trust::{NearMiss, Principals, Reading, Trust};
use crate::checks::shared::{
    callers,
    phrases::{self, absent_role},
    words,
};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section};
use crate::policy::{PrincipalEntry, PrincipalKind, Selector};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 2), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let best = trust.best();
    Ok(match best.map(|best| (best, &best.principals)) {
        Some((best, principals)) if principals.cover() => Outcome::Pass(vec![covered(view, best)]),
        Some((_, Principals::Deleted(_))) => Outcome::Skip(
            "the principal is the id of a deleted role or user (reported as ASSUME-003)".to_owned(),
        ),
        Some((_, Principals::Near(misses))) if other_partition(view, &trust, misses) => Outcome::Skip(
            "the role is in another partition than Streamkap (reported as ASSUME-009)".to_owned(),
        ),
        Some((best, Principals::Near(misses))) => {
            Outcome::Fail(misses.iter().map(|miss| near(view, &trust, best, miss)).collect())
        }
        _ => Outcome::Fail(vec![nobody(view, &trust, best)]),
    })
}

fn covered(view: &View<'_>, best: &Reading) -> Evidence {
    let text = if best.principals == Principals::Everybody {
        let account = &view.vendor().account;
        format!("{} trusts everybody, Streamkap's account {account} included", best.name())
    } else {
        let accounts = callers::accounts(view);
        let named = names(best, |entry| accounts.iter().any(|it| entry.value.contains(it)));
        format!("{} names {}", best.name(), words::list(&named))
    };
    best.evidence(text)
}

fn other_partition(view: &View<'_>, trust: &Trust<'_>, misses: &[NearMiss]) -> bool {
    let partition = trust.role.arn.partition();
    partition != view.vendor().partition
        && misses.iter().all(|miss| miss.found.split(':').nth(1) == Some(partition.as_str()))
}

fn near(view: &View<'_>, trust: &Trust<'_>, best: &Reading, miss: &NearMiss) -> Finding {
    let what = format!(
        "The trust policy of {} names {}, which is not Streamkap: {}",
        trust.role.arn.name(),
        shown(&miss.found),
        miss.fault
    );
    let finding = Finding::new(trust.role.arn.as_str(), what)
        .evidence(best.evidence(phrases::found_and_expected(&shown(&miss.found), &miss.wanted)))
        .because(best.reference.clone())
        .remedy(Remedy::ReplacePrincipal {
            statement: best.reference.index,
            found: miss.found.clone(),
            wanted: miss.wanted.clone(),
        });
    with_faults(trust, finding.evidence(guide(view)))
}

fn nobody(view: &View<'_>, trust: &Trust<'_>, best: Option<&Reading>) -> Finding {
    let account = &view.vendor().account;
    let others: Vec<String> = trust.allows.iter().flat_map(|it| names(it, |_| true)).collect();
    let role = trust.role.arn.name();
    let what = if others.is_empty() {
        format!("The trust policy of {role} lets nobody in; Streamkap's account {account} must be trusted")
    } else {
        let others = words::list(&others);
        let installers = if view.installs_only() { ", nor one of its installer's" } else { "" };
        format!(
            "The trust policy of {role} trusts {others}, and not Streamkap's account {account}{installers}"
        )
    };
    let mut finding = Finding::new(trust.role.arn.as_str(), what);
    if let Some(statement) = best.or(trust.allows.first()) {
        let evidence = format!("{} allows others only", statement.name());
        finding = finding.evidence(statement.evidence(evidence)).because(statement.reference.clone());
    } else {
        finding =
            finding.evidence(Evidence::read("iam:GetRole", "the trust policy has no statement that allows"));
    }
    let named = best.and_then(|best| aws_principal(best).map(|entry| (best, entry)));
    let finding = match named {
        Some((best, found)) => finding.remedy(Remedy::ReplacePrincipal {
            statement: best.reference.index,
            found,
            wanted: account.root_arn(&view.vendor().partition).to_string(),
        }),
        None => finding.remedy(Remedy::TrustStreamkap),
    };
    with_faults(trust, finding.evidence(guide(view)))
}

/// The only principal of a statement that bears the target's external id.
fn aws_principal(best: &Reading) -> Option<String> {
    let entries = best.statement.principals.as_ref()?.any();
    let mut aws = entries.iter().filter(|entry| entry.kind == PrincipalKind::Aws);
    let only = aws.next()?;
    aws.next().is_none().then(|| only.value.clone())
}

fn names(reading: &Reading, which: impl Fn(&PrincipalEntry) -> bool) -> Vec<String> {
    let entries = reading.statement.principals.iter().flat_map(Selector::any);
    entries.filter(|entry| which(entry)).map(|entry| shown(&entry.value)).collect()
}

/// White space made visible.
fn shown(value: &str) -> String {
    if value.trim() == value { value.to_owned() } else { format!("`{value}`") }
}

fn guide(view: &View<'_>) -> Evidence {
    Evidence {
        source: crate::model::Source::Documentation { reference: view.vendor().guide.clone() },
        text: format!("Streamkap's account is {}", view.vendor().account),
    }
}

/// Faults of the document for which AWS would not have stored it, or which void a statement.
fn with_faults(trust: &Trust<'_>, finding: Finding) -> Finding {
    trust.diagnostics.iter().take(3).fold(finding, |finding, fault| {
        finding.evidence(Evidence::read("iam:GetRole", format!("trust policy, {fault}")))
    })
}
