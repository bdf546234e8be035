//! Gathers what a search brings: denials in groups, and the history that may explain them.

use super::scope::{RoleFilter, Scope};
use crate::trail::{DenialGroup, DenialGroups, Event, Timeline, is_history_of};

/// Events of the history that are kept. A role is assumed once an hour and changed far more rarely.
const HISTORY: usize = 20_000;

/// What a search has brought so far.
pub struct Gathered<'a> {
    scope: &'a Scope,
    groups: DenialGroups,
    history: Vec<Event>,
    left_out: bool,
}

impl<'a> Gathered<'a> {
    /// Nothing yet.
    pub fn new(scope: &'a Scope) -> Self {
        Self { scope, groups: DenialGroups::new(), history: Vec::new(), left_out: false }
    }

    /// Takes an event, if it is one that was asked for or belongs to the role's history.
    pub fn add(&mut self, event: Event) {
        if self.scope.wants(&event) {
            self.groups.add(&event);
        }
        let Some(RoleFilter::Arn(role)) = &self.scope.role else { return };
        if is_history_of(&event, role) {
            if self.history.len() < HISTORY {
                self.history.push(event);
            } else {
                self.left_out = true;
            }
        }
    }

    /// What was asked for.
    pub fn scope(&self) -> &'a Scope {
        self.scope
    }

    /// Copies of denials that were left out.
    pub fn duplicates(&self) -> u64 {
        self.groups.duplicates()
    }

    /// What must be known of the gathering.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.groups.is_folded() {
            notes.push(
                "so many resources were denied that they are put together by bucket or by action".to_owned(),
            );
        }
        if self.left_out {
            notes.push(format!("the timeline knows only {HISTORY} events of the role's history"));
        }
        notes
    }

    /// The groups, and the timeline where one role was asked for.
    pub fn finish(self) -> (Vec<DenialGroup>, Option<Timeline>) {
        let groups = self.groups.groups();
        let timeline = match &self.scope.role {
            Some(RoleFilter::Arn(role)) => Some(Timeline::new(role, self.history, &groups)),
            _ => None,
        };
        (groups, timeline)
    }
}
