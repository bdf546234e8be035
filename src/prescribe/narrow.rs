//! Narrows a statement that allows more than is needed, and never takes out what is.

use serde_json::{Map, Value};

use crate::catalog::Catalog;
use crate::checks::shared::needs::widest;
use crate::checks::shared::words::some;
use crate::facts::Facts;
use crate::model::{Narrowing, Owner};
use crate::policy::scope::covers;

use super::document::{Draft, set_texts, texts};
use super::role::{done_with, find, fits, set};
use super::{Plan, words};

/// Takes out of a statement what nobody needs. Of an action or resource that means more than is needed, that
/// stays which is.
pub(super) fn narrow(facts: &Facts, catalog: &Catalog, narrowing: &Narrowing) -> Result<Plan, String> {
    let (name, index) = (&narrowing.policy, narrowing.statement);
    let mut policy = find(facts, catalog, name, index)?;
    let gone = || "the policy no longer has that statement".to_owned();
    let statement = policy.draft.statement(index).ok_or_else(gone)?;
    let groups = words::by_resources(&left(statement, narrowing)?);
    let number = index + 1;
    let title = if groups.is_empty() {
        policy.draft.remove(index);
        if policy.draft.len() == 0 {
            let why = "whose only statement is not needed, once nothing else uses the role for it";
            return Ok(done_with(facts, &policy, why));
        }
        format!("Take statement {number} out of {name}, once nothing else uses the role for it")
    } else {
        let actions: Vec<&String> = groups.iter().flat_map(|(_, actions)| actions).collect();
        let title = format!(
            "Narrow statement {number} of {name} to {}, once nothing else uses the role for more",
            some(&actions)
        );
        write(&mut policy.draft, index, groups);
        title
    };
    if !fits(&policy, facts) {
        return Err(format!("{name} would be longer than AWS allows"));
    }
    Ok(Plan::new(title, Owner::You, set(&policy)))
}

/// What the statement keeps: each action with its resources.
fn left(statement: &Map<String, Value>, narrowing: &Narrowing) -> Result<Vec<(String, Vec<String>)>, String> {
    let (Some(actions), Some(resources)) = (texts(statement, "Action"), texts(statement, "Resource")) else {
        return Err("the statement says what it leaves out: only you can tell what it is for".to_owned());
    };
    let mut left: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |action: &str, resources: Vec<String>| {
        if resources.is_empty() {
            return;
        }
        match left.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(action)) {
            Some((_, known)) => known.extend(resources),
            None => left.push((action.to_owned(), resources)),
        }
    };
    for action in &actions {
        let is_excess = |it: &&String| narrowing.excess.iter().any(|(of, on)| of == action && on == *it);
        let (excess, kept): (Vec<&String>, Vec<&String>) = resources.iter().partition(is_excess);
        add(action, kept.into_iter().cloned().collect());
        let pattern = action.to_ascii_lowercase();
        for (need, places) in
            narrowing.needs.iter().filter(|(need, _)| covers(&pattern, &need.to_ascii_lowercase()))
        {
            let both = |written: &&String, place: &String| {
                if covers(written, place) {
                    return Some(place.clone());
                }
                covers(place, written).then(|| (*written).clone())
            };
            let needed =
                excess.iter().flat_map(|written| places.iter().filter_map(move |place| both(written, place)));
            add(need, needed.collect());
        }
    }
    Ok(left.into_iter().map(|(action, resources)| (action, widest(resources))).collect())
}

/// Writes the groups in the place of a statement, the first in its own, each with all else that it says.
fn write(draft: &mut Draft, index: usize, groups: Vec<(Vec<String>, Vec<String>)>) {
    let mut groups = groups.into_iter();
    let (Some(statement), Some((resources, actions))) = (draft.statement(index), groups.next()) else {
        return;
    };
    set_texts(statement, "Action", actions);
    set_texts(statement, "Resource", resources);
    let first = statement.clone();
    let sid = first.get("Sid").and_then(Value::as_str).unwrap_or("StreamkapAccess").to_owned();
    for (resources, actions) in groups {
        let mut members = first.clone();
        members.shift_remove("Sid");
        set_texts(&mut members, "Action", actions);
        set_texts(&mut members, "Resource", resources);
        let members: Vec<(&str, Value)> =
            members.iter().map(|(name, it)| (name.as_str(), it.clone())).collect();
        draft.push(&sid, &members);
    }
}
