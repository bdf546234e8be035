//! Remedies in the policies of buckets, keys and the Data Catalog.

use serde_json::{Map, Value, json};

use crate::checks::shared::trust::is_unique_id;
use crate::facts::{Facts, Role};
use crate::model::{Change, LakeResource, Owner, PolicyHome};
use crate::policy::scope::covers;

use super::document::{Draft, add_condition, named, one_or_many, required, set_texts, texts};
use super::spare::{Piece, still_denies};
use super::{Plan, words};

/// The role's ARN, by which a resource's policy names it.
fn role_arn(facts: &Facts) -> Result<String, String> {
    let role = facts.role.known().ok_or("the role was not read, so that its ARN is not known")?;
    Ok(role.arn.to_string())
}

/// The key as the facts know it, perhaps by an alias.
fn key_policy<'f>(facts: &'f Facts, arn: &str) -> Result<&'f str, String> {
    let by_arn = facts.keys.get(arn);
    let by_alias =
        || facts.keys.values().find(|key| key.metadata.known().is_some_and(|metadata| metadata.arn == arn));
    let policy = by_arn.or_else(by_alias).and_then(|key| key.policy.known());
    policy.map(String::as_str).ok_or_else(|| format!("the policy of key {arn} was not read"))
}

fn bucket_policy<'f>(facts: &'f Facts, bucket: &str) -> Option<&'f str> {
    facts.buckets.get(bucket)?.policy.known().map(String::as_str)
}

fn parse(text: &str, what: &str) -> Result<Draft, String> {
    Draft::parse(text).ok_or_else(|| format!("{what} is no JSON"))
}

/// What sparing the role did to a statement.
struct Exempted {
    /// The statement by its name.
    statement: String,
    /// Whether it is gone: it denied nobody else.
    is_gone: bool,
    /// What it still does.
    note: Option<String>,
}

impl Exempted {
    fn title(&self, role: &str, policy: &str) -> String {
        let statement = &self.statement;
        if self.is_gone {
            return format!("Take {statement} out of {policy}: it denies nobody but {role}");
        }
        format!("Spare {role} in {statement} of {policy}")
    }
}

/// Spares the role in a statement that denies: where it names the role itself, by no longer naming it, and otherwise
/// by the caller's role, which holds for all of its sessions; a role listed in `NotPrincipal` would not spare them.
/// A statement that would deny nobody any more goes.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
fn exempt(draft: &mut Draft, index: usize, facts: &Facts) -> Result<Exempted, String> {
    let role = facts.role.known().ok_or("the role was not read, so that its ARN is not known")?;
    let statement = draft.statement(index).ok_or("the policy no longer has that statement")?;
    let name = named(statement, index);
    let left = |note: String| Exempted { statement: name.clone(), is_gone: false, note: Some(note) };
    let denied = Piece::of(statement).map_or_else(|| "what it denied".to_owned(), |piece| piece.what());
    if no_longer_named(statement, role) || no_longer_required(statement, role) {
        return Ok(left(still_denies(&name, &format!("{denied} to whom else it names"))));
    }
    if names_only(statement, role) {
        draft.remove(index);
        return Ok(Exempted { statement: name, is_gone: true, note: None });
    }
    add_condition(statement, "ArnNotEquals", "aws:PrincipalArn", role.arn.as_str());
    Ok(left(still_denies(&name, &format!("{denied} to everybody else that it denied before"))))
}

/// Whether a principal is the role, or a session of it.
fn is_own(principal: &str, role: &Role) -> bool {
    let (arn, name) = (&role.arn, role.arn.name());
    let head = format!("arn:{}:sts::{}:assumed-role/{name}/", arn.partition().as_str(), arn.account());
    principal == arn.as_str() || principal.starts_with(&head)
}

/// The principals under `AWS`, if the statement means the role by name alone.
fn by_name(statement: &Map<String, Value>, role: &Role) -> Option<Vec<String>> {
    let listed = statement.get("Principal").and_then(Value::as_object).and_then(|it| texts(it, "AWS"))?;
    let account = role.arn.account();
    let is_wide = |it: &String| it == "*" || it == account || it.ends_with(&format!("::{account}:root"));
    (!listed.iter().any(is_wide)).then_some(listed)
}

