//! Whether the role by which Glue uses the Data Catalog's key may use it, as far as the key tells: nobody reads that
//! role's own policies.
//!
//! In the mode `SSE-KMS-WITH-SERVICE-ROLE` Glue assumes a role "to encrypt and decrypt the Data Catalog objects on
//! the caller's behalf". <https://docs.aws.amazon.com/glue/latest/webapi/API_EncryptionAtRest.html>

use crate::checks::View;
use crate::facts::FactId;
use crate::model::{Blocked, Concern, Evidence, Finding, Outcome, Owner, Remedy, StatementRef, shell_flag};
use crate::policy::{Decision, PolicySet};
use crate::requirement::{Keys, SessionCall, Sessions};

use super::commands::on_key;
use super::needs::Verdict;
use super::policies::{allow_all, key_policy};
use super::{keys, words};

/// What the catalogue's key is used for.
/// <https://docs.aws.amazon.com/glue/latest/dg/set-up-encryption.html>
const ACTIONS: [&str; 3] = ["kms:GenerateDataKey", "kms:Decrypt", "kms:Encrypt"];

/// Judges the use of the key `arn`, known to [`View::key`] as `entry`, by a role of Glue's; `None`: which role it is
/// was not read.
pub(crate) fn judge(view: &View<'_>, role: Option<&str>, entry: &str, arn: &str) -> Result<Outcome, Blocked> {
    let what = |role: &str| format!("whether {role} may use {arn}, the key of the Glue Data Catalog");
    let Some(role) = role else {
        return Err(Blocked::new(what("Glue's role"), "which role it is was not read"));
    };
    let policy = key_policy(view, entry)?.ok_or_else(|| keys::no_policy(arn))?;
    let uses = |own: bool| -> Result<Vec<(&str, Verdict)>, Blocked> {
        let identity = if own { vec![allow_all()] } else { Vec::new() };
        let policies = PolicySet { identity, resource: Some(policy.clone()), ..PolicySet::default() };
        let verdict = |action| Ok((action, Verdict::from(decide(role, action, arn, &policies)?)));
        ACTIONS.into_iter().map(verdict).collect()
    };
    let at_best = uses(true)?;
    let refused: Vec<&str> = those(&at_best, Verdict::is_refused);
    if !refused.is_empty() && !may_be_granted(view, entry, role)? {
        let denying = at_best.iter().find_map(|(_, verdict)| match verdict {
            Verdict::Denied(statements) => statements.first().cloned(),
            _ => None,
        });
        return Ok(Outcome::Fail(vec![refuses(role, arn, &refused, denying)]));
    }
    let alone = uses(false)?;
    if alone.iter().all(|(_, verdict)| verdict.is_allowed()) {
        let statements = alone.iter().flat_map(|(_, verdict)| verdict.statements().to_vec()).collect();
        let text =
            format!("Glue uses the key of the Data Catalog by {role}, which the key's policy itself allows");
        return Ok(Outcome::Pass(vec![Evidence::evaluated(statements, text)]));
    }
    let hint = format!(
        "aws iam simulate-principal-policy {} --action-names {} {}",
        shell_flag("--policy-source-arn", role),
        ACTIONS.join(" "),
        shell_flag("--resource-arns", arn),
    );
    let why = "the key's policy leaves it to the role's own policies, which nobody reads";
    Err(Blocked { hint: Some(hint), ..Blocked::new(what(role), why) })
}

fn those<'a>(uses: &[(&'a str, Verdict)], is: fn(&Verdict) -> bool) -> Vec<&'a str> {
    uses.iter().filter(|(_, verdict)| is(verdict)).map(|(action, _)| *action).collect()
}

/// What AWS would decide of a use of the key by the role. Of Glue's call no more is known.
fn decide(role: &str, action: &str, key: &str, policies: &PolicySet) -> Result<Decision, Blocked> {
    let wrong = |error: &dyn std::fmt::Display| Blocked::new(format!("the role {role}"), error.to_string());
    let sessions = Sessions::of(role, None, &[]).map_err(|error| wrong(&error))?;
    let mut keys = Keys { open: true, ..Keys::default() };
    for (name, value) in [("aws:PrincipalArn", role), ("aws:SecureTransport", "true")] {
        keys = keys.with(name, Some(value));
    }
    keys = keys.with("aws:PrincipalAccount", sessions.account().map(str::to_owned).as_deref());
    keys = keys.with("aws:ResourceAccount", key.split(':').nth(4));
    keys = keys.with("aws:PrincipalIsAWSService", Some("false"));
    let (action, resource) = (action.to_owned(), key.to_owned());
    Ok(SessionCall { sessions, action, resource, resource_account: None, keys }.decide(policies))
}

/// Whether a grant on the key is the role's. Whatever it allows, it may be what Glue goes by.
fn may_be_granted(view: &View<'_>, entry: &str, role: &str) -> Result<bool, Blocked> {
    let grants = view.key(entry, FactId::KeyGrants, |it| &it.grants)?;
    Ok(grants.into_iter().flatten().any(|grant| grant.grantee == role))
}

fn refuses(role: &str, key: &str, actions: &[&str], because: Option<StatementRef>) -> Finding {
    let how = because.as_ref().map_or_else(
        || "neither allows it nor leaves it to the account's own policies".to_owned(),
        |statement| format!("denies it by {}", words::statement(statement)),
    );
    let actions = words::list(actions);
    let what = format!(
        "Glue uses {key}, the key of the Data Catalog, by the role {role}, and the key's policy {how}: {actions}"
    );
    let statements = because.iter().cloned().collect();
    let text = format!("{actions} by {role}: refused by the key's policy");
    let mut finding = Finding::new(key, what)
        .about([Concern::Key { bucket: None }])
        .evidence(Evidence::evaluated(statements, text));
    finding.because = because;
    finding.remedy(Remedy::Manual {
        owner: Owner::KeyOwner,
        title: format!("Let the key's policy allow {role}"),
        steps: vec![format!("Allow {role} {actions} in the key's policy, or take away what denies it")],
        commands: vec![format!("{} --policy-name default", on_key("get-key-policy", key))],
    })
}
