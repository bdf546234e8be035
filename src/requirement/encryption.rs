//! The KMS keys that the connectors' calls lead to: the default keys of buckets and the catalogue's.

use crate::facts::{CatalogEncryption, Encryption, Facts, Key};
use crate::model::{AccountId, Arn, Partition};

/// The key that encrypts by default, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EncryptionKey {
    /// The encryption was not read, or the key's ARN cannot be told.
    #[default]
    Unknown,
    /// None, the service's own, or an AWS managed key (`aws/s3`, `aws/glue`), for which the role needs no
    /// permission.
    NotNeeded,
    /// A customer managed key.
    Customer {
        /// The key's ARN, aliases resolved.
        arn: String,
    },
}

/// The default encryption key of a bucket.
pub fn of_bucket(facts: &Facts, bucket: &str) -> EncryptionKey {
    let Some(encryption) = facts.buckets.get(bucket).and_then(|it| it.encryption.known()) else {
        return EncryptionKey::Unknown;
    };
    let entry = bucket_entry(facts, bucket);
    let named = encryption.key.as_deref().filter(|_| is_kms(encryption));
    key(named, entry.as_deref().and_then(|entry| facts.keys.get(entry)), entry.as_deref())
}

/// The key of the Data Catalog's metadata, when it is used with the caller's permissions.
pub fn of_catalog(facts: &Facts) -> EncryptionKey {
    let Some(encryption) = facts.glue.encryption.known() else { return EncryptionKey::Unknown };
    let entry = catalog_entry(facts);
    let named = encryption.key.as_deref().filter(|_| uses_callers_permissions(encryption));
    key(named, entry.as_deref().and_then(|entry| facts.keys.get(entry)), entry.as_deref())
}

/// The name under which [`Facts::keys`] holds a bucket's default key: the ARN of the key or alias that its
/// encryption names, a bare id or alias completed with the bucket's region and the caller's account, for
/// only callers of the bucket's account can read its encryption.
///
/// `None` when the encryption names no key or one of AWS's own (SSE-S3, `aws/s3`), or when a bare name cannot be
/// completed. The ARN of an alias stays one here; [`of_bucket`] resolves it.
pub fn bucket_entry(facts: &Facts, bucket: &str) -> Option<String> {
    let bucket = facts.buckets.get(bucket)?;
    let encryption = bucket.encryption.known()?;
    let region = bucket.head.known().map(|head| head.region.as_str());
    let named = encryption.key.as_deref().filter(|_| is_kms(encryption))?;
    entry(facts, named, region)
}

/// The same for the key of the Data Catalog, by whoever's permissions that is used.
pub fn catalog_entry(facts: &Facts) -> Option<String> {
    let encryption = facts.glue.encryption.known()?;
    let named = encryption.key.as_deref().filter(|_| encryption.mode != "DISABLED")?;
    entry(facts, named, facts.target.region.as_deref())
}

/// Every such name: of the buckets' keys, then the catalogue's.
pub fn entries(facts: &Facts) -> Vec<String> {
    let buckets = facts.buckets.keys().filter_map(|bucket| bucket_entry(facts, bucket));
    let mut entries: Vec<String> = buckets.chain(catalog_entry(facts)).collect();
    entries.sort();
    entries.dedup();
    entries
}

/// The ARNs of all customer managed keys that are known.
pub fn customer_keys(facts: &Facts) -> Vec<String> {
    let keys = facts.buckets.keys().map(|bucket| of_bucket(facts, bucket)).chain([of_catalog(facts)]);
    let mut arns: Vec<String> = keys
        .filter_map(|key| match key {
            EncryptionKey::Customer { arn } => Some(arn),
            _ => None,
        })
        .collect();
    arns.sort();
    arns.dedup();
    arns
}

