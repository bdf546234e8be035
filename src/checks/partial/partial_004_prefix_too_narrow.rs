//! PARTIAL-004: the role may write to the bucket, but not under the connector's prefix.

use crate::checks::shared::glue::mistyped_database;
use crate::checks::shared::places::{Places, join, told};
use crate::checks::shared::standing::{Cause, Gap, Standings};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Section, Source};
use crate::requirement::Origin;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 4), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let places = Places::of(view);
    if let Some(skip) = absent_role(view).or_else(|| places.without_bucket(view)) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let gaps = standings.by_reason(|cause| match cause {
        Cause::OtherPrefix { written } => Some(written.clone()),
        _ => None,
    });
    let required = gaps.iter().filter(|gap| gap.is_required());
    let judged = required
        .map(|gap| Ok(of_another_database(view, gap).unwrap_or_else(|| Outcome::Fail(vec![finding(gap)]))));
    let unread = places.open.iter().cloned().chain(standings.policies.unread.first().cloned());
    let unread = unread.chain(standings.unless("PARTIAL-004")).map(Err);
    let text = "no statement stops short of the connector's prefix";
    let sound = Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]);
    Ok(join(judged.chain(unread).chain([Ok(sound)])))
}

/// Tables lie in the warehouse by the name of their database: a statement for one of nearly the same name is
/// right, and the name that was given is not.
fn of_another_database(view: &View<'_>, gap: &Gap<'_, '_>) -> Option<Outcome> {
    let folders = gap.written.iter().flat_map(|arn| arn.split('/'));
    folders.filter_map(|folder| folder.strip_suffix(".db")).find_map(|name| mistyped_database(view, name))
}

fn finding(gap: &Gap<'_, '_>) -> Finding {
    let locations = gap.locations();
    let given = match locations.first() {
        Some(location) if location.origin != Origin::Parameters => {
            format!("the connector writes tables below s3://{}/{}", location.bucket, location.prefix)
        }
        Some(location) if !location.prefix.is_empty() => {
            format!("the connector's prefix is {}", location.prefix)
        }
        _ => "the connector has no prefix and writes anywhere in the bucket".to_owned(),
    };
    let policy = gap.because.as_ref().map_or("the policy", |it| it.policy.as_str());
    let what = format!(
        "{policy} allows {} on {} only, where {given}: {} is asked",
        words::list(&gap.actions()),
        words::list(&gap.written),
        gap.asked_in_words(),
    );
    let finding = gap.finding(what).also(Section::Write).remedy(gap.remedy());
    match locations.first().map(|it| &it.origin) {
        Some(Origin::Parameters) | None => finding.evidence(Evidence { source: Source::Given, text: given }),
        Some(origin) => told(finding, origin),
    }
}
