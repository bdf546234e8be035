//! Buckets: where they are and how they are set up.

use aws_sdk_s3::Client;

use super::client::{Aws, interrupted};
use super::error::{Problem, failed};
use super::operations::{
    GET_BUCKET_ENCRYPTION, GET_BUCKET_OWNERSHIP_CONTROLS, GET_BUCKET_POLICY, GET_OBJECT_LOCK_CONFIGURATION,
    GET_PUBLIC_ACCESS_BLOCK, HEAD_BUCKET, Operation,
};
use crate::facts::{Bucket, BucketHead, Encryption, Fact, FactId, FailureKind, ObjectOwnership};
use crate::plan::Plan;

/// What the first round brings of a bucket.
pub(super) struct Found {
    /// Whether it exists and where.
    pub(super) head: Fact<BucketHead>,
    /// Its default encryption, which the longest chain of questions begins with: asked in the region where
    /// the bucket should be, and only worth something if it is there. `None`: not asked yet.
    encryption: Option<Fact<Encryption>>,
    /// That region.
    asked: String,
}

impl Found {
    /// A bucket of which nothing but this is known.
    fn only(head: Fact<BucketHead>, asked: &str) -> Self {
        Self { head, encryption: None, asked: asked.to_owned() }
    }
}

/// Asks whether the bucket is there, and for its default encryption in the hope that it is in this region.
pub(super) async fn find(aws: &Aws<'_>, plan: &Plan, bucket: &str, region: Option<&str>) -> Found {
    let asked = region.unwrap_or(aws.region()).to_owned();
    let client = aws.s3(Some(&asked));
    let (head, encryption) = tokio::join!(
        wanted(plan, FactId::Bucket, head(aws, bucket, region)),
        wanted(plan, FactId::BucketEncryption, encryption(aws, &client, bucket)),
    );
    Found { head, encryption: Some(encryption), asked }
}

/// Whether the bucket exists and where. S3 names the region in a header whatever else it answers, so
/// even a refusal tells; only 404 means that there is no such bucket.
pub(super) async fn head(aws: &Aws<'_>, bucket: &str, region: Option<&str>) -> Fact<BucketHead> {
    let first = head_in(aws, bucket, region).await;
    let asked = region.unwrap_or(aws.region());
    match &first {
        Fact::Known(head) if !head.accessible && head.region != asked => {
            // Asked in the wrong region, S3 redirects or refuses whatever the caller may do.
            let second = head_in(aws, bucket, Some(&head.region)).await;
            if second.known().is_some() { second } else { first }
        }
        _ => first,
    }
}

async fn head_in(aws: &Aws<'_>, bucket: &str, region: Option<&str>) -> Fact<BucketHead> {
    let client = aws.s3(region);
    match aws.ask_in_full(&HEAD_BUCKET, client.head_bucket().bucket(bucket).send()).await {
        Ok(answer) => answer.bucket_region().filter(|region| !region.is_empty()).map_or_else(
            || {
                let what = format!("HeadBucket did not say in which region {bucket} is");
                failed(&HEAD_BUCKET, FailureKind::Unreadable, what)
            },
            |region| Fact::Known(BucketHead { region: region.to_owned(), accessible: true }),
        ),
        Err(None) => interrupted(&HEAD_BUCKET),
        Err(Some(error)) => {
            let answer = error.raw_response();
            let status = answer.map(|answer| answer.status().as_u16());
            let header = answer.and_then(|answer| answer.headers().get("x-amz-bucket-region"));
            match (status, header) {
                (Some(404), _) => Fact::Absent,
                (Some(301 | 307 | 400 | 403), Some(region)) => {
                    Fact::Known(BucketHead { region: region.to_owned(), accessible: false })
                }
                _ => Problem::of(&error).fact(&HEAD_BUCKET),
            }
        }
    }
}

