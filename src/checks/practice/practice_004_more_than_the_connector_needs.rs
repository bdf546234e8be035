//! PRACTICE-004: the role's policies allow more than the connector needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::checks::shared::needs::asks;
use crate::checks::shared::places::absent_bucket;
use crate::checks::shared::policies::{is_everything, role_policies};
use crate::checks::shared::{absent_role, redshift, words};
use crate::checks::{Check, View};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Narrowing, Outcome, Owner, Remedy, Section, StatementRef,
};
use crate::policy::Policy;
use crate::policy::scope::{Danger, Grant, Need, beyond, covers, covers_action, is_within};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 4), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    if let Some(skip) = view.buckets().iter().flatten().find_map(|it| absent_bucket(view, &it.bucket)) {
        return Ok(skip);
    }
    let policies = role_policies(view);
    // AWS's own policies are PRACTICE-003's, and a needed action on every resource is PRACTICE-002's.
    let own: Vec<Arc<Policy>> =
        policies.read.iter().filter(|it| !it.is_aws_managed()).map(|it| Arc::clone(&it.policy)).collect();
    let needs = needs(view);
    // A statement that is about another cluster by mistake is WRITE-012's.
    let mistaken: Vec<_> =
        redshift::places(view).iter().flat_map(|it| redshift::elsewhere(&own, it)).collect();
    let is_mistaken =
        |it: &Grant| mistaken.iter().any(|at| at.statement == it.statement && at.found == it.resource);
    let excess = beyond(&own, &needs).into_iter();
    let unmet = unmet(view, &own)?;
    let account = asks(view)?.first().and_then(|ask| ask.call.sessions.account().map(str::to_owned));
    let is_harmless = |it: &Grant| {
        only_wildcard(it, &needs)
            || is_of_narrowed_key(it)
            || is_own_by_variable(it, account.as_deref(), &needs)
    };
    let excess = excess.filter(|it| !is_harmless(it) && !is_mistaken(it) && !meant_for(it, &unmet));
    // What a connector needs of a service without all of it being known may be just this.
    let open = view.open_requirements();
    let (mut groups, mut undecided) = (Vec::<(StatementRef, Vec<Grant>)>::new(), None);
    for grant in excess {
        let is_meant = |action: &str| is_within(action, [grant.action.as_str()].into_iter());
        if let Some(open) = open.iter().find(|it| is_meant(&it.need.action)) {
            undecided = undecided.or(Some(open.blocked.clone()));
            continue;
        }
        match groups.iter_mut().find(|(statement, _)| *statement == grant.statement) {
            Some((_, grants)) => grants.push(grant),
            None => groups.push((grant.statement.clone(), vec![grant])),
        }
    }
    if !groups.is_empty() {
        return Ok(Outcome::Warn(
            groups.iter().map(|(statement, grants)| finding(view, statement, grants)).collect(),
        ));
    }
    policies.complete()?;
    if let Some(blocked) = undecided {
        return Err(blocked);
    }
    let text = "the role's own policies allow nothing beyond what the connector's template lists".to_owned();
    Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]))
}

/// The needed actions that the role's own policies do not allow where the connector needs them.
fn unmet<'a>(view: &View<'a>, own: &[Arc<Policy>]) -> Result<BTreeSet<&'a str>, Blocked> {
    let refused = asks(view)?.into_iter().filter(|ask| ask.of_identity(own).is_refused());
    Ok(refused.map(|ask| ask.requirement.action).collect())
}

/// Whether a grant is of such an action: it names another place by mistake, which is for the check that
/// reports what is missing.
fn meant_for(grant: &Grant, unmet: &BTreeSet<&str>) -> bool {
    unmet.iter().any(|action| action.eq_ignore_ascii_case(&grant.action))
}

/// What the guide's templates list. They may list more than is known of them: listing the connector's own
/// bucket, asking its region and deleting its objects is therefore no excess, nor the use of a key.
fn needs(view: &View<'_>) -> Vec<Need> {
    let mut needs: Vec<Need> = redshift::places(view).iter().flat_map(redshift::template).collect();
    needs.extend(elsewhere_harmless(view));
    needs.extend(of_other_phases(view));
    let need =
        |action: &str, resource: &str| Need { action: action.to_owned(), resource: resource.to_owned() };
    for requirement in view.requirements().iter() {
        for resource in &requirement.resources {
            needs.push(need(requirement.action, &resource.pattern));
        }
        if let Some(bucket) = requirement.bucket() {
            let first = requirement.resources.first().map_or("arn:aws", |it| &it.pattern);
            let partition = first.split(':').nth(1).unwrap_or("aws");
            let arn = format!("arn:{partition}:s3:::{bucket}");
            // The guide's S3 template names bucket and objects together, for all of its actions.
            if requirement.action.starts_with("s3:") {
                needs.push(need(requirement.action, &arn));
                needs.push(need(requirement.action, &format!("{arn}/*")));
            }
            for action in ["s3:ListBucket", "s3:GetBucketLocation", "s3:DeleteObject"] {
                needs.push(need(action, &arn));
                needs.push(need(action, &format!("{arn}/*")));
            }
        }
    }
    for action in ["kms:GenerateDataKey*", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"] {
        // One that is named, and not whatever key.
        needs.push(need(action, "arn:*:kms:*:*:key/?*"));
        needs.push(need(action, "arn:*:kms:*:*:alias/?*"));
    }
    needs
}

