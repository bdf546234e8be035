//! Policy documents inside events, and what one lost against the one before it.
//!
//! Looks at what a statement names: enough to say which statement went, not to decide whether a call is allowed.
//! Of its conditions counts what the calls' records tell ([`Calls`]).

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::applies::Calls;
use super::record::Event;
use crate::model::{ExternalId, external_ids};
use crate::policy::scope::without_variables;

/// A statement that a change took away, or one that it brought and that denies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatementChange {
    /// Whether it went or came.
    pub kind: StatementChangeKind,
    /// The statement's `Sid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Its position in its document, from 0.
    pub index: usize,
    /// The statement.
    pub statement: Value,
    /// What the statement of the same `Sid` reads now, where one that went was rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub now: Option<Value>,
}

/// Whether a statement went or came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementChangeKind {
    /// A statement that allowed it is gone or reads otherwise now.
    AllowLost,
    /// A statement that denies it is new.
    DenyAdded,
}

/// The policy document that a change puts in place, wherever the service keeps it in
/// `requestParameters`.
pub(super) fn document_of(event: &Event) -> Option<Value> {
    const MEMBERS: [&str; 6] =
        ["policyDocument", "assumeRolePolicyDocument", "bucketPolicy", "policy", "policyInJson", "content"];
    // EC2's records repeat the request's name.
    const NESTED: [&str; 2] =
        ["/ModifyVpcEndpointRequest/PolicyDocument", "/CreateVpcEndpointRequest/PolicyDocument"];
    let read = |value: &Value| {
        let document = match value {
            Value::String(text) => parse(text)?,
            object => object.clone(),
        };
        document.get("Statement").is_some().then_some(document)
    };
    let parameters = &event.request_parameters;
    let plain = MEMBERS.iter().find_map(|member| read(parameters.get(member)?));
    plain.or_else(|| NESTED.iter().find_map(|pointer| read(parameters.pointer(pointer)?)))
}

/// JSON text, plain or URL-encoded as IAM's API gives it.
fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
        serde_json::from_str(&decoded).ok()
    })
}

fn statements(document: &Value) -> &[Value] {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// What is asked of a document: whether it speaks of this action on this resource by this caller.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) action: &'a str,
    /// Any resource when it is not known.
    pub(super) resource: Option<&'a str>,
    /// Who calls; anybody when it is not known.
    pub(super) caller: Option<Caller<'a>>,
    /// Whether the caller has to be named itself: its account does not count.
    pub(super) itself: bool,
    /// What is known of the calls besides; nothing when none.
    pub(super) calls: Option<&'a Calls<'a>>,
}

impl Asked<'_> {
    /// Whether the resource is known to the letter. Others were put together.
    pub(super) fn is_exact(&self) -> bool {
        self.resource.is_some_and(|resource| !resource.contains('*'))
    }
}

/// Who calls, as a policy of a resource may name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller<'a> {
    /// Sessions of this role, by its ARN.
    Role(&'a str),
    /// Anybody of this account.
    Account(&'a str),
}

/// How far a document says something: allows what is asked, or denies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Says {
    /// No statement does.
    No,
    /// Whether it does hangs on conditions or variables of which the logs do not tell whether they fit.
    OnCondition,
    /// A statement does, without conditions or under such as are known to fit.
    Yes,
}

impl Says {
    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::OnCondition => Self::OnCondition,
            Self::Yes => Self::No,
        }
    }

    fn of(is_so: bool) -> Self {
        if is_so { Self::Yes } else { Self::No }
    }
}

/// Whether any statement of `document` allows what is asked.
pub(super) fn allows(document: &Value, asked: Asked<'_>) -> Says {
    says(document, "Allow", asked)
}

/// Whether any statement of `document` denies what is asked.
pub(super) fn denies(document: &Value, asked: Asked<'_>) -> Says {
    says(document, "Deny", asked)
}

fn says(document: &Value, effect: &str, asked: Asked<'_>) -> Says {
    let with_effect = statements(document).iter().filter(|statement| has_effect(statement, effect));
    with_effect.map(|statement| speaks(document, statement, asked)).max().unwrap_or(Says::No)
}

