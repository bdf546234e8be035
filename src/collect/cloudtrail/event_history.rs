//! Searches CloudTrail's event history: ninety days of management events, two calls a second for each
//! region, one attribute for each query.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use std::collections::{BTreeMap, BTreeSet};
use std::slice::Iter;
use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use futures::future::join_all;
use jiff::Timestamp;

pub(in crate::collect) use super::queries::{Subject, global};

use super::pace::Pace;
use super::queries::{self, Query};
use crate::collect::client::Aws;
use crate::collect::operations::LOOKUP_EVENTS;
use crate::facts::{Fact, FailureKind, History, LookupQuery, Purpose};
use crate::trail::Event;

/// Events kept of one query: the newest.
const EVENTS: usize = 1500;
/// Waits after throttling that outlasts the client's own retries, in one region and all in all: who is
/// throttled for longer shares the region's two calls a second with others that will not stop.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

/// How to search.
#[derive(Clone, Copy, Debug)]
pub(in crate::collect) struct Window {
    /// Start.
    pub(in crate::collect) since: Timestamp,
    /// End.
    pub(in crate::collect) until: Timestamp,
    /// Pages read of each query.
    pub(in crate::collect) pages: u32,
}

/// Searches all regions side by side.
pub(in crate::collect) async fn search(aws: &Aws<'_>, subject: &Subject, window: Window) -> History {
    let pace = Pace::new(aws.patience().pace, aws.progress());
    let search = Search { aws, subject, window, pace: &pace };
    let mut answers = search.all(queries::first(subject)).await;
    let events_of = |purpose: Purpose| -> Vec<&Event> {
        let of_purpose = answers.iter().filter(|it| it.purpose == purpose);
        of_purpose.filter_map(|it| it.events.known()).flatten().collect()
    };
    let more = queries::second(subject, &events_of(Purpose::AssumeRole), &events_of(Purpose::Changes));
    let refused = answers.iter().find(|it| is_hopeless(&it.events)).map(|it| it.events.clone());
    let second = match refused {
        // Whoever was refused once in every region will be again.
        Some(refused) if answers.iter().all(|it| is_hopeless(&it.events)) => {
            more.iter().map(|query| search.unanswered(query, refused.clone())).collect()
        }
        _ => search.all(more).await,
    };
    answers.extend(second);
    if !subject.purposes.contains(&Purpose::AssumeRole) {
        answers.retain(|it| it.purpose != Purpose::AssumeRole);
    }
    answers.sort_by(|left, right| {
        let key = |it: &LookupQuery| (it.purpose, it.region.clone(), it.filter.clone());
        key(left).cmp(&key(right))
    });
    History { queries: answers, ..History::default() }
}

/// Drops changes of keys that are not the target's, once its keys are known.
pub(in crate::collect) fn keep_keys(history: &mut History, arns: &[String]) {
    for query in &mut history.queries {
        if let Fact::Known(events) = &mut query.events {
            events.retain(|event| queries::of_keys(arns, event));
        }
    }
}

/// Whether asking again in the same region can bring nothing else.
fn is_hopeless(events: &Fact<Vec<Event>>) -> bool {
    match events {
        Fact::Denied(_) => true,
        Fact::Failed(failure) => {
            matches!(failure.kind, FailureKind::Credentials | FailureKind::Network | FailureKind::TimedOut)
        }
        _ => false,
    }
}

struct Search<'a> {
    aws: &'a Aws<'a>,
    subject: &'a Subject,
    window: Window,
    pace: &'a Pace<'a>,
}

