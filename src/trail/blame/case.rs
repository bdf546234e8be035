//! A group of denials, and what of each change speaks for it as their cause.

use super::bearing::{bears, is_assumption_of, is_named};
use super::level::{Levels, Side, certainty};
use super::replay::{Changed, Content, Place, Remade, Step};
use super::switch::encrypts;
use super::{Blame, Certainty};
use crate::denial::{Layer, Reason};
use crate::model::Arn;
use crate::trail::applies::{Calls, Ready};
use crate::trail::document::{Asked, Caller, StatementChange, StatementChangeKind, losses};
use crate::trail::{DenialGroup, account_of_actor};

/// A group of denials against which changes are held.
pub(super) struct Case<'d> {
    pub(super) role: &'d Arn,
    pub(super) denial: &'d DenialGroup,
    /// Who called, as far as it is known.
    caller: Option<Caller<'d>>,
    /// None where it is not known who called what.
    calls: Option<Calls<'d>>,
    /// What a policy may have failed to do, by AWS's words.
    pub(super) sides: &'static [Side],
}

impl<'d> Case<'d> {
    pub(super) fn of(role: &'d Arn, denial: &'d DenialGroup, ready: &'d Ready) -> Self {
        let caller = caller(role, denial);
        let calls = caller.and_then(|caller| Calls::of(denial, caller, ready));
        Self { role, denial, caller, calls, sides: sides(denial) }
    }