/// How far a statement of `document` means what is asked.
fn speaks(document: &Value, statement: &Value, asked: Asked<'_>) -> Says {
    let action = asked.action.to_ascii_lowercase();
    let of_action = |pattern: &str| Says::of(matches(&pattern.to_ascii_lowercase(), &action));
    if member(statement, "Action", "NotAction", of_action) == Says::No {
        return Says::No;
    }
    let by = asked.caller.map_or(Says::Yes, |caller| means(statement, caller, asked.itself));
    let on = asked.resource.map_or(Says::Yes, |resource| {
        member(statement, "Resource", "NotResource", |pattern| covers(pattern, resource))
    });
    let certain =
        by.min(on).min(if statement.get("Condition").is_some() { Says::OnCondition } else { Says::Yes });
    let Some(calls) = asked.calls.filter(|_| certain == Says::OnCondition) else { return certain };
    // What variables stand for counts where the resource is known.
    let named = if asked.is_exact() || on == Says::Yes { Says::Yes } else { on };
    let known = asked.is_exact() && on == Says::OnCondition;
    let are_meant = calls.are_meant(document, statement, known);
    by.min(named).min(are_meant.map_or(Says::OnCondition, Says::of))
}

/// Whether any statement of `document` allows an action of the service of the one that is asked.
pub(super) fn is_about_service(document: &Value, asked: Asked<'_>) -> bool {
    let service = asked.action.split(':').next().unwrap_or_default();
    let of_service = |pattern: &str| {
        pattern == "*" || pattern.split(':').next().is_some_and(|it| it.eq_ignore_ascii_case(service))
    };
    let mut allowing = statements(document).iter().filter(|statement| has_effect(statement, "Allow"));
    allowing.any(|statement| {
        member(statement, "Action", "NotAction", |pattern| Says::of(of_service(pattern))) == Says::Yes
    })
}

/// The statements by which `new` allows less of what is asked than `old`.
pub(super) fn losses(old: Option<&Value>, new: Option<&Value>, asked: Asked<'_>) -> Vec<StatementChange> {
    let missing = |from: Option<&Value>, of: Option<&Value>, effect: &str, kind: StatementChangeKind| {
        let Some(of) = of else { return Vec::new() };
        let from = from.map(statements).unwrap_or_default();
        statements(of)
            .iter()
            .enumerate()
            .filter(|(_, statement)| has_effect(statement, effect) && speaks(of, statement, asked) > Says::No)
            .filter(|(_, statement)| !from.iter().any(|other| same(other, statement)))
            .map(|(index, statement)| StatementChange {
                kind,
                sid: statement.get("Sid").and_then(Value::as_str).map(str::to_owned),
                index,
                statement: shown(statement.clone()),
                now: rewritten(statement, from).filter(|_| kind == StatementChangeKind::AllowLost).map(shown),
            })
            .collect::<Vec<_>>()
    };
    let mut losses = missing(new, old, "Allow", StatementChangeKind::AllowLost);
    losses.extend(missing(old, new, "Deny", StatementChangeKind::DenyAdded));
    losses
}

/// A statement as it is shown: external ids are secrets.
fn shown(mut statement: Value) -> Value {
    for id in statement.as_object_mut().map(external_ids).into_iter().flatten() {
        *id = ExternalId::new(std::mem::take(id)).masked();
    }
    statement
}

/// The statement of the same `Sid` among others.
fn rewritten(statement: &Value, others: &[Value]) -> Option<Value> {
    let sid = statement.get("Sid")?;
    others.iter().find(|other| other.get("Sid") == Some(sid)).cloned()
}

/// Equal but for the `Sid`.
fn same(one: &Value, other: &Value) -> bool {
    let bare = |statement: &Value| {
        let mut map = statement.as_object().cloned().unwrap_or_default();
        map.shift_remove("Sid");
        map
    };
    bare(one) == bare(other)
}

fn has_effect(statement: &Value, effect: &str) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some(effect)
}

/// Whether a statement means the caller: policies of a role name no principal.
fn means(statement: &Value, caller: Caller<'_>, itself: bool) -> Says {
    match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(named), _) => is_among(named, caller, itself),
        (None, Some(named)) => is_among(named, caller, false).not(),
        (None, None) => Says::Yes,
    }
}

