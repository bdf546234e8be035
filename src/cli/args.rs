//! The command line's definitions. Their comments are its help texts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::parameters::connector_meant;
use super::target_args::TargetArgs;
use crate::catalog::Catalog;
use crate::collect::operations::Search;
use crate::report::{FailOn, Format};

/// Finds out why Streamkap cannot use an AWS role: which statement is at fault, the proof, and a
/// verified fix. It only ever reads.
#[derive(Debug, Parser)]
#[command(name = "streamkap-doctor", version, subcommand_required = true, arg_required_else_help = true)]
#[command(max_term_width = 100, infer_subcommands = false)]
#[command(
    after_help = "Without AWS: `streamkap-doctor demo`.\nExit codes: 0 nothing wrong, 1 a check failed, \
    2 usage, 3 incomplete, 4 a check was broken, 130 interrupted."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: GlobalArgs,
}

impl Cli {
    /// The arguments with the default command put in where none is named: `streamkap-doctor s3 --role R`
    /// is `streamkap-doctor check s3 --role R`. A word that is neither a command nor near a connector's
    /// name is left for clap to complain about.
    pub(super) fn with_default_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
        let command = Self::command();
        let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            let global = command.get_arguments().find(|known| {
                let long = known.get_long().map(|long| format!("--{long}"));
                long.as_deref().is_some_and(|long| word == long || word.starts_with(&format!("{long}=")))
            });
            match global {
                Some(known) if known.get_action().takes_values() => {
                    if !word.contains('=') {
                        words.next();
                    }
                }
                _ if matches!(&*word, "-h" | "--help" | "-V" | "--version" | "help") => break,
                _ if command.find_subcommand(&*word).is_some() => break,
                _ => {
                    let connectors = Catalog::built_in().connectors.iter();
                    let connectors: Vec<String> = connectors.map(|it| it.name.clone()).collect();
                    let own = words.any(|word| word.starts_with("--connector-file"));
                    if own || word.starts_with('-') || connector_meant(&word, &connectors).is_some() {
                        arguments.insert(1, OsString::from("check"));
                    }
                    break;
                }
            }
        }
        arguments
    }
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a role for a connector and print what is wrong (the default command)
    Check(Box<CheckArgs>),
    /// Run the same diagnosis on a built-in case; needs no AWS account
    Demo(DemoArgs),
    /// Show what was denied to a role: from CloudTrail's sources, log files, or a pasted text
    Denials(Box<super::denials::DenialsArgs>),
    /// Print the change that mends a finding; never makes it
    Fix(Box<FixArgs>),
    /// Write what can be read of a role into a case file, to be checked elsewhere
    Collect(CollectArgs),
    /// Decide requests with the policy engine alone: JSON lines in, JSON lines out
    Evaluate(EvaluateArgs),
    /// Print a check's page: what it looks at, why, and how to mend what it finds
    Explain(ExplainArgs),
    /// List every check
    List(ListArgs),
    /// Print the minimal IAM policy for running the doctor with these options
    Policy(PolicyArgs),
    /// Print a completion script
    Completions(CompletionsArgs),
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(super) struct GlobalArgs {
    /// AWS profile [default: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME", help_heading = "AWS")]
    pub(super) profile: Option<String>,
    /// The connector's region [default: AWS_REGION, or the profile's]
    #[arg(long, global = true, value_name = "REGION", help_heading = "AWS")]
    pub(super) region: Option<String>,
    /// Endpoint for all AWS calls
    #[arg(long, global = true, value_name = "URL", help_heading = "AWS")]
    pub(super) endpoint_url: Option<String>,
    /// Configuration file [default: streamkap-doctor.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
}

impl GlobalArgs {
    /// The flags given that say how to get to AWS.
    pub(super) fn aws_flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            ("--profile", self.profile.is_some()),
            ("--region", self.region.is_some()),
            ("--endpoint-url", self.endpoint_url.is_some()),
        ];
        flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag)
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal that can, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How far to look.
#[derive(Args, Clone, Debug)]
pub(super) struct HistoryArgs {
    /// How far back to search event history: 7d, 12h, 2026-11-01 or a full time [default: 90d]
    #[arg(long, value_name = "WHEN", help_heading = "History")]
    pub(super) since: Option<String>,
    /// Leave event history out: it allows two calls a second
    #[arg(long, help_heading = "History", conflicts_with = "since")]
    pub(super) no_history: bool,
}

/// Which checks to run.
#[derive(Args, Clone, Debug)]
pub(super) struct SelectionArgs {
    /// Run only these checks: ids, names, sections, globs
    #[arg(long, value_name = "CHECKS", value_delimiter = ',', help_heading = "Checks")]
    pub(super) only: Vec<String>,
    /// Leave these checks out
    #[arg(long, value_name = "CHECKS", value_delimiter = ',', help_heading = "Checks")]
    pub(super) skip: Vec<String>,
}

/// How to report.
#[derive(Args, Clone, Debug)]
pub(super) struct ReportArgs {
    /// Format of the report on standard output [default: table]
    #[arg(short, long, value_name = "FORMAT", help_heading = "Report")]
    pub(super) output: Option<OutputFormat>,
    /// Write the report to a file as well; may be given more than once
    #[arg(long, value_name = "FORMAT=PATH", value_parser = report_file, help_heading = "Report")]
    pub(super) report: Vec<ReportFile>,
    /// From which status on the exit code is 1 [default: fail]
    #[arg(long, value_name = "STATUS", help_heading = "Report")]
    pub(super) fail_on: Option<FailOnStatus>,
    /// Show the checks that passed, too
    #[arg(short, long, help_heading = "Report")]
    pub(super) verbose: bool,
}

