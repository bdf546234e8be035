//! The log scanner against log files of every oddity, against a slow reader that shares no code
//! with it, and against files damaged at random.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "common/logs.rs"]
mod logs;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use logs::{ROLE, gz, record};
use proptest::prelude::*;
use serde_json::{Value, json};
use streamkap_doctor::collect::cloudtrail::scan::{
    Input, ObjectScanner, Options, Query, ReadyQuery, query_of, scan,
};
use streamkap_doctor::denials::{Answer, Gathered, RoleFilter, Scope, Searched, SourceKind};
use streamkap_doctor::model::Arn;
use streamkap_doctor::trail::{Coverage, ProblemKind};

const EVENTS: &str = include_str!("data/cloudtrail/events.jsonl");

// ---- writing logs ----

fn denied(id: &str) -> String {
    record(id, ROLE, "AccessDenied").to_string()
}

/// Somebody else's call, which went well.
fn other(id: &str) -> String {
    record(id, "arn:aws:iam::111122223333:role/other", "").to_string()
}

fn wrapped(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

fn pretty(text: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(text).unwrap()).unwrap()
}

// ---- reading them ----

/// What `denials --logs` answers for the role.
fn answer(inputs: Vec<Input>) -> Answer {
    let scope = Scope { role: Some(RoleFilter::Arn(ROLE.parse().unwrap())), ..Scope::default() };
    let mut gathered = Gathered::new(&scope);
    let mut looked = scan(inputs, &query_of(&scope), Options::default(), |event| gathered.add(event));
    looked.duplicates = gathered.duplicates();
    let searched = Searched::logs(SourceKind::Logs, Vec::new(), looked, None);
    Answer::of(gathered, searched, None, &"300973880807".parse().unwrap())
}

fn query() -> Query {
    Query { role: Some(ROLE.parse().unwrap()), ..Query::default() }
}

fn scan_bytes(bytes: &[u8], query: &Query) -> (Vec<String>, Coverage) {
    let ready = ReadyQuery::new(query);
    let mut scanner = ObjectScanner::new(&ready);
    let ids = scanner.scan("x.json.gz", bytes).into_iter().map(|event| event.event_id).collect();
    (ids, scanner.finish())
}

/// The slow way, written anew: all members inflated, all of it parsed, nothing skipped.
fn slowly(bytes: &[u8], role: Option<&str>) -> Vec<String> {
    let text = String::from_utf8_lossy(&inflated(bytes)).into_owned();
    let mut ids = Vec::new();
    for document in text.split('\u{feff}') {
        for value in serde_json::Deserializer::from_str(document).into_iter::<Value>() {
            let Ok(value) = value else { break };
            denials_in(&value, role, &mut ids);
        }
    }
    ids
}

/// Member after member, with zeros between them or without.
fn inflated(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = bytes;
    if !rest.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    while rest.starts_with(&[0x1f, 0x8b]) {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        // On an error, what came before it stays.
        if member.read_to_end(&mut text).is_err() {
            break;
        }
        rest = member.into_inner();
        let padding = rest.iter().take_while(|byte| **byte == 0).count();
        rest = &rest[padding..];
    }
    text
}

fn denials_in(value: &Value, role: Option<&str>, ids: &mut Vec<String>) {
    if let Some(items) = value.as_array() {
        for item in items {
            denials_in(item, role, ids);
        }
    } else if value["eventName"].is_string() && value["eventSource"].is_string() {
        let code = value["errorCode"].as_str().unwrap_or_default();
        let spelling = code.rsplit('.').next().unwrap();
        let is_denial = [
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "UnauthorizedException",
            "ForbiddenException",
            "VpceAccessDenied",
        ]
        .contains(&spelling);
        let issuer = &value["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"];
        if is_denial && role.is_none_or(|role| issuer == role) {
            ids.push(value["eventID"].as_str().unwrap_or_default().to_owned());
        }
    } else if let Some(text) = value.as_str() {
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            denials_in(&value, role, ids);
        }
    } else if let Some(members) = value.as_object() {
        members.values().for_each(|member| denials_in(member, role, ids));
    }
}

// ---- the pitfalls, one file each ----

