//! From one message to one [`Denial`].
//!
//! A hand-written reader that only moves forwards, so hostile input costs linear time.

use super::action::action_of_operation;
use super::cursor::{Cursor, collapse};
use super::find;
use super::{Denial, Layer, Reason};
use crate::policy::actions_of;

/// Reads the denial out of one message of AWS, with or without what an SDK or the CLI wraps
/// around it. None when the message does not speak of one.
///
/// A bare `Access Denied` is a denial with nothing but that said.
pub fn parse(message: &str) -> Option<Denial> {
    let mut found = find::scan(message);
    let best = found.iter().position(|denial| denial.action.is_some()).unwrap_or(0);
    if best < found.len() {
        return Some(found.swap_remove(best));
    }
    whole_message(message)
}

/// Messages that are a denial only when they stand alone.
pub(super) fn whole_message(message: &str) -> Option<Denial> {
    let text = collapse(message);
    let bare = text.split(" (Service: ").next().unwrap_or_default().trim_end_matches('.');
    let unstated = || Some(with_suffix(Denial::default(), &text));
    match bare {
        "Access Denied"
        | "Access denied"
        | "Forbidden"
        | "Unauthorized"
        | "AccessDenied"
        | "You are not authorized to make this call"
        | "No access to any requested resource" => unstated(),
        "Resource does not exist or requester is not authorized to access requested permissions" => {
            Some(with_suffix(Denial { reason: Reason::Opaque, ..Denial::default() }, &text))
        }
        "IAM user access not activated" => {
            let reason = Reason::Other { text: bare.to_owned() };
            Some(Denial { reason, ..Denial::default() })
        }
        _ => bare_resource(bare).map(|denial| with_suffix(denial, &text)),
    }
}

/// `Access to the resource R is denied`, `Not authorized to access resource R`,
/// `Not whitelisted for accessing …`.
fn bare_resource(text: &str) -> Option<Denial> {
    let resource = text
        .strip_prefix("Access to the resource ")
        .and_then(|rest| rest.strip_suffix(" is denied"))
        .or_else(|| text.strip_prefix("Not authorized to access resource "));
    if let Some(resource) = resource {
        return Some(Denial { resource: Some(unquoted(resource)), ..Denial::default() });
    }
    text.starts_with("Not whitelisted for accessing ")
        .then(|| Denial { reason: Reason::Other { text: text.to_owned() }, ..Denial::default() })
}

fn unquoted(text: &str) -> String {
    text.trim_matches(['"', '\'', '[', ']']).to_owned()
}

/// Reads on after `User: P is not authorized to perform`, or `… to access`.
pub(super) fn authorization(principal: Option<&str>, verb: &str, after: &str) -> Denial {
    let mut cursor = Cursor::new(after);
    let mut denial = Denial { principal: principal.map(unquoted), ..Denial::default() };
    if verb == "perform" {
        cursor.rest = cursor.rest.strip_prefix(':').unwrap_or(cursor.rest);
        denial.action = action(&mut cursor);
    } else if cursor.eat("this resource") || cursor.eat("the resource") {
        // `is not authorized to access this resource`: nothing more is told.
    }
    if cursor.rest.trim().is_empty() && denial.action.as_deref().is_some_and(is_begun) {
        // The text breaks off in the midst of it.
        (denial.action, denial.truncated) = (None, true);
    }
    denial.truncated |= breaks_off_in_quotes(cursor.rest);
    denial.resource = resource(&mut cursor);
    if denial.truncated {
        denial.resource = denial.resource.filter(|it| !it.ends_with(':'));
    }
    clause(&mut cursor, &mut denial);
    tail(cursor, &mut denial);
    denial.truncated |= is_cut(after);
    denial
}

/// Reads on after the console's `You don't have permission to A`: a line each for user, action, resources and
/// context.
pub(super) fn console(action: &str, after: &str) -> Denial {
    let line = |name: &str| {
        let told = after.lines().find_map(|line| line.trim().strip_prefix(name));
        told.map(str::trim).filter(|told| !told.is_empty()).unwrap_or_default()
    };
    let resource = line("On resource(s):");
    let on = if resource.is_empty() { String::new() } else { format!(" on resource: {resource}") };
    let context = line("Context:").replace("allows the action", &format!("allows the {action} action"));
    let why = if context.is_empty() { String::new() } else { format!(" because {context}") };
    let user = Some(line("User:")).filter(|user| !user.is_empty());
    authorization(user, "perform", &format!(": {action}{on}{why}"))
}

/// Whether an action is the beginning of others alone.
fn is_begun(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let known = action.split(':').next().and_then(actions_of).unwrap_or_default();
    let begins = known.iter().any(|it| it.compared.starts_with(&action));
    begins && known.iter().all(|it| it.compared != action)
}

