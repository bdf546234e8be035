//! Remedies in the role's trust policy.

use serde_json::{Map, Value, json};

use crate::catalog::{Catalog, Vendor};
use crate::checks::View;
use crate::checks::shared::words::{add_all, list};
use crate::facts::Facts;
use crate::model::{Change, Owner, PolicyHome, Remedy};

use super::Plan;
use super::document::{Draft, add_condition, drop_condition, one_or_many, set_texts, texts};
use super::mask::EXTERNAL_ID;

/// Actions that a trust policy can meaningfully name.
const ACTIONS: [&str; 7] = [
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:tagsession",
    "sts:setsourceidentity",
    "sts:setcontext",
    "sts:*",
];

/// Edits the trust policy. `None`: the remedy is of another kind.
pub(super) fn plan(remedy: &Remedy, facts: &Facts, catalog: &Catalog) -> Option<Result<Plan, String>> {
    let is_mine = matches!(
        remedy,
        Remedy::TrustStreamkap
            | Remedy::ReplacePrincipal { .. }
            | Remedy::SetExternalId { .. }
            | Remedy::RequireExternalId { .. }
            | Remedy::DropTrustCondition { .. }
            | Remedy::RenameTrustKey { .. }
            | Remedy::ExemptFromTrustDeny { .. }
            | Remedy::SetTrustAction { .. }
            | Remedy::RemovePrincipal { .. }
            | Remedy::RestoreTrust { .. }
    );
    is_mine.then(|| edited(remedy, facts, catalog))
}

fn edited(remedy: &Remedy, facts: &Facts, catalog: &Catalog) -> Result<Plan, String> {
    let role = facts.role.known().ok_or("the role was not read")?;
    let before = &role.trust_policy;
    let mut draft = Draft::parse(before).ok_or("the trust policy is no JSON")?;
    let title = edit(&mut draft, remedy, facts, catalog)?;
    let after = draft.text();
    let home = PolicyHome::Trust { role: facts.target.role.name.clone() };
    let change = Change::SetPolicy { home, before: Some(before.clone()), after };
    Ok(Plan::new(title, Owner::You, change))
}

/// The external id to ask for: the target's, or a place to put it.
fn external_id(facts: &Facts) -> &str {
    facts.target.external_id.as_ref().map_or(EXTERNAL_ID, crate::model::ExternalId::expose)
}

/// Whom the trust policy has to name.
struct Trusted {
    principals: Vec<String>,
    /// The external id to ask them for, if any: an installer may send none.
    external_id: Option<String>,
}

impl Trusted {
    fn of(facts: &Facts, catalog: &Catalog) -> Self {
        let vendor = &catalog.vendor;
        if View::new(facts, catalog).installs_only() {
            let roots = vendor.byoc.accounts.iter().map(|it| it.root_arn(&vendor.partition).to_string());
            let external_id = facts.target.external_id.as_ref().map(|id| id.expose().to_owned());
            return Self { principals: roots.collect(), external_id };
        }
        let first = vendor.principals.first().map(|it| it.arn.to_string());
        Self { principals: first.into_iter().collect(), external_id: Some(external_id(facts).to_owned()) }
    }

    fn in_words(&self) -> String {
        list(&self.principals)
    }

    /// Whether a statement that allows names one of them already.
    fn is_named_in(&self, statement: &Map<String, Value>) -> bool {
        let mut accounts = self.principals.iter().filter_map(|it| it.split(':').nth(4));
        let named = statement.get("Principal").map(ToString::to_string).unwrap_or_default();
        statement.get("Effect") == Some(&json!("Allow")) && accounts.any(|account| named.contains(account))
    }
}

