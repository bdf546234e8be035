//! PRACTICE-003: an AWS managed policy with broad access is attached.

use crate::checks::shared::absent_role;
use crate::checks::shared::policies::{RolePolicy, is_aws_managed, role_policies};
use crate::checks::{Check, View};
use crate::facts::AttachedPolicy;
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, PolicyHome, Remedy, Section};
use crate::policy::scope::{Danger, granted};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 3), judge };

/// Known to be broad by name, whether or not the document could be read.
const BROAD: [&str; 4] = ["AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "SystemAdministrator"];

/// Beginnings of the names of AWS's policies of whole services, whose resources none of them names.
const OF_SERVICES: [&str; 5] =
    ["AdministratorAccess-", "AmazonRedshift", "AmazonS3", "AWSGlue", "AWSLakeFormation"];

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    let attached = view.attached_policies()?.map_or(&[][..], Vec::as_slice);
    let policies = role_policies(view);
    let mut findings = Vec::new();
    let mut unread = None;
    for policy in attached.iter().filter(|policy| is_aws_managed(policy.arn.as_str())) {
        let home = PolicyHome::Managed { arn: policy.arn.to_string() };
        let read = policies.read.iter().find(|it| it.home == home);
        match read {
            _ if is_broad_by_name(&policy.name) => findings.push(finding(view, policy, read)),
            Some(document) if worst(document).is_some() => findings.push(finding(view, policy, read)),
            Some(_) => {}
            None => unread = unread.or_else(|| view.managed_policy(policy.arn.as_str()).err()),
        }
    }
    if !findings.is_empty() {
        return Ok(Outcome::Warn(findings));
    }
    if let Some(blocked) = unread {
        return Err(blocked);
    }
    let text = "no broad AWS managed policy is attached".to_owned();
    Ok(Outcome::Pass(vec![Evidence::read("iam:ListAttachedRolePolicies", text)]))
}

fn is_broad_by_name(name: &str) -> bool {
    BROAD.contains(&name)
        || OF_SERVICES.iter().any(|service| name.starts_with(service))
        || name.ends_with("FullAccess")
}

/// The worst that a policy grants beyond bounded excess: an action pattern on a resource pattern.
fn worst(policy: &RolePolicy) -> Option<(String, String)> {
    let mut grants = granted(&[std::sync::Arc::clone(&policy.policy)]);
    grants.sort_by_key(|grant| grant.danger);
    let grant = grants.into_iter().find(|grant| grant.danger != Danger::Excess && grant.resource == "*")?;
    let broad = grant.danger == Danger::Escalation || grant.action.ends_with(":*") || grant.action == "*";
    broad.then_some((grant.action, grant.resource))
}

fn finding(view: &View<'_>, policy: &AttachedPolicy, read: Option<&RolePolicy>) -> Finding {
    let role = &view.target().role.name;
    let what = match read.and_then(worst) {
        Some((action, resource)) => {
            format!(
                "AWS's own policy {} is attached to {role}: it allows {action} on {resource}",
                policy.name
            )
        }
        None => format!(
            "AWS's own policy {} is attached to {role}: it is not limited to the connector's resources",
            policy.name
        ),
    };
    let text = format!("{} is attached", policy.arn);
    Finding::new(policy.arn.to_string(), what)
        .evidence(Evidence::read("iam:ListAttachedRolePolicies", text))
        .remedy(Remedy::ReplaceManagedPolicy { arn: policy.arn.to_string() })
}
