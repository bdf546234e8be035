//! Who made a call, and whether it was one role.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{Event, text};
use crate::model::Arn;

/// `userIdentity` of a record.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Identity {
    /// `type`: `AssumedRole`, `IAMUser`, `AWSAccount`, `AWSService` … Sometimes missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `arn`: of a session, `arn:aws:sts::A:assumed-role/NAME/SESSION`, without the role's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// `principalId`, `AROA…:SESSION` for a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// `accountId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// `accessKeyId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// `userName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// `sessionContext.sessionIssuer`: whose session it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Issuer>,
    /// `invokedBy`: the service that made the call on somebody's behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
}

/// The issuer of a session: the role, with its path, or the federating user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Issuer {
    /// `type`: `Role`, `IAMUser`, `Root`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `arn`, the role's own, with its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// `principalId`, `AROA…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// `accountId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// `userName`: the role's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
}

impl Identity {
    /// Reads `userIdentity`; what is missing or of the wrong type stays empty.
    pub(super) fn from_value(value: &Value) -> Self {
        let Some(map) = value.as_object() else { return Self::default() };
        let context = map.get("sessionContext").and_then(Value::as_object);
        let issuer = context.and_then(|context| context.get("sessionIssuer")).and_then(Value::as_object);
        Self {
            kind: text(map, "type"),
            arn: text(map, "arn"),
            principal_id: text(map, "principalId"),
            account_id: text(map, "accountId"),
            access_key_id: text(map, "accessKeyId"),
            user_name: text(map, "userName"),
            issuer: issuer.map(|issuer| Issuer {
                kind: text(issuer, "type"),
                arn: text(issuer, "arn"),
                principal_id: text(issuer, "principalId"),
                account_id: text(issuer, "accountId"),
                user_name: text(issuer, "userName"),
            }),
            invoked_by: text(map, "invokedBy")
                .or_else(|| context.and_then(|context| text(context, "invokedBy"))),
        }
    }

    /// Who did it, for a reader: the session's or user's ARN, else the service, else the
    /// account, else the principal's id.
    pub fn actor(&self) -> String {
        let account = self.account_id.as_ref().map(|account| format!("account {account}"));
        self.arn
            .clone()
            .or_else(|| self.invoked_by.clone())
            .or(account)
            .or_else(|| self.principal_id.clone())
            .unwrap_or_else(|| "unknown".to_owned())
    }

    /// The role behind a session, or whoever it was.
    pub(super) fn principal(&self) -> Cow<'_, str> {
        match self.issuer.as_ref().and_then(|issuer| issuer.arn.as_deref()) {
            Some(arn) => Cow::Borrowed(arn),
            None => Cow::Owned(self.actor()),
        }
    }

    /// Whether it is a session of `role`; see [`made_by_role`].
    pub fn is_of_role(&self, role: &Arn) -> bool {
        if let Some(issuer) = &self.issuer {
            if issuer.kind.as_deref().is_some_and(|kind| kind != "Role") {
                return false;
            }
            if let Some(arn) = &issuer.arn {
                return arn == role.as_str() || is_without_path(role) && same_name(arn, role);
            }
            if let (Some(account), Some(name)) = (&issuer.account_id, &issuer.user_name) {
                return is_account_of(account, role) && name == role.name();
            }
        }
        self.arn.as_deref().is_some_and(|arn| is_session_of(arn, role))
    }
}

/// The account of somebody as [`Identity::actor`] or a message tells them: `account 111122223333`, maybe with an id, or an ARN.
pub fn account_of_actor(actor: &str) -> Option<&str> {
    let of_account = actor.strip_prefix("account ").and_then(|rest| rest.split(',').next());
    let account = of_account.or_else(|| actor.split(':').nth(4))?;
    Some(account).filter(|account| !account.is_empty())
}

/// Whether a session of `role` made the call.
///
/// Told by the issuer's ARN, which has the role's path; a session's name is never looked at, for
/// anybody may choose it. Without an issuer the session's ARN serves, which lacks the path: name
/// and account identify a role, as a name is given once per account whatever the path. For the
/// same reason a `role` given without a path matches the name under any path.
///
/// A role without an account, as [`role_of_any_account`] makes it, matches in every account.
///
/// A call that *concerns* the role, such as a refused `AssumeRole` of it, is not made by it.
pub fn made_by_role(event: &Event, role: &Arn) -> bool {
    event.identity.is_of_role(role)
}

/// Whether two names, or ARNs, that calls give mean the same role: names are unique in an account without regard to
/// case, and a call names a role as its caller wrote it. Whose session made a call is told as IAM has the name.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

