//! Keys: their state, policy and grants.

use super::client::Aws;
use super::error::failed;
use super::operations::{DESCRIBE_KEY, GET_KEY_POLICY, LIST_GRANTS};
use super::pages::{ENDLESS, Endless, Pages};
use super::s3::wanted;
use crate::facts::{Fact, FactId, FailureKind, Grant, Key, KeyMetadata};
use crate::model::{AccountId, Arn};
use crate::plan::Plan;

/// Pages of grants that are read, of a hundred each.
const PAGES: usize = 10;

/// The key that an ARN names, be it the key's own or an alias's. A key's policy is asked for by the key's
/// own ARN only: that of a key named by an alias is added by [`with_policy`].
pub(super) async fn key(aws: &Aws<'_>, plan: &Plan, entry: &Arn, caller: &AccountId) -> Key {
    let client = aws.kms(entry.region());
    let describe = wanted(plan, FactId::Key, async {
        match (describe(aws, &client, entry).await, account_of_another(entry.as_str(), caller)) {
            // No permission of the caller's own would do: the key's owner decides.
            (Fact::Denied(refusal), Some(account)) => failed(
                &DESCRIBE_KEY,
                FailureKind::OtherAccount,
                format!(
                    "the key {entry} is in account {account}, which does not let you look: {}",
                    refusal.message
                ),
            ),
            // Whoever may not look there is told the same as if there were no such key.
            (Fact::Absent, Some(account)) => failed(
                &DESCRIBE_KEY,
                FailureKind::OtherAccount,
                format!(
                    "the key {entry} is in account {account}, and AWS does not say whether it exists: only callers of that account can tell"
                ),
            ),
            (metadata, _) => metadata,
        }
    });
    let (metadata, policy) = if is_alias(entry) {
        (describe.await, Fact::default())
    } else {
        let policy = policy(aws, &client, entry.as_str(), caller);
        tokio::join!(describe, wanted(plan, FactId::KeyPolicy, policy))
    };
    let grants = Fact::NotAsked("asked only when the policies refuse".to_owned());
    Key { metadata, policy, grants }
}

/// The same key with the policy that could not be asked for before the alias was resolved.
pub(super) async fn with_policy(
    aws: &Aws<'_>,
    plan: &Plan,
    entry: &Arn,
    key: Key,
    caller: &AccountId,
) -> Key {
    if !is_alias(entry) {
        return key;
    }
    let policy = match &key.metadata {
        Fact::Known(metadata) => {
            let client = aws.kms(entry.region());
            wanted(plan, FactId::KeyPolicy, policy(aws, &client, &metadata.arn, caller)).await
        }
        unread => unread.unread().unwrap_or_default(),
    };
    Key { policy, ..key }
}

fn is_alias(entry: &Arn) -> bool {
    !entry.resource().starts_with("key/")
}

async fn describe(aws: &Aws<'_>, client: &aws_sdk_kms::Client, entry: &Arn) -> Fact<KeyMetadata> {
    let answer = aws.ask(&DESCRIBE_KEY, client.describe_key().key_id(entry.as_str()).send()).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let read = answer.key_metadata().and_then(|key| {
        Some(KeyMetadata {
            arn: key.arn()?.to_owned(),
            state: key.key_state()?.as_str().to_owned(),
            manager: key.key_manager().map_or("CUSTOMER", |it| it.as_str()).to_owned(),
            usage: key.key_usage()?.as_str().to_owned(),
            spec: key.key_spec()?.as_str().to_owned(),
        })
    });
    let what = || {
        failed(
            &DESCRIBE_KEY,
            FailureKind::Unreadable,
            "DescribeKey answered without an ARN, a state, a use or a kind",
        )
    };
    read.map_or_else(what, Fact::Known)
}

async fn policy(aws: &Aws<'_>, client: &aws_sdk_kms::Client, arn: &str, caller: &AccountId) -> Fact<String> {
    if let Some(account) = account_of_another(arn, caller) {
        let what = format!(
            "the key {arn} is in account {account}, and only callers of that account can read its policy"
        );
        return failed(&GET_KEY_POLICY, FailureKind::OtherAccount, what);
    }
    let call = client.get_key_policy().key_id(arn).policy_name("default").send();
    let answer = aws.ask(&GET_KEY_POLICY, call).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    match answer.policy() {
        Some(text) => Fact::Known(text.to_owned()),
        None => failed(&GET_KEY_POLICY, FailureKind::Unreadable, "GetKeyPolicy answered without a policy"),
    }
}

fn account_of_another(arn: &str, caller: &AccountId) -> Option<String> {
    let account = arn.split(':').nth(4)?;
    (account != caller.as_str()).then(|| account.to_owned())
}

/// The key's grants.
pub(super) async fn grants(aws: &Aws<'_>, arn: &Arn, caller: &AccountId) -> Fact<Vec<Grant>> {
    if let Some(account) = account_of_another(arn.as_str(), caller) {
        let what = format!("the key {arn} is in account {account}; its grants are read there");
        return failed(&LIST_GRANTS, FailureKind::OtherAccount, what);
    }
    let client = aws.kms(arn.region());
    let (mut grants, mut pages, mut marker) = (Vec::new(), Pages::default(), None);
    for _ in 0..PAGES {
        let call = client.list_grants().key_id(arn.as_str()).limit(100).set_marker(marker).send();
        let answer = aws.ask(&LIST_GRANTS, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        if answer.grants().iter().any(|it| it.grantee_principal.is_none() || it.operations.is_none()) {
            let what = "a grant was listed without its grantee or its operations";
            return failed(&LIST_GRANTS, FailureKind::Unreadable, what);
        }
        grants.extend(answer.grants().iter().map(|grant| Grant {
            id: grant.grant_id().unwrap_or_default().to_owned(),
            grantee: grant.grantee_principal().unwrap_or_default().to_owned(),
            operations: grant.operations().iter().map(|it| it.as_str().to_owned()).collect(),
            constrained: grant.constraints().is_some(),
        }));
        marker = match pages.next_if(answer.truncated(), answer.next_marker()) {
            Ok(next) => next,
            Err(Endless) => return failed(&LIST_GRANTS, FailureKind::Unreadable, ENDLESS),
        };
        if marker.is_none() {
            return Fact::Known(grants);
        }
    }
    let what = format!("the key {arn} has more than {} grants, and not all were read", grants.len());
    failed(&LIST_GRANTS, FailureKind::Unreadable, what)
}
