//! Which source `denials` takes, a trail's log files in S3, and Athena's table over them. `StartQuery` and
//! what belongs to it are the proxy's answers, in AWS's shapes; trails, buckets and logs are the server's.

use serde_json::{Value, json};

use super::account::{Account, ROLE};
use super::answers::event_history;
use super::denials::assumed;
use super::logs::{gz, record};
use super::proxy::{Fault, Proxy};
use super::run::{Ended, Run};
use super::wire::Message;

const WINDOW: [&str; 4] = ["--since", "2026-03-02", "--until", "2026-03-03"];

/// A log file with one refused call of the role.
fn log(account: &Account, id: &str, time: &str) -> Vec<u8> {
    let mut denied = record(id, &account.role_arn(), "AccessDenied");
    denied["eventTime"] = json!(time);
    gz(json!({"Records": [denied]}).to_string())
}

/// Fills a bucket with days of which only some are wanted. `root` stands before the account.
fn fill(account: &Account, bucket: &str, root: &str) {
    let put = |owner: &str, region: &str, day: &str, id: &str, time: &str| {
        let slot = day.replace('/', "");
        let name = format!("{owner}_CloudTrail_{region}_{slot}T1005Z_{id}.json.gz");
        let key = format!("{root}{owner}/CloudTrail/{region}/{day}/{name}");
        account.put(bucket, &key, log(account, id, time));
    };
    put(&account.id, "eu-west-1", "2026/03/01", "before", "2026-03-01T10:00:00Z");
    put(&account.id, "eu-west-1", "2026/03/02", "one", "2026-03-02T10:00:00Z");
    put(&account.id, "us-east-1", "2026/03/02", "two", "2026-03-02T11:00:00Z");
    put(&account.id, "us-east-1", "2026/03/02", "two-again", "2026-03-02T11:00:00Z");
    // Delivered the day after.
    put(&account.id, "eu-west-1", "2026/03/03", "late", "2026-03-02T23:59:00Z");
    put(&account.id, "eu-west-1", "2026/03/05", "after", "2026-03-05T10:00:00Z");
    put("444455556666", "eu-west-1", "2026/03/02", "other-account", "2026-03-02T10:00:00Z");
    let digests = format!("{root}{}/CloudTrail-Digest/eu-west-1/2026/03/02/d.json.gz", account.id);
    account.put(bucket, &digests, log(account, "digest", "2026-03-02T10:00:00Z"));
}

/// Names of buckets are one for all tests: the server has one space of them.
fn logs_of(account: &Account) -> String {
    format!("logs-{}", account.id)
}

fn scene(prefix: Option<&str>, organization: bool, objects: &[&str]) -> (Account, Proxy) {
    let account = Account::healthy();
    account.logging_trail(&logs_of(&account), prefix, organization, objects);
    let proxy = Proxy::start(account.server);
    proxy.answer(event_history(vec![assumed(&account, "session", 60)]));
    (account, proxy)
}

fn expect_the_day(answer: &Value, ended: &Ended) {
    let groups = answer["denials"].as_array().unwrap().iter();
    let ids: Vec<&str> =
        groups.flat_map(|group| group["event_ids"].as_array().unwrap()).filter_map(Value::as_str).collect();
    assert_eq!(ids, ["one", "two", "two-again", "late"], "{answer:#}");
    // Only the folders of the role's account, of the two days in question, were fetched.
    assert_eq!(answer["coverage"]["files"], 4);
    assert_eq!(answer["coverage"]["regions"], json!(["eu-west-1", "us-east-1"]));
    assert_eq!((answer["complete"].as_bool(), ended.code), (Some(true), 1));
}

