//! What went wrong with a call: any error of any SDK client to one of the ways a fact can be unread.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::operations::Operation;
use crate::denial::{self, Reason};
use crate::facts::{Fact, Failure, FailureKind, Refusal};

/// Codes by which AWS says that a caller asks too often. The SDKs' own list.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
const THROTTLING: [&str; 13] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes by which AWS refuses the credentials themselves, whatever the call.
const CREDENTIALS: [&str; 15] = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
    "SignatureVersionNotSupported",
];

/// Those of them that say that the credentials were right once.
const EXPIRED: [&str; 4] =
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// What is said of somebody who took a call and did not answer.
pub(super) const NO_ANSWER: &str = "no answer in time";

/// What AWS or the network said, taken out of an SDK's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// What kind of failure it is, were it one.
    pub(super) kind: FailureKind,
    /// AWS's error code, if there was an answer with one.
    pub(super) code: Option<String>,
    /// The HTTP status, if there was an answer.
    pub(super) status: Option<u16>,
    /// What happened, for a sentence.
    pub(super) message: String,
}

impl Problem {
    /// Takes an SDK's error apart.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let failed = |kind, message: String| Self { kind, code: None, status: None, message };
        match error {
            SdkError::ServiceError(service) => Self::of_answer(service.raw(), service.err()),
            SdkError::TimeoutError(_) => failed(FailureKind::TimedOut, NO_ANSWER.to_owned()),
            SdkError::ResponseError(response) => Self {
                status: Some(response.raw().status().as_u16()),
                ..failed(FailureKind::Unreadable, "the answer could not be read".to_owned())
            },
            _ => Self::of_dispatch(error),
        }
    }

    fn of_answer<E: ProvideErrorMetadata>(raw: &HttpResponse, error: &E) -> Self {
        let status = raw.status().as_u16();
        let meta = error.meta();
        let code = meta.code().filter(|code| !code.is_empty()).map(str::to_owned);
        let mut message = match &code {
            Some(code) => format!("{code} (HTTP {status})"),
            None if status < 300 => format!("the answer could not be understood (HTTP {status})"),
            None => format!("HTTP {status}"),
        };
        if let Some(said) = meta.message().filter(|said| !said.is_empty()) {
            message = format!("{message}: {said}");
        }
        let request =
            ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| raw.headers().get(*name));
        if let Some(request) = request {
            message = format!("{message} [request {request}]");
        }
        Self { kind: kind_of_answer(status, code.as_deref()), code, status: Some(status), message }
    }

    fn of_dispatch<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + 'static,
    {
        let kind = if credentials_error(error).is_some() {
            FailureKind::Credentials
        } else if is_time_out(error) {
            FailureKind::TimedOut
        } else if matches!(error, SdkError::DispatchFailure(_)) {
            FailureKind::Network
        } else {
            FailureKind::Rejected
        };
        Self { kind, code: None, status: None, message: innermost(error) }
    }

    /// Whether AWS says that the caller may not do this.
    pub(super) fn is_denial(&self) -> bool {
        match &self.code {
            Some(code) => denial::is_denial(code, Some(&self.message)) && !self.is_of_key(code),
            // An answer to HEAD has no body and so no code.
            None => self.status == Some(403),
        }
    }

    /// Whether AWS says that a key serves nobody, which is no matter of permissions.
    fn is_of_key(&self, code: &str) -> bool {
        let told = || denial::parse(&self.message).map(|denial| denial.reason);
        denial::is_key_state_code(code) || matches!(told(), Some(Reason::KeyState { .. }))
    }

    /// Whether AWS's clock and this computer's are too far apart, which AWS says in the message, too.
    pub(super) fn is_of_the_clock(&self) -> bool {
        let said = ["Signature expired", "Signature not yet current", "too skewed"];
        self.code.as_deref().is_some_and(|code| code == "RequestTimeTooSkewed")
            || (self.kind == FailureKind::Credentials && said.iter().any(|it| self.message.contains(it)))
    }

    /// Whether the credentials were right once.
    pub(super) fn is_expiry(&self) -> bool {
        self.code.as_deref().is_some_and(|code| EXPIRED.contains(&code))
    }

    /// The fact that the operation was to bring.
    pub(super) fn fact<T>(self, operation: &Operation) -> Fact<T> {
        let code = self.code.as_deref().unwrap_or_default();
        if operation.absent.contains(&code) {
            return Fact::Absent;
        }
        if self.is_denial() {
            let action = refused_action(&self.message).unwrap_or_else(|| operation.action.to_owned());
            return Fact::Denied(Refusal { action, message: self.message });
        }
        let action = operation.action.to_owned();
        let asked = format!("{} of {}", operation.name, operation.service);
        let message = match self.kind {
            FailureKind::OtherAccount => self.message,
            FailureKind::Throttled => format!("{asked} was throttled to the end: {}", self.message),
            FailureKind::TimedOut => format!("{asked} timed out: {}", self.message),
            FailureKind::Credentials => {
                format!("{asked} was called with credentials that AWS does not accept: {}", self.message)
            }
            _ => format!("{asked} failed: {}", self.message),
        };
        Fact::Failed(Failure { kind: self.kind, action, message })
    }
}

