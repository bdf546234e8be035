//! ASSUME-005: a condition of the trust policy, other than the external id, that Streamkap's call cannot meet.

use crate::checks::shared::phrases::absent_role;
use crate::checks::shared::trust::{Judged, Reading, Trust, Truth, misspelt, reason, written};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section};
use crate::policy::Condition;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 5), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let Some(best) = trust.best() else {
        return Ok(Outcome::Skip(
            "no statement of the trust policy is about Streamkap (reported as ASSUME-002)".to_owned(),
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
        "The trust policy of {role} lets Streamkap in under the condition {} only, which its call does not meet: {}",
        written(condition),
        reason(view, trust, condition)
    );
    let evidence = format!("{}, line {}: the condition is not met", best.name(), condition.line);
    let (statement, operator, key) =
        (best.reference.index, condition.operator.clone(), condition.key.clone());
    let finding = Finding::new(trust.role.arn.as_str(), what)
        .evidence(best.evidence(evidence))
        .because(best.reference.clone())
        .remedy(match misspelt(&key) {
            // Without the condition that was meant the policy would be open.
            Some(wanted) => Remedy::RenameTrustKey { statement, operator, key, wanted },
            None => Remedy::DropTrustCondition { statement, operator, key },
        });
    match &trust.settled {
        Some(success) => {
            finding.evidence(Evidence { text: format!("but {}", success.text), ..success.clone() })
        }
        None => finding,
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
        hint: Some(hint.to_owned()),
        ..Blocked::new(
            format!("whether Streamkap meets a condition of the trust policy of {}", trust.role.arn.name()),
            format!(
                "{}, line {}: whether {} holds hangs on what nobody outside can know",
                best.name(),
                condition.line,
                written(condition)
            ),
        )
    }
}
