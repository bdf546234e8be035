//! The condition keys of the calls that Streamkap makes with the role.
//!
//! Three kinds: keys whose values are known, keys that nobody outside AWS can know, and all the others,
//! which are known to be absent: Streamkap's sessions carry no MFA, no session tags, no VPC endpoint of
//! the customer, and its uploads no encryption or ACL headers (docs/design/sources.md).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use std::collections::BTreeMap;

use super::{Requirement, Resource};
use crate::facts::{Fact, Facts};
use crate::model::{AccountId, Arn};
use crate::policy::Context;

/// Keys whose values depend on the moment, the network or what AWS alone knows.
const UNKNOWN: [&str; 9] = [
    "aws:SourceIp",
    "aws:UserAgent",
    "aws:TokenIssueTime",
    "aws:PrincipalOrgPaths",
    "aws:ResourceOrgPaths",
    "aws:ResourceTag/",
    "s3:BucketTag/",
    "s3:signatureAge",
    "s3:ObjectCreationOperation",
];

/// The organisation of the role's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationId {
    /// It could not be read.
    Unread,
    /// The account is in none.
    None,
    /// `o-…`.
    Known(String),
}

/// Who calls, from where and when: all that the condition keys of a call are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The role's ARN, with its path where that is known.
    pub role_arn: Option<String>,
    /// The role's unique id, `AROA…`.
    pub role_id: Option<String>,
    /// The role's account.
    pub account: Option<AccountId>,
    /// The region whose endpoints are called: the bucket's, for another's would send the call there; else
    /// the connector's.
    pub region: Option<String>,
    /// The role's tags; `None`: not read.
    pub tags: Option<BTreeMap<String, String>>,
    /// The organisation of the role's account.
    pub organization: OrganizationId,
    /// The account of the bucket; `None`: not known.
    pub bucket_account: Option<AccountId>,
    /// Whether S3 Bucket Keys are on, which makes the bucket the encryption context instead of the object.
    pub bucket_key: bool,
    /// The moment that counts as now, RFC 3339.
    pub now: String,
}

impl Situation {
    /// The situation of a requirement's calls, by these facts.
    pub fn of(facts: &Facts, requirement: &Requirement<'_>) -> Self {
        let role = facts.role.known();
        let account = super::account(facts);
        let partition = super::partition_of(facts);
        let named = account.as_ref().map(|account| {
            let resource =
                format!("role{}{}", facts.target.role.path.as_deref().unwrap_or("/"), facts.target.role.name);
            Arn::new(partition.as_str(), "iam", "", account.as_str(), &resource).to_string()
        });
        let bucket = requirement.bucket().and_then(|bucket| facts.buckets.get(bucket));
        let bucket_region = bucket.and_then(|bucket| bucket.head.known()).map(|head| head.region.clone());
        // Only the owner's account may read a bucket's policy, be it to learn that there is none.
        let owned = bucket.is_some_and(|bucket| bucket.policy.is_read());
        Self {
            role_arn: role.map(|role| role.arn.to_string()).or(named),
            role_id: role.map(|role| role.id.clone()),
            bucket_account: facts.caller.known().filter(|_| owned).map(|caller| caller.account.clone()),
            account,
            region: bucket_region.or_else(|| facts.target.region.clone()),
            tags: role.map(|role| role.tags.clone()),
            organization: match &facts.organization {
                Fact::Known(organization) => OrganizationId::Known(organization.id.clone()),
                Fact::Absent => OrganizationId::None,
                _ => OrganizationId::Unread,
            },
            bucket_key: bucket.and_then(|bucket| bucket.encryption.known()).is_some_and(|it| it.bucket_key),
            now: facts.collected_at.clone(),
        }
    }
}

/// The condition keys of a call, as far as they are known. A key that is in neither list is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Keys as AWS spells them, with their values.
    pub values: BTreeMap<String, Vec<String>>,
    /// Keys, and prefixes that end in `/`, whose values nobody outside AWS can know.
    pub unknown: Vec<String>,
}

impl Keys {
    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.values.insert(key.to_owned(), vec![value.into()]);
    }

    fn set_or_unknown(&mut self, key: &str, value: Option<impl Into<String>>) {
        match value {
            Some(value) => self.set(key, value),
            None => self.unknown.push(key.to_owned()),
        }
    }

    /// The same for our own engine.
    pub fn context(&self) -> Context {
        let mut context = Context::new();
        for (key, values) in &self.values {
            context.set(key, values.iter().map(String::as_str));
        }
        self.unknown.iter().fold(context, |context, key| context.unknown(key))
    }
}