/// Whether encryption names a key of AWS's own, such as `aws/s3`, by its alias or the alias's ARN. Nobody else
/// can have an alias of that form.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html>
pub fn is_aws_alias(named: &str) -> bool {
    named.rsplit(':').next().is_some_and(|alias| alias.starts_with("alias/aws/"))
}

fn entry(facts: &Facts, named: &str, region: Option<&str>) -> Option<String> {
    let partition = super::partition_of(facts);
    let account = facts.caller.known().map(|caller| &caller.account);
    complete(named, &partition, region, account)
}

fn complete(
    named: &str,
    partition: &Partition,
    region: Option<&str>,
    account: Option<&AccountId>,
) -> Option<String> {
    if is_aws_alias(named) {
        return None;
    }
    if named.starts_with("arn:") {
        return Some(named.to_owned());
    }
    let resource = if named.starts_with("alias/") { named.to_owned() } else { format!("key/{named}") };
    Some(Arn::new(partition.as_str(), "kms", region?, account?.as_str(), &resource).to_string())
}

/// Which key it is: `named` by the encryption, `read` of it under the name `entry`.
fn key(named: Option<&str>, read: Option<&Key>, entry: Option<&str>) -> EncryptionKey {
    if named.is_none_or(is_aws_alias) {
        return EncryptionKey::NotNeeded;
    }
    match (entry, read.and_then(|key| key.metadata.known())) {
        (_, Some(metadata)) if metadata.manager == "AWS" => EncryptionKey::NotNeeded,
        (_, Some(metadata)) => EncryptionKey::Customer { arn: metadata.arn.clone() },
        (Some(entry), None) if entry.contains(":key/") => EncryptionKey::Customer { arn: entry.to_owned() },
        _ => EncryptionKey::Unknown,
    }
}

fn is_kms(encryption: &Encryption) -> bool {
    encryption.algorithm.starts_with("aws:kms")
}

/// `SSE-KMS-WITH-SERVICE-ROLE` uses a role of its own.
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_EncryptionAtRest.html>
fn uses_callers_permissions(encryption: &CatalogEncryption) -> bool {
    encryption.mode == "SSE-KMS"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Fact, KeyMetadata};

    #[test]
    fn a_key_given_by_id_or_alias_is_completed() {
        let account = "111122223333".parse().unwrap();
        let completed = |named: &str| complete(named, &Partition::aws(), Some("eu-west-1"), Some(&account));
        let base = "arn:aws:kms:eu-west-1:111122223333:";
        assert_eq!(completed("1234-ab"), Some(format!("{base}key/1234-ab")));
        assert_eq!(completed("alias/orders"), Some(format!("{base}alias/orders")));
        assert_eq!(
            completed("arn:aws:kms:eu-west-1:444455556666:key/x").as_deref(),
            Some("arn:aws:kms:eu-west-1:444455556666:key/x")
        );
        assert_eq!(completed("alias/aws/s3"), None);
        assert_eq!(completed("arn:aws:kms:eu-west-1:444455556666:alias/aws/s3"), None);
    }

    #[test]
    fn an_alias_is_a_key_only_once_it_is_resolved() {
        let entry = Some("arn:aws:kms:eu-west-1:111122223333:alias/orders");
        let named = Some("alias/orders");
        assert_eq!(key(named, None, entry), EncryptionKey::Unknown);
        let read = |manager: &str| Key {
            metadata: Fact::Known(KeyMetadata {
                arn: "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned(),
                state: "Enabled".to_owned(),
                manager: manager.to_owned(),
                usage: "ENCRYPT_DECRYPT".to_owned(),
                spec: "SYMMETRIC_DEFAULT".to_owned(),
            }),
            ..Key::default()
        };
        let customer = EncryptionKey::Customer { arn: "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned() };
        assert_eq!(key(named, Some(&read("CUSTOMER")), entry), customer);
        assert_eq!(key(named, Some(&read("AWS")), entry), EncryptionKey::NotNeeded);
        assert_eq!(key(None, None, None), EncryptionKey::NotNeeded);
    }
}
