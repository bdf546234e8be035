//! Why nothing allows a request: the statement that came closest, and the part that did not match.

use std::fmt;
use std::sync::Arc;

use crate::model::StatementRef;

use super::clean;
use super::document::{Effect, PrincipalEntry, PrincipalKind, Selector, Statement};
use super::policy::{Compiled, Layer, Policy};
use super::principal::Fit;
use super::request::Facts;
use super::truth::Truth;

/// A statement that nearly allowed a request. `Display` says why it did not, in one sentence
/// without a full stop.
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
        /// The values of the request; `None`: the key is absent or unknown.
        found: Option<Vec<String>>,
    },
}

/// How near a statement came: matching the action counts most, then principal, resource and how few
/// conditions failed; likeness of names breaks ties.
type Nearness = (bool, bool, bool, usize, usize);

/// The allowing statement that came closest, of the policies where one was looked for. On a tie the first.
pub(super) fn nearest_miss(policies: &[&[Arc<Policy>]], facts: &Facts<'_>) -> Option<NearestMiss> {
    let mut best: Option<(Nearness, &Policy, &Compiled, &Statement)> = None;
    for policy in policies.iter().copied().flatten() {
        for (statement, written) in policy.statements.iter().zip(policy.document().statements()) {
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
            found: facts.values(statement.conditions.get(at)?.key()),
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

impl fmt::Display for NearestMiss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StatementRef { policy, sid, index, line, .. } = &self.statement;
        match sid {
            Some(sid) => write!(out, "statement `{sid}` in policy `{policy}` (line {line}) ")?,
            None => write!(out, "statement {} in policy `{policy}` (line {line}) ", index + 1)?,
        }
        match &self.miss {
            Miss::Action { allowed: Selector::Any(allowed), found } => {
                write!(out, "allows {}, not {found}", List(allowed, "nothing"))
            }
            Miss::Action { allowed: Selector::AllBut(allowed), .. } => {
                write!(out, "allows every action but {}", List(allowed, "none"))
            }
            Miss::Resource { action, allowed: Selector::Any(allowed), found } => {
                write!(out, "allows {action} on {}, not on {found}", List(allowed, "nothing"))
            }
            Miss::Resource { action, allowed: Selector::AllBut(allowed), found } => {
                write!(out, "allows {action} on everything but {}, not on {found}", List(allowed, "nothing"))
            }
            Miss::Principal { action, allowed: Selector::Any(allowed), found } => {
                write!(out, "allows {action} to {}, not to {found}", List(allowed, "nobody"))
            }
            Miss::Principal { action, allowed: Selector::AllBut(allowed), found } => {
                write!(out, "allows {action} to everybody but {}, not to {found}", List(allowed, "nobody"))
            }
            Miss::Delegated { action, account } => {
                write!(
                    out,
                    "leaves {action} to the policies of account {account}, and none of them allows it"
                )
            }
            Miss::Condition { action, operator, key, expected, found } => {
                let named = List(expected, "nothing");
                write!(out, "allows {action} only if {key} passes {operator} {named}; the request has ")?;
                match found.as_deref() {
                    Some([]) | None => write!(out, "no {key}"),
                    Some(found) => write!(out, "{}", List(found, "")),
                }
            }
        }
    }
}

/// Values in a sentence: `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`.
struct List<'a>(&'a [String], &'static str);

impl fmt::Display for List<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let List(values, none) = self;
        let shown = if values.len() > SHOWN { SHOWN - 1 } else { values.len() };
        let more = values.len() - shown;
        for (at, value) in values[..shown].iter().enumerate() {
            let text = if value.is_empty() { "\"\"" } else { value };
            match at {
                0 => write!(out, "{text}")?,
                _ if at + 1 == shown && more == 0 => write!(out, " and {text}")?,
                _ => write!(out, ", {text}")?,
            }
        }
        match (values.len(), more) {
            (0, _) => out.write_str(none),
            (_, 0) => Ok(()),
            (_, more) => write!(out, " and {more} more"),
        }
    }
}
