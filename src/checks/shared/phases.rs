//! What becomes of each call that a connector makes, with the phases that hang on it: what the phase table of
//! the report is made of.

use std::rc::Rc;

use crate::catalog::{Connector, Level, Need, ParameterKind, Phase};
use crate::checks::View;
use crate::facts::{ConnectorTarget, Table};
use crate::model::{Blocked, Concern};
use crate::requirement::location::{s3_address, writes_to};
use crate::requirement::{Location, hangs_on_key, needs_of};

use super::lake_formation::may_be_hidden;
use super::needs::{Ask, asks};
use super::organization;
use super::standing::{Answer, Standings};
use super::state::{Judgement, Layer, State};
use super::{absent_role, words};

/// A call that a connector makes.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The connector.
    pub connector: &'a str,
    /// The line of its file.
    pub need: &'a Need,
    /// The phases that hang on it. None: it is about files that no phase is about.
    pub phases: Vec<Phase>,
    /// What it is made on, as far as that is known: the need's pattern (`arn:aws:s3:::lake/sales.db/*`), and
    /// the narrower one of the part that this call is about (`arn:aws:s3:::lake/sales.db/*/metadata/*`).
    pub resources: Vec<String>,
    /// The bucket that it is about.
    pub bucket: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a call, by every layer that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is allowed.
    Allowed,
    /// A layer refuses it.
    Refused,
    /// Nobody can tell.
    Open(Blocked),
}

/// Every call that the target's connectors make, in the order of their files. Those that are only
/// documented are not made.
pub fn calls<'a>(view: &View<'a>) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    match asks(view) {
        Ok(asks) => {
            let asks: Vec<Ask<'a>> = asks.into_iter().filter(Ask::is_called).collect();
            let fates = absent_role(view).is_none().then(|| Fates::of(view, &asks));
            for ask in asks {
                calls.extend(of_ask(view, &ask, fates.as_ref()));
            }
        }
        Err(blocked) => {
            let requirements = view.requirements();
            for requirement in requirements.iter().filter(|it| it.need.level != Level::Documented) {
                let bucket = requirement.bucket().map(str::to_owned);
                calls.push(Call { bucket, ..open(requirement.connector, requirement.need, &blocked) });
            }
        }
    }
    calls.extend(view.open_requirements().iter().map(|it| open(it.connector, it.need, &it.blocked)));
    calls
}

fn open<'a>(connector: &'a str, need: &'a Need, blocked: &Blocked) -> Call<'a> {
    let fate = Fate::Open(blocked.clone());
    Call { connector, need, phases: vec![need.phase], resources: Vec::new(), bucket: None, fate }
}

/// The calls of a question: one for each part that a policy may treat differently.
fn of_ask<'a>(view: &View<'a>, ask: &Ask<'a>, fates: Option<&Fates<'a>>) -> Vec<Call<'a>> {
    let requirement = &ask.requirement;
    let parts = ask.parts();
    let by_part = fates.map(|fates| fates.of_parts(view, ask, &parts));
    let no_role = || Fate::Open(no_role());
    let call = |(at, part): (usize, &Ask<'a>)| {
        let of_part = &part.resource.part;
        let own = [&ask.resource.pattern, &part.resource.pattern];
        Call {
            connector: requirement.connector,
            need: requirement.need,
            phases: phases(view, part),
            resources: words::unique(own.into_iter().chain(&of_part.within).cloned()),
            bucket: requirement.bucket().map(str::to_owned),
            fate: by_part.as_ref().map_or_else(no_role, |fates| fates[at].clone()),
        }
    };
    let calls = parts.iter().enumerate().map(call);
    calls.flat_map(|call| with_first_rows(view, ask, call)).collect()
}

/// A call for a new table with the phases that hang on it where no table exists: the first rows that are written
/// and committed are a new table's.
fn with_first_rows<'a>(view: &View<'a>, ask: &Ask<'a>, call: Call<'a>) -> Vec<Call<'a>> {
    let is_new = call.need.phase == Phase::NewTable && ask.requirement.location.is_none();
    let none = || {
        let mut connectors = view.connectors().filter(|(_, it)| it.name == call.connector);
        connectors.any(|(target, connector)| tables(view, target, connector).is_ok_and(|it| it.is_empty()))
    };
    if !is_new || call.need.level == Level::Documented || !none() {
        return vec![call];
    }
    let of_rows = Call { phases: vec![Phase::Write, Phase::Commit], ..call.clone() };
    vec![call, of_rows]
}

