//! Would the policies as they are now still deny it?
//!
//! What the events do not tell is unknown here, not absent: a verdict that hangs on it is no verdict.

use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::checks::View;
use crate::checks::shared::denied::{self, Now, Still};
use crate::checks::shared::keys::is_usable;
use crate::checks::shared::needs::Ask;
use crate::checks::shared::state::Layer;
use crate::denial::{self, Reason};
use crate::facts::{Fact, FactId, Facts, Role};
use crate::model::StatementRef;
use crate::requirement::{Keys, Requirement, Resource, SessionCall, Sessions};
use crate::trail::DenialGroup;

/// What the policies as they are now say of a denial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Verification {
    /// They deny it still.
    StillDenied {
        /// By what, one sentence.
        why: String,
        /// The statements that deny; empty where none allows.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        statements: Vec<StatementRef>,
    },
    /// They allow it now: something was changed since.
    FixedSince {
        /// On what ground, one sentence.
        why: String,
    },
    /// It cannot be told.
    Unknown {
        /// Why, one sentence.
        why: String,
    },
}

impl Verification {
    /// Whether it is known to be mended.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::FixedSince { .. })
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }
}

/// Puts a group's action on its resource to the policies and grants in `facts`.
pub fn verify(group: &DenialGroup, facts: Option<&Facts>) -> Verification {
    let Some(facts) = facts else {
        return Verification::unknown("the policies were not read: give --case, or credentials and --role");
    };
    let view = View::new(facts, Catalog::built_in());
    if let Reason::KeyState { .. } = group.cause {
        return of_key_state(&view, group);
    }
    match ask(&view, group, facts) {
        Ok(ask) => told(group, &ask, denied::now(&view, group, &ask)),
        Err(why) => Verification::unknown(why),
    }
}

/// Whether the key that was refused for its state serves again.
fn of_key_state(view: &View<'_>, group: &DenialGroup) -> Verification {
    let key = group.resource.as_deref().and_then(|arn| view.key_entry(arn));
    let Some(key) = key else { return Verification::unknown("the key was not read") };
    match view.key(&key, FactId::Key, |it| &it.metadata) {
        Ok(Some(metadata)) if is_usable(&metadata.state) => Verification::FixedSince {
            why: format!("the key {} is in the state {}", metadata.arn, metadata.state),
        },
        Ok(Some(metadata)) => Verification::StillDenied {
            why: format!("the key {} is in the state {}", metadata.arn, metadata.state),
            statements: Vec::new(),
        },
        Ok(None) => Verification::unknown("the key was not found"),
        Err(blocked) => Verification::unknown(format!("{}: {}", blocked.what, blocked.why)),
    }
}

fn told(group: &DenialGroup, ask: &Ask<'_>, now: Now) -> Verification {
    let of = format!("{} on {}", ask.action(), ask.resource.pattern);
    match now {
        Now::Open(blocked) => {
            let grant = blocked.grant.map(|grant| format!(" (allow {grant})")).unwrap_or_default();
            let hint = blocked.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            Verification::unknown(format!("{}: {}{grant}{hint}", blocked.what, blocked.why))
        }
        Now::Denied(Still { statements, .. }) if !statements.is_empty() => {
            let names: Vec<_> = statements.iter().map(named).collect();
            Verification::StillDenied {
                why: format!("{of} is denied still, by {}", names.join(", ")),
                statements,
            }
        }
        Now::Denied(Still { layer, why, .. }) => {
            let layer = match layer {
                Layer::Identity => "the role's own policies do not allow",
                Layer::Boundary => "the permissions boundary does not allow",
                Layer::Resource => "the policy of the resource does not allow",
                Layer::LakeFormation => "Lake Formation does not allow",
            };
            Verification::StillDenied { why: format!("{layer} {of}: {why}"), statements: Vec::new() }
        }
        Now::Allowed(statements) => allowed(group, &of, &statements),
    }
}

