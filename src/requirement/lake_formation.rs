//! What Lake Formation must grant for a connector's calls to the Data Catalog, and what the grants that were
//! read come to.
//!
//! A call must pass IAM and Lake Formation. `ALL` for the group `IAM_ALLOWED_PRINCIPALS` leaves a database
//! or a table to IAM alone, each by a grant of its own. Lake Formation says nothing about calls to S3 itself.
//! <https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html>
//! <https://docs.aws.amazon.com/lake-formation/latest/dg/implicit-permissions.html>

use crate::catalog::{Connector, Level};
use crate::facts::{ConnectorTarget, DefaultPermissions, LakeGrant, LakeLocation, LakeOptIn, LakeSettings};
use crate::model::LakeResource;

use super::Location;

/// The group that stands for "whoever IAM allows".
pub const IAM_ALLOWED: &str = "IAM_ALLOWED_PRINCIPALS";

/// Every supported permission on a resource: the console's `Super`.
const ALL: &str = "ALL";

/// On what a call takes a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// On the database.
    Database,
    /// On the table.
    Table,
}

/// The calls that take a permission on a database or a table, with the permission.
pub const CALLS: [(&str, On, &str); 8] = [
    ("glue:GetDatabase", On::Database, "DESCRIBE"),
    ("glue:CreateTable", On::Database, "CREATE_TABLE"),
    ("glue:UpdateDatabase", On::Database, "ALTER"),
    ("glue:DeleteDatabase", On::Database, "DROP"),
    ("glue:GetTable", On::Table, "DESCRIBE"),
    ("glue:GetTables", On::Table, "DESCRIBE"),
    ("glue:UpdateTable", On::Table, "ALTER"),
    ("glue:DeleteTable", On::Table, "DROP"),
];

/// What a connector's calls take of Lake Formation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// On its database.
    pub database: Vec<&'static str>,
    /// On each table that exists.
    pub tables: Vec<&'static str>,
    /// Whether it makes tables: that takes the registered location in which they lie, too.
    pub creates_tables: bool,
    /// Whether it makes databases: that takes `CREATE_DATABASE` on the catalogue.
    pub creates_databases: bool,
}

impl Taken {
    /// What the calls take without which a connector does not work.
    pub fn of(target: &ConnectorTarget, connector: &Connector) -> Self {
        let needs = super::needs_of(target, connector);
        let needs = needs.filter(|need| matches!(need.level, Level::Required | Level::Conditional));
        let mut taken = Self::default();
        for need in needs {
            let is = |action: &str| need.action.eq_ignore_ascii_case(action);
            taken.creates_tables |= is("glue:CreateTable");
            taken.creates_databases |= is("glue:CreateDatabase");
            for (_, on, permission) in CALLS.into_iter().filter(|(action, ..)| is(action)) {
                let of = match on {
                    On::Database => &mut taken.database,
                    On::Table => &mut taken.tables,
                };
                if !of.contains(&permission) {
                    of.push(permission);
                }
            }
        }
        for permissions in [&mut taken.database, &mut taken.tables] {
            permissions.sort_by_key(|permission| CALLS.iter().position(|(.., it)| it == permission));
        }
        taken
    }

    /// Whether it takes nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Lake Formation as far as it was read, for one role. What was not read grants nothing.
#[derive(Clone, Debug)]
pub struct Lake<'a> {
    /// The role's ARN.
    pub role: String,
    /// The settings, where they were read.
    pub settings: Option<&'a LakeSettings>,
    /// The grants, to anybody.
    pub grants: &'a [LakeGrant],
    /// The registered locations.
    pub locations: &'a [LakeLocation],
    /// The opt-ins of hybrid mode.
    pub opt_ins: &'a [LakeOptIn],
}

/// What a role may do on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Lake Formation leaves the resource to IAM.
    LeftToIam,
    /// Grants, or what goes without one, give the role all that is asked.
    Granted,
    /// These permissions are not among the grants that were read.
    Lacking(Vec<&'static str>),
}