/// A file of an odd form that holds the one denial `1` of the role.
#[expect(clippy::too_many_lines, reason = "a list of files")]
fn odd_files() -> Vec<(&'static str, Vec<u8>)> {
    let native = wrapped(&[other("0"), denied("1"), other("2")]);
    let lone = wrapped(&[denied("1")]);
    let value: Value = serde_json::from_str(&lone).unwrap();
    let members = value["Records"][0].as_object().unwrap().clone().into_iter().collect::<Vec<_>>();
    let shuffled: serde_json::Map<String, Value> = members.into_iter().rev().collect();
    let (half, _) = native.as_bytes().split_at(700);
    let mut padded = gz(&native);
    padded.extend([0; 512]);
    let lookup = json!({"Events": [{"EventId": "1", "EventName": "x", "CloudTrailEvent": denied("1")}]});
    let unicode = "\\u0041\\u0063\\u0063\\u0065\\u0073\\u0073\\u0044\\u0065\\u006e\\u0069\\u0065\\u0064";
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(native.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut not_utf8 = native.clone().into_bytes();
    let at = native.find("aws-sdk-java").unwrap();
    not_utf8[at..at + 2].copy_from_slice(&[0xff, 0xfe]);
    vec![
        ("native", gz(&native)),
        ("pretty", gz(pretty(&native))),
        ("spaced colon", gz(native.replace("\"errorCode\":", "\"errorCode\" : "))),
        ("line breaks around the colon", gz(native.replace("\"errorCode\":", "\"errorCode\"\r\n\t:\r\n\t"))),
        ("value in escapes", gz(native.replace("\"AccessDenied\"", &format!("\"{unicode}\"")))),
        ("key with an escape", gz(native.replace("\"errorCode\"", "\"\\u0065rrorCode\""))),
        ("every slash escaped", gz(native.replace('/', "\\/"))),
        ("role with an escape", gz(native.replace("orders\"", "\\u006frders\""))),
        (
            "dot of a prefixed code in escapes",
            gz(native.replace("\"AccessDenied\"", "\"Client\\u002eUnauthorizedOperation\"")),
        ),
        ("another order of keys", gz(wrapped(&[Value::Object(shuffled.clone()).to_string()]))),
        (
            "another order after a native record",
            gz(wrapped(&[other("0"), Value::Object(shuffled).to_string(), other("2")])),
        ),
        ("a document over two members", [gz(half), gz(&native.as_bytes()[700..])].concat()),
        ("a document in each member", [gz(&lone), gz(wrapped(&[other("0")]))].concat()),
        ("an empty member before", [gz(""), gz(&native)].concat()),
        ("zero padding", padded),
        ("plain", native.clone().into_bytes()),
        ("byte order mark", gz(format!("\u{feff}{native}"))),
        ("lines", gz(format!("{}\n{}\r\n", other("0"), denied("1")))),
        ("a bare array", gz(format!(" [{},{}]", other("0"), denied("1")))),
        ("lookup-events", lookup.to_string().into_bytes()),
        ("lookup-events, pretty", pretty(&lookup.to_string()).into_bytes()),
        (
            "the code twice, the last counts",
            gz(native.replace("\"errorCode\"", "\"errorCode\":\"Throttling\",\"errorCode\"")),
        ),
        ("surrogate pairs", gz(native.replace("\"key\":\"a b\"", "\"key\":\"\\ud83d\\ude00 \\u00e9\""))),
        ("not UTF-8", gz(not_utf8)),
        (
            "a deeper nesting of the wrapper's end",
            gz(native.replace("]}", "],\"more\":{\"a\":[1,2,{\"b\":\"}\"}]}}")),
        ),
        ("UTF-16, as PowerShell writes it", utf16),
        ("compressed twice", gz(gz(&native))),
        ("a member behind zero padding", [&gz(wrapped(&[other("0")]))[..], &[0; 512], &gz(&lone)].concat()),
        ("lookup-events, an array of strings", gz(json!([other("0"), denied("1")]).to_string())),
        ("an answer of CloudWatch Logs' queries", {
            let field = json!({"field": "@message", "value": denied("1")});
            gz(json!({"results": [[field]], "status": "Complete"}).to_string())
        }),
        ("filter-log-events", gz(json!({"events": [{"message": denied("1")}]}).to_string())),
        ("lower case", gz(json!({"records": [value["Records"][0]]}).to_string())),
        ("Elasticsearch", gz(json!({"hits": {"hits": [{"_source": value["Records"][0]}]}}).to_string())),
        ("Splunk", gz(json!({"result": {"_raw": denied("1"), "host": "h"}}).to_string())),
        (
            "two documents, each with its mark",
            gz(format!("\u{feff}{}\n\u{feff}{lone}", wrapped(&[other("0")]))),
        ),
    ]
}

#[test]
fn every_odd_form_gives_its_denial_and_no_complaint() {
    for (name, bytes) in odd_files() {
        let (ids, coverage) = scan_bytes(&bytes, &query());
        assert_eq!(ids, ["1"], "{name}");
        assert!(coverage.complete && coverage.problems.is_empty(), "{name}: {:?}", coverage.problems);
        if !name.starts_with("UTF-16") && !name.starts_with("compressed twice") {
            assert_eq!(slowly(&bytes, Some(ROLE)), ["1"], "the slow way: {name}");
        }
    }
}

#[test]
fn a_stream_gives_the_same_as_memory() {
    for (name, bytes) in odd_files() {
        let mut ids = Vec::new();
        let input = Input::Reader("standard input".into(), Box::new(std::io::Cursor::new(bytes)));
        let coverage = scan(vec![input], &query(), Options { threads: 1, ..Options::default() }, |event| {
            ids.push(event.event_id);
        });
        assert_eq!(ids, ["1"], "{name}");
        assert!(coverage.complete, "{name}: {:?}", coverage.problems);
    }
}

#[test]
fn every_spelling_of_a_denial_is_found() {
    for code in [
        "AccessDenied",
        "AccessDeniedException",
        "Client.UnauthorizedOperation",
        "UnauthorizedOperation",
        "UnauthorizedException",
        "ForbiddenException",
        "VpceAccessDenied",
    ] {
        let text = wrapped(&[other("0"), record("1", ROLE, code).to_string()]);
        assert_eq!(scan_bytes(&gz(&text), &query()).0, ["1"], "{code}");
    }
    for code in ["Throttling", "InvalidCloudWatchLogsRoleArnException", "NoSuchBucket"] {
        let text = wrapped(&[other("0"), record("1", ROLE, code).to_string()]);
        assert_eq!(scan_bytes(&gz(&text), &query()).0, Vec::<String>::new(), "{code}");
    }
}

#[test]
fn a_role_known_by_name_alone_is_found_in_any_account_and_path() {
    let records = [
        denied("1"),
        record("2", "arn:aws:iam::999922223333:role/orders", "AccessDenied").to_string(),
        record("3", "arn:aws:iam::111122223333:role/service/orders-canary", "AccessDenied").to_string(),
    ];
    let query =
        Query { role: Some(streamkap_doctor::trail::role_of_any_account("orders")), ..Query::default() };
    for text in [wrapped(&records), pretty(&wrapped(&records))] {
        assert_eq!(scan_bytes(&gz(text), &query).0, ["1", "2"]);
    }
}

#[test]
fn a_role_is_found_in_whatever_case_its_name_is_written() {
    let call = |id: &str, source: &str, name: &str, parameters: Value| {
        let mut call = record(id, "arn:aws:iam::111122223333:role/admin", "");
        call["eventSource"] = json!(source);
        call["eventName"] = json!(name);
        call["requestParameters"] = parameters;
        call.to_string()
    };
    let assumed = |id, role: &str| call(id, "sts.amazonaws.com", "AssumeRole", json!({"roleArn": role}));
    let put = |id, role: &str| {
        let policy = json!({"roleName": role, "policyName": "p", "policyDocument": "{}"});
        call(id, "iam.amazonaws.com", "PutRolePolicy", policy)
    };
    let mut bare: Value = record("named", ROLE, "AccessDenied");
    bare["userIdentity"] = json!({"type": "AssumedRole", "accountId": "111122223333", "sessionContext":
        {"sessionIssuer": {"type": "Role", "accountId": "111122223333", "userName": "orders"}}});
    bare["errorMessage"] = json!("Access Denied");
    let records = [
        denied("1"),
        bare.to_string(),
        assumed("2", ROLE),
        assumed("3", "arn:aws:iam::111122223333:role/service/ORDERS"),
        put("4", "Orders"),
        put("5", "orders"),
        denied("6")
            .replace("role/service/orders", "role/service/orders2")
            .replace("role/orders", "role/orders2"),
        assumed("7", "arn:aws:iam::111122223333:role/service/order"),
        put("8", "Orders-canary"),
    ];
    // A call names a role as its caller wrote it; whose session made one is told as IAM has the name.
    for (role, found) in [
        (ROLE, &["1", "2", "3", "4", "5", "named"][..]),
        ("arn:aws:iam::111122223333:role/orders", &["1", "2", "3", "4", "5", "named"]),
        ("arn:aws:iam::111122223333:role/SERVICE/Orders", &["2", "3", "4", "5"]),
        ("arn:aws:iam::111122223333:role/ORDERS", &["2", "3", "4", "5"]),
    ] {
        let role: Arn = role.parse().unwrap();
        let query = Query { role: Some(role.clone()), history: Some(role), ..Query::default() };
        for text in [wrapped(&records), pretty(&wrapped(&records))] {
            let mut ids = scan_bytes(&gz(text), &query).0;
            ids.sort();
            assert_eq!(ids, found, "{query:?}");
        }
    }
}

#[test]
fn only_calls_on_objects_of_s3_show_that_such_are_recorded() {
    let call = |id: &str, source: &str, name: &str, category: Option<&str>| {
        let mut call = record(id, "arn:aws:iam::111122223333:role/other", "");
        call["eventSource"] = json!(source);
        call["eventName"] = json!(name);
        match category {
            Some(category) => call["eventCategory"] = json!(category),
            None => _ = call.as_object_mut().unwrap().remove("eventCategory"),
        }
        call.to_string()
    };
    let noise: Vec<String> = (0..70)
        .map(|id| match id % 3 {
            0 => call(&id.to_string(), "lambda.amazonaws.com", "Invoke", Some("Data")),
            1 => call(&id.to_string(), "s3.amazonaws.com", "GetBucketLocation", Some("Management")),
            _ => call(&id.to_string(), "s3.amazonaws.com", "PutBucketObjectLockConfiguration", None),
        })
        .collect();
    let seen = |records: &[String], history: bool| {
        let role = || Some(ROLE.parse::<Arn>().unwrap());
        let query = Query { role: role(), history: role().filter(|_| history), ..Query::default() };
        [wrapped(records), pretty(&wrapped(records))].map(|text| scan_bytes(&gz(text), &query).1.data_events)
    };
    for history in [false, true] {
        assert_eq!(seen(&noise, history), [false, false]);
        for one in [
            call("x", "s3.amazonaws.com", "ListObjectsV2", Some("Data")),
            call("x", "s3.amazonaws.com", "PutObject", None),
            denied("x"),
        ] {
            for at in [0, 1, 40, 70] {
                let mut records = noise.clone();
                records.insert(at, one.clone());
                assert_eq!(seen(&records, history), [true, true], "{one} at {at}");
            }
        }
    }
}

#[test]
fn calls_on_objects_of_other_buckets_show_nothing_of_the_one_asked_about() {
    let call = |id: &str, bucket: &str, name: &str| {
        let mut call = record(id, "arn:aws:iam::111122223333:role/other", "");
        call["eventName"] = json!(name);
        call["requestParameters"] = json!({"bucketName": bucket, "key": "orders/orders"});
        call["resources"] =
            json!([{"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/orders/orders")}]);
        call
    };
    let mut managed = call("m", "orders", "GetBucketLocation");
    managed["eventCategory"] = json!("Management");
    let mut by_arn = call("a", "orders", "DeleteObjects");
    by_arn["requestParameters"] = json!({"key": "k"});
    let others = ["orders-2", "2-orders", "my.orders", "ORDERS"].map(|bucket| call("o", bucket, "PutObject"));
    let seen = |records: Vec<Value>| {
        let query = Query { bucket: Some("orders".to_owned()), ..query() };
        let records: Vec<String> = records.iter().map(Value::to_string).collect();
        [wrapped(&records), pretty(&wrapped(&records))].map(|text| {
            let coverage = scan_bytes(&gz(text), &query).1;
            (coverage.data_events, coverage.bucket_seen)
        })
    };
    assert_eq!(seen(vec![managed.clone()]), [(false, false); 2]);
    assert_eq!(seen([&others[..], &[managed]].concat()), [(true, false); 2]);
    for one in [call("x", "orders", "GetObject"), by_arn] {
        for at in 0..=others.len() {
            let mut records = others.to_vec();
            records.insert(at, one.clone());
            assert_eq!(seen(records), [(true, true); 2], "{one} at {at}");
        }
    }
}

