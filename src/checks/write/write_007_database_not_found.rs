//! WRITE-007: there is no Glue database of this name.

use crate::checks::shared::glue::{database_in, without_database};
use crate::checks::shared::lake_formation::{caller_sees_all, leaves_new_to_iam};
use crate::checks::shared::policies::role_policies;
use crate::checks::shared::standing::{Answer, Standings};
use crate::checks::{Check, View};
use crate::facts::FactId;
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, edit_distance, nearest,
    shell_flag, shell_word,
};
use crate::policy::Selector;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 7), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view) {
        return Ok(skip);
    }
    let (mut found, mut failing, mut warning) = (Vec::new(), Vec::new(), Vec::new());
    let mut undecided = None;
    for name in view.databases() {
        match view.database(name) {
            Ok(Some(database)) => {
                let link = database.links_to.as_ref().map(|it| format!(", a link to {it}"));
                let text = format!("database {name} exists{}{}", in_region(view), link.unwrap_or_default());
                found.push(Evidence::read("glue:GetDatabase", text));
            }
            Ok(None) => match absent(view, name) {
                Ok(Outcome::Fail(findings)) => failing.extend(findings),
                Ok(Outcome::Warn(findings)) => warning.extend(findings),
                Ok(_) => {}
                Err(blocked) => undecided = Some(blocked),
            },
            Err(blocked) => undecided = Some(blocked),
        }
    }
    match (failing.is_empty(), undecided) {
        (false, _) => Ok(Outcome::Fail(failing)),
        (true, Some(blocked)) => Err(blocked),
        (true, None) if warning.is_empty() => Ok(Outcome::Pass(found)),
        (true, None) => Ok(Outcome::Warn(warning)),
    }
}

fn in_region(view: &View<'_>) -> String {
    view.target().region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default()
}

/// A database that AWS does not show: absent, or hidden by Lake Formation.
fn absent(view: &View<'_>, name: &str) -> Result<Outcome, Blocked> {
    if !caller_sees_all(view)? && !is_left_to_iam(view)? {
        return Err(hidden(view, name));
    }
    let names = view.database_names().ok().flatten().map_or(&[][..], Vec::as_slice);
    if let Some(near) = nearest(name, names.iter().cloned().chain(databases_in_policies(view))) {
        let exists = names.contains(&near);
        return Ok(Outcome::Fail(vec![near_miss(view, name, &near, exists)]));
    }
    if may_be_created(view)? {
        Ok(Outcome::Warn(vec![to_be_created(view, name)]))
    } else {
        Ok(Outcome::Fail(vec![cannot_be_created(view, name)]))
    }
}

/// Whether new databases and tables are left to IAM, so that Lake Formation hides none.
fn is_left_to_iam(view: &View<'_>) -> Result<bool, Blocked> {
    let settings = view.lake_formation(FactId::LakeSettings, |it| &it.settings)?;
    Ok(settings.is_some_and(leaves_new_to_iam))
}

fn hidden(view: &View<'_>, name: &str) -> Blocked {
    Blocked {
        what: format!("whether there is a Glue database {name}{}", in_region(view)),
        why: "AWS shows none, and Lake Formation hides databases from whoever runs the doctor unless it grants them".to_owned(),
        grant: None,
        hint: Some("run the doctor as a data lake administrator, or one who may only read".to_owned()),
    }
}

/// Whether the role may create the database, which Iceberg does before a new table.
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

fn not_there(view: &View<'_>, name: &str, what: String) -> Finding {
    let text = format!("GetDatabase of {name}{}: EntityNotFoundException", in_region(view));
    Finding::new(name, what)
        .evidence(Evidence::read("glue:GetDatabase", text))
        .evidence(Evidence { source: Source::Given, text: format!("the database given is {name}") })
}

fn near_miss(view: &View<'_>, name: &str, near: &str, exists: bool) -> Finding {
    let differs = match edit_distance(name, near) {
        _ if name.eq_ignore_ascii_case(near) => "which differs in case only".to_owned(),
        1 => "one letter away".to_owned(),
        edits => format!("{edits} letters away"),
    };
    let whose = if exists { "the catalogue has" } else { "the role's policies name" };
    let what = format!("There is no Glue database {name}{}; {whose} {near}, {differs}", in_region(view));
    let mut finding = not_there(view, name, what);
    if exists {
        let text = format!("the catalogue's databases include {near}");
        finding = finding.evidence(Evidence::read("glue:GetDatabases", text));
    }
    let first = format!(
        "If {near} is meant, set the connector's schema (table name prefix) to {near} in the Streamkap app"
    );
    finding.remedy(remedy(view, name, Some(first)))
}

fn to_be_created(view: &View<'_>, name: &str) -> Finding {
    let what = format!(
        "There is no Glue database {name}{} yet; the connector will create it with its first table, in the warehouse",
        in_region(view)
    );
    not_there(view, name, what).remedy(remedy(view, name, None))
}

fn cannot_be_created(view: &View<'_>, name: &str) -> Finding {
    let what = format!(
        "There is no Glue database {name}{}, and the connector cannot create it: the role may not do glue:CreateDatabase",
        in_region(view)
    );
    not_there(view, name, what).remedy(remedy(view, name, None))
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
            format!(
                "aws glue create-database --database-input {} {}",
                shell_word(&input),
                shell_flag("--region", region)
            ),
        ],
    }
}

/// The database names in the Glue ARNs of the role's policies, without those that hold a wildcard.
fn databases_in_policies(view: &View<'_>) -> Vec<String> {
    let documents = role_policies(view).documents();
    let statements = documents.iter().flat_map(|policy| policy.document().statements());
    let resources = statements.flat_map(|statement| statement.resources.iter().flat_map(Selector::any));
    resources.filter_map(|arn| database_in(arn)).map(str::to_owned).collect()
}