fn no_role() -> Blocked {
    Blocked::new("what the role may do", "there is no role")
}

/// The phases that hang on a call: its need's, but for which table's files it is about.
fn phases(view: &View<'_>, ask: &Ask<'_>) -> Vec<Phase> {
    let (need, location) = (ask.requirement.need, ask.requirement.location.as_ref());
    let Some((target, connector)) = view.connectors().find(|(_, it)| it.name == ask.requirement.connector)
    else {
        return vec![need.phase];
    };
    let part = &ask.resource.part;
    let mut phases = vec![need.phase];
    match location {
        Some(place) if place.is_of_new_tables() && part.table.is_none() => {
            // The first rows of a new table are written and committed there, too.
            let makes_tables = connector.needs.iter().any(|it| it.phase == Phase::NewTable);
            let is_of_rows = |phase: &Phase| matches!(phase, Phase::Write | Phase::Commit);
            if makes_tables && phases.iter().any(is_of_rows) {
                phases.push(Phase::NewTable);
            }
            let in_bucket = part.files.is_none().then_some(place);
            if makes_tables && !has_others(view, target, connector, in_bucket) {
                phases.retain(|phase| !is_of_tables(*phase));
            }
        }
        Some(_) if part.table.is_some() => phases.retain(|phase| *phase != Phase::NewTable),
        _ => {}
    }
    phases
}

/// Whether a connector makes calls in a phase, whatever the facts.
pub fn is_needed(target: &ConnectorTarget, connector: &Connector, phase: Phase) -> bool {
    needs_of(target, connector)
        .any(|need| need.phase == phase && need.level != Level::Documented && !hangs_on_key(need))
}

/// Whether a phase is about tables that exist.
pub fn is_of_tables(phase: Phase) -> bool {
    matches!(phase, Phase::Start | Phase::Write | Phase::Commit | Phase::SchemaChange)
}

/// The Iceberg tables that a connector writes to, as far as they were seen.
pub fn tables<'a>(
    view: &View<'a>,
    target: &ConnectorTarget,
    connector: &Connector,
) -> Result<Vec<&'a Table>, Blocked> {
    let given = |kind| {
        let mut of_kind = connector.of_kind(kind);
        of_kind.find_map(|it| target.parameters.get(&it.name))
    };
    let Some(database) = given(ParameterKind::GlueDatabase) else { return Ok(Vec::new()) };
    if matches!(view.database(database), Ok(None)) {
        return Ok(Vec::new());
    }
    let tables = view.tables(database)?.into_iter().flatten();
    let tables: Vec<&'a Table> = tables.filter(|table| writes_to(target, connector, table)).collect();
    if tables.is_empty() {
        // A table that was named is WRITE-007's.
        let thing = match given(ParameterKind::GlueTable) {
            Some(named) => format!("a table {named} in the Glue database {database}"),
            None => format!("an Iceberg table in the Glue database {database}"),
        };
        may_be_hidden(view, &thing).map_err(|it| it.about([Concern::Tables(database.clone())]))?;
    }
    Ok(tables)
}

/// Why nobody knows which tables the connectors write to.
pub fn unseen_tables(view: &View<'_>) -> Option<Blocked> {
    view.connectors().find_map(|(target, connector)| tables(view, target, connector).err())
}

/// Whether a place of new tables, or its key, is that of other tables than those which are told by themselves: of
/// tables that lie nobody knows where, or, of a key, in the bucket. Where there are none at all, new ones are all
/// that is written.
fn has_others(
    view: &View<'_>,
    target: &ConnectorTarget,
    connector: &Connector,
    in_bucket: Option<&Location>,
) -> bool {
    // Of tables that nobody saw it is told that they were not read.
    let Ok(tables) = tables(view, target, connector) else { return false };
    let lies_there = |table: &&Table| {
        let Some(uri) = table.location.as_deref().filter(|uri| !uri.is_empty()) else { return true };
        let bucket = s3_address(uri).map(|(bucket, _)| bucket);
        in_bucket.is_some_and(|place| bucket == Some(&place.bucket))
    };
    tables.is_empty() || tables.iter().any(lies_there)
}

