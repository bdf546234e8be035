//! Athena's table over a trail's logs: its name and its definition.

use std::fmt::Write as _;
use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableName {
        "logs.cloudtrail".parse().unwrap()
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
