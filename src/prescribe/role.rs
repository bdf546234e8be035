//! Remedies in the role's own policies.

use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::checks::View;
use crate::checks::shared::needs::{asks, widest};
use crate::checks::shared::policies::{is_aws_managed, is_everything, role_policies};
use crate::checks::shared::words::{some, unique};
use crate::facts::{Fact, Facts};
use crate::model::{Change, Owner, PolicyHome, shell_flag};
use crate::policy::scope::covers;

use super::apply::apply;
use super::document::{Draft, add_texts, named, one_or_many, texts};
use super::limits::{INLINE, MANAGED, inline_size};
use super::spare::spare;
use super::{Plan, words};

/// The name of a policy that the doctor adds.
const NEW_POLICY: &str = "StreamkapAccess";

/// Actions with the ARNs they need.
pub(super) type Grants = [(String, Vec<String>)];

/// A policy that can be edited.
pub(super) struct Editable {
    home: PolicyHome,
    pub(super) name: String,
    before: String,
    pub(super) draft: Draft,
}

/// The role's policies that a customer can edit, in AWS's order.
pub(super) fn editable(facts: &Facts, catalog: &Catalog) -> Vec<Editable> {
    let view = View::new(facts, catalog);
    let policies = role_policies(&view);
    let own = policies.read.iter().filter(|policy| !policy.is_aws_managed());
    own.filter_map(|policy| {
        let before = policy.policy.document().text().to_owned();
        let draft = Draft::parse(&before)?;
        Some(Editable { home: policy.home.clone(), name: policy.policy.name().to_owned(), before, draft })
    })
    .collect()
}

/// The policy with this name that has this statement.
pub(super) fn find(
    facts: &Facts,
    catalog: &Catalog,
    name: &str,
    statement: usize,
) -> Result<Editable, String> {
    let mut policies = editable(facts, catalog).into_iter();
    policies
        .find(|policy| policy.name == name && policy.draft.len() > statement)
        .ok_or_else(|| format!("{name} is not a policy of yours that could be read"))
}

/// The change to what was drafted.
pub(super) fn set(policy: &Editable) -> Change {
    let (before, after) = (Some(policy.before.clone()), policy.draft.text());
    Change::SetPolicy { home: policy.home.clone(), before, after }
}

/// Whether the policy keeps AWS's limit.
pub(super) fn fits(policy: &Editable, facts: &Facts) -> bool {
    match &policy.home {
        PolicyHome::Managed { .. } => policy.draft.size() <= MANAGED,
        _ => inline_size(facts, &policy.name) + policy.draft.size() <= INLINE,
    }
}

/// The role's policies must allow these actions on these resources.
pub(super) fn allow(facts: &Facts, catalog: &Catalog, grants: &Grants) -> Result<Vec<Plan>, String> {
    let known = known_actions(facts, catalog);
    let grants = &widest_grants(grants);
    let mut policies = editable(facts, catalog);
    let before: Vec<String> = policies.iter().map(|policy| policy.draft.text()).collect();
    let mut left = Vec::new();
    for (resources, actions) in words::by_resources(grants) {
        let placed = policies.iter_mut().any(|policy| {
            let whole = policy.draft.clone();
            let placed = extend(&mut policy.draft, &actions, &resources, &known);
            if placed && !fits(policy, facts) {
                policy.draft = whole;
                return false;
            }
            placed
        });
        if !placed {
            left.push((resources, actions));
        }
    }
    if !left.is_empty() && !append(&mut policies, facts, &left) {
        policies.push(new_policy(facts, &left)?);
    }
    let title = title(grants);
    let mut plans = Vec::new();
    for (at, policy) in policies.iter().enumerate() {
        let new = before.get(at).is_none();
        if !new && before[at] == policy.draft.text() {
            continue;
        }
        let mut change = set(policy);
        if let (true, Change::SetPolicy { before, .. }) = (new, &mut change) {
            *before = None;
        }
        let title = if new {
            format!("{title} in the new embedded policy {}", policy.name)
        } else {
            format!("{title} in {}", policy.name)
        };
        plans.push(Plan::new(title, Owner::You, change));
    }
    Ok(plans)
}

