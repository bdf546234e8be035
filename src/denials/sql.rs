//! SQL for CloudTrail Lake and Athena: the denials of one role and its history.
//!
//! Both speak Trino's dialect. Values enter as literals only, names only after validation.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use serde_json::{Value, json};

use super::scope::{RoleFilter, Scope};
use super::table::TableName;
use crate::denial::codes_of_denials;
use crate::trail::{Event, assumptions, changes};

/// How an Athena table is partitioned, as far as it helps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitions {
    /// Partition columns and the pattern of their dates where they hold such (`yyyy/MM/dd`).
    pub columns: Vec<(String, Option<String>)>,
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
pub const COLUMNS: [(&str, &str); 26] = [
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
    ("responseelements", "responseelements"),
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
    let table_has = Dialect {
        time: |time| literal(&iso(time)),
        parameter: |name| format!("json_extract_scalar(requestparameters, '$.{name}')"),
        accounts: columns.contains("recipientaccountid"),
        parameters: columns.contains("requestparameters"),
    };
    conditions.extend(conditions_of(scope, &table_has));
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
        "requestparameters" | "responseelements" => {
            format!("json_format(CAST({expression} AS JSON)) AS {alias}")
        }
        _ => format!("{expression} AS {alias}"),
    });
    let lake = Dialect {
        time: |time| literal(&time.strftime("%Y-%m-%d %H:%M:%S").to_string()),
        parameter: |name| format!("element_at(requestparameters, '{name}')"),
        accounts: true,
        parameters: true,
    };
    format!(
        "SELECT {}\nFROM {}\nWHERE {}",
        selected.collect::<Vec<_>>().join(", "),
        store,
        conditions_of(scope, &lake).join("\n  AND ")
    )
}

fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// In what engines and tables differ.
struct Dialect {
    /// A moment as it compares to `eventtime`.
    time: fn(Timestamp) -> String,
    /// A request parameter by its name.
    parameter: fn(&str) -> String,
    /// Whether there is a column of accounts.
    accounts: bool,
    /// Whether there is a column of request parameters.
    parameters: bool,
}

/// What every engine is asked: time, account, and the role's denials in the regions, or its history, which
/// is recorded elsewhere as well.
fn conditions_of(scope: &Scope, dialect: &Dialect) -> Vec<String> {
    let mut conditions = Vec::new();
    let time = dialect.time;
    conditions.extend(scope.window.since.map(|since| format!("eventtime >= {}", time(since))));
    conditions.extend(scope.window.until.map(|until| format!("eventtime < {}", time(until))));
    if !scope.accounts.is_empty() && dialect.accounts {
        conditions.push(format!("recipientaccountid IN ({})", list(&scope.accounts)));
    }
    let mut denials = vec![denied()];
    denials.extend(scope.role.as_ref().map(made_by));
    if !scope.regions.is_empty() {
        denials.push(format!("awsregion IN ({})", list(&scope.regions)));
    }
    let denials = denials.join("\n    AND ");
    match scope.role.as_ref().filter(|_| dialect.parameters) {
        Some(role) => conditions.push(format!("(({denials})\n    OR {})", history_of(role, dialect))),
        None => conditions.push(format!("({denials})")),
    }
    conditions
}

/// The assumptions of a role, changes of it, and changes of what it may depend on: what
/// [`crate::trail::is_history_of`] wants, without the grants that services make by the thousand.
fn history_of(role: &RoleFilter, dialect: &Dialect) -> String {
    let parameter = dialect.parameter;
    // A refused call comes without parameters, and then its message tells the role.
    let assumed = format!(
        "eventname IN ({}) AND ({} OR ({} IS NULL AND {}))",
        list(assumptions()),
        is_role(&format!("lower({})", parameter("roleArn")), &in_lower_case(role)),
        parameter("roleArn"),
        is_refused(role)
    );
    let any_of = |of_role: bool| {
        let mut by_source: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (source, name, _) in changes().filter(|(_, name, own)| *own == of_role && *name != "CreateGrant")
        {
            by_source.entry(source).or_default().push(name);
        }
        let conditions = by_source.iter().map(|(source, names)| {
            format!("(eventsource = {} AND eventname IN ({}))", literal(source), list(names))
        });
        format!("({})", conditions.collect::<Vec<_>>().join(" OR "))
    };
    let name = role.role().name().to_ascii_lowercase();
    let own = format!("{} AND lower({}) = {}", any_of(true), parameter("roleName"), literal(&name));
    let here = match role {
        // What an organisation's policies say is changed in its management account.
        RoleFilter::Arn(role) if dialect.accounts => format!(
            " AND (recipientaccountid = {} OR eventsource = 'organizations.amazonaws.com')",
            literal(role.account())
        ),
        _ => String::new(),
    };
    format!(
        "({assumed})\n    OR (coalesce(errorcode, '') = '' AND (({own})\n      OR {}){here})",
        any_of(false)
    )
}