impl Search<'_> {
    /// Regions side by side, the queries of one region one after the other.
    async fn all(&self, queries: Vec<Query>) -> Vec<LookupQuery> {
        let mut regions: BTreeMap<String, Vec<Query>> = BTreeMap::new();
        for query in queries {
            self.pace.expect(&query.region, 1);
            regions.entry(query.region.clone()).or_default().push(query);
        }
        let answers = join_all(regions.iter().map(|(region, queries)| self.region(region, queries))).await;
        answers.into_iter().flatten().collect()
    }

    async fn region(&self, region: &str, queries: &[Query]) -> Vec<LookupQuery> {
        let client = self.aws.cloudtrail(region);
        let mut answers: Vec<LookupQuery> = Vec::with_capacity(queries.len());
        let mut waits = WAITS.iter();
        for query in queries {
            let hopeless = answers.iter().map(|it| &it.events).find(|events| is_hopeless(events)).cloned();
            let answer = match hopeless {
                Some(events) => {
                    self.pace.expect(region, -1);
                    self.unanswered(query, events)
                }
                None => self.query(&client, query, &mut waits).await,
            };
            answers.push(answer);
        }
        answers
    }

    fn unanswered(&self, query: &Query, events: Fact<Vec<Event>>) -> LookupQuery {
        LookupQuery {
            purpose: query.purpose,
            region: query.region.clone(),
            filter: query.filter.clone(),
            since: self.window.since.to_string(),
            until: self.window.until.to_string(),
            pages: 0,
            incomplete: false,
            events,
        }
    }

    /// Reads page after page, newest first, until there is no more, the limit of pages, or a failure: what
    /// was read before a failure is kept, and the query is incomplete.
    async fn query(&self, client: &Client, query: &Query, waits: &mut Iter<'_, Duration>) -> LookupQuery {
        let mut answer = self.unanswered(query, Fact::default());
        let (mut events, mut seen, mut token) = (Vec::new(), BTreeSet::new(), None);
        let mut expected = 1;
        let mut failure = None;
        while answer.pages < self.window.pages.max(1) {
            match self.page(client, query, token.take(), waits).await {
                Ok(page) => {
                    answer.pages += 1;
                    self.pace.done(&query.region);
                    for event in page.events {
                        let new = event.event_id.is_empty() || seen.insert(event.event_id.clone());
                        if new && queries::bears_on(self.subject, query, &event) && events.len() < EVENTS {
                            events.push(queries::without_secrets(event));
                        }
                    }
                    token = page.next;
                    let pages = match token {
                        Some(_) => self.expected(answer.pages, page.oldest),
                        None => answer.pages,
                    };
                    self.pace.expect(&query.region, i64::from(pages) - i64::from(expected));
                    expected = pages;
                    if token.is_none() {
                        break;
                    }
                }
                Err(unread) => {
                    self.pace.expect(&query.region, i64::from(answer.pages) - i64::from(expected));
                    failure = Some(unread);
                    break;
                }
            }
        }
        answer.incomplete = token.is_some() || (failure.is_some() && answer.pages > 0);
        answer.events = match failure {
            Some(unread) if answer.pages == 0 => unread,
            _ => Fact::Known(events),
        };
        answer
    }

    /// Pages in all, reckoned by how much of the window the pages read so far cover.
    fn expected(&self, pages: u32, oldest: Option<Timestamp>) -> u32 {
        let Window { since, until, pages: limit } = self.window;
        let whole = until.as_second() - since.as_second();
        let covered = oldest.map_or(whole, |oldest| until.as_second() - oldest.as_second()).max(1);
        let reckoned = i64::from(pages).saturating_mul(whole.max(1)) / covered + 1;
        u32::try_from(reckoned).unwrap_or(u32::MAX).clamp(pages + 1, limit.max(pages + 1))
    }

    async fn page(
        &self,
        client: &Client,
        query: &Query,
        token: Option<String>,
        waits: &mut Iter<'_, Duration>,
    ) -> Result<Page, Fact<Vec<Event>>> {
        loop {
            tokio::select! {
                () = self.pace.turn(&query.region) => {}
                () = self.aws.stopped() => {}
            }
            let answer = self.aws.ask(&LOOKUP_EVENTS, self.call(client, query, token.clone())).await;
            let answer = match answer {
                Fact::Known(answer) => answer,
                Fact::Failed(failure) if failure.kind == FailureKind::Throttled && !self.aws.is_stopped() => {
                    let Some(wait) = waits.next() else { return Err(Fact::Failed(failure)) };
                    tokio::select! {
                        () = tokio::time::sleep(*wait) => {}
                        () = self.aws.stopped() => {}
                    }
                    continue;
                }
                unread => return Err(unread.unread().unwrap_or_default()),
            };
            let records = answer.events().iter();
            let times = records.clone().filter_map(|event| event.event_time());
            return Ok(Page {
                oldest: times.map(DateTime::secs).min().and_then(|secs| Timestamp::from_second(secs).ok()),
                events: records.filter_map(|event| parse(event.cloud_trail_event()?)).collect(),
                next: answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned),
            });
        }
    }

    async fn call(
        &self,
        client: &Client,
        query: &Query,
        token: Option<String>,
    ) -> Result<
        aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput,
        aws_sdk_cloudtrail::error::SdkError<aws_sdk_cloudtrail::operation::lookup_events::LookupEventsError>,
    > {
        let attribute = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::from(query.filter.attribute.as_str()))
            .attribute_value(&query.filter.value)
            .build()?;
        client
            .lookup_events()
            .lookup_attributes(attribute)
            .start_time(DateTime::from_secs(self.window.since.as_second()))
            .end_time(DateTime::from_secs(self.window.until.as_second()))
            .max_results(50)
            .set_next_token(token)
            .send()
            .await
    }
}

struct Page {
    events: Vec<Event>,
    oldest: Option<Timestamp>,
    next: Option<String>,
}

/// `CloudTrailEvent`: a record as JSON in a string. One that cannot be read is left out.
fn parse(text: &str) -> Option<Event> {
    Event::from_value(&serde_json::from_str(text).ok()?)
}
