//! Which change of the trust policy keeps out those who used to assume the role.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::replay::{Changed, Content, Place};
use super::{Blame, Certainty, Found};
use crate::trail::document::{Asked, Caller, Says, StatementChange, allows, denies, losses};
use crate::trail::{DenialGroup, Event};

/// How long a session lasts at most that is refreshed hourly, and what events may be late.
const SILENCE: SignedDuration = SignedDuration::from_mins(75);

/// The change of the trust policy after which those who used to could not assume the role any more.
///
/// A refused assumption from another account is logged there and not here: what shows is that
/// the assumptions end, while other records go on until `seen_until`. What a change took from them has to be gone
/// still.
pub(in crate::trail) fn lost_trust(
    changes: &[Changed],
    assumptions: &[Event],
    denials: &[DenialGroup],
    seen_until: Option<Timestamp>,
) -> Option<Found> {
    let mut last: BTreeMap<Option<&str>, Timestamp> = BTreeMap::new();
    let mut refused: Option<Timestamp> = None;
    for event in assumptions {
        let Some(time) = event.event_time else { continue };
        match event.error_code {
            None => _ = last.insert(event.identity.account_id.as_deref(), time),
            Some(_) if event.is_denial() => refused = refused.max(Some(time)),
            Some(_) => {}
        }
    }
    let seen = changes.iter().map(|change| change.event.event_time).chain(denials.iter().map(|it| it.last));
    let seen = seen.chain(assumptions.iter().map(|event| event.event_time)).chain([seen_until]);
    let end = seen.flatten().max()?;
    last.into_iter().find_map(|(account, last)| {
        let mut found: Option<(Found, Option<Says>)> = None;
        for (at, change) in changes.iter().enumerate() {
            let Some(time) = change.event.event_time.filter(|time| *time > last) else { continue };
            let Some(trusted) = change.trust(account.map(Caller::Account)) else { continue };
            let kept_out = trusted.after == Some(Says::No);
            if let Some((_, was)) = &found {
                let back = trusted.after >= was.or(Some(Says::OnCondition));
                found = found.filter(|_| !back);
                // A role that is made anew is kept from them by what it was made with.
                if change.remade.is_none() || !kept_out {
                    continue;
                }
            }
            // It was assumed before, whatever stood there.
            let silent = refused > Some(time) || last.duration_until(end) > SILENCE;
            let certainty = match trusted.statements.is_empty() {
                _ if trusted.after == Some(Says::Yes) => continue,
                _ if kept_out => Certainty::Likely,
                false if silent => Certainty::Likely,
                true if silent && trusted.before.is_none() => Certainty::Possible,
                _ => continue,
            };
            let reason =
                format!("the role was last assumed at {last}, before this change, and never after it");
            let blame = Blame { certainty, reason, statements: trusted.statements };
            found = Some((Found { at, blame, undone_by: None }, trusted.before));
        }
        found.map(|(found, _)| found)
    })
}

impl Changed {
    /// What a change of the trust policy did to those who may assume the role, as far as events tell: how good
    /// the policy was for them, how good it is, and the statements that went or came.
    fn trust(&self, caller: Option<Caller<'_>>) -> Option<Trusted> {
        let step = self.steps.iter().find(|step| step.place == Place::Trust)?;
        let asked = Asked { action: "sts:AssumeRole", resource: None, caller, itself: false, calls: None };
        let level = |content: &Content| {
            if *content == Content::Absent {
                return Some(Says::No);
            }
            let document = content.document()?;
            let spared = match denies(document, asked) {
                Says::No => Says::Yes,
                Says::OnCondition => Says::OnCondition,
                Says::Yes => Says::No,
            };
            Some(allows(document, asked).min(spared))
        };
        let statements = losses(step.before.document(), step.after.document(), asked);
        Some(Trusted { before: level(&step.before), after: level(&step.after), statements })
    }
}

/// What a change of the trust policy did to somebody.
struct Trusted {
    before: Option<Says>,
    after: Option<Says>,
    statements: Vec<StatementChange>,
}
