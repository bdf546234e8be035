//! One thing read from AWS, or why it was not.

use serde::{Deserialize, Serialize};

use crate::model::Blocked;

/// One thing read from AWS. Everything but [`Fact::Known`] and [`Fact::Absent`] means that nobody
/// looked, and so can neither pass nor fail a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "value", rename_all = "snake_case")]
pub enum Fact<T> {
    /// AWS's answer.
    Known(T),
    /// AWS says that there is none: `NoSuchEntity`, `NoSuchBucketPolicy`, 404.
    Absent,
    /// The doctor itself was refused.
    Denied(Refusal),
    /// Throttled out, timed out, network, an answer that could not be read.
    Failed(Failure),
    /// Not needed for this connector, or switched off: says which.
    NotAsked(String),
}

/// The doctor's own caller lacks a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The IAM action to grant to the caller, such as `s3:GetBucketPolicy`.
    pub action: String,
    /// What AWS said.
    pub message: String,
}

/// A call that brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// The IAM action of the call that failed.
    pub action: String,
    /// What happened, in one sentence, with AWS's code where there is one.
    pub message: String,
}

/// Why a call brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// `Throttling` and its spellings, after all retries.
    Throttled,
    /// No answer within the time-out.
    TimedOut,
    /// The connection could not be made or broke.
    Network,
    /// The caller's credentials are missing, wrong or expired.
    Credentials,
    /// AWS answered with an error of its own (5xx).
    Service,
    /// The answer could not be understood.
    Unreadable,
    /// The thing lives in another account, whose settings only that account can read.
    OtherAccount,
    /// AWS refused the request for another reason.
    Rejected,
}

impl<T> Fact<T> {
    /// The value, when it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether AWS gave an answer, be it "there is none".
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Known(_) | Self::Absent)
    }

    /// The value, nothing when AWS says there is none, or why nobody looked.
    ///
    /// `what` names the thing in words: `the bucket policy of orders`. This is the one way by which a
    /// check gets at a fact, so that none can forget the unread.
    pub fn read(&self, what: &str) -> Result<Option<&T>, Blocked> {
        match self {
            Self::Known(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Denied(refusal) => Err(Blocked {
                grant: Some(refusal.action.clone()),
                ..Blocked::new(what, refusal.message.clone())
            }),
            Self::Failed(failure) => Err(Blocked::new(what, failure.message.clone())),
            Self::NotAsked(reason) => Err(Blocked::new(what, reason.clone())),
        }
    }

    /// The same fact with its value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(change(value)),
            Self::Absent => Fact::Absent,
            Self::Denied(refusal) => Fact::Denied(refusal),
            Self::Failed(failure) => Fact::Failed(failure),
            Self::NotAsked(reason) => Fact::NotAsked(reason),
        }
    }

    /// The same non-value for a fact of another type; `None` when the value is known.
    pub fn unread<U>(&self) -> Option<Fact<U>> {
        match self {
            Self::Known(_) => None,
            Self::Absent => Some(Fact::Absent),
            Self::Denied(refusal) => Some(Fact::Denied(refusal.clone())),
            Self::Failed(failure) => Some(Fact::Failed(failure.clone())),
            Self::NotAsked(reason) => Some(Fact::NotAsked(reason.clone())),
        }
    }
}

impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self::NotAsked("not needed for this connector".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_counts_as_read() {
        let refused: Fact<u8> =
            Fact::Denied(Refusal { action: "iam:GetRole".to_owned(), message: "no".to_owned() });
        assert_eq!(Fact::Known(1).read("it"), Ok(Some(&1)));
        assert_eq!(Fact::<u8>::Absent.read("it"), Ok(None));
        assert_eq!(refused.read("it").unwrap_err().grant.as_deref(), Some("iam:GetRole"));
        assert!(Fact::<u8>::default().read("it").is_err());
    }
}
