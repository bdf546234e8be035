//! Times, spans, counts and comparisons as reports show them.

use jiff::{SignedDuration, Timestamp};

use crate::checks::View;
use crate::model::Outcome;

/// What a check of a role says when there is no such role: that is ASSUME-001's to report.
pub(crate) fn absent_role(view: &View<'_>) -> Outcome {
    Outcome::Skip(format!("there is no role {} (reported as ASSUME-001)", view.target().role.name))
}

/// A moment as reports show it: `2026-11-20 11:40 UTC`.
pub(crate) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The same for a text of RFC 3339; text that is none is shown as it is.
pub(crate) fn moment_of(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), moment)
}

/// `55 minutes`, `3 hours 5 minutes`, `4 days`: the two largest units.
pub(crate) fn span(duration: SignedDuration) -> String {
    let minutes = duration.as_secs().max(0) / 60;
    let unit = |count: i64, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let (large, small) = match minutes {
        0..60 => return unit(minutes, "minute"),
        60..1440 => (unit(minutes / 60, "hour"), (minutes % 60 > 0).then(|| unit(minutes % 60, "minute"))),
        _ => {
            let hours = minutes / 60 % 24;
            (unit(minutes / 1440, "day"), (hours > 0).then(|| unit(hours, "hour")))
        }
    };
    small.map_or(large.clone(), |small| format!("{large} {small}"))
}

/// `1 call`, `12 calls`.
pub(crate) fn count(number: usize, singular: &str) -> String {
    format!("{number} {singular}{}", if number == 1 { "" } else { "s" })
}

/// Two texts above each other with a caret below the first place where they differ.
pub(crate) fn found_and_expected(found: &str, expected: &str) -> String {
    let left: Vec<char> = found.chars().collect();
    let right: Vec<char> = expected.chars().collect();
    let head = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let tail = left[head..].iter().rev().zip(right[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let width = (left.len().max(right.len()) - head - tail).max(1);
    format!("found:    {found}\nexpected: {expected}\n          {}{}", " ".repeat(head), "^".repeat(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_what_differs() {
        let shown = found_and_expected("arn:aws:iam::300973880870:root", "arn:aws:iam::300973880807:root");
        let caret = shown.lines().nth(2).unwrap();
        assert_eq!((caret.find('^'), caret.matches('^').count()), (Some(10 + 23), 2));
        let missing = found_and_expected("arn:aws:iam:3:root", "arn:aws:iam::3:root");
        assert_eq!(missing.lines().nth(2).unwrap().trim(), "^");
    }

    #[test]
    fn spans_are_told_in_two_units() {
        for (seconds, told) in [
            (59, "0 minutes"),
            (3_300, "55 minutes"),
            (3_660, "1 hour 1 minute"),
            (90_000, "1 day 1 hour"),
            (7_200, "2 hours"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), told);
        }
    }
}
