//! The answer for a person, and one line a group for a script.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::answer::{Answer, Denied, Searched};
use super::explain::Meaning;
use super::look::{Refused, command};
use super::page::Page;
use super::pasted::Pasted;
use super::selector::Kind;
use super::source::Verdict;
use super::verify::Verification;
use super::words::{counted, few, sentence, some, thousands, time, who};
use crate::denial::{Reason, is_relaying_code};
use crate::report::line;
use crate::trail::{Cause, Certainty, Entry, Problem, ProblemKind, StatementChangeKind, Timeline};

/// What a change of the trust policy explains when no refusal is in the logs.
const NOT_ASSUMED: &str = "The role is not assumed any more by somebody who used to.";
/// Events of the timeline that are shown: the last.
const ENTRIES: usize = 20;
/// Problems that are shown by name.
const PROBLEMS: usize = 10;

/// The answer for a person, `width` columns wide where words can be broken.
pub fn table(answer: &Answer, width: usize) -> String {
    let mut page = Page::new(width);
    head(&mut page, answer);
    for (index, denied) in answer.denials.iter().enumerate() {
        page.blank();
        group(&mut page, index + 1, denied, answer);
    }
    if let Some(timeline) = &answer.timeline {
        events(&mut page, timeline);
    }
    blind_spots(&mut page, answer);
    problems(&mut page, &answer.coverage);
    page.blank();
    for sentence in verdict(answer) {
        page.paragraph("", &sentence);
    }
    page.into_text()
}

/// One line for each group: count, first, last, action, resource, reason, verification.
pub fn short(answer: &Answer) -> String {
    let mut text = String::new();
    for Denied { group, verification, .. } in &answer.denials {
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            group.count,
            time(group.first),
            time(group.last),
            line(group.action.as_deref().unwrap_or("-")),
            line(group.resource.as_deref().unwrap_or("-")),
            line(&group.reason),
            state(verification)
        );
    }
    if !answer.complete {
        text.push_str("incomplete\n");
    }
    text
}

/// The denials of a pasted text for a person.
pub fn table_pasted(pasted: &Pasted, width: usize) -> String {
    let mut page = Page::new(width);
    for (index, denial) in pasted.denials.iter().enumerate() {
        if index > 0 {
            page.blank();
        }
        let call = call(denial.action.as_deref().or(denial.operation.as_deref()), denial.resource.as_deref());
        page.item(&format!("{}. ", index + 1), &call);
        page.paragraph("   ", &says(&denial.cause, &denial.reason));
        if let Some(layer) = &denial.meaning.layer {
            page.paragraph("   ", &format!("layer: {layer}"));
        }
        if let Some(policy) = &denial.policy_arn {
            page.paragraph("   ", &format!("policy: {policy}"));
        }
        let refused = Refused {
            principal: denial.principal.as_deref(),
            action: denial.action.as_deref(),
            resource: denial.resource.as_deref(),
            by_glue: denial.error_code.as_deref().is_some_and(is_relaying_code),
            ..Refused::default()
        };
        meaning(&mut page, &denial.meaning, refused);
        decoded(&mut page, denial.encoded.is_some(), denial.decoded.as_ref());
    }
    for note in &pasted.notes {
        page.paragraph("", &sentence(note));
    }
    page.into_text()
}

/// The denials of a pasted text, one line each.
pub fn short_pasted(pasted: &Pasted) -> String {
    let mut text = String::new();
    for denial in &pasted.denials {
        let checks: Vec<_> = denial.meaning.checks.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}",
            line(denial.action.as_deref().unwrap_or("-")),
            line(denial.resource.as_deref().unwrap_or("-")),
            line(&denial.reason),
            checks.join(",")
        );
    }
    text
}

