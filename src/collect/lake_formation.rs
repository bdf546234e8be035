//! Lake Formation: who administers it, what it grants, where it governs.
//!
//! `ListPermissions` without any argument tells all that was granted explicitly, to anybody on anything, as far
//! as the caller may see it; with a principal and a resource, what that principal effectively has there, by
//! tags too. A principal alone it refuses (`Resource is mandatory if Principal is set in the input`).
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
use crate::catalog::{Catalog, ParameterKind};
use crate::facts::{
    DefaultPermissions, Fact, FactId, Facts, FailureKind, Glue, LakeFormation, LakeGrant, LakeLocation,
    LakeOptIn, LakeResource, LakeSettings, TABLES_ASKED, Table,
};
use crate::model::AccountId;
use crate::plan::Plan;
use crate::requirement::Location;
use crate::requirement::lake_formation::{Access, Lake, Taken, is_administrator, may_have_opt_ins, touches};

/// Entries of a page.
const PAGE: i32 = 1000;
/// Pages of any list.
const PAGES: usize = 10;

/// What can be asked without any other answer: settings and registered locations.
pub(super) async fn first(aws: &Aws<'_>, plan: &Plan, region: &str) -> LakeFormation {
    let client = aws.lake_formation(region);
    let (settings, locations) = tokio::join!(
        wanted(plan, FactId::LakeSettings, settings(aws, &client)),
        wanted(plan, FactId::LakeLocations, locations(aws, &client)),
    );
    let opt_ins =
        Fact::NotAsked("nobody administers the data lake, and no location is registered".to_owned());
    LakeFormation { settings, locations, opt_ins, ..LakeFormation::default() }
}

/// Adds the grants, and the opt-ins where there may be any.
pub(super) async fn second(
    aws: &Aws<'_>,
    plan: &Plan,
    region: &str,
    read: (&Glue, &LakeFormation),
    account: Option<&AccountId>,
    places: &[Location],
) -> LakeFormation {
    let (glue, lake) = read;
    let client = aws.lake_formation(region);
    let covering: Option<Vec<&LakeLocation>> = lake
        .locations
        .known()
        .map(|all| all.iter().filter(|it| places.iter().any(|place| touches(it, place))).collect());
    let is_registered = covering.as_ref().is_none_or(|it| !it.is_empty());
    let may_have_opt_ins = may_have_opt_ins(lake.settings.known(), lake.locations.known().map(Vec::as_slice));
    let list = async {
        let all = grants(aws, &client, Ask { within: Some((plan, account)), ..Ask::default() }).await;
        match all {
            // Asked for less at once, it may answer.
            Fact::Failed(failure) if is_refused(failure.kind) => {
                (one_by_one(aws, &client, plan, glue, is_registered).await, false)
            }
            all => {
                let is_known = all.known().is_some();
                (all, is_known)
            }
        }
    };
    let ((permissions, all_grants), opt_ins) = tokio::join!(
        async {
            if plan.reads(FactId::LakePermissions) { list.await } else { (lake.permissions.clone(), false) }
        },
        async {
            if may_have_opt_ins {
                wanted(plan, FactId::LakeOptIns, opt_ins(aws, &client)).await
            } else {
                lake.opt_ins.clone()
            }
        },
    );
    LakeFormation { permissions, all_grants, opt_ins, ..lake.clone() }
}

/// Whether it was the question that brought no answer, and not the caller or the network.
fn is_refused(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Rejected | FailureKind::Unreadable | FailureKind::Service)
}

/// The grants on the databases, on all tables of each, on the table that was named or the first that were
/// found, and on registered locations.
async fn one_by_one(
    aws: &Aws<'_>,
    client: &Client,
    plan: &Plan,
    glue: &Glue,
    with_locations: bool,
) -> Fact<Vec<LakeGrant>> {
    let mut on: Vec<LakeResource> = Vec::new();
    for (database, named) in &plan.databases {
        on.push(LakeResource::Database { database: database.clone() });
        on.push(LakeResource::Table { database: database.clone(), table: None });
        match named {
            Some(table) => on.push(of_table(database, table)),
            None => on.extend(tables_of(glue, database).take(TABLES_ASKED)),
        }
    }
    let (on, locations) = tokio::join!(grants_on(aws, client, on), async {
        let kind = Ask { kind: Some(DataLakeResourceType::DataLocation), ..Ask::default() };
        if with_locations { grants(aws, client, kind).await } else { Fact::Known(Vec::new()) }
    });
    together(vec![on, locations])
}

