//! The condition keys of the calls that Streamkap makes with the role.
//!
//! Four kinds: keys whose values are known, keys that have one of a few values, keys that nobody outside AWS
//! can know, and all the others, which are known to be absent: Streamkap's sessions carry no session tags, no
//! VPC endpoint of the customer, and its uploads no encryption or ACL headers (docs/design/sources.md). Of calls
//! to other services than S3, Glue and Redshift, as an installation makes them, the service's own keys are not
//! known.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use std::collections::BTreeMap;

use super::{Requirement, Resource};
use crate::facts::{Fact, Facts};
use crate::model::{AccountId, Arn};
use crate::policy::Context;

/// Keys whose values depend on the moment, the network or what AWS alone knows.
const UNKNOWN: [&str; 8] = [
    "aws:SourceIp",
    "aws:UserAgent",
    "aws:PrincipalOrgPaths",
    "aws:ResourceOrgPaths",
    "aws:ResourceTag/",
    "s3:BucketTag/",
    "s3:signatureAge",
    "s3:ObjectCreationOperation",
];

/// What S3 tells KMS that a key is used for: the bucket where that has a Bucket Key, or else the object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context>
pub const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:aws:s3:arn";

/// How long a session lasts, and so how long ago its credentials were issued at most.
const SESSION: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

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
    /// Whether it is a connector of the user's own, of whose calls only the actions are known.
    pub is_own: bool,
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
            is_own: facts
                .target
                .connectors
                .iter()
                .any(|it| it.connector == requirement.connector && it.definition.is_some()),
            now: facts.collected_at.clone(),
        }
    }
}

/// The condition keys of a call, as far as they are known. A key that is in none of the lists is absent, or
/// unknown where the lists are [open](Self::open).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Keys as AWS spells them, with their values.
    pub values: BTreeMap<String, Vec<String>>,
    /// Keys that have one of these values, nobody outside AWS knows which; `None`: or are absent.
    pub either: BTreeMap<String, Vec<Option<String>>>,
    /// Keys, and prefixes that end in `/` or `:`, whose values nobody outside AWS can know.
    pub unknown: Vec<String>,
    /// Keys that are known to be absent, though they begin with an unknown prefix or the lists are open.
    pub absent: Vec<String>,
    /// Whether nothing is known of other keys, as of a call that somebody else made.
    pub open: bool,
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

    fn set_either<'v>(&mut self, key: &str, values: impl IntoIterator<Item = Option<&'v str>>) {
        let values = values.into_iter().map(|value| value.map(str::to_owned)).collect();
        self.either.insert(key.to_owned(), values);
    }

    /// Whether the key is, or may be, in the request.
    pub fn may_have(&self, key: &str) -> bool {
        self.values.keys().chain(self.either.keys()).any(|known| known.eq_ignore_ascii_case(key))
            || self.is_unknown(key)
    }

    /// Whether nobody outside AWS can know the key's value.
    pub fn is_unknown(&self, key: &str) -> bool {
        let is_known = || {
            let mut known = self.absent.iter().chain(self.values.keys());
            known.any(|known| known.eq_ignore_ascii_case(key))
        };
        let below = |prefix: &String| {
            let head = key.get(..prefix.len()).filter(|_| prefix.ends_with(['/', ':']));
            head.is_some_and(|head| prefix.eq_ignore_ascii_case(head))
        };
        self.unknown.iter().any(|known| known.eq_ignore_ascii_case(key))
            || ((self.open || self.unknown.iter().any(below)) && !is_known())
    }

    /// The same with a key that has this value, or is absent.
    #[must_use]
    pub fn with(mut self, key: &str, value: Option<&str>) -> Self {
        let other = |known: &String| !known.eq_ignore_ascii_case(key);
        self.values.retain(|known, _| other(known));
        self.either.retain(|known, _| other(known));
        self.unknown.retain(other);
        self.absent.retain(other);
        match value {
            Some(value) => self.set(key, value),
            None => self.absent.push(key.to_owned()),
        }
        self
    }

    /// The same with a key of which nothing is known.
    #[must_use]
    pub fn without(self, key: &str) -> Self {
        let mut keys = self.with(key, None);
        keys.absent.retain(|known| !known.eq_ignore_ascii_case(key));
        keys.unknown.push(key.to_owned());
        keys
    }

    /// The same for our own engine, to which a key that has one of a few values is unknown.
    pub fn context(&self) -> Context {
        let mut context = if self.open { Context::open() } else { Context::new() };
        for (key, values) in &self.values {
            context.set(key, values.iter().map(String::as_str));
        }
        let context = self.absent.iter().fold(context, |context, key| context.absent(key));
        self.unknown.iter().chain(self.either.keys()).fold(context, |context, key| context.unknown(key))
    }
}

