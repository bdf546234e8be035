//! Athena: one query of a table over log files, its results page by page.
//!
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html>

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecutionContext, QueryExecutionState, QueryExecutionStatistics, TableMetadata,
};
use jiff::Timestamp;

use super::archive::{Searched, asked, endless, problem};
use super::projection;
use super::rows::Rows;
use super::running::{Running, State, blocked, may_start, not_started};
use crate::collect::client::Aws;
use crate::collect::operations::{
    GET_ATHENA_RESULTS, GET_QUERY_EXECUTION, GET_TABLE_METADATA, START_QUERY_EXECUTION,
};
use crate::collect::pages::Pages;
use crate::denials::{Partitions, Scope, TableName, athena_query};
use crate::model::Blocked;
use crate::trail::Event;

/// How long a query may take: Athena's own limit for `SELECT` is thirty minutes.
const LIMIT: Duration = Duration::from_mins(31);
/// The catalogue in which tables of the Glue Data Catalog are.
const CATALOG: &str = "AwsDataCatalog";

/// Asks a table. `now` ends a window that has no end.
pub(super) async fn search(
    aws: &Aws<'_>,
    table: &TableName,
    workgroup: &str,
    scope: &Scope,
    now: Timestamp,
    sink: &mut (dyn FnMut(Event) + Send),
) -> Searched {
    let place = format!("{}.{}", table.database, table.table);
    let mut searched = Searched { place: place.clone(), ..Searched::default() };
    if let Err(blocked) = run(aws, table, workgroup, scope, now, sink, &mut searched).await {
        searched.looked.problems.push(problem(&place, &blocked));
    }
    searched
}

async fn run(
    aws: &Aws<'_>,
    table: &TableName,
    workgroup: &str,
    scope: &Scope,
    now: Timestamp,
    sink: &mut (dyn FnMut(Event) + Send),
    searched: &mut Searched,
) -> Result<(), Blocked> {
    let client = aws.athena();
    let call = client
        .get_table_metadata()
        .catalog_name(CATALOG)
        .database_name(&table.database)
        .table_name(&table.table)
        .work_group(workgroup);
    let metadata = asked(aws, &GET_TABLE_METADATA, call.send()).await?;
    let Some(metadata) = metadata.table_metadata() else {
        return Err(blocked("the table", "AWS did not describe it"));
    };
    for gap in projection::gaps(metadata, scope, now) {
        searched.looked.lacks(&searched.place, gap);
    }
    let sql = athena_query(table, &columns(metadata), &partitions(metadata), scope);
    let context = QueryExecutionContext::builder().catalog(CATALOG).database(&table.database).build();
    let call = client
        .start_query_execution()
        .query_string(sql)
        .query_execution_context(context)
        .work_group(workgroup);
    may_start(aws)?;
    let started = asked(aws, &START_QUERY_EXECUTION, call.send()).await;
    let started = started.map_err(|why| not_started(aws, why))?;
    let query = started.query_execution_id().unwrap_or_default().to_owned();
    let region = aws.region();
    let cancel = format!("aws athena stop-query-execution --region {region} --query-execution-id {query}");
    let running = Running { aws, cancel, limit: LIMIT };
    searched.billed_bytes = running.ended(|| Box::pin(state(aws, &client, &query))).await?;
    if searched.billed_bytes == Some(0) {
        let why = "Athena scanned not one byte: no log file is in the table's partitions of the time, accounts and regions asked for";
        searched.looked.lacks(&searched.place, why);
    }
    read(aws, &client, &query, sink, searched).await
}

async fn read(
    aws: &Aws<'_>,
    client: &Client,
    query: &str,
    sink: &mut (dyn FnMut(Event) + Send),
    searched: &mut Searched,
) -> Result<(), Blocked> {
    let mut rows = Rows::new(sink, searched);
    let (mut pages, mut token, mut first) = (Pages::default(), None, true);
    loop {
        let call = client.get_query_results().query_execution_id(query).max_results(1000);
        let page = asked(aws, &GET_ATHENA_RESULTS, call.set_next_token(token).send()).await?;
        let results =
            page.result_set().ok_or_else(|| blocked("the answer", "AWS gave no rows and no end of them"))?;
        let names: Vec<String> = results
            .result_set_metadata()
            .map(|metadata| {
                metadata.column_info().iter().map(|column| column.name().to_ascii_lowercase()).collect()
            })
            .unwrap_or_default();
        for row in results.rows() {
            let values = row.data().iter().map(|datum| datum.var_char_value().unwrap_or_default().to_owned());
            let row: BTreeMap<String, String> = names.iter().cloned().zip(values).collect();
            // The first row of the first page repeats the columns' names.
            if std::mem::take(&mut first)
                && row.iter().all(|(name, value)| name == &value.to_ascii_lowercase())
            {
                continue;
            }
            rows.take(&row);
        }
        aws.progress().searching(rows.told());
        token = pages.next(page.next_token()).map_err(|_| endless(&GET_ATHENA_RESULTS))?;
        if token.is_none() {
            return Ok(());
        }
    }
}

fn columns(table: &TableMetadata) -> BTreeSet<String> {
    table.columns().iter().map(|column| column.name().to_ascii_lowercase()).collect()
}

/// The partition columns, with the pattern of dates where partition projection tells one, or where a
/// column that is named for time has the usual one.
fn partitions(table: &TableMetadata) -> Partitions {
    let parameters = table.parameters();
    let pattern = |column: &str| {
        let told = parameters.and_then(|all| {
            let is_date = all.get(&format!("projection.{column}.type")).is_some_and(|kind| kind == "date");
            all.get(&format!("projection.{column}.format")).filter(|_| is_date).cloned()
        });
        told.filter(|pattern| !pattern.is_empty())
    };
    let columns =
        table.partition_keys().iter().map(|column| (column.name().to_owned(), pattern(column.name())));
    Partitions { columns: columns.collect() }
}

async fn state(aws: &Aws<'_>, client: &Client, query: &str) -> Result<State, Blocked> {
    let call = client.get_query_execution().query_execution_id(query).send();
    let answer = asked(aws, &GET_QUERY_EXECUTION, call).await?;
    let execution = answer.query_execution();
    let status = execution.and_then(|execution| execution.status());
    Ok(match status.and_then(|status| status.state()) {
        Some(QueryExecutionState::Succeeded) => {
            let bytes = execution
                .and_then(|execution| execution.statistics())
                .and_then(QueryExecutionStatistics::data_scanned_in_bytes);
            State::Succeeded(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
        }
        Some(QueryExecutionState::Queued | QueryExecutionState::Running) => State::Running,
        other => {
            let state = other.map_or("of unknown state", QueryExecutionState::as_str);
            let said = status.and_then(|status| status.state_change_reason());
            State::Failed(state.to_owned(), said.map(str::to_owned))
        }
    })
}
