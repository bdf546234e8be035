//! `evaluate` line by line: order, errors, repeats, odd input.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufReader, Read};

use serde_json::{Value, json};
use streamkap_doctor::evaluate::{Summary, run};

fn answers(input: &[u8]) -> (Vec<Value>, Summary) {
    let mut output = Vec::new();
    let summary = run(input, &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), summary)
}

fn request(id: &str) -> Value {
    json!({
        "id": id, "principal": "arn:aws:iam::111122223333:role/worker", "action": "s3:GetObject",
        "resource": "arn:aws:s3:::orders/a", "context": {},
        "identity_policies": [{ "name": "P", "document": { "Statement": { "Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*" } } }]
    })
}

#[test]
fn a_decision_has_the_documented_fields_and_no_others() {
    let (answers, summary) = answers(request("1").to_string().as_bytes());
    assert_eq!(
        answers,
        [json!({
            "id": "1", "decision": "allowed", "decided_by": "identity", "missing_context": [],
            "statements": [{ "layer": "identity", "policy": "P", "sid": "A", "index": 0, "effect": "Allow", "line": 1 }]
        })]
    );
    assert_eq!(summary, Summary { lines: 1, errors: 0 });
}

#[test]
fn a_bad_line_is_answered_in_its_place_and_the_rest_go_on() {
    let mut bad_document = request("4");
    bad_document["resource_policy"] =
        json!({ "Statement": { "Effect": "Allow", "Action": "s3:*" , "Principal": "*", "Effekt": 1 } });
    let input = [
        request("1").to_string(),
        "{\"id\": \"2\", \"principal\": 5}".to_owned(),
        String::new(),
        "not json".to_owned(),
        bad_document.to_string(),
        request("5").to_string().replace("arn:aws:iam::111122223333:role/worker", "nobody"),
        "  \t".to_owned(),
        request("6").to_string(),
    ]
    .join("\r\n");
    let (answers, summary) = answers(input.as_bytes());
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!("1"), &json!("2"), &Value::Null, &json!("4"), &json!("5"), &json!("6")]);
    let failed: Vec<bool> = answers.iter().map(|answer| answer.get("error").is_some()).collect();
    assert_eq!(failed, [false, true, true, true, true, false]);
    assert_eq!(summary, Summary { lines: 6, errors: 4 });
    let text = answers[3]["error"].as_str().unwrap();
    assert!(
        text.starts_with("resource policy: line 1, column ") && text.contains("did you mean `Effect`?"),
        "{text}"
    );
    assert!(answers[4]["error"].as_str().unwrap().contains("`nobody` is not a principal"));
    assert_eq!(answers[1].as_object().unwrap().len(), 2);
}

#[test]
fn what_is_not_text_or_too_long_is_an_error_of_its_line() {
    let mut input = b"\xff\xfe\n".to_vec();
    input.extend(vec![b' '; 33 << 20]);
    input.push(b'\n');
    input.extend(request("3").to_string().bytes());
    let (answers, summary) = answers(&input);
    assert!(answers[0]["error"].as_str().unwrap().contains("not UTF-8"));
    assert!(answers[1]["error"].as_str().unwrap().contains("more than 33554432 bytes"));
    assert_eq!((answers[2]["decision"].as_str(), summary.errors), (Some("allowed"), 2));
}

#[test]
fn null_is_absence_and_numbers_and_booleans_are_their_text() {
    let mut line = request("1");
    for field in [
        "permissions_boundary",
        "session_policies",
        "service_control_policies",
        "resource_policy",
        "endpoint_policy",
        "resource_account",
    ] {
        line[field] = Value::Null;
    }
    line["context"] =
        json!({ "aws:SecureTransport": true, "s3:max-keys": 5, "x:none": null, "x:list": ["a"] });
    line["identity_policies"][0]["document"]["Statement"]["Condition"] = json!({
        "Bool": { "aws:SecureTransport": "true" }, "NumericEquals": { "s3:max-keys": "5" },
        "Null": { "x:none": "true" }, "StringEquals": { "x:list": "a" }
    });
    assert_eq!(answers(line.to_string().as_bytes()).0[0]["decision"], "allowed");
}

#[test]
fn a_document_may_be_a_string_and_url_encoded_as_aws_returns_it() {
    for text in [
        "{\"Statement\": [\n{\"Effect\": \"Deny\", \"Action\": \"s3:*\", \"Resource\": \"*\"}]}",
        "%7B%22Statement%22%3A%20%5B%0A%7B%22Effect%22%3A%22Deny%22%2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D",
    ] {
        let mut line = request("1");
        line["identity_policies"][0]["document"] = json!(text);
        let answer = &answers(line.to_string().as_bytes()).0[0];
        assert_eq!(
            (&answer["decision"], &answer["statements"][0]["line"]),
            (&json!("explicitDeny"), &json!(2))
        );
    }
}

#[test]
fn a_policy_is_known_by_its_kind_and_name_too() {
    let mut named = request("2");
    named["identity_policies"][0]["name"] = json!("Q");
    let mut boundary = request("3");
    boundary["permissions_boundary"] = boundary["identity_policies"][0]["document"].clone();
    let input = [request("1"), named, boundary].map(|line| line.to_string()).join("\n");
    let (answers, _) = answers(input.as_bytes());
    let policies: Vec<&Value> = answers.iter().map(|answer| &answer["statements"][0]["policy"]).collect();
    assert_eq!(policies, ["P", "Q", "P"]);
}

