//! Leaves principals that were deleted out of a document: AWS shows the ids of such, and takes none back.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-principal-intro.html>

use serde_json::{Map, Value};

use crate::checks::shared::trust::is_unique_id;
use crate::checks::shared::words::{add_all, list, unique};
use crate::model::{Change, PolicyHome};

use super::Plan;
use super::document::{Draft, named, set_texts, texts};

/// The plan with the ids of deleted principals left out of its document. Nobody can be meant by them, so that it
/// means what it meant. `Err`: a statement would deny or allow all but nobody, which AWS does not take either.
pub(super) fn left_out(mut plan: Plan) -> Result<Plan, String> {
    let Change::SetPolicy { home, after, .. } = &mut plan.change else { return Ok(plan) };
    if matches!(home, PolicyHome::Inline { .. } | PolicyHome::Managed { .. }) {
        return Ok(plan);
    }
    let Some(mut draft) = Draft::parse(after) else { return Ok(plan) };
    let (mut ids, mut notes) = (Vec::new(), Vec::new());
    for index in (0..draft.len()).rev() {
        let Some(statement) = draft.statement(index) else { continue };
        let name = named(statement, index);
        let of_all_but = take_out(statement, "NotPrincipal");
        if !of_all_but.is_empty() && is_empty(statement, "NotPrincipal") {
            return Err(format!(
                "{name} spares {} alone, which was deleted, and AWS takes no policy that names it: only you can tell \
                 whom it is to spare",
                list(&of_all_but)
            ));
        }
        let of_some = take_out(statement, "Principal");
        if !of_some.is_empty() && is_empty(statement, "Principal") {
            draft.remove(index);
            notes.push(format!("It leaves out {name}, which names nobody else"));
        }
        add_all(&mut ids, of_some.into_iter().chain(of_all_but));
    }
    if ids.is_empty() {
        return Ok(plan);
    }
    if draft.len() == 0 {
        return Err("all that the policy names was deleted, and a policy must have a statement".to_owned());
    }
    *after = draft.text();
    let what = if ids.len() == 1 {
        "the id of a role or user that was deleted"
    } else {
        "ids of deleted roles or users"
    };
    let ids = list(&ids);
    let note = format!("It leaves out {ids}, {what}: AWS takes no policy that names such as a principal");
    notes.reverse();
    Ok(plan.noting(std::iter::once(note).chain(notes)))
}

/// Takes the ids of deleted principals out of an element. What it returns are those.
fn take_out(statement: &mut Map<String, Value>, element: &str) -> Vec<String> {
    let Some(kinds) = statement.get_mut(element).and_then(Value::as_object_mut) else { return Vec::new() };
    let listed = texts(kinds, "AWS").unwrap_or_default();
    let (gone, left): (Vec<String>, Vec<String>) = listed.into_iter().partition(|it| is_unique_id(it));
    if !gone.is_empty() {
        if left.is_empty() {
            kinds.shift_remove("AWS");
        } else {
            set_texts(kinds, "AWS", left);
        }
    }
    unique(gone)
}

fn is_empty(statement: &Map<String, Value>, element: &str) -> bool {
    statement.get(element).and_then(Value::as_object).is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Owner;

    const GONE: &str = "AROAJQABLZS4A3QDU576Q";

    fn left(home: PolicyHome, statements: &Value) -> Result<(Value, Vec<String>), String> {
        let after = json!({"Statement": statements}).to_string();
        let change = Change::SetPolicy { home, before: None, after };
        let plan = left_out(Plan::new("t".to_owned(), Owner::You, change))?;
        let Change::SetPolicy { after, .. } = plan.change else { unreachable!() };
        Ok((serde_json::from_str::<Value>(&after).unwrap()["Statement"].clone(), plan.notes))
    }

    fn bucket() -> PolicyHome {
        PolicyHome::Bucket { bucket: "b".to_owned() }
    }

    #[test]
    fn a_deleted_principal_goes_and_takes_a_statement_of_its_own_with_it() {
        let role = "arn:aws:iam::111122223333:role/x";
        let (statements, notes) = left(
            bucket(),
            &json!([
                {"Sid": "Old", "Principal": {"AWS": GONE}},
                {"Principal": {"AWS": [GONE, role], "Service": "s3.amazonaws.com"}},
                {"Effect": "Deny", "NotPrincipal": {"AWS": ["AIDAJQABLZS4A3QDU576Q", role]}},
                {"Principal": "*", "Condition": {"StringLike": {"aws:userid": [format!("{GONE}:*"), GONE]}}},
                {"Principal": {"AWS": GONE, "Service": "s3.amazonaws.com"}},
            ]),
        )
        .unwrap();
        assert_eq!(
            statements,
            json!([
                {"Principal": {"AWS": role, "Service": "s3.amazonaws.com"}},
                {"Effect": "Deny", "NotPrincipal": {"AWS": role}},
                {"Principal": "*", "Condition": {"StringLike": {"aws:userid": [format!("{GONE}:*"), GONE]}}},
                {"Principal": {"Service": "s3.amazonaws.com"}},
            ])
        );
        assert!(notes[0].contains(GONE) && notes[0].contains("AIDAJQABLZS4A3QDU576Q"), "{notes:?}");
        assert_eq!(notes[1], "It leaves out statement `Old`, which names nobody else");
    }

    #[test]
    fn what_spares_deleted_principals_alone_is_not_written() {
        let deny = json!([{"Effect": "Deny", "NotPrincipal": {"AWS": [GONE]}}]);
        assert!(left(bucket(), &deny).unwrap_err().contains(GONE));
    }

    #[test]
    fn a_policy_of_the_role_s_own_has_no_principals() {
        let home = || PolicyHome::Inline { role: "R".to_owned(), name: "P".to_owned() };
        let statements = json!([{"Resource": GONE}]);
        assert_eq!(left(home(), &statements).unwrap(), (statements, Vec::new()));
    }
}