/// A format by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OutputFormat {
    /// For a person: by symptom, with proof and fixes
    Table,
    /// One line for each check that did not pass
    Short,
    /// The versioned model
    Json,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Table => Self::Table,
            OutputFormat::Short => Self::Short,
            OutputFormat::Json => Self::Json,
        }
    }
}

/// A status by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FailOnStatus {
    /// A check failed
    Fail,
    /// A check failed or warns
    Warn,
    /// A check failed, warns or could not look
    Unknown,
}

impl From<FailOnStatus> for FailOn {
    fn from(status: FailOnStatus) -> Self {
        match status {
            FailOnStatus::Fail => Self::Fail,
            FailOnStatus::Warn => Self::Warn,
            FailOnStatus::Unknown => Self::Unknown,
        }
    }
}

/// `--report FORMAT=PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReportFile {
    /// The format.
    pub(super) format: OutputFormat,
    /// Where to write.
    pub(super) path: PathBuf,
}

fn report_file(text: &str) -> Result<ReportFile, String> {
    let (format, path) = text
        .split_once('=')
        .filter(|(_, path)| !path.is_empty())
        .ok_or("expected FORMAT=PATH, such as json=report.json")?;
    let format = OutputFormat::from_str(format, true)
        .map_err(|_| format!("no format is called `{format}`: expected table, short or json"))?;
    Ok(ReportFile { format, path: PathBuf::from(path) })
}

/// What to look at, and where: AWS or a case file.
#[derive(Args, Clone, Debug)]
pub(super) struct SubjectArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Look at a case file in place of AWS; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) case: Option<PathBuf>,
    #[command(flatten)]
    pub(super) history: HistoryArgs,
}

/// `check`.
#[derive(Args, Clone, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

/// `fix`.
#[derive(Args, Clone, Debug)]
pub(super) struct FixArgs {
    /// The check whose finding to mend: id or name [default: every check that fails or, where none does, that warns]
    #[arg(value_name = "CHECK")]
    pub(super) check: Option<String>,
    #[command(flatten)]
    pub(super) subject: SubjectArgs,
    /// As what to print the change
    #[arg(short, long, value_name = "FORMAT", default_value = "cli")]
    pub(super) output: FixFormat,
}

/// As what to print a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FixFormat {
    /// Commands of the AWS CLI
    Cli,
    /// The policy as it would stand afterwards
    Policy,
    /// The changes as in the report's JSON
    Json,
}

/// `demo`.
#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: Option<String>,
    /// List the scenarios
    #[arg(long, conflicts_with = "scenario")]
    pub(super) list: bool,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

/// `collect`.
#[derive(Args, Debug)]
pub(super) struct CollectArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The case file to write; `-` writes to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    /// Keep account ids, names and the external id as they are; the file's name then says so
    #[arg(long)]
    pub(super) unredacted: bool,
    #[command(flatten)]
    pub(super) history: HistoryArgs,
}

/// `evaluate`.
#[derive(Args, Debug)]
pub(super) struct EvaluateArgs {
    /// Requests, one JSON object a line; `-` reads standard input
    #[arg(value_name = "FILE", default_value = "-")]
    pub(super) file: PathBuf,
}

/// `explain`.
#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// The check's id or name
    #[arg(value_name = "CHECK")]
    pub(super) check: String,
    /// Print the cases by which the check is tested, too
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// `list`.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
}

/// `policy`.
#[derive(Args, Debug)]
pub(super) struct PolicyArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) history: HistoryArgs,
    #[command(flatten)]
    pub(super) selection: SelectionArgs,
    /// Also what `denials` takes beyond event history [default: trail]
    #[arg(long, value_name = "SOURCE", value_delimiter = ',', num_args = 0..=1, default_missing_value = "trail",
        require_equals = true)]
    pub(super) denials: Vec<SearchSource>,
}

/// What `denials` may read beyond facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SearchSource {
    /// A trail's log files
    Trail,
    /// CloudTrail Lake
    Lake,
    /// Athena
    Athena,
    /// Encoded messages, for --decode
    Decode,
}

impl From<SearchSource> for Search {
    fn from(source: SearchSource) -> Self {
        match source {
            SearchSource::Trail => Self::Trail,
            SearchSource::Lake => Self::Lake,
            SearchSource::Athena => Self::Athena,
            SearchSource::Decode => Self::Decode,
        }
    }
}

/// `completions`.
#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn check_is_the_default_command() {
        let given = |line: &str| {
            let words = line.split(' ').map(OsString::from).collect();
            let words = Cli::with_default_command(words);
            words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
        };
        for (line, wanted) in [
            ("doctor s3 --role R", "doctor check s3 --role R"),
            ("doctor --role R", "doctor check --role R"),
            ("doctor --profile demo s3", "doctor check --profile demo s3"),
            ("doctor --profile=demo -v", "doctor check --profile=demo -v"),
            ("doctor --color never demo", "doctor --color never demo"),
            ("doctor --case f.json", "doctor check --case f.json"),
            ("doctor queue --connector-file f", "doctor check queue --connector-file f"),
            ("doctor chekc", "doctor chekc"),
            ("doctor --help", "doctor --help"),
            ("doctor", "doctor"),
        ] {
            assert_eq!(given(line), wanted);
        }
    }
}
