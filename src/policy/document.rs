//! A policy document as written: statements with their place in the text.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Weight};
use super::grammar;

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

/// The version of the policy language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `2008-10-17`, also when none is written: variables are plain text.
    V2008,
    /// `2012-10-17`.
    V2012,
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

/// An element or its negation: `Action` or `NotAction`, and so for resources and principals.
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

    /// The values, whichever element they stand in.
    pub fn values(&self) -> &[T] {
        match self {
            Self::Any(values) | Self::AllBut(values) => values,
        }
    }

    pub(super) fn map<U>(&self, change: impl FnMut(&T) -> U) -> Selector<U> {
        match self {
            Self::Any(values) => Selector::Any(values.iter().map(change).collect()),
            Self::AllBut(values) => Selector::AllBut(values.iter().map(change).collect()),
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
    pub(super) text: Arc<str>,
    pub(super) kind: Kind,
    pub(super) version: Version,
    pub(super) statements: Vec<Statement>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Document {
    /// Reads a document that AWS has stored as `kind`.
    ///
    /// # Errors
    /// Every [`Weight::Error`] in the order of the text; never empty.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::parse_down_to(Weight::Error, kind, text)
    }

    /// Reads a document as AWS does when it is put in place as `kind`.
    ///
    /// # Errors
    /// Every fault for which AWS would refuse it, in the order of the text; never empty.
    pub fn parse_strictly(kind: Kind, text: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::parse_down_to(Weight::Refused, kind, text)
    }

    /// Reads a document, faults of at least this weight being errors.
    fn parse_down_to(least: Weight, kind: Kind, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let (document, diagnostics) = grammar::read(kind, text);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diagnostics.into_iter().partition(|diagnostic| diagnostic.weight <= least);
        match document {
            Some(document) if errors.is_empty() => Ok(Self { warnings, ..document }),
            _ => Err(errors),
        }
    }

    /// Reads as much of a document as makes sense, leaving out the statements that do not, with
    /// everything that is wrong with it. `None` when it is not a policy at all.
    pub fn recover(kind: Kind, text: &str) -> (Option<Self>, Vec<Diagnostic>) {
        let (document, diagnostics) = grammar::read(kind, text);
        (document.map(|document| Self { warnings: diagnostics.clone(), ..document }), diagnostics)
    }

    /// The text as given, which lines, columns and ranges refer to.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the document was read as.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The version of the policy language it is written in.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The statements in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// What is likely not meant or not taken everywhere, such as malformed principals and duplicate keys.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The document as JSON, in the order written; of duplicate keys the last.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.text.trim_start_matches('\u{feff}')).unwrap_or_default()
    }
}

/// A document as AWS returns it (URL-encoded by `GetRole`, `GetRolePolicy` and `GetPolicyVersion`) in clear.
///
/// Text that is not URL-encoded is returned as it is.
pub fn decode(text: &str) -> Cow<'_, str> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let encoded = ["%7B", "%7b", "%0A", "%0a", "%20", "%09", "%EF%BB%BF"];
    if start.starts_with('{') || !encoded.iter().any(|prefix| start.starts_with(prefix)) {
        return Cow::Borrowed(text);
    }
    percent_encoding::percent_decode_str(start).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_encoded_documents_are_decoded_and_others_left_alone() {
        assert_eq!(decode("%7B%22Version%22%3A%222012-10-17%22%7D"), r#"{"Version":"2012-10-17"}"#);
        let plain = r#"{"Statement": "100%25"}"#;
        assert_eq!(decode(plain), plain);
        assert_eq!(decode("nonsense"), "nonsense");
    }
}