#[test]
fn what_glue_hands_on_of_kms_is_a_denial_where_it_says_so() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";
    let aws_kms = |code: &str| {
        format!("(Service: AWSKMS; Status Code: 400; Error Code: {code}; Request ID: 1; Proxy: null)")
    };
    let refused = format!(
        "User: arn:aws:sts::111122223333:assumed-role/orders/s is not authorized to perform: kms:Decrypt on resource: {key} \
         because no identity-based policy allows the kms:Decrypt action {}",
        aws_kms("AccessDeniedException")
    );
    let disabled = format!("{key} is disabled. {}", aws_kms("DisabledException"));
    let slow_down = format!("Rate exceeded {}", aws_kms("ThrottlingException"));
    let events =
        [("refused", &refused), ("disabled", &disabled), ("throttled", &slow_down)].map(|(id, message)| {
            let mut event = record(id, ROLE, "GlueEncryptionException");
            event["eventSource"] = json!("glue.amazonaws.com");
            event["eventName"] = json!("GetTable");
            event["errorMessage"] = json!(message);
            event
        });
    let records: Vec<String> = events.iter().map(Value::to_string).collect();
    for text in [wrapped(&records), pretty(&wrapped(&records))] {
        assert_eq!(scan_bytes(&gz(text), &query()).0, ["refused", "disabled"]);
    }
    let read = |event: &Value| streamkap_doctor::trail::Event::from_value(event).unwrap().denial().unwrap();
    let denial = read(&events[0]);
    assert_eq!((denial.action.as_deref(), denial.resource.as_deref()), (Some("kms:Decrypt"), Some(key)));
    assert_eq!(read(&events[1]).reason.to_string(), "the key is disabled");
}

