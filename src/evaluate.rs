//! The policy engine on its own: requests as JSON lines in, decisions as JSON lines out.
//!
//! Streams in constant memory. A policy that repeats from line to line is compiled once. A line
//! that cannot be decided is answered with an error of its own and the rest go on.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::StatementRef;
use crate::policy::{self, Context, Diagnostic, Document, Kind, Policy, PolicySet, Principal, Request};

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
    let mut lines = Lines { input, line: Vec::new() };
    let mut output = io::BufWriter::with_capacity(1 << 16, output);
    let mut evaluator = Evaluator::default();
    let mut summary = Summary::default();
    while let Some(line) = lines.next(&mut output)? {
        let answer = match line {
            Ok(line) if line.iter().all(u8::is_ascii_whitespace) => continue,
            Ok(line) => evaluator.answer(line),
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

/// Reads lines, none longer than [`MAX_LINE`].
struct Lines<R> {
    input: R,
    line: Vec<u8>,
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
            let drained = used == available.len();
            self.input.consume(used);
            if drained {
                output.flush()?;
            }
            if end.is_some() {
                return Ok(Some(if too_long { Err(TooLong) } else { Ok(&self.line) }));
            }
        }
    }
}

/// A line of the input. Documents stay text until it is known whether they were seen before.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    principal: Cow<'a, str>,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
    #[serde(borrow, default)]
    resource_account: Option<Cow<'a, str>>,
    #[serde(default)]
    context: Keys,
    #[serde(borrow, default)]
    identity_policies: Option<Vec<Named<'a>>>,
    #[serde(borrow, default)]
    permissions_boundary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    session_policies: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    service_control_policies: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(borrow, default)]
    resource_control_policies: Option<Vec<Vec<&'a RawValue>>>,
    #[serde(borrow, default)]
    resource_policy: Option<&'a RawValue>,
    #[serde(borrow, default)]
    endpoint_policy: Option<&'a RawValue>,
}

/// What is left of a line that is not a request.
#[derive(Deserialize)]
struct OnlyId<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    document: &'a RawValue,
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
    fn error(id: Option<&'a RawValue>, error: String) -> Self {
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
            Ok(text) => text.trim_start_matches('\u{feff}'),
            Err(error) => return Answer::error(None, format!("the line is not UTF-8: {error}")),
        };
        let parsed: Line<'a> = match serde_json::from_str(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let id = serde_json::from_str(text).ok().and_then(|OnlyId { id }| id);
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
        if !line.action.contains(':') {
            return Err(format!("the action `{}` has no service prefix, as in `s3:PutObject`", line.action));
        }
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
        for (at, policy) in line.identity_policies.iter().flatten().enumerate() {
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

/// How many policies a generation of the cache holds.
const GENERATION: usize = 1024;

/// How many bytes of documents a generation of the cache holds.
const GENERATION_BYTES: usize = 8 << 20;

/// Compiled policies by document, those not used lately forgotten.
///
/// Two generations: what is used is kept in, or moved to, the young one; when that is full the
/// old one is dropped and the young one is old.
#[derive(Default)]
struct Cache {
    young: HashMap<Key<'static>, Arc<Policy>>,
    old: HashMap<Key<'static>, Arc<Policy>>,
    bytes: usize,
}

#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    kind: Kind,
    name: Cow<'a, str>,
    document: Cow<'a, str>,
}

impl Cache {
    fn policy(&mut self, kind: Kind, name: &str, document: &RawValue) -> Result<Arc<Policy>, String> {
        let raw = document.get();
        let key = Key { kind, name: Cow::Borrowed(name), document: Cow::Borrowed(raw) };
        if let Some(policy) = find(&self.young, &key) {
            return Ok(policy);
        }
        let policy = match find(&self.old, &key) {
            Some(policy) => policy,
            None => compile(kind, name, raw)?,
        };
        let owned = Key { kind, name: Cow::Owned(name.to_owned()), document: Cow::Owned(raw.to_owned()) };
        self.bytes += raw.len();
        self.young.insert(owned, Arc::clone(&policy));
        if self.young.len() >= GENERATION || self.bytes >= GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        Ok(policy)
    }

    fn levels(
        &mut self,
        kind: Kind,
        name: &str,
        levels: Option<&[Vec<&RawValue>]>,
    ) -> Result<Option<Vec<Vec<Arc<Policy>>>>, String> {
        let Some(levels) = levels else { return Ok(None) };
        let mut compiled = Vec::with_capacity(levels.len());
        for (level, documents) in levels.iter().enumerate() {
            let mut policies = Vec::with_capacity(documents.len());
            for (at, document) in documents.iter().enumerate() {
                let name = format!("{name} {} of level {}", at + 1, level + 1);
                policies.push(self.policy(kind, &name, document)?);
            }
            compiled.push(policies);
        }
        Ok(Some(compiled))
    }
}

fn find<'k>(policies: &HashMap<Key<'k>, Arc<Policy>>, key: &Key<'k>) -> Option<Arc<Policy>> {
    policies.get(key).cloned()
}

/// A document may also be given as a string that holds its text, URL-encoded or not.
fn compile(kind: Kind, name: &str, raw: &str) -> Result<Arc<Policy>, String> {
    let text = if raw.starts_with('"') {
        let text: String = serde_json::from_str(raw).map_err(|error| format!("{name}: {error}"))?;
        Cow::Owned(policy::decode(&text).into_owned())
    } else {
        Cow::Borrowed(raw)
    };
    let document = Document::parse(kind, &text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().take(5).map(Diagnostic::to_string).collect();
        format!("{name}: {}", faults.join("; "))
    })?;
    Ok(Policy::compile(name, document))
}

/// The condition keys of a line: a value is a string or a list of strings; numbers and booleans are
/// taken as their text, null as absence.
#[derive(Default)]
struct Keys(Context);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of condition keys")
    }

    fn visit_unit<E>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut context = Context::new();
        while let Some((key, values)) = map.next_entry::<Cow<'de, str>, Values>()? {
            match values {
                Values::None => {}
                Values::One(value) => context.set(&key, [value.as_str()]),
                Values::Many(values) => context.set(&key, values.iter().map(String::as_str)),
            }
        }
        Ok(Keys(context))
    }
}

enum Values {
    None,
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string or a list of strings")
    }

    fn visit_str<E>(self, value: &str) -> Result<Values, E> {
        Ok(Values::One(value.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Values, E> {
        Ok(Values::One(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Values, E> {
        Ok(Values::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<Values>()? {
            match value {
                Values::One(value) => values.push(value),
                Values::None | Values::Many(_) => {
                    return Err(serde::de::Error::custom("a list of condition values holds strings only"));
                }
            }
        }
        Ok(Values::Many(values))
    }
}
