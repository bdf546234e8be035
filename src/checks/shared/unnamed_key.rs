//! Calls to KMS on a key that the connector file does not name by its own ARN: on `*`, on a pattern or on an alias.
//!
//! KMS asks about the key behind whatever name a call uses, and what the role's own policies allow counts only
//! where the key's policy leaves it to them. Aliases themselves are asked about where they are made, changed and
//! deleted, beside the key.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html>
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html>

use crate::checks::View;
use crate::model::{Blocked, shell_word};
use crate::policy::scope::covers;
use crate::policy::takes_no_resource;
use crate::requirement::Resource;

use super::needs::Ask;
use super::policies::RolePolicies;
use super::standing::{Answer, Cause, identity_answer, standing_answer};

/// The calls that are about an alias as well as about its key.
const OF_ALIASES: [&str; 3] = ["kms:createalias", "kms:updatealias", "kms:deletealias"];

/// What becomes of a call to KMS that does not name its key; `None`: it is none.
pub(super) fn on_unnamed_key(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies) -> Option<Answer> {
    let names_none = !ask.is_of_key() && !ask.names_key() && !ask.is_of_new();
    if !ask.is_of_kms() || !names_none || takes_no_resource(ask.action()) {
        return None;
    }
    let is_alias = ask.resource.probe.contains(":alias/");
    if is_alias && OF_ALIASES.contains(&&*ask.action().to_ascii_lowercase()) {
        return Some(on_alias(view, ask, policies));
    }
    let answers =
        known_keys(view, ask).filter_map(|arn| on_key(view, ask, policies, arn)).collect::<Vec<_>>();
    if answers.is_empty() {
        return Some(on_unknown_key(view, ask, policies, is_alias));
    }
    let refused = answers.iter().filter(|it| matches!(it, Answer::Refused(_))).count();
    let open = answers.iter().position(|it| matches!(it, Answer::Undecided(_) | Answer::Unless(..)));
    let mut answers = answers.into_iter();
    match open {
        _ if refused == answers.len() => answers.next(),
        Some(at) => answers.nth(at),
        None if refused > 0 => Some(Answer::Undecided(unknown_key(
            ask,
            is_alias,
            "the role may use some of the keys that are known, and not others",
        ))),
        None => Some(Answer::Allowed(
            answers.flat_map(|it| if let Answer::Allowed(proof) = it { proof } else { Vec::new() }).collect(),
        )),
    }
}

/// The keys that were described and that the call may be about.
fn known_keys<'a>(view: &View<'a>, ask: &Ask<'_>) -> impl Iterator<Item = &'a str> {
    let pattern = ask.resource.pattern.clone();
    let keys = view.described_keys();
    keys.filter(move |(arn, entry)| covers(&pattern, arn) || *entry == pattern).map(|(arn, _)| arn)
}

/// The answer for one key; `None`: the role's account is not known.
fn on_key(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies, arn: &str) -> Option<Answer> {
    let resource = Resource::new(arn.to_owned());
    let named = Ask::of(view, ask.requirement.clone(), resource).ok()?;
    let mut answer = standing_answer(view, &named, policies);
    match &mut answer {
        // What the call is about is told as the connector file has it.
        Answer::Undecided(blocked) | Answer::Unless(_, blocked) => blocked.concerns = vec![ask.concern()],
        Answer::Allowed(_) | Answer::Refused(_) => {}
    }
    Some(answer)
}

/// The answer for a key that nobody knows: a statement that denies any key denies it.
fn on_unknown_key(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies, is_alias: bool) -> Answer {
    let mut any = ask.clone();
    if is_alias {
        let place: Vec<&str> = ask.resource.probe.splitn(6, ':').take(5).collect();
        let key = Resource::new(format!("{}:key/*", place.join(":")));
        any = Ask::of(view, ask.requirement.clone(), key).unwrap_or(any);
    }
    match identity_answer(view, &any, policies) {
        Answer::Refused(refusal) if refusal.cause == Cause::Denied => Answer::Refused(refusal),
        _ => Answer::Undecided(unknown_key(ask, is_alias, why(is_alias))),
    }
}

fn why(is_alias: bool) -> &'static str {
    if is_alias {
        "KMS asks about the key behind the alias, whose ARN and policy are not known"
    } else {
        "every key's own policy has to allow it, too, and no key is named"
    }
}

fn unknown_key(ask: &Ask<'_>, is_alias: bool, why: &str) -> Blocked {
    let resource = &ask.resource.pattern;
    let hint = if is_alias {
        let alias = resource.splitn(6, ':').nth(5).unwrap_or_default();
        format!(
            "name in the connector file the key that this shows: aws kms describe-key --key-id {} --query KeyMetadata.Arn",
            shell_word(alias)
        )
    } else {
        "name in the connector file the ARN of the key that is meant, or {bucket_key} or {catalog_key} for the one that the bucket or the Data Catalog encrypts with".to_owned()
    };
    let what = format!("the policy of the key that {} is called on as {resource}", ask.action());
    Blocked { hint: Some(hint), ..Blocked::new(what, why) }.about([ask.concern()])
}

/// The alias's side by the role's own policies. The key's is asked about where the file names it beside the alias.
fn on_alias(view: &View<'_>, ask: &Ask<'_>, policies: &RolePolicies) -> Answer {
    let answer = identity_answer(view, ask, policies);
    let with_key = ask.requirement.resources.iter().any(|it| !it.probe.contains(":alias/"));
    match answer {
        Answer::Allowed(_) if !with_key => Answer::Undecided(unknown_key(ask, true, why(true))),
        answer => answer,
    }
}
