//! The IAM action behind an API call, for denials whose message names none.
//!
//! API operation and IAM action mostly bear one name; the gaps below are those of the Service
//! Authorization Reference ("API operations" against "Actions" of each service).

/// The IAM action of a CloudTrail event, such as `s3:ListBucket` for `s3.amazonaws.com` and
/// `ListObjectsV2`. None when either is empty or not a name.
pub fn action_of(event_source: &str, event_name: &str) -> Option<String> {
    let prefix = service_prefix(event_source)?;
    let name = bare_operation(event_name)?;
    let action = match prefix {
        "s3" => s3_action(name).to_owned(),
        "lambda" => lambda_action(name).to_owned(),
        "apigateway" => verb_action(name).to_owned(),
        _ => name.to_owned(),
    };
    Some(format!("{prefix}:{action}"))
}

/// The IAM action of an operation which the CLI or an SDK names, with the service as the SDK
/// spells it (`AWSGlue`, `Amazon S3`), or without: then only operations that one service alone
/// of those a connector uses could mean.
pub fn action_of_operation(service: Option<&str>, operation: &str) -> Option<String> {
    let prefix = match service {
        Some(name) => sdk_prefix(name)?,
        None => lone_service(operation)?.to_owned(),
    };
    action_of(&prefix, operation)
}

/// The IAM prefix of an event source: `cloudwatch` for `monitoring.amazonaws.com`.
pub fn service_prefix(event_source: &str) -> Option<&str> {
    let host = event_source.trim();
    let label = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))
        .or_else(|| host.strip_suffix(".amazon.com"))
        .unwrap_or(host);
    let known = match label {
        "monitoring" => "cloudwatch",
        "email" => "ses",
        "amazonmq" => "mq",
        "tagging" => "tag",
        "streams.dynamodb" => "dynamodb",
        "runtime.sagemaker" => "sagemaker",
        "data.iot" | "iotdata" => "iot",
        "networkmanager" | "network-manager" => "networkmanager",
        "metering-marketplace" | "entitlement-marketplace" | "catalog-marketplace" => "aws-marketplace",
        "public.ecr" => "ecr-public",
        "api.ecr" => "ecr",
        "opensearch" => "es",
        "bedrock-runtime" | "bedrock-agent" | "bedrock-agent-runtime" => "bedrock",
        "appstream2" => "appstream",
        "elasticloadbalancingv2" => "elasticloadbalancing",
        "transcribestreaming" => "transcribe",
        other => other.rsplit('.').next().unwrap_or(other),
    };
    is_name(known).then_some(known)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The operation without the API version some services append: `CreateFunction20150331v2`,
/// `CreateFunction2020_05_31`.
fn bare_operation(name: &str) -> Option<&str> {
    let name = name.trim();
    let date = name.char_indices().find(|&(at, _)| is_version(&name[at..]));
    let bare = date.map_or(name, |(at, _)| &name[..at]);
    (bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !bare.is_empty()).then_some(bare)
}

fn is_version(tail: &str) -> bool {
    let digits = tail.trim_end_matches(|last: char| last == 'v' || last.is_ascii_digit() || last == '_');
    digits.is_empty()
        && tail.starts_with("20")
        && tail.bytes().filter(u8::is_ascii_digit).count() >= 8
        && tail.as_bytes().get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit))
}

