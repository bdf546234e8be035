//! Policies that the doctor does not read and that have a say in a call beside the role's own.

use crate::catalog::Phase;
use crate::checks::View;
use crate::model::{AccountId, Blocked, shell_word};
use crate::policy::{carrier, takes_no_resource};

use super::needs::Ask;

/// What an unread policy may do to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// It has to allow, too.
    MustAllow,
    /// It may allow what the role's own policies do not, and deny what they do.
    MayDecide,
}

/// A policy that is not read.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    /// What it may do.
    pub say: Say,
    /// Whose it is: `the policy of the queue arn:…`.
    whose: String,
    why: &'static str,
    hint: String,
}

/// Why nobody looks at a policy, of all but those below.
const NOT_READ: &str = "the doctor does not read it";

/// The unread policy that has a say in a call, if there is one.
///
/// In one account what a resource's policy allows needs no other; across accounts both have to allow.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
pub(crate) fn unread(view: &View<'_>, ask: &Ask<'_>) -> Option<Unread> {
    let resource = &ask.resource.pattern;
    let is_given = ask.requirement.need.resource_policy.is_some();
    if is_given || ask.is_of_kms() || ask.is_of_new() || takes_no_resource(ask.action()) {
        return None;
    }
    if ask.assumes_role() {
        let hint = format!("see whether the trust policy of {resource} lets the role in");
        let whose = format!("the trust policy of {resource}");
        return Some(Unread { say: Say::MustAllow, whose, why: NOT_READ, hint });
    }
    if ask.has_another_side() {
        let hint = format!("ask whoever owns {resource} whether it lets the role in");
        let whose = format!("the policy of {resource}");
        return Some(Unread { say: Say::MustAllow, whose, why: NOT_READ, hint });
    }
    match ask.service() {
        "s3" if ask.requirement.bucket().is_some() => None,
        "glue" => of_glue(view, ask),
        _ => of_service(ask),
    }
}

/// The Data Catalog's policy and Lake Formation are read for the databases that parameters name.
fn of_glue(view: &View<'_>, ask: &Ask<'_>) -> Option<Unread> {
    let mut parts = ask.resource.probe.splitn(6, ':').skip(3);
    let (region, resource) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    let here = view.target().region.as_deref().is_none_or(|known| known == region);
    let named = match resource.split('/').collect::<Vec<_>>()[..] {
        ["catalog"] => view.databases().next().is_some(),
        ["database" | "table" | "userDefinedFunction", name, ..] => view.databases().any(|it| it == name),
        // Jobs, crawlers and the like are in no catalogue.
        [kind, ..] if !kind.is_empty() && !matches!(kind, "catalog" | "*") => return None,
        _ => false,
    };
    let hint = "give the connector file a parameter of the kind glue-database and name the database by it: its grants and the catalogue's policy are read then";
    (!(named && here)).then(|| Unread {
        say: Say::MayDecide,
        whose: format!("what the Data Catalog and Lake Formation say of {}", ask.resource.pattern),
        why: "the doctor reads it for databases that a parameter names",
        hint: hint.to_owned(),
    })
}

/// The policy of a resource in the role's account.
fn of_service(ask: &Ask<'_>) -> Option<Unread> {
    let pattern = &ask.resource.pattern;
    let resource = ask.resource.probe.splitn(6, ':').nth(5);
    let carrier = carrier(ask.service(), resource)?;
    let whose = match resource {
        Some(_) => format!("the policy of the {} {pattern}", carrier.noun),
        None => format!("the policy of whichever {} is meant by {pattern}", carrier.noun),
    };
    let name = resource.and_then(|it| it.rsplit(['/', ':']).next()).unwrap_or_default();
    let is_one = ask.resource.probe == *pattern;
    let hint = match carrier.command {
        Some(command) if is_one => {
            let command = command.replace(
                "THE-URL-OF-NAME",
                &format!(
                    "\"$(aws sqs get-queue-url --queue-name {} --query QueueUrl --output text)\"",
                    shell_word(name)
                ),
            );
            let command = command.replace("ARN", &shell_word(pattern)).replace("NAME", &shell_word(name));
            format!("see whether that policy names the role or denies it: {command}")
        }
        Some(command) => format!("see whether that policy names the role or denies it: {command}"),
        None => format!("see whether the policy of that {} names the role or denies it", carrier.noun),
    };
    let say = if carrier.must_allow { Say::MustAllow } else { Say::MayDecide };
    Some(Unread { say, whose, why: NOT_READ, hint })
}

impl Unread {
    /// What is unknown of a call that the role's own policies allow.
    pub(crate) fn though_allowed(&self, ask: &Ask<'_>) -> Blocked {
        let rest = match self.say {
            Say::MustAllow => "and it has to allow it, too",
            Say::MayDecide => "and a statement there may deny it",
        };
        let allowed = format!("{} is allowed by the role's own policies, {rest}", ask.action());
        Blocked { why: format!("{}; {allowed}", self.why), ..self.blocked(ask) }
    }

    /// The policy itself.
    pub(crate) fn blocked(&self, ask: &Ask<'_>) -> Blocked {
        let hint = Some(self.hint.clone());
        Blocked { hint, ..Blocked::new(self.whose.clone(), self.why) }.about([ask.concern()])
    }
}

impl Ask<'_> {
    /// The service that is asked: that of the resource, or else that of the action.
    pub(crate) fn service(&self) -> &str {
        let named = self.resource.probe.split(':').nth(2).filter(|it| !it.is_empty());
        named.unwrap_or_else(|| self.action().split(':').next().unwrap_or_default())
    }

    /// Whether it is about resources that an installation makes or has made, whose policies are its own.
    pub(crate) fn is_of_new(&self) -> bool {
        self.resource.probe == "*" && matches!(self.requirement.need.phase, Phase::Install | Phase::Removal)
    }

    /// Whether it assumes another role, which that role's trust policy decides.
    pub(crate) fn assumes_role(&self) -> bool {
        self.action().eq_ignore_ascii_case("sts:AssumeRole")
    }

    /// Whether a policy has to allow it beside the role's own: that of another account's resource, or the trust
    /// policy of another role.
    pub fn has_another_side(&self) -> bool {
        // A pattern's account is nobody's, and a bucket's is in no ARN.
        let is_account = self.resource.account().is_some_and(|account| account.parse::<AccountId>().is_ok());
        self.assumes_role() || (!self.is_of_kms() && is_account && self.is_elsewhere())
    }
}
