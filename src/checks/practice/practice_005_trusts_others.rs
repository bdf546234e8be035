//! PRACTICE-005: the role trusts others besides Streamkap.

use crate::checks::shared::callers;
use crate::checks::shared::phrases::absent_role;
use crate::checks::shared::trust::{Trust, statement_name};
use crate::checks::shared::words as text;
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, StatementRef};
use crate::policy::trust::{Grantee, Proof, Who, others};
use crate::policy::{Principal, PrincipalKind};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 5), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let vendor = view.vendor();
    let root = Principal::parse(vendor.account.root_arn(&vendor.partition).as_str()).ok();
    let except: Vec<Principal> = root.into_iter().chain(trust.call.principals.iter().cloned()).collect();
    let all = others(&trust.policy, trust.role.arn.as_str(), &except, &trust.call.context);
    let (installers, others): (Vec<Grantee>, Vec<Grantee>) =
        all.into_iter().partition(|it| account(&it.who).is_some_and(|id| callers::is_installer(view, id)));
    if others.is_empty() {
        return Ok(Outcome::Pass(passed(view, &trust, &installers)));
    }
    let open = others
        .iter()
        .any(|it| it.who == Who::Everyone && matches!(it.proof, Proof::Always { witness: None, .. }));
    let findings = others.iter().map(|it| finding(view, &trust, it)).collect();
    Ok(if open { Outcome::Fail(findings) } else { Outcome::Warn(findings) })
}

fn passed(view: &View<'_>, trust: &Trust<'_>, installers: &[Grantee]) -> Vec<Evidence> {
    let all = trust.allows.iter().map(|it| it.reference.clone()).collect();
    let mut evidence = vec![Evidence::evaluated(all, "the trust policy lets nobody in but Streamkap")];
    for installer in installers {
        let text = format!(
            "{} is {}, as it should be for BYOC",
            words(&installer.who),
            view.vendor().byoc.installer
        );
        evidence.push(Evidence::evaluated(statements(&installer.proof).to_vec(), text));
    }
    evidence
}

fn account(who: &Who) -> Option<&str> {
    match who {
        Who::Account(id) => Some(id),
        Who::Principal(arn) => arn.split(':').nth(4),
        _ => None,
    }
}

fn statements(proof: &Proof) -> &[StatementRef] {
    match proof {
        Proof::Never => &[],
        Proof::Always { statements, .. } | Proof::Depends { statements, .. } => statements,
    }
}

fn words(who: &Who) -> String {
    match who {
        Who::Everyone => "everybody with an AWS account".to_owned(),
        Who::Account(id) => format!("account {id}"),
        Who::Principal(arn) => arn.clone(),
        Who::Service(name) => format!("the AWS service {name}"),
        Who::Federated(name) => format!("the identity provider {name}"),
    }
}

/// Everybody whom the statements let in: those of some organization only, where each says so.
fn everybody(view: &View<'_>, trust: &Trust<'_>, proof: &Proof) -> String {
    let organizations = |reference: &StatementRef| {
        let reading = trust.allows.iter().find(|it| it.reference == *reference)?;
        let names = |it: &&crate::policy::Condition| {
            it.key.eq_ignore_ascii_case("aws:PrincipalOrgID")
                && matches!(it.operator.to_ascii_lowercase().as_str(), "stringequals" | "stringlike")
                && !it.values.iter().any(|value| value.contains(['*', '?', '$']))
        };
        reading.statement.conditions.iter().find(names).map(|it| it.values.clone())
    };
    let named: Option<Vec<Vec<String>>> = statements(proof).iter().map(organizations).collect();
    let named = text::unique(named.unwrap_or_default().into_iter().flatten());
    let known = view.organization().ok().flatten();
    match &named[..] {
        [] => words(&Who::Everyone),
        [only] if known.is_some_and(|it| it.id == *only) => {
            format!("everybody of your own organization {only}")
        }
        [only] => format!("everybody of organization {only}"),
        several => format!("everybody of the organizations {}", text::list(several)),
    }
}

fn finding(view: &View<'_>, trust: &Trust<'_>, other: &Grantee) -> Finding {
    let role = trust.role.arn.name();
    let who =
        if other.who == Who::Everyone { everybody(view, trust, &other.proof) } else { words(&other.who) };
    let own = account(&other.who) == Some(trust.role.arn.account());
    let whose = if own { " (your own)" } else { "" };
    let how = match &other.proof {
        Proof::Depends { keys, .. } => format!(", depending on {}", text::list(keys)),
        Proof::Always { witness: Some(_), .. } => ", with the external id that it asks for".to_owned(),
        _ => String::new(),
    };
    let besides = if trust.allows.iter().any(|it| it.principals.cover()) { " besides Streamkap" } else { "" };
    let what = format!("The trust policy of {role} lets {who}{whose} in{besides}{how}");
    let statements = statements(&other.proof);
    let names = text::list(&statements.iter().map(statement_name).collect::<Vec<_>>());
    let proof = Evidence::evaluated(statements.to_vec(), format!("{names} lets {who} in{how}"));
    let mut finding = Finding::new(trust.role.arn.as_str(), what).evidence(proof);
    for (statement, found) in
        statements.iter().filter_map(|it| Some((it, written(trust, it.index, &other.who)?)))
    {
        finding = finding.remedy(Remedy::RemovePrincipal { statement: statement.index, found });
    }
    if other.who == Who::Everyone {
        finding.remedies.insert(0, Remedy::TrustStreamkap);
    }
    let finding = finding.evidence(Evidence {
        source: crate::model::Source::Documentation { reference: view.vendor().guide.clone() },
        text: "a role of its own for Streamkap can be reviewed and removed without regard to others"
            .to_owned(),
    });
    match statements.first() {
        Some(statement) => finding.because(statement.clone()),
        None => finding,
    }
}

/// The principal as the statement writes it.
fn written(trust: &Trust<'_>, index: usize, who: &Who) -> Option<String> {
    let reading = trust.allows.iter().find(|it| it.reference.index == index)?;
    let entries = reading.statement.principals.as_ref()?.any();
    let same = |entry: &&crate::policy::PrincipalEntry| match who {
        Who::Everyone => entry.value == "*",
        Who::Account(id) => {
            entry.kind == PrincipalKind::Aws
                && (entry.value == *id || entry.value.ends_with(&format!("::{id}:root")))
        }
        Who::Principal(name) | Who::Service(name) | Who::Federated(name) => entry.value == *name,
    };
    entries.iter().find(same).map(|entry| entry.value.clone())
}
