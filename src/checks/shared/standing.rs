//! Whether the role's own policies allow what the connectors need: both engines, one verdict.
//!
//! The checks of missing permissions each report their own kind of gap, so that one cause shows once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::checks::View;
use crate::model::{Blocked, EngineVerdict, Evidence, StatementRef};
use crate::policy::{Effect, Policy};
use crate::requirement::{Resource, SESSION_NAME};

use super::anywhere::{RESOURCES, is_of_any};
use super::needs::{Ask, Verdict, asks};
use super::organization::out_of_reach;
use super::places::is_absent;
use super::policies::{RolePolicies, boundary, given_policy, key_policy, own_resource_policy, role_policies};
use super::refusal::refusal;
use super::services::digest;
use super::simulated::{Simulated, simulated};
use super::unnamed_key::on_unnamed_key;
use super::unread::unread;
use super::{keys, words};

pub use super::refusal::{Cause, Gap, Refusal, names};

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
    /// They do, or the policy of the bucket or of the Data Catalog does in their stead.
    Allowed(Vec<Evidence>),
    /// They do not.
    Refused(Refusal),
    /// They do not, and a policy of the resource that could make up for it was not read.
    Unless(Refusal, Blocked),
    /// It cannot be told.
    Undecided(Blocked),
}

/// The role's own policies and how they stand to every need but those of the keys that buckets and the Data
/// Catalog encrypt with, which are asked for together with the key's policy (WRITE-006).
#[derive(Debug)]
pub struct Standings<'a> {
    /// The role's policies.
    pub policies: Rc<RolePolicies>,
    /// The questions and their answers, in the order of the connector files.
    pub all: Vec<Standing<'a>>,
    /// Where among them a question is: by what is asked about, those of all needs.
    places: BTreeMap<Resource, Vec<usize>>,
}

impl<'a> Standings<'a> {
    /// Judges every need.
    pub fn of(view: &View<'a>) -> Result<Rc<Self>, Blocked> {
        view.once(|once| &once.standings, |view| Self::judged(view).map(Rc::new))
    }

    fn judged(view: &View<'a>) -> Result<Self, Blocked> {
        let policies = role_policies(view);
        let asks = asks(view)?.into_iter().filter(|ask| !ask.is_of_key());
        let documents = policies.documents();
        let parts = asks.flat_map(|ask| ask.refused_parts(|part| part.of_identity(&documents)));
        let standing = |ask| Standing { answer: standing_answer(view, &ask, &policies), ask };
        let all: Vec<Standing<'a>> = parts.map(standing).collect();
        let mut places: BTreeMap<Resource, Vec<usize>> = BTreeMap::new();
        for (at, standing) in all.iter().enumerate() {
            places.entry(standing.ask.resource.clone()).or_default().push(at);
        }
        Ok(Self { policies, all, places })
    }

