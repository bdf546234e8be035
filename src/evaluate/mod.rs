//! The policy engine on its own: requests as JSON lines in, decisions as JSON lines out.
//!
//! Streams in constant memory. A policy that repeats from line to line is compiled once. A line
//! that cannot be decided is answered with an error of its own and the rest go on.

mod cache;
mod line;

use std::borrow::Cow;
use std::io::{self, BufRead, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::{AccountId, Arn, StatementRef};
use crate::policy::{self, Kind, PolicySet, Principal, Request, clean};

use cache::Cache;
use line::{Line, Object, OnlyId};

/// The longest line read, in bytes. A longer one is answered with an error.
const MAX_LINE: usize = 32 << 20;

/// What a run has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many lines were answered.
    pub lines: u64,
    /// How many of them with an error.
    pub errors: u64,
}

/// Answers every line of the input; blank ones are passed over.
///
/// # Errors
/// When the input cannot be read or the output not be written.
pub fn run(input: impl BufRead, output: impl Write) -> io::Result<Summary> {
    let mut lines = Lines { input, line: Vec::new(), drained: true };
    let mut output = io::BufWriter::with_capacity(1 << 16, output);
    let mut evaluator = Evaluator::default();
    let mut summary = Summary::default();
    while let Some(line) = lines.next(&mut output)? {
        let answer = match line {
            Ok(line) => match without_mark(line) {
                blank if blank.iter().all(u8::is_ascii_whitespace) => continue,
                line => evaluator.answer(line),
            },
            Err(TooLong) => Answer::error(None, format!("the line has more than {MAX_LINE} bytes")),
        };
        summary.lines += 1;
        summary.errors += u64::from(answer.is_error());
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(summary)
}

/// A line without the byte-order marks before it.
fn without_mark(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = line.strip_prefix("\u{feff}".as_bytes()) {
        line = rest;
    }
    line
}

/// Reads lines, none longer than [`MAX_LINE`].
struct Lines<R> {
    input: R,
    line: Vec<u8>,
    /// Whether all that was read of the input is used up, so that more has to be waited for.
    drained: bool,
}

struct TooLong;

impl<R: BufRead> Lines<R> {
    /// The next line without its end. What was written so far is flushed before the input is
    /// waited for, so that a program on the other end of a pipe gets its answers.
    fn next(&mut self, output: &mut impl Write) -> io::Result<Option<Result<&[u8], TooLong>>> {
        self.line.clear();
        let mut too_long = false;
        let mut started = false;
        loop {
            if self.drained {
                output.flush()?;
            }
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(match (started, too_long) {
                    (false, _) => None,
                    (true, true) => Some(Err(TooLong)),
                    (true, false) => Some(Ok(&self.line)),
                });
            }
            started = true;
            let end = memchr::memchr(b'\n', available);
            let part = &available[..end.unwrap_or(available.len())];
            too_long |= self.line.len() + part.len() > MAX_LINE;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.drained = used == available.len();
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(if too_long { Err(TooLong) } else { Ok(&self.line) }));
            }
        }
    }
}

/// An answer: a decision, or what is wrong with the line.
#[derive(Serialize)]
struct Answer<'a> {
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Decision {
        decision: &'static str,
        decided_by: &'static str,
        statements: Vec<StatementRef>,
        missing_context: Vec<String>,
    },
    Error {
        error: String,
    },
}

impl<'a> Answer<'a> {
    /// The message may quote the line: it is made fit for a terminal.
    fn error(id: Option<&'a RawValue>, error: String) -> Self {
        let error = match clean(&error) {
            Cow::Borrowed(_) => error,
            Cow::Owned(cleaned) => cleaned,
        };
        Self { id, content: Content::Error { error } }
    }

    fn is_error(&self) -> bool {
        matches!(self.content, Content::Error { .. })
    }
}

#[derive(Default)]
struct Evaluator {
    policies: Cache,
}

