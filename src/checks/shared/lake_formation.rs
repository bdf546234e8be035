//! What Lake Formation's grants make of the role's calls to the Data Catalog.
//!
//! A call must pass IAM and Lake Formation. `ALL` for the group `IAM_ALLOWED_PRINCIPALS` leaves a database
//! or a table to IAM alone, each by a grant of its own. Lake Formation says nothing about calls to S3 itself.
//! <https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html>
//! <https://docs.aws.amazon.com/lake-formation/latest/dg/implicit-permissions.html>

use crate::checks::View;
use crate::facts::{DefaultPermissions, FactId, LakeGrant, LakeLocation, LakeOptIn, LakeSettings};
use crate::model::{Blocked, LakeResource};
use crate::requirement::Location;

/// The group that stands for "whoever IAM allows".
pub const IAM_ALLOWED: &str = "IAM_ALLOWED_PRINCIPALS";

/// Every supported permission on a resource: the console's `Super`.
const ALL: &str = "ALL";

/// Lake Formation as far as it was read, for one role.
#[derive(Clone, Debug)]
pub struct Lake<'a> {
    role: String,
    settings: Option<&'a LakeSettings>,
    grants: &'a [LakeGrant],
    locations: &'a [LakeLocation],
    opt_ins: &'a [LakeOptIn],
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
    /// Reads the grants, the registered locations and, where one that the connector writes to is in hybrid
    /// mode, the opt-ins. The settings may be missing: they matter only where a grant does.
    pub fn read(view: &View<'a>, role: &str, places: &[Location]) -> Result<Self, Blocked> {
        let grants = view.lake_formation(FactId::LakePermissions, |it| &it.permissions)?;
        let locations = view.lake_formation(FactId::LakeLocations, |it| &it.locations)?;
        let locations = locations.map_or(&[][..], Vec::as_slice);
        let hybrid = locations.iter().any(|it| it.hybrid && places.iter().any(|place| touches(it, place)));
        let opt_ins = if hybrid { view.lake_formation(FactId::LakeOptIns, |it| &it.opt_ins)? } else { None };
        Ok(Self {
            role: role.to_owned(),
            settings: view.lake_formation(FactId::LakeSettings, |it| &it.settings).ok().flatten(),
            grants: grants.map_or(&[][..], Vec::as_slice),
            locations,
            opt_ins: opt_ins.map_or(&[][..], Vec::as_slice),
        })
    }

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
            "DATA_LOCATION_ACCESS" => has_any(&held, asked) || self.role_is_admin(false),
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

    /// The role itself, or the group of all principals of its account.
    fn is_role(&self, principal: &str) -> bool {
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

/// Whether the caller sees all there is: AWS leaves out, without a word, what others may not see.
pub fn caller_sees_all(view: &View<'_>) -> Result<bool, Blocked> {
    let settings = view.lake_formation(FactId::LakeSettings, |it| &it.settings)?;
    let (Some(settings), Some(caller)) = (settings, view.caller()?) else { return Ok(false) };
    let mut admins = settings.admins.iter().chain(&settings.read_only_admins);
    Ok(admins.any(|admin| is_same(admin, caller.arn.as_str())))
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
fn touches(registered: &LakeLocation, place: &Location) -> bool {
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