/// Needed actions on needed resources of their service that they do not take: a template may list all of its
/// resources for all of its actions, and AWS passes over those that do not belong together.
fn elsewhere_harmless(view: &View<'_>) -> Vec<Need> {
    let mut services: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<String>)> = BTreeMap::new();
    for requirement in view.requirements().iter() {
        let service = requirement.action.split(':').next().unwrap_or_default();
        let (actions, resources) = services.entry(service).or_default();
        actions.insert(requirement.action);
        let patterns = requirement.resources.iter().map(|it| it.pattern.clone());
        resources.extend(patterns.filter(|it| it != "*"));
    }
    let of_service = |(actions, resources): &(BTreeSet<&str>, BTreeSet<String>)| {
        let patterns: Vec<&String> = resources.iter().filter(|it| it.ends_with('*')).collect();
        // Of many tables only those that no pattern means already.
        let is_new = |it: &&String| !patterns.iter().any(|pattern| pattern != it && covers(pattern, it));
        let resources: Vec<&String> = resources.iter().filter(is_new).collect();
        let need = |action: &&str, resource: &str| Need {
            action: (*action).to_owned(),
            resource: resource.to_owned(),
        };
        let of_action = |action| resources.iter().map(move |it| need(action, it));
        actions.iter().flat_map(of_action).collect::<Vec<_>>()
    };
    services.values().flat_map(of_service).collect()
}

/// What a template lists for phases that are not being checked.
fn of_other_phases(view: &View<'_>) -> Vec<Need> {
    let needs = view.connectors().flat_map(|(_, connector)| &connector.needs);
    let everywhere = needs.filter(|need| need.resources.iter().all(|it| it == "*"));
    everywhere.map(|need| Need { action: need.action.clone(), resource: "*".to_owned() }).collect()
}

/// Whether the grant is a needed action whose only excess is that its resource is everything.
fn only_wildcard(grant: &Grant, needs: &[Need]) -> bool {
    is_everything(&grant.resource) && is_within(&grant.action, needs.iter().map(|need| need.action.as_str()))
}

/// Whether the grant is of KMS and has conditions: they tie it to a service or to aliases, whatever the key.
fn is_of_narrowed_key(grant: &Grant) -> bool {
    grant.conditional && grant.action.to_ascii_lowercase().starts_with("kms:")
}

/// Whether a need covers the grant once its variable has the role's account.
fn is_own_by_variable(grant: &Grant, account: Option<&str>, needs: &[Need]) -> bool {
    const VARIABLES: [&str; 2] = ["${aws:PrincipalAccount}", "${aws:ResourceAccount}"];
    let Some(account) = account else { return false };
    let resource =
        VARIABLES.iter().fold(grant.resource.clone(), |it, variable| it.replace(variable, account));
    let of_resource = needs.iter().filter(|need| covers(&need.resource, &resource));
    resource != grant.resource && is_within(&grant.action, of_resource.map(|need| need.action.as_str()))
}

fn finding(view: &View<'_>, statement: &StatementRef, grants: &[Grant]) -> Finding {
    let mut actions: Vec<&str> = Vec::new();
    let mut resources: Vec<&str> = Vec::new();
    for grant in grants {
        words::add(&mut actions, grant.action.as_str());
        words::add(&mut resources, grant.resource.as_str());
    }
    let escalating: Vec<&str> =
        grants.iter().filter(|it| it.danger == Danger::Escalation).map(|it| it.action.as_str()).collect();
    let mut what = format!(
        "{} allows {} on {}, which the connector does not need",
        words::capital(&words::statement(statement)),
        words::some(&actions),
        words::some(&resources)
    );
    if !escalating.is_empty() {
        let mut named = escalating;
        named.dedup();
        what = format!("{what}; with {} its holder can gain further permissions", words::some(&named));
    }
    let conditional = grants.iter().any(|grant| grant.conditional);
    let text = if conditional {
        "allowed under conditions that may narrow it"
    } else {
        "allowed without conditions"
    };
    Finding::new(view.target().role.name.clone(), what)
        .evidence(Evidence::evaluated(vec![statement.clone()], text))
        .because(statement.clone())
        .remedy(remedy(view, statement, grants))
}

/// Narrows the statement, unless what the connector needs of it is not known.
fn remedy(view: &View<'_>, statement: &StatementRef, grants: &[Grant]) -> Remedy {
    let open = view.open_requirements();
    let is_open = |grant: &Grant| open.iter().any(|it| covers_action(&grant.action, &it.need.action));
    let policy = statement.policy.clone();
    if !grants.iter().any(is_open) {
        let mut needs: Vec<(String, Vec<String>)> = Vec::new();
        for requirement in view.requirements().iter() {
            let resources = requirement.resources.iter().map(|it| it.pattern.clone());
            match needs.iter_mut().find(|(action, _)| action == requirement.action) {
                Some((_, known)) => words::add_all(known, resources),
                None => needs.push((requirement.action.to_owned(), resources.collect())),
            }
        }
        let excess = grants.iter().map(|it| (it.action.clone(), it.resource.clone())).collect();
        return Remedy::Narrow(Narrowing { policy, statement: statement.index, excess, needs });
    }
    let actions = words::unique(grants.iter().map(|it| it.action.as_str()));
    Remedy::Manual {
        owner: Owner::You,
        title: format!("Take out of {policy} what the connector does not need of {}", words::some(&actions)),
        steps: vec![
            "Find out what the connector needs of it: `streamkap-doctor check` says what could not be read"
                .to_owned(),
            "Make sure that nothing else uses the role for the rest (IAM console: role, Last Accessed)"
                .to_owned(),
            format!("Name what is needed in {} in its place", words::statement(statement)),
        ],
        commands: Vec::new(),
    }
}
