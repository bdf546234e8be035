//! WRITE-010: Lake Formation does not let the role use the database, its tables or their location.

use crate::checks::shared::glue::without_database;
use crate::checks::shared::lake_formation::{Access, IAM_ALLOWED, Lake, caller_sees_all};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::facts::{ConnectorTarget, DatabaseMetadata, TABLES_ASKED, Table};
use crate::model::{Blocked, CheckId, Evidence, Finding, LakeResource, Outcome, Remedy, Section, Source};
use crate::requirement::{Location, Locations, Origin};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 10), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view).or_else(|| absent_role(view)) {
        return Ok(skip);
    }
    let requirements = view.requirements();
    let role = requirements.first().and_then(|it| view.situation(it).role_arn);
    let Some(role) = role else { return Err(unknown_role(view)) };
    let (mut proof, mut findings, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for (target, locations) in view.locations() {
        let Some(name) = view.databases().find(|name| target.parameters.values().any(|it| it == name)) else {
            continue;
        };
        let Some(database) = view.database(name)? else {
            absent.push(name);
            continue;
        };
        let tables = view.tables(name)?.map_or(&[][..], Vec::as_slice);
        let path = Path::read(view, &role, target, name, database, tables, &locations)?;
        findings.extend(path.findings());
        proof.extend(path.proof());
    }
    if !findings.is_empty() {
        return Ok(Outcome::Fail(findings));
    }
    if let [name, ..] = absent[..] {
        return Ok(Outcome::Skip(format!("there is no Glue database {name} (reported as WRITE-007)")));
    }
    Ok(Outcome::Pass(proof))
}

fn unknown_role(view: &View<'_>) -> Blocked {
    let unread = view.role().err().or_else(|| view.caller().err());
    unread.unwrap_or_else(|| unclear(view, "", "its ARN is not known"))
}

fn unclear(view: &View<'_>, database: &str, why: &str) -> Blocked {
    let role = &view.target().role.name;
    Blocked {
        what: format!("whether Lake Formation lets {role} use the database {database}"),
        why: why.to_owned(),
        grant: None,
        hint: None,
    }
}

