//! The outside world, read once: arguments, environment variables, the clock, the terminal.

use std::collections::BTreeMap;
use std::ffi::OsString;

use jiff::Timestamp;

/// An environment variable of the doctor's own. AWS's `AWS_*` variables are read by the AWS SDK.
pub(super) struct Variable {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) help: &'static str,
}

/// Every variable that the doctor itself reads.
pub(super) const VARIABLES: [Variable; 19] = [
    Variable { name: "STREAMKAP_DOCTOR_ROLE", help: "The role, where `--role` is not given." },
    Variable {
        name: "STREAMKAP_DOCTOR_EXTERNAL_ID",
        help: "The external id, where `--external-id` is not given. Keeps it out of the shell's history.",
    },
    Variable { name: "STREAMKAP_DOCTOR_BUCKET", help: "The bucket, where `--bucket` is not given." },
    Variable { name: "STREAMKAP_DOCTOR_PREFIX", help: "The prefix, where `--prefix` is not given." },
    Variable {
        name: "STREAMKAP_DOCTOR_DATABASE",
        help: "The Glue database, where `--database` is not given.",
    },
    Variable { name: "STREAMKAP_DOCTOR_WAREHOUSE", help: "The warehouse, where `--warehouse` is not given." },
    Variable { name: "STREAMKAP_DOCTOR_TABLE", help: "The table, where `--table` is not given." },
    Variable {
        name: "STREAMKAP_DOCTOR_CLUSTER",
        help: "The Redshift cluster, where `--cluster` is not given.",
    },
    Variable {
        name: "STREAMKAP_DOCTOR_WORKGROUP",
        help: "The Redshift Serverless workgroup, where `--workgroup` is not given.",
    },
    Variable { name: "STREAMKAP_DOCTOR_DB", help: "The database in Redshift, where `--db` is not given." },
    Variable {
        name: "STREAMKAP_DOCTOR_DB_USER",
        help: "The database user in Redshift, where `--db-user` is not given.",
    },
    Variable { name: "STREAMKAP_DOCTOR_PHASE", help: "The phase of BYOC, where `--phase` is not given." },
    Variable {
        name: "STREAMKAP_DOCTOR_CONFIG",
        help: "The configuration file, in place of `streamkap-doctor.toml` in the working directory.",
    },
    Variable {
        name: "AWS_PROFILE",
        help: "The profile, as for every AWS tool. Goes before the configuration file's.",
    },
    Variable {
        name: "AWS_REGION",
        help: "The region that AWS is read from, as for every AWS tool. Counts as the connector's for Glue, Redshift and BYOC where `--region` is not given; never as a bucket's.",
    },
    Variable { name: "COLUMNS", help: "The width of the table, in place of the terminal's." },
    Variable { name: "NO_COLOR", help: "Set and not empty: no colours." },
    Variable { name: "CLICOLOR_FORCE", help: "Set and not `0`: colours even into a pipe or a file." },
    Variable { name: "TERM", help: "`dumb`: no colours and no progress bars." },
];

/// What was read of the outside world.
#[derive(Clone, Debug)]
pub(super) struct Environment {
    /// The command line, the program's name first.
    pub(super) arguments: Vec<OsString>,
    /// The clock.
    pub(super) now: Timestamp,
    /// Columns of the terminal on standard output, if it is one.
    terminal: Option<usize>,
    variables: BTreeMap<&'static str, String>,
}

impl Environment {
    /// Reads it.
    pub(super) fn read() -> Self {
        let value = |name| std::env::var(name).ok().filter(|text: &String| !text.is_empty());
        Self {
            arguments: std::env::args_os().collect(),
            now: Timestamp::now(),
            terminal: terminal_size::terminal_size_of(std::io::stdout())
                .map(|(width, _)| usize::from(width.0)),
            variables: VARIABLES
                .iter()
                .filter_map(|variable| Some((variable.name, value(variable.name)?)))
                .collect(),
        }
    }

    /// One of [`VARIABLES`], when it is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Columns to fill: what `COLUMNS` says, or the terminal.
    pub(super) fn columns(&self) -> Option<usize> {
        let said = self.variable("COLUMNS").and_then(|text| text.trim().parse().ok());
        said.filter(|columns| *columns > 0).or(self.terminal)
    }
}