fn s3_action(operation: &str) -> &str {
    match operation {
        "ListObjects" | "ListObjectsV2" | "HeadBucket" | "ListBucket" | "ListBucketV2" => "ListBucket",
        "ListObjectVersions" => "ListBucketVersions",
        "ListMultipartUploads" => "ListBucketMultipartUploads",
        "ListParts" => "ListMultipartUploadParts",
        "ListBuckets" => "ListAllMyBuckets",
        "HeadObject" | "SelectObjectContent" => "GetObject",
        "CreateMultipartUpload"
        | "InitiateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload"
        | "CopyObject"
        | "PostObject" => "PutObject",
        "DeleteObjects" | "DeleteMultipleObjects" => "DeleteObject",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        "PutBucketEncryption" | "DeleteBucketEncryption" => "PutEncryptionConfiguration",
        "GetBucketLifecycle" | "GetBucketLifecycleConfiguration" => "GetLifecycleConfiguration",
        "PutBucketLifecycle" | "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => {
            "PutLifecycleConfiguration"
        }
        "GetBucketReplication" => "GetReplicationConfiguration",
        "PutBucketReplication" | "DeleteBucketReplication" => "PutReplicationConfiguration",
        "GetBucketCors" => "GetBucketCORS",
        "PutBucketCors" | "DeleteBucketCors" => "PutBucketCORS",
        "GetBucketNotificationConfiguration" => "GetBucketNotification",
        "PutBucketNotificationConfiguration" => "PutBucketNotification",
        "GetBucketAccelerateConfiguration" => "GetAccelerateConfiguration",
        "PutBucketAccelerateConfiguration" => "PutAccelerateConfiguration",
        "GetObjectLockConfiguration" => "GetBucketObjectLockConfiguration",
        "PutObjectLockConfiguration" => "PutBucketObjectLockConfiguration",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" | "DeleteBucketPublicAccessBlock" => {
            "PutBucketPublicAccessBlock"
        }
        "DeleteBucketTagging" => "PutBucketTagging",
        "DeleteBucketOwnershipControls" => "PutBucketOwnershipControls",
        other => s3_configuration(other).unwrap_or(other),
    }
}

/// The four kinds of bucket configuration with many entries: listing is getting, deleting is
/// putting, and the action has no `Bucket` in its name.
fn s3_configuration(operation: &str) -> Option<&'static str> {
    const KINDS: [(&str, &str, &str); 4] = [
        ("Analytics", "GetAnalyticsConfiguration", "PutAnalyticsConfiguration"),
        ("Inventory", "GetInventoryConfiguration", "PutInventoryConfiguration"),
        ("Metrics", "GetMetricsConfiguration", "PutMetricsConfiguration"),
        ("IntelligentTiering", "GetIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration"),
    ];
    let (verb, kind) = operation.split_once("Bucket")?;
    let (_, get, put) = KINDS.iter().find(|(name, ..)| {
        kind.strip_prefix(name).is_some_and(|tail| tail == "Configuration" || tail == "Configurations")
    })?;
    match verb {
        "Get" | "List" => Some(get),
        "Put" | "Delete" => Some(put),
        _ => None,
    }
}

fn lambda_action(operation: &str) -> &str {
    if operation == "Invoke" { "InvokeFunction" } else { operation }
}

/// API Gateway's actions are HTTP verbs.
fn verb_action(operation: &str) -> &str {
    const VERBS: [(&str, &str); 8] = [
        ("Get", "GET"),
        ("List", "GET"),
        ("Export", "GET"),
        ("Create", "POST"),
        ("Import", "POST"),
        ("Update", "PATCH"),
        ("Put", "PUT"),
        ("Delete", "DELETE"),
    ];
    VERBS.iter().find(|(name, _)| operation.starts_with(name)).map_or(operation, |(_, verb)| verb)
}

/// The IAM prefix of a service named by an SDK: `AWSGlue`, `Amazon S3`, `Sts`,
/// `AWSSecurityTokenService`, `Redshift Data`.
pub fn sdk_prefix(service: &str) -> Option<String> {
    let lower: String = service
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let name = lower.strip_prefix("amazon").or_else(|| lower.strip_prefix("aws")).unwrap_or(&lower);
    let prefix = match name {
        "securitytokenservice" => "sts",
        "identitymanagement" => "iam",
        "redshiftdata" | "redshiftdataapiservice" => "redshift-data",
        "redshiftserverless" => "redshift-serverless",
        "simplestorageservice" => "s3",
        "dynamodbv2" => "dynamodb",
        other => other,
    };
    is_name(prefix).then(|| prefix.to_owned())
}

