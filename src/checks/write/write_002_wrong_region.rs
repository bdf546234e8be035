//! WRITE-002: what the connector writes to is in another region than the connector, or where no connector
//! can be.

use crate::checks::shared::region::{Place, given_is_not_offered, judge as judge_place};
use crate::checks::shared::{absent_bucket, bucket_name, without_bucket};
use crate::checks::{Check, View};
use crate::facts::FactId;
use crate::model::{Blocked, CheckId, Outcome, Partition, Section};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 2), judge };

/// What S3 says and does: the connectors' clients do not follow it.
const ELSEWHERE: (&str, &str) = (
    "S3 answers 301 (the bucket must be addressed using the specified endpoint), and the connector does not follow",
    "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (PermanentRedirect)",
);

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(bucket) = bucket_name(view) else { return Ok(without_bucket()) };
    if let Some(skip) = absent_bucket(view, bucket) {
        return Ok(skip);
    }
    let head = match view.bucket(bucket, FactId::Bucket, |it| &it.head) {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(without_bucket()),
        // Wherever the bucket is, no connector can be where the given region is.
        Err(blocked) => {
            return given_is_not_offered(view).map(|finding| Outcome::Fail(vec![finding])).ok_or(blocked);
        }
    };
    let partition = Partition::of_region(&head.region);
    if partition != view.vendor().partition {
        let reason = format!("bucket {bucket} is in the partition {partition} (reported as ASSUME-009)");
        return Ok(Outcome::Skip(reason));
    }
    let place = Place {
        resource: bucket,
        words: format!("bucket {bucket}"),
        region: &head.region,
        action: "s3:ListBucket",
        elsewhere: ELSEWHERE,
    };
    Ok(match judge_place(view, &place) {
        Ok(proof) => Outcome::Pass(proof),
        Err(finding) => Outcome::Fail(vec![*finding]),
    })
}