#[test]
fn insights_are_no_records_in_whatever_order_their_keys_stand() {
    let insight = r#"{"eventVersion":"1.07","eventTime":"2026-03-02T00:07:00Z","awsRegion":"eu-west-1","eventID":"i","eventType":"AwsCloudTrailInsight","recipientAccountId":"111122223333","sharedEventID":"s","insightDetails":{"state":"Start","eventSource":"s3.amazonaws.com","eventName":"PutObject","insightType":"ApiErrorRateInsight","errorCode":"AccessDenied"},"eventCategory":"Insight"}"#;
    let insight = insight.to_owned();
    let alone = scan_bytes(&gz(wrapped(std::slice::from_ref(&insight))), &Query::default()).1;
    assert_eq!((alone.records, alone.files, alone.insights, alone.complete), (0, 0, 1, true), "{alone:?}");
    for records in [[insight.clone(), denied("1")], [denied("1"), insight]] {
        let (ids, coverage) = scan_bytes(&gz(wrapped(&records)), &Query::default());
        assert_eq!((ids, coverage.records), (vec!["1".to_owned()], 1));
    }
}

#[test]
fn zeros_in_place_of_an_error_are_damage() {
    let text = wrapped(&[other("0"), denied("lost"), denied("1")]);
    for lost in ["\"AccessDenied\"", "errorCode\"", "ccessDenied", "\"errorCode\":\"AccessDenied\""] {
        let zeros = "\0".repeat(lost.len());
        let text = text.replacen(lost, &zeros, 1);
        let (ids, coverage) = scan_bytes(&gz(&text), &query());
        assert_eq!((ids, coverage.complete), (vec!["1".to_owned()], false), "{lost}: {coverage:?}");
    }
}

