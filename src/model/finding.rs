//! What a check concludes and what it shows for it.

use serde::{Deserialize, Serialize};

use super::{Concern, Fix, Remedy, Section, Status};

/// What one check concluded.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Looked at, and in order. The evidence says on what ground.
    Pass(Vec<Evidence>),
    /// Works today, likely to bite; or a best practice is broken.
    Warn(Findings),
    /// The connector cannot do its work.
    Fail(Findings),
    /// It could not be looked at: says what is missing. Never empty.
    Unknown(Vec<Blocked>),
    /// It does not apply to this target, and why.
    Skip(String),
    /// The check panicked: our fault, reported as such.
    Broken(Bug),
}

/// The findings of a failing or warning check. Never empty.
pub type Findings = Vec<Finding>;

impl Outcome {
    /// The bare status.
    pub fn status(&self) -> Status {
        match self {
            Self::Pass(_) => Status::Pass,
            Self::Warn(_) => Status::Warn,
            Self::Fail(_) => Status::Fail,
            Self::Unknown(_) => Status::Unknown,
            Self::Skip(_) => Status::Skip,
            Self::Broken(_) => Status::Broken,
        }
    }

    /// The findings of a failure or a warning; empty for the rest.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Warn(findings) | Self::Fail(findings) => findings,
            _ => &[],
        }
    }

    /// The same findings, to be completed with fixes.
    pub fn findings_mut(&mut self) -> &mut [Finding] {
        match self {
            Self::Warn(findings) | Self::Fail(findings) => findings,
            _ => &mut [],
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// The ARN or name of what is wrong: a role, a bucket, a key.
    pub resource: String,
    /// One sentence with the real names in it.
    pub what: String,
    /// Proof, strongest first.
    pub evidence: Vec<Evidence>,
    /// The statement at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub because: Option<StatementRef>,
    /// Symptoms that it causes besides the one of its check's section.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<Section>,
    /// The part of the connectors' work that it is about.
    #[serde(skip)]
    pub concerns: Vec<Concern>,
    /// What would mend it, said by the check; `prescribe` makes fixes of it.
    #[serde(skip)]
    pub remedies: Vec<Remedy>,
    /// What mends it, best first. Filled in by `prescribe`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fixes: Vec<Fix>,
}

impl Finding {
    /// A finding without proof yet; add it with [`Finding::evidence`].
    pub fn new(resource: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            resource: resource.into(),
            what: what.into(),
            evidence: Vec::new(),
            because: None,
            also: Vec::new(),
            concerns: Vec::new(),
            remedies: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Adds proof.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Says what would mend it.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }

    /// Says which part of the connectors' work it is about, besides what was said before.
    #[must_use]
    pub fn about(mut self, concerns: impl IntoIterator<Item = Concern>) -> Self {
        self.concerns.extend(concerns);
        self
    }

    /// Names another symptom that it causes.
    #[must_use]
    pub fn also(mut self, symptom: Section) -> Self {
        self.also.push(symptom);
        self
    }

    /// Names the statement at fault.
    #[must_use]
    pub fn because(mut self, statement: StatementRef) -> Self {
        self.because = Some(statement);
        self
    }
}

/// One piece of proof and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Evidence {
    /// Where it comes from.
    pub source: Source,
    /// What it says, in one sentence.
    pub text: String,
}

impl Evidence {
    /// Proof read from AWS by the named action, such as `iam:GetRole`.
    pub fn read(action: impl Into<String>, text: impl Into<String>) -> Self {
        Self { source: Source::Read { action: action.into() }, text: text.into() }
    }

    /// The doctor's own evaluation of policies it has read.
    pub fn evaluated(statements: Vec<StatementRef>, text: impl Into<String>) -> Self {
        Self { source: Source::Evaluation { statements }, text: text.into() }
    }

    /// An answer of AWS's policy simulator.
    pub fn simulated(text: impl Into<String>) -> Self {
        Self { source: Source::Simulator, text: text.into() }
    }
}

/// Where a piece of proof comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// AWS's policy simulator (`iam:SimulatePrincipalPolicy`).
    Simulator,
    /// The doctor's own engine over named statements.
    Evaluation {
        /// The statements that decided.
        statements: Vec<StatementRef>,
    },
    /// A read-only call's answer.
    Read {
        /// The IAM action of the call.
        action: String,
    },
    /// A CloudTrail event.
    Event {
        /// `eventID`.
        id: String,
        /// `eventTime`, RFC 3339, UTC.
        time: String,
        /// The region whose event history or trail holds it.
        region: String,
    },
    /// A message AWS printed.
    Message,
    /// What Streamkap's guide or the connector's code says.
    Documentation {
        /// Address or name of the text.
        reference: String,
    },
    /// What the user gave on the command line.
    Given,
}

/// A statement of a policy, findable by a person.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct StatementRef {
    /// The layer it stands in: `identity`, `boundary`, `session`, `scp`, `rcp`, `resource`, `endpoint`.
    pub layer: String,
    /// The policy's name: a managed policy's name, an inline policy's, `trust policy`, `bucket policy`.
    pub policy: String,
    /// The statement's `Sid`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sid: Option<String>,
    /// Position in the document, from 0.
    pub index: usize,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Line of the statement's opening brace in the document as AWS stores it, from 1.
    pub line: usize,
}

/// Why a check could not look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Blocked {
    /// What could not be read, in words: `the bucket policy of orders`.
    pub what: String,
    /// Why: AWS's own words, a time-out, or that it was not asked.
    pub why: String,
    /// The IAM action to grant to whoever runs the doctor, when that would help.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grant: Option<String>,
    /// What else would settle it, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// The part of the connectors' work that hangs on it, where that is known.
    #[serde(skip)]
    pub concerns: Vec<Concern>,
}

impl Blocked {
    /// Something that could not be looked at, for a reason that no permission and nothing else is known to mend.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), grant: None, hint: None, concerns: Vec::new() }
    }

    /// Says which part of the connectors' work hangs on it, in place of what was said before.
    #[must_use]
    pub fn about(mut self, concerns: impl IntoIterator<Item = Concern>) -> Self {
        self.concerns = concerns.into_iter().collect();
        self
    }
}

/// A check that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Bug {
    /// The panic's message.
    pub message: String,
}

/// What one of the two engines says of one action on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EngineVerdict {
    /// Allowed.
    Allowed,
    /// No statement allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

impl EngineVerdict {
    /// Whether the action may be done.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }

    /// AWS's word for it: `allowed`, `implicitDeny`, `explicitDeny`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}
