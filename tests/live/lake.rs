//! A customer's data lake on the server: a Glue database with a table, and a role that Iceberg writes with.
//! Lake Formation, Redshift and the report of last use are answered by the proxy in AWS's shapes, written by
//! hand from AWS's API references; not recorded.

use aws_sdk_glue::types::{DatabaseInput, StorageDescriptor, TableInput};
use serde_json::{Value, json};

use super::account::{Account, REGION, ROLE, policy};
use super::wire::{Message, error};

pub const DATABASE: &str = "sales";
pub const TABLE: &str = "orders";

impl Account {
    /// An account in which a role writes Iceberg tables: three managed and two inline policies.
    pub fn lake() -> Self {
        let account = Self::empty();
        account.bucket(&account.bucket_name());
        account.role(ROLE, &account.trust());
        account.attach(
            ROLE,
            "StreamkapGlue",
            &account.glue_policy(&["catalog", "database/sales", "table/sales/*"]),
        );
        account.attach(ROLE, "StreamkapFiles", &account.files_policy("warehouse/sales.db/"));
        account.attach(ROLE, "ReadsMetrics", &policy(&["cloudwatch:GetMetricData"], &["*"]));
        for name in ["InlineOne", "InlineTwo"] {
            account.inline(ROLE, name, &policy(&["tag:GetResources"], &["*"]));
        }
        account
    }

    fn glue(&self) -> aws_sdk_glue::Client {
        aws_sdk_glue::Client::new(&self.config)
    }

    /// The warehouse, as it is set in the connector.
    pub fn warehouse(&self) -> String {
        format!("s3://{}/warehouse", self.bucket_name())
    }