#[test]
fn a_trail_that_records_the_objects_is_taken_and_says_what_it_records() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    fill(&account, &logs_of(&account), "AWSLogs/");
    let (answer, ended) = Run::new(&account, &proxy).denials(&WINDOW);
    expect_the_day(&answer, &ended);
    assert_eq!(answer["coverage"]["source"], "trail_bucket");
    assert_eq!(answer["coverage"]["kinds"], json!(["management", "kms", "s3_objects"]));
    assert!(answer["coverage"]["selector_to_add"].is_null());
    assert_eq!(
        (&answer["sources"][0]["taken"], &answer["sources"][1]["taken"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(proxy.count("LookupEvents"), 0, "nobody asks the slow source too");
    let narrow = [&WINDOW[..], &["--regions", "us-east-1"]].concat();
    let (answer, _) = Run::new(&account, &proxy).denials(&narrow);
    assert_eq!(answer["coverage"]["files"], 2);
}

#[test]
fn the_logs_of_an_organisation_s_trail_are_found_behind_its_prefix() {
    let (account, proxy) = scene(Some("audit"), true, &["arn:aws:s3"]);
    fill(&account, &logs_of(&account), "audit/AWSLogs/o-ab12cd34ef/");
    let (answer, ended) = Run::new(&account, &proxy).denials(&[&WINDOW[..], &["--source", "trail"]].concat());
    expect_the_day(&answer, &ended);
}

#[test]
fn without_a_trail_event_history_shows_what_it_can_and_the_selector_to_add_is_told() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    proxy.answer(event_history(vec![assumed(&account, "session", 60)]));
    let (answer, ended) = Run::new(&account, &proxy).denials(&[]);
    assert_eq!(answer["coverage"]["source"], "event_history");
    assert_eq!(answer["sources"].as_array().unwrap().len(), 1, "{answer:#}");
    // The bucket has no key: all that is refused is refused on objects, and nobody records that.
    assert_eq!((&answer["sources"][0]["can"], ended.code), (&json!("none"), 3), "{answer:#}");
    let selector = answer["coverage"]["selector_to_add"].to_string();
    assert!(selector.contains(&account.bucket_name()), "{selector}");
    account.encrypt(None, None);
    let (answer, ended) = Run::new(&account, &proxy).denials(&[]);
    assert_eq!((&answer["sources"][0]["can"], ended.code), (&json!("some"), 0), "{answer:#}");
}

#[test]
fn a_trail_without_data_events_adds_nothing_to_event_history_but_age() {
    let (account, proxy) = scene(None, false, &[]);
    account.encrypt(None, None);
    let (answer, _) = Run::new(&account, &proxy).denials(&[]);
    assert_eq!(answer["coverage"]["source"], "event_history");
    assert_eq!(answer["sources"][1]["adds"], "events older than 90 days, if its bucket keeps them");
    // One command adds the selector and keeps those of the trail.
    let command = answer["coverage"]["command_to_add"].as_str().unwrap();
    assert!(
        command.contains("\"IncludeManagementEvents\":true") && command.contains(&account.bucket_name()),
        "{command}"
    );
    // One that records another bucket's objects shows none of these either.
    let (account, proxy) = scene(None, false, &["arn:aws:s3:::another/"]);
    let (answer, _) = Run::new(&account, &proxy).denials(&[]);
    assert_eq!(answer["sources"][1]["can"], "none", "{answer:#}");
}

#[test]
fn a_trail_whose_bucket_cannot_be_listed_is_passed_over_and_says_why() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    account.encrypt(None, None);
    proxy.fail(&["ListObjectsV2"], Fault::Refuse);
    let (answer, ended) = Run::new(&account, &proxy).denials(&[]);
    assert_eq!((&answer["coverage"]["source"], ended.code), (&json!("event_history"), 0), "{answer:#}");
    let why = answer["sources"][1]["why"].as_str().unwrap();
    assert!(why.contains("grant s3:ListBucket"), "{why}");
    // Asked for by name it is searched all the same, and the answer is incomplete.
    let (answer, ended) = Run::new(&account, &proxy).denials(&["--source", "trail"]);
    assert_eq!((&answer["coverage"]["source"], ended.code), (&json!("trail_bucket"), 3), "{answer:#}");
}

#[test]
fn a_bucket_that_is_gone_is_told_and_leaves_the_answer_incomplete() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    account.delete_bucket(&logs_of(&account));
    let (answer, ended) = Run::new(&account, &proxy).denials(&[&WINDOW[..], &["--source", "trail"]].concat());
    assert_eq!((answer["complete"].as_bool(), ended.code), (Some(false), 3), "{answer:#}");
    assert!(answer["coverage"]["problems"][0]["detail"].as_str().unwrap().contains("no such bucket"));
}

/// The problems of an answer by `(file, detail)`.
fn problems(answer: &Value) -> Vec<(String, String)> {
    let problems = answer["coverage"]["problems"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    problems.map(|it| (text(&it["file"]), text(&it["detail"]))).collect()
}

/// The answer of a search of the trail, whatever speaks against it.
fn of_trail(account: &Account, proxy: &Proxy, more: &[&str]) -> (Value, Ended) {
    Run::new(account, proxy).denials(&[&["--source", "trail"], more].concat())
}

#[test]
fn files_that_are_all_refused_are_one_problem_that_names_the_permission_aws_names() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    for number in 0..400 {
        let key = format!("AWSLogs/{}/CloudTrail/eu-west-1/2026/03/02/{number}.json.gz", account.id);
        account.put(&logs_of(&account), &key, Vec::new());
    }
    let key = format!("arn:aws:kms:eu-west-1:{}:key/1", account.id);
    proxy.answer(move |request| {
        let message = format!(
            "User: arn:aws:iam::111122223333:user/u is not authorized to perform: kms:Decrypt on resource: {key} because no \
             identity-based policy allows the kms:Decrypt action"
        );
        let is_file = request.operation().name == "GetObject";
        is_file.then(|| super::wire::error(request.operation(), 403, "AccessDenied", &message))
    });
    let (answer, ended) = of_trail(&account, &proxy, &WINDOW);
    assert_eq!((&answer["complete"], ended.code), (&json!(false), 3), "{answer:#}");
    let problems = problems(&answer);
    let refused = problems.iter().find(|(_, detail)| detail.contains("grant kms:Decrypt")).unwrap();
    assert!(refused.0.ends_with(" more") && problems.len() <= 3, "{problems:?}");
    assert!(proxy.count("GetObject") < 400, "{}", proxy.count("GetObject"));
    assert!(problems.iter().any(|(file, _)| file.ends_with("more files")), "{problems:?}");
}

