//! The AWS operations that the doctor calls: all of them, in one list.
//!
//! The list is the promise that nothing is changed: a client refuses what is not in it
//! (`client`), and the minimal policy of `streamkap-doctor policy` is made from it
//! (`permissions`).

use crate::facts::FactId;

/// One AWS operation.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// The service as its SDK calls it: `IAM`.
    pub service: &'static str,
    /// The operation: `GetRole`.
    pub name: &'static str,
    /// The IAM action that allows it; it may have another name than the operation.
    pub action: &'static str,
    /// What can stand in `Resource` for it.
    pub scope: Scope,
    /// The facts it is called for.
    pub facts: &'static [FactId],
    /// Error codes by which AWS says that there is none.
    pub absent: &'static [&'static str],
    /// For what of `denials` it is called besides.
    pub search: Option<Search>,
}

/// What `denials` may read beyond facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Search {
    /// A trail's log files.
    Trail,
    /// CloudTrail Lake.
    Lake,
    /// Athena.
    Athena,
    /// Encoded messages, to open them.
    Decode,
}

/// What a permission can be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// No permission is needed.
    Nothing,
    /// The role.
    Role,
    /// Managed policies, whichever the role has.
    Policies,
    /// The buckets.
    Buckets,
    /// Keys, whichever the buckets and the catalogue have.
    Keys,
    /// Buckets of trails.
    TrailBuckets,
    /// Log files in them.
    LogFiles,
    /// The catalogue, the databases and their tables: Glue wants all of them.
    Databases,
    /// Clusters: all of the region, for their names are listed when one is not found.
    Clusters,
    /// Workgroups: all of the region, for ARNs hold ids that are not known before.
    Workgroups,
    /// `*`: the action knows no resources, or is asked about all of them.
    Account,
}

/// Defines the operations and the list of them.
macro_rules! operations {
    (@search) => { None };
    (@search $search:ident) => { Some(Search::$search) };
    ($($id:ident = $service:literal $name:literal, $action:literal, $scope:ident, [$($fact:ident),*], [$($absent:literal),*] $(for $search:ident)?;)*) => {
        $(
            #[doc = concat!("`", $service, "` `", $name, "`.")]
            pub const $id: Operation = Operation {
                service: $service,
                name: $name,
                action: $action,
                scope: Scope::$scope,
                facts: &[$(FactId::$fact),*],
                absent: &[$($absent),*],
                search: operations!(@search $($search)?),
            };
        )*
        /// Every operation the doctor calls.
        pub const ALL: &[Operation] = &[$($id),*];
    };
}

