//! What a denial means: the layer that refused, in plain words, what to look at, and what not to
//! conclude.
//!
//! Sources: IAM user guide, "Troubleshoot access denied error messages"; S3 user guide,
//! "Troubleshoot access denied (403 Forbidden) errors"; Lake Formation developer guide.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::shared::words::capital;
use crate::denial::{Denial, Layer, Reason, sdk_prefix};
use crate::model::{AccountId, Arn, CheckId};

/// What a denial means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Meaning {
    /// The layer that refused, in words; null where AWS does not tell.
    pub layer: Option<String>,
    /// What happened, in one or two sentences with the real names.
    pub meaning: String,
    /// The checks that look into it, the likeliest first.
    pub checks: Vec<CheckId>,
    /// What not to conclude from the message.
    pub caveats: Vec<String>,
}

/// Explains a denial. `vendor` is Streamkap's account.
pub fn explain(denial: &Denial, vendor: &AccountId) -> Meaning {
    let subject = Subject::of(denial, vendor);
    let layer = layer_in_words(&denial.reason);
    Meaning {
        layer,
        meaning: meaning(denial, &subject),
        checks: checks(denial).iter().filter_map(|id| id.parse().ok()).collect(),
        caveats: caveats(denial, &subject),
    }
}

/// Who wanted what, as far as the message tells.
struct Subject {
    who: String,
    /// Whether the caller is of Streamkap's own account.
    vendor: bool,
    /// `glue:GetTable on arn:…`.
    call: String,
    action: String,
    service: String,
}

impl Subject {
    fn of(denial: &Denial, vendor: &AccountId) -> Self {
        let arn = denial.principal.as_deref().and_then(|principal| principal.parse::<Arn>().ok());
        let account = denial.principal.as_deref().and_then(|principal| principal.strip_prefix("account "));
        let account = account.or_else(|| arn.as_ref().map(Arn::account));
        let is_vendor = account == Some(vendor.as_str());
        let action = denial.action.clone().or_else(|| denial.operation.clone());
        let action = action.unwrap_or_else(|| "the call".to_owned());
        let call = match &denial.resource {
            Some(resource) => format!("{action} on {resource}"),
            None => action.clone(),
        };
        let service = service(denial);
        Self { who: who(denial, arn.as_ref(), is_vendor), vendor: is_vendor, call, action, service }
    }
}

/// The IAM prefix of the service that was called, by the action or by an SDK's words; empty where neither tells.
fn service(denial: &Denial) -> String {
    let of_action =
        denial.action.as_deref().and_then(|action| action.split_once(':')).map(|(it, _)| it.to_owned());
    let of_sdk = || sdk_prefix(denial.service.as_deref()?);
    of_action.or_else(of_sdk).unwrap_or_default().to_ascii_lowercase()
}

fn who(denial: &Denial, arn: Option<&Arn>, vendor: bool) -> String {
    let session = arn.filter(|arn| arn.service() == "sts").and_then(|arn| {
        let role = arn.resource().strip_prefix("assumed-role/")?.split('/').next()?;
        Some((role.to_owned(), arn.account().to_owned()))
    });
    let role = arn.filter(|arn| arn.service() == "iam" && arn.resource().starts_with("role/"));
    let session = session.or_else(|| role.map(|arn| (arn.name().to_owned(), arn.account().to_owned())));
    match (session, &denial.principal) {
        (Some((role, _)), _) if vendor => format!("Streamkap itself (its role {role})"),
        (None, Some(principal)) if vendor => format!("Streamkap itself ({principal})"),
        (Some((role, account)), _) => format!("the role {role} of account {account}"),
        (None, Some(principal)) => principal.clone(),
        (None, None) => "the caller".to_owned(),
    }
}

fn layer_in_words(reason: &Reason) -> Option<String> {
    let words = match reason {
        Reason::BlockPublicAccess { .. } => "S3 Block Public Access",
        Reason::SseCBlocked => "the bucket's encryption settings",
        Reason::LakeFormation { .. } => "Lake Formation",
        Reason::SessionDuration { .. } => "the role's session duration",
        Reason::KeyState { .. } => "the key's state",
        Reason::CrossAccountPassRole => "the service that the role is passed to",
        other => other.layer()?.as_str(),
    };
    Some(words.to_owned())
}

