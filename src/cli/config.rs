//! `streamkap-doctor.toml`: the settings of a team, beside its code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::{FailOnStatus, GlobalArgs, OutputFormat};
use super::environment::Environment;
use super::failure::Failure;
use crate::model::CheckId;

/// The file's name in the working directory.
const NAME: &str = "streamkap-doctor.toml";
/// Larger than any settings.
const LIMIT: u64 = 1 << 20;

/// The configuration file. Every key is the option of the same name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    pub(super) connector: Option<Connectors>,
    pub(super) role: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) bucket: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) database: Option<String>,
    pub(super) warehouse: Option<String>,
    pub(super) table: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) workgroup: Option<String>,
    pub(super) db: Option<String>,
    pub(super) db_user: Option<String>,
    pub(super) phase: Option<String>,
    pub(super) param: BTreeMap<String, String>,
    pub(super) connector_file: Vec<PathBuf>,
    pub(super) profile: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint_url: Option<String>,
    pub(super) since: Option<String>,
    pub(super) no_history: bool,
    pub(super) only: Vec<String>,
    pub(super) skip: Vec<String>,
    pub(super) output: Option<OutputFormat>,
    pub(super) fail_on: Option<FailOnStatus>,
    pub(super) ignore: Vec<Ignore>,
}

/// One connector's name, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Connectors {
    One(String),
    Several(Vec<String>),
}

/// A check whose finding is accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ignore {
    /// The check.
    pub(super) check: CheckId,
    /// Why it is accepted. Not empty.
    pub(super) reason: String,
    /// The last day on which it is.
    #[serde(default)]
    pub(super) expires: Option<jiff::civil::Date>,
}

impl Config {
    /// The connectors' names.
    pub(super) fn connectors(&self) -> Vec<String> {
        match &self.connector {
            None => Vec::new(),
            Some(Connectors::One(name)) => vec![name.clone()],
            Some(Connectors::Several(names)) => names.clone(),
        }
    }

    /// The value of a parameter that is a flag.
    pub(super) fn parameter(&self, name: &str) -> Option<&String> {
        match name {
            "bucket" => self.bucket.as_ref(),
            "prefix" => self.prefix.as_ref(),
            "database" => self.database.as_ref(),
            "warehouse" => self.warehouse.as_ref(),
            "table" => self.table.as_ref(),
            "cluster" => self.cluster.as_ref(),
            "workgroup" => self.workgroup.as_ref(),
            "db" => self.db.as_ref(),
            "db-user" => self.db_user.as_ref(),
            "phase" => self.phase.as_ref(),
            _ => None,
        }
    }

    /// Reads the file that was named, or the one in the working directory if there is one.
    pub(super) fn read(global: &GlobalArgs, environment: &Environment) -> Result<Self, Failure> {
        let named = global
            .config
            .clone()
            .or_else(|| environment.variable("STREAMKAP_DOCTOR_CONFIG").map(PathBuf::from));
        let path = named.as_deref().unwrap_or(Path::new(NAME));
        if named.is_none() && !path.exists() {
            return Ok(Self::default());
        }
        let shown = path.display();
        let unreadable = |why: String| {
            Failure::usage(
                format!("the configuration file {shown} cannot be read: {why}"),
                "check its path and permissions",
            )
        };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > LIMIT {
            return Err(unreadable(format!("it has {size} bytes, which no configuration has")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&text).map_err(|why| {
            Failure::usage(
                format!("the configuration file {shown} is not right: {why}"),
                "its keys are the long options of `streamkap-doctor check --help`, with underscores",
            )
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{place}{}", error.message())
        })?;
        match config.ignore.iter().find(|ignore| ignore.reason.trim().is_empty()) {
            Some(ignore) => Err(format!("the ignore of {} gives no reason", ignore.check)),
            None => Ok(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_that_is_a_flag_can_be_in_the_file() {
        for (name, _) in super::super::target_args::FLAGS {
            let config = Config::parse(&format!("{} = \"x\"", name.replace('-', "_"))).unwrap();
            assert_eq!(config.parameter(name).map(String::as_str), Some("x"), "{name}");
        }
        let config =
            Config::parse("connector = [\"s3\", \"redshift\"]\nparam = {queue = \"orders\"}").unwrap();
        assert_eq!(config.connectors(), ["s3", "redshift"]);
        assert_eq!(config.param["queue"], "orders");
    }

    #[test]
    fn it_is_read_and_its_faults_are_named_with_their_line() {
        let config = Config::parse(
            "role = \"R\"\nfail_on = \"warn\"\n[[ignore]]\ncheck = \"PRACTICE-004\"\nreason = \"r\"\nexpires = \"2026-12-31\"",
        )
        .unwrap();
        assert_eq!(config.fail_on, Some(FailOnStatus::Warn));
        assert_eq!(config.ignore[0].expires, Some(jiff::civil::date(2026, 12, 31)));
        assert!(Config::parse("role = 1").unwrap_err().starts_with("line 1: "));
        assert!(Config::parse("\nbukcet = \"x\"").unwrap_err().contains("line 2: unknown field `bukcet`"));
        let ignore = "[[ignore]]\ncheck = \"PRACTICE-004\"\nreason = \" \"";
        assert!(Config::parse(ignore).unwrap_err().contains("gives no reason"));
    }
}