/// Takes the role out of the principals, if others are left; whether it did.
fn no_longer_named(statement: &mut Map<String, Value>, role: &Role) -> bool {
    let Some(listed) = by_name(statement, role) else { return false };
    let (own, others): (Vec<String>, Vec<String>) = listed.into_iter().partition(|it| is_own(it, role));
    if own.is_empty() || others.iter().all(|it| is_unique_id(it)) {
        return false;
    }
    if let Some(Value::Object(kinds)) = statement.get_mut("Principal") {
        set_texts(kinds, "AWS", others);
    }
    true
}

/// What a condition on the caller's role or id asks for: of which operator and key, of the role, and of others.
struct Required {
    operator: String,
    key: String,
    own: Vec<String>,
    others: Vec<String>,
}

/// What the statement asks of the caller's role and id. A pattern that means the role and others is both.
fn required_of_caller(statement: &Map<String, Value>, role: &Role) -> Vec<Required> {
    let id = format!("{}:", role.id);
    let of = |key: &str, is_own: &dyn Fn(&str) -> bool| {
        let all = required(statement, key).into_iter();
        all.map(|(operator, key, values)| {
            let (own, others) = values.into_iter().partition(|value| is_own(value));
            Required { operator, key, own, others }
        })
        .collect::<Vec<_>>()
    };
    let mut all = of("aws:PrincipalArn", &|value| is_own(value, role));
    all.extend(of("aws:userid", &|value| !role.id.is_empty() && value.starts_with(&id)));
    all
}

/// Takes the role out of a condition that asks for it by name, if that asks for others, too; whether it did.
fn no_longer_required(statement: &mut Map<String, Value>, role: &Role) -> bool {
    let all = required_of_caller(statement, role);
    let means_role =
        |value: &String| covers(value, role.arn.as_str()) || covers(value, &format!("{}:x", role.id));
    let Some(Required { operator, key, others, .. }) = all
        .into_iter()
        .find(|it| !it.own.is_empty() && !it.others.is_empty() && !it.others.iter().any(means_role))
    else {
        return false;
    };
    if let Some(Value::Object(keys)) = statement.get_mut("Condition").and_then(|it| it.get_mut(&operator)) {
        set_texts(keys, &key, others);
    }
    true
}

/// Whether the statement can deny nobody but the role: by its principals, or by what it asks of them.
fn names_only(statement: &Map<String, Value>, role: &Role) -> bool {
    let kinds = statement.get("Principal").and_then(Value::as_object).map_or(0, Map::len);
    let named = by_name(statement, role)
        .is_some_and(|listed| kinds == 1 && listed.iter().all(|it| is_own(it, role) || is_unique_id(it)));
    let all = required_of_caller(statement, role);
    named || all.iter().any(|it| !it.own.is_empty() && it.others.is_empty())
}

/// The change to a policy of which a statement may be the last.
fn set_or_delete(home: PolicyHome, before: &str, draft: &Draft) -> Result<Change, String> {
    if draft.len() > 0 {
        return Ok(set(home, Some(before), draft));
    }
    if matches!(home, PolicyHome::Key { .. }) {
        return Err("a key policy must have a statement, and this is its only one".to_owned());
    }
    Ok(Change::DeletePolicy { home, before: before.to_owned() })
}

fn allow(draft: &mut Draft, role: &str, actions: Vec<String>, resources: Value) {
    draft.push(
        "StreamkapAccess",
        &[
            ("Effect", json!("Allow")),
            ("Principal", json!({"AWS": role})),
            ("Action", one_or_many(actions)),
            ("Resource", resources),
        ],
    );
}

/// A Deny in the bucket policy hits the role.
pub(super) fn exempt_from_bucket_policy(
    facts: &Facts,
    bucket: &str,
    statement: usize,
) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before =
        bucket_policy(facts, bucket).ok_or_else(|| format!("the policy of bucket {bucket} was not read"))?;
    let mut draft = parse(before, "the bucket policy")?;
    let exempted = exempt(&mut draft, statement, facts)?;
    let title = exempted.title(&role, &format!("the policy of bucket {bucket}"));
    let change = set_or_delete(PolicyHome::Bucket { bucket: bucket.to_owned() }, before, &draft)?;
    Ok(Plan::new(title, Owner::You, change).noting(exempted.note))
}