    /// The answer to a question, be it one of those or a part of one.
    pub fn answer(&self, view: &View<'_>, ask: &Ask<'_>) -> Cow<'_, Answer> {
        let same = |other: &Ask<'_>| {
            std::ptr::eq(other.requirement.need, ask.requirement.need)
                && other.requirement.connector == ask.requirement.connector
        };
        let of_resource = self.places.get(&ask.resource).into_iter().flatten();
        let mut standings = of_resource.filter_map(|at| self.all.get(*at));
        let known = standings.find(|it| same(&it.ask)).map(|it| Cow::Borrowed(&it.answer));
        known.unwrap_or_else(|| Cow::Owned(standing_answer(view, ask, &self.policies)))
    }

    /// The needs that are refused for reasons of a kind, by reason: those that the connector calls first.
    /// `written` tells the resources as written, of the kind's reasons only.
    pub fn by_reason(&self, written: impl Fn(&Cause) -> Option<Vec<String>>) -> Vec<Gap<'_, 'a>> {
        let mut gaps: Vec<Gap<'_, 'a>> = Vec::new();
        for called in [true, false] {
            for standing in self.all.iter().filter(|it| it.ask.is_called() == called) {
                let Answer::Refused(refusal) = &standing.answer else { continue };
                let Some(written) = written(&refusal.cause) else { continue };
                let (because, member) = (&refusal.because, (&standing.ask, refusal));
                let bucket = standing.ask.requirement.bucket();
                let same = |gap: &&mut Gap<'_, '_>| {
                    gap.is_called() == called
                        && gap.because == *because
                        && gap.written == written
                        && gap.bucket() == bucket
                };
                match gaps.iter_mut().find(same) {
                    Some(gap) => gap.members.push(member),
                    None => gaps.push(Gap { because: because.clone(), written, members: vec![member] }),
                }
            }
        }
        gaps
    }

    /// The needs without which the connector cannot work.
    pub fn required(&self) -> impl Iterator<Item = &Standing<'a>> {
        self.all.iter().filter(|standing| standing.ask.is_required())
    }

    /// What the connector calls and goes on without.
    pub fn optional(&self) -> impl Iterator<Item = &Standing<'a>> {
        self.all.iter().filter(|standing| standing.ask.is_optional())
    }

    /// The required needs that are refused.
    pub fn gaps(&self) -> impl Iterator<Item = (&Ask<'a>, &Refusal)> {
        self.required().filter_map(|standing| match &standing.answer {
            Answer::Refused(refusal) => Some((&standing.ask, refusal)),
            _ => None,
        })
    }

    /// The first required need that nobody can judge, but for those of [`Self::unless`] of other checks.
    pub fn undecided(&self) -> Option<&Blocked> {
        self.required().find_map(|standing| match &standing.answer {
            Answer::Undecided(blocked) => Some(blocked),
            Answer::Unless(refusal, blocked) if refusal.cause.owner() == "WRITE-004" => Some(blocked),
            _ => None,
        })
    }

    /// What keeps the check of this id from telling whether a gap of its kind is one: an unread policy of the
    /// resource could make up for it.
    pub fn unless(&self, owner: &str) -> Option<Blocked> {
        self.required().find_map(|standing| match &standing.answer {
            Answer::Unless(refusal, blocked) if refusal.cause.owner() == owner => Some(blocked.clone()),
            _ => None,
        })
    }

    /// Proof that what is required is allowed.
    pub fn proof(&self) -> Vec<Evidence> {
        let allowed = self.required().filter_map(|standing| match &standing.answer {
            Answer::Allowed(evidence) => Some((&standing.ask, evidence.clone())),
            _ => None,
        });
        digest(allowed, "the role's own policies allow", "AWS's simulator allows")
    }

    /// Whether any of the role's statements names an action that a connector needs.
    pub fn names_any_need(&self) -> bool {
        self.name_any(self.all.iter().map(|it| it.ask.action()))
    }

    /// Whether any of the role's statements that allow names one of these actions.
    pub fn name_any<'n>(&self, actions: impl IntoIterator<Item = &'n str>) -> bool {
        let documents = self.policies.documents();
        let statements = documents.iter().flat_map(|policy| policy.document().statements());
        let allowing: Vec<_> =
            statements.filter(|statement| statement.effect == Effect::Allow).map(|it| &it.actions).collect();
        actions.into_iter().any(|action| allowing.iter().any(|named| names(named, action)))
    }
}

/// The answer of the role's policies, of which a missing bucket says nothing.
pub(super) fn standing_answer(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies) -> Answer {
    if let Some(answer) = on_unnamed_key(view, ask, policies) {
        return answer;
    }
    match identity_answer(view, ask, policies) {
        Answer::Refused(mut refusal)
            if ask.requirement.bucket().is_some_and(|bucket| is_absent(view, bucket)) =>
        {
            refusal.cause = Cause::NoBucket;
            Answer::Refused(refusal)
        }
        Answer::Allowed(evidence) if ask.names_key() => with_key(view, ask, policies, evidence),
        Answer::Allowed(evidence) => match (given_policy(ask), unread(view, ask)) {
            (Some(Err(blocked)), _) => Answer::Undecided(blocked.about([ask.concern()])),
            (Some(Ok(policy)), _) => {
                with_policy(ask, policies, policy.as_ref(), &ask.resource.pattern, evidence)
            }
            (None, Some(policy)) => Answer::Undecided(policy.though_allowed(ask)),
            (None, None) => Answer::Allowed(evidence),
        },
        answer => answer,
    }
}

/// What becomes of a call on a key that the role's own policies allow: the key's policy has to allow it, too.
fn with_key(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies, evidence: Vec<Evidence>) -> Answer {
    let key = &ask.resource.probe;
    let policy = match key_policy(view, &keys::entry(view, ask)) {
        Ok(Some(policy)) => policy,
        unread => {
            let blocked = unread.err().unwrap_or_else(|| keys::no_policy(key));
            let why = format!(
                "{}; {} is allowed by the role's own policies, and the key's has to allow it, too",
                blocked.why,
                ask.action()
            );
            let hint = Some(format!("ask whoever owns {key} whether its policy lets the role do it"));
            return Answer::Undecided(Blocked { why, hint, ..blocked }.about([ask.concern()]));
        }
    };
    with_policy(ask, policies, Some(&policy), key, evidence)
}

