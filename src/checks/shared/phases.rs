//! What becomes of each call that a connector makes, by the phase in which it makes it: what the phase
//! table of the report is made of.

use crate::catalog::{Level, Need};
use crate::checks::View;
use crate::model::Blocked;

use super::absent_role;
use super::needs::{Ask, asks};
use super::simulated::simulated;
use super::standing::{Answer, Standings};
use super::state::{Judgement, Layer, State};

/// A call that a connector makes.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The connector.
    pub connector: &'a str,
    /// The line of its file.
    pub need: &'a Need,
    /// What it is made on, as far as that is known: `arn:aws:s3:::orders/*`.
    pub resource: Option<String>,
    /// The bucket that it is about.
    pub bucket: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a call, by every layer that can be read.
#[derive(Clone, Debug)]
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
    let gone = absent_role(view).map(|_| Blocked {
        what: "what the role may do".to_owned(),
        why: "there is no role".to_owned(),
        grant: None,
        hint: None,
        concerns: Vec::new(),
    });
    match asks(view) {
        Ok(asks) => {
            let asks: Vec<Ask<'a>> = asks.into_iter().filter(Ask::is_called).collect();
            let fates = Fates::of(view, &asks);
            for ask in asks {
                let fate = gone.clone().map_or_else(|| fates.of_ask(view, &ask), Fate::Open);
                calls.push(Call {
                    connector: ask.requirement.connector,
                    need: ask.requirement.need,
                    resource: Some(ask.resource.pattern.clone()),
                    bucket: ask.requirement.bucket().map(str::to_owned),
                    fate,
                });
            }
        }
        Err(blocked) => {
            let requirements = view.requirements();
            let called = requirements.iter().filter(|it| it.need.level != Level::Documented);
            calls.extend(called.map(|it| open(it.connector, it.need, &blocked)));
        }
    }
    calls.extend(view.open_requirements().iter().map(|it| open(it.connector, it.need, &it.blocked)));
    calls
}

fn open<'a>(connector: &'a str, need: &'a Need, blocked: &Blocked) -> Call<'a> {
    Call { connector, need, resource: None, bucket: None, fate: Fate::Open(blocked.clone()) }
}

/// The layers of policies, read once.
struct Fates<'a> {
    standings: Result<Standings<'a>, Blocked>,
    state: State,
}

impl<'a> Fates<'a> {
    fn of(view: &View<'a>, asks: &[Ask<'a>]) -> Self {
        Self { standings: Standings::of(view), state: State::now(view, asks) }
    }

    fn of_ask(&self, view: &View<'_>, ask: &Ask<'_>) -> Fate {
        let identity = match &self.standings {
            Err(blocked) => Fate::Open(blocked.clone()),
            // Keys are asked for together with their policy, which is below.
            Ok(_) if ask.is_of_key() => Fate::Allowed,
            Ok(standings) => {
                let same = |other: &Ask<'_>| {
                    std::ptr::eq(other.requirement.need, ask.requirement.need)
                        && other.requirement.connector == ask.requirement.connector
                        && other.resource == ask.resource
                };
                let standing = standings.all.iter().find(|it| same(&it.ask));
                standing.map_or(Fate::Allowed, |it| match &it.answer {
                    Answer::Allowed(_) => Fate::Allowed,
                    Answer::Refused(_) => Fate::Refused,
                    Answer::Unless(_, blocked) | Answer::Undecided(blocked) => Fate::Open(blocked.clone()),
                })
            }
        };
        let layers = match self.state.judge(ask) {
            Judgement::Allowed(_) => Fate::Allowed,
            // What AWS's simulator says of the role's own policies is in their standing already.
            Judgement::Refused { layer: Layer::Identity, .. } if !ask.is_of_key() => Fate::Allowed,
            Judgement::Refused { .. } => Fate::Refused,
            Judgement::Open(blocked) => Fate::Open(blocked),
        };
        let organization = match simulated(view, ask) {
            Ok(aws) if aws.organization() == Some(false) => Fate::Refused,
            _ => Fate::Allowed,
        };
        identity.and(layers).and(organization)
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
