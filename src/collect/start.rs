//! Why reading could not even start.

use aws_credential_types::provider::error::CredentialsError;

use super::error::{NO_ANSWER, Problem, everything, innermost};
use super::settings::Patience;
use crate::facts::FailureKind;
use crate::model::shell_flag;

/// What the chain of sources says at length.
const NOT_ENABLED: &str = "the credential provider was not enabled";
const NOT_THERE: &str = "the AWS configuration has no such profile, or no credentials for it";

/// What stops a run before anything is read. `Display` is one sentence; [`StartError::hint`] says how to
/// mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// No source has any.
    #[error("no AWS credentials were found")]
    NoCredentials,
    /// The profile does not exist or is incomplete.
    #[error("the AWS profile {name} cannot be used: {why}")]
    Profile {
        /// `` `name` ``, or `that is set`.
        name: String,
        /// What the configuration files lack.
        why: String,
    },
    /// A single sign-on session has ended.
    #[error("the AWS single sign-on session has expired or was never opened: {why}")]
    SignOn {
        /// The profile, if one was given.
        profile: Option<String>,
        /// What was missing.
        why: String,
    },
    /// A source of credentials failed.
    #[error("AWS credentials could not be loaded: {why}")]
    Credentials {
        /// The profile, if one was given.
        profile: Option<String>,
        /// What the source said.
        why: String,
    },
    /// AWS knows these credentials and says that they are over.
    #[error("the AWS credentials have expired: {0}")]
    Expired(String),
    /// The computer's clock is wrong, so that no signature holds.
    #[error("this computer's clock and AWS's are too far apart: {0}")]
    Clock(String),
    /// AWS does not accept these credentials.
    #[error("AWS does not accept these credentials: {0}")]
    Rejected(String),
    /// Nobody answers.
    #[error("{endpoint} cannot be reached: {why}")]
    Unreachable {
        /// Who was called: an address, or `AWS STS in eu-west-1`.
        endpoint: String,
        /// What the network said.
        why: String,
    },
    /// Somebody took the call and did not answer.
    #[error("{endpoint} did not answer within {seconds} seconds")]
    TimedOut {
        /// Who was called.
        endpoint: String,
        /// How long was waited.
        seconds: u64,
    },
    /// AWS answered with something else than an identity.
    #[error("{endpoint} gave no identity: {why}")]
    NoIdentity {
        /// Who was called.
        endpoint: String,
        /// What it said.
        why: String,
    },
    /// The settings themselves are wrong.
    #[error("{0}")]
    Settings(String),
    /// Ctrl-C before anything was read.
    #[error("interrupted before anything was read")]
    Interrupted,
}

impl StartError {
    /// What to do about it, one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::NoCredentials => "sign in (`aws configure`, `aws sso login`, or set AWS_PROFILE), then run again".to_owned(),
            Self::Profile { .. } => "`aws configure list-profiles` shows the profiles there are; choose one with --profile".to_owned(),
            Self::SignOn { profile: Some(profile), .. } => {
                format!("run `aws sso login {}`", shell_flag("--profile", profile))
            }
            Self::SignOn { profile: None, .. } => "run `aws sso login`".to_owned(),
            Self::Credentials { profile, .. } => {
                let profile = profile.as_ref().map(|name| format!(" {}", shell_flag("--profile", name)));
                format!(
                    "`aws sts get-caller-identity{}` should work in this shell before the doctor does",
                    profile.unwrap_or_default()
                )
            }
            Self::Expired(_) => "sign in again, or export fresh credentials".to_owned(),
            Self::Clock(_) => "set the computer's clock, which may be off by five minutes at most, then run again".to_owned(),
            Self::Rejected(_) => "check the access key, the secret and the session token, that they belong together, and the computer's clock".to_owned(),
            Self::Unreachable { .. } | Self::TimedOut { .. } => {
                "check the network, the region's name, --endpoint-url, AWS_ENDPOINT_URL, and HTTPS_PROXY if you need a proxy".to_owned()
            }
            Self::NoIdentity { .. } => "check --endpoint-url and AWS_ENDPOINT_URL: an AWS STS endpoint is expected there".to_owned(),
            Self::Settings(_) => "see --help".to_owned(),
            Self::Interrupted => "run it again".to_owned(),
        }
    }
}

