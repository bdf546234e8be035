//! Why a condition of a trust policy goes against Streamkap's call, in words.

use crate::checks::View;
use crate::checks::shared::{phrases, words};
use crate::model::{ExternalId, nearest};
use crate::policy::{Condition, Principal, clean};

use super::Trust;

/// A condition in words: `IpAddress aws:SourceIp 10.0.0.0/8`. What may be an external id is masked.
pub(crate) fn written(condition: &Condition) -> String {
    let secret = condition.key.to_ascii_lowercase().contains("external");
    let shown =
        |value: &String| if secret { ExternalId::new(value.as_str()).masked() } else { value.clone() };
    let values: Vec<String> = condition.values.iter().map(shown).collect();
    let values = if values.is_empty() { "(no value)".to_owned() } else { values.join(" or ") };
    clean(&format!("{} {} {values}", condition.operator, condition.key)).into_owned()
}

/// Why Streamkap's call does not meet the condition, or is hit by it: a clause about that call.
pub(crate) fn reason(view: &View<'_>, trust: &Trust<'_>, condition: &Condition) -> String {
    let account = &view.vendor().account;
    let key = condition.key.to_ascii_lowercase();
    match key.as_str() {
        "aws:sourceip" if !trust.call.addresses.is_empty() => {
            format!("its calls came from {}", words::list(&trust.call.addresses))
        }
        "aws:sourceip" => "no call over the internet comes from there".to_owned(),
        "aws:sourcevpc" | "aws:sourcevpce" | "aws:vpcsourceip" | "aws:sourcevpcarn" => {
            "it calls from its own network, not through a VPC of yours".to_owned()
        }
        "aws:principalorgid" | "aws:principalorgpaths" | "aws:principalorgmasteraccountid" => {
            format!("its account {account} is not in your organization")
        }
        "aws:multifactorauthpresent" | "aws:multifactorauthage" => "a machine has no MFA device".to_owned(),
        "aws:sourcearn" | "aws:sourceaccount" | "aws:sourceorgid" | "aws:sourceorgpaths" => {
            "only AWS services send that key".to_owned()
        }
        "aws:principalarn" | "aws:principalaccount" | "aws:principaltype" => {
            let callers: Vec<&str> = trust.call.principals.iter().map(Principal::as_str).collect();
            format!("it calls as {}", words::list(&callers))
        }
        "aws:currenttime" | "aws:epochtime" => format!("it is {} now", phrases::moment_of(view.now())),
        "aws:requestedregion" => "it calls STS in another region".to_owned(),
        "sts:rolesessionname" => "its sessions are called otherwise".to_owned(),
        "aws:securetransport" => "it always calls over TLS".to_owned(),
        "sts:sourceidentity" | "aws:sourceidentity" => "it sets no source identity".to_owned(),
        _ if key.starts_with("aws:principaltag/") => "its role has no such tag".to_owned(),
        _ if key.starts_with("aws:requesttag/") || key.ends_with("tagkeys") => {
            "it sends no session tags".to_owned()
        }
        _ if key.contains("resourcetag/") => "the role has no such tag".to_owned(),
        _ => match misspelt(&condition.key) {
            Some(meant) => format!("no call has that key; did you mean {meant}?"),
            None => "its call does not have that key".to_owned(),
        },
    }
}

/// The key that was meant by a key which no call has.
pub(crate) fn misspelt(key: &str) -> Option<String> {
    nearest(key, ["sts:ExternalId".to_owned()])
}
