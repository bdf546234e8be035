//! The verdict: what a run comes to, in one or two sentences.

use crate::model::{Section, Status};

use super::build::causes;
use super::model::{CheckReport, Counts};

/// What the verdict has to know besides the checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// What Streamkap cannot do where a check of the section `write` fails: `write with this role`.
    pub cannot: String,
    /// What has to be done before anything can be looked at, as a sentence: sign in to another account.
    pub first: Option<String>,
    /// By what word of the user event history was left out: `--no-history was given`.
    pub left_out: Option<String>,
}

/// The verdict on these checks.
pub(super) fn verdict(checks: &[CheckReport], counts: Counts, of: &Circumstances) -> String {
    let mut sentences = vec![conclusion(checks, counts, of)];
    if counts.unknown > 0 && counts.fail > 0 {
        sentences.extend(of.first.clone());
    }
    if let Some(why) = &of.left_out {
        sentences.push(format!("CloudTrail's event history was left out: {why}."));
    }
    sentences.join(" ")
}

fn conclusion(checks: &[CheckReport], counts: Counts, of: &Circumstances) -> String {
    if counts.fail > 0 {
        return failing(checks, of);
    }
    let ids = |status| ids(checks, |check| check.status == status);
    if counts.broken > 0 {
        return format!(
            "No verdict: {} went wrong, which is our fault. Please report it.",
            ids(Status::Broken)
        );
    }
    let warned = match counts.warn {
        0 => String::new(),
        1 => format!(" {} deserves attention.", ids(Status::Warn)),
        _ => format!(" {} deserve attention.", ids(Status::Warn)),
    };
    if counts.unknown > 0 {
        let number = match counts.unknown {
            1 => "1 check".to_owned(),
            number => format!("{number} checks"),
        };
        return match &of.first {
            Some(first) => format!("{first} {number} could not look.{warned}"),
            None => format!("Nothing was found in Streamkap's way, but {number} could not look.{warned}"),
        };
    }
    if counts.pass + counts.warn == 0 {
        return "No verdict: no check was run.".to_owned();
    }
    format!("Nothing was found in Streamkap's way.{warned}")
}

fn failing(checks: &[CheckReport], of: &Circumstances) -> String {
    // Each under the first symptom that it causes.
    let first = |check: &CheckReport| Section::ALL.into_iter().find(|section| causes(check, *section));
    let says = |section| match section {
        Section::Assume => "Streamkap cannot assume the role".to_owned(),
        Section::Write => format!("Streamkap cannot {}", of.cannot),
        Section::Partial => "some operations of Streamkap fail".to_owned(),
        Section::Later => "the connector fails, now or later".to_owned(),
        Section::Practice => "the role is not safe".to_owned(),
    };
    let mut parts = Vec::new();
    for section in Section::ALL {
        let ids = ids(checks, |check| first(check) == Some(section));
        if !ids.is_empty() {
            parts.push(format!("{} ({ids})", says(section)));
        }
    }
    let sentence = parts.join("; ");
    let mut characters = sentence.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).chain(['.']).collect()
}

/// The ids of the checks that `which` picks: `A, B and C`.
fn ids(checks: &[CheckReport], which: impl Fn(&CheckReport) -> bool) -> String {
    let ids: Vec<String> =
        checks.iter().filter(|check| which(check)).map(|check| check.id.to_string()).collect();
    match ids.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::FailOn;
    use super::super::sample::{circumstances, report_in};
    use super::*;

    fn verdict(without: &[Status], of: Circumstances) -> String {
        report_in(of, FailOn::Fail, |check| !without.contains(&check.outcome.status())).summary.verdict
    }

    #[test]
    fn it_says_what_fails_before_what_is_unknown() {
        let (fail, broken, unknown, warn) = (Status::Fail, Status::Broken, Status::Unknown, Status::Warn);
        let verdict = |without: &[Status]| verdict(without, circumstances());
        assert_eq!(verdict(&[]), "Streamkap cannot write with this role (WRITE-003).");
        assert!(verdict(&[fail]).starts_with("No verdict: LATER-001 went wrong"));
        assert_eq!(
            verdict(&[fail, broken]),
            "Nothing was found in Streamkap's way, but 2 checks could not look. PRACTICE-002 deserves attention."
        );
        assert_eq!(verdict(&[fail, broken, unknown, warn]), "Nothing was found in Streamkap's way.");
    }

    #[test]
    fn what_has_to_be_done_first_stands_in_place_of_good_news() {
        let first = || Circumstances { first: Some("Sign in.".to_owned()), ..circumstances() };
        let (fail, broken, unknown, warn) = (Status::Fail, Status::Broken, Status::Unknown, Status::Warn);
        assert_eq!(verdict(&[fail, broken, warn], first()), "Sign in. 2 checks could not look.");
        assert_eq!(
            verdict(&[broken], first()),
            "Streamkap cannot write with this role (WRITE-003). Sign in."
        );
        let all_read = verdict(&[fail, broken, unknown, warn], first());
        assert_eq!(all_read, "Nothing was found in Streamkap's way.");
    }

    #[test]
    fn it_says_that_event_history_was_left_out() {
        let left_out =
            Circumstances { left_out: Some("--no-history was given".to_owned()), ..circumstances() };
        let (fail, broken, unknown, warn) = (Status::Fail, Status::Broken, Status::Unknown, Status::Warn);
        assert_eq!(
            verdict(&[fail, broken, unknown, warn], left_out),
            "Nothing was found in Streamkap's way. CloudTrail's event history was left out: --no-history was given."
        );
    }

    #[test]
    fn what_cannot_be_done_is_the_connectors_own_work() {
        let installs = Circumstances { cannot: "install with this role".to_owned(), ..circumstances() };
        assert_eq!(verdict(&[], installs), "Streamkap cannot install with this role (WRITE-003).");
    }
}
