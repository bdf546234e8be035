//! Remedies in the policies of buckets, keys and the Data Catalog.

use serde_json::{Value, json};

use crate::facts::Facts;
use crate::model::{Change, LakeResource, Owner, PolicyHome};

use super::document::{Draft, add_condition, one_or_many};
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

/// Spares the role in a statement that denies. By the caller's role, which holds for all of its sessions;
/// a role listed in `NotPrincipal` would not spare them.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
fn exempt(draft: &mut Draft, statement: usize, role: &str) -> Result<(), String> {
    let statement = draft.statement(statement).ok_or("the policy no longer has that statement")?;
    add_condition(statement, "ArnNotEquals", "aws:PrincipalArn", role);
    Ok(())
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
    exempt(&mut draft, statement, &role)?;
    Ok(Plan {
        title: format!("Spare {role} in statement {} of the policy of bucket {bucket}", statement + 1),
        owner: Owner::You,
        change: set(PolicyHome::Bucket { bucket: bucket.to_owned() }, Some(before), &draft),
        brings: None,
    })
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
    Ok(Plan {
        title: format!("Allow {role} {} in the policy of bucket {bucket}", words::list(&actions)),
        owner: Owner::BucketAccount,
        change: set(PolicyHome::Bucket { bucket: bucket.to_owned() }, before, &draft),
        brings: None,
    })
}

/// A Deny in the key's policy hits the role.
pub(super) fn exempt_from_key_policy(facts: &Facts, key: &str, statement: usize) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before = key_policy(facts, key)?;
    let mut draft = parse(before, "the key policy")?;
    exempt(&mut draft, statement, &role)?;
    Ok(Plan {
        title: format!("Spare {role} in statement {} of the policy of key {key}", statement + 1),
        owner: Owner::KeyOwner,
        change: set(PolicyHome::Key { arn: key.to_owned() }, Some(before), &draft),
        brings: None,
    })
}

/// The key's policy must allow the role.
pub(super) fn allow_in_key_policy(facts: &Facts, key: &str, actions: &[String]) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before = key_policy(facts, key)?;
    let mut draft = parse(before, "the key policy")?;
    allow(&mut draft, &role, actions.to_vec(), json!("*"));
    Ok(Plan {
        title: format!("Allow {role} {} in the policy of key {key}", words::list(actions)),
        owner: Owner::KeyOwner,
        change: set(PolicyHome::Key { arn: key.to_owned() }, Some(before), &draft),
        brings: None,
    })
}

/// A Deny in the Data Catalog's resource policy hits the role.
pub(super) fn exempt_from_catalog_policy(facts: &Facts, statement: usize) -> Result<Plan, String> {
    let role = role_arn(facts)?;
    let before = facts.glue.policy.known().ok_or("the Data Catalog's resource policy was not read")?;
    let mut draft = parse(before, "the Data Catalog's resource policy")?;
    exempt(&mut draft, statement, &role)?;
    let account = crate::requirement::account(facts).map(|it| it.to_string()).unwrap_or_default();
    let home = PolicyHome::Catalog { account, region: region(facts)? };
    let title = format!("Spare {role} in statement {} of the Data Catalog's resource policy", statement + 1);
    Ok(Plan::new(title, Owner::You, set(home, Some(before), &draft)))
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
