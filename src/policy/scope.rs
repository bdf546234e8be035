//! What policies allow beyond a set of needs.

use std::sync::Arc;

use crate::model::StatementRef;

use super::actions::meant_by;
use super::document::{Effect, Selector, Statement};
use super::pattern::{matches, tokens};
use super::{Policy, language};

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
    /// Whether the statement has conditions, which may narrow it.
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

/// Actions by which a principal can gain permissions that it was not given.
const ESCALATING: [&str; 21] = [
    "iam:addusertogroup",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:deleterolepermissionsboundary",
    "iam:deleteuserpermissionsboundary",
    "iam:passrole",
    "iam:putgrouppolicy",
    "iam:putrolepermissionsboundary",
    "iam:putrolepolicy",
    "iam:putuserpermissionsboundary",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
    "lakeformation:putdatalakesettings",
    "lambda:updatefunctioncode",
    "sts:assumerole",
];

/// Whether every text that `inner` matches is matched by `outer`. Case counts: lower-case actions first.
pub fn covers(outer: &str, inner: &str) -> bool {
    language::covers(outer, inner)
}

/// Whether an action, or a pattern of actions, means all that another one does, in whatever case both are written.
pub fn covers_action(outer: &str, inner: &str) -> bool {
    covers(&outer.to_ascii_lowercase(), &inner.to_ascii_lowercase())
}

/// Whether a pattern means a text, whose wildcards stand for themselves. Case counts.
pub fn means(pattern: &str, text: &str) -> bool {
    matches(&tokens(pattern), text)
}

/// A text that two patterns match, `x` where neither names a letter; `None`: they have none in common.
pub fn common(left: &str, right: &str) -> Option<String> {
    language::common(left, right, 'x')
}

/// Everything that the policies' `Allow` statements grant and no unconditional `Deny` of theirs takes
/// back whole, in the order written.
pub fn granted(policies: &[Arc<Policy>]) -> Vec<Grant> {
    let pairs = || {
        policies.iter().flat_map(|policy| {
            policy.document().statements().iter().map(move |statement| (policy, statement))
        })
    };
    let denied: Vec<Need> = pairs()
        .filter(|(_, statement)| statement.effect == Effect::Deny && statement.conditions.is_empty())
        .flat_map(|(_, statement)| products(statement, Side::Under))
        .collect();
    let mut grants = Vec::new();
    for (policy, statement) in pairs().filter(|(_, statement)| statement.effect == Effect::Allow) {
        let Some(reference) = policy.statement_ref(at(policy, statement)) else { continue };
        for Need { action, resource } in products(statement, Side::Over) {
            if is_covered(&action, &resource, &denied) {
                continue;
            }
            grants.push(Grant {
                danger: danger(&action, &resource),
                action,
                resource,
                statement: reference.clone(),
                conditional: !statement.conditions.is_empty(),
            });
        }
    }
    grants
}

/// What the policies grant that no single need covers, worst first.
pub fn beyond(policies: &[Arc<Policy>], needs: &[Need]) -> Vec<Grant> {
    let mut grants = granted(policies);
    grants.retain(|grant| !is_covered(&grant.action, &grant.resource, needs));
    grants.sort_by_key(|grant| grant.danger);
    grants
}

fn at(policy: &Policy, statement: &Statement) -> usize {
    policy.document().statements().iter().position(|other| std::ptr::eq(other, statement)).unwrap_or(0)
}

/// On which side to err where an element cannot be written as a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Over,
    Under,
}

/// Every action with every resource of a statement.
fn products(statement: &Statement, side: Side) -> Vec<Need> {
    let patterns = |element: &Selector<String>| match (element, side) {
        (Selector::Any(values), _) => values.clone(),
        (Selector::AllBut(_), Side::Over) => vec!["*".to_owned()],
        (Selector::AllBut(_), Side::Under) => Vec::new(),
    };
    let actions = patterns(&statement.actions);
    let resources = statement.resources.as_ref().map_or_else(|| vec!["*".to_owned()], patterns);
    let pair = |action: &String| {
        let action = action.clone();
        let with = move |resource: &String| Need { action: action.clone(), resource: resource.clone() };
        resources.iter().map(with).collect::<Vec<_>>()
    };
    actions.iter().flat_map(pair).collect()
}

/// Whether needs cover all that an action, or a pattern of actions, means on a resource.
fn is_covered(action: &str, resource: &str, needs: &[Need]) -> bool {
    let resource = without_variables(resource);
    let needs: Vec<(String, &str)> =
        needs.iter().map(|need| (need.action.to_ascii_lowercase(), need.resource.as_str())).collect();
    // Actions tell apart more, and cost less to compare than two patterns of resources.
    all_meant(action, |meant| {
        needs.iter().any(|(action, outer)| covers(action, meant) && covers(outer, &resource))
    })
}

/// Whether actions, which may be patterns, cover all that an action or a pattern of actions means. Case does
/// not count.
pub fn is_within<'n>(action: &str, actions: impl Iterator<Item = &'n str>) -> bool {
    let actions: Vec<String> = actions.map(str::to_ascii_lowercase).collect();
    all_meant(action, |meant| actions.iter().any(|outer| covers(outer, meant)))
}

/// Whether an action or a pattern of actions is covered, in lower case: as such, or each action that AWS has
/// under it, where it has one.
fn all_meant(action: &str, is_covered: impl Fn(&str) -> bool) -> bool {
    let action = action.to_ascii_lowercase();
    if is_covered(&action) {
        return true;
    }
    let meant = meant_by(&action);
    !meant.is_empty() && meant.into_iter().all(|it| is_covered(&it.compared))
}

/// A pattern that matches at least what the text can stand for: every variable as `*`.
pub fn without_variables(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        result.push_str(&rest[..start]);
        result.push('*');
        rest = &rest[start + length + 1..];
    }
    result.push_str(rest);
    result
}

fn danger(action: &str, resource: &str) -> Danger {
    let lower = action.to_ascii_lowercase();
    let pattern = tokens(&lower);
    if ESCALATING.iter().any(|escalating| matches(&pattern, escalating)) {
        Danger::Escalation
    } else if resource == "*" || lower == "*" || lower.ends_with(":*") {
        Danger::Wildcard
    } else {
        Danger::Excess
    }
}
