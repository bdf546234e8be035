//! The needs of an installation are many: they are told service by service.

use crate::catalog::Phase;
use crate::model::{Evidence, Source, StatementRef};

use super::needs::Ask;
use super::words;

/// What of an installation's needs is told together: `ec2` while it is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// When.
    pub phase: Phase,
    /// The service's prefix in actions.
    pub name: String,
}

impl Service {
    /// With which others a question is told; `None`: by itself.
    pub(crate) fn of(ask: &Ask<'_>) -> Option<Self> {
        let phase = ask.requirement.need.phase;
        let name = ask.action().split(':').next()?.to_owned();
        matches!(phase, Phase::Install | Phase::Removal).then_some(Self { phase, name })
    }
}

/// Proof of many questions: what is told together is one piece for each engine, `own` and `aws` saying what
/// each does with the actions (`the role's own policies allow`).
pub(crate) fn digest<'a>(
    pieces: impl IntoIterator<Item = (&'a Ask<'a>, Vec<Evidence>)>,
    own: &str,
    aws: &str,
) -> Vec<Evidence> {
    let mut found: Vec<Evidence> = Vec::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (ask, evidence) in pieces {
        let service = Service::of(ask);
        for piece in evidence {
            let (says, simulated, statements) = match &piece.source {
                Source::Simulator => (aws, true, &[][..]),
                Source::Evaluation { statements } => (own, false, statements.as_slice()),
                _ => {
                    words::add(&mut found, piece);
                    continue;
                }
            };
            let Some(service) = &service else {
                words::add(&mut found, piece);
                continue;
            };
            let same = |it: &&mut Group<'_>| it.service == *service && it.simulated == simulated;
            if let Some(group) = groups.iter_mut().find(same) {
                words::add(&mut group.actions, ask.action());
                words::add_all(&mut group.statements, statements.iter().cloned());
                continue;
            }
            let (says, actions) = (says.to_owned(), vec![ask.action()]);
            let statements = statements.to_vec();
            groups.push(Group { service: service.clone(), says, simulated, actions, statements });
        }
    }
    found.extend(groups.into_iter().map(Group::told));
    found
}

/// Actions of one service of which one engine says one thing.
struct Group<'a> {
    service: Service,
    says: String,
    simulated: bool,
    actions: Vec<&'a str>,
    statements: Vec<StatementRef>,
}

impl Group<'_> {
    fn told(self) -> Evidence {
        let Self { service, says, actions, statements, .. } = &self;
        let text = format!(
            "{}, {}: {says} {}: {}",
            service.phase.as_str(),
            service.name,
            super::phrases::count(actions.len(), "action"),
            words::some(actions)
        );
        if self.simulated { Evidence::simulated(text) } else { Evidence::evaluated(statements.clone(), text) }
    }
}
