//! Who the trust policy lets in, statement by statement: what hinders Streamkap in each, everything
//! else taken as right. The `assume` checks each report the hindrances of their kind.
//!
//! Every judgement is the policy engine's, put to it with the other parts of the statement taken out.

mod call;
mod condition;
mod external;
mod near;
mod reason;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::checks::View;
use crate::facts::Role;
use crate::model::{Blocked, Evidence, StatementRef};
use crate::policy::trust::{Assumption, assume, spares};
use crate::policy::{
    Condition, Diagnostic, Document, Effect, Kind, Policy, Principal, PrincipalEntry, PrincipalKind,
    Selector, Statement, Version,
};

use super::{callers, history, phrases};

pub(crate) use call::Call;
pub(crate) use condition::Truth;
pub(crate) use external::{TOO_SHORT, difference, external_id_fault, is_placeholder};
use near::Likeness;
pub(crate) use near::{NearMiss, is_unique_id};
pub(crate) use reason::{misspelt, reason, written};

/// The name explanations give the trust policy.
pub(crate) const POLICY_NAME: &str = "trust policy";

/// A role's trust policy, read with Streamkap's call in mind.
pub(crate) struct Trust<'a> {
    /// The policy compiled.
    pub policy: Arc<Policy>,
    /// What is known of Streamkap's call.
    pub call: Call,
    /// What is wrong with the document.
    pub diagnostics: Vec<Diagnostic>,
    /// The role.
    pub role: &'a Role,
    /// Statements that allow, in order.
    pub allows: Vec<Reading>,
    /// Statements that deny Streamkap's principal something, in order.
    pub denies: Vec<Reading>,
    /// The last successful call of Streamkap's since which the trust policy was not changed, in words.
    pub settled: Option<Evidence>,
}

/// What a statement's principals have to do with Streamkap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principals {
    /// They cover Streamkap, and name its account.
    Streamkap,
    /// They cover Streamkap as they cover everybody.
    Everybody,
    /// Some were probably meant for Streamkap and do not cover it.
    Near(Vec<NearMiss>),
    /// Unique ids of deleted principals, and nobody like Streamkap.
    Deleted(Vec<String>),
    /// Others.
    Others,
}

impl Principals {
    /// Whether they cover Streamkap.
    pub(crate) fn cover(&self) -> bool {
        matches!(self, Self::Streamkap | Self::Everybody)
    }
}

/// A condition of a statement, judged by itself.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// The condition as written.
    pub condition: Condition,
    /// Whether it holds for Streamkap's call.
    pub truth: Truth,
}

/// A statement of the trust policy, each part judged by itself.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// The statement as written.
    pub statement: Statement,
    /// Where it stands.
    pub reference: StatementRef,
    /// Its principals.
    pub principals: Principals,
    /// Whether they mean Streamkap's call.
    pub means_caller: Truth,
    /// Whether it means `sts:AssumeRole`.
    pub assumes: bool,
    /// Its conditions on `sts:ExternalId`.
    pub external_ids: Vec<Judged>,
    /// Its other conditions.
    pub conditions: Vec<Judged>,
}

impl Reading {
    /// Whether its conditions on the external id hold together.
    pub(crate) fn external_id(&self) -> Truth {
        all(&self.external_ids)
    }

    /// Whether its other conditions hold together.
    pub(crate) fn others(&self) -> Truth {
        all(&self.conditions)
    }

    /// How many of its parts keep Streamkap out.
    fn wrong(&self) -> usize {
        usize::from(!self.principals.cover())
            + usize::from(!self.assumes)
            + usize::from(self.external_id() == Truth::Fails)
            + usize::from(self.others() == Truth::Fails)
    }

    fn open(&self) -> usize {
        usize::from(self.external_id() == Truth::Hangs) + usize::from(self.others() == Truth::Hangs)
    }

    /// The statement in words: `statement StreamkapAssumeRole (line 4)`.
    pub(crate) fn name(&self) -> String {
        statement_name(&self.reference)
    }

    /// Proof that rests on this statement.
    pub(crate) fn evidence(&self, text: impl Into<String>) -> Evidence {
        Evidence::evaluated(vec![self.reference.clone()], text)
    }
}

/// A statement in words: `statement StreamkapAssumeRole (line 4)`.
pub(crate) fn statement_name(reference: &StatementRef) -> String {
    match &reference.sid {
        Some(sid) => format!("statement {sid} (line {})", reference.line),
        None => format!("statement {} (line {})", reference.index + 1, reference.line),
    }
}

fn all(conditions: &[Judged]) -> Truth {
    conditions.iter().fold(Truth::Holds, |all, judged| all.and(judged.truth))
}

impl<'a> Trust<'a> {
    /// Reads the role's trust policy. `None`: there is no role.
    pub(crate) fn read(view: &View<'a>) -> Result<Option<Self>, Blocked> {
        let Some(role) = view.role()? else { return Ok(None) };
        Self::of(view, role, &role.trust_policy, Call::of(view, role)).map(Some)
    }

