//! What would mend a finding, said by the check that found it. `prescribe` turns it into a
//! [`Fix`](super::Fix): a whole document, verified on the facts.

use super::{LakeResource, Owner};

/// What would mend a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// The role's policies must allow these actions on these resources.
    AllowOnRole {
        /// Actions with the ARNs (patterns) they need.
        grants: Vec<(String, Vec<String>)>,
    },
    /// The trust policy must let Streamkap's principals in, with the external id of the target if given.
    TrustStreamkap,
    /// This principal in the trust policy is a mistake for Streamkap's: replace it.
    ReplacePrincipal {
        /// Position of the statement in the trust policy.
        statement: usize,
        /// The principal as it stands there.
        found: String,
        /// What must stand there.
        wanted: String,
    },
    /// The trust policy's external id must be the target's.
    SetExternalId {
        /// Position of the statement.
        statement: usize,
    },
    /// The statement trusts Streamkap without an external id: require the target's (or a placeholder).
    RequireExternalId {
        /// Position of the statement.
        statement: usize,
    },
    /// A condition in the trust policy that Streamkap's call cannot meet: remove it.
    DropTrustCondition {
        /// Position of the statement.
        statement: usize,
        /// The operator as written.
        operator: String,
        /// The key as written.
        key: String,
    },
    /// A condition key in the trust policy is a misspelling of another: call it by that name.
    RenameTrustKey {
        /// Position of the statement.
        statement: usize,
        /// The operator as written.
        operator: String,
        /// The key as written.
        key: String,
        /// The key that was meant.
        wanted: String,
    },
    /// A Deny in the trust policy hits Streamkap: exempt it.
    ExemptFromTrustDeny {
        /// Position of the statement.
        statement: usize,
    },
    /// The statement that names Streamkap lacks `sts:AssumeRole` or misspells it.
    SetTrustAction {
        /// Position of the statement.
        statement: usize,
    },
    /// A principal that need not be trusted.
    RemovePrincipal {
        /// Position of the statement.
        statement: usize,
        /// The principal as it stands there.
        found: String,
    },
    /// A Deny in the bucket policy hits the role: exempt the role.
    ExemptFromBucketPolicy {
        /// The bucket.
        bucket: String,
        /// Position of the statement.
        statement: usize,
    },
    /// The bucket policy must allow the role (bucket of another account).
    AllowInBucketPolicy {
        /// The bucket.
        bucket: String,
        /// Actions with ARNs.
        grants: Vec<(String, Vec<String>)>,
    },
    /// The key's policy must allow the role.
    AllowInKeyPolicy {
        /// The key's ARN.
        key: String,
        /// The actions.
        actions: Vec<String>,
    },
    /// A Deny in the key's policy hits the role: exempt the role.
    ExemptFromKeyPolicy {
        /// The key's ARN.
        key: String,
        /// Position of the statement.
        statement: usize,
    },
    /// A Deny in one of the role's policies hits a needed action: exempt the needed resources.
    ExemptFromRolePolicy {
        /// The policy's name.
        policy: String,
        /// Position of the statement.
        statement: usize,
        /// Actions with ARNs.
        grants: Vec<(String, Vec<String>)>,
    },
    /// The permissions boundary must allow these.
    AllowInBoundary {
        /// Actions with ARNs.
        grants: Vec<(String, Vec<String>)>,
    },
    /// A statement of a role policy allows more than is needed: narrow it to what is.
    Narrow(Narrowing),
    /// Replace a resource (pattern) in a role policy's statement.
    ReplaceResource {
        /// The policy's name.
        policy: String,
        /// Position of the statement.
        statement: usize,
        /// The resource as written.
        found: String,
        /// What must stand there.
        wanted: Vec<String>,
    },
    /// Resources (patterns) in a role policy's statement are mistaken, all in the same way: replace each.
    CorrectResources {
        /// The policy's name.
        policy: String,
        /// Position of the statement.
        statement: usize,
        /// Each resource as written, with what must stand there.
        corrections: Vec<(String, String)>,
    },
    /// The role's policies name a bucket that was probably meant to be another: name that one instead, wherever
    /// they allow something on it.
    CorrectBucket {
        /// The bucket as written.
        found: String,
        /// The bucket that was meant.
        wanted: String,
    },
    /// A Deny in the Data Catalog's resource policy hits the role: exempt the role.
    ExemptFromCatalogPolicy {
        /// Position of the statement.
        statement: usize,
    },
    /// Lake Formation must grant the role these permissions.
    GrantLakeFormation {
        /// Resources with the permissions that the role needs on them.
        grants: Vec<(LakeResource, Vec<String>)>,
    },
    /// Replace a broad managed policy by what the connector needs.
    ReplaceManagedPolicy {
        /// The policy's ARN.
        arn: String,
    },
    /// A managed policy was detached from the role: attach it again.
    AttachPolicy {
        /// The policy's ARN.
        arn: String,
        /// Its document, where it is known from facts or history; to verify the fix with.
        document: Option<String>,
    },
    /// An embedded policy of the role was deleted or changed: write what stood there.
    PutInlinePolicy {
        /// The policy's name.
        name: String,
        /// The document.
        document: String,
    },
    /// The trust policy was changed: write what stood there.
    RestoreTrust {
        /// The document.
        document: String,
    },
    /// Something that no policy expresses.
    Manual {
        /// Who can do it.
        owner: Owner,
        /// One sentence.
        title: String,
        /// Steps, in order.
        steps: Vec<String>,
        /// Commands that do or check it.
        commands: Vec<String>,
    },
}

/// What a statement of one of the role's policies allows beyond need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Narrowing {
    /// The policy's name.
    pub policy: String,
    /// Position of the statement.
    pub statement: usize,
    /// Actions and resources as written that are not needed together, or mean more than is.
    pub excess: Vec<(String, String)>,
    /// All that is needed: actions with their ARNs.
    pub needs: Vec<(String, Vec<String>)>,
}
