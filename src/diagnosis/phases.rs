//! The phase table: each connector's work phase by phase, by what becomes of its calls and by what the
//! checks of the chain from the trust policy to the key found.

use std::collections::BTreeSet;

use crate::catalog::{Connector, Level, ParameterKind, Phase};
use crate::checks::shared::lake_formation::open_commits;
use crate::checks::shared::phases::{Call, Fate, calls, is_needed, is_of_tables, tables};
use crate::checks::{Judged, View};
use crate::facts::ConnectorTarget as ConnectorFacts;
use crate::model::{Blocked, CheckId, Concern, Finding, Outcome, PhaseState, Section};
use crate::report::{ConnectorTarget, PhaseReport};

/// The checks that the table goes by: those that judge what the connectors' calls need.
const CHAIN: [(Section, &[u16]); 4] = [
    (Section::Assume, &[1, 2, 3, 4, 5, 6, 7, 9]),
    (Section::Write, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
    (Section::Partial, &[1, 3, 4]),
    (Section::Later, &[5, 6]),
];

/// PARTIAL-001 warns of what other checks fail for, too.
const TEMPLATE: CheckId = CheckId::new(Section::Partial, 1);

/// The phases of each connector. None where a check of the chain was not run: they could not be told.
pub(super) fn phases(view: &View<'_>, judged: &[Judged], targets: &mut [ConnectorTarget]) {
    let chain =
        CHAIN.iter().flat_map(|(section, numbers)| numbers.iter().map(|it| CheckId::new(*section, *it)));
    let chain: Option<Vec<&Judged>> = chain.map(|id| judged.iter().find(|it| it.id == id)).collect();
    let Some(chain) = chain else { return };
    let calls = calls(view);
    let mut table = Table { rows: rows(view, &calls), view, calls: &calls };
    for judged in &chain {
        table.take(judged);
    }
    // What a check could not look at is told somewhere, be it that nobody knows what hangs on it.
    for judged in &chain {
        if let Outcome::Unknown(blocked) = &judged.outcome
            && table.rows.iter().all(|row| row.unread.is_empty())
        {
            table.rows.iter_mut().for_each(|row| blocked.iter().for_each(|it| row.unread(it)));
        }
    }
    for target in targets {
        let of_target = table.rows.iter().filter(|row| row.connector == target.name);
        target.phases = of_target.map(Row::report).collect();
    }
}

/// A row for each phase in which a connector makes calls, and its start: the role is assumed then.
fn rows(view: &View<'_>, calls: &[Call<'_>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (target, connector) in view.connectors() {
        let unseen = tables(view, target, connector).err();
        let commits = open_commits(view, target, connector);
        let of_connector = || calls.iter().filter(|call| call.connector == connector.name);
        for (_, phase) in Phase::ALL {
            let called = of_connector().any(|call| call.phases.contains(&phase));
            let starts = phase == Phase::Start && !connector.is_installation();
            if !called && !starts && !is_needed(target, connector, phase) {
                continue;
            }
            let mut row = Row::new(&connector.name, phase);
            for call in of_connector().filter(|call| call.phases.contains(&phase)) {
                row.take(call);
            }
            // A table that nobody saw may lie anywhere.
            if let Some(unseen) = unseen.as_ref().filter(|_| is_of_tables(phase)) {
                row.unread(unseen);
            }
            let is_commit = matches!(phase, Phase::Commit | Phase::SchemaChange);
            if let Some(open) = commits.as_ref().filter(|_| is_commit) {
                row.unread(open);
            }
            rows.push(row);
        }
    }
    rows
}

/// The table while it is made.
struct Table<'v, 'a> {
    rows: Vec<Row>,
    view: &'v View<'a>,
    calls: &'v [Call<'a>],
}

