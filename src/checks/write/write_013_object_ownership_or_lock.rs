//! WRITE-013: settings of the bucket, other than its policy, that can refuse the writes.

use crate::checks::shared::places::{absent_bucket, each_bucket, told};
use crate::checks::{Check, View};
use crate::facts::{Encryption, FactId};
use crate::model::{
    Blocked, CheckId, Concern, Evidence, Finding, Outcome, Owner, Remedy, Section, shell_flag,
};
use crate::requirement::Location;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 13), judge };

#[expect(clippy::unnecessary_wraps, reason = "the shape of every check")]
fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    Ok(each_bucket(view, |location| judge_bucket(view, location)))
}

fn judge_bucket(view: &View<'_>, location: &Location) -> Result<Outcome, Blocked> {
    let bucket = location.bucket.as_str();
    if let Some(skip) = absent_bucket(view, bucket) {
        return Ok(skip);
    }
    let encryption = view.bucket(bucket, FactId::BucketEncryption, |it| &it.encryption)?;
    if let Some(finding) = encryption.and_then(|encryption| blocked_type(bucket, encryption)) {
        return Ok(Outcome::Fail(vec![told(finding, &location.origin)]));
    }
    let ownership = view.bucket(bucket, FactId::BucketOwnership, |it| &it.ownership)?;
    let owned = ownership.map_or("ObjectWriter (none set)", |it| it.0.as_str());
    let lock = view.bucket(bucket, FactId::BucketObjectLock, |it| &it.object_lock)?;
    let locked = match lock.map(String::as_str) {
        None => format!("Object Lock is off on bucket {bucket}"),
        Some("") => format!("Object Lock is on without default retention on bucket {bucket}"),
        Some(mode) => return Ok(Outcome::Warn(vec![told(retained(bucket, mode), &location.origin)])),
    };
    Ok(Outcome::Pass(vec![
        Evidence::read(
            "s3:GetBucketOwnershipControls",
            format!(
                "object ownership of bucket {bucket} is {owned}: the connector sends no ACL, so that none can be refused"
            ),
        ),
        Evidence::read("s3:GetBucketObjectLockConfiguration", locked),
    ]))
}

/// New objects get a retention period, for which S3 wants a checksum with every upload. The connector for S3 is
/// inferred to be one that sends none with its parts, and no version of any is known: a warning, no failure.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html#object-lock-put-object>
fn retained(bucket: &str, mode: &str) -> Finding {
    let what = format!(
        "Object Lock keeps every new object of bucket {bucket} in {mode} mode, and S3 then refuses uploads without a checksum: whether the connector's version sends one decides if anything is written"
    );
    let remedy = Remedy::Manual {
        owner: Owner::BucketAccount,
        title: format!("Take the default retention off bucket {bucket}, or make sure of the connector's checksums"),
        steps: vec![
            "Let the connector write once: its log has `Content-MD5 OR x-amz-checksum- HTTP header is required for Put Part requests with Object Lock parameters` if it sends none".to_owned(),
            "Ask Streamkap's support whether the connector sends Content-MD5 or a checksum with every part".to_owned(),
            format!("Otherwise take the default retention off bucket {bucket}, or write to a bucket without one"),
        ],
        commands: vec![format!("aws s3api get-object-lock-configuration {}", shell_flag("--bucket", bucket))],
    };
    let evidence =
        Evidence::read("s3:GetBucketObjectLockConfiguration", format!("default retention in {mode} mode"));
    Finding::new(format!("arn:aws:s3:::{bucket}"), what)
        .about([Concern::Uploads(bucket.to_owned())])
        .evidence(evidence)
        .remedy(remedy)
}

/// The bucket blocks the very encryption that its default gives these uploads. (`SSE-C`, which AWS
/// blocks in new buckets, concerns only uploads that bring a key of their own.)
fn blocked_type(bucket: &str, encryption: &Encryption) -> Option<Finding> {
    let used = match encryption.algorithm.as_str() {
        "AES256" => "SSE-S3",
        "aws:kms" => "SSE-KMS",
        "aws:kms:dsse" => "DSSE-KMS",
        _ => return None,
    };
    let blocked = encryption.blocked.iter().find(|it| it.eq_ignore_ascii_case(used))?;
    let what = format!("Bucket {bucket} blocks {blocked}, by which its own default encrypts every upload");
    let remedy = Remedy::Manual {
        owner: Owner::BucketAccount,
        title: format!("Unblock {blocked} on bucket {bucket}, or change its default encryption"),
        steps: vec![format!(
            "In the bucket's default encryption, take {blocked} off the blocked encryption types"
        )],
        commands: vec![format!("aws s3api get-bucket-encryption {}", shell_flag("--bucket", bucket))],
    };
    let evidence = Evidence::read(
        "s3:GetEncryptionConfiguration",
        format!("default encryption {}, blocked {}", encryption.algorithm, encryption.blocked.join(", ")),
    );
    Some(
        Finding::new(format!("arn:aws:s3:::{bucket}"), what)
            .about([Concern::Uploads(bucket.to_owned())])
            .evidence(evidence)
            .remedy(remedy),
    )
}
