//! The account's organisation, which any member account may ask about.

use super::client::Aws;
use super::error::failed;
use super::operations::DESCRIBE_ORGANIZATION;
use crate::facts::{Fact, FailureKind, Organization};

/// The organisation; absent: the account is in none.
pub(super) async fn organization(aws: &Aws<'_>) -> Fact<Organization> {
    let client = aws.organizations();
    let answer = aws.ask(&DESCRIBE_ORGANIZATION, client.describe_organization().send()).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let organization = answer.organization().and_then(|it| {
        Some(Organization {
            id: it.id()?.to_owned(),
            management_account: it.master_account_id()?.parse().ok()?,
            feature_set: it.feature_set().map_or("ALL", |it| it.as_str()).to_owned(),
        })
    });
    organization.map_or_else(
        || failed(&DESCRIBE_ORGANIZATION, FailureKind::Unreadable, "the answer names no organization"),
        Fact::Known,
    )
}
