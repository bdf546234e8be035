//! `denials --lake` and `--athena` against answers in AWS's shapes.
//!
//! The answers are written down here by the API references, since no emulator runs these queries:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetQueryResults.html>
//! <https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html>

#![allow(
    unreachable_pub,
    clippy::unnecessary_wraps,
    clippy::assigning_clones,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "helpers of tests: a panic is a failed test, and a story is told in one piece"
)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const STORE: &str = "ee54f255-e8a6-4c3b-b87e-0e5f5a5a0a0a";
const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";

/// One call: the operation and what it was asked with.
type Call = (String, Value);

/// A server that gives the answers of `answer`: a status and a body, or `None` to be silent.
struct Fake {
    address: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Fake {
    fn start(answer: impl Fn(&str, &Value, usize) -> Option<(u16, Value)> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&calls), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        Self { address, calls }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamkap-doctor"));
        command
            .arg("denials")
            .args(args)
            .args(["-o", "json", "--region", "eu-west-1", "--endpoint-url", &self.address])
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    fn run(&self, args: &[&str]) -> (Value, Output) {
        let output = self.command(args).output().unwrap();
        let answer = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (answer, output)
    }

    fn asked(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }
}

fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<Call>>,
    answer: &dyn Fn(&str, &Value, usize) -> Option<(u16, Value)>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut stream, mut operation, mut length) = (stream, String::new(), 0);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => operation = value.trim().rsplit('.').next().unwrap_or_default().to_owned(),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
        line.clear();
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let times = {
        let mut calls = seen.lock().unwrap();
        calls.push((operation.clone(), body.clone()));
        calls.iter().filter(|(name, _)| *name == operation).count()
    };
    let Some((status, body)) = answer(&operation, &body, times) else { return };
    let body = body.to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn row(id: &str) -> Value {
    let of = |name: &str, value: &str| json!({name: value});
    json!([
        of("eventid", id),
        of("eventtime", "2026-03-02 10:00:00.000"),
        of("eventsource", "glue.amazonaws.com"),
        of("eventname", "GetTable"),
        of("awsregion", "eu-west-1"),
        of("recipientaccountid", "111122223333"),
        of("errorcode", "AccessDenied"),
        of("issuer_type", "Role"),
        of("issuer_arn", ROLE),
        of(
            "errormessage",
            "User: arn:aws:sts::111122223333:assumed-role/orders/s is not authorized to perform: glue:GetTable on resource: arn:aws:glue:eu-west-1:111122223333:table/d/t because no identity-based policy allows the glue:GetTable action"
        )
    ])
}