    /// What Iceberg asks of Glue, on these resources.
    pub fn glue_policy(&self, resources: &[&str]) -> Value {
        let arns: Vec<String> =
            resources.iter().map(|it| format!("arn:aws:glue:{REGION}:{}:{it}", self.id)).collect();
        let actions = [
            "glue:GetDatabase",
            "glue:CreateDatabase",
            "glue:GetTable",
            "glue:CreateTable",
            "glue:UpdateTable",
        ];
        policy(&actions, &arns.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What Iceberg asks of S3, below a prefix.
    pub fn files_policy(&self, prefix: &str) -> Value {
        let actions = ["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"];
        policy(&actions, &[&format!("arn:aws:s3:::{}/{prefix}*", self.bucket_name())])
    }

    /// A Glue database, perhaps with a location of its own.
    pub fn database(&self, name: &str, location: Option<&str>) {
        let input = DatabaseInput::builder().name(name).set_location_uri(location.map(str::to_owned));
        let call = self.glue().create_database().database_input(input.build().unwrap()).send();
        self.wait(call).unwrap();
    }

    /// An Iceberg table in the database.
    pub fn table(&self, name: &str, location: &str) {
        let storage = StorageDescriptor::builder().location(location).build();
        let input = TableInput::builder()
            .name(name)
            .storage_descriptor(storage)
            .parameters("table_type", "ICEBERG")
            .build()
            .unwrap();
        let call = self.glue().create_table().database_name(DATABASE).table_input(input).send();
        self.wait(call).unwrap();
    }

    /// The database and its table where the warehouse has them.
    pub fn tables(&self) {
        self.database(DATABASE, None);
        self.table(TABLE, &format!("{}/sales.db/{TABLE}", self.warehouse()));
    }
}

/// Answers for the Data Catalog what the server does not know: its own policy, if it has one, and that its
/// metadata is not encrypted.
pub fn catalog(policy: Option<Value>) -> impl Fn(&Message) -> Option<Message> {
    move |request| {
        let operation = request.operation();
        let body = match (operation.name, &policy) {
            ("GetDataCatalogEncryptionSettings", _) => json!({"DataCatalogEncryptionSettings": {
                "EncryptionAtRest": {"CatalogEncryptionMode": "DISABLED"}}}),
            ("GetResourcePolicy", Some(policy)) => json!({"PolicyInJson": policy.to_string()}),
            ("GetResourcePolicy", None) => {
                return Some(error(operation, 400, "EntityNotFoundException", "Policy not found"));
            }
            _ => return None,
        };
        Some(Message::answer(200, "application/x-amz-json-1.1", body.to_string()))
    }
}

/// Answers for the Data Catalog that its metadata is encrypted with this key.
pub fn encrypted_catalog(key: &str) -> impl Fn(&Message) -> Option<Message> + use<> {
    let body = json!({"DataCatalogEncryptionSettings": {
        "EncryptionAtRest": {"CatalogEncryptionMode": "SSE-KMS", "SseAwsKmsKeyId": key}}});
    move |request| {
        (request.operation().name == "GetDataCatalogEncryptionSettings")
            .then(|| Message::answer(200, "application/x-amz-json-1.1", body.to_string()))
    }
}

/// What Lake Formation answers from.
#[derive(Clone, Debug, Default)]
pub struct Governed {
    /// All grants there are.
    pub grants: Vec<Value>,
    /// Registered locations, as `ListResources` has them.
    pub locations: Vec<Value>,
    /// Whether new databases and tables are not left to IAM.
    pub governs: bool,
    /// Whether somebody else than the caller is the administrator.
    pub of_another: bool,
    /// Whether it refuses to list what nobody asks for by name.
    pub by_name_only: bool,
}

/// Answers for Lake Formation: the settings, these grants, no registered location. The caller administers it.
pub fn lake_formation(grants: Vec<Value>) -> impl Fn(&Message) -> Option<Message> {
    governed(Governed { grants, ..Governed::default() })
}

/// Answers for Lake Formation.
pub fn governed(lake: Governed) -> impl Fn(&Message) -> Option<Message> {
    move |request| {
        let operation = request.operation();
        let body = match operation.name {
            "GetDataLakeSettings" => {
                let account = request.access_key();
                let admin = if lake.of_another { "user/admin" } else { "root" };
                let defaults = if lake.governs { json!([]) } else { json!([by_iam()]) };
                json!({"DataLakeSettings": {
                    "DataLakeAdmins": [{"DataLakePrincipalIdentifier": format!("arn:aws:iam::{account}:{admin}")}],
                    "CreateDatabaseDefaultPermissions": defaults, "CreateTableDefaultPermissions": defaults}})
            }
            "ListPermissions" => {
                let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let principal = !asked["Principal"].is_null();
                let all = asked["Resource"].is_null() && asked["ResourceType"].is_null();
                if (principal && asked["Resource"].is_null()) || (all && lake.by_name_only) {
                    let what = "Resource is mandatory if Principal is set in the input.";
                    return Some(error(operation, 400, "InvalidInputException", what));
                }
                let granted: Vec<&Value> = lake.grants.iter().filter(|it| is_of(it, &asked)).collect();
                // A page holds fifty.
                let from: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let page: Vec<&&Value> = granted.iter().skip(from).take(50).collect();
                let mut answer = json!({"PrincipalResourcePermissions": page});
                if from + 50 < granted.len() {
                    answer["NextToken"] = json!((from + 50).to_string());
                }
                answer
            }
            "ListResources" => json!({"ResourceInfoList": lake.locations}),
            "ListLakeFormationOptIns" => json!({"LakeFormationOptInsInfoList": []}),
            _ => return None,
        };
        Some(Message::answer(200, "application/json", body.to_string()))
    }
}

fn by_iam() -> Value {
    json!({"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]})
}

/// A grant of these permissions.
pub fn grant(principal: &str, resource: &Value, permissions: &[&str]) -> Value {
    json!({"Principal": {"DataLakePrincipalIdentifier": principal}, "Resource": resource,
        "Permissions": permissions, "PermissionsWithGrantOption": []})
}

/// A grant of everything to `IAM_ALLOWED_PRINCIPALS`.
pub fn granted(resource: Value) -> Value {
    let mut grant = by_iam();
    grant["Resource"] = resource;
    grant["PermissionsWithGrantOption"] = json!([]);
    grant
}

/// The grants by which Lake Formation leaves everything to IAM.
pub fn left_to_iam() -> Vec<Value> {
    vec![
        granted(json!({"Database": {"Name": DATABASE}})),
        granted(json!({"Table": {"DatabaseName": DATABASE, "Name": TABLE}})),
    ]
}

/// Whether a grant is among those asked for, by principal or by resource.
fn is_of(grant: &Value, asked: &Value) -> bool {
    let principal = &asked["Principal"]["DataLakePrincipalIdentifier"];
    let by_principal = principal.is_null() || *principal == grant["Principal"]["DataLakePrincipalIdentifier"];
    let resource = &asked["Resource"];
    let same = |kind: &str, names: &[&str]| {
        let (wanted, has) = (&resource[kind], &grant["Resource"][kind]);
        !wanted.is_null() && !has.is_null() && names.iter().all(|name| wanted[name] == has[name])
    };
    let by_resource =
        resource.is_null() || same("Database", &["Name"]) || same("Table", &["DatabaseName", "Name"]);
    let kind = match asked["ResourceType"].as_str() {
        Some("DATA_LOCATION") => "DataLocation",
        None => "",
        other => panic!("{other:?} is not a type that the doctor asks for"),
    };
    let by_kind = kind.is_empty() || !grant["Resource"][kind].is_null();
    by_principal && by_resource && by_kind
}

/// Answers `DescribeClusters` for a region without a cluster of the name asked for, and with this one.
pub fn clusters(known: &'static str) -> impl Fn(&Message) -> Option<Message> {
    move |request| {
        if request.operation().name != "DescribeClusters" {
            return None;
        }
        let named = request.parameter("ClusterIdentifier");
        if named.as_deref().is_some_and(|name| name != known) {
            let (status, kind) = (404, "text/xml");
            let body = "<ErrorResponse xmlns=\"http://redshift.amazonaws.com/doc/2012-12-01/\"><Error><Type>Sender</Type><Code>ClusterNotFound</Code><Message>Cluster not found.</Message></Error><RequestId>proxy</RequestId></ErrorResponse>";
            return Some(Message::answer(status, kind, body));
        }
        let body = format!(
            "<DescribeClustersResponse xmlns=\"http://redshift.amazonaws.com/doc/2012-12-01/\"><DescribeClustersResult><Clusters><Cluster><ClusterIdentifier>{known}</ClusterIdentifier><ClusterStatus>available</ClusterStatus><DBName>sales</DBName><MasterUsername>admin</MasterUsername><PubliclyAccessible>true</PubliclyAccessible></Cluster></Clusters></DescribeClustersResult><ResponseMetadata><RequestId>proxy</RequestId></ResponseMetadata></DescribeClustersResponse>"
        );
        Some(Message::answer(200, "text/xml", body))
    }
}
