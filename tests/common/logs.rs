//! Records of CloudTrail and the files they come in.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses what it needs, and fails by panicking"
)]

use std::io::Write as _;

use serde_json::{Value, json};

/// The role of the records.
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";

/// A record as CloudTrail writes it; `error` is an error code, or empty.
pub(crate) fn record(id: &str, role: &str, error: &str) -> Value {
    let name = role.rsplit('/').next().unwrap();
    let account = role.split(':').nth(4).unwrap();
    let mut record = json!({
        "eventVersion": "1.09",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROAEXAMPLE:s", "accountId": account,
            "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/s"), "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "arn": role,
                "accountId": account, "userName": name}, "attributes": {"mfaAuthenticated": "false"}}},
        "eventTime": "2026-03-02T00:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
        "awsRegion": "eu-west-1", "sourceIPAddress": "10.0.0.1", "userAgent": "aws-sdk-java/2.30.0"
    });
    if !error.is_empty() {
        record["errorCode"] = json!(error);
        record["errorMessage"] = json!(format!(
            "User: arn:aws:sts::{account}:assumed-role/{name}/s is not authorized to perform: s3:PutObject on resource: \
             \"arn:aws:s3:::orders/a b\" because no identity-based policy allows the s3:PutObject action"
        ));
    }
    let rest = json!({"requestParameters": {"bucketName": "orders", "key": "a b"}, "responseElements": null, "requestID": "R",
        "eventID": id, "readOnly": false, "eventType": "AwsApiCall", "managementEvent": false,
        "recipientAccountId": account, "eventCategory": "Data"});
    record.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    record
}

pub(crate) fn gz(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}