    /// Reads a text as the role's trust policy, with a call in mind.
    pub(crate) fn of(view: &View<'a>, role: &'a Role, text: &str, call: Call) -> Result<Self, Blocked> {
        let text = crate::policy::decode(text);
        let (document, diagnostics) = Document::recover(Kind::Trust, &text);
        let Some(document) = document else {
            return Err(unreadable(role, &diagnostics));
        };
        let settled = settled(view, role);
        let policy = Policy::compile(POLICY_NAME, document);
        let mut trust =
            Self { policy, call, diagnostics, role, allows: Vec::new(), denies: Vec::new(), settled };
        for (position, statement) in Arc::clone(&trust.policy).document().statements().iter().enumerate() {
            let Some(reference) = trust.policy.statement_ref(position) else { continue };
            let reading = trust.reading(view, statement, reference.clone());
            match statement.effect {
                Effect::Allow => trust.allows.push(reading),
                Effect::Deny if reading.means_caller != Truth::Fails => trust.denies.push(reading),
                Effect::Deny => {}
            }
        }
        Ok(trust)
    }

    fn reading(&self, view: &View<'_>, statement: &Statement, reference: StatementRef) -> Reading {
        let written = self.written(statement);
        let conditions = |external: bool| {
            let fits = move |it: &&Condition| it.key.eq_ignore_ascii_case("sts:ExternalId") == external;
            statement.conditions.iter().filter(fits).map(|it| self.judge(statement.effect, it)).collect()
        };
        let principals = self.principals(view, statement, &written);
        let means_caller = match &statement.principals {
            Some(Selector::AllBut(entries)) if statement.effect == Effect::Deny => self.denied(view, entries),
            _ if principals.cover() => Truth::Holds,
            _ => Truth::Fails,
        };
        Reading {
            statement: statement.clone(),
            reference,
            principals,
            means_caller,
            assumes: self.lets_in(with(&written, "Principal", &json!("*")), &["NotPrincipal", "Condition"]),
            external_ids: conditions(true),
            conditions: conditions(false),
        }
    }

    /// A condition judged. What nobody outside can know, and what the doctor only supposes, gives way
    /// to the proof that Streamkap got in: such a condition holds in what allows, and not in what denies.
    fn judge(&self, effect: Effect, condition: &Condition) -> Judged {
        let (mut truth, supposed) = condition::holds(&self.call, self.policy.document().version(), condition);
        let is_external_id = condition.key.eq_ignore_ascii_case("sts:ExternalId");
        let (proven, disproven) = match effect {
            Effect::Allow => (Truth::Holds, Truth::Fails),
            Effect::Deny => (Truth::Fails, Truth::Holds),
        };
        let gives_way = truth == Truth::Hangs || (truth == disproven && supposed);
        if gives_way && self.settled.is_some() && !is_external_id {
            truth = proven;
        }
        Judged { condition: condition.clone(), truth }
    }

    fn principals(&self, view: &View<'_>, statement: &Statement, written: &Value) -> Principals {
        let entries: &[PrincipalEntry] = statement.principals.as_ref().map_or(&[], |all| all.any());
        let covers = |written: Value| {
            let written = with(&written, "Action", &json!("sts:AssumeRole"));
            self.lets_in(written, &["NotAction", "Condition"])
        };
        if covers(written.clone()) {
            let accounts = callers::accounts(view);
            let named = entries.iter().any(|entry| accounts.iter().any(|it| entry.value.contains(it)));
            return if named { Principals::Streamkap } else { Principals::Everybody };
        }
        let mut near = Vec::new();
        let mut deleted = Vec::new();
        for entry in entries {
            match near::likeness(view.vendor(), &callers::accounts(view), entry) {
                Likeness::Near(miss) => near.push(miss),
                Likeness::Deleted(id) => deleted.push(id),
                Likeness::Other => {}
            }
        }
        match (near.is_empty(), deleted.is_empty()) {
            (false, _) => Principals::Near(near),
            (true, false) => Principals::Deleted(deleted),
            (true, true) => Principals::Others,
        }
    }

    /// A statement as JSON that allows, without its `Resource`.
    fn written(&self, statement: &Statement) -> Value {
        let text = self.policy.document().text();
        let mut written: Value = text
            .get(statement.range.clone())
            .and_then(|it| serde_json::from_str(it).ok())
            .unwrap_or_default();
        if let Some(members) = written.as_object_mut() {
            members.shift_remove("Resource");
            members.shift_remove("NotResource");
            members.insert("Effect".to_owned(), json!("Allow"));
        }
        written
    }

    /// Whether a Deny of everybody but these means Streamkap's call. Where Streamkap's account is trusted as a whole,
    /// a role of it that is listed may be the one that calls.
    fn denied(&self, view: &View<'_>, spared: &[PrincipalEntry]) -> Truth {
        let answers: Vec<Option<bool>> =
            self.call.principals.iter().map(|caller| spares(spared, caller)).collect();
        if answers.contains(&Some(true)) {
            return Truth::Fails;
        }
        let accounts = callers::callers(view).into_iter().filter(|arn| arn.resource() == "root");
        let mut heads = accounts.map(|root| format!("{}role/", root.as_str().trim_end_matches("root")));
        let may_call = heads.any(|head| {
            let mut listed = spared.iter().filter(|entry| entry.value.starts_with(&head));
            listed.any(|entry| Principal::parse(&entry.value).is_ok_and(|it| spares(spared, &it).is_none()))
        });
        if !may_call && !answers.contains(&None) {
            return Truth::Holds;
        }
        if self.settled.is_some() { Truth::Fails } else { Truth::Hangs }
    }

