//! WRITE-002: what the connector writes to is in another region than the connector, or where no connector
//! can be.

use crate::catalog::ParameterKind;
use crate::checks::shared::places::{each_bucket, no_bucket, told};
use crate::checks::shared::region::{
    Home, Place, given_is_not_offered, home_is_not_offered, judge as judge_place,
};
use crate::checks::{Check, View};
use crate::facts::{ConnectorTarget, FactId};
use crate::model::{Blocked, CheckId, Concern, Finding, Outcome, Partition, Section};
use crate::requirement::Location;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 2), judge };

/// What S3 says and does: the connectors' clients do not follow it.
const ELSEWHERE: (&str, &str) = (
    "S3 answers 301 (the bucket must be addressed using the specified endpoint), and the connector does not follow",
    "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (PermanentRedirect)",
);

#[expect(clippy::unnecessary_wraps, reason = "the shape of every check")]
fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    match each_bucket(view, |location| judge_bucket(view, location)) {
        // Wherever the bucket is, no connector can be where the given region is, or what was found.
        Outcome::Unknown(blocked) => {
            let finding = given_is_not_offered(view).or_else(|| databases_are_not_offered(view));
            let finding = finding.map(|finding| finding.about([Concern::Start]));
            Ok(finding.map_or(Outcome::Unknown(blocked), |finding| Outcome::Fail(vec![finding])))
        }
        outcome => Ok(outcome),
    }
}

/// Whether the connector can be where a bucket is.
fn judge_bucket(view: &View<'_>, location: &Location) -> Result<Outcome, Blocked> {
    let bucket = location.bucket.as_str();
    let Some(head) = view.bucket(bucket, FactId::Bucket, |it| &it.head)? else {
        return Ok(no_bucket(bucket));
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
    let writers = || view.locations().into_iter().filter(|(_, it)| it.all().any(|it| it.bucket == bucket));
    let homes = writers().filter_map(|(target, _)| home(view, target));
    let home = homes.max_by_key(|home| home.region != head.region);
    Ok(match judge_place(view, &place, home.as_ref()) {
        Ok(proof) => Outcome::Pass(proof),
        Err(finding) => {
            let finding = finding.about([Concern::Bucket(bucket.to_owned())]);
            Outcome::Fail(vec![told(finding, &location.origin)])
        }
    })
}

/// The connector's database, where it was found.
fn home<'a>(view: &View<'a>, target: &'a ConnectorTarget) -> Option<Home<'a>> {
    let (_, connector) = view.connectors().find(|(known, _)| std::ptr::eq(*known, target))?;
    let mut kinds = connector.of_kind(ParameterKind::GlueDatabase);
    let name = kinds.find_map(|it| target.parameters.get(&it.name))?;
    view.database(name).ok().flatten()?;
    let region = view.target().region.as_deref()?;
    Some(Home { words: format!("the Glue database {name}"), region, action: "glue:GetDatabase" })
}

/// What is wrong with where a database was found.
fn databases_are_not_offered(view: &View<'_>) -> Option<Finding> {
    let homes = view.connectors().filter_map(|(target, _)| home(view, target));
    homes.into_iter().find_map(|home| home_is_not_offered(view, &home))
}
