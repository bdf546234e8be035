//! PARTIAL-004: the role may write to the bucket, but not under the connector's prefix.

use crate::checks::shared::needs::Ask;
use crate::checks::shared::standing::{Cause, Refusal, Standings};
use crate::checks::shared::{absent_bucket, absent_role, bucket_name, without_bucket, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, Source, StatementRef};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 4), judge };

type Member<'s, 'a> = (&'s Ask<'a>, &'s Refusal);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(bucket) = bucket_name(view) else { return Ok(without_bucket()) };
    if let Some(skip) = absent_role(view).or_else(|| absent_bucket(view, bucket)) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let mut groups: Vec<(Option<StatementRef>, Vec<String>, Vec<Member<'_, '_>>)> = Vec::new();
    for (ask, refusal) in standings.gaps() {
        let Cause::OtherPrefix { written } = &refusal.cause else { continue };
        match groups.iter_mut().find(|(because, known, _)| *because == refusal.because && known == written) {
            Some((.., members)) => members.push((ask, refusal)),
            None => groups.push((refusal.because.clone(), written.clone(), vec![(ask, refusal)])),
        }
    }
    if !groups.is_empty() {
        let findings =
            groups.into_iter().map(|(because, written, members)| finding(because, &written, &members));
        return Ok(Outcome::Fail(findings.collect()));
    }
    standings.policies.complete()?;
    let text = "no statement stops short of the connector's prefix".to_owned();
    Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]))
}

fn finding(because: Option<StatementRef>, written: &[String], members: &[Member<'_, '_>]) -> Finding {
    let mut actions = Vec::new();
    let mut asked = Vec::new();
    let mut evidence = Vec::new();
    for (ask, refusal) in members {
        words::add(&mut actions, ask.action());
        words::add(&mut asked, ask.resource.pattern.clone());
        words::add_all(&mut evidence, refusal.evidence.iter().cloned());
    }
    let prefix = members.first().map(|(ask, _)| ask.requirement.prefix()).unwrap_or_default();
    let given = if prefix.is_empty() {
        "the connector has no prefix and writes anywhere in the bucket".to_owned()
    } else {
        format!("the connector's prefix is {prefix}")
    };
    let policy = because.as_ref().map_or("the policy", |it| it.policy.as_str());
    let what = format!(
        "{policy} allows {} on {} only, where {given}: {} is asked",
        words::list(&actions),
        words::list(written),
        words::list(&asked),
    );
    let mut finding = Finding::new(asked.join(", "), what);
    finding.evidence = evidence;
    finding.evidence.push(Evidence { source: Source::Given, text: given });
    finding.because = because;
    let grants = members
        .iter()
        .map(|(ask, _)| (ask.action().to_owned(), vec![ask.resource.pattern.clone()]))
        .collect();
    finding.remedy(Remedy::AllowOnRole { grants })
}
