//! ASSUME-006: a Deny statement of the trust policy hits Streamkap.

use crate::checks::shared::phrases::absent_role;
use crate::checks::shared::trust::{Reading, Trust, Truth, hits, reason, written};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section};
use crate::policy::Selector;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 6), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    // A Deny that hits for the external id's sake is ASSUME-004's.
    let own: Vec<&Reading> = trust.denies.iter().filter(|deny| deny.external_ids.is_empty()).collect();
    let hit: Vec<Finding> = own
        .iter()
        .filter(|deny| hits(deny) == Truth::Holds)
        .map(|deny| finding(view, &trust, deny))
        .collect();
    if !hit.is_empty() {
        return Ok(Outcome::Fail(hit));
    }
    if let Some(deny) = own.iter().find(|deny| hits(deny) == Truth::Hangs)
        && trust.settled.is_none()
    {
        return Err(hangs(&trust, deny));
    }
    Ok(Outcome::Pass(vec![if trust.denies.is_empty() {
        Evidence::read("iam:GetRole", "the trust policy denies Streamkap's account nothing")
    } else {
        let all = trust.denies.iter().map(|deny| deny.reference.clone()).collect();
        Evidence::evaluated(all, "no Deny statement of the trust policy hits Streamkap's call")
    }]))
}

fn finding(view: &View<'_>, trust: &Trust<'_>, deny: &Reading) -> Finding {
    let reasons: Vec<String> = deny.conditions.iter().map(|it| reason(view, trust, &it.condition)).collect();
    let how = match &deny.statement.principals {
        Some(Selector::AllBut(_)) => {
            "denies everybody but those in its NotPrincipal, so Streamkap too".to_owned()
        }
        _ if reasons.is_empty() => "denies Streamkap's account".to_owned(),
        _ => format!("denies Streamkap's account: {}", reasons.join("; ")),
    };
    let role = trust.role.arn.name();
    let what = format!("The trust policy of {role}: {} {how}. A Deny outweighs every Allow", deny.name());
    let conditions: Vec<String> = deny.conditions.iter().map(|it| written(&it.condition)).collect();
    let evidence = if conditions.is_empty() {
        format!("{} has no condition", deny.name())
    } else {
        format!("{} holds for Streamkap's call: {}", deny.name(), conditions.join("; "))
    };
    Finding::new(trust.role.arn.as_str(), what)
        .evidence(deny.evidence(evidence))
        .because(deny.reference.clone())
        .remedy(Remedy::ExemptFromTrustDeny { statement: deny.reference.index })
}

fn hangs(trust: &Trust<'_>, deny: &Reading) -> Blocked {
    let keys: Vec<&str> = deny
        .conditions
        .iter()
        .filter(|it| it.truth == Truth::Hangs)
        .map(|it| it.condition.key.as_str())
        .collect();
    let role = trust.role.arn.name();
    let why = if deny.means_caller == Truth::Hangs {
        "its NotPrincipal lists a role of Streamkap's, which calls by a session: AWS does not say that a session is spared \
         that is not listed, too, and only Streamkap knows what it is called"
            .to_owned()
    } else {
        format!("it hangs on {}, which nobody outside can know", keys.join(", "))
    };
    let what = format!("whether {} of the trust policy of {role} denies Streamkap", deny.name());
    let hint = "A successful AssumeRole in CloudTrail's event history since the last change of the trust policy would settle it";
    Blocked { hint: Some(hint.to_owned()), ..Blocked::new(what, why) }
}
