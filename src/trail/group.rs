//! One group of denials: what its events have in common, counted and sampled.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::borrowed::EventRef;
use super::message::Kind;
use super::spread::Spread;
use crate::denial::Reason;

/// Denials that share action, resource, reason and denying policy.
///
/// Every list is sorted and holds at most fifty values: the first in order, whatever the order in
/// which the events were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DenialGroup {
    /// The IAM action, its service in lower case (`sns:Publish`); null when neither message nor
    /// event tells.
    pub action: Option<String>,
    /// An ARN, `*`, kind and name (`role orders`); null when neither message nor event tells.
    pub resource: Option<String>,
    /// The reason in AWS's words, as far as they go.
    pub reason: String,
    /// The same for programs.
    pub cause: Reason,
    /// Events, each counted once however often it was delivered.
    pub count: u64,
    /// The first `eventTime`.
    #[schemars(with = "Option<String>")]
    pub first: Option<Timestamp>,
    /// The last `eventTime`.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    /// `errorCode`, as spelt in the events.
    pub error_codes: BTreeSet<String>,
    /// `awsRegion`.
    pub regions: BTreeSet<String>,
    /// `recipientAccountId`.
    pub accounts: BTreeSet<String>,
    /// `sourceIPAddress`: addresses, or the names of services.
    pub source_ips: BTreeSet<String>,
    /// `userAgent`.
    pub user_agents: BTreeSet<String>,
    /// Who was refused: roles without the name of the session, users, services.
    pub principals: BTreeSet<String>,
    /// `vpcEndpointId`, where the call came through one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub vpc_endpoints: BTreeSet<String>,
    /// The policy AWS named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// CloudTrail cut the message where the layer or the policy that refused may have stood.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// The encoded message of the first event that has one, for `sts:DecodeAuthorizationMessage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoded: Option<String>,
    /// `eventID` of the first few events in order of time.
    pub event_ids: Vec<String>,
    /// The buckets for whose objects KMS refused a key, as far as the events tell.
    #[serde(skip)]
    pub buckets: BTreeSet<String>,
    /// Whether the records of all of them tell a version of TLS.
    #[serde(skip)]
    pub by_tls: bool,
    /// The first time of each stretch of time in which there were denials, in order; few of them.
    #[serde(skip)]
    pub times: Vec<Timestamp>,
}

/// Values kept of each list of a group.
const VALUES: usize = 50;
/// Event ids kept of a group.
pub(super) const SAMPLES: usize = 5;

/// What a group has collected. Whoever collects first makes no difference, nor do copies: all but
/// the count is a union.
#[derive(Clone, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    error_codes: Values,
    regions: Values,
    accounts: Values,
    source_ips: Values,
    user_agents: Values,
    principals: Values,
    vpc_endpoints: Values,
    /// The encoded message with the sample that it belongs to; the smallest wins.
    encoded: Option<(Sample, String)>,
    samples: BTreeSet<Sample>,
    spread: Spread,
    buckets: Values,
    /// Some record tells no version of TLS.
    without_tls: bool,
}

/// What orders the events of a group, so that the result does not depend on who read first.
type Sample = (Option<Timestamp>, String);

impl Tally {
    /// Adds what an event shows; it is counted elsewhere.
    pub(super) fn see(&mut self, event: &EventRef<'_>, encoded: Option<&str>) {
        self.first = earliest(self.first, event.event_time);
        self.last = self.last.max(event.event_time);
        if let Some(time) = event.event_time {
            self.spread.note(time);
        }
        self.without_tls |= !event.by_tls;
        self.error_codes.keep(event.error_code.as_deref());
        self.regions.keep(Some(&event.region));
        self.accounts.keep(event.recipient_account.as_deref());
        self.source_ips.keep(event.source_ip.as_deref());
        self.user_agents.keep(event.user_agent.as_deref());
        self.principals.keep(Some(&event.identity().principal()));
        self.vpc_endpoints.keep(event.vpc_endpoint_id.as_deref());
        let sooner = |kept: &Sample| (event.event_time, &*event.event_id) < (kept.0, kept.1.as_str());
        let sample = || (event.event_time, event.event_id.clone().into_owned());
        if let Some(encoded) = encoded
            && self.encoded.as_ref().is_none_or(|(kept, text)| {
                (event.event_time, &*event.event_id, encoded) < (kept.0, &*kept.1, &**text)
            })
        {
            self.encoded = Some((sample(), encoded.to_owned()));
        }
        if self.samples.len() < SAMPLES || self.samples.last().is_some_and(sooner) {
            self.samples.insert(sample());
            self.trim_samples();
        }
    }

