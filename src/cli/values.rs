//! Values of parameters by their kind: what people paste understood, what cannot be told before any call.

use percent_encoding::percent_decode_str;

use super::failure::Failure;
use super::regions;
use super::target::{self, unquoted};
use super::target_args::flag;
use crate::catalog::{Parameter, ParameterKind};
use crate::model::{Arn, nearest};

/// A value that was pasted, with what came along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pasted {
    /// The value itself.
    pub(super) text: String,
    /// The prefix that came with a bucket.
    pub(super) prefix: Option<String>,
    /// The region in an ARN, an endpoint or the address of a page.
    pub(super) region: Option<String>,
}

impl From<String> for Pasted {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// The value of a parameter.
pub(super) fn value(parameter: &Parameter, given: &str) -> Result<Pasted, Failure> {
    let text = unquoted(given);
    let found = match parameter.kind {
        ParameterKind::Bucket => {
            let bucket = target::bucket(given).map_err(|failure| named_in(parameter, failure))?;
            Ok(Pasted { text: bucket.name, prefix: bucket.prefix, region: None })
        }
        ParameterKind::Location => {
            let bucket = target::bucket(given).map_err(|failure| named_in(parameter, failure))?;
            let path = bucket.prefix.unwrap_or_default();
            let address = format!("s3://{}/{path}", bucket.name);
            Ok(address.trim_end_matches('/').to_owned().into())
        }
        ParameterKind::Prefix => prefix(text),
        ParameterKind::GlueDatabase => glue(text, Glue::Database),
        ParameterKind::GlueTable => glue(text, Glue::Table),
        ParameterKind::RedshiftCluster => cluster(text),
        ParameterKind::RedshiftWorkgroup => workgroup(text),
        ParameterKind::RedshiftName => redshift_name(text),
        ParameterKind::Choice => choice(text, &parameter.choices),
        // It stands where a region does in ARNs.
        ParameterKind::Text if parameter.name == "region" => return Ok(regions::parse(text)?.into()),
        ParameterKind::Text => plain(text),
    };
    found.map_err(|(what, expected)| {
        let end = if expected.ends_with('?') { "" } else { "." };
        let find = parameter.find.as_deref().map(|find| format!("{end} Where to find it: {find}"));
        Failure::usage(
            format!("{} `{given}` {what}", flag(&parameter.name).trim_end_matches('=')),
            format!("{expected}{}", find.unwrap_or_default()),
        )
    })
}

/// A failure that begins with the value, with its parameter named, and where to find the right one.
fn named_in(parameter: &Parameter, failure: Failure) -> Failure {
    let name = flag(&parameter.name);
    let hint = failure.hint.map(|hint| match &parameter.find {
        Some(find) => {
            format!("{hint}{} Where to find it: {find}", if hint.ends_with('?') { "" } else { "." })
        }
        None => hint,
    });
    Failure { message: format!("{} {}", name.trim_end_matches('='), failure.message), hint, ..failure }
}

/// What keys begin with exactly: only quotes and the `*` of a policy's resource are taken off.
fn prefix(text: &str) -> Result<Pasted, Wrong> {
    let address =
        ["s3://", "s3a://", "s3n://", "arn:", "https://"].iter().any(|start| text.starts_with(start));
    if !address {
        return Ok(text.trim_end_matches('*').to_owned().into());
    }
    let meant = target::bucket(text).ok().and_then(|bucket| bucket.prefix);
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    wrong("is an address and no prefix", format!("expected what keys in the bucket begin with{meant}"))
}

/// What is wrong with a value, and what is expected.
type Wrong = (String, String);

fn wrong<T>(what: impl Into<String>, expected: impl Into<String>) -> Result<T, Wrong> {
    Err((what.into(), expected.into()))
}

/// What of the Data Catalog a name is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Glue {
    Database,
    Table,
}

impl Glue {
    const fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Table => "table",
        }
    }

    /// Iceberg's limits: `IcebergToGlueConverter` takes `[a-z0-9_]{1,252}` and `{1,255}`.
    const fn longest(self) -> usize {
        match self {
            Self::Database => 252,
            Self::Table => 255,
        }
    }
}

