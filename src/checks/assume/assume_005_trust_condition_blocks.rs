//! ASSUME-005: a condition of the trust policy, other than the external id, that Streamkap's call cannot meet.

use crate::checks::shared::trust::{Judged, Reading, Trust, Truth};
use crate::checks::shared::{
    phrases::{self, absent_role},
    words,
};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, nearest};
use crate::policy::Condition;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 5), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let Some(best) = trust.best() else {
        return Ok(Outcome::Skip(
            "no statement of the trust policy is about Streamkap: see ASSUME-002".to_owned(),
        ));
    };
    let failing: Vec<&Judged> = best.conditions.iter().filter(|it| it.truth == Truth::Fails).collect();
    if !failing.is_empty() {
        return Ok(Outcome::Fail(
            failing.iter().map(|it| finding(view, &trust, best, &it.condition)).collect(),
        ));
    }
    if let Some(open) = best.conditions.iter().find(|it| it.truth == Truth::Hangs) {
        return Err(hangs(&trust, best, &open.condition));
    }
    Ok(Outcome::Pass(passed(&trust, best)))
}

fn passed(trust: &Trust<'_>, best: &Reading) -> Vec<Evidence> {
    if best.conditions.is_empty() {
        return vec![best.evidence(format!("{} has no condition besides the external id", best.name()))];
    }
    let met = best.conditions.iter().map(|it| {
        best.evidence(format!(
            "{}, line {}: Streamkap's call meets {}",
            best.name(),
            it.condition.line,
            written(&it.condition)
        ))
    });
    met.chain(trust.settled.clone()).collect()
}

fn finding(view: &View<'_>, trust: &Trust<'_>, best: &Reading, condition: &Condition) -> Finding {
    let role = trust.role.arn.name();
    let what = format!(
        "The trust policy of {role} lets Streamkap in only if {}, and {}",
        written(condition),
        reason(view, trust, condition)
    );
    let evidence = format!("{}, line {}: the condition is not met", best.name(), condition.line);
    let finding = Finding::new(trust.role.arn.as_str(), what)
        .evidence(best.evidence(evidence))
        .because(best.reference.clone())
        .remedy(Remedy::DropTrustCondition {
            statement: best.reference.index,
            operator: condition.operator.clone(),
            key: condition.key.clone(),
        });
    match &trust.settled {
        Some(success) => finding.evidence(success.clone()),
        None => finding,
    }
}

/// A condition in words: `IpAddress aws:SourceIp is 10.0.0.0/8`.
fn written(condition: &Condition) -> String {
    let values =
        if condition.values.is_empty() { "(no value)".to_owned() } else { condition.values.join(" or ") };
    format!("{} of {} with {values} holds", condition.operator, condition.key)
}

/// Why Streamkap's call does not meet the condition.
fn reason(view: &View<'_>, trust: &Trust<'_>, condition: &Condition) -> String {
    let account = &view.vendor().account;
    let key = condition.key.to_ascii_lowercase();
    match key.as_str() {
        "aws:sourceip" if !trust.call.addresses.is_empty() => {
            format!("its calls came from {}", words::list(&trust.call.addresses))
        }
        "aws:sourceip" => "no call over the internet comes from there".to_owned(),
        "aws:sourcevpc" | "aws:sourcevpce" | "aws:vpcsourceip" | "aws:sourcevpcarn" => {
            "it calls from its own network, not through a VPC of yours".to_owned()
        }
        "aws:principalorgid" | "aws:principalorgpaths" | "aws:principalorgmasteraccountid" => {
            format!("its account {account} is not in your organization")
        }
        "aws:multifactorauthpresent" | "aws:multifactorauthage" => "a machine has no MFA device".to_owned(),
        "aws:sourcearn" | "aws:sourceaccount" | "aws:sourceorgid" | "aws:sourceorgpaths" => {
            "only AWS services send that key".to_owned()
        }
        "aws:principalarn" | "aws:principalaccount" | "aws:principaltype" => {
            let callers: Vec<&str> =
                trust.call.principals.iter().map(crate::policy::Principal::as_str).collect();
            format!("it calls as {}", words::list(&callers))
        }
        "aws:currenttime" | "aws:epochtime" => format!("it is {} now", phrases::moment_of(view.now())),
        "aws:requestedregion" => "it calls STS in another region".to_owned(),
        "sts:rolesessionname" => "its sessions are called otherwise".to_owned(),
        "aws:securetransport" => "it always calls over TLS".to_owned(),
        "sts:sourceidentity" | "aws:sourceidentity" => "it sets no source identity".to_owned(),
        _ if key.starts_with("aws:principaltag/") => "its role has no such tag".to_owned(),
        _ if key.starts_with("aws:requesttag/") || key.ends_with("tagkeys") => {
            "it sends no session tags".to_owned()
        }
        _ if key.contains("resourcetag/") => "the role has no such tag".to_owned(),
        _ => match nearest(&condition.key, ["sts:ExternalId".to_owned()]) {
            Some(meant) => format!("no call has that key; did you mean {meant}?"),
            None => "its call does not have that key".to_owned(),
        },
    }
}

fn hangs(trust: &Trust<'_>, best: &Reading, condition: &Condition) -> Blocked {
    let hint = match condition.key.to_ascii_lowercase().as_str() {
        "aws:sourceip" => {
            "Ask Streamkap which addresses it calls from, or read CloudTrail's event history, which shows them"
        }
        _ => {
            "A successful AssumeRole in CloudTrail's event history since the last change of the trust policy would settle it"
        }
    };
    Blocked {
        what: format!("whether Streamkap meets a condition of the trust policy of {}", trust.role.arn.name()),
        why: format!(
            "{}, line {}: {} hangs on what nobody outside can know",
            best.name(),
            condition.line,
            written(condition)
        ),
        grant: None,
        hint: Some(hint.to_owned()),
    }
}