/// The layers of policies, read once.
struct Fates<'a> {
    standings: Result<Rc<Standings<'a>>, Blocked>,
    state: State,
    /// Whether the account is known to be in an organisation; `None`: no service control policy can apply.
    member: Option<bool>,
}

impl<'a> Fates<'a> {
    fn of(view: &View<'a>, asks: &[Ask<'a>]) -> Self {
        let account = asks.first().and_then(|ask| view.situation(&ask.requirement).account);
        let organization = view.organization();
        let free =
            matches!(&organization, Ok(it) if organization::out_of_reach(*it, account.as_ref()).is_some());
        Self {
            standings: Standings::of(view),
            state: State::now(view, asks),
            member: (!free).then_some(matches!(organization, Ok(Some(_)))),
        }
    }

    /// What becomes of each part of a question.
    fn of_parts(&self, view: &View<'a>, ask: &Ask<'a>, parts: &[Ask<'a>]) -> Vec<Fate> {
        let organization = self.of_organization(view, ask);
        let asked: Vec<(Ask<'_>, Fate)> = ask
            .simulated_besides(view)
            .into_iter()
            .map(|part| (part.clone(), self.of_organization(view, &part)))
            .collect();
        // What the simulator was not to be asked, the same table's files stand for, or else another's.
        let of_organization = |part: &Ask<'_>| {
            let table = part.resource.part.table.as_ref();
            let same = asked.iter().find(|(it, _)| it.resource.part.table.as_ref() == table);
            let stands = same.or_else(|| asked.first()).filter(|_| table.is_some());
            stands.map_or_else(|| organization.clone(), |(_, fate)| fate.clone())
        };
        let whole = self.of_policies(view, ask);
        let of_policies = |part: &Ask<'a>| match &whole {
            Fate::Allowed => Fate::Allowed,
            whole if parts.len() == 1 => whole.clone(),
            _ => self.of_policies(view, part),
        };
        parts.iter().map(|part| of_policies(part).and(of_organization(part))).collect()
    }

    fn of_policies(&self, view: &View<'a>, ask: &Ask<'a>) -> Fate {
        let identity = || match &self.standings {
            Err(blocked) => Fate::Open(blocked.clone()),
            Ok(standings) => match &*standings.answer(view, ask) {
                Answer::Allowed(_) => Fate::Allowed,
                Answer::Refused(_) => Fate::Refused,
                Answer::Unless(_, blocked) | Answer::Undecided(blocked) => Fate::Open(blocked.clone()),
            },
        };
        match self.state.judge(ask) {
            // Both engines tell what the role's own policies say; of keys they are asked together with the key's.
            Judgement::Allowed(_) if ask.is_of_key() => Fate::Allowed,
            Judgement::Open(blocked) if ask.is_of_key() => Fate::Open(blocked),
            Judgement::Allowed(_) | Judgement::Refused { layer: Layer::Identity, .. } => identity(),
            Judgement::Refused { .. } => Fate::Refused,
            Judgement::Open(blocked) => identity().and(Fate::Open(blocked)),
        }
    }

    fn of_organization(&self, view: &View<'a>, ask: &Ask<'_>) -> Fate {
        let Some(member) = self.member.filter(|_| ask.requirement.simulated) else { return Fate::Allowed };
        match organization::allows(view, ask, member) {
            Ok((_, true)) => Fate::Allowed,
            Ok((_, false)) => Fate::Refused,
            Err(blocked) => Fate::Open(blocked),
        }
    }
}

impl Fate {
    /// Both layers together: a refusal of one is one of both, whatever the other says.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            (Self::Open(blocked), _) | (_, Self::Open(blocked)) => Self::Open(blocked),
            (Self::Allowed, Self::Allowed) => Self::Allowed,
        }
    }
}