fn head(page: &mut Page, answer: &Answer) {
    let role = answer.question.role.as_deref().unwrap_or("any caller");
    page.paragraph("", &format!("Denials of {role}"));
    let window = answer.question.window;
    if window.since.is_some() || window.until.is_some() {
        let bound =
            |time: Option<Timestamp>, open: &str| time.map_or(open.to_owned(), |time| time.to_string());
        page.paragraph(
            "",
            &format!("Window: {} to {}", bound(window.since, "the beginning"), bound(window.until, "now")),
        );
    }
    let searched = &answer.coverage;
    let looked = &searched.looked;
    page.paragraph("", &format!("Searched: {} {}", searched.source.as_str(), searched.places.join(", ")));
    let mut counts = Vec::new();
    for (number, what) in [(looked.files, "file"), (looked.records, "record")] {
        if number > 0 {
            counts.push(counted(number, what));
        }
    }
    let passed_over = [
        (looked.digests, "digest"),
        (looked.insights, "insight"),
        (looked.earlier_files, "earlier file"),
        (looked.other_files, "other file"),
    ];
    for (number, what) in passed_over.into_iter().filter(|(number, _)| *number > 0) {
        counts.push(format!("{} passed over", counted(number, what)));
    }
    if let Some(bytes) = searched.billed_bytes {
        counts.push(format!("{} bytes scanned and billed", thousands(bytes)));
    }
    counts.push(some("region", &looked.regions));
    counts.push(some("account", &looked.accounts));
    if let (Some(first), Some(last)) = (looked.first, looked.last) {
        counts.push(format!("events from {} to {}", time(Some(first)), time(Some(last))));
    }
    counts.retain(|part| !part.is_empty());
    if !counts.is_empty() {
        page.paragraph("", &format!("Seen: {}", counts.join("; ")));
    }
    let kinds: Vec<_> = searched.kinds.iter().copied().map(Kind::as_str).collect();
    let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
    page.paragraph("", &format!("Kinds of events: {kinds}"));
    for offer in &answer.sources {
        let can = offer.verdict.told();
        let adds = match &offer.adds {
            _ if offer.taken => "; searched here".to_owned(),
            Some(adds) => format!("; would add {adds}"),
            None if offer.verdict == Verdict::All => "; would add nothing".to_owned(),
            None => String::new(),
        };
        page.item("- ", &format!("{} {can}{adds} ({}; {})", offer.called(), offer.cost, offer.option));
    }
    for note in &answer.notes {
        page.paragraph("", &format!("Note: {note}"));
    }
}

fn group(page: &mut Page, number: usize, denied: &Denied, answer: &Answer) {
    let group = &denied.group;
    page.item(&format!("{number}. "), &call(group.action.as_deref(), group.resource.as_deref()));
    page.paragraph("   ", &says(&group.cause, &group.reason));
    let span = match (group.first, group.last) {
        (Some(first), Some(last)) if first == last => format!("at {first}"),
        (first, last) => format!("from {} to {}", time(first), time(last)),
    };
    let times =
        if group.count == 1 { "once".to_owned() } else { format!("{} times", thousands(group.count)) };
    page.paragraph("   ", &format!("{times}, {span}"));
    if let Some(timeline) = &answer.timeline {
        causes(page, timeline, denied);
    }
    for (what, values) in [
        ("in", &group.regions),
        ("by", &group.principals.iter().map(|it| who(it)).collect()),
        ("from", &group.source_ips),
        ("with", &group.user_agents),
        ("through", &group.vpc_endpoints),
        ("code", &group.error_codes),
    ] {
        if !values.is_empty() {
            page.paragraph("   ", &format!("{what} {}", few(values)));
        }
    }
    if let Some(policy) = &group.policy_arn {
        page.paragraph("   ", &format!("policy: {policy}"));
    }
    let refused = Refused {
        role: answer.question.role.as_deref(),
        bucket: answer.question.bucket.as_deref(),
        principal: group.principals.first().map(String::as_str),
        action: group.action.as_deref(),
        resource: group.resource.as_deref(),
        by_glue: group.error_codes.iter().any(|code| is_relaying_code(code)),
    };
    meaning(page, &denied.meaning, refused);
    decoded(page, group.encoded.is_some(), denied.decoded.as_ref());
    let now = match &denied.verification {
        Verification::StillDenied { why, .. } => format!("Now: still denied. {}", sentence(why)),
        Verification::FixedSince { why } => format!("Now: fixed since. {}", sentence(why)),
        Verification::Unknown { why } => format!("Now: not known. {}", sentence(why)),
    };
    page.paragraph("   ", &now);
}

