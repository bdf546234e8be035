//! PRACTICE-009: a policy relies on session tags, which Streamkap does not send.

use std::collections::BTreeMap;

use crate::checks::shared::phrases::absent_role;
use crate::checks::shared::policies::{boundary, role_policies};
use crate::checks::shared::trust::{Trust, Truth};
use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, StatementRef, shell_flag,
    shell_guard, shell_word,
};
use crate::policy::{Condition, Effect, Policy, Selector, Statement};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 9), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(trust) = Trust::read(view)? else { return Ok(absent_role(view)) };
    let mut findings = in_trust(view, &trust);
    let own = role_policies(view);
    let boundary = boundary(view);
    let bounding = boundary.as_ref().ok().and_then(|policy| policy.as_deref());
    for policy in own.read.iter().map(|it| &*it.policy).chain(bounding) {
        findings.extend(in_policy(view, policy, &trust.role.tags));
    }
    if !findings.is_empty() {
        return Ok(Outcome::Warn(findings));
    }
    own.complete()?;
    boundary?;
    Ok(Outcome::Pass(vec![Evidence::read(
        "iam:GetPolicyVersion",
        "no policy of the role relies on tags that a session would have to bring",
    )]))
}

/// Conditions of the trust policy on tags passed along, where they keep Streamkap out.
fn in_trust(view: &View<'_>, trust: &Trust<'_>) -> Vec<Finding> {
    let Some(best) = trust.best() else { return Vec::new() };
    let tagged =
        best.conditions.iter().filter(|it| is_passed_tag(&it.condition.key) && it.truth != Truth::Holds);
    tagged.map(|it| finding(view, &best.reference, &it.condition.key, "the trust policy")).collect()
}

fn is_passed_tag(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("aws:requesttag/") || key == "aws:tagkeys" || key == "sts:transitivetagkeys"
}

/// Statements of an identity policy or boundary that need a tag the role does not have.
fn in_policy(view: &View<'_>, policy: &Policy, tags: &BTreeMap<String, String>) -> Vec<Finding> {
    let statements = policy.document().statements().iter().enumerate();
    let relying = statements.filter_map(|(at, statement)| {
        let key = missing_tag(statement, tags)?;
        Some(finding(view, policy.statement_ref(at)?, &key, &format!("the policy {}", policy.name())))
    });
    relying.collect()
}

/// The tag key on which a statement relies though the role has no such tag, as written.
fn missing_tag(statement: &Statement, tags: &BTreeMap<String, String>) -> Option<String> {
    let lacks = |key: &str| {
        let name = strip(key, "aws:PrincipalTag/")?;
        let has = tags.keys().any(|tag| tag.eq_ignore_ascii_case(name));
        (!has).then(|| key.to_owned())
    };
    let by_condition = statement
        .conditions
        .iter()
        .filter(|it| needs_tag(statement.effect, it))
        .find_map(|it| lacks(&it.key));
    by_condition.or_else(|| {
        let resources = statement.resources.iter().flat_map(Selector::values);
        let values = statement.conditions.iter().flat_map(|it| &it.values);
        resources.chain(values).flat_map(|text| variables(text)).find_map(lacks)
    })
}

/// Whether a condition on a tag that is absent makes the statement refuse: an Allow does not apply, a Deny does.
fn needs_tag(effect: Effect, condition: &Condition) -> bool {
    let operator = condition.operator.to_ascii_lowercase();
    let wants_absent =
        operator == "null" && condition.values.iter().any(|value| value.eq_ignore_ascii_case("true"));
    let holds_when_absent = operator.contains("not") || operator.ends_with("ifexists") || wants_absent;
    match effect {
        Effect::Allow => !holds_when_absent,
        Effect::Deny => holds_when_absent,
    }
}

/// The names of the variables in a text: `aws:PrincipalTag/team` of `${aws:PrincipalTag/team}`. One with a
/// default value stands on its own.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.contains(','))
}

fn strip<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    let head = key.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &key[prefix.len()..])
}

fn finding(view: &View<'_>, statement: &StatementRef, key: &str, policy: &str) -> Finding {
    let role = &view.target().role.name;
    let tag = key.split_once('/').map_or(key, |(_, tag)| tag);
    let what = format!(
        "{} relies on {key}: the role {role} has no such tag, and Streamkap sends no session tags",
        words::capital(&words::statement(statement)).replace(" of trust policy", " of the trust policy")
    );
    let letter = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_uppercase() } else { '_' };
    let variable = format!("TAG_{}", tag.chars().map(letter).collect::<String>());
    let fixed = key.to_ascii_lowercase().starts_with("aws:principaltag/");
    let (steps, commands) = if fixed {
        (
            vec![format!(
                "Give the role itself the tag {tag} with the value that the policy wants, or take the condition out"
            )],
            vec![format!(
                "{}aws iam tag-role {} --tags {}\"${variable}\"",
                shell_guard(&variable, "the value that the policy wants"),
                shell_flag("--role-name", role),
                shell_word(&format!("Key={tag},Value="))
            )],
        )
    } else {
        (vec![format!("Take the condition on {key} out of {policy}")], Vec::new())
    };
    Finding::new(role.as_str(), what)
        .evidence(Evidence::evaluated(
            vec![statement.clone()],
            format!("it names {key}, which no call of Streamkap's has"),
        ))
        .evidence(Evidence {
            source: Source::Documentation { reference: view.vendor().guide.clone() },
            text: "Streamkap does not use session tags during role assumption".to_owned(),
        })
        .because(statement.clone())
        .remedy(Remedy::Manual {
            owner: Owner::You,
            title: format!("Do without {key}, or tag the role"),
            steps,
            commands,
        })
}
