//! What a `Principal` or `NotPrincipal` says, matched against who asks.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use super::document::{PrincipalEntry, PrincipalKind};
use super::request::{Facts, Principal, Who, is_account};

/// How a caller is meant by a statement, weakest first. It decides which other layers still limit
/// what a resource policy grants in the same account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Not at all.
    None,
    /// Through its account, which only lets identity policies decide.
    Account,
    /// Through the role or user its session is of: a permissions boundary and session policies still limit it.
    Role,
    /// Itself: an implicit deny of identity policies, boundary or session policies does not count.
    Itself,
}

/// A principal of a statement, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Everyone,
    Account {
        /// `None` when only the account id is written.
        partition: Option<String>,
        id: String,
    },
    Role {
        arn: String,
        /// `arn:…:role/`, without path and name.
        prefix: String,
        name: String,
    },
    /// A user, a session or another single principal.
    Arn(String),
    /// A unique id such as `AROA…`, which AWS shows for a principal that was deleted.
    UniqueId(String),
    /// A service or an identity provider.
    Named(String),
    AnyService,
    /// Names nobody: a canonical user, a malformed ARN, a pattern.
    Nobody,
}

impl Entry {
    pub(super) fn compile(written: &PrincipalEntry) -> Self {
        let value = written.value.as_str();
        match written.kind {
            PrincipalKind::Everyone => Self::Everyone,
            PrincipalKind::CanonicalUser => Self::Nobody,
            PrincipalKind::Service if value == "*" => Self::AnyService,
            PrincipalKind::Service | PrincipalKind::Federated => Self::Named(value.to_owned()),
            PrincipalKind::Aws => Self::compile_aws(value),
        }
    }

    fn compile_aws(value: &str) -> Self {
        if value == "*" {
            return Self::Everyone;
        }
        if is_account(value) {
            return Self::Account { partition: None, id: value.to_owned() };
        }
        if is_unique_id(value) {
            return Self::UniqueId(value.to_owned());
        }
        let parts: Vec<&str> = value.splitn(6, ':').collect();
        let &["arn", partition, service, "", account, resource] = &parts[..] else { return Self::Nobody };
        if value.contains(['*', '?']) {
            return Self::Nobody;
        }
        // The origin access identities of CloudFront stand in an account of their own.
        if !is_account(account) && account != "cloudfront" {
            return Self::Nobody;
        }
        match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => {
                Self::Account { partition: Some(partition.to_owned()), id: account.to_owned() }
            }
            ("iam", Some(("role", path))) if !path.is_empty() => Self::Role {
                arn: value.to_owned(),
                prefix: format!("arn:{partition}:iam::{account}:role/"),
                name: path.rsplit('/').next().unwrap_or(path).to_owned(),
            },
            ("iam", Some(("user", name))) | ("sts", Some(("assumed-role" | "federated-user", name)))
                if !name.is_empty() =>
            {
                Self::Arn(value.to_owned())
            }
            _ => Self::Nobody,
        }
    }

    /// How the caller is meant by this entry.
    pub(super) fn fit(&self, facts: &Facts<'_>) -> Fit {
        let caller = facts.principal;
        let itself = |is: bool| if is { Fit::Itself } else { Fit::None };
        match self {
            Self::Everyone => Fit::Itself,
            Self::Account { partition, id } => {
                let same_partition = partition.as_deref().is_none_or(|partition| {
                    caller.principal_arn().is_none_or(|arn| arn.split(':').nth(1) == Some(partition))
                });
                match caller.who {
                    _ if caller.account() != Some(id) || !same_partition => Fit::None,
                    Who::Root => Fit::Itself,
                    _ => Fit::Account,
                }
            }
            Self::Role { arn, prefix, name } => match caller.who {
                Who::Role if caller.as_str() == arn => Fit::Role,
                // A session's ARN lacks its role's path, but a role's name is unique in its account.
                Who::Session
                    if caller.name() == name
                        && caller.principal_arn().is_some_and(|own| own.starts_with(prefix.as_str())) =>
                {
                    Fit::Role
                }
                _ => Fit::None,
            },
            Self::Arn(arn) if caller.who == Who::FederatedUser => {
                if caller.as_str() == arn {
                    Fit::Itself
                } else if is_federating_user(arn, caller) {
                    Fit::Role
                } else {
                    Fit::None
                }
            }
            Self::Arn(arn) => itself(caller.as_str() == arn),
            Self::UniqueId(id) => match facts.only("aws:userid") {
                Some(own) if own == id => Fit::Itself,
                Some(own) if own.split_once(':').is_some_and(|(role, _)| role == id) => Fit::Role,
                _ => Fit::None,
            },
            Self::Named(name) => itself(caller.who == Who::Named && caller.as_str() == name),
            Self::AnyService => itself(caller.is_service()),
            Self::Nobody => Fit::None,
        }
    }

    /// The account of the single principal it names.
    fn account_of_one(&self) -> Option<&str> {
        match self {
            Self::Role { arn, .. } | Self::Arn(arn) => arn.split(':').nth(4),
            _ => None,
        }
    }
}

/// Whether an ARN is that of the user who federated: a federated user's ARN is made of the user's.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#sts-session-principals>
fn is_federating_user(arn: &str, caller: &Principal) -> bool {
    let Some((account, user)) = arn.split_once(":user/") else { return false };
    let own = caller.as_str().split_once(":federated-user/");
    own.is_some_and(|(session, name)| {
        user.rsplit('/').next() == Some(name) && account.replacen(":iam:", ":sts:", 1) == session
    })
}

/// Whether a text is a principal's unique id.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub(super) fn is_unique_id(text: &str) -> bool {
    const PREFIXES: [&str; 4] = ["AROA", "AIDA", "AGPA", "ASCA"];
    text.len() >= 16
        && PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// How the caller is meant by any of the entries.
pub(super) fn fit(entries: &[Entry], facts: &Facts<'_>) -> Fit {
    entries.iter().map(|entry| entry.fit(facts)).max().unwrap_or(Fit::None)
}

/// Whether `NotPrincipal` of a Deny exempts the caller.
///
/// Listing an account beside one of its users or roles, as AWS advises, exempts that one and not
/// the whole account: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.
/// A session is two principals, its role and itself, and must be listed as both:
/// <https://aws.amazon.com/blogs/security/how-to-restrict-amazon-s3-bucket-access-to-a-specific-iam-role/>.
pub(super) fn is_exempt(entries: &[Entry], facts: &Facts<'_>) -> bool {
    let both =
        || entries.contains(&Entry::Everyone) || entries.iter().any(|entry| entry.fit(facts) == Fit::Role);
    match fit(entries, facts) {
        Fit::None => false,
        Fit::Account => !entries
            .iter()
            .any(|entry| entry.account_of_one().is_some_and(|id| facts.principal.account() == Some(id))),
        Fit::Role => facts.principal.who != Who::Session,
        Fit::Itself => facts.principal.who != Who::Session || both(),
    }
}