impl<'a> Lake<'a> {
    /// What the role may do on a resource, of the permissions asked.
    pub fn access(&self, on: &LakeResource, asked: &[&'static str]) -> Access {
        let opted_in = self.opt_ins.iter().any(|it| covers(&it.on, on) && self.is_role(&it.principal));
        let of = |grant: &&LakeGrant| covers(&grant.on, on);
        let to_all = |grant: &LakeGrant| grant.principal.eq_ignore_ascii_case(IAM_ALLOWED);
        if !opted_in && self.grants.iter().filter(of).any(|it| to_all(it) && has(&it.permissions, ALL)) {
            return Access::LeftToIam;
        }
        let mine = |grant: &&LakeGrant| self.is_role(&grant.principal) || (to_all(grant) && !opted_in);
        let held: Vec<&String> =
            self.grants.iter().filter(of).filter(mine).flat_map(|it| &it.permissions).collect();
        let holds = |asked: &&str| match *asked {
            // Any other permission brings it along.
            "DESCRIBE" => !held.is_empty() || self.role_is_admin(true),
            "DATA_LOCATION_ACCESS" | "CREATE_DATABASE" => has_any(&held, asked) || self.role_is_admin(false),
            _ => has_any(&held, asked),
        };
        let lacking: Vec<&'static str> = asked.iter().filter(|asked| !holds(asked)).copied().collect();
        if lacking.is_empty() { Access::Granted } else { Access::Lacking(lacking) }
    }

    /// The registered location that new tables in a place would lie in.
    pub fn registered(&self, place: &Location) -> Option<&'a LakeLocation> {
        let path = format!("{}/{}", place.bucket, place.prefix);
        self.locations.iter().find(|it| path.starts_with(&format!("{}/", path_of(&it.arn))))
    }

    /// Whether any grant that was listed is on this very resource.
    pub fn names(&self, on: &LakeResource) -> bool {
        self.grants.iter().any(|grant| grant.on == *on)
    }

    /// Whether any location is registered.
    pub fn has_locations(&self) -> bool {
        !self.locations.is_empty()
    }

    /// Whether the role has permissions by tags or filters, of which is not known what they come to.
    pub fn has_other_grants(&self) -> bool {
        self.grants.iter().any(|it| it.on == LakeResource::Other && self.is_role(&it.principal))
    }

    /// Whether nobody has ever taken anything from IAM: there is no administrator to do so, and what is new
    /// is left to IAM.
    pub fn is_out_of_use(&self) -> bool {
        let Some(settings) = self.settings else { return false };
        settings.admins.is_empty()
            && settings.read_only_admins.is_empty()
            && self.locations.is_empty()
            && self.grants.iter().all(|it| it.principal.eq_ignore_ascii_case(IAM_ALLOWED))
            && leaves_new_to_iam(settings)
    }

    /// Whether a principal is the role itself, or the group of all principals of its account.
    pub fn is_role(&self, principal: &str) -> bool {
        let group = principal.strip_suffix(":IAMPrincipals").or_else(|| {
            let lower = principal.to_ascii_lowercase();
            lower.ends_with(":iamprincipals").then(|| &principal[..principal.len() - ":IAMPrincipals".len()])
        });
        match group {
            Some(account) => self.role.split(':').nth(4) == Some(account),
            None => is_same(principal, &self.role),
        }
    }

    fn role_is_admin(&self, read_only: bool) -> bool {
        let Some(settings) = self.settings else { return false };
        let others = settings.read_only_admins.iter().filter(|_| read_only);
        settings.admins.iter().chain(others).any(|admin| is_same(admin, &self.role))
    }
}

/// Whether new databases and tables are left to IAM.
pub fn leaves_new_to_iam(settings: &LakeSettings) -> bool {
    let to_iam = |defaults: &[DefaultPermissions]| {
        defaults.iter().any(|it| it.principal.eq_ignore_ascii_case(IAM_ALLOWED) && has(&it.permissions, ALL))
    };
    to_iam(&settings.new_databases) && to_iam(&settings.new_tables)
}

/// Whether anybody may have been opted in, which only an administrator of the data lake does: who was is under Lake
/// Formation with whatever is left to IAM for others, be its location registered or not. `None`: not read.
/// <https://docs.aws.amazon.com/lake-formation/latest/dg/hybrid-access-workflow.html>
pub fn may_have_opt_ins(settings: Option<&LakeSettings>, locations: Option<&[LakeLocation]>) -> bool {
    settings.is_none_or(|it| !it.admins.is_empty()) || locations.is_none_or(|it| !it.is_empty())
}