#[test]
fn nested_codes_quoted_codes_and_other_peoples_denials_are_not_the_roles() {
    let with = |key: &str, value: Value| {
        let mut record = record("1", ROLE, "");
        record["requestParameters"] = json!({key: value});
        record.to_string()
    };
    let mut concerned: Value = record("4", "arn:aws:iam::111122223333:role/other", "AccessDenied");
    concerned["requestParameters"] = json!({"roleArn": ROLE});
    let records = [
        with("evaluations", json!([{"errorCode": "AccessDenied"}])),
        with("filterPattern", json!("{ ($.errorCode = \"AccessDenied*\") }")),
        with("eventPattern", json!("{\"detail\":{\"errorCode\":[\"AccessDenied\"]}}")),
        with("queryString", json!("SELECT 1 WHERE \"errorCode\"='AccessDenied'")),
        record("2", "arn:aws:iam::111122223333:role/service/orders-canary", "AccessDenied").to_string(),
        record("3", "arn:aws:iam::999922223333:role/service/orders", "AccessDenied").to_string(),
        concerned.to_string(),
        record("5", "arn:aws:iam::111122223333:role/service/order", "AccessDenied").to_string(),
    ];
    for text in [wrapped(&records), pretty(&wrapped(&records)), records.join("\n")] {
        assert_eq!(scan_bytes(&gz(&text), &query()).0, Vec::<String>::new());
        assert_eq!(slowly(text.as_bytes(), Some(ROLE)), Vec::<String>::new());
    }
}

/// The one problem of a file, and what was found in it.
#[track_caller]
fn problem(bytes: &[u8]) -> (Vec<String>, ProblemKind) {
    let (ids, mut coverage) = scan_bytes(bytes, &query());
    assert_eq!(coverage.problems.len(), 1, "{:?}", coverage.problems);
    let problem = coverage.problems.remove(0);
    assert_eq!(coverage.complete, !problem.kind.loses_records());
    (ids, problem.kind)
}

#[test]
fn what_is_broken_is_told_and_its_good_records_are_kept() {
    let many = wrapped(
        &std::iter::once(denied("1")).chain((2..400).map(|id| other(&id.to_string()))).collect::<Vec<_>>(),
    );
    let object = gz(&many);
    assert_eq!(problem(&object[..object.len() * 2 / 3]), (vec!["1".into()], ProblemKind::Truncated));
    assert_eq!(problem(&many.as_bytes()[..many.len() * 2 / 3]), (vec!["1".into()], ProblemKind::Truncated));

    let mut wrong_sum = object.clone();
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 255;
    let (ids, kind) = problem(&wrong_sum);
    assert_eq!(ids, ["1"]);
    assert!(matches!(kind, ProblemKind::Corrupt { .. }), "{kind:?}");

    let mut broken = gz(wrapped(&[other("0")]));
    broken.truncate(broken.len() - 40);
    broken.extend(gz(wrapped(&[denied("1")])));
    let (ids, coverage) = scan_bytes(&broken, &query());
    assert_eq!(ids, ["1"], "the member after a broken one: {coverage:?}");

    assert_eq!(problem(b""), (vec![], ProblemKind::Empty));
    assert_eq!(problem(&gz("")), (vec![], ProblemKind::Empty));
    assert_eq!(problem(b"hello"), (vec![], ProblemKind::NotALog));
    assert_eq!(
        problem(&gz(json!({"awsAccountId": "1", "logFiles": []}).to_string())),
        (vec![], ProblemKind::NoRecords)
    );
    let digest = json!({"awsAccountId": "1", "digestEndTime": "2026-03-02T01:00:00Z", "logFiles": []});
    let (_, coverage) = scan_bytes(&gz(digest.to_string()), &query());
    assert_eq!((coverage.digests, coverage.files, coverage.complete), (1, 0, true), "a renamed digest");
    let trailing = [gz(wrapped(&[denied("1")])), b"junk".to_vec()].concat();
    assert_eq!(problem(&trailing), (vec!["1".into()], ProblemKind::TrailingData));
    let unreadable = denied("lost").replacen("\"1.09\"", "", 1);
    let (ids, kind) = problem(&gz(wrapped(&[denied("1"), unreadable, denied("2")])));
    assert_eq!((ids, kind), (vec!["1".into(), "2".into()], ProblemKind::UnreadableRecords { count: 1 }));

    let (_, coverage) = scan_bytes(&gz("{\"Records\":[]}"), &query());
    assert!(coverage.complete && coverage.problems.is_empty(), "no records is no fault");
}

#[test]
fn damage_between_records_and_wrappers_left_open_are_told() {
    let (first, second) = (denied("1"), denied("2"));
    // One brace too many ends the record before its code.
    let ended_early = second.replacen("}}}", "}}}}", 1);
    for (text, expected) in [
        ("{\"Records\":[".to_owned(), vec![]),
        (format!("{{\"Records\":[{first},"), vec!["1"]),
        (format!("{{\"Records\":[{first}"), vec!["1"]),
        (format!("[{first},"), vec!["1"]),
        (wrapped(&[first.clone(), ended_early.clone()]), vec!["1"]),
        (wrapped(&[ended_early.clone(), first.clone()]), vec!["1"]),
        (format!("{ended_early}\n{first}\n"), vec!["1"]),
        (wrapped(&[first.clone(), second[1..].to_owned()]), vec!["1"]),
        (json!([first, second[..second.len() - 9]]).to_string(), vec!["1"]),
        (
            json!({"Events": [{"CloudTrailEvent": first}, {"CloudTrailEvent": second[..99]}]}).to_string(),
            vec!["1"],
        ),
    ] {
        let (ids, coverage) = scan_bytes(text.as_bytes(), &query());
        assert_eq!(ids, expected, "{text}");
        assert!(!coverage.complete, "{text}");
    }
}

