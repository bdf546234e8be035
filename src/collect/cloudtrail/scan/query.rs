//! What a scan looks for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use memchr::memmem::Finder;

use crate::model::Arn;
use crate::trail::{self, Event};

/// What to find in the logs.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Denials of this role's sessions; of anybody when none.
    pub role: Option<Arn>,
    /// Events at or after this time. Those without a readable time are kept.
    pub from: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
    /// Events in the trails of these accounts; of any account when empty.
    pub accounts: BTreeSet<String>,
    /// Whose history to collect besides: assumptions of the role and changes of what it depends
    /// on, for a [`crate::trail::Timeline`].
    pub history: Option<Arn>,
}

/// A query made ready for looking at bytes.
pub(super) struct Compiled<'a> {
    pub(super) query: &'a Query,
    /// Finds the role's name. None when denials of anybody are wanted.
    role_name: Option<Finder<'a>>,
    history_name: Option<Finder<'a>>,
}

impl<'a> Compiled<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        let finder = |role: &'a Option<Arn>| role.as_ref().map(|role| Finder::new(role.name()));
        Self { query, role_name: finder(&query.role), history_name: finder(&query.history) }
    }

    /// Whether a text with a denial can hold one that is wanted: the role's name stands in it, or
    /// escapes in which it could hide.
    pub(super) fn may_be_denial(&self, text: &[u8]) -> bool {
        self.role_name.as_ref().is_none_or(|name| name.find(text).is_some() || has_escapes(text))
    }

    /// The same for the assumption of the role whose history is wanted.
    pub(super) fn may_be_assumption(&self, text: &[u8]) -> bool {
        self.history_name.as_ref().is_some_and(|name| name.find(text).is_some() || has_escapes(text))
    }

    pub(super) fn wants_history(&self) -> bool {
        self.query.history.is_some()
    }

    /// Whether an event is wanted.
    pub(super) fn accepts(&self, event: &Event) -> bool {
        self.in_window(event) && self.in_accounts(event) && (self.is_denial(event) || self.is_history(event))
    }

    fn in_window(&self, event: &Event) -> bool {
        event.event_time.is_none_or(|time| {
            self.query.from.is_none_or(|from| time >= from)
                && self.query.until.is_none_or(|until| time < until)
        })
    }

    fn in_accounts(&self, event: &Event) -> bool {
        let accounts = &self.query.accounts;
        accounts.is_empty()
            || event.recipient_account.as_ref().is_none_or(|account| accounts.contains(account))
    }

    fn is_denial(&self, event: &Event) -> bool {
        event.is_denial() && self.query.role.as_ref().is_none_or(|role| trail::made_by_role(event, role))
    }

    fn is_history(&self, event: &Event) -> bool {
        self.query.history.as_ref().is_some_and(|role| trail::is_history_of(event, role))
    }
}

/// Whether letters may be written as escapes: `\u002d`, `\/`. Quotes and line breaks, which are
/// escaped in every log, hide nothing.
fn has_escapes(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', text).any(|at| matches!(text.get(at + 1), Some(b'u' | b'/')))
}
