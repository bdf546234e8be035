//! What a target's connectors must be allowed, made concrete: actions with the ARNs they are asked on,
//! and the condition keys that the role's session is known to carry.
//!
//! The plan asks AWS's simulator these, the checks put them to our own engine: both go by the one list
//! that [`requirements`] makes. Pure.

mod context;

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Connector, Need, When, fill};
use crate::facts::{ConnectorTarget, Encryption, Facts, Key, Target};
use crate::model::{AccountId, Arn, Partition};

pub use context::{Keys, OrganizationId, Situation, keys};

/// The object or table name that stands for "any" where a need names a pattern. Policies are matched
/// against it literally, as AWS's simulator does.
pub const PROBE: &str = "streamkap-doctor-probe";

/// One thing a connector must be allowed, with its places filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement<'c> {
    /// The connector's name: `s3`.
    pub connector: &'c str,
    /// Session names its connector uses in CloudTrail.
    pub sessions: &'c [String],
    /// The line of the connector file.
    pub need: &'c Need,
    /// The IAM action.
    pub action: &'c str,
    /// What it is asked on. AWS must allow all of them.
    pub resources: Vec<Resource>,
    /// The bucket that the need is about, when the connector has one.
    pub bucket: Option<String>,
    /// What the connector's keys in that bucket begin with.
    pub prefix: String,
}

/// A resource of a requirement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// What the connector needs: an ARN that may end in `*` (`arn:aws:s3:::orders/raw/*`).
    pub pattern: String,
    /// One concrete ARN of the pattern, for asking: `arn:aws:s3:::orders/raw/streamkap-doctor-probe`.
    pub probe: String,
}

impl Resource {
    /// A pattern with the probe that stands for it: a `*` at the end becomes [`PROBE`].
    pub fn new(pattern: String) -> Self {
        let probe = match pattern.strip_suffix('*') {
            Some(head) => format!("{head}{PROBE}"),
            None => pattern.clone(),
        };
        Self { pattern, probe }
    }
}

/// The default encryption key of a bucket, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BucketKey {
    /// The default encryption was not read, or the key's ARN cannot be told.
    #[default]
    Unknown,
    /// S3's own keys or the AWS managed key `aws/s3`, for which the role needs no permission.
    NotNeeded,
    /// A customer managed key.
    Customer {
        /// The key's ARN, aliases resolved.
        arn: String,
    },
}

/// What must be known to fill in the places of a connector file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The partition of the role.
    pub partition: Option<Partition>,
    /// The account of the role.
    pub account: Option<AccountId>,
    /// Default encryption keys by bucket.
    pub bucket_keys: BTreeMap<String, BucketKey>,
}

impl Known {
    /// What these facts tell.
    pub fn of(facts: &Facts) -> Self {
        let partition = partition_of(facts);
        // A bare key id is one of the bucket's account, which is the caller's where it can be read.
        let account = facts.caller.known().map(|caller| caller.account.clone());
        let bucket_keys = facts
            .buckets
            .iter()
            .map(|(name, bucket)| {
                let region = bucket.head.known().map(|head| head.region.as_str());
                let key = bucket.encryption.known().map_or(BucketKey::Unknown, |encryption| {
                    let entry = configured_key(encryption, &partition, region, account.as_ref());
                    let read = entry.as_deref().and_then(|entry| facts.keys.get(entry));
                    bucket_key(encryption, entry.as_deref(), read)
                });
                (name.clone(), key)
            })
            .collect();
        Self { partition: Some(partition), account: self::account(facts), bucket_keys }
    }
}

/// The partition of the target's role: its ARN's, else its region's, else the commercial one.
pub fn partition(target: &Target) -> Partition {
    let named = target.role.partition.clone();
    named.or_else(|| target.region.as_deref().map(Partition::of_region)).unwrap_or_else(Partition::aws)
}

/// The partition of the role, by what was read before what was given.
fn partition_of(facts: &Facts) -> Partition {
    let role = facts.role.known().map(|role| role.arn.partition());
    let caller = || facts.caller.known().map(|caller| caller.arn.partition());
    role.or_else(|| facts.target.role.partition.clone())
        .or_else(caller)
        .unwrap_or_else(|| partition(&facts.target))
}

/// The account of the role: the one its ARN names, else the caller's.
pub fn account(facts: &Facts) -> Option<AccountId> {
    let role = facts.role.known().and_then(|role| role.arn.account_id());
    role.or_else(|| facts.target.role.account.clone())
        .or_else(|| facts.caller.known().map(|caller| caller.account.clone()))
}