fn lone_service(operation: &str) -> Option<&'static str> {
    let operation = bare_operation(operation)?;
    let s3_object = operation.ends_with("Object")
        || operation.ends_with("Objects")
        || operation.ends_with("ObjectsV2")
        || operation.ends_with("ObjectVersions")
        || operation.contains("MultipartUpload")
        || operation.contains("Bucket")
        || matches!(operation, "UploadPart" | "ListParts");
    if s3_object {
        return Some("s3");
    }
    match operation {
        "AssumeRole" | "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML" => Some("sts"),
        "GetDataAccess" => Some("lakeformation"),
        "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => Some("kms"),
        "GetClusterCredentials" | "GetClusterCredentialsWithIAM" => Some("redshift"),
        "GetRole"
        | "GetRolePolicy"
        | "ListRolePolicies"
        | "ListAttachedRolePolicies"
        | "SimulatePrincipalPolicy"
        | "ListRoles" => Some("iam"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_without_a_gap_keeps_its_name() {
        assert_eq!(action_of("glue.amazonaws.com", "GetTable").as_deref(), Some("glue:GetTable"));
        assert_eq!(action_of("kms.amazonaws.com", "Decrypt").as_deref(), Some("kms:Decrypt"));
    }

    #[test]
    fn the_names_that_differ_between_api_and_iam_are_translated() {
        for (source, name, action) in [
            ("s3.amazonaws.com", "ListObjectsV2", "s3:ListBucket"),
            ("s3.amazonaws.com", "ListObjects", "s3:ListBucket"),
            ("s3.amazonaws.com", "HeadBucket", "s3:ListBucket"),
            ("s3.amazonaws.com", "HeadObject", "s3:GetObject"),
            ("s3.amazonaws.com", "CreateMultipartUpload", "s3:PutObject"),
            ("s3.amazonaws.com", "UploadPart", "s3:PutObject"),
            ("s3.amazonaws.com", "CompleteMultipartUpload", "s3:PutObject"),
            ("s3.amazonaws.com", "AbortMultipartUpload", "s3:AbortMultipartUpload"),
            ("s3.amazonaws.com", "ListMultipartUploads", "s3:ListBucketMultipartUploads"),
            ("s3.amazonaws.com", "ListParts", "s3:ListMultipartUploadParts"),
            ("s3.amazonaws.com", "DeleteObjects", "s3:DeleteObject"),
            ("s3.amazonaws.com", "GetBucketEncryption", "s3:GetEncryptionConfiguration"),
            ("s3.amazonaws.com", "ListBucketMetricsConfigurations", "s3:GetMetricsConfiguration"),
            ("s3.amazonaws.com", "ListBuckets", "s3:ListAllMyBuckets"),
            ("monitoring.amazonaws.com", "PutMetricData", "cloudwatch:PutMetricData"),
            ("amazonmq.amazonaws.com", "CreateBroker", "mq:CreateBroker"),
            ("lambda.amazonaws.com", "CreateFunction20150331", "lambda:CreateFunction"),
            ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
            ("lambda.amazonaws.com", "Invoke", "lambda:InvokeFunction"),
            ("cloudfront.amazonaws.com", "CreateFunction2020_05_31", "cloudfront:CreateFunction"),
            ("apigateway.amazonaws.com", "GetRestApis", "apigateway:GET"),
        ] {
            assert_eq!(action_of(source, name).as_deref(), Some(action), "{source} {name}");
        }
    }

    #[test]
    fn nonsense_has_no_action() {
        for (source, name) in [("", "GetTable"), ("glue.amazonaws.com", ""), ("a b", "c d"), ("é", "x")] {
            assert_eq!(action_of(source, name), None);
        }
    }

    #[test]
    fn an_sdk_names_its_service_in_its_own_way() {
        for (service, operation, action) in [
            (Some("AWSGlue"), "GetTable", "glue:GetTable"),
            (Some("Amazon S3"), "HeadObject", "s3:GetObject"),
            (Some("AWSSecurityTokenService"), "AssumeRole", "sts:AssumeRole"),
            (None, "ListObjectsV2", "s3:ListBucket"),
            (None, "AssumeRole", "sts:AssumeRole"),
        ] {
            assert_eq!(action_of_operation(service, operation).as_deref(), Some(action));
        }
        assert_eq!(action_of_operation(None, "GetTable"), None);
    }
}
