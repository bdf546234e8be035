//! Lake Formation as the checks see it: what was read of it, and what AWS may have left out of its answers.

use crate::catalog::{Connector, Phase};
use crate::checks::View;
use crate::facts::{ConnectorTarget, FactId, Table};
use crate::model::{Blocked, Concern, LakeResource};
use crate::requirement::lake_formation::{
    Access, Lake, is_administrator, leaves_new_to_iam, may_have_opt_ins,
};
use crate::requirement::location::s3_address;
use crate::requirement::{Location, Origin, Side};

use super::concerns::calls;
use super::phases::tables;
use super::words;

/// What AWS says of who may change tables in a registered location.
const UNDERLYING: &str = "docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html";

/// What would settle what Lake Formation hides.
const AS_ADMINISTRATOR: &str = "run the doctor as a data lake administrator, or one who may only read";

/// Reads the grants, the registered locations and, where there may be any, the opt-ins. The settings may be missing:
/// they matter only where a grant does.
pub fn read<'a>(view: &View<'a>, role: &str) -> Result<Lake<'a>, Blocked> {
    let grants = view.lake_formation(FactId::LakePermissions, |it| &it.permissions)?;
    let locations = view.lake_formation(FactId::LakeLocations, |it| &it.locations)?;
    let locations = locations.map_or(&[][..], Vec::as_slice);
    let settings = view.lake_formation(FactId::LakeSettings, |it| &it.settings).ok().flatten();
    let opt_ins = view.lake_formation(FactId::LakeOptIns, |it| &it.opt_ins);
    let opt_ins = if may_have_opt_ins(settings, Some(locations)) { opt_ins? } else { opt_ins.ok().flatten() };
    Ok(Lake {
        role: role.to_owned(),
        settings,
        grants: grants.map_or(&[][..], Vec::as_slice),
        locations,
        opt_ins: opt_ins.map_or(&[][..], Vec::as_slice),
    })
}

/// Whether the caller sees all there is: AWS leaves out, without a word, what others may not see.
pub fn caller_sees_all(view: &View<'_>) -> Result<bool, Blocked> {
    let settings = view.lake_formation(FactId::LakeSettings, |it| &it.settings)?;
    let (Some(settings), Some(caller)) = (settings, view.caller()?) else { return Ok(false) };
    Ok(is_administrator(settings, caller.arn.as_str()))
}

/// Whether new databases and tables are left to IAM.
pub fn is_left_to_iam(view: &View<'_>) -> Result<bool, Blocked> {
    let settings = view.lake_formation(FactId::LakeSettings, |it| &it.settings)?;
    Ok(settings.is_some_and(leaves_new_to_iam))
}

/// Whether a database or a table that AWS does not show is there or not cannot be told, with the reason:
/// Lake Formation hides both from whoever has no grant, and AWS answers as if there were none.
///
/// `thing`: `a Glue database sales`.
pub fn may_be_hidden(view: &View<'_>, thing: &str) -> Result<(), Blocked> {
    if caller_sees_all(view)? || is_left_to_iam(view)? {
        return Ok(());
    }
    let region = view.target().region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    Err(Blocked {
        hint: Some(AS_ADMINISTRATOR.to_owned()),
        ..Blocked::new(
            format!("whether there is {thing}{region}"),
            "AWS shows none, and Lake Formation hides databases and tables from whoever runs the doctor unless it grants them",
        )
    })
}

/// A place in S3 as Lake Formation knows it.
pub fn location_of(place: &Location) -> LakeResource {
    let path = format!("{}/{}", place.bucket, place.prefix);
    LakeResource::Location { arn: format!("arn:aws:s3:::{}", path.trim_end_matches('/')) }
}

/// Why nobody can tell whether the tables of a connector can be committed to, where some lie in a registered
/// location to which the role has no access of its own. Below the database's own location it needs none.
///
/// Data location permissions "control the ability to create or alter Data Catalog resources that point to
/// particular Amazon S3 locations"; whether that is asked of a call that leaves a table where it is, is not said.
pub fn open_commits(view: &View<'_>, target: &ConnectorTarget, connector: &Connector) -> Option<Blocked> {
    const ACTION: &str = "glue:UpdateTable";
    let requirements = view.requirements();
    let commits: Vec<_> = requirements
        .iter()
        .filter(|it| {
            it.connector == connector.name && it.action == ACTION && it.need.phase != Phase::NewTable
        })
        .collect();
    let role = view.situation(commits.first()?).role_arn?;
    let places = view.locations().into_iter().find(|(it, _)| std::ptr::eq(*it, target))?.1.known;
    let lake = read(view, &role).ok()?;
    let is_own = |bucket: &str, path: &str| {
        let mut own = places.iter().filter(|it| matches!(it.origin, Origin::Database { .. }));
        own.any(|it| it.bucket == bucket && path.starts_with(&it.prefix))
    };
    let needs_access = |table: &&Table| {
        let uri = table.location.as_deref().unwrap_or_default();
        let Some((bucket, prefix)) = s3_address(uri) else { return false };
        let is_own = is_own(bucket, &prefix);
        let origin = Origin::Table { name: table.name.clone(), uri: uri.to_owned(), side: Side::Both };
        let place = Location { bucket: bucket.to_owned(), prefix, origin };
        let access = || lake.access(&location_of(&place), &["DATA_LOCATION_ACCESS"]);
        !is_own && lake.registered(&place).is_some() && matches!(access(), Access::Lacking(_))
    };
    let names: Vec<&str> = tables(view, target, connector)
        .ok()?
        .into_iter()
        .filter(needs_access)
        .map(|table| table.name.as_str())
        .collect();
    if names.is_empty() {
        return None;
    }
    let is_of = |resource: &str| names.iter().any(|name| resource.ends_with(&format!("/{name}")));
    let concerns = commits.iter().flat_map(|it| calls(it));
    let concerns = concerns.filter(|it| matches!(it, Concern::Call { resource, .. } if is_of(resource)));
    let role = &view.target().role.name;
    let what = format!("whether Lake Formation lets {role} commit to {}", words::some(&names));
    let why = format!(
        "a registered location holds {}, {role} has no DATA_LOCATION_ACCESS there that was shown, and AWS does not say whether changing a table that stays where it is takes it ({UNDERLYING})",
        if names.len() == 1 { "its files" } else { "their files" }
    );
    let hint = "grant DATA_LOCATION_ACCESS on the location, or see in the Streamkap app whether rows arrive";
    Some(Blocked { hint: Some(hint.to_owned()), ..Blocked::new(what, why) }.about(concerns))
}

/// That something is known only to an administrator of the data lake.
pub fn only_administrators_see(blocked: Blocked) -> Blocked {
    Blocked { hint: Some(AS_ADMINISTRATOR.to_owned()), ..blocked }
}