/// The name under which `Facts::keys` holds a bucket's default key: the ARN of the key or alias that the
/// bucket's encryption names, a bare id or alias completed with the bucket's region and the account.
///
/// `None` when the encryption names no key (SSE-S3, or the AWS managed key `aws/s3`), or when a bare
/// name cannot be completed. The ARN of an alias stays one here; its key's ARN is in
/// [`KeyMetadata`](crate::facts::KeyMetadata), see [`bucket_key`].
pub fn configured_key(
    encryption: &Encryption,
    partition: &Partition,
    region: Option<&str>,
    account: Option<&AccountId>,
) -> Option<String> {
    let named = encryption.key.as_deref().filter(|_| is_kms(encryption))?;
    if named.starts_with("arn:") {
        return Some(named.to_owned());
    }
    if named == "alias/aws/s3" {
        return None;
    }
    let resource = if named.starts_with("alias/") { named.to_owned() } else { format!("key/{named}") };
    Some(Arn::new(partition.as_str(), "kms", region?, account?.as_str(), &resource).to_string())
}

/// Which key the role needs for a bucket with this encryption. `entry` is its name by
/// [`configured_key`], `read` what was read of it.
pub fn bucket_key(encryption: &Encryption, entry: Option<&str>, read: Option<&Key>) -> BucketKey {
    let aws_managed = encryption.key.as_deref().is_none_or(|key| key.ends_with("alias/aws/s3"));
    if !is_kms(encryption) || aws_managed {
        return BucketKey::NotNeeded;
    }
    match (entry, read.and_then(|key| key.metadata.known())) {
        (_, Some(metadata)) if metadata.manager == "AWS" => BucketKey::NotNeeded,
        (_, Some(metadata)) => BucketKey::Customer { arn: metadata.arn.clone() },
        (Some(entry), None) if entry.contains(":key/") => BucketKey::Customer { arn: entry.to_owned() },
        _ => BucketKey::Unknown,
    }
}

fn is_kms(encryption: &Encryption) -> bool {
    encryption.algorithm.starts_with("aws:kms")
}

/// All that the target's connectors need, in the order of their files.
///
/// A conditional need whose condition does not hold, or is not known to hold, is left out, as is one
/// with a place that cannot be filled in.
pub fn requirements<'c>(target: &Target, catalog: &'c Catalog, known: &Known) -> Vec<Requirement<'c>> {
    let connectors = target.connectors.iter();
    connectors
        .filter_map(|wanted| Some((wanted, catalog.connector(&wanted.connector)?)))
        .flat_map(|(wanted, connector)| of_connector(target, wanted, connector, known))
        .collect()
}