/// What is allowed now is mended where AWS named the layer that refused, which was read.
fn allowed(group: &DenialGroup, of: &str, statements: &[StatementRef]) -> Verification {
    let by_grants = matches!(group.cause, Reason::LakeFormation { .. });
    let was_read = matches!(
        group.cause.layer(),
        Some(denial::Layer::Identity | denial::Layer::Boundary | denial::Layer::Resource)
    );
    if !by_grants && !was_read {
        return Verification::unknown(format!(
            "the policies that could be read allow {of}, but AWS did not name the layer that refused it, and \
             the organization's policies cannot be seen from here"
        ));
    }
    let names: Vec<_> = statements.iter().map(named).collect();
    let by = match (by_grants, names.is_empty()) {
        (true, _) => ", by Lake Formation's grants".to_owned(),
        (false, true) => ", by a grant".to_owned(),
        (false, false) => format!(", by {}", names.join(", ")),
    };
    Verification::FixedSince { why: format!("{of} is allowed now{by}") }
}

/// A statement for a reader.
fn named(statement: &StatementRef) -> String {
    match &statement.sid {
        Some(sid) => format!("statement {sid} of {}", statement.policy),
        None => format!("statement {} of {}", statement.index + 1, statement.policy),
    }
}

/// The question whether such a call is allowed, made as the events tell; an error says why none can be put.
fn ask<'g>(view: &View<'_>, group: &'g DenialGroup, facts: &Facts) -> Result<Ask<'g>, String> {
    if let Some(hidden) = denied::hidden(&group.cause) {
        return Err(format!("it was {hidden} that refused it, which the account's policies do not show"));
    }
    let action = group.action.as_deref().ok_or("the event does not tell the action")?;
    let resource = group.resource.clone().ok_or("the event does not tell the resource")?;
    if resource != "*" && (!resource.starts_with("arn:") || resource.ends_with("/*")) {
        return Err(format!("{resource} is not one ARN that could be evaluated"));
    }
    let role = view.role().ok().flatten().ok_or("the role's policies were not read")?;
    if !group.principals.iter().all(|principal| principal == role.arn.as_str()) {
        return Err(format!("the policies read are those of {}, and others were denied", role.arn));
    }
    // Sessions of any name, for a group tells none.
    let sessions = Sessions::of(role.arn.as_str(), Some(&role.id), &[]).map_err(|error| error.to_string())?;
    let need = Catalog::built_in().connectors.iter().flat_map(|connector| &connector.needs).next();
    let requirement = Requirement {
        connector: "",
        sessions: &[],
        // Of no connector's: it is looked at by nobody.
        need: need.ok_or("no connector is known")?,
        action,
        resources: Vec::new(),
        location: None,
        of_key: false,
        simulated: false,
    };
    let call = SessionCall {
        sessions,
        action: action.to_owned(),
        resource: resource.clone(),
        resource_account: None,
        keys: keys(group, facts, role),
    };
    let resource = Resource::exact(resource);
    Ok(Ask { requirement, resource, call: Rc::new(call) })
}

