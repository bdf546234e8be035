//! ASSUME-007: the statement for Streamkap does not allow `sts:AssumeRole`.

use crate::checks::shared::trust::{Reading, Trust};
use crate::checks::shared::{
    phrases::{self, absent_role},
    words,
};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, nearest};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 7), judge };

/// The actions a trust policy can allow.
const KNOWN: [&str; 6] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:SetSourceIdentity",
    "sts:SetContext",
];

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let Some(best) = trust.best() else {
        return Ok(Outcome::Skip(
            "no statement of the trust policy is about Streamkap (reported as ASSUME-002)".to_owned(),
        ));
    };
    if best.assumes {
        let text = format!(
            "{} allows sts:AssumeRole; Streamkap sends no session tags and needs no sts:TagSession",
            best.name()
        );
        return Ok(Outcome::Pass(vec![best.evidence(text)]));
    }
    Ok(Outcome::Fail(vec![finding(&trust, best)]))
}

fn finding(trust: &Trust<'_>, best: &Reading) -> Finding {
    let actions = best.statement.actions.any();
    let role = trust.role.arn.name();
    let what = format!(
        "The trust policy of {role}: {} {}, and Streamkap calls sts:AssumeRole",
        best.name(),
        fault(best)
    );
    let mut finding = Finding::new(trust.role.arn.as_str(), what).because(best.reference.clone());
    for action in actions {
        let known = KNOWN.iter().any(|known| known.eq_ignore_ascii_case(action));
        let meant = if known { None } else { nearest(action, ["sts:AssumeRole".to_owned()]) };
        if let Some(meant) = meant {
            finding = finding.evidence(best.evidence(phrases::found_and_expected(action, &meant)));
        }
    }
    if finding.evidence.is_empty() {
        let written = if actions.is_empty() { best.statement.actions.all_but() } else { actions };
        let name = if actions.is_empty() { "NotAction" } else { "Action" };
        finding = finding.evidence(best.evidence(format!("{name} is {}", words::list(written))));
    }
    finding
        .evidence(Evidence::read("iam:GetRole", "no other statement for Streamkap allows sts:AssumeRole"))
        .remedy(Remedy::SetTrustAction { statement: best.reference.index })
}

fn fault(best: &Reading) -> String {
    let actions = best.statement.actions.any();
    let is = |known: &str| actions.iter().any(|action| action.eq_ignore_ascii_case(known));
    if actions.is_empty() {
        return "leaves sts:AssumeRole out (NotAction)".to_owned();
    }
    if is("sts:AssumeRoleWithSAML") || is("sts:AssumeRoleWithWebIdentity") {
        return format!("allows {}, which is for identity providers", words::list(actions));
    }
    if actions.iter().all(|action| KNOWN.iter().any(|known| known.eq_ignore_ascii_case(action))) {
        return format!("allows {} only", words::list(actions));
    }
    format!("allows {}, which is not an action that lets anybody in", words::list(actions))
}
