//! Whether the role's own policies allow what the connectors need: both engines, one verdict.
//!
//! The checks of missing permissions each report their own kind of gap, so that one cause shows once.

use std::sync::Arc;

use crate::checks::View;
use crate::facts::FactId;
use crate::model::{Blocked, EngineVerdict, Evidence, StatementRef};
use crate::policy::scope::covers;
use crate::policy::{Effect, Miss, NearestMiss, Policy, Selector};

use super::needs::{Ask, Verdict, asks};
use super::policies::{RolePolicies, bucket_policy, role_policies};
use super::simulated::{Simulated, simulated};
use super::words;

/// A question to the role's own policies and its answer.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// The question.
    pub ask: Ask<'a>,
    /// The answer.
    pub answer: Answer,
}

/// Whether the role's own policies allow.
#[derive(Clone, Debug)]
pub enum Answer {
    /// They do, or the bucket's policy does in their stead.
    Allowed(Vec<Evidence>),
    /// They do not.
    Refused(Refusal),
    /// It cannot be told.
    Undecided(Blocked),
}

/// Why the role's own policies do not allow.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which kind of gap.
    pub cause: Cause,
    /// The statement at fault, where one is.
    pub because: Option<StatementRef>,
    /// What nearly allowed, or what denies, in one sentence without a full stop.
    pub detail: Option<String>,
    /// Proof of both engines.
    pub evidence: Vec<Evidence>,
}

/// The kinds of gaps, each reported by one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// WRITE-003: the action is allowed on the bucket where it is asked on objects, or the reverse.
    WrongForm {
        /// The resource as written.
        written: String,
    },
    /// PARTIAL-004: allowed on some objects of the bucket, not on the connector's.
    OtherPrefix {
        /// The resources as written.
        written: Vec<String>,
    },
    /// WRITE-004: nothing allows it.
    Missing,
    /// WRITE-004: a statement denies it.
    Denied,
}

/// The role's own policies and how they stand to every need but those of keys, which are asked for
/// together with the key's policy (WRITE-006).
#[derive(Debug)]
pub struct Standings<'a> {
    /// The role's policies.
    pub policies: RolePolicies,
    /// The questions and their answers, in the order of the connector files.
    pub all: Vec<Standing<'a>>,
}

impl<'a> Standings<'a> {
    /// Judges every need.
    pub fn of(view: &View<'a>) -> Result<Self, Blocked> {
        let policies = role_policies(view);
        let asks = asks(view)?.into_iter().filter(|ask| !ask.is_of_key());
        let all = asks.map(|ask| Standing { answer: identity_answer(view, &ask, &policies), ask }).collect();
        Ok(Self { policies, all })
    }

    /// The needs without which the connector cannot work.
    pub fn required(&self) -> impl Iterator<Item = &Standing<'a>> {
        self.all.iter().filter(|standing| standing.ask.is_required())
    }

    /// The required needs that are refused.
    pub fn gaps(&self) -> impl Iterator<Item = (&Ask<'a>, &Refusal)> {
        self.required().filter_map(|standing| match &standing.answer {
            Answer::Refused(refusal) => Some((&standing.ask, refusal)),
            _ => None,
        })
    }

    /// The first required need that nobody can judge.
    pub fn undecided(&self) -> Option<&Blocked> {
        self.required().find_map(|standing| match &standing.answer {
            Answer::Undecided(blocked) => Some(blocked),
            _ => None,
        })
    }

    /// Proof that what is required is allowed.
    pub fn proof(&self) -> Vec<Evidence> {
        let mut proof = Vec::new();
        for standing in self.required() {
            if let Answer::Allowed(evidence) = &standing.answer {
                words::add_all(&mut proof, evidence.iter().cloned());
            }
        }
        proof
    }

    /// Whether any of the role's statements names an action that a connector needs.
    pub fn names_any_need(&self) -> bool {
        let documents = self.policies.documents();
        let statements = documents.iter().flat_map(|policy| policy.document().statements());
        let mut allowing = statements.filter(|statement| statement.effect == Effect::Allow);
        allowing.any(|statement| self.all.iter().any(|it| names(&statement.actions, it.ask.action())))
    }
}

/// Whether an `Action` or `NotAction` means the action.
pub fn names(actions: &Selector<String>, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let mut values = actions.values().iter();
    let named = values.any(|pattern| covers(&pattern.to_ascii_lowercase(), &action));
    named == matches!(actions, Selector::Any(_))
}

/// Whether the role's own policies allow: our engine's verdict and AWS's simulator's, compared.
pub fn identity_answer(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies) -> Answer {
    let own = own_verdict(ask, policies);
    let aws = simulated(view, ask);
    match (&own, aws) {
        (Ok(own), Ok(aws)) => both(view, ask, policies, own, aws),
        (Ok(own), Err(_)) => alone(view, ask, policies, own, None),
        (Err(blocked), Ok(aws)) => by_simulator(aws, blocked),
        (Err(blocked), Err(_)) => Answer::Undecided(blocked.clone()),
    }
}

