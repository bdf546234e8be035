//! Reads a record as it stands in a log, and no more of it than is looked at.
//!
//! Text is borrowed; who made the call, which is the same for hours, is read once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::borrowed::{EventRef, Source, Who, value};
use super::identity::{Identity, Issuer};
use super::memo::Memo;
use super::record::time;

/// Reads records, and remembers who makes the calls.
#[derive(Default)]
pub struct RecordReader {
    identities: Memo<Arc<Identity>>,
}

impl RecordReader {
    /// Reads the record at the front of `text`; gives it and where it ends.
    ///
    /// As with [`Event::from_value`](super::Event::from_value) there is no record in a digest or an insight.
    ///
    /// # Errors
    /// When the text is no JSON object, or is one that needs mending.
    pub fn read<'t>(&mut self, text: &'t [u8]) -> Result<(Option<EventRef<'t>>, usize), serde_json::Error> {
        // Checked as a whole, for which there are fast ways, not string by string.
        let text = std::str::from_utf8(text).map_err(serde_json::Error::custom)?;
        let mut objects = serde_json::Deserializer::from_str(text).into_iter::<Fields<'t>>();
        let fields = objects.next().unwrap_or_else(|| Err(serde_json::Error::custom("no object")))?;
        let end = objects.byte_offset();
        let (Some(event_source), Some(event_name), false) = (fields.source, fields.name, fields.insight)
        else {
            return Ok((None, end));
        };
        for needed in [fields.parameters, fields.resources].into_iter().flatten() {
            // Halves of surrogate pairs pass where text is skipped, but not where it is read.
            let text = needed.get().as_bytes();
            let half = |at: usize| matches!(text.get(at + 1..at + 3), Some([b'u', b'd' | b'D']));
            if memchr::memchr_iter(b'\\', text).any(half) {
                serde_json::from_str::<Value>(needed.get())?;
            }
        }
        let identity = match fields.identity.map(RawValue::get) {
            None => Arc::default(),
            Some(text) => Arc::clone(self.identities.get(text.as_bytes(), || {
                let raw =
                    if text.starts_with('{') { serde_json::from_str(text)? } else { RawIdentity::default() };
                Ok::<_, serde_json::Error>(Arc::new(Identity::from(raw)))
            })?),
        };
        let record = EventRef {
            event_id: fields.id.unwrap_or_default(),
            event_time: fields.time.and_then(|text| event_time(text.get())),
            event_source,
            event_name,
            region: fields.region.unwrap_or_default(),
            recipient_account: fields.account,
            source_ip: fields.ip,
            user_agent: fields.agent,
            error_code: fields.code.filter(|code| !code.is_empty()),
            error_message: fields.message,
            shared_event_id: fields.shared,
            vpc_endpoint_id: fields.endpoint,
            by_tls: fields.tls,
            identity: Who::Shared(identity),
            source: Source::Text {
                whole: &text[..end],
                event: OnceCell::new(),
                parameters: fields.parameters.map(RawValue::get),
                resources: fields.resources.map(RawValue::get),
            },
        };
        Ok((Some(record), end))
    }
}

fn event_time(text: &str) -> Option<Timestamp> {
    let plain = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    plain.and_then(|text| text.parse().ok()).or_else(|| time(&value(text)?))
}

/// `userIdentity` as it is written. What is written otherwise is left to [`Event::from_value`](super::Event::from_value).
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawIdentity<'t> {
    #[serde(borrow, rename = "type")]
    kind: Text<'t>,
    #[serde(borrow)]
    arn: Text<'t>,
    #[serde(borrow)]
    principal_id: Text<'t>,
    #[serde(borrow)]
    account_id: Text<'t>,
    #[serde(borrow)]
    access_key_id: Text<'t>,
    #[serde(borrow)]
    user_name: Text<'t>,
    #[serde(borrow)]
    invoked_by: Text<'t>,
    #[serde(borrow)]
    session_context: Option<RawContext<'t>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawContext<'t> {
    #[serde(borrow)]
    invoked_by: Text<'t>,
    #[serde(borrow)]
    session_issuer: Option<RawIssuer<'t>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawIssuer<'t> {
    #[serde(borrow, rename = "type")]
    kind: Text<'t>,
    #[serde(borrow)]
    arn: Text<'t>,
    #[serde(borrow)]
    principal_id: Text<'t>,
    #[serde(borrow)]
    account_id: Text<'t>,
    #[serde(borrow)]
    user_name: Text<'t>,
}

impl From<RawIdentity<'_>> for Identity {
    fn from(raw: RawIdentity<'_>) -> Self {
        let text = |Text(text): Text<'_>| text.map(Cow::into_owned);
        let RawContext { invoked_by, session_issuer } = raw.session_context.unwrap_or_default();
        Self {
            kind: text(raw.kind),
            arn: text(raw.arn),
            principal_id: text(raw.principal_id),
            account_id: text(raw.account_id),
            access_key_id: text(raw.access_key_id),
            user_name: text(raw.user_name),
            issuer: session_issuer.map(|issuer| Issuer {
                kind: text(issuer.kind),
                arn: text(issuer.arn),
                principal_id: text(issuer.principal_id),
                account_id: text(issuer.account_id),
                user_name: text(issuer.user_name),
            }),
            invoked_by: text(raw.invoked_by).or_else(|| text(invoked_by)),
        }
    }
}