/// Whether the caller is among the principals of a statement.
fn is_among(named: &Value, caller: Caller<'_>, itself: bool) -> Says {
    let is_it = |value: &Value| value.as_str().map_or(Says::No, |name| is_caller(name, caller, itself));
    match named {
        Value::String(name) => Says::of(name == "*"),
        Value::Object(kinds) => kinds.get("AWS").map_or(Says::No, |named| match named {
            Value::Array(list) => list.iter().map(is_it).max().unwrap_or(Says::No),
            one => is_it(one),
        }),
        _ => Says::No,
    }
}

/// Whether a principal is everybody, the caller's account, or the caller itself. A session of the role may be
/// another one than made the calls.
fn is_caller(name: &str, caller: Caller<'_>, itself: bool) -> Says {
    let part = |arn: &str, at: usize| arn.splitn(6, ':').nth(at).unwrap_or_default().to_owned();
    let account = match caller {
        Caller::Role(arn) => part(arn, 4),
        Caller::Account(account) => account.to_owned(),
    };
    let (theirs, resource) = (part(name, 4), part(name, 5));
    if name == "*" {
        return Says::Yes;
    }
    if name == account || theirs == account && resource == "root" {
        return Says::of(!itself);
    }
    let Caller::Role(role) = caller else { return Says::of(theirs == account) };
    let session = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
    match session {
        _ if name == role => Says::Yes,
        Some(name) if theirs == account && role.rsplit('/').next() == Some(name) => Says::OnCondition,
        _ => Says::No,
    }
}

/// Whether a pattern covers a resource. Of resources that were put together, as in `arn:aws:s3:::orders/*`,
/// it may cover some alone; what a policy variable stands for is not known.
fn covers(pattern: &str, resource: &str) -> Says {
    let is_plain = !pattern.contains("${");
    let plain = if is_plain { Cow::Borrowed(pattern) } else { Cow::Owned(without_variables(pattern)) };
    let some = resource.strip_suffix('*').is_some_and(|prefix| plain.starts_with(prefix));
    let is_covered = some || matches(&plain, resource);
    if is_covered && !is_plain { Says::OnCondition } else { Says::of(is_covered) }
}

/// Whether one of a member's patterns holds, or none of its opposite's. A trust policy has no
/// resource: what is absent holds.
fn member(statement: &Value, name: &str, opposite: &str, holds: impl Fn(&str) -> Says) -> Says {
    let any = |value: &Value| match value {
        Value::String(pattern) => holds(pattern),
        Value::Array(patterns) => {
            patterns.iter().filter_map(Value::as_str).map(&holds).max().unwrap_or(Says::No)
        }
        _ => Says::No,
    };
    match (statement.get(name), statement.get(opposite)) {
        (Some(value), _) => any(value),
        (None, Some(value)) => any(value).not(),
        (None, None) => Says::Yes,
    }
}

