//! `streamkap-doctor.toml`: the settings of a team, beside its code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::{FailOnStatus, GlobalArgs, OutputFormat};
use super::environment::Environment;
use super::explain;
use super::failure::Failure;
use crate::catalog::Catalog;
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

/// A key of the configuration file.
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) takes: &'static str,
    /// What it does.
    pub(super) help: &'static str,
}

const fn key(name: &'static str, takes: &'static str, help: &'static str) -> Key {
    Key { name, takes, help }
}

/// Every key of the configuration file, in the order of [`Config`].
pub(super) const KEYS: [Key; 25] = [
    key("connector", "text or list", "The connectors, where none is named on the command line."),
    key("role", "text", "As `--role`."),
    key("external_id", "text", "As `--external-id`."),
    key("bucket", "text", "As `--bucket`."),
    key("prefix", "text", "As `--prefix`."),
    key("database", "text", "As `--database`."),
    key("warehouse", "text", "As `--warehouse`."),
    key("table", "text", "As `--table`."),
    key("cluster", "text", "As `--cluster`."),
    key("workgroup", "text", "As `--workgroup` of `check`."),
    key("db", "text", "As `--db`."),
    key("db_user", "text", "As `--db-user`."),
    key("phase", "text", "As `--phase`."),
    key("param", "table", "As `--param`, a key for each: `param = { queue = \"orders\" }`."),
    key("connector_file", "list", "As `--connector-file`, from the working directory."),
    key("profile", "text", "As `--profile`; `AWS_PROFILE` goes before it."),
    key("region", "text", "As `--region`; for where AWS is read, `AWS_REGION` goes before it."),
    key("endpoint_url", "text", "As `--endpoint-url`."),
    key("since", "text", "As `--since`."),
    key("no_history", "true or false", "As `--no-history`; `--since` goes before it."),
    key("only", "list", "As `--only`."),
    key("skip", "list", "As `--skip`."),
    key("output", "text", "As `--output`: `table`, `short` or `json`."),
    key("fail_on", "text", "As `--fail-on`: `fail`, `warn` or `unknown`."),
    key(
        "ignore",
        "tables",
        "`[[ignore]]`: a finding that is accepted. `check` is the check's id or name, `reason` says why, \
         `expires` is the last day on which it is (`2027-03-31`; may be left out).",
    ),
];

/// One connector's name, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Connectors {
    One(String),
    Several(Vec<String>),
}

/// A check whose finding is accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Ignore {
    /// The check. There is one of that id.
    pub(super) check: CheckId,
    /// Why it is accepted. Not empty.
    pub(super) reason: String,
    /// The last day on which it is.
    pub(super) expires: Option<jiff::civil::Date>,
}

/// An ignore as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    check: String,
    reason: String,
    #[serde(default)]
    expires: Option<toml::Value>,
}

impl TryFrom<Written> for Ignore {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { check, reason, expires } = written;
        let page = explain::find(Catalog::built_in(), &check).map_err(|failure| {
            failure.hint.map_or(failure.message.clone(), |hint| format!("{}: {hint}", failure.message))
        })?;
        if reason.trim().is_empty() {
            return Err(format!("the ignore of {} gives no reason", page.id));
        }
        Ok(Self { check: page.id, reason, expires: expires.map(|it| day(&it)).transpose()? })
    }
}

/// A day, be it written as a date or as text.
fn day(value: &toml::Value) -> Result<jiff::civil::Date, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    text.trim().parse().map_err(|_| {
        format!("`expires` is `{text}`, which is no day: expected the last day on which it holds, such as 2027-03-31")
    })
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

    /// The file that was named on the command line, for a command that none belongs to by itself.
    pub(super) fn named(global: &GlobalArgs, environment: &Environment) -> Result<Self, Failure> {
        if global.config.is_some() { Self::read(global, environment) } else { Ok(Self::default()) }
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
                "docs/reference/configuration.md lists its keys",
            )
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{place}{}", error.message())
        })
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

    #[test]
    fn an_ignore_names_a_check_that_there_is_and_a_day() {
        let parse = |check: &str, expires: &str| {
            let text = format!("[[ignore]]\ncheck = {check}\nreason = \"r\"\nexpires = {expires}");
            Config::parse(&text).map(|config| (config.ignore[0].check, config.ignore[0].expires.unwrap()))
        };
        let wanted = (CheckId::new(crate::model::Section::Practice, 4), jiff::civil::date(2027, 3, 31));
        assert_eq!(parse("\"PRACTICE-004\"", "2027-03-31"), Ok(wanted));
        assert_eq!(parse("\"more-than-the-connector-needs\"", "\"2027-03-31\""), Ok(wanted));
        let unknown = parse("\"PRACTICE-404\"", "2027-03-31").unwrap_err();
        assert!(unknown.starts_with("line 1: no check is called `PRACTICE-404`: did you mean"), "{unknown}");
        for expires in ["\"tomorrow\"", "12", "2027-02-30", "{ day = 1 }"] {
            let error = parse("\"PRACTICE-004\"", expires).unwrap_err();
            assert!(error.starts_with("line "), "{error}");
        }
        assert!(
            parse("\"PRACTICE-004\"", "\"tomorrow\"").unwrap_err().contains("`tomorrow`, which is no day")
        );
    }

    #[test]
    fn every_key_is_described() {
        let error = Config::parse("no_such_key = 1").unwrap_err();
        let fields: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(fields, KEYS.map(|key| key.name));
    }
}
