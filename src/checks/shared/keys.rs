//! Whether the role may use a KMS key: the key's policy or a grant, and the role's own policies, each of
//! which has to allow.

use std::sync::Arc;

use crate::checks::View;
use crate::facts::{FactId, KeyMetadata};
use crate::model::{Blocked, Evidence, Finding, Outcome, Remedy, StatementRef};
use crate::policy::{Policy, Selector};

use super::commands::on_key;
use super::conditions::why_it_hits;
use super::grants::{Granted, granted};
use super::needs::{Ask, Verdict};
use super::policies::{RolePolicies, key_policy, role_policies};
use super::standing::{Answer, Cause, Refusal, depends, identity_answer};
use super::words;

/// The name under which [`View::key`] knows the key that a question is about: its bucket's, else the
/// catalogue's, else the key's ARN.
pub(crate) fn entry(view: &View<'_>, ask: &Ask<'_>) -> String {
    let arn = &ask.resource.probe;
    let of_place = match ask.requirement.bucket() {
        _ if !ask.is_of_key() => None,
        Some(bucket) => view.bucket_key(bucket),
        None => view.catalog_key(),
    };
    // A call that was refused may have been for another key than the one of the place.
    let is_other = |entry: &String| {
        let known = view.key(entry, FactId::Key, |it| &it.metadata).ok().flatten();
        known.is_some_and(|metadata| metadata.arn != *arn)
    };
    of_place.filter(|entry| !is_other(entry)).or_else(|| view.key_entry(arn)).unwrap_or_else(|| arn.clone())
}

/// Whether a key in this state encrypts and decrypts. While its primary region is being updated, "you can use the
/// keys in cryptographic operations".
/// <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-update.html>
pub(crate) fn is_usable(state: &str) -> bool {
    matches!(state, "Enabled" | "Updating")
}

/// How a key in another state comes to be usable: steps, and commands that do or check it. A key that is to be
/// deleted cannot be enabled before that is cancelled, and is disabled then.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html>
pub(crate) fn made_usable(key: &KeyMetadata) -> (Vec<String>, Vec<String>) {
    let enable = on_key("enable-key", &key.arn);
    let (steps, command): (&[&str], String) = match key.state.as_str() {
        "PendingDeletion" => (
            &["Cancel the key's deletion, which leaves it disabled", "Enable the key"],
            format!("{} &&\n{enable}", on_key("cancel-key-deletion", &key.arn)),
        ),
        "Disabled" => (&["Enable the key"], enable),
        _ => (&["Bring the key into the state Enabled"], on_key("describe-key", &key.arn)),
    };
    (steps.iter().map(|step| (*step).to_owned()).collect(), vec![command])
}

