//! What is known of the call by which Streamkap assumes the role: the condition keys of that request.

use crate::checks::View;
use crate::checks::shared::{callers, history, words};
use crate::facts::Role;
use crate::model::{Arn, ExternalId};
use crate::policy::{Context, Policy, Principal};
use crate::requirement::example_session;

/// Streamkap's call of `sts:AssumeRole`.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The role's ARN.
    pub role_arn: String,
    /// Who calls. Any of them suffices.
    pub principals: Vec<Principal>,
    /// The external id it sends, if it was given.
    pub external_id: Option<ExternalId>,
    /// Keys whose values are certain; all others are unknown unless [`Call::key`] knows better.
    pub context: Context,
    /// The source addresses of its successful calls, as the event history shows them.
    pub addresses: Vec<String>,
    /// What its sessions are called, and whether the event history shows it.
    sessions: Vec<String>,
    regions: Vec<String>,
}

/// What is known of one condition key of the call.
pub(crate) enum Key {
    /// [`Call::context`] has it, or it is derived from the caller.
    Settled,
    /// `sts:ExternalId`.
    ExternalId,
    /// `aws:SourceIp`.
    Address,
    /// One of these sets of values, certainly; `None`: absent.
    OneOf(Vec<Option<Vec<String>>>),
    /// One of these sets of values, as far as the doctor supposes. Proof that Streamkap got in outweighs it.
    Supposed(Vec<Option<Vec<String>>>),
    /// Nothing is known.
    Unknown,
}

impl Call {
    /// What the facts tell of it. Reads the event history and the organisation where it can.
    pub(crate) fn of(view: &View<'_>, role: &Role) -> Self {
        let assumptions = history::assumptions(view).unwrap_or_default();
        let latest: Vec<_> = assumptions.successes.iter().rev().take(50).collect();
        let distinct = |values: Vec<&str>| {
            let mut kept: Vec<String> = Vec::new();
            for value in values {
                if !kept.iter().any(|known| known == value) {
                    kept.push(value.to_owned());
                }
            }
            kept
        };
        let is_address = |text: &&str| text.parse::<std::net::IpAddr>().is_ok();
        let addresses = distinct(
            latest.iter().filter_map(|event| event.source_ip.as_deref()).filter(is_address).collect(),
        );
        let mut sessions =
            distinct(latest.iter().filter_map(|event| event.parameter("roleSessionName")).collect());
        if sessions.is_empty() {
            sessions = known_sessions(view);
        }
        let mut regions =
            distinct(latest.iter().map(|event| &*event.region).filter(|region| !region.is_empty()).collect());
        if regions.is_empty() {
            regions.extend(view.target().region.clone());
        }
        Self {
            role_arn: role.arn.to_string(),
            principals: principals(view, role),
            external_id: view.target().external_id.clone(),
            context: context(view, role),
            addresses,
            sessions,
            regions,
        }
    }

    /// The contexts that the call may have, one of them its own, with the keys of the policy's conditions that
    /// tell them apart. What is not known of it is unknown in all of them.
    pub(crate) fn contexts(&self, policy: &Policy) -> (Vec<Context>, Vec<String>) {
        /// So many that no policy of a sane size comes near.
        const MOST: usize = 64;
        let (mut contexts, mut telling) = (vec![self.context.clone()], Vec::new());
        let conditions = policy.document().statements().iter().flat_map(|statement| &statement.conditions);
        for key in words::unique(conditions.map(|condition| condition.key.as_str())) {
            let (Key::OneOf(all) | Key::Supposed(all)) = self.key(key) else { continue };
            if contexts.len() * all.len() > MOST {
                continue;
            }
            let given = |context: &Context, values: &Option<Vec<String>>| match values {
                Some(values) => {
                    let mut context = context.clone();
                    context.set(key, values.iter().map(String::as_str));
                    context
                }
                None => context.clone().absent(key),
            };
            contexts = contexts.iter().flat_map(|it| all.iter().map(|values| given(it, values))).collect();
            if all.len() > 1 {
                telling.push(key.to_owned());
            }
        }
        (contexts, telling)
    }

