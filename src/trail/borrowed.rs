//! An event without a copy of it.
//!
//! An archive may hold millions of denials of one role. What groups and filters look at is
//! borrowed from the log's text.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::changes::ChangeKind;
use super::identity::Identity;
use super::record::{Event, Resource, bounded, resources};
use super::resource::{Call, bucket_of};
use crate::denial;

/// An [`Event`], borrowed: from one, or from a record's text.
pub struct EventRef<'a> {
    /// `eventID`.
    pub event_id: Cow<'a, str>,
    /// `eventTime`.
    pub event_time: Option<Timestamp>,
    /// `eventSource`.
    pub event_source: Cow<'a, str>,
    /// `eventName`.
    pub event_name: Cow<'a, str>,
    /// `awsRegion`; empty when missing.
    pub region: Cow<'a, str>,
    /// `recipientAccountId`.
    pub recipient_account: Option<Cow<'a, str>>,
    /// `sourceIPAddress`.
    pub source_ip: Option<Cow<'a, str>>,
    /// `userAgent`.
    pub user_agent: Option<Cow<'a, str>>,
    /// `errorCode`; none when the call succeeded.
    pub error_code: Option<Cow<'a, str>>,
    /// `errorMessage`.
    pub error_message: Option<Cow<'a, str>>,
    /// `sharedEventID`.
    pub shared_event_id: Option<Cow<'a, str>>,
    /// `vpcEndpointId`.
    pub vpc_endpoint_id: Option<Cow<'a, str>>,
    /// Whether there are `tlsDetails`.
    pub by_tls: bool,
    pub(super) identity: Who<'a>,
    pub(super) source: Source<'a>,
}

/// Who called.
pub(super) enum Who<'a> {
    Borrowed(&'a Identity),
    Shared(Arc<Identity>),
}

impl Deref for Who<'_> {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        match self {
            Self::Borrowed(identity) => identity,
            Self::Shared(identity) => identity,
        }
    }
}

/// Where the rest of an event is.
pub(super) enum Source<'a> {
    Event(&'a Event),
    /// The record's text, and that of `requestParameters` and `resources`.
    Text {
        whole: &'a str,
        /// The event, once it was read.
        event: OnceCell<Option<Box<Event>>>,
        parameters: Option<&'a str>,
        resources: Option<&'a str>,
    },
}

/// What takes the events that a search finds, copies included.
pub trait Sink {
    /// Takes an event.
    fn event(&mut self, event: Event);

    /// Takes a record as it stands in a log.
    fn record(&mut self, record: &EventRef<'_>);

    /// Takes a change of which little was read; what is no record after all is nothing.
    fn change(&mut self, change: &ChangeRef<'_>) {
        if let Some(event) = Event::from_text(change.text) {
            self.event(event);
        }
    }
}

/// A change that succeeded, as it stands in a log: no more of it was read than tells it from others.
pub struct ChangeRef<'a> {
    /// `eventID`; empty when missing.
    pub event_id: &'a str,
    /// `eventTime`.
    pub event_time: Option<Timestamp>,
    /// What was changed.
    pub kind: ChangeKind,
    /// `recipientAccountId`.
    pub account: Option<&'a str>,
    /// The record, and maybe what parts it from the next one.
    pub text: &'a str,
}

/// Keeps all of them.
impl Sink for Vec<Event> {
    fn event(&mut self, event: Event) {
        self.push(event);
    }

    fn record(&mut self, record: &EventRef<'_>) {
        self.extend(record.to_event());
    }
}

impl<'a> From<&'a Event> for EventRef<'a> {
    fn from(event: &'a Event) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        Self {
            event_id: Cow::Borrowed(&event.event_id),
            event_time: event.event_time,
            event_source: Cow::Borrowed(&event.event_source),
            event_name: Cow::Borrowed(&event.event_name),
            region: Cow::Borrowed(&event.region),
            recipient_account: text(&event.recipient_account),
            source_ip: text(&event.source_ip),
            user_agent: text(&event.user_agent),
            error_code: text(&event.error_code),
            error_message: text(&event.error_message),
            shared_event_id: text(&event.shared_event_id),
            vpc_endpoint_id: text(&event.vpc_endpoint_id),
            by_tls: event.by_tls,
            identity: Who::Borrowed(&event.identity),
            source: Source::Event(event),
        }
    }
}

impl EventRef<'_> {
    /// Whether the caller was refused.
    pub fn is_denial(&self) -> bool {
        let message = self.error_message.as_deref();
        self.error_code.as_deref().is_some_and(|code| denial::is_denial(code, message))
    }

    /// The same, or refused a session of the length that was asked for.
    pub fn is_refusal(&self) -> bool {
        let message = self.error_message.as_deref();
        self.error_code.as_deref().is_some_and(|code| denial::is_refusal(code, message))
    }

    /// `userIdentity`.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A copy of the whole event.
    pub fn to_event(&self) -> Option<Event> {
        self.whole().cloned()
    }

    /// The whole event, read when it is first asked for where only its text is at hand.
    pub(super) fn whole(&self) -> Option<&Event> {
        match &self.source {
            Source::Event(event) => Some(event),
            Source::Text { whole, event, .. } => {
                event.get_or_init(|| Event::from_text(whole).map(Box::new)).as_deref()
            }
        }
    }

    /// The record's text, where the event is read from one.
    pub fn text(&self) -> Option<&str> {
        match &self.source {
            Source::Event(_) => None,
            Source::Text { whole, .. } => Some(whole),
        }
    }

    /// The bucket that was asked where KMS refused its key: S3's own events tell it as theirs, and those of KMS as
    /// what the key was used for.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context>
    pub(super) fn encrypted_bucket(&self) -> Option<String> {
        const CONTEXT: &str = "/encryptionContext/aws:s3:arn";
        let of_context = |parameters: &Value| parameters.pointer(CONTEXT)?.as_str().map(str::to_owned);
        let object = match (&*self.event_source, &self.source) {
            ("s3.amazonaws.com", _) => self.resource(),
            ("kms.amazonaws.com", Source::Event(event)) => of_context(&event.request_parameters),
            ("kms.amazonaws.com", Source::Text { parameters, .. }) => {
                of_context(&parameters.and_then(value)?)
            }
            _ => None,
        };
        bucket_of(&object?).map(str::to_owned)
    }

    /// The ARN of what the call was about; see [`super::resource_of`].
    pub(super) fn resource(&self) -> Option<String> {
        let (parameters, resources): (Cow<'_, Value>, Cow<'_, [Resource]>) = match &self.source {
            Source::Event(event) => {
                (Cow::Borrowed(&event.request_parameters), Cow::Borrowed(&event.resources))
            }
            Source::Text { parameters, resources: named, .. } => (
                parameters.and_then(value).map_or(Cow::Owned(Value::Null), |value| match value {
                    Value::Object(_) => Cow::Owned(value),
                    other => Cow::Owned(bounded(&other)),
                }),
                Cow::Owned(named.and_then(value).map(|named| resources(&named)).unwrap_or_default()),
            ),
        };
        super::resource::resource_of_call(&Call {
            source: &self.event_source,
            name: &self.event_name,
            region: &self.region,
            account: self.recipient_account.as_deref(),
            parameters: &parameters,
            resources: &resources,
        })
    }
}

pub(super) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
