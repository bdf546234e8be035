//! Buckets that needs are about, be they named by a parameter or written out in the connector file.

use std::collections::BTreeMap;

use super::location::{Location, Origin};
use super::needs_of;
use crate::catalog::{Connector, fill};
use crate::facts::ConnectorTarget;

/// The bucket of each need of S3, each place once. A pattern of buckets names none, and where a parameter has no
/// value, neither does what is named by it.
pub fn buckets_of_needs(target: &ConnectorTarget, connector: &Connector) -> Vec<Location> {
    let mut values: BTreeMap<&str, &str> =
        target.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // Whatever these are, no bucket's name hangs on them unless the file says so.
    values.insert("partition", "aws");
    let mut found: Vec<Location> = Vec::new();
    let needs = needs_of(target, connector).filter(|need| need.action.starts_with("s3:"));
    for template in needs.flat_map(|need| &need.resources) {
        let place = fill(template, &values).and_then(|arn| place_of(&arn));
        found.extend(place.filter(|place| !found.contains(place)));
    }
    found
}

/// The place in S3 that an ARN is about: its bucket, and what keys begin with; `None`: it is of no one bucket.
pub(super) fn place_of(arn: &str) -> Option<Location> {
    let (head, resource) = arn.split_once(":s3:::")?;
    let (bucket, key) = resource.split_once('/').unwrap_or((resource, ""));
    let is_one = head.starts_with("arn:") && !bucket.is_empty() && !bucket.contains(['*', '?', '{']);
    let prefix = &key[..key.find(['*', '?']).unwrap_or(key.len())];
    is_one.then(|| Location {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        origin: Origin::Parameters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_of_one_bucket() {
        let place = |arn: &str| place_of(arn).map(|it| format!("{}/{}", it.bucket, it.prefix));
        assert_eq!(place("arn:aws:s3:::orders").as_deref(), Some("orders/"));
        assert_eq!(place("arn:aws-cn:s3:::orders/raw/*").as_deref(), Some("orders/raw/"));
        assert_eq!(place("arn:aws:s3:::orders/raw").as_deref(), Some("orders/raw"));
        for other in
            ["arn:aws:s3:::orders-*/raw/*", "arn:aws:s3:::*", "arn:aws:sqs:eu-west-1:111122223333:q", "*"]
        {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