/// Whether a text ends within the quotes that its resource stands in.
fn breaks_off_in_quotes(text: &str) -> bool {
    let named = Cursor::new(text);
    named.sees("on resource: \"") && text.matches('"').count() == 1
}

/// An action, `service:Name`; what follows it stays, as do brackets and full stops.
fn action(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut ahead = *cursor;
    let token = ahead.token()?;
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'*' || byte == b':';
    let end = token.bytes().position(|byte| !letters(byte)).unwrap_or(token.len());
    let (service, name) = token[..end].split_once(':')?;
    if service.is_empty() || name.is_empty() {
        return None;
    }
    let start = cursor.rest.len() - cursor.rest.trim_start().len();
    let text = token[..end].trim_end_matches(':');
    cursor.rest = &cursor.rest[start + text.len()..];
    Some(text.to_owned())
}

/// What ends a resource that is followed by more.
const CLAUSES: [&str; 6] = [
    "because",
    "with an explicit deny",
    "(Service:",
    "Encoded authorization failure message:",
    "(SDK Attempt Count:",
    "Request ID:",
];

fn at_clause(rest: &str) -> bool {
    let cursor = Cursor::new(rest);
    CLAUSES.iter().any(|clause| cursor.sees(clause))
}

fn resource(cursor: &mut Cursor<'_>) -> Option<String> {
    for phrase in ["on this resource", "on the specified resource", "on the resource"] {
        if cursor.eat(phrase) {
            cursor.rest = cursor.rest.strip_prefix(':').unwrap_or(cursor.rest);
            return None;
        }
    }
    let named = cursor.eat("on resource:") || cursor.eat("on resource") || {
        // The S3 guide also prints `on "arn…" because`.
        let quoted = cursor.sees("on \"");
        quoted && cursor.eat("on")
    };
    if !named {
        return None;
    }
    let rest = cursor.rest.trim_start();
    if let Some(quoted) = rest.strip_prefix('"') {
        return Some(quoted_resource(cursor, quoted));
    }
    plain_resource(cursor)
}

/// To the closing quote. An object key may hold quotes of its own, so the quote that a known
/// clause follows is taken before the first one.
fn quoted_resource(cursor: &mut Cursor<'_>, quoted: &str) -> String {
    let ends = || quoted.match_indices('"').map(|(at, _)| at);
    let after = |at: usize| quoted[at + 1..].trim_start_matches('.');
    let end = ends()
        .find(|&at| after(at).trim_start().is_empty() || at_known_clause(after(at)))
        .or_else(|| ends().next())
        .unwrap_or(quoted.len());
    take_quoted(cursor, quoted, end)
}

/// Whether a clause with a known ending follows.
fn at_known_clause(rest: &str) -> bool {
    let mut cursor = Cursor::new(rest);
    if cursor.eat("because no") {
        return layer(&mut cursor).is_some();
    }
    let others = ["because public", "because this bucket", "because the resource"];
    others.iter().chain(&CLAUSES[1..]).any(|clause| cursor.sees(clause))
}

fn take_quoted(cursor: &mut Cursor<'_>, quoted: &str, end: usize) -> String {
    let consumed = cursor.rest.len() - quoted.len() + (end + 1).min(quoted.len());
    cursor.rest = &cursor.rest[consumed..];
    let text = &quoted[..end];
    let text = if end == quoted.len() { text.trim_end_matches("...") } else { text };
    // Only a wrapped line puts a line break into an ARN.
    if text.contains('\n') { collapse(text) } else { text.to_owned() }
}

/// Kinds that IAM and its like print before a name.
const KINDS: [&str; 12] = [
    "instance profile",
    "server certificate",
    "access key",
    "assumed role",
    "role",
    "user",
    "group",
    "policy",
    "mfa",
    "saml-provider",
    "oidc-provider",
    "account",
];

/// Everything up to the next clause; without one, the first word, or kind and name.
fn plain_resource(cursor: &mut Cursor<'_>) -> Option<String> {
    // No ARN that stands without quotes has a blank in it: what follows is a clause, or somebody else's text.
    let mut lone = *cursor;
    if let Some(arn) = lone.token().filter(|token| token.starts_with("arn:")) {
        let arn = named(arn);
        cursor.rest = lone.rest;
        return arn;
    }
    let rest = cursor.rest;
    let mut from = 0;
    // Words, each tried as the start of a clause. A resource of many words does not exist.
    for _ in 0..40 {
        let gap = rest[from..].len() - rest[from..].trim_start().len();
        if at_clause(&rest[from..]) {
            cursor.rest = &rest[from..];
            return named(&rest[..from]);
        }
        from += gap;
        let Some(word) = rest[from..].find(char::is_whitespace).map(|end| &rest[from..from + end]) else {
            break;
        };
        from += word.len();
        // The end of a sentence, and no clause after it: the rest is somebody else's text.
        if word.ends_with(['.', ',', ';', ')']) && !at_clause(&rest[from..]) {
            break;
        }
    }
    let mut lone = *cursor;
    let kind = KINDS.iter().find(|kind| lone.sees(kind) && !lone.sees("arn:"));
    let kind = kind.filter(|kind| lone.eat(kind) && lone.rest.starts_with(char::is_whitespace));
    if kind.is_none() {
        lone = *cursor;
    }
    let name = lone.token()?;
    let text = kind.map_or_else(|| name.to_owned(), |kind| format!("{kind} {name}"));
    cursor.rest = lone.rest;
    named(&text)
}

