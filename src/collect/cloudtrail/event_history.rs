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

use super::changes;
use super::pace::Pace;
use super::queries::{self, Query};
use crate::collect::client::Aws;
use crate::collect::operations::LOOKUP_EVENTS;
use crate::collect::pages::{ENDLESS, Endless, Pages};
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
    let mut sessions = answers.iter().filter(|it| it.purpose == Purpose::AssumeRole);
    let are_read = sessions.all(|it| it.events.is_read() && !it.incomplete);
    let assumed = queries::Assumed { events: events_of(Purpose::AssumeRole), are_read };
    let more = queries::second(subject, &assumed, &events_of(Purpose::Changes));
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
            events.retain(|event| changes::of_keys(arns, event));
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
            self.pace.expect(&query.region, i64::from(query.unasked.is_none()));
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
            let answer = match (&query.unasked, hopeless) {
                (Some(why), _) => self.unanswered(query, Fact::NotAsked(why.clone())),
                (None, Some(events)) => {
                    self.pace.expect(region, -1);
                    self.unanswered(query, events)
                }
                (None, None) => self.query(&client, query, &mut waits).await,
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
            gap: None,
            events,
        }
    }

    /// Reads page after page, newest first, until there is no more, the limit of pages, or a failure: what
    /// was read before a failure is kept, and the query is incomplete.
    async fn query(&self, client: &Client, query: &Query, waits: &mut Iter<'_, Duration>) -> LookupQuery {
        let mut answer = self.unanswered(query, Fact::default());
        let mut kept = Kept::default();
        let (mut pages, mut token, mut expected) = (Pages::default(), None, 1);
        let mut oldest: Option<Timestamp> = None;
        while answer.pages < self.window.pages.max(1) {
            let page = match self.page(client, query, token.take(), waits).await {
                Ok(page) => page,
                Err(unread) => {
                    self.pace.expect(&query.region, i64::from(answer.pages) - i64::from(expected));
                    if answer.pages == 0 {
                        answer.events = unread;
                        return answer;
                    }
                    kept.gap = Some(broken_off(&unread));
                    break;
                }
            };
            answer.pages += 1;
            self.pace.done(&query.region);
            oldest = [oldest, page.oldest].into_iter().flatten().min();
            kept.take(self.subject, query, page.events, page.unreadable);
            match pages.next(page.next.as_deref()) {
                Ok(next) => token = next,
                Err(Endless) => kept.gap = Some(ENDLESS.to_owned()),
            }
            let all = if token.is_some() { self.expected(answer.pages, page.oldest) } else { answer.pages };
            self.pace.expect(&query.region, i64::from(all) - i64::from(expected));
            expected = all;
            if token.is_none() {
                break;
            }
        }
        if let (Some(_), Some(oldest)) = (&token, oldest) {
            kept.gap.get_or_insert_with(|| format!("events before {oldest} were left unread"));
        }
        answer.gap = kept.gap();
        answer.incomplete = token.is_some() || answer.gap.is_some();
        answer.events = Fact::Known(kept.events);
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
            let records = answer.events();
            let times = records.iter().filter_map(|event| event.event_time());
            let events: Vec<Event> =
                records.iter().filter_map(|event| parse(event.cloud_trail_event()?)).collect();
            return Ok(Page {
                oldest: times.map(DateTime::secs).min().and_then(|secs| Timestamp::from_second(secs).ok()),
                unreadable: records.len() - events.len(),
                events,
                next: answer.next_token().map(str::to_owned),
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
    /// Records that cannot be read.
    unreadable: usize,
    oldest: Option<Timestamp>,
    next: Option<String>,
}

/// What is kept of a query's answer.
#[derive(Default)]
struct Kept {
    events: Vec<Event>,
    seen: BTreeSet<String>,
    unreadable: usize,
    too_many: usize,
    /// Why the rest was not read.
    gap: Option<String>,
}

impl Kept {
    fn take(&mut self, subject: &Subject, query: &Query, events: Vec<Event>, unreadable: usize) {
        self.unreadable += unreadable;
        for event in events {
            let new = event.event_id.is_empty() || self.seen.insert(event.event_id.clone());
            if !new || !queries::bears_on(subject, query, &event) {
                continue;
            }
            if self.events.len() < EVENTS {
                self.events.push(queries::without_secrets(event));
            } else {
                self.too_many += 1;
            }
        }
    }

    /// Why something is missing, if so.
    fn gap(&self) -> Option<String> {
        let count = |number: usize, what: &str| {
            (number > 0).then(|| format!("{number} {what}{}", if number == 1 { "" } else { "s" }))
        };
        let unreadable = count(self.unreadable, "record").map(|it| format!("{it} cannot be read"));
        let too_many = count(self.too_many, "older event")
            .map(|it| format!("only the newest {EVENTS} events are kept, and {it} left out"));
        let gaps: Vec<String> = self.gap.iter().cloned().chain(unreadable).chain(too_many).collect();
        (!gaps.is_empty()).then(|| gaps.join("; "))
    }
}

/// Why pages after the first were not read, with the permission that would help.
fn broken_off(unread: &Fact<Vec<Event>>) -> String {
    let Err(blocked) = unread.read("the next page") else { return "the next page was not read".to_owned() };
    let grant = blocked.grant.map(|grant| format!(" (grant {grant})")).unwrap_or_default();
    format!("a later page was not read: {}{grant}", blocked.why)
}

/// `CloudTrailEvent`: a record as JSON in a string, which may hold halves of surrogate pairs.
fn parse(text: &str) -> Option<Event> {
    Event::from_value(&super::scan::parse(text.as_bytes())?)
}
