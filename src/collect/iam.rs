//! The role and its policies.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::client::Aws;
use super::error::failed;
use super::operations::{
    GET_POLICY, GET_POLICY_VERSION, GET_ROLE, GET_ROLE_POLICY, LIST_ATTACHED_ROLE_POLICIES,
    LIST_ROLE_POLICIES, LIST_ROLES, Operation,
};
use super::pages::{ENDLESS, Endless, Pages};
use crate::facts::{AttachedPolicy, Fact, FailureKind, ManagedPolicy, Role, RoleUse};
use crate::policy::decode;

/// Pages of any list that are read, of a thousand entries at most: a bound, not a limit of AWS.
const PAGES: usize = 10;
/// Entries asked for in a page.
const PAGE: i32 = 1000;

/// RFC 3339, UTC.
pub(super) fn time(time: &DateTime) -> String {
    time.fmt(Format::DateTime).unwrap_or_default()
}

/// The role itself.
pub(super) async fn role(aws: &Aws<'_>, client: &aws_sdk_iam::Client, name: &str) -> Fact<Role> {
    let answer = aws.ask(&GET_ROLE, client.get_role().role_name(name).send()).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let read = answer.role().and_then(|role| {
        let used = role.role_last_used();
        let at = used.and_then(|used| used.last_used_date());
        let boundary = match role.permissions_boundary() {
            Some(boundary) => Some(boundary.permissions_boundary_arn()?.parse().ok()?),
            None => None,
        };
        Some(Role {
            arn: role.arn().parse().ok()?,
            id: role.role_id().to_owned(),
            created: time(role.create_date()),
            max_session_duration: role.max_session_duration().unwrap_or(3600),
            trust_policy: decode(role.assume_role_policy_document()?).into_owned(),
            boundary,
            last_used: at.map(|at| RoleUse {
                at: time(at),
                region: used.and_then(|used| used.region()).map(str::to_owned),
            }),
            tags: role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
        })
    });
    read.map_or_else(
        || {
            failed(
                &GET_ROLE,
                FailureKind::Unreadable,
                "GetRole answered without an ARN, a trust policy or the ARN of a boundary",
            )
        },
        Fact::Known,
    )
}

