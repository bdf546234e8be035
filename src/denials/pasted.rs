//! Denials found in a text that somebody pasted, each explained. Needs no AWS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answer::SCHEMA_VERSION;
use super::explain::{Meaning, explain};
use crate::denial::{Denial, Reason, find_all};
use crate::model::AccountId;

/// What was found in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "streamkap-doctor denials --paste")]
pub struct Pasted {
    /// The version of this model: 1.
    pub schema_version: u32,
    /// In order of appearance, each once.
    pub denials: Vec<PastedDenial>,
    /// What not to conclude from an empty list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One denial of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PastedDenial {
    /// The IAM action; null when the text does not tell.
    pub action: Option<String>,
    /// An ARN, `*`, kind and name; null when the text does not tell.
    pub resource: Option<String>,
    /// The reason in AWS's words, as far as they go.
    pub reason: String,
    /// The same for programs.
    pub cause: Reason,
    /// How often the text has it, repetitions in one stack trace aside: always 1.
    pub count: u64,
    /// Who was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The policy AWS named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_arn: Option<String>,
    /// For `sts:DecodeAuthorizationMessage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoded: Option<String>,
    /// What that message holds, when it was decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub decoded: Option<serde_json::Value>,
    /// The error code around the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The API operation that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What it means.
    #[serde(flatten)]
    pub meaning: Meaning,
}

impl Pasted {
    /// Finds and explains the denials of `text`. `vendor` is Streamkap's account.
    pub fn of(text: &str, vendor: &AccountId) -> Self {
        let denials: Vec<_> = find_all(text).into_iter().map(|denial| of_denial(denial, vendor)).collect();
        let notes = if denials.is_empty() { nothing_found(text) } else { Vec::new() };
        Self { schema_version: SCHEMA_VERSION, denials, notes }
    }
}

fn of_denial(denial: Denial, vendor: &AccountId) -> PastedDenial {
    let meaning = explain(&denial, vendor);
    PastedDenial {
        reason: denial.reason.of_message(denial.action.as_deref(), denial.truncated),
        action: denial.action,
        resource: denial.resource,
        cause: denial.reason,
        count: 1,
        principal: denial.principal,
        policy_arn: denial.policy_arn,
        encoded: denial.encoded,
        decoded: None,
        error_code: denial.error_code,
        operation: denial.operation,
        meaning,
    }
}

fn nothing_found(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return vec!["the text is empty".to_owned()];
    }
    let mut notes = vec![
        "no denial of AWS was recognised in the text: it may lack the line that says who was refused what"
            .to_owned(),
    ];
    let lower = text.to_ascii_lowercase();
    if lower.contains("offset commit failed") {
        notes.push(
            "`Offset commit failed, rewinding` is how the S3 connector hides a refused upload: the cause \
             stands further up in the connector's log, or run `streamkap-doctor check s3`"
                .to_owned(),
        );
    }
    if lower.contains("expiredtoken") || lower.contains("security token included in the request is expired") {
        notes.push("expired credentials are not a denial: see check LATER-007".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn paste(text: &str) -> Pasted {
        Pasted::of(text, &Catalog::built_in().vendor.account)
    }

    #[test]
    fn a_stack_trace_gives_its_one_denial_explained() {
        let pasted = paste(
            "org.apache.kafka.connect.errors.ConnectException: failed\n\tat x.Y.z(Y.java:1)\nCaused by: \
             software.amazon.awssdk.services.s3.model.S3Exception: User: arn:aws:sts::111122223333:assumed-role/orders/s is not \
             authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::orders/raw/a b.gz\" because no identity-based policy \
             allows the s3:PutObject action (Service: S3, Status Code: 403, Request ID: 1)\n\tat a.B.c(B.java:2)\n",
        );
        let [denial] = &pasted.denials[..] else { panic!("{pasted:?}") };
        assert_eq!(denial.action.as_deref(), Some("s3:PutObject"));
        assert_eq!(denial.resource.as_deref(), Some("arn:aws:s3:::orders/raw/a b.gz"));
        assert_eq!(denial.reason, "no identity-based policy allows the s3:PutObject action");
        assert!(denial.meaning.meaning.contains("the role orders of account 111122223333"));
        assert!(pasted.notes.is_empty());
    }

    #[test]
    fn nothing_found_is_not_good_news() {
        assert!(paste("  ").notes[0].contains("empty"));
        let hidden = paste("WARN Offset commit failed, rewinding to last committed offsets");
        assert!(hidden.denials.is_empty() && hidden.notes.len() == 2, "{hidden:?}");
    }

    #[test]
    fn the_json_has_the_names_of_the_other_answers_and_reads_back() {
        let pasted = paste(
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k because no resource-based policy allows the kms:Decrypt action",
        );
        let json = serde_json::to_value(&pasted).unwrap();
        assert_eq!(json["denials"][0]["action"], "kms:Decrypt");
        assert_eq!(json["denials"][0]["layer"], "resource-based policy");
        assert_eq!(json["denials"][0]["checks"][0], "WRITE-006");
        assert_eq!(serde_json::from_value::<Pasted>(json).unwrap(), pasted);
    }
}
