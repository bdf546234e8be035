//! The phase table: each connector's work phase by phase, by what becomes of its calls and by what the
//! checks of the chain from the trust policy to the key found.

use std::collections::BTreeSet;

use crate::catalog::{Level, ParameterKind, Phase};
use crate::checks::shared::phases::{Call, Fate, calls};
use crate::checks::{Judged, View};
use crate::model::{Blocked, CheckId, Finding, Outcome, PhaseState, Remedy, Section};
use crate::report::{ConnectorTarget, PhaseReport};

/// Which calls a check is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// Whether the connector can start at all: the role has to be assumed.
    Start,
    /// Calls of a service.
    Service(&'static str),
    /// Any call.
    Calls,
    /// The cluster or workgroup.
    Redshift,
}

/// The checks that the table goes by. `true`: it judges what a layer of policies says, so that a call it
/// fails for is one that is refused.
const CHAIN: [(Section, u16, About, bool); 26] = [
    (Section::Assume, 1, About::Start, false),
    (Section::Assume, 2, About::Start, false),
    (Section::Assume, 3, About::Start, false),
    (Section::Assume, 4, About::Start, false),
    (Section::Assume, 5, About::Start, false),
    (Section::Assume, 6, About::Start, false),
    (Section::Assume, 7, About::Start, false),
    (Section::Assume, 9, About::Start, false),
    (Section::Write, 1, About::Service("s3"), false),
    (Section::Write, 2, About::Service("s3"), false),
    (Section::Write, 3, About::Service("s3"), true),
    (Section::Write, 4, About::Calls, true),
    (Section::Write, 5, About::Service("s3"), true),
    (Section::Write, 6, About::Service("kms"), true),
    (Section::Write, 7, About::Service("glue"), false),
    (Section::Write, 8, About::Service("glue"), true),
    (Section::Write, 9, About::Service("glue"), true),
    (Section::Write, 10, About::Service("glue"), false),
    (Section::Write, 11, About::Service("s3"), true),
    (Section::Write, 12, About::Redshift, false),
    (Section::Write, 13, About::Service("s3"), false),
    (Section::Partial, 1, About::Calls, true),
    (Section::Partial, 3, About::Service("glue"), true),
    (Section::Partial, 4, About::Service("s3"), true),
    (Section::Later, 5, About::Calls, true),
    (Section::Later, 6, About::Calls, true),
];

/// One connector's phase while the table is made.
struct Row {
    connector: String,
    phase: Phase,
    refused: Vec<String>,
    missed: Vec<(String, String)>,
    failing: BTreeSet<CheckId>,
    warning: BTreeSet<CheckId>,
    unread: Vec<Blocked>,
}

/// The phases of each connector. None where a check of the chain was not run: they could not be told.
pub(super) fn phases(view: &View<'_>, judged: &[Judged], targets: &mut [ConnectorTarget]) {
    let chain = || {
        CHAIN.into_iter().map(|(section, number, about, layer)| (CheckId::new(section, number), about, layer))
    };
    let of = |id: CheckId| judged.iter().find(|it| it.id == id);
    let known: Vec<CheckId> = crate::checks::all().map(|check| check.id).collect();
    if chain().any(|(id, _, _)| known.contains(&id) && of(id).is_none()) {
        return;
    }
    let calls = calls(view);
    let mut rows = rows(view, &calls);
    for (id, about, layer) in chain() {
        let Some(judged) = of(id) else { continue };
        match &judged.outcome {
            Outcome::Fail(findings) => {
                for finding in findings {
                    note(view, &mut rows, &calls, about, layer, &told(finding), |row| {
                        row.failing.insert(id);
                    });
                }
            }
            Outcome::Warn(findings) => {
                for finding in findings {
                    note(view, &mut rows, &calls, about, layer, &told(finding), |row| {
                        row.warning.insert(id);
                    });
                }
            }
            Outcome::Unknown(blocked) => {
                for blocked in blocked {
                    let text = format!("{} {}", blocked.what, blocked.why);
                    note(view, &mut rows, &calls, about, false, &text, |row| row.unread(blocked));
                }
            }
            Outcome::Broken(_) => {
                let blocked = Blocked {
                    what: format!("what {id} looks at"),
                    why: "the check went wrong".to_owned(),
                    grant: None,
                    hint: None,
                    concerns: Vec::new(),
                };
                note(view, &mut rows, &calls, about, false, "", |row| row.unread(&blocked));
            }
            Outcome::Pass(_) | Outcome::Skip(_) => {}
        }
    }
    for target in targets {
        target.phases = rows.iter().filter(|row| row.connector == target.name).map(Row::report).collect();
    }
}

/// A row for each phase in which a connector makes calls, and its start: the role is assumed then.
fn rows(view: &View<'_>, calls: &[Call<'_>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (_, connector) in view.connectors() {
        let of_connector = || calls.iter().filter(|call| call.connector == connector.name);
        for (_, phase) in Phase::ALL {
            let called = of_connector().any(|call| call.need.phase == phase);
            let starts = phase == Phase::Start && !connector.is_installation();
            if !called && !starts {
                continue;
            }
            let mut row = Row {
                connector: connector.name.clone(),
                phase,
                refused: Vec::new(),
                missed: Vec::new(),
                failing: BTreeSet::new(),
                warning: BTreeSet::new(),
                unread: Vec::new(),
            };
            for call in of_connector().filter(|call| call.need.phase == phase) {
                row.take(call);
            }
            rows.push(row);
        }
    }
    rows
}

