//! PRACTICE-008: the role, or a service that its policies allow, has not been used for a long time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::checks::shared::phrases::{self, absent_role};
use crate::checks::shared::policies::{RolePolicies, RolePolicy, role_policies};
use crate::checks::shared::{history, words};
use crate::checks::{Check, View};
use crate::facts::{Purpose, Role, ServiceAccess};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Owner, PolicyHome, Remedy, Section};
use crate::policy::scope::granted;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 8), judge };

/// After how long without use something counts as unused.
const LONG: SignedDuration = SignedDuration::from_hours(90 * 24);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    if view.installs_only() {
        let text = format!(
            "{}; between installation and removal nothing uses the role, and it may be deleted and made again",
            last_use(role)
        );
        return Ok(Outcome::Pass(vec![Evidence::read("iam:GetRole", text)]));
    }
    let Some(limit) = moment(view.now()).and_then(|now| now.checked_sub(LONG).ok()) else {
        return Err(unreadable(view.now()));
    };
    let created = moment(&role.created).ok_or_else(|| unreadable(&role.created))?;
    if created > limit {
        let text = format!(
            "the role was made on {}: too recently to call anything unused",
            phrases::moment(created)
        );
        return Ok(Outcome::Pass(vec![Evidence::read("iam:GetRole", text)]));
    }
    let used = role.last_used.as_ref().and_then(|last| moment(&last.at));
    if used.is_none_or(|used| used < limit) {
        return Ok(Outcome::Warn(vec![unused_role(role)]));
    }
    let mut proof = vec![Evidence::read("iam:GetRole", last_use(role))];
    let accesses = view.last_accessed()?;
    let policies = role_policies(view);
    let unused = unused_services(view, &policies, accesses.map_or(&[][..], Vec::as_slice), limit);
    if !unused.is_empty() {
        return Ok(Outcome::Warn(vec![unused_permissions(role, &unused)]));
    }
    policies.complete()?;
    let text = "the role used every service that its policies allow and no connector needs, or has none such";
    proof.push(Evidence::read("iam:GetServiceLastAccessedDetails", text));
    Ok(Outcome::Pass(proof))
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn unreadable(text: &str) -> Blocked {
    let why = format!("`{text}` is no moment");
    Blocked::new("since when the role is unused", why)
}

fn last_use(role: &Role) -> String {
    role.last_used.as_ref().map_or_else(
        || "no use of the role shows in the last 400 days".to_owned(),
        |last| format!("the role was last used on {}", phrases::moment_of(&last.at)),
    )
}

/// A service that the role's own policies allow and that it did not use.
struct Unused<'a> {
    access: &'a ServiceAccess,
    policies: BTreeSet<String>,
}

/// Services that no connector needs, that the role's own policies have allowed for long, and that it has
/// not used for as long.
fn unused_services<'a>(
    view: &View<'_>,
    policies: &RolePolicies,
    accesses: &'a [ServiceAccess],
    limit: Timestamp,
) -> Vec<Unused<'a>> {
    let needs = view.connectors().flat_map(|(_, connector)| &connector.needs);
    let needed: BTreeSet<&str> = needs.filter_map(|need| need.action.split(':').next()).collect();
    let granted = granted_services(view, policies, limit);
    let idle = accesses.iter().filter(|it| {
        let last = it.last.as_deref().map(moment);
        // What cannot be read as a moment is no proof of anything.
        last.is_none_or(|last| last.is_some_and(|last| last < limit))
    });
    idle.filter(|it| !needed.contains(it.service.as_str()))
        .filter_map(|access| {
            let policies = granted.get(&access.service)?.clone();
            Some(Unused { access, policies })
        })
        .collect()
}

/// The services that the role's own policies name, with the policies; without those that were written
/// lately, which nobody had time to use, and AWS's own, which PRACTICE-003 reports.
fn granted_services(
    view: &View<'_>,
    policies: &RolePolicies,
    limit: Timestamp,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for policy in &policies.read {
        if policy.is_aws_managed() || is_recent(view, policy, limit) {
            continue;
        }
        for grant in granted(std::slice::from_ref(&policy.policy)) {
            let Some((service, _)) = grant.action.split_once(':') else { continue };
            let policies = services.entry(service.to_ascii_lowercase()).or_default();
            policies.insert(policy.policy.name().to_owned());
        }
    }
    services
}

/// Whether a policy was written after `limit`: a managed one has the time, an embedded one at most an event.
fn is_recent(view: &View<'_>, policy: &RolePolicy, limit: Timestamp) -> bool {
    if let PolicyHome::Inline { name, .. } = &policy.home {
        let changes = history::events(view, Purpose::Changes).unwrap_or_default();
        return changes.events.iter().any(|event| {
            event.event_name == "PutRolePolicy"
                && event.parameter("policyName") == Some(name)
                && event.event_time.is_some_and(|at| at > limit)
        });
    }
    let PolicyHome::Managed { arn } = &policy.home else { return false };
    let updated = view.managed_policy(arn).ok().flatten().and_then(|it| it.updated.as_deref());
    updated.and_then(moment).is_some_and(|updated| updated > limit)
}

fn unused_role(role: &Role) -> Finding {
    let name = role.arn.name();
    let created = phrases::moment_of(&role.created);
    let what = match &role.last_used {
        Some(last) => {
            format!(
                "The role {name} was last used on {}, more than 90 days ago",
                phrases::moment_of(&last.at)
            )
        }
        None => format!("The role {name}, made on {created}, was not used in the last 400 days"),
    };
    Finding::new(role.arn.as_str(), what)
        .evidence(Evidence::read("iam:GetRole", format!("made on {created}; {}", last_use(role))))
        .remedy(Remedy::Manual {
            owner: Owner::You,
            title: format!("Use {name} or delete it"),
            steps: vec![
                "If the connector is to run, see the other checks and start it in the Streamkap app"
                    .to_owned(),
                "If it is not, delete the role: it still lets Streamkap in".to_owned(),
            ],
            commands: Vec::new(),
        })
}

fn unused_permissions(role: &Role, unused: &[Unused<'_>]) -> Finding {
    let name = role.arn.name();
    let services: Vec<&str> = unused.iter().map(|it| it.access.service.as_str()).collect();
    let policies: BTreeSet<&String> = unused.iter().flat_map(|it| &it.policies).collect();
    let policies: Vec<&String> = policies.into_iter().collect();
    let what = format!(
        "The policies of {name} allow {}, which it has not used for 90 days or more and no connector needs",
        words::list(&services)
    );
    let mut finding = Finding::new(role.arn.as_str(), what);
    for Unused { access, policies } in unused {
        let last = access.last.as_ref().map_or_else(
            || "never used, as far as AWS keeps track".to_owned(),
            |last| format!("last used on {}", phrases::moment_of(last)),
        );
        let by: Vec<&String> = policies.iter().collect();
        let text = format!("{} is allowed by {} and was {last}", access.service, words::list(&by));
        finding = finding.evidence(Evidence::read("iam:GetServiceLastAccessedDetails", text));
    }
    finding.remedy(Remedy::Manual {
        owner: Owner::You,
        title: format!("Take {} out of {}", words::list(&services), words::list(&policies)),
        steps: vec![
            "Look at the role's Last Accessed tab in the IAM console, which says the same".to_owned(),
            "Remove the actions of these services from the policies".to_owned(),
        ],
        commands: Vec::new(),
    })
}