/// Judges the questions about one key, known as `entry`, that is the key of `subject` (`bucket orders`).
pub(crate) fn judge(
    view: &View<'_>,
    entry: &str,
    subject: &str,
    asks: &[Ask<'_>],
) -> Result<Outcome, Blocked> {
    let (findings, blocked, proof) = (Vec::new(), None, Vec::new());
    let mut sides = Sides { view, entry, subject, findings, blocked, proof };
    // Each object that the key is used for by itself: a policy may tell them apart.
    sides.judge(&asks.iter().flat_map(Ask::parts).collect::<Vec<_>>());
    sides.outcome()
}

struct Sides<'v, 'a> {
    view: &'v View<'a>,
    entry: &'v str,
    subject: &'v str,
    findings: Vec<Finding>,
    blocked: Option<Blocked>,
    proof: Vec<Evidence>,
}

impl Sides<'_, '_> {
    fn judge(&mut self, asks: &[Ask<'_>]) {
        let policies = role_policies(self.view);
        match key_policy(self.view, self.entry) {
            Ok(Some(policy)) => self.judge_key(asks, &policy, &policies),
            // A denial by the role's own policies is one whatever the key says; and so it is that they do not
            // allow, where the key is another account's, whose policy does not do by itself.
            unread => {
                let blocked = unread.err().unwrap_or_else(|| no_policy(self.entry));
                let owner = self.entry.split(':').nth(4);
                let is_elsewhere = |ask: &Ask<'_>| {
                    owner.zip(ask.call.sessions.account()).is_some_and(|(owner, own)| owner != own)
                };
                let mut gaps = self.identity_gaps(asks.iter(), &policies, None);
                gaps.retain(|(ask, refusal)| refusal.cause == Cause::Denied || is_elsewhere(ask));
                self.report_identity(&gaps);
                self.blocked = Some(blocked);
            }
        }
    }

    fn judge_key(&mut self, asks: &[Ask<'_>], policy: &Arc<Policy>, policies: &RolePolicies) {
        let bounded = matches!(self.view.role(), Ok(Some(role)) if role.boundary.is_some());
        let mut denied: Vec<(StatementRef, Vec<&Ask<'_>>)> = Vec::new();
        let mut not_allowed: Vec<(&Ask<'_>, Option<String>)> = Vec::new();
        let (mut left_to_role, mut by_grant) = (Vec::new(), Vec::new());
        for ask in asks {
            match ask.of_resource(policy, bounded) {
                Verdict::Allowed(_) => left_to_role.push(ask),
                Verdict::Denied(statements) => {
                    for statement in statements {
                        match denied.iter_mut().find(|(known, _)| *known == statement) {
                            Some((_, members)) => members.push(ask),
                            None => denied.push((statement, vec![ask])),
                        }
                    }
                }
                Verdict::Depends { keys, statements } => self.leave_open(depends(ask, &keys, &statements)),
                Verdict::NotAllowed(nearest) => match granted(self.view, self.entry, ask) {
                    Granted::Yes(evidence) => by_grant.push((ask, evidence)),
                    Granted::Open(blocked) => self.leave_open(blocked),
                    Granted::No => not_allowed.push((ask, nearest.map(|miss| miss.to_string()))),
                },
            }
        }
        for (statement, asks) in &denied {
            self.report_denied(policy, statement, asks);
        }
        self.report_not_allowed(&not_allowed);
        let mut gaps = self.identity_gaps(left_to_role.into_iter(), policies, Some(policy));
        for (ask, evidence) in by_grant {
            match identity_answer(self.view, ask, policies) {
                Answer::Refused(refusal) if refusal.cause == Cause::Denied => gaps.push((ask, refusal)),
                Answer::Unless(_, blocked) | Answer::Undecided(blocked) => self.leave_open(blocked),
                Answer::Allowed(_) | Answer::Refused(_) => self.proof.push(evidence),
            }
        }
        self.report_identity(&gaps);
    }

    fn leave_open(&mut self, blocked: Blocked) {
        self.blocked.get_or_insert(blocked);
    }

    /// Questions that the role's own policies refuse, and neither the key's policy nor a grant allows.
    fn identity_gaps<'s, 'a: 's>(
        &mut self,
        asks: impl Iterator<Item = &'s Ask<'a>>,
        policies: &RolePolicies,
        key: Option<&Arc<Policy>>,
    ) -> Vec<(&'s Ask<'a>, Refusal)> {
        let mut gaps = Vec::new();
        for ask in asks {
            let alone = key.map(|key| ask.with_resource(&[], Some(key)));
            let whole = key.map(|key| ask.with_resource(&policies.documents(), Some(key)));
            if let (Some(Verdict::Allowed(statements)), Some(Verdict::Allowed(_))) = (alone, whole) {
                let text = format!("{} is allowed by the key's policy itself", ask.action());
                self.proof.push(Evidence::evaluated(statements, text));
                continue;
            }
            match identity_answer(self.view, ask, policies) {
                Answer::Allowed(evidence) => self.proof.extend(evidence),
                Answer::Unless(_, blocked) | Answer::Undecided(blocked) => self.leave_open(blocked),
                Answer::Refused(refusal) if refusal.cause == Cause::Denied => gaps.push((ask, refusal)),
                Answer::Refused(refusal) => match granted(self.view, self.entry, ask) {
                    Granted::Yes(evidence) => self.proof.push(evidence),
                    Granted::Open(blocked) => self.leave_open(blocked),
                    Granted::No => gaps.push((ask, refusal)),
                },
            }
        }
        gaps
    }

    fn report_denied(&mut self, policy: &Arc<Policy>, statement: &StatementRef, asks: &[&Ask<'_>]) {
        let actions = words::unique(asks.iter().map(|ask| ask.action()));
        let Some(key) = asks.first().map(|ask| ask.resource.probe.clone()) else { return };
        let why = asks
            .first()
            .map(|ask| why_it_hits(policy, statement.index, &self.view.situation(&ask.requirement)));
        let (role, named) = (&self.view.target().role.name, words::statement(statement));
        let what = format!(
            "The policy of {key}, the key of {}, denies {role} {} by {named}: {}",
            self.subject,
            words::list(&actions),
            why.unwrap_or_default()
        );
        let services: Vec<&str> = asks.iter().map(|ask| service(ask)).collect();
        let through = words::list(&words::unique(services));
        let text = format!("{} through {through}: denied by {named}", words::list(&actions));
        self.findings.push(
            Finding::new(key.clone(), what)
                .evidence(Evidence::evaluated(vec![statement.clone()], text))
                .because(statement.clone())
                .about(asks.iter().map(|ask| ask.concern()))
                .remedy(Remedy::ExemptFromKeyPolicy { key, statement: statement.index }),
        );
    }

    fn report_not_allowed(&mut self, asks: &[(&Ask<'_>, Option<String>)]) {
        let Some((first, nearest)) = asks.first() else { return };
        let actions: Vec<String> = words::unique(asks.iter().map(|(ask, _)| ask.action().to_owned()));
        let key = first.resource.probe.clone();
        let role = &self.view.target().role.name;
        let what = format!(
            "The policy of {key}, the key of {}, neither allows {role} {} nor leaves it to the policies of the role's account",
            self.subject,
            words::list(&actions)
        );
        let text = nearest.clone().unwrap_or_else(|| "no statement of the key policy comes near".to_owned());
        let finding = Finding::new(key.clone(), what)
            .evidence(Evidence::evaluated(Vec::new(), text))
            .about(asks.iter().map(|(ask, _)| ask.concern()));
        self.findings.push(finding.remedy(Remedy::AllowInKeyPolicy { key, actions }));
    }

    fn report_identity(&mut self, gaps: &[(&Ask<'_>, Refusal)]) {
        let Some((first, refusal)) = gaps.first() else { return };
        let actions: Vec<String> = words::unique(gaps.iter().map(|(ask, _)| ask.action().to_owned()));
        let key = first.resource.probe.clone();
        let role = &self.view.target().role.name;
        let mut what =
            format!("{role} may not do {} on {key}, the key of {}", words::list(&actions), self.subject);
        if let Some(detail) = &refusal.detail {
            what = format!("{what}: {detail}");
        }
        let grants: Vec<_> =
            gaps.iter().map(|(ask, _)| (ask.action().to_owned(), vec![ask.resource.probe.clone()])).collect();
        let alias = refusal.because.as_ref().and_then(|statement| Some((statement, self.alias(statement)?)));
        let remedy = match (&refusal.because, alias) {
            (Some(statement), _) if refusal.cause == Cause::Denied => {
                let (policy, statement) = (statement.policy.clone(), statement.index);
                Remedy::ExemptFromRolePolicy { policy, statement, grants }
            }
            (_, Some((statement, found))) => {
                what.push_str(
                    "; the ARN of an alias in Resource never matches: the key's own must stand there",
                );
                let (policy, statement) = (statement.policy.clone(), statement.index);
                Remedy::ReplaceResource { policy, statement, found, wanted: vec![key.clone()] }
            }
            _ => Remedy::AllowOnRole { grants },
        };
        let mut finding = Finding::new(key, what).about(gaps.iter().map(|(ask, _)| ask.concern()));
        for (_, refusal) in gaps {
            words::add_all(&mut finding.evidence, refusal.evidence.iter().cloned());
        }
        finding.because.clone_from(&refusal.because);
        self.findings.push(finding.remedy(remedy));
    }

    /// The ARN of an alias among the resources of a statement of the role's.
    fn alias(&self, statement: &StatementRef) -> Option<String> {
        let documents = role_policies(self.view).documents();
        let policy = documents.iter().find(|policy| policy.name() == statement.policy)?;
        let written = policy.document().statements().iter().find(|it| it.index == statement.index)?;
        let mut resources = written.resources.iter().flat_map(Selector::any);
        resources.find(|it| it.contains(":kms:") && it.contains(":alias/")).cloned()
    }

    fn outcome(self) -> Result<Outcome, Blocked> {
        match (self.findings.is_empty(), self.blocked) {
            (false, _) => Ok(Outcome::Fail(self.findings)),
            (true, Some(blocked)) => Err(blocked),
            (true, None) => Ok(Outcome::Pass(self.proof)),
        }
    }
}

/// The service by way of which the role uses the key.
fn service(ask: &Ask<'_>) -> &'static str {
    if ask.requirement.bucket().is_some() { "S3" } else { "Glue" }
}

pub(super) fn no_policy(key: &str) -> Blocked {
    let why = "AWS says that there is none, which cannot be".to_owned();
    Blocked::new(format!("the key policy of {key}"), why)
}