/// Each action once, without the resources that others of its own cover.
fn widest_grants(grants: &Grants) -> Vec<(String, Vec<String>)> {
    let actions = unique(grants.iter().map(|(action, _)| action));
    let on = |action: &String| {
        let of_action = grants.iter().filter(|(it, _)| it == action);
        widest(of_action.flat_map(|(_, resources)| resources.iter().cloned()))
    };
    actions.into_iter().map(|action| (action.clone(), on(action))).collect()
}

fn title(grants: &Grants) -> String {
    let actions = unique(grants.iter().map(|(action, _)| action));
    let resources = widest(grants.iter().flat_map(|(_, resources)| resources.iter().cloned()));
    format!("Allow {} on {}", some(&actions), words::list(&resources))
}

/// What the target's connectors do, in lower case: a statement of these actions may be widened.
fn known_actions(facts: &Facts, catalog: &Catalog) -> Vec<String> {
    let view = View::new(facts, catalog);
    view.requirements().iter().map(|requirement| requirement.action.to_ascii_lowercase()).collect()
}

/// Widens a statement that nearly allows: one with these actions and related resources gets the
/// resources, one with these resources gets the actions.
fn extend(draft: &mut Draft, actions: &[String], resources: &[String], known: &[String]) -> bool {
    for index in 0..draft.len() {
        let Some(statement) = draft.statement(index) else { continue };
        let plain = statement.get("Effect") == Some(&json!("Allow")) && !statement.contains_key("Condition");
        let (Some(has), Some(on)) = (texts(statement, "Action"), texts(statement, "Resource")) else {
            continue;
        };
        if !plain {
            continue;
        }
        let names = |action: &String| has.iter().any(|it| it.eq_ignore_ascii_case(action));
        let only_known = has.iter().all(|it| known.contains(&it.to_ascii_lowercase()));
        let related = on.iter().any(|it| resources.iter().any(|other| base(it) == base(other)));
        if actions.iter().all(names) && only_known && related {
            let is_new = |it: &&String| !on.iter().any(|known| covers(known, it));
            let new: Vec<String> = resources.iter().filter(is_new).cloned().collect();
            add_texts(statement, "Resource", &new);
            return true;
        }
        let covered = |resource: &String| on.iter().any(|it| covers(it, resource));
        let wide = on.iter().any(|it| is_everything(it));
        if resources.iter().all(covered) && !wide && only_known {
            add_texts(statement, "Action", actions);
            return true;
        }
    }
    false
}

/// The part of an ARN that two resources of one bucket share, or of one Data Catalog.
fn base(resource: &str) -> &str {
    let glue = resource.split(':').nth(2) == Some("glue");
    let end = if glue { resource.rfind(':') } else { resource.find('/') };
    end.map_or(resource, |end| &resource[..end])
}

/// Adds statements to the policy that already deals with the service, or else to the first.
fn append(policies: &mut [Editable], facts: &Facts, groups: &[(Vec<String>, Vec<String>)]) -> bool {
    let service = |action: &str| action.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let wanted: Vec<String> =
        groups.iter().flat_map(|(_, actions)| actions).map(|action| service(action)).collect();
    let deals = |policy: &mut Editable| {
        policy.draft.statements().iter().filter_map(Value::as_object).any(|statement| {
            let actions = texts(statement, "Action").unwrap_or_default();
            actions.iter().any(|action| wanted.contains(&service(action)))
        })
    };
    let at = policies.iter_mut().position(deals).unwrap_or(0);
    let Some(policy) = policies.get_mut(at) else { return false };
    let whole = policy.draft.clone();
    for (resources, actions) in groups {
        push(&mut policy.draft, actions, resources);
    }
    let fits = fits(policy, facts);
    if !fits {
        policy.draft = whole;
    }
    fits
}

fn push(draft: &mut Draft, actions: &[String], resources: &[String]) {
    draft.push(
        NEW_POLICY,
        &[
            ("Effect", json!("Allow")),
            ("Action", one_or_many(actions.to_vec())),
            ("Resource", one_or_many(resources.to_vec())),
        ],
    );
}

