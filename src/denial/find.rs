//! Finds denials in any text: a stack trace, a screen, a CLI's error, a CloudTrail event.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::grammar;
use super::readable::{readable, unbroken, unhyphenated, unprefixed};
use super::{Denial, Layer, Reason};
use crate::model::Partition;

/// Where a denial, or what an SDK prints before one, begins.
#[expect(clippy::expect_used, reason = "the pattern is a constant, compiled by every test of this module")]
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    // Letters are ASCII's: names of AWS have no others, and Unicode's, many times over, take long to compile.
    let pattern = r#"(?x)
      (?P<cli> An\s+error\s+occurred\s+\((?P<cli_code>(?-u:[\w.\#:-]+))\)\s+when\s+calling\s+the\s+(?P<cli_op>(?-u:\w+))\s+operation )
    | (?P<go> operation\s+error\s+(?P<go_service>(?-u:[\w\ ]{1,40})):\s+(?P<go_op>(?-u:\w+)), )
    | (?P<go_code> api\s+error\s+(?P<go_error>(?-u:[\w.]+)): )
    | (?P<auth> [Uu]ser(?::\s+(?P<who>\S+))?\s+is\s+not\s+authorized\s+to\s+(?P<verb>perform|access) )
    | (?P<arrow> AWS\s+Error\s+ACCESS_DENIED\s+during\s+(?P<arrow_op>(?-u:\w+))\s+operation )
    | (?P<console> [Yy]ou\s+don't\s+have\s+permission\s+to\s+(?P<console_action>(?-u:[\w-]+):(?-u:\w+)) )
    | (?P<lf> Insufficient\s+Lake\s+Formation\s+permission )
    | (?P<ec2> You\s+are\s+not\s+authorized\s+to\s+(?:perform\s+this\s+operation|make\s+this\s+call) )
    | (?P<principal> Principal\s+\[(?P<execute_who>[^\]\s]+)\]\s+is\s+not\s+allowed\s+to\s+execute\s+\[(?P<execute>[^\]\s]+)\] )
    | (?P<duration> requested\s+DurationSeconds\s+exceeds\s+the\s+(?:MaxSessionDuration|(?P<chained>1\s+hour\s+session\s+limit)) )
    | (?P<endpoint> request\s+was\s+denied\s+due\s+to\s+a\s+VPC\s+endpoint\s+policy )
    | (?P<pass_role> Cross-account\s+pass\s+role\s+is\s+not\s+allowed )
    | (?P<hidden> ciphertext\s+refers\s+to\s+a\s+customer\s+master\s+key\s+that\s+does\s+not\s+exist )
    | (?P<key> arn:aws[a-z-]*:kms:(?-u:[\w-]+):(?-u:\d{12}):key/(?-u:[\w-]+))\s+is\s+
        (?P<key_state>disabled|unavailable|pending\s+(?:replica\s+deletion|deletion|import)|creating|updating)(?-u:\b)
    | (?P<key_off> specified\s+KMS\s+key\s+is\s+not\s+enabled )
    | (?P<bare> (?-u:\b)[Aa]ccess\ [Dd]enied\.?\s+\(Service:
              | :\s+(?:Access\ Denied|Forbidden|null)\.?\s+\(Service:[\ -~&&[^)]]{1,60}Status\ Code:\ 403
              | (?-u:\b)null\s+\(Service:[\ -~&&[^)]]{1,60}Status\ Code:\ 403
              | <Message>Access\ Denied</Message>
              | [Ee]xception:\s*Access\ Denied(?-u:\b)
              | AccessDenied:\s+Access\ Denied(?-u:\b)
              | unhandled\ error\ \(AccessDenied(?-u:\w*)\):\ Error\ \{\ code:\ "(?-u:\w+)",\ message:\ "Access\ Denied" )
    "#;
    Regex::new(pattern).expect("the pattern is well formed")
});

/// All denials in `text`, in order of appearance, each once.
///
/// Takes what people paste: a Java stack trace, wrapped or not, a CLI's error, a page's text, a
/// CloudTrail event or a whole log file as JSON, JSON lines of a connector's log. Linear time.
pub fn find_all(text: &str) -> Vec<Denial> {
    let mut found = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() || value.is_array() => in_json(&value, 0, &mut found),
        _ => in_lines(text, &mut found),
    }
    once(found)
}

/// Text that is not JSON as a whole may have lines that are.
fn in_lines(text: &str, found: &mut Vec<Denial>) {
    let mut plain = String::new();
    for line in text.lines() {
        let bare = line.trim();
        let json = bare.starts_with('{') && bare.ends_with('}');
        if let Some(Ok(value)) = json.then(|| serde_json::from_str::<Value>(bare)) {
            in_text(&std::mem::take(&mut plain), found);
            in_json(&value, 0, found);
        } else {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    in_text(&plain, found);
}

fn in_text(text: &str, found: &mut Vec<Denial>) {
    let readable = readable(text);
    let mut denials = scan(&readable);
    let mut stripped = Cow::Borrowed(&*readable);
    if let Some(unprefixed) = unprefixed(&readable) {
        let others = scan(&unprefixed);
        if !others.is_empty() {
            (denials, stripped) = (others, Cow::Owned(unprefixed));
        }
    }
    for whole in [unbroken(&stripped), unhyphenated(&stripped)].into_iter().flatten() {
        take_if_fuller(&mut denials, &whole);
    }
    if denials.is_empty() {
        denials = stripped.lines().filter_map(bare).collect();
    }
    found.append(&mut denials);
}

fn take_if_fuller(denials: &mut Vec<Denial>, text: &str) {
    let others = scan(text);
    if is_fuller(&others, denials) {
        *denials = others;
    }
}

/// Whether the same denials were read better: broken lines cost them their reason, its layer, or part of an ARN.
fn is_fuller(joined: &[Denial], broken: &[Denial]) -> bool {
    let parts = |denials: &[Denial]| -> usize {
        let known = |denial: &Denial| {
            let layer = !matches!(denial.reason, Reason::Unstated | Reason::Explicit { layer: None, .. });
            let reason = denial.action.is_some() && denial.reason != Reason::Unstated;
            let told = [&denial.resource, &denial.policy_arn, &denial.encoded, &denial.operation];
            let told = told.map(Option::is_some);
            [layer, reason, told[0], told[1], told[2], told[3]].map(usize::from).iter().sum::<usize>()
        };
        denials.iter().map(known).sum()
    };
    let mended = |(one, other): (&Denial, &Denial)| {
        let together = |arn: &str| arn.split_whitespace().collect::<String>();
        let resource = match (one.resource.as_deref(), other.resource.as_deref()) {
            (Some(one), Some(other)) => one != other && one == together(other),
            _ => false,
        };
        let policy = match (one.policy_arn.as_deref(), other.policy_arn.as_deref()) {
            (Some(one), Some(other)) => one.len() > other.len() && one.starts_with(other),
            _ => false,
        };
        resource || policy
    };
    broken.is_empty()
        || joined.len() <= broken.len() && parts(joined) > parts(broken)
        || joined.len() == broken.len() && joined.iter().zip(broken).any(mended)
}

/// A refusal that is all that a line says, or all that follows its last colon.
fn bare(line: &str) -> Option<Denial> {
    let line = line.trim();
    let last = line.rsplit_once(": ").map_or(line, |(_, last)| last);
    [line, last].into_iter().find_map(grammar::whole_message)
}

/// Events are read as such; of anything else, every string.
fn in_json(value: &Value, depth: u8, found: &mut Vec<Denial>) {
    match value {
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            if let (Some(code), Some(source)) = (text("errorCode"), text("eventSource")) {
                let name = text("eventName").unwrap_or_default();
                if let Some(mut denial) = Denial::of_event(source, name, code, text("errorMessage")) {
                    let who = |key: &str| map.get("userIdentity").and_then(|it| it.get(key)?.as_str());
                    let account = || who("accountId").map(|account| format!("account {account}"));
                    let caller = || who("arn").map(str::to_owned).or_else(account);
                    denial.principal = denial.principal.or_else(caller);
                    denial.resource = denial.resource.or_else(|| resource_of(map));
                    found.push(denial);
                }
                return;
            }
            map.values().for_each(|inner| in_json(inner, depth, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| in_json(inner, depth, found)),
        Value::String(text) if depth < 3 && text.trim_start().starts_with(['{', '[']) => {
            match serde_json::from_str::<Value>(text) {
                Ok(inner) => in_json(&inner, depth + 1, found),
                Err(_) => in_text(text, found),
            }
        }
        Value::String(text) => in_text(text, found),
        _ => {}
    }
}

/// What an event's call was about: S3's object or bucket, or the first resource that it names.
fn resource_of(event: &Map<String, Value>) -> Option<String> {
    let parameter = |name: &str| event.get("requestParameters")?.get(name)?.as_str();
    let region = event.get("awsRegion").and_then(Value::as_str).unwrap_or_default();
    let object = parameter("bucketName").map(|bucket| {
        let partition = Partition::of_region(region);
        let key = parameter("key").map(|key| format!("/{key}")).unwrap_or_default();
        format!("arn:{}:s3:::{bucket}{key}", partition.as_str())
    });
    let named = || event.get("resources")?.as_array()?.iter().find_map(|it| it.get("ARN")?.as_str());
    object.or_else(|| named().map(str::to_owned))
}

/// What an SDK or the CLI printed before the message.
#[derive(Default)]
struct Frame {
    code: Option<String>,
    operation: Option<String>,
    service: Option<String>,
    /// Where the message begins.
    end: usize,
}

/// Whether what stands between a frame and a message joins them: ` (reached max retries: 4): `. What has words
/// of its own, or begins a new line with them, is another message.
fn leads_into(between: &str) -> bool {
    let told = between.trim_start();
    let told = match told.strip_prefix("(reached max retries") {
        Some(rest) => rest.split_once(')').map_or("", |(_, rest)| rest),
        None => told,
    };
    told.chars().all(|letter| letter.is_whitespace() || letter == ':')
}

/// The denials of one text in the order in which they stand.
pub(super) fn scan(text: &str) -> Vec<Denial> {
    let marks: Vec<_> = MARKER.captures_iter(text).collect();
    let mut found = Vec::new();
    let mut frame: Option<Frame> = None;
    for (index, mark) in marks.iter().enumerate() {
        let Some(whole) = mark.get(0) else { continue };
        let next = marks.get(index + 1).and_then(|mark| mark.get(0)).map_or(text.len(), |next| next.start());
        let segment = segment(text, whole.end(), next);
        let group = |name: &str| mark.name(name).map(|group| group.as_str().to_owned());
        if ["cli", "go", "arrow"].iter().any(|frame| mark.name(frame).is_some()) {
            flush(frame.take(), &mut found);
            frame = Some(Frame {
                code: group("cli_code").or_else(|| group("arrow").map(|_| "AccessDenied".to_owned())),
                operation: group("cli_op").or_else(|| group("go_op")).or_else(|| group("arrow_op")),
                service: group("go_service"),
                end: whole.end(),
            });
            continue;
        }
        if let Some(code) = group("go_error") {
            let open = frame.get_or_insert_with(Frame::default);
            open.code = Some(code);
            open.end = whole.end();
            continue;
        }
        if mark.name("ec2").is_some() && leads_into_next(text, whole.end(), marks.get(index + 1)) {
            continue;
        }
        let Some(mut denial) = denial_at(mark, whole.as_str(), segment) else { continue };
        match frame.take() {
            Some(open) if leads_into(&text[open.end..whole.start()]) => wrap(&mut denial, open),
            other => flush(other, &mut found),
        }
        if denial.error_code.is_none() {
            denial.error_code = exception_before(text, whole.start());
        }
        found.push(grammar::with_operation(denial));
    }
    flush(frame, &mut found);
    found
}

/// From a marker's end to the next marker, a stack trace or a blank line.
fn segment(text: &str, start: usize, next: usize) -> &str {
    let whole = &text[start..next];
    let mut end = whole.len();
    for stop in ["\n\tat ", "\n    at ", "\n  at ", "\nCaused by", "\n\n", "</Message>"] {
        if let Some(at) = memchr::memmem::find(&whole.as_bytes()[..end], stop.as_bytes()) {
            end = at;
        }
    }
    &whole[..end]
}

/// `You are not authorized to perform this operation. User: …` is one message.
fn leads_into_next(text: &str, end: usize, next: Option<&regex::Captures<'_>>) -> bool {
    next.filter(|next| next.name("auth").is_some())
        .and_then(|next| next.get(0))
        .is_some_and(|next| text[end..next.start()].trim_start_matches('.').trim().is_empty())
}

fn wrap(denial: &mut Denial, frame: Frame) {
    denial.error_code = frame.code.or_else(|| denial.error_code.take());
    denial.operation = frame.operation;
    denial.service = denial.service.take().or(frame.service);
    if let (Reason::KeyState { .. }, None, Some(code)) = (&denial.reason, &denial.service, &denial.error_code)
    {
        // S3 puts KMS before the codes that it hands on.
        denial.service = Some(if code.starts_with("KMS.") { "S3" } else { "KMS" }.to_owned());
    }
}

/// A frame without a message that says more, such as `(403) when calling the HeadObject
/// operation: Forbidden`.
fn flush(frame: Option<Frame>, found: &mut Vec<Denial>) {
    let Some(frame) = frame else { return };
    let refused = frame.code.as_deref().is_some_and(|code| code == "403" || super::is_denial_code(code));
    if refused {
        let mut denial = Denial::default();
        wrap(&mut denial, frame);
        found.push(grammar::with_operation(denial));
    }
}

/// The denial that begins with `mark`; `segment` is what follows it.
fn denial_at(mark: &regex::Captures<'_>, whole: &str, segment: &str) -> Option<Denial> {
    let group = |name: &str| mark.name(name).map(|group| group.as_str());
    let of_reason = |reason| Some(grammar::with_suffix(Denial { reason, ..Denial::default() }, segment));
    if group("auth").is_some() {
        return Some(grammar::authorization(group("who"), group("verb").unwrap_or_default(), segment));
    }
    if let Some(action) = group("console_action") {
        return Some(grammar::console(action, segment));
    }
    if group("lf").is_some() {
        return grammar::lake_formation(segment);
    }
    if group("ec2").is_some() {
        let blob = segment.split_once("failure message:").and_then(|(_, after)| grammar::encoded(after));
        let truncated = grammar::is_cut(segment);
        return Some(grammar::with_suffix(Denial { encoded: blob, truncated, ..Denial::default() }, segment));
    }
    if let Some(action) = group("execute") {
        let principal = group("execute_who").map(str::to_owned);
        return Some(Denial { principal, action: Some(action.to_owned()), ..Denial::default() });
    }
    if group("duration").is_some() {
        return of_reason(Reason::SessionDuration { chained: group("chained").is_some() });
    }
    if group("endpoint").is_some() {
        return of_reason(Reason::DeniedBy { layer: Layer::Endpoint });
    }
    if group("hidden").is_some() {
        return of_reason(Reason::Opaque)
            .map(|denial| Denial { action: Some("kms:Decrypt".to_owned()), ..denial });
    }
    if let Some(state) = group("key_state") {
        let state = Some(state.split_whitespace().collect::<Vec<_>>().join(" "));
        let resource = group("key").map(str::to_owned);
        return of_reason(Reason::KeyState { state }).map(|denial| Denial { resource, ..denial });
    }
    if group("key_off").is_some() {
        return of_reason(Reason::KeyState { state: Some("disabled".to_owned()) });
    }
    if group("pass_role").is_some() {
        let action = Some("iam:PassRole".to_owned());
        return Some(Denial { action, reason: Reason::CrossAccountPassRole, ..Denial::default() });
    }
    // A bare refusal: its own text holds the beginning of the SDK's brackets.
    let suffix = whole.find("(Service:").map(|at| format!("{}{segment}", &whole[at..]));
    Some(grammar::with_suffix(Denial::default(), suffix.as_deref().unwrap_or(segment)))
}

/// The error code in `…AccessDeniedException: User: …` or `AccessDenied: User: …`.
fn exception_before(text: &str, start: usize) -> Option<String> {
    let before = text[..start].trim_end().strip_suffix(':')?;
    let from = before
        .rfind(|letter: char| !letter.is_ascii_alphanumeric())
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = &before[from..];
    super::may_be_denial(word.as_bytes()).then(|| word.to_owned())
}

/// Each denial once; a stack trace repeats its causes.
fn once(found: Vec<Denial>) -> Vec<Denial> {
    let mut seen = std::collections::BTreeSet::new();
    let key = |denial: &Denial| {
        let Denial { principal, action, resource, reason, encoded, .. } = denial.clone();
        (principal, action, resource, reason, encoded)
    };
    let full = found.iter().any(|denial| denial.action.is_some() || denial.reason != Reason::Unstated);
    found
        .into_iter()
        // The wrapper's bare refusal adds nothing to the message that explains it.
        .filter(|denial| {
            !full
                || denial.action.is_some()
                || denial.resource.is_some()
                || denial.encoded.is_some()
                || denial.reason != Reason::Unstated
        })
        .filter(|denial| seen.insert(key(denial)))
        .collect()
}
