//! PARTIAL-006: what the sources at hand can and cannot show of the connector's calls.

use serde_json::json;

use crate::checks::shared::places::{Places, join};
use crate::checks::shared::{history, words};
use crate::checks::{Check, View};
use crate::facts::{Purpose, Trail};
use crate::model::{Blocked, CheckId, Evidence, Outcome, Section, Source, shell_flag, shell_word};
use crate::requirement::Location;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 6), judge };

const DATA_EVENTS: &str =
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html";

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let places = Places::of(view);
    if places.none().is_some() {
        let reason = "none of the connectors writes to S3, whose calls on objects alone are data events: \
                      refused calls on all else show in the event history, refused SQL nowhere";
        return Ok(Outcome::Skip(reason.to_owned()));
    }
    let trails = view.trails()?.map_or(&[][..], Vec::as_slice);
    let mut evidence = vec![history_shows(view)];
    let (shown, hidden): (Vec<&Location>, Vec<&Location>) =
        places.known.iter().partition(|location| showing(trails, location).next().is_some());
    for location in shown {
        let names: Vec<&str> = showing(trails, location).map(|trail| trail.arn.name()).collect();
        let arn = arn(location);
        let calls = if showing(trails, location).any(|trail| logs(trail, &arn, "ReadOnly")) {
            "object calls"
        } else {
            "calls that write objects, not those that read them,"
        };
        let text = format!(
            "{} logs {calls} on {arn}: refused ones show there, not in the event history",
            words::list(&names),
        );
        words::add(&mut evidence, Evidence::read("cloudtrail:GetEventSelectors", text));
    }
    if !hidden.is_empty() {
        evidence.extend(blind_spot(view, &hidden, trails)?);
    }
    Ok(join([Ok(Outcome::Pass(evidence))].into_iter().chain(places.open.into_iter().map(Err))))
}

/// What a selector names: the partition is the trail's.
fn arn(location: &Location) -> String {
    format!("arn:aws:s3:::{}/{}", location.bucket, location.prefix)
}

/// The trails that log there what most of a connector's object calls are: those that write.
fn showing<'t>(trails: &'t [Trail], location: &Location) -> impl Iterator<Item = &'t Trail> {
    let arn = arn(location);
    let logging = |trail: &&Trail| trail.status.known().is_none_or(|status| status.logging);
    trails.iter().filter(logging).filter(move |trail| logs(trail, &arn, "WriteOnly"))
}

/// Whether a trail's selectors take S3 object calls of a kind, `ReadOnly` or `WriteOnly`, under the ARN.
fn logs(trail: &Trail, arn: &str, kind: &str) -> bool {
    let selectors = trail.selectors.known().into_iter().flatten();
    let mut of_kind =
        selectors.filter(|selector| selector.read_write == "All" || selector.read_write == kind);
    of_kind.any(|selector| {
        selector.s3_objects.iter().any(|prefix| prefix == "arn:aws:s3" || arn.starts_with(prefix.as_str()))
    })
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
        "{told}: KMS, Glue, Lake Formation, Redshift and its Data API, and bucket settings show there; of S3 the calls on objects \
         (PutObject, GetObject, DeleteObject, AbortMultipartUpload, ListObjects, HeadBucket) are data events and never do"
    );
    Evidence { source: Source::Documentation { reference: DATA_EVENTS.to_owned() }, text }
}

/// That no trail logs the objects of these places, and the selector that would.
fn blind_spot(view: &View<'_>, hidden: &[&Location], trails: &[Trail]) -> Result<Vec<Evidence>, Blocked> {
    if let Some(unread) = trails.iter().find_map(|trail| {
        trail.selectors.read(&format!("the event selectors of the trail {}", trail.arn.name())).err()
    }) {
        return Err(unread);
    }
    let buckets: Vec<&str> = words::unique(hidden.iter().map(|it| it.bucket.as_str()));
    let on = words::list(&buckets);
    let text = match trails {
        [] => {
            format!("no trail logs object calls on {on}: a refused write shows in the connector's log only")
        }
        trails => {
            let reads = |trail: &&Trail| hidden.iter().any(|it| logs(trail, &arn(it), "ReadOnly"));
            let names: Vec<&str> = trails.iter().map(|trail| trail.arn.name()).collect();
            let verb = if names.len() == 1 { "does" } else { "do" };
            let calls =
                if trails.iter().any(|it| reads(&it)) { "calls that write objects" } else { "object calls" };
            format!(
                "{} {verb} not log {calls} on {on}: a refused write shows in the connector's log only",
                words::list(&names)
            )
        }
    };
    let mut evidence = vec![Evidence::read("cloudtrail:GetEventSelectors", text)];
    if let Some(trail) = trails.iter().find(|trail| !trail.organization) {
        evidence.push(Evidence {
            source: Source::Documentation { reference: view.vendor().guide.clone() },
            text: format!(
                "to see them (this replaces the trail's selectors; keep those it has): {}",
                selector(trail, hidden)
            ),
        });
    }
    Ok(evidence)
}

/// The command that adds the selector; it keeps management events and the objects logged already.
fn selector(trail: &Trail, hidden: &[&Location]) -> String {
    let logged = trail.selectors.known().into_iter().flatten().flat_map(|it| it.s3_objects.iter().cloned());
    let partition = trail.arn.partition();
    let new = hidden.iter().map(|it| arn(it).replacen("arn:aws:", &format!("arn:{partition}:"), 1));
    let values = words::unique(logged.chain(new));
    let selectors = json!([{
        "ReadWriteType": "All",
        "IncludeManagementEvents": true,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": values}]
    }]);
    format!(
        "aws cloudtrail put-event-selectors {} {} --event-selectors {}",
        shell_flag("--region", &trail.home_region),
        shell_flag("--trail-name", trail.arn.name()),
        shell_word(&selectors.to_string())
    )
}
