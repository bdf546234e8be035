//! The policy documents that bear on the role, read through the [`View`] and compiled.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use crate::catalog::ResourcePolicy;
use crate::checks::View;
use crate::facts::FactId;
use crate::model::{Blocked, PolicyHome, StatementRef};
use crate::policy::scope::covers;
use crate::policy::{Diagnostic, Document, Kind, Policy, Selector};

use super::keys;
use super::needs::Ask;
use super::places::is_absent;
use super::unread::{Say, unread};

/// The role's own policies, as far as they could be read.
#[derive(Debug, Default)]
pub struct RolePolicies {
    /// What was read: attached policies first, then embedded ones, each in AWS's order.
    pub read: Vec<RolePolicy>,
    /// What was not, and why.
    pub unread: Vec<Blocked>,
}

/// One of the role's policies.
#[derive(Clone, Debug)]
pub struct RolePolicy {
    /// Where it lives.
    pub home: PolicyHome,
    /// Its document.
    pub policy: Arc<Policy>,
}

impl RolePolicy {
    /// Whether AWS owns it, so that no customer can edit it.
    pub fn is_aws_managed(&self) -> bool {
        matches!(&self.home, PolicyHome::Managed { arn } if is_aws_managed(arn))
    }
}

impl RolePolicies {
    /// The compiled documents.
    pub fn documents(&self) -> Vec<Arc<Policy>> {
        self.read.iter().map(|it| Arc::clone(&it.policy)).collect()
    }

    /// All documents, or why they are not all known.
    pub fn complete(&self) -> Result<&[RolePolicy], Blocked> {
        self.unread.first().map_or(Ok(&self.read), |blocked| Err(blocked.clone()))
    }

    /// Whether AWS says that the role has no policy at all.
    pub fn are_none(&self) -> bool {
        self.read.is_empty() && self.unread.is_empty()
    }
}

/// The names of buckets in the resources of policies, each with the first statement that has it, without
/// those that hold a wildcard or a variable.
pub fn buckets_named(policies: &[Arc<Policy>]) -> Vec<(String, StatementRef)> {
    let mut found: Vec<(String, StatementRef)> = Vec::new();
    for policy in policies {
        for (at, statement) in policy.document().statements().iter().enumerate() {
            let Some(reference) = policy.statement_ref(at) else { continue };
            for resource in statement.resources.iter().flat_map(Selector::any) {
                let Some((_, rest)) = resource.split_once(":s3:::") else { continue };
                let name = rest.split('/').next().unwrap_or(rest);
                let known = found.iter().any(|(known, _)| known == name);
                if !name.is_empty() && !name.contains(['*', '?', '$']) && !known {
                    found.push((name.to_owned(), reference.clone()));
                }
            }
        }
    }
    found
}

/// Whether a managed policy is AWS's own.
pub fn is_aws_managed(arn: &str) -> bool {
    arn.split(':').nth(4) == Some("aws")
}

/// Whether a resource pattern means every resource, or every one of a service, or every bucket or object.
pub fn is_everything(resource: &str) -> bool {
    resource.splitn(6, ':').nth(5) == Some("*")
        || covers(resource, "arn:aws:s3:::*")
        || covers(resource, "arn:aws:glue:*")
        || covers(resource, "arn:aws:redshift:*")
        || covers(resource, "arn:aws:kms:*")
        || covers(resource, "arn:aws:s3:::*/*")
}

/// Reads the role's policies. What is not there counts as read.
pub fn role_policies(view: &View<'_>) -> Rc<RolePolicies> {
    view.once(|once| &once.policies, |view| Rc::new(read(view)))
}

fn read(view: &View<'_>) -> RolePolicies {
    let mut found = RolePolicies::default();
    match view.attached_policies() {
        Ok(attached) => {
            for policy in attached.into_iter().flatten() {
                let arn = policy.arn.as_str();
                let text = view.managed_policy(arn).map(|read| read.map(|it| it.document.as_str()));
                let home = PolicyHome::Managed { arn: arn.to_owned() };
                found.take(home, &policy.name, text);
            }
        }
        Err(blocked) => found.unread.push(blocked),
    }
    match view.inline_policy_names() {
        Ok(names) => {
            for name in names.into_iter().flatten() {
                let home = PolicyHome::Inline { role: view.target().role.name.clone(), name: name.clone() };
                found.take(home, name, view.inline_policy(name).map(|read| read.map(String::as_str)));
            }
        }
        Err(blocked) => found.unread.push(blocked),
    }
    found
}

impl RolePolicies {
    fn take(&mut self, home: PolicyHome, name: &str, text: Result<Option<&str>, Blocked>) {
        match text.and_then(|text| text.map(|text| compile(Kind::Identity, name, text)).transpose()) {
            Ok(Some(policy)) => self.read.push(RolePolicy { home, policy }),
            // Detached or deleted between two calls: it is gone.
            Ok(None) => {}
            Err(blocked) => self.unread.push(blocked),
        }
    }
}