/// The bucket with its settings, asked at once as if it were in `region`, and again if it is in another.
pub(super) async fn bucket(aws: &Aws<'_>, plan: &Plan, name: &str, region: Option<&str>) -> Bucket {
    let assumed = region.unwrap_or(aws.region()).to_owned();
    let there = Found::only(Fact::Known(BucketHead { region: assumed.clone(), accessible: true }), &assumed);
    let (head, bucket) =
        tokio::join!(self::head(aws, name, Some(&assumed)), settings(aws, plan, name, there));
    match head {
        Fact::Known(BucketHead { ref region, .. }) if *region != assumed => {
            settings(aws, plan, name, Found::only(head, &assumed)).await
        }
        Fact::Absent => settings(aws, plan, name, Found::only(head, &assumed)).await,
        head => Bucket { head, ..bucket },
    }
}

/// The bucket's settings, all asked at once, in its own region.
pub(super) async fn settings(aws: &Aws<'_>, plan: &Plan, name: &str, found: Found) -> Bucket {
    let Found { head, encryption: read, asked } = found;
    if head == Fact::Absent {
        let none = || "there is no such bucket".to_owned();
        return Bucket {
            head,
            policy: Fact::NotAsked(none()),
            encryption: Fact::NotAsked(none()),
            ownership: Fact::NotAsked(none()),
            restrict_public_buckets: Fact::NotAsked(none()),
            object_lock: Fact::NotAsked(none()),
        };
    }
    let region = head.known().map_or(asked.as_str(), |head| head.region.as_str());
    let client = aws.s3(Some(region));
    let encryption = async {
        match read {
            Some(read) if region == asked => read,
            _ => encryption(aws, &client, name).await,
        }
    };
    let access = async {
        let policy = wanted(plan, FactId::BucketPolicy, policy(aws, &client, name)).await;
        // It stops other accounts' roles only.
        let restricted = if matches!(&policy, Fact::Failed(it) if it.kind == FailureKind::OtherAccount) {
            wanted(plan, FactId::BucketPublicAccess, restrict_public_buckets(aws, &client, name)).await
        } else {
            Fact::NotAsked("asked only of another account's bucket".to_owned())
        };
        (policy, restricted)
    };
    let ((policy, restrict_public_buckets), encryption, ownership, object_lock) = tokio::join!(
        access,
        wanted(plan, FactId::BucketEncryption, encryption),
        wanted(plan, FactId::BucketOwnership, ownership(aws, &client, name)),
        wanted(plan, FactId::BucketObjectLock, object_lock(aws, &client, name)),
    );
    Bucket { head, policy, encryption, ownership, restrict_public_buckets, object_lock }
}

/// Reads a fact if the plan wants it.
pub(super) async fn wanted<T>(plan: &Plan, id: FactId, read: impl Future<Output = Fact<T>>) -> Fact<T> {
    if plan.reads(id) { read.await } else { Fact::NotAsked(NOT_WANTED.to_owned()) }
}

/// Why a fact was not asked for.
pub(super) const NOT_WANTED: &str = "no selected check reads it";

async fn policy(aws: &Aws<'_>, client: &Client, bucket: &str) -> Fact<String> {
    let answer = aws.ask(&GET_BUCKET_POLICY, client.get_bucket_policy().bucket(bucket).send()).await;
    let answer = other_account(answer, bucket, &GET_BUCKET_POLICY);
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    match answer.policy() {
        Some(text) => Fact::Known(text.to_owned()),
        None => {
            failed(&GET_BUCKET_POLICY, FailureKind::Unreadable, "GetBucketPolicy answered without a policy")
        }
    }
}

/// What is known by an answer without the settings that were asked for. Where there are none, AWS says so by an
/// error code.
fn says_nothing<T>(operation: &Operation) -> Fact<T> {
    failed(operation, FailureKind::Unreadable, format!("{} answered without any settings", operation.name))
}

/// Says in words what S3's `MethodNotAllowed` means.
fn other_account<T>(fact: Fact<T>, bucket: &str, operation: &Operation) -> Fact<T> {
    match fact {
        Fact::Failed(failure) if failure.kind == FailureKind::OtherAccount => failed(
            operation,
            FailureKind::OtherAccount,
            format!(
                "the bucket {bucket} belongs to another account, and only callers of that account can read this"
            ),
        ),
        fact => fact,
    }
}