impl<'a> Table<'_, 'a> {
    /// Notes what a check concluded with the phases that it is about.
    fn take(&mut self, judged: &Judged) {
        let id = judged.id;
        match &judged.outcome {
            Outcome::Fail(findings) => findings.iter().for_each(|it| self.fail(id, it)),
            Outcome::Warn(findings) => {
                for finding in findings {
                    for (row, _) in self.hits(&or_start(id, &finding.concerns)) {
                        self.rows[row].warning.insert(id);
                    }
                }
            }
            Outcome::Unknown(blocked) => {
                for blocked in blocked {
                    for (row, _) in self.hits(&or_start(id, &blocked.concerns)) {
                        self.rows[row].unread(blocked);
                    }
                }
            }
            Outcome::Broken(_) => {
                let blocked = Blocked::new(format!("what {id} looks at"), "the check went wrong");
                self.rows.iter_mut().for_each(|row| row.unread(&blocked));
            }
            Outcome::Pass(_) | Outcome::Skip(_) => {}
        }
    }

    /// A failing finding breaks the phases that cannot do without what it is about; it costs others something.
    fn fail(&mut self, id: CheckId, finding: &Finding) {
        let hits = self.hits(&or_start(id, &finding.concerns));
        let all = !hits.iter().any(|(_, required)| *required);
        for (row, required) in hits {
            let row = &mut self.rows[row];
            let checks = if required || all { &mut row.failing } else { &mut row.warning };
            checks.insert(id);
        }
    }

    /// The rows that something is about, each with whether the phase cannot do without it.
    fn hits(&self, concerns: &[Concern]) -> Vec<(usize, bool)> {
        let mut found: Vec<(usize, bool)> = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let of_row = concerns.iter().filter_map(|concern| self.hit(row, concern));
            found.extend(of_row.max().map(|required| (at, required)));
        }
        found
    }

    /// Whether something is about a row, and if so, whether the phase cannot do without it.
    fn hit(&self, row: &Row, concern: &Concern) -> Option<bool> {
        let whole = |hit: bool| hit.then_some(true);
        match concern {
            Concern::Start => whole(
                matches!(row.phase, Phase::Start | Phase::Install | Phase::Removal)
                    && self.uses_role(&row.connector),
            ),
            Concern::Redshift(name) => {
                let kinds = [ParameterKind::RedshiftCluster, ParameterKind::RedshiftWorkgroup];
                let named = kinds.into_iter().any(|kind| self.is_given(&row.connector, kind, name));
                whole(row.phase == Phase::Start && named)
            }
            Concern::Tables(name) => whole(
                is_of_tables(row.phase) && self.is_given(&row.connector, ParameterKind::GlueDatabase, name),
            ),
            Concern::NewTables(name) => {
                let of_row = self.is_given(&row.connector, ParameterKind::GlueDatabase, name);
                // Others come to its files only once there is a table: where they are refused, that is why.
                let refused = || row.refused.iter().any(|action| action.starts_with("s3:"));
                let of_first = matches!(row.phase, Phase::Write | Phase::Commit) || refused();
                let of_first = is_of_tables(row.phase) && of_first && !self.has_tables(&row.connector);
                whole(of_row && (row.phase == Phase::NewTable || of_first))
            }
            concern => {
                let calls = self.concerned(concern);
                let of_row = calls.into_iter().filter(|call| row.has(call));
                of_row.map(|call| call.need.level.is_required()).max()
            }
        }
    }

    /// The targets of the connector of this name.
    fn targets(&self, name: &str) -> impl Iterator<Item = (&'a ConnectorFacts, &'a Connector)> {
        self.view.connectors().filter(move |(_, connector)| connector.name == name)
    }

    /// Whether a connector was given a value of a kind.
    fn is_given(&self, connector: &str, kind: ParameterKind, value: &str) -> bool {
        self.targets(connector).any(|(target, connector)| {
            connector.of_kind(kind).any(|it| target.parameters.get(&it.name).is_some_and(|it| it == value))
        })
    }

    fn has_tables(&self, connector: &str) -> bool {
        let seen = |(target, connector)| tables(self.view, target, connector);
        self.targets(connector).any(|it| seen(it).is_ok_and(|tables| !tables.is_empty()))
    }

    /// The calls that something is about.
    fn concerned(&self, concern: &Concern) -> Vec<&Call<'_>> {
        let of = |fits: &dyn Fn(&Call<'_>) -> bool| -> Vec<&Call<'_>> {
            self.calls.iter().filter(|call| fits(call)).collect()
        };
        let in_bucket = |call: &Call<'_>, bucket: &str| call.bucket.as_deref() == Some(bucket);
        let is_object = |call: &Call<'_>| matches!(&*call.need.action, "s3:PutObject" | "s3:GetObject");
        match concern {
            Concern::Call { connector, action, resource } => {
                let calls = of(&|call| {
                    call.connector == connector
                        && call.need.action == *action
                        && call.resources.contains(resource)
                });
                // Of a pattern, the part that is refused.
                those(calls, |call| call.fate == Fate::Refused)
            }
            Concern::Bucket(bucket) => of(&|call| in_bucket(call, bucket)),
            Concern::Uploads(bucket) => {
                let calls = of(&|call| in_bucket(call, bucket));
                those(calls, |call| call.need.action == "s3:PutObject")
            }
            Concern::Key { bucket } => {
                let uses = of(&|call| call.need.action.starts_with("kms:") && call.bucket == *bucket);
                match bucket {
                    _ if !uses.is_empty() => uses,
                    Some(bucket) => of(&|call| in_bucket(call, bucket) && is_object(call)),
                    None => of(&|call| call.need.action.starts_with("glue:")),
                }
            }
            Concern::Database(name) => {
                let named =
                    |call: &Call<'_>| self.is_given(call.connector, ParameterKind::GlueDatabase, name);
                of(&|call| call.need.action.starts_with("glue:") && named(call))
            }
            _ => Vec::new(),
        }
    }

    /// Whether a connector makes calls with the role, as far as is known.
    fn uses_role(&self, name: &str) -> bool {
        let mut named = self.view.connectors().filter(|(_, connector)| connector.name == name);
        named.any(|(_, connector)| connector.needs.iter().any(|need| need.level != Level::Documented))
    }
}

