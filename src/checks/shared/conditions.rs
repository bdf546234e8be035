//! Why a statement that denies hits the role, in words.

use crate::policy::{Condition, Policy, PrincipalEntry, Selector, Statement};
use crate::requirement::{OrganizationId, Situation};

use super::words;

/// Why the statement hits, one clause for each condition: `Streamkap's calls do not come through vpce-1`.
pub fn why_it_hits(policy: &Policy, index: usize, situation: &Situation) -> String {
    let found = policy.document().statements().iter().find(|statement| statement.index == index);
    let Some(statement) = found else { return "it denies the role".to_owned() };
    if statement.conditions.is_empty() {
        return whom(statement, situation).to_owned();
    }
    let clauses: Vec<String> =
        statement.conditions.iter().map(|condition| clause(condition, situation)).collect();
    words::list(&clauses)
}

fn whom(statement: &Statement, situation: &Situation) -> &'static str {
    let is_role = |entry: &PrincipalEntry| situation.role_arn.as_ref() == Some(&entry.value);
    match &statement.principals {
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
        Some(Selector::AllBut(spared)) if spared.iter().any(is_role) => {
            "it denies everybody but the principals that it names, and naming the role spares neither its sessions nor a role that has a permissions boundary"
        }
        Some(Selector::AllBut(_)) => {
            "it denies everybody but the principals that it names, and the role is not among them"
        }
        Some(Selector::Any(_)) => {
            "it denies whoever it names, the role's session included, without a condition"
        }
        None => "it denies without a condition",
    }
}

fn clause(condition: &Condition, situation: &Situation) -> String {
    let key = condition.key.to_ascii_lowercase();
    let values = words::list(&condition.values);
    // A negated operator spares whoever has one of the values.
    let spares = condition.operator.to_ascii_lowercase().contains("not");
    match key.as_str() {
        "aws:sourcevpce" | "aws:sourcevpc" => {
            format!("Streamkap calls from its own network and never through {values}")
        }
        "aws:sourceip" => {
            format!("whatever address on the internet Streamkap calls from ({} {values})", condition.operator)
        }
        "aws:vpcsourceip" => format!("it asks for the caller's address ({} {values})", condition.operator),
        "aws:principalorgid" | "aws:principalorgpaths" => match &situation.organization {
            OrganizationId::Known(id) => {
                format!("the role's account is in organization {id} (it names {values})")
            }
            _ => format!("the role's account is in no organization (it names {values})"),
        },
        "aws:principalarn" | "aws:userid" | "aws:principalaccount" if spares => {
            format!("the role is not among those it spares ({values})")
        }
        "aws:principalarn" | "aws:userid" | "aws:principalaccount" => {
            format!("the role is among those it names ({values})")
        }
        "aws:multifactorauthpresent" | "aws:multifactorauthage" => {
            "Streamkap's sessions have no multi-factor authentication".to_owned()
        }
        "s3:x-amz-acl" => "the connector sends no ACL".to_owned(),
        _ if key.starts_with("s3:x-amz-server-side-encryption") => format!(
            "the connector sends no {} header, and the bucket's default encryption does not count as one",
            key.trim_start_matches("s3:")
        ),
        _ if key.starts_with("aws:principaltag/") && spares => {
            format!("the role has no fitting tag {}", &condition.key[17..])
        }
        _ => format!("its condition {} {} {values} holds", condition.key, condition.operator),
    }
}