#[test]
fn words_before_the_records_of_lines_are_no_damage() {
    let text = format!("2026-03-02T00:00:01.000Z {}\n2026-03-02T00:00:02.000Z {}\n", denied("1"), other("2"));
    let (ids, coverage) = scan_bytes(&gz(text), &query());
    assert_eq!((ids, coverage.complete), (vec!["1".to_owned()], true), "{:?}", coverage.problems);
}

#[test]
fn wrappers_larger_than_any_record_are_stepped_into() {
    let count = 4_000;
    let records: Vec<Value> = (0..count).map(|id| record(&id.to_string(), ROLE, "AccessDenied")).collect();
    let texts: Vec<Value> = records.iter().map(|record| json!({"message": record.to_string()})).collect();
    let sources: Vec<Value> = records.iter().map(|record| json!({"_source": record})).collect();
    let strings: Vec<Value> = records.iter().map(|record| json!(record.to_string())).collect();
    for value in [
        json!({"events": texts}),
        json!({"records": records}),
        json!({"hits": {"hits": sources}}),
        json!(strings),
    ] {
        let (ids, coverage) = scan_bytes(value.to_string().as_bytes(), &query());
        assert_eq!((ids.len(), coverage.complete), (count, true), "{:?}", coverage.problems);
    }
}

#[test]
fn a_decompression_bomb_is_read_in_bounded_memory_and_told() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"{\"pad\":\"").unwrap();
    let filler = vec![b'A'; 1 << 20];
    for _ in 0..70 {
        encoder.write_all(&filler).unwrap();
    }
    encoder.write_all(format!("\",{}", &wrapped(&[denied("1")])[1..]).as_bytes()).unwrap();
    let bomb = encoder.finish().unwrap();
    let (ids, coverage) = scan_bytes(&bomb, &query());
    assert_eq!(ids, ["1"]);
    assert!(
        coverage.problems.iter().any(|problem| matches!(problem.kind, ProblemKind::Large { .. })),
        "{:?}",
        coverage.problems
    );
}

#[test]
fn a_forged_length_makes_no_difference() {
    for claimed in [0_u32, 1, u32::MAX] {
        let mut object = gz(wrapped(&[denied("1")]));
        let at = object.len() - 4;
        object[at..].copy_from_slice(&claimed.to_le_bytes());
        assert_eq!(scan_bytes(&object, &query()).0, ["1"], "{claimed}");
    }
}

// ---- folders ----

fn write(root: &std::path::Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn folder() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let name = |region: &str, time: &str| {
        format!("111122223333_CloudTrail_{region}_{time}_abcdefghijklmnop.json.gz")
    };
    let logs = "AWSLogs/o-ab12cd34ef/111122223333";
    for (region, time, ids) in
        [("eu-west-1", "20260302T0005Z", ["1", "2"]), ("us-east-1", "20260303T0005Z", ["2", "3"])]
    {
        let text = wrapped(&[denied(ids[0]), other("x"), denied(ids[1])]);
        write(
            root.path(),
            &format!("{logs}/CloudTrail/{region}/2026/03/02/{}", name(region, time)),
            &gz(text),
        );
    }
    let insight = json!({"Records": [{"eventID": "i", "eventType": "AwsCloudTrailInsight", "insightDetails": {"eventSource": "s3.amazonaws.com",
        "eventName": "GetObject", "errorCode": "AccessDenied", "attributions": ROLE}}]});
    write(
        root.path(),
        &format!("{logs}/CloudTrail-Insight/eu-west-1/2026/03/02/i.json.gz"),
        &gz(insight.to_string()),
    );
    write(root.path(), "flat/renamed-insight.json.gz", &gz(insight.to_string()));
    write(
        root.path(),
        &format!("{logs}/CloudTrail-Digest/eu-west-1/2026/03/02/d.json.gz"),
        &gz("{\"logFiles\":[]}"),
    );
    write(
        root.path(),
        &format!("{logs}/Config/eu-west-1/c.json.gz"),
        &gz(wrapped(&[denied("not CloudTrail's")])),
    );
    write(root.path(), "flat/renamed.json", wrapped(&[denied("4")]).as_bytes());
    write(root.path(), "README.md", b"# Not a log");
    root
}

#[test]
fn a_folder_is_searched_and_each_event_counted_once() {
    let root = folder();
    let answer = answer(vec![Input::Path(root.path().to_owned())]);
    assert_eq!(answer.denials.len(), 1);
    assert_eq!(answer.denials[0].group.count, 4);
    assert_eq!(answer.denials[0].group.action.as_deref(), Some("s3:PutObject"));
    assert_eq!(answer.denials[0].group.resource.as_deref(), Some("arn:aws:s3:::orders/a b"));
    let coverage = answer.coverage.looked;
    assert!(coverage.complete);
    assert_eq!((coverage.digests, coverage.insights, coverage.duplicates), (1, 2, 1));
    assert_eq!(coverage.other_files, 2, "Config's file and the text");
    assert_eq!(coverage.regions.into_iter().collect::<Vec<_>>(), ["eu-west-1", "us-east-1"]);
    assert!(coverage.data_events);
    assert_eq!(coverage.problems, []);
}