/// What something is about; of a check of the trust policy, where it says no more, that the role is assumed.
fn or_start(id: CheckId, concerns: &[Concern]) -> Vec<Concern> {
    let start = concerns.is_empty() && id.section() == Section::Assume;
    if start { vec![Concern::Start] } else { concerns.to_vec() }
}

/// The calls of which something holds, if it holds of any; else all.
fn those<'c, 'a>(calls: Vec<&'c Call<'a>>, holds: impl Fn(&Call<'a>) -> bool) -> Vec<&'c Call<'a>> {
    if calls.iter().any(|call| holds(call)) {
        calls.into_iter().filter(|call| holds(call)).collect()
    } else {
        calls
    }
}

/// One connector's phase while the table is made.
struct Row {
    connector: String,
    phase: Phase,
    /// Actions without which it cannot work.
    refused: Vec<String>,
    /// Actions that it goes on without, with what breaks.
    missed: Vec<(String, String)>,
    failing: BTreeSet<CheckId>,
    warning: BTreeSet<CheckId>,
    unread: Vec<Blocked>,
}

impl Row {
    fn new(connector: &str, phase: Phase) -> Self {
        let (refused, missed, unread) = (Vec::new(), Vec::new(), Vec::new());
        let (failing, warning) = (BTreeSet::new(), BTreeSet::new());
        Self { connector: connector.to_owned(), phase, refused, missed, failing, warning, unread }
    }

    fn has(&self, call: &Call<'_>) -> bool {
        call.connector == self.connector && call.phases.contains(&self.phase)
    }

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
            Fate::Allowed | Fate::Refused => {}
            Fate::Open(blocked) => self.unread(blocked),
        }
    }

    fn unread(&mut self, blocked: &Blocked) {
        let same = |it: &Blocked| (&it.what, &it.why) == (&blocked.what, &blocked.why);
        if !self.unread.iter().any(same) {
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
        let mut report = PhaseReport {
            phase: self.phase.as_str().to_owned(),
            state,
            actions: Vec::new(),
            checks: Vec::new(),
            breaks: Vec::new(),
            unread: Vec::new(),
        };
        match state {
            PhaseState::Ok => {}
            PhaseState::Unknown => {
                report.unread = self.unread.iter().map(|it| format!("{}: {}", it.what, it.why)).collect();
            }
            PhaseState::Broken => {
                report.actions.clone_from(&self.refused);
                let because = if self.failing.is_empty() { &self.warning } else { &self.failing };
                report.checks = because.iter().copied().collect();
            }
            PhaseState::AtACost => {
                report.actions.clone_from(&self.refused);
                report.actions.extend(self.missed.iter().map(|(action, _)| action.clone()));
                for (_, what) in &self.missed {
                    if !report.breaks.contains(what) {
                        report.breaks.push(what.clone());
                    }
                }
                report.checks = self.warning.iter().copied().collect();
            }
        }
        report
    }
}
