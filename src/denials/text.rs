//! The answer for a person, and one line a group for a script.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::answer::{Answer, Denied, Searched};
use super::explain::Meaning;
use super::pasted::Pasted;
use super::selector::Kind;
use super::source::Verdict;
use super::verify::Verification;
use crate::report::line;
use crate::trail::{Certainty, Problem, ProblemKind, StatementChangeKind, Timeline};

/// Values of a list that are shown.
const SHOWN: usize = 3;
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
        group(&mut page, index + 1, denied);
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
    page.text
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
        page.paragraph("   ", &format!("AWS says: {}", denial.reason));
        if let Some(layer) = &denial.meaning.layer {
            page.paragraph("   ", &format!("layer: {layer}"));
        }
        if let Some(policy) = &denial.policy_arn {
            page.paragraph("   ", &format!("policy: {policy}"));
        }
        meaning(&mut page, &denial.meaning);
        decoded(&mut page, denial.encoded.is_some(), denial.decoded.as_ref());
    }
    for note in &pasted.notes {
        page.paragraph("", &sentence(note));
    }
    page.text
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
    for (number, what) in [
        (looked.files, "files"),
        (looked.records, "records"),
        (looked.digests, "digests passed over"),
        (looked.insights, "insights passed over"),
        (looked.other_files, "other files passed over"),
    ] {
        if number > 0 {
            counts.push(format!("{} {what}", thousands(number)));
        }
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
        let can = match &offer.verdict {
            Verdict::All => "can show all of it".to_owned(),
            Verdict::Some { missing } => {
                let missing: Vec<_> = missing.iter().copied().map(Kind::as_str).collect();
                format!("cannot show {}", missing.join(", "))
            }
            Verdict::None { why } => format!("cannot show it: {why}"),
        };
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

fn group(page: &mut Page, number: usize, denied: &Denied) {
    let group = &denied.group;
    page.item(&format!("{number}. "), &call(group.action.as_deref(), group.resource.as_deref()));
    page.paragraph("   ", &format!("AWS says: {}", group.reason));
    let span = match (group.first, group.last) {
        (Some(first), Some(last)) if first == last => format!("at {first}"),
        (first, last) => format!("from {} to {}", time(first), time(last)),
    };
    let times =
        if group.count == 1 { "once".to_owned() } else { format!("{} times", thousands(group.count)) };
    page.paragraph("   ", &format!("{times}, {span}"));
    for (what, values) in [
        ("in", &group.regions),
        ("by", &group.principals),
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
    meaning(page, &denied.meaning);
    decoded(page, group.encoded.is_some(), denied.decoded.as_ref());
    let now = match &denied.verification {
        Verification::StillDenied { why, .. } => format!("Now: still denied. {}", sentence(why)),
        Verification::FixedSince { why } => format!("Now: fixed since. {}", sentence(why)),
        Verification::Unknown { why } => format!("Now: not known. {}", sentence(why)),
    };
    page.paragraph("   ", &now);
}

fn meaning(page: &mut Page, meaning: &Meaning) {
    page.paragraph("   ", &meaning.meaning);
    for caveat in &meaning.caveats {
        page.item("   - ", caveat);
    }
    if !meaning.checks.is_empty() {
        let checks: Vec<_> = meaning.checks.iter().map(ToString::to_string).collect();
        page.paragraph("   ", &format!("Look with: streamkap-doctor check --only {}", checks.join(",")));
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
        page.item("- ", &format!("{shown} earlier events are in the JSON"));
    }
    for entry in timeline.entries.iter().skip(shown) {
        let times =
            if entry.count > 1 { format!(" ({} times)", thousands(entry.count)) } else { String::new() };
        page.item("- ", &format!("{} {}: {}{times}", time(entry.time), entry.actor, entry.what));
    }
    if let Some((cause, entry)) = timeline.cause() {
        let surely = match cause.certainty {
            Certainty::Possible => "It may have been",
            Certainty::Likely => "It was most likely",
            Certainty::Shown => "It was",
        };
        let by = format!("{surely} this change: {} by {} at {}.", entry.what, entry.actor, time(entry.time));
        page.paragraph("", &format!("{by} {}", sentence(&cause.reason)));
        for change in &cause.statements {
            let what = match change.kind {
                StatementChangeKind::AllowLost => "gone",
                StatementChangeKind::DenyAdded => "new",
            };
            page.item("- ", &format!("{what}: {}", change.statement));
        }
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
    if let Some(selector) = &searched.selector_to_add {
        page.item("- ", "this advanced event selector records it (put-event-selectors replaces those there are: keep them)");
        let _ = writeln!(page.text, "  {}", line(&selector.to_string()));
    }
}

fn problems(page: &mut Page, searched: &Searched) {
    let looked = &searched.looked;
    let listed: Vec<_> = looked.problems.iter().filter(|problem| problem.kind.loses_records()).collect();
    if listed.is_empty() && looked.more_problems == 0 {
        return;
    }
    page.blank();
    page.paragraph("", "Not read to the end:");
    for problem in listed.iter().take(PROBLEMS) {
        page.item("- ", &told(problem));
    }
    let more = listed.len().saturating_sub(PROBLEMS) as u64 + looked.more_problems;
    if more > 0 {
        page.item("- ", &format!("and {} more", thousands(more)));
    }
}

/// A problem in one line.
pub fn told(problem: &Problem) -> String {
    let kept = match problem.records_kept {
        0 => String::new(),
        kept => format!("; {kept} records before that were read"),
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
        ProblemKind::UnreadableRecords { count } => format!("{count} records cannot be read"),
        ProblemKind::NotALog => "it is no log".to_owned(),
        ProblemKind::NoRecords => "it holds no records".to_owned(),
        ProblemKind::Bomb { text_bytes } => {
            format!("it inflates without end (given up at {text_bytes} bytes)")
        }
        ProblemKind::Unreadable { detail } => format!("it cannot be read: {detail}"),
    }
}

/// The verdict, a sentence a line.
fn verdict(answer: &Answer) -> Vec<String> {
    let events: u64 = answer.denials.iter().map(|denied| denied.group.count).sum();
    let fixed = answer.denials.iter().filter(|denied| denied.verification.is_fixed()).count();
    let mut sentences = match answer.denials.len() {
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
    if answer.coverage.looked.interrupted {
        sentences.push("The search was interrupted: there may be more.".to_owned());
    } else if !answer.complete {
        sentences.push("Incomplete: not all could be read, so there may be more.".to_owned());
    }
    sentences
}

fn state(verification: &Verification) -> &'static str {
    match verification {
        Verification::StillDenied { .. } => "still denied",
        Verification::FixedSince { .. } => "fixed since",
        Verification::Unknown { .. } => "not verified",
    }
}

fn call(action: Option<&str>, resource: Option<&str>) -> String {
    let action = action.unwrap_or("a call that is not named");
    match resource {
        Some(resource) => format!("{action} on {resource}"),
        None => action.to_owned(),
    }
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}

fn few(values: &BTreeSet<String>) -> String {
    let shown: Vec<_> = values.iter().take(SHOWN).map(String::as_str).collect();
    match values.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn some(what: &str, values: &BTreeSet<String>) -> String {
    match values.len() {
        0 => String::new(),
        1 => format!("{what} {}", few(values)),
        _ => format!("{what}s {}", few(values)),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let text: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}

/// A number with commas between its thousands.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text under way. Whatever goes in is made safe for a terminal; words longer than the line (ARNs)
/// are never broken.
struct Page {
    text: String,
    width: usize,
}

impl Page {
    fn new(width: usize) -> Self {
        Self { text: String::new(), width: width.max(40) }
    }

    fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A paragraph, each line with `indent` before it.
    fn paragraph(&mut self, indent: &str, text: &str) {
        self.wrapped(indent, indent, text);
    }

    /// A paragraph that begins with a mark; its other lines stand under its text.
    fn item(&mut self, mark: &str, text: &str) {
        self.wrapped(mark, &" ".repeat(mark.chars().count()), text);
    }

    fn wrapped(&mut self, first: &str, rest: &str, text: &str) {
        let safe = line(text);
        let mut column = first.chars().count();
        self.text.push_str(first);
        for (index, word) in safe.split(' ').enumerate() {
            let length = unicode_width::UnicodeWidthStr::width(word);
            if index > 0 {
                if column + 1 + length > self.width {
                    self.text.push('\n');
                    self.text.push_str(rest);
                    column = rest.chars().count();
                } else {
                    self.text.push(' ');
                    column += 1;
                }
            }
            self.text.push_str(word);
            column += length;
        }
        self.text.push('\n');
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

    #[test]
    fn long_words_are_not_broken_and_lines_are() {
        let mut page = Page::new(40);
        let arn = "arn:aws:s3:::a-very-long-bucket-name-indeed/with/a/very/long/key";
        page.item("1. ", &format!("some words before {arn} and some words after it that go on"));
        assert!(page.text.lines().any(|line| line.contains(arn)));
        assert!(page.text.lines().filter(|line| !line.contains("arn:")).all(|line| line.len() <= 40));
    }
}
