//! What people paste for a role or a bucket, understood: names, ARNs, addresses of console pages.

use percent_encoding::percent_decode_str;

use super::failure::Failure;
use crate::facts::RoleName;
use crate::model::{AccountId, Arn, Partition};

const ROLE_EXPECTED: &str = "expected a role's name (StreamkapConnectorAccess), its ARN \
    (arn:aws:iam::111122223333:role/StreamkapConnectorAccess) or the address of its page in the console";
const BUCKET_EXPECTED: &str = "expected a bucket's name (my-bucket), its ARN (arn:aws:s3:::my-bucket), \
    s3://my-bucket/prefix or the address of its page in the console";

/// The text without what copying brings along: white space, quotes, a comma at the end.
pub(super) fn unquoted(text: &str) -> &str {
    let around = |it: char| {
        it.is_whitespace() || matches!(it, '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '\u{feff}' | '\u{200b}')
    };
    text.trim_matches(around).trim_end_matches([',', ';']).trim_matches(around)
}

/// The role that was pasted.
pub(super) fn role(given: &str) -> Result<RoleName, Failure> {
    let text = unquoted(given);
    if text.starts_with("http://") || text.starts_with("https://") {
        return role_of_console(text).ok_or_else(|| absent_role(given, "not the address of a role's page"));
    }
    if text.len() >= 4 && text.as_bytes()[..4].eq_ignore_ascii_case(b"arn:") {
        return role_of_arn(given, text);
    }
    let name = text.strip_prefix("role/").unwrap_or(text);
    with_path(name, None, None).ok_or_else(|| absent_role(given, "not the name of a role"))
}

fn absent_role(given: &str, what: &str) -> Failure {
    Failure::usage(format!("`{given}` is {what}"), ROLE_EXPECTED)
}

fn role_of_arn(given: &str, text: &str) -> Result<RoleName, Failure> {
    let arn: Arn = text.parse().map_err(|_| mistyped_arn(given, text))?;
    let (kind, name) = arn.resource().split_once('/').unwrap_or((arn.resource(), ""));
    match (arn.service(), kind) {
        ("iam", "role") | ("sts", "assumed-role") => {}
        ("iam", "root") => return Err(absent_role(given, "the ARN of an account, not of a role")),
        ("iam", kind) => {
            return Err(absent_role(given, &format!("the ARN of {}, not of a role", article(kind))));
        }
        (service, _) => return Err(mistyped_or(given, text, &format!("an ARN of {service}, not of a role"))),
    }
    if name.is_empty() {
        return Err(absent_role(given, "the ARN of no role: no name follows `role/`"));
    }
    if !text.split(':').nth(3).unwrap_or_default().is_empty() {
        return Err(mistyped_or(given, text, "not the ARN of a role: it has a region"));
    }
    let Some(account) = arn.account_id() else {
        let hint = "expected twelve digits between the colons before `role/`";
        return Err(Failure::usage(format!("`{given}` has no account id"), hint));
    };
    // A session's ARN has the role's name without its path, then the session's name.
    let assumed = kind == "assumed-role";
    let name = if assumed { name.split_once('/').map_or(name, |(role, _)| role) } else { name };
    let role = with_path(name, Some(account), Some(arn.partition()));
    let role = role.map(|role| if assumed { RoleName { path: None, ..role } } else { with_root(role) });
    role.ok_or_else(|| {
        absent_role(given, "not the ARN of a role: the name has characters that no role's name has")
    })
}

/// An ARN with too few or too many colons, and what was probably meant.
fn mistyped_arn(given: &str, text: &str) -> Failure {
    mistyped_or(given, text, "not a whole ARN")
}

fn mistyped_or(given: &str, text: &str, what: &str) -> Failure {
    // Also that of a session, which ends with the session's name.
    let session = text.split_once("assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    let name = session.or_else(|| text.split_once("role/").map(|(_, name)| name));
    let account = text.split(':').find_map(|field| field.parse::<AccountId>().ok());
    match (name, account) {
        (Some(name), Some(account)) if !name.is_empty() => {
            let partition = text.split(':').nth(1).filter(|it| it.starts_with("aws")).unwrap_or("aws");
            let meant = format!("arn:{partition}:iam::{account}:role/{name}");
            Failure::usage(
                format!("`{given}` is {what}"),
                format!("did you mean `{meant}`? IAM has no region: two colons stand before the account"),
            )
        }
        _ => absent_role(given, what),
    }
}

fn article(kind: &str) -> String {
    let an = kind.starts_with(['a', 'e', 'i', 'o', 'u']) && kind != "user";
    format!("{} {kind}", if an { "an" } else { "a" })
}

/// A name with or without path, checked against IAM's rules.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn with_path(text: &str, account: Option<AccountId>, partition: Option<Partition>) -> Option<RoleName> {
    let (path, name) = match text.trim_start_matches('/').rsplit_once('/') {
        Some((path, name)) => (Some(format!("/{path}/")), name),
        None => (text.starts_with('/').then(|| "/".to_owned()), text.trim_start_matches('/')),
    };
    let allowed = |it: char| it.is_ascii_alphanumeric() || "+=,.@_-".contains(it);
    let named = (1..=64).contains(&name.len()) && name.chars().all(allowed);
    let pathed = path
        .as_deref()
        .is_none_or(|path| path.len() <= 512 && path.chars().all(|it| ('!'..='~').contains(&it)));
    (named && pathed).then(|| RoleName { name: name.to_owned(), path, account, partition })
}

/// An ARN without path says that there is none.
fn with_root(role: RoleName) -> RoleName {
    RoleName { path: role.path.or_else(|| Some("/".to_owned())), ..role }
}

/// `…/iam/home?region=…#/roles/details/NAME?section=permissions`, the older `#/roles/NAME`, and the
/// page for switching roles.
fn role_of_console(text: &str) -> Option<RoleName> {
    let partition = console_partition(text)?;
    if let Some(query) = text.split_once("switchrole?").map(|(_, query)| query) {
        let account = value_of(query, "account").and_then(|it| it.parse().ok());
        return with_path(&value_of(query, "roleName")?, account, Some(partition));
    }
    let (_, fragment) = text.split_once("#/roles/").or_else(|| text.split_once("#roles/"))?;
    let name = fragment.strip_prefix("details/").unwrap_or(fragment);
    let name = name.split(['?', '/', '#', ';']).next()?;
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let role = with_path(&name, None, None)?;
    (role.path.is_none()).then_some(RoleName { partition: None, ..role })
}

fn console_partition(text: &str) -> Option<Partition> {
    let host = text.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let name =
        [("amazonaws.cn", "cn-"), ("amazonaws-us-gov.com", "us-gov-"), ("aws.amazon.com", "us-east-1")];
    let is = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    name.iter().find(|(domain, _)| is(domain)).map(|(_, region)| Partition::of_region(region))
}

/// The value of a name in a query, decoded.
fn value_of(query: &str, name: &str) -> Option<String> {
    let query = query.split('#').next()?;
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?.1;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

/// A bucket that was pasted, and the prefix that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BucketName {
    /// The bucket's name.
    pub(super) name: String,
    /// The prefix, if one was pasted along.
    pub(super) prefix: Option<String>,
}

/// The bucket that was pasted.
pub(super) fn bucket(given: &str) -> Result<BucketName, Failure> {
    let text = unquoted(given);
    let absent_bucket = |what: &str| Failure::usage(format!("`{given}` is {what}"), BUCKET_EXPECTED);
    let scheme = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let found = if let Some(rest) = scheme {
        split_key(rest)
    } else if text.starts_with("http://") || text.starts_with("https://") {
        bucket_of_address(text).ok_or_else(|| absent_bucket("not the address of a bucket"))?
    } else if text.len() >= 4 && text.as_bytes()[..4].eq_ignore_ascii_case(b"arn:") {
        let arn: Arn = text.parse().map_err(|_| mistyped_bucket(given, text))?;
        if arn.service() == "s3express" {
            return Err(directory_bucket(given));
        }
        if arn.service() != "s3" {
            return Err(absent_bucket(&format!("an ARN of {}, not of a bucket", arn.service())));
        }
        if arn.resource().starts_with("accesspoint") {
            return Err(absent_bucket("the ARN of an access point, not of a bucket"));
        }
        split_key(arn.resource())
    } else if text.contains("://") {
        return Err(absent_bucket("no address in S3, which is where Streamkap writes to"));
    } else {
        split_key(text)
    };
    if found.name.ends_with(DIRECTORY_BUCKET) {
        return Err(directory_bucket(given));
    }
    bucket_fault(&found.name).map_or(Ok(found), |(fault, hint)| {
        Err(Failure::usage(format!("`{given}` is not a bucket's name: {fault}"), hint))
    })
}

/// An ARN with too few or too many colons, and what was probably meant.
fn mistyped_bucket(given: &str, text: &str) -> Failure {
    let rest = text.rsplit(':').next().filter(|rest| text.contains(":s3:") && !rest.is_empty());
    let meant = rest.map(split_key).filter(|it| bucket_fault(&it.name).is_none());
    let hint = match (meant, rest) {
        (Some(_), Some(rest)) => {
            let partition = text.split(':').nth(1).filter(|it| it.starts_with("aws")).unwrap_or("aws");
            format!("did you mean `arn:{partition}:s3:::{rest}`? Three colons stand before a bucket's name")
        }
        _ => BUCKET_EXPECTED.to_owned(),
    };
    Failure::usage(format!("`{given}` is not a whole ARN"), hint)
}

/// What the name of every directory bucket ends with.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html>
const DIRECTORY_BUCKET: &str = "--x-s3";

fn directory_bucket(given: &str) -> Failure {
    Failure::usage(
        format!("`{given}` is a directory bucket (S3 Express One Zone), to which Streamkap does not write"),
        "directory buckets take permissions of s3express in place of those the connector's role has; name a \
        general purpose bucket",
    )
}

/// `bucket/prefix`; a `*` that ends a policy's resource is no part of a prefix.
fn split_key(text: &str) -> BucketName {
    let (name, key) = text.split_once('/').unwrap_or((text, ""));
    let key = key.trim_end_matches('*');
    BucketName { name: name.to_owned(), prefix: (!key.is_empty()).then(|| key.to_owned()) }
}

/// Pages of the console (`…/s3/buckets/NAME?prefix=raw/`) and addresses of objects.
fn bucket_of_address(text: &str) -> Option<BucketName> {
    let rest = text.split_once("://")?.1;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let page = ["s3/buckets/", "s3/object/"].iter().find_map(|page| path.strip_prefix(page));
    if let Some(page) = page {
        console_partition(text)?;
        let (name, query) = page.split_once('?').unwrap_or((page, ""));
        let prefix = value_of(query, "prefix").filter(|prefix| !prefix.is_empty());
        return Some(BucketName { name: name.trim_end_matches('/').to_owned(), prefix });
    }
    let domain = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let path = percent_decode_str(path.split('?').next()?).decode_utf8().ok()?;
    if domain == "s3" || domain.starts_with("s3.") || domain.starts_with("s3-") {
        return Some(split_key(&path));
    }
    let at = domain.rfind(".s3.").or_else(|| domain.rfind(".s3-")).or_else(|| domain.rfind(".s3"))?;
    let key = path.into_owned();
    Some(BucketName { name: domain[..at].to_owned(), prefix: (!key.is_empty()).then_some(key) })
}

/// What keeps a name from being a general purpose bucket's, and a hint.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn bucket_fault(name: &str) -> Option<(&'static str, String)> {
    const RULE: &str =
        "3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit";
    let lower = name.to_ascii_lowercase().replace('_', "-");
    let fault = if name.ends_with("--x-s3") {
        return Some((
            "it names a directory bucket (S3 Express One Zone), which the S3 destination does not write to",
            BUCKET_EXPECTED.to_owned(),
        ));
    } else if ["-s3alias", "--ol-s3", ".mrap"].iter().any(|end| name.ends_with(end)) {
        return Some(("it is the alias of an access point", "give the bucket behind it".to_owned()));
    } else if name.is_empty() {
        return Some(("it is empty", BUCKET_EXPECTED.to_owned()));
    } else if name.bytes().any(|it| it.is_ascii_uppercase() || it == b'_') {
        "it has capitals or underscores"
    } else if !(3..=63).contains(&name.len()) {
        "it is not 3 to 63 characters long"
    } else if !name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b".-".contains(&it)) {
        "it has characters that no bucket's name has"
    } else if name.starts_with(['.', '-']) || name.ends_with(['.', '-']) || name.contains("..") {
        "it begins or ends with a dot or hyphen, or has two dots in a row"
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        "it looks like an IP address"
    } else {
        return None;
    };
    let meant =
        (lower != name && bucket_fault(&lower).is_none()).then(|| format!("; did you mean `{lower}`?"));
    Some((fault, format!("expected {RULE}{}", meant.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(given: &str) -> String {
        match role(given) {
            Ok(role) => format!(
                "{} {} {}",
                role.account.map_or_else(|| "-".to_owned(), |it| it.to_string()),
                role.path.as_deref().unwrap_or("-"),
                role.name
            ),
            Err(failure) => format!("{} | {}", failure.message, failure.hint.unwrap_or_default()),
        }
    }

    #[test]
    fn a_role_is_taken_however_it_is_pasted() {
        for (given, wanted) in [
            ("Access", "- - Access"),
            (" \"Access\", ", "- - Access"),
            ("/service/Access", "- /service/ Access"),
            ("role/Access", "- - Access"),
            ("arn:aws:iam::111122223333:role/Access", "111122223333 / Access"),
            ("arn:aws:iam::111122223333:role/a/b/Access", "111122223333 /a/b/ Access"),
            ("arn:aws:sts::111122223333:assumed-role/Access/session-1", "111122223333 - Access"),
            (
                "https://us-east-1.console.aws.amazon.com/iam/home?region=eu-west-1#/roles/details/Access?section=permissions",
                "- - Access",
            ),
            ("https://console.aws.amazon.com/iam/home#/roles/My%2BRole", "- - My+Role"),
            (
                "https://signin.aws.amazon.com/switchrole?roleName=Access&account=111122223333",
                "111122223333 - Access",
            ),
        ] {
            assert_eq!(shown(given), wanted, "{given}");
        }
    }

    #[test]
    fn what_is_no_role_is_told_with_what_was_meant() {
        for (given, told) in [
            ("", "expected a role's name"),
            ("my role", "not the name of a role"),
            ("arn:aws:iam:111122223333:role/Access", "did you mean `arn:aws:iam::111122223333:role/Access`"),
            ("arn:aws:iam:eu-west-1:1111:role/Access", "it has a region"),
            (
                "arn:aws:iam:eu-west-1:111122223333:role/Access",
                "it has a region | did you mean `arn:aws:iam::111122223333:role/Access`?",
            ),
            (
                "arn:aws:sts:eu-west-1:111122223333:assumed-role/Access/session",
                "did you mean `arn:aws:iam::111122223333:role/Access`?",
            ),
            ("arn:aws:iam::111122223333:role/", "no name follows"),
            ("arn:aws:iam::111122223333:user/ana", "the ARN of a user, not of a role"),
            ("arn:aws:iam::111122223333:instance-profile/x", "the ARN of an instance-profile"),
            ("arn:aws:iam::111122223333:root", "the ARN of an account"),
            ("arn:aws:s3:::orders", "an ARN of s3, not of a role"),
            ("arn:aws:iam::1111:role/Access", "no account id"),
            ("https://example.com/#/roles/Access", "not the address of a role's page"),
            ("<your-role>", "not the name of a role"),
        ] {
            assert!(shown(given).contains(told), "{given}: {}", shown(given));
        }
    }

    #[test]
    fn a_bucket_is_taken_however_it_is_pasted() {
        for (given, name, prefix) in [
            ("orders", "orders", None),
            ("'orders'", "orders", None),
            ("arn:aws:s3:::orders", "orders", None),
            ("arn:aws:s3:::orders/*", "orders", None),
            ("arn:aws:s3:::orders/raw/*", "orders", Some("raw/")),
            ("s3://orders", "orders", None),
            ("s3://orders/", "orders", None),
            ("s3://orders/raw/events", "orders", Some("raw/events")),
            (
                "https://eu-west-1.console.aws.amazon.com/s3/buckets/orders?region=eu-west-1&prefix=raw%2F&tab=objects",
                "orders",
                Some("raw/"),
            ),
            ("https://s3.console.aws.amazon.com/s3/buckets/orders", "orders", None),
            ("https://my.orders.s3.eu-west-1.amazonaws.com/raw/x", "my.orders", Some("raw/x")),
            ("https://s3.eu-west-1.amazonaws.com/orders/raw/x", "orders", Some("raw/x")),
        ] {
            let found = bucket(given).unwrap_or_else(|failure| panic!("{given}: {failure:?}"));
            assert_eq!((found.name.as_str(), found.prefix.as_deref()), (name, prefix), "{given}");
        }
    }

    #[test]
    fn what_is_no_bucket_is_told_with_what_was_meant() {
        for (given, told) in [
            ("", "expected a bucket's name"),
            ("My_Bucket", "did you mean `my-bucket`?"),
            ("ab", "3 to 63"),
            ("a..b", "two dots"),
            ("192.168.0.1", "IP address"),
            ("x--usw2-az1--x-s3", "directory bucket"),
            ("arn:aws:s3:eu-west-1:111122223333:accesspoint/a", "access point"),
            ("arn:aws:iam::111122223333:role/Access", "an ARN of iam"),
            ("<bucket_name>", "underscores"),
            ("https://example.com/orders", "not the address of a bucket"),
            ("arn:aws:s3::orders", "did you mean `arn:aws:s3:::orders`?"),
            ("arn:aws-cn:s3:orders/raw", "did you mean `arn:aws-cn:s3:::orders/raw`?"),
            ("arn:aws:s3::Orders!", "expected a bucket's name"),
            ("hdfs://name/warehouse", "no address in S3"),
        ] {
            let failure = bucket(given).unwrap_err();
            let text = format!("{} | {}", failure.message, failure.hint.unwrap());
            assert!(text.contains(told), "{given}: {text}");
        }
    }
}
