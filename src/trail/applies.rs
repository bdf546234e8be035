//! Whether the conditions and variables of a statement hold for calls that are known by their records alone.
//!
//! The records tell who called, from where, in which Region, and whether by TLS. All else that a condition may
//! ask about is unknown here, and then so is the answer.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::DenialGroup;
use super::document::Caller;
use crate::model::EngineVerdict;
use crate::policy::{Context, Document, Kind, Policy, PolicySet, Principal, Request, evaluate};

/// Addresses with which calls are tried at most; from more of them, nothing is known of where they came from.
const ADDRESSES: usize = 8;

/// The action by which a statement's conditions are asked about, which a role's own policies may allow by themselves:
/// to use a key or to assume a role takes another policy, too.
const ACTION: &str = "s3:PutObject";

/// Answers given at most for all denials of an archive, of which some have thousands of kinds and of changes. The
/// largest come first; of the rest a condition is not known to fit.
const ANSWERS: u32 = 50_000;

/// Statements made ready, by where they stand in memory: they are asked about for many denials.
pub(super) struct Ready {
    statements: RefCell<HashMap<Key, Option<PolicySet>>>,
    answers_left: Cell<u32>,
}

impl Default for Ready {
    fn default() -> Self {
        Self { statements: RefCell::default(), answers_left: Cell::new(ANSWERS) }
    }
}

/// A statement, and whether its resources are looked at, too.
type Key = (*const Value, bool);

/// Calls that were refused, as far as their records tell what a condition may ask about.
pub(super) struct Calls<'r> {
    requests: Vec<Request>,
    ready: &'r Ready,
    /// What was asked before: each statement is asked about before and after many changes.
    known: RefCell<HashMap<Key, Option<bool>>>,
}

impl<'r> Calls<'r> {
    /// Those of a group; none where nobody can tell who made them.
    pub(super) fn of(denial: &DenialGroup, caller: Caller<'_>, ready: &'r Ready) -> Option<Self> {
        let principal = match caller {
            Caller::Role(role) => Principal::parse(role),
            Caller::Account(account) => Principal::parse(&format!("arn:aws:iam::{account}:role/somebody")),
        };
        let resource = denial.resource.clone().filter(|it| it.starts_with("arn:"));
        let mut context = Context::open();
        if let Caller::Account(_) = caller {
            for key in ["aws:PrincipalArn", "aws:PrincipalType", "aws:userid", "aws:username"] {
                context = context.unknown(key);
            }
        }
        let owner = resource.as_deref().and_then(|arn| arn.split(':').nth(4)).filter(|it| !it.is_empty());
        context = match owner {
            Some(owner) => context.with("aws:ResourceAccount", owner),
            None => context.unknown("aws:ResourceAccount"),
        };
        if denial.by_tls {
            context = context.with("aws:SecureTransport", "true");
        }
        if let [region] = denial.regions.iter().collect::<Vec<_>>()[..] {
            context = context.with("aws:RequestedRegion", region);
        }
        let principal = principal.ok()?;
        let request = Request {
            // One policy is looked at by itself: that another account's has to allow it, too, is none of its.
            resource_account: principal.account().map(str::to_owned),
            principal,
            action: ACTION.to_owned(),
            resource: resource.unwrap_or_else(|| "*".to_owned()),
            context,
        };
        let addresses: Vec<&String> = denial.source_ips.iter().collect();
        // Services call from no address, and through an endpoint it is that of a private network.
        let are_told = denial.vpc_endpoints.is_empty()
            && (1..=ADDRESSES).contains(&addresses.len())
            && addresses.iter().all(|it| it.parse::<IpAddr>().is_ok());
        let from = |address: &String| {
            let context = request.context.clone().with("aws:SourceIp", address);
            Request { context, ..request.clone() }
        };
        let requests =
            if are_told { addresses.into_iter().map(from).collect() } else { vec![request.clone()] };
        Some(Self { requests, ready, known: RefCell::default() })
    }

    /// Whether a statement of a document means all of the calls, by its conditions and, where one was denied
    /// that is `known` to the letter, by its resources; none where that hangs on what is not known.
    pub(super) fn are_meant(&self, document: &Value, statement: &Value, known: bool) -> Option<bool> {
        let key = (std::ptr::from_ref(statement), known);
        *self.known.borrow_mut().entry(key).or_insert_with(|| self.answer(key, document, statement))
    }

    fn answer(&self, key: Key, document: &Value, statement: &Value) -> Option<bool> {
        let left = self.ready.answers_left.get().checked_sub(1)?;
        self.ready.answers_left.set(left);
        let mut ready = self.ready.statements.borrow_mut();
        let policies = ready.entry(key).or_insert_with(|| compile(document, statement, key.1));
        let policies = policies.as_ref()?;
        let mut answers = self.requests.iter().map(|request| {
            let decision = evaluate(policies, request);
            decision.depends_on.is_empty().then_some(decision.verdict == EngineVerdict::Allowed)
        });
        let first = answers.next()??;
        answers.all(|answer| answer == Some(first)).then_some(first)
    }
}

