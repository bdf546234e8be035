//! Which changes can be about what was denied, told from a record's text alone.
//!
//! An archive holds changes of thousands of buckets and keys. Reading them all in full takes as long
//! as the search itself, and nearly none is about a bucket or key that somebody was denied.

use std::collections::BTreeSet;

use memchr::memmem;

use super::changes::ChangeKind;
use super::group::DenialGroup;
use super::resource::bucket_of;

/// What was denied: the buckets and keys by name, and the services.
pub struct Denied<'d> {
    buckets: Named<'d>,
    keys: Named<'d>,
    catalog: bool,
}

/// What was denied of one service.
#[derive(Default)]
struct Named<'d> {
    /// Its names, as far as denials tell them.
    names: BTreeSet<&'d str>,
    /// A denial does not tell which it was.
    any: bool,
}

impl<'d> Denied<'d> {
    /// What `groups` are about.
    pub fn of(groups: &'d [DenialGroup]) -> Self {
        let mut denied = Self { buckets: Named::default(), keys: Named::default(), catalog: false };
        for group in groups {
            let action = group.action.as_deref().unwrap_or_default();
            let resource = group.resource.as_deref().unwrap_or_default();
            let key = resource.split_once(":key/").filter(|_| resource.split(':').nth(2) == Some("kms"));
            let key = key.map(|(_, key)| key);
            match action.split_once(':').map(|(service, _)| service) {
                // S3 hands on what KMS refuses.
                Some(_) if key.is_some() => denied.keys.note(key),
                Some("s3") => {
                    denied.buckets.note(bucket_of(resource).filter(|name| !matches!(*name, "" | "*")));
                }
                Some("kms") => denied.keys.note(None),
                Some("glue" | "lakeformation") => denied.catalog = true,
                _ => {}
            }
        }
        denied
    }

    /// Whether changes of this kind may be about whatever was denied.
    pub fn may_concern_any(kind: ChangeKind) -> bool {
        Denied::of(&[]).may_concern(kind, "")
    }

    /// Whether a change of this kind may be about what was denied; `record` is its text.
    pub fn may_concern(&self, kind: ChangeKind, record: &str) -> bool {
        match kind {
            ChangeKind::Bucket => {
                self.buckets.may_be_in(record, b"\"bucketName\":\"") || self.encrypts(record)
            }
            ChangeKind::Key => self.keys.may_be_in(record, b"\"keyId\":\""),
            ChangeKind::Catalog => self.catalog || self.encrypts(record),
            ChangeKind::Database | ChangeKind::LakeFormation => self.catalog,
            _ => true,
        }
    }

    /// Whether a change of a bucket or the catalogue may have it encrypt with a key that was denied.
    fn encrypts(&self, record: &str) -> bool {
        let Named { names, any } = &self.keys;
        (*any || !names.is_empty())
            && record.contains("ncryption")
            && (*any || names.iter().any(|key| record.contains(key)))
    }
}

impl<'d> Named<'d> {
    fn note(&mut self, name: Option<&'d str>) {
        self.any |= name.is_none();
        self.names.extend(name);
    }

    /// Whether one of the names stands after `key` in a record, or nothing does: the account's public
    /// access block names no bucket.
    fn may_be_in(&self, record: &str, key: &[u8]) -> bool {
        if self.any || self.names.is_empty() {
            return self.any;
        }
        let (mut named, bytes) = (false, record.as_bytes());
        for at in memmem::find_iter(bytes, key) {
            named = true;
            let value = &record[at + key.len()..];
            let value = &value[..value.find('"').unwrap_or(value.len())];
            // An alias may be that of any key, and an escape hides what is meant.
            if value.contains(['\\', ':']) && !value.contains(":key/") || value.starts_with("alias/") {
                return true;
            }
            if self.names.contains(value.rsplit('/').next().unwrap_or(value)) {
                return true;
            }
        }
        !named
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trail::{DenialGroups, Event};

    fn denied(action: &str, resource: Option<&str>) -> Vec<DenialGroup> {
        let (service, name) = action.split_once(':').unwrap();
        let on = resource.map(|arn| format!(" on resource: {arn}")).unwrap_or_default();
        let mut groups = DenialGroups::new();
        groups.add(
            &Event::from_value(&json!({
                "eventID": "1", "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "errorCode": "AccessDenied",
                "errorMessage": format!("User: u is not authorized to perform: {action}{on} because no identity-based policy allows the {action} action"),
            }))
            .unwrap(),
        );
        groups.groups()
    }

    #[test]
    fn a_change_of_the_denied_bucket_or_key_may_concern_it_and_that_of_another_may_not() {
        let key = "arn:aws:kms:eu-west-1:111122223333:key/1234";
        for (groups, kind, record, may) in [
            (
                denied("s3:PutObject", Some("arn:aws:s3:::orders/a")),
                ChangeKind::Bucket,
                r#"{"bucketName":"orders"}"#,
                true,
            ),
            (
                denied("s3:PutObject", Some("arn:aws:s3:::orders/a")),
                ChangeKind::Bucket,
                r#"{"bucketName":"order"}"#,
                false,
            ),
            (
                denied("s3:PutObject", Some("arn:aws:s3:::orders/a")),
                ChangeKind::Bucket,
                r#"{"bucketName":"\u006frders"}"#,
                true,
            ),
            (
                denied("s3:PutObject", Some("arn:aws:s3:::orders/a")),
                ChangeKind::Bucket,
                r#"{"bucketName" : "order"}"#,
                true,
            ),
            (denied("s3:PutObject", Some("arn:aws:s3:::orders/a")), ChangeKind::Bucket, "{}", true),
            (
                denied("s3:PutObject", Some("arn:aws:s3:::orders/a:key/b")),
                ChangeKind::Bucket,
                r#"{"bucketName":"orders"}"#,
                true,
            ),
            (denied("s3:ListAllMyBuckets", None), ChangeKind::Bucket, r#"{"bucketName":"order"}"#, true),
            (denied("kms:Decrypt", Some(key)), ChangeKind::Key, r#"{"keyId":"1234"}"#, true),
            (denied("kms:Decrypt", Some(key)), ChangeKind::Key, &format!(r#"{{"keyId":"{key}"}}"#), true),
            (denied("kms:Decrypt", Some(key)), ChangeKind::Key, r#"{"keyId":"alias/orders"}"#, true),
            (denied("kms:Decrypt", Some(key)), ChangeKind::Key, r#"{"keyId":"5678"}"#, false),
            (denied("kms:Decrypt", Some(key)), ChangeKind::Bucket, r#"{"bucketName":"orders"}"#, false),
            (
                denied("kms:Decrypt", Some(key)),
                ChangeKind::Bucket,
                r#"{"eventName":"PutBucketEncryption","bucketName":"orders","KMSMasterKeyID":"1234"}"#,
                true,
            ),
            (denied("glue:GetTable", None), ChangeKind::LakeFormation, "{}", true),
            (denied("s3:PutObject", None), ChangeKind::LakeFormation, "{}", false),
            (denied("s3:PutObject", None), ChangeKind::ManagedPolicy, "{}", true),
            (Vec::new(), ChangeKind::Bucket, r#"{"bucketName":"orders"}"#, false),
        ] {
            assert_eq!(Denied::of(&groups).may_concern(kind, record), may, "{kind:?} {record}");
        }
    }
}