    /// What is asked of a policy; none where the action is not known.
    pub(super) fn asked(&self) -> Option<Asked<'_>> {
        let resource = self.denial.resource.as_deref().filter(|resource| resource.starts_with("arn:"));
        let action = self.denial.action.as_deref()?;
        Some(Asked { action, resource, caller: self.caller, itself: false, calls: self.calls.as_ref() })
    }

    /// Whether a step is about a policy that can have refused the call.
    pub(super) fn bears(&self, change: &Changed, step: &Step) -> bool {
        // Of another account's resource both have to allow, and its policy does not make up for the role's.
        let owner = change.event.recipient_account.as_deref();
        let is_foreign = owner.is_some_and(|owner| owner != self.role.account());
        bears(change, &step.place, self.role, self.denial) && !(is_foreign && self.is_beside(step))
    }

    /// Whether the resource is known to the letter: what allows it then allows the call.
    pub(super) fn is_exact(&self) -> bool {
        self.asked().is_some_and(|asked| asked.is_exact())
    }

    pub(super) fn levels(&self, step: &Step, side: Side) -> Levels {
        Levels::of(step, self.asked_of(step), side)
    }

    /// What is asked of the policy of a step.
    fn asked_of(&self, step: &Step) -> Option<Asked<'_>> {
        Some(Asked { itself: self.is_beside(step), ..self.asked()? })
    }

    /// Whether a step is about a policy of the resource where AWS says that none of the role's own allows: it can
    /// have been the one that did, if it names the role itself. To name its account leaves it to the role's own.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
    fn is_beside(&self, step: &Step) -> bool {
        let is_of_identity = self.denial.cause == Reason::Implicit { layer: Layer::Identity };
        is_of_identity && matches!(step.place, Place::Bucket(_) | Place::Key(_) | Place::Catalog(_))
    }

    /// What speaks for a step as the cause; none where it made nothing worse.
    pub(super) fn blame(&self, change: &Changed, step: &Step, side: Side) -> Option<Blame> {
        let levels = self.levels(step, side);
        let statements = self.moved(step, side);
        let is_named = is_named(change, &step.place, self.denial) == Some(true);
        if side == Side::Deny
            && is_named
            && levels.may_be_worse()
            && levels.after != Some(super::Level::Passes)
        {
            let policy = self.denial.policy_arn.as_deref().unwrap_or_default();
            let reason = format!("AWS names {policy} as the policy that denies, and this change brought it");
            return Some(Blame { certainty: Certainty::Shown, reason, statements });
        }
        let mut certainty = certainty(step, side, levels, !statements.is_empty())?;
        if self.is_beside(step) && levels.before.is_none_or(|before| before == super::Level::Refuses) {
            return None;
        }
        if side == Side::Allow && (self.is_silent() || self.is_beside(step)) {
            // It may not have been this layer that refused.
            certainty = certainty.min(Certainty::Likely);
        }
        if side == Side::Allow && self.denial.cause.is_explicit() == Some(true) {
            // AWS says so of service control policies that lack an allow, too, but mostly means what it says.
            certainty = Certainty::Possible;
        }
        let is_deleted = change.event.event_name == "DeleteRole";
        let reason = if is_deleted {
            certainty = Certainty::Shown;
            "the role was deleted by this change".to_owned()
        } else {
            self.reason(change, step, side, levels, &statements)
        };
        doubted(Blame { certainty, reason, statements }, step, levels)
    }

    /// What speaks for a change that made the role anew, without the policies that it had.
    pub(super) fn blame_for_remaking(&self, remade: Remade) -> Option<Blame> {
        let certainty = match &self.denial.cause {
            Reason::Implicit { layer: Layer::Identity } => Certainty::Likely,
            Reason::Implicit { layer: Layer::Resource } => return Some(Self::blame_for_other_id(remade)),
            _ if self.is_silent() => Certainty::Possible,
            _ => return None,
        };
        let action = self.action();
        let reason = format!(
            "{}, without the policies that it had before; none that \
             was seen since then allows {action}",
            made_anew(remade)
        );
        Some(Blame { certainty, reason, statements: Vec::new() })
    }

    /// What speaks for a change that made the role anew where a policy of the resource has to allow the call: those
    /// that named the role by its ARN mean the one that was deleted.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
    fn blame_for_other_id(remade: Remade) -> Blame {
        let reason = format!(
            "{}; a policy of the resource that named it by its ARN means the \
             one that was deleted",
            made_anew(remade)
        );
        Blame { certainty: Certainty::Possible, reason, statements: Vec::new() }
    }

    /// The statements that went or came with a step, of the side in question.
    fn moved(&self, step: &Step, side: Side) -> Vec<StatementChange> {
        let Some(asked) = self.asked_of(step).filter(|_| step.after != Content::Unknown) else {
            return Vec::new();
        };
        let mut statements = losses(step.before.document(), step.after.document(), asked);
        let wanted = match side {
            Side::Allow => StatementChangeKind::AllowLost,
            Side::Deny => StatementChangeKind::DenyAdded,
        };
        statements.retain(|statement| statement.kind == wanted);
        statements
    }

    fn action(&self) -> &str {
        self.asked().map_or("the call", |asked| asked.action)
    }

    /// Whether AWS does not tell what refused, and it may have been of several layers: to assume a role from
    /// another account its trust policy has to allow it, whatever else does.
    fn is_silent(&self) -> bool {
        self.denial.cause.is_unstated() && !is_assumption_of(self.role, self.denial)
    }

    fn reason(
        &self,
        change: &Changed,
        step: &Step,
        side: Side,
        levels: Levels,
        statements: &[StatementChange],
    ) -> String {
        let (policy, action) = (step.place.in_words(), self.action());
        if let Some(first) = statements.first() {
            let name = match &first.sid {
                Some(sid) => format!("statement {sid}"),
                None => format!("statement {}", first.index + 1),
            };
            return match (first.kind, levels.before) {
                (StatementChangeKind::AllowLost, _) if first.now.is_some() => {
                    format!("{name} of {policy}, which allowed {action}, reads otherwise now")
                }
                (StatementChangeKind::AllowLost, _) => {
                    format!("{name} of {policy}, which allowed {action}, is gone")
                }
                (StatementChangeKind::DenyAdded, Some(_)) => {
                    format!("{name} of {policy}, which denies {action}, is new")
                }
                (StatementChangeKind::DenyAdded, None) => format!(
                    "{name} of {policy} denies {action} since then; what stood there before is not in the logs"
                ),
            };
        }
        match (side, levels.before, levels.after, &step.after) {
            (_, None, Some(_), Content::Document(_)) => format!(
                "{policy} as this change put it does not allow {action}; what stood there before is not in the logs"
            ),
            (Side::Allow, Some(_), None, _) => {
                format!("{policy} allowed {action}; what this change put there is not in the logs")
            }
            (Side::Deny, Some(_), None, _) => {
                format!("this change put {policy} in force; what that says is not in the logs")
            }
            _ => self.by_name(change),
        }
    }

    /// What speaks for a change by its name alone.
    pub(super) fn by_name(&self, change: &Changed) -> String {
        let name = &change.event.event_name;
        if let (Reason::SessionDuration { .. }, Some(seconds)) =
            (&self.denial.cause, change.event.request_parameters.get("maxSessionDuration"))
        {
            return format!("{name} set the longest session that the role allows to {seconds} seconds");
        }
        if encrypts(change, self.denial) {
            return format!("{name} has what is written encrypted with the key that was refused");
        }
        if let Reason::KeyState { .. } = &self.denial.cause {
            return format!("{name} took the key out of use, which is what AWS gives as the reason");
        }
        let takes =
            ["Delete", "BatchDelete", "Detach", "Revoke", "BatchRevoke", "Retire", "Disable", "Schedule"];
        let verb =
            if takes.iter().any(|prefix| name.starts_with(prefix)) { "takes away" } else { "may take away" };
        match self.sides {
            [Side::Deny] => format!("{name} may have brought what AWS says denies it"),
            _ if self.denial.cause.is_unstated() => {
                format!("{name} {verb} something that the call needs; AWS does not say what was missing")
            }
            _ => format!("{name} {verb} what AWS says is missing"),
        }
    }
}

