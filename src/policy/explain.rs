//! Why nothing allows a request: the statement that came closest, and the part that did not match.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::model::{EngineVerdict, ExternalId, StatementRef};

use super::clean;
use super::compiled::{Compiled, Layer, Policy};
use super::decision::Decision;
use super::document::{Effect, PrincipalEntry, PrincipalKind, Selector, Statement};
use super::operator::Operator;
use super::principal::Fit;
use super::request::Facts;
use super::truth::Truth;

/// A statement that nearly allowed a request. `Display` says why it did not, in one sentence
/// without a full stop; values of `sts:ExternalId` are masked there, and in clear in the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearestMiss {
    /// The statement.
    pub statement: StatementRef,
    /// The first part that did not match, in the order action, resource, principal, condition.
    pub miss: Miss,
}

/// The part of a statement that did not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// The action.
    Action {
        /// The actions the statement names.
        allowed: Selector<String>,
        /// The action asked for.
        found: String,
    },
    /// The resource.
    Resource {
        /// The action asked for, which matched.
        action: String,
        /// The resources the statement names.
        allowed: Selector<String>,
        /// The resource asked for.
        found: String,
    },
    /// The principal.
    Principal {
        /// The action asked for, which matched.
        action: String,
        /// The principals the statement names, as written.
        allowed: Selector<String>,
        /// The principal that asks.
        found: String,
    },
    /// The principal is meant through its account only, and its own policies do not allow.
    Delegated {
        /// The action asked for.
        action: String,
        /// The account.
        account: String,
    },
    /// A condition.
    Condition {
        /// The action asked for, which matched.
        action: String,
        /// The operator as written.
        operator: String,
        /// The key as written.
        key: String,
        /// The values the condition names.
        expected: Vec<String>,
        /// What the request has.
        found: Found,
    },
}

/// What a request has of a condition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The key with these values.
    Values(Vec<String>),
    /// The key is absent.
    Absent,
    /// Whether and with what value cannot be known.
    Unknown,
}

/// How near a statement came: matching the action counts most, then principal, resource and how few
/// conditions failed; likeness of names breaks ties.
type Nearness = (bool, bool, bool, usize, usize);

/// The allowing statement that came closest, of the policies where one was looked for. On a tie the first.
pub(super) fn nearest_miss(policies: &[&[Arc<Policy>]], facts: &Facts<'_>) -> Option<NearestMiss> {
    let mut best: Option<(Nearness, &Policy, &Compiled, &Statement)> = None;
    for policy in policies.iter().copied().flatten() {
        for (statement, written) in policy.statements() {
            if statement.effect != Effect::Allow {
                continue;
            }
            let Some(nearness) = nearness(policy, statement, written, facts) else { continue };
            if best.as_ref().is_none_or(|(known, ..)| nearness > *known) {
                best = Some((nearness, policy, statement, written));
            }
        }
    }
    let (_, policy, statement, written) = best?;
    Some(NearestMiss {
        statement: statement.reference.clone(),
        miss: miss(policy, statement, written, facts)?,
    })
}

fn nearness(
    policy: &Policy,
    statement: &Compiled,
    written: &Statement,
    facts: &Facts<'_>,
) -> Option<Nearness> {
    let action = statement.covers_action(facts);
    if !action && !statement.is_about_service(facts) {
        return None;
    }
    let principal = meant(policy, statement, facts) != Fit::None;
    let resource = statement.covers_resource(facts) == Truth::Yes;
    if !action && !principal && !resource {
        return None;
    }
    let failed = if action && principal && resource {
        statement.conditions.iter().filter(|condition| condition.holds(facts) != Truth::Yes).count()
    } else {
        statement.conditions.len()
    };
    let likeness = match &written.resources {
        Some(resources) if !resource => likeness(resources.any(), facts.resource.text),
        _ => likeness(written.actions.any(), &facts.action),
    };
    Some((action, principal, resource, usize::MAX - failed, likeness))
}

