//! The Glue Data Catalog of the connector's region, and Lake Formation's say over it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Fact;
use crate::model::LakeResource;

/// What was read of the Data Catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glue {
    /// Databases by name, those that connectors write to.
    #[serde(default)]
    pub databases: BTreeMap<String, Database>,
    /// Names of the catalogue's databases, asked only when one was not found (`glue:GetDatabases`). Lake
    /// Formation leaves out what the caller may not see.
    #[serde(default)]
    pub database_names: Fact<Vec<String>>,
    /// The catalogue's resource policy (`glue:GetResourcePolicy`).
    #[serde(default)]
    pub policy: Fact<String>,
    /// How the catalogue encrypts its metadata (`glue:GetDataCatalogEncryptionSettings`).
    #[serde(default)]
    pub encryption: Fact<CatalogEncryption>,
}

/// What was read of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// `glue:GetDatabase`.
    #[serde(default)]
    pub metadata: Fact<DatabaseMetadata>,
    /// Its tables, or the one that was named (`glue:GetTables`, `glue:GetTable`). Lake Formation leaves out
    /// what the caller may not see.
    #[serde(default)]
    pub tables: Fact<Vec<Table>>,
}

/// A database's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseMetadata {
    /// The name as the catalogue holds it: in lower case.
    pub name: String,
    /// `LocationUri`, under which tables are made that name no place of their own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// For a resource link, the database it stands for: `ACCOUNT:DATABASE`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub links_to: Option<String>,
    /// What Lake Formation grants on new tables of this database (`CreateTableDefaultPermissions`).
    #[serde(default)]
    pub new_tables: Vec<DefaultPermissions>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The name.
    pub name: String,
    /// Where its files are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// The parameter `metadata_location`: the newest metadata file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub metadata_file: Option<String>,
    /// `StorageDescriptor.AdditionalLocations`. Iceberg puts there the values of `write.data.path`,
    /// `write.metadata.path`, `write.object-storage.path` and `write.folder-storage.path`, and not which is which
    /// (apache/iceberg `IcebergToGlueConverter`).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub further_locations: Vec<String>,
    /// The parameter `write.data.path`, where the Data Catalog has it: Iceberg does not put it there itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data_path: Option<String>,
    /// The parameter `table_type`: `ICEBERG`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub format: Option<String>,
    /// `IsRegisteredWithLakeFormation`.
    #[serde(default)]
    pub registered: bool,
}

impl Table {
    /// Whether it is an Iceberg table: the connector writes to no others (`Input Glue table is not an
    /// iceberg table`).
    pub fn is_iceberg(&self) -> bool {
        self.format.as_deref().is_some_and(|format| format.eq_ignore_ascii_case("iceberg"))
    }
}

/// How the catalogue encrypts its metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEncryption {
    /// `DISABLED`, `SSE-KMS` (with the caller's permissions) or `SSE-KMS-WITH-SERVICE-ROLE`.
    pub mode: String,
    /// The key's ARN, id or alias; `None`: the AWS managed key `aws/glue`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// The role by which Glue uses the key in the mode `SSE-KMS-WITH-SERVICE-ROLE`, by its ARN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_role: Option<String>,
}

/// Of a database's tables, how many are asked about one by one where the grants could not be listed all at
/// once: each costs a call. They are the first Iceberg tables of [`Database::tables`].
pub const TABLES_ASKED: usize = 3;

/// What was read of Lake Formation, which is regional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeFormation {
    /// `lakeformation:GetDataLakeSettings`.
    #[serde(default)]
    pub settings: Fact<LakeSettings>,
    /// Grants on the catalogue, the databases, their tables and data locations, and what the role has by tags
    /// and filters (`lakeformation:ListPermissions`). AWS shows a caller who is no administrator fewer than
    /// there are, and says nothing of it.
    #[serde(default)]
    pub permissions: Fact<Vec<LakeGrant>>,
    /// Whether those were listed all at once. Otherwise they are those on the databases, on all tables of a
    /// database together and on the first [`TABLES_ASKED`] of them, on registered locations; and nobody asked
    /// about the catalogue.
    #[serde(default)]
    pub all_grants: bool,
    /// Registered locations (`lakeformation:ListResources`).
    #[serde(default)]
    pub locations: Fact<Vec<LakeLocation>>,
    /// Opt-ins of hybrid mode (`lakeformation:ListLakeFormationOptIns`), asked only when a location is in
    /// hybrid mode.
    #[serde(default)]
    pub opt_ins: Fact<Vec<LakeOptIn>>,
}

/// The data lake settings of an account in a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeSettings {
    /// Data lake administrators, as ARNs.
    #[serde(default)]
    pub admins: Vec<String>,
    /// Administrators who may only read, as ARNs.
    #[serde(default)]
    pub read_only_admins: Vec<String>,
    /// What is granted on new databases.
    #[serde(default)]
    pub new_databases: Vec<DefaultPermissions>,
    /// What is granted on new tables.
    #[serde(default)]
    pub new_tables: Vec<DefaultPermissions>,
    /// `AllowFullTableExternalDataAccess`.
    #[serde(default)]
    pub full_table_external_access: bool,
}

/// What is granted on every new database or table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultPermissions {
    /// `IAM_ALLOWED_PRINCIPALS` or an ARN.
    pub principal: String,
    /// `ALL`, …
    pub permissions: Vec<String>,
}

/// One grant of Lake Formation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeGrant {
    /// `IAM_ALLOWED_PRINCIPALS`, `ACCOUNT:IAMPrincipals`, an ARN.
    pub principal: String,
    /// On what.
    pub on: LakeResource,
    /// `ALL`, `DESCRIBE`, `CREATE_TABLE`, `ALTER`, `DATA_LOCATION_ACCESS`, …
    pub permissions: Vec<String>,
}

/// A location that is registered with Lake Formation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeLocation {
    /// `arn:aws:s3:::bucket/path`.
    pub arn: String,
    /// The role by which Lake Formation reads and writes there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
    /// `HybridAccessEnabled`: only principals that opted in are subject to Lake Formation.
    #[serde(default)]
    pub hybrid: bool,
}

/// An opt-in of hybrid mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LakeOptIn {
    /// The principal that is subject to Lake Formation, as in [`LakeGrant`].
    pub principal: String,
    /// On what.
    pub on: LakeResource,
}
