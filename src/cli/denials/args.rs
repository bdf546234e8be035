//! The options of `denials`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::args::OutputFormat;

/// `denials`.
#[derive(Args, Debug)]
#[command(after_help = "Needs no AWS: --paste, --logs. Exit codes: 0 none found, 1 denials found, 2 usage, \
    3 none found but not all was read or there, 130 interrupted.")]
pub(in crate::cli) struct DenialsArgs {
    /// The role: name, ARN or the address of its page in the console; without one, denials of anybody
    /// are read from logs
    #[arg(long, value_name = "ROLE")]
    pub(super) role: Option<String>,
    /// Find and explain the denials in a text: a connector's log, an error, a screen [default: standard
    /// input]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", help_heading = "Source",
        group = "source_kind")]
    pub(super) paste: Option<String>,
    /// Read CloudTrail log files: folders, files, or `-` for standard input
    #[arg(long, value_name = "PATH", num_args = 1.., help_heading = "Source", group = "source_kind")]
    pub(super) logs: Vec<PathBuf>,
    /// Which of the account's own sources to read [default: auto]
    #[arg(long, value_name = "SOURCE", help_heading = "Source")]
    pub(super) source: Option<Source>,
    /// Ask CloudTrail Lake, which bills by bytes scanned: the id or ARN of an event data store [default:
    /// the only one there is]
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", help_heading = "Source",
        group = "source_kind")]
    pub(super) lake: Option<String>,
    /// Ask Athena, which bills by bytes scanned
    #[arg(long, value_name = "DATABASE.TABLE", help_heading = "Source", group = "source_kind")]
    pub(super) athena: Option<String>,
    /// Athena's workgroup [default: primary]
    #[arg(long, value_name = "NAME", help_heading = "Source")]
    pub(super) workgroup: Option<String>,
    /// Print the definition of a table over the trail's logs, for Athena; --athena names it
    #[arg(long, help_heading = "Source")]
    pub(super) athena_ddl: bool,
    /// Only these accounts' logs
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',', help_heading = "Window")]
    pub(super) account: Vec<String>,
    /// Only these regions [default: those the source has; event history: the connector's and us-east-1]
    #[arg(long, value_name = "REGION", value_delimiter = ',', help_heading = "Window")]
    pub(super) regions: Vec<String>,
    /// From when on: 7d, 12h, 2026-11-01 or a full time
    #[arg(long, value_name = "WHEN", help_heading = "Window")]
    pub(super) since: Option<String>,
    /// Until when, in the same forms [default: now]
    #[arg(long, value_name = "WHEN", help_heading = "Window")]
    pub(super) until: Option<String>,
    /// Verify denials against the policies of this case file in place of the account's
    #[arg(long, value_name = "FILE")]
    pub(super) case: Option<PathBuf>,
    /// Open encoded messages with sts:DecodeAuthorizationMessage
    #[arg(long)]
    pub(super) decode: bool,
    /// The connector's bucket, with its prefix: s3://BUCKET/PREFIX
    #[arg(long, value_name = "BUCKET")]
    pub(super) bucket: Option<String>,
    /// The connector's Glue database; then --bucket is its warehouse
    #[arg(long, value_name = "NAME")]
    pub(super) database: Option<String>,
    /// The connector's Redshift cluster
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<String>,
    /// Format of the answer [default: table]
    #[arg(short, long, value_name = "FORMAT")]
    pub(super) output: Option<AnswerFormat>,
}

impl DenialsArgs {
    /// The options given that do nothing with the source that was chosen, and what that is.
    pub(super) fn idle(&self) -> (Vec<&'static str>, &'static str) {
        let given = [
            ("--role", self.role.is_some()),
            ("--source", self.source.is_some()),
            ("--workgroup", self.workgroup.is_some()),
            ("--athena-ddl", self.athena_ddl),
            ("--account", !self.account.is_empty()),
            ("--regions", !self.regions.is_empty()),
            ("--since", self.since.is_some()),
            ("--until", self.until.is_some()),
            ("--case", self.case.is_some()),
            ("--bucket", self.bucket.is_some()),
            ("--database", self.database.is_some()),
            ("--cluster", self.cluster.is_some()),
        ];
        let (used, what): (&[&str], _) = if self.paste.is_some() {
            (&[], "with --paste")
        } else if !self.logs.is_empty() {
            (&["--role", "--account", "--regions", "--since", "--until", "--case", "--bucket"], "with --logs")
        } else if self.athena_ddl || self.athena.is_some() {
            return (
                given.iter().filter(|it| it.1 && it.0 == "--source").map(|it| it.0).collect(),
                "with Athena",
            );
        } else if self.lake.is_some() {
            let used = [
                "--role",
                "--account",
                "--regions",
                "--since",
                "--until",
                "--case",
                "--bucket",
                "--database",
                "--cluster",
            ];
            return (
                given.iter().filter(|it| it.1 && !used.contains(&it.0)).map(|it| it.0).collect(),
                "with --lake",
            );
        } else {
            return (
                given.iter().filter(|it| it.1 && it.0 == "--workgroup").map(|it| it.0).collect(),
                "without --athena",
            );
        };
        (given.iter().filter(|it| it.1 && !used.contains(&it.0)).map(|it| it.0).collect(), what)
    }
}

/// A format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AnswerFormat {
    /// For a person: each kind of denial explained
    Table,
    /// One line for each kind of denial
    Short,
    /// The versioned model
    Json,
}

impl From<OutputFormat> for AnswerFormat {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Table => Self::Table,
            OutputFormat::Short => Self::Short,
            OutputFormat::Json => Self::Json,
        }
    }
}

/// The account's own sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Source {
    /// The cheapest that can show the denials
    Auto,
    /// CloudTrail's event history: 90 days, no calls on S3 objects
    EventHistory,
    /// A trail's log files in S3
    Trail,
}
