//! AWS's simulator's answer to a question, taken apart by layer.
//!
//! The simulator judges identity policies, the permissions boundary and service control policies
//! together, and knows no resource policies of roles.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>

use crate::checks::View;
use crate::facts::{Simulation, SimulationResult};
use crate::model::{Blocked, EngineVerdict, Evidence};
use crate::requirement::Keys;

use super::needs::Ask;

/// One answer of the simulator.
#[derive(Clone, Copy, Debug)]
pub struct Simulated<'a> {
    asked: &'a Simulation,
    result: &'a SimulationResult,
    /// Whether it was not told a key that the call has, or may have.
    untold: bool,
    /// Whether that is one whose value nobody knows.
    unknown: bool,
}

/// The simulator's answer to a question, or why there is none.
pub fn simulated<'a>(view: &View<'a>, ask: &Ask<'_>) -> Result<Simulated<'a>, Blocked> {
    let what = format!("AWS's simulation of {} on {}", ask.action(), ask.resource.probe);
    let Some(asked) = view.simulation(ask.action(), &ask.resource) else {
        // Which fact stands for all: whatever kept the others from being asked.
        let other = view.simulations().iter().find_map(|it| it.result.read(&what).err());
        let why = "it was not asked".to_owned();
        return Err(other.unwrap_or(Blocked {
            what,
            why,
            grant: None,
            hint: None,
            concerns: vec![ask.concern()],
        }));
    };
    match asked.result.read(&what)? {
        Some(result) => {
            let keys = &ask.call.keys;
            let missing =
                |is: fn(&Keys, &str) -> bool| result.missing_context.iter().any(|key| is(keys, key));
            let (untold, unknown) = (missing(Keys::may_have), missing(Keys::is_unknown));
            Ok(Simulated { asked, result, untold, unknown })
        }
        None => Err(Blocked {
            what,
            why: "AWS gave no answer".to_owned(),
            grant: None,
            hint: None,
            concerns: vec![ask.concern()],
        }),
    }
}

