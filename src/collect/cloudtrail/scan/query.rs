//! What a scan looks for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use memchr::memmem::Finder;

use crate::denials::{RoleFilter, Scope};
use crate::model::Arn;
use crate::trail::{
    ChangeKind, ChangeRef, Coverage, Event, EventRef, bucket_of, is_about_a_role, names_role,
};

/// What to find in the logs.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Denials of this role's sessions; of anybody when none.
    pub role: Option<Arn>,
    /// Denials at or after this time; what happened before may explain them. Those without a readable time are kept.
    pub from: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
    /// Denials in the trails of these accounts; of any account when empty. A change in another one, of the
    /// organisation or of a bucket, may explain them.
    pub accounts: BTreeSet<String>,
    /// Whose history to collect besides: assumptions of the role and changes of what it depends
    /// on, for a [`crate::trail::Timeline`].
    pub history: Option<Arn>,
    /// Calls on objects of this bucket are to be noted, whoever makes them.
    pub bucket: Option<String>,
}

/// What to find for `scope`: the denials and the history of a role, of one known by its name alone in
/// whatever account; else everybody's denials. Of what is found the scope takes its own.
pub fn query_of(scope: &Scope) -> Query {
    let role = scope.role.as_ref().map(RoleFilter::role);
    Query {
        history: role.clone(),
        role,
        from: scope.window.since,
        until: scope.window.until,
        accounts: scope.accounts.clone(),
        bucket: scope.bucket.as_ref().map(|(name, _)| name.clone()),
    }
}

/// A query made ready for looking at bytes.
pub(super) struct Compiled<'a> {
    pub(super) query: &'a Query,
    /// None when denials of anybody are wanted.
    role: Option<Named<'a>>,
    history: Option<Named<'a>>,
    bucket: Option<Finder<'a>>,
}

/// Finds where a record names a role.
///
/// IAM takes names that differ in case for one, and calls name a role as their caller wrote it. So what is
/// searched for is what stands before a name, whose case is fixed.
struct Named<'a> {
    name: Finder<'a>,
    account: Finder<'a>,
    /// What stands in an ARN before a name or its path: `:role/`, `:assumed-role/`.
    arn: Finder<'static>,
    /// The key of a name that stands by itself.
    key: Finder<'static>,
}

const ARN: &str = "role/";
/// Bytes of a role's path and name at most.
const LONGEST: usize = 512 + 64;

impl<'a> Named<'a> {
    /// A role; `key` is that of a name which stands by itself.
    fn new(role: &'a Arn, key: &'static str) -> Self {
        let (name, account) = (Finder::new(role.name()), Finder::new(role.account()));
        Self { name, account, arn: Finder::new(ARN), key: Finder::new(key) }
    }

    /// Whether the role may stand in a record. Escapes could hide it.
    fn may_be_in(&self, record: &[u8]) -> bool {
        let named = self.arn.find_iter(record).any(|at| self.is_in_path(&record[at + ARN.len()..]))
            || self.follows_key(record);
        named && self.account.find(record).is_some() || has_escapes(record)
    }

    /// Whether a text names the role by its ARN, as it is written, or in a change of it by its name. Where slashes
    /// are escaped its name has to do.
    fn stands_in(&self, text: &[u8]) -> bool {
        let is_it = |at: usize| {
            let (before, path) = (&text[at.saturating_sub(32)..at], &text[at + ARN.len()..]);
            self.is_in_path(path)
                && self.account.find(before).is_some()
                && self.name.find(&path[..path.len().min(LONGEST)]).is_some()
        };
        self.arn.find_iter(text).any(is_it)
            || self.follows_key(text)
            || self.account.find(text).is_some()
                && self
                    .name
                    .find_iter(text)
                    .any(|at| at > 0 && !is_of_name(text[at - 1]) && self.is_at(&text[at..]))
                && has_escapes(text)
    }

    /// Whether a path begins with the role's name or has it behind its folders.
    fn is_in_path(&self, mut path: &[u8]) -> bool {
        while !self.is_at(path) {
            match memchr::memchr3(b'/', b'"', b' ', path) {
                Some(end) if path[end] == b'/' => path = &path[end + 1..],
                _ => return false,
            }
        }
        true
    }

    /// Whether the role's name follows the key of one, maybe in a text within a text.
    fn follows_key(&self, text: &[u8]) -> bool {
        let between = |byte: &u8| byte.is_ascii_whitespace() || b":\"\\".contains(byte);
        self.key.find_iter(text).any(|at| {
            let rest = &text[at + self.key.needle().len()..];
            rest.iter().position(|byte| !between(byte)).is_some_and(|at| self.is_at(&rest[at..]))
        })
    }

    /// Whether a text begins with the role's name, whole.
    fn is_at(&self, text: &[u8]) -> bool {
        let wanted = self.name.needle();
        let (name, rest) = text.split_at(wanted.len().min(text.len()));
        name.eq_ignore_ascii_case(wanted) && !rest.first().is_some_and(|byte| is_of_name(*byte))
    }
}

/// Whether a byte may be part of a role's name.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