impl StartError {
    /// Why credentials could not be loaded. `source` is the profile's `credential_source`.
    pub(super) fn of_credentials(
        error: &CredentialsError,
        profile: Option<&str>,
        source: Option<&str>,
    ) -> Self {
        let all = everything(error);
        let lower = all.to_lowercase();
        let why = innermost(error);
        let mut words = lower.split(|it: char| !it.is_ascii_alphanumeric());
        // What single sign-on says of a token that is over.
        if words.any(|word| word.starts_with("sso") || word == "unauthorizedexception") {
            return Self::SignOn { profile: profile.map(str::to_owned), why };
        }
        let unfit = |why: String| Self::Profile {
            name: profile.map_or_else(|| "that is set".to_owned(), |name| format!("`{name}`")),
            why,
        };
        // The instance metadata service comes last: whatever it says, no source before it had any.
        let nowhere = lower.contains("imds") || lower.contains("instance metadata");
        match error {
            CredentialsError::InvalidConfiguration(_) => unfit(why),
            _ if nowhere && source.is_some() => unfit(format!(
                "it takes its credentials from {}, which gave none here",
                source.unwrap_or_default()
            )),
            _ if why == NOT_ENABLED => unfit(NOT_THERE.to_owned()),
            CredentialsError::CredentialsNotLoaded(_) if profile.is_none() => Self::NoCredentials,
            _ if nowhere && profile.is_none() => Self::NoCredentials,
            CredentialsError::CredentialsNotLoaded(_) if !why.contains("in chain") => unfit(why),
            CredentialsError::CredentialsNotLoaded(_) => unfit(NOT_THERE.to_owned()),
            _ if nowhere => unfit(NOT_THERE.to_owned()),
            _ => Self::Credentials { profile: profile.map(str::to_owned), why },
        }
    }

    /// Why the first call brought no identity. `endpoint` is who was called.
    pub(super) fn of_first_call(problem: Problem, endpoint: String, patience: Patience) -> Self {
        match problem.kind {
            FailureKind::Credentials if problem.is_of_the_clock() => Self::Clock(problem.message),
            FailureKind::Credentials if problem.is_expiry() => Self::Expired(problem.message),
            FailureKind::Credentials if problem.code.is_some() => Self::Rejected(problem.message),
            FailureKind::Credentials => Self::Credentials { profile: None, why: problem.message },
            FailureKind::TimedOut if problem.message == NO_ANSWER => {
                Self::TimedOut { endpoint, seconds: patience.first.as_secs() }
            }
            // A time-out here: nobody took the call.
            FailureKind::Network | FailureKind::TimedOut => {
                Self::Unreachable { endpoint, why: problem.message }
            }
            _ => Self::NoIdentity { endpoint, why: problem.message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_from_credentials_that_are_over() {
        let start = |code: &str, message: &str| {
            let problem = Problem {
                kind: FailureKind::Credentials,
                code: Some(code.to_owned()),
                status: Some(403),
                message: format!("{code} (HTTP 403): {message}"),
            };
            StartError::of_first_call(problem, "AWS STS".to_owned(), Patience::default())
        };
        let expired = "Signature expired: 20260302T100000Z is now earlier than 20260302T101500Z";
        assert!(matches!(start("SignatureDoesNotMatch", expired), StartError::Clock(_)));
        assert!(matches!(start("RequestTimeTooSkewed", ""), StartError::Clock(_)));
        assert!(matches!(start("ExpiredToken", "The security token has expired"), StartError::Expired(_)));
        assert!(matches!(start("InvalidClientTokenId", ""), StartError::Rejected(_)));
    }
}