/// Adds what the role effectively has on databases and tables where the grants alone do not do: those by tags
/// do not show on the resource. Leaves out what others have by tags.
pub(super) async fn third(
    aws: &Aws<'_>,
    facts: &Facts,
    catalog: &Catalog,
    region: &str,
    role: &str,
) -> Fact<Vec<LakeGrant>> {
    let read = &facts.lake_formation;
    let Some(explicit) = read.permissions.known() else { return read.permissions.clone() };
    let lake = Lake {
        role: role.to_owned(),
        settings: read.settings.known(),
        grants: explicit,
        locations: read.locations.known().map_or(&[][..], Vec::as_slice),
        opt_ins: read.opt_ins.known().map_or(&[][..], Vec::as_slice),
    };
    let own = |it: &&LakeGrant| it.on != LakeResource::Other || lake.is_role(&it.principal);
    let permissions = Fact::Known(explicit.iter().filter(own).cloned().collect());
    let caller = facts.caller.known().map(|caller| caller.arn.as_str());
    let sees_all =
        lake.settings.zip(caller).is_some_and(|(settings, caller)| is_administrator(settings, caller));
    if lake.is_out_of_use() || (read.all_grants && sees_all && !lake.has_other_grants()) {
        return permissions;
    }
    let client = &aws.lake_formation(region);
    let asks = lacking(facts, catalog, &lake).into_iter().map(|on| {
        grants(aws, client, Ask { on: Some(on), principal: Some(role.to_owned()), ..Ask::default() })
    });
    let effective = join_all(asks).await;
    together([vec![permissions], effective].concat())
}

/// Databases and the first tables on which the role lacks something that a connector takes.
fn lacking(facts: &Facts, catalog: &Catalog, lake: &Lake<'_>) -> Vec<LakeResource> {
    let mut found = Vec::new();
    for target in &facts.target.connectors {
        let Some(connector) = catalog.connector(&target.connector) else { continue };
        let value = |kind| connector.of_kind(kind).find_map(|it| target.parameters.get(&it.name));
        let Some(database) = value(ParameterKind::GlueDatabase) else { continue };
        let taken = Taken::of(target, connector);
        let lacks =
            |on: &LakeResource, asked: &[&'static str]| matches!(lake.access(on, asked), Access::Lacking(_));
        let on = LakeResource::Database { database: database.clone() };
        found.extend(Some(on).filter(|on| lacks(on, &taken.database)));
        let named = value(ParameterKind::GlueTable).map(|table| of_table(database, table));
        let tables = match named {
            Some(named) => vec![named],
            None => tables_of(&facts.glue, database).collect(),
        };
        found.extend(tables.into_iter().filter(|on| lacks(on, &taken.tables)).take(TABLES_ASKED));
    }
    found.sort();
    found.dedup();
    found
}

/// The Iceberg tables of a database that were found.
fn tables_of<'g>(glue: &'g Glue, database: &'g str) -> impl Iterator<Item = LakeResource> + 'g {
    let tables = glue.databases.get(database).and_then(|it| it.tables.known()).into_iter().flatten();
    tables.filter(|table| Table::is_iceberg(table)).map(|table| of_table(database, &table.name))
}

fn of_table(database: &str, table: &str) -> LakeResource {
    LakeResource::Table { database: database.to_owned(), table: Some(table.to_owned()) }
}

/// What to list grants by.
#[derive(Clone, Debug, Default)]
struct Ask<'a> {
    on: Option<LakeResource>,
    kind: Option<DataLakeResourceType>,
    principal: Option<String>,
    /// Of all that is listed only what is in the plan's databases and in no other account's catalogue.
    within: Option<(&'a Plan, Option<&'a AccountId>)>,
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

async fn grants(aws: &Aws<'_>, client: &Client, ask: Ask<'_>) -> Fact<Vec<LakeGrant>> {
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
            if !is_told(grant.principal(), grant.resource()) || grant.permissions.is_none() {
                let what = "a grant was listed without its principal, its resource or its permissions";
                return failed(&LIST_PERMISSIONS, FailureKind::Unreadable, what);
            }
            let matters =
                |resource| ask.within.is_none_or(|(plan, account)| matters(resource, plan, account));
            if grant.resource().is_none_or(matters) {
                grants.push(read(grant, ask.on.as_ref().filter(|_| principal.is_some())));
            }
        }
        token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Fact::Known(grants);
        }
    }
    failed(&LIST_PERMISSIONS, FailureKind::Unreadable, "the list of permissions does not end")
}

