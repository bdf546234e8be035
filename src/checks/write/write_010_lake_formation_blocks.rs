//! WRITE-010: Lake Formation does not let the role use the database, its tables or their location.

use crate::catalog::{Connector, ParameterKind};
use crate::checks::shared::concerns::{calls, unless_told};
use crate::checks::shared::glue::without_database;
use crate::checks::shared::lake_formation::{
    caller_sees_all, is_left_to_iam, location_of, may_be_hidden, only_administrators_see, open_commits, read,
};
use crate::checks::shared::places::join;
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::facts::{ConnectorTarget, TABLES_ASKED, Table};
use crate::model::{
    Blocked, CheckId, Concern, Evidence, Finding, LakeResource, Outcome, Remedy, Section, Source,
};
use crate::requirement::lake_formation::{Access, CALLS, IAM_ALLOWED, Lake, On, Taken};
use crate::requirement::{Location, Locations, Origin, Requirement};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 10), judge };

/// Where it is written which call takes which permission.
const REFERENCE: &str = "docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html";

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view).or_else(|| absent_role(view)) {
        return Ok(skip);
    }
    let requirements = view.requirements();
    let role = requirements.first().and_then(|it| view.situation(it).role_arn);
    let Some(role) = role else { return Err(unknown_role(view)) };
    let outcomes = view.connectors().zip(view.locations()).filter_map(|(connector, (_, locations))| {
        let (target, connector) = connector;
        let name = value(target, connector, ParameterKind::GlueDatabase)?;
        let judged = judge_one(view, &role, (target, connector), name, &locations);
        Some(judged.map_err(|it| unless_told(it, || Concern::Database(name.to_owned()))))
    });
    Ok(join(outcomes.collect::<Vec<_>>()))
}

fn value<'a>(target: &'a ConnectorTarget, connector: &Connector, kind: ParameterKind) -> Option<&'a str> {
    connector.of_kind(kind).find_map(|it| target.parameters.get(&it.name)).map(String::as_str)
}

/// What one connector may do in its database.
fn judge_one<'a>(
    view: &View<'a>,
    role: &str,
    (target, connector): (&'a ConnectorTarget, &'a Connector),
    name: &'a str,
    locations: &Locations,
) -> Result<Outcome, Blocked> {
    let taken = Taken::of(target, connector);
    let Some(database) = view.database(name)? else {
        may_be_hidden(view, &format!("a Glue database {name}"))?;
        let skip = format!("there is no Glue database {name} (reported as WRITE-007)");
        if !taken.creates_databases || !taken.creates_tables {
            return Ok(Outcome::Skip(skip));
        }
        let path = Path::of_new(view, role, taken, name, locations)?;
        path.judgeable(view, locations)?;
        let findings = path.findings(view, &connector.name);
        return Ok(if findings.is_empty() { Outcome::Skip(skip) } else { Outcome::Fail(findings) });
    };
    if taken.is_nothing() {
        let reason = format!("{} makes no call that Lake Formation has a say in", connector.name);
        return Ok(Outcome::Skip(reason));
    }
    if let Some(link) = &database.links_to {
        let why = format!("it is a link to {link}, whose grants are kept where that database is");
        return Err(unclear(view, name, &why));
    }
    let table = value(target, connector, ParameterKind::GlueTable);
    let path = Path::read(view, role, taken, name, table, locations)?;
    path.judgeable(view, locations)?;
    let findings = path.findings(view, &connector.name);
    match open_commits(view, target, connector) {
        _ if !findings.is_empty() => Ok(Outcome::Fail(findings)),
        Some(blocked) => Err(blocked),
        None => Ok(Outcome::Pass(path.proof(view))),
    }
}

fn unknown_role(view: &View<'_>) -> Blocked {
    let unread = view.role().err().or_else(|| view.caller().err());
    unread.unwrap_or_else(|| unclear(view, "", "its ARN is not known"))
}

fn unclear(view: &View<'_>, database: &str, why: &str) -> Blocked {
    let role = &view.target().role.name;
    Blocked::new(format!("whether Lake Formation lets {role} use the database {database}"), why)
}