fn meaning(page: &mut Page, meaning: &Meaning, refused: Refused<'_>) {
    page.paragraph("   ", &sentence(&meaning.meaning));
    for caveat in &meaning.caveats {
        page.item("   - ", caveat);
    }
    if !meaning.checks.is_empty() {
        // On a line of its own, to be copied.
        page.paragraph("   ", "Look with:");
        page.raw("     ", &command(refused, &meaning.checks));
    }
}

fn decoded(page: &mut Page, encoded: bool, decoded: Option<&serde_json::Value>) {
    match decoded {
        Some(value) => page.paragraph("   ", &format!("Decoded: {value}")),
        None if encoded => page.paragraph("   ", "An encoded message came with it: --decode opens it."),
        None => {}
    }
}

/// The timeline: what could have caused the denials first, then all in order of time.
fn events(page: &mut Page, timeline: &Timeline) {
    if timeline.entries.is_empty() {
        return;
    }
    page.blank();
    page.paragraph("", "What happened:");
    let shown = timeline.entries.len().saturating_sub(ENTRIES);
    if shown > 0 {
        let (events, are) = (counted(shown as u64, "earlier event"), if shown == 1 { "is" } else { "are" });
        page.item("- ", &format!("{events} {are} in the JSON"));
    }
    for entry in timeline.entries.iter().skip(shown) {
        let times =
            if entry.count > 1 { format!(" ({} times)", thousands(entry.count)) } else { String::new() };
        page.item("- ", &format!("{} {}: {}{times}", time(entry.time), who(&entry.actor), entry.what));
    }
    for cause in timeline.causes.iter().filter(|cause| cause.explains.is_empty()) {
        page.paragraph("", NOT_ASSUMED);
        told_cause(page, "", timeline, cause);
    }
}

/// What caused a group of denials, as far as the timeline shows it.
fn causes(page: &mut Page, timeline: &Timeline, denied: &Denied) {
    for at in &denied.causes {
        if let Some(cause) = timeline.causes.get(*at) {
            told_cause(page, "   ", timeline, cause);
        }
    }
    if denied.causes.is_empty() {
        page.paragraph("   ", "No change that was seen explains it.");
    }
}

fn told_cause(page: &mut Page, indent: &str, timeline: &Timeline, cause: &Cause) {
    let Some(entry) = timeline.entries.get(cause.entry) else { return };
    let mut told = format!("{} this change: {}. {}", surely(cause), done(entry), sentence(&cause.reason));
    if let Some(undone) = cause.undone_by.and_then(|at| timeline.entries.get(at)) {
        let _ = write!(told, " It was undone by {}.", done(undone));
    }
    page.paragraph(indent, &told);
    for change in &cause.statements {
        let what = match (change.kind, &change.now) {
            (StatementChangeKind::AllowLost, None) => "gone",
            (StatementChangeKind::AllowLost, Some(_)) => "was",
            (StatementChangeKind::DenyAdded, _) => "new",
        };
        page.item(&format!("{indent}- "), &format!("{what}: {}", change.statement));
        if let Some(now) = &change.now {
            page.item(&format!("{indent}- "), &format!("now: {now}"));
        }
    }
}

/// What was done, by whom and when.
fn done(entry: &Entry) -> String {
    format!("{} by {} at {}", entry.what, who(&entry.actor), time(entry.time))
}

const fn surely(cause: &Cause) -> &'static str {
    match cause.certainty {
        Certainty::Possible => "It may have been",
        Certainty::Likely => "It was most likely",
        Certainty::Shown => "It was",
    }
}