impl Evaluator {
    fn answer<'a>(&mut self, line: &'a [u8]) -> Answer<'a> {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(error) => return Answer::error(None, format!("the line is not UTF-8: {error}")),
        };
        let parsed: Line<'a> = match serde_json::from_str(text) {
            Ok(Object(parsed)) => parsed,
            Err(error) => {
                let id = serde_json::from_str(text).ok().and_then(|Object(OnlyId { id })| id);
                return Answer::error(id, format!("the line is not a request: {error}"));
            }
        };
        let id = parsed.id;
        match self.decide(parsed) {
            Ok(content) => Answer { id, content },
            Err(error) => Answer::error(id, error),
        }
    }

    fn decide(&mut self, line: Line<'_>) -> Result<Content, String> {
        let principal = Principal::parse(&line.principal).map_err(|error| error.to_string())?;
        check_action(&line.action)?;
        check_resource(&line.resource, line.resource_account.as_deref())?;
        let policies = self.policies(&line)?;
        let request = Request {
            principal,
            action: line.action.into_owned(),
            resource: line.resource.into_owned(),
            resource_account: line.resource_account.map(Cow::into_owned),
            context: line.context.0,
        };
        let decision = policy::evaluate(&policies, &request);
        Ok(Content::Decision {
            decision: decision.verdict.as_str(),
            decided_by: decision.decided_by.as_str(),
            statements: decision.statements,
            missing_context: decision.missing_context,
        })
    }

    fn policies(&mut self, line: &Line<'_>) -> Result<PolicySet, String> {
        let trust = line.action.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("sts:"))
            && line.resource.contains(":role/");
        let resource =
            if trust { (Kind::Trust, "trust policy") } else { (Kind::Resource, "resource policy") };
        let cache = &mut self.policies;
        let mut identity = Vec::new();
        for (at, Object(policy)) in line.identity_policies.iter().flatten().enumerate() {
            let unnamed = || Cow::Owned(format!("identity policy {}", at + 1));
            let name = policy.name.as_deref().map_or_else(unnamed, Cow::Borrowed);
            identity.push(cache.policy(Kind::Identity, &name, policy.document)?);
        }
        let mut session = Vec::new();
        for (at, document) in line.session_policies.iter().flatten().enumerate() {
            session.push(cache.policy(Kind::Session, &format!("session policy {}", at + 1), document)?);
        }
        let mut one = |kind, name: &str, document: Option<&RawValue>| {
            document.map(|document| cache.policy(kind, name, document)).transpose()
        };
        Ok(PolicySet {
            boundary: one(Kind::Boundary, "permissions boundary", line.permissions_boundary)?,
            resource: one(resource.0, resource.1, line.resource_policy)?,
            endpoint: one(Kind::Endpoint, "endpoint policy", line.endpoint_policy)?,
            scps: cache.levels(
                Kind::ServiceControl,
                "service control policy",
                line.service_control_policies.as_deref(),
            )?,
            rcps: cache.levels(
                Kind::ResourceControl,
                "resource control policy",
                line.resource_control_policies.as_deref(),
            )?,
            identity,
            session,
        })
    }
}

/// Whether an action can be asked for: one, with its service.
fn check_action(action: &str) -> Result<(), String> {
    let fault = match action.split_once(':') {
        None => "has no service prefix, as in `s3:PutObject`",
        Some(_) if action.contains(['*', '?']) => "has a wildcard in it: one action is asked for at a time",
        Some((service, name)) if service.is_empty() || name.is_empty() || name.contains(':') => {
            "is not a service and a name, as in `s3:PutObject`"
        }
        Some(_) if action.contains(char::is_whitespace) => "has a space in it",
        Some(_) => return Ok(()),
    };
    Err(format!("the action `{action}` {fault}"))
}

/// Whether there can be such a resource, and an account that owns it.
fn check_resource(resource: &str, account: Option<&str>) -> Result<(), String> {
    if resource != "*" {
        resource.parse::<Arn>().map_err(|error| format!("the resource {error}, or `*`"))?;
    }
    if let Some(account) = account {
        account.parse::<AccountId>().map_err(|error| format!("the resource's account {error}"))?;
    }
    Ok(())
}
