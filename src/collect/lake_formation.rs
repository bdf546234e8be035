//! Lake Formation: who administers it, what it grants, where it governs.
//!
//! `ListPermissions` tells what was granted explicitly, to anybody, on a resource; with a principal besides,
//! what that principal effectively has, by tags too.
//! <https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListPermissions.html>

use aws_sdk_lakeformation::Client;
use aws_sdk_lakeformation::types::{
    DataLakePrincipal, DataLakeResourceType, DatabaseResource, PrincipalPermissions,
    PrincipalResourcePermissions, Resource, TableResource, TableWildcard,
};
use futures::future::join_all;

use super::client::Aws;
use super::error::failed;
use super::operations::{
    GET_DATA_LAKE_SETTINGS, LIST_LAKE_FORMATION_OPT_INS, LIST_PERMISSIONS, LIST_RESOURCES,
};
use super::s3::wanted;
use crate::facts::{
    DefaultPermissions, Fact, FactId, FailureKind, Glue, LakeFormation, LakeGrant, LakeLocation, LakeOptIn,
    LakeResource, LakeSettings, TABLES_ASKED,
};
use crate::plan::Plan;
use crate::requirement::Location;
use crate::requirement::location::s3_address;

/// Entries of a page.
const PAGE: i32 = 1000;
/// Pages of any list.
const PAGES: usize = 10;
/// By which Lake Formation leaves a resource to IAM alone.
const ANYBODY: &str = "IAM_ALLOWED_PRINCIPALS";

/// What can be asked without any other answer: settings, registered locations, and grants on the databases,
/// on all of their tables, and on tables that were named.
pub(super) async fn first(aws: &Aws<'_>, plan: &Plan, region: &str) -> LakeFormation {
    let client = aws.lake_formation(region);
    let mut on: Vec<LakeResource> = Vec::new();
    for (database, table) in &plan.databases {
        on.push(LakeResource::Database { database: database.clone() });
        on.push(LakeResource::Table { database: database.clone(), table: None });
        on.extend(
            table.clone().map(|table| LakeResource::Table { database: database.clone(), table: Some(table) }),
        );
    }
    let (settings, locations, permissions) = tokio::join!(
        wanted(plan, FactId::LakeSettings, settings(aws, &client)),
        wanted(plan, FactId::LakeLocations, locations(aws, &client)),
        wanted(plan, FactId::LakePermissions, grants_on(aws, &client, on)),
    );
    let opt_ins = Fact::NotAsked("no location that the connector writes to is in hybrid mode".to_owned());
    LakeFormation { settings, permissions, locations, opt_ins }
}

/// Adds what the first answers lead to: grants on the first tables that were found and on registered
/// locations, and opt-ins where a location is in hybrid mode.
pub(super) async fn second(
    aws: &Aws<'_>,
    plan: &Plan,
    region: &str,
    read: (&Glue, &LakeFormation),
    places: &[Location],
) -> LakeFormation {
    let (glue, lake) = read;
    let client = aws.lake_formation(region);
    let found = plan.databases.iter().filter(|(_, named)| named.is_none());
    let on = found.flat_map(|(database, _)| tables_of(glue, database)).collect();
    let covering: Option<Vec<&LakeLocation>> = lake
        .locations
        .known()
        .map(|all| all.iter().filter(|it| places.iter().any(|place| meets(it, place))).collect());
    let is_registered = covering.as_ref().is_none_or(|it| !it.is_empty());
    let is_hybrid = covering.iter().flatten().any(|it| it.hybrid);
    let (tables, data_locations, opt_ins) = tokio::join!(
        wanted(plan, FactId::LakePermissions, grants_on(aws, &client, on)),
        wanted(plan, FactId::LakePermissions, async {
            let kind = Ask { kind: Some(DataLakeResourceType::DataLocation), ..Ask::default() };
            if is_registered { grants(aws, &client, kind).await } else { Fact::Known(Vec::new()) }
        }),
        async {
            match lake.locations.unread() {
                Some(unread) => unread,
                None if is_hybrid => wanted(plan, FactId::LakeOptIns, opt_ins(aws, &client)).await,
                None => lake.opt_ins.clone(),
            }
        },
    );
    let permissions = together(vec![lake.permissions.clone(), tables, data_locations]);
    LakeFormation { permissions, opt_ins, ..lake.clone() }
}