/// The members of a record that are looked at, the last of several of one name.
#[derive(Default)]
struct Fields<'t> {
    id: Option<Cow<'t, str>>,
    time: Option<&'t RawValue>,
    source: Option<Cow<'t, str>>,
    name: Option<Cow<'t, str>>,
    region: Option<Cow<'t, str>>,
    account: Option<Cow<'t, str>>,
    ip: Option<Cow<'t, str>>,
    agent: Option<Cow<'t, str>>,
    code: Option<Cow<'t, str>>,
    message: Option<Cow<'t, str>>,
    shared: Option<Cow<'t, str>>,
    endpoint: Option<Cow<'t, str>>,
    identity: Option<&'t RawValue>,
    parameters: Option<&'t RawValue>,
    resources: Option<&'t RawValue>,
    insight: bool,
    tls: bool,
}

/// The name of a member that is looked at.
#[derive(Clone, Copy)]
enum Key {
    Id,
    Time,
    Source,
    Name,
    Region,
    Account,
    Ip,
    Agent,
    Code,
    Message,
    Shared,
    Endpoint,
    Identity,
    Parameters,
    Resources,
    Insight,
    Tls,
    Other,
}

impl Key {
    /// By length first: most names of a record are told by it.
    fn named(name: &str) -> Self {
        let (key, its_name) = match (name.len(), name.as_bytes().first()) {
            (7, _) => (Self::Id, "eventID"),
            (9, Some(b'e')) if name.ends_with("Time") => (Self::Time, "eventTime"),
            (9, Some(b'e')) if name.ends_with("Name") => (Self::Name, "eventName"),
            (9, Some(b'e')) => (Self::Code, "errorCode"),
            (9, Some(b'a')) => (Self::Region, "awsRegion"),
            (9, Some(b'u')) => (Self::Agent, "userAgent"),
            (9, _) => (Self::Resources, "resources"),
            (10, _) => (Self::Tls, "tlsDetails"),
            (11, _) => (Self::Source, "eventSource"),
            (12, Some(b'e')) => (Self::Message, "errorMessage"),
            (12, _) => (Self::Identity, "userIdentity"),
            (13, Some(b's')) => (Self::Shared, "sharedEventID"),
            (13, _) => (Self::Endpoint, "vpcEndpointId"),
            (14, _) => (Self::Insight, "insightDetails"),
            (15, _) => (Self::Ip, "sourceIPAddress"),
            (17, _) => (Self::Parameters, "requestParameters"),
            (18, _) => (Self::Account, "recipientAccountId"),
            _ => return Self::Other,
        };
        if name == its_name { key } else { Self::Other }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Key;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a key")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(Key::named(name))
            }
        }
        from.deserialize_identifier(Name)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Record;

        impl<'de> Visitor<'de> for Record {
            type Value = Fields<'de>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key()? {
                    let text = match key {
                        Key::Id => &mut fields.id,
                        Key::Source => &mut fields.source,
                        Key::Name => &mut fields.name,
                        Key::Region => &mut fields.region,
                        Key::Account => &mut fields.account,
                        Key::Ip => &mut fields.ip,
                        Key::Agent => &mut fields.agent,
                        Key::Code => &mut fields.code,
                        Key::Message => &mut fields.message,
                        Key::Shared => &mut fields.shared,
                        Key::Endpoint => &mut fields.endpoint,
                        Key::Time | Key::Identity | Key::Parameters | Key::Resources => {
                            let raw = Some(map.next_value()?);
                            match key {
                                Key::Time => fields.time = raw,
                                Key::Identity => fields.identity = raw,
                                Key::Parameters => fields.parameters = raw,
                                _ => fields.resources = raw,
                            }
                            continue;
                        }
                        Key::Tls => {
                            fields.tls = map.next_value::<Option<IgnoredAny>>()?.is_some();
                            continue;
                        }
                        Key::Insight | Key::Other => {
                            fields.insight |= matches!(key, Key::Insight);
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *text = map.next_value::<Text<'de>>()?.0;
                }
                Ok(fields)
            }
        }
        from.deserialize_map(Record)
    }
}