/// The condition keys of a requirement's call on one of its resources.
pub fn keys(situation: &Situation, requirement: &Requirement<'_>, resource: &Resource) -> Keys {
    let mut keys = Keys { unknown: UNKNOWN.map(str::to_owned).into(), ..Keys::default() };
    principal(&mut keys, situation, requirement);
    let service = requirement.action.split(':').next();
    request(&mut keys, situation, service.unwrap_or_default(), resource);
    if !(service == Some("kms") && requirement.of_key) {
        endpoint(&mut keys);
    }
    match service {
        Some("kms") if requirement.of_key => kms(&mut keys, situation, requirement, resource),
        Some("kms") => direct_kms(&mut keys, situation, resource),
        Some("s3") => s3(&mut keys, situation, requirement),
        Some("redshift" | "redshift-data") => redshift(&mut keys, situation, requirement, resource),
        Some("glue") => {
            resource_account(&mut keys, situation, resource.account());
            // It follows from what Lake Formation holds, in a way that AWS does not tell.
            keys.unknown.push("glue:LakeFormationPermissions".to_owned());
        }
        service => {
            resource_account(&mut keys, situation, resource.account());
            unknown_call(&mut keys, service);
        }
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

fn request(keys: &mut Keys, situation: &Situation, service: &str, resource: &Resource) {
    keys.set("aws:SecureTransport", "true");
    keys.set("aws:ViaAWSService", "false");
    keys.set_or_unknown("aws:RequestedRegion", region_of(situation, service, resource));
    keys.set("aws:CurrentTime", &situation.now);
    let now = situation.now.parse::<jiff::Timestamp>().ok();
    keys.set_or_unknown("aws:EpochTime", now.map(|now| now.as_second().to_string()));
    match now.and_then(|now| Some((now.checked_sub(SESSION).ok()?.to_string(), now.to_string()))) {
        Some((first, last)) => {
            keys.set_either("aws:TokenIssueTime", [first, last].iter().map(|it| Some(it.as_str())));
        }
        None => keys.unknown.push("aws:TokenIssueTime".to_owned()),
    }
    // "included … only when the principal uses temporary security credentials", as `false` without a device;
    // some sources say that it is absent.
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    keys.set_either("aws:MultiFactorAuthPresent", [None, Some("false")]);
}

/// Streamkap may call through endpoints of its own network. What it is then called from is nobody's whom a policy of
/// the customer's names; calls over the internet have none of these keys.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-network-properties>
fn endpoint(keys: &mut Keys) {
    keys.set_either("aws:SourceVpce", [None, Some("vpce-0000000000streamkap")]);
    keys.set_either("aws:SourceVpc", [None, Some("vpc-0000000000streamkap")]);
    let of_network =
        ["aws:VpcSourceIp", "aws:SourceVpcArn", "aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths"];
    keys.unknown.extend(of_network.map(str::to_owned));
}

/// The region that a call to a service goes to. "Global services … have a single endpoint that is physically
/// located in the us-east-1 Region", and so is the region of what is asked of them.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-requested-region.html>
/// A resource that names its region is asked for there.
fn region_of<'s>(situation: &'s Situation, service: &str, resource: &'s Resource) -> Option<&'s str> {
    const GLOBAL: [&str; 5] = ["cloudfront", "iam", "organizations", "route53", "support"];
    let region = situation.region.as_deref();
    if !GLOBAL.contains(&service) {
        let named = resource.probe.split(':').nth(3).filter(|named| !named.is_empty());
        return named.or(region).filter(|region| !region.contains(['*', '?', '$']));
    }
    let partition = situation.role_arn.as_deref().and_then(|arn| arn.split(':').nth(1));
    partition.is_none_or(|partition| partition == "aws").then_some("us-east-1")
}

/// A call of which nobody outside the connector knows what it sends: the keys of its service, and tags.
fn unknown_call(keys: &mut Keys, service: Option<&str>) {
    keys.unknown.extend(service.map(|service| format!("{service}:")));
    keys.unknown.extend(["aws:RequestTag/", "aws:TagKeys"].map(str::to_owned));
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

fn s3(keys: &mut Keys, situation: &Situation, requirement: &Requirement<'_>) {
    if requirement.location.is_none() || situation.is_own {
        unknown_call(keys, Some("s3"));
    }
    if requirement.action.starts_with("s3:ListBucket") {
        // What of the bucket is listed.
        keys.unknown.extend(["s3:prefix", "s3:delimiter", "s3:max-keys"].map(str::to_owned));
    }
    let owner = situation.bucket_account.as_ref().map(AccountId::as_str);
    resource_account(keys, situation, owner);
    keys.set_or_unknown("s3:ResourceAccount", owner);
    // S3 accepts both, and the strongest that the connector's machine knows is taken.
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingEncryptionInTransit.html>
    keys.set_either("s3:TlsVersion", [Some("1.2"), Some("1.3")]);
    // Every signed call has it: of the upload's content, or that this is not signed, which TLS makes up for.
    // <https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html>
    keys.set_either("s3:x-amz-content-sha256", [Some("UNSIGNED-PAYLOAD"), Some(NOTHING_SHA256)]);
    let reads =
        ["s3:GetObject", "s3:DeleteObject"].iter().any(|action| requirement.action.starts_with(action));
    if reads {
        // Others may tag the connector's objects, as GuardDuty does.
        keys.unknown.push("s3:ExistingObjectTag/".to_owned());
    }
    keys.set("s3:authType", "REST-HEADER");
    keys.set("s3:signatureversion", "AWS4-HMAC-SHA256");
}

/// The SHA-256 of nothing, which stands for that of any content.
const NOTHING_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A call names the database and the user that the ARNs it is asked on have.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshift.html>
fn redshift(keys: &mut Keys, situation: &Situation, requirement: &Requirement<'_>, resource: &Resource) {
    resource_account(keys, situation, resource.account());
    let named = |kind: &str| {
        let arns = requirement.resources.iter().filter_map(|it| it.probe.splitn(6, ':').nth(5));
        let mut of_kind = arns.filter_map(|it| it.strip_prefix(kind)?.split_once('/'));
        of_kind.next().map(|(_, name)| name.to_owned())
    };
    if requirement.action.starts_with("redshift:GetClusterCredentials") {
        for (key, kind) in [("redshift:DbUser", "dbuser:"), ("redshift:DbName", "dbname:")] {
            if let Some(name) = named(kind) {
                keys.set(key, name);
            }
        }
        keys.unknown.push("redshift:DurationSeconds".to_owned());
    }
    if requirement.action.starts_with("redshift-data:") {
        // A session asks for its own statements, and may be told apart by its user id.
        for key in ["redshift-data:statement-owner-iam-userid", "redshift-data:session-owner-iam-userid"] {
            keys.set_or_unknown(key, keys.values.get("aws:userid").and_then(|it| it.first()).cloned());
        }
    }
}

/// The connector itself calls KMS, not by way of a service. What it sends besides, such as an encryption context,
/// is not known.
fn direct_kms(keys: &mut Keys, situation: &Situation, resource: &Resource) {
    resource_account(keys, situation, resource.account());
    keys.set_or_unknown("kms:CallerAccount", situation.account.as_ref().map(AccountId::as_str));
    keys.absent.push("kms:ViaService".to_owned());
    unknown_call(keys, Some("kms"));
}

/// Keys that KMS fills in from the key itself, or from what a call goes by if it says nothing. S3 and Glue use
/// symmetric keys alone.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>
fn of_symmetric_key(keys: &mut Keys, resource: &Resource) {
    keys.set("kms:KeySpec", "SYMMETRIC_DEFAULT");
    keys.set("kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT");
    keys.set("kms:KeyUsage", "ENCRYPT_DECRYPT");
    keys.set("kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT");
    keys.set("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
    let is_multi_region = resource.probe.contains(":key/mrk-");
    keys.set("kms:MultiRegion", if is_multi_region { "true" } else { "false" });
    if is_multi_region {
        keys.set_either("kms:MultiRegionKeyType", [Some("PRIMARY"), Some("REPLICA")]);
    }
    let origins = ["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];
    keys.set_either("kms:KeyOrigin", origins.map(Some));
    keys.unknown.extend(["kms:ResourceAliases", "kms:RequestAlias"].map(str::to_owned));
}

/// S3 or Glue calls KMS with the role's credentials: forward access, by way of the service.
fn kms(keys: &mut Keys, situation: &Situation, requirement: &Requirement<'_>, resource: &Resource) {
    resource_account(keys, situation, resource.account());
    keys.set("aws:ViaAWSService", "true");
    let service = if requirement.location.is_some() { "s3" } else { "glue" };
    let via = situation.region.as_ref().map(|region| format!("{service}.{region}.amazonaws.com"));
    keys.set_or_unknown("kms:ViaService", via);
    keys.set_or_unknown("kms:CallerAccount", situation.account.as_ref().map(AccountId::as_str));
    of_symmetric_key(keys, resource);
    if let Some(bucket) = requirement.bucket() {
        keys.set("kms:EncryptionContextKeys", "aws:s3:arn");
        let partition = resource.probe.split(':').nth(1).unwrap_or("aws");
        let bucket = format!("arn:{partition}:s3:::{bucket}");
        let object = || {
            let objects = format!("{bucket}/{}*", requirement.prefix());
            Resource::of_files(objects, requirement.location.as_ref(), &[], &[]).probe
        };
        let object = || resource.part.object.clone().unwrap_or_else(object);
        keys.set(ENCRYPTION_CONTEXT, if situation.bucket_key { bucket } else { object() });
    } else {
        // <https://docs.aws.amazon.com/glue/latest/dg/encrypt-glue-data-catalog.html>
        keys.set("kms:EncryptionContextKeys", "glue_catalog_id");
        let catalog = situation.account.as_ref().map(AccountId::as_str);
        keys.set_or_unknown("kms:EncryptionContext:glue_catalog_id", catalog);
    }
}

#[cfg(test)]
mod tests;
