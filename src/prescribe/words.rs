//! Turns of phrase for titles.

pub(super) use crate::checks::shared::words::list;

/// Grants put together by the resources they share, in the order given.
pub(super) fn by_resources(grants: &[(String, Vec<String>)]) -> Vec<(Vec<String>, Vec<String>)> {
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (action, resources) in grants {
        match groups.iter_mut().find(|(known, _)| known == resources) {
            Some((_, actions)) if actions.contains(action) => {}
            Some((_, actions)) => actions.push(action.clone()),
            None => groups.push((resources.clone(), vec![action.clone()])),
        }
    }
    groups
}
