//! PRACTICE-002: a policy allows actions on every resource where one could be named.

use crate::checks::shared::needs::widest;
use crate::checks::shared::policies::{RolePolicy, is_everything, role_policies};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, StatementRef};
use crate::policy::scope::granted;
use crate::policy::{Effect, Selector, Statement, takes_no_resource};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 2), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let policies = role_policies(view);
    let mut findings: Vec<Finding> = Vec::new();
    // AWS's own policies cannot be narrowed: PRACTICE-003 reports them.
    for policy in policies.read.iter().filter(|policy| !policy.is_aws_managed()) {
        findings.extend(in_policy(view, policy));
    }
    if !findings.is_empty() {
        return Ok(Outcome::Warn(findings));
    }
    policies.complete()?;
    let text = if everywhere(view).is_empty() {
        "every statement names the resources it is about"
    } else {
        "nothing is allowed on every resource but what takes no other, or the connector's own template lists so"
    };
    Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]))
}

fn in_policy(view: &View<'_>, policy: &RolePolicy) -> Vec<Finding> {
    let alive = granted(&[std::sync::Arc::clone(&policy.policy)]);
    let statements = policy.policy.document().statements().iter().enumerate();
    statements
        .filter(|(_, statement)| statement.effect == Effect::Allow && !is_narrowed(statement))
        .filter_map(|(at, statement)| {
            let reference = policy.policy.statement_ref(at)?;
            alive.iter().any(|grant| grant.statement == *reference).then_some((reference, statement))
        })
        .filter_map(|(reference, statement)| finding(view, reference, statement))
        .collect()
}

fn finding(view: &View<'_>, reference: &StatementRef, statement: &Statement) -> Option<Finding> {
    let resources = match statement.resources.as_ref()? {
        Selector::Any(resources) => {
            resources.iter().filter(|it| is_everything(it)).cloned().collect::<Vec<_>>()
        }
        Selector::AllBut(_) => vec!["everything but what NotResource names".to_owned()],
    };
    let template = everywhere(view);
    let is_meant = |action: &&String| template.iter().any(|known| known.eq_ignore_ascii_case(action));
    let actions: Vec<&String> = match &statement.actions {
        Selector::Any(actions) => {
            actions.iter().filter(|action| !takes_no_resource(action) && !is_meant(action)).collect()
        }
        Selector::AllBut(actions) => actions.iter().collect(),
    };
    if resources.is_empty() || actions.is_empty() {
        return None;
    }
    let named = match &statement.actions {
        Selector::Any(_) => words::some(&actions),
        Selector::AllBut(_) => format!("every action but {}", words::some(&actions)),
    };
    // What takes `*` only has to keep it.
    let mixed = statement.actions.values().len() > actions.len();
    let what = format!("{} allows {named} on {}", words::statement(reference), words::list(&resources));
    let what = words::capital(&what);
    let finding = Finding::new(view.target().role.name.clone(), what)
        .evidence(Evidence::evaluated(
            vec![reference.clone()],
            "its Resource matches every resource of the account",
        ))
        .because(reference.clone());
    Some(match (&statement.resources, scoped_to(view, &actions)) {
        (Some(Selector::Any(_)), Some(wanted)) if !mixed => finding.remedy(Remedy::ReplaceResource {
            policy: reference.policy.clone(),
            statement: reference.index,
            found: resources[0].clone(),
            wanted,
        }),
        _ => finding.remedy(Remedy::Manual {
            owner: Owner::You,
            title: format!("Name the resources that are meant in {}", words::statement(reference)),
            steps: if mixed {
                vec![format!(
                    "Give {} a statement of its own that names what it is about",
                    words::some(&actions)
                )]
            } else {
                vec![
                    "List the resources that the role works with, and put their ARNs into Resource"
                        .to_owned(),
                ]
            },
            commands: Vec::new(),
        }),
    })
}

/// What the connector needs of the services that the actions are of. `None`: it needs nothing of one.
fn scoped_to(view: &View<'_>, actions: &[&String]) -> Option<Vec<String>> {
    let mut wanted = Vec::new();
    let needs = view.requirements();
    for action in actions {
        let service = action.split(':').next().unwrap_or("");
        let of_service =
            |need: &&crate::requirement::Requirement<'_>| need.action.split(':').next() == Some(service);
        let before = wanted.len();
        let mut any = false;
        for need in needs.iter().filter(of_service) {
            any = true;
            let named = need.resources.iter().filter(|it| it.pattern != "*");
            words::add_all(&mut wanted, named.map(|it| it.pattern.clone()));
        }
        if !any && wanted.len() == before {
            return None;
        }
    }
    (!wanted.is_empty()).then(|| widest(wanted))
}

/// Actions that a connector's template allows on everything, in whatever phase.
fn everywhere<'a>(view: &View<'a>) -> Vec<&'a str> {
    let needs = view.connectors().flat_map(|(_, connector)| &connector.needs);
    needs.filter(|need| need.resources.iter().any(|it| it == "*")).map(|need| need.action.as_str()).collect()
}

/// Conditions that tie a statement to resources though its `Resource` does not.
fn is_narrowed(statement: &Statement) -> bool {
    const NARROWING: [&str; 4] =
        ["aws:resourcetag/", "kms:resourcealiases", "kms:encryptioncontext:", "kms:viaservice"];
    let narrows =
        |key: &str| NARROWING.iter().any(|known| key.starts_with(known)) || key.contains(":resourcetag/");
    statement.conditions.iter().any(|condition| {
        let operator = condition.operator.to_ascii_lowercase();
        narrows(&condition.key.to_ascii_lowercase()) && !operator.contains("not") && operator != "null"
    })
}