#[test]
fn a_file_with_a_log_s_name_that_is_no_log_is_told_and_its_place_is_not_seen() {
    for content in [&b"\0\x8b\x08"[..], &[0; 4096], b"<Error><Code>AccessDenied</Code></Error>", b"BZh91AY"] {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "111122223333_CloudTrail_eu-west-1_20260302T0005Z_a.json.gz", content);
        let coverage = scan(vec![Input::Path(root.path().to_owned())], &query(), Options::default(), |_| {});
        assert!(!coverage.complete && coverage.other_files == 0, "{coverage:?}");
        assert!(coverage.regions.is_empty() && coverage.accounts.is_empty(), "{coverage:?}");
    }
}

#[test]
fn a_log_in_an_unusual_place_is_read_and_another_service_s_file_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let account = "AWSLogs/111122223333";
    for (id, folder) in [("1", "eu-west-1/2026/03/02"), ("2", "2026/03/02"), ("3", "cloudtrail/eu-west-1")] {
        write(root.path(), &format!("{account}/{folder}/x.json.gz"), &gz(wrapped(&[denied(id)])));
    }
    write(root.path(), &format!("{account}/SomeService/x.json.gz"), &gz("{\"finding\":1}"));
    let mut ids = BTreeSet::new();
    let coverage = scan(vec![Input::Path(root.path().to_owned())], &query(), Options::default(), |event| {
        ids.insert(event.event_id);
    });
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!((coverage.complete, coverage.other_files), (true, 1), "{:?}", coverage.problems);
}

#[test]
fn the_window_counts_the_events_time_and_not_the_files() {
    let root = folder();
    let ids = |from: Option<&str>, until: Option<&str>| {
        let mut ids = BTreeSet::new();
        let time = |text: &str| text.parse().unwrap();
        let query = Query { from: from.map(time), until: until.map(time), ..query() };
        scan(vec![Input::Path(root.path().to_owned())], &query, Options::default(), |event| {
            ids.insert(event.event_id);
        });
        ids.len()
    };
    assert_eq!(ids(None, None), 4);
    assert_eq!(ids(Some("2026-03-02T00:00:00Z"), Some("2026-03-02T00:00:01Z")), 4);
    assert_eq!(ids(None, Some("2026-03-02T00:00:00Z")), 0);
    assert_eq!(ids(Some("2026-03-02T00:00:01Z"), None), 0);
}

#[test]
fn accounts_can_be_chosen() {
    let root = folder();
    for (account, found) in [("111122223333", 6), ("999922223333", 0)] {
        let mut count = 0;
        let query = Query { accounts: [account.to_owned()].into(), ..query() };
        scan(vec![Input::Path(root.path().to_owned())], &query, Options::default(), |_| count += 1);
        assert_eq!(count, if found == 0 { 0 } else { 5 });
    }
}

#[test]
fn what_cannot_be_opened_is_told_and_the_rest_is_read() {
    let root = folder();
    let inputs = vec![Input::Path(root.path().join("missing.json.gz")), Input::Path(root.path().to_owned())];
    let answer = answer(inputs);
    assert_eq!(answer.denials[0].group.count, 4);
    assert!(!answer.coverage.looked.complete);
    assert!(matches!(
        answer.coverage.looked.problems[0].kind,
        ProblemKind::Unreadable { .. } | ProblemKind::NoRecords
    ));
}

#[test]
fn an_interrupted_search_gives_what_it_found_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    for file in 0..200 {
        write(root.path(), &format!("{file}.json"), wrapped(&[denied(&file.to_string())]).as_bytes());
    }
    let cancel = AtomicBool::new(false);
    let mut found = 0;
    let options = Options { threads: 1, cancel: Some(&cancel), progress: None };
    let coverage = scan(vec![Input::Path(root.path().to_owned())], &query(), options, |_| {
        found += 1;
        cancel.store(found == 10, Ordering::Relaxed);
    });
    assert!((10..200).contains(&found), "{found}");
    assert!(coverage.interrupted && !coverage.complete);
}

#[test]
fn progress_is_told_from_the_calling_thread() {
    let root = folder();
    let mut last = 0;
    let caller = std::thread::current().id();
    let mut progress = |progress: streamkap_doctor::collect::cloudtrail::scan::Progress| {
        assert_eq!(std::thread::current().id(), caller);
        last = progress.files;
    };
    let options = Options { progress: Some(&mut progress), ..Options::default() };
    scan(vec![Input::Path(root.path().to_owned())], &query(), options, |_| {});
    assert!(last >= 4, "{last}");
}