/// A policy that allows a call if the statement means it, whatever that does to it and whoever it names.
fn compile(document: &Value, statement: &Value, with_resources: bool) -> Option<PolicySet> {
    let mut bare = Map::from_iter([("Effect".to_owned(), json!("Allow")), ("Action".to_owned(), json!("*"))]);
    let resources = ["Resource", "NotResource"].into_iter().filter(|_| with_resources);
    for member in resources.chain(["Condition"]) {
        bare.extend(statement.get(member).map(|value| (member.to_owned(), value.clone())));
    }
    if !bare.contains_key("Resource") && !bare.contains_key("NotResource") {
        bare.insert("Resource".to_owned(), json!("*"));
    }
    let mut whole = json!({"Statement": [bare]});
    if let Some(version) = document.get("Version") {
        whole["Version"] = version.clone();
    }
    let document = Document::parse(Kind::Identity, &whole.to_string()).ok()?;
    Some(PolicySet { identity: vec![Policy::compile("statement", document)], ..PolicySet::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::{DenialGroups, Event};

    const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";

    fn denial(resource: &str) -> DenialGroup {
        let event = json!({"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "awsRegion": "eu-west-1",
            "errorCode": "AccessDenied", "eventID": "1", "sourceIPAddress": "203.0.113.5", "tlsDetails": {"tlsVersion": "TLSv1.3"},
            "errorMessage": format!("User: x is not authorized to perform: s3:PutObject on resource: \"{resource}\"")});
        let mut groups = DenialGroups::new();
        groups.add(&Event::from_value(&event).unwrap());
        groups.groups().remove(0)
    }

    fn are_meant(denial: &DenialGroup, caller: Caller<'_>, statement: &Value) -> Option<bool> {
        let document = json!({"Version": "2012-10-17", "Statement": [statement]});
        let ready = Ready::default();
        Calls::of(denial, caller, &ready).unwrap().are_meant(&document, &document["Statement"][0], true)
    }

    #[test]
    fn conditions_on_what_records_tell_are_decided_and_others_are_not() {
        let denial = denial("arn:aws:s3:::orders/raw/k");
        for (condition, meant) in [
            (json!({"ArnEquals": {"aws:PrincipalArn": ROLE}}), Some(true)),
            (json!({"ArnNotEquals": {"aws:PrincipalArn": ROLE}}), Some(false)),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}}), Some(false)),
            (json!({"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}), Some(false)),
            (json!({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}), Some(false)),
            (json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), Some(true)),
            (json!({"Bool": {"aws:SecureTransport": "false"}}), Some(false)),
            (json!({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}), Some(false)),
            (json!({"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}), None),
            (json!({"StringEquals": {"aws:PrincipalTag/team": "data"}}), None),
            (json!({"StringEquals": {"aws:ResourceAccount": "111122223333"}}), None),
            (json!({"StringEquals": {"sts:ExternalId": "a"}}), None),
        ] {
            let statement = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition});
            assert_eq!(are_meant(&denial, Caller::Role(ROLE), &statement), meant, "{condition}");
        }
        for condition in
            [json!({"StringEquals": {"sts:ExternalId": "a"}}), json!({"ArnLike": {"aws:PrincipalArn": "*x"}})]
        {
            let statement =
                json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
            assert_eq!(are_meant(&denial, Caller::Account("300973880807"), &statement), None, "{condition}");
        }
    }

    #[test]
    fn variables_stand_for_what_records_tell() {
        for (resource, variable, meant) in [
            ("arn:aws:s3:::orders/raw/k", "arn:aws:s3:::orders/${aws:PrincipalAccount}/*", Some(false)),
            (
                "arn:aws:s3:::orders/111122223333/k",
                "arn:aws:s3:::orders/${aws:PrincipalAccount}/*",
                Some(true),
            ),
            ("arn:aws:s3:::orders/raw/k", "arn:aws:s3:::orders/${*}/k", Some(false)),
            ("arn:aws:s3:::orders/raw/k", "arn:aws:s3:::orders/${aws:PrincipalTag/team}/*", None),
            ("arn:aws:s3:::other/raw/k", "arn:aws:s3:::orders/${aws:PrincipalTag/team}/*", Some(false)),
        ] {
            let statement = json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": variable});
            assert_eq!(are_meant(&denial(resource), Caller::Role(ROLE), &statement), meant, "{variable}");
        }
    }
}
