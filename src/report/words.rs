//! The report's parts in words, the same in every format for people. All of it is safe to print.

use crate::model::{Blocked, CheckId, Evidence, Source, StatementRef, Status, Verification};

use super::model::{Counts, FixReport, RepairReport};
use super::sanitise::line;

/// `1 fail · 26 pass · 3 skip`, with nothing that is zero.
pub(super) fn counts(counts: Counts) -> Vec<(Status, String)> {
    Status::ALL
        .into_iter()
        .filter(|status| counts.get(*status) > 0)
        .map(|status| (status, format!("{} {status}", counts.get(status))))
        .collect()
}

/// The statement so that a person finds it: `Allow statement WriteOrders of the policy P, line 4`.
pub(super) fn statement(statement: &StatementRef) -> String {
    let name = match &statement.sid {
        Some(sid) => format!("`{}`", line(sid)),
        None => format!("number {}", statement.index + 1),
    };
    let policy = match statement.policy.as_str() {
        name @ ("trust policy" | "bucket policy" | "key policy") => format!("the {name}"),
        name => format!("the {} `{}`", layer(&statement.layer), line(name)),
    };
    format!("{} statement {name} of {policy}, line {}", line(&statement.effect), statement.line)
}

fn layer(layer: &str) -> &'static str {
    match layer {
        "boundary" => "permissions boundary",
        "session" => "session policy",
        "scp" => "service control policy",
        "rcp" => "resource control policy",
        "resource" => "resource policy",
        "endpoint" => "endpoint policy",
        _ => "policy",
    }
}

/// Evidence with its source in brackets. `cause` is the statement that was named already.
pub(super) fn evidence(evidence: &Evidence, cause: Option<&StatementRef>) -> String {
    format!("{} [{}]", line(&evidence.text), source(&evidence.source, cause))
}

/// Where evidence comes from. `cause` is the statement that was named already.
pub(super) fn source(source: &Source, cause: Option<&StatementRef>) -> String {
    match source {
        Source::Simulator => "AWS's simulator".to_owned(),
        Source::Evaluation { statements } => {
            let statements: Vec<String> =
                statements.iter().filter(|it| Some(*it) != cause).map(statement).collect();
            if statements.is_empty() {
                "own evaluation".to_owned()
            } else {
                format!("own evaluation: {}", statements.join("; "))
            }
        }
        Source::Read { action } => format!("read with {}", line(action)),
        Source::Event { id, time, region } => {
            format!("CloudTrail event {} of {}, {}", line(id), line(time), line(region))
        }
        Source::Message => "AWS's own message".to_owned(),
        Source::Documentation { reference } => line(reference),
        Source::Given => "as given".to_owned(),
    }
}

/// What could not be looked at and why.
pub(super) fn blocked(blocked: &Blocked) -> String {
    format!("Could not look at {}: {}", line(&blocked.what), line(&blocked.why))
}

/// Who makes the change that mends a finding of this check, and whether it was verified.
pub(super) fn owner_and_verification(fix: &FixReport, id: CheckId) -> String {
    let others = fix.clears.iter().filter(|other| **other != id).map(ToString::to_string);
    let cleared: Vec<String> = std::iter::once("this".to_owned()).chain(others).collect();
    let mut text = proof(fix, &[id], &cleared);
    if !fix.merged_for.is_empty() {
        let others: Vec<String> =
            fix.merged_for.iter().filter(|other| **other != id).map(ToString::to_string).collect();
        let whose = if others.is_empty() {
            "the others here".to_owned()
        } else {
            format!("the fix of {}", and(&others))
        };
        text = format!("{text} · made in one change with {whose}");
    }
    text
}

/// Who makes a change that mends what several checks found, and whether it was verified.
pub(super) fn owner_and_proof(repair: &RepairReport) -> String {
    let fix = &repair.fix;
    let mut cleared = named(&fix.clears);
    let is_part = |id: &&CheckId| !fix.clears.contains(id) && !fix.completes.contains(id);
    let part: Vec<CheckId> = repair.mends.iter().filter(is_part).copied().collect();
    if !part.is_empty() {
        cleared.push(format!("part of what {} found", and(&named(&part))));
    }
    if !fix.completes.is_empty() {
        cleared.push(format!("{} with the changes above", and(&named(&fix.completes))));
    }
    proof(fix, &repair.mends, &cleared)
}

fn named(ids: &[CheckId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

fn proof(fix: &FixReport, ids: &[CheckId], cleared: &[String]) -> String {
    let verified = match &fix.verification {
        Verification::Verified => format!("verified: it clears {} and breaks nothing", and(cleared)),
        Verification::VerifiedTogether { with } => {
            let is_other = |with: &&str| !ids.iter().any(|id| id.to_string() == **with);
            let others: Vec<&str> = with.iter().map(String::as_str).filter(is_other).collect();
            let mut text = if others.is_empty() {
                "verified together with the other changes named here".to_owned()
            } else {
                format!("verified together with the fixes of {}", line(&others.join(", ")))
            };
            if !fix.clears.is_empty() {
                text = format!("{text}; alone it clears {}", and(&named(&fix.clears)));
            }
            if !fix.completes.is_empty() {
                text = format!("{text}; with those above it clears {}", and(&named(&fix.completes)));
            }
            text
        }
        Verification::Unverified { reason } => format!("not verified: {}", line(reason)),
    };
    format!("By {} · {verified}", fix.owner.in_words())
}

/// `this`, or `this, LATER-002 and LATER-004`.
pub(super) fn and(all: &[String]) -> String {
    match all {
        [head @ .., last] if !head.is_empty() => format!("{} and {last}", head.join(", ")),
        all => all.concat(),
    }
}

/// An RFC 3339 time without its seconds' fraction, as people read it: `2026-11-24 01:52 UTC`.
pub(super) fn time(rfc3339: &str) -> String {
    let text = line(rfc3339);
    match (text.get(..10), text.get(10..11), text.get(11..16)) {
        (Some(day), Some("T"), Some(minute)) if text.ends_with('Z') => format!("{day} {minute} UTC"),
        _ => text,
    }
}

/// The day of an RFC 3339 time.
pub(super) fn day(rfc3339: &str) -> String {
    let text = line(rfc3339);
    text.get(..10).map(str::to_owned).unwrap_or(text)
}