/// A database or table of the Data Catalog: its name, its ARN or the address of its page.
fn glue(text: &str, kind: Glue) -> Result<Pasted, Wrong> {
    let word = kind.word();
    let expected = format!("expected the {word}'s name, its ARN or the address of its page in the console");
    let (name, region) = if text.starts_with("arn:") {
        match glue_arn(text, kind) {
            Some((name, region)) => (name, Some(region)),
            None => return wrong(format!("is not the ARN of a Glue {word}"), expected),
        }
    } else if text.starts_with("http://") || text.starts_with("https://") {
        match glue_page(text, kind) {
            Some((name, region)) => (name, region),
            None => return wrong(format!("is not the address of a Glue {word}'s page"), expected),
        }
    } else {
        (text.to_owned(), None)
    };
    if let Some(fault) = glue_fault(&name, kind) {
        let rule = format!("expected up to {} lower-case letters, digits and underscores", kind.longest());
        let meant = glue_meant(&name, kind).map(|meant| format!("; did you mean `{meant}`?"));
        return wrong(
            format!("is not the name of a Glue {word} that Iceberg writes to: {fault}"),
            format!("{rule}{}", meant.unwrap_or_default()),
        );
    }
    Ok(Pasted { text: name, prefix: None, region })
}

fn glue_fault(name: &str, kind: Glue) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > kind.longest() {
        Some("it is too long")
    } else if name.chars().any(char::is_uppercase) {
        Some("it has capitals, which Glue turns into small letters")
    } else if kind == Glue::Table && name.contains('.') {
        Some("it has a dot, which separates a database from its table")
    } else if name.contains(['.', '-']) {
        Some("it has dots or hyphens, which Iceberg does not accept")
    } else if !name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_') {
        Some("it has characters that Iceberg does not accept")
    } else {
        None
    }
}

/// The name in lower case, with underscores; of `database.table` the table.
fn glue_meant(name: &str, kind: Glue) -> Option<String> {
    let name = match name.rsplit_once('.') {
        Some((_, table)) if kind == Glue::Table => table,
        _ => name,
    };
    let meant = name.to_lowercase().replace(['.', '-', ' '], "_");
    glue_fault(&meant, kind).is_none().then_some(meant)
}

/// `arn:aws:glue:REGION:ACCOUNT:database/NAME`, `…:table/DATABASE/NAME`.
fn glue_arn(text: &str, kind: Glue) -> Option<(String, String)> {
    let arn: Arn = text.parse().ok().filter(|arn: &Arn| arn.service() == "glue")?;
    let mut parts = arn.resource().split('/');
    let (of, database, table) = (parts.next()?, parts.next()?, parts.next());
    let name = match (kind, of) {
        (Glue::Database, "database" | "table") => database,
        (Glue::Table, "table") => table?,
        _ => return None,
    };
    let region = text.split(':').nth(3)?;
    (!name.is_empty() && parts.next().is_none()).then(|| (name.to_owned(), region.to_owned()))
}

/// `…/glue/home?region=…#/v2/data-catalog/databases/view/NAME`, `…/tables/view/NAME?database=…`.
fn glue_page(text: &str, kind: Glue) -> Option<(String, Option<String>)> {
    let (host, rest) = text.split_once("://")?.1.split_once('/')?;
    let aws = [".aws.amazon.com", ".amazonaws.cn", ".amazonaws-us-gov.com"];
    if !aws.iter().any(|end| host.ends_with(end) || host == &end[1..]) {
        return None;
    }
    let parameter = |name: &str| {
        let found = rest.split(['?', '&', '#']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.map(decoded)
    };
    let page = |name: &str| {
        let after = rest.split_once(&format!("{name}/view/"))?.1;
        after.split(['?', '/', '#', '&']).next().map(decoded)
    };
    let name = match kind {
        Glue::Table => page("tables")?,
        Glue::Database => page("databases").or_else(|| parameter("database"))?,
    };
    Some((name, parameter("region")))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An endpoint of Redshift: its first label, and its region.
struct Endpoint<'t> {
    name: &'t str,
    region: &'t str,
    serverless: bool,
}

/// `NAME.UNIQUE.REGION.redshift.amazonaws.com:5439/dev`, `NAME.ACCOUNT.REGION.redshift-serverless.…`.
fn endpoint(text: &str) -> Option<Endpoint<'_>> {
    let host = text.rsplit_once("://").map_or(text, |(_, rest)| rest).split([':', '/', '?']).next()?;
    let domain = host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?;
    let (rest, serverless) = match domain.strip_suffix(".redshift-serverless") {
        Some(rest) => (rest, true),
        None => (domain.strip_suffix(".redshift")?, false),
    };
    let (rest, region) = rest.rsplit_once('.')?;
    let (name, _) = rest.split_once('.')?;
    Some(Endpoint { name, region, serverless })
}

