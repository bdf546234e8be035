//! Who can assume a role: questions answered over its whole trust policy.
//!
//! An answer is a proof, not a search for patterns: the policy is evaluated for every kind of
//! caller it can tell apart and for every kind of external id it can tell apart, in a context in which
//! all that is not known is marked unknown. <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html>

use std::sync::Arc;

use crate::model::StatementRef;

use super::decision::evaluate_resource_side;
use super::document::{Effect, PrincipalEntry, PrincipalKind, Selector, Version};
use super::language::{Glob, representatives};
use super::operator::{Operator, Test};
use super::principal::{Entry, is_exempt};
use super::request::{Facts, Who as Caller, is_account};
use super::{Context, Decision, Policy, Principal, Request};

/// What is passed to `sts:AssumeRole`.
#[derive(Clone, Debug)]
pub struct Assumption<'a> {
    /// The role's ARN.
    pub role_arn: &'a str,
    /// Who calls.
    pub principal: &'a Principal,
    /// The external id passed, if any.
    pub external_id: Option<&'a str>,
    /// Other condition keys, unknown ones marked.
    pub context: Context,
}

/// Whether the trust policy lets the principal assume the role.
///
/// Judges the trust policy alone: a caller of another account, or one that the policy means through
/// its account, also needs permission of its own.
pub fn assume(trust: &Arc<Policy>, assumption: &Assumption<'_>) -> Decision {
    perform(trust, "sts:AssumeRole", assumption)
}

/// Whether the trust policy lets the principal do an action on the role, such as `sts:TagSession`.
pub fn perform(trust: &Arc<Policy>, action: &str, assumption: &Assumption<'_>) -> Decision {
    let mut context = assumption.context.clone();
    match assumption.external_id {
        Some(id) => context.set("sts:ExternalId", [id]),
        None => context = context.absent("sts:ExternalId"),
    }
    let request = Request {
        principal: assumption.principal.clone(),
        action: action.to_owned(),
        resource: assumption.role_arn.to_owned(),
        resource_account: None,
        context,
    };
    evaluate_resource_side(trust, &request)
}

/// Whether a Deny with `NotPrincipal` spares a caller; for a role, a session of it, whose name is not known. `None`:
/// that is open.
///
/// AWS looks at the account, the role and the session. It asks for the account, advises role and account, and a
/// session that is not listed itself was seen to be denied: role and account alone are left open, and so is a
/// session of the role that is listed and may be the caller.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>,
/// <https://aws.amazon.com/blogs/security/how-to-restrict-amazon-s3-bucket-access-to-a-specific-iam-role/>
pub fn spares(listed: &[PrincipalEntry], caller: &Principal) -> Option<bool> {
    let entries: Vec<Entry> = listed.iter().map(Entry::compile).collect();
    let exempt = |principal: &Principal| {
        let (action, context) = ("sts:AssumeRole".to_owned(), Context::open());
        let (principal, resource) = (principal.clone(), String::new());
        let request = Request { principal, action, resource, resource_account: None, context };
        is_exempt(&entries, &Facts::new(&request))
    };
    let Some(head) = caller.session_head() else { return Some(exempt(caller)) };
    let session = |name: &str| Principal::parse(&format!("{head}{name}")).ok();
    if session("a-name-that-no-policy-lists").is_some_and(|session| exempt(&session)) {
        return Some(true);
    }
    let mut sessions = listed.iter().filter_map(|entry| session(entry.value.strip_prefix(&head)?));
    let of_account =
        |entry: &Entry| matches!(entry, Entry::Account { id, .. } if caller.account() == Some(id));
    let by_role = exempt(caller) && entries.iter().any(of_account);
    if by_role || sessions.any(|session| exempt(&session)) { None } else { Some(false) }
}

/// An answer that may hang on condition keys nobody outside AWS can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It can never happen, whatever the context.
    Never,
    /// It can happen.
    Always {
        /// The statements that allow it.
        statements: Vec<StatementRef>,
        /// An external id with which it works, in clear; `None`: without any.
        witness: Option<String>,
    },
    /// It can happen if the keys named have fitting values.
    Depends {
        /// The statements that would allow it.
        statements: Vec<StatementRef>,
        /// The condition keys that decide, as written.
        keys: Vec<String>,
        /// An external id with which it may work, in clear; `None`: without any.
        witness: Option<String>,
    },
}

