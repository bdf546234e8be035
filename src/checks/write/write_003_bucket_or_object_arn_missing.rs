//! WRITE-003: a policy names the bucket where the objects are meant, or the objects where the bucket is.

use crate::checks::shared::places::{Places, join, told};
use crate::checks::shared::standing::{Cause, Gap, Standings};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Section};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 3), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let places = Places::of(view);
    if let Some(skip) = absent_role(view).or_else(|| places.without_bucket(view)) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let gaps = standings.by_reason(|cause| match cause {
        Cause::WrongForm { written } => Some(vec![written.clone()]),
        _ => None,
    });
    let judged = gaps.iter().map(|gap| {
        let findings = vec![finding(gap)];
        Ok(if gap.is_required() { Outcome::Fail(findings) } else { Outcome::Warn(findings) })
    });
    let unread = places.open.iter().cloned().chain(standings.policies.unread.first().cloned());
    let unread = unread.chain(standings.unless("WRITE-003")).map(Err);
    let text = "no statement names a bucket only where its objects are meant, or the reverse";
    let sound = Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]);
    Ok(join(judged.chain(unread).chain([Ok(sound)])))
}

fn finding(gap: &Gap<'_, '_>) -> Finding {
    let written = words::list(&gap.written);
    let (given, missing) = if written.contains('/') {
        ("the bucket's objects", "the bucket itself")
    } else {
        ("the bucket", "its objects")
    };
    let policy = gap.because.as_ref().map_or("the policy", |it| it.policy.as_str());
    let what = format!(
        "{policy} allows {} on {written}, which is {given}, and not on {}, which is {missing}",
        words::list(&gap.actions()),
        words::list(&gap.asked()),
    );
    let finding = gap.finding(what).remedy(gap.remedy());
    match gap.locations().first() {
        Some(location) => told(finding, &location.origin),
        None => finding,
    }
}