/// A new embedded policy under a name that the role does not have.
fn new_policy(facts: &Facts, groups: &[(Vec<String>, Vec<String>)]) -> Result<Editable, String> {
    let Some(names) = (match &facts.inline_policy_names {
        Fact::Known(names) => Some(names.as_slice()),
        Fact::Absent => Some(&[][..]),
        _ => None,
    }) else {
        return Err(
            "the names of the role's embedded policies were not read, and one of them might be replaced"
                .to_owned(),
        );
    };
    let mut name = NEW_POLICY.to_owned();
    let mut number = 2;
    while names.contains(&name) {
        name = format!("{NEW_POLICY}{number}");
        number += 1;
    }
    let mut draft = Draft::new();
    for (resources, actions) in groups {
        push(&mut draft, actions, resources);
    }
    let home = PolicyHome::Inline { role: facts.target.role.name.clone(), name: name.clone() };
    Ok(Editable { home, name, before: String::new(), draft })
}

/// A Deny in one of the role's policies hits needed actions.
pub(super) fn exempt(
    facts: &Facts,
    catalog: &Catalog,
    name: &str,
    statement: usize,
    grants: &Grants,
) -> Result<Plan, String> {
    let mut policy = find(facts, catalog, name, statement)?;
    let what = policy.draft.statement(statement).map(|it| named(it, statement)).unwrap_or_default();
    let spared = spare(&mut policy.draft, statement, grants)?;
    if policy.draft.len() == 0 {
        return Ok(done_with(facts, &policy, "whose only statement denies what the connector needs"));
    }
    let title = if spared.is_gone {
        format!("Take {what} out of {name}, which denies what the connector needs")
    } else {
        format!("Spare what the connector needs in {what} of {name}, which denies it")
    };
    Ok(Plan::new(title, Owner::You, set(&policy)).noting(spared.notes))
}

/// A policy of the role's of which nothing is left: it goes.
pub(super) fn done_with(facts: &Facts, policy: &Editable, why: &str) -> Plan {
    let name = &policy.name;
    match &policy.home {
        PolicyHome::Managed { arn } => {
            let role = facts.target.role.name.clone();
            let change = Change::DetachPolicy { role, policy_arn: arn.clone() };
            let note = format!("{name} stays, and whoever else has it attached keeps it");
            Plan::new(format!("Detach {name}, {why}, from the role"), Owner::You, change).noting([note])
        }
        home => {
            let change = Change::DeletePolicy { home: home.clone(), before: policy.before.clone() };
            Plan::new(format!("Delete the embedded policy {name}, {why}"), Owner::You, change)
        }
    }
}

/// The permissions boundary must allow these.
pub(super) fn allow_in_boundary(facts: &Facts, catalog: &Catalog, grants: &Grants) -> Result<Plan, String> {
    let role = facts.role.known().ok_or("the role was not read")?;
    let arn = role.boundary.as_ref().ok_or("the role has no permissions boundary")?.to_string();
    if is_aws_managed(&arn) {
        return Err(format!("{arn} is AWS's own policy: set another boundary"));
    }
    let document = facts.managed_policies.get(&arn).and_then(Fact::known);
    let before = document.map(|it| it.document.clone()).ok_or("the boundary's document was not read")?;
    let draft = Draft::parse(&before).ok_or("the boundary is no JSON")?;
    let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
    let home = PolicyHome::Managed { arn };
    let mut policy = Editable { home, name, before, draft };
    // Statements that deny come first: what they hide may not be allowed either.
    let mut notes = Vec::new();
    for _ in 0..policy.draft.len() {
        let Some(statement) = denies(facts, catalog, &policy, grants) else { break };
        notes.extend(spare(&mut policy.draft, statement, grants)?.notes);
    }
    let known = known_actions(facts, catalog);
    for (resources, actions) in words::by_resources(&refused(facts, catalog, &policy, grants)) {
        if !extend(&mut policy.draft, &actions, &resources, &known) {
            push(&mut policy.draft, &actions, &resources);
        }
    }
    let title = format!("{} in the permissions boundary {}", title(grants), policy.name);
    Ok(Plan::new(title, Owner::BoundaryOwner, set(&policy)).noting(notes))
}

/// What the boundary as drafted says to each of the grants.
fn verdicts<'g>(
    facts: &Facts,
    catalog: &Catalog,
    policy: &Editable,
    grants: &'g Grants,
) -> Vec<(&'g (String, Vec<String>), crate::checks::shared::needs::Verdict)> {
    use crate::checks::shared::policies::compile;
    let view = View::new(facts, catalog);
    let (Ok(asks), Ok(boundary)) =
        (asks(&view), compile(crate::policy::Kind::Boundary, &policy.name, &policy.draft.text()))
    else {
        return Vec::new();
    };
    let ask = |grant: &(String, Vec<String>)| {
        asks.iter().find(|ask| ask.action() == grant.0 && grant.1.contains(&ask.resource.pattern))
    };
    grants.iter().filter_map(|grant| Some((grant, ask(grant)?.of_boundary(&boundary)))).collect()
}

