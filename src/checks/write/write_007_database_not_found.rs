//! WRITE-007: there is no Glue database of this name, or no table of the name that was given.

use crate::catalog::ParameterKind;
use crate::checks::shared::concerns::unless_told;
use crate::checks::shared::glue::{Instead, databases_in_policies, named_instead, without_database};
use crate::checks::shared::lake_formation::{
    caller_sees_all, is_left_to_iam, may_be_hidden, only_administrators_see, read,
};
use crate::checks::shared::places::join;
use crate::checks::shared::standing::{Answer, Standings};
use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::facts::Table;
use crate::model::{
    Blocked, CheckId, Concern, Evidence, Finding, LakeResource, Outcome, Owner, Remedy, Section, Source,
    edit_distance, shell_flag, shell_word,
};
use crate::requirement::lake_formation::{Access, IAM_ALLOWED};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 7), judge };

#[expect(clippy::unnecessary_wraps, reason = "as every check is called")]
fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view) {
        return Ok(skip);
    }
    let outcomes = view.connectors().filter_map(|(target, connector)| {
        let value = |kind| connector.of_kind(kind).find_map(|it| target.parameters.get(&it.name));
        let table = value(ParameterKind::GlueTable).map(String::as_str);
        let name = value(ParameterKind::GlueDatabase)?;
        let judged = judge_one(view, name, table);
        Some(judged.map_err(|it| unless_told(it, || Concern::Database(name.clone()))))
    });
    Ok(join(outcomes.collect::<Vec<_>>()))
}

/// A database, with the table that was named.
fn judge_one(view: &View<'_>, name: &str, table: Option<&str>) -> Result<Outcome, Blocked> {
    let Some(database) = view.database(name)? else { return absent(view, name) };
    if let Some(table) = table.filter(|_| matches!(view.tables(name), Ok(None))) {
        may_be_hidden(view, &format!("a table {table} in the Glue database {name}"))?;
        return Ok(Outcome::Warn(vec![no_table(view, name, table)]));
    }
    let named = table.and_then(|table| view.tables(name).ok()??.iter().find(|it| it.name == table));
    if let Some(other) = named.filter(|it| !it.is_iceberg()) {
        return Ok(Outcome::Fail(vec![no_iceberg(name, other)]));
    }
    let link = database.links_to.as_ref().map(|it| format!(", a link to {it}"));
    let text = format!("database {name} exists{}{}", in_region(view), link.unwrap_or_default());
    Ok(Outcome::Pass(vec![Evidence::read("glue:GetDatabase", text)]))
}

fn in_region(view: &View<'_>) -> String {
    view.target().region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default()
}

/// A database that AWS does not show: absent, or hidden by Lake Formation.
fn absent(view: &View<'_>, name: &str) -> Result<Outcome, Blocked> {
    may_be_hidden(view, &format!("a Glue database {name}"))?;
    let other = named_instead(view, name);
    if let Some(near) = other.as_ref().filter(|it| it.is_near) {
        return Ok(Outcome::Fail(vec![near_miss(view, name, near)]));
    }
    if !may_be_created(view)? {
        return Ok(match other {
            Some(other) => Outcome::Fail(vec![cannot_be_created(view, name, &other)]),
            // That it may not is reported by the check of whatever refuses it.
            None => {
                Outcome::Warn(vec![to_be_created(view, name, "once the role may do glue:CreateDatabase")])
            }
        });
    }
    let refused = refused_by_lake_formation(view, name)?;
    Ok(match refused {
        Some(finding) => Outcome::Fail(vec![finding]),
        None => Outcome::Warn(vec![to_be_created(view, name, "in the warehouse")]),
    })
}

/// Whether the role may create the database by IAM, which Iceberg does before a new table.
fn may_be_created(view: &View<'_>) -> Result<bool, Blocked> {
    let standings = Standings::of(view)?;
    for standing in standings.all.iter().filter(|it| it.ask.action() == "glue:CreateDatabase") {
        match &standing.answer {
            Answer::Allowed(_) => {}
            Answer::Refused(_) => return Ok(false),
            Answer::Unless(_, blocked) | Answer::Undecided(blocked) => return Err(blocked.clone()),
        }
    }
    Ok(true)
}

