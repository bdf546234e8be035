//! Who can assume a role: questions answered over its whole trust policy.

use crate::model::StatementRef;

use super::{Context, Decision, Policy, Principal};

/// What is passed to `sts:AssumeRole`.
#[derive(Clone, Debug)]
pub struct Assumption<'a> {
    /// The role's ARN.
    pub role_arn: &'a str,
    /// Who calls.
    pub principal: &'a Principal,
    /// The external id passed, if any.
    pub external_id: Option<&'a str>,
    /// Other condition keys, unknown ones marked.
    pub context: Context,
}

/// Whether the trust policy lets the principal assume the role.
///
/// Judges the trust policy alone: a caller of another account also needs permission in its own.
pub fn assume(trust: &Policy, assumption: &Assumption<'_>) -> Decision {
    let _ = (trust, assumption);
    unimplemented!("filled in next")
}

/// An answer that may hang on condition keys nobody outside AWS can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It can never happen, whatever the context.
    Never,
    /// It can happen.
    Always {
        /// The statements that allow it.
        statements: Vec<StatementRef>,
        /// An external id with which it works; `None`: without any.
        witness: Option<String>,
    },
    /// It can happen if the keys named have fitting values.
    Depends {
        /// The statements that would allow it.
        statements: Vec<StatementRef>,
        /// The condition keys that decide, as written.
        keys: Vec<String>,
        /// An external id with which it may work; `None`: without any.
        witness: Option<String>,
    },
}

/// Whether the principal can assume the role without passing any external id.
pub fn without_external_id(trust: &Policy, role_arn: &str, principal: &Principal) -> Proof {
    let _ = (trust, role_arn, principal);
    Proof::Never
}

/// Whether the principal can assume the role with an external id other than `known`.
pub fn with_other_external_id(trust: &Policy, role_arn: &str, principal: &Principal, known: &str) -> Proof {
    let _ = (trust, role_arn, principal, known);
    Proof::Never
}

/// Somebody who can assume the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grantee {
    /// Who it is.
    pub who: Who,
    /// How sure it is, and by which statements.
    pub proof: Proof,
}

/// Who is trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Anybody with AWS credentials, of any account.
    Everyone,
    /// Whoever the account lets: its id.
    Account(String),
    /// One principal: an ARN or unique id as written.
    Principal(String),
    /// An AWS service.
    Service(String),
    /// An identity provider.
    Federated(String),
    /// An S3 canonical user.
    CanonicalUser(String),
    /// Everybody but those a `NotPrincipal` names.
    AllBut(Vec<String>),
}

/// Everybody the trust policy lets in, by any `sts:AssumeRole…` action, other than `except`.
pub fn others(trust: &Policy, role_arn: &str, except: &[Principal]) -> Vec<Grantee> {
    let _ = (trust, role_arn, except);
    Vec::new()
}
