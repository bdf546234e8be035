//! CloudTrail Lake: one query of an event data store, its results page by page.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartQuery.html>

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{QueryStatisticsForDescribeQuery, QueryStatus};

use super::archive::{Searched, asked, endless, problem};
use super::rows::Rows;
use super::running::{Running, State, blocked, may_start, not_started};
use crate::collect::client::Aws;
use crate::collect::operations::{DESCRIBE_QUERY, GET_QUERY_RESULTS, LIST_EVENT_DATA_STORES, START_QUERY};
use crate::collect::pages::Pages;
use crate::denials::{Scope, lake_query};
use crate::model::Blocked;
use crate::trail::Event;

/// How long a query may take: Lake's own limit is an hour.
const LIMIT: Duration = Duration::from_hours(1);

/// Searches an event data store.
pub(super) async fn search(
    aws: &Aws<'_>,
    store: Option<&str>,
    scope: &Scope,
    sink: &mut (dyn FnMut(Event) + Send),
) -> Searched {
    let mut searched =
        Searched { place: store.unwrap_or("CloudTrail Lake").to_owned(), ..Searched::default() };
    if let Err(blocked) = run(aws, store, scope, sink, &mut searched).await {
        let place = searched.place.clone();
        searched.looked.problems.push(problem(&place, &blocked));
    }
    searched
}

async fn run(
    aws: &Aws<'_>,
    store: Option<&str>,
    scope: &Scope,
    sink: &mut (dyn FnMut(Event) + Send),
    searched: &mut Searched,
) -> Result<(), Blocked> {
    let client = aws.cloudtrail(aws.region());
    let store = match store.filter(|store| !store.is_empty()) {
        Some(store) => id(store)?,
        None => only_store(aws, &client).await?,
    };
    searched.place = format!("event data store {store}");
    let call = client.start_query().query_statement(lake_query(&store, scope)).send();
    may_start(aws)?;
    let started = asked(aws, &START_QUERY, call).await.map_err(|why| not_started(aws, why))?;
    let query = started.query_id().unwrap_or_default().to_owned();
    let cancel = format!("aws cloudtrail cancel-query --region {} --query-id {query}", aws.region());
    let running = Running { aws, cancel, limit: LIMIT };
    searched.billed_bytes = running.ended(|| Box::pin(state(aws, &client, &query))).await?;
    if searched.billed_bytes == Some(0) {
        let why =
            "CloudTrail Lake scanned not one byte: the event data store holds nothing of the time asked for";
        searched.looked.lacks(&searched.place, why);
    }
    let mut rows = Rows::new(sink, searched);
    let (mut pages, mut token) = (Pages::default(), None);
    loop {
        let call = client.get_query_results().query_id(&query).max_query_results(1000).set_next_token(token);
        let page = asked(aws, &GET_QUERY_RESULTS, call.send()).await?;
        for row in page.query_result_rows() {
            let row: BTreeMap<String, String> = row
                .iter()
                .flatten()
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
                .collect();
            rows.take(&row);
        }
        aws.progress().searching(rows.told());
        token = pages.next(page.next_token()).map_err(|_| endless(&GET_QUERY_RESULTS))?;
        if token.is_none() {
            return Ok(());
        }
    }
}

/// The UUID of a store given by id or ARN. It becomes part of the query, so nothing else passes.
fn id(given: &str) -> Result<String, Blocked> {
    let id = given.rsplit('/').next().unwrap_or(given).trim();
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid {
        return Ok(id.to_ascii_lowercase());
    }
    Err(blocked("the event data store", format!("`{given}` is not the id or ARN of one")))
}

async fn only_store(aws: &Aws<'_>, client: &Client) -> Result<String, Blocked> {
    let (mut stores, mut pages, mut token) = (Vec::new(), Pages::default(), None);
    loop {
        let call = client.list_event_data_stores().set_next_token(token).send();
        let page = asked(aws, &LIST_EVENT_DATA_STORES, call).await?;
        stores.extend(
            page.event_data_stores().iter().filter_map(|it| it.event_data_store_arn()).map(str::to_owned),
        );
        token = pages.next(page.next_token()).map_err(|_| endless(&LIST_EVENT_DATA_STORES))?;
        if token.is_none() {
            break;
        }
    }
    match &stores[..] {
        [one] => id(one),
        [] => Err(blocked("CloudTrail Lake", format!("there is no event data store in {}", aws.region()))),
        many => Err(blocked(
            "CloudTrail Lake",
            format!("there are several event data stores, name one: {}", many.join(", ")),
        )),
    }
}

async fn state(aws: &Aws<'_>, client: &Client, query: &str) -> Result<State, Blocked> {
    let answer = asked(aws, &DESCRIBE_QUERY, client.describe_query().query_id(query).send()).await?;
    Ok(match answer.query_status() {
        Some(QueryStatus::Finished) => {
            let bytes = answer.query_statistics().and_then(QueryStatisticsForDescribeQuery::bytes_scanned);
            State::Succeeded(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
        }
        Some(QueryStatus::Queued | QueryStatus::Running) => State::Running,
        other => {
            let state = other.map_or("of unknown state", QueryStatus::as_str);
            State::Failed(state.to_owned(), answer.error_message().map(str::to_owned))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_becomes_part_of_the_query() {
        let uuid = "EE54F255-e8a6-4c3b-b87e-0e5f5a5a0a0a";
        assert_eq!(id(uuid).as_deref(), Ok("ee54f255-e8a6-4c3b-b87e-0e5f5a5a0a0a"));
        let arn = format!("arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/{uuid}");
        assert!(id(&arn).is_ok());
        for bad in [
            "",
            "x; DROP TABLE y",
            "ee54f255-e8a6-4c3b-b87e-0e5f5a5a0a0' ",
            "ee54f255xe8a6-4c3b-b87e-0e5f5a5a0a0a",
        ] {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}