#[test]
fn a_file_that_was_deleted_since_it_was_listed_is_told() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    fill(&account, &logs_of(&account), "AWSLogs/");
    proxy.answer(|request| {
        let is_meant = request.operation().name == "GetObject" && request.target().contains("_one.");
        is_meant.then(|| super::wire::error(request.operation(), 404, "NoSuchKey", "gone"))
    });
    let (answer, ended) = of_trail(&account, &proxy, &WINDOW);
    assert_eq!((&answer["complete"], ended.code), (&json!(false), 1), "{answer:#}");
    let problems = problems(&answer);
    assert!(problems.len() == 1 && problems[0].1.contains("deleted after it was listed"), "{problems:?}");
}

#[test]
fn folders_that_are_missing_are_named() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    fill(&account, &logs_of(&account), "AWSLogs/");
    let (answer, _) = of_trail(&account, &proxy, &["--account", "777788889999"]);
    let told = problems(&answer);
    assert!(told.iter().any(|it| it.1.contains("no folder of the account 777788889999")), "{told:?}");
    let narrow = [&WINDOW[..], &["--regions", "us-east-1,ap-south-1"]].concat();
    let (answer, _) = of_trail(&account, &proxy, &narrow);
    let told = problems(&answer);
    assert!(told.len() == 1 && told[0].1.contains("no folder of the region ap-south-1"), "{told:?}");
}

#[test]
fn a_long_window_asks_only_for_folders_that_there_are() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    fill(&account, &logs_of(&account), "AWSLogs/");
    let (answer, _) = of_trail(&account, &proxy, &["--since", "1990-01-01", "--until", "2026-03-03"]);
    assert_eq!(answer["coverage"]["files"], 5, "{answer:#}");
    assert!(proxy.count("ListObjectsV2") < 30, "{}", proxy.count("ListObjectsV2"));
}

#[test]
fn a_prefix_that_is_the_folder_of_logs_itself_is_understood() {
    let (account, proxy) = scene(Some("audit/AWSLogs"), false, &["arn:aws:s3"]);
    fill(&account, &logs_of(&account), "audit/AWSLogs/");
    let (answer, ended) = of_trail(&account, &proxy, &WINDOW);
    expect_the_day(&answer, &ended);
}

#[test]
fn what_a_trail_does_not_record_is_told_before_the_search() {
    let (account, proxy) = scene(None, false, &[]);
    let ended = Run::new(&account, &proxy).alone("denials", &["--role", ROLE, "--source", "trail"]);
    assert!(ended.stderr.contains("not recorded: calls on S3 objects"), "{}", ended.stderr);
}

#[test]
fn a_window_before_event_history_begins_needs_a_trail() {
    let (account, proxy) = scene(None, false, &[]);
    account.encrypt(None, None);
    let (answer, _) = Run::new(&account, &proxy).denials(&["--since", "2020-01-01", "--until", "2020-01-03"]);
    assert_eq!(answer["coverage"]["source"], "trail_bucket", "{answer:#}");
    assert_eq!(answer["sources"][0]["can"], "none");
    assert_eq!(proxy.count("LookupEvents"), 0);
}

#[test]
fn an_interrupted_search_of_a_trail_prints_what_was_fetched() {
    let (account, proxy) = scene(None, false, &["arn:aws:s3"]);
    fill(&account, &logs_of(&account), "AWSLogs/");
    proxy.hold(|request| request.operation().name == "GetObject" && request.target().contains("two"));
    let fetched = || proxy.count("GetObject") == 4;
    let (answer, ended) = Run::new(&account, &proxy).denials_interrupted(&WINDOW, fetched);
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_eq!((&answer["complete"], &answer["coverage"]["interrupted"]), (&json!(false), &json!(true)));
    assert_eq!(answer["denials"][0]["event_ids"], json!(["one", "late"]), "{answer:#}");
}

