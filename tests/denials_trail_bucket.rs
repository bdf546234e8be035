//! `denials --source trail` against a live S3 API: MiniStack holds the trails' buckets.
//!
//! MiniStack is pinned and installed under `target/` on the first run.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "helpers of tests: a panic is a failed test, and a story is told in one piece"
)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/service/orders";

/// The live API server.
struct MiniStack {
    child: Child,
    port: u16,
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl MiniStack {
    fn start() -> Self {
        let program = installed();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "MiniStack does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// A call as the account's root: MiniStack takes a twelve-digit access key for it.
    fn call(&self, method: &str, path: &str, service: &str, headers: &str, body: &[u8]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={ACCOUNT}/20260302/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\
             {headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
    }

    fn put(&self, path: &str, body: &[u8]) {
        self.call("PUT", path, "s3", "", body);
    }

    fn bucket(&self, name: &str) {
        let place = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
        self.put(&format!("/{name}"), place.as_bytes());
    }

    fn cloudtrail(&self, operation: &str, body: &Value) {
        let target = format!(
            "X-Amz-Target: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}\r\n\
             Content-Type: application/x-amz-json-1.1\r\n"
        );
        self.call("POST", "/", "cloudtrail", &target, body.to_string().as_bytes());
    }

    fn doctor(&self, args: &[&str]) -> (Value, Output) {
        let output = Command::new(env!("CARGO_BIN_EXE_streamkap-doctor"))
            .args(["denials", "--source", "trail", "--role", ROLE, "-o", "json", "--region", "eu-west-1"])
            .args(["--endpoint-url", &format!("http://127.0.0.1:{}", self.port)])
            .args(args)
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", ACCOUNT)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .unwrap();
        let answer = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (answer, output)
    }
}

fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ministack-venv");
    let run = |command: &mut Command| {
        let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(status.success(), "{command:?} failed");
    };
    if !folder.join("ready").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        run(Command::new(folder.join("bin/python")).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "ministack==1.5.33",
        ]));
        std::fs::write(folder.join("ready"), "").unwrap();
    }
    folder.join("bin/ministack")
}

fn log(id: &str, time: &str) -> Vec<u8> {
    let record = json!({
        "eventVersion": "1.09", "eventTime": time, "eventSource": "s3.amazonaws.com", "eventName": "PutObject",
        "awsRegion": "eu-west-1", "errorCode": "AccessDenied", "errorMessage": "Access Denied", "eventID": id,
        "requestParameters": {"bucketName": "orders", "key": "k"}, "recipientAccountId": ACCOUNT, "eventCategory": "Data",
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}}}
    });
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(json!({"Records": [record]}).to_string().as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Fills a bucket with days of which only some are wanted. `root` stands before the account.
fn fill(server: &MiniStack, bucket: &str, root: &str) {
    server.bucket(bucket);
    let put = |account: &str, region: &str, day: &str, id: &str, time: &str| {
        let slot = day.replace('/', "");
        let name = format!("{account}_CloudTrail_{region}_{slot}T1005Z_{id}.json.gz");
        server.put(&format!("/{bucket}/{root}{account}/CloudTrail/{region}/{day}/{name}"), &log(id, time));
    };
    put(ACCOUNT, "eu-west-1", "2026/03/01", "before", "2026-03-01T10:00:00Z");
    put(ACCOUNT, "eu-west-1", "2026/03/02", "one", "2026-03-02T10:00:00Z");
    put(ACCOUNT, "us-east-1", "2026/03/02", "two", "2026-03-02T11:00:00Z");
    put(ACCOUNT, "us-east-1", "2026/03/02", "two-again", "2026-03-02T11:00:00Z");
    // Delivered the day after.
    put(ACCOUNT, "eu-west-1", "2026/03/03", "late", "2026-03-02T23:59:00Z");
    put(ACCOUNT, "eu-west-1", "2026/03/05", "after", "2026-03-05T10:00:00Z");
    put("444455556666", "eu-west-1", "2026/03/02", "other-account", "2026-03-02T10:00:00Z");
    server.put(
        &format!("/{bucket}/{root}{ACCOUNT}/CloudTrail-Digest/eu-west-1/2026/03/02/d.json.gz"),
        &log("digest", "2026-03-02T10:00:00Z"),
    );
}

fn trail(server: &MiniStack, bucket: &str, prefix: Option<&str>, organization: bool) {
    let mut trail = json!({"Name": "main", "S3BucketName": bucket, "IsMultiRegionTrail": true});
    if let Some(prefix) = prefix {
        trail["S3KeyPrefix"] = json!(prefix);
    }
    trail["IsOrganizationTrail"] = json!(organization);
    server.cloudtrail("CreateTrail", &trail);
    server.cloudtrail(
        "PutEventSelectors",
        &json!({"TrailName": "main", "EventSelectors": [
        {"ReadWriteType": "All", "IncludeManagementEvents": true,
         "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]}),
    );
}

const WINDOW: [&str; 4] = ["--since", "2026-03-02", "--until", "2026-03-03"];

fn expect_the_day(answer: &Value, output: &Output) {
    let ids: Vec<&str> = answer["denials"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["event_ids"].as_array().unwrap())
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(ids, ["one", "two", "two-again", "late"], "{answer:#}");
    // Only the folders of the role's account, of the two days in question, were fetched.
    assert_eq!(answer["coverage"]["files"], 4);
    assert_eq!(answer["coverage"]["regions"], json!(["eu-west-1", "us-east-1"]));
    assert_eq!((answer["complete"].as_bool(), output.status.code()), (Some(true), Some(1)));
}

#[test]
fn the_logs_of_an_accounts_own_trail_are_found_and_searched() {
    let server = MiniStack::start();
    fill(&server, "own-logs", "AWSLogs/");
    trail(&server, "own-logs", None, false);
    let (answer, output) = server.doctor(&WINDOW);
    expect_the_day(&answer, &output);
    let (narrow, _) = server.doctor(&[&WINDOW[..], &["--regions", "us-east-1"]].concat());
    assert_eq!(narrow["coverage"]["files"], 2);
}

#[test]
fn the_logs_of_an_organisations_trail_are_found_behind_its_prefix() {
    let server = MiniStack::start();
    fill(&server, "org-logs", "audit/AWSLogs/o-ab12cd34ef/");
    trail(&server, "org-logs", Some("audit"), true);
    let (answer, output) = server.doctor(&WINDOW);
    expect_the_day(&answer, &output);
}

#[test]
fn a_bucket_that_is_gone_is_told_and_leaves_the_answer_incomplete() {
    let server = MiniStack::start();
    server.bucket("gone");
    trail(&server, "gone", None, false);
    server.call("DELETE", "/gone", "s3", "", b"");
    let (answer, output) = server.doctor(&WINDOW);
    assert_eq!((answer["complete"].as_bool(), output.status.code()), (Some(false), Some(3)), "{answer:#}");
    assert!(answer["coverage"]["problems"][0]["detail"].as_str().unwrap().contains("no such bucket"));
}
