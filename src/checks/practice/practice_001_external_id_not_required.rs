//! PRACTICE-001: the role can be assumed without the external id. Proved by the policy engine.

use std::sync::Arc;

use crate::checks::shared::phrases::absent_role;
use crate::checks::shared::trust::{Trust, is_placeholder, statement_name};
use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, ExternalId, Finding, Outcome, Remedy, Section, StatementRef};
use crate::policy::trust::{Assumption, Proof, assume, without_external_id};
use crate::policy::{Context, Policy, Principal};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 1), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let role_arn = trust.role.arn.as_str();
    if let Some(stranger) = stranger(&trust.policy)
        && let Proof::Always { statements, .. } =
            without_external_id(&trust.policy, role_arn, &stranger, &trust.call.context)
    {
        return Ok(Outcome::Fail(vec![anyone(&trust, statements)]));
    }
    if view.installs_only() {
        let all = trust.allows.iter().map(|it| it.reference.clone()).collect();
        let text = "no account that the policy does not name gets in; an installer may send no external id";
        return Ok(Outcome::Pass(vec![Evidence::evaluated(all, text)]));
    }
    let root = view.vendor().account.root_arn(&view.vendor().partition);
    let Ok(streamkap) = Principal::parse(root.as_str()) else {
        return Ok(Outcome::Skip("Streamkap's account is not known".to_owned()));
    };
    let (contexts, keys) = trust.call.contexts(&trust.policy);
    let without_id = |context: &Context| without_external_id(&trust.policy, role_arn, &streamkap, context);
    match Proof::agreed(contexts.iter().map(without_id), &keys) {
        Proof::Always { statements, .. } => Ok(Outcome::Warn(vec![without(view, &trust, &statements, &[])])),
        Proof::Depends { statements, keys, .. } => {
            Ok(Outcome::Warn(vec![without(view, &trust, &statements, &keys)]))
        }
        Proof::Never => Ok(match unnamed_id(&trust, &contexts) {
            Some((id, statements)) => Outcome::Warn(vec![any(&trust, &id, &statements)]),
            None => Outcome::Pass(vec![Evidence::evaluated(
                trust.allows.iter().map(|it| it.reference.clone()).collect(),
                format!(
                    "whatever else a call from account {} carries, it does not get in without the external id",
                    view.vendor().account
                ),
            )]),
        }),
    }
}

/// A principal of an account that the policy does not name.
fn stranger(policy: &Arc<Policy>) -> Option<Principal> {
    let text = policy.document().text();
    let account = (100_000_000_019_u64..)
        .step_by(7_919)
        .map(|id| id.to_string())
        .find(|id| !text.contains(id.as_str()))?;
    Principal::parse(&format!("arn:aws:iam::{account}:role/anybody")).ok()
}

/// An external id with which Streamkap's principals get in though the policy does not spell it out: then
/// any will do that another of Streamkap's customers may be given.
fn unnamed_id(trust: &Trust<'_>, contexts: &[Context]) -> Option<(String, Vec<StatementRef>)> {
    let values = trust.allows.iter().flat_map(|it| &it.external_ids).flat_map(|it| &it.condition.values);
    let patterns = values.filter(|value| value.contains(['*', '?']) && !is_placeholder(value));
    let filled = patterns.map(|value| value.replace('*', "x9Qf27").replace('?', "7"));
    let ids = std::iter::once("0d7e51b2-93c4-4f6a-8a1e-an-id-of-nobody".to_owned()).chain(filled);
    let text = trust.policy.document().text();
    let mut unnamed = ids.filter(|id| !text.contains(&format!("\"{id}\"")));
    unnamed.find_map(|id| {
        let calls =
            trust.call.principals.iter().flat_map(|it| contexts.iter().map(move |context| (it, context)));
        let mut decisions = calls.map(|(principal, context)| {
            let (role_arn, context) = (trust.role.arn.as_str(), context.clone());
            assume(&trust.policy, &Assumption { role_arn, principal, external_id: Some(&id), context })
        });
        let let_in = decisions.find(|decision| decision.verdict.is_allowed())?;
        Some((id, let_in.statements))
    })
}

fn names(statements: &[StatementRef]) -> String {
    words::list(&statements.iter().map(statement_name).collect::<Vec<_>>())
}

fn anyone(trust: &Trust<'_>, statements: Vec<StatementRef>) -> Finding {
    let role = trust.role.arn.name();
    let what = format!(
        "Anybody with an AWS account can assume {role}: {} asks for no external id",
        names(&statements)
    );
    let because = statements.first().cloned();
    let proof = Evidence::evaluated(
        statements,
        "a role of an account that the policy does not name gets in without an external id",
    );
    let mut finding =
        Finding::new(trust.role.arn.as_str(), what).evidence(proof).remedy(Remedy::TrustStreamkap);
    if let Some(statement) = because {
        finding = finding
            .remedy(Remedy::RemovePrincipal { statement: statement.index, found: "*".to_owned() })
            .because(statement);
    }
    finding
}

fn without(view: &View<'_>, trust: &Trust<'_>, statements: &[StatementRef], keys: &[String]) -> Finding {
    let (role, account) = (trust.role.arn.name(), &view.vendor().account);
    let condition =
        if keys.is_empty() { String::new() } else { format!(", depending on {}", words::list(keys)) };
    let what = format!(
        "Streamkap's account {account} can assume {role} without the external id{condition}: another customer who knows the \
         role's ARN could have Streamkap use it"
    );
    let text =
        format!("{} lets account {account} in when no external id is sent{condition}", names(statements));
    let mut finding =
        Finding::new(trust.role.arn.as_str(), what).evidence(Evidence::evaluated(statements.to_vec(), text));
    for statement in statements {
        finding = finding.remedy(Remedy::RequireExternalId { statement: statement.index });
    }
    match statements.first() {
        Some(statement) => finding.because(statement.clone()),
        None => finding,
    }
}

fn any(trust: &Trust<'_>, id: &str, statements: &[StatementRef]) -> Finding {
    let role = trust.role.arn.name();
    let what = format!(
        "The trust policy of {role} asks for an external id and takes more than one's own: a wildcard lets others match"
    );
    let id = ExternalId::new(id).masked();
    let text =
        format!("{} lets Streamkap in with {id}, an external id that nobody was given", names(statements));
    let mut finding =
        Finding::new(trust.role.arn.as_str(), what).evidence(Evidence::evaluated(statements.to_vec(), text));
    for statement in statements {
        finding = finding.remedy(Remedy::SetExternalId { statement: statement.index });
    }
    match statements.first() {
        Some(statement) => finding.because(statement.clone()),
        None => finding,
    }
}
