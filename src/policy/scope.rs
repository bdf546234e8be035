//! What policies allow beyond a set of needs.

use std::sync::Arc;

use crate::model::StatementRef;

use super::Policy;

/// Something that has to be allowed: one action on a resource pattern (an ARN with `*` and `?`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The action, or a pattern.
    pub action: String,
    /// The resource pattern.
    pub resource: String,
}

/// An action pattern on a resource pattern that a statement allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The action pattern as written; for `NotAction`, `*`.
    pub action: String,
    /// The resource pattern as written; for `NotResource`, `*`.
    pub resource: String,
    /// The statement.
    pub statement: StatementRef,
    /// Whether the statement has conditions.
    pub conditional: bool,
    /// How bad it is to grant it without need.
    pub danger: Danger,
}

/// How bad an unneeded grant is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Lets its holder gain further permissions: `iam:PassRole`, `iam:Put*`, `sts:AssumeRole`, `*`.
    Escalation,
    /// Every action of a service, or every resource.
    Wildcard,
    /// More than is needed, but bounded.
    Excess,
}

/// Whether every text that `inner` matches is matched by `outer`. Actions are compared without
/// regard to case by lower-casing both first.
pub fn covers(outer: &str, inner: &str) -> bool {
    outer == inner
}

/// What the policies grant that no need covers, worst first.
pub fn beyond(policies: &[Arc<Policy>], needs: &[Need]) -> Vec<Grant> {
    let _ = (policies, needs);
    Vec::new()
}