/// What the events and the facts tell of the call; all else is unknown.
fn keys(group: &DenialGroup, facts: &Facts, role: &Role) -> Keys {
    let mut keys = Keys { open: true, ..Keys::default() };
    let mut set = |key: &str, value: &str| _ = keys.values.insert(key.to_owned(), vec![value.to_owned()]);
    // A statement that denies what comes without TLS would have been named before one that is missing.
    if group.cause.is_explicit() == Some(false) || matches!(group.cause, Reason::LakeFormation { .. }) {
        set("aws:SecureTransport", "true");
    }
    set("aws:PrincipalType", "AssumedRole");
    set("aws:PrincipalIsAWSService", "false");
    set("aws:CurrentTime", &facts.collected_at);
    set("aws:PrincipalArn", role.arn.as_str());
    set("aws:PrincipalAccount", role.arn.account());
    for (name, value) in &role.tags {
        set(&format!("aws:PrincipalTag/{name}"), value);
    }
    if let Fact::Known(organization) = &facts.organization {
        set("aws:PrincipalOrgID", &organization.id);
    }
    if let (1, Some(region)) = (group.regions.len(), group.regions.first()) {
        set("aws:RequestedRegion", region);
    }
    let mut addresses = group.source_ips.iter().filter(|ip| ip.parse::<std::net::IpAddr>().is_ok());
    if let (1, Some(ip)) = (group.source_ips.len(), addresses.next()) {
        set("aws:SourceIp", ip);
    }
    if facts.organization == Fact::Absent {
        keys.absent.push("aws:PrincipalOrgID".to_owned());
    }
    if group.vpc_endpoints.is_empty() {
        // An event that came through an endpoint names it.
        keys.absent.extend(["aws:SourceVpce", "aws:SourceVpc", "aws:VpcSourceIp"].map(str::to_owned));
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::facts::{Bucket, Refusal, RoleName, Target};
    use crate::trail::{DenialGroups, Event};

    const ROLE: &str = "arn:aws:iam::111122223333:role/orders";

    fn facts(identity: &str, bucket: Fact<String>) -> Facts {
        let target = Target {
            role: RoleName { name: "orders".to_owned(), path: None, account: None, partition: None },
            external_id: None,
            region: None,
            region_given: false,
            connectors: Vec::new(),
        };
        let mut facts = Facts::unread(target, "2026-03-02T10:00:00Z".to_owned());
        facts.role = Fact::Known(Role {
            arn: ROLE.parse().unwrap(),
            id: "AROAX".to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            max_session_duration: 3600,
            trust_policy: "{}".to_owned(),
            boundary: None,
            last_used: None,
            tags: std::collections::BTreeMap::new(),
        });
        facts.attached_policies = Fact::Known(Vec::new());
        facts.inline_policy_names = Fact::Known(vec!["write".to_owned()]);
        facts.inline_policies.insert("write".to_owned(), Fact::Known(identity.to_owned()));
        facts.buckets.insert("b".to_owned(), Bucket { policy: bucket, ..Bucket::default() });
        facts
    }

    fn group(clause: &str) -> DenialGroup {
        let event = Event::from_value(&json!({"eventID": "1", "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
            "errorCode": "AccessDenied", "awsRegion": "eu-west-1",
            "userIdentity": {"sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}}},
            "errorMessage": format!("User: x is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::b/raw/k\" {clause}")}))
        .unwrap();
        let mut groups = DenialGroups::new();
        groups.add(&event);
        groups.groups().remove(0)
    }

    fn policy(statement: &serde_json::Value) -> String {
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    }

    const IMPLICIT: &str = "because no identity-based policy allows the s3:PutObject action";

    #[test]
    fn without_policies_nothing_is_known() {
        assert!(matches!(verify(&group(IMPLICIT), None), Verification::Unknown { .. }));
    }

    #[test]
    fn what_no_statement_allows_is_denied_still_and_what_one_allows_is_fixed() {
        let other = policy(
            &json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/other/*"}),
        );
        let same =
            policy(&json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/raw/*"}));
        let still = verify(&group(IMPLICIT), Some(&facts(&other, Fact::Absent)));
        assert!(matches!(still, Verification::StillDenied { .. }), "{still:?}");
        let fixed = verify(&group(IMPLICIT), Some(&facts(&same, Fact::Absent)));
        assert!(fixed.is_fixed(), "{fixed:?}");
    }

    #[test]
    fn an_unread_policy_that_could_matter_makes_it_unknown_but_a_deny_that_was_read_decides() {
        let same =
            policy(&json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/raw/*"}));
        let unread: Fact<String> = Fact::NotAsked("no".to_owned());
        assert!(matches!(
            verify(&group(IMPLICIT), Some(&facts(&same, unread.clone()))),
            Verification::Unknown { .. }
        ));
        let deny = policy(&json!({"Sid": "No", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}));
        let still = verify(&group(IMPLICIT), Some(&facts(&deny, unread)));
        let Verification::StillDenied { statements, .. } = still else { panic!("{still:?}") };
        assert_eq!(statements.len(), 1);
    }

    #[test]
    fn a_statement_for_one_session_of_the_role_leaves_it_open() {
        let same =
            policy(&json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/raw/*"}));
        let guard = |name: &str| {
            let session = format!("arn:aws:sts::111122223333:assumed-role/{name}");
            policy(
                &json!({"Effect": "Deny", "Principal": {"AWS": session}, "Action": "s3:*", "Resource": "*"}),
            )
        };
        let open = verify(&group(IMPLICIT), Some(&facts(&same, Fact::Known(guard("orders/s")))));
        assert!(matches!(open, Verification::Unknown { .. }), "{open:?}");
        let other = verify(&group(IMPLICIT), Some(&facts(&same, Fact::Known(guard("others/s")))));
        assert!(other.is_fixed(), "{other:?}");
    }

    #[test]
    fn conditions_on_what_events_do_not_tell_leave_it_open() {
        let by_agent = policy(&json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*",
            "Condition": {"StringEquals": {"aws:UserAgent": "x"}}}));
        let open = verify(&group(IMPLICIT), Some(&facts(&by_agent, Fact::Absent)));
        let Verification::Unknown { why } = open else { panic!("{open:?}") };
        assert!(why.contains("aws:UserAgent"), "{why}");
    }

    #[test]
    fn layers_beyond_the_account_cannot_be_verified() {
        let same = policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        let scp = verify(
            &group("with an explicit deny in a service control policy"),
            Some(&facts(&same, Fact::Absent)),
        );
        assert!(matches!(scp, Verification::Unknown { .. }), "{scp:?}");
    }

    #[test]
    fn the_policies_of_one_role_say_nothing_of_another() {
        let mut group = group(IMPLICIT);
        group.principals = BTreeSet::from(["arn:aws:iam::111122223333:role/other".to_owned()]);
        let same = policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        assert!(matches!(verify(&group, Some(&facts(&same, Fact::Absent))), Verification::Unknown { .. }));
    }

    #[test]
    fn whether_a_call_came_by_tls_is_known_only_where_no_deny_was_at_work() {
        let same = policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        let tls = policy(&json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}));
        let facts = facts(&same, Fact::Known(tls));
        let denied = verify(&group("with an explicit deny in a resource-based policy"), Some(&facts));
        let Verification::Unknown { why } = denied else { panic!("{denied:?}") };
        assert!(why.contains("aws:SecureTransport"), "{why}");
        assert!(verify(&group(IMPLICIT), Some(&facts)).is_fixed());
    }

    /// Denials of a call to another service than S3.
    fn call(service: &str, action: &str, resource: &str, clause: &str) -> DenialGroup {
        let event = Event::from_value(&json!({"eventID": "1", "eventSource": format!("{service}.amazonaws.com"), "eventName": "X",
            "errorCode": "AccessDenied", "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
            "userIdentity": {"sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}}},
            "errorMessage": format!("User: x is not authorized to perform: {action} on resource: {resource} {clause}")}))
        .unwrap();
        let mut groups = DenialGroups::new();
        groups.add(&event);
        groups.groups().remove(0)
    }

    #[test]
    fn policies_that_are_not_read_are_not_taken_for_none() {
        let all = policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        let none = policy(&json!({"Effect": "Allow", "Action": "x:y", "Resource": "*"}));
        for (service, action, resource) in [
            ("sqs", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:q"),
            ("sts", "sts:AssumeRole", "arn:aws:iam::444455556666:role/other"),
            ("sts", "sts:AssumeRole", "arn:aws:iam::111122223333:role/other"),
            ("glue", "glue:GetTable", "arn:aws:glue:eu-west-1:444455556666:table/d/t"),
            ("glue", "glue:GetTable", "arn:aws:glue:eu-west-1:111122223333:table/d/t"),
            ("kms", "kms:Decrypt", "arn:aws:kms:eu-west-1:111122223333:key/1234"),
        ] {
            let clause = format!("because no identity-based policy allows the {action} action");
            let group = call(service, action, resource, &clause);
            for identity in [&all, &none] {
                let found = verify(&group, Some(&facts(identity, Fact::Absent)));
                assert!(matches!(found, Verification::Unknown { .. }), "{action} {resource} {found:?}");
            }
        }
        let clause = "because no identity-based policy allows the ec2:DescribeVpcs action";
        let group = call("ec2", "ec2:DescribeVpcs", "*", clause);
        assert!(verify(&group, Some(&facts(&all, Fact::Absent))).is_fixed());
    }

    #[test]
    fn the_catalogue_s_policy_is_looked_at_where_it_was_read() {
        let all = policy(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        let clause = "because no identity-based policy allows the glue:GetTable action";
        let group = call("glue", "glue:GetTable", "arn:aws:glue:eu-west-1:111122223333:table/d/t", clause);
        let mut facts = facts(&all, Fact::Absent);
        facts.glue.policy = Fact::Absent;
        assert!(verify(&group, Some(&facts)).is_fixed());
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "glue:*", "Resource": "*"});
        facts.glue.policy = Fact::Known(policy(&deny));
        assert!(matches!(verify(&group, Some(&facts)), Verification::StillDenied { .. }));
        facts.glue.policy =
            Fact::Denied(Refusal { action: "glue:GetResourcePolicy".to_owned(), message: "no".to_owned() });
        let Verification::Unknown { why } = verify(&group, Some(&facts)) else { panic!() };
        assert!(why.contains("allow glue:GetResourcePolicy"), "{why}");
    }
}
