//! What is wrong with a policy document, and where.

use std::fmt;

/// One thing that is wrong with a policy document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Line in the document, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Whether AWS would refuse the document for it.
    pub weight: Weight,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
}

/// What AWS makes of a fault in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// AWS refuses to store the document, and it cannot be made sense of.
    Error,
    /// AWS refuses to store the document. What it says is plain nevertheless, for one that was
    /// stored before AWS was strict, or by a service that is not.
    Refused,
    /// AWS stores it, but it does not do what was likely meant.
    Warning,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}