/// What Lake Formation says to a new database: it takes `CREATE_DATABASE` on the catalogue, unless it is left
/// to IAM as all new databases are.
fn refused_by_lake_formation(view: &View<'_>, name: &str) -> Result<Option<Finding>, Blocked> {
    let requirements = view.requirements();
    let role = requirements.first().and_then(|it| view.situation(it).role_arn).unwrap_or_default();
    let by_iam = is_left_to_iam(view)?;
    let lake = match read(view, &role) {
        Ok(lake) => lake,
        // As AWS sets it up, IAM alone decides.
        Err(_) if by_iam => return Ok(None),
        Err(blocked) => return Err(blocked),
    };
    let access = lake.access(&LakeResource::Catalog, &["CREATE_DATABASE"]);
    let listed = view.lists_all_grants();
    let nobody = !lake.grants.iter().any(|it| it.on == LakeResource::Catalog);
    if !matches!(access, Access::Lacking(_)) || lake.is_out_of_use() || (by_iam && (nobody || !listed)) {
        return Ok(None);
    }
    let unclear = |why: &str| {
        Blocked::new(
            format!(
                "whether Lake Formation lets {} create the Glue database {name}",
                view.target().role.name
            ),
            why,
        )
    };
    if !listed {
        return Err(unclear("the grants on the Data Catalog were not listed"));
    }
    if !caller_sees_all(view)? {
        let why = "no grant of CREATE_DATABASE on the Data Catalog was shown, and AWS shows whoever runs the doctor, who is no data lake administrator, fewer grants than there are";
        return Err(only_administrators_see(unclear(why)));
    }
    Ok(Some(lacks_create_database(view, name)))
}

fn lacks_create_database(view: &View<'_>, name: &str) -> Finding {
    let role = &view.target().role.name;
    let what = format!(
        "There is no Glue database {name}{}, and Lake Formation does not let {role} create it: neither {IAM_ALLOWED} nor the role holds CREATE_DATABASE on the Data Catalog",
        in_region(view)
    );
    let listed = "the grants on the Data Catalog were listed by an administrator, and none is enough";
    let reference = "docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html".to_owned();
    let grants = vec![(LakeResource::Catalog, vec!["CREATE_DATABASE".to_owned()])];
    not_there(view, name, what)
        .evidence(Evidence::read("lakeformation:ListPermissions", listed))
        .evidence(Evidence {
            source: Source::Documentation { reference },
            text: "glue:CreateDatabase takes CREATE_DATABASE on the Data Catalog, IAM's permissions besides"
                .to_owned(),
        })
        .remedy(Remedy::GrantLakeFormation { grants })
        .remedy(remedy(view, name, None))
}

fn no_table(view: &View<'_>, database: &str, table: &str) -> Finding {
    let what = format!(
        "There is no table {table} in the Glue database {database}{}: what the role may do with the table that the connector writes to was not looked at",
        in_region(view)
    );
    let text = format!("GetTable of {database}.{table}: EntityNotFoundException");
    let region = view.target().region.as_deref().unwrap_or("REGION");
    Finding::new(format!("{database}.{table}"), what)
        .about([Concern::Tables(database.to_owned())])
        .evidence(Evidence::read("glue:GetTable", text))
        .evidence(Evidence { source: Source::Given, text: format!("the table given is {table}") })
        .remedy(Remedy::Manual {
            owner: Owner::You,
            title: format!("Name a table that {database} has, or leave --table out"),
            steps: vec![
                format!("Run the doctor again with --table and a table that {database} has"),
                "Or without --table: it looks at those that there are, and at one that does not exist yet"
                    .to_owned(),
            ],
            commands: vec![format!(
                "aws glue get-tables {} --query 'TableList[].Name' {}",
                shell_flag("--database-name", database),
                shell_flag("--region", region)
            )],
        })
}

/// A table of another kind under the name that was given. "Input Glue table is not an iceberg table":
/// apache/iceberg, `GlueTableOperations`.
fn no_iceberg(database: &str, table: &Table) -> Finding {
    let name = format!("{database}.{}", table.name);
    let kind =
        table.format.as_ref().map_or("no table_type".to_owned(), |kind| format!("the table_type {kind}"));
    let what =
        format!("The table {name} is no Iceberg table: it has {kind}, and the connector cannot load it");
    let text = format!("GetTable of {name}: {kind}, where an Iceberg table has ICEBERG");
    let reference = "apache/iceberg GlueTableOperations: Input Glue table is not an iceberg table".to_owned();
    Finding::new(name.clone(), what)
        .about([Concern::Tables(database.to_owned())])
        .evidence(Evidence::read("glue:GetTable", text))
        .evidence(Evidence {
            source: Source::Documentation { reference },
            text: "Iceberg loads no table of another kind, and makes none where one has its name".to_owned(),
        })
        .remedy(Remedy::Manual {
            owner: Owner::You,
            title: "Let the connector write to a table that is an Iceberg table, or that is not there yet"
                .to_owned(),
            steps: vec![
                format!("Let the connector write to another table or database, or rename {name}"),
                "If another table is meant, name that one with --table".to_owned(),
            ],
            commands: Vec::new(),
        })
}

