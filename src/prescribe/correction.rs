//! Remedies for mistakes in the resources of the role's policies.

use serde_json::{Map, Value, json};

use crate::catalog::Catalog;
use crate::checks::shared::policies::is_everything;
use crate::facts::Facts;
use crate::model::Owner;

use super::document::{set_texts, texts};
use super::role::{Editable, editable, find, fits, set};
use super::{Plan, words};

/// Replaces a resource in a statement of the role's.
pub(super) fn replace_resource(
    facts: &Facts,
    catalog: &Catalog,
    name: &str,
    statement: usize,
    found: &str,
    wanted: &[String],
) -> Result<Plan, String> {
    let both_everything = |it: &str| is_everything(it) && is_everything(found);
    let replaced = |it: &str| (it == found || both_everything(it)).then(|| wanted.to_vec());
    let title = format!("Name {} in place of {found} in {name}", words::list(wanted));
    replace(facts, catalog, name, statement, title, replaced)
}

/// Corrects mistaken resources in a statement of the role's.
pub(super) fn correct_resources(
    facts: &Facts,
    catalog: &Catalog,
    name: &str,
    statement: usize,
    corrections: &[(String, String)],
) -> Result<Plan, String> {
    let corrected = |it: &str| {
        let correction = corrections.iter().find(|(found, _)| found == it);
        correction.map(|(_, wanted)| vec![wanted.clone()])
    };
    let found: Vec<&String> = corrections.iter().map(|(found, _)| found).collect();
    let wanted: Vec<&String> = corrections.iter().map(|(_, wanted)| wanted).collect();
    let title = format!("Name {} in place of {} in {name}", words::list(&wanted), words::list(&found));
    replace(facts, catalog, name, statement, title, corrected)
}

/// Puts other resources in the place of some of a statement's.
fn replace(
    facts: &Facts,
    catalog: &Catalog,
    name: &str,
    statement: usize,
    title: String,
    replacement: impl Fn(&str) -> Option<Vec<String>>,
) -> Result<Plan, String> {
    let mut policy = find(facts, catalog, name, statement)?;
    let gone = || "the policy no longer has that statement".to_owned();
    let edited = policy.draft.statement(statement).ok_or_else(gone)?;
    rewrite(edited, replacement).ok_or("the statement has no Resource")?;
    planned(title, &policy, facts)
}

/// Puts other resources in the place of some of a statement's; whether there were any, or `None` where it
/// has no `Resource`.
fn rewrite(
    statement: &mut Map<String, Value>,
    replacement: impl Fn(&str) -> Option<Vec<String>>,
) -> Option<bool> {
    let written = texts(statement, "Resource")?;
    let mut resources: Vec<String> = Vec::new();
    for resource in &written {
        for text in replacement(resource).unwrap_or_else(|| vec![resource.clone()]) {
            if !resources.contains(&text) {
                resources.push(text);
            }
        }
    }
    let changed = resources != written;
    set_texts(statement, "Resource", resources);
    Some(changed)
}

fn planned(title: String, policy: &Editable, facts: &Facts) -> Result<Plan, String> {
    if !fits(policy, facts) {
        return Err(format!("{} would be longer than AWS allows", policy.name));
    }
    Ok(Plan::new(title, Owner::You, set(policy)))
}

/// Names another bucket wherever the role's policies allow something on the one that was found.
pub(super) fn correct_bucket(
    facts: &Facts,
    catalog: &Catalog,
    found: &str,
    wanted: &str,
) -> Result<Vec<Plan>, String> {
    let corrected = |resource: &str| {
        let (head, rest) = resource.split_once(":s3:::")?;
        let path = rest.strip_prefix(found).filter(|path| path.is_empty() || path.starts_with('/'))?;
        Some(vec![format!("{head}:s3:::{wanted}{path}")])
    };
    let mut plans = Vec::new();
    for mut policy in editable(facts, catalog) {
        let mut changed = false;
        for index in 0..policy.draft.len() {
            let statement = policy.draft.statement(index);
            let allows = statement.filter(|it| it.get("Effect") == Some(&json!("Allow")));
            changed |= allows.and_then(|it| rewrite(it, corrected)).unwrap_or(false);
        }
        if changed {
            let title = format!("Name the bucket {wanted} in place of {found} in {}", policy.name);
            plans.push(planned(title, &policy, facts)?);
        }
    }
    if plans.is_empty() {
        Err(format!("no policy of yours that could be read names {found}"))
    } else {
        Ok(plans)
    }
}