operations! {
    GET_CALLER_IDENTITY = "STS" "GetCallerIdentity", "sts:GetCallerIdentity", Nothing, [Caller], [];
    GET_ROLE = "IAM" "GetRole", "iam:GetRole", Role, [Role], ["NoSuchEntity"];
    LIST_ROLES = "IAM" "ListRoles", "iam:ListRoles", Account, [RoleNames], [];
    LIST_ATTACHED_ROLE_POLICIES =
        "IAM" "ListAttachedRolePolicies", "iam:ListAttachedRolePolicies", Role, [RolePolicies], ["NoSuchEntity"];
    LIST_ROLE_POLICIES = "IAM" "ListRolePolicies", "iam:ListRolePolicies", Role, [RolePolicies], ["NoSuchEntity"];
    GET_POLICY = "IAM" "GetPolicy", "iam:GetPolicy", Policies, [RolePolicies, Boundary], ["NoSuchEntity"];
    GET_POLICY_VERSION =
        "IAM" "GetPolicyVersion", "iam:GetPolicyVersion", Policies, [RolePolicies, Boundary], ["NoSuchEntity"];
    GET_ROLE_POLICY = "IAM" "GetRolePolicy", "iam:GetRolePolicy", Role, [RolePolicies], ["NoSuchEntity"];
    SIMULATE_PRINCIPAL_POLICY =
        "IAM" "SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy", Role, [Simulation], ["NoSuchEntity"];
    HEAD_BUCKET = "S3" "HeadBucket", "s3:ListBucket", Buckets, [Bucket], ["NotFound", "NoSuchBucket"];
    GET_BUCKET_POLICY =
        "S3" "GetBucketPolicy", "s3:GetBucketPolicy", Buckets, [BucketPolicy], ["NoSuchBucketPolicy"];
    GET_BUCKET_ENCRYPTION = "S3" "GetBucketEncryption", "s3:GetEncryptionConfiguration", Buckets, [BucketEncryption],
        ["ServerSideEncryptionConfigurationNotFoundError"];
    GET_BUCKET_OWNERSHIP_CONTROLS = "S3" "GetBucketOwnershipControls", "s3:GetBucketOwnershipControls", Buckets,
        [BucketOwnership], ["OwnershipControlsNotFoundError"];
    GET_PUBLIC_ACCESS_BLOCK = "S3" "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", Buckets,
        [BucketPublicAccess], ["NoSuchPublicAccessBlockConfiguration"];
    GET_OBJECT_LOCK_CONFIGURATION = "S3" "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration", Buckets,
        [BucketObjectLock], ["ObjectLockConfigurationNotFoundError", "ObjectLockConfigurationNotFound"];
    DESCRIBE_KEY = "KMS" "DescribeKey", "kms:DescribeKey", Keys, [Key], ["NotFoundException"];
    GET_KEY_POLICY = "KMS" "GetKeyPolicy", "kms:GetKeyPolicy", Keys, [KeyPolicy], ["NotFoundException"];
    LIST_GRANTS = "KMS" "ListGrants", "kms:ListGrants", Keys, [KeyGrants], ["NotFoundException"];
    GENERATE_SERVICE_LAST_ACCESSED_DETAILS = "IAM" "GenerateServiceLastAccessedDetails",
        "iam:GenerateServiceLastAccessedDetails", Role, [RoleLastAccessed], ["NoSuchEntity"];
    GET_SERVICE_LAST_ACCESSED_DETAILS = "IAM" "GetServiceLastAccessedDetails",
        "iam:GetServiceLastAccessedDetails", Account, [RoleLastAccessed], [];
    GET_DATABASE = "Glue" "GetDatabase", "glue:GetDatabase", Databases, [GlueDatabase], ["EntityNotFoundException"];
    GET_DATABASES = "Glue" "GetDatabases", "glue:GetDatabases", Account, [GlueDatabaseNames], [];
    GET_TABLE = "Glue" "GetTable", "glue:GetTable", Databases, [GlueTables], ["EntityNotFoundException"];
    GET_TABLES = "Glue" "GetTables", "glue:GetTables", Databases, [GlueTables], ["EntityNotFoundException"];
    GET_RESOURCE_POLICY =
        "Glue" "GetResourcePolicy", "glue:GetResourcePolicy", Account, [GluePolicy], ["EntityNotFoundException"];
    GET_DATA_CATALOG_ENCRYPTION_SETTINGS = "Glue" "GetDataCatalogEncryptionSettings",
        "glue:GetDataCatalogEncryptionSettings", Account, [GlueEncryption], [];
    GET_DATA_LAKE_SETTINGS =
        "LakeFormation" "GetDataLakeSettings", "lakeformation:GetDataLakeSettings", Account, [LakeSettings], [];
    LIST_PERMISSIONS =
        "LakeFormation" "ListPermissions", "lakeformation:ListPermissions", Account, [LakePermissions],
        ["EntityNotFoundException"];
    LIST_RESOURCES = "LakeFormation" "ListResources", "lakeformation:ListResources", Account, [LakeLocations], [];
    LIST_LAKE_FORMATION_OPT_INS = "LakeFormation" "ListLakeFormationOptIns",
        "lakeformation:ListLakeFormationOptIns", Account, [LakeOptIns], [];
    DESCRIBE_CLUSTERS =
        "Redshift" "DescribeClusters", "redshift:DescribeClusters", Clusters, [RedshiftCluster], ["ClusterNotFound"];
    GET_WORKGROUP = "Redshift Serverless" "GetWorkgroup", "redshift-serverless:GetWorkgroup", Workgroups,
        [RedshiftWorkgroup], ["ResourceNotFoundException"];
    LIST_WORKGROUPS = "Redshift Serverless" "ListWorkgroups", "redshift-serverless:ListWorkgroups", Account,
        [RedshiftWorkgroup], [];
    DESCRIBE_ORGANIZATION = "Organizations" "DescribeOrganization", "organizations:DescribeOrganization", Account,
        [Organization], ["AWSOrganizationsNotInUseException"];
    DESCRIBE_TRAILS = "CloudTrail" "DescribeTrails", "cloudtrail:DescribeTrails", Account, [Trails], [];
    GET_TRAIL_STATUS =
        "CloudTrail" "GetTrailStatus", "cloudtrail:GetTrailStatus", Account, [Trails], ["TrailNotFoundException"];
    GET_EVENT_SELECTORS =
        "CloudTrail" "GetEventSelectors", "cloudtrail:GetEventSelectors", Account, [Trails], ["TrailNotFoundException"];
    LOOKUP_EVENTS = "CloudTrail" "LookupEvents", "cloudtrail:LookupEvents", Account,
        [HistoryAssumeRole, HistoryChanges, HistoryDenials], [];
    LIST_OBJECTS = "S3" "ListObjectsV2", "s3:ListBucket", TrailBuckets, [], [] for Trail;
    GET_OBJECT = "S3" "GetObject", "s3:GetObject", LogFiles, [], ["NoSuchKey"] for Trail;
    LIST_EVENT_DATA_STORES =
        "CloudTrail" "ListEventDataStores", "cloudtrail:ListEventDataStores", Account, [], [] for Lake;
    START_QUERY = "CloudTrail" "StartQuery", "cloudtrail:StartQuery", Account, [], [] for Lake;
    DESCRIBE_QUERY = "CloudTrail" "DescribeQuery", "cloudtrail:DescribeQuery", Account, [], [] for Lake;
    GET_QUERY_RESULTS = "CloudTrail" "GetQueryResults", "cloudtrail:GetQueryResults", Account, [], [] for Lake;
    GET_TABLE_METADATA = "Athena" "GetTableMetadata", "athena:GetTableMetadata", Account, [], [] for Athena;
    START_QUERY_EXECUTION = "Athena" "StartQueryExecution", "athena:StartQueryExecution", Account, [], [] for Athena;
    GET_QUERY_EXECUTION = "Athena" "GetQueryExecution", "athena:GetQueryExecution", Account, [], [] for Athena;
    GET_ATHENA_RESULTS = "Athena" "GetQueryResults", "athena:GetQueryResults", Account, [], [] for Athena;
    DECODE_AUTHORIZATION_MESSAGE =
        "STS" "DecodeAuthorizationMessage", "sts:DecodeAuthorizationMessage", Account, [], [] for Decode;
}

