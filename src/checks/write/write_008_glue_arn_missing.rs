//! WRITE-008: a policy allows a Glue action, but not on the catalogue, the database and the table alike.

use crate::checks::shared::glue::{
    Mistake, Part, databases_in_policies, mistyped_database, without_database,
};
use crate::checks::shared::needs::{Ask, grants, patterns};
use crate::checks::shared::standing::{Cause, Refusal, Standings};
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, Source, StatementRef};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 8), judge };

/// A need that is refused, with the resource to correct.
type Member<'s, 'a> = (&'s Ask<'a>, &'s Refusal, Option<&'s (String, String)>);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = without_database(view).or_else(|| absent_role(view)) {
        return Ok(skip);
    }
    let standings = Standings::of(view)?;
    let mut groups: Vec<(Key<'_>, Vec<Member<'_, '_>>)> = Vec::new();
    for (ask, refusal) in standings.gaps() {
        let Cause::GlueArn { mistake, correction } = &refusal.cause else { continue };
        if let Some(skip) = of_another_database(view, mistake) {
            return Ok(skip);
        }
        // An ARN that is missing is missing in all statements; one that is mistaken stands in one.
        let statement = refusal.because.as_ref().filter(|_| correction.is_some());
        let key = Key { mistake, statement };
        let member = (ask, refusal, correction.as_ref());
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(member),
            None => groups.push((key, vec![member])),
        }
    }
    if !groups.is_empty() {
        let findings = groups.into_iter().map(|(key, members)| finding(key.mistake, &members));
        return Ok(Outcome::Fail(findings.collect()));
    }
    standings.policies.complete()?;
    if let Some(blocked) = standings.unless("WRITE-008") {
        return Err(blocked);
    }
    let text = "every statement that allows a Glue action names the catalogue, the database and its tables \
                as that action needs them"
        .to_owned();
    Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]))
}

/// ARNs of another database are right, and the name that was given is not, where that database is meant.
fn of_another_database(view: &View<'_>, mistake: &Mistake) -> Option<Outcome> {
    match mistake {
        Mistake::Database { found } => mistyped_database(view, found),
        Mistake::Missing { part: Part::Database | Part::Table } => {
            databases_in_policies(view).iter().find_map(|found| mistyped_database(view, found))
        }
        _ => None,
    }
}

#[derive(PartialEq)]
struct Key<'s> {
    mistake: &'s Mistake,
    statement: Option<&'s StatementRef>,
}

fn finding(mistake: &Mistake, members: &[Member<'_, '_>]) -> Finding {
    let asks = || members.iter().map(|(ask, ..)| *ask);
    let actions = words::unique(asks().map(Ask::action));
    let corrections = words::unique(members.iter().filter_map(|(.., correction)| correction.cloned()));
    let because = members.first().and_then(|(_, refusal, _)| refusal.because.clone());
    let policy = because.as_ref().map_or("the policy", |it| it.policy.as_str());
    let what = what(mistake, policy, &actions, members);
    let mut finding = Finding::new(patterns(asks()).join(", "), what).about(asks().map(Ask::concern));
    for (_, refusal, _) in members {
        words::add_all(&mut finding.evidence, refusal.evidence.iter().cloned());
    }
    let reference = "docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html".to_owned();
    let text = "Glue asks for an action on the table, its database and the catalogue, each by its own ARN"
        .to_owned();
    finding.evidence.push(Evidence { source: Source::Documentation { reference }, text });
    let remedy = match &because {
        Some(statement) if !corrections.is_empty() => Remedy::CorrectResources {
            policy: statement.policy.clone(),
            statement: statement.index,
            corrections,
        },
        _ => Remedy::AllowOnRole { grants: grants(asks()) },
    };
    finding.because = because;
    finding.remedy(remedy)
}

fn what(mistake: &Mistake, policy: &str, actions: &[&str], members: &[Member<'_, '_>]) -> String {
    let allows = format!("{policy} allows {}", words::list(actions));
    let asked = members.first().map(|(ask, ..)| ask.resource.probe.as_str()).unwrap_or_default();
    let segment = |at: usize| asked.split(':').nth(at).unwrap_or_default();
    let wrong = |kind: &str, found: &str, wanted: &str| {
        let found = if found.is_empty() { "none" } else { found };
        format!("{allows} in {kind} {found}, where the connector's catalogue is in {kind} {wanted}")
    };
    match mistake {
        Mistake::Missing { part } => {
            let pattern = patterns(members.iter().map(|(ask, ..)| *ask)).join(", ");
            format!("{allows}, but not on {} ({pattern})", part.in_words())
        }
        Mistake::Region { found } => wrong("region", found, segment(3)),
        Mistake::Account { found } => wrong("account", found, segment(4)),
        Mistake::Partition { found } => wrong("partition", found, segment(1)),
        Mistake::Database { found } => {
            let wanted = asked.rsplit(':').next().and_then(|it| it.split('/').nth(1)).unwrap_or_default();
            let case = if found.eq_ignore_ascii_case(wanted) {
                ": Glue keeps names in lower case, and IAM compares them letter by letter"
            } else {
                ""
            };
            format!("{allows} in the database {found}, where the connector's is {wanted}{case}")
        }
    }
}
