//! Would the policies as they are now still deny it?
//!
//! What the events do not tell is unknown here, not absent: a verdict that hangs on it is no verdict.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::checks::View;
use crate::checks::shared::policies;
use crate::denial::{Layer, Reason};
use crate::facts::{Fact, Facts, Key};
use crate::model::{Blocked, StatementRef};
use crate::policy::{Context, Policy, PolicySet, Principal, Request, evaluate};
use crate::requirement::Sessions;
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

/// Evaluates a group's action on its resource against the policies in `facts`.
pub fn verify(group: &DenialGroup, facts: Option<&Facts>) -> Verification {
    let Some(facts) = facts else {
        return Verification::unknown("the policies were not read: give --case, or credentials and --role");
    };
    match Judgement::prepare(group, facts) {
        Ok(judgement) => judgement.verdict(group),
        Err(why) => Verification::unknown(why),
    }
}

/// A statement for a reader.
fn named(statement: &StatementRef) -> String {
    match &statement.sid {
        Some(sid) => format!("statement {sid} of {}", statement.policy),
        None => format!("statement {} of {}", statement.index + 1, statement.policy),
    }
}

struct Judgement {
    policies: PolicySet,
    /// Sessions of any name, for a group tells none.
    sessions: Sessions,
    /// As made by the role.
    request: Request,
    /// What was not read and could allow or deny, in words.
    unread: Vec<String>,
}

impl Judgement {
    fn prepare(group: &DenialGroup, facts: &Facts) -> Result<Self, String> {
        beyond_policies(&group.cause)?;
        let action = group.action.clone().ok_or("the event does not tell the action")?;
        let resource = group.resource.clone().ok_or("the event does not tell the resource")?;
        if resource != "*" && (!resource.starts_with("arn:") || resource.ends_with("/*")) {
            return Err(format!("{resource} is not one ARN that could be evaluated"));
        }
        let role = facts.role.known().ok_or("the role's policies were not read")?;
        if !group.principals.iter().all(|principal| principal == role.arn.as_str()) {
            return Err(format!("the policies read are those of {}, and others were denied", role.arn));
        }
        let parsed = Principal::parse(role.arn.as_str());
        let sessions = Sessions::of(role.arn.as_str(), Some(&role.id), &[]);
        let (principal, sessions) =
            parsed.and_then(|it| Ok((it, sessions?))).map_err(|error| error.to_string())?;
        let view = View::new(facts, Catalog::built_in());
        let own = policies::role_policies(&view);
        let mut unread: Vec<String> = own.unread.iter().map(|blocked| blocked.what.clone()).collect();
        let policies = PolicySet {
            identity: own.documents(),
            boundary: noted(policies::boundary(&view), &mut unread),
            resource: noted(resource_policy(&view, &action, &resource, facts), &mut unread),
            ..PolicySet::default()
        };
        let request =
            Request { principal, action, resource, resource_account: None, context: context(group, facts) };
        Ok(Self { policies, sessions, request, unread })
    }

    fn verdict(self, group: &DenialGroup) -> Verification {
        let decision = self.sessions.decide(&self.policies, |session, user_id| {
            let mut request = self.request.clone();
            request.principal = session.clone();
            if let Some(id) = user_id {
                request.context.set("aws:userid", [id]);
            }
            evaluate(&self.policies, &request)
        });
        let of = format!("{} on {}", self.request.action, self.request.resource);
        if !decision.depends_on.is_empty() {
            return Verification::unknown(format!(
                "whether {of} is allowed now hangs on {}, which the events do not tell",
                decision.depends_on.join(", ")
            ));
        }
        let names: Vec<_> = decision.statements.iter().map(named).collect();
        if decision.verdict == crate::model::EngineVerdict::ExplicitDeny {
            let why = format!("{of} is denied still, by {}", names.join(", "));
            return Verification::StillDenied { why, statements: decision.statements };
        }
        if !self.unread.is_empty() {
            return Verification::unknown(format!("{} could not be read", self.unread.join(", ")));
        }
        if !decision.verdict.is_allowed() {
            let why = format!("no statement of the {} layer allows {of}", decision.decided_by.as_str());
            return Verification::StillDenied { why, statements: Vec::new() };
        }
        if group.cause.layer().is_some_and(|layer| layer == Layer::Identity)
            || matches!(group.cause.layer(), Some(Layer::Boundary | Layer::Resource))
        {
            return Verification::FixedSince { why: format!("{of} is allowed now, by {}", names.join(", ")) };
        }
        Verification::unknown(format!(
            "the policies that could be read allow {of}, but AWS did not name the layer that refused it, and \
             the organization's policies cannot be seen from here"
        ))
    }
}

