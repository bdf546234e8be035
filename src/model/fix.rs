//! Fixes as typed changes. Made and verified in `prescribe`, shown by `report`, never applied to
//! an account.

use serde::{Deserialize, Serialize};

use super::{CheckId, LakeResource};

/// A change that mends a finding, who can make it, and whether it was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fix {
    /// One sentence in the imperative: `Allow s3:PutObject on arn:aws:s3:::orders/*`.
    pub title: String,
    /// Who can make it.
    pub owner: Owner,
    /// The change itself.
    pub change: Change,
    /// What applying it to the facts in memory and diagnosing again showed.
    pub verification: Verification,
    /// The checks that fail or warn now and would no longer after this change alone, by that diagnosis.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub clears: Vec<CheckId>,
    /// The checks that would no longer fail or warn after this change and those before it, and still do after each alone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub completes: Vec<CheckId>,
    /// What else whoever makes it should know, a sentence each: whom it counts for besides the role, what a Deny that
    /// it changes still does, what it leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

impl Fix {
    /// A change that is known to clear nothing, with nothing else to know of it.
    pub fn new(title: String, owner: Owner, change: Change, verification: Verification) -> Self {
        let (clears, completes, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { title, owner, change, verification, clears, completes, notes }
    }
}

/// One of the changes that are made in order to mend what several checks found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The checks whose findings it was made for.
    pub mends: Vec<CheckId>,
    /// The change, and what trying it after those before it showed.
    pub fix: Fix,
}

/// Who can make a change.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Whoever may edit the role.
    You,
    /// The administrator of the AWS organisation.
    OrganizationAdmin,
    /// Whoever may edit the KMS key's policy.
    KeyOwner,
    /// The Lake Formation administrator.
    LakeFormationAdmin,
    /// The account that owns the bucket.
    BucketAccount,
    /// Whoever looks after the permissions boundaries of the account.
    BoundaryOwner,
    /// Streamkap.
    Streamkap,
}

impl Owner {
    /// In words, as the report says it.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::OrganizationAdmin => "your organization's administrator",
            Self::KeyOwner => "the owner of the KMS key",
            Self::LakeFormationAdmin => "your Lake Formation administrator",
            Self::BucketAccount => "the account that owns the bucket",
            Self::BoundaryOwner => "whoever looks after your permissions boundaries",
            Self::Streamkap => "Streamkap",
        }
    }
}

/// A change to an AWS account, complete enough to be applied to facts and to be rendered as policy
/// JSON and as AWS CLI commands. Documents are whole and pretty-printed: what would stand there after the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Replace a policy's document: `before` is what AWS holds now (absent if the policy is new).
    SetPolicy {
        /// Where the policy lives.
        home: PolicyHome,
        /// The document now, as AWS stores it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        before: Option<String>,
        /// The document after the change.
        after: String,
    },
    /// Delete a policy of which no statement is left: one embedded in the role, a bucket's or the Data Catalog's.
    DeletePolicy {
        /// Where the policy lives.
        home: PolicyHome,
        /// The document now, as AWS stores it.
        before: String,
    },
    /// Attach a managed policy to the role.
    AttachPolicy {
        /// The role's name.
        role: String,
        /// The managed policy's ARN.
        policy_arn: String,
    },
    /// Detach a managed policy from the role.
    DetachPolicy {
        /// The role's name.
        role: String,
        /// The managed policy's ARN.
        policy_arn: String,
    },
    /// Grant the role permissions in Lake Formation.
    GrantLakeFormation {
        /// The role's ARN.
        principal: String,
        /// On what.
        on: LakeResource,
        /// `DESCRIBE`, `CREATE_TABLE`, `ALTER`, `DATA_LOCATION_ACCESS`, …
        permissions: Vec<String>,
        /// The region, in which alone the grant holds.
        region: String,
    },
    /// Something that no policy expresses (enable a key, call the organisation's administrator): steps in words.
    Manual {
        /// The steps, in order.
        steps: Vec<String>,
        /// Commands that do or check it, if there are any.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        commands: Vec<String>,
    },
}

impl Change {
    /// Where the document lives that it writes or deletes.
    pub fn home(&self) -> Option<&PolicyHome> {
        match self {
            Self::SetPolicy { home, .. } | Self::DeletePolicy { home, .. } => Some(home),
            _ => None,
        }
    }

    /// Whether the two are one change, or write one document: then the second undoes the first.
    pub fn is_of_one(&self, other: &Self) -> bool {
        match (self.home(), other.home()) {
            (Some(home), Some(other)) => home == other,
            _ => self == other,
        }
    }
}

/// Where a policy document lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum PolicyHome {
    /// The role's trust policy.
    Trust {
        /// The role's name.
        role: String,
    },
    /// A policy embedded in the role.
    Inline {
        /// The role's name.
        role: String,
        /// The policy's name.
        name: String,
    },
    /// A customer managed policy.
    Managed {
        /// The policy's ARN.
        arn: String,
    },
    /// A bucket's policy.
    Bucket {
        /// The bucket's name.
        bucket: String,
    },
    /// A KMS key's policy.
    Key {
        /// The key's ARN.
        arn: String,
    },
    /// The Glue Data Catalog's resource policy.
    Catalog {
        /// The account that owns it.
        account: String,
        /// Its region.
        region: String,
    },
}

/// What became of applying the fix to the facts in memory and diagnosing again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Verification {
    /// The finding is gone and nothing that passed fails.
    Verified,
    /// The finding is gone only together with the other fixes of this report, named by check id.
    VerifiedTogether {
        /// The checks whose fixes are needed too.
        with: Vec<String>,
    },
    /// It could not be verified, and why.
    Unverified {
        /// The reason, in one sentence.
        reason: String,
    },
}