/// Whether a grant on a resource may be one on the plan's databases: not on another one, not on one in another
/// account's catalogue or in a catalogue within the account's own, not on a tag itself.
fn matters(resource: &Resource, plan: &Plan, account: Option<&AccountId>) -> bool {
    let parts = [
        resource.catalog().map(|it| (it.id(), None)),
        resource.database().map(|it| (it.catalog_id(), Some(it.name()))),
        resource.table().map(|it| (it.catalog_id(), Some(it.database_name()))),
        resource.table_with_columns().map(|it| (it.catalog_id(), Some(it.database_name()))),
        resource.data_cells_filter().map(|it| (it.table_catalog_id(), it.database_name())),
        resource.data_location().map(|it| (it.catalog_id(), None)),
    ];
    if resource.lf_tag().is_some() || resource.lf_tag_expression().is_some() {
        return false;
    }
    let names_an_account = |id: &str| id.get(..12).is_some_and(|id| id.bytes().all(|it| it.is_ascii_digit()));
    let elsewhere = |id: &str| names_an_account(id) && account.is_some_and(|own| id != own.as_str());
    let mut parts = parts.into_iter().flatten();
    parts.all(|(catalog, database)| {
        !catalog.is_some_and(elsewhere) && database.is_none_or(|name| plan.databases.contains_key(name))
    })
}

/// A grant. `asked`: what the effective permissions were asked on, where a tag brings them.
fn read(grant: &PrincipalResourcePermissions, asked: Option<&LakeResource>) -> LakeGrant {
    let principal = principal(grant.principal());
    let on = match (grant.resource().map_or(LakeResource::Other, on), asked) {
        // To whom such a grant applies is decided with each call.
        _ if grant.condition().is_some() && principal.ends_with(":IAMPrincipals") => LakeResource::Other,
        (LakeResource::Other, Some(asked)) => asked.clone(),
        (on, _) => on,
    };
    let permissions = grant.permissions().iter().map(|it| it.as_str().to_owned()).collect();
    LakeGrant { principal, on, permissions }
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

/// Whether a grant or an opt-in tells whose it is and on what.
fn is_told(principal: Option<&DataLakePrincipal>, resource: Option<&Resource>) -> bool {
    let has_place = |it: &Resource| {
        it.catalog().is_some()
            || it.database().is_some_and(|it| !it.name().is_empty())
            || it.table().is_some_and(|it| {
                !it.database_name().is_empty() && (it.name().is_some() || it.table_wildcard().is_some())
            })
            || it.table_with_columns().is_some_and(|it| !it.database_name().is_empty())
            || it.data_location().is_some_and(|it| !it.resource_arn().is_empty())
            || it.data_cells_filter().is_some()
            || it.lf_tag().is_some()
            || it.lf_tag_policy().is_some()
            || it.lf_tag_expression().is_some()
    };
    let has_name = principal.and_then(DataLakePrincipal::data_lake_principal_identifier).is_some();
    has_name && resource.is_some_and(has_place)
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
    let Some(settings) = answer.data_lake_settings().filter(|it| it.data_lake_admins.is_some()) else {
        let what = "GetDataLakeSettings answered without settings or without their administrators";
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
        for it in answer.resource_info_list() {
            let Some(arn) = it.resource_arn() else {
                let what = "ListResources answered with a location that has no ARN";
                return failed(&LIST_RESOURCES, FailureKind::Unreadable, what);
            };
            locations.push(LakeLocation {
                arn: arn.to_owned(),
                role: it.role_arn().map(str::to_owned),
                hybrid: it.hybrid_access_enabled().unwrap_or(false),
            });
        }
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
        let all = answer.lake_formation_opt_ins_info_list();
        if !all.iter().all(|it| is_told(it.principal(), it.resource())) {
            let what = "an opt-in was listed without its principal or its resource";
            return failed(&LIST_LAKE_FORMATION_OPT_INS, FailureKind::Unreadable, what);
        }
        opt_ins.extend(all.iter().map(|it| LakeOptIn {
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