fn denies(facts: &Facts, catalog: &Catalog, policy: &Editable, grants: &Grants) -> Option<usize> {
    use crate::checks::shared::needs::Verdict;
    verdicts(facts, catalog, policy, grants).into_iter().find_map(|(_, verdict)| match verdict {
        Verdict::Denied(statements) => statements.first().map(|statement| statement.index),
        _ => None,
    })
}

fn refused(
    facts: &Facts,
    catalog: &Catalog,
    policy: &Editable,
    grants: &Grants,
) -> Vec<(String, Vec<String>)> {
    let verdicts = verdicts(facts, catalog, policy, grants).into_iter();
    verdicts.filter(|(_, verdict)| verdict.is_refused()).map(|(grant, _)| grant.clone()).collect()
}

/// A change of a managed policy, or of a boundary, counts for others than the role: who they are is not read.
pub(super) fn noting_others(plan: Plan, facts: &Facts) -> Plan {
    let Change::SetPolicy { home: PolicyHome::Managed { arn }, .. } = &plan.change else { return plan };
    let (role, name) = (&facts.target.role.name, arn.rsplit('/').next().unwrap_or(arn));
    let boundary = facts.role.known().and_then(|role| role.boundary.as_ref());
    let is_boundary = boundary.is_some_and(|boundary| boundary.as_str() == arn);
    let attached = facts.attached_policies.known().into_iter().flatten();
    let is_attached = attached.into_iter().any(|policy| policy.arn.as_str() == arn);
    let of_boundary = is_boundary.then(|| {
        let arn = shell_flag("--policy-arn", arn);
        format!(
            "{name} limits every user and role that has it as its permissions boundary, and not {role} alone: the \
             change counts for all of them. `aws iam list-entities-for-policy {arn} --policy-usage-filter \
             PermissionsBoundary` lists them"
        )
    });
    let of_attached = (is_attached || !is_boundary)
        .then(|| format!("The change counts for whoever else has {name} attached"));
    plan.noting(of_boundary.into_iter().chain(of_attached))
}

/// Replaces a broad managed policy by what the connectors need of it.
pub(super) fn replace_managed(facts: &Facts, catalog: &Catalog, arn: &str) -> Result<Vec<Plan>, String> {
    let role = facts.target.role.name.clone();
    let detach = Change::DetachPolicy { role, policy_arn: arn.to_owned() };
    let without = apply(&detach, facts);
    let view = View::new(&without, catalog);
    let documents = role_policies(&view).documents();
    let asks = asks(&view).map_err(|blocked| blocked.why)?;
    let mut grants = Vec::new();
    for ask in asks.iter().filter(|ask| ask.is_required() && !ask.of_identity(&documents).is_allowed()) {
        grants.push((ask.action().to_owned(), vec![ask.resource.pattern.clone()]));
    }
    let mut plans = if grants.is_empty() { Vec::new() } else { allow(&without, catalog, &grants)? };
    let name = arn.rsplit('/').next().unwrap_or(arn);
    plans.push(Plan::new(format!("Detach {name} from the role"), Owner::You, detach));
    Ok(plans)
}

/// Attaches a managed policy again.
pub(super) fn attach(facts: &Facts, arn: &str, document: Option<&str>) -> Plan {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let role = facts.target.role.name.clone();
    let change = Change::AttachPolicy { role, policy_arn: arn.to_owned() };
    let plan = Plan::new(format!("Attach {name} to the role again"), Owner::You, change);
    Plan { brings: document.map(|document| (arn.to_owned(), document.to_owned())), ..plan }
}

/// Writes an embedded policy as it was.
pub(super) fn put_inline(facts: &Facts, name: &str, document: &str) -> Plan {
    let before = facts.inline_policies.get(name).and_then(Fact::known).cloned();
    let home = PolicyHome::Inline { role: facts.target.role.name.clone(), name: name.to_owned() };
    let after = document.to_owned();
    Plan::new(
        format!("Write the embedded policy {name} as it was"),
        Owner::You,
        Change::SetPolicy { home, before, after },
    )
}