/// The condition keys of a requirement's call on one of its resources.
pub fn keys(situation: &Situation, requirement: &Requirement<'_>, resource: &Resource) -> Keys {
    let mut keys = Keys { unknown: UNKNOWN.map(str::to_owned).into(), ..Keys::default() };
    principal(&mut keys, situation, requirement);
    request(&mut keys, situation);
    match requirement.action.split(':').next() {
        Some("kms") => kms(&mut keys, situation, requirement, resource),
        Some("s3") => s3(&mut keys, situation),
        _ => resource_account(&mut keys, situation, account_of(resource)),
    }
    keys
}

fn principal(keys: &mut Keys, situation: &Situation, requirement: &Requirement<'_>) {
    keys.set_or_unknown("aws:PrincipalArn", situation.role_arn.as_ref());
    keys.set_or_unknown("aws:PrincipalAccount", situation.account.as_ref().map(AccountId::as_str));
    keys.set("aws:PrincipalType", "AssumedRole");
    keys.set("aws:PrincipalIsAWSService", "false");
    let session = requirement.sessions.iter().find(|name| !name.contains('*'));
    let user_id = situation.role_id.as_ref().zip(session).map(|(id, session)| format!("{id}:{session}"));
    keys.set_or_unknown("aws:userid", user_id);
    match &situation.organization {
        OrganizationId::Known(id) => keys.set("aws:PrincipalOrgID", id),
        OrganizationId::Unread => keys.unknown.push("aws:PrincipalOrgID".to_owned()),
        OrganizationId::None => keys.unknown.retain(|key| key != "aws:PrincipalOrgPaths"),
    }
    match &situation.tags {
        Some(tags) => {
            for (name, value) in tags {
                keys.set(&format!("aws:PrincipalTag/{name}"), value);
            }
        }
        None => keys.unknown.push("aws:PrincipalTag/".to_owned()),
    }
}

fn request(keys: &mut Keys, situation: &Situation) {
    keys.set("aws:SecureTransport", "true");
    keys.set("aws:ViaAWSService", "false");
    keys.set_or_unknown("aws:RequestedRegion", situation.region.as_ref());
    keys.set("aws:CurrentTime", &situation.now);
    let epoch = situation.now.parse::<jiff::Timestamp>().ok().map(|now| now.as_second().to_string());
    keys.set_or_unknown("aws:EpochTime", epoch);
}

/// The account in a resource's ARN.
fn account_of(resource: &Resource) -> Option<&str> {
    resource.probe.split(':').nth(4).filter(|account| !account.is_empty())
}

/// The organisation of a resource: the role's own when both are in one account.
fn resource_account(keys: &mut Keys, situation: &Situation, owner: Option<&str>) {
    keys.set_or_unknown("aws:ResourceAccount", owner);
    let own = owner.is_some() && owner == situation.account.as_ref().map(AccountId::as_str);
    match &situation.organization {
        OrganizationId::Known(id) if own => keys.set("aws:ResourceOrgID", id),
        OrganizationId::None if own => keys.unknown.retain(|key| key != "aws:ResourceOrgPaths"),
        _ => keys.unknown.push("aws:ResourceOrgID".to_owned()),
    }
}

fn s3(keys: &mut Keys, situation: &Situation) {
    let owner = situation.bucket_account.as_ref().map(AccountId::as_str);
    resource_account(keys, situation, owner);
    keys.set_or_unknown("s3:ResourceAccount", owner);
    // The oldest that S3 still accepts; whatever the connector negotiates is not older.
    keys.set("s3:TlsVersion", "1.2");
    keys.set("s3:authType", "REST-HEADER");
    keys.set("s3:signatureversion", "AWS4-HMAC-SHA256");
}

