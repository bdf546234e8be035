//! Report v1: the one model that every format prints. Frozen: a change of meaning is a new version.
//!
//! The JSON format is this model; its schema is published as `docs/reference/report.schema.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    Blocked, Bug, Change, CheckId, Evidence, Owner, PhaseState, Section, Severity, StatementRef, Status,
    Verification,
};

/// The version of this model, raised when a reader of the last one would be misled.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that one run has to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(title = "streamkap-doctor report")]
pub struct Report {
    /// The version of this model: 1.
    pub schema_version: u32,
    /// The program that wrote the report.
    pub doctor: Doctor,
    /// Where the facts come from.
    pub source: Origin,
    /// When the facts were read: RFC 3339, UTC.
    pub collected_at: String,
    /// Who read them; absent when AWS would not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub caller: Option<Caller>,
    /// What was looked at.
    pub target: Target,
    /// What must be known before anything else, such as a role in another account than the caller's.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The conclusion.
    pub summary: Summary,
    /// Every selected check, in catalogue order.
    pub checks: Vec<CheckReport>,
    /// The changes that mend the checks that fail, to be made in order: no policy is written twice. With `-v`
    /// those that mend the checks that warn, too.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub repairs: Vec<RepairReport>,
    /// What was searched, and what cannot be seen from here.
    pub coverage: Coverage,
}

/// The program that wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Doctor {
    /// `streamkap-doctor`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Where the facts of a report come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// Read from AWS in this run.
    Live,
    /// A case file.
    Case {
        /// Its path as given; `-` is standard input.
        path: String,
        /// Whether its accounts, names and ids are pseudonyms, and those in the commands with them.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        redacted: bool,
    },
    /// A case built into the program.
    Demo {
        /// Its name.
        scenario: String,
    },
}

impl Origin {
    /// What has to be known before a command is taken from the report.
    pub fn caution(&self) -> Option<&'static str> {
        match self {
            Self::Case { redacted: true, .. } => Some(
                "The accounts, names and ids of this case are pseudonyms: put your own in their place before you \
                 use a command.",
            ),
            _ => None,
        }
    }
}

/// Who ran the doctor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Caller {
    /// The caller's ARN.
    pub arn: String,
    /// The caller's account.
    pub account: String,
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Target {
    /// The role.
    pub role: RoleTarget,
    /// The external id given, masked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub external_id: Option<String>,
    /// The connector's region.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub region: Option<String>,
    /// The connectors, in the order given.
    pub connectors: Vec<ConnectorTarget>,
}

/// The role that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoleTarget {
    /// Its name without path.
    pub name: String,
    /// Its ARN, when it was read or given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arn: Option<String>,
    /// Its account, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
}

/// One connector and its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ConnectorTarget {
    /// The name used on the command line.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// What its users ought to know before they look for a fault in the wrong place.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// Its work, phase by phase; empty when not every check that bears on it was selected.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub phases: Vec<PhaseReport>,
}

/// How a phase of a connector's work stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PhaseReport {
    /// The phase, in words: `new table`.
    pub phase: String,
    /// How it stands.
    pub state: PhaseState,
    /// The actions that are refused.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub actions: Vec<String>,
    /// The checks that say why.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub checks: Vec<CheckId>,
    /// What it costs, when the state is `at_a_cost`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub breaks: Vec<String>,
    /// What could not be looked at and why, when the state is `unknown`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unread: Vec<String>,
}

/// The conclusion of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// How many checks ended how.
    pub counts: Counts,
    /// The same for each section that has a selected check, in report order.
    pub sections: Vec<SectionSummary>,
    /// One sentence.
    pub verdict: String,
    /// The exit code of the run, the same for every format.
    pub exit_code: u8,
    /// What to type next.
    pub next: Vec<NextCommand>,
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Counts {
    /// The connector cannot do its work.
    pub fail: usize,
    /// Works today, likely to bite; or a best practice is broken.
    pub warn: usize,
    /// Could not be looked at.
    pub unknown: usize,
    /// The check itself went wrong.
    pub broken: usize,
    /// Looked at, and in order.
    pub pass: usize,
    /// Does not apply.
    pub skip: usize,
}

impl Counts {
    /// Counts these statuses.
    pub fn of(statuses: impl IntoIterator<Item = Status>) -> Self {
        let mut counts = Self::default();
        for status in statuses {
            *counts.slot(status) += 1;
        }
        counts
    }

