//! What the words of denials tell, read once for all that differ in names alone.
//!
//! Taking a message apart costs as much as reading the record around it, and messages come in
//! thousands that differ in the session, the object and the encoded part. Those three are put
//! aside, the rest is read once and remembered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::borrowed::EventRef;
use super::memo::Memo;
use crate::denial::{Denial, Reason};

/// What denials have in common, their resource aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) action: Option<String>,
    pub(super) cause: Reason,
    pub(super) policy_arn: Option<String>,
    /// Whether the message was cut where the layer or the policy may have stood.
    pub(super) truncated: bool,
}

/// How far kinds are put together to keep their number bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Merging {
    /// Each by itself.
    #[default]
    None,
    /// Those that differ in free words alone.
    Words,
    /// Those of one action.
    Reasons,
    /// All.
    Actions,
}

/// What a call's words tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told<'t> {
    /// The position among [`Messages::kinds`].
    pub(super) kind: usize,
    /// The resource, where the message names it.
    pub(super) resource: Option<Cow<'t, str>>,
    /// The encoded message.
    pub(super) encoded: Option<Cow<'t, str>>,
}

/// Reads messages, and remembers their kinds.
#[derive(Default)]
pub(super) struct Messages {
    /// None for a form whose parts cannot be put aside.
    forms: Memo<Option<Form>>,
    kinds: Vec<Kind>,
    positions: BTreeMap<Kind, usize>,
    merging: Merging,
    /// The form at hand: the call and its message less the parts.
    form: String,
}

struct Form {
    kind: usize,
    resource: Part,
    encoded: Part,
}

/// Where a part of a denial comes from.
enum Part {
    /// The message at hand.
    Message,
    /// All messages of the form have it.
    Form(Option<String>),
}

/// What stands for the parts in a form. Neither is anything that AWS would write.
const RESOURCE: &str = "0RESOURCE0";
const ENCODED: &str = "0ENCODED0";
/// A shorter one is not put aside.
const SHORTEST_CODE: usize = 16;

/// The parts of one message.
#[derive(Default)]
struct Parts<'m> {
    resource: Option<&'m str>,
    encoded: Option<&'m str>,
}

impl Messages {
    /// What is told of a call; none when its error code is no denial's.
    pub(super) fn read<'t>(&mut self, call: &'t EventRef<'_>) -> Option<Told<'t>> {
        let code = call.error_code.as_deref()?;
        let (source, name, message) = (&*call.event_source, &*call.event_name, call.error_message.as_deref());
        let mut form = std::mem::take(&mut self.form);
        form.clear();
        for part in [source, name, code] {
            form.push_str(part);
            form.push('\0');
        }
        // No message and an empty one are two forms.
        form.push(if message.is_some() { '+' } else { '-' });
        let start = form.len();
        let parts = message.map(|message| take_apart(message, &mut form)).unwrap_or_default();
        let Self { forms, kinds, positions, merging, .. } = self;
        let known = forms.get(form.as_bytes(), || {
            let words = message.is_some().then(|| &form[start..]);
            let denial = Denial::of_event(source, name, code, words).ok_or(())?;
            Ok::<_, ()>(as_form(denial, &parts, |kind| position(kinds, positions, kind.merged(*merging))))
        });
        let told = match known {
            Err(()) => None,
            Ok(Some(form)) => Some(Told {
                kind: form.kind,
                resource: form.resource.of(parts.resource),
                encoded: form.encoded.of(parts.encoded),
            }),
            Ok(None) => Denial::of_event(source, name, code, message).map(|denial| self.told(denial)),
        };
        self.form = form;
        told
    }

    /// The kinds met so far.
    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The position of a kind, new or not.
    pub(super) fn position(&mut self, kind: Kind) -> usize {
        position(&mut self.kinds, &mut self.positions, kind.merged(self.merging))
    }

    /// Puts kinds together; the new position of each.
    pub(super) fn merge(&mut self, merging: Merging) -> Vec<usize> {
        self.merging = merging;
        self.forms = Memo::default();
        self.positions.clear();
        let kinds = std::mem::take(&mut self.kinds);
        kinds.into_iter().map(|kind| self.position(kind)).collect()
    }

    fn told<'t>(&mut self, denial: Denial) -> Told<'t> {
        let Denial { resource, encoded, .. } = &denial;
        let (resource, encoded) = (resource.clone().map(Cow::Owned), encoded.clone().map(Cow::Owned));
        Told { kind: self.position(Kind::of(denial)), resource, encoded }
    }
}

fn position(kinds: &mut Vec<Kind>, positions: &mut BTreeMap<Kind, usize>, kind: Kind) -> usize {
    if let Some(position) = positions.get(&kind) {
        return *position;
    }
    kinds.push(kind.clone());
    positions.insert(kind, kinds.len() - 1);
    kinds.len() - 1
}