fn not_there(view: &View<'_>, name: &str, what: String) -> Finding {
    let text = format!("GetDatabase of {name}{}: EntityNotFoundException", in_region(view));
    Finding::new(name, what)
        .about([Concern::Database(name.to_owned())])
        .evidence(Evidence::read("glue:GetDatabase", text))
        .evidence(Evidence { source: Source::Given, text: format!("the database given is {name}") })
}

fn near_miss(view: &View<'_>, name: &str, near: &Instead) -> Finding {
    let Instead { name: near, in_catalogue, .. } = near;
    let differs = match edit_distance(name, near) {
        _ if name.eq_ignore_ascii_case(near) => "which differs in case only".to_owned(),
        1 => "one letter away".to_owned(),
        edits => format!("{edits} letters away"),
    };
    let whose = if *in_catalogue { "the catalogue has" } else { "the role's policies name" };
    let what = format!("There is no Glue database {name}{}; {whose} {near}, {differs}", in_region(view));
    with_other(view, not_there(view, name, what), near, *in_catalogue).remedy(remedy(
        view,
        name,
        Some(instead(near)),
    ))
}

/// Adds that the catalogue has another database, or that the policies name it.
fn with_other(view: &View<'_>, finding: Finding, other: &str, in_catalogue: bool) -> Finding {
    // Tables lie in the warehouse by the name of their database.
    let files = Concern::NewTables(finding.resource.clone());
    let mut finding = finding.about([files]);
    if in_catalogue {
        let text = format!("the catalogue's databases include {other}");
        finding = finding.evidence(Evidence::read("glue:GetDatabases", text));
    }
    let named = databases_in_policies(view);
    if !named.is_empty() {
        let text = format!("the role's policies name the Glue database {}", words::some(&named));
        finding = finding.evidence(Evidence::evaluated(Vec::new(), text));
    }
    finding
}

fn instead(other: &str) -> String {
    format!(
        "If {other} is meant, set the connector's schema (table name prefix) to {other} in the Streamkap app"
    )
}

/// `how` it will be: where, or on what condition.
fn to_be_created(view: &View<'_>, name: &str, how: &str) -> Finding {
    let what = format!(
        "There is no Glue database {name}{} yet; the connector will create it with its first table, {how}",
        in_region(view)
    );
    not_there(view, name, what).remedy(remedy(view, name, None))
}

/// `other`: the database that the policies are about, and that is there.
fn cannot_be_created(view: &View<'_>, name: &str, other: &Instead) -> Finding {
    let what = format!(
        "There is no Glue database {name}{}, and the connector cannot create it: the role may not do glue:CreateDatabase; the role's policies name {}, which the catalogue has",
        in_region(view),
        other.name
    );
    let finding = with_other(view, not_there(view, name, what), &other.name, other.in_catalogue);
    finding.remedy(remedy(view, name, Some(instead(&other.name))))
}

fn remedy(view: &View<'_>, name: &str, first: Option<String>) -> Remedy {
    let region = view.target().region.as_deref().unwrap_or("REGION");
    let input = serde_json::json!({"Name": name}).to_string();
    let mut steps: Vec<String> = first.into_iter().collect();
    steps.push(format!("Create the database {name} in {region}, with the location that its tables shall have, or check the connector's region"));
    Remedy::Manual {
        owner: Owner::You,
        title: format!("Name a Glue database that exists, or create {name}"),
        steps,
        commands: vec![
            format!(
                "aws glue get-databases --query 'DatabaseList[].Name' {}",
                shell_flag("--region", region)
            ),
            // A comment, for whoever runs all commands: it may be the name that is wrong.
            format!(
                "# aws glue create-database --database-input {} {}",
                shell_word(&input),
                shell_flag("--region", region)
            ),
        ],
    }
}