/// The database with its tables and the place of new ones, as Lake Formation grants them.
struct Path<'v, 'a> {
    role: &'v str,
    lake: Lake<'a>,
    /// What the connector takes.
    taken: Taken,
    database: &'a str,
    /// Whether the user named the table that the connector writes to.
    is_named: bool,
    of_database: Access,
    of_tables: Vec<(&'a Table, Access)>,
    /// Tables on which nothing was listed, because nobody asked.
    unasked: Vec<&'a str>,
    /// The registered location in which new tables would lie, when it takes a permission of its own.
    place: Option<(Location, Access)>,
}

impl<'v, 'a> Path<'v, 'a> {
    fn read(
        view: &'v View<'a>,
        role: &str,
        taken: Taken,
        database: &'a str,
        named: Option<&str>,
        locations: &Locations,
    ) -> Result<Self, Blocked> {
        let lake = read(view, role)?;
        let on = LakeResource::Database { database: database.to_owned() };
        let of_database = lake.access(&on, &taken.database);
        // The connector uses no others: Iceberg refuses a table that is none of its own.
        let wanted = |table: &&Table| named.map_or(table.is_iceberg(), |name| name == table.name);
        let tables = view.tables(database)?.map_or(&[][..], Vec::as_slice).iter().filter(wanted);
        let (mut of_tables, mut unasked) = (Vec::new(), Vec::new());
        for (at, table) in tables.enumerate() {
            let on = LakeResource::Table { database: database.to_owned(), table: Some(table.name.clone()) };
            let access = lake.access(&on, &taken.tables);
            let was_asked = view.lists_all_grants() || at < TABLES_ASKED || lake.names(&on);
            // Its silence says nothing: a grant on all tables would have shown.
            if matches!(access, Access::Lacking(_)) && !was_asked {
                unasked.push(table.name.as_str());
            } else {
                of_tables.push((table, access));
            }
        }
        let place = if taken.creates_tables { place_of_new(&lake, locations) } else { None };
        let (role, is_named) = (view.target().role.name.as_str(), named.is_some());
        Ok(Self { role, lake, taken, database, is_named, of_database, of_tables, unasked, place })
    }

    /// That of a database which the connector will make: it belongs to its maker, but not the place of its tables.
    fn of_new(
        view: &'v View<'a>,
        role: &str,
        taken: Taken,
        database: &'a str,
        locations: &Locations,
    ) -> Result<Self, Blocked> {
        let lake = read(view, role)?;
        let place = place_of_new(&lake, locations);
        let (role, of_database) = (view.target().role.name.as_str(), Access::Granted);
        let (of_tables, unasked) = (Vec::new(), Vec::new());
        Ok(Self { role, lake, taken, database, is_named: true, of_database, of_tables, unasked, place })
    }

    /// Whether what is lacking is known to be lacking, and not only out of the caller's sight; and whether
    /// nothing that may be lacking is.
    fn judgeable(&self, view: &View<'a>, locations: &Locations) -> Result<(), Blocked> {
        if self.taken.creates_tables && self.lake.has_locations() && self.place.is_none() {
            // New tables lie in a place that is not known, and some place is registered.
            if let Some(blocked) = &locations.open {
                return Err(blocked.clone());
            }
        }
        if !self.lacks() {
            return self.all_asked(view).and_then(|()| self.all_seen(view));
        }
        if self.lake.has_other_grants() {
            let why = "the role has grants by tags or filters or on conditions, of which the doctor cannot tell what they come to";
            return Err(unclear(view, self.database, why));
        }
        if !caller_sees_all(view)? {
            let why = "no grant that would do it was shown, and AWS shows whoever runs the doctor, who is no data lake administrator, fewer grants than there are";
            return Err(only_administrators_see(unclear(view, self.database, why)));
        }
        Ok(())
    }

    /// Whether the grants on every table were asked for.
    fn all_asked(&self, view: &View<'a>) -> Result<(), Blocked> {
        let [first, ..] = self.unasked[..] else { return Ok(()) };
        if self.lake.is_out_of_use() {
            return Ok(());
        }
        let why = format!(
            "grants on {first} and whatever comes after it ({} of its tables) were not asked for: each costs a call",
            self.unasked.len()
        );
        let hint = "name a table that the connector writes to with --table".to_owned();
        Err(Blocked { hint: Some(hint), ..unclear(view, self.database, &why) })
    }

    /// Whether there is no table that AWS does not show: one that is hidden is one on which nothing is left to
    /// IAM. What is granted on all tables holds for those, too.
    fn all_seen(&self, view: &View<'a>) -> Result<(), Blocked> {
        let all = LakeResource::Table { database: self.database.to_owned(), table: None };
        let lacks = matches!(self.lake.access(&all, &self.taken.tables), Access::Lacking(_));
        if self.is_named || self.lake.is_out_of_use() || !lacks || caller_sees_all(view)? {
            return Ok(());
        }
        let why = "Lake Formation hides tables from whoever runs the doctor, who is no data lake administrator, unless it grants them: there may be others than those that were shown";
        let hint = "name the table that the connector writes to with --table, or run the doctor as a data lake administrator, or one who may only read";
        Err(Blocked { hint: Some(hint.to_owned()), ..unclear(view, self.database, why) })
    }