/// What stands for what differs between things that were put together.
pub(super) const MANY: &str = "(many)";

impl Kind {
    /// The kind that it is put together with others into.
    fn merged(mut self, merging: Merging) -> Self {
        let many = || Reason::Other { text: MANY.to_owned() };
        if merging >= Merging::Reasons {
            let action = self.action.filter(|_| merging < Merging::Actions);
            return Self { action, cause: many(), policy_arn: None, truncated: false };
        }
        if merging == Merging::Words {
            match &mut self.cause {
                Reason::Other { .. } => self.cause = many(),
                Reason::LakeFormation { object, .. } => MANY.clone_into(object),
                _ => {}
            }
            self.policy_arn = None;
        }
        self
    }

    fn of(denial: Denial) -> Self {
        // Where the encoded part was cut, all before it is there.
        let open = denial.reason.is_unstated() || denial.reason.is_explicit() == Some(true);
        let truncated = denial.truncated && denial.encoded.is_none() && open;
        let action = denial.action.map(|action| match action.split_once(':') {
            // AWS writes `SNS:Publish` and `sns:Publish`.
            Some((service, name)) => format!("{}:{name}", service.to_ascii_lowercase()),
            None => action,
        });
        Self { action, cause: denial.reason, policy_arn: denial.policy_arn, truncated }
    }
}

impl Part {
    fn of<'t>(&self, message: Option<&'t str>) -> Option<Cow<'t, str>> {
        match self {
            Self::Message => message.map(Cow::Borrowed),
            Self::Form(fixed) => fixed.clone().map(Cow::Owned),
        }
    }
}

/// The form that a denial shows, read from a message whose `parts` were put aside; none when they
/// did not come out as what they were taken for.
fn as_form(denial: Denial, parts: &Parts<'_>, position: impl FnOnce(Kind) -> usize) -> Option<Form> {
    let part = |aside: bool, came_out: Option<&String>, stand_in: &str| {
        let is_stand_in = came_out.is_some_and(|text| text == stand_in);
        (aside == is_stand_in).then(|| if aside { Part::Message } else { Part::Form(came_out.cloned()) })
    };
    let resource = part(parts.resource.is_some(), denial.resource.as_ref(), RESOURCE)?;
    let encoded = part(parts.encoded.is_some(), denial.encoded.as_ref(), ENCODED)?;
    let kind = Kind::of(denial);
    let words = match &kind.cause {
        Reason::Other { text } => text.as_str(),
        Reason::LakeFormation { object, .. } => object.as_str(),
        _ => "",
    };
    let elsewhere = [words, kind.action.as_deref().unwrap_or(""), kind.policy_arn.as_deref().unwrap_or("")];
    let strayed = elsewhere.iter().any(|text| text.contains(RESOURCE) || text.contains(ENCODED));
    (!strayed).then(|| Form { kind: position(kind), resource, encoded })
}

/// Writes `message` to `form` with stand-ins for who called, on what, and the encoded part, as
/// far as they stand where AWS mostly puts them.
///
/// What is put aside holds no white space, so that nothing which tells a denial can lie within;
/// the encoded part ends the message.
fn take_apart<'m>(message: &'m str, form: &mut String) -> Parts<'m> {
    let mut parts = Parts::default();
    let mut rest = message;
    if let Some((before, action, after)) = general_form(message) {
        form.push_str(before);
        form.push_str("User: someone is not authorized to perform: ");
        form.push_str(action);
        form.push(' ');
        rest = after;
        if let Some((resource, quoted, after)) = resource(rest) {
            let quote = if quoted { "\"" } else { "" };
            for piece in ["on resource: ", quote, RESOURCE, quote] {
                form.push_str(piece);
            }
            (parts.resource, rest) = (Some(resource), after);
        }
    }
    if let Some((before, after)) = split(rest, "failure message: ") {
        let of_code = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.=+/".contains(&byte);
        let code = after.trim_end_matches('.');
        if code.len() >= SHORTEST_CODE && code.bytes().all(of_code) {
            for piece in [before, "failure message: ", ENCODED] {
                form.push_str(piece);
            }
            (parts.encoded, rest) = (Some(code), &after[code.len()..]);
        }
    }
    form.push_str(rest);
    parts
}

/// `User: P is not authorized to perform: A `: what stands before it, the action, what follows.
fn general_form(message: &str) -> Option<(&str, &str, &str)> {
    let (before, user) = split(message, "User: ")?;
    let (_, after) = word(user)?;
    let (action, after) = word(after.strip_prefix("is not authorized to perform: ")?)?;
    Some((before, action, after))
}

