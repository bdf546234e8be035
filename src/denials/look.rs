//! The command that looks into a denial: whole, as far as the denial tells what to name.

use crate::model::{Arn, CheckId, shell_flag};

/// Who was refused what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refused<'a> {
    /// The role that was asked for on the command line: name or ARN.
    pub(super) role: Option<&'a str>,
    /// The connector's bucket, where it was given there.
    pub(super) bucket: Option<&'a str>,
    /// Who was refused: an ARN, mostly.
    pub(super) principal: Option<&'a str>,
    /// The IAM action.
    pub(super) action: Option<&'a str>,
    /// An ARN, `*`, or kind and name.
    pub(super) resource: Option<&'a str>,
    /// Whether it was Glue that handed the refusal on.
    pub(super) by_glue: bool,
}

/// `streamkap-doctor check s3 --role R --bucket B --only WRITE-003`. What the denial does not tell stands in
/// capitals: the reader knows it.
pub(super) fn command(refused: Refused<'_>, checks: &[CheckId]) -> String {
    let ids: Vec<String> = checks.iter().map(ToString::to_string).collect();
    let target = target(refused);
    format!(
        "streamkap-doctor check {target} {} --only {}",
        shell_flag("--role", &role(refused)),
        ids.join(",")
    )
}

/// The role that was refused, or that could not be assumed.
fn role(refused: Refused<'_>) -> String {
    let assumed = refused.resource.filter(|_| refused.action == Some("sts:AssumeRole")).and_then(role_of);
    let asked = refused.role.map(str::to_owned);
    assumed.or(asked).or_else(|| refused.principal.and_then(role_of)).unwrap_or_else(|| "ROLE".to_owned())
}

/// The ARN of a role, be it that of one of its sessions.
fn role_of(arn: &str) -> Option<String> {
    let arn: Arn = arn.parse().ok()?;
    let name = match (arn.service(), arn.resource().split_once('/')?) {
        ("iam", ("role", name)) => name,
        ("sts", ("assumed-role", session)) => session.split('/').next()?,
        _ => return None,
    };
    Some(format!("arn:{}:iam::{}:role/{name}", arn.partition(), arn.account()))
}

/// The connector whose call it probably was, with the parameter that it needs.
fn target(refused: Refused<'_>) -> String {
    let arn: Option<Arn> = refused.resource.and_then(|resource| resource.parse().ok());
    let named = |flag: &str, name: Option<&str>, unknown: &str| {
        shell_flag(flag, name.filter(|name| !name.is_empty() && !name.contains('*')).unwrap_or(unknown))
    };
    let service = refused.action.and_then(|action| action.split_once(':')).map(|(service, _)| service);
    match service.unwrap_or_default() {
        "kms" if refused.by_glue => "iceberg-glue --database DATABASE".to_owned(),
        "s3" | "kms" | "sts" => {
            let bucket = arn.as_ref().filter(|arn| arn.service() == "s3").map(Arn::resource);
            let bucket = bucket.map(|resource| resource.split('/').next().unwrap_or(resource));
            format!("s3 {}", named("--bucket", bucket.or(refused.bucket), "BUCKET"))
        }
        "glue" | "lakeformation" => {
            let mut parts = arn.as_ref().map(Arn::resource).unwrap_or_default().split('/');
            let is_in = parts.next().is_some_and(|kind| matches!(kind, "database" | "table"));
            let database = parts.next().filter(|_| is_in);
            format!("iceberg-glue {}", named("--database", database, "DATABASE"))
        }
        "redshift" | "redshift-data" => {
            let place = arn.as_ref().and_then(|arn| arn.resource().split_once(':')).map(|(_, name)| name);
            let cluster = place.map(|name| name.split('/').next().unwrap_or(name));
            format!("redshift {}", named("--cluster", cluster, "CLUSTER"))
        }
        "redshift-serverless" => "redshift --workgroup WORKGROUP".to_owned(),
        "ec2" | "eks" | "iam" | "route53" | "elasticloadbalancing" | "autoscaling" => "byoc".to_owned(),
        _ => "CONNECTOR".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_all_that_the_denial_tells() {
        let session = "arn:aws:sts::111122223333:assumed-role/Access/session";
        let role = "arn:aws:iam::111122223333:role/Access";
        for (asked, principal, action, resource, wanted) in [
            (
                None,
                Some(session),
                "s3:PutObject",
                Some("arn:aws:s3:::orders/raw/x"),
                format!("s3 --bucket orders --role {role}"),
            ),
            (
                Some("Access"),
                None,
                "glue:GetTable",
                Some("arn:aws:glue:eu-west-1:111122223333:table/sales/orders"),
                "iceberg-glue --database sales --role Access".to_owned(),
            ),
            (
                None,
                Some("arn:aws:sts::300973880807:assumed-role/kafkaConnectTenantAccessRole/x"),
                "sts:AssumeRole",
                Some(role),
                format!("s3 --bucket BUCKET --role {role}"),
            ),
            (
                None,
                None,
                "redshift:GetClusterCredentials",
                Some("arn:aws:redshift:eu-west-1:111122223333:dbuser:my-cluster/me"),
                "redshift --cluster my-cluster --role ROLE".to_owned(),
            ),
            (None, None, "ec2:CreateVpc", Some("*"), "byoc --role ROLE".to_owned()),
            (None, Some("odd one"), "sqs:SendMessage", None, "CONNECTOR --role ROLE".to_owned()),
        ] {
            let refused =
                Refused { role: asked, principal, action: Some(action), resource, ..Refused::default() };
            let command = command(refused, &["WRITE-004".parse().unwrap(), "LATER-005".parse().unwrap()]);
            assert_eq!(command, format!("streamkap-doctor check {wanted} --only WRITE-004,LATER-005"));
        }
    }

    #[test]
    fn what_the_denial_does_not_tell_is_taken_from_what_was_asked_and_from_who_told_it() {
        let resource = Some("arn:aws:kms:eu-west-1:111122223333:key/1234");
        let refused = Refused { action: Some("kms:Decrypt"), resource, ..Refused::default() };
        let command = |refused| command(refused, &["WRITE-006".parse().unwrap()]);
        let asked = command(Refused { bucket: Some("orders"), ..refused });
        assert!(asked.contains(" check s3 --bucket orders "), "{asked}");
        let of_catalog = command(Refused { by_glue: true, ..refused });
        assert!(of_catalog.contains(" check iceberg-glue --database DATABASE "), "{of_catalog}");
    }

    #[test]
    fn a_hostile_name_stays_one_word() {
        let resource = Some("arn:aws:s3:::b;touch x/y");
        let refused = Refused { action: Some("s3:PutObject"), resource, ..Refused::default() };
        assert!(command(refused, &[]).contains("--bucket 'b;touch x' "), "{}", command(refused, &[]));
    }
}