async fn encryption(aws: &Aws<'_>, client: &Client, bucket: &str) -> Fact<Encryption> {
    let answer = aws.ask(&GET_BUCKET_ENCRYPTION, client.get_bucket_encryption().bucket(bucket).send()).await;
    let answer = other_account(answer, bucket, &GET_BUCKET_ENCRYPTION);
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let rules = answer
        .server_side_encryption_configuration()
        .map(aws_sdk_s3::types::ServerSideEncryptionConfiguration::rules)
        .filter(|rules| !rules.is_empty());
    let Some(rules) = rules else { return says_nothing(&GET_BUCKET_ENCRYPTION) };
    let is_known = |algorithm: &str| algorithm == "AES256" || algorithm.starts_with("aws:");
    let defaults = rules.iter().filter_map(|rule| rule.apply_server_side_encryption_by_default());
    if !defaults.map(|default| default.sse_algorithm().as_str()).all(is_known) {
        return says_nothing(&GET_BUCKET_ENCRYPTION);
    }
    // A bucket has one rule; a rule that only blocks encryption types has no default of its own.
    let default = rules.iter().find_map(|rule| Some((rule, rule.apply_server_side_encryption_by_default()?)));
    let blocked = rules
        .iter()
        .filter_map(|rule| rule.blocked_encryption_types())
        .flat_map(aws_sdk_s3::types::BlockedEncryptionTypes::encryption_type)
        .map(|it| it.as_str().to_owned())
        .collect();
    Fact::Known(match default {
        Some((rule, default)) => Encryption {
            algorithm: default.sse_algorithm().as_str().to_owned(),
            key: default.kms_master_key_id().filter(|key| !key.is_empty()).map(str::to_owned),
            bucket_key: rule.bucket_key_enabled().unwrap_or(false),
            blocked,
        },
        None => Encryption { algorithm: "AES256".to_owned(), key: None, bucket_key: false, blocked },
    })
}

async fn ownership(aws: &Aws<'_>, client: &Client, bucket: &str) -> Fact<ObjectOwnership> {
    let call = client.get_bucket_ownership_controls().bucket(bucket).send();
    let answer = other_account(
        aws.ask(&GET_BUCKET_OWNERSHIP_CONTROLS, call).await,
        bucket,
        &GET_BUCKET_OWNERSHIP_CONTROLS,
    );
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let rule = answer.ownership_controls().and_then(|controls| controls.rules().first());
    rule.map_or_else(
        || says_nothing(&GET_BUCKET_OWNERSHIP_CONTROLS),
        |rule| Fact::Known(ObjectOwnership(rule.object_ownership().as_str().to_owned())),
    )
}

async fn restrict_public_buckets(aws: &Aws<'_>, client: &Client, bucket: &str) -> Fact<bool> {
    let call = client.get_public_access_block().bucket(bucket).send();
    let answer =
        other_account(aws.ask(&GET_PUBLIC_ACCESS_BLOCK, call).await, bucket, &GET_PUBLIC_ACCESS_BLOCK);
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    match answer.public_access_block_configuration() {
        Some(block) => Fact::Known(block.restrict_public_buckets().unwrap_or(false)),
        None => says_nothing(&GET_PUBLIC_ACCESS_BLOCK),
    }
}

async fn object_lock(aws: &Aws<'_>, client: &Client, bucket: &str) -> Fact<String> {
    let call = client.get_object_lock_configuration().bucket(bucket).send();
    let answer = other_account(
        aws.ask(&GET_OBJECT_LOCK_CONFIGURATION, call).await,
        bucket,
        &GET_OBJECT_LOCK_CONFIGURATION,
    );
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let Some(lock) = answer.object_lock_configuration() else {
        return says_nothing(&GET_OBJECT_LOCK_CONFIGURATION);
    };
    if lock.object_lock_enabled().is_none() {
        return Fact::Absent;
    }
    let retention = lock.rule().and_then(|rule| rule.default_retention()).and_then(|it| it.mode());
    Fact::Known(retention.map(|mode| mode.as_str().to_owned()).unwrap_or_default())
}
