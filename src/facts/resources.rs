//! Buckets and keys.

use serde::{Deserialize, Serialize};

use super::Fact;

/// What was read of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// `HeadBucket`: absent when there is no such bucket anywhere.
    #[serde(default)]
    pub head: Fact<BucketHead>,
    /// The bucket policy's text.
    #[serde(default)]
    pub policy: Fact<String>,
    /// Default encryption. AWS always has one (SSE-S3 at least).
    #[serde(default)]
    pub encryption: Fact<Encryption>,
    /// Ownership controls; absent means `ObjectWriter` (old buckets).
    #[serde(default)]
    pub ownership: Fact<ObjectOwnership>,
    /// Whether `RestrictPublicBuckets` is on, by which S3 refuses other accounts' roles where the bucket's policy
    /// is public. Asked only of another account's bucket.
    #[serde(default)]
    pub restrict_public_buckets: Fact<bool>,
    /// Default retention mode of Object Lock (`GOVERNANCE`, `COMPLIANCE`), when Object Lock is on: the
    /// empty string when it is on without default retention. Absent: it is off.
    #[serde(default)]
    pub object_lock: Fact<String>,
}

/// What `HeadBucket` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketHead {
    /// From the `x-amz-bucket-region` header, which S3 sends authorised or not.
    pub region: String,
    /// Whether the caller may list the bucket. A bucket that exists and refuses is known to exist.
    pub accessible: bool,
}

/// A bucket's default encryption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// `AES256`, `aws:kms`, `aws:kms:dsse`.
    pub algorithm: String,
    /// Key id, key ARN or alias as set; `None` with `aws:kms` means the AWS managed key `aws/s3`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// Whether S3 Bucket Keys are on.
    #[serde(default)]
    pub bucket_key: bool,
    /// `BlockedEncryptionTypes`: `SSE-C`, `NONE`.
    #[serde(default)]
    pub blocked: Vec<String>,
}

/// `ObjectOwnership`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectOwnership(pub String);

/// What was read of a KMS key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `kms:DescribeKey`.
    #[serde(default)]
    pub metadata: Fact<KeyMetadata>,
    /// `kms:GetKeyPolicy`, the policy named `default`.
    #[serde(default)]
    pub policy: Fact<String>,
    /// `kms:ListGrants`, asked only when the policies alone refuse.
    #[serde(default)]
    pub grants: Fact<Vec<Grant>>,
}

/// A key's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMetadata {
    /// The key's ARN, aliases resolved.
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion`, …
    pub state: String,
    /// `AWS` for an AWS managed key, `CUSTOMER` otherwise.
    pub manager: String,
    /// `ENCRYPT_DECRYPT`, …
    pub usage: String,
    /// `SYMMETRIC_DEFAULT`, …
    pub spec: String,
}

/// A grant on a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The grant's id.
    pub id: String,
    /// ARN of the principal it is for.
    pub grantee: String,
    /// `Decrypt`, `GenerateDataKey`, …
    pub operations: Vec<String>,
    /// Whether it carries encryption-context constraints.
    pub constrained: bool,
}