#[test]
fn a_document_that_aws_would_not_take_is_an_error_in_aws_words() {
    let mut line = request("1");
    line["action"] = json!("sts:AssumeRole");
    line["resource"] = json!("arn:aws:iam::111122223333:role/target");
    line["resource_policy"] = json!({ "Statement": {
        "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": "sts:AssumeRole", "Resource": "*"
    } });
    let twice = request("2").to_string().replace("\"Effect\"", "\"Effect\":\"Deny\",\"Effect\"");
    let (answers, _) = answers(format!("{line}\n{twice}").as_bytes());
    let error = answers[0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("trust policy: line 1, ") && error.contains("Has prohibited field Resource"),
        "{error}"
    );
    let error = answers[1]["error"].as_str().unwrap();
    assert!(error.contains("`Effect` is given more than once"), "{error}");
}

#[test]
fn a_misspelt_field_is_an_error_and_an_unknown_one_is_passed_over() {
    let mut line = request("1");
    line["resource_polcy"] = json!({});
    let mut other = request("2");
    other["note"] = json!([1]);
    other["source"] = json!("https://docs.aws.amazon.com/");
    other["identity_policies"][0]["arn"] = json!("arn:aws:iam::111122223333:policy/P");
    let mut nested = request("3");
    nested["identity_policies"][0]["Name"] = json!("P");
    let input = [line, other, nested].map(|line| line.to_string()).join("\n");
    let (answers, summary) = answers(input.as_bytes());
    assert_eq!((&answers[0]["id"], &answers[1]["decision"]), (&json!("1"), &json!("allowed")));
    let error = answers[0]["error"].as_str().unwrap();
    assert!(error.contains("`resource_polcy` is not a field; did you mean `resource_policy`?"), "{error}");
    assert!(answers[2]["error"].as_str().unwrap().contains("did you mean `name`?"), "{}", answers[2]);
    assert_eq!(summary.errors, 2);
}

#[test]
fn a_list_is_no_request_and_no_named_policy() {
    let mut listed = request("1");
    listed["identity_policies"] = json!([["P", { "Statement": [] }]]);
    let all = json!(["2", "arn:aws:iam::111122223333:role/worker", "s3:GetObject", "*", null, {}, []]);
    for line in [listed, all] {
        let error = answers(line.to_string().as_bytes()).0[0]["error"].as_str().unwrap().to_owned();
        assert!(error.contains("expected an object"), "{error}");
    }
}

#[test]
fn what_cannot_be_asked_for_is_an_error() {
    for (field, value, expected) in [
        ("action", "s3:Get*", "has a wildcard in it"),
        ("action", "s3:GetObjec?", "has a wildcard in it"),
        ("action", "GetObject", "has no service prefix"),
        ("action", "s3:", "is not a service and a name"),
        ("action", "s3:Get:Object", "is not a service and a name"),
        ("action", "s3:Get Object", "has a space in it"),
        ("resource", "", "the resource `` is not an ARN"),
        ("resource", "orders/a", "the resource `orders/a` is not an ARN"),
        ("resource", "arn:aws:s3", "the resource `arn:aws:s3` is not an ARN"),
        ("resource_account", "123", "the resource's account `123` is not an AWS account id"),
        ("resource_account", "", "is not an AWS account id"),
    ] {
        let mut line = request("1");
        line[field] = json!(value);
        let answer = &answers(line.to_string().as_bytes()).0[0];
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{field} {value}: {answer}"));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_an_error_quotes_cannot_control_the_terminal() {
    let hostile = "\u{1b}[31m\u{9b}31m\u{202e}\u{2066}\u{61c}\u{feff}\n";
    let harmful = |letter: char| letter.is_control() || "\u{202e}\u{2066}\u{61c}\u{feff}".contains(letter);
    let with = |field: &str, value: Value| {
        let mut line = request("1");
        line[field] = value;
        line
    };
    for line in [
        with("principal", json!(hostile)),
        with("action", json!(hostile)),
        with("resource", json!(hostile)),
        with("resource_account", json!(hostile)),
        with("context", json!(hostile)),
        with("contex\u{202e}", json!({})),
        with("identity_policies", json!([{ "name": hostile, "document": {} }])),
        with("resource_policy", json!({ (hostile): 1 })),
    ] {
        let answer = &answers(line.to_string().as_bytes()).0[0];
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{line}: {answer}"));
        assert!(!error.contains(harmful), "{error:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_line() {
    let (answers, summary) = answers(format!("\u{feff}\r\n\u{feff} \n\u{feff}{}", request("1")).as_bytes());
    assert_eq!((answers[0]["decision"].as_str(), summary.lines), (Some("allowed"), 1));
}

#[test]
fn many_condition_keys_cost_no_more_than_their_number() {
    let start = std::time::Instant::now();
    let mut line = request("1");
    line["context"] = (0..100_000)
        .map(|number| (format!("x:{number}"), json!("v")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(answers(line.to_string().as_bytes()).0[0]["decision"], "allowed");
    assert!(start.elapsed().as_secs() < 20, "took {:?}", start.elapsed());
}

/// Lines without end, each made when it is read: what the program keeps is all there is to keep.
struct Endless {
    left: usize,
    line: Vec<u8>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.line.is_empty() && self.left > 0 {
            self.left -= 1;
            // A policy of its own for every line, so that none is found in the cache.
            let line = request("x").to_string().replace("\"A\"", &format!("\"A{}\"", self.left));
            self.line = format!("{line}\n").into_bytes();
        }
        let count = self.line.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.line[..count]);
        self.line.drain(..count);
        Ok(count)
    }
}

#[test]
fn many_lines_with_ever_new_policies_are_all_answered() {
    let summary = run(BufReader::new(Endless { left: 30_000, line: Vec::new() }), std::io::sink()).unwrap();
    assert_eq!(summary, Summary { lines: 30_000, errors: 0 });
}
