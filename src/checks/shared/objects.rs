//! Why the role's own policies do not reach a place in S3, by the resources of the statements that allow
//! the action.

use std::sync::Arc;

use crate::checks::View;
use crate::model::{Remedy, StatementRef, edit_distance, nearest};
use crate::policy::Policy;
use crate::policy::scope::covers;
use crate::requirement::{Location, Origin};

use super::needs::Ask;
use super::policies::buckets_named;
use super::refusal::{Cause, resources_for};

/// What is done with objects: a statement that allows one of them is about the place's objects.
const ON_OBJECTS: [&str; 4] = ["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"];

/// The kind of the gap, where statements allow the action on other resources, and the one at fault.
pub(super) fn gap(
    ask: &Ask<'_>,
    location: &Location,
    policies: &[Arc<Policy>],
) -> (Cause, Option<StatementRef>) {
    let partition = ask.resource.probe.split(':').nth(1).unwrap_or("aws");
    let arn = format!("arn:{partition}:s3:::{}", location.bucket);
    let of_objects = ask.resource.probe.starts_with(&format!("{arn}/"));
    let written = resources_for(policies, ask.action());
    let about_bucket = |resource: &str| covers(resource, &arn);
    let about_objects =
        |resource: &str| resource.split_once('/').is_some_and(|(bucket, _)| covers(bucket, &arn));
    let narrow: Vec<_> = written.iter().filter(|(_, it)| of_objects && about_objects(it)).collect();
    if let [(statement, _), ..] = narrow[..] {
        let within = narrow.iter().any(|(_, resource)| touches(resource, location));
        let resources = narrow.iter().map(|(_, resource)| resource.clone()).collect();
        let cause = match location.origin {
            Origin::Database { .. } | Origin::Table { .. } if !within => {
                Cause::Outside { written: resources }
            }
            _ => Cause::OtherPrefix { written: resources },
        };
        return (cause, Some(statement.clone()));
    }
    let wrong = written
        .iter()
        .find(|(_, resource)| if of_objects { about_bucket(resource) } else { about_objects(resource) });
    if let Some((statement, resource)) = wrong {
        return (Cause::WrongForm { written: resource.clone() }, Some(statement.clone()));
    }
    // A bucket that is the connector's own setting, or one of which the role's policies do know, is not
    // what surprises: the action is what is missing.
    let surprising = location.origin != Origin::Parameters && of_objects && !written.is_empty();
    if !surprising || is_known(policies, &ask.resource.probe) {
        return (Cause::Missing, None);
    }
    let statement = written.first().map(|(statement, _)| statement.clone());
    let mut resources: Vec<String> = written.into_iter().map(|(_, resource)| resource).collect();
    resources.dedup();
    (Cause::Outside { written: resources }, statement)
}

/// What mends a bucket's name that was mistyped in the role's policies, if it was. Another connector's
/// bucket is no mistake.
pub(crate) fn mistyped(view: &View<'_>, policies: &[Arc<Policy>], bucket: &str) -> Option<Remedy> {
    let found = slip(policies, bucket)?;
    let is_used = view.buckets().map_or(true, |all| all.iter().any(|location| location.bucket == found));
    (!is_used).then(|| Remedy::CorrectBucket { found, wanted: bucket.to_owned() })
}

/// The bucket that policies name in place of this one by a slip of the pen: they do not name this one. Names
/// that differ in a number, or in its being there, are of buckets of one kind.
fn slip(policies: &[Arc<Policy>], bucket: &str) -> Option<String> {
    const LETTERS: usize = 2;
    let named: Vec<String> = buckets_named(policies).into_iter().map(|(name, _)| name).collect();
    if named.iter().any(|name| name == bucket) {
        return None;
    }
    let unnumbered = |name: &str| {
        let parts = name.split('-').map(|part| part.replace(|letter: char| letter.is_ascii_digit(), ""));
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    };
    let is_slip =
        |name: &String| edit_distance(name, bucket) <= LETTERS && unnumbered(name) != unnumbered(bucket);
    nearest(bucket, named.into_iter().filter(is_slip))
}

/// Whether a statement's resource is about a part of the place: it begins below it, or at a wildcard
/// above it.
fn touches(resource: &str, location: &Location) -> bool {
    let path = resource.split_once('/').map_or("", |(_, path)| path);
    let head = path.split(['*', '?', '$']).next().unwrap_or(path);
    head.starts_with(&location.prefix) || (head.len() < path.len() && location.prefix.starts_with(head))
}

/// Whether a statement allows anything on the object.
fn is_known(policies: &[Arc<Policy>], object: &str) -> bool {
    let mut actions = ON_OBJECTS.into_iter();
    actions.any(|action| resources_for(policies, action).iter().any(|(_, resource)| covers(resource, object)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::shared::policies::compile;
    use crate::policy::Kind;

    #[test]
    fn a_bucket_is_mistyped_where_only_its_like_is_named() {
        let policy = |names: &[&str]| {
            let resources: Vec<String> = names.iter().map(|name| format!("arn:aws:s3:::{name}/*")).collect();
            let statement = json!({"Effect": "Allow", "Action": "s3:PutObject", "Resource": resources});
            let text = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
            vec![compile(Kind::Identity, "P", &text).unwrap()]
        };
        for (named, meant) in [
            (&["orders-landnig"][..], Some("orders-landnig")),
            (&["order-landing", "billing"], Some("order-landing")),
            (&["orderslanding"], Some("orderslanding")),
            (&["orders-landnig", "orders-landing"], None),
            (&["orders-landing-2"], None),
            (&["orders2-landing"], None),
            (&["orders-staging"], None),
            (&["orders-l*"], None),
        ] {
            assert_eq!(slip(&policy(named), "orders-landing").as_deref(), meant, "{named:?}");
        }
    }

    #[test]
    fn a_resource_is_about_a_place_when_both_share_keys() {
        let location = Location {
            bucket: "lake".to_owned(),
            prefix: "wh/sales.db/".to_owned(),
            origin: Origin::Parameters,
        };
        for (resource, expected) in [
            ("arn:aws:s3:::lake/wh/sales.db/orders/*", true),
            ("arn:aws:s3:::lake/*/metadata/*", true),
            ("arn:aws:s3:::lake/wh/*.parquet", true),
            ("arn:aws:s3:::lake/wh/items.db/*", false),
            ("arn:aws:s3:::lake/wh", false),
        ] {
            assert_eq!(touches(resource, &location), expected, "{resource}");
        }
    }
}
