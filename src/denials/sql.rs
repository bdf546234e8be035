//! SQL for CloudTrail Lake and Athena: the denials of one role, and the table to ask.
//!
//! Both speak Trino's dialect. Values enter as literals only, names only after validation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use serde_json::{Value, json};

use super::scope::{RoleFilter, Scope};
use crate::denial::DENIAL_CODES;
use crate::trail::Event;

/// How an Athena table is partitioned, as far as it helps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitions {
    /// Partition columns and the pattern of their dates where they hold such (`yyyy/MM/dd`).
    pub columns: Vec<(String, Option<String>)>,
}

/// `DATABASE.TABLE` of Athena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
}

/// The text is not `DATABASE.TABLE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not DATABASE.TABLE: letters, digits, underscores and hyphens, one dot between them")]
pub struct TableNameError(String);

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, TableNameError> {
        let plain = |name: &str| {
            !name.is_empty()
                && name.len() <= 255
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        match text.split_once('.') {
            Some((database, table)) if plain(database) && plain(table) => {
                Ok(Self { database: database.to_owned(), table: table.to_owned() })
            }
            _ => Err(TableNameError(text.to_owned())),
        }
    }
}

/// A string literal: quotes doubled, which is all that the dialect escapes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A quoted name.
fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn list(values: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    values.into_iter().map(|value| literal(value.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The columns asked for: the name in the answer, the expression.
///
/// The names are read back by [`crate::collect`]; nested members stand by themselves, so that no
/// engine's way of printing rows matters.
pub const COLUMNS: [(&str, &str); 25] = [
    ("eventid", "eventid"),
    ("eventtime", "eventtime"),
    ("eventsource", "eventsource"),
    ("eventname", "eventname"),
    ("awsregion", "awsregion"),
    ("recipientaccountid", "recipientaccountid"),
    ("sourceipaddress", "sourceipaddress"),
    ("useragent", "useragent"),
    ("errorcode", "errorcode"),
    ("errormessage", "errormessage"),
    ("readonly", "readonly"),
    ("sharedeventid", "sharedeventid"),
    ("vpcendpointid", "vpcendpointid"),
    ("identity_type", "useridentity.type"),
    ("identity_arn", "useridentity.arn"),
    ("identity_principalid", "useridentity.principalid"),
    ("identity_accountid", "useridentity.accountid"),
    ("identity_accesskeyid", "useridentity.accesskeyid"),
    ("identity_username", "useridentity.username"),
    ("identity_invokedby", "useridentity.invokedby"),
    ("issuer_type", "useridentity.sessioncontext.sessionissuer.type"),
    ("issuer_arn", "useridentity.sessioncontext.sessionissuer.arn"),
    ("issuer_accountid", "useridentity.sessioncontext.sessionissuer.accountid"),
    ("issuer_username", "useridentity.sessioncontext.sessionissuer.username"),
    ("requestparameters", "requestparameters"),
];

/// Athena's question. `columns` are those that the table has, in lower case: one it lacks is asked
/// for as NULL. `partitions` prune what is read.
pub fn athena_query(
    table: &TableName,
    columns: &BTreeSet<String>,
    partitions: &Partitions,
    scope: &Scope,
) -> String {
    let selected = COLUMNS.iter().map(|(alias, expression)| {
        let column = expression.split('.').next().unwrap_or(expression);
        let expression = if columns.contains(column) { expression } else { "CAST(NULL AS varchar)" };
        format!("{expression} AS {alias}")
    });
    let mut conditions = partition_conditions(partitions, scope);
    conditions.extend(conditions_of(
        scope,
        |time| literal(&iso(time)),
        columns.contains("recipientaccountid"),
    ));
    format!(
        "SELECT {}\nFROM {}.{}\nWHERE {}",
        selected.collect::<Vec<_>>().join(", "),
        name(&table.database),
        name(&table.table),
        conditions.join("\n  AND ")
    )
}

/// CloudTrail Lake's question, of the event data store with this id (a UUID, validated by the
/// caller). Times are `timestamp` there, and request parameters a map.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-limitations.html>
pub fn lake_query(store: &str, scope: &Scope) -> String {
    let selected = COLUMNS.iter().map(|(alias, expression)| match *alias {
        "requestparameters" => format!("json_format(CAST({expression} AS JSON)) AS {alias}"),
        _ => format!("{expression} AS {alias}"),
    });
    let time = |time: Timestamp| literal(&time.strftime("%Y-%m-%d %H:%M:%S").to_string());
    format!(
        "SELECT {}\nFROM {}\nWHERE {}",
        selected.collect::<Vec<_>>().join(", "),
        store,
        conditions_of(scope, time, true).join("\n  AND ")
    )
}

fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What every engine is asked: code, role, time, account, region.
fn conditions_of(scope: &Scope, time: impl Fn(Timestamp) -> String, accounts: bool) -> Vec<String> {
    let mut conditions = vec![denied()];
    conditions.extend(scope.role.as_ref().map(made_by));
    conditions.extend(scope.window.since.map(|since| format!("eventtime >= {}", time(since))));
    conditions.extend(scope.window.until.map(|until| format!("eventtime < {}", time(until))));
    if !scope.accounts.is_empty() && accounts {
        conditions.push(format!("recipientaccountid IN ({})", list(&scope.accounts)));
    }
    if !scope.regions.is_empty() {
        conditions.push(format!("awsregion IN ({})", list(&scope.regions)));
    }
    conditions
}

/// The codes of denials by what follows the last dot, `#` or colon.
fn denied() -> String {
    format!("regexp_like(trim(errorcode), '(^|[.#:])({})$')", DENIAL_CODES.join("|"))
}

/// Sessions of the role: by the issuer, which has the role's path; where there is no issuer, by the
/// session's ARN, which has not. Never by the session's name.
fn made_by(role: &RoleFilter) -> String {
    let issuer = "useridentity.sessioncontext.sessionissuer.arn";
    let arn = "useridentity.arn";
    match role {
        RoleFilter::Arn(role) => {
            let partition = role.partition();
            let (partition, account, role_name) = (partition.as_str(), role.account(), role.name());
            let by_issuer = if role.resource() == format!("role/{role_name}") {
                // Given without a path: found under any.
                format!(
                    "({issuer} = {} OR {issuer} LIKE {})",
                    literal(role.as_str()),
                    pattern(&[&format!("arn:{partition}:iam::{account}:role/"), &format!("/{role_name}")])
                )
            } else {
                format!("{issuer} = {}", literal(role.as_str()))
            };
            let session =
                pattern(&[&format!("arn:{partition}:sts::{account}:assumed-role/{role_name}/"), ""]);
            format!(
                "({by_issuer} OR ({issuer} IS NULL AND ({arn} LIKE {session} OR {arn} = {})))",
                literal(role.as_str())
            )
        }
        RoleFilter::Name(role) => format!(
            "({issuer} LIKE {} OR {issuer} LIKE {} OR ({issuer} IS NULL AND {arn} LIKE {}))",
            pattern(&["arn:", &format!(":role/{role}")]),
            pattern(&["arn:", ":role/", &format!("/{role}")]),
            pattern(&["arn:", &format!(":assumed-role/{role}/"), ""])
        ),
    }
}

/// A pattern for `LIKE`: the parts as they are, anything between them.
fn pattern(parts: &[&str]) -> String {
    let escaped = parts.iter().map(|part| part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    format!("{} ESCAPE '\\'", literal(&escaped.collect::<Vec<_>>().join("%")))
}

/// Conditions on the partition columns that bear well-known names. Folders are named by the day of
/// delivery, which may be later than the event's: the window is widened by a day at its end.
fn partition_conditions(partitions: &Partitions, scope: &Scope) -> Vec<String> {
    let mut conditions = Vec::new();
    let until = scope.window.until.and_then(|until| until.checked_add(SignedDuration::from_hours(25)).ok());
    for (column, dates) in &partitions.columns {
        let quoted = name(column);
        match (column.to_ascii_lowercase().as_str(), dates) {
            ("account" | "accountid" | "account_id", _) if !scope.accounts.is_empty() => {
                conditions.push(format!("{quoted} IN ({})", list(&scope.accounts)));
            }
            ("region" | "awsregion" | "aws_region", _) if !scope.regions.is_empty() => {
                conditions.push(format!("{quoted} IN ({})", list(&scope.regions)));
            }
            (_, Some(pattern)) => {
                let Some(format) = date_format(pattern) else { continue };
                let date = |time: Timestamp| literal(&time.strftime(&format).to_string());
                conditions.extend(scope.window.since.map(|since| format!("{quoted} >= {}", date(since))));
                conditions.extend(until.map(|until| format!("{quoted} <= {}", date(until))));
            }
            _ => {}
        }
    }
    conditions.extend(year_month_day(partitions, scope.window.since, until));
    conditions
}

/// The format for `strftime` of a pattern whose texts stand in the order of time.
fn date_format(pattern: &str) -> Option<String> {
    let format = pattern.replace("yyyy", "%Y").replace("MM", "%m").replace("dd", "%d");
    let ordered = format.starts_with("%Y")
        && !format.replace("%Y", "").replace("%m", "").replace("%d", "").contains(char::is_alphanumeric);
    ordered.then_some(format)
}

/// Tables made by hand are often partitioned by `year`, `month` and `day`, each a text.
fn year_month_day(
    partitions: &Partitions,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Vec<String> {
    let has =
        |wanted: &str| partitions.columns.iter().any(|(column, dates)| column == wanted && dates.is_none());
    if !["year", "month", "day"].into_iter().all(has) {
        return Vec::new();
    }
    let joined = "\"year\" || lpad(\"month\", 2, '0') || lpad(\"day\", 2, '0')";
    let date = |time: Timestamp| literal(&time.strftime("%Y%m%d").to_string());
    let from = since.map(|since| format!("{joined} >= {}", date(since)));
    let to = until.map(|until| format!("{joined} <= {}", date(until)));
    from.into_iter().chain(to).collect()
}

/// Whose logs a table is to be defined for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLayout {
    /// The bucket.
    pub bucket: String,
    /// The key prefix before `AWSLogs`, without slashes at its ends.
    pub prefix: Option<String>,
    /// `o-…` for the trail of an organisation.
    pub organization: Option<String>,
    /// The accounts: one, or all that the organisation's table is to hold.
    pub accounts: Vec<String>,
    /// The regions.
    pub regions: Vec<String>,
    /// The first day, `2025/01/01`.
    pub from_day: String,
}

/// The definition of a table with partition projection for a trail's logs.
///
/// The `account` column is projected for an organisation only. Nothing needs to be loaded or
/// repaired: Athena computes the partitions from the query.
/// <https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table-partition-projection.html>
pub fn athena_ddl(table: &TableName, layout: &TableLayout) -> String {
    let prefix = layout.prefix.as_deref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let root = format!("s3://{}/{prefix}AWSLogs", layout.bucket);
    let (root, template) = match (&layout.organization, &layout.accounts[..]) {
        (Some(organization), _) => {
            let root = format!("{root}/{organization}");
            (root.clone(), format!("{root}/${{account}}/CloudTrail/${{region}}/${{day}}"))
        }
        (None, [account]) => {
            let root = format!("{root}/{account}/CloudTrail");
            (root.clone(), format!("{root}/${{region}}/${{day}}"))
        }
        (None, _) => (root.clone(), format!("{root}/${{account}}/CloudTrail/${{region}}/${{day}}")),
    };
    let by_account = template.contains("${account}");
    let mut properties = vec![("projection.enabled".to_owned(), "true".to_owned())];
    let mut add = |key: &str, value: &str| properties.push((format!("projection.{key}"), value.to_owned()));
    if by_account {
        add("account.type", "enum");
        add("account.values", &layout.accounts.join(","));
    }
    add("region.type", "enum");
    add("region.values", &layout.regions.join(","));
    add("day.type", "date");
    add("day.format", "yyyy/MM/dd");
    add("day.range", &format!("{},NOW", layout.from_day));
    add("day.interval", "1");
    add("day.interval.unit", "DAYS");
    properties.push(("storage.location.template".to_owned(), template));
    let account = if by_account { "account string, " } else { "" };
    let mut ddl = format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{}`.`{}` (\n{TABLE_COLUMNS}\n)\n\
         PARTITIONED BY ({account}region string, day string)\n\
         ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\n\
         STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'\n\
         OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n\
         LOCATION {}\nTBLPROPERTIES (\n",
        table.database,
        table.table,
        hive_literal(&format!("{root}/"))
    );
    let lines: Vec<_> = properties
        .iter()
        .map(|(key, value)| format!("  {} = {}", hive_literal(key), hive_literal(value)))
        .collect();
    let _ = writeln!(ddl, "{}\n);", lines.join(",\n"));
    ddl
}

/// A literal of Hive's dialect, which escapes with backslashes.
fn hive_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

const TABLE_COLUMNS: &str = "  eventversion string,
  useridentity struct<
    type: string, principalid: string, arn: string, accountid: string, invokedby: string,
    accesskeyid: string, username: string,
    sessioncontext: struct<
      attributes: struct<mfaauthenticated: string, creationdate: string>,
      sessionissuer: struct<type: string, principalid: string, arn: string, accountid: string, username: string>>>,
  eventtime string,
  eventsource string,
  eventname string,
  awsregion string,
  sourceipaddress string,
  useragent string,
  errorcode string,
  errormessage string,
  requestparameters string,
  responseelements string,
  additionaleventdata string,
  requestid string,
  eventid string,
  readonly string,
  resources array<struct<arn: string, accountid: string, type: string>>,
  eventtype string,
  apiversion string,
  recipientaccountid string,
  serviceeventdetails string,
  sharedeventid string,
  vpcendpointid string,
  eventcategory string";

/// The event of a row of the answer, by the names of [`COLUMNS`].
pub fn event_of_row(row: &BTreeMap<String, String>) -> Option<Event> {
    let of = |name: &str| row.get(name).filter(|value| !value.is_empty()).map_or(Value::Null, |it| json!(it));
    let issuer = json!({
        "type": of("issuer_type"), "arn": of("issuer_arn"),
        "accountId": of("issuer_accountid"), "userName": of("issuer_username"),
    });
    let has_issuer = row.iter().any(|(name, value)| name.starts_with("issuer_") && !value.is_empty());
    Event::from_value(&json!({
        "eventID": of("eventid"), "eventTime": of("eventtime"), "eventSource": of("eventsource"),
        "eventName": of("eventname"), "awsRegion": of("awsregion"),
        "recipientAccountId": of("recipientaccountid"), "sourceIPAddress": of("sourceipaddress"),
        "userAgent": of("useragent"), "errorCode": of("errorcode"), "errorMessage": of("errormessage"),
        "readOnly": of("readonly"), "sharedEventID": of("sharedeventid"), "vpcEndpointId": of("vpcendpointid"),
        "requestParameters": of("requestparameters"),
        "userIdentity": {
            "type": of("identity_type"), "arn": of("identity_arn"), "principalId": of("identity_principalid"),
            "accountId": of("identity_accountid"), "accessKeyId": of("identity_accesskeyid"),
            "userName": of("identity_username"), "invokedBy": of("identity_invokedby"),
            "sessionContext": if has_issuer { json!({"sessionIssuer": issuer}) } else { Value::Null },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denials::Window;
    use crate::model::Arn;

    fn table() -> TableName {
        "logs.cloudtrail".parse().unwrap()
    }

    fn columns() -> BTreeSet<String> {
        COLUMNS.iter().map(|(_, expression)| expression.split('.').next().unwrap().to_owned()).collect()
    }

    fn scope(role: &str) -> Scope {
        Scope {
            role: Some(
                role.parse::<Arn>().map_or_else(|_| RoleFilter::Name(role.to_owned()), RoleFilter::Arn),
            ),
            accounts: ["111122223333".to_owned()].into(),
            regions: ["eu-west-1".to_owned()].into(),
            window: Window {
                since: Some("2026-03-02T10:00:00Z".parse().unwrap()),
                until: Some("2026-03-04T00:00:00Z".parse().unwrap()),
            },
        }
    }

    #[test]
    fn values_cannot_leave_their_quotes() {
        let sql = athena_query(&table(), &columns(), &Partitions::default(), &scope("x' OR '1'='1"));
        assert!(sql.contains("x'' OR ''1''=''1"), "{sql}");
        // Outside of literals nothing of the name is left.
        let outside: String = sql.split('\'').step_by(2).collect();
        assert!(!outside.contains("OR 1"), "{outside}");
        for bad in ["a.b; DROP TABLE x", "a", "a.b.c", ".b", "a.\"b\"", "a.b`"] {
            assert!(bad.parse::<TableName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn partitions_are_pruned_by_account_region_and_day_of_delivery() {
        let partitions = Partitions {
            columns: vec![
                ("account".to_owned(), None),
                ("region".to_owned(), None),
                ("timestamp".to_owned(), Some("yyyy/MM/dd".to_owned())),
            ],
        };
        let sql = athena_query(&table(), &columns(), &partitions, &scope("orders"));
        for condition in [
            "\"account\" IN ('111122223333')",
            "\"region\" IN ('eu-west-1')",
            "\"timestamp\" >= '2026/03/02'",
            "\"timestamp\" <= '2026/03/05'",
        ] {
            assert!(sql.contains(condition), "{condition}\n{sql}");
        }
        let by_day = Partitions { columns: ["year", "month", "day"].map(|it| (it.to_owned(), None)).into() };
        let sql = athena_query(&table(), &columns(), &by_day, &scope("orders"));
        assert!(sql.contains(">= '20260302'") && sql.contains("<= '20260305'"), "{sql}");
        // A pattern in which texts do not stand in the order of time prunes nothing.
        assert_eq!(date_format("dd/MM/yyyy"), None);
    }

    #[test]
    fn columns_that_a_table_lacks_are_asked_for_as_null() {
        let mut columns = columns();
        columns.remove("vpcendpointid");
        let sql = athena_query(&table(), &columns, &Partitions::default(), &scope("orders"));
        assert!(sql.contains("CAST(NULL AS varchar) AS vpcendpointid"));
    }

    #[test]
    fn lake_is_asked_with_its_own_times_and_maps() {
        let sql = lake_query(
            "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            &scope("arn:aws:iam::111122223333:role/service/orders"),
        );
        assert!(sql.contains("eventtime >= '2026-03-02 10:00:00'"));
        assert!(sql.contains("json_format(CAST(requestparameters AS JSON))"));
        assert!(sql.contains("sessionissuer.arn = 'arn:aws:iam::111122223333:role/service/orders'"));
        assert!(sql.contains("'arn:aws:sts::111122223333:assumed-role/orders/%'"));
        assert!(sql.len() < 10_000);
    }

    #[test]
    fn the_table_of_an_organisation_projects_accounts() {
        let mut layout = TableLayout {
            bucket: "logs".to_owned(),
            prefix: Some("audit".to_owned()),
            organization: Some("o-ab12cd34ef".to_owned()),
            accounts: vec!["111122223333".to_owned(), "444455556666".to_owned()],
            regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
            from_day: "2025/01/01".to_owned(),
        };
        let ddl = athena_ddl(&table(), &layout);
        assert!(ddl.contains(
            "'storage.location.template' = 's3://logs/audit/AWSLogs/o-ab12cd34ef/${account}/CloudTrail/${region}/${day}'"
        ));
        assert!(ddl.contains("'projection.account.values' = '111122223333,444455556666'"));
        layout.organization = None;
        layout.accounts.truncate(1);
        let ddl = athena_ddl(&table(), &layout);
        assert!(ddl.contains("LOCATION 's3://logs/audit/AWSLogs/111122223333/CloudTrail/'"), "{ddl}");
        assert!(!ddl.contains("projection.account"));
    }
}