/// Adds what the role effectively has on databases and tables that Lake Formation does not leave to IAM:
/// grants by tags do not show on the resource.
pub(super) async fn third(
    aws: &Aws<'_>,
    plan: &Plan,
    region: &str,
    glue: &Glue,
    permissions: Fact<Vec<LakeGrant>>,
    role: &str,
) -> Fact<Vec<LakeGrant>> {
    let Some(explicit) = permissions.known() else { return permissions };
    let client = &aws.lake_formation(region);
    let databases = plan.databases.keys().map(|it| LakeResource::Database { database: it.clone() });
    let named = plan.databases.iter().filter_map(|(database, table)| {
        Some(LakeResource::Table { database: database.clone(), table: Some(table.clone()?) })
    });
    let found = plan.databases.keys().flat_map(|database| tables_of(glue, database));
    let mut on: Vec<LakeResource> = databases.chain(named).chain(found).collect();
    on.sort();
    on.dedup();
    on.retain(|on| !is_left_to_iam(explicit, on));
    let asks = on.into_iter().map(|on| {
        grants(aws, client, Ask { on: Some(on), principal: Some(role.to_owned()), ..Ask::default() })
    });
    let effective = join_all(asks).await;
    together([vec![permissions], effective].concat())
}

/// The first tables of a database that were found.
fn tables_of<'g>(glue: &'g Glue, database: &'g str) -> impl Iterator<Item = LakeResource> + 'g {
    let tables = glue.databases.get(database).and_then(|it| it.tables.known()).into_iter().flatten();
    tables
        .take(TABLES_ASKED)
        .map(|table| LakeResource::Table { database: database.to_owned(), table: Some(table.name.clone()) })
}

fn is_left_to_iam(grants: &[LakeGrant], on: &LakeResource) -> bool {
    let all = |it: &LakeGrant| it.principal == ANYBODY && it.permissions.iter().any(|it| it == "ALL");
    let covers = |granted: &LakeResource| match (granted, on) {
        (LakeResource::Table { database, table: None }, LakeResource::Table { database: wanted, .. }) => {
            database == wanted
        }
        (granted, on) => granted == on,
    };
    grants.iter().any(|grant| all(grant) && covers(&grant.on))
}

/// Whether a registered location holds a place, or part of it.
fn meets(location: &LakeLocation, place: &Location) -> bool {
    let path = location.arn.split(":::").nth(1).unwrap_or_default();
    s3_address(path).is_some_and(|(bucket, prefix)| {
        bucket == place.bucket && (place.prefix.starts_with(&prefix) || prefix.starts_with(&place.prefix))
    })
}

/// What to list grants by.
#[derive(Clone, Debug, Default)]
struct Ask {
    on: Option<LakeResource>,
    kind: Option<DataLakeResourceType>,
    principal: Option<String>,
}

async fn grants_on(aws: &Aws<'_>, client: &Client, on: Vec<LakeResource>) -> Fact<Vec<LakeGrant>> {
    let asks = on.into_iter().map(|on| grants(aws, client, Ask { on: Some(on), ..Ask::default() }));
    together(join_all(asks).await)
}

/// All grants, each once; unread when one list is. Where there is no such thing, there is no grant on it.
fn together(lists: Vec<Fact<Vec<LakeGrant>>>) -> Fact<Vec<LakeGrant>> {
    let mut grants: Vec<LakeGrant> = Vec::new();
    for list in lists {
        match list {
            Fact::Known(list) => {
                for grant in list {
                    if !grants.contains(&grant) {
                        grants.push(grant);
                    }
                }
            }
            Fact::Absent => {}
            unread => return unread,
        }
    }
    Fact::Known(grants)
}

async fn grants(aws: &Aws<'_>, client: &Client, ask: Ask) -> Fact<Vec<LakeGrant>> {
    let resource = match ask.on.as_ref().map(resource).transpose() {
        Ok(resource) => resource.flatten(),
        Err(what) => return failed(&LIST_PERMISSIONS, FailureKind::Rejected, what),
    };
    let principal =
        ask.principal.map(|it| DataLakePrincipal::builder().data_lake_principal_identifier(it).build());
    let (mut grants, mut token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let call = client
            .list_permissions()
            .set_resource(resource.clone())
            .set_resource_type(ask.kind.clone())
            .set_principal(principal.clone())
            .max_results(PAGE)
            .set_next_token(token)
            .send();
        let answer = aws.ask(&LIST_PERMISSIONS, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        for grant in answer.principal_resource_permissions() {
            match read(grant, ask.on.as_ref().filter(|_| principal.is_some())) {
                Ok(grant) => grants.push(grant),
                Err(what) => return failed(&LIST_PERMISSIONS, FailureKind::Unreadable, what),
            }
        }
        token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Fact::Known(grants);
        }
    }
    failed(&LIST_PERMISSIONS, FailureKind::Unreadable, "the list of permissions does not end")
}

/// A grant. `asked`: what the effective permissions were asked on, where a tag brings them.
fn read(grant: &PrincipalResourcePermissions, asked: Option<&LakeResource>) -> Result<LakeGrant, String> {
    let principal = principal(grant.principal());
    // To whom such a grant applies is decided with each call.
    if grant.condition().is_some() && principal.ends_with(":IAMPrincipals") {
        return Err(format!("a grant of Lake Formation to {principal} has a condition, which is not judged"));
    }
    let on = match (grant.resource().map_or(LakeResource::Other, on), asked) {
        (LakeResource::Other, Some(asked)) => asked.clone(),
        (on, _) => on,
    };
    let permissions = grant.permissions().iter().map(|it| it.as_str().to_owned()).collect();
    Ok(LakeGrant { principal, on, permissions })
}