fn meant(policy: &Policy, statement: &Compiled, facts: &Facts<'_>) -> Fit {
    match policy.layer() {
        Layer::Resource | Layer::ResourceControl | Layer::Endpoint => {
            statement.covers_principal(facts, false)
        }
        _ => Fit::Itself,
    }
}

/// The longest start that any of the values shares with the text.
fn likeness(values: &[String], text: &str) -> usize {
    let shared = |value: &String| {
        value.bytes().zip(text.bytes()).take_while(|(left, right)| left.eq_ignore_ascii_case(right)).count()
    };
    values.iter().map(shared).max().unwrap_or(0)
}

fn miss(policy: &Policy, statement: &Compiled, written: &Statement, facts: &Facts<'_>) -> Option<Miss> {
    let action = clean(facts.asked()).into_owned();
    if !statement.covers_action(facts) {
        return Some(Miss::Action {
            allowed: written.actions.map(|text| clean(text).into_owned()),
            found: action,
        });
    }
    if statement.covers_resource(facts) != Truth::Yes {
        let resources = written.resources.as_ref()?;
        return Some(Miss::Resource {
            action,
            allowed: resources.map(|text| clean(text).into_owned()),
            found: clean(facts.resource.text).into_owned(),
        });
    }
    let fit = meant(policy, statement, facts);
    if fit == Fit::None {
        let allowed = written.principals.as_ref().map(|principals| principals.map(principal_text));
        return Some(Miss::Principal {
            action,
            allowed: allowed.unwrap_or(Selector::Any(Vec::new())),
            found: clean(facts.principal.as_str()).into_owned(),
        });
    }
    let failed = statement.conditions.iter().position(|condition| condition.holds(facts) != Truth::Yes);
    if let Some(at) = failed {
        let condition = written.conditions.get(at)?;
        return Some(Miss::Condition {
            action,
            operator: clean(&condition.operator).into_owned(),
            key: clean(&condition.key).into_owned(),
            expected: condition.values.iter().map(|value| clean(value).into_owned()).collect(),
            found: facts.found(statement.conditions.get(at)?.key()),
        });
    }
    let account = facts.principal.account()?.to_owned();
    (fit == Fit::Account).then_some(Miss::Delegated { action, account })
}

fn principal_text(entry: &PrincipalEntry) -> String {
    match entry.kind {
        PrincipalKind::CanonicalUser => format!("the canonical user {}", clean(&entry.value)),
        _ => clean(&entry.value).into_owned(),
    }
}

/// A statement in words: "statement `WriteData` in policy `StreamkapS3Access` (line 9)".
struct Named<'a>(&'a StatementRef);

impl fmt::Display for Named<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StatementRef { policy, sid, index, line, .. } = self.0;
        match sid {
            Some(sid) => write!(out, "statement `{sid}` in policy `{policy}` (line {line})"),
            None => write!(out, "statement {} in policy `{policy}` (line {line})", index + 1),
        }
    }
}

/// The verdict and its ground, in one sentence without a full stop and with a small first letter.
pub(super) fn sentence(decision: &Decision) -> String {
    let named: Vec<String> =
        decision.statements.iter().map(|statement| Named(statement).to_string()).collect();
    let ground = match decision.verdict {
        EngineVerdict::Allowed if named.is_empty() => "allowed without any policy".to_owned(),
        EngineVerdict::Allowed => format!("allowed by {}", List::and(&named, "")),
        EngineVerdict::ExplicitDeny => format!("denied by {}", List::and(&named, "")),
        EngineVerdict::ImplicitDeny => {
            let lacking = match decision.decided_by {
                Layer::Identity => "no identity policy allows it",
                Layer::Boundary => "the permissions boundary does not allow it",
                Layer::Session => "no session policy allows it",
                Layer::ServiceControl => "no service control policy of one level allows it",
                Layer::ResourceControl => "no resource control policy allows it",
                Layer::Resource => "the resource's policy does not allow it",
                Layer::Endpoint => "the VPC endpoint's policy does not allow it",
            };
            match &decision.nearest_miss {
                Some(miss) => format!("{lacking}: {miss}"),
                None => lacking.to_owned(),
            }
        }
    };
    if decision.depends_on.is_empty() {
        return ground;
    }
    format!("it hangs on {}, not known here, and otherwise: {ground}", List::and(&decision.depends_on, ""))
}

