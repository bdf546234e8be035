//! One CloudTrail record, as much of it as the doctor needs.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::identity::Identity;
use crate::denial::{self, Denial};

/// A CloudTrail record. Any field may be missing: services leave out what they like, and
/// re-exported logs even more.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Event {
    /// `eventID`, mostly a UUID; delivered copies of one event share it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub event_id: String,
    /// `eventTime`, in UTC. None when missing or unreadable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub event_time: Option<Timestamp>,
    /// `eventSource`, such as `glue.amazonaws.com`.
    pub event_source: String,
    /// `eventName`, such as `GetTable`.
    pub event_name: String,
    /// `awsRegion`; empty when missing.
    pub region: String,
    /// `recipientAccountId`: whose trail this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_account: Option<String>,
    /// `sourceIPAddress`: an address or a service's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// `userAgent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// `errorCode`; none when the call succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// `errorMessage`, cut by CloudTrail at 1,024 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// `userIdentity`.
    pub identity: Identity,
    /// `requestParameters`, less members that exceed the bound. Null when absent, as it often
    /// is for denials.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub request_parameters: Value,
    /// `responseElements`, bounded likewise.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub response_elements: Value,
    /// `resources`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// `readOnly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// `eventCategory`: `Management`, `Data`, `NetworkActivity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `sharedEventID`: the same call in the trails of several accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_event_id: Option<String>,
    /// `vpcEndpointId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_id: Option<String>,
    /// Whether there are `tlsDetails`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_tls: bool,
}

/// A resource that a record names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Resource {
    /// `type`, such as `AWS::S3::Object`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `ARN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// `accountId`: the resource's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl Event {
    /// Reads a record from a JSON object of CloudTrail's own shape.
    ///
    /// None when it is not an API call's or service's record at all: a digest, an insight, an
    /// object without `eventName` and `eventSource`. Members of the wrong type count as missing.
    pub fn from_value(value: &Value) -> Option<Self> {
        let map = value.as_object()?;
        let event_source = text(map, "eventSource")?;
        let event_name = text(map, "eventName")?;
        if map.contains_key("insightDetails") {
            return None;
        }
        Some(Self {
            event_id: text(map, "eventID").unwrap_or_default(),
            event_time: map.get("eventTime").and_then(time),
            event_source,
            event_name,
            region: text(map, "awsRegion").unwrap_or_default(),
            recipient_account: text(map, "recipientAccountId"),
            source_ip: text(map, "sourceIPAddress"),
            user_agent: text(map, "userAgent"),
            error_code: text(map, "errorCode").filter(|code| !code.is_empty()),
            error_message: text(map, "errorMessage"),
            identity: map.get("userIdentity").map(Identity::from_value).unwrap_or_default(),
            request_parameters: map.get("requestParameters").map_or(Value::Null, bounded),
            response_elements: map.get("responseElements").map_or(Value::Null, bounded),
            resources: map.get("resources").map(resources).unwrap_or_default(),
            read_only: map.get("readOnly").and_then(flag),
            category: text(map, "eventCategory"),
            shared_event_id: text(map, "sharedEventID"),
            vpc_endpoint_id: text(map, "vpcEndpointId"),
            by_tls: map.get("tlsDetails").is_some_and(|details| !details.is_null()),
        })
    }

    /// Reads the record at the front of a text; none when there is none, as with [`Event::from_value`].
    pub fn from_text(text: &str) -> Option<Self> {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        Self::from_value(&values.next()?.ok()?)
    }

    /// Whether the caller was refused.
    pub fn is_denial(&self) -> bool {
        let message = self.error_message.as_deref();
        self.error_code.as_deref().is_some_and(|code| denial::is_denial(code, message))
    }

    /// What was refused and why; none when the call was not refused.
    pub fn denial(&self) -> Option<Denial> {
        let code = self.error_code.as_deref()?;
        let mut denial =
            Denial::of_event(&self.event_source, &self.event_name, code, self.error_message.as_deref())?;
        denial.principal = denial.principal.or_else(|| self.identity.arn.clone());
        denial.resource = denial.resource.or_else(|| super::resource_of(self));
        Some(denial)
    }

    /// A member of `requestParameters` that is a string.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.request_parameters.get(name)?.as_str()
    }
}

/// A member that is a string.
pub(super) fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key)?.as_str().map(str::to_owned)
}

/// A boolean, or one in quotes as Athena and Lake give them.
fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| match value.as_str()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    })
}

/// `2026-03-02T00:00:00Z`; also seconds since 1970, as some exports write it.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    if let Some(seconds) = value.as_i64() {
        return Timestamp::from_second(seconds).ok();
    }
    let written = value.as_str()?;
    if let Ok(time) = written.parse() {
        return Some(time);
    }
    // Lake and Athena: `2026-03-02 00:00:00.000`, in UTC.
    let bare = written.trim().trim_end_matches(" UTC");
    jiff::tz::TimeZone::UTC.to_timestamp(bare.parse().ok()?).ok()
}