fn blind_spots(page: &mut Page, answer: &Answer) {
    let searched = &answer.coverage;
    if searched.blind_spots.is_empty() && searched.selector_to_add.is_none() {
        return;
    }
    page.blank();
    page.paragraph("", "What could not have been seen:");
    for spot in &searched.blind_spots {
        page.item("- ", spot);
    }
    if let Some(command) = &searched.command_to_add {
        page.item("- ", "this command lets the account's trail record it, beside what it records already:");
        page.raw("  ", command);
    } else if let Some(selector) = &searched.selector_to_add {
        page.item("- ", "this advanced event selector records it (put-event-selectors replaces those there are: keep them)");
        page.raw("  ", &selector.to_string());
    }
}

fn problems(page: &mut Page, searched: &Searched) {
    let looked = &searched.looked;
    let losses = looked.problems.iter().filter(|problem| problem.kind.loses_records());
    let (absent, unread): (Vec<&Problem>, Vec<_>) =
        losses.partition(|problem| matches!(problem.kind, ProblemKind::NotThere { .. }));
    for (heading, listed, more) in [
        ("Asked for, and not in what was searched:", absent, 0),
        ("Not read to the end:", unread, looked.more_problems),
    ] {
        let more = listed.len().saturating_sub(PROBLEMS) as u64 + more;
        if listed.is_empty() && more == 0 {
            continue;
        }
        page.blank();
        page.paragraph("", heading);
        for problem in listed.iter().take(PROBLEMS) {
            page.item("- ", &told(problem));
        }
        if more > 0 {
            page.item("- ", &format!("and {} more", thousands(more)));
        }
    }
}

/// A problem in one line.
pub fn told(problem: &Problem) -> String {
    let kept = match problem.records_kept {
        0 => String::new(),
        1 => "; 1 record before that was read".to_owned(),
        kept => format!("; {} before that were read", counted(kept, "record")),
    };
    format!("{}: {}{kept}", problem.file, words(&problem.kind))
}

fn words(kind: &ProblemKind) -> String {
    match kind {
        ProblemKind::Empty => "it is empty".to_owned(),
        ProblemKind::Truncated => "it ends too early".to_owned(),
        ProblemKind::Corrupt { detail } => format!("it is damaged: {detail}"),
        ProblemKind::Large { .. } => "it is too large for a whole and was read as a stream".to_owned(),
        ProblemKind::TrailingData => "bytes follow that belong to nothing".to_owned(),
        ProblemKind::UnreadableRecords { count } => format!("{} cannot be read", counted(*count, "record")),
        ProblemKind::NotALog => "it is no log".to_owned(),
        ProblemKind::OtherForm { detail } => format!("not read, for it is {detail}"),
        ProblemKind::NoRecords => "it holds no records".to_owned(),
        ProblemKind::OpenPage => {
            "it is a page after which others follow (NextToken), and the last of them is not here".to_owned()
        }
        ProblemKind::Bomb { text_bytes } => {
            format!("it inflates without end (given up at {text_bytes} bytes)")
        }
        ProblemKind::Unreadable { detail } => format!("not read: {detail}"),
        ProblemKind::NotThere { detail } => detail.clone(),
    }
}

/// The verdict, a sentence a line.
fn verdict(answer: &Answer) -> Vec<String> {
    let events: u64 = answer.denials.iter().map(|denied| denied.group.count).sum();
    let fixed = answer.denials.iter().filter(|denied| denied.verification.is_fixed()).count();
    let refused = answer.refused();
    let mut sentences = match answer.denials.len() {
        0 if !refused.is_empty() => Vec::new(),
        0 => vec![
            "No denial was found in what was searched.".to_owned(),
            "That is no proof that nothing is denied.".to_owned(),
        ],
        groups => {
            let kinds = if groups == 1 { "one kind".to_owned() } else { format!("{groups} kinds") };
            let times =
                if events == 1 { "1 denial".to_owned() } else { format!("{} denials", thousands(events)) };
            let fixed = match fixed {
                0 => String::new(),
                fixed if fixed == groups => ", all fixed since".to_owned(),
                fixed => format!(", {fixed} of them fixed since"),
            };
            vec![format!("{times} of {kinds}{fixed}.")]
        }
    };
    for (entry, _) in refused {
        let times =
            if entry.count == 1 { "once".to_owned() } else { format!("{} times", thousands(entry.count)) };
        let (actor, last) = (who(&entry.actor), time(entry.time));
        sentences.push(format!(
            "The role itself was refused to {actor} {times}, last at {last}, and not given since."
        ));
    }
    if let Some(timeline) = &answer.timeline {
        let is_lost = timeline.causes.iter().any(|cause| cause.explains.is_empty());
        sentences.extend(is_lost.then(|| NOT_ASSUMED.to_owned()));
        let unseen = "Their being refused cannot be seen here: AWS records it in that account only.";
        sentences.extend(answer.kept_out().map(|_| unseen.to_owned()));
        sentences.extend(blamed(answer, timeline));
    }
    if answer.coverage.looked.interrupted {
        sentences.push("The search was interrupted: there may be more.".to_owned());
    } else if !answer.complete {
        sentences.push("Incomplete: not all could be read, so there may be more.".to_owned());
    }
    sentences
}