    fn slot(&mut self, status: Status) -> &mut usize {
        match status {
            Status::Pass => &mut self.pass,
            Status::Warn => &mut self.warn,
            Status::Fail => &mut self.fail,
            Status::Unknown => &mut self.unknown,
            Status::Skip => &mut self.skip,
            Status::Broken => &mut self.broken,
        }
    }

    /// How many checks ended with this status.
    pub fn get(mut self, status: Status) -> usize {
        *self.slot(status)
    }
}

/// How the checks of one section ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SectionSummary {
    /// The section.
    pub section: Section,
    /// The guide's words for the symptom.
    pub symptom: String,
    /// How its checks ended.
    pub counts: Counts,
    /// Failing checks of other sections whose findings cause this symptom, too.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub because_of: Vec<CheckId>,
}

/// A command to type next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NextCommand {
    /// The command.
    pub command: String,
    /// What for, in a few words.
    pub purpose: String,
}

/// One check and what it concluded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckReport {
    /// The id.
    pub id: CheckId,
    /// The problem, as a name.
    pub name: String,
    /// The problem, as a sentence.
    pub title: String,
    /// The section.
    pub section: Section,
    /// How much it hurts when it fails.
    pub severity: Severity,
    /// What was concluded.
    pub status: Status,
    /// What is wrong; empty unless the status is `fail` or `warn`.
    pub findings: Vec<FindingReport>,
    /// What could not be looked at and why; empty unless the status is `unknown`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub blocked: Vec<Blocked>,
    /// Why it does not apply, when the status is `skip`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// On what ground it passed, when the status is `pass`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<Evidence>,
    /// What went wrong with the check itself, when the status is `broken`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bug: Option<Bug>,
    /// The check's page, below the project's root; `streamkap-doctor explain ID` prints it.
    pub page: String,
    /// Address of the guide that the check carries out.
    pub guide: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FindingReport {
    /// The ARN or name of what is wrong.
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
    /// What mends it, best first.
    pub fixes: Vec<FixReport>,
}

/// A change that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FixReport {
    /// One sentence in the imperative.
    pub title: String,
    /// Who can make it.
    pub owner: Owner,
    /// The change.
    pub change: Change,
    /// The same as commands of the AWS CLI.
    pub commands: Vec<String>,
    /// What applying it to the facts in memory and diagnosing again showed.
    pub verification: Verification,
    /// The checks that fail or warn now and would no longer after this change alone, by that diagnosis.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub clears: Vec<CheckId>,
    /// The checks that would no longer fail or warn after this change and those before it, and still do after each alone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub completes: Vec<CheckId>,
    /// What else whoever makes it should know, a sentence each: whom it counts for besides the role, what a Deny that
    /// it changes still does, what it leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// The checks that a change of the report's `repairs` mends together, where that writes the same policy:
    /// make that change, and not this one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub merged_for: Vec<CheckId>,
}

/// A change that mends what one or several checks found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RepairReport {
    /// The checks whose findings it was made for.
    pub mends: Vec<CheckId>,
    /// The change. It was tried after those before it.
    #[serde(flatten)]
    pub fix: FixReport,
}

impl FixReport {
    /// Whether the change is one of several that mend a finding of this check only together.
    pub fn belongs_to(&self, id: CheckId) -> bool {
        match &self.verification {
            Verification::VerifiedTogether { with } => with.contains(&id.to_string()),
            _ => false,
        }
    }
}

/// What was searched, and what cannot be seen from here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Coverage {
    /// Searches of CloudTrail's event history.
    pub searches: Vec<Search>,
    /// What no check of this report can see, one sentence each.
    pub blind_spots: Vec<String>,
}

/// One search of CloudTrail's event history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Search {
    /// What was looked for, in words.
    pub purpose: String,
    /// The region searched.
    pub region: String,
    /// What the search was filtered by: `EventName=AssumeRole`.
    pub filter: String,
    /// Start of the window, RFC 3339.
    pub since: String,
    /// End of the window, RFC 3339.
    pub until: String,
    /// Events found that bear on the target; absent when the search brought no answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub events: Option<usize>,
    /// Why the search is incomplete or brought no answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gap: Option<String>,
}

/// From which status on a run ends with exit code 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailOn {
    /// Failures only.
    #[default]
    Fail,
    /// Failures and warnings.
    Warn,
    /// Failures, warnings and whatever could not be looked at.
    Unknown,
}
