//! Principals that were meant to be Streamkap's and are not.

use crate::catalog::Vendor;
use crate::model::edit_distance;
use crate::policy::{PrincipalEntry, PrincipalKind};

/// A principal that was probably meant to be Streamkap's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NearMiss {
    /// As it stands in the policy.
    pub found: String,
    /// What must stand there.
    pub wanted: String,
    /// What is wrong with it, as the end of a sentence: `the account's digits are swapped`.
    pub fault: String,
}

/// What a principal has to do with Streamkap, when the engine says that it does not cover it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// It was probably meant to be Streamkap's.
    Near(NearMiss),
    /// The unique id of a principal that was deleted: whose it was can no longer be told.
    Deleted(String),
    /// Somebody else.
    Other,
}

/// What a principal has to do with those who call, of whose accounts these are. Only to be asked of one that
/// covers none of them.
pub(crate) fn likeness(vendor: &Vendor, accounts: &[String], entry: &PrincipalEntry) -> Likeness {
    if entry.kind == PrincipalKind::Aws && is_unique_id(&entry.value) {
        return Likeness::Deleted(entry.value.clone());
    }
    let account = vendor.account.as_str();
    let root = vendor.account.root_arn(&vendor.partition).to_string();
    let role = vendor
        .principals
        .iter()
        .map(|it| it.arn.to_string())
        .find(|arn| *arn != root)
        .unwrap_or(root.clone());
    let fault = match entry.kind {
        PrincipalKind::Aws => aws(&entry.value, account, &role),
        PrincipalKind::Service | PrincipalKind::Federated | PrincipalKind::CanonicalUser => {
            misfiled(entry, account)
        }
        PrincipalKind::Everyone => None,
    };
    let Some(fault) = fault else {
        let mut others = accounts.iter().filter(|it| *it != account);
        return others.find_map(|other| installer(vendor, other, entry)).unwrap_or(Likeness::Other);
    };
    let wanted = if names_role(&entry.value, &role) { role } else { root };
    Likeness::Near(NearMiss { found: entry.value.clone(), wanted, fault })
}

/// A principal whose account was probably meant to be an installer's.
fn installer(vendor: &Vendor, account: &str, entry: &PrincipalEntry) -> Option<Likeness> {
    let found = entry.value.trim();
    let owner = if found.starts_with("arn:") { found.split(':').nth(4)? } else { found };
    let fault = account_fault(owner, account).filter(|_| entry.kind == PrincipalKind::Aws)?;
    let wanted = format!("arn:{}:iam::{account}:root", vendor.partition);
    Some(Likeness::Near(NearMiss { found: entry.value.clone(), wanted, fault }))
}

/// `AROA…` and its kind.
pub(crate) fn is_unique_id(text: &str) -> bool {
    text.len() >= 16
        && ["AROA", "AIDA", "AGPA", "ASCA"].iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether the name of Streamkap's role was meant rather than its account.
fn names_role(found: &str, role: &str) -> bool {
    let wanted = role.rsplit('/').next().unwrap_or_default().to_lowercase();
    let found = found.to_lowercase();
    found.contains("kafkaconnect")
        || found.split(['/', ':']).any(|part| edit_distance(part.trim(), &wanted) <= 4)
}

/// `{"Service": "arn:aws:iam::300973880807:root"}` and the like.
fn misfiled(entry: &PrincipalEntry, account: &str) -> Option<String> {
    let kind = match entry.kind {
        PrincipalKind::Service => "Service",
        PrincipalKind::Federated => "Federated",
        _ => "CanonicalUser",
    };
    let value = entry.value.to_lowercase();
    (value.contains(account) || value.contains("streamkap"))
        .then(|| format!("it stands under \"{kind}\"; Streamkap is an AWS account and belongs under \"AWS\""))
}

/// What is wrong with a value under `AWS`, if it was meant to be Streamkap's.
fn aws(value: &str, account: &str, role: &str) -> Option<String> {
    let trimmed = value.trim();
    if !trimmed.starts_with("arn:") {
        return bare(value, account);
    }
    let parts: Vec<&str> = trimmed.splitn(6, ':').collect();
    let [_, partition, service, region, owner, resource] = parts[..] else {
        return colons(trimmed, account, role);
    };
    let role_name = role.rsplit('/').next().unwrap_or_default();
    let names_role = resource.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(role_name));
    if owner != account {
        if let Some(fault) = account_fault(owner, account) {
            return Some(fault);
        }
        return names_role.then(|| format!("the account is not Streamkap's {account}"));
    }
    if trimmed != value {
        return Some("it has white space around it".to_owned());
    }
    if !region.is_empty() {
        return Some(format!("it has the region {region}; IAM is global and its ARNs have none"));
    }
    if partition != "aws" {
        return Some(format!("it has the partition {partition}; Streamkap's account is in aws"));
    }
    if service != "iam" {
        return Some(format!(
            "it names {}, which changes with every session; name the role itself",
            resource_words(resource)
        ));
    }
    Some(resource_fault(resource, role_name, names_role))
}

fn resource_words(resource: &str) -> String {
    match resource.strip_prefix("assumed-role/") {
        Some(_) => "one session of a role".to_owned(),
        None => format!("`{resource}`"),
    }
}