/// Layers that policies in an account do not show.
fn beyond_policies(cause: &Reason) -> Result<(), String> {
    let hidden = match cause {
        Reason::LakeFormation { .. } => "Lake Formation's grants",
        Reason::SessionDuration { .. } => "the length of the session",
        Reason::BlockPublicAccess { .. } => "S3 Block Public Access",
        Reason::SseCBlocked => "the bucket's encryption settings",
        Reason::CrossAccountPassRole => "a rule that no policy changes",
        other => match other.layer() {
            Some(Layer::Scp) => "a service control policy of the organization",
            Some(Layer::Rcp) => "a resource control policy of the organization",
            Some(Layer::Endpoint) => "a VPC endpoint's policy",
            Some(Layer::Session) => "a session policy",
            _ => return Ok(()),
        },
    };
    Err(format!("it was {hidden} that refused it, which the account's policies do not show"))
}

/// What could be read, else nothing, with what it was noted as unread.
fn noted<T>(read: Result<Option<T>, Blocked>, unread: &mut Vec<String>) -> Option<T> {
    read.unwrap_or_else(|blocked| {
        unread.push(blocked.what);
        None
    })
}

/// The policy of the bucket, the key or the catalogue itself.
fn resource_policy(
    view: &View<'_>,
    action: &str,
    resource: &str,
    facts: &Facts,
) -> Result<Option<Arc<Policy>>, Blocked> {
    match action.split(':').next() {
        Some("s3") => {
            let bucket = resource.split(":::").nth(1).and_then(|rest| rest.split('/').next());
            bucket.map_or(Ok(None), |bucket| policies::bucket_policy(view, bucket))
        }
        Some("kms") => {
            // A bucket may name its key by an alias; AWS names the key itself as refused.
            let is_it = |entry: &str, key: &Key| {
                entry == resource || key.metadata.known().is_some_and(|metadata| metadata.arn == resource)
            };
            let entry =
                facts.keys.iter().find(|(entry, key)| is_it(entry, key)).map(|(entry, _)| entry.as_str());
            policies::key_policy(view, entry.unwrap_or(resource))
        }
        Some("glue") => Err(Blocked {
            what: "the Data Catalog's resource policy".to_owned(),
            why: "it was not read".to_owned(),
            grant: None,
            hint: None,
            concerns: Vec::new(),
        }),
        _ => Ok(None),
    }
}

/// What the events and the facts tell of the call; all else is unknown.
fn context(group: &DenialGroup, facts: &Facts) -> Context {
    let mut context =
        Context::open().with("aws:SecureTransport", "true").with("aws:PrincipalType", "AssumedRole");
    context.set("aws:CurrentTime", [facts.collected_at.as_str()]);
    if let Some(role) = facts.role.known() {
        context.set("aws:PrincipalArn", [role.arn.as_str()]);
        for (name, value) in &role.tags {
            context.set(&format!("aws:PrincipalTag/{name}"), [value.as_str()]);
        }
    }
    match &facts.organization {
        Fact::Known(organization) => context.set("aws:PrincipalOrgID", [organization.id.as_str()]),
        Fact::Absent => context = context.absent("aws:PrincipalOrgID"),
        _ => {}
    }
    if let (1, Some(region)) = (group.regions.len(), group.regions.first()) {
        context.set("aws:RequestedRegion", [region.as_str()]);
    }
    let mut addresses = group.source_ips.iter().filter(|ip| ip.parse::<std::net::IpAddr>().is_ok());
    if let (1, Some(ip)) = (group.source_ips.len(), addresses.next()) {
        context.set("aws:SourceIp", [ip.as_str()]);
    }
    if group.vpc_endpoints.is_empty() {
        // An event that came through an endpoint names it.
        context = context.absent("aws:SourceVpce").absent("aws:SourceVpc").absent("aws:VpcSourceIp");
    }
    context
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::facts::{Bucket, Role, RoleName, Target};
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
}
