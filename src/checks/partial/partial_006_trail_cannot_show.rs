//! PARTIAL-006: what the sources at hand can and cannot show of the connector's calls.

use crate::checks::shared::{bucket_name, history, words};
use crate::checks::{Check, View};
use crate::facts::{Purpose, Trail};
use crate::model::{Blocked, CheckId, Evidence, Outcome, Section, Source};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 6), judge };

const DATA_EVENTS: &str =
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html";

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(bucket) = bucket_name(view) else {
        return Ok(Outcome::Skip("none of the connectors writes to a bucket".to_owned()));
    };
    let trails = view.trails()?.map_or(&[][..], Vec::as_slice);
    let mut evidence = vec![history_shows(view)];
    let prefix = prefix(view);
    let arn = format!("arn:aws:s3:::{bucket}/{prefix}");
    let showing: Vec<&str> =
        trails.iter().filter(|trail| shows(trail, &arn)).map(|trail| trail.arn.name()).collect();
    if showing.is_empty() {
        evidence.extend(blind_spot(view, bucket, &prefix, trails)?);
    } else {
        let text = format!(
            "{} logs object calls on {arn}: refused ones show there, not in the event history",
            words::list(&showing)
        );
        evidence.push(Evidence::read("cloudtrail:GetEventSelectors", text));
    }
    Ok(Outcome::Pass(evidence))
}

fn prefix(view: &View<'_>) -> String {
    let connectors = &view.target().connectors;
    connectors.iter().find_map(|it| it.parameters.get("prefix")).cloned().unwrap_or_default()
}

/// Whether a trail logs S3 object calls under the ARN.
fn shows(trail: &Trail, arn: &str) -> bool {
    let logging = trail.status.known().is_none_or(|status| status.logging);
    let selectors = trail.selectors.known().into_iter().flatten();
    logging
        && selectors
            .flat_map(|selector| &selector.s3_objects)
            .any(|prefix| prefix == "arn:aws:s3" || arn.starts_with(prefix.as_str()))
}

/// What the event history was asked and can answer.
fn history_shows(view: &View<'_>) -> Evidence {
    let told = match history::events(view, Purpose::Denials) {
        Ok(events) => {
            let end = if events.is_complete() { "" } else { ", not to the end" };
            format!("refused management calls were looked for in the {}{end}", events.window())
        }
        Err(blocked) => format!("refused management calls were not looked for ({})", blocked.why),
    };
    let text = format!(
        "{told}: KMS, Glue and bucket settings show there; of S3 the calls on objects (PutObject, GetObject, AbortMultipartUpload, \
         ListObjects, HeadBucket) are data events and never do"
    );
    Evidence { source: Source::Documentation { reference: DATA_EVENTS.to_owned() }, text }
}

/// That no trail logs the bucket's objects, and the selector that would.
fn blind_spot(
    view: &View<'_>,
    bucket: &str,
    prefix: &str,
    trails: &[Trail],
) -> Result<Vec<Evidence>, Blocked> {
    if let Some(unread) = trails.iter().find_map(|trail| {
        trail.selectors.read(&format!("the event selectors of the trail {}", trail.arn.name())).err()
    }) {
        return Err(unread);
    }
    let mut evidence = vec![Evidence::read(
        "cloudtrail:GetEventSelectors",
        match trails {
            [] => format!(
                "no trail logs object calls on {bucket}: a refused write shows in the connector's log only"
            ),
            trails => {
                let names: Vec<&str> = trails.iter().map(|trail| trail.arn.name()).collect();
                let verb = if names.len() == 1 { "does" } else { "do" };
                format!(
                    "{} {verb} not log object calls on {bucket}: a refused write shows in the connector's log only",
                    words::list(&names)
                )
            }
        },
    )];
    if let Some(trail) = trails.iter().find(|trail| !trail.organization) {
        evidence.push(Evidence {
            source: Source::Documentation { reference: view.vendor().guide.clone() },
            text: format!(
                "to see them (this replaces the trail's selectors; keep those it has): {}",
                selector(trail, bucket, prefix)
            ),
        });
    }
    Ok(evidence)
}

/// The command that adds the selector; it keeps management events.
fn selector(trail: &Trail, bucket: &str, prefix: &str) -> String {
    format!(
        "aws cloudtrail put-event-selectors --region {} --trail-name {} --event-selectors \
         '[{{\"ReadWriteType\":\"All\",\"IncludeManagementEvents\":true,\"DataResources\":[{{\"Type\":\"AWS::S3::Object\",\
         \"Values\":[\"arn:aws:s3:::{bucket}/{prefix}\"]}}]}}]'",
        trail.home_region,
        trail.arn.name()
    )
}
