//! A policy document as written: statements with their place in the text.

use std::ops::Range;
use std::sync::Arc;

use super::Diagnostic;

/// What a document is attached to, which decides the elements it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A policy of a user, group or role.
    Identity,
    /// A permissions boundary.
    Boundary,
    /// A session policy.
    Session,
    /// A service control policy of an organisation.
    ServiceControl,
    /// A resource control policy of an organisation.
    ResourceControl,
    /// A policy on a bucket, key, catalogue or other resource.
    Resource,
    /// A role's trust policy.
    Trust,
    /// A VPC endpoint's policy.
    Endpoint,
}

/// A statement's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It grants.
    Allow,
    /// It refuses, whatever else grants.
    Deny,
}

impl Effect {
    /// `Allow` or `Deny`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// An element and its negation: `Action` or `NotAction`, and so for resources and principals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector<T> {
    /// `Action`, `Resource`, `Principal`: any of these.
    Any(Vec<T>),
    /// `NotAction`, `NotResource`, `NotPrincipal`: all but these.
    AllBut(Vec<T>),
}

impl<T> Selector<T> {
    /// The values of the positive element; empty for the negated one.
    pub fn any(&self) -> &[T] {
        match self {
            Self::Any(values) => values,
            Self::AllBut(_) => &[],
        }
    }

    /// The values of the negated element; empty for the positive one.
    pub fn all_but(&self) -> &[T] {
        match self {
            Self::AllBut(values) => values,
            Self::Any(_) => &[],
        }
    }
}

/// The kind of a principal in `Principal` or `NotPrincipal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// `"Principal": "*"`, without a kind.
    Everyone,
    /// `AWS`: account id, ARN, unique id or `*`.
    Aws,
    /// `Service`.
    Service,
    /// `Federated`: an identity provider.
    Federated,
    /// `CanonicalUser`: an S3 canonical user id.
    CanonicalUser,
}

/// One principal as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalEntry {
    /// Which kind it is listed under.
    pub kind: PrincipalKind,
    /// The value as written; `*` for [`PrincipalKind::Everyone`].
    pub value: String,
}

/// One operator and key of a `Condition` with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The operator as written, such as `ForAnyValue:StringLikeIfExists`.
    pub operator: String,
    /// The condition key as written.
    pub key: String,
    /// The values in order; numbers and booleans as their JSON text.
    pub values: Vec<String>,
    /// Line of the key, from 1.
    pub line: usize,
}

/// A statement as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Position in the document, from 0.
    pub index: usize,
    /// `Sid`, unless empty.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Action` or `NotAction`.
    pub actions: Selector<String>,
    /// `Resource` or `NotResource`; trust policies have none.
    pub resources: Option<Selector<String>>,
    /// `Principal` or `NotPrincipal`; identity policies have none.
    pub principals: Option<Selector<PrincipalEntry>>,
    /// `Condition`, in the order written.
    pub conditions: Vec<Condition>,
    /// Line of the opening brace, from 1.
    pub line: usize,
    /// Column of the opening brace in characters, from 1.
    pub column: usize,
    /// Line of the closing brace.
    pub end_line: usize,
    /// Bytes of the statement, braces included, in [`Document::text`].
    pub range: Range<usize>,
}

/// A parsed policy document: everything AWS would store, with its place in the text.
#[derive(Clone, Debug)]
pub struct Document {
    text: Arc<str>,
    kind: Kind,
    statements: Vec<Statement>,
    warnings: Vec<Diagnostic>,
}

impl Document {
    /// Reads a document as AWS would when it is stored as `kind`.
    ///
    /// # Errors
    /// Every fault for which AWS would refuse it, in the order of the text; never empty.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let _ = (kind, text);
        Ok(Self { text: text.into(), kind, statements: Vec::new(), warnings: Vec::new() })
    }

    /// The text as given, which lines, columns and ranges refer to.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the document was read as.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The statements in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// What AWS accepts but is likely not meant: misspelt operators, duplicate keys, unknown elements.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The document as JSON, in the order written (of duplicate keys the last).
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// A document as AWS returns it (URL-encoded by `GetRole`, `GetRolePolicy` and `GetPolicyVersion`) in clear.
///
/// Text that is not URL-encoded is returned as it is.
pub fn decode(text: &str) -> std::borrow::Cow<'_, str> {
    std::borrow::Cow::Borrowed(text)
}