/// Names of the account's roles, for telling near misses.
pub(super) async fn role_names(aws: &Aws<'_>, client: &aws_sdk_iam::Client) -> Fact<Vec<String>> {
    let (mut names, mut pages, mut marker) = (Vec::new(), Pages::default(), None);
    for _ in 0..PAGES {
        let call = client.list_roles().max_items(PAGE).set_marker(marker).send();
        let answer = aws.ask(&LIST_ROLES, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        names.extend(answer.roles().iter().map(|role| role.role_name().to_owned()));
        marker = match pages.next_if(answer.is_truncated(), answer.marker()) {
            Ok(next) => next,
            Err(Endless) => return failed(&LIST_ROLES, FailureKind::Unreadable, ENDLESS),
        };
        if marker.is_none() {
            break;
        }
    }
    Fact::Known(names)
}

/// The managed policies attached to the role.
pub(super) async fn attached(
    aws: &Aws<'_>,
    client: &aws_sdk_iam::Client,
    role: &str,
) -> Fact<Vec<AttachedPolicy>> {
    let (mut policies, mut pages, mut marker) = (Vec::new(), Pages::default(), None);
    for _ in 0..PAGES {
        let call =
            client.list_attached_role_policies().role_name(role).max_items(PAGE).set_marker(marker).send();
        let answer = aws.ask(&LIST_ATTACHED_ROLE_POLICIES, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        for policy in answer.attached_policies() {
            let Some(arn) = policy.policy_arn().and_then(|arn| arn.parse::<crate::model::Arn>().ok()) else {
                let what = "ListAttachedRolePolicies answered with a policy that has no ARN";
                return failed(&LIST_ATTACHED_ROLE_POLICIES, FailureKind::Unreadable, what);
            };
            let name = policy.policy_name().unwrap_or(arn.name()).to_owned();
            policies.push(AttachedPolicy { name, arn });
        }
        marker = match pages.next_if(answer.is_truncated(), answer.marker()) {
            Ok(next) => next,
            Err(Endless) => return failed(&LIST_ATTACHED_ROLE_POLICIES, FailureKind::Unreadable, ENDLESS),
        };
        if marker.is_none() {
            return Fact::Known(policies);
        }
    }
    failed(
        &LIST_ATTACHED_ROLE_POLICIES,
        FailureKind::Unreadable,
        "the list of attached policies does not end",
    )
}

/// Names of the policies embedded in the role.
pub(super) async fn inline_names(
    aws: &Aws<'_>,
    client: &aws_sdk_iam::Client,
    role: &str,
) -> Fact<Vec<String>> {
    let (mut names, mut pages, mut marker) = (Vec::new(), Pages::default(), None);
    for _ in 0..PAGES {
        let call = client.list_role_policies().role_name(role).max_items(PAGE).set_marker(marker).send();
        let answer = aws.ask(&LIST_ROLE_POLICIES, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        names.extend_from_slice(answer.policy_names());
        marker = match pages.next_if(answer.is_truncated(), answer.marker()) {
            Ok(next) => next,
            Err(Endless) => return failed(&LIST_ROLE_POLICIES, FailureKind::Unreadable, ENDLESS),
        };
        if marker.is_none() {
            return Fact::Known(names);
        }
    }
    failed(&LIST_ROLE_POLICIES, FailureKind::Unreadable, "the list of inline policies does not end")
}

/// Why a policy is not known that the role had when its policies were listed.
fn gone<T>(fact: Fact<T>, operation: &Operation, what: &str) -> Fact<T> {
    match fact {
        Fact::Absent => {
            let why = format!("{what} was changed or deleted while it was read: run again");
            failed(operation, FailureKind::Unreadable, why)
        }
        fact => fact,
    }
}

/// A managed policy's default version.
pub(super) async fn managed(aws: &Aws<'_>, client: &aws_sdk_iam::Client, arn: &str) -> Fact<ManagedPolicy> {
    let answer =
        gone(aws.ask(&GET_POLICY, client.get_policy().policy_arn(arn).send()).await, &GET_POLICY, arn);
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let policy = answer.policy();
    let Some(version) = policy.and_then(|policy| policy.default_version_id()) else {
        return failed(
            &GET_POLICY,
            FailureKind::Unreadable,
            format!("GetPolicy names no default version of {arn}"),
        );
    };
    let name = policy
        .and_then(|policy| policy.policy_name())
        .unwrap_or_else(|| arn.rsplit('/').next().unwrap_or(arn));
    let call = client.get_policy_version().policy_arn(arn).version_id(version).send();
    let answer = gone(aws.ask(&GET_POLICY_VERSION, call).await, &GET_POLICY_VERSION, arn);
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let read = answer.policy_version().and_then(|it| Some((it.document()?, it.create_date())));
    let Some((document, created)) = read else {
        let what = format!("GetPolicyVersion gives no document of {arn}");
        return failed(&GET_POLICY_VERSION, FailureKind::Unreadable, what);
    };
    Fact::Known(ManagedPolicy {
        name: name.to_owned(),
        version: version.to_owned(),
        document: decode(document).into_owned(),
        updated: created.map(time),
    })
}

/// The document of a policy embedded in the role.
pub(super) async fn inline(
    aws: &Aws<'_>,
    client: &aws_sdk_iam::Client,
    role: &str,
    name: &str,
) -> Fact<String> {
    let call = client.get_role_policy().role_name(role).policy_name(name).send();
    let answer = aws.ask(&GET_ROLE_POLICY, call).await;
    let answer = gone(answer, &GET_ROLE_POLICY, &format!("the policy {name} of {role}"));
    answer.map(|answer| decode(answer.policy_document()).into_owned())
}
