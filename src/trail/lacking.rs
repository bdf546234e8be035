//! What a call to the Data Catalog lacked of Lake Formation, by AWS's words and by what was called.

use super::DenialGroup;
use crate::denial::Reason;

/// What a call to the Data Catalog lacked of Lake Formation.
pub(crate) struct Lacking<'d> {
    /// `DESCRIBE`, `CREATE_TABLE` …; none: it is not told.
    pub(crate) permission: Option<String>,
    pub(crate) database: Option<&'d str>,
    /// None: on the database itself, or not told.
    pub(crate) table: Option<&'d str>,
    /// A location in S3, as an ARN.
    pub(crate) location: Option<String>,
    /// Whether it was Lake Formation, by AWS's words.
    pub(crate) told: bool,
}

impl<'d> Lacking<'d> {
    /// What a group of denials lacked; none where Lake Formation cannot have been the matter.
    pub(crate) fn of(denial: &'d DenialGroup) -> Option<Self> {
        let (permission, object, told) = match &denial.cause {
            Reason::LakeFormation { permission, object } => (permission.as_deref(), object.as_str(), true),
            cause if cause.is_unstated() => (None, "", false),
            _ => return None,
        };
        let service = denial.action.as_deref()?.split(':').next()?;
        if !matches!(service, "glue" | "lakeformation") {
            return None;
        }
        let resource = denial.resource.as_deref().unwrap_or_default();
        let (_, name) = resource.split_once(":database/").or_else(|| resource.split_once(":table/")).unzip();
        let mut names = name.unwrap_or_default().split('/').filter(|name| !matches!(*name, "" | "*"));
        let (database, table) = (names.next(), names.next());
        let permission = permission.map(|it| it.to_ascii_uppercase().replace(' ', "_"));
        let of_database = permission.as_deref() == Some("CREATE_TABLE")
            || database.is_some_and(|database| database == object) && table != Some(object);
        let location = object.strip_prefix("s3://").map(|path| format!("arn:aws:s3:::{path}"));
        let location = location.or_else(|| object.starts_with("arn:").then(|| object.to_owned()));
        Some(Self { permission, database, table: table.filter(|_| !of_database), location, told })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trail::{DenialGroups, Event};

    #[test]
    fn what_was_lacking_is_on_the_table_or_on_its_database() {
        for (required, on, lacking) in [
            ("Describe", "orders", ("DESCRIBE", Some("sales"), Some("orders"))),
            ("Describe", "sales", ("DESCRIBE", Some("sales"), None)),
            ("Create Table", "sales", ("CREATE_TABLE", Some("sales"), None)),
        ] {
            let mut groups = DenialGroups::new();
            groups.add(
                &Event::from_value(&json!({"eventSource": "glue.amazonaws.com", "eventName": "GetTable",
                    "awsRegion": "eu-west-1", "recipientAccountId": "111122223333", "errorCode": "AccessDeniedException",
                    "errorMessage": format!("Insufficient Lake Formation permission(s): Required {required} on {on}"),
                    "requestParameters": {"databaseName": "sales", "name": "orders"}}))
                .unwrap(),
            );
            let groups = groups.groups();
            let found = Lacking::of(&groups[0]).unwrap();
            assert_eq!((found.permission.as_deref().unwrap(), found.database, found.table), lacking);
        }
    }
}