fn edit(draft: &mut Draft, remedy: &Remedy, facts: &Facts, catalog: &Catalog) -> Result<String, String> {
    let vendor = &catalog.vendor;
    let trusted = Trusted::of(facts, catalog);
    match remedy {
        Remedy::TrustStreamkap => {
            let mut members = vec![
                ("Effect", json!("Allow")),
                ("Principal", json!({"AWS": one_or_many(trusted.principals.clone())})),
                ("Action", json!("sts:AssumeRole")),
            ];
            if let Some(id) = &trusted.external_id {
                members.push(("Condition", json!({"StringEquals": {"sts:ExternalId": id}})));
            }
            draft.push("StreamkapAssumeRole", &members);
            let with = if trusted.external_id.is_some() { " with your external id" } else { "" };
            Ok(format!("Trust {}{with}", trusted.in_words()))
        }
        Remedy::ReplacePrincipal { statement, found, wanted } => {
            let statement = at(draft, *statement)?;
            replace_principal(statement, found, std::slice::from_ref(wanted));
            // An installer may send no external id.
            if !vendor.byoc.accounts.iter().any(|account| wanted.contains(account.as_str())) {
                require_some_external_id(statement, external_id(facts));
            }
            Ok(format!("Trust {wanted} in place of {found}"))
        }
        Remedy::ExemptFromTrustDeny { statement } => {
            exempt(draft, *statement, vendor)?;
            Ok(format!("Spare Streamkap's account {} in the statement that denies", vendor.account))
        }
        Remedy::SetTrustAction { statement } => {
            set_action(at(draft, *statement)?);
            Ok("Allow sts:AssumeRole in the statement that names Streamkap".to_owned())
        }
        Remedy::RemovePrincipal { statement, found } => {
            // A trust policy must have a statement: its only one comes to be Streamkap's.
            let mut others = (0..draft.len()).filter(|index| index != statement);
            let is_named =
                others.any(|index| draft.statement(index).is_some_and(|it| trusted.is_named_in(it)));
            let stays = found != "*" || is_named;
            if !stays || remove_principal(draft, *statement, found).is_err() {
                let statement = at(draft, *statement)?;
                replace_principal(statement, found, &trusted.principals);
                if let Some(id) = &trusted.external_id {
                    require_some_external_id(statement, id);
                }
                let whom = if found == "*" { "everybody" } else { found };
                return Ok(format!("Trust {} in place of {whom}", trusted.in_words()));
            }
            Ok(format!("Stop trusting {}", if found == "*" { "everybody" } else { found }))
        }
        Remedy::RestoreTrust { document } => {
            *draft = Draft::parse(document).ok_or("the trust policy as it was is no JSON")?;
            Ok("Write the trust policy as it was".to_owned())
        }
        other => edit_condition(draft, other, facts),
    }
}

/// Edits a condition of a statement.
fn edit_condition(draft: &mut Draft, remedy: &Remedy, facts: &Facts) -> Result<String, String> {
    match remedy {
        Remedy::SetExternalId { statement } => {
            set_external_id(at(draft, *statement)?, external_id(facts));
            Ok("Ask for the external id that the Streamkap app shows".to_owned())
        }
        Remedy::RequireExternalId { statement } => {
            let statement = at(draft, *statement)?;
            drop_condition(statement, None, "sts:ExternalId");
            add_condition(statement, "StringEquals", "sts:ExternalId", external_id(facts));
            Ok("Require the external id that the Streamkap app shows".to_owned())
        }
        Remedy::DropTrustCondition { statement, operator, key } => {
            drop_condition(at(draft, *statement)?, Some(operator), key);
            Ok(format!("Drop the condition {operator} on {key} from the trust policy"))
        }
        Remedy::RenameTrustKey { statement, operator, key, wanted } => {
            let statement = at(draft, *statement)?;
            rename_key(statement, operator, key, wanted);
            if wanted.eq_ignore_ascii_case("sts:ExternalId") && facts.target.external_id.is_some() {
                set_external_id(statement, external_id(facts));
            }
            Ok(format!("Write {wanted} in place of {key} in the trust policy"))
        }
        _ => Err("this is no change of the trust policy".to_owned()),
    }
}

fn at(draft: &mut Draft, index: usize) -> Result<&mut Map<String, Value>, String> {
    draft.statement(index).ok_or_else(|| "the trust policy no longer has that statement".to_owned())
}

/// Puts `wanted` under `AWS` where `found` stood, of whatever kind that was.
fn replace_principal(statement: &mut Map<String, Value>, found: &str, wanted: &[String]) {
    let Some(Value::Object(kinds)) = statement.get_mut("Principal") else {
        statement.insert("Principal".to_owned(), json!({"AWS": one_or_many(wanted.to_vec())}));
        return;
    };
    if let Some(listed) = texts(kinds, "AWS")
        && listed.iter().any(|it| it == found)
    {
        let mut replaced: Vec<String> = Vec::new();
        for text in listed {
            let texts = if text == found { wanted.to_vec() } else { vec![text] };
            add_all(&mut replaced, texts);
        }
        set_texts(kinds, "AWS", replaced);
        return;
    }
    take_out(kinds, found);
    super::document::add_texts(kinds, "AWS", wanted);
}

/// Takes a principal out of every kind, and kinds that become empty.
fn take_out(kinds: &mut Map<String, Value>, found: &str) {
    let names: Vec<String> = kinds.keys().cloned().collect();
    for kind in names {
        let Some(listed) = texts(kinds, &kind) else { continue };
        if !listed.iter().any(|it| it == found) {
            continue;
        }
        let left: Vec<String> = listed.into_iter().filter(|it| it != found).collect();
        if left.is_empty() {
            kinds.shift_remove(&kind);
        } else {
            set_texts(kinds, &kind, left);
        }
    }
}