/// What the policy of a resource makes of a call that the role's own policies allow.
fn with_policy(
    ask: &Ask<'_>,
    policies: &RolePolicies,
    policy: Option<&Arc<Policy>>,
    resource: &str,
    evidence: Vec<Evidence>,
) -> Answer {
    match ask.with_resource(&policies.documents(), policy) {
        Verdict::Allowed(_) => Answer::Allowed(evidence),
        Verdict::Depends { keys, statements } => Answer::Undecided(depends(ask, &keys, &statements)),
        Verdict::NotAllowed(_) | Verdict::Denied(_) => Answer::Refused(Refusal {
            cause: Cause::OtherSide,
            because: None,
            conditional: false,
            detail: Some(format!("the role's own policies allow it, and the policy of {resource} does not")),
            evidence,
        }),
    }
}

/// Whether the role's own policies allow: our engine's verdict and AWS's simulator's, compared.
pub fn identity_answer(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies) -> Answer {
    let own = own_verdict(ask, policies);
    let aws = simulated(view, ask);
    match (&own, aws) {
        (Ok(own), Ok(aws)) => both(view, ask, policies, own, aws),
        (Ok(own), Err(_)) => alone(view, ask, policies, own, None),
        (Err(blocked), Ok(aws)) => by_simulator(view, ask, aws, blocked),
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

/// The answer by AWS's simulator, where one of the role's own policies was not read. Nobody told it what it
/// says it was not told, and whether that matters only the policies show; nor whether they treat a name that was
/// made up for asking like those that the connector gives.
fn by_simulator(view: &View<'_>, ask: &Ask<'_>, aws: Simulated<'_>, blocked: &Blocked) -> Answer {
    let refused = |cause| {
        let evidence = vec![aws.evidence()];
        Refusal { cause, because: None, conditional: false, detail: None, evidence }
    };
    let made_up = ask.resource.probe != ask.resource.pattern;
    let undecided = || {
        let said = (!aws.decision().is_allowed()).then(|| format!("; {}", aws.evidence().text));
        let why = format!("{}{}", blocked.why, said.unwrap_or_default());
        Answer::Undecided(Blocked { why, ..blocked.clone() })
    };
    match aws.identity().filter(|_| !aws.is_untold()) {
        None => undecided(),
        Some(verdict) if made_up && !verdict.is_allowed() => undecided(),
        Some(verdict) if is_of_any(ask) && verdict != EngineVerdict::ExplicitDeny => undecided(),
        Some(EngineVerdict::Allowed) if refused_besides(view, ask) => undecided(),
        Some(EngineVerdict::Allowed) => Answer::Allowed(vec![aws.identity_evidence()]),
        Some(EngineVerdict::ExplicitDeny) => Answer::Refused(refused(Cause::Denied)),
        Some(EngineVerdict::ImplicitDeny) => not_allowed(view, ask, &[], || refused(Cause::Missing)),
    }
}

/// Whether AWS's simulator refuses another part of what is asked.
fn refused_besides(view: &View<'_>, ask: &Ask<'_>) -> bool {
    let mut parts = ask.simulated_besides(view).into_iter();
    parts.any(|part| {
        simulated(view, &part).ok().and_then(|it| it.identity()).is_some_and(|it| !it.is_allowed())
    })
}

/// What becomes of a question that the role's own policies do not allow: in one account, the policy of the
/// bucket or of the Data Catalog may allow it by itself.
fn not_allowed(
    view: &View<'_>,
    ask: &Ask<'_>,
    own: &[Arc<Policy>],
    refusal: impl FnOnce() -> Refusal,
) -> Answer {
    match granted_by_resource(view, ask, own) {
        Ok(Some(granted)) => Answer::Allowed(granted),
        Ok(None) => Answer::Refused(refusal()),
        Err(blocked) => Answer::Unless(refusal(), blocked),
    }
}

fn both(
    view: &View<'_>,
    ask: &Ask<'_>,
    policies: &RolePolicies,
    own: &Verdict,
    aws: Simulated<'_>,
) -> Answer {
    // What the role's own policies refuse is their doing, whether or not AWS shows the statement.
    let allows = matches!(own, Verdict::Allowed(_));
    let seconded = || Some(if allows { aws.identity_evidence() } else { aws.evidence() });
    let theirs = aws.identity().or_else(|| nobody_else_refuses(view, ask, aws).then(|| aws.decision()));
    let (Some(ours), Some(theirs)) = (own.bare(), theirs) else {
        return alone(view, ask, policies, own, seconded());
    };
    if ours.is_allowed() == theirs.is_allowed() {
        let answer = alone(view, ask, policies, own, seconded());
        // What the policy of the resource allows makes up for no Allow, and not for a Deny.
        let is_denied = ours == EngineVerdict::ImplicitDeny && theirs == EngineVerdict::ExplicitDeny;
        if !is_denied || !matches!(answer, Answer::Allowed(_)) {
            return answer;
        }
    }
    let missing = aws.missing_context();
    if ours.is_allowed() && !missing.is_empty() && hangs_on(ask, policies, missing) {
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
        concerns: vec![ask.concern()],
    })
}

/// Whether the role's own policies decide by any of these keys, which AWS names for statements about other actions, too.
fn hangs_on(ask: &Ask<'_>, policies: &RolePolicies, keys: &[String]) -> bool {
    let untold = keys.iter().fold(ask.clone(), |ask, key| ask.without(key));
    !matches!(untold.of_identity(&policies.documents()), Verdict::Allowed(_))
}

/// Whether the simulator refuses what neither the permissions boundary nor the organization can have refused, as far
/// as is known: then it was the role's own policies, though it does not say so.
fn nobody_else_refuses(view: &View<'_>, ask: &Ask<'_>, aws: Simulated<'_>) -> bool {
    let account = view.situation(&ask.requirement).account;
    let organization = view.organization();
    let by_organization = organization.map_or(true, |it| out_of_reach(it, account.as_ref()).is_none());
    let by_boundary = boundary(view)
        .map_or(true, |boundary| boundary.is_some_and(|policy| !ask.of_boundary(&policy).is_allowed()));
    !aws.decision().is_allowed()
        && (!by_organization || aws.organization() == Some(true))
        && (!by_boundary || aws.boundary() == Some(true))
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
        Verdict::Denied(_) => Answer::Refused(seconded_by(refusal(ask, policies, own), seconded)),
        Verdict::NotAllowed(_) => not_allowed(view, ask, &policies.documents(), || {
            seconded_by(refusal(ask, policies, own), seconded)
        }),
    }
}