/// Operations that only read though their names do not say so: both languages are asked `SELECT` alone
/// (Lake knows nothing else), and decoding opens a message that the caller holds already.
#[cfg(test)]
const READING_BY_OTHER_NAMES: [&str; 4] =
    ["StartQuery", "StartQueryExecution", "DecodeAuthorizationMessage", "GenerateServiceLastAccessedDetails"];

/// Whether the operation is in the list.
pub(super) fn is_listed(service: &str, name: &str) -> bool {
    ALL.iter().any(|operation| operation.service == service && operation.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_only_reads() {
        for operation in ALL.iter().filter(|it| !READING_BY_OTHER_NAMES.contains(&it.name)) {
            let reads = ["Get", "List", "Describe", "Head", "Lookup", "Simulate"]
                .iter()
                .any(|verb| operation.name.starts_with(verb));
            assert!(reads, "{}", operation.name);
            let action = operation.action.split(':').nth(1).unwrap();
            let reads =
                ["Get", "List", "Describe", "Lookup", "Simulate"].iter().any(|verb| action.starts_with(verb));
            assert!(reads, "{}", operation.action);
        }
    }

    #[test]
    fn the_actions_of_a_fact_are_those_of_its_operations() {
        for (id, name, actions) in FactId::ALL {
            let called: BTreeSet<&str> = ALL
                .iter()
                .filter(|operation| operation.facts.contains(&id) && operation.scope != Scope::Nothing)
                .map(|operation| operation.action)
                .collect();
            assert_eq!(called, actions.iter().copied().collect(), "{name}");
        }
    }

    #[test]
    fn an_operation_is_called_for_facts_or_for_a_search() {
        for operation in ALL {
            assert_eq!(operation.facts.is_empty(), operation.search.is_some(), "{}", operation.name);
        }
    }

    #[test]
    fn an_operation_is_listed_once() {
        let names: BTreeSet<_> = ALL.iter().map(|operation| (operation.service, operation.name)).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(is_listed("IAM", "GetRole") && !is_listed("IAM", "DeleteRole"));
    }
}
