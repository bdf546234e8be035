//! WRITE-003: a policy names the bucket where the objects are meant, or the objects where the bucket is.

use crate::checks::shared::standing::{Answer, Cause, Refusal, Standing, Standings};
use crate::checks::shared::{absent_bucket, absent_role, bucket_name, without_bucket, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, StatementRef};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 3), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(bucket) = bucket_name(view) else { return Ok(without_bucket()) };
    if let Some(skip) = absent_role(view).or_else(|| absent_bucket(view, bucket)) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let failing = findings(&standings, true);
    if !failing.is_empty() {
        return Ok(Outcome::Fail(failing));
    }
    standings.policies.complete()?;
    let warning = findings(&standings, false);
    if !warning.is_empty() {
        return Ok(Outcome::Warn(warning));
    }
    let text = format!("no statement names bucket {bucket} only where its objects are meant, or the reverse");
    Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]))
}

type Member<'s, 'a> = (&'s Standing<'a>, &'s Refusal);

/// One finding for each resource as written.
fn findings(standings: &Standings<'_>, required: bool) -> Vec<Finding> {
    let mut groups: Vec<(Option<StatementRef>, String, Vec<Member<'_, '_>>)> = Vec::new();
    for standing in standings.all.iter().filter(|it| it.ask.is_required() == required) {
        let Answer::Refused(refusal) = &standing.answer else { continue };
        let Cause::WrongForm { written } = &refusal.cause else { continue };
        match groups.iter_mut().find(|(because, form, _)| *because == refusal.because && form == written) {
            Some((.., members)) => members.push((standing, refusal)),
            None => groups.push((refusal.because.clone(), written.clone(), vec![(standing, refusal)])),
        }
    }
    groups.into_iter().map(|(because, written, members)| finding(because, &written, &members)).collect()
}

fn finding(because: Option<StatementRef>, written: &str, members: &[Member<'_, '_>]) -> Finding {
    let mut actions = Vec::new();
    let mut asked = Vec::new();
    for (standing, _) in members {
        words::add(&mut actions, standing.ask.action());
        words::add(&mut asked, standing.ask.resource.pattern.clone());
    }
    let (given, missing) = if written.contains('/') {
        ("the bucket's objects", "the bucket itself")
    } else {
        ("the bucket", "its objects")
    };
    let policy = because.as_ref().map_or("the policy", |it| it.policy.as_str());
    let what = format!(
        "{policy} allows {} on {written}, which is {given}, and not on {}, which is {missing}",
        words::list(&actions),
        words::list(&asked),
    );
    let mut finding = Finding::new(asked.join(", "), what);
    for (_, refusal) in members {
        words::add_all(&mut finding.evidence, refusal.evidence.iter().cloned());
    }
    finding.because = because;
    let grants = members
        .iter()
        .map(|(standing, _)| (standing.ask.action().to_owned(), vec![standing.ask.resource.pattern.clone()]))
        .collect();
    finding.remedy(Remedy::AllowOnRole { grants })
}
