//! PRACTICE-007: one role for an installation, or with rights over the account, and for data besides.

use crate::checks::shared::policies::{RolePolicies, role_policies};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, StatementRef,
};
use crate::policy::scope::{Danger, granted};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 7), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    view.role()?;
    let titles: Vec<&str> = words::unique(view.connectors().map(|(_, it)| it.title.as_str()));
    let (installing, writing): (Vec<_>, Vec<_>) =
        view.connectors().partition(|(_, connector)| connector.is_installation());
    if view.connectors().count() < 2 || writing.is_empty() {
        return Ok(Outcome::Pass(vec![given(&titles)]));
    }
    if !installing.is_empty() {
        return Ok(Outcome::Warn(vec![mixed(view, &titles)]));
    }
    let policies = role_policies(view);
    if let Some((action, statement)) = over_the_account(&policies) {
        return Ok(Outcome::Warn(vec![mighty(view, &titles, &action, &statement)]));
    }
    policies.complete()?;
    Ok(Outcome::Pass(vec![given(&titles), guide(view)]))
}

fn given(titles: &[&str]) -> Evidence {
    let text = match titles {
        [only] => format!("the role was named for one kind of connector: {only}"),
        several => format!("the role was named for {}", words::list(several)),
    };
    Evidence { source: Source::Given, text }
}

fn guide(view: &View<'_>) -> Evidence {
    Evidence {
        source: Source::Documentation { reference: view.vendor().guide.clone() },
        text: "the guide leaves it open whether one role with combined permissions or a role for each \
               connector fits better: one for each can be reviewed and taken away by itself"
            .to_owned(),
    }
}

/// A permission on everything by which the holder of a session can gain all others.
fn over_the_account(policies: &RolePolicies) -> Option<(String, StatementRef)> {
    let grants = granted(&policies.documents()).into_iter();
    let mut mighty = grants.filter(|it| it.danger == Danger::Escalation && it.resource == "*");
    mighty.next().map(|grant| (grant.action, grant.statement))
}

fn mixed(view: &View<'_>, titles: &[&str]) -> Finding {
    let role = &view.target().role.name;
    let what = format!(
        "{role} serves {}: whoever holds a session of a data connector could do with it what an installation \
         may do, such as make roles and networks",
        words::list(titles)
    );
    finding(view, what).evidence(given(titles))
}

fn mighty(view: &View<'_>, titles: &[&str], action: &str, statement: &StatementRef) -> Finding {
    let role = &view.target().role.name;
    let what = format!(
        "{role} serves {} and has rights over the whole account: {} allows {action} on *",
        words::list(titles),
        words::statement(statement)
    );
    let text = format!("{action} on * lets its holder gain further permissions");
    finding(view, what)
        .evidence(Evidence::evaluated(vec![statement.clone()], text))
        .because(statement.clone())
}

fn finding(view: &View<'_>, what: String) -> Finding {
    let role = &view.target().role.name;
    Finding::new(role.as_str(), what).evidence(guide(view)).remedy(Remedy::Manual {
        owner: Owner::You,
        title: "Give each connector a role of its own".to_owned(),
        steps: vec![
            "Create a role with the same trust policy and only what the connector needs, for each of them"
                .to_owned(),
            format!("Set the new role in the Streamkap app, then take its permissions from {role}"),
        ],
        commands: Vec::new(),
    })
}
