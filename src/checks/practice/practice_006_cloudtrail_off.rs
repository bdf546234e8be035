//! PRACTICE-006: no trail logs the connector's region.

use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::facts::{Trail, TrailStatus};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, shell_flag, shell_guard,
};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Practice, 6), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let trails = view.trails()?.map_or(&[][..], Vec::as_slice);
    let region = view.target().region.as_deref().unwrap_or("the connector's region");
    let (mut faults, mut unread) = (Vec::new(), None);
    for trail in trails {
        match fault(trail) {
            Ok(None) => {
                let scope = if trail.multi_region { "every region" } else { trail.home_region.as_str() };
                let text =
                    format!("the trail {} logs {scope} to the bucket {}", trail.arn.name(), trail.bucket);
                return Ok(Outcome::Pass(vec![Evidence::read("cloudtrail:GetTrailStatus", text)]));
            }
            Ok(Some(fault)) => faults.push((trail, fault)),
            Err(blocked) => unread = unread.or(Some(blocked)),
        }
    }
    if let Some(blocked) = unread {
        return Err(blocked);
    }
    Ok(Outcome::Warn(vec![finding(view, region, &faults)]))
}

/// Why a trail keeps no record of what the role does, if so.
fn fault(trail: &Trail) -> Result<Option<String>, Blocked> {
    let what = format!("whether the trail {} is logging", trail.arn.name());
    let status: Option<&TrailStatus> = trail.status.read(&what)?;
    let Some(status) = status else { return Ok(Some("does not exist".to_owned())) };
    if !status.logging {
        return Ok(Some("has been stopped".to_owned()));
    }
    if let Some(error) = &status.delivery_error {
        return Ok(Some(format!("cannot deliver its files to {} ({error})", trail.bucket)));
    }
    let what = format!("whether the trail {} logs management events", trail.arn.name());
    let selectors = trail.selectors.read(&what)?.map_or(&[][..], Vec::as_slice);
    let logs = selectors.iter().any(|it| it.management && it.read_write != "ReadOnly");
    Ok((!logs).then(|| "does not log management events".to_owned()))
}

fn finding(view: &View<'_>, region: &str, faults: &[(&Trail, String)]) -> Finding {
    let told: Vec<String> =
        faults.iter().map(|(trail, fault)| format!("{} {fault}", trail.arn.name())).collect();
    let (what, evidence) = if told.is_empty() {
        (
            format!(
                "No CloudTrail trail logs {region}: nothing of what Streamkap does is kept beyond 90 days"
            ),
            format!("no trail covers {region}"),
        )
    } else {
        (
            format!("No CloudTrail trail logs {region}: the trail {}", words::list(&told)),
            format!("the trail {}", words::list(&told)),
        )
    };
    let commands = match faults {
        [] => {
            let region = shell_flag("--region", region);
            vec![format!(
                "{}aws cloudtrail create-trail --name management-events --s3-bucket-name \"$LOG_BUCKET\" \
                 --is-multi-region-trail {region} &&\n\
                 aws cloudtrail start-logging --name management-events {region}",
                shell_guard("LOG_BUCKET", "the bucket that CloudTrail may write to")
            )]
        }
        faults => faults.iter().map(|(trail, _)| start_logging(trail)).collect(),
    };
    let resource = faults.first().map_or_else(|| region.to_owned(), |(trail, _)| trail.arn.to_string());
    Finding::new(resource, what)
        .evidence(Evidence::read("cloudtrail:DescribeTrails", evidence))
        .evidence(Evidence {
            source: Source::Documentation { reference: view.vendor().guide.clone() },
            text: "Streamkap's guide asks for CloudTrail, to keep a full audit trail of its actions"
                .to_owned(),
        })
        .remedy(Remedy::Manual {
            owner: Owner::You,
            title: "Let a trail of all regions log".to_owned(),
            steps: vec!["Create a trail of all regions, or start the one that was stopped".to_owned()],
            commands,
        })
}

/// Logging is started in the trail's home region only.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html>
fn start_logging(trail: &Trail) -> String {
    let arn = trail.arn.as_str();
    let home = arn.split(':').nth(3).unwrap_or_default();
    format!("aws cloudtrail start-logging {} {}", shell_flag("--name", arn), shell_flag("--region", home))
}