/// Our engine's verdict; none when an unread policy may change it.
fn own_verdict(ask: &Ask<'_>, policies: &RolePolicies) -> Result<Verdict, Blocked> {
    let verdict = ask.of_identity(&policies.documents());
    match (&verdict, policies.unread.first()) {
        (Verdict::Denied(_), _) | (_, None) => Ok(verdict),
        (_, Some(blocked)) => Err(blocked.clone()),
    }
}

fn by_simulator(aws: Simulated<'_>, blocked: &Blocked) -> Answer {
    match aws.identity() {
        Some(EngineVerdict::Allowed) => Answer::Allowed(vec![aws.identity_evidence()]),
        Some(verdict) => Answer::Refused(Refusal {
            cause: if verdict == EngineVerdict::ExplicitDeny { Cause::Denied } else { Cause::Missing },
            because: None,
            detail: None,
            evidence: vec![aws.evidence()],
        }),
        None => Answer::Undecided(blocked.clone()),
    }
}

fn both(
    view: &View<'_>,
    ask: &Ask<'_>,
    policies: &RolePolicies,
    own: &Verdict,
    aws: Simulated<'_>,
) -> Answer {
    let (Some(ours), Some(theirs)) = (own.bare(), aws.identity()) else {
        return alone(view, ask, policies, own, Some(aws.identity_evidence()));
    };
    if ours.is_allowed() == theirs.is_allowed() {
        return alone(view, ask, policies, own, Some(aws.identity_evidence()));
    }
    let missing = aws.missing_context();
    if ours.is_allowed() && !missing.is_empty() {
        let reason = format!("it was not told {}, which the doctor's own engine knows", words::list(missing));
        let mut evidence = own_allows(ask, own);
        evidence.push(Evidence::simulated(format!("{}; {reason}", aws.evidence().text)));
        return Answer::Allowed(evidence);
    }
    Answer::Undecided(Blocked {
        what: format!("whether the role may {} on {}", ask.action(), ask.resource.pattern),
        why: format!(
            "AWS's simulator says {} and the doctor's own engine says {}, for no reason that it knows of",
            theirs.as_str(),
            ours.as_str(),
        ),
        grant: None,
        hint: Some("let the connector write once and read its log: AWS's own answer counts".to_owned()),
    })
}

/// The answer by our engine, the simulator silent or of one mind with it.
fn alone(
    view: &View<'_>,
    ask: &Ask<'_>,
    policies: &RolePolicies,
    own: &Verdict,
    seconded: Option<Evidence>,
) -> Answer {
    match own {
        Verdict::Allowed(_) => {
            let mut evidence = own_allows(ask, own);
            evidence.extend(seconded);
            Answer::Allowed(evidence)
        }
        Verdict::Depends { keys, statements } => Answer::Undecided(depends(ask, keys, statements)),
        Verdict::Denied(_) | Verdict::NotAllowed(_) => {
            if let Some(granted) = granted_by_bucket(view, ask, policies, own) {
                return Answer::Allowed(granted);
            }
            let mut refusal = refusal(ask, policies, own);
            refusal.evidence.extend(seconded);
            refusal.evidence.extend(unread_bucket_policy(view, ask));
            Answer::Refused(refusal)
        }
    }
}

fn own_allows(ask: &Ask<'_>, own: &Verdict) -> Vec<Evidence> {
    let statements = own.statements().to_vec();
    let by = statements.first().map(|it| format!(" by {}", words::statement(it))).unwrap_or_default();
    let text = format!("{} on {} is allowed{by}", ask.action(), ask.resource.pattern);
    vec![Evidence::evaluated(statements, text)]
}

/// What nobody can tell because a statement asks for a key that nobody outside AWS knows.
pub fn depends(ask: &Ask<'_>, keys: &[String], statements: &[StatementRef]) -> Blocked {
    let by = statements.first().map_or_else(|| "a statement".to_owned(), words::statement);
    Blocked {
        what: format!("whether {} on {} is allowed", ask.action(), ask.resource.pattern),
        why: format!("{by} decides by {}, whose value in Streamkap's calls is not known", words::list(keys)),
        grant: None,
        hint: Some(hint(keys)),
    }
}

fn hint(keys: &[String]) -> String {
    let asked = |wanted: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(wanted));
    if asked("aws:SourceIp") {
        return "ask Streamkap's support for the addresses that your connector calls from".to_owned();
    }
    if asked("aws:PrincipalOrgID") || asked("aws:ResourceOrgID") {
        return "allow whoever runs the doctor organizations:DescribeOrganization".to_owned();
    }
    "let the connector write once and read its log: AWS's own answer counts".to_owned()
}

