//! Which resource a call was about, when the message does not say.

use serde_json::Value;

use super::borrowed::EventRef;
use super::record::{Event, Resource};
use crate::denial::service_prefix;
use crate::model::Partition;

/// What of a call tells its resource.
pub(super) struct Call<'a> {
    /// `eventSource`.
    pub(super) source: &'a str,
    /// `eventName`.
    pub(super) name: &'a str,
    /// `awsRegion`.
    pub(super) region: &'a str,
    /// `recipientAccountId`.
    pub(super) account: Option<&'a str>,
    /// `requestParameters`.
    pub(super) parameters: &'a Value,
    /// `resources`.
    pub(super) resources: &'a [Resource],
}

/// The ARN of the call's resource, read from the record's `resources` and `requestParameters`.
///
/// Calls on a bucket give the bucket, calls on objects the object. None where the record does
/// not tell, which is common for refused calls: CloudTrail then leaves the parameters out.
pub fn resource_of(event: &Event) -> Option<String> {
    EventRef::from(event).resource()
}

/// The same of a borrowed call.
pub(super) fn resource_of_call(call: &Call<'_>) -> Option<String> {
    match service_prefix(call.source) {
        Some("s3") => s3(call),
        Some("glue") => glue(call),
        Some("sts") => call.parameter("roleArn").map(str::to_owned),
        Some("kms") => kms(call),
        _ => call.first_named(),
    }
}

/// Whether a call is one on an object of S3: a data event, which trails record only where they are told to.
///
/// `source`, `name` and `category` are the record's `eventSource`, `eventName` and `eventCategory`, which records
/// before version 1.07 lack; then the name decides.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html>
pub fn is_object_call(source: &[u8], name: &[u8], category: Option<&[u8]>) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(name, part).is_some();
    let is_named_so =
        || (has(b"Object") || has(b"Part") || has(b"Multipart")) && !has(b"Bucket") && !has(b"Lock");
    source == b"s3.amazonaws.com" && category.map_or_else(is_named_so, |category| category == b"Data")
}

impl<'a> Call<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.get(name)?.as_str()
    }

    fn first_named(&self) -> Option<String> {
        self.resources.iter().find_map(|resource| resource.arn.clone())
    }
}

/// The bucket in an S3 ARN, its own or an object's.
pub fn bucket_of(arn: &str) -> Option<&str> {
    let (_, rest) = arn.split_once(":s3:::")?;
    rest.split('/').next()
}

fn s3(call: &Call<'_>) -> Option<String> {
    let of_kind = |kind: &str| {
        let mut resources = call.resources.iter();
        resources
            .find(|resource| resource.kind.as_deref() == Some(kind))
            .and_then(|resource| resource.arn.clone())
    };
    let bucket = call.parameter("bucketName").or_else(|| call.parameter("bucket"));
    let partition = Partition::of_region(call.region);
    let bucket_arn = || {
        of_kind("AWS::S3::Bucket")
            .or_else(|| bucket.map(|bucket| format!("arn:{}:s3:::{bucket}", partition.as_str())))
    };
    let on_bucket = call.name.starts_with("List") && call.name != "ListParts" || call.name.contains("Bucket");
    if on_bucket {
        return bucket_arn();
    }
    of_kind("AWS::S3::Object")
        .or_else(|| match (bucket_arn(), call.parameter("key")) {
            (Some(bucket), Some(key)) => Some(format!("{bucket}/{key}")),
            _ => None,
        })
        .or_else(bucket_arn)
}

/// The most specific of table, database and catalogue that the parameters name.
fn glue(call: &Call<'_>) -> Option<String> {
    let account = call.parameter("catalogId").or(call.account)?;
    let partition = Partition::of_region(call.region);
    let arn =
        |rest: String| Some(format!("arn:{}:glue:{}:{account}:{rest}", partition.as_str(), call.region));
    let name = call.parameter("name");
    let inner = |object: &str| call.parameters.get(object)?.get("name").and_then(Value::as_str);
    let database = call.parameter("databaseName");
    let table = call.parameter("tableName").or_else(|| inner("tableInput")).or(name);
    match (database, table) {
        (Some(database), Some(table)) => arn(format!("table/{database}/{table}")),
        (Some(database), None) => arn(format!("database/{database}")),
        (None, _) if call.name.contains("Database") => {
            let database = inner("databaseInput").or(name)?;
            arn(format!("database/{database}"))
        }
        _ => None,
    }
}

fn kms(call: &Call<'_>) -> Option<String> {
    call.first_named().or_else(|| call.parameter("keyId").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource(source: &str, name: &str, parameters: &Value, resources: &Value) -> Option<String> {
        let event = json!({"eventSource": source, "eventName": name, "awsRegion": "eu-west-1",
            "recipientAccountId": "111122223333", "requestParameters": parameters, "resources": resources});
        resource_of(&Event::from_value(&event).unwrap())
    }

    #[test]
    fn calls_on_buckets_and_on_objects_are_told_apart() {
        let resources = json!([{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"},
            {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b", "accountId": "1"}]);
        for (name, arn) in [
            ("PutObject", "arn:aws:s3:::b/k"),
            ("ListObjectsV2", "arn:aws:s3:::b"),
            ("HeadBucket", "arn:aws:s3:::b"),
        ] {
            assert_eq!(
                resource("s3.amazonaws.com", name, &json!(null), &resources).as_deref(),
                Some(arn),
                "{name}"
            );
        }
        let parameters = json!({"bucketName": "b", "key": "k"});
        assert_eq!(
            resource("s3.amazonaws.com", "GetObject", &parameters, &json!(null)).as_deref(),
            Some("arn:aws:s3:::b/k")
        );
    }

    #[test]
    fn glue_names_the_most_specific_of_its_three() {
        for (name, parameters, rest) in [
            ("GetTable", json!({"databaseName": "d", "name": "t"}), "table/d/t"),
            ("CreateTable", json!({"databaseName": "d", "tableInput": {"name": "t"}}), "table/d/t"),
            ("GetDatabase", json!({"name": "d"}), "database/d"),
            ("GetTables", json!({"databaseName": "d"}), "database/d"),
        ] {
            let expected = format!("arn:aws:glue:eu-west-1:111122223333:{rest}");
            assert_eq!(
                resource("glue.amazonaws.com", name, &parameters, &json!(null)),
                Some(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn nothing_is_made_up() {
        assert_eq!(resource("s3.amazonaws.com", "PutObject", &json!(null), &json!(null)), None);
        assert_eq!(resource("glue.amazonaws.com", "GetTable", &json!(null), &json!(null)), None);
    }
}