    /// Whether a statement, less some elements, lets any of Streamkap's principals in.
    fn lets_in(&self, mut statement: Value, without: &[&str]) -> bool {
        if let Some(members) = statement.as_object_mut() {
            for element in without {
                members.shift_remove(*element);
            }
        }
        let version =
            if self.policy.document().version() == Version::V2012 { "2012-10-17" } else { "2008-10-17" };
        let text = json!({"Version": version, "Statement": [statement]}).to_string();
        let Some(document) = Document::recover(Kind::Trust, &text).0 else { return false };
        let policy = Policy::compile(POLICY_NAME, document);
        self.call.principals.iter().any(|principal| {
            let context = self.call.context.clone();
            let assumption =
                Assumption { role_arn: &self.call.role_arn, principal, external_id: None, context };
            assume(&policy, &assumption).verdict.is_allowed()
        })
    }

    /// The statement that lets Streamkap in, or comes closest; none when nothing in the policy is about it.
    pub(crate) fn best(&self) -> Option<&Reading> {
        let about: Vec<&Reading> = self.allows.iter().filter(|it| self.intent(it) > 0).collect();
        about.into_iter().min_by_key(|reading| {
            let (wrong, open, intent) = (reading.wrong(), reading.open(), self.intent(reading));
            (wrong + open > 0, wrong > 0, intent < 2, !reading.assumes, wrong, open, 3 - intent)
        })
    }

    /// How surely a statement is about Streamkap, 0 (not) to 3 (it names its account).
    fn intent(&self, reading: &Reading) -> usize {
        let own_id = self.call.external_id.is_some()
            && !reading.external_ids.is_empty()
            && reading.external_id() == Truth::Holds;
        match &reading.principals {
            Principals::Streamkap => 3,
            Principals::Near(_) | Principals::Deleted(_) => 2,
            Principals::Others if own_id && names_accounts(&reading.statement) => 2,
            Principals::Everybody => 1,
            Principals::Others => 0,
        }
    }

    /// Whether the whole policy lets Streamkap in.
    pub(crate) fn lets_in_streamkap(&self) -> Truth {
        let denied = self.denies.iter().map(hits).fold(Truth::Fails, |any, hit| match (any, hit) {
            (Truth::Holds, _) | (_, Truth::Holds) => Truth::Holds,
            (Truth::Hangs, _) | (_, Truth::Hangs) => Truth::Hangs,
            _ => Truth::Fails,
        });
        let allowed = match self.best() {
            Some(best) if best.wrong() + best.open() == 0 => Truth::Holds,
            Some(best) if best.wrong() == 0 => Truth::Hangs,
            _ => Truth::Fails,
        };
        match (denied, allowed) {
            (Truth::Holds, _) | (_, Truth::Fails) => Truth::Fails,
            (Truth::Hangs, _) => Truth::Hangs,
            (Truth::Fails, allowed) => allowed,
        }
    }
}

/// Whether a denying statement means Streamkap's call: how surely.
pub(crate) fn hits(deny: &Reading) -> Truth {
    if deny.assumes { deny.means_caller.and(deny.external_id()).and(deny.others()) } else { Truth::Fails }
}

fn names_accounts(statement: &Statement) -> bool {
    statement.principals.iter().flat_map(Selector::any).any(|entry| entry.kind == PrincipalKind::Aws)
}

fn with(statement: &Value, element: &str, value: &Value) -> Value {
    let mut statement = statement.clone();
    if let Some(members) = statement.as_object_mut() {
        members.insert(element.to_owned(), value.clone());
    }
    statement
}

fn unreadable(role: &Role, diagnostics: &[Diagnostic]) -> Blocked {
    let fault = diagnostics.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string);
    Blocked {
        hint: Some("AWS stores only policies that it can read: read the role again".to_owned()),
        ..Blocked::new(
            format!("the trust policy of {}", role.arn),
            format!("it cannot be read as a policy: {fault}"),
        )
    }
}

/// Proof that the trust policy as it is now let Streamkap in.
fn settled(view: &View<'_>, role: &Role) -> Option<Evidence> {
    let since = history::trust_unchanged_since(view, &role.created)?;
    let assumptions = history::assumptions(view).ok()?;
    let last = assumptions.successes.last()?;
    let time = last.event_time.filter(|time| *time > since)?;
    Some(history::evidence(
        last,
        format!(
            "{} assumed the role on {}, and the trust policy was not changed since {}",
            history::caller(view, last),
            phrases::moment(time),
            phrases::moment(since)
        ),
    ))
}