/// The database with its tables and the place of new ones, as Lake Formation grants them.
struct Path<'v, 'a> {
    role: &'v str,
    lake: Lake<'a>,
    database: &'a str,
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
        target: &ConnectorTarget,
        database: &'a str,
        metadata: &DatabaseMetadata,
        tables: &'a [Table],
        locations: &Locations,
    ) -> Result<Self, Blocked> {
        if let Some(link) = &metadata.links_to {
            let why = format!("it is a link to {link}, whose grants are kept where that database is");
            return Err(unclear(view, database, &why));
        }
        let lake = Lake::read(view, role, &locations.known)?;
        let on = LakeResource::Database { database: database.to_owned() };
        let of_database = lake.access(&on, &["DESCRIBE", "CREATE_TABLE"]);
        let wanted = |table: &&Table| target.parameters.get("table").is_none_or(|it| *it == table.name);
        let (mut of_tables, mut unasked) = (Vec::new(), Vec::new());
        for (at, table) in tables.iter().filter(wanted).enumerate() {
            let on = LakeResource::Table { database: database.to_owned(), table: Some(table.name.clone()) };
            let access = lake.access(&on, &["DESCRIBE", "ALTER"]);
            // Its silence says nothing: a grant on all tables would have shown.
            if at >= TABLES_ASKED && matches!(access, Access::Lacking(_)) && !lake.names(&on) {
                unasked.push(table.name.as_str());
            } else {
                of_tables.push((table, access));
            }
        }
        let place = locations.known.iter().find(|it| is_of_new_tables(it));
        let place = place.filter(|it| lake.registered(it).is_some()).map(|it| {
            let on = LakeResource::Location { arn: arn_of(it) };
            (it.clone(), lake.access(&on, &["DATA_LOCATION_ACCESS"]))
        });
        let role = view.target().role.name.as_str();
        let path = Self { role, lake, database, of_database, of_tables, unasked, place };
        path.judgeable(view, locations)?;
        Ok(path)
    }

    /// Whether what is lacking is known to be lacking, and not only out of the caller's sight.
    fn judgeable(&self, view: &View<'a>, locations: &Locations) -> Result<(), Blocked> {
        if self.lake.has_locations() && self.place.is_none() {
            // New tables lie in a place that is not known, and some place is registered.
            if let Some(blocked) = &locations.open {
                return Err(blocked.clone());
            }
        }
        if !self.lacks() {
            return self.all_asked(view);
        }
        if self.lake.has_other_grants() {
            let why =
                "the role has grants by tags or filters, of which the doctor cannot tell what they come to";
            return Err(unclear(view, self.database, why));
        }
        if !caller_sees_all(view)? {
            let why = "no grant that would do it was shown, and AWS shows whoever runs the doctor, who is no data lake administrator, fewer grants than there are";
            let hint = "run the doctor as a data lake administrator, or one who may only read".to_owned();
            return Err(Blocked { hint: Some(hint), ..unclear(view, self.database, why) });
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

    fn lacks(&self) -> bool {
        !self.lake.is_out_of_use() && self.accesses().any(|access| matches!(access, Access::Lacking(_)))
    }

    fn accesses(&self) -> impl Iterator<Item = &Access> {
        let tables = self.of_tables.iter().map(|(_, access)| access);
        let place = self.place.iter().map(|(_, access)| access);
        std::iter::once(&self.of_database).chain(tables).chain(place)
    }

    fn findings(&self) -> Vec<Finding> {
        if !self.lacks() {
            return Vec::new();
        }
        [self.database_finding(), self.tables_finding(), self.place_finding()].into_iter().flatten().collect()
    }

    fn finding(&self, on: LakeResource, lacking: &[&str], what: &str, breaks: &str) -> Finding {
        let what = format!(
            "Lake Formation does not let {} {what}: neither {IAM_ALLOWED} holds ALL nor the role {} on {}",
            self.role,
            words::list(lacking),
            on.in_words()
        );
        let listed =
            format!("the grants on {} were listed by an administrator, and none is enough", on.in_words());
        let reference =
            "docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html".to_owned();
        let permissions = lacking.iter().map(|it| (*it).to_owned()).collect();
        Finding::new(on.in_words().trim_start_matches("the ").to_owned(), what)
            .evidence(Evidence::read("lakeformation:ListPermissions", listed))
            .evidence(Evidence { source: Source::Documentation { reference }, text: breaks.to_owned() })
            .remedy(Remedy::GrantLakeFormation { grants: vec![(on, permissions)] })
    }

    fn database_finding(&self) -> Option<Finding> {
        let Access::Lacking(lacking) = &self.of_database else { return None };
        let on = LakeResource::Database { database: self.database.to_owned() };
        let breaks = "glue:GetDatabase takes DESCRIBE and glue:CreateTable takes CREATE_TABLE on the database, IAM's permissions besides";
        Some(self.finding(on, lacking, "create tables in the database", breaks))
    }

    /// One finding for all tables.
    fn tables_finding(&self) -> Option<Finding> {
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
            (_, all) => format!("{verb} {} of its {all} tables ({})", names.len(), words::list(&names)),
        };
        let breaks = "glue:GetTable takes DESCRIBE and glue:UpdateTable, by which Iceberg commits, takes ALTER on the table; a grant on the database does not cover its tables";
        Some(self.finding(on, &lacking, &what, breaks))
    }

    fn place_finding(&self) -> Option<Finding> {
        let (place, Access::Lacking(lacking)) = self.place.as_ref()? else { return None };
        let on = LakeResource::Location { arn: arn_of(place) };
        let what =
            format!("create tables in s3://{}/{}, which is registered with it", place.bucket, place.prefix);
        let breaks = "glue:CreateTable takes DATA_LOCATION_ACCESS for a registered location, in hybrid mode too, unless the database has it for its own location";
        Some(self.finding(on, lacking, &what, breaks))
    }

    fn proof(&self) -> Vec<Evidence> {
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
        texts.into_iter().map(|text| Evidence::read("lakeformation:ListPermissions", text)).collect()
    }
}

/// Whether new tables go there and the place needs a permission of its own: a database's location brings it
/// along with `CREATE_TABLE`.
fn is_of_new_tables(location: &Location) -> bool {
    matches!(location.origin, Origin::Warehouse { .. })
}

fn arn_of(location: &Location) -> String {
    let path = format!("{}/{}", location.bucket, location.prefix);
    format!("arn:aws:s3:::{}", path.trim_end_matches('/'))
}