/// The action that a refusal names, which may be another service's: `kms:Decrypt` for an encrypted object.
fn refused_action(message: &str) -> Option<String> {
    let action = crate::denial::parse(message)?.action?;
    let (service, name) = action.split_once(':')?;
    let is_service = service.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
    let is_name = !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric());
    (!service.is_empty() && is_service && is_name).then_some(action)
}

/// A failure that is ours to word.
pub(super) fn failed<T>(operation: &Operation, kind: FailureKind, message: impl Into<String>) -> Fact<T> {
    Fact::Failed(Failure { kind, action: operation.action.to_owned(), message: message.into() })
}

fn kind_of_answer(status: u16, code: Option<&str>) -> FailureKind {
    let code = code.unwrap_or_default();
    if THROTTLING.contains(&code) || status == 429 {
        FailureKind::Throttled
    } else if CREDENTIALS.contains(&code) {
        FailureKind::Credentials
    } else if status >= 500 {
        FailureKind::Service
    } else if code == "MethodNotAllowed" {
        // S3's answer to everybody outside the bucket's account, permitted or not.
        FailureKind::OtherAccount
    } else if status < 300 {
        FailureKind::Unreadable
    } else {
        FailureKind::Rejected
    }
}

/// The errors that led to this one, outermost first.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The error of the source of credentials that lies beneath, if one does.
pub(super) fn credentials_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CredentialsError> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn is_time_out<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: Error + 'static,
{
    matches!(error, SdkError::DispatchFailure(failure) if failure.is_timeout())
}

/// What the deepest error says: the network's or the file system's own words.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let words: Vec<String> =
        chain(error).map(std::string::ToString::to_string).filter(|it| !it.is_empty()).collect();
    let last = words.last().map_or("no reason given", String::as_str);
    // In one line: what other programs printed may have several.
    let last = last.split_whitespace().collect::<Vec<_>>().join(" ");
    of_metadata(&last).unwrap_or(last)
}

/// What an answer of AWS says of which the SDK prints its own record: `Error { code: "C", message: "M" }`.
fn of_metadata(text: &str) -> Option<String> {
    let record = text.strip_prefix("Error { ")?;
    let member = |name: &str| {
        let (_, rest) = record.split_once(&format!("{name}: \""))?;
        Some(rest.split_once('"')?.0)
    };
    match (member("code"), member("message")) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (code, message) => message.or(code).map(str::to_owned),
    }
}

