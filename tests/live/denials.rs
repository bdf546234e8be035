//! `denials` over event history. The answers of `LookupEvents` and `DecodeAuthorizationMessage` are the
//! proxy's, in AWS's shapes; everything else is the server's.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::account::{Account, ROLE};
use super::answers::{decoder, event_history};
use super::proxy::{Fault, Proxy};
use super::run::Run;
use super::wire::Message;

const SESSION: &str = "orders-session";

fn at(minutes_ago: i64) -> String {
    let time = Timestamp::now() - SignedDuration::from_mins(minutes_ago);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Streamkap's call of `AssumeRole`.
pub fn assumed(account: &Account, id: &str, minutes_ago: i64) -> Value {
    json!({"eventID": id, "eventTime": at(minutes_ago), "awsRegion": "eu-west-1",
        "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
        "userIdentity": {"type": "AWSAccount", "accountId": "300973880807", "principalId": "AROAV:s"},
        "requestParameters": {"roleArn": account.role_arn(), "roleSessionName": SESSION}})
}

fn refused(account: &Account, key: &str, id: &str, minutes_ago: i64) -> Value {
    let session = format!("arn:aws:sts::{}:assumed-role/{ROLE}/{SESSION}", account.id);
    json!({"eventID": id, "eventTime": at(minutes_ago), "awsRegion": "eu-west-1",
        "eventSource": "kms.amazonaws.com", "eventName": "GenerateDataKey", "errorCode": "AccessDenied",
        "errorMessage": format!("User: {session} is not authorized to perform: kms:GenerateDataKey on resource: {key} \
            because no identity-based policy allows the kms:GenerateDataKey action"),
        "requestParameters": null, "sourceIPAddress": "fas.s3.amazonaws.com",
        "recipientAccountId": account.id,
        "userIdentity": {"type": "AssumedRole", "arn": session,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": account.role_arn()}}}})
}

fn detached(account: &Account, minutes_ago: i64) -> Value {
    json!({"eventID": "change", "eventTime": at(minutes_ago), "awsRegion": "us-east-1",
        "eventSource": "iam.amazonaws.com", "eventName": "DetachRolePolicy", "recipientAccountId": account.id,
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{}:user/alice", account.id)},
        "requestParameters": {"roleName": ROLE, "policyArn": format!("arn:aws:iam::{}:policy/Gone", account.id)}})
}

/// An account whose bucket has a key that the role may not use, and its history: more of it than a page
/// holds, and some of it before and after the window.
fn scene() -> (Account, Proxy, String) {
    let account = Account::healthy();
    let key = account.encrypt(None, None);
    let mut events: Vec<Value> =
        (0..60).map(|number| assumed(&account, &format!("a-{number}"), 100 + number)).collect();
    events.extend((0..70).map(|number| refused(&account, &key, &format!("d-{number}"), 100 + number)));
    events.push(refused(&account, &key, "too-early", 5000));
    events.push(refused(&account, &key, "too-late", 5));
    events.push(detached(&account, 200));
    let proxy = Proxy::start(account.server);
    proxy.answer(event_history(events));
    (account, proxy, key)
}

/// The bodies of the calls of `LookupEvents`.
fn lookups(proxy: &Proxy) -> Vec<Value> {
    let calls = proxy.calls().into_iter().filter(|call| call.operation == "LookupEvents");
    calls.map(|call| serde_json::from_str(call.subject.split_once(' ').unwrap().1).unwrap()).collect()
}

#[test]
fn event_history_is_asked_for_the_window_and_every_fact_once() {
    let (account, proxy, key) = scene();
    // The first call is throttled longer than the client itself retries.
    proxy.fail_first(&["LookupEvents"], Fault::Throttle, 4);
    let (since, until) = (at(1000), at(10));
    let (answer, ended) = Run::new(&account, &proxy).denials(&[
        "--since",
        &since,
        "--until",
        &until,
        "--source",
        "event-history",
    ]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let denial = &answer["denials"][0];
    assert_eq!((&denial["action"], &denial["resource"]), (&json!("kms:GenerateDataKey"), &json!(key)));
    assert_eq!(denial["count"], 70, "{answer:#}");
    assert_eq!(denial["verification"]["status"], "still_denied", "{denial:#}");
    assert_eq!(answer["complete"], true, "{:#}", answer["coverage"]);
    assert_eq!(answer["coverage"]["regions"], json!(["eu-west-1", "us-east-1"]));
    assert_eq!(answer["timeline"]["causes"][0]["certainty"], "likely", "{:#}", answer["timeline"]);

    let seconds = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
    for body in lookups(&proxy) {
        let bound = |name: &str| body[name].as_i64();
        assert_eq!((bound("StartTime"), bound("EndTime")), (Some(seconds(&since)), Some(seconds(&until))));
    }
    let asked: Vec<(&str, String)> = proxy
        .calls()
        .into_iter()
        .filter(|call| call.operation != "LookupEvents")
        .map(|call| (call.operation, call.subject))
        .collect();
    let once: BTreeSet<_> = asked.iter().collect();
    assert_eq!(once.len(), asked.len(), "asked twice: {asked:#?}");
}

#[test]
fn a_throttled_history_is_told_and_costs_no_more_than_the_patience_of_one_query() {
    let (account, proxy, _) = scene();
    proxy.fail(&["LookupEvents"], Fault::Throttle);
    let (answer, ended) = Run::new(&account, &proxy).denials(&["--source", "event-history"]);
    assert_eq!((ended.code, &answer["complete"]), (3, &json!(false)));
    let problem = answer["coverage"]["problems"][0].to_string();
    assert!(problem.contains("event history of") && problem.contains("Rate exceeded"), "{problem}");
    assert!(ended.took.as_secs() < 90, "{:?}", ended.took);
}

#[test]
fn pages_read_before_a_time_out_are_kept_and_the_rest_is_told() {
    let (account, proxy, _) = scene();
    // Whatever comes after the first page of denials is never answered.
    proxy.hold(|request| {
        let body = String::from_utf8_lossy(&request.body);
        body.contains("Username") && body.contains("NextToken")
    });
    let (answer, ended) = Run::new(&account, &proxy).denials(&["--source", "event-history"]);
    assert_eq!(answer["denials"][0]["count"], 50, "{answer:#}");
    assert_eq!((ended.code, &answer["complete"]), (1, &json!(false)));
    let problems = answer["coverage"]["problems"].to_string();
    assert!(
        problems.contains("a later page was not read: LookupEvents of CloudTrail timed out"),
        "{problems}"
    );
}

/// Answers searches of denials, by the session's name, with these texts of records and this token.
fn by_session(records: Vec<String>, token: Option<&'static str>) -> impl Fn(&Message) -> Option<Message> {
    move |request| {
        let body = String::from_utf8_lossy(&request.body);
        let is_meant = request.operation().name == "LookupEvents" && body.contains("Username");
        let events: Vec<Value> = records.iter().map(|record| json!({"CloudTrailEvent": record})).collect();
        let answer = json!({"Events": events, "NextToken": token});
        is_meant.then(|| Message::answer(200, "application/x-amz-json-1.1", answer.to_string()))
    }
}

#[test]
fn a_record_that_cannot_be_read_is_told_and_half_of_a_surrogate_pair_hinders_nothing() {
    let (account, _, key) = scene();
    let proxy = Proxy::start(account.server);
    let odd = refused(&account, &key, "odd", 30).to_string().replacen("fas.s3", "\\ud83dfas.s3", 1);
    proxy.answer(by_session(vec![odd, "{\"eventID\": ".to_owned()], None));
    proxy.answer(event_history(vec![assumed(&account, "a", 100)]));
    let (answer, ended) = Run::new(&account, &proxy).denials(&["--source", "event-history"]);
    assert_eq!(answer["denials"][0]["count"], 1, "{answer:#}");
    assert_eq!((ended.code, &answer["complete"]), (1, &json!(false)));
    let problems = answer["coverage"]["problems"].to_string();
    assert!(problems.contains("1 record cannot be read"), "{problems}");
}

#[test]
fn a_history_that_names_a_page_again_ends_and_says_so() {
    let (account, _, key) = scene();
    let proxy = Proxy::start(account.server);
    proxy.answer(by_session(vec![refused(&account, &key, "d", 30).to_string()], Some("again")));
    proxy.answer(event_history(vec![assumed(&account, "a", 100)]));
    let (answer, ended) = Run::new(&account, &proxy).denials(&["--source", "event-history"]);
    assert_eq!((&answer["denials"][0]["count"], ended.code), (&json!(1), 1), "{answer:#}");
    let problems = answer["coverage"]["problems"].to_string();
    assert!(problems.contains("names no page that was not read"), "{problems}");
    let asked = lookups(&proxy).into_iter().filter(|it| it.to_string().contains("Username"));
    assert_eq!(asked.count(), 2);
}

#[test]
fn sessions_that_are_not_searched_are_told_and_so_is_that_there_was_none() {
    let account = Account::healthy();
    account.encrypt(None, None);
    let problems = |sessions: usize| {
        let mut events: Vec<Value> = Vec::new();
        for number in 0..sessions {
            let mut event = assumed(&account, &format!("a-{number}"), 100);
            event["requestParameters"]["roleSessionName"] = json!(format!("s-{number}"));
            events.push(event);
        }
        let proxy = Proxy::start(account.server);
        proxy.answer(event_history(events));
        let (answer, ended) = Run::new(&account, &proxy).denials(&["--source", "event-history"]);
        (answer["coverage"]["problems"].to_string(), ended.code)
    };
    let (none, code) = problems(0);
    assert!(code == 3 && none.contains("no session of the role is in the event history"), "{none}");
    assert_eq!(problems(5).1, 0, "{}", problems(5).0);
    let (many, code) = problems(8);
    assert!(code == 3 && many.contains("newest 5 sessions are looked for, and not of 3 more"), "{many}");
}

#[test]
fn a_refused_history_names_the_permission() {
    let (account, proxy, _) = scene();
    proxy.fail(&["LookupEvents"], Fault::Refuse);
    let (answer, ended) = Run::new(&account, &proxy).denials(&["--source", "event-history"]);
    assert_eq!((ended.code, &answer["complete"]), (3, &json!(false)));
    assert!(
        answer["coverage"]["problems"].to_string().contains("grant cloudtrail:LookupEvents"),
        "{answer:#}"
    );
}

#[test]
fn an_interrupted_search_of_event_history_prints_what_it_found() {
    let (account, proxy, _) = scene();
    let second_page = |body: &Value| {
        body["LookupAttributes"][0]["AttributeKey"] == "Username" && !body["NextToken"].is_null()
    };
    proxy.hold(|request| {
        let body = String::from_utf8_lossy(&request.body);
        body.contains("Username") && body.contains("NextToken")
    });
    let (answer, ended) = Run::new(&account, &proxy)
        .denials_interrupted(&["--source", "event-history"], || lookups(&proxy).iter().any(second_page));
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_eq!((&answer["complete"], &answer["coverage"]["interrupted"]), (&json!(false), &json!(true)));
    assert_eq!(answer["denials"][0]["count"], 50, "{answer:#}");
}

#[test]
fn an_encoded_message_is_opened_on_request_and_a_refusal_is_told() {
    let account = Account::empty();
    let text = "An error occurred (UnauthorizedOperation) when calling the CreateVolume operation: You are not \
        authorized to perform this operation. Encoded authorization failure message: \
        4fP0aVeyJhbGxvd2VkIjpmYWxzZX0kQmFzZTY0aXNoTG9uZ0Vub3VnaFRvQmVSZWNvZ25pc2VkQXNPbmU";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("error.txt");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let proxy = Proxy::start(account.server);
    let document = json!({"allowed": false, "explicitDeny": true, "context": {"action": "ec2:CreateVolume"}});
    proxy.answer(decoder(&document));
    let ended = Run::new(&account, &proxy).alone("denials", &["--paste", file, "--decode", "-o", "json"]);
    assert_eq!((ended.code, &ended.answer()["denials"][0]["decoded"]), (1, &document), "{}", ended.stderr);
    assert_eq!(proxy.count("DecodeAuthorizationMessage"), 1);

    let mut record = super::logs::record("1", super::logs::ROLE, "Client.UnauthorizedOperation");
    record["errorMessage"] = json!(text.split_once("operation: ").unwrap().1);
    let logs = folder.path().join("log.json");
    std::fs::write(&logs, json!({"Records": [record]}).to_string()).unwrap();
    let arguments = ["--logs", logs.to_str().unwrap(), "--decode", "-o", "json"];
    let ended = Run::new(&account, &proxy).alone("denials", &arguments);
    assert_eq!(ended.answer()["denials"][0]["decoded"], document, "{}", ended.stdout);

    let proxy = Proxy::start(account.server);
    proxy.fail(&["DecodeAuthorizationMessage"], Fault::Refuse);
    let ended = Run::new(&account, &proxy).alone("denials", &arguments);
    let notes = ended.answer()["notes"].to_string();
    assert!(notes.contains("grant sts:DecodeAuthorizationMessage"), "{notes}");
    assert_eq!(ended.code, 1);
}