fn meaning(denial: &Denial, subject: &Subject) -> String {
    let Subject { who, call, .. } = subject;
    match &denial.reason {
        Reason::Implicit { layer } => implicit(*layer, who, call, denial),
        Reason::Explicit { layer: Some(layer), via } => {
            let named = denial.policy_arn.as_ref().map(|arn| format!(" ({arn})")).unwrap_or_default();
            let via = via.map(|via| format!(", reached through a {}", via.as_str())).unwrap_or_default();
            format!(
                "A Deny statement in {}{named}{via} matched when {who} asked for {call}. No Allow \
                 anywhere outweighs it: the statement itself must change, or its condition must except \
                 this caller.",
                whose(*layer)
            )
        }
        Reason::Explicit { layer: None, .. } if denial.truncated => format!(
            "Some Deny statement matched when {who} asked for {call}; the message was cut before it says in which \
             policy."
        ),
        Reason::Explicit { layer: None, .. } => format!(
            "Some Deny statement matched when {who} asked for {call}; AWS does not say in which policy."
        ),
        Reason::DeniedBy { layer } => {
            format!("{} refused {call} to {who}.", capital(whose(*layer)))
        }
        Reason::Opaque => format!(
            "{who} asked for {call}, and AWS hides from other accounts whether the resource exists: it is \
             absent in that region, or its own policy does not allow the caller, or denies it."
        ),
        Reason::BlockPublicAccess { setting } => {
            format!("S3 Block Public Access ({setting}) prevented {call}, which would have made data public.")
        }
        Reason::SseCBlocked => format!(
            "The bucket blocks uploads encrypted with customer-provided keys (SSE-C), and {call} sent one."
        ),
        Reason::LakeFormation { permission, object } => {
            let permission = permission.as_deref().unwrap_or("a permission");
            format!(
                "Lake Formation refused it: {who} lacks {permission} on {object}. IAM allowed the call; the \
                 grant must be made in Lake Formation."
            )
        }
        Reason::SessionDuration { chained: true } => {
            "A session longer than one hour was asked for by way of another role. AWS limits chained \
             roles to one hour; no setting of this role raises that."
                .to_owned()
        }
        Reason::SessionDuration { chained: false } => {
            "A session longer than the role's MaxSessionDuration was asked for. This is not about \
             permissions."
                .to_owned()
        }
        Reason::KeyState { state } => out_of_use(state.as_deref(), denial),
        Reason::CrossAccountPassRole => {
            format!("{who} handed a role of another account to a service, which AWS never allows.")
        }
        Reason::Other { text } => format!("{call} was refused to {who}, in words of its own: {text}"),
        Reason::Unstated => unstated(denial, subject),
    }
}

fn implicit(layer: Layer, who: &str, call: &str, denial: &Denial) -> String {
    match layer {
        Layer::Identity => format!(
            "None of the policies attached to {who} allows {call}: there is no such statement, or its \
             resource or condition does not fit this call."
        ),
        Layer::Trust => {
            let role = denial.resource.as_deref().unwrap_or("the role");
            format!(
                "The trust policy of {role} does not let {who} assume it: its principal, its external id or \
                 another condition does not fit."
            )
        }
        Layer::Boundary => format!(
            "The permissions boundary of {who} does not allow {call}. The role's own policies may well \
             allow it: a boundary must allow it too."
        ),
        Layer::Scp => format!(
            "The organization's service control policies do not allow {call} in this account. Only the \
             organization's administrators can change that."
        ),
        _ => format!("{} does not allow {call} to {who}.", capital(whose(layer))),
    }
}

fn out_of_use(state: Option<&str>, denial: &Denial) -> String {
    let state = state.unwrap_or("disabled, or in another state in which it serves nobody");
    let key = denial.resource.as_deref().unwrap_or("for what was asked");
    format!(
        "The KMS key {key} is {state}: KMS refuses it to whoever asks. This is not about permissions; its owner has \
         to bring the key back into use, or the data has to be encrypted with another one."
    )
}

fn unstated(denial: &Denial, subject: &Subject) -> String {
    let Subject { who, call, .. } = subject;
    if denial.encoded.is_some() {
        return format!(
            "{call} was refused to {who}; the details are in the encoded message, which only \
             sts:DecodeAuthorizationMessage in the caller's account opens (`denials --decode`)."
        );
    }
    if denial.truncated {
        return format!(
            "{who} was refused {call}. The message was cut before the reason, which AWS may well have given: where \
             the connector's own log has the error, it stands there whole."
        );
    }
    match (subject.service.as_str(), subject.vendor) {
        ("sts", true) => format!(
            "{who} was not allowed to assume {}. AWS tells another account no reason, and uses the same \
             words for a role that does not exist, a wrong external id, a principal that is not trusted \
             and an organization's control policy.",
            denial.resource.as_deref().unwrap_or("the role")
        ),
        ("s3", _) => format!(
            "S3 refused {call} to {who} without a reason. It gives one only to callers of the bucket's own \
             account or organization, so the bucket may belong to somebody else; or the object does not \
             exist and the caller may not list the bucket."
        ),
        _ => format!("{call} was refused to {who}; AWS gave no reason."),
    }
}