/// The codes of denials by what follows the last dot, `#` or colon; whether one was, is settled by the answer.
fn denied() -> String {
    let codes: Vec<&str> = codes_of_denials().collect();
    format!("regexp_like(trim(errorcode), '(^|[.#:])({})$')", codes.join("|"))
}

/// Sessions of the role: by the issuer, which has the role's path; where there is no issuer, by the
/// session's ARN, which has not. Never by the session's name.
fn made_by(role: &RoleFilter) -> String {
    let issuer = "useridentity.sessioncontext.sessionissuer.arn";
    let arn = "useridentity.arn";
    let by_issuer = is_role(issuer, role);
    let session = match role {
        RoleFilter::Arn(role) => {
            let (partition, account) = (role.partition(), role.account());
            let session = format!("arn:{partition}:sts::{account}:assumed-role/{}/", role.name());
            format!("({arn} LIKE {} OR {arn} = {})", pattern(&[&session, ""]), literal(role.as_str()))
        }
        RoleFilter::Name(role) => {
            format!("{arn} LIKE {}", pattern(&["arn:", &format!(":assumed-role/{role}/"), ""]))
        }
    };
    format!("({by_issuer} OR ({issuer} IS NULL AND {session}))")
}

/// A role for calls that name it, as their caller wrote it: names are the same without regard to case.
fn in_lower_case(role: &RoleFilter) -> RoleFilter {
    let lower = role.as_str().to_ascii_lowercase();
    lower.parse().map_or(RoleFilter::Name(lower), RoleFilter::Arn)
}

/// Whether the message of a refused call says that the role was what was asked for.
fn is_refused(role: &RoleFilter) -> String {
    let escaped = |text: &str| -> String {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        text.chars().map(|it| if plain(it) { it.to_string() } else { format!("[{it}]") }).collect()
    };
    let role = role.role();
    let account = if role.account().is_empty() { "[0-9]+".to_owned() } else { escaped(role.account()) };
    let name = escaped(&role.name().to_ascii_lowercase()).replace("[^]", "\\^").replace("[\\]", "\\\\");
    let told =
        format!(" on resource: \"?arn:[a-z-]+:iam::{account}:role/([^ ]*/)?{name}([^a-z0-9_+=,.@-]|$)");
    format!("regexp_like(lower(errormessage), {})", literal(&told))
}

/// Whether an expression is the role's ARN.
fn is_role(expression: &str, role: &RoleFilter) -> String {
    match role {
        RoleFilter::Arn(role) if role.resource() == format!("role/{}", role.name()) => {
            // Given without a path: found under any.
            let root = format!("arn:{}:iam::{}:role/", role.partition(), role.account());
            format!(
                "({expression} = {} OR {expression} LIKE {})",
                literal(role.as_str()),
                pattern(&[&root, &format!("/{}", role.name())])
            )
        }
        RoleFilter::Arn(role) => format!("{expression} = {}", literal(role.as_str())),
        RoleFilter::Name(role) => format!(
            "({expression} LIKE {} OR {expression} LIKE {})",
            pattern(&["arn:", &format!(":role/{role}")]),
            pattern(&["arn:", ":role/", &format!("/{role}")])
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
                // IAM and the global endpoint of STS record in one region of the partition.
                let global = ["us-east-1", "us-gov-west-1", "cn-north-1"].map(str::to_owned);
                let regions: BTreeSet<&String> = scope.regions.iter().chain(&global).collect();
                conditions.push(format!("{quoted} IN ({})", list(regions)));
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
        "requestParameters": of("requestparameters"), "responseElements": of("responseelements"),
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
            asked: None,
            bucket: None,
        }
    }

    #[test]
    fn values_cannot_leave_their_quotes() {
        let sql = athena_query(&table(), &columns(), &Partitions::default(), &scope("x' OR '1'='1"));
        assert!(sql.contains("x'' OR ''1''=''1"), "{sql}");
        // Outside of literals nothing of the name is left.
        let outside: String = sql.split('\'').step_by(2).collect();
        assert!(!outside.to_lowercase().contains("or 1"), "{outside}");
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
            "\"region\" IN ('cn-north-1', 'eu-west-1', 'us-east-1', 'us-gov-west-1')",
            "awsregion IN ('eu-west-1')",
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
}