impl fmt::Display for NearestMiss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ", Named(&self.statement))?;
        match &self.miss {
            Miss::Action { allowed: Selector::Any(allowed), found } => {
                write!(out, "allows {}, not {found}", List::and(allowed, "nothing"))
            }
            Miss::Action { allowed: Selector::AllBut(allowed), .. } => {
                write!(out, "allows every action but {}", List::and(allowed, "none"))
            }
            Miss::Resource { action, allowed: Selector::Any(allowed), found } => {
                write!(out, "allows {action} on {}, not on {found}", List::and(allowed, "nothing"))
            }
            Miss::Resource { action, allowed: Selector::AllBut(allowed), found } => {
                write!(
                    out,
                    "allows {action} on everything but {}, not on {found}",
                    List::and(allowed, "nothing")
                )
            }
            Miss::Principal { action, allowed: Selector::Any(allowed), found } => {
                write!(out, "allows {action} to {}, not to {found}", List::and(allowed, "nobody"))
            }
            Miss::Principal { action, allowed: Selector::AllBut(allowed), found } => {
                write!(
                    out,
                    "allows {action} to everybody but {}, not to {found}",
                    List::and(allowed, "nobody")
                )
            }
            Miss::Delegated { action, account } => {
                write!(
                    out,
                    "leaves {action} to the policies of account {account}, and none of them allows it"
                )
            }
            Miss::Condition { action, operator, key, expected, found } => {
                let negated = Operator::parse(operator).is_some_and(|operator| operator.negated);
                let joint = if negated { "and" } else { "or" };
                let expected = shown(key, expected);
                let named = List { values: &expected, joint, none: "nothing" };
                write!(out, "allows {action} only if {key} passes {operator} {named}; the request has ")?;
                match found {
                    Found::Values(found) if !found.is_empty() => {
                        write!(out, "{}", List::and(&shown(key, found), ""))
                    }
                    Found::Values(_) | Found::Absent => write!(out, "no {key}"),
                    Found::Unknown => write!(out, "one that is not known here"),
                }
            }
        }
    }
}

/// A key's values as they may be shown: external ids are masked.
fn shown<'a>(key: &str, values: &'a [String]) -> Cow<'a, [String]> {
    if key.eq_ignore_ascii_case("sts:ExternalId") {
        values.iter().map(|value| ExternalId::new(value.as_str()).masked()).collect()
    } else {
        values.into()
    }
}

/// Values in a sentence: `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
struct List<'a> {
    values: &'a [String],
    joint: &'static str,
    none: &'static str,
}

impl<'a> List<'a> {
    fn and(values: &'a [String], none: &'static str) -> Self {
        Self { values, joint: "and", none }
    }
}

impl fmt::Display for List<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let Self { values, joint, none } = self;
        let shown = if values.len() > SHOWN { SHOWN - 1 } else { values.len() };
        let more = values.len() - shown;
        for (at, value) in values[..shown].iter().enumerate() {
            let text = if value.is_empty() { "\"\"" } else { value };
            match at {
                0 => write!(out, "{text}")?,
                _ if at + 1 == shown && more == 0 => write!(out, " {joint} {text}")?,
                _ => write!(out, ", {text}")?,
            }
        }
        match (values.len(), more) {
            (0, _) => out.write_str(none),
            (_, 0) => Ok(()),
            (_, more) => write!(out, " {joint} {more} more"),
        }
    }
}
