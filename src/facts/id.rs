//! The name of each fact, by which checks declare what they read and from which the doctor's own
//! minimal policy is made.

use std::fmt;
use std::str::FromStr;

/// One kind of fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactId {
    /// Who runs the doctor.
    Caller,
    /// The role itself with its trust policy, session duration and last use.
    Role,
    /// Names of the account's roles.
    RoleNames,
    /// The role's managed and inline policies.
    RolePolicies,
    /// The permissions boundary's document.
    Boundary,
    /// AWS's simulator.
    Simulation,
    /// Whether the bucket exists, and where.
    Bucket,
    /// The bucket policy.
    BucketPolicy,
    /// The bucket's default encryption.
    BucketEncryption,
    /// The bucket's ownership controls.
    BucketOwnership,
    /// The bucket's public access block.
    BucketPublicAccess,
    /// The bucket's Object Lock.
    BucketObjectLock,
    /// The KMS key.
    Key,
    /// The KMS key's policy.
    KeyPolicy,
    /// The KMS key's grants.
    KeyGrants,
    /// When the role last used each service.
    RoleLastAccessed,
    /// The Glue database.
    GlueDatabase,
    /// Names of the catalogue's databases.
    GlueDatabaseNames,
    /// The database's tables.
    GlueTables,
    /// The Data Catalog's resource policy.
    GluePolicy,
    /// The Data Catalog's encryption.
    GlueEncryption,
    /// The data lake settings.
    LakeSettings,
    /// Lake Formation's grants.
    LakePermissions,
    /// Locations registered with Lake Formation.
    LakeLocations,
    /// Opt-ins of Lake Formation's hybrid mode.
    LakeOptIns,
    /// The Redshift cluster.
    RedshiftCluster,
    /// The Redshift Serverless workgroup.
    RedshiftWorkgroup,
    /// The organisation.
    Organization,
    /// Trails, their status and selectors.
    Trails,
    /// `AssumeRole` calls in the event history.
    HistoryAssumeRole,
    /// Changes in the event history.
    HistoryChanges,
    /// Denials in the event history.
    HistoryDenials,
}

impl FactId {
    /// Every fact, its name in check pages, and the IAM actions that reading it needs.
    pub const ALL: [(Self, &'static str, &'static [&'static str]); 32] = [
        (Self::Caller, "caller", &[]),
        (Self::Role, "role", &["iam:GetRole"]),
        (Self::RoleNames, "role-names", &["iam:ListRoles"]),
        (
            Self::RolePolicies,
            "role.policies",
            &[
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:GetPolicy",
                "iam:GetPolicyVersion",
                "iam:GetRolePolicy",
            ],
        ),
        (Self::Boundary, "role.boundary", &["iam:GetPolicy", "iam:GetPolicyVersion"]),
        (Self::Simulation, "simulation", &["iam:SimulatePrincipalPolicy"]),
        (Self::Bucket, "bucket", &["s3:ListBucket"]),
        (Self::BucketPolicy, "bucket.policy", &["s3:GetBucketPolicy"]),
        (Self::BucketEncryption, "bucket.encryption", &["s3:GetEncryptionConfiguration"]),
        (Self::BucketOwnership, "bucket.ownership", &["s3:GetBucketOwnershipControls"]),
        (Self::BucketPublicAccess, "bucket.public-access", &["s3:GetBucketPublicAccessBlock"]),
        (Self::BucketObjectLock, "bucket.object-lock", &["s3:GetBucketObjectLockConfiguration"]),
        (Self::Key, "key", &["kms:DescribeKey"]),
        (Self::KeyPolicy, "key.policy", &["kms:GetKeyPolicy"]),
        (Self::KeyGrants, "key.grants", &["kms:ListGrants"]),
        (
            Self::RoleLastAccessed,
            "role.last-accessed",
            &["iam:GenerateServiceLastAccessedDetails", "iam:GetServiceLastAccessedDetails"],
        ),
        (Self::GlueDatabase, "glue.database", &["glue:GetDatabase"]),
        (Self::GlueDatabaseNames, "glue.database-names", &["glue:GetDatabases"]),
        (Self::GlueTables, "glue.tables", &["glue:GetTable", "glue:GetTables"]),
        (Self::GluePolicy, "glue.policy", &["glue:GetResourcePolicy"]),
        (Self::GlueEncryption, "glue.encryption", &["glue:GetDataCatalogEncryptionSettings"]),
        (Self::LakeSettings, "lake-formation.settings", &["lakeformation:GetDataLakeSettings"]),
        (Self::LakePermissions, "lake-formation.permissions", &["lakeformation:ListPermissions"]),
        (Self::LakeLocations, "lake-formation.locations", &["lakeformation:ListResources"]),
        (Self::LakeOptIns, "lake-formation.opt-ins", &["lakeformation:ListLakeFormationOptIns"]),
        (Self::RedshiftCluster, "redshift.cluster", &["redshift:DescribeClusters"]),
        (
            Self::RedshiftWorkgroup,
            "redshift.workgroup",
            &["redshift-serverless:GetWorkgroup", "redshift-serverless:ListWorkgroups"],
        ),
        (Self::Organization, "organization", &["organizations:DescribeOrganization"]),
        (
            Self::Trails,
            "trails",
            &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"],
        ),
        (Self::HistoryAssumeRole, "history.assume-role", &["cloudtrail:LookupEvents"]),
        (Self::HistoryChanges, "history.changes", &["cloudtrail:LookupEvents"]),
        (Self::HistoryDenials, "history.denials", &["cloudtrail:LookupEvents"]),
    ];

    fn row(self) -> &'static (Self, &'static str, &'static [&'static str]) {
        &Self::ALL[self as usize]
    }

    /// The name used in check pages: `role.policies`.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// The IAM actions that reading it needs.
    pub fn actions(self) -> &'static [&'static str] {
        self.row().2
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for FactId {
    type Err = UnknownFact;

    fn from_str(text: &str) -> Result<Self, UnknownFact> {
        Self::ALL
            .iter()
            .find(|(_, name, _)| *name == text)
            .map(|(id, _, _)| *id)
            .ok_or_else(|| UnknownFact(text.to_owned()))
    }
}

/// No fact has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a fact")]
pub struct UnknownFact(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (position, (id, name, _)) in FactId::ALL.iter().enumerate() {
            assert_eq!(*id as usize, position, "{name}");
            assert_eq!(name.parse::<FactId>(), Ok(*id));
        }
    }
}
