//! WRITE-002: what the connector writes to is in another region than the connector, or where no connector
//! can be.

use crate::checks::shared::region::{Place, given_is_not_offered, judge as judge_place};
use crate::checks::shared::{absent_bucket, without_bucket, words};
use crate::checks::{Check, View};
use crate::facts::FactId;
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Partition, Section};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 2), judge };

/// What S3 says and does: the connectors' clients do not follow it.
const ELSEWHERE: (&str, &str) = (
    "S3 answers 301 (the bucket must be addressed using the specified endpoint), and the connector does not follow",
    "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (PermanentRedirect)",
);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let locations = view.locations();
    let mut buckets: Vec<&str> = Vec::new();
    for location in locations.iter().flat_map(|(_, locations)| &locations.known) {
        words::add(&mut buckets, location.bucket.as_str());
    }
    let mut unread = locations.iter().find_map(|(_, locations)| locations.open.clone());
    if buckets.is_empty() && unread.is_none() {
        return Ok(without_bucket());
    }
    let (mut proof, mut findings, mut skip) = (Vec::new(), Vec::new(), None);
    for bucket in buckets {
        match view.bucket(bucket, FactId::Bucket, |it| &it.head) {
            Ok(Some(head)) => match of_bucket(view, bucket, &head.region) {
                Ok(Ok(more)) => proof.extend(more),
                Ok(Err(reason)) => skip = skip.or(Some(Outcome::Skip(reason))),
                Err(finding) => findings.push(*finding),
            },
            Ok(None) => skip = skip.or_else(|| absent_bucket(view, bucket)),
            Err(blocked) => unread = unread.or(Some(blocked)),
        }
    }
    if !findings.is_empty() {
        return Ok(Outcome::Fail(findings));
    }
    if let Some(blocked) = unread {
        // Wherever the bucket is, no connector can be where the given region is.
        return given_is_not_offered(view).map(|finding| Outcome::Fail(vec![finding])).ok_or(blocked);
    }
    Ok(match skip {
        Some(skip) if proof.is_empty() => skip,
        _ => Outcome::Pass(proof),
    })
}

/// Whether the connector can be where a bucket is: proof, a reason to leave it to another check, or what
/// is wrong.
fn of_bucket(
    view: &View<'_>,
    bucket: &str,
    region: &str,
) -> Result<Result<Vec<Evidence>, String>, Box<Finding>> {
    let partition = Partition::of_region(region);
    if partition != view.vendor().partition {
        return Ok(Err(format!("bucket {bucket} is in the partition {partition} (reported as ASSUME-009)")));
    }
    let place = Place {
        resource: bucket,
        words: format!("bucket {bucket}"),
        region,
        action: "s3:ListBucket",
        elsewhere: ELSEWHERE,
    };
    judge_place(view, &place).map(Ok)
}