/// What is wrong with the resource of an IAM ARN in Streamkap's account.
fn resource_fault(resource: &str, role_name: &str, names_role: bool) -> String {
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    if resource.contains(['*', '?']) {
        return "it has a wildcard in it, which matches nobody in a principal".to_owned();
    }
    if resource.eq_ignore_ascii_case("root") {
        return "`root` is written in another case".to_owned();
    }
    match kind {
        "user" if names_role => format!("{role_name} is a role, not a user"),
        "role" if name == role_name => "it does not name Streamkap's role".to_owned(),
        "role" if names_role && name.contains('/') => {
            format!("the path `{}` does not belong there", name.trim_end_matches(|it| it != '/'))
        }
        "role" if names_role => "the role's name is written in another case".to_owned(),
        "role" => format!("Streamkap calls with the role {role_name}, not {name}"),
        "" => "nothing follows the account".to_owned(),
        _ => format!("`{resource}` is not who calls"),
    }
}

/// An ARN with too few colons.
fn colons(value: &str, account: &str, role: &str) -> Option<String> {
    let squeezed = |text: &str| text.replace(':', "").to_lowercase();
    let root = format!("arn:aws:iam::{account}:root");
    let near =
        [root.as_str(), role].iter().any(|wanted| edit_distance(&squeezed(value), &squeezed(wanted)) <= 2);
    near.then(|| {
        "a colon is missing: the double colon before the account is right, for IAM has no region".to_owned()
    })
}

/// A value that is no ARN.
fn bare(value: &str, account: &str) -> Option<String> {
    let trimmed = value.trim();
    if trimmed.contains(account) || trimmed.to_lowercase().contains("streamkap") {
        return Some(if trimmed == account {
            "it has white space around it".to_owned()
        } else {
            "it is neither an ARN nor an account id".to_owned()
        });
    }
    let plain: String = trimmed.chars().filter(|letter| !matches!(letter, '-' | ' ' | '_')).collect();
    if plain == account {
        return Some("an account id is written without dashes and spaces".to_owned());
    }
    let digits = plain.len() > 8 && plain.bytes().all(|byte| byte.is_ascii_digit());
    if digits { account_fault(&plain, account) } else { None }
}

/// What is wrong with an account id that was probably meant to be `account`.
fn account_fault(found: &str, account: &str) -> Option<String> {
    let far = edit_distance(found, account);
    if far > 3 || found == account {
        return None;
    }
    let sorted = |text: &str| {
        let mut digits: Vec<char> = text.chars().collect();
        digits.sort_unstable();
        digits
    };
    let fault = match found.len() {
        12 if sorted(found) == sorted(account) => "digits of the account are swapped".to_owned(),
        12 => format!("the account {found} is not Streamkap's {account}"),
        length => format!("the account has {length} digits instead of 12"),
    };
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn of(kind: PrincipalKind, value: &str) -> Likeness {
        likeness(&Catalog::built_in().vendor, &[], &PrincipalEntry { kind, value: value.to_owned() })
    }

    #[test]
    fn what_was_meant_to_be_streamkaps_is_told_with_the_fault() {
        let root = "arn:aws:iam::300973880807:root";
        let role = "arn:aws:iam::300973880807:role/kafkaConnectTenantAccessRole";
        for (found, wanted, fault) in [
            ("arn:aws:iam::300973880870:root", root, "swapped"),
            ("arn:aws:iam::300973880907:root", root, "not Streamkap's"),
            ("arn:aws:iam::30097388080:root", root, "11 digits"),
            ("arn:aws:iam:300973880807:root", root, "colon is missing"),
            ("arn:aws:iam:300973880807:role/kafkaConnectTenantAccessRole", role, "colon is missing"),
            ("arn:aws:iam:us-west-2:300973880807:root", root, "region us-west-2"),
            ("arn:aws-us-gov:iam::300973880807:root", root, "partition aws-us-gov"),
            ("arn:aws:iam::300973880807:user/kafkaConnectTenantAccessRole", role, "not a user"),
            ("arn:aws:iam::300973880807:role/kafkaconnecttenantaccessrole", role, "another case"),
            (
                "arn:aws:iam::300973880807:role/service-role/kafkaConnectTenantAccessRole",
                role,
                "path `service-role/`",
            ),
            ("arn:aws:iam::300973880807:role/kafkaConnectAccessRole", role, "not kafkaConnectAccessRole"),
            ("arn:aws:sts::300973880807:assumed-role/kafkaConnectTenantAccessRole/x", role, "one session"),
            ("arn:aws:iam::123456789012:role/kafkaConnectTenantAccessRole", role, "not Streamkap's"),
            ("arn:aws:iam::300973880807:*", root, "wildcard"),
            ("arn:aws:iam::300973880807:Root", root, "another case"),
            ("300973808807", root, "swapped"),
            ("3009-7388-0807", root, "dashes"),
            (" 300973880807", root, "white space"),
        ] {
            let Likeness::Near(near) = of(PrincipalKind::Aws, found) else { panic!("{found}") };
            assert_eq!(near.wanted, wanted, "{found}");
            assert!(near.fault.contains(fault), "{found}: {}", near.fault);
        }
        assert!(matches!(of(PrincipalKind::Service, "streamkap.amazonaws.com"), Likeness::Near(_)));
    }

    #[test]
    fn somebody_else_is_not_taken_for_streamkap() {
        for found in
            ["arn:aws:iam::111122223333:root", "999999999999", "*", "arn:aws:iam::111122223333:role/app"]
        {
            assert_eq!(of(PrincipalKind::Aws, found), Likeness::Other, "{found}");
        }
        assert_eq!(of(PrincipalKind::Service, "ec2.amazonaws.com"), Likeness::Other);
        assert!(matches!(of(PrincipalKind::Aws, "AROAEXAMPLEROLEID0001"), Likeness::Deleted(_)));
    }
}