/// <https://docs.aws.amazon.com/redshift/latest/mgmt/managing-clusters-console.html>
fn cluster(text: &str) -> Result<Pasted, Wrong> {
    const EXPECTED: &str = "expected the cluster's identifier, its ARN or its endpoint";
    let (name, region) = match endpoint(text) {
        Some(Endpoint { name, serverless: true, .. }) => {
            return wrong("is the endpoint of a serverless workgroup", format!("give --workgroup {name}"));
        }
        Some(Endpoint { name, region, .. }) => (name, Some(region)),
        None if text.starts_with("arn:") => {
            let mut parts = text.splitn(7, ':').skip(2);
            match (parts.next(), parts.next(), parts.nth(1), parts.next()) {
                (Some("redshift"), region, Some("cluster"), Some(name)) => (name, region),
                _ => return wrong("is not the ARN of a cluster", EXPECTED),
            }
        }
        None => (text, None),
    };
    let rule = "expected 1 to 63 lower-case letters, digits and hyphens, beginning with a letter, without a hyphen at the end or two in a row";
    let fits = |name: &str| {
        (1..=63).contains(&name.len())
            && name.starts_with(|it: char| it.is_ascii_lowercase())
            && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
            && !name.ends_with('-')
            && !name.contains("--")
    };
    named(name, region, "is not the identifier of a cluster", rule, fits)
}

/// <https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_CreateWorkgroup.html>
fn workgroup(text: &str) -> Result<Pasted, Wrong> {
    const EXPECTED: &str = "expected the workgroup's name or its endpoint";
    let (name, region) = match endpoint(text) {
        Some(Endpoint { name, serverless: false, .. }) => {
            return wrong("is the endpoint of a provisioned cluster", format!("give --cluster {name}"));
        }
        Some(Endpoint { name, region, .. }) => (name, Some(region)),
        None if text.starts_with("arn:") => {
            return wrong("is an ARN, which has the workgroup's id and not its name", EXPECTED);
        }
        None => (text, None),
    };
    let rule = "expected 3 to 64 lower-case letters, digits and hyphens";
    let fits = |name: &str| {
        (3..=64).contains(&name.len())
            && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    };
    named(name, region, "is not the name of a workgroup", rule, fits)
}

/// A name by its rule, or what was probably meant: the same in lower case, with hyphens.
fn named(
    name: &str,
    region: Option<&str>,
    what: &str,
    rule: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<Pasted, Wrong> {
    if fits(name) {
        return Ok(Pasted { text: name.to_owned(), prefix: None, region: region.map(str::to_owned) });
    }
    let meant = name.to_ascii_lowercase().replace(['_', '.', ' '], "-");
    let meant = if fits(&meant) { format!("; did you mean `{meant}`?") } else { String::new() };
    wrong(what, format!("{rule}{meant}"))
}

/// The name of a database or a user in Redshift: neither may have a colon or a slash.
/// <https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentials.html>
fn redshift_name(text: &str) -> Result<Pasted, Wrong> {
    let fits = (1..=127).contains(&text.len())
        && !text.contains([':', '/', '*'])
        && !text.chars().any(|it| it.is_whitespace() || it.is_control());
    if fits {
        return Ok(text.to_owned().into());
    }
    wrong(
        "is not a name in Redshift",
        "expected 1 to 127 characters, without a colon, a slash, a star or white space",
    )
}

fn choice(text: &str, choices: &[String]) -> Result<Pasted, Wrong> {
    if choices.iter().any(|choice| choice == text) {
        return Ok(text.to_owned().into());
    }
    let near = nearest(text, choices.iter().cloned());
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let shown = match choices {
        [head @ .., last] if !head.is_empty() => format!("{} or {last}", head.join(", ")),
        choices => choices.join(", "),
    };
    wrong("is none of its choices", format!("expected {shown}{near}"))
}

/// Anything that can stand in an ARN as it is.
fn plain(text: &str) -> Result<Pasted, Wrong> {
    if text.starts_with("arn:") {
        let name = text.splitn(6, ':').nth(5).unwrap_or_default();
        let name = name.rsplit([':', '/']).next().filter(|name| !name.is_empty());
        let meant = name.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        return wrong("is a whole ARN", format!("expected what stands in its place of the ARN{meant}"));
    }
    if text.is_empty() {
        return wrong("is empty", "expected a value");
    }
    if text.len() > 1024 {
        return wrong("is too long", "expected at most 1024 bytes");
    }
    if text.contains(['*', '?', '{', '}']) || text.chars().any(char::is_control) {
        return wrong("is a pattern", "expected the name of one resource, without `*`, `?`, `{` and `}`");
    }
    Ok(text.to_owned().into())
}

#[cfg(test)]
mod tests;
