//! What to read for a target: pure, so that it can be shown and tested without AWS.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, When};
use crate::facts::{FactId, Target};

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Kinds of facts.
    pub facts: BTreeSet<FactId>,
    /// Buckets, in the order of the connectors.
    pub buckets: Vec<String>,
}

/// What reading a fact takes to be read before it.
const BEFORE: [(FactId, FactId); 17] = [
    (FactId::Role, FactId::Caller),
    (FactId::RoleNames, FactId::Role),
    (FactId::RolePolicies, FactId::Caller),
    (FactId::Boundary, FactId::Role),
    (FactId::Simulation, FactId::Caller),
    (FactId::BucketPolicy, FactId::Bucket),
    (FactId::BucketEncryption, FactId::Bucket),
    (FactId::BucketOwnership, FactId::Bucket),
    (FactId::BucketPublicAccess, FactId::Bucket),
    (FactId::BucketObjectLock, FactId::Bucket),
    (FactId::Key, FactId::BucketEncryption),
    (FactId::KeyPolicy, FactId::Key),
    (FactId::KeyGrants, FactId::Key),
    (FactId::HistoryAssumeRole, FactId::Role),
    (FactId::HistoryChanges, FactId::RolePolicies),
    (FactId::HistoryChanges, FactId::Role),
    (FactId::HistoryDenials, FactId::HistoryAssumeRole),
];

/// Facts about a bucket and its key.
const OF_BUCKETS: [FactId; 9] = [
    FactId::Bucket,
    FactId::BucketPolicy,
    FactId::BucketEncryption,
    FactId::BucketOwnership,
    FactId::BucketPublicAccess,
    FactId::BucketObjectLock,
    FactId::Key,
    FactId::KeyPolicy,
    FactId::KeyGrants,
];

impl Plan {
    /// All that the target's connectors need.
    pub fn new(target: &Target, catalog: &Catalog) -> Self {
        let connectors = || target.connectors.iter();
        let mut buckets: Vec<String> = Vec::new();
        for bucket in connectors().filter_map(|connector| connector.parameters.get("bucket")) {
            if !buckets.contains(bucket) {
                buckets.push(bucket.clone());
            }
        }
        let uses_keys = connectors()
            .filter_map(|connector| catalog.connector(&connector.connector))
            .flat_map(|connector| &connector.needs)
            .any(|need| need.when == Some(When::BucketKey));
        let applies = |id: &FactId| match id {
            FactId::Key | FactId::KeyPolicy | FactId::KeyGrants => uses_keys && !buckets.is_empty(),
            id if OF_BUCKETS.contains(id) => !buckets.is_empty(),
            _ => true,
        };
        let facts = FactId::ALL.iter().map(|(id, _, _)| *id).filter(applies).collect();
        Self { facts, buckets }
    }

    /// The same, reading no more than these facts and what they take.
    #[must_use]
    pub fn only(mut self, wanted: &BTreeSet<FactId>) -> Self {
        let mut closed = wanted.clone();
        loop {
            let known = closed.len();
            for (id, before) in BEFORE {
                if closed.contains(&id) {
                    closed.insert(before);
                }
            }
            if closed.len() == known {
                break;
            }
        }
        self.facts.retain(|id| closed.contains(id));
        self
    }

    /// Whether a fact is to be read.
    pub fn reads(&self, id: FactId) -> bool {
        self.facts.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{ConnectorTarget, RoleName};

    fn target(bucket: Option<&str>) -> Target {
        let parameters = bucket.map(|bucket| ("bucket".to_owned(), bucket.to_owned()));
        Target {
            role: RoleName { name: "r".to_owned(), path: None, account: None, partition: None },
            external_id: None,
            region: None,
            region_given: false,
            connectors: vec![ConnectorTarget {
                connector: "s3".to_owned(),
                parameters: parameters.into_iter().collect(),
                definition: None,
            }],
        }
    }

    #[test]
    fn an_s3_destination_needs_every_fact_there_is() {
        let plan = Plan::new(&target(Some("orders")), Catalog::built_in());
        assert_eq!(plan.facts.len(), FactId::ALL.len());
        assert_eq!(plan.buckets, ["orders"]);
    }

    #[test]
    fn nothing_is_read_of_buckets_where_there_is_none() {
        let plan = Plan::new(&target(None), Catalog::built_in());
        assert!(OF_BUCKETS.iter().all(|id| !plan.reads(*id)));
        assert!(plan.reads(FactId::Role));
    }

    #[test]
    fn a_fact_brings_what_it_takes_and_nothing_else() {
        let only = |ids: &[FactId]| {
            let plan = Plan::new(&target(Some("orders")), Catalog::built_in());
            plan.only(&ids.iter().copied().collect()).facts.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(
            only(&[FactId::KeyPolicy]),
            [FactId::Bucket, FactId::BucketEncryption, FactId::Key, FactId::KeyPolicy]
        );
        assert_eq!(only(&[FactId::Role]), [FactId::Caller, FactId::Role]);
        assert_eq!(only(&[]), []);
    }
}