    fn lacks(&self) -> bool {
        !self.lake.is_out_of_use() && self.accesses().any(|access| matches!(access, Access::Lacking(_)))
    }

    fn accesses(&self) -> impl Iterator<Item = &Access> {
        let tables = self.of_tables.iter().map(|(_, access)| access);
        let place = self.place.iter().map(|(_, access)| access);
        std::iter::once(&self.of_database).chain(tables).chain(place)
    }

    fn findings(&self, view: &View<'a>, connector: &str) -> Vec<Finding> {
        if !self.lacks() {
            return Vec::new();
        }
        let requirements = view.requirements();
        let requirements: Vec<_> = requirements.iter().filter(|it| it.connector == connector).collect();
        let (database, tables) = (self.database_finding(&requirements), self.tables_finding(&requirements));
        [database, tables, self.place_finding(&requirements)].into_iter().flatten().collect()
    }

    /// The calls on tables of these names.
    fn on_tables(
        &self,
        requirements: &[&Requirement<'_>],
        lacking: &[&str],
        names: &[String],
    ) -> Vec<Concern> {
        let mut concerns = calls_that_take(requirements, On::Table, lacking);
        let is_of =
            |arn: &str| names.iter().any(|it| arn.ends_with(&format!(":table/{}/{it}", self.database)));
        concerns.retain(|it| matches!(it, Concern::Call { resource, .. } if is_of(resource)));
        concerns
    }

    fn finding(&self, on: LakeResource, lacking: &[&str], what: &str, breaks: String) -> Finding {
        let what = format!(
            "Lake Formation does not let {} {what}: neither {IAM_ALLOWED} holds ALL nor the role {} on {}",
            self.role,
            words::list(lacking),
            on.in_words()
        );
        let listed =
            format!("the grants on {} were listed by an administrator, and none is enough", on.in_words());
        let reference = REFERENCE.to_owned();
        let permissions = lacking.iter().map(|it| (*it).to_owned()).collect();
        Finding::new(on.in_words().trim_start_matches("the ").to_owned(), what)
            .evidence(Evidence::read("lakeformation:ListPermissions", listed))
            .evidence(Evidence { source: Source::Documentation { reference }, text: breaks })
            .remedy(Remedy::GrantLakeFormation { grants: vec![(on, permissions)] })
    }

    fn database_finding(&self, requirements: &[&Requirement<'_>]) -> Option<Finding> {
        let Access::Lacking(lacking) = &self.of_database else { return None };
        let on = LakeResource::Database { database: self.database.to_owned() };
        let creates = lacking.contains(&"CREATE_TABLE");
        let what = if creates { "create tables in the database" } else { "use the database" };
        let breaks = format!("{} on the database, IAM's permissions besides", takes(On::Database, lacking));
        let concerns = calls_that_take(requirements, On::Database, lacking);
        Some(self.finding(on, lacking, what, breaks).about(concerns))
    }

    /// One finding for all tables.
    fn tables_finding(&self, requirements: &[&Requirement<'_>]) -> Option<Finding> {
        let (mut names, mut lacking) = (Vec::new(), Vec::new());
        for (table, access) in &self.of_tables {
            if let Access::Lacking(permissions) = access {
                names.push(table.name.clone());
                words::add_all(&mut lacking, permissions.iter().copied());
            }
        }
        let table = match &names[..] {
            [] => return None,
            [only] => Some(only.clone()),
            _ => None,
        };
        let on = LakeResource::Table { database: self.database.to_owned(), table };
        let verb = if lacking.contains(&"DESCRIBE") { "load" } else { "commit to" };
        let what = match (&names[..], self.of_tables.len()) {
            ([only], 1) => format!("{verb} its table {only}"),
            (_, all) => format!("{verb} {} of its {all} tables ({})", names.len(), words::some(&names)),
        };
        let breaks = format!(
            "{} on the table; a grant on the database does not cover its tables",
            takes(On::Table, &lacking)
        );
        let concerns = self.on_tables(requirements, &lacking, &names);
        Some(self.finding(on, &lacking, &what, breaks).about(concerns))
    }

    fn place_finding(&self, requirements: &[&Requirement<'_>]) -> Option<Finding> {
        let (place, Access::Lacking(lacking)) = self.place.as_ref()? else { return None };
        let on = location_of(place);
        let what =
            format!("create tables in s3://{}/{}, which is registered with it", place.bucket, place.prefix);
        let breaks = "glue:CreateTable takes DATA_LOCATION_ACCESS for a registered location, in hybrid mode too, unless the database has it for its own location";
        let concerns = calls_that_take(requirements, On::Database, &["CREATE_TABLE"]);
        Some(self.finding(on, lacking, &what, breaks.to_owned()).about(concerns))
    }

    fn proof(&self, view: &View<'a>) -> Vec<Evidence> {
        let said = |on: &str, access: &Access| match access {
            Access::LeftToIam => format!("{IAM_ALLOWED} holds ALL on {on}: IAM alone decides"),
            Access::Granted => format!("the role is granted what it needs on {on}"),
            Access::Lacking(_) => {
                format!("Lake Formation has no administrator, no location and leaves {on} to IAM")
            }
        };
        let mut texts = vec![said(&format!("the database {}", self.database), &self.of_database)];
        for (table, access) in &self.of_tables {
            words::add(&mut texts, said(&format!("the table {}.{}", self.database, table.name), access));
        }
        if let Some((place, access)) = &self.place {
            texts.push(said(&format!("the location s3://{}/{}", place.bucket, place.prefix), access));
        }
        let read = texts.into_iter().map(|text| Evidence::read("lakeformation:ListPermissions", text));
        read.chain(self.external_access()).chain(self.creation(view)).collect()
    }

    /// Where a location is registered: that the switch for engines that ask Lake Formation for credentials is
    /// none for this connector.
    fn external_access(&self) -> Option<Evidence> {
        let settings = self.lake.settings.filter(|_| self.lake.has_locations())?;
        let state = if settings.full_table_external_access { "on" } else { "off" };
        let text = format!(
            "full-table access of external engines is {state}, which makes no difference: the connector reads and writes files with the role's own permissions"
        );
        Some(Evidence::read("lakeformation:GetDataLakeSettings", text))
    }

    /// What AWS does not say: whether a database that is there is asked about once more as if it were new.
    fn creation(&self, view: &View<'a>) -> Option<Evidence> {
        let access = self.lake.access(&LakeResource::Catalog, &["CREATE_DATABASE"]);
        let lacks = matches!(access, Access::Lacking(_)) && view.lists_all_grants();
        if !self.taken.creates_databases || !lacks || is_left_to_iam(view).unwrap_or(true) {
            return None;
        }
        let text = "the connector calls glue:CreateDatabase before every new table, and AWS does not say whether that takes CREATE_DATABASE on the catalogue, which the role lacks, where the database exists: if new tables fail with `Required Create Database on Catalog`, grant it";
        let reference = REFERENCE.to_owned();
        Some(Evidence { source: Source::Documentation { reference }, text: text.to_owned() })
    }
}

/// The registered location in which new tables would lie, when it takes a permission of its own.
fn place_of_new(lake: &Lake<'_>, locations: &Locations) -> Option<(Location, Access)> {
    let place = locations.known.iter().find(|it| is_of_new_tables(it) && lake.registered(it).is_some())?;
    Some((place.clone(), lake.access(&location_of(place), &["DATA_LOCATION_ACCESS"])))
}

/// The connector's calls that take these permissions.
fn calls_that_take(requirements: &[&Requirement<'_>], on: On, permissions: &[&str]) -> Vec<Concern> {
    let takes = |action: &str| {
        CALLS.iter().any(|(call, of, it)| *of == on && permissions.contains(it) && *call == action)
    };
    requirements.iter().filter(|it| takes(it.action)).flat_map(|it| calls(it)).collect()
}

/// Which calls take these permissions: `glue:GetTable takes DESCRIBE and glue:UpdateTable takes ALTER`.
fn takes(on: On, permissions: &[&str]) -> String {
    let call = |permission: &&str| CALLS.iter().find(|(_, of, it)| *of == on && it == permission);
    let calls = permissions.iter().filter_map(call);
    words::list(&calls.map(|(call, _, permission)| format!("{call} takes {permission}")).collect::<Vec<_>>())
}

/// Whether new tables go there and the place needs a permission of its own: a database's location brings it
/// along with `CREATE_TABLE`.
fn is_of_new_tables(location: &Location) -> bool {
    matches!(location.origin, Origin::Warehouse { .. })
}