/// In one account, the bucket's policy may allow what the role's own do not.
fn granted_by_bucket(
    view: &View<'_>,
    ask: &Ask<'_>,
    policies: &RolePolicies,
    own: &Verdict,
) -> Option<Vec<Evidence>> {
    let can_grant = matches!(own, Verdict::NotAllowed(_)) && !ask.is_of_key();
    let bucket = ask.requirement.bucket().filter(|_| can_grant)?;
    let policy = bucket_policy(view, bucket).ok()??;
    let verdict = ask.with_resource(&policies.documents(), Some(&policy));
    let statement = verdict.statements().first().filter(|_| verdict.is_allowed())?;
    let by = words::statement(statement);
    let text = format!(
        "{} on {} is allowed by {by} of bucket {bucket}, though by none of the role's own",
        ask.action(),
        ask.resource.pattern
    );
    Some(vec![Evidence::evaluated(verdict.statements().to_vec(), text)])
}

fn unread_bucket_policy(view: &View<'_>, ask: &Ask<'_>) -> Option<Evidence> {
    let bucket = ask.requirement.bucket().filter(|_| !ask.is_of_key())?;
    view.bucket(bucket, FactId::BucketPolicy, |it| &it.policy).err()?;
    Some(Evidence::read(
        "s3:GetBucketPolicy",
        format!(
            "the bucket policy of {bucket} was not read; only one that names the role could make up for it"
        ),
    ))
}

fn refusal(ask: &Ask<'_>, policies: &RolePolicies, own: &Verdict) -> Refusal {
    let asked = format!("{} on {}", ask.action(), ask.resource.pattern);
    if let Verdict::Denied(statements) = own {
        return Refusal {
            cause: Cause::Denied,
            because: statements.first().cloned(),
            detail: statements.first().map(|it| format!("{} denies it", words::statement(it))),
            evidence: vec![Evidence::evaluated(statements.clone(), format!("{asked} is denied"))],
        };
    }
    let nearest = match own {
        Verdict::NotAllowed(nearest) => nearest.as_ref(),
        _ => None,
    };
    let (cause, because) = gap(ask, policies, nearest);
    let statement = nearest.map(|miss| miss.statement.clone());
    let detail = nearest.map(ToString::to_string);
    let near = detail.as_deref().unwrap_or("none of the role's policies comes near");
    let text = format!("{asked}: {near}");
    let evidence = vec![Evidence::evaluated(statement.iter().cloned().collect(), text)];
    Refusal { cause, because: because.or(statement), detail, evidence }
}

/// The kind of a gap, by the resources of the statements that allow the action.
fn gap(
    ask: &Ask<'_>,
    policies: &RolePolicies,
    nearest: Option<&NearestMiss>,
) -> (Cause, Option<StatementRef>) {
    let by_resource = nearest.is_some_and(|miss| matches!(miss.miss, Miss::Resource { .. }));
    let Some(bucket) = ask.requirement.bucket().filter(|_| by_resource) else {
        return (Cause::Missing, None);
    };
    let partition = ask.resource.probe.split(':').nth(1).unwrap_or("aws");
    let arn = format!("arn:{partition}:s3:::{bucket}");
    let of_objects = ask.resource.probe.starts_with(&format!("{arn}/"));
    let written = resources_for(&policies.documents(), ask.action());
    let about_bucket = |resource: &str| covers(resource, &arn);
    let about_objects = |resource: &str| resource.starts_with(&format!("{arn}/"));
    let wrong = written
        .iter()
        .find(|(_, resource)| if of_objects { about_bucket(resource) } else { about_objects(resource) });
    let narrow: Vec<_> = written.iter().filter(|(_, it)| of_objects && about_objects(it)).collect();
    if let [(statement, _), ..] = narrow[..] {
        let written = narrow.iter().map(|(_, resource)| resource.clone()).collect();
        return (Cause::OtherPrefix { written }, Some(statement.clone()));
    }
    match wrong {
        Some((statement, resource)) => {
            (Cause::WrongForm { written: resource.clone() }, Some(statement.clone()))
        }
        None => (Cause::Missing, None),
    }
}

/// Every resource on which a statement allows the action, with the statement.
fn resources_for(policies: &[Arc<Policy>], action: &str) -> Vec<(StatementRef, String)> {
    let mut found = Vec::new();
    for policy in policies {
        for (at, statement) in policy.document().statements().iter().enumerate() {
            if statement.effect != Effect::Allow || !names(&statement.actions, action) {
                continue;
            }
            let Some(reference) = policy.statement_ref(at) else { continue };
            let resources = statement.resources.iter().flat_map(Selector::any);
            found.extend(resources.map(|resource| (reference.clone(), resource.clone())));
        }
    }
    found
}