fn whose(layer: Layer) -> &'static str {
    match layer {
        Layer::Identity => "one of the caller's own policies",
        Layer::Resource => "the resource's own policy",
        Layer::Boundary => "the caller's permissions boundary",
        Layer::Session => "the session policy handed over with AssumeRole",
        Layer::Scp => "a service control policy of the organization",
        Layer::Rcp => "a resource control policy of the organization",
        Layer::Endpoint => "the policy of the VPC endpoint that the call came through",
        Layer::Trust => "the role's trust policy",
    }
}

/// The checks that look into a denial, the likeliest first.
fn checks(denial: &Denial) -> &'static [&'static str] {
    let (service, action) =
        (service(denial), denial.action.as_deref().unwrap_or_default().to_ascii_lowercase());
    let name = action.split_once(':').map_or(&*action, |(_, name)| name);
    match &denial.reason {
        Reason::SessionDuration { .. } => return &["LATER-001"],
        Reason::LakeFormation { .. } => return &["WRITE-010"],
        Reason::SseCBlocked => return &["WRITE-013"],
        Reason::KeyState { .. } => return &["WRITE-006"],
        Reason::BlockPublicAccess { .. } => return &["WRITE-005"],
        _ => {}
    }
    match (&*service, name, denial.reason.layer()) {
        ("sts", "tagsession" | "setsourceidentity", _) => &["ASSUME-007"],
        ("sts", _, Some(Layer::Rcp)) => &["ASSUME-010"],
        ("sts", _, _) if denial.reason.is_explicit() == Some(true) => &["ASSUME-006", "ASSUME-005"],
        ("sts", "assumerole" | "assumerolewithsaml" | "assumerolewithwebidentity", _) => {
            &["ASSUME-001", "ASSUME-002", "ASSUME-004", "ASSUME-005", "ASSUME-010"]
        }
        (_, _, Some(Layer::Scp)) => &["LATER-005"],
        (_, _, Some(Layer::Boundary)) => &["LATER-006"],
        ("kms", ..) => &["WRITE-006"],
        ("s3", _, Some(Layer::Identity)) => &["WRITE-003", "WRITE-004", "PARTIAL-004"],
        ("s3", _, Some(Layer::Resource)) => &["WRITE-005"],
        ("s3", _, None) => &["WRITE-004", "WRITE-005", "WRITE-006", "WRITE-001"],
        ("glue", _, Some(Layer::Identity)) => &["WRITE-008", "WRITE-004", "PARTIAL-003"],
        ("glue", _, Some(Layer::Resource)) => &["WRITE-009"],
        ("glue", ..) => &["WRITE-004", "WRITE-008", "WRITE-009", "WRITE-010"],
        ("lakeformation", ..) => &["WRITE-010", "WRITE-004"],
        ("redshift" | "redshift-serverless" | "redshift-data", ..) => &["WRITE-012", "WRITE-004"],
        _ => &["WRITE-004"],
    }
}

