//! The options that say what to look at: connectors, role, parameters.

use std::path::PathBuf;

use clap::Args;

/// What to look at.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct TargetArgs {
    /// The connectors: s3, iceberg-glue, redshift, byoc, or that of a --connector-file [default: what the
    /// parameters tell]
    #[arg(value_name = "CONNECTOR")]
    pub(super) connectors: Vec<String>,
    /// The role: name, ARN or the address of its page in the console
    #[arg(long, value_name = "ROLE", help_heading = "Target")]
    pub(super) role: Option<String>,
    /// The external id that Streamkap's app shows, exactly
    #[arg(long, value_name = "ID", help_heading = "Target", allow_hyphen_values = true)]
    pub(super) external_id: Option<String>,
    #[command(flatten)]
    pub(super) parameters: ParameterArgs,
    /// redshift: the serverless workgroup, in place of a cluster: its name or endpoint
    #[arg(long, value_name = "WORKGROUP", help_heading = "Target")]
    pub(super) workgroup: Option<String>,
    #[command(flatten)]
    pub(super) more: MoreArgs,
}

/// The connectors' parameters, as far as what their resources are called.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ParameterArgs {
    /// s3, iceberg-glue: the bucket: name, ARN, s3://BUCKET/PREFIX or the address of its page in the
    /// console
    #[arg(long, value_name = "BUCKET", help_heading = "Target")]
    pub(super) bucket: Option<String>,
    /// s3: the file name prefix set in the connector
    #[arg(long, value_name = "PREFIX", help_heading = "Target")]
    pub(super) prefix: Option<String>,
    /// iceberg-glue: the Glue database: name, ARN or the address of its page in the console
    #[arg(long, value_name = "DATABASE", help_heading = "Target")]
    pub(super) database: Option<String>,
    /// iceberg-glue: where tables go if the database has no location of its own: s3://BUCKET/PATH
    #[arg(long, value_name = "LOCATION", help_heading = "Target")]
    pub(super) warehouse: Option<String>,
    /// iceberg-glue: a table that exists [default: those found in the database]
    #[arg(long, value_name = "TABLE", help_heading = "Target")]
    pub(super) table: Option<String>,
    /// redshift: the cluster: identifier, ARN or endpoint
    #[arg(long, value_name = "CLUSTER", help_heading = "Target")]
    pub(super) cluster: Option<String>,
}

/// The rest of the parameters.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct MoreArgs {
    /// redshift: the database
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub(super) db: Option<String>,
    /// redshift: the database user
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub(super) db_user: Option<String>,
    /// byoc: which of the installer's work: install, removal or all [default: install]
    #[arg(long, value_name = "PHASE", help_heading = "Target")]
    pub(super) phase: Option<String>,
    /// Any parameter, also of a --connector-file: NAME=VALUE, or CONNECTOR.NAME=VALUE for one connector
    /// only; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment, help_heading = "Target")]
    pub(super) param: Vec<Assignment>,
    /// A connector file of your own, for any AWS resource; may be given more than once
    #[arg(long, value_name = "FILE", help_heading = "Target")]
    pub(super) connector_file: Vec<PathBuf>,
}

/// `NAME=VALUE` or `CONNECTOR.NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The one connector that it is for.
    pub(super) connector: Option<String>,
    /// The parameter.
    pub(super) name: String,
    /// Its value.
    pub(super) value: String,
}

/// Every parameter that is a flag, with its environment variable.
pub(super) const FLAGS: [(&str, &str); 10] = [
    ("bucket", "STREAMKAP_DOCTOR_BUCKET"),
    ("prefix", "STREAMKAP_DOCTOR_PREFIX"),
    ("database", "STREAMKAP_DOCTOR_DATABASE"),
    ("warehouse", "STREAMKAP_DOCTOR_WAREHOUSE"),
    ("table", "STREAMKAP_DOCTOR_TABLE"),
    ("cluster", "STREAMKAP_DOCTOR_CLUSTER"),
    ("workgroup", "STREAMKAP_DOCTOR_WORKGROUP"),
    ("db", "STREAMKAP_DOCTOR_DB"),
    ("db-user", "STREAMKAP_DOCTOR_DB_USER"),
    ("phase", "STREAMKAP_DOCTOR_PHASE"),
];

/// How a parameter is given on the command line: `--bucket`, or `--param queue=`.
pub(super) fn flag(name: &str) -> String {
    if FLAGS.iter().any(|(flag, _)| *flag == name) { format!("--{name}") } else { format!("--param {name}=") }
}

impl TargetArgs {
    /// The value of a parameter's flag.
    pub(super) fn flag(&self, name: &str) -> Option<&String> {
        let of = &self.parameters;
        match name {
            "bucket" => of.bucket.as_ref(),
            "prefix" => of.prefix.as_ref(),
            "database" => of.database.as_ref(),
            "warehouse" => of.warehouse.as_ref(),
            "table" => of.table.as_ref(),
            "cluster" => of.cluster.as_ref(),
            "workgroup" => self.workgroup.as_ref(),
            "db" => self.more.db.as_ref(),
            "db-user" => self.more.db_user.as_ref(),
            "phase" => self.more.phase.as_ref(),
            _ => None,
        }
    }
}

fn assignment(text: &str) -> Result<Assignment, String> {
    let wrong = || "expected NAME=VALUE or CONNECTOR.NAME=VALUE, such as queue=orders".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (connector, name) = match name.split_once('.') {
        Some((connector, name)) => (Some(connector.trim().to_owned()), name),
        None => (None, name),
    };
    let name = name.trim().trim_start_matches("--");
    if name.is_empty() || connector.as_deref() == Some("") {
        return Err(wrong());
    }
    Ok(Assignment { connector, name: name.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_names_a_parameter_and_perhaps_a_connector() {
        let parts = |text: &str| {
            assignment(text)
                .map(|it| format!("{} {} {}", it.connector.as_deref().unwrap_or("-"), it.name, it.value))
        };
        assert_eq!(parts("queue=orders").as_deref(), Ok("- queue orders"));
        assert_eq!(parts("s3.bucket=a=b.c").as_deref(), Ok("s3 bucket a=b.c"));
        assert_eq!(parts("prefix=").as_deref(), Ok("- prefix "));
        for wrong in ["queue", "=x", ".x=y", "s3.=y", ""] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_flag_can_be_read_by_its_name() {
        use clap::{CommandFactory as _, FromArgMatches as _, Parser};
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            target: TargetArgs,
        }
        for (name, _) in FLAGS {
            let words = ["doctor".to_owned(), format!("--{name}"), "x".to_owned()];
            let matches = Line::command().try_get_matches_from(words).unwrap();
            let line = Line::from_arg_matches(&matches).unwrap();
            assert_eq!(line.target.flag(name).map(String::as_str), Some("x"), "{name}");
        }
    }
}