fn of_connector<'c>(
    target: &Target,
    wanted: &ConnectorTarget,
    connector: &'c Connector,
    known: &Known,
) -> Vec<Requirement<'c>> {
    let bucket = wanted.parameters.get("bucket");
    let bucket_key = bucket.and_then(|bucket| known.bucket_keys.get(bucket));
    let partition = known.partition.clone().unwrap_or_else(|| partition(target));
    let mut values: BTreeMap<&str, &str> =
        wanted.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    values.insert("partition", partition.as_str());
    if let Some(account) = &known.account {
        values.insert("account", account.as_str());
    }
    if let Some(region) = &target.region {
        values.entry("region").or_insert(region);
    }
    if let Some(BucketKey::Customer { arn }) = bucket_key {
        values.insert("bucket_key", arn);
    }
    let applies = |need: &&'c Need| match need.when {
        None => true,
        Some(When::BucketKey) => matches!(bucket_key, Some(BucketKey::Customer { .. })),
    };
    connector
        .needs
        .iter()
        .filter(applies)
        .filter_map(|need| {
            let filled = need.resources.iter().map(|template| fill(template, &values).map(Resource::new));
            Some(Requirement {
                connector: &connector.name,
                sessions: &connector.sessions,
                need,
                action: &need.action,
                resources: filled.collect::<Option<_>>()?,
                bucket: bucket.cloned(),
                prefix: wanted.parameters.get("prefix").cloned().unwrap_or_default(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{KeyMetadata, RoleName};

    fn target(prefix: &str) -> Target {
        let parameters = [("bucket", "orders"), ("prefix", prefix)];
        Target {
            role: RoleName { name: "r".to_owned(), path: None, account: None, partition: None },
            external_id: None,
            region: Some("eu-west-1".to_owned()),
            region_given: false,
            connectors: vec![ConnectorTarget {
                connector: "s3".to_owned(),
                parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                definition: None,
            }],
        }
    }

    fn kms(key: Option<&str>) -> Encryption {
        Encryption {
            algorithm: "aws:kms".to_owned(),
            key: key.map(str::to_owned),
            bucket_key: false,
            blocked: Vec::new(),
        }
    }

    fn known(key: BucketKey) -> Known {
        Known { bucket_keys: [("orders".to_owned(), key)].into(), ..Known::default() }
    }

    #[test]
    fn every_resource_is_concrete() {
        let needs = requirements(&target("raw/"), Catalog::built_in(), &known(BucketKey::NotNeeded));
        let put = needs.iter().find(|need| need.action == "s3:PutObject").unwrap();
        assert_eq!(put.resources[0].pattern, "arn:aws:s3:::orders/raw/*");
        assert_eq!(put.resources[0].probe, "arn:aws:s3:::orders/raw/streamkap-doctor-probe");
        let list = needs.iter().find(|need| need.action == "s3:ListBucketMultipartUploads").unwrap();
        assert_eq!(list.resources[0].probe, "arn:aws:s3:::orders");
        assert!(needs.iter().flat_map(|need| &need.resources).all(|it| !it.probe.contains(['*', '{'])));
    }

    #[test]
    fn the_partition_is_the_region_s() {
        let target = Target { region: Some("cn-north-1".to_owned()), ..target("") };
        let needs = requirements(&target, Catalog::built_in(), &Known::default());
        assert_eq!(needs[0].resources[0].pattern, "arn:aws-cn:s3:::orders/*");
    }

    #[test]
    fn a_key_is_needed_only_when_the_bucket_is_known_to_have_a_customer_s() {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned();
        for (key, expected) in [
            (BucketKey::Unknown, 0),
            (BucketKey::NotNeeded, 0),
            (BucketKey::Customer { arn: arn.clone() }, 2),
        ] {
            let needs = requirements(&target(""), Catalog::built_in(), &known(key));
            let kms: Vec<_> = needs.iter().filter(|need| need.action.starts_with("kms:")).collect();
            assert_eq!(kms.len(), expected);
            assert!(kms.iter().all(|need| need.resources[0].probe == arn));
        }
    }

    #[test]
    fn a_key_given_by_id_or_alias_is_completed() {
        let account = "111122223333".parse().unwrap();
        let configured = |key: Option<&str>| {
            configured_key(&kms(key), &Partition::aws(), Some("eu-west-1"), Some(&account))
        };
        let base = "arn:aws:kms:eu-west-1:111122223333:";
        assert_eq!(configured(Some("1234-ab")), Some(format!("{base}key/1234-ab")));
        assert_eq!(configured(Some("alias/orders")), Some(format!("{base}alias/orders")));
        assert_eq!(
            configured(Some("arn:aws:kms:eu-west-1:444455556666:key/x")).as_deref(),
            Some("arn:aws:kms:eu-west-1:444455556666:key/x")
        );
        assert_eq!(configured(Some("alias/aws/s3")), None);
        assert_eq!(configured(None), None);
    }

    #[test]
    fn an_alias_is_a_key_only_once_it_is_resolved() {
        let alias = kms(Some("alias/orders"));
        let entry = Some("arn:aws:kms:eu-west-1:111122223333:alias/orders");
        assert_eq!(bucket_key(&alias, entry, None), BucketKey::Unknown);
        let metadata = |manager: &str| KeyMetadata {
            arn: "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned(),
            state: "Enabled".to_owned(),
            manager: manager.to_owned(),
            usage: "ENCRYPT_DECRYPT".to_owned(),
            spec: "SYMMETRIC_DEFAULT".to_owned(),
        };
        let key =
            |manager: &str| Key { metadata: crate::facts::Fact::Known(metadata(manager)), ..Key::default() };
        let customer = BucketKey::Customer { arn: "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned() };
        assert_eq!(bucket_key(&alias, entry, Some(&key("CUSTOMER"))), customer);
        assert_eq!(bucket_key(&alias, entry, Some(&key("AWS"))), BucketKey::NotNeeded);
        assert_eq!(bucket_key(&kms(None), None, None), BucketKey::NotNeeded);
    }
}
