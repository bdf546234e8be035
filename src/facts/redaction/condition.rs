//! Condition keys and their values.

use super::names::Names;

/// Keys whose values are AWS's vocabulary: regions, services, algorithms, modes, moments, numbers. A key is
/// in none of these lists: its values are taken for names.
const VOCABULARY: [&str; 61] = [
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:currenttime",
    "aws:epochtime",
    "aws:ismcpserviceaction",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltype",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:tokenissuetime",
    "aws:viaawsservice",
    "ec2:availabilityzone",
    "ec2:createaction",
    "ec2:ebsoptimized",
    "ec2:encrypted",
    "ec2:instancemarkettype",
    "ec2:instancetype",
    "ec2:metadatahttptokens",
    "ec2:region",
    "ec2:tenancy",
    "ec2:volumesize",
    "ec2:volumetype",
    "iam:awsservicename",
    "iam:passedtoservice",
    "kms:bypasspolicylockoutsafetycheck",
    "kms:customermasterkeyspec",
    "kms:customermasterkeyusage",
    "kms:encryptionalgorithm",
    "kms:grantconstrainttype",
    "kms:grantisforawsresource",
    "kms:grantoperations",
    "kms:keyorigin",
    "kms:keyspec",
    "kms:keyusage",
    "kms:multiregion",
    "kms:viaservice",
    "redshift:durationseconds",
    "s3:authtype",
    "s3:delimiter",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-mode",
    "s3:objectcreationoperation",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "sts:awsservicename",
    "sts:durationseconds",
];

/// Keys of the encryption context that AWS's services send.
const ENCRYPTION_CONTEXT: [&str; 3] = ["glue_catalog_id", "parameter_arn", "secretarn"];

/// A condition key: the tag that it ends in is a name, and so is a key of an encryption context or an
/// identity provider that it begins with.
pub(super) fn key(key: &str, names: &Names) -> String {
    let lower = key.to_ascii_lowercase();
    if let Some(at) = lower.find("tag/") {
        let (head, tag) = key.split_at(at + "tag/".len());
        return format!("{head}{}", names.path(tag));
    }
    if let Some(context) = lower.strip_prefix("kms:encryptioncontext:") {
        let (head, name) = key.split_at(key.len() - context.len());
        return format!("{head}{}", context_key(name, names));
    }
    match key.rsplit_once(':') {
        // `token.example.com:sub`
        Some((provider, claim)) if provider.contains('.') => format!("{}:{claim}", names.path(provider)),
        _ => key.to_owned(),
    }
}

/// A key of an encryption context: a name, unless it is one that AWS's services send.
pub(super) fn context_key(key: &str, names: &Names) -> String {
    let lower = key.to_ascii_lowercase();
    let stays = lower.starts_with("aws:") || ENCRYPTION_CONTEXT.contains(&lower.as_str());
    if stays { key.to_owned() } else { names.path(key) }
}

/// A value of a condition key. `operator`: the operator that it is compared by, if it stands in a policy.
pub(super) fn value(operator: Option<&str>, key: &str, text: &str, names: &Names) -> String {
    let operator = operator.unwrap_or_default().to_ascii_lowercase();
    let key = key.to_ascii_lowercase();
    let is_plain = matches!(text, "true" | "false") || is_number_or_time(text);
    let by_type = ["bool", "null", "numeric", "date"].iter().any(|it| operator.contains(it));
    if by_type && is_plain || VOCABULARY.contains(&key.as_str()) {
        return text.to_owned();
    }
    if key == "kms:encryptioncontextkeys" {
        return context_key(text, names);
    }
    names.text(text)
}

/// `3600`, `-1.5`, `2026-03-02`, `2026-03-02T10:00:00Z`.
pub(super) fn is_number_or_time(text: &str) -> bool {
    let of_time = |it: u8| it.is_ascii_digit() || matches!(it, b'-' | b'+' | b':' | b'.' | b'T' | b'Z');
    text.bytes().all(of_time) && text.bytes().any(|it| it.is_ascii_digit())
}