fn named(text: &str) -> Option<String> {
    let text = collapse(text);
    let text = text.split('<').next().unwrap_or_default();
    let text = text.trim_end_matches(['.', ',', ';', ')', '\'']);
    // `arn…"Name"` is a form of Systems Manager's; a lone quote is the end of a quotation.
    let lone_quote = text.matches('"').count() == 1;
    let text = if lone_quote { text.trim_end_matches('"') } else { text };
    (!text.is_empty()).then(|| text.to_owned())
}

/// The clause that names the layer.
fn clause(cursor: &mut Cursor<'_>, denial: &mut Denial) {
    if cursor.eat("because no") {
        implicit(cursor, denial);
    } else if cursor.eat("with an explicit deny") {
        explicit(cursor, denial);
    } else if cursor.eat("because the resource does not exist in") {
        denial.reason = Reason::Opaque;
    } else if cursor.eat("because public ACLs are prevented by the")
        || cursor.eat("because public policies are prevented by the")
    {
        let setting = cursor.token().unwrap_or_default().to_owned();
        denial.reason = Reason::BlockPublicAccess { setting };
    } else if cursor.eat("because this bucket has blocked upload requests") {
        denial.reason = Reason::SseCBlocked;
    } else if !is_on_another_line(cursor.rest) && cursor.eat("because") {
        let end = cursor.rest.find(['\n', '<', '(']).unwrap_or(cursor.rest.len());
        let text: String = cursor.rest[..end].chars().take(300).collect();
        denial.reason = Reason::other(&text);
        cursor.rest = &cursor.rest[end..];
    }
}

/// Whether what comes next begins a line of its own.
fn is_on_another_line(rest: &str) -> bool {
    rest[..rest.len() - rest.trim_start().len()].contains('\n')
}

fn implicit(cursor: &mut Cursor<'_>, denial: &mut Denial) {
    let Some(layer) = layer(cursor) else { return };
    denial.reason = Reason::Implicit { layer };
    if cursor.eat("allows the") || cursor.eat("allow the") {
        denial.clause_action = action(cursor);
        cursor.eat("action");
    }
}

fn explicit(cursor: &mut Cursor<'_>, denial: &mut Denial) {
    let named = in_a(cursor, "in").and_then(|()| layer(cursor));
    let via = in_a(cursor, "transitively through").and_then(|()| layer(cursor));
    denial.reason = Reason::Explicit { layer: named, via };
    let mut ahead = *cursor;
    if ahead.eat(":") && ahead.sees("arn:") {
        let token = ahead.token().unwrap_or_default();
        let token = token.split(['<', '"', ')', '(', '\'', ',']).next().unwrap_or_default();
        denial.policy_arn = Some(token.trim_end_matches('.').to_owned());
        *cursor = ahead;
    }
}

/// Steps over `in a`, `in an`, `in the`.
fn in_a(cursor: &mut Cursor<'_>, preposition: &str) -> Option<()> {
    let mut ahead = *cursor;
    if !ahead.eat(preposition) {
        return None;
    }
    for article in ["an", "a", "the"] {
        let mut after = ahead;
        if after.eat(article) && after.rest.starts_with(char::is_whitespace) {
            *cursor = after;
            return Some(());
        }
    }
    None
}

