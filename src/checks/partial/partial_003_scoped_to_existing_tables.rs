//! PARTIAL-003: the role may use certain tables of the database only, and so no new one.

use crate::checks::shared::glue::{is_new_table, names_a_table, without_database};
use crate::checks::shared::needs::{Ask, grants};
use crate::checks::shared::standing::{Cause, Refusal, Standings};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, StatementRef};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 3), judge };

type Member<'s, 'a> = (&'s Ask<'a>, &'s Refusal);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view).or_else(|| absent_role(view)) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let mut groups: Vec<(Option<StatementRef>, &[String], Vec<Member<'_, '_>>)> = Vec::new();
    for (ask, refusal) in standings.gaps() {
        let Cause::ExistingTables { written } = &refusal.cause else { continue };
        match groups.iter_mut().find(|(because, known, _)| *because == refusal.because && known == written) {
            Some((.., members)) => members.push((ask, refusal)),
            None => groups.push((refusal.because.clone(), written, vec![(ask, refusal)])),
        }
    }
    if groups.is_empty() {
        standings.policies.complete()?;
        if let Some(blocked) = standings.unless("PARTIAL-003") {
            return Err(blocked);
        }
        let text = "no statement allows Glue actions on certain tables of the database only".to_owned();
        return Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]));
    }
    // A pattern lets some new tables be created, and which ones there will be nobody knows here. A table
    // that the user named and that it does not cover is another matter.
    let named = names_a_table(view);
    let some_new = |(_, written, members): &(_, &[String], Vec<Member<'_, '_>>)| {
        let named_one = named && members.iter().any(|(ask, _)| !is_new_table(ask));
        written.iter().any(|it| is_pattern(it)) && !named_one
    };
    let only_some = groups.iter().all(some_new);
    let findings =
        groups.iter().map(|(because, written, members)| finding(because.clone(), written, members));
    let findings: Vec<Finding> = findings.collect();
    Ok(if only_some { Outcome::Warn(findings) } else { Outcome::Fail(findings) })
}

fn is_pattern(arn: &str) -> bool {
    arn.splitn(6, ':')
        .nth(5)
        .and_then(|it| it.splitn(3, '/').nth(2))
        .is_some_and(|it| it.contains(['*', '?']))
}

fn finding(because: Option<StatementRef>, written: &[String], members: &[Member<'_, '_>]) -> Finding {
    let (mut actions, mut existing, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = None;
    for (ask, refusal) in members {
        words::add(&mut actions, ask.action());
        let pattern = ask.resource.pattern.as_str();
        if is_new_table(ask) {
            all = Some(pattern);
        } else {
            words::add(&mut existing, pattern);
        }
        words::add_all(&mut evidence, refusal.evidence.iter().cloned());
    }
    let policy = because.as_ref().map_or("the policy", |it| it.policy.as_str());
    let mut what = format!("{policy} allows {} on {} only: ", words::list(&actions), words::list(written));
    what.push_str(match (written.iter().any(|it| is_pattern(it)), all) {
        (_, None) => "not on every table that there is",
        (true, _) => "a new table of another name is refused",
        (false, _) => "a new table is refused, while those that it names go on",
    });
    if let (Some(_), [first, ..]) = (all, &existing[..]) {
        let rest =
            if existing.len() > 1 { format!(" and {} more", existing.len() - 1) } else { String::new() };
        what = format!("{what}; so is {first}{rest}");
    }
    let mut finding = Finding::new(all.or_else(|| existing.first().copied()).unwrap_or_default(), what)
        .about(members.iter().map(|(ask, _)| ask.concern()));
    finding.evidence = evidence;
    finding.because = because;
    let grants = grants(members.iter().map(|(ask, _)| *ask));
    finding.remedy(Remedy::AllowOnRole { grants })
}