#[test]
fn the_history_of_a_role_comes_with_its_denials() {
    let call = |id: &str, minute: u32, source: &str, name: &str, parameters: Value| {
        let mut record = record(id, "arn:aws:iam::111122223333:role/admin", "");
        record["eventTime"] = json!(format!("2026-03-01T00:{minute:02}:00Z"));
        record["eventSource"] = json!(source);
        record["eventName"] = json!(name);
        record["requestParameters"] = parameters;
        record.to_string()
    };
    let policy = |action: &str| {
        json!({"Statement": [{"Sid": "Write", "Effect": "Allow", "Action": action, "Resource": "*"}]})
            .to_string()
    };
    let put = |id, minute, role: &str, action| {
        call(
            id,
            minute,
            "iam.amazonaws.com",
            "PutRolePolicy",
            json!({"roleName": role, "policyName": "p", "policyDocument": policy(action)}),
        )
    };
    let records = [
        other("0"),
        call("a", 1, "sts.amazonaws.com", "AssumeRole", json!({"roleArn": ROLE})),
        call(
            "b",
            2,
            "sts.amazonaws.com",
            "AssumeRole",
            json!({"roleArn": "arn:aws:iam::111122223333:role/other"}),
        ),
        put("c", 3, "orders", "s3:*"),
        put("d", 4, "orders", "s3:Get*"),
        put("e", 5, "other", "s3:Get*"),
        denied("1"),
    ];
    let query = Query { history: Some(ROLE.parse().unwrap()), ..query() };
    for text in [wrapped(&records), pretty(&wrapped(&records))] {
        let mut ids: Vec<_> = scan_bytes(&gz(&text), &query).0;
        ids.sort();
        assert_eq!(ids, ["1", "a", "c", "d"]);
    }
    let input = Input::Reader("x".into(), Box::new(std::io::Cursor::new(wrapped(&records).into_bytes())));
    let answer = answer(vec![input]);
    let timeline = answer.timeline.unwrap();
    let (cause, entry) = timeline.cause().unwrap();
    assert_eq!((entry.event_id.as_str(), cause.statements[0].sid.as_deref()), ("d", Some("Write")));
}

// ---- against the slow way ----

fn real_events() -> Vec<Value> {
    EVENTS.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A text that means the same: other carriers, other white space, escapes, member boundaries.
fn written(records: &[Value], form: u8, cut: usize, escape: bool) -> Vec<u8> {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let mut text = match form % 6 {
        0 => wrapped(&lines),
        1 => lines.join("\n"),
        2 => format!("[{}]", lines.join(",")),
        3 => pretty(&wrapped(&lines)),
        4 => json!({"Events": lines.iter().map(|line| json!({"CloudTrailEvent": line})).collect::<Vec<_>>()})
            .to_string(),
        _ => lines.iter().map(|line| wrapped(std::slice::from_ref(line))).collect(),
    };
    if escape && form % 6 != 4 {
        text = text.replace("Denied\"", "\\u0044enied\"").replace('/', "\\/");
    }
    let cut = cut % (text.len() + 1);
    [gz(&text.as_bytes()[..cut]), gz(&text.as_bytes()[cut..])].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn both_ways_agree_on_real_events_in_any_form(
        start in 0usize..400, count in 1usize..60, form in any::<u8>(), cut in any::<usize>(), escape in any::<bool>()
    ) {
        let events = real_events();
        let start = start % events.len();
        let records = &events[start..(start + count).min(events.len())];
        let bytes = written(records, form, cut, escape);
        let (ids, coverage) = scan_bytes(&bytes, &Query::default());
        prop_assert_eq!(ids, slowly(&bytes, None));
        prop_assert_eq!(coverage.records, records.len() as u64);
        prop_assert!(coverage.complete, "{:?}", coverage.problems);
    }

    #[test]
    fn a_damaged_byte_costs_its_own_record_alone(
        damaged in 0usize..8, offset in any::<prop::sample::Index>(), byte in any::<u8>(), insert in 0u8..3
    ) {
        // Every second record is a denial of the role.
        let records: Vec<String> = (0..8).map(|id| {
            if id % 2 == 0 { denied(&format!("denial-{id}")) } else { other(&format!("other-{id}")) }
        }).collect();
        let mut broken = records.clone();
        let mut bytes = broken[damaged].clone().into_bytes();
        let at = offset.index(bytes.len());
        match insert {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => { bytes.remove(at); }
        }
        let (before, after) = (wrapped(&records[..damaged]), records[damaged + 1..].join(","));
        let mut text = before.trim_end_matches("]}").as_bytes().to_vec();
        if damaged > 0 { text.push(b','); }
        text.extend(&bytes);
        if !after.is_empty() { text.push(b','); }
        text.extend(after.as_bytes());
        text.extend(b"]}");
        broken[damaged] = String::new();
        let (ids, _) = scan_bytes(&gz(&text), &query());
        for id in (0..8).filter(|id| id % 2 == 0 && *id != damaged) {
            prop_assert!(ids.contains(&format!("denial-{id}")), "lost {id} of {}", String::from_utf8_lossy(&text));
        }
        prop_assert!(ids.len() <= 4);
    }

    #[test]
    fn damage_to_compressed_bytes_never_invents_a_denial(at in any::<prop::sample::Index>(), byte in any::<u8>(), keep in any::<prop::sample::Index>()) {
        let records: Vec<String> = (0..40).map(|id| if id % 3 == 0 { denied(&format!("denial-{id}")) } else { other("x") }).collect();
        let whole = gz(wrapped(&records));
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(keep.index(bytes.len()) + 1);
        let (ids, coverage) = scan_bytes(&bytes, &query());
        prop_assert!(ids.len() <= 14);
        prop_assert!(bytes == whole || !coverage.complete || ids.len() == 14, "{:?}", coverage.problems);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), text in "[\\[\\]{}\",:\\\\a-z]{0,400}") {
        let _ = scan_bytes(&bytes, &query());
        let _ = scan_bytes(text.as_bytes(), &query());
        let _ = scan_bytes(format!("{{\"Records\":[{{\"eventVersion\"{text}").as_bytes(), &query());
        let _ = scan_bytes(&gz(&bytes), &Query::default());
    }
}
