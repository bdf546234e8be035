//! LATER-007: Streamkap went longer without assuming the role than a session lasts.

use jiff::{SignedDuration, Timestamp};

use crate::checks::shared::history::{self, Assumptions};
use crate::checks::shared::phrases::{self, absent_role};
use crate::checks::{Check, View};
use crate::facts::Purpose;
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section};
use crate::trail::{Event, change_kind};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 7), judge };

/// How late a refresh may be before it counts as missing: events come some minutes late themselves.
const SLACK: SignedDuration = SignedDuration::from_mins(15);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    if view.installs_only() {
        let why = "nothing is refreshed: the role is used while something is installed or removed only";
        return Ok(Outcome::Skip(why.to_owned()));
    }
    let mut assumptions = history::assumptions(view)?;
    // What lies between a former role's last call and this one's first is no refresh.
    assumptions.successes = assumptions.of_role(role).collect();
    let Some(&last) = assumptions.successes.last() else { return Err(nothing(&assumptions)) };
    let session = SignedDuration::from_secs(i64::from(view.vendor().session_seconds));
    let limit = session + SLACK;
    let between = between(&assumptions.successes);
    let silence = silence(last, view.now().parse().ok());
    let long = between.iter().filter(|gap| gap.length > limit).count();
    let is_silent = silence.as_ref().is_some_and(|gap| gap.length > limit);
    if long == 0 && !is_silent {
        let longest = between.iter().chain(&silence).map(|gap| gap.length).max().unwrap_or_default();
        return Ok(Outcome::Pass(vec![often(&assumptions, last, longest, session)]));
    }
    // Calls that were not read may lie in a gap.
    if let Some(unread) = assumptions.all.unread.first() {
        return Err(unread.clone());
    }
    if between.is_empty() {
        return Err(once(last));
    }
    // One that is refreshed now and then only has nothing to write in between. What came after the last
    // call says nothing of that.
    if long * 4 > between.len() {
        return Ok(Outcome::Pass(vec![now_and_then(&assumptions, last)]));
    }
    let gaps = between.iter().chain(&silence).filter(|gap| gap.length > limit);
    Ok(Outcome::Warn(gaps.rev().take(5).map(|gap| finding(view, role.arn.as_str(), gap, session)).collect()))
}

/// A time without a successful call.
struct Gap<'a> {
    from: &'a Event,
    /// None: it lasts until now.
    to: Option<&'a Event>,
    length: SignedDuration,
}

/// The times between calls.
fn between<'a>(successes: &[&'a Event]) -> Vec<Gap<'a>> {
    let gaps = successes.windows(2).filter_map(|pair| {
        let length = pair[0].event_time?.duration_until(pair[1].event_time?);
        Some(Gap { from: pair[0], to: Some(pair[1]), length })
    });
    gaps.collect()
}

/// The time from the last call until now.
fn silence(last: &Event, now: Option<Timestamp>) -> Option<Gap<'_>> {
    Some(Gap { from: last, to: None, length: last.event_time?.duration_until(now?) })
}

fn nothing(assumptions: &Assumptions<'_>) -> Blocked {
    assumptions.all.unread.first().cloned().unwrap_or_else(|| {
        Blocked::new(
            "how Streamkap refreshes its credentials",
            format!("no successful AssumeRole by Streamkap shows in the {}", assumptions.all.window()),
        )
    })
}

/// A single call shows no rhythm: whether another was due cannot be told.
fn once(last: &Event) -> Blocked {
    Blocked {
        hint: Some(
            "see in the Streamkap app whether the connector is running, and what its log says".to_owned(),
        ),
        ..Blocked::new(
            "how Streamkap refreshes its credentials",
            format!("one successful AssumeRole shows, on {}, and none since", history::when(last)),
        )
    }
}

fn often(
    assumptions: &Assumptions<'_>,
    last: &Event,
    longest: SignedDuration,
    session: SignedDuration,
) -> Evidence {
    let calls = phrases::count(assumptions.successes.len(), "successful call");
    let apart = phrases::span(longest);
    let apart = match assumptions.successes.len() {
        1 => format!("{apart} ago"),
        _ => format!("never more than {apart} apart"),
    };
    let text = format!("{calls}, {apart}; a session lasts {}", phrases::span(session));
    history::evidence(last, text)
}

fn now_and_then(assumptions: &Assumptions<'_>, last: &Event) -> Evidence {
    let calls = phrases::count(assumptions.successes.len(), "successful call");
    let text = format!("{calls}, now and then only: Streamkap has nothing to write in between, or is paused");
    history::evidence(last, text)
}

fn finding(view: &View<'_>, role: &str, gap: &Gap<'_>, session: SignedDuration) -> Finding {
    let from = history::when(gap.from);
    let until = gap
        .to
        .map_or_else(|| "and has not since".to_owned(), |to| format!("and then on {}", history::when(to)));
    let what = format!(
        "Streamkap assumed the role on {from} {until}: {} without a refresh, while a session lasts {}. \
         It was refused, paused, or had nothing to write",
        phrases::span(gap.length),
        phrases::span(session)
    );
    let mut finding = Finding::new(role, what)
        .evidence(history::evidence(gap.from, format!("the last success before the gap, on {from}")));
    if let Some(to) = gap.to {
        finding = finding
            .evidence(history::evidence(to, format!("the first success after it, on {}", history::when(to))));
    }
    let changes = history::events(view, Purpose::Changes).unwrap_or_default();
    let within = changes.events.iter().filter(|event| {
        change_kind(event).is_some()
            && event.event_time > gap.from.event_time
            && gap.to.is_none_or(|to| event.event_time < to.event_time)
    });
    for event in within.take(3) {
        let text =
            format!("{} called {} on {}", event.identity.actor(), event.event_name, history::when(event));
        finding = finding.evidence(history::evidence(event, text));
    }
    finding.remedy(Remedy::Manual {
        owner: Owner::Streamkap,
        title: "See in the connector's log what happened in between".to_owned(),
        steps: vec![
            format!("Open the connector's log in the Streamkap app and look after {from} for AccessDenied on sts:AssumeRole"),
            "If there is none, the connector was paused or had nothing to write, and nothing is wrong".to_owned(),
        ],
        commands: Vec::new(),
    })
}