/// What is to blame, and in force still, for the first kind of denials that is not mended.
fn blamed(answer: &Answer, timeline: &Timeline) -> Option<String> {
    let mut open = answer.denials.iter().enumerate().filter(|(_, denied)| !denied.verification.is_fixed());
    open.find_map(|(at, denied)| {
        let mut causes = denied.causes.iter().filter_map(|at| timeline.causes.get(*at));
        let cause = causes.find(|cause| cause.undone_by.is_none())?;
        let entry = timeline.entries.get(cause.entry)?;
        let by = format!("{} {}.", surely(cause), done(entry));
        if answer.denials.len() == 1 {
            return Some(by);
        }
        Some(format!("Number {}: {by}", at + 1))
    })
}

fn state(verification: &Verification) -> &'static str {
    match verification {
        Verification::StillDenied { .. } => "still denied",
        Verification::FixedSince { .. } => "fixed since",
        Verification::Unknown { .. } => "not verified",
    }
}

/// What AWS says, if it says anything.
fn says(cause: &Reason, reason: &str) -> String {
    if *cause == Reason::Unstated { sentence(reason) } else { format!("AWS says: {reason}") }
}

fn call(action: Option<&str>, resource: Option<&str>) -> String {
    let action = action.unwrap_or("a call that is not named");
    match resource {
        Some(resource) => format!("{action} on {resource}"),
        None => action.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denials::{Question, SCHEMA_VERSION, SourceKind};
    use crate::trail::Coverage;

    fn answer() -> Answer {
        Answer {
            schema_version: SCHEMA_VERSION,
            complete: true,
            question: Question { role: Some("orders".to_owned()), ..Question::default() },
            denials: Vec::new(),
            coverage: Searched {
                source: SourceKind::Logs,
                places: vec!["logs\u{1b}[31m".to_owned()],
                kinds: vec![Kind::Management],
                looked: Coverage { files: 3519, complete: true, ..Coverage::default() },
                billed_bytes: None,
                blind_spots: vec!["no call on an S3 object was seen".to_owned()],
                selector_to_add: None,
                command_to_add: None,
            },
            sources: Vec::new(),
            timeline: None,
            notes: Vec::new(),
        }
    }

    #[test]
    fn an_empty_answer_is_no_good_news_and_says_what_was_not_seen() {
        let text = table(&answer(), 80);
        assert!(text.contains("That is no proof that nothing is denied."), "{text}");
        assert!(text.contains("- no call on an S3 object was seen"));
        assert!(text.contains("3,519 files"));
        assert!(!text.contains('\u{1b}'));
        assert_eq!(short(&answer()), "");
        assert_eq!(answer().exit_code(), 0);
    }

    #[test]
    fn an_interrupted_answer_says_so() {
        let mut answer = answer();
        answer.complete = false;
        answer.coverage.looked.interrupted = true;
        assert!(table(&answer, 80).contains("interrupted"));
        assert_eq!((short(&answer).as_str(), answer.exit_code()), ("incomplete\n", 130));
        answer.coverage.looked.interrupted = false;
        assert_eq!(answer.exit_code(), 3);
    }
}
