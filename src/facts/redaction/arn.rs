//! ARNs and patterns of ARNs: partition, service, region and the kind of the resource stay.

use super::keep::is_region;
use super::names::{self, Names, opaque};
use crate::model::edit_distance;

/// Services whose resources are names alone.
const WITHOUT_KIND: [&str; 3] = ["s3", "sns", "sqs"];

/// What stands before the name in the resource of an ARN, of the services that have something to do with
/// these connectors.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
const KINDS: [&str; 78] = [
    "access-entry",
    "accesspoint",
    "account",
    "addon",
    "alias",
    "assumed-role",
    "autoScalingGroup",
    "catalog",
    "certificate",
    "change",
    "cluster",
    "connection",
    "crawler",
    "database",
    "datashare",
    "dbgroup",
    "dbname",
    "dbuser",
    "distribution",
    "elastic-ip",
    "event-bus",
    "federated-user",
    "fleet",
    "function",
    "group",
    "hostedzone",
    "identityprovider",
    "image",
    "instance",
    "instance-profile",
    "internet-gateway",
    "job",
    "key",
    "key-pair",
    "launch-template",
    "launchConfiguration",
    "listener",
    "loadbalancer",
    "log-group",
    "mfa",
    "namespace",
    "natgateway",
    "network-acl",
    "network-interface",
    "nodegroup",
    "oidc-provider",
    "ou",
    "parameter",
    "parametergroup",
    "permissionSet",
    "placement-group",
    "policy",
    "repository",
    "role",
    "root",
    "route-table",
    "rule",
    "saml-provider",
    "schema",
    "secret",
    "security-group",
    "security-group-rule",
    "server-certificate",
    "snapshot",
    "stack",
    "stateMachine",
    "stream",
    "subnet",
    "subnetgroup",
    "table",
    "targetgroup",
    "trail",
    "user",
    "userDefinedFunction",
    "volume",
    "vpc",
    "vpc-endpoint",
    "workgroup",
];

/// Words of an ARN that is cut off or lacks a colon.
const WORDS: [&str; 10] =
    ["arn", "aws", "aws-cn", "aws-us-gov", "glue", "iam", "kms", "redshift", "s3", "sts"];

/// What stands for an ARN or a pattern of ARNs.
pub(super) fn redacted(text: &str, names: &Names) -> String {
    let fields = fields(text);
    let ["arn", partition, service, region, account, resource] = fields[..] else { return cut(text, names) };
    if account == "aws" {
        if let Some(name) = resource.strip_prefix("policy/").and_then(|it| it.rsplit('/').next()) {
            names.note_policy(name);
        }
        return text.to_owned();
    }
    let resource = self::resource(service, account, resource, names);
    let [partition, service, region] = [partition, service, region].map(|it| word(it, names));
    format!("arn:{partition}:{service}:{region}:{}:{resource}", names.account(account))
}

/// The six fields of an ARN, fewer if it has fewer. Colons in policy variables part none.
fn fields(text: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(first) = text[at..].chars().next() {
        if first == ':' && fields.len() < 5 {
            fields.push(&text[start..at]);
            start = at + 1;
        }
        at += opaque(&text[at..]).max(first.len_utf8());
    }
    fields.push(&text[start..]);
    fields
}

/// A partition, service or region, if it has the form of one.
fn word(text: &str, names: &Names) -> String {
    let is_word = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'*' | b'?');
    let stays = opaque(text) == text.len() || text.len() <= 24 && text.bytes().all(is_word);
    if stays { text.to_owned() } else { names.path(text) }
}

fn resource(service: &str, account: &str, text: &str, names: &Names) -> String {
    // A bucket's ARN has no account; an access point's has.
    let bare = WITHOUT_KIND.contains(&service) && (service != "s3" || account.is_empty());
    let end = text.find(['/', ':']).unwrap_or(text.len());
    let (kind, name) = text.split_at(end);
    if !bare && !is_kind(kind) {
        names.note_resource(text);
    }
    if bare || !is_kind(kind) {
        return if names.is_of_vendor(account) { names.of_vendor(text) } else { names.path(text) };
    }
    let Some(delimiter) = name.chars().next() else { return text.to_owned() };
    let name = &name[delimiter.len_utf8()..];
    let name = match kind {
        "alias" => names.alias(name),
        _ if names.is_of_vendor(account) => names.of_vendor(name),
        _ => names.path(name),
    };
    format!("{kind}{delimiter}{name}")
}

