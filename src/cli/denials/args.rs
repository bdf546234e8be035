//! The options of `denials`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::args::OutputFormat;

/// `denials`.
#[derive(Args, Debug)]
#[command(after_help = "Needs no AWS: --paste, --logs. Exit codes: 0 none found, 1 denials found, 2 usage, \
    3 none found but not all was read, 130 interrupted.")]
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
    /// Which of the account's own sources to read
    #[arg(long, value_name = "SOURCE", default_value = "auto", help_heading = "Source")]
    pub(super) source: Source,
    /// Ask CloudTrail Lake, which bills by bytes scanned: the id or ARN of an event data store [default:
    /// the only one there is]
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", help_heading = "Source",
        group = "source_kind")]
    pub(super) lake: Option<String>,
    /// Ask Athena, which bills by bytes scanned
    #[arg(long, value_name = "DATABASE.TABLE", help_heading = "Source", group = "source_kind")]
    pub(super) athena: Option<String>,
    /// Athena's workgroup
    #[arg(long, value_name = "NAME", default_value = "primary", help_heading = "Source")]
    pub(super) workgroup: String,
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
    /// Format of the answer [default: table]
    #[arg(short, long, value_name = "FORMAT")]
    pub(super) output: Option<OutputFormat>,
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
