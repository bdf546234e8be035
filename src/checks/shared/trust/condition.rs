//! Whether one condition of a trust policy holds for Streamkap's call, put to the policy engine.

use std::sync::Arc;

use serde_json::json;

use crate::model::telling_addresses;
use crate::policy::trust::{Assumption, assume};
use crate::policy::{Condition, Context, Document, Kind, Policy, Version};

use super::call::{Call, Key};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It does.
    Holds,
    /// It does not.
    Fails,
    /// It hangs on what nobody outside can know.
    Hangs,
}

impl Truth {
    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fails, _) | (_, Self::Fails) => Self::Fails,
            (Self::Hangs, _) | (_, Self::Hangs) => Self::Hangs,
            _ => Self::Holds,
        }
    }

    /// The truth, if all agree.
    fn agreed(all: impl IntoIterator<Item = Self>) -> Self {
        let mut all = all.into_iter();
        let Some(first) = all.next() else { return Self::Hangs };
        if all.all(|other| other == first) { first } else { Self::Hangs }
    }
}

/// Whether a condition holds for Streamkap's call, and whether that rests on what the doctor supposes of it.
pub(crate) fn holds(call: &Call, version: Version, condition: &Condition) -> (Truth, bool) {
    let policy = policy_of(version, condition);
    let with = |context: Context| put(&policy, call, &context);
    let given = |values: &Option<Vec<String>>| match values {
        Some(values) => {
            let mut context = call.context.clone();
            context.set(&condition.key, values.iter().map(String::as_str));
            with(context)
        }
        None => with(call.context.clone().absent(&condition.key)),
    };
    let agreed = |all: &[Option<Vec<String>>]| Truth::agreed(all.iter().map(given));
    match call.key(&condition.key) {
        Key::Settled => (with(call.context.clone()), false),
        Key::ExternalId if call.external_id.is_some() => (with(call.context.clone()), false),
        Key::Unknown | Key::ExternalId => (with(call.context.clone().unknown(&condition.key)), false),
        Key::OneOf(all) => (agreed(&all), false),
        Key::Supposed(all) => (agreed(&all), true),
        Key::Address => {
            let known = !call.addresses.is_empty();
            let addresses = if known { call.addresses.clone() } else { telling_addresses(&condition.values) };
            let all: Vec<Option<Vec<String>>> = addresses.into_iter().map(|it| Some(vec![it])).collect();
            (agreed(&all), known)
        }
    }
}

/// A policy that allows everybody under this condition alone.
fn policy_of(version: Version, condition: &Condition) -> Arc<Policy> {
    let version = if version == Version::V2012 { "2012-10-17" } else { "2008-10-17" };
    let text = json!({"Version": version, "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole",
        "Condition": {&condition.operator: {&condition.key: &condition.values}}}]})
    .to_string();
    let empty = || Document::recover(Kind::Trust, r#"{"Statement": []}"#).0;
    #[expect(
        clippy::expect_used,
        reason = "both texts are objects with `Statement`, which is all that a document needs"
    )]
    let document = Document::recover(Kind::Trust, &text)
        .0
        .or_else(empty)
        .expect("an object with statements is a document");
    Policy::compile("condition", document)
}

/// Whether any of Streamkap's principals gets in by the policy.
fn put(policy: &Arc<Policy>, call: &Call, context: &Context) -> Truth {
    let external_id = call.external_id.as_ref().map(crate::model::ExternalId::expose);
    let mut best = Truth::Fails;
    for principal in &call.principals {
        let context = context.clone();
        let decision =
            assume(policy, &Assumption { role_arn: &call.role_arn, principal, external_id, context });
        if decision.verdict.is_allowed() {
            return Truth::Holds;
        }
        if !decision.depends_on.is_empty() {
            best = Truth::Hangs;
        }
    }
    best
}
