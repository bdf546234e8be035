//! The IAM policy language: parse, compile, match, evaluate, explain.
//!
//! Pure: no input or output, no clock, no global state. Depends on [`crate::model`] only.
//! A policy's text becomes a [`Document`] (what is written, with line and column), a document becomes a
//! [`Policy`] (what is matched, cheap to share), policies by layer make a [`PolicySet`], and
//! [`evaluate`] says what AWS would decide of a [`Request`], by which statement, and, when nothing
//! allows it, which statement came closest. [`trust`] and [`scope`] answer whole-policy questions.

mod actions;
mod arn_pattern;
mod compiled;
mod condition;
mod context;
mod decision;
mod diagnostic;
mod document;
mod explain;
mod gaps;
mod grammar;
mod json;
mod key;
mod language;
mod missing;
mod operator;
mod organization;
mod pattern;
mod principal;
mod request;
mod resource_policies;
mod resource_types;
pub mod scope;
mod template;
pub mod trust;
mod truth;
mod value;

pub use actions::{Action, action_named, actions_of, services};
pub use compiled::{Layer, Policy};
pub use context::Context;
pub use decision::{Decision, PolicySet, evaluate};
pub use diagnostic::{Diagnostic, Weight};
pub use document::{
    Condition, Document, Effect, Kind, PrincipalEntry, PrincipalKind, Selector, Statement, Version, decode,
};
pub use explain::{Found, Miss, NearestMiss};
pub(crate) use operator::closest;
pub use request::{Principal, PrincipalError, Request};
pub use resource_policies::{Carrier, carrier};
pub use resource_types::takes_no_resource;

/// A text fit for a terminal and a report: what is not seen but does something is replaced.
pub(crate) fn clean(text: &str) -> std::borrow::Cow<'_, str> {
    let harmful = crate::model::is_unprintable;
    if text.contains(harmful) { text.replace(harmful, "\u{fffd}").into() } else { text.into() }
}
