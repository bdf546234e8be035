//! Who asks for what.

use super::Context;

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    text: String,
}

impl Principal {
    /// Reads the ARN of a role, role session, user, federated user or account root, an account id,
    /// a service name such as `glue.amazonaws.com`, or `*` for an anonymous caller.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, PrincipalError> {
        if text.is_empty() {
            Err(PrincipalError(text.to_owned()))
        } else {
            Ok(Self { text: text.to_owned() })
        }
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The text names no principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a principal: expected the ARN of a role, role session, user or account, or a service name"
)]
pub struct PrincipalError(pub(super) String);

/// One action on one resource by one principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// The action, such as `s3:PutObject`.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The account that owns the resource, where its ARN has none.
    pub resource_account: Option<String>,
    /// Condition keys. Keys that AWS derives from the principal are filled in when not given.
    pub context: Context,
}
