//! WRITE-009: the Data Catalog's own policy refuses the role.

use std::sync::Arc;

use crate::checks::shared::conditions::why_it_hits;
use crate::checks::shared::glue::without_database;
use crate::checks::shared::needs::{Ask, Verdict, asks, patterns};
use crate::checks::shared::policies::catalog_policy;
use crate::checks::shared::standing::depends;
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, StatementRef};
use crate::policy::Policy;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 9), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view).or_else(|| absent_role(view)) {
        return Ok(skip);
    }
    let Some(policy) = catalog_policy(view)? else {
        let text =
            "the Data Catalog has no policy of its own; in one account the role's are enough".to_owned();
        return Ok(Outcome::Pass(vec![Evidence::read("glue:GetResourcePolicy", text)]));
    };
    let bounded = view.role()?.is_some_and(|role| role.boundary.is_some());
    let mut denied: Vec<(StatementRef, Vec<Ask<'_>>)> = Vec::new();
    let mut undecided = None;
    for ask in asks(view)?.into_iter().filter(|ask| ask.is_required() && ask.is_of_catalog()) {
        match ask.of_resource(&policy, bounded) {
            // In one account it need not allow.
            Verdict::Allowed(_) | Verdict::NotAllowed(_) => {}
            Verdict::Denied(statements) => {
                for statement in statements {
                    match denied.iter_mut().find(|(known, _)| *known == statement) {
                        Some((_, members)) => members.push(ask.clone()),
                        None => denied.push((statement, vec![ask.clone()])),
                    }
                }
            }
            Verdict::Depends { keys, statements } => undecided = Some(depends(&ask, &keys, &statements)),
        }
    }
    if !denied.is_empty() {
        let findings = denied.iter().map(|(statement, asks)| finding(view, &policy, statement, asks));
        return Ok(Outcome::Fail(findings.collect()));
    }
    let text = "no statement of the Data Catalog's policy denies the role".to_owned();
    undecided.map_or(Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)])), Err)
}

fn finding(view: &View<'_>, policy: &Arc<Policy>, statement: &StatementRef, asks: &[Ask<'_>]) -> Finding {
    let actions = words::unique(asks.iter().map(Ask::action));
    let resources = patterns(asks);
    let why = asks.first().map(|ask| why_it_hits(policy, statement.index, &view.situation(&ask.requirement)));
    let named = words::statement(statement);
    let role = &view.target().role.name;
    let what = format!(
        "The resource policy of the Glue Data Catalog denies {role} {} by {named}: {}",
        words::list(&actions),
        why.unwrap_or_default()
    );
    let text = format!("{} on {}: denied by {named}", words::list(&actions), words::list(&resources));
    Finding::new(resources.join(", "), what)
        .about(asks.iter().map(Ask::concern))
        .evidence(Evidence::evaluated(vec![statement.clone()], text))
        .because(statement.clone())
        .remedy(Remedy::ExemptFromCatalogPolicy { statement: statement.index })
}
