//! Takes external ids out of trust policies that are to be shown, and names what stands in their place.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::model::{Change, ExternalId, Fix, PolicyHome, external_ids};

use super::document::Draft;

/// What stands in documents where the external id that the Streamkap app shows has to be put.
pub const EXTERNAL_ID: &str = "EXTERNAL_ID";

/// What stands where an external id stays that the policy asks for now.
pub(super) const CURRENT: &str = "CURRENT_EXTERNAL_ID";

/// The fix with every external id of its trust policy replaced by a name: [`EXTERNAL_ID`] is the target's,
/// [`CURRENT`] one that the policy asks for now. Further ones are numbered from 2.
pub(super) fn masked(fix: &Fix, facts: &Facts) -> Fix {
    let mut fix = fix.clone();
    let Change::SetPolicy { home: PolicyHome::Trust { .. }, before, after } = &mut fix.change else {
        return fix;
    };
    // A name that was left standing is not what the Streamkap app shows.
    let mut standing = before.as_deref().map(ids).unwrap_or_default();
    standing.retain(|id| id != EXTERNAL_ID);
    let given = facts.target.external_id.as_ref().map(ExternalId::expose);
    let is_own = |id: &String| id == EXTERNAL_ID || given == Some(id.as_str());
    let new = ids(after).into_iter().filter(|id| !standing.contains(id));
    let (own, others): (Vec<String>, Vec<String>) = new.partition(is_own);
    let first = usize::from(!own.is_empty());
    let mut names = BTreeMap::new();
    names.extend(standing.into_iter().enumerate().map(|(at, id)| (id, numbered(CURRENT, at))));
    names.extend(own.into_iter().map(|id| (id, EXTERNAL_ID.to_owned())));
    names.extend(others.into_iter().enumerate().map(|(at, id)| (id, numbered(EXTERNAL_ID, first + at))));
    for document in before.iter_mut().chain([&mut *after]) {
        if let Some(text) = renamed(document, &names) {
            *document = text;
        }
    }
    fix
}

/// `EXTERNAL_ID`, `EXTERNAL_ID_2`, …
fn numbered(base: &str, at: usize) -> String {
    if at == 0 { base.to_owned() } else { format!("{base}_{}", at + 1) }
}

/// The external ids that a trust policy compares with, each once, in the order written.
fn ids(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    edit(text, |id| {
        if !found.contains(id) {
            found.push(id.clone());
        }
    });
    found
}

/// The document with other texts in the place of its external ids; `None` where it has none.
fn renamed(text: &str, names: &BTreeMap<String, String>) -> Option<String> {
    let mut any = false;
    let draft = edit(text, |id| {
        if let Some(name) = names.get(id) {
            any = true;
            id.clone_from(name);
        }
    });
    draft.filter(|_| any).map(|draft| draft.text())
}

/// Goes through the external ids of a document. A pattern without a letter of its own tells nothing.
fn edit(text: &str, mut each: impl FnMut(&mut String)) -> Option<Draft> {
    let mut draft = Draft::parse(text)?;
    for index in 0..draft.len() {
        let ids = draft.statement(index).map(external_ids).into_iter().flatten();
        ids.filter(|id| id.contains(char::is_alphanumeric)).for_each(&mut each);
    }
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Owner, Verification};

    fn trust(ids: &str) -> String {
        format!(r#"{{"Statement": [{{"Condition": {{"StringEquals": {{"sts:ExternalId": {ids}}}}}}}]}}"#)
    }

    /// The ids of the masked document.
    fn after(given: Option<&str>, before: &str, after: &str) -> Vec<String> {
        let mut facts = crate::demo::facts("healthy").unwrap();
        facts.target.external_id = given.map(ExternalId::new);
        let change = Change::SetPolicy {
            home: PolicyHome::Trust { role: "R".to_owned() },
            before: Some(trust(before)),
            after: trust(after),
        };
        let (title, verification) = (String::new(), Verification::Verified);
        let fix = Fix::new(title, Owner::You, change, verification);
        match masked(&fix, &facts).change {
            Change::SetPolicy { after, .. } => ids(&after),
            _ => unreachable!(),
        }
    }

    #[test]
    fn ids_that_stay_and_ids_to_be_given_have_names_of_their_own() {
        assert_eq!(after(Some("mine"), r#""old""#, r#""mine""#), ["EXTERNAL_ID"]);
        assert_eq!(
            after(Some("mine"), r#"["one", "two"]"#, r#"["two", "mine"]"#),
            ["CURRENT_EXTERNAL_ID_2", "EXTERNAL_ID"]
        );
        assert_eq!(after(Some("mine"), r#""mine""#, r#""mine""#), ["CURRENT_EXTERNAL_ID"]);
        assert_eq!(
            after(None, r#""one""#, r#"["one", "EXTERNAL_ID"]"#),
            ["CURRENT_EXTERNAL_ID", "EXTERNAL_ID"]
        );
        assert_eq!(after(None, r#""one""#, r#"["was", "once"]"#), ["EXTERNAL_ID", "EXTERNAL_ID_2"]);
    }

    #[test]
    fn a_pattern_that_tells_nothing_stays() {
        assert!(after(None, r#""*""#, r#""*""#).is_empty());
    }
}
