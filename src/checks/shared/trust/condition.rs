//! Whether one condition of a trust policy holds for Streamkap's call, put to the policy engine.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde_json::json;

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

/// Addresses by which a condition's ranges can be told apart: those at and beyond the edges of each
/// range, of which only addresses that can call AWS over the internet are kept.
fn telling_addresses(ranges: &[String]) -> Vec<String> {
    let mut addresses = vec!["52.0.0.1".to_owned(), "2600:1f00::1".to_owned()];
    for range in ranges {
        let (base, bits) = range.split_once('/').unwrap_or((range, ""));
        if let Ok(base) = base.parse::<Ipv4Addr>() {
            let bits = bits.parse::<u32>().unwrap_or(32).min(32);
            let size = u32::MAX.checked_shr(bits).unwrap_or(0);
            let first = u32::from(base) & !size;
            let edges =
                [first.checked_sub(1), Some(first), Some(first | size), (first | size).checked_add(1)];
            let public = edges.into_iter().flatten().map(Ipv4Addr::from).filter(|it| is_public(*it));
            addresses.extend(public.map(|it| it.to_string()));
        } else if let Ok(base) = base.parse::<Ipv6Addr>() {
            let bits = bits.parse::<u32>().unwrap_or(128).min(128);
            let size = u128::MAX.checked_shr(bits).unwrap_or(0);
            let first = u128::from(base) & !size;
            let edges =
                [first.checked_sub(1), Some(first), Some(first | size), (first | size).checked_add(1)];
            // 2000::/3 is all of the internet's IPv6; 2001:db8::/32 is for documentation.
            let public = edges.into_iter().flatten().filter(|it| it >> 125 == 1 && it >> 96 != 0x2001_0db8);
            addresses.extend(public.map(|it| Ipv6Addr::from(it).to_string()));
        }
    }
    addresses
}

/// Whether a call over the internet can come from the address: not from private networks, nor from
/// those of RFC 5737 that exist in documentation only.
fn is_public(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_unspecified()
        || first == 0
        || first >= 224
        || (first == 100 && (64..128).contains(&second)))
}