/// `on resource: R`, quoted or not, where a known clause follows; with what follows the resource.
fn resource(text: &str) -> Option<(&str, bool, &str)> {
    let named = text.strip_prefix("on resource: ")?;
    let quoted = named.strip_prefix('"');
    let (resource, after) =
        if let Some(inside) = quoted { split(inside, "\"")? } else { named.split_at(named.find(' ')?) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/_*-+=@%.,$~!".contains(&byte);
    let fits = if quoted.is_some() {
        !resource.is_empty() && resource.bytes().all(|byte| byte > b' ' && byte.is_ascii())
    } else {
        resource.starts_with("arn:")
            && resource.bytes().all(plain)
            && resource.ends_with(|last: char| last.is_ascii_alphanumeric() || matches!(last, '*' | '/'))
    };
    let followed = [" because no ", " with an explicit deny"].iter().any(|clause| after.starts_with(clause));
    (fits && followed).then_some((resource, quoted.is_some(), after))
}

/// What stands before and after the first `mark`.
fn split<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let at = memchr::memmem::find(text.as_bytes(), mark.as_bytes())?;
    Some((&text[..at], &text[at + mark.len()..]))
}

/// The first word and what follows the space after it.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, after) = text.split_once(' ')?;
    (!word.is_empty() && word.bytes().all(|byte| byte > b' ')).then_some((word, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trail::Event;

    /// The kind and parts as they are read without any form.
    fn plainly(event: &Event) -> Option<(Kind, Option<String>, Option<String>)> {
        let message = event.error_message.as_deref();
        let denial =
            Denial::of_event(&event.event_source, &event.event_name, event.error_code.as_deref()?, message)?;
        let (resource, encoded) = (denial.resource.clone(), denial.encoded.clone());
        Some((Kind::of(denial), resource, encoded))
    }

    fn by_form(messages: &mut Messages, event: &Event) -> Option<(Kind, Option<String>, Option<String>)> {
        let call = EventRef::from(event);
        let told = messages.read(&call)?;
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let (kind, resource, encoded) = (told.kind, owned(told.resource), owned(told.encoded));
        Some((messages.kinds()[kind].clone(), resource, encoded))
    }

    fn event(message: &str) -> Event {
        Event {
            event_source: "s3.amazonaws.com".into(),
            event_name: "PutObject".into(),
            error_code: Some("AccessDenied".into()),
            error_message: Some(message.into()),
            ..Event::default()
        }
    }

    #[test]
    fn messages_that_differ_in_names_alone_are_of_one_form() {
        let mut messages = Messages::default();
        for number in 0..50 {
            let resource = format!("arn:aws:s3:::orders/{number}");
            let event = event(&format!(
                "User: arn:aws:sts::1:assumed-role/r/s{number} is not authorized to perform: s3:PutObject on resource: \
                 \"{resource}\" because no identity-based policy allows the s3:PutObject action"
            ));
            let call = EventRef::from(&event);
            let told = messages.read(&call).unwrap();
            assert_eq!((told.kind, told.resource.as_deref()), (0, Some(&*resource)));
        }
        assert_eq!(messages.kinds().len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn a_form_tells_what_the_message_itself_does(
            pieces in proptest::collection::vec((0usize..8, prop::sample::select(vec![
                "User: ", "arn:aws:sts::1:assumed-role/r/s", " is not authorized to perform: ", "s3:PutObject", "ec2:Run*",
                " on resource: ", "arn:aws:s3:::b/k", "\"arn:aws:s3:::b/k\"", "\"arn:aws:s3:::b/a \"q\" k\"", "*", "role x",
                " because no identity-based policy allows the s3:PutObject action", " because no ", " because of reasons",
                " with an explicit deny in a resource-based policy", " with an explicit deny",
                " with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p-1",
                "You are not authorized to perform this operation.", " Encoded authorization failure message: ",
                "abcdefghijklmnopqrstuvwxyz0123456789_-", "abcdefghijklmnopqrstuvwxyz...", "short", "...", ".", " ", "\"", "\n", "é",
                "Access Denied", " (Service: AmazonS3; Status Code: 403; Error Code: AccessDenied; Request ID: X)",
                "0RESOURCE0", "0ENCODED0", "Insufficient Lake Formation permission(s): Required Select on ", "orders",
            ])), 0..12),
            general in any::<bool>(),
        ) {
            let mut messages = Messages::default();
            let start = if general { "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: s3:PutObject on resource: " } else { "" };
            for salt in ["", "2"] {
                let mut text = start.to_owned();
                for (number, piece) in &pieces {
                    text.push_str(piece);
                    // Names that differ between the two messages.
                    if *number == 0 && (piece.contains("arn:") || piece.len() > 24) { text.push_str(salt); }
                }
                let event = event(&text);
                prop_assert_eq!(by_form(&mut messages, &event), plainly(&event), "{}", text);
            }
        }
    }
}
