//! PARTIAL-002: the guide speaks of partition-level actions, which Iceberg never calls.

use crate::catalog::Level;
use crate::checks::shared::glue::without_database;
use crate::checks::shared::needs::{Ask, asks};
use crate::checks::shared::policies::role_policies;
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Outcome, Section, Source};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 2), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view).or_else(|| absent_role(view)) {
        return Ok(skip);
    }
    let policies = role_policies(view);
    policies.complete()?;
    let asks: Vec<Ask<'_>> = asks(view)?.into_iter().filter(is_of_partitions).collect();
    let refused = |action: &str| {
        let mut of_action = asks.iter().filter(|ask| ask.action() == action);
        of_action.any(|ask| !ask.of_identity(&policies.documents()).is_allowed())
    };
    let actions = words::unique(asks.iter().map(Ask::action));
    let (missing, there): (Vec<&str>, Vec<&str>) = actions.into_iter().partition(|action| refused(action));
    let mut proof = Vec::new();
    if let Some(ask) = asks.first() {
        let source = Source::Documentation { reference: ask.requirement.need.source.clone() };
        let text = format!(
            "the guide asks for partition-level actions; without them {}",
            ask.requirement.need.breaks
        );
        proof.push(Evidence { source, text });
    }
    for (actions, says) in [(&there, "the role has"), (&missing, "the role does not have")] {
        if !actions.is_empty() {
            let text = format!("{says} {}, which the connector never calls", words::list(actions));
            proof.push(Evidence::evaluated(Vec::new(), text));
        }
    }
    Ok(Outcome::Pass(proof))
}

fn is_of_partitions(ask: &Ask<'_>) -> bool {
    ask.is_of_catalog()
        && ask.requirement.need.level == Level::Documented
        && ask.action().contains("Partition")
}
