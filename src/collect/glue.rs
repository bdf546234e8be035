//! The Data Catalog: databases, their tables, the catalogue's policy and encryption.

use aws_sdk_glue::Client;
use futures::future::join_all;

use super::client::Aws;
use super::error::failed;
use super::operations::{
    GET_DATA_CATALOG_ENCRYPTION_SETTINGS, GET_DATABASE, GET_DATABASES, GET_RESOURCE_POLICY, GET_TABLE,
    GET_TABLES,
};
use super::s3::wanted;
use crate::facts::{
    CatalogEncryption, Database, DatabaseMetadata, DefaultPermissions, Fact, FactId, FailureKind, Glue,
    Refusal, Table,
};
use crate::plan::Plan;

/// Entries of a page, the most that Glue gives.
const PAGE: i32 = 100;
/// Pages of tables that are read: of a database with more, nothing is said.
const PAGES_OF_TABLES: usize = 20;
/// Pages of databases' names, which are only for telling near misses.
const PAGES_OF_NAMES: usize = 10;

/// What can be asked without any other answer.
pub(super) async fn first(aws: &Aws<'_>, plan: &Plan, region: &str) -> Glue {
    let client = &aws.glue(region);
    let databases = plan.databases.iter().map(|(name, table)| async move {
        let (metadata, tables) = tokio::join!(
            wanted(plan, FactId::GlueDatabase, database(aws, client, name)),
            wanted(plan, FactId::GlueTables, tables(aws, client, name, table.as_deref())),
        );
        (name.clone(), Database { metadata, tables })
    });
    let (databases, policy, encryption) = tokio::join!(
        join_all(databases),
        wanted(plan, FactId::GluePolicy, policy(aws, client)),
        wanted(plan, FactId::GlueEncryption, encryption(aws, client)),
    );
    let database_names = Fact::NotAsked("asked only when a database is not found".to_owned());
    Glue { databases: databases.into_iter().collect(), database_names, policy, encryption }
}

/// Names of the catalogue's databases, for telling near misses.
pub(super) async fn names(aws: &Aws<'_>, region: &str) -> Fact<Vec<String>> {
    let client = aws.glue(region);
    let (mut names, mut token) = (Vec::new(), None);
    for _ in 0..PAGES_OF_NAMES {
        let call = client.get_databases().max_results(PAGE).set_next_token(token).send();
        let answer = explained(aws.ask(&GET_DATABASES, call).await);
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        names.extend(answer.database_list().iter().map(|it| it.name().to_owned()));
        token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    Fact::Known(names)
}

async fn database(aws: &Aws<'_>, client: &Client, name: &str) -> Fact<DatabaseMetadata> {
    let answer = explained(aws.ask(&GET_DATABASE, client.get_database().name(name).send()).await);
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let Some(database) = answer.database() else {
        return failed(&GET_DATABASE, FailureKind::Unreadable, "GetDatabase answered without a database");
    };
    let link = database.target_database();
    Fact::Known(DatabaseMetadata {
        name: database.name().to_owned(),
        location: database.location_uri().filter(|uri| !uri.is_empty()).map(str::to_owned),
        links_to: link.map(|link| {
            let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
            format!("{}:{}", part(link.catalog_id()), part(link.database_name()))
        }),
        new_tables: database
            .create_table_default_permissions()
            .iter()
            .map(|it| DefaultPermissions {
                principal: it
                    .principal()
                    .and_then(|it| it.data_lake_principal_identifier())
                    .unwrap_or_default()
                    .to_owned(),
                permissions: it.permissions().iter().map(|it| it.as_str().to_owned()).collect(),
            })
            .collect(),
    })
}

/// The database's tables, or the one that was named.
async fn tables(aws: &Aws<'_>, client: &Client, database: &str, named: Option<&str>) -> Fact<Vec<Table>> {
    if let Some(name) = named {
        let call = client.get_table().database_name(database).name(name).send();
        let answer = explained(aws.ask(&GET_TABLE, call).await);
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        return match answer.table() {
            Some(read) => Fact::Known(vec![table(read)]),
            None => failed(&GET_TABLE, FailureKind::Unreadable, "GetTable answered without a table"),
        };
    }
    let (mut tables, mut token) = (Vec::new(), None);
    for _ in 0..PAGES_OF_TABLES {
        let call = client.get_tables().database_name(database).max_results(PAGE).set_next_token(token).send();
        let answer = explained(aws.ask(&GET_TABLES, call).await);
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        if answer.table_list().iter().any(|it| it.name().is_empty()) {
            return failed(&GET_TABLES, FailureKind::Unreadable, "GetTables answered a table without a name");
        }
        tables.extend(answer.table_list().iter().map(table));
        token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Fact::Known(tables);
        }
    }
    let what =
        format!("the database {database} has more than {} tables; name one with --table", tables.len());
    failed(&GET_TABLES, FailureKind::Unreadable, what)
}

fn table(table: &aws_sdk_glue::types::Table) -> Table {
    let storage = table.storage_descriptor();
    let further = storage.map_or(&[][..], |it| it.additional_locations());
    let parameter = |name: &str| table.parameters()?.get(name).filter(|value| !value.is_empty()).cloned();
    Table {
        name: table.name().to_owned(),
        location: storage.and_then(|it| it.location()).filter(|uri| !uri.is_empty()).map(str::to_owned),
        metadata_file: parameter("metadata_location"),
        further_locations: further.to_vec(),
        data_path: parameter("write.data.path"),
        format: parameter("table_type"),
        registered: table.is_registered_with_lake_formation(),
    }
}

async fn policy(aws: &Aws<'_>, client: &Client) -> Fact<String> {
    let answer = aws.ask(&GET_RESOURCE_POLICY, client.get_resource_policy().send()).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    match answer.policy_in_json() {
        Some(text) => Fact::Known(text.to_owned()),
        None => failed(
            &GET_RESOURCE_POLICY,
            FailureKind::Unreadable,
            "GetResourcePolicy answered without a policy",
        ),
    }
}

async fn encryption(aws: &Aws<'_>, client: &Client) -> Fact<CatalogEncryption> {
    let call = client.get_data_catalog_encryption_settings().send();
    let answer = aws.ask(&GET_DATA_CATALOG_ENCRYPTION_SETTINGS, call).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let Some(settings) = answer.data_catalog_encryption_settings() else {
        let what = "GetDataCatalogEncryptionSettings answered without settings";
        return failed(&GET_DATA_CATALOG_ENCRYPTION_SETTINGS, FailureKind::Unreadable, what);
    };
    let at_rest = settings.encryption_at_rest();
    Fact::Known(CatalogEncryption {
        mode: at_rest.map_or("DISABLED", |it| it.catalog_encryption_mode().as_str()).to_owned(),
        key: at_rest.and_then(|it| it.sse_aws_kms_key_id()).filter(|key| !key.is_empty()).map(str::to_owned),
        service_role: at_rest.and_then(|it| it.catalog_encryption_service_role()).map(str::to_owned),
    })
}

/// Says who can help when Lake Formation refuses the caller: no IAM permission would.
fn explained<T>(fact: Fact<T>) -> Fact<T> {
    match fact {
        Fact::Denied(refusal) if refusal.message.contains("Lake Formation permission") => {
            Fact::Denied(Refusal {
                message: format!(
                    "{}; this is Lake Formation, not IAM: a data lake administrator can grant you DESCRIBE or make you a read-only administrator",
                    refusal.message
                ),
                ..refusal
            })
        }
        fact => fact,
    }
}
