//! ASSUME-003: the trust policy names a principal that was deleted, by its unique id.

use crate::checks::shared::trust::{Principals, Trust};
use crate::checks::shared::{phrases::absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, Source};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 3), judge };

const REFERENCE: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html";

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let dead = deleted(&trust);
    if dead.is_empty() {
        return Ok(Outcome::Pass(vec![Evidence::read(
            "iam:GetRole",
            "no principal of the trust policy is the id of a deleted role or user",
        )]));
    }
    let best = trust.best();
    if let Some(Principals::Near(_)) = best.map(|best| &best.principals) {
        return Ok(Outcome::Skip(
            "another principal was meant to be Streamkap's (reported as ASSUME-002)".to_owned(),
        ));
    }
    if let Some(best) = best.filter(|best| best.principals.cover()) {
        let text = format!(
            "{} trusts Streamkap; {} elsewhere in the policy is of no account",
            best.name(),
            ids(&dead)
        );
        return Ok(Outcome::Pass(vec![best.evidence(text)]));
    }
    Ok(Outcome::Fail(dead.iter().map(|(position, id)| finding(view, &trust, *position, id)).collect()))
}

/// Deleted principals with the position of their statement among those that allow.
fn deleted(trust: &Trust<'_>) -> Vec<(usize, String)> {
    let readings = trust.allows.iter().enumerate();
    let ids = readings.flat_map(|(position, reading)| {
        let entries = reading.statement.principals.iter().flat_map(crate::policy::Selector::any);
        entries
            .filter(|entry| crate::checks::shared::trust::is_unique_id(&entry.value))
            .map(move |it| (position, it.value.clone()))
    });
    ids.collect()
}

fn ids(dead: &[(usize, String)]) -> String {
    words::list(&dead.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>())
}

fn finding(view: &View<'_>, trust: &Trust<'_>, position: usize, id: &str) -> Finding {
    let kind = if id.starts_with("AROA") { "role" } else { "user" };
    let reading = &trust.allows[position];
    let wanted = view.vendor().account.root_arn(&view.vendor().partition).to_string();
    let role = trust.role.arn.name();
    let what = format!(
        "The trust policy of {role} trusts {id}, the id of a {kind} that was deleted: nobody can be it any more, \
         not even a {kind} made anew under the same name"
    );
    let principals = matches!(reading.principals, Principals::Deleted(_));
    let evidence = if principals { "names deleted principals only" } else { "names a deleted principal" };
    Finding::new(trust.role.arn.as_str(), what)
        .evidence(reading.evidence(format!("{} {evidence}", reading.name())))
        .evidence(Evidence {
            source: Source::Documentation { reference: REFERENCE.to_owned() },
            text: "AWS stores a role or user in a trust policy by its id; saving the policy again with the ARN mends it, \
                   and an account's root is never stored so"
                .to_owned(),
        })
        .because(reading.reference.clone())
        .remedy(Remedy::ReplacePrincipal {
            statement: reading.reference.index,
            found: id.to_owned(),
            wanted,
        })
}
