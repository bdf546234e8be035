//! What to read for a target: pure, so that it can be shown and tested without AWS.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Connector, ParameterKind};
use crate::facts::{ConnectorTarget, FactId, Target};
use crate::requirement::{self, location::s3_address};

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Kinds of facts.
    pub facts: BTreeSet<FactId>,
    /// Buckets that the parameters and the connector files name, in the order of the connectors. A Glue database may
    /// name others.
    pub buckets: Vec<String>,
    /// Glue databases, each with the table that was named.
    pub databases: BTreeMap<String, Option<String>>,
    /// Redshift clusters.
    pub clusters: BTreeSet<String>,
    /// Redshift Serverless workgroups.
    pub workgroups: BTreeSet<String>,
}

/// What reading a fact takes to be read before it.
const BEFORE: [(FactId, FactId); 22] = [
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
    (FactId::RoleLastAccessed, FactId::Role),
    (FactId::GlueDatabaseNames, FactId::GlueDatabase),
    (FactId::LakePermissions, FactId::GlueTables),
    (FactId::LakeOptIns, FactId::LakeLocations),
    (FactId::LakePermissions, FactId::Caller),
    (FactId::HistoryAssumeRole, FactId::Role),
    (FactId::HistoryChanges, FactId::RolePolicies),
    (FactId::HistoryChanges, FactId::Role),
    (FactId::HistoryDenials, FactId::HistoryAssumeRole),
];

/// Facts about a bucket.
const OF_BUCKETS: [FactId; 6] = [
    FactId::Bucket,
    FactId::BucketPolicy,
    FactId::BucketEncryption,
    FactId::BucketOwnership,
    FactId::BucketPublicAccess,
    FactId::BucketObjectLock,
];

/// Facts about the Data Catalog and Lake Formation.
const OF_GLUE: [FactId; 9] = [
    FactId::GlueDatabase,
    FactId::GlueDatabaseNames,
    FactId::GlueTables,
    FactId::GluePolicy,
    FactId::GlueEncryption,
    FactId::LakeSettings,
    FactId::LakePermissions,
    FactId::LakeLocations,
    FactId::LakeOptIns,
];

/// Facts about keys, whether a bucket's or the catalogue's.
const OF_KEYS: [FactId; 3] = [FactId::Key, FactId::KeyPolicy, FactId::KeyGrants];

impl Plan {
    /// All that the target's connectors need.
    pub fn new(target: &Target, catalog: &Catalog) -> Self {
        let mut plan = Self {
            facts: BTreeSet::new(),
            buckets: Vec::new(),
            databases: BTreeMap::new(),
            clusters: BTreeSet::new(),
            workgroups: BTreeSet::new(),
        };
        let mut uses_keys = false;
        for wanted in &target.connectors {
            let Some(connector) = catalog.connector(&wanted.connector) else { continue };
            plan.take(wanted, connector);
            let uses_key =
                |need| requirement::hangs_on_key(need) || requirement::key_use(&need.action).is_some();
            uses_keys |= connector.needs.iter().any(uses_key);
        }
        let writes_to_s3 = !plan.buckets.is_empty() || !plan.databases.is_empty();
        let applies = |id: &FactId| match id {
            id if OF_KEYS.contains(id) => uses_keys && writes_to_s3,
            id if OF_BUCKETS.contains(id) => writes_to_s3,
            id if OF_GLUE.contains(id) => !plan.databases.is_empty(),
            FactId::RedshiftCluster => !plan.clusters.is_empty(),
            FactId::RedshiftWorkgroup => !plan.workgroups.is_empty(),
            _ => true,
        };
        plan.facts = FactId::ALL.iter().map(|(id, _, _)| *id).filter(applies).collect();
        plan
    }

    /// Takes in what a connector's parameters name.
    fn take(&mut self, wanted: &ConnectorTarget, connector: &Connector) {
        let values = |kind: ParameterKind| {
            connector.of_kind(kind).filter_map(|it| wanted.parameters.get(&it.name)).cloned()
        };
        let warehouses = values(ParameterKind::Location)
            .filter_map(|uri| s3_address(&uri).map(|(bucket, _)| bucket.to_owned()));
        let of_needs = requirement::buckets_of_needs(wanted, connector).into_iter().map(|it| it.bucket);
        for bucket in values(ParameterKind::Bucket).chain(warehouses).chain(of_needs) {
            if !self.buckets.contains(&bucket) {
                self.buckets.push(bucket);
            }
        }
        let table = values(ParameterKind::GlueTable).next();
        self.databases.extend(values(ParameterKind::GlueDatabase).map(|name| (name, table.clone())));
        self.clusters.extend(values(ParameterKind::RedshiftCluster));
        self.workgroups.extend(values(ParameterKind::RedshiftWorkgroup));
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
    use crate::facts::RoleName;

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
    fn an_s3_destination_needs_nothing_of_glue_or_redshift() {
        let plan = Plan::new(&target(Some("orders")), Catalog::built_in());
        let others = OF_GLUE.len() + 2;
        assert_eq!(plan.facts.len(), FactId::ALL.len() - others);
        assert_eq!(plan.buckets, ["orders"]);
    }

    #[test]
    fn nothing_is_read_of_buckets_where_there_is_none() {
        let plan = Plan::new(&target(None), Catalog::built_in());
        assert!(OF_BUCKETS.iter().chain(&OF_KEYS).all(|id| !plan.reads(*id)));
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
