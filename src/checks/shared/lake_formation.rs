//! Lake Formation as the checks see it: what was read of it, and what AWS may have left out of its answers.

use crate::checks::View;
use crate::facts::FactId;
use crate::model::Blocked;
use crate::requirement::Location;
use crate::requirement::lake_formation::{Lake, is_administrator, leaves_new_to_iam, touches};

/// What would settle what Lake Formation hides.
const AS_ADMINISTRATOR: &str = "run the doctor as a data lake administrator, or one who may only read";

/// Reads the grants, the registered locations and, where one that the connector writes to is in hybrid
/// mode, the opt-ins. The settings may be missing: they matter only where a grant does.
pub fn read<'a>(view: &View<'a>, role: &str, places: &[Location]) -> Result<Lake<'a>, Blocked> {
    let grants = view.lake_formation(FactId::LakePermissions, |it| &it.permissions)?;
    let locations = view.lake_formation(FactId::LakeLocations, |it| &it.locations)?;
    let locations = locations.map_or(&[][..], Vec::as_slice);
    let hybrid = locations.iter().any(|it| it.hybrid && places.iter().any(|place| touches(it, place)));
    let opt_ins = if hybrid { view.lake_formation(FactId::LakeOptIns, |it| &it.opt_ins)? } else { None };
    Ok(Lake {
        role: role.to_owned(),
        settings: view.lake_formation(FactId::LakeSettings, |it| &it.settings).ok().flatten(),
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

/// That something is known only to an administrator of the data lake.
pub fn only_administrators_see(blocked: Blocked) -> Blocked {
    Blocked { hint: Some(AS_ADMINISTRATOR.to_owned()), ..blocked }
}