/// S3 or Glue calls KMS with the role's credentials: forward access, by way of the service.
fn kms(keys: &mut Keys, situation: &Situation, requirement: &Requirement<'_>, resource: &Resource) {
    resource_account(keys, situation, account_of(resource));
    keys.set("aws:ViaAWSService", "true");
    let service = if requirement.location.is_some() { "s3" } else { "glue" };
    let via = situation.region.as_ref().map(|region| format!("{service}.{region}.amazonaws.com"));
    keys.set_or_unknown("kms:ViaService", via);
    keys.set_or_unknown("kms:CallerAccount", situation.account.as_ref().map(AccountId::as_str));
    keys.unknown.extend(["kms:ResourceAliases", "kms:RequestAlias"].map(str::to_owned));
    if let Some(bucket) = requirement.bucket() {
        keys.set("kms:EncryptionContextKeys", "aws:s3:arn");
        let partition = resource.probe.split(':').nth(1).unwrap_or("aws");
        let object = format!("/{}{}", requirement.prefix(), super::PROBE);
        let object = if situation.bucket_key { "" } else { &object };
        keys.set("kms:EncryptionContext:aws:s3:arn", format!("arn:{partition}:s3:::{bucket}{object}"));
    } else {
        // <https://docs.aws.amazon.com/glue/latest/dg/encrypt-glue-data-catalog.html>
        keys.set("kms:EncryptionContextKeys", "glue_catalog_id");
        let catalog = situation.account.as_ref().map(AccountId::as_str);
        keys.set_or_unknown("kms:EncryptionContext:glue_catalog_id", catalog);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::facts::{Bucket, ConnectorTarget, Encryption, Organization, RoleName, Target};
    use crate::requirement::requirements;

    fn facts() -> Facts {
        let target = Target {
            role: RoleName {
                name: "r".to_owned(),
                path: None,
                account: Some("111122223333".parse().unwrap()),
                partition: None,
            },
            external_id: None,
            region: Some("eu-west-1".to_owned()),
            connectors: vec![ConnectorTarget {
                connector: "s3".to_owned(),
                parameters: [("bucket", "orders"), ("prefix", "")]
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .into(),
                definition: None,
            }],
        };
        Facts::unread(target, "2026-03-02T10:00:00Z".to_owned())
    }

    fn keys_of(facts: &Facts, action: &str) -> Keys {
        let mut facts = facts.clone();
        let encryption = Fact::Known(Encryption {
            algorithm: "aws:kms".to_owned(),
            key: Some("arn:aws:kms:eu-west-1:111122223333:key/k".to_owned()),
            bucket_key: false,
            blocked: Vec::new(),
        });
        facts.buckets.insert("orders".to_owned(), Bucket { encryption, ..Bucket::default() });
        let facts = &facts;
        let needs = requirements(facts, Catalog::built_in());
        let need = needs.iter().find(|need| need.action == action).unwrap();
        keys(&Situation::of(facts, need), need, &need.resources[0])
    }

    #[test]
    fn a_key_is_used_by_way_of_s3() {
        let keys = keys_of(&facts(), "kms:Decrypt");
        assert_eq!(keys.values["kms:ViaService"], ["s3.eu-west-1.amazonaws.com"]);
        assert_eq!(keys.values["aws:ViaAWSService"], ["true"]);
        assert_eq!(keys.values["kms:CallerAccount"], ["111122223333"]);
        assert_eq!(keys.values["aws:ResourceAccount"], ["111122223333"]);
        assert_eq!(keys_of(&facts(), "s3:PutObject").values["aws:ViaAWSService"], ["false"]);
    }

    #[test]
    fn what_was_not_read_is_unknown_and_what_is_not_there_is_absent() {
        let mut facts = facts();
        let keys = keys_of(&facts, "s3:PutObject");
        assert!(keys.unknown.iter().any(|key| key == "aws:PrincipalOrgID"));
        assert!(keys.unknown.iter().any(|key| key == "aws:PrincipalTag/"));
        facts.organization = Fact::Absent;
        let keys = keys_of(&facts, "s3:PutObject");
        assert!(!keys.unknown.iter().any(|key| key.starts_with("aws:PrincipalOrg")));
        assert!(!keys.values.contains_key("aws:PrincipalOrgID"));
        facts.organization = Fact::Known(Organization {
            id: "o-1".to_owned(),
            management_account: "444455556666".parse().unwrap(),
            feature_set: "ALL".to_owned(),
        });
        assert_eq!(keys_of(&facts, "s3:PutObject").values["aws:PrincipalOrgID"], ["o-1"]);
    }

    #[test]
    fn multi_factor_session_tags_endpoints_and_headers_are_absent() {
        let keys = keys_of(&facts(), "s3:PutObject");
        for key in [
            "aws:MultiFactorAuthPresent",
            "aws:SourceVpce",
            "s3:x-amz-server-side-encryption",
            "s3:x-amz-acl",
        ] {
            assert!(!keys.values.contains_key(key) && !keys.unknown.iter().any(|it| it == key), "{key}");
        }
        assert_eq!(keys.values["aws:CurrentTime"], ["2026-03-02T10:00:00Z"]);
        assert_eq!(keys.values["aws:EpochTime"], ["1772445600"]);
        assert_eq!(keys.values["aws:RequestedRegion"], ["eu-west-1"]);
    }
}