/// Compiles a document under the name that findings print.
pub fn compile(kind: Kind, name: &str, text: &str) -> Result<Arc<Policy>, Blocked> {
    let document = Document::parse(kind, text).map_err(|faults| unreadable(name, &faults))?;
    Ok(Policy::compile(name, document))
}

fn unreadable(name: &str, faults: &[Diagnostic]) -> Blocked {
    let why = faults.first().map_or_else(|| "it is no policy".to_owned(), ToString::to_string);
    Blocked::new(format!("the policy {name}"), why)
}

/// The permissions boundary; nothing: the role has none.
pub fn boundary(view: &View<'_>) -> Result<Option<Arc<Policy>>, Blocked> {
    let Some(arn) = view.role()?.and_then(|role| role.boundary.as_ref()) else { return Ok(None) };
    let text = view.boundary(arn.as_str())?;
    // A boundary whose policy was deleted allows nothing; AWS does not let that happen.
    text.map(|policy| compile(Kind::Boundary, arn.name(), &policy.document)).transpose()
}

/// The bucket's policy; nothing: it has none.
pub fn bucket_policy(view: &View<'_>, bucket: &str) -> Result<Option<Arc<Policy>>, Blocked> {
    let text = view.bucket(bucket, FactId::BucketPolicy, |it| &it.policy)?;
    text.map(|text| compile(Kind::Resource, "bucket policy", text)).transpose()
}

/// The Data Catalog's resource policy; nothing: it has none.
pub fn catalog_policy(view: &View<'_>) -> Result<Option<Arc<Policy>>, Blocked> {
    let text = view.catalog_policy()?;
    text.map(|text| compile(Kind::Resource, "catalogue policy", text)).transpose()
}

/// The key's policy; nothing: AWS says that it has none, which for a key cannot be.
pub fn key_policy(view: &View<'_>, entry: &str) -> Result<Option<Arc<Policy>>, Blocked> {
    let text = view.key(entry, FactId::KeyPolicy, |it| &it.policy)?;
    text.map(|text| compile(Kind::Resource, "key policy", text)).transpose()
}

/// The policy of the bucket, the key or the Data Catalog that a question is about, which may allow it without the
/// role's own: nothing where it has none, or is another account's. Blocked where nobody reads the resource's.
pub fn own_resource_policy(view: &View<'_>, ask: &Ask<'_>) -> Result<Option<Arc<Policy>>, Blocked> {
    if ask.is_elsewhere() {
        return Ok(None);
    }
    if let Some(given) = given_policy(ask) {
        return given;
    }
    match ask.requirement.bucket() {
        _ if ask.names_key() => key_policy(view, &keys::entry(view, ask)),
        _ if ask.is_of_kms() => Ok(None),
        // Nothing about a bucket that is not there can be judged.
        Some(bucket) if is_absent(view, bucket) || view.is_foreign_bucket(bucket) => Ok(None),
        Some(bucket) => bucket_policy(view, bucket),
        None if ask.is_of_catalog() => match unread(view, ask) {
            Some(policy) => Err(policy.blocked(ask)),
            None => catalog_policy(view),
        },
        None => match unread(view, ask) {
            Some(policy) if policy.say == Say::MayDecide => Err(policy.blocked(ask)),
            _ => Ok(None),
        },
    }
}

/// The policy of a question's resource as the connector file has it, if it does; nothing: the resource has none.
pub fn given_policy(ask: &Ask<'_>) -> Option<Result<Option<Arc<Policy>>, Blocked>> {
    ask.requirement.need.resource_policy.as_ref().map(|given| match given {
        ResourcePolicy::None => Ok(None),
        ResourcePolicy::Document(text) => {
            compile(Kind::Resource, "the policy in the connector file", text).map(Some)
        }
    })
}

/// Names of policies of our own, which nobody else's can have: no policy's name has a blank.
const EVERYTHING: &str = "the doctor's everything";
const DELEGATION: &str = "the doctor's delegation";

/// Whether a statement is of a policy of our own, which stands for another layer and decides nothing.
pub fn is_ours(statement: &StatementRef) -> bool {
    [EVERYTHING, DELEGATION].contains(&statement.policy.as_str())
}

/// A policy that allows everything, to judge one of the other layers alone.
pub fn allow_all() -> Arc<Policy> {
    static ALL: LazyLock<Arc<Policy>> = LazyLock::new(|| {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        ours(Kind::Identity, EVERYTHING, text)
    });
    Arc::clone(&ALL)
}

/// A resource policy that leaves everything to the policies of an account, as a key's first statement does.
pub fn delegate_to(account: &str) -> Arc<Policy> {
    let text = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "*", "Resource": "*"}
    });
    ours(Kind::Resource, DELEGATION, &text.to_string())
}

fn ours(kind: Kind, name: &str, text: &str) -> Arc<Policy> {
    let (document, _) = Document::recover(kind, text);
    #[expect(clippy::expect_used, reason = "the text is written here and read by every test of the checks")]
    Policy::compile(name, document.expect("our own policy is one"))
}