fn remove_principal(draft: &mut Draft, index: usize, found: &str) -> Result<(), String> {
    let statement = at(draft, index)?;
    let empty = match statement.get_mut("Principal") {
        Some(Value::Object(kinds)) => {
            take_out(kinds, found);
            kinds.is_empty()
        }
        _ => true,
    };
    if empty {
        if draft.len() == 1 {
            return Err("a trust policy must have a statement, and this is its only one".to_owned());
        }
        draft.remove(index);
    }
    Ok(())
}

/// Streamkap is never let in without an external id where a statement comes to name it.
fn require_some_external_id(statement: &mut Map<String, Value>, id: &str) {
    let operators = statement.get("Condition").and_then(Value::as_object);
    let mut keys = operators.into_iter().flat_map(|it| it.values()).filter_map(Value::as_object);
    if !keys.any(|keys| keys.keys().any(|key| key.eq_ignore_ascii_case("sts:ExternalId"))) {
        add_condition(statement, "StringEquals", "sts:ExternalId", id);
    }
}

/// Exactly this external id, unless several are listed: those of other connectors stay.
fn set_external_id(statement: &mut Map<String, Value>, id: &str) {
    if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
        // Whoever sends another is denied, and no longer whoever sends this one.
        drop_condition(statement, None, "sts:ExternalId");
        add_condition(statement, "StringNotEquals", "sts:ExternalId", id);
        return;
    }
    let operators = statement.get("Condition").and_then(Value::as_object);
    let exact = operators.and_then(|operators| operators.iter().find(|(name, _)| *name == "StringEquals"));
    let listed = exact.and_then(|(_, keys)| {
        let keys = keys.as_object()?;
        let key = keys.keys().find(|key| key.eq_ignore_ascii_case("sts:ExternalId"))?;
        texts(keys, key)
    });
    let others = listed.filter(|listed| listed.len() > 1).unwrap_or_default();
    drop_condition(statement, None, "sts:ExternalId");
    for other in others.iter().map(String::as_str).filter(|other| *other != id).chain([id]) {
        add_condition(statement, "StringEquals", "sts:ExternalId", other);
    }
}

/// Calls a condition key by another name, unless the condition has that one, too.
fn rename_key(statement: &mut Map<String, Value>, operator: &str, key: &str, wanted: &str) {
    let Some(Value::Object(operators)) = statement.get_mut("Condition") else { return };
    let Some(Value::Object(keys)) = operators.get_mut(operator) else { return };
    if keys.keys().any(|known| known.eq_ignore_ascii_case(wanted)) {
        keys.shift_remove(key);
    } else {
        super::document::rename(keys, key, wanted);
    }
}

/// Keeps what a trust policy can name, and has `sts:AssumeRole` among it.
fn set_action(statement: &mut Map<String, Value>) {
    let federated = statement.get("Principal").is_some_and(|principal| principal.get("Federated").is_some());
    let known = |action: &String| {
        let action = action.to_ascii_lowercase();
        ACTIONS.contains(&action.as_str()) && (federated || !action.starts_with("sts:assumerolewith"))
    };
    let mut actions: Vec<String> =
        texts(statement, "Action").unwrap_or_default().into_iter().filter(known).collect();
    let allows = |action: &String| matches!(action.to_ascii_lowercase().as_str(), "sts:assumerole" | "sts:*");
    if !actions.iter().any(allows) {
        actions.insert(0, "sts:AssumeRole".to_owned());
    }
    if statement.contains_key("NotAction") {
        super::document::rename(statement, "NotAction", "Action");
    }
    set_texts(statement, "Action", actions);
}

/// Spares Streamkap's account in a statement that denies.
fn exempt(draft: &mut Draft, index: usize, vendor: &Vendor) -> Result<(), String> {
    let account = vendor.account.as_str();
    let statement = at(draft, index)?;
    let named: Vec<String> = match statement.get("Principal") {
        Some(Value::Object(kinds)) => {
            let of_account = |it: &String| it == account || it.contains(&format!("::{account}:"));
            texts(kinds, "AWS").unwrap_or_default().into_iter().filter(of_account).collect()
        }
        _ => Vec::new(),
    };
    if named.is_empty() {
        add_condition(statement, "StringNotEquals", "aws:PrincipalAccount", account);
        return Ok(());
    }
    for principal in named {
        remove_principal(draft, index, &principal)?;
    }
    Ok(())
}
