//! The IAM policy language: parse, compile, match, evaluate, explain.
//!
//! Pure: no input or output, no clock, no global state. Depends on [`crate::model`] only.
//! A policy's text becomes a [`Document`] (what is written, with line and column), a document becomes a
//! [`Policy`] (what is matched, cheap to share), policies by layer make a [`PolicySet`], and
//! [`evaluate`] says what AWS would decide of a [`Request`], by which statement, and, when nothing
//! allows it, which statement came closest. [`trust`] and [`scope`] answer whole-policy questions.

mod context;
mod decision;
mod diagnostic;
mod document;
mod policy;
mod request;
pub mod scope;
pub mod trust;

pub use context::Context;
pub use decision::{Decision, Miss, NearestMiss, PolicySet, evaluate};
pub use diagnostic::{Diagnostic, Weight};
pub use document::{
    Condition, Document, Effect, Kind, PrincipalEntry, PrincipalKind, Selector, Statement, decode,
};
pub use policy::{Layer, Policy};
pub use request::{Principal, PrincipalError, Request};