pub(super) fn resources(value: &Value) -> Vec<Resource> {
    // A delete of a thousand objects names each; the first few serve.
    let named = value.as_array().into_iter().flatten().take(20);
    named
        .filter_map(Value::as_object)
        .map(|map| Resource {
            kind: text(map, "type"),
            arn: text(map, "ARN").or_else(|| text(map, "arn")),
            account: text(map, "accountId"),
        })
        .collect()
}

/// Bytes kept of `requestParameters` and of `responseElements`: more than the longest policy
/// document (a key policy, 32 KiB) needs, less than the 256 KB an event may have.
const BOUND: usize = 96 * 1024;

/// `value` less the top-level members that do not fit in the bound. Exports hold the object as
/// text within a string; that is read.
pub(super) fn bounded(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut left = BOUND;
            let kept = map.iter().filter(|(key, member)| {
                let size = key.len() + size_within(member, left);
                let fits = size < left;
                if fits {
                    left -= size;
                }
                fits
            });
            Value::Object(kept.map(|(key, member)| (key.clone(), member.clone())).collect())
        }
        Value::String(inner) if inner.starts_with('{') && inner.len() < 2 * BOUND => {
            match serde_json::from_str::<Value>(inner) {
                Ok(read) if read.is_object() => bounded(&read),
                _ => Value::Null,
            }
        }
        _ => Value::Null,
    }
}

/// The rough size of a value in bytes, counted no further than `limit`.
fn size_within(value: &Value, limit: usize) -> usize {
    let mut size = 8_usize;
    match value {
        Value::String(text) => size += text.len(),
        Value::Array(items) => {
            for item in items {
                if size >= limit {
                    break;
                }
                size += size_within(item, limit - size);
            }
        }
        Value::Object(map) => {
            for (key, member) in map {
                if size >= limit {
                    break;
                }
                size += key.len() + size_within(member, limit - size);
            }
        }
        _ => {}
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_round_trips_through_its_own_json() {
        let event = Event::from_value(&json!({
            "eventID": "1", "eventTime": "2026-03-02T10:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
            "awsRegion": "eu-west-1", "errorCode": "AccessDenied", "requestParameters": {"bucketName": "b"},
            "resources": [{"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::b/k"}], "readOnly": false,
            "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/r"}}}
        }))
        .unwrap();
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert_eq!(event.event_time.unwrap().to_string(), "2026-03-02T10:00:00Z");
        assert!(event.is_denial());
    }

    #[test]
    fn members_of_the_wrong_type_count_as_missing() {
        let event = Event::from_value(&json!({
            "eventID": 7, "eventTime": [], "eventSource": "s3.amazonaws.com", "eventName": "x", "awsRegion": null,
            "errorCode": {"a": 1}, "requestParameters": 3, "resources": {"a": 1}, "readOnly": "true", "userIdentity": "x"
        }))
        .unwrap();
        assert_eq!((event.event_id.as_str(), event.error_code, event.read_only), ("", None, Some(true)));
        assert!(!event.request_parameters.is_object());
    }

    #[test]
    fn digests_and_insights_are_no_records() {
        assert_eq!(Event::from_value(&json!({"awsAccountId": "1", "logFiles": []})), None);
        let insight = json!({"eventTime": "2026-03-02T05:00:00Z", "eventType": "AwsCloudTrailInsight",
            "insightDetails": {"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "errorCode": "AccessDenied"}});
        assert_eq!(Event::from_value(&insight), None);
    }

    #[test]
    fn times_of_exports_are_read() {
        for written in
            [json!("2026-03-02 10:00:00.000"), json!("2026-03-02T10:00:00+00:00"), json!(1_772_445_600)]
        {
            let event = json!({"eventSource": "a", "eventName": "b", "eventTime": written});
            let time = Event::from_value(&event).unwrap().event_time.unwrap();
            assert_eq!(time.to_string(), "2026-03-02T10:00:00Z", "{written}");
        }
    }

    #[test]
    fn parameters_beyond_the_bound_are_left_out_and_the_rest_kept() {
        let event = json!({"eventSource": "a", "eventName": "b",
            "requestParameters": {"roleName": "r", "huge": "x".repeat(BOUND), "policyName": "p"}});
        let event = Event::from_value(&event).unwrap();
        assert_eq!((event.parameter("roleName"), event.parameter("policyName")), (Some("r"), Some("p")));
        assert_eq!(event.parameter("huge"), None);
    }

    #[test]
    fn a_denial_without_words_takes_action_and_resource_from_the_record() {
        let event = Event::from_value(&json!({"eventSource": "s3.amazonaws.com", "eventName": "HeadObject",
            "errorCode": "AccessDenied", "errorMessage": "Access Denied",
            "requestParameters": {"bucketName": "orders", "key": "a/b"}}))
        .unwrap();
        let denial = event.denial().unwrap();
        assert_eq!(denial.action.as_deref(), Some("s3:GetObject"));
        assert_eq!(denial.resource.as_deref(), Some("arn:aws:s3:::orders/a/b"));
    }
}