fn seconded_by(mut refusal: Refusal, evidence: Option<Evidence>) -> Refusal {
    refusal.evidence.extend(evidence);
    refusal
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
    let why = if keys.iter().any(|key| key == RESOURCES) {
        let which = if ask.is_of_new() {
            "nobody can name those that will be made"
        } else {
            "which of them the connector uses is not known"
        };
        format!("{by} is about certain resources only, and {which}")
    } else {
        format!("{by} decides by {}, whose value in Streamkap's calls is not known", words::list(keys))
    };
    Blocked {
        what: format!("whether {} on {} is allowed", ask.action(), ask.resource.pattern),
        why,
        grant: None,
        hint: Some(hint(ask, keys)),
        concerns: vec![ask.concern()],
    }
}

fn hint(ask: &Ask<'_>, keys: &[String]) -> String {
    let asked = |wanted: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(wanted));
    if asked("aws:SourceIp") {
        return "ask Streamkap's support for the addresses that your connector calls from".to_owned();
    }
    if asked(RESOURCES) {
        let names = if ask.is_of_new() {
            "the names that the installer gives"
        } else {
            "those that the connector uses"
        };
        return format!("compare the resources of the statement with {names}");
    }
    if asked(SESSION_NAME) {
        return "name the role there instead of one of its sessions: its ARN means them all".to_owned();
    }
    if asked("aws:PrincipalOrgID") || asked("aws:ResourceOrgID") {
        return "allow whoever runs the doctor organizations:DescribeOrganization".to_owned();
    }
    "let the connector write once and read its log: AWS's own answer counts".to_owned()
}

/// Proof that the policy of the bucket or of the Data Catalog allows what the role's own do not; blocked where
/// it could and was not read.
fn granted_by_resource(
    view: &View<'_>,
    ask: &Ask<'_>,
    own: &[Arc<Policy>],
) -> Result<Option<Vec<Evidence>>, Blocked> {
    if ask.is_of_key() {
        return Ok(None);
    }
    let what = || match ask.requirement.bucket() {
        Some(bucket) => format!("bucket {bucket}"),
        None if ask.is_of_kms() => "the key".to_owned(),
        None if ask.is_of_catalog() => "the Data Catalog".to_owned(),
        None => ask.resource.pattern.clone(),
    };
    let Some(policy) = own_resource_policy(view, ask).map_err(|unread| could_allow(unread, ask))? else {
        return Ok(None);
    };
    let verdict = ask.with_resource(own, Some(&policy));
    let statement = match &verdict {
        Verdict::Depends { keys, statements } => return Err(depends(ask, keys, statements)),
        verdict => verdict.statements().first().filter(|_| verdict.is_allowed()),
    };
    Ok(statement.map(|statement| {
        let by = words::statement(statement);
        let text = format!(
            "{} on {} is allowed by {by} of {}, though by none of the role's own",
            ask.action(),
            ask.resource.pattern,
            what(),
        );
        vec![Evidence::evaluated(verdict.statements().to_vec(), text)]
    }))
}

fn could_allow(unread: Blocked, ask: &Ask<'_>) -> Blocked {
    let why =
        format!("{}; it might allow {}, which the role's own policies do not", unread.why, ask.action());
    Blocked { why, ..unread }.about([ask.concern()])
}