fn made_anew(remade: Remade) -> String {
    let deleted = remade.deleted.map(|time| format!("was deleted at {time} and ")).unwrap_or_default();
    format!("the role {deleted}was made anew by this change")
}

/// Who called: the role, or whoever was refused it.
fn caller<'d>(role: &'d Arn, denial: &'d DenialGroup) -> Option<Caller<'d>> {
    let of_iam = |it: &&String| it.parse::<Arn>().is_ok_and(|arn| arn.service() == "iam");
    let named = denial.principals.iter().find(of_iam).map(String::as_str);
    if !is_assumption_of(role, denial) {
        return Some(Caller::Role(named.unwrap_or(role.as_str())));
    }
    let account = denial.principals.iter().find_map(|it| account_of_actor(it));
    named.map(Caller::Role).or_else(|| account.map(Caller::Account))
}

/// The denial by a service control policy "may be worded as explicit though implicit". A policy that AWS names
/// denies.
fn sides(denial: &DenialGroup) -> &'static [Side] {
    match (denial.cause.is_explicit(), denial.cause.layer()) {
        _ if denial.policy_arn.is_some() => &[Side::Deny],
        (Some(false), _) => &[Side::Allow],
        (Some(true), Some(Layer::Scp | Layer::Rcp)) | (None, _) => &[Side::Allow, Side::Deny],
        (Some(true), _) => &[Side::Deny],
    }
}

/// The blame as far as the policy is known to bear on the role: none where its text is not known either.
fn doubted(mut blame: Blame, step: &Step, levels: Levels) -> Option<Blame> {
    if step.bears {
        return Some(blame);
    }
    let (most, doubt) = match &step.place {
        Place::Organization(_, target) if target.is_empty() => (
            Certainty::Possible,
            "if it is attached above the account, which the logs do not show".to_owned(),
        ),
        // An organization has one root.
        Place::Organization(_, target) if target.starts_with("r-") => {
            (Certainty::Likely, format!("if the account is under {target}"))
        }
        Place::Organization(_, target) => {
            (Certainty::Possible, format!("if the account is under {target}, which the logs do not show"))
        }
        _ if levels.before.is_none() => return None,
        _ => (Certainty::Possible, "if it is attached to the role, which the logs do not show".to_owned()),
    };
    blame.certainty = blame.certainty.min(most);
    blame.reason = format!("{}; it can have done so only {doubt}", blame.reason);
    Some(blame)
}