/// A string; what is none counts as missing.
#[derive(Default)]
struct Text<'t>(Option<Cow<'t, str>>);

impl<'de: 't, 't> Deserialize<'de> for Text<'t> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("any value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text<'de>, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        from.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trail::Event;

    const EVENTS: &str = include_str!("../../tests/data/cloudtrail/events.jsonl");
    const CALL: &str = r#""eventSource":"s3.amazonaws.com","eventName":"PutObject""#;

    /// What a borrowed event tells, in words that can be compared.
    fn told(event: &EventRef<'_>) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            (&event.event_id, event.event_time, &event.event_source, &event.event_name, &event.region),
            (&event.recipient_account, &event.source_ip, &event.user_agent, &event.shared_event_id),
            (&event.error_code, &event.error_message, &event.vpc_endpoint_id),
            event.identity(),
            event.resource(),
        )
    }

    #[track_caller]
    fn agree(reader: &mut RecordReader, text: &str) {
        let parsed = Event::from_value(&serde_json::from_str(text).unwrap());
        let (read, end) = reader.read(text.as_bytes()).unwrap();
        assert_eq!(end, text.len());
        assert_eq!(read.as_ref().map(told), parsed.as_ref().map(|event| told(&event.into())), "{text}");
        assert_eq!(read.and_then(|read| read.to_event()), parsed, "{text}");
    }

    #[test]
    fn real_records_read_as_they_parse() {
        let mut reader = RecordReader::default();
        for _ in 0..2 {
            EVENTS.lines().for_each(|line| agree(&mut reader, line));
        }
    }

    #[test]
    fn odd_members_read_as_they_parse() {
        let mut reader = RecordReader::default();
        for members in [
            r#""eventID":7,"eventTime":[{"a":1}],"awsRegion":null,"errorCode":{"a":[1]},"userAgent":true,"userIdentity":"x""#,
            r#""eventTime":1772445600,"errorCode":"","sourceIPAddress":1.5,"resources":{"a":1},"requestParameters":3"#,
            r#""errorCode":"Throttling","errorCode":"AccessDenied","awsRegion":"eu-west-1","awsRegion":7"#,
            r#""\u0065rrorCode":"Access\u0044enied","userAgent":"\ud83d\ude00 \"q\"","userIdentity":{"arn":"a\/b"}"#,
            r#""requestParameters":{"bucketName":"b","key":"\ud83d\ude00"},"resources":[{"ARN":"arn:x","type":7}]"#,
            r#""requestParameters":"{\"bucketName\":\"b\",\"key\":\"k\"}","eventTime":"2026-03-02 10:00:00.000""#,
            r#""userIdentity":{"type":"AssumedRole","sessionContext":{"sessionIssuer":{"arn":"r","x":[]},"invokedBy":"i"},"extra":{}}"#,
            r#""userIdentity":{"sessionContext":{}},"insightDetails":null"#,
            r#""userIdentity":{"type":1,"arn":null,"sessionContext":null}"#,
            r#""userIdentity":null,"userAgents":"x","eventSize":"x","errorCodes":1"#,
        ] {
            agree(&mut reader, &format!("{{{CALL},{members}}}"));
        }
        agree(&mut reader, r#"{"eventSource":"s3.amazonaws.com"}"#);
    }

    #[test]
    fn what_cannot_be_read_as_it_stands_is_refused() {
        let mut reader = RecordReader::default();
        for members in [
            r#""requestParameters":{"key":"\ud83d"}"#,
            r#""userIdentity":{"arn":"\ud83d"}"#,
            r#""userIdentity":{"arn":"a","arn":"b"}"#,
            r#""requestParameters":{"key":}"#,
            r#""a":1,,"b":2"#,
        ] {
            assert!(reader.read(format!("{{{CALL},{members}}}").as_bytes()).is_err(), "{members}");
        }
        assert!(reader.read(b"{\"a\":\"\xff\"}").is_err());
        assert!(reader.read(b"").is_err());
    }

    #[test]
    fn a_record_ends_where_its_object_does() {
        let text = format!("{},{{", json!({"eventSource": "a.amazonaws.com", "eventName": "b"}));
        let mut reader = RecordReader::default();
        let (record, end) = reader.read(text.as_bytes()).unwrap();
        assert!(record.is_some());
        assert_eq!(&text[end..], ",{");
    }
}