fn count(answer: &Value) -> u64 {
    answer["denials"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum()
}

/// Lake as it answers: throttled once, running once, two pages of which the second repeats an event.
fn lake(operation: &str, body: &Value, times: usize) -> Option<(u16, Value)> {
    let answer = match (operation, times) {
        ("ListEventDataStores", _) => json!({"EventDataStores": [
            {"EventDataStoreArn": format!("arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/{STORE}"), "Name": "all"}]}),
        ("StartQuery", 1) => {
            return Some((400, json!({"__type": "ThrottlingException", "message": "Rate exceeded"})));
        }
        ("StartQuery", _) => json!({"QueryId": "11111111-2222-3333-4444-555555555555"}),
        ("DescribeQuery", 1) => json!({"QueryStatus": "RUNNING"}),
        ("DescribeQuery", _) => json!({"QueryStatus": "FINISHED", "QueryStatistics": {"BytesScanned": 1234}}),
        ("GetQueryResults", _) if body["NextToken"].is_null() => {
            json!({"QueryStatus": "FINISHED", "QueryResultRows": [row("1"), row("2")], "NextToken": "more"})
        }
        ("GetQueryResults", _) => json!({"QueryStatus": "FINISHED", "QueryResultRows": [row("2"), row("3")]}),
        _ => {
            return Some((
                400,
                json!({"__type": "AccessDeniedException", "message": "User: x is not authorized"}),
            ));
        }
    };
    Some((200, answer))
}

#[test]
fn lake_is_asked_once_and_read_to_its_last_page_through_throttling() {
    let fake = Fake::start(lake);
    let (answer, output) = fake.run(&["--lake", "--role", ROLE, "--since", "2026-03-01"]);
    assert_eq!(count(&answer), 3, "{answer:#}");
    assert_eq!(answer["coverage"]["billed_bytes"], 1234);
    assert_eq!(answer["complete"], true);
    assert_eq!(output.status.code(), Some(1));
    let asked = fake.asked("StartQuery");
    let sql = asked[0]["QueryStatement"].as_str().unwrap();
    assert!(sql.contains(&format!("FROM {STORE}")) && sql.contains(ROLE), "{sql}");
}

#[test]
fn a_query_that_fails_makes_the_answer_incomplete_and_says_why() {
    let fake = Fake::start(|operation, body, times| match operation {
        "DescribeQuery" => {
            Some((200, json!({"QueryStatus": "TIMED_OUT", "ErrorMessage": "the query ran for too long"})))
        }
        _ => lake(operation, body, times),
    });
    let (answer, output) = fake.run(&["--lake", STORE, "--role", ROLE, "--since", "2026-03-01"]);
    assert_eq!((count(&answer), &answer["complete"], output.status.code()), (0, &json!(false), Some(3)));
    let detail = answer["coverage"]["problems"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("TIMED_OUT") && detail.contains("too long"), "{detail}");
}

#[test]
fn rows_that_hold_no_event_are_counted_and_a_page_that_comes_again_ends_the_search() {
    let fake = Fake::start(|operation, body, times| match operation {
        "GetQueryResults" => Some((
            200,
            json!({"QueryStatus": "FINISHED", "QueryResultRows": [row("1"), [{"eventid": "2"}]], "NextToken": "more"}),
        )),
        _ => lake(operation, body, times),
    });
    let (answer, output) = fake.run(&["--lake", STORE, "--role", ROLE, "--since", "2026-03-01"]);
    assert_eq!((count(&answer), &answer["complete"], output.status.code()), (1, &json!(false), Some(1)));
    let problems = answer["coverage"]["problems"].to_string();
    assert!(problems.contains("unreadable_records") && problems.contains("\"count\":2"), "{problems}");
    assert!(problems.contains("names no page that was not read"), "{problems}");
    assert_eq!(fake.asked("GetQueryResults").len(), 2);
}

#[test]
fn pages_read_before_a_refusal_are_kept() {
    let fake = Fake::start(|operation, body, times| match operation {
        "GetQueryResults" if !body["NextToken"].is_null() => Some((
            400,
            json!({"__type": "AccessDeniedException", "message": "User: x is not authorized to perform: cloudtrail:GetQueryResults"}),
        )),
        _ => lake(operation, body, times),
    });
    let (answer, output) = fake.run(&["--lake", STORE, "--role", ROLE, "--since", "2026-03-01"]);
    assert_eq!((count(&answer), &answer["complete"], output.status.code()), (2, &json!(false), Some(1)));
}

fn athena(operation: &str, body: &Value, times: usize) -> Option<(u16, Value)> {
    let column = |name: &str| json!({"Name": name, "Type": "string"});
    let names =
        ["eventid", "eventtime", "eventsource", "eventname", "errorcode", "errormessage", "issuer_arn"];
    let data = |values: [&str; 7]| json!({"Data": values.map(|value| json!({"VarCharValue": value}))});
    let denial =
        |id| data([id, "2026-03-02T10:00:00Z", "glue.amazonaws.com", "GetTable", "AccessDenied", "", ROLE]);
    let page = |rows: Vec<Value>, next: Option<&str>| {
        let info = names.map(|name| json!({"Name": name, "Type": "varchar"}));
        json!({"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}}, "NextToken": next})
    };
    let columns = [
        "eventid",
        "eventtime",
        "eventsource",
        "eventname",
        "awsregion",
        "errorcode",
        "errormessage",
        "useridentity",
        "requestparameters",
        "recipientaccountid",
    ]
    .map(column);
    let keys = ["account", "region", "day"].map(column);
    let answer = match (operation, times) {
        ("GetTableMetadata", _) => json!({"TableMetadata": {"Name": "cloudtrail",
            "Columns": columns,
            "PartitionKeys": keys,
            "Parameters": {"projection.day.type": "date", "projection.day.format": "yyyy/MM/dd"}}}),
        ("StartQueryExecution", _) => json!({"QueryExecutionId": "q"}),
        ("GetQueryExecution", 1) => json!({"QueryExecution": {"Status": {"State": "QUEUED"}}}),
        ("GetQueryExecution", _) => {
            json!({"QueryExecution": {"Status": {"State": "SUCCEEDED"}, "Statistics": {"DataScannedInBytes": 99}}})
        }
        // The first row of the first page repeats the names.
        ("GetQueryResults", _) if body["NextToken"].is_null() => {
            page(vec![data(names), denial("1")], Some("more"))
        }
        ("GetQueryResults", _) => page(vec![denial("2")], None),
        _ => {
            return Some((
                400,
                json!({"__type": "AccessDeniedException", "message": "User: x is not authorized"}),
            ));
        }
    };
    Some((200, answer))
}

#[test]
fn athena_is_asked_by_partition_and_read_to_its_last_page() {
    let fake = Fake::start(athena);
    let (answer, output) = fake.run(&[
        "--athena",
        "logs.cloudtrail",
        "--workgroup",
        "audit",
        "--role",
        ROLE,
        "--account",
        "111122223333",
        "--since",
        "2026-03-01",
        "--until",
        "2026-03-03",
    ]);
    assert_eq!(count(&answer), 2, "{answer:#}");
    assert_eq!(answer["coverage"]["billed_bytes"], 99);
    assert_eq!(output.status.code(), Some(1));
    let asked = fake.asked("StartQueryExecution");
    assert_eq!(asked[0]["WorkGroup"], "audit");
    let sql = asked[0]["QueryString"].as_str().unwrap();
    assert!(
        sql.contains("\"day\" >= '2026/03/01'") && sql.contains("\"account\" IN ('111122223333')"),
        "{sql}"
    );
    assert!(sql.contains("CAST(NULL AS varchar) AS vpcendpointid"), "{sql}");
}

#[test]
fn a_table_without_partitions_of_what_is_asked_for_is_no_good_news() {
    let fake = Fake::start(|operation, body, times| match operation {
        "GetTableMetadata" => {
            let (_, mut metadata) = athena(operation, body, times)?;
            let parameters = &mut metadata["TableMetadata"]["Parameters"];
            parameters["projection.enabled"] = json!("true");
            parameters["projection.day.range"] = json!("2026/03/02,NOW");
            parameters["projection.region.type"] = json!("enum");
            parameters["projection.region.values"] = json!("us-east-1");
            Some((200, metadata))
        }
        "GetQueryExecution" => Some((
            200,
            json!({"QueryExecution": {"Status": {"State": "SUCCEEDED"}, "Statistics": {"DataScannedInBytes": 0}}}),
        )),
        "GetQueryResults" => Some((200, json!({"ResultSet": {"Rows": []}}))),
        _ => athena(operation, body, times),
    });
    let asked =
        ["--athena", "logs.cloudtrail", "--role", ROLE, "--since", "2026-03-01", "--regions", "eu-west-1"];
    let (answer, output) = fake.run(&asked);
    assert_eq!((count(&answer), &answer["complete"], output.status.code()), (0, &json!(false), Some(3)));
    let problems = answer["coverage"]["problems"].to_string();
    for part in ["no region eu-west-1", "of the days from 2026/03/02 to", "scanned not one byte"] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}

#[test]
fn a_store_of_which_not_one_byte_was_scanned_holds_nothing_of_the_time() {
    let fake = Fake::start(|operation, body, times| match operation {
        "DescribeQuery" => {
            Some((200, json!({"QueryStatus": "FINISHED", "QueryStatistics": {"BytesScanned": 0}})))
        }
        "GetQueryResults" => Some((200, json!({"QueryStatus": "FINISHED", "QueryResultRows": []}))),
        _ => lake(operation, body, times),
    });
    let (answer, output) = fake.run(&["--lake", STORE, "--role", ROLE, "--since", "2026-03-01"]);
    assert_eq!((&answer["complete"], output.status.code()), (&json!(false), Some(3)), "{answer:#}");
    assert!(answer["coverage"]["problems"].to_string().contains("scanned not one byte"), "{answer:#}");
}

#[test]
fn an_answer_without_rows_is_not_an_empty_one() {
    let fake = Fake::start(|operation, body, times| match operation {
        "GetQueryResults" => Some((200, json!({}))),
        _ => athena(operation, body, times),
    });
    let (answer, output) =
        fake.run(&["--athena", "logs.cloudtrail", "--role", ROLE, "--since", "2026-03-01"]);
    assert_eq!((&answer["complete"], output.status.code()), (&json!(false), Some(3)), "{answer:#}");
    assert!(answer["coverage"]["problems"].to_string().contains("AWS gave no rows"), "{answer:#}");
}

#[test]
fn a_refused_query_names_the_permission_to_grant() {
    let fake = Fake::start(|operation, body, times| match operation {
        "StartQueryExecution" => Some((
            400,
            json!({"__type": "AccessDeniedException", "Message": "You are not authorized to perform: athena:StartQueryExecution on the resource"}),
        )),
        _ => athena(operation, body, times),
    });
    let (answer, output) = fake.run(&["--athena", "logs.cloudtrail", "--role", ROLE]);
    assert_eq!(output.status.code(), Some(3));
    let detail = answer["coverage"]["problems"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("grant athena:StartQueryExecution"), "{detail}");
}

/// Runs a search, interrupts it as Ctrl-C does once an operation was called, and gives its answer.
#[cfg(unix)]
fn interrupted(fake: &Fake, args: &[&str], operation: &str) -> (Value, Output) {
    let child = fake.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while fake.asked(operation).is_empty() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output)
}

#[cfg(unix)]
#[test]
fn an_interrupted_query_runs_on_and_the_answer_says_so_with_the_command_that_ends_it() {
    let fake = Fake::start(|operation, body, times| match operation {
        "DescribeQuery" => Some((200, json!({"QueryStatus": "RUNNING"}))),
        "GetQueryExecution" => Some((200, json!({"QueryExecution": {"Status": {"State": "RUNNING"}}}))),
        "StartQuery" => lake(operation, body, 2),
        "StartQueryExecution" | "GetTableMetadata" => athena(operation, body, times),
        _ => lake(operation, body, times),
    });
    for (args, operation, command) in [
        (
            &["--lake", STORE][..],
            "DescribeQuery",
            "aws cloudtrail cancel-query --region eu-west-1 --query-id 11111111-",
        ),
        (
            &["--athena", "logs.cloudtrail"],
            "GetQueryExecution",
            "aws athena stop-query-execution --region eu-west-1 --query-execution-id q",
        ),
    ] {
        let (answer, output) = interrupted(&fake, args, operation);
        assert_eq!(output.status.code(), Some(130));
        assert_eq!((&answer["complete"], &answer["coverage"]["interrupted"]), (&json!(false), &json!(true)));
        let detail = answer["coverage"]["problems"][0]["detail"].as_str().unwrap();
        assert!(detail.contains("may run on and is billed") && detail.contains(command), "{detail}");
    }
    assert!(fake.asked("CancelQuery").is_empty() && fake.asked("StopQueryExecution").is_empty());
}

#[cfg(unix)]
#[test]
fn rows_read_before_an_interruption_are_printed() {
    let fake = Fake::start(|operation, body, times| match operation {
        // The second page never comes.
        "GetQueryResults" if !body["NextToken"].is_null() => {
            std::thread::sleep(Duration::from_secs(20));
            None
        }
        "StartQuery" | "DescribeQuery" => lake(operation, body, 2),
        _ => lake(operation, body, times),
    });
    let (answer, output) = interrupted(&fake, &["--lake", STORE, "--since", "2026-03-01"], "GetQueryResults");
    assert_eq!((count(&answer), output.status.code()), (2, Some(130)), "{answer:#}");
}
