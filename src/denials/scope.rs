//! What a search is for: whose denials, where, when.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::answer::{Question, Window};
use crate::model::Arn;
use crate::trail::{Event, EventRef, Identity, role_of_any_account};

/// What to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Whose denials; anybody's when none.
    pub role: Option<RoleFilter>,
    /// The accounts in whose trails to look; empty: all.
    pub accounts: BTreeSet<String>,
    /// The regions; empty: all.
    pub regions: BTreeSet<String>,
    /// The window of time.
    pub window: Window,
    /// When it is asked, where what is asked goes on until then.
    pub asked: Option<Timestamp>,
    /// The connector's bucket and the prefix in it, where they are known.
    pub bucket: Option<(String, String)>,
}

/// The role whose denials are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleFilter {
    /// This role; without a path, the one of this name under any path.
    Arn(Arn),
    /// Roles of this name in any account, under any path.
    Name(String),
}

impl RoleFilter {
    /// As a person would name it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Arn(arn) => arn.as_str(),
            Self::Name(name) => name,
        }
    }

    /// The role as an ARN; where only its name is known, one without an account, which stands for every
    /// role of that name.
    pub fn role(&self) -> Arn {
        match self {
            Self::Arn(role) => role.clone(),
            Self::Name(name) => role_of_any_account(name),
        }
    }

    /// Whether it is a session of the role that called.
    pub fn made(&self, identity: &Identity) -> bool {
        identity.is_of_role(&self.role())
    }
}

impl Scope {
    /// The connector's bucket and the prefix in it.
    pub fn bucket(&self) -> Option<(&str, &str)> {
        self.bucket.as_ref().map(|(name, prefix)| (name.as_str(), prefix.as_str()))
    }

    /// Whether an event is asked for: a denial of the role, in the window, account and region.
    pub fn wants(&self, event: &Event) -> bool {
        self.wants_record(&EventRef::from(event))
    }

    /// The same of a borrowed event.
    pub fn wants_record(&self, event: &EventRef<'_>) -> bool {
        event.is_denial()
            && self.covers(event)
            && self.role.as_ref().is_none_or(|role| role.made(event.identity()))
    }

    /// Whether an event is of the window, an account and a region that are asked for.
    pub fn covers(&self, event: &EventRef<'_>) -> bool {
        let window = self.window;
        let in_window = event.event_time.is_none_or(|time| {
            window.since.is_none_or(|since| time >= since) && window.until.is_none_or(|until| time < until)
        });
        let account = event.recipient_account.as_deref();
        in_window
            && (self.accounts.is_empty() || account.is_none_or(|account| self.accounts.contains(account)))
            && (self.regions.is_empty() || event.region.is_empty() || self.regions.contains(&*event.region))
    }

    /// The question as it is answered.
    pub fn question(&self) -> Question {
        Question {
            role: self.role.as_ref().map(|role| role.as_str().to_owned()),
            accounts: self.accounts.clone(),
            window: self.window,
            bucket: self.bucket().map(|(name, _)| name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(issuer: &str) -> Event {
        Event::from_value(&json!({"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "awsRegion": "eu-west-1",
            "errorCode": "AccessDenied", "eventTime": "2026-03-02T10:00:00Z", "recipientAccountId": "111122223333",
            "userIdentity": {"sessionContext": {"sessionIssuer": {"type": "Role", "arn": issuer}}}}))
        .unwrap()
    }

    #[test]
    fn a_bare_name_is_found_in_every_account_and_partition_but_is_that_name() {
        let scope = Scope { role: Some(RoleFilter::Name("orders".to_owned())), ..Scope::default() };
        for (issuer, wanted) in [
            ("arn:aws:iam::111122223333:role/orders", true),
            ("arn:aws-us-gov:iam::444455556666:role/service/orders", true),
            ("arn:aws:iam::111122223333:role/old-orders", false),
            ("arn:aws:iam::111122223333:role/Orders", false),
            ("arn:aws:iam::111122223333:user/orders", false),
        ] {
            assert_eq!(scope.wants(&event(issuer)), wanted, "{issuer}");
        }
    }

    #[test]
    fn window_account_and_region_are_held() {
        let issuer = "arn:aws:iam::111122223333:role/orders";
        let mut scope = Scope::default();
        assert!(scope.wants(&event(issuer)));
        scope.regions = ["us-east-1".to_owned()].into();
        assert!(!scope.wants(&event(issuer)));
        scope.regions.clear();
        scope.accounts = ["444455556666".to_owned()].into();
        assert!(!scope.wants(&event(issuer)));
        scope.accounts.clear();
        scope.window.until = Some("2026-03-02T10:00:00Z".parse().unwrap());
        assert!(!scope.wants(&event(issuer)));
    }
}
