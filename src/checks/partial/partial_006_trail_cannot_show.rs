//! PARTIAL-006: what the sources at hand can and cannot show of the connector's calls.

use serde_json::json;

use crate::checks::shared::places::{Places, join};
use crate::checks::shared::{history, words};
use crate::checks::{Check, View};
use crate::facts::{Extent, Logs, Purpose, Trail};
use crate::model::{Blocked, CheckId, Evidence, Outcome, Section, Source};
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
    let mut open: Vec<Blocked> = places.open;
    let mut hidden: Vec<&Location> = Vec::new();
    for location in &places.known {
        match shown(trails, location) {
            Ok(Some(shown)) => words::add(&mut evidence, shown),
            Ok(None) => hidden.push(location),
            Err(unread) => words::add(&mut open, unread),
        }
    }
    if !hidden.is_empty() {
        evidence.extend(blind_spot(view, &hidden, trails));
    }
    Ok(join([Ok(Outcome::Pass(evidence))].into_iter().chain(open.into_iter().map(Err))))
}

/// What a selector names: the partition is the trail's.
fn arn(location: &Location) -> String {
    format!("arn:aws:s3:::{}/{}", location.bucket, location.prefix)
}

/// What a trail's selectors, as far as they were read, take of the calls on the objects of a place.
fn logs(trail: &Trail, location: &Location) -> Logs {
    let selectors = trail.selectors.known().into_iter().flatten();
    let place = Some((location.bucket.as_str(), location.prefix.as_str()));
    selectors.map(|selector| selector.objects(place)).fold(Logs::default(), Logs::and)
}

/// Why a trail keeps no record of anything at present, if so; an error when that was not read.
fn stopped(trail: &Trail) -> Result<Option<String>, Blocked> {
    let name = trail.arn.name();
    let status = trail.status.read(&format!("whether the trail {name} is logging"))?;
    Ok(match status {
        None => Some(format!("the trail {name} is gone")),
        Some(status) if !status.logging => Some(format!("the trail {name} has been stopped")),
        Some(status) => status
            .delivery_error
            .as_ref()
            .map(|error| format!("the trail {name} cannot deliver its files to {} ({error})", trail.bucket)),
    })
}

/// The trails that log there all of what most of a connector's object calls are: those that write. `None`:
/// there is none; an error when one might that was not read.
fn shown(trails: &[Trail], location: &Location) -> Result<Option<Evidence>, Blocked> {
    let (mut showing, mut unread) = (Vec::new(), None);
    for trail in trails {
        let what = format!("the event selectors of the trail {}", trail.arn.name());
        match (trail.selectors.read(&what), logs(trail, location).writes) {
            (Err(blocked), _) => unread = unread.or(Some(blocked)),
            (Ok(_), Extent::Whole) => match stopped(trail) {
                Ok(None) => showing.push(trail),
                Ok(Some(_)) => {}
                Err(blocked) => unread = unread.or(Some(blocked)),
            },
            (Ok(_), _) => {}
        }
    }
    if showing.is_empty() {
        return unread.map_or(Ok(None), Err);
    }
    let names: Vec<&str> = showing.iter().map(|trail| trail.arn.name()).collect();
    let all = showing.iter().map(|trail| logs(trail, location)).fold(Logs::default(), Logs::and);
    let calls = match all.reads {
        Extent::Whole => "object calls",
        _ => "calls that write objects, not those that read them,",
    };
    let text = format!(
        "{} logs {calls} on {}: refused ones show there, not in the event history",
        words::list(&names),
        arn(location)
    );
    Ok(Some(Evidence::read("cloudtrail:GetEventSelectors", text)))
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
fn blind_spot(view: &View<'_>, hidden: &[&Location], trails: &[Trail]) -> Vec<Evidence> {
    let buckets: Vec<&str> = words::unique(hidden.iter().map(|it| it.bucket.as_str()));
    let on = words::list(&buckets);
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut told: Vec<&Trail> = Vec::new();
    for trail in trails {
        let all = hidden.iter().map(|it| logs(trail, it)).fold(Logs::default(), Logs::and);
        let text = match stopped(trail) {
            Ok(Some(stopped)) => stopped,
            _ if all.writes == Extent::Part => {
                format!(
                    "{} logs only some of the object calls on {on}{}",
                    trail.arn.name(),
                    conditions(trail)
                )
            }
            _ if all.writes == Extent::Whole => {
                format!("{} logs object calls on some of {on} only", trail.arn.name())
            }
            _ => {
                told.push(trail);
                continue;
            }
        };
        evidence.push(Evidence::read(
            "cloudtrail:GetEventSelectors",
            format!("{text}: a refused write may show in the connector's log only"),
        ));
    }
    if let Some(text) = not_logged(hidden, &told, &on, trails.is_empty()) {
        evidence.insert(0, Evidence::read("cloudtrail:GetEventSelectors", text));
    }
    let own = |trail: &&Trail| !trail.organization;
    let works = |trail: &&Trail| own(trail) && matches!(stopped(trail), Ok(None));
    if let Some(trail) = trails.iter().find(works).or_else(|| trails.iter().find(own)) {
        evidence.push(Evidence {
            source: Source::Documentation { reference: view.vendor().guide.clone() },
            text: selector(trail, hidden),
        });
    }
    evidence
}

/// The conditions of a trail's selectors that cannot be weighed.
fn conditions(trail: &Trail) -> String {
    let selectors = trail.selectors.known().into_iter().flatten();
    let conditions = words::unique(selectors.flat_map(|it| it.narrowed_by.iter().map(String::as_str)));
    if conditions.is_empty() {
        String::new()
    } else {
        format!(", by the condition {}", conditions.join(", "))
    }
}

/// That these trails log none of the calls in question; `None` where there is nothing to say of them.
fn not_logged(hidden: &[&Location], trails: &[&Trail], on: &str, is_none: bool) -> Option<String> {
    let where_then = "a refused write shows in the connector's log only";
    if is_none {
        return Some(format!("no trail logs object calls on {on}: {where_then}"));
    }
    let names: Vec<&str> = trails.iter().map(|trail| trail.arn.name()).collect();
    let verb = if names.len() == 1 { "does" } else { "do" };
    let reads = |trail: &&&Trail| hidden.iter().any(|it| logs(trail, it).reads != Extent::None);
    let calls = if trails.iter().any(|it| reads(&it)) { "calls that write objects" } else { "object calls" };
    (!names.is_empty())
        .then(|| format!("{} {verb} not log {calls} on {on}: {where_then}", words::list(&names)))
}

/// How to add the selector that logs these places, beside the selectors that the trail has.
fn selector(trail: &Trail, hidden: &[&Location]) -> String {
    let partition = trail.arn.partition();
    let new = hidden.iter().map(|it| arn(it).replacen("arn:aws:", &format!("arn:{partition}:"), 1));
    let new: Vec<String> = words::unique(new);
    if let Some(command) = trail.command_to_log(&new) {
        return format!("to see them, beside what the trail logs already: {command}");
    }
    let logged = trail.selectors.known().into_iter().flatten().flat_map(|it| it.s3_objects.iter().cloned());
    let selectors = json!([{
        "ReadWriteType": "All",
        "IncludeManagementEvents": true,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": words::unique(logged.chain(new))}]
    }]);
    let command = trail.put_event_selectors("--event-selectors", &selectors);
    format!("to see them (this replaces the trail's selectors; keep those it has): {command}")
}