/// Whether a text is the kind of a resource, nearly one, or a pattern of kinds (`cat*`, `*base`).
fn is_kind(text: &str) -> bool {
    if text.contains(['*', '?']) {
        return KINDS.iter().any(|kind| matches(text.as_bytes(), kind.as_bytes()));
    }
    KINDS.iter().any(|kind| edit_distance(kind, text) <= 1)
}

/// Whether a pattern matches a text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        (Some((b'?', rest)), Some((_, left))) => matches(rest, left),
        (Some((one, rest)), Some((other, left))) => one == other && matches(rest, left),
        _ => false,
    }
}

/// The kinds of resources with `|` at both ends: what a pattern may match in part ([`super::overlap`]).
pub(super) fn kinds() -> Vec<String> {
    KINDS.iter().map(|kind| format!("|{kind}|")).collect()
}

/// An ARN that has too few colons, or a wildcard in their place: its names change, and what else is in it
/// stays.
fn cut(text: &str, names: &Names) -> String {
    // Its wildcards part names here, and yet may stand for more of what stays.
    names.note(text);
    let delimiters = [':', '/', '*', '?'];
    let is_word = |it: &str| WORDS.contains(&it) || is_region(it) || KINDS.contains(&it);
    let change = |(part, end): (&str, &str)| {
        if is_word(part) { format!("{part}{end}") } else { format!("{}{end}", names.account(part)) }
    };
    names::cut(text, &delimiters).map(change).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::facts::redaction::Kept;

    fn redact(text: &str) -> String {
        let kept = Kept {
            accounts: vec!["300973880807".to_owned()],
            sessions: Vec::new(),
            roles: vec!["kafkaConnectTenantAccessRole".to_owned()],
            choices: BTreeMap::new(),
        };
        let draft = Names::draft(&kept, "Role");
        assert_eq!(draft.text(text), text);
        draft.settled().text(text)
    }

    #[test]
    fn what_is_not_a_name_stays() {
        for same in [
            "arn:aws:iam::aws:policy/AmazonS3FullAccess",
            "arn:aws:iam::300973880807:root",
            "arn:aws:iam::300973880870:role/kafkaConnectTenantAccessRol",
            "arn:aws:iam:300973880807:root",
            "arn:aws:glue:*:*:cat*",
            "arn:aws:glue:*:*:*atabase/*",
            "arn:aws:glue:*:*:t*",
            "arn:aws:glue:eu-west-1:${aws:PrincipalAccount}:database/*",
            "arn:{partition}:glue:{region}:{account}:table/{database}/*",
            "arn:aws:kms:*:*:alias/aws/s3",
            "arn:aws:s3:::*",
        ] {
            assert_eq!(redact(same), same);
        }
    }

    #[test]
    fn names_and_accounts_change() {
        for (text, stays, goes) in [
            ("arn:aws:glue:eu-west-1:111122223333:table/sales/orders", "arn:aws:glue:eu-west-1:", "sales"),
            ("arn:aws:glue:eu-west-1:111122223333:sales", "arn:aws:glue:eu-west-1:", "sales"),
            (
                "arn:aws:glue:eu-west-1:${aws:PrincipalAccount}:database/sales",
                "${aws:PrincipalAccount}:database/",
                "sales",
            ),
            ("arn:aws:iam::300973880807:role/Acme", "arn:aws:iam::300973880807:role/", "Acme"),
            ("arn:aws:iam:*role/Acme", "arn:aws:iam:*role/", "Acme"),
            ("*:role/*Acme", "*:role/*", "Acme"),
            ("arn:aws:sqs:eu-west-1:111122223333:table", "arn:aws:sqs:eu-west-1:", "table"),
            ("arn:aws:glue:eu-west-1:111122223333:t*sales/*", ":t*", "sales"),
            ("arn:aws:s3:::key/x", "arn:aws:s3:::", "key/"),
            ("arn:aws:s3:eu-west-1:111122223333:accesspoint/acme", ":accesspoint/", "acme"),
            ("arn:aws:iam::1111*:role/x", ":role/", "1111"),
            ("arn:aws:acme_x:eu-west-1::y", "arn:aws:", "acme"),
        ] {
            let changed = redact(text);
            assert!(changed.contains(stays) && !changed.contains(goes), "{text} {changed}");
            assert!(!changed.contains("111122223333") && !changed.contains("1111*"), "{changed}");
        }
    }
}