    /// What is known of a condition key.
    pub(crate) fn key(&self, key: &str) -> Key {
        let key = key.to_ascii_lowercase();
        if self.context.get(&key).is_some() {
            return Key::Settled;
        }
        let absent_or = |value: &str| vec![None, Some(vec![value.to_owned()])];
        let each = |values: &[String]| match values {
            [] => Key::Unknown,
            values => Key::Supposed(values.iter().map(|value| Some(vec![value.clone()])).collect()),
        };
        match key.as_str() {
            "sts:externalid" => Key::ExternalId,
            "aws:sourceip" => Key::Address,
            "sts:rolesessionname" => each(&self.sessions),
            "aws:requestedregion" => each(&self.regions),
            // A role's temporary credentials carry it as false; some sources say that it is absent.
            "aws:multifactorauthpresent" => Key::OneOf(absent_or("false")),
            // The call may come through an endpoint of Streamkap's own network, never of another's.
            "aws:sourcevpc" | "aws:sourcevpce" | "aws:sourcevpcarn" | "aws:vpceaccount" | "aws:vpceorgid"
            | "aws:vpceorgpaths" => Key::Supposed(absent_or("of-streamkaps-own-network")),
            "aws:vpcsourceip" => Key::Supposed(absent_or("192.0.2.1")),
            // Streamkap's account is in no organisation that the owner of the role would name.
            "aws:principalorgid" | "aws:principalorgpaths" | "aws:principalorgmasteraccountid" => {
                Key::Supposed(absent_or("of-streamkaps-own-organization"))
            }
            "sts:durationseconds" => Key::OneOf(absent_or("3600")),
            "aws:useragent"
            | "aws:userid"
            | "aws:tokenissuetime"
            | "aws:assumedroot"
            | "aws:signinsessionarn"
            | "aws:ec2instancesourcevpc"
            | "aws:ec2instancesourceprivateipv4" => Key::Unknown,
            "aws:securetransport"
            | "aws:viaawsservice"
            | "aws:currenttime"
            | "aws:epochtime"
            | "aws:principalarn"
            | "aws:principalaccount"
            | "aws:principaltype"
            | "aws:principalisawsservice"
            | "aws:resourceaccount"
            | "aws:resourceorgid"
            | "aws:resourceorgpaths" => Key::Settled,
            _ if key.starts_with("aws:principaltag/") => Key::Supposed(absent_or("of-streamkaps-own-role")),
            // Session tags, a source identity, MFA's age, keys that only AWS services or identity providers send,
            // tags that the role does not have, and names that are no keys at all.
            _ => Key::OneOf(vec![None]),
        }
    }
}

/// The principals that make the call. An account's root stands for its principals and calls nothing itself:
/// where none of them is known by name, for those that the trust policy names and one that it does not.
fn principals(view: &View<'_>, role: &Role) -> Vec<Principal> {
    let all = callers::callers(view);
    let (roots, named): (Vec<&Arn>, Vec<&Arn>) = all.iter().partition(|arn| arn.resource() == "root");
    let mut arns: Vec<String> = named.iter().map(ToString::to_string).collect();
    for root in roots.into_iter().filter(|root| !named.iter().any(|it| it.account() == root.account())) {
        let head = root.as_str().trim_end_matches("root");
        arns.extend(written(&role.trust_policy, &format!("{head}role/")));
        arns.extend(written(&role.trust_policy, &format!("{head}user/")));
        arns.push(format!("{head}role/installer"));
    }
    arns.iter().filter_map(|arn| Principal::parse(arn).ok()).collect()
}

/// The texts of a document, each in quotation marks, that begin so.
fn written(document: &str, head: &str) -> Vec<String> {
    let texts = document.split('"').filter(|text| text.starts_with(head) && !text.contains(['*', '?']));
    texts.map(str::to_owned).collect()
}

fn known_sessions(view: &View<'_>) -> Vec<String> {
    let mut sessions: Vec<String> =
        view.connectors().flat_map(|(_, connector)| connector.sessions.iter().cloned()).collect();
    // What an installer calls its sessions is not known.
    if sessions.is_empty() && !view.installs_only() {
        sessions.clone_from(&view.vendor().session_names);
    }
    sessions.iter().map(|name| example_session(name)).collect()
}

/// The keys whose values are certain.
fn context(view: &View<'_>, role: &Role) -> Context {
    let mut context = Context::open()
        .with("aws:SecureTransport", "true")
        .with("aws:ViaAWSService", "false")
        .with("aws:CurrentTime", view.now());
    if let Ok(now) = view.now().parse::<jiff::Timestamp>() {
        context = context.with("aws:EpochTime", &now.as_second().to_string());
    }
    if let Ok(Some(organization)) = view.organization() {
        context = context.with("aws:ResourceOrgID", &organization.id);
    }
    for (key, value) in &role.tags {
        context = context
            .with(&format!("aws:ResourceTag/{key}"), value)
            .with(&format!("iam:ResourceTag/{key}"), value);
    }
    context
}