impl Proof {
    fn of(decision: Decision, external_id: Option<&str>) -> Self {
        let witness = external_id.map(str::to_owned);
        if decision.verdict.is_allowed() {
            return Self::Always { statements: decision.statements, witness };
        }
        if decision.depends_on.is_empty() {
            return Self::Never;
        }
        Self::Depends { statements: decision.would_allow, keys: decision.depends_on, witness }
    }

    fn strength(&self) -> u8 {
        match self {
            Self::Never => 0,
            Self::Depends { .. } => 1,
            Self::Always { .. } => 2,
        }
    }

    /// One answer for several contexts, one of which is the call's: what is so in some of them only depends
    /// on the keys that tell them apart.
    #[must_use]
    pub fn agreed(answers: impl IntoIterator<Item = Self>, keys: &[String]) -> Self {
        let answers: Vec<Self> = answers.into_iter().collect();
        let agreed = answers.iter().all(|it| matches!(it, Self::Always { .. }));
        match answers.into_iter().fold(Self::Never, Self::or) {
            Self::Always { statements, witness } if !agreed => {
                Self::Depends { statements, keys: keys.to_vec(), witness }
            }
            answer => answer,
        }
    }

    /// The stronger of two answers; of two equal ones the first.
    fn or(self, other: Self) -> Self {
        if other.strength() > self.strength() { other } else { self }
    }
}

/// Whether the principal can assume the role without passing any external id.
///
/// A principal given as an account's root stands for anybody in that account. `context`: what is known of
/// the call besides; the rest is to be unknown.
pub fn without_external_id(
    trust: &Arc<Policy>,
    role_arn: &str,
    principal: &Principal,
    context: &Context,
) -> Proof {
    let question = Question { trust, role_arn, context };
    question.prove(&question.callers(principal), &[None])
}

/// Whether the principal can assume the role with an external id other than `known`.
///
/// A principal given as an account's root stands for anybody in that account. Where the policy is
/// beyond what can be walked, the answer is [`Proof::Depends`] on `sts:ExternalId`, never a false `Never`.
pub fn with_other_external_id(
    trust: &Arc<Policy>,
    role_arn: &str,
    principal: &Principal,
    known: &str,
    context: &Context,
) -> Proof {
    let question = Question { trust, role_arn, context };
    let (ids, complete) = question.external_ids(Some(known));
    let others: Vec<Option<&str>> =
        ids.iter().map(String::as_str).filter(|id| *id != known).map(Some).collect();
    let proof = question.prove(&question.callers(principal), &others);
    if proof == Proof::Never && !complete {
        let keys = vec!["sts:ExternalId".to_owned()];
        return Proof::Depends { statements: Vec::new(), keys, witness: None };
    }
    proof
}

/// Somebody who can assume the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grantee {
    /// Who it is.
    pub who: Who,
    /// How sure it is, and by which statements. Never [`Proof::Never`].
    pub proof: Proof,
}

/// Who is trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Anybody with AWS credentials, of any account.
    Everyone,
    /// Whoever the account lets: its id.
    Account(String),
    /// One principal, by its ARN.
    Principal(String),
    /// An AWS service.
    Service(String),
    /// An identity provider.
    Federated(String),
}

/// Everybody the trust policy lets in by an `sts:AssumeRole…` action, other than `except`, with or
/// without an external id.
///
/// An exception given as an account's root excepts everybody in that account. `context`: what is known of
/// anybody's call.
pub fn others(trust: &Arc<Policy>, role_arn: &str, except: &[Principal], context: &Context) -> Vec<Grantee> {
    let question = Question { trust, role_arn, context };
    let (ids, _) = question.external_ids(None);
    let ids: Vec<Option<&str>> =
        std::iter::once(None).chain(ids.iter().map(|id| Some(id.as_str()))).collect();
    let mut grantees: Vec<Grantee> = Vec::new();
    for who in question.named(except) {
        let proof = question.prove_for(&who, &ids);
        if proof != Proof::Never && grantees.iter().all(|known| known.who != who) {
            grantees.push(Grantee { who, proof });
        }
    }
    // Who is one of everybody need not be told apart, unless everybody is only let in conditionally.
    let open = grantees
        .iter()
        .any(|grantee| grantee.who == Who::Everyone && matches!(grantee.proof, Proof::Always { .. }));
    if open {
        grantees.retain(|grantee| !matches!(grantee.who, Who::Account(_) | Who::Principal(_)));
    }
    grantees.sort_by(|left, right| left.who.cmp(&right.who));
    grantees
}

struct Question<'a> {
    trust: &'a Arc<Policy>,
    role_arn: &'a str,
    context: &'a Context,
}

/// The letters of an external id: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
const EXTERNAL_ID_LETTERS: &str = "xABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwyz0123456789_+=,.@:/-";