#[test]
fn lake_is_asked_when_it_is_named_and_the_denials_are_verified() {
    let account = Account::healthy();
    let proxy = Proxy::start(account.server);
    let arn = account.role_arn();
    let bucket = account.bucket_name();
    proxy.answer(move |request| lake(request, &arn, &bucket));
    let store = "ee54f255-e8a6-4c3b-b87e-0e5f5a5a0a0a";
    let (answer, ended) = Run::new(&account, &proxy).denials(&["--lake", store, "--since", "2026-03-01"]);
    assert_eq!((&answer["coverage"]["source"], ended.code), (&json!("lake"), 1), "{answer:#}");
    assert_eq!(answer["denials"][0]["verification"]["status"], "still_denied", "{answer:#}");
    assert!(answer["timeline"]["entries"].to_string().contains("DetachRolePolicy"), "{answer:#}");
    assert_eq!(proxy.count("LookupEvents"), 0);
    assert_eq!((proxy.count("StartQuery"), proxy.count("GetRole")), (1, 1));
}

/// A store that holds one refused call and the change before it.
fn lake(request: &Message, role: &str, bucket: &str) -> Option<Message> {
    let row = |members: Value| -> Vec<Value> {
        members.as_object().unwrap().iter().map(|(name, value)| json!({name.as_str(): value})).collect()
    };
    let denied = row(
        json!({"eventid": "1", "eventtime": "2026-03-02 10:00:00.000", "eventsource": "s3.amazonaws.com",
        "eventname": "DeleteObject", "awsregion": "eu-west-1", "errorcode": "AccessDenied", "issuer_type": "Role",
        "issuer_arn": role, "errormessage": format!("User: x is not authorized to perform: s3:DeleteObject on resource: \
            \"arn:aws:s3:::{bucket}/k\" because no identity-based policy allows the s3:DeleteObject action")}),
    );
    let changed = row(
        json!({"eventid": "2", "eventtime": "2026-03-02 09:00:00.000", "eventsource": "iam.amazonaws.com",
        "eventname": "DetachRolePolicy", "awsregion": "us-east-1", "identity_arn": "arn:aws:iam::111122223333:user/alice",
        "requestparameters": json!({"roleName": ROLE, "policyArn": "arn:aws:iam::111122223333:policy/p"}).to_string()}),
    );
    let answer = match request.operation().name {
        "StartQuery" => json!({"QueryId": "11111111-2222-3333-4444-555555555555"}),
        "DescribeQuery" => json!({"QueryStatus": "FINISHED", "QueryStatistics": {"BytesScanned": 7}}),
        "GetQueryResults" => json!({"QueryStatus": "FINISHED", "QueryResultRows": [denied, changed]}),
        _ => return None,
    };
    Some(Message::answer(200, "application/x-amz-json-1.1", answer.to_string()))
}

#[test]
fn the_table_s_definition_is_that_of_the_account_s_trail() {
    let (account, proxy) = scene(Some("audit"), false, &[]);
    let arguments = ["--athena-ddl", "--athena", "logs.cloudtrail", "--role", ROLE, "--since", "2026-01-01"];
    let ended = Run::new(&account, &proxy).alone("denials", &arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let logs = logs_of(&account);
    for part in [
        "CREATE EXTERNAL TABLE IF NOT EXISTS `logs`.`cloudtrail`".to_owned(),
        format!("'s3://{logs}/audit/AWSLogs/{}/CloudTrail/${{region}}/${{day}}'", account.id),
        "'projection.day.range' = '2026/01/01,NOW'".to_owned(),
    ] {
        assert!(ended.stdout.contains(&part), "{part}\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("account string"), "{}", ended.stdout);
    assert_eq!(proxy.count("StartQueryExecution"), 0);
}

#[test]
fn the_table_s_definition_of_an_organisation_s_trail_has_its_accounts() {
    let (account, proxy) = scene(None, true, &[]);
    // The shape of DescribeOrganization's answer; the server's accounts are in no organization.
    proxy.answer(|request| {
        let organization = json!({"Organization": {"Id": "o-ab12cd34ef", "FeatureSet": "ALL",
            "Arn": "arn:aws:organizations::111122223333:organization/o-ab12cd34ef", "MasterAccountId": "111122223333"}});
        (request.operation().name == "DescribeOrganization")
            .then(|| Message::answer(200, "application/x-amz-json-1.1", organization.to_string()))
    });
    let ddl = |more: &[&str]| {
        let arguments = [&["--athena-ddl", "--role", ROLE], more].concat();
        Run::new(&account, &proxy).alone("denials", &arguments)
    };
    let ended = ddl(&["--account", "111122223333,444455556666"]);
    assert_eq!((ended.code, ended.stderr.contains("warning")), (0, false), "{}", ended.stderr);
    let root = format!("s3://{}/AWSLogs/o-ab12cd34ef/${{account}}/CloudTrail", logs_of(&account));
    assert!(ended.stdout.contains(&root), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("'projection.account.values' = '111122223333,444455556666'"),
        "{}",
        ended.stdout
    );
    assert!(ddl(&[]).stderr.contains("only this account is in the table"));
}
