//! Gathers what a search brings: denials in groups, and the history that may explain them.

use std::collections::BTreeMap;

use super::scope::{RoleFilter, Scope};
use crate::model::Arn;
use crate::trail::{DenialGroup, DenialGroups, Event, Timeline, is_history_of};

/// Events of the history that are kept. A role is assumed once an hour and changed far more rarely.
const HISTORY: usize = 20_000;

/// What a search has brought so far.
pub struct Gathered<'a> {
    scope: &'a Scope,
    role: Option<Arn>,
    groups: DenialGroups,
    history: Vec<Event>,
    left_out: bool,
}

impl<'a> Gathered<'a> {
    /// Nothing yet.
    pub fn new(scope: &'a Scope) -> Self {
        let role = scope.role.as_ref().map(RoleFilter::role);
        Self { scope, role, groups: DenialGroups::new(), history: Vec::new(), left_out: false }
    }

    /// Takes an event, if it is one that was asked for or belongs to the role's history.
    pub fn add(&mut self, event: Event) {
        if self.scope.wants(&event) {
            self.groups.add(&event);
        }
        if self.role.as_ref().is_some_and(|role| is_history_of(&event, role)) {
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
        let role = match &self.scope.role {
            Some(RoleFilter::Name(name)) => only_role(name, &groups, &self.history),
            _ => self.role,
        };
        let timeline = role.map(|role| {
            let history = self.history.into_iter().filter(|event| is_history_of(event, &role)).collect();
            Timeline::new(&role, history, &groups)
        });
        (groups, timeline)
    }
}

/// The role of this name, if what was found is of one account only.
fn only_role(name: &str, groups: &[DenialGroup], history: &[Event]) -> Option<Arn> {
    let assumed = history.iter().filter_map(|event| event.parameter("roleArn"));
    let denied = groups.iter().flat_map(|group| &group.principals).map(String::as_str);
    let arns = assumed.chain(denied).filter_map(|arn| arn.parse::<Arn>().ok());
    let arns = arns.filter(|arn| arn.service() == "iam" && arn.name() == name);
    let mut roles: BTreeMap<String, Arn> = BTreeMap::new();
    for arn in arns {
        roles.entry(arn.account().to_owned()).or_insert(arn);
    }
    let changed = history.iter().filter(|event| event.parameter("roleName") == Some(name));
    for account in changed.filter_map(|event| event.recipient_account.clone()) {
        let role = || Arn::new("aws", "iam", "", &account, &format!("role/{name}"));
        roles.entry(account.clone()).or_insert_with(role);
    }
    if roles.len() == 1 { roles.into_values().next() } else { None }
}