/// IAM's wildcards: `*` for any run of characters, `?` for one. Linear but for one step back.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                at = after;
                read = from + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ASKED: Asked<'_> = Asked {
        action: "s3:PutObject",
        resource: Some("arn:aws:s3:::orders/data/a.parquet"),
        caller: None,
        itself: false,
        calls: None,
    };

    #[test]
    fn the_statement_that_went_is_named() {
        let put = json!({"Sid": "Write", "Effect": "Allow", "Action": ["s3:Put*"], "Resource": "arn:aws:s3:::orders/*"});
        let get = json!({"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
        let old = json!({"Statement": [get, put]});
        let new = json!({"Statement": get});
        let lost = losses(Some(&old), Some(&new), ASKED);
        assert_eq!(lost.len(), 1);
        assert_eq!((lost[0].sid.as_deref(), lost[0].index), (Some("Write"), 1));
        assert_eq!(lost[0].kind, StatementChangeKind::AllowLost);
        assert_eq!(losses(Some(&old), Some(&old), ASKED), []);
        assert_eq!((allows(&old, ASKED), allows(&new, ASKED)), (Says::Yes, Says::No));
    }

    #[test]
    fn a_renamed_statement_is_the_same_and_a_narrowed_one_is_lost() {
        let old = json!({"Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
        let renamed =
            json!({"Statement": [{"Sid": "B", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
        let narrowed = json!({"Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::other/*"}]});
        assert_eq!(losses(Some(&old), Some(&renamed), ASKED), []);
        assert_eq!(losses(Some(&old), Some(&narrowed), ASKED).len(), 1);
    }

    #[test]
    fn a_new_deny_counts_and_one_about_something_else_does_not() {
        let deny = |action: &str| json!({"Statement": [{"Effect": "Deny", "NotPrincipal": {"AWS": "x"}, "Action": action, "Resource": "*"}]});
        assert_eq!(losses(None, Some(&deny("s3:*")), ASKED)[0].kind, StatementChangeKind::DenyAdded);
        assert_eq!(losses(None, Some(&deny("glue:*")), ASKED), []);
    }

    #[test]
    fn a_statement_for_another_principal_is_none_of_the_role_s() {
        let role = "arn:aws:iam::111122223333:role/service/orders";
        let asked = Asked { caller: Some(Caller::Role(role)), ..ASKED };
        for (member, principal, denied) in [
            ("Principal", json!("*"), Says::Yes),
            ("Principal", json!({"AWS": "*"}), Says::Yes),
            ("Principal", json!({"AWS": role}), Says::Yes),
            ("Principal", json!({"AWS": ["arn:aws:iam::111122223333:role/other", role]}), Says::Yes),
            ("Principal", json!({"AWS": "111122223333"}), Says::Yes),
            ("Principal", json!({"AWS": "arn:aws:iam::111122223333:root"}), Says::Yes),
            (
                "Principal",
                json!({"AWS": "arn:aws:sts::111122223333:assumed-role/orders/s"}),
                Says::OnCondition,
            ),
            ("Principal", json!({"AWS": "arn:aws:sts::111122223333:assumed-role/other/s"}), Says::No),
            ("Principal", json!({"AWS": "arn:aws:iam::111122223333:role/other"}), Says::No),
            ("Principal", json!({"AWS": "arn:aws:iam::444455556666:root"}), Says::No),
            ("Principal", json!({"Service": "logging.s3.amazonaws.com"}), Says::No),
            ("NotPrincipal", json!({"AWS": role}), Says::No),
            ("NotPrincipal", json!({"AWS": "arn:aws:iam::111122223333:role/other"}), Says::Yes),
        ] {
            let deny = json!({"Statement": {"Effect": "Deny", member: principal, "Action": "s3:*", "Resource": "*"}});
            assert_eq!(denies(&deny, asked), denied, "{deny}");
        }
    }

    #[test]
    fn resources_that_were_put_together_are_covered_by_what_covers_some() {
        let variable = "arn:aws:s3:::orders/${aws:PrincipalTag/team}/*";
        assert_eq!(covers("arn:aws:s3:::orders/raw/*", "arn:aws:s3:::orders/*"), Says::Yes);
        assert_eq!(covers(variable, "arn:aws:s3:::orders/raw/x"), Says::OnCondition);
        assert_eq!(covers("arn:aws:s3:::other/*", "arn:aws:s3:::orders/*"), Says::No);
    }

    #[test]
    fn wildcards_match_as_iam_does() {
        for (pattern, text, is_match) in [
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }

    #[test]
    fn documents_are_found_where_each_service_keeps_them() {
        let document = json!({"Version": "2012-10-17", "Statement": []});
        let text = document.to_string();
        let encoded =
            percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
        for parameters in [
            json!({"policyDocument": text}),
            json!({"policyDocument": encoded}),
            json!({"bucketPolicy": document, "bucketName": "b"}),
            json!({"policy": text, "keyId": "k"}),
            json!({"policyInJson": text}),
        ] {
            let event = json!({"eventSource": "x", "eventName": "y", "requestParameters": parameters});
            assert_eq!(
                document_of(&Event::from_value(&event).unwrap()),
                Some(document.clone()),
                "{parameters}"
            );
        }
    }
}