/// The shortest external id.
const EXTERNAL_ID_SHORTEST: usize = 2;

impl Question<'_> {
    fn partition(&self) -> &str {
        self.role_arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws")
    }

    /// An account that the policy does not name.
    fn fresh_account(&self) -> String {
        let text = self.trust.document().text();
        let mut ids = (0_u64..).map(|number| format!("{:012}", 100_000_000_001 + number));
        ids.find(|id| !text.contains(id.as_str())).unwrap_or_default()
    }

    /// The callers that stand for a principal: itself; for an account, a role that the policy does
    /// not name and every principal of the account that it does.
    fn callers(&self, principal: &Principal) -> Vec<Principal> {
        let (Caller::Root, Some(account)) = (principal.who, principal.account()) else {
            return vec![principal.clone()];
        };
        let fresh = format!("arn:{}:iam::{account}:role/{}", self.partition(), self.fresh_account());
        let prefix = format!("::{account}:");
        let named = self.arns().into_iter().filter(|arn| arn.contains(&prefix));
        std::iter::once(fresh)
            .chain(named)
            .filter_map(|arn| Principal::parse(&arn).ok())
            .filter(|caller| caller.who != Caller::Root)
            .collect()
    }

    /// Every ARN that the policy names as a principal or as a value of `aws:PrincipalArn`, its
    /// wildcards filled in.
    fn arns(&self) -> Vec<String> {
        let mut arns = Vec::new();
        for statement in self.trust.document().statements() {
            let principals = statement.principals.iter().flat_map(Selector::values);
            arns.extend(
                principals.filter(|entry| entry.kind == PrincipalKind::Aws).map(|entry| entry.value.clone()),
            );
            for condition in &statement.conditions {
                if condition.key.eq_ignore_ascii_case("aws:PrincipalArn") {
                    arns.extend(condition.values.iter().map(|pattern| self.filled_in(pattern)));
                }
            }
        }
        arns
    }

    /// A text that the pattern of an ARN matches.
    fn filled_in(&self, pattern: &str) -> String {
        let segments = pattern.splitn(6, ':').enumerate().map(|(at, segment)| match (at, segment) {
            (1, "*") => self.partition().to_owned(),
            (4, "*") => self.fresh_account(),
            _ => segment.replace(['*', '?'], "x"),
        });
        segments.collect::<Vec<_>>().join(":")
    }

    /// One external id for every way the policy can tell them apart, and whether these are all.
    fn external_ids(&self, known: Option<&str>) -> (Vec<String>, bool) {
        let variables = self.trust.document().version() == Version::V2012;
        let mut globs: Vec<Glob> = known.iter().map(|known| Glob::text(known, false)).collect();
        let mut literals = Vec::new();
        let mut complete = true;
        for condition in self.trust.document().statements().iter().flat_map(|statement| &statement.conditions)
        {
            let values = &condition.values;
            complete &= !values.iter().any(|value| value.to_ascii_lowercase().contains("${sts:externalid"));
            if !condition.key.eq_ignore_ascii_case("sts:ExternalId") {
                continue;
            }
            literals.extend(values.iter().cloned());
            let operator = Operator::parse(&condition.operator);
            for value in values {
                complete &= !(variables && value.contains("${"));
                match operator.map(|operator| operator.test) {
                    Some(Test::Equals) => globs.push(Glob::text(value, false)),
                    Some(Test::EqualsIgnoreCase) => globs.push(Glob::text(value, true)),
                    Some(Test::Like) => globs.push(Glob::pattern(value)),
                    Some(Test::Null) | None => {}
                    Some(_) => complete = false,
                }
            }
        }
        if let Some(ids) = representatives(&globs, EXTERNAL_ID_LETTERS, EXTERNAL_ID_SHORTEST) {
            let mut ids = ids;
            if !complete {
                ids.extend(literals);
            }
            return (ids, complete);
        }
        let made_up = "an-external-id-that-no-policy-names".to_owned();
        literals.extend(literals.clone().iter().map(|literal| literal.replace(['*', '?'], "x")));
        literals.push(made_up);
        (literals, false)
    }

    /// Whether any of the callers gets in with any of the external ids.
    fn prove(&self, callers: &[Principal], external_ids: &[Option<&str>]) -> Proof {
        self.prove_by("sts:AssumeRole", callers, external_ids)
    }

    fn prove_by(&self, action: &str, callers: &[Principal], external_ids: &[Option<&str>]) -> Proof {
        let mut best = Proof::Never;
        for principal in callers {
            for &external_id in external_ids {
                let context = self.context.clone();
                let assumption = Assumption { role_arn: self.role_arn, principal, external_id, context };
                let decision = perform(self.trust, action, &assumption);
                best = best.or(Proof::of(decision, external_id));
                if matches!(best, Proof::Always { .. }) {
                    return best;
                }
            }
        }
        best
    }

    fn prove_for(&self, who: &Who, external_ids: &[Option<&str>]) -> Proof {
        let caller = |text: &str| Principal::parse(text).into_iter().collect::<Vec<_>>();
        match who {
            Who::Everyone => {
                let fresh = self.fresh_account();
                let role = format!("arn:{}:iam::{fresh}:role/{fresh}", self.partition());
                let patterned = self.arns().into_iter().filter(|arn| arn.contains(&fresh));
                let mut proof = self.prove(&caller(&role), external_ids);
                for arn in patterned {
                    // Whoever calls itself so gets in: it hangs on the caller's ARN.
                    if let Proof::Always { statements, witness } = self.prove(&caller(&arn), external_ids) {
                        let keys = vec!["aws:PrincipalArn".to_owned()];
                        proof = proof.or(Proof::Depends { statements, keys, witness });
                    }
                }
                proof
            }
            Who::Account(id) => {
                let root = format!("arn:{}:iam::{id}:root", self.partition());
                let callers = caller(&root).iter().flat_map(|root| self.callers(root)).collect::<Vec<_>>();
                self.prove(&callers, external_ids)
            }
            Who::Principal(arn) => self.prove(&caller(arn), external_ids),
            Who::Service(name) => self.prove_by("sts:AssumeRole", &caller(name), &[None]),
            Who::Federated(name) => {
                let action = if name.contains(":saml-provider/") {
                    "sts:AssumeRoleWithSAML"
                } else {
                    "sts:AssumeRoleWithWebIdentity"
                };
                self.prove_by(action, &caller(name), &[None])
            }
        }
    }

    /// Whom the policy's allowing statements name, apart from the exceptions.
    fn named(&self, except: &[Principal]) -> Vec<Who> {
        let mut named = Vec::new();
        for statement in self.trust.document().statements() {
            if statement.effect != Effect::Allow {
                continue;
            }
            match &statement.principals {
                Some(Selector::Any(entries)) => named.extend(entries.iter().filter_map(who)),
                Some(Selector::AllBut(_)) => named.push(Who::Everyone),
                None => {}
            }
        }
        if named.contains(&Who::Everyone) {
            named.extend(self.accounts_in_conditions().into_iter().map(Who::Account));
        }
        named.retain(|who| !is_excepted(who, except));
        named
    }

    /// The accounts that conditions on the caller name.
    fn accounts_in_conditions(&self) -> Vec<String> {
        let conditions =
            self.trust.document().statements().iter().flat_map(|statement| &statement.conditions);
        conditions
            .filter(|condition| {
                ["aws:PrincipalAccount", "aws:PrincipalArn"]
                    .iter()
                    .any(|key| condition.key.eq_ignore_ascii_case(key))
            })
            .flat_map(|condition| &condition.values)
            .filter_map(|value| {
                let account = if is_account(value) { Some(value.as_str()) } else { value.split(':').nth(4) };
                account.filter(|account| is_account(account)).map(str::to_owned)
            })
            .collect()
    }
}

fn who(entry: &super::PrincipalEntry) -> Option<Who> {
    match (entry.kind, Entry::compile(entry)) {
        (PrincipalKind::Service, _) => Some(Who::Service(entry.value.clone())),
        (PrincipalKind::Federated, _) => Some(Who::Federated(entry.value.clone())),
        (_, Entry::Everyone) => Some(Who::Everyone),
        (_, Entry::Account { id, .. }) => Some(Who::Account(id)),
        (_, Entry::Role { arn, .. } | Entry::Arn(arn)) => Some(Who::Principal(arn)),
        _ => None,
    }
}

fn is_excepted(who: &Who, except: &[Principal]) -> bool {
    except.iter().any(|principal| {
        let whole_account = principal.who == Caller::Root;
        match who {
            Who::Account(id) => whole_account && principal.account() == Some(id),
            Who::Principal(arn) => {
                arn == principal.as_str()
                    || Some(arn.as_str()) == principal.principal_arn()
                    || (whole_account && arn.split(':').nth(4) == principal.account())
            }
            Who::Service(name) | Who::Federated(name) => name == principal.as_str(),
            Who::Everyone => false,
        }
    })
}