/// A layer by its name in messages; the plural `sessions policy` is AWS's own misprint.
pub(super) fn layer(cursor: &mut Cursor<'_>) -> Option<Layer> {
    const NAMES: [(&str, Layer); 15] = [
        ("identity-based polic", Layer::Identity),
        ("identity based polic", Layer::Identity),
        ("resource-based polic", Layer::Resource),
        ("resource based polic", Layer::Resource),
        ("permissions boundary", Layer::Boundary),
        ("permissions boundaries", Layer::Boundary),
        ("permission boundary", Layer::Boundary),
        ("session polic", Layer::Session),
        ("sessions polic", Layer::Session),
        ("service control polic", Layer::Scp),
        ("resource control polic", Layer::Rcp),
        ("VPC endpoint polic", Layer::Endpoint),
        ("role trust polic", Layer::Trust),
        ("trust polic", Layer::Trust),
        ("assume role polic", Layer::Trust),
    ];
    let (_, layer) = NAMES.iter().find(|(name, _)| cursor.eat(name))?;
    // `boundary policy` was printed once, too.
    for end in ["y", "ies", " policy"] {
        if let Some(rest) = strip_ignoring_case(cursor.rest, end) {
            cursor.rest = rest;
        }
    }
    Some(*layer)
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// What may follow the clause: a full stop, the encoded message, the SDK's brackets.
fn tail(cursor: Cursor<'_>, denial: &mut Denial) {
    if denial.encoded.is_none()
        && let Some((_, after)) = split_phrase(cursor.rest, "Encoded authorization failure message:")
    {
        denial.encoded = encoded(after);
    }
    *denial = with_suffix(std::mem::take(denial), cursor.rest);
}

/// The blob after `Encoded authorization failure message:`.
pub(super) fn encoded(after: &str) -> Option<String> {
    let token = Cursor::new(after).token()?;
    let letters =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'+' | b'/');
    let end = token.bytes().position(|byte| !letters(byte)).unwrap_or(token.len());
    let blob = token[..end].trim_end_matches('.');
    (!blob.is_empty()).then(|| blob.to_owned())
}

/// Splits at the first place where `phrase` stands, over any white space.
fn split_phrase<'a>(text: &'a str, phrase: &str) -> Option<(&'a str, &'a str)> {
    let first = phrase.split(' ').next()?;
    for (at, _) in text.match_indices(first) {
        let mut cursor = Cursor::new(&text[at..]);
        if cursor.eat(phrase) {
            return Some((&text[..at], cursor.rest));
        }
    }
    None
}

/// CloudTrail ends a message that it cut with three dots.
pub(super) fn is_cut(message: &str) -> bool {
    message.trim_end().ends_with("...") || message.trim_end().ends_with('…')
}

/// Adds what a Java SDK prints in brackets after a message: `(Service: AWSGlue; Status Code:
/// 400; Error Code: AccessDeniedException; …)` or `(Service: Glue, Status Code: 400, …)`.
pub(super) fn with_suffix(mut denial: Denial, text: &str) -> Denial {
    let Some((_, after)) = split_phrase(text, "(Service:") else { return denial };
    let inside = after.split(')').next().unwrap_or(after);
    let mut fields = inside.split([';', ',']);
    denial.service = denial.service.or_else(|| fields.next().map(collapse).filter(|name| !name.is_empty()));
    for field in fields {
        if let Some(code) = collapse(field).strip_prefix("Error Code: ") {
            denial.error_code.get_or_insert_with(|| code.to_owned());
        }
    }
    denial
}

/// Fills in the action from the operation an SDK named, where the message had none.
pub(super) fn with_operation(mut denial: Denial) -> Denial {
    if denial.action.is_none()
        && let Some(operation) = &denial.operation
    {
        // Of the calls on which Lake Formation decides, most are Glue's.
        let of_glue = || denial.lake_formation().and_then(|_| action_of_operation(Some("Glue"), operation));
        denial.action = action_of_operation(denial.service.as_deref(), operation).or_else(of_glue);
    }
    denial
}

/// `Insufficient Lake Formation permission(s): Required P on O`, or without `Required P`.
pub(super) fn lake_formation(after: &str) -> Option<Denial> {
    let mut cursor = Cursor::new(after);
    cursor.rest = cursor.rest.trim_start_matches("(s)").trim_start_matches('s').trim_start_matches(':');
    let mut permission = None;
    if cursor.eat("Required") {
        let (name, rest) = split_phrase_word(cursor.rest, "on")?;
        permission = Some(collapse(name)).filter(|name| !name.is_empty());
        cursor.rest = rest;
    } else if !cursor.eat("on") {
        return None;
    }
    let rest = cursor.rest.trim_start();
    let object = match rest.strip_prefix('(') {
        Some(inside) => rest.get(..=inside.find(')')? + 1)?,
        None => rest.split(['\n', '<', '"']).next()?.split(" (Service:").next()?,
    };
    let object = collapse(object).trim_end_matches('.').to_owned();
    if object.is_empty() {
        return None;
    }
    let reason = Reason::LakeFormation { permission, object };
    Some(with_suffix(Denial { reason, truncated: is_cut(after), ..Denial::default() }, cursor.rest))
}

/// Splits at the first lone `word` within the next ten words.
fn split_phrase_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut cursor = Cursor::new(text);
    for _ in 0..10 {
        let before = &text[..text.len() - cursor.rest.len()];
        if cursor.token()? == word {
            return Some((before, cursor.rest));
        }
    }
    None
}