    /// Adds what another one collected.
    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.without_tls |= other.without_tls;
        self.first = earliest(self.first, other.first);
        self.last = self.last.max(other.last);
        for (into, from) in [
            (&mut self.error_codes, other.error_codes),
            (&mut self.regions, other.regions),
            (&mut self.accounts, other.accounts),
            (&mut self.source_ips, other.source_ips),
            (&mut self.user_agents, other.user_agents),
            (&mut self.principals, other.principals),
            (&mut self.vpc_endpoints, other.vpc_endpoints),
            (&mut self.buckets, other.buckets),
        ] {
            for value in &from.kept {
                into.keep(Some(value));
            }
        }
        if let Some(encoded) = other.encoded {
            self.keep_encoded(encoded);
        }
        self.spread.merge(other.spread);
        self.samples.extend(other.samples);
        self.trim_samples();
    }

    /// Notes the bucket that was asked.
    pub(super) fn see_bucket(&mut self, bucket: Option<&str>) {
        self.buckets.keep(bucket);
    }

    fn keep_encoded(&mut self, encoded: (Sample, String)) {
        if self.encoded.as_ref().is_none_or(|kept| encoded < *kept) {
            self.encoded = Some(encoded);
        }
    }

    fn trim_samples(&mut self) {
        while self.samples.len() > SAMPLES {
            self.samples.pop_last();
        }
    }

    /// The group as it is told, with `count` events.
    pub(super) fn group(self, kind: &Kind, resource: Option<&str>, count: u64) -> DenialGroup {
        DenialGroup {
            action: kind.action.clone(),
            resource: resource.map(str::to_owned),
            reason: kind.cause.of_message(kind.action.as_deref(), kind.truncated),
            cause: kind.cause.clone(),
            count,
            first: self.first,
            last: self.last,
            error_codes: self.error_codes.kept,
            regions: self.regions.kept,
            accounts: self.accounts.kept,
            source_ips: self.source_ips.kept,
            user_agents: self.user_agents.kept,
            principals: self.principals.kept,
            vpc_endpoints: self.vpc_endpoints.kept,
            policy_arn: kind.policy_arn.clone(),
            truncated: kind.truncated,
            encoded: self.encoded.map(|(_, encoded)| encoded),
            event_ids: self.samples.into_iter().map(|(_, id)| id).filter(|id| !id.is_empty()).collect(),
            buckets: self.buckets.kept,
            by_tls: !self.without_tls,
            times: self.spread.times(),
        }
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The first [`VALUES`] values in their own order: what stays does not depend on the order in which they came.
#[derive(Clone, Default)]
struct Values {
    kept: BTreeSet<String>,
    /// The one that came last, which most often comes again.
    last: String,
}

impl Values {
    fn keep(&mut self, value: Option<&str>) {
        let Some(value) = value.filter(|value| !value.is_empty() && *value != self.last) else { return };
        value.clone_into(&mut self.last);
        let Self { kept, .. } = self;
        if kept.len() >= VALUES && kept.last().is_some_and(|last| last.as_str() < value)
            || kept.contains(value)
        {
            return;
        }
        kept.insert(value.to_owned());
        if kept.len() > VALUES {
            kept.pop_last();
        }
    }
}