/// Whether somebody administers the data lake, if only by reading: AWS shows all grants and all tables to such
/// a caller, and leaves out without a word what others may not see.
pub fn is_administrator(settings: &LakeSettings, principal: &str) -> bool {
    settings.admins.iter().chain(&settings.read_only_admins).any(|admin| is_same(admin, principal))
}

/// Whether two ARNs are of one principal: a role's sessions are the role, and its path does not matter, for
/// names are unique in an account.
fn is_same(left: &str, right: &str) -> bool {
    match (role_of(left), role_of(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

/// Account and name of the role that an ARN of a role or of one of its sessions is about.
fn role_of(arn: &str) -> Option<(&str, &str)> {
    let mut segments = arn.splitn(6, ':').skip(4);
    let (account, resource) = (segments.next()?, segments.next()?);
    let name = match resource.split_once('/')? {
        ("role", path) => path.rsplit('/').next()?,
        ("assumed-role", session) => session.split('/').next()?,
        _ => return None,
    };
    Some((account, name))
}

fn has(permissions: &[String], wanted: &str) -> bool {
    permissions.iter().any(|it| it.eq_ignore_ascii_case(wanted))
}

fn has_any(held: &[&String], wanted: &str) -> bool {
    held.iter().any(|it| it.eq_ignore_ascii_case(wanted) || it.eq_ignore_ascii_case(ALL))
}

/// Whether a grant on one resource holds for the other. One on a database says nothing of its tables.
fn covers(granted: &LakeResource, on: &LakeResource) -> bool {
    match (granted, on) {
        (LakeResource::Table { database, table: None }, LakeResource::Table { database: other, .. }) => {
            database == other
        }
        (LakeResource::Location { arn }, LakeResource::Location { arn: other }) => {
            let (granted, other) = (path_of(arn), path_of(other));
            granted == other || other.strip_prefix(granted).is_some_and(|rest| rest.starts_with('/'))
        }
        (LakeResource::Other, _) => false,
        _ => granted == on,
    }
}

/// Bucket and path of a location's ARN, without what ends it.
fn path_of(arn: &str) -> &str {
    let path = arn.split_once(":::").map_or(arn, |(_, path)| path);
    path.trim_end_matches('*').trim_end_matches('/')
}

/// Whether one of the two lies in the other.
pub fn touches(registered: &LakeLocation, place: &Location) -> bool {
    let registered = format!("{}/", path_of(&registered.arn));
    let place = format!("{}/{}", place.bucket, place.prefix);
    place.starts_with(&registered) || registered.starts_with(&place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/app/Connector";

    fn grant(principal: &str, on: LakeResource, permissions: &[&str]) -> LakeGrant {
        let permissions = permissions.iter().map(|it| (*it).to_owned()).collect();
        LakeGrant { principal: principal.to_owned(), on, permissions }
    }

    fn table(name: Option<&str>) -> LakeResource {
        LakeResource::Table { database: "sales".to_owned(), table: name.map(str::to_owned) }
    }

    fn lake(grants: &[LakeGrant]) -> Lake<'_> {
        Lake { role: ROLE.to_owned(), settings: None, grants, locations: &[], opt_ins: &[] }
    }

    #[test]
    fn what_is_taken_follows_from_the_calls_that_a_connector_makes() {
        let catalog = crate::catalog::Catalog::built_in();
        let taken = |name: &str| {
            let target =
                ConnectorTarget { connector: name.to_owned(), parameters: [].into(), definition: None };
            Taken::of(&target, catalog.connector(name).unwrap())
        };
        let iceberg = Taken {
            database: vec!["DESCRIBE", "CREATE_TABLE"],
            tables: vec!["DESCRIBE", "ALTER"],
            creates_tables: true,
            creates_databases: true,
        };
        assert_eq!(taken("iceberg-glue"), iceberg);
        assert!(taken("s3").is_nothing());
    }

    #[test]
    fn an_administrator_creates_databases_without_a_grant_unless_it_may_only_read() {
        let access = |settings: &LakeSettings| {
            Lake { settings: Some(settings), ..lake(&[]) }
                .access(&LakeResource::Catalog, &["CREATE_DATABASE"])
        };
        let admin = vec!["arn:aws:iam::111122223333:role/Connector".to_owned()];
        assert_eq!(
            access(&LakeSettings { admins: admin.clone(), ..LakeSettings::default() }),
            Access::Granted
        );
        let reads = LakeSettings { read_only_admins: admin, ..LakeSettings::default() };
        assert_eq!(access(&reads), Access::Lacking(vec!["CREATE_DATABASE"]));
    }

    #[test]
    fn a_grant_on_the_database_says_nothing_of_its_tables() {
        let database = LakeResource::Database { database: "sales".to_owned() };
        let grants = [grant(IAM_ALLOWED, database.clone(), &["ALL"])];
        assert_eq!(lake(&grants).access(&database, &["CREATE_TABLE"]), Access::LeftToIam);
        let lacking = Access::Lacking(vec!["DESCRIBE", "ALTER"]);
        assert_eq!(lake(&grants).access(&table(Some("a")), &["DESCRIBE", "ALTER"]), lacking);
    }

    #[test]
    fn another_permission_brings_describe_along_and_all_brings_everything() {
        let own = "arn:aws:iam::111122223333:role/Connector";
        let grants = [grant(own, table(None), &["SELECT"]), grant(own, table(Some("b")), &["ALL"])];
        let asked = ["DESCRIBE", "ALTER"];
        assert_eq!(lake(&grants).access(&table(Some("a")), &asked), Access::Lacking(vec!["ALTER"]));
        assert_eq!(lake(&grants).access(&table(Some("b")), &asked), Access::Granted);
    }

    #[test]
    fn the_group_of_an_account_s_principals_is_that_account_s_only() {
        let mine = [grant("111122223333:IAMPrincipals", table(None), &["ALTER"])];
        let others = [grant("444455556666:IAMPrincipals", table(None), &["ALTER"])];
        assert_eq!(lake(&mine).access(&table(Some("a")), &["ALTER"]), Access::Granted);
        assert_eq!(lake(&others).access(&table(Some("a")), &["ALTER"]), Access::Lacking(vec!["ALTER"]));
    }

    #[test]
    fn who_opted_in_is_no_longer_left_to_iam() {
        let grants = [grant(IAM_ALLOWED, table(Some("a")), &["ALL"])];
        let opted = |principal: &str| LakeOptIn { principal: principal.to_owned(), on: table(None) };
        let mine = [opted(ROLE)];
        let others = [opted("arn:aws:iam::111122223333:role/Other")];
        let access = |opt_ins| Lake { opt_ins, ..lake(&grants) }.access(&table(Some("a")), &["ALTER"]);
        assert_eq!(access(&mine), Access::Lacking(vec!["ALTER"]));
        assert_eq!(access(&others), Access::LeftToIam);
    }

    #[test]
    fn a_location_covers_what_lies_below_it() {
        let place = |prefix: &str| Location {
            bucket: "lake".to_owned(),
            prefix: prefix.to_owned(),
            origin: crate::requirement::Origin::Parameters,
        };
        let locations = [LakeLocation { arn: "arn:aws:s3:::lake/wh".to_owned(), role: None, hybrid: false }];
        let lake = Lake { locations: &locations, ..lake(&[]) };
        assert!(
            lake.registered(&place("wh/")).is_some() && lake.registered(&place("wh/sales.db/")).is_some()
        );
        assert!(lake.registered(&place("whale/")).is_none() && lake.registered(&place("")).is_none());
        let location = |arn: &str| LakeResource::Location { arn: arn.to_owned() };
        assert!(covers(&location("arn:aws:s3:::lake/"), &location("arn:aws:s3:::lake/wh")));
        assert!(!covers(&location("arn:aws:s3:::lake/w"), &location("arn:aws:s3:::lake/wh")));
    }

    #[test]
    fn a_session_is_its_role() {
        assert!(is_same("arn:aws:iam::1:role/p/Ops", "arn:aws:sts::1:assumed-role/Ops/ann"));
        assert!(!is_same("arn:aws:iam::1:role/Ops", "arn:aws:sts::2:assumed-role/Ops/ann"));
        assert!(!is_same("arn:aws:iam::1:user/Ops", "arn:aws:sts::1:assumed-role/Ops/ann"));
    }
}
