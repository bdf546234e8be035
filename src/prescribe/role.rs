//! Remedies in the role's own policies.

use serde_json::{Map, Value, json};

use crate::catalog::Catalog;
use crate::checks::View;
use crate::checks::shared::needs::{asks, widest};
use crate::checks::shared::policies::{is_aws_managed, is_everything, role_policies};
use crate::checks::shared::words::{some, unique};
use crate::facts::{Fact, Facts};
use crate::model::{Change, Owner, PolicyHome};
use crate::policy::scope::covers;

use super::apply::apply;
use super::document::{Draft, add_texts, one_or_many, set_texts, texts};
use super::limits::{INLINE, MANAGED, inline_size};
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
        plans.push(Plan {
            title: if new {
                format!("{title} in the new embedded policy {}", policy.name)
            } else {
                format!("{title} in {}", policy.name)
            },
            owner: Owner::You,
            change,
            brings: None,
        });
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
    let statements = policy.draft.len();
    spare(&mut policy.draft, statement, grants)?;
    let gone = policy.draft.len() < statements;
    let number = statement + 1;
    Ok(Plan {
        title: if gone {
            format!("Take statement {number} out of {name}, which denies what the connector needs")
        } else {
            format!("Spare what the connector needs in statement {number} of {name}, which denies it")
        },
        owner: Owner::You,
        change: set(&policy),
        brings: None,
    })
}

/// Takes needed actions on needed resources out of a statement that denies.
fn spare(draft: &mut Draft, index: usize, grants: &Grants) -> Result<(), String> {
    let gone = || "the policy no longer has that statement".to_owned();
    let statement = draft.statement(index).ok_or_else(gone)?;
    let needed: Vec<String> = grants.iter().map(|(action, _)| action.to_ascii_lowercase()).collect();
    let mut resources: Vec<String> = Vec::new();
    for resource in grants.iter().flat_map(|(_, resources)| resources) {
        if !resources.contains(resource) {
            resources.push(resource.clone());
        }
    }
    let listed = texts(statement, "Action").unwrap_or_default();
    let (exact, others): (Vec<String>, Vec<String>) =
        listed.into_iter().partition(|action| needed.contains(&action.to_ascii_lowercase()));
    let all_exact = needed.iter().all(|it| exact.iter().any(|action| action.eq_ignore_ascii_case(it)));
    if !all_exact || others.is_empty() {
        let mut spared = statement.clone();
        if subtract(&mut spared, &resources)? {
            *statement = spared;
        } else if draft.len() > 1 {
            draft.remove(index);
        } else {
            return Err("a policy must have a statement, and this is its only one".to_owned());
        }
        return Ok(());
    }
    // The other actions stay denied as they were.
    let mut spared = statement.clone();
    set_texts(statement, "Action", others);
    set_texts(&mut spared, "Action", exact);
    if subtract(&mut spared, &resources)? {
        let sid = spared.shift_remove("Sid").and_then(|sid| sid.as_str().map(str::to_owned));
        let members: Vec<(&str, Value)> =
            spared.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        draft.push(&sid.unwrap_or_else(|| "DenyElsewhere".to_owned()), &members);
    }
    Ok(())
}

/// Takes resources out of what a statement means; whether anything is left.
fn subtract(statement: &mut Map<String, Value>, resources: &[String]) -> Result<bool, String> {
    if statement.contains_key("NotResource") {
        add_texts(statement, "NotResource", resources);
        return Ok(true);
    }
    let written = texts(statement, "Resource").unwrap_or_default();
    let whole = written.len();
    let left: Vec<String> =
        written.into_iter().filter(|it| !resources.iter().any(|resource| covers(resource, it))).collect();
    // Of every bucket, only S3's own actions can be taken: NotResource means other services as well.
    let of_s3 = texts(statement, "Action").is_some_and(|actions| {
        actions
            .iter()
            .all(|action| action.get(..3).is_some_and(|service| service.eq_ignore_ascii_case("s3:")))
    });
    if left.iter().any(|it| it == "*" || (of_s3 && is_everything(it))) {
        super::document::rename(statement, "Resource", "NotResource");
        set_texts(statement, "NotResource", resources.to_vec());
        return Ok(true);
    }
    let overlaps = |it: &String| resources.iter().any(|resource| covers(it, resource));
    // What is neither covered nor covers, and denies all the same, crosses.
    let crossing = left.first().filter(|_| left.len() == whole);
    if let Some(wider) = left.iter().find(|it| overlaps(it)).or(crossing) {
        return Err(format!(
            "the statement denies {wider}, of which the connector needs a part: only you can tell what is to stay denied"
        ));
    }
    if left.is_empty() {
        return Ok(false);
    }
    set_texts(statement, "Resource", left);
    Ok(true)
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
    for _ in 0..policy.draft.len() {
        let Some(statement) = denies(facts, catalog, &policy, grants) else { break };
        spare(&mut policy.draft, statement, grants)?;
    }
    let known = known_actions(facts, catalog);
    for (resources, actions) in words::by_resources(&refused(facts, catalog, &policy, grants)) {
        if !extend(&mut policy.draft, &actions, &resources, &known) {
            push(&mut policy.draft, &actions, &resources);
        }
    }
    Ok(Plan {
        title: format!("{} in the permissions boundary {}", title(grants), policy.name),
        owner: Owner::You,
        change: set(&policy),
        brings: None,
    })
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
    plans.push(Plan {
        title: format!("Detach {name} from the role"),
        owner: Owner::You,
        change: detach,
        brings: None,
    });
    Ok(plans)
}

/// Attaches a managed policy again.
pub(super) fn attach(facts: &Facts, arn: &str, document: Option<&str>) -> Plan {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let role = facts.target.role.name.clone();
    Plan {
        title: format!("Attach {name} to the role again"),
        owner: Owner::You,
        change: Change::AttachPolicy { role, policy_arn: arn.to_owned() },
        brings: document.map(|document| (arn.to_owned(), document.to_owned())),
    }
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