impl<'a> Compiled<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        let named = |role: &'a Option<Arn>, key| role.as_ref().map(|role| Named::new(role, key));
        let bucket = query.bucket.as_deref().map(Finder::new);
        Self {
            query,
            role: named(&query.role, "userName"),
            history: named(&query.history, "roleName"),
            bucket,
        }
    }

    /// Whether nothing more is to be learnt of calls on S3 objects.
    pub(super) fn knows_objects(&self, coverage: &Coverage) -> bool {
        coverage.data_events && (coverage.bucket_seen || self.bucket.is_none())
    }

    /// Whether a record of a call on an object is of the bucket that is asked about: whether it stands there as
    /// parameter or in an ARN.
    pub(super) fn is_of_bucket(&self, record: &[u8]) -> bool {
        self.bucket.as_ref().is_some_and(|bucket| {
            bucket.find_iter(record).any(|at| {
                let (before, after) = (&record[..at], record.get(at + bucket.needle().len()));
                (before.ends_with(b"\"bucketName\":\"") || before.ends_with(b":s3:::"))
                    && matches!(after, Some(b'"' | b'/'))
            })
        })
    }

    /// The same of an event that was read.
    pub(super) fn is_of_event(&self, event: &Event) -> bool {
        let wanted = self.query.bucket.as_deref();
        let of_call = event.parameter("bucketName").or_else(|| event.parameter("bucket"));
        let named = event.resources.iter().filter_map(|it| bucket_of(it.arn.as_deref()?));
        wanted.is_some() && of_call.into_iter().chain(named).any(|bucket| Some(bucket) == wanted)
    }

    /// Whether a record with a denial may be one that is wanted.
    pub(super) fn may_be_denial(&self, record: &[u8]) -> bool {
        self.role.as_ref().is_none_or(|role| role.may_be_in(record))
    }

    /// Whether a record may be about the role whose history is wanted.
    pub(super) fn may_name_role(&self, record: &[u8]) -> bool {
        self.history.as_ref().is_some_and(|role| role.may_be_in(record))
    }

    pub(super) fn wants_history(&self) -> bool {
        self.query.history.is_some()
    }

    /// Whether an event is wanted.
    pub(super) fn accepts(&self, event: &EventRef<'_>) -> bool {
        let (time, account) = (event.event_time, event.recipient_account.as_deref());
        self.is_before_end(time)
            && (self.is_denial(event) && self.is_since(time) && self.is_of_accounts(account)
                || self.is_history(event))
    }

    fn is_denial(&self, event: &EventRef<'_>) -> bool {
        event.is_denial() && self.query.role.as_ref().is_none_or(|role| event.identity().is_of_role(role))
    }

    /// Whether a change is wanted that is none of a role itself.
    pub(super) fn accepts_change(&self, change: &ChangeRef<'_>) -> bool {
        self.is_before_end(change.event_time)
            && self.query.history.as_ref().is_some_and(|role| {
                change.is_history_of(role)
                    && (change.kind != ChangeKind::ManagedPolicy || self.may_be_of(role, change.account))
            })
    }

    fn is_since(&self, time: Option<Timestamp>) -> bool {
        time.is_none_or(|time| self.query.from.is_none_or(|from| time >= from))
    }

    fn is_before_end(&self, time: Option<Timestamp>) -> bool {
        time.is_none_or(|time| self.query.until.is_none_or(|until| time < until))
    }

    fn is_of_accounts(&self, account: Option<&str>) -> bool {
        let accounts = &self.query.accounts;
        accounts.is_empty() || account.is_none_or(|account| accounts.contains(account))
    }

    /// Whether what is recorded in an account may be of the role and its policies: of roles that have but a
    /// name in common, those in the accounts asked for.
    fn may_be_of(&self, role: &Arn, account: Option<&str>) -> bool {
        !role.account().is_empty() || self.is_of_accounts(account)
    }

    /// What a role depends on may be in any account.
    fn is_history(&self, event: &EventRef<'_>) -> bool {
        self.query.history.as_ref().is_some_and(|role| {
            let of_role = is_about_a_role(event.event_name.as_bytes())
                || event.change_kind() == Some(ChangeKind::ManagedPolicy);
            event.is_history_of(role)
                && (!of_role || self.may_be_of(role, event.recipient_account.as_deref()))
        })
    }

    /// Whether the role that is asked for stands in a text as the caller or the object of a call. Without a
    /// role there is nothing to be seen.
    pub(super) fn role_stands_in(&self, text: &[u8]) -> bool {
        self.history.as_ref().or(self.role.as_ref()).is_some_and(|role| role.stands_in(text))
    }

    /// The same of an event that was read.
    pub(super) fn is_about_role(&self, event: &Event) -> bool {
        let role = self.query.history.as_ref().or(self.query.role.as_ref());
        let is_written = |role: &Arn| {
            let arn = event.parameter("roleArn");
            arn.is_none_or(|arn| arn.rsplit('/').next() == Some(role.name()))
        };
        role.is_some_and(|role| {
            event.identity.is_of_role(role) || names_role(event, role) && is_written(role)
        })
    }
}

/// Whether letters may be written as escapes: `\u002d`, `\/`. Quotes and line breaks, which are
/// escaped in every log, hide nothing.
fn has_escapes(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', text).any(|at| matches!(text.get(at + 1), Some(b'u' | b'/')))
}