fn caveats(denial: &Denial, subject: &Subject) -> Vec<String> {
    let mut caveats = Vec::new();
    let mut say = |text: &str| caveats.push(text.to_owned());
    let layer = denial.reason.layer();
    if denial.reason.is_explicit() == Some(false) {
        say("the action may be allowed on another resource or under a condition that this call did not \
             meet: the message says \"not allowed\" in either case");
    }
    if layer.is_some() {
        say("AWS names one layer only; when this one is mended, another may come up");
    }
    if layer == Some(Layer::Endpoint) {
        say("Streamkap's own network uses no VPC endpoint of yours: this call came from elsewhere");
    }
    if layer == Some(Layer::Session) {
        say("a session policy is sent by whoever assumes the role; nothing in this account sets it");
    }
    if matches!(subject.service.as_str(), "glue") && !matches!(denial.reason, Reason::LakeFormation { .. }) {
        say("Glue names one resource, whichever failed first; the action must be allowed on the catalog, \
             the database and the table");
    }
    if subject.service == "kms" && !matches!(denial.reason, Reason::KeyState { .. }) {
        say(
            "the service that keeps the data, S3 or the Glue Data Catalog, asks KMS with the role's credentials; \
             both the role's policies and the key's policy must allow it",
        );
    }
    if subject.action.eq_ignore_ascii_case("s3:GetObject") && layer.is_none() {
        say("for an object that does not exist S3 answers 403 unless the caller may list the bucket");
    }
    if subject.vendor {
        say("a refused AssumeRole is recorded in Streamkap's CloudTrail, and mostly not in yours");
    }
    let is_told = matches!(denial.reason, Reason::Unstated | Reason::Explicit { layer: None, .. });
    if denial.truncated && !is_told {
        say(
            "the message was cut, as CloudTrail cuts after 1,024 characters: the layer or the policy that refused \
             may have stood in its end, which is missing",
        );
    }
    if denial.policy_arn.is_some() {
        say("AWS names the policy only where caller and policy belong to one organization");
    }
    caveats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn of(text: &str) -> Meaning {
        let denial = crate::denial::find_all(text).into_iter().next().unwrap();
        explain(&denial, &Catalog::built_in().vendor.account)
    }

    fn ids(meaning: &Meaning) -> Vec<String> {
        meaning.checks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_layer_leads_to_its_check() {
        let user = "User: arn:aws:sts::111122223333:assumed-role/orders/s is not authorized to perform: ";
        for (rest, check) in [
            (
                "s3:PutObject on resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:PutObject action",
                "WRITE-003",
            ),
            (
                "s3:PutObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a resource-based policy",
                "WRITE-005",
            ),
            (
                "s3:PutObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a service control policy: arn:aws:organizations::4:policy/o-a/service_control_policy/p-b",
                "LATER-005",
            ),
            (
                "s3:PutObject on resource: \"arn:aws:s3:::b/k\" because no permissions boundary allows the s3:PutObject action",
                "LATER-006",
            ),
            (
                "kms:GenerateDataKey on this resource because no identity-based policy allows the kms:GenerateDataKey action",
                "WRITE-006",
            ),
            (
                "glue:GetTable on resource: arn:aws:glue:us-east-1:1:table/d/t because no identity-based policy allows the glue:GetTable action",
                "WRITE-008",
            ),
            (
                "redshift:GetClusterCredentials on resource: arn:aws:redshift:eu-west-1:1:dbuser:c/u because no identity-based policy allows the redshift:GetClusterCredentials action",
                "WRITE-012",
            ),
        ] {
            assert_eq!(ids(&of(&format!("{user}{rest}")))[0], check, "{rest}");
        }
    }

    #[test]
    fn streamkap_refused_to_assume_is_told_as_such_with_every_possible_cause() {
        let meaning = of(
            "User: arn:aws:sts::300973880807:assumed-role/kafkaConnectTenantAccessRole/s is not authorized to \
            perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/StreamkapConnectorAccess",
        );
        assert!(meaning.meaning.starts_with("Streamkap itself"), "{}", meaning.meaning);
        assert_eq!(ids(&meaning), ["ASSUME-001", "ASSUME-002", "ASSUME-004", "ASSUME-005", "ASSUME-010"]);
        assert!(meaning.caveats.iter().any(|caveat| caveat.contains("mostly not in yours")));
        assert_eq!(meaning.layer, None);
    }

    #[test]
    fn a_bare_refusal_is_told_by_the_service_that_an_sdk_names() {
        let bare = of(
            "software.amazon.awssdk.services.s3.model.S3Exception: Access Denied (Service: S3, Status Code: \
            403, Request ID: 1)",
        );
        assert!(bare.meaning.starts_with("S3 refused"), "{bare:?}");
        assert_eq!(ids(&bare)[..2], ["WRITE-004", "WRITE-005"]);
        let lake = of(
            "An error occurred (AccessDeniedException) when calling the GetTable operation: Insufficient Lake \
            Formation permission(s): Required Describe on orders",
        );
        assert!(lake.meaning.contains("Describe on orders"), "{lake:?}");
    }

    #[test]
    fn a_message_that_was_cut_is_not_taken_for_silence() {
        let user = "User: arn:aws:sts::111122223333:assumed-role/orders/s is not authorized to perform: s3:PutObject on \
            resource: \"arn:aws:s3:::b/k\"";
        for (rest, told) in [
            (" because no identity-ba...", "was cut before the reason"),
            ("...", "was cut before the reason"),
            (" with an explicit deny in a service con...", "was cut before it says in which policy"),
            (
                " because no identity-based policy allows the s3:PutObject act...",
                "None of the policies attached",
            ),
            ("", "S3 refused"),
        ] {
            let meaning = of(&format!("{user}{rest}")).meaning;
            assert!(meaning.contains(told), "{rest}: {meaning}");
        }
    }

    #[test]
    fn lake_formation_and_session_length_are_not_matters_of_iam() {
        let lake = of(
            "AccessDeniedException: Insufficient Lake Formation permission(s): Required Create Table on sales",
        );
        assert_eq!((lake.layer.as_deref(), ids(&lake)[0].as_str()), (Some("Lake Formation"), "WRITE-010"));
        let long = of(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        );
        assert_eq!(ids(&long), ["LATER-001"]);
    }

    #[test]
    fn every_check_named_is_one_that_can_be_read_as_an_id() {
        for id in checks(&Denial::default()) {
            assert!(id.parse::<CheckId>().is_ok());
        }
    }
}
