//! When the role last used each service: a report that IAM writes and that is then fetched.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html>

use std::time::Duration;

use aws_sdk_iam::types::JobStatusType;

use super::client::{Aws, interrupted};
use super::error::failed;
use super::iam::time;
use super::operations::{GENERATE_SERVICE_LAST_ACCESSED_DETAILS, GET_SERVICE_LAST_ACCESSED_DETAILS};
use super::pages::{ENDLESS, Endless, Pages};
use crate::facts::{Fact, FailureKind, ServiceAccess};

/// Before each look whether the report is written: five seconds in all, for no check waits for it.
const WAITS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(900),
    Duration::from_millis(1500),
    Duration::from_millis(2100),
];
/// Pages of a report, of a thousand services.
const PAGES: usize = 3;

/// The report of the role that has this ARN.
pub(super) async fn services(aws: &Aws<'_>, role: &str) -> Fact<Vec<ServiceAccess>> {
    let client = aws.iam();
    let call = client.generate_service_last_accessed_details().arn(role).send();
    let answer = aws.ask(&GENERATE_SERVICE_LAST_ACCESSED_DETAILS, call).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let Some(job) = answer.job_id() else {
        let what = "GenerateServiceLastAccessedDetails answered without a job";
        return failed(&GENERATE_SERVICE_LAST_ACCESSED_DETAILS, FailureKind::Unreadable, what);
    };
    for wait in WAITS {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = aws.stopped() => return interrupted(&GET_SERVICE_LAST_ACCESSED_DETAILS),
        }
        if let Some(read) = fetch(aws, &client, job).await {
            return read;
        }
    }
    let what = "IAM did not finish its report within five seconds";
    failed(&GET_SERVICE_LAST_ACCESSED_DETAILS, FailureKind::TimedOut, what)
}

/// The report, or why there is none; `None` while it is being written.
async fn fetch(aws: &Aws<'_>, client: &aws_sdk_iam::Client, job: &str) -> Option<Fact<Vec<ServiceAccess>>> {
    let (mut services, mut pages, mut marker) = (Vec::new(), Pages::default(), None);
    for _ in 0..PAGES {
        let call = client.get_service_last_accessed_details().job_id(job).max_items(1000).set_marker(marker);
        let answer = aws.ask(&GET_SERVICE_LAST_ACCESSED_DETAILS, call.send()).await;
        let Fact::Known(answer) = answer else { return Some(answer.unread().unwrap_or(Fact::Absent)) };
        match answer.job_status() {
            JobStatusType::InProgress => return None,
            JobStatusType::Completed => {}
            status => {
                let said = answer.error().map_or("", |error| error.message());
                let what = format!("IAM's report ended as {}: {said}", status.as_str());
                return Some(failed(&GET_SERVICE_LAST_ACCESSED_DETAILS, FailureKind::Service, what));
            }
        }
        services.extend(answer.services_last_accessed().iter().map(|it| ServiceAccess {
            service: it.service_namespace().to_owned(),
            last: it.last_authenticated().map(time),
        }));
        marker = match pages.next_if(answer.is_truncated(), answer.marker()) {
            Ok(next) => next,
            Err(Endless) => {
                return Some(failed(&GET_SERVICE_LAST_ACCESSED_DETAILS, FailureKind::Unreadable, ENDLESS));
            }
        };
        if marker.is_none() {
            return Some(Fact::Known(services));
        }
    }
    let what = "IAM's report does not end";
    Some(failed(&GET_SERVICE_LAST_ACCESSED_DETAILS, FailureKind::Unreadable, what))
}