impl Simulated<'_> {
    /// The verdict over all layers.
    pub fn decision(&self) -> EngineVerdict {
        self.result.decision
    }

    /// Keys that policies named and the call did not send.
    pub fn missing_context(&self) -> &[String] {
        &self.result.missing_context
    }

    /// Whether they are ones that the connector's call has, or may have: with them the answer may be another.
    pub fn is_untold(&self) -> bool {
        self.untold
    }

    /// Whether they are ones whose value nobody outside AWS knows.
    pub fn lacks_unknown(&self) -> bool {
        self.unknown
    }

    fn without_organization(&self) -> Option<EngineVerdict> {
        self.result.without_scps
    }

    /// What the role's own policies alone make of it; `None` when the answer does not tell.
    pub fn identity(&self) -> Option<EngineVerdict> {
        if self.decision().is_allowed() {
            return Some(EngineVerdict::Allowed);
        }
        let (boundary, organization) = (self.boundary_verdict(), self.organization_verdict());
        let peeled = [self.result.without_boundary, self.without_organization()];
        if peeled.into_iter().flatten().any(EngineVerdict::is_allowed) {
            return Some(EngineVerdict::Allowed);
        }
        // AWS shows the statement that denies, unless it is an organisation's.
        let hidden = self.decision() == EngineVerdict::ExplicitDeny && self.result.matched.is_empty();
        match (boundary == Some(false), organization == Some(false)) {
            (false, false) if hidden && self.without_organization().is_none() => None,
            (false, false) => Some(self.decision()),
            (true, false) => self.result.without_boundary,
            (false, true) => self.without_organization(),
            (true, true) => None,
        }
    }

    /// Whether the permissions boundary allows it; `None` when the answer does not tell.
    pub fn boundary(&self) -> Option<bool> {
        self.boundary_verdict().filter(|_| !self.untold)
    }

    fn boundary_verdict(&self) -> Option<bool> {
        // What one layer alone refuses, the other allows.
        match (self.decision().is_allowed(), self.allowed_without_boundary(), self.allowed_without_scps()) {
            (false, true, _) => Some(false),
            (false, false, true) => Some(true),
            _ => self.result.allowed_by_boundary,
        }
    }

    /// Whether the organisation's policies allow it; `None` when the answer does not tell.
    pub fn organization(&self) -> Option<bool> {
        self.organization_verdict().filter(|allowed| *allowed || !self.unknown)
    }

    fn organization_verdict(&self) -> Option<bool> {
        match (self.decision().is_allowed(), self.allowed_without_scps(), self.allowed_without_boundary()) {
            (true, ..) | (false, false, true) => Some(true),
            (false, true, _) => Some(false),
            (false, false, false) => self.result.allowed_by_organization,
        }
    }

    fn allowed_without_boundary(&self) -> bool {
        self.result.without_boundary.is_some_and(EngineVerdict::is_allowed)
    }

    fn allowed_without_scps(&self) -> bool {
        self.result.without_scps.is_some_and(EngineVerdict::is_allowed)
    }

    /// What is known of the boundary, and how; `None` when the answer does not tell.
    pub fn boundary_evidence(&self) -> Option<Evidence> {
        let Simulation { action, resource, .. } = self.asked;
        let lifted = self.allowed_without_boundary();
        let ground = match self.boundary()? {
            _ if self.decision().is_allowed() => return Some(self.evidence()),
            false if lifted => "AWS's simulator refuses it, and allows it without the permissions boundary",
            false => "AWS's simulator refuses it, and says that the permissions boundary does not allow it",
            true => "AWS's simulator refuses it, and says that the permissions boundary allows it",
        };
        Some(Evidence::simulated(format!("{action} on {resource}: {ground}")))
    }

    /// What is known of the organisation's policies, and how.
    pub fn organization_evidence(&self) -> Evidence {
        let Simulation { action, resource, .. } = self.asked;
        let ground = if self.decision().is_allowed() {
            return self.evidence();
        } else if self.organization_verdict() == Some(true) {
            "AWS's simulator refuses it, and not for a service control policy"
        } else if self.allowed_without_scps() {
            "without service control policies AWS's simulator allows it"
        } else if self.result.allowed_by_organization == Some(false) {
            "AWS's simulator says that the organization does not allow it"
        } else {
            "AWS's simulator shows no statement that denies it, and none of those that can be read does"
        };
        Evidence::simulated(format!("{action} on {resource}: {ground}"))
    }

    /// The answer as proof for the role's own policies, where another layer may be what refuses.
    pub fn identity_evidence(&self) -> Evidence {
        let mut evidence = self.evidence();
        if !self.decision().is_allowed() && self.identity().is_none_or(EngineVerdict::is_allowed) {
            evidence
                .text
                .push_str(", which is not the role's own policies' doing (see LATER-005 and LATER-006)");
        }
        evidence
    }

    /// Whether a statement that AWS may show decided: it never shows those of the organisation.
    pub fn shows_statements(&self) -> bool {
        !self.result.matched.is_empty()
    }

    /// Whether a statement denies it still where service control policies are left out.
    pub fn is_denied_without_organization(&self) -> bool {
        self.result.without_scps == Some(EngineVerdict::ExplicitDeny)
    }

    /// The answer as proof.
    pub fn evidence(&self) -> Evidence {
        let verdict = match self.decision() {
            EngineVerdict::Allowed => "allows it",
            EngineVerdict::ImplicitDeny => "says implicitDeny: no statement allows it",
            EngineVerdict::ExplicitDeny => "says explicitDeny: a statement denies it",
        };
        let Simulation { action, resource, .. } = self.asked;
        Evidence::simulated(format!("{action} on {resource}: AWS's simulator {verdict}"))
    }
}