fn principal(principal: Option<&DataLakePrincipal>) -> String {
    principal.and_then(|it| it.data_lake_principal_identifier()).unwrap_or_default().to_owned()
}

/// A resource as Lake Formation is asked about it.
fn resource(on: &LakeResource) -> Result<Option<Resource>, String> {
    let builder = Resource::builder();
    let builder = match on {
        LakeResource::Database { database } => {
            builder.database(DatabaseResource::builder().name(database).build().map_err(|it| it.to_string())?)
        }
        LakeResource::Table { database, table } => {
            let all = table.is_none().then(|| TableWildcard::builder().build());
            let table = TableResource::builder()
                .database_name(database)
                .set_name(table.clone())
                .set_table_wildcard(all)
                .build();
            builder.table(table.map_err(|it| it.to_string())?)
        }
        LakeResource::Catalog | LakeResource::Location { .. } | LakeResource::Other => return Ok(None),
    };
    Ok(Some(builder.build()))
}

/// A resource as Lake Formation answers it. `SELECT` on a table comes with its columns.
fn on(resource: &Resource) -> LakeResource {
    if resource.catalog().is_some() {
        LakeResource::Catalog
    } else if let Some(it) = resource.database() {
        LakeResource::Database { database: it.name().to_owned() }
    } else if let Some(it) = resource.table() {
        let name = it.name().filter(|_| it.table_wildcard().is_none());
        LakeResource::Table { database: it.database_name().to_owned(), table: name.map(str::to_owned) }
    } else if let Some(it) = resource.table_with_columns() {
        let all = it.column_wildcard().is_some_and(|it| it.excluded_column_names().is_empty());
        let name = Some(it.name()).filter(|name| *name != "ALL_TABLES");
        if all {
            LakeResource::Table { database: it.database_name().to_owned(), table: name.map(str::to_owned) }
        } else {
            LakeResource::Other
        }
    } else if let Some(it) = resource.data_location() {
        LakeResource::Location { arn: it.resource_arn().to_owned() }
    } else {
        LakeResource::Other
    }
}

async fn settings(aws: &Aws<'_>, client: &Client) -> Fact<LakeSettings> {
    let answer = aws.ask(&GET_DATA_LAKE_SETTINGS, client.get_data_lake_settings().send()).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let Some(settings) = answer.data_lake_settings() else {
        let what = "GetDataLakeSettings answered without settings";
        return failed(&GET_DATA_LAKE_SETTINGS, FailureKind::Unreadable, what);
    };
    let arns = |list: &[DataLakePrincipal]| list.iter().map(|it| principal(Some(it))).collect();
    let defaults = |list: &[PrincipalPermissions]| {
        let one = |it: &PrincipalPermissions| DefaultPermissions {
            principal: principal(it.principal()),
            permissions: it.permissions().iter().map(|it| it.as_str().to_owned()).collect(),
        };
        list.iter().map(one).collect()
    };
    Fact::Known(LakeSettings {
        admins: arns(settings.data_lake_admins()),
        read_only_admins: arns(settings.read_only_admins()),
        new_databases: defaults(settings.create_database_default_permissions()),
        new_tables: defaults(settings.create_table_default_permissions()),
        full_table_external_access: settings.allow_full_table_external_data_access().unwrap_or(false),
    })
}

async fn locations(aws: &Aws<'_>, client: &Client) -> Fact<Vec<LakeLocation>> {
    let (mut locations, mut token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let call = client.list_resources().max_results(PAGE).set_next_token(token).send();
        let answer = aws.ask(&LIST_RESOURCES, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        locations.extend(answer.resource_info_list().iter().filter_map(|it| {
            Some(LakeLocation {
                arn: it.resource_arn()?.to_owned(),
                role: it.role_arn().map(str::to_owned),
                hybrid: it.hybrid_access_enabled().unwrap_or(false),
            })
        }));
        token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Fact::Known(locations);
        }
    }
    failed(&LIST_RESOURCES, FailureKind::Unreadable, "the list of registered locations does not end")
}

async fn opt_ins(aws: &Aws<'_>, client: &Client) -> Fact<Vec<LakeOptIn>> {
    let (mut opt_ins, mut token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let call = client.list_lake_formation_opt_ins().max_results(PAGE).set_next_token(token).send();
        let answer = aws.ask(&LIST_LAKE_FORMATION_OPT_INS, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        opt_ins.extend(answer.lake_formation_opt_ins_info_list().iter().map(|it| LakeOptIn {
            principal: principal(it.principal()),
            on: it.resource().map_or(LakeResource::Other, on),
        }));
        token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Fact::Known(opt_ins);
        }
    }
    failed(&LIST_LAKE_FORMATION_OPT_INS, FailureKind::Unreadable, "the list of opt-ins does not end")
}