impl Row {
    fn take(&mut self, call: &Call<'_>) {
        let action = &call.need.action;
        match &call.fate {
            Fate::Refused if call.need.level == Level::Optional => {
                let missed = (action.clone(), call.need.breaks.clone());
                if !self.missed.contains(&missed) {
                    self.missed.push(missed);
                }
            }
            Fate::Refused if !self.refused.contains(action) => self.refused.push(action.clone()),
            Fate::Open(_) if call.need.level == Level::Optional => {}
            Fate::Allowed | Fate::Refused => {}
            Fate::Open(blocked) => self.unread(blocked),
        }
    }

    fn unread(&mut self, blocked: &Blocked) {
        if !self.unread.contains(blocked) {
            self.unread.push(blocked.clone());
        }
    }

    fn state(&self) -> PhaseState {
        let refused = !self.refused.is_empty();
        if !self.failing.is_empty() || (refused && self.warning.iter().all(|id| *id == TEMPLATE)) {
            PhaseState::Broken
        } else if !self.unread.is_empty() {
            PhaseState::Unknown
        } else if refused || !self.missed.is_empty() {
            PhaseState::AtACost
        } else {
            PhaseState::Ok
        }
    }

    fn report(&self) -> PhaseReport {
        let state = self.state();
        let costs = state == PhaseState::AtACost;
        let mut actions = self.refused.clone();
        let mut breaks = Vec::new();
        if costs {
            for (action, what) in &self.missed {
                actions.push(action.clone());
                if !breaks.contains(what) {
                    breaks.push(what.clone());
                }
            }
        }
        let because = if state == PhaseState::Broken { &self.failing } else { &self.warning };
        let unread = self.unread.iter().map(|it| format!("{}: {}", it.what, it.why));
        PhaseReport {
            phase: self.phase.as_str().to_owned(),
            state,
            actions: if matches!(state, PhaseState::Broken | PhaseState::AtACost) {
                actions
            } else {
                Vec::new()
            },
            checks: if matches!(state, PhaseState::Broken | PhaseState::AtACost) {
                because.iter().copied().collect()
            } else {
                Vec::new()
            },
            breaks,
            unread: if state == PhaseState::Unknown { unread.collect() } else { Vec::new() },
        }
    }
}

/// PARTIAL-001 warns of what other checks fail for, too.
const TEMPLATE: CheckId = CheckId::new(Section::Partial, 1);

/// Notes something with the rows that a text of a check is about.
fn note(
    view: &View<'_>,
    rows: &mut [Row],
    calls: &[Call<'_>],
    about: About,
    layer: bool,
    text: &str,
    mut with: impl FnMut(&mut Row),
) {
    let starts = |row: &Row| match about {
        About::Redshift => row.phase == Phase::Start && has_redshift(view, &row.connector),
        _ => row.phase == Phase::Start || matches!(row.phase, Phase::Install | Phase::Removal),
    };
    if matches!(about, About::Start | About::Redshift) {
        rows.iter_mut().filter(|row| starts(row)).for_each(with);
        return;
    }
    let calls = concerned(calls, about, layer, text);
    for row in rows {
        if calls.iter().any(|call| call.connector == row.connector && call.need.phase == row.phase) {
            with(row);
        }
    }
}

fn has_redshift(view: &View<'_>, connector: &str) -> bool {
    let kinds = [ParameterKind::RedshiftCluster, ParameterKind::RedshiftWorkgroup];
    let mut connectors = view.connectors().filter(|(_, known)| known.name == connector);
    connectors.any(|(_, known)| known.parameters.iter().any(|it| kinds.contains(&it.kind)))
}

/// The calls that a text is about: of the check's service; if it names their bucket or resource, those;
/// if it names their action, those; of a check of a layer those that are refused.
fn concerned<'c, 'a>(calls: &'c [Call<'a>], about: About, layer: bool, text: &str) -> Vec<&'c Call<'a>> {
    let of_service = |service: &str| -> Vec<&'c Call<'a>> {
        calls.iter().filter(|call| call.need.action.split(':').next() == Some(service)).collect()
    };
    let found = match about {
        About::Service(service) => of_service(service),
        _ => calls.iter().collect(),
    };
    // A key that is not known yet is one of S3's calls.
    let found = if found.is_empty() && about == About::Service("kms") { of_service("s3") } else { found };
    let resource = |call: &Call<'_>| {
        let pattern = call.resource.as_deref().map(|it| it.trim_end_matches('*'));
        pattern.is_some_and(|it| !it.is_empty() && text.contains(it))
            || call.bucket.as_deref().is_some_and(|bucket| names(text, bucket))
    };
    let found = those(found, resource);
    let found = those(found, |call| names(text, &call.need.action));
    those(found, |call| layer && matches!(call.fate, Fate::Refused))
}

/// The calls of which something holds, if it holds of any; else all.
fn those<'c, 'a>(calls: Vec<&'c Call<'a>>, holds: impl Fn(&Call<'a>) -> bool) -> Vec<&'c Call<'a>> {
    if calls.iter().any(|call| holds(call)) {
        calls.into_iter().filter(|call| holds(call)).collect()
    } else {
        calls
    }
}

/// Whether a text has a word in it that is no part of a longer one.
fn names(text: &str, word: &str) -> bool {
    let part = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_');
    text.match_indices(word)
        .any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next()))
}

/// All that a finding says, its remedies' actions included.
fn told(finding: &Finding) -> String {
    let mut text = format!("{} {}", finding.resource, finding.what);
    for evidence in &finding.evidence {
        text.push(' ');
        text.push_str(&evidence.text);
    }
    for remedy in &finding.remedies {
        if let Remedy::AllowOnRole { grants } = remedy {
            for (action, resources) in grants {
                text.extend([" ", action, " ", &resources.join(" ")]);
            }
        }
    }
    text
}