/// The bucket policy must allow the role.
pub(super) fn allow_in_bucket_policy(
    facts: &Facts,
    bucket: &str,
    grants: &[(String, Vec<String>)],
) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before = bucket_policy(facts, bucket);
    let mut draft = before.map_or_else(|| Ok(Draft::new()), |text| parse(text, "the bucket policy"))?;
    for (resources, actions) in words::by_resources(grants) {
        allow(&mut draft, &role, actions, one_or_many(resources));
    }
    let actions: Vec<&String> = grants.iter().map(|(action, _)| action).collect();
    let title = format!("Allow {role} {} in the policy of bucket {bucket}", words::list(&actions));
    Ok(Plan::new(
        title,
        Owner::BucketAccount,
        set(PolicyHome::Bucket { bucket: bucket.to_owned() }, before, &draft),
    ))
}

/// A Deny in the key's policy hits the role.
pub(super) fn exempt_from_key_policy(facts: &Facts, key: &str, statement: usize) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before = key_policy(facts, key)?;
    let mut draft = parse(before, "the key policy")?;
    let exempted = exempt(&mut draft, statement, facts)?;
    let title = exempted.title(&role, &format!("the policy of key {key}"));
    let change = set_or_delete(PolicyHome::Key { arn: key.to_owned() }, before, &draft)?;
    Ok(Plan::new(title, Owner::KeyOwner, change).noting(exempted.note))
}

/// The key's policy must allow the role.
pub(super) fn allow_in_key_policy(facts: &Facts, key: &str, actions: &[String]) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before = key_policy(facts, key)?;
    let mut draft = parse(before, "the key policy")?;
    allow(&mut draft, &role, actions.to_vec(), json!("*"));
    let title = format!("Allow {role} {} in the policy of key {key}", words::list(actions));
    Ok(Plan::new(title, Owner::KeyOwner, set(PolicyHome::Key { arn: key.to_owned() }, Some(before), &draft)))
}

/// A Deny in the Data Catalog's resource policy hits the role.
pub(super) fn exempt_from_catalog_policy(facts: &Facts, statement: usize) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before = facts.glue.policy.known().ok_or("the Data Catalog's resource policy was not read")?;
    let mut draft = parse(before, "the Data Catalog's resource policy")?;
    let exempted = exempt(&mut draft, statement, facts)?;
    let account = crate::requirement::account(facts).map(|it| it.to_string()).unwrap_or_default();
    let home = PolicyHome::Catalog { account, region: region(facts)? };
    let title = exempted.title(&role, "the Data Catalog's resource policy");
    Ok(Plan::new(title, Owner::You, set_or_delete(home, before, &draft)?).noting(exempted.note))
}

/// Lake Formation must grant the role these permissions.
pub(super) fn grant_lake_formation(
    facts: &Facts,
    grants: &[(LakeResource, Vec<String>)],
) -> Result<Vec<Plan>, String> {
    let (principal, region) = (role_arn(facts)?, region(facts)?);
    let plan = |(on, permissions): &(LakeResource, Vec<String>)| {
        let title =
            format!("Grant the role {} on {} in Lake Formation", words::list(permissions), on.in_words());
        let (principal, region) = (principal.clone(), region.clone());
        let (on, permissions) = (on.clone(), permissions.clone());
        let change = Change::GrantLakeFormation { principal, on, permissions, region };
        Plan::new(title, Owner::LakeFormationAdmin, change)
    };
    Ok(grants.iter().map(plan).collect())
}

fn region(facts: &Facts) -> Result<String, String> {
    facts.target.region.clone().ok_or_else(|| "the connector's region was not given".to_owned())
}

fn set(home: PolicyHome, before: Option<&str>, draft: &Draft) -> Change {
    Change::SetPolicy { home, before: before.map(str::to_owned), after: draft.text() }
}