/// What all errors in the chain say, for looking for words.
pub(super) fn everything(error: &(dyn Error + 'static)) -> String {
    chain(error).map(std::string::ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::operation::get_role::GetRoleError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::super::operations::{GET_BUCKET_POLICY, GET_ROLE};
    use super::*;

    fn answered(status: u16, code: Option<&str>, message: &str) -> Problem {
        let mut raw = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        raw.headers_mut().insert("x-amzn-requestid", "r-1");
        let mut meta = ErrorMetadata::builder().message(message);
        if let Some(code) = code {
            meta = meta.code(code);
        }
        let error = GetRoleError::generic(meta.build());
        Problem::of(&SdkError::service_error(error, raw))
    }

    fn kind(status: u16, code: Option<&str>) -> FailureKind {
        match answered(status, code, "m").fact::<()>(&GET_ROLE) {
            Fact::Failed(failure) => failure.kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_record_of_an_answer_is_told_in_its_words() {
        let record =
            r#"Error { code: "AccessDenied", message: "User: u is not authorized", aws_request_id: "p" }"#;
        assert_eq!(of_metadata(record).as_deref(), Some("AccessDenied: User: u is not authorized"));
        assert_eq!(of_metadata(r#"Error { code: "Expired" }"#).as_deref(), Some("Expired"));
        assert_eq!(of_metadata("dns error"), None);
    }

    #[test]
    fn every_spelling_of_a_denial_is_one_and_names_the_action() {
        for (status, code) in [
            (403, Some("AccessDenied")),
            (400, Some("AccessDeniedException")),
            (403, Some("Client.UnauthorizedOperation")),
            (403, None),
        ] {
            let fact = answered(status, code, "not you").fact::<()>(&GET_ROLE);
            let Fact::Denied(refusal) = fact else { panic!("{fact:?}") };
            assert_eq!(refusal.action, "iam:GetRole");
            assert!(refusal.message.contains("not you"), "{}", refusal.message);
        }
    }

    #[test]
    fn a_refusal_that_names_another_service_s_action_asks_for_that_one() {
        for (message, expected) in [
            (
                "User: arn:aws:iam::111122223333:user/u is not authorized to perform: kms:Decrypt on resource: \
                 arn:aws:kms:eu-west-1:111122223333:key/k because no identity-based policy allows the kms:Decrypt action",
                "kms:Decrypt",
            ),
            ("User: u is not authorized to perform: rm -rf on resource: x", "iam:GetRole"),
            ("Access Denied", "iam:GetRole"),
        ] {
            let fact = answered(403, Some("AccessDenied"), message).fact::<()>(&GET_ROLE);
            let Fact::Denied(refusal) = fact else { panic!("{fact:?}") };
            assert_eq!(refusal.action, expected, "{message}");
        }
    }

    #[test]
    fn an_answer_that_is_none_says_so() {
        let problem = answered(200, None, "");
        assert_eq!(problem.kind, FailureKind::Unreadable);
        assert!(problem.message.starts_with("the answer could not be understood (HTTP 200)"), "{problem:?}");
    }

    #[test]
    fn there_being_none_is_told_from_every_failure() {
        assert_eq!(answered(404, Some("NoSuchEntity"), "").fact::<()>(&GET_ROLE), Fact::Absent);
        assert_eq!(
            answered(404, Some("NoSuchBucketPolicy"), "").fact::<()>(&GET_BUCKET_POLICY),
            Fact::Absent
        );
        assert_eq!(kind(404, Some("NoSuchBucketPolicy")), FailureKind::Rejected);
        assert_eq!(kind(404, None), FailureKind::Rejected);
    }

    #[test]
    fn failures_keep_their_kind_code_status_and_request() {
        assert_eq!(kind(400, Some("Throttling")), FailureKind::Throttled);
        assert_eq!(kind(503, Some("SlowDown")), FailureKind::Throttled);
        assert_eq!(kind(429, None), FailureKind::Throttled);
        assert_eq!(kind(400, Some("ExpiredToken")), FailureKind::Credentials);
        assert_eq!(kind(403, Some("ExpiredTokenException")), FailureKind::Credentials);
        assert_eq!(kind(403, Some("InvalidClientTokenId")), FailureKind::Credentials);
        assert_eq!(kind(403, Some("SignatureDoesNotMatch")), FailureKind::Credentials);
        assert_eq!(kind(500, None), FailureKind::Service);
        assert_eq!(kind(405, Some("MethodNotAllowed")), FailureKind::OtherAccount);
        assert_eq!(kind(400, Some("InvalidInput")), FailureKind::Rejected);
        let message = answered(500, Some("ServiceFailure"), "try later").message;
        assert_eq!(message, "ServiceFailure (HTTP 500): try later [request r-1]");
    }

    #[test]
    fn a_time_out_and_an_unreadable_answer_are_no_denials() {
        let timed_out: SdkError<GetRoleError, HttpResponse> = SdkError::timeout_error("slow");
        assert_eq!(Problem::of(&timed_out).kind, FailureKind::TimedOut);
        let raw = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::empty());
        let unreadable: SdkError<GetRoleError, HttpResponse> = SdkError::response_error("half of it", raw);
        assert_eq!(Problem::of(&unreadable).kind, FailureKind::Unreadable);
    }

    #[test]
    fn a_source_of_credentials_that_fails_is_told_from_the_network() {
        let inner = CredentialsError::provider_error("the process ended");
        let error: SdkError<GetRoleError, HttpResponse> = SdkError::construction_failure(inner);
        assert_eq!(Problem::of(&error).kind, FailureKind::Credentials);
    }
}