fn is_without_path(role: &Arn) -> bool {
    role.resource().strip_prefix("role/").is_some_and(|name| !name.contains('/'))
}

/// A role of which only the name is known, for logs that are read without asking AWS whose they
/// are.
pub fn role_of_any_account(name: &str) -> Arn {
    Arn::new("aws", "iam", "", "", &format!("role/{name}"))
}

/// Whether an account is the role's, as far as that is known.
pub(super) fn is_account_of(account: &str, role: &Arn) -> bool {
    role.account().is_empty() || account == role.account()
}

fn is_partition_of(arn: &Arn, role: &Arn) -> bool {
    role.account().is_empty() || arn.partition() == role.partition()
}

fn same_name(issuer: &str, role: &Arn) -> bool {
    issuer.parse::<Arn>().is_ok_and(|issuer| {
        issuer.service() == "iam"
            && issuer.resource().starts_with("role/")
            && is_account_of(issuer.account(), role)
            && issuer.name() == role.name()
            && is_partition_of(&issuer, role)
    })
}

/// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, or the role's own ARN, which some services
/// write where a session acts.
fn is_session_of(arn: &str, role: &Arn) -> bool {
    if arn == role.as_str() {
        return true;
    }
    let Ok(session) = arn.parse::<Arn>() else { return false };
    let Some(rest) = session.resource().strip_prefix("assumed-role/") else { return false };
    session.service() == "sts"
        && is_account_of(session.account(), role)
        && is_partition_of(&session, role)
        && rest.split('/').next() == Some(role.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(identity: &Value) -> Event {
        Event::from_value(&json!({"eventSource": "s3.amazonaws.com", "eventName": "PutObject",
            "requestParameters": {"roleArn": "arn:aws:iam::111122223333:role/service/orders"},
            "userIdentity": identity}))
        .unwrap()
    }

    fn role() -> Arn {
        "arn:aws:iam::111122223333:role/service/orders".parse().unwrap()
    }

    #[test]
    fn the_issuers_arn_decides_with_its_path_and_account() {
        for (issuer, made) in [
            ("arn:aws:iam::111122223333:role/service/orders", true),
            ("arn:aws:iam::111122223333:role/orders", false),
            ("arn:aws:iam::111122223333:role/service/orders-canary", false),
            ("arn:aws:iam::111122223333:role/service/Orders", false),
            ("arn:aws:iam::999922223333:role/service/orders", false),
        ] {
            let identity = json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/orders/x",
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": issuer}}});
            assert_eq!(made_by_role(&event(&identity), &role()), made, "{issuer}");
        }
    }

    #[test]
    fn a_role_given_without_its_path_is_found_under_any() {
        let bare: Arn = "arn:aws:iam::111122223333:role/orders".parse().unwrap();
        let identity = json!({"sessionContext": {"sessionIssuer": {"arn": role().as_str()}}});
        assert!(made_by_role(&event(&identity), &bare));
        let other = json!({"sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/service/orders2"}}});
        assert!(!made_by_role(&event(&other), &bare));
    }

    #[test]
    fn without_an_issuer_the_session_arn_and_its_account_decide() {
        for (arn, made) in [
            ("arn:aws:sts::111122223333:assumed-role/orders/any.session@x", true),
            ("arn:aws:sts::111122223333:assumed-role/Orders/any", false),
            ("arn:aws:sts::999922223333:assumed-role/orders/any", false),
            ("arn:aws:sts::111122223333:assumed-role/orders-2/any", false),
            ("arn:aws:sts::111122223333:assumed-role/other/orders", false),
            ("arn:aws:sts::111122223333:federated-user/orders", false),
            ("arn:aws:iam::111122223333:user/orders", false),
        ] {
            assert_eq!(made_by_role(&event(&json!({"arn": arn})), &role()), made, "{arn}");
        }
    }

    #[test]
    fn those_who_act_on_or_beside_the_role_are_not_it() {
        for identity in [
            json!({"type": "AWSAccount", "principalId": "AROAX:s", "accountId": "300973880807"}),
            json!({"type": "AWSService", "invokedBy": "s3.amazonaws.com"}),
            json!({"type": "FederatedUser", "arn": "arn:aws:sts::111122223333:federated-user/orders",
                "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/orders"}}}),
            json!(null),
        ] {
            assert!(!made_by_role(&event(&identity), &role()), "{identity}");
        }
    }

    #[test]
    fn a_service_that_acts_with_the_roles_session_counts_as_the_role() {
        let identity = json!({"type": "AssumedRole", "invokedBy": "glue.amazonaws.com",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role().as_str()}}});
        assert!(made_by_role(&event(&identity), &role()));
    }
}
