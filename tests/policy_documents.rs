//! What AWS takes as a policy document and what it refuses, with line and column.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use streamkap_doctor::policy::PrincipalKind::{self, Aws, CanonicalUser, Everyone, Federated, Service};
use streamkap_doctor::policy::{Diagnostic, Document, Effect, Kind, Version, Weight};

fn faults(kind: Kind, text: &str) -> Vec<String> {
    Document::parse(kind, text).unwrap_err().iter().map(Diagnostic::to_string).collect()
}

fn warnings(kind: Kind, text: &str) -> Vec<String> {
    Document::parse(kind, text).unwrap().warnings().iter().map(Diagnostic::to_string).collect()
}

/// A one-statement identity policy, with the members given in its statement.
fn identity(members: &str) -> String {
    format!("{{\"Version\": \"2012-10-17\", \"Statement\": {{{members}}}}}")
}

#[test]
fn statements_are_read_with_their_place() {
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Sid\": \"A\",\n      \"Effect\": \"Allow\",\n      \"Action\": [\"s3:GetObject\"],\n      \"NotResource\": \"arn:aws:s3:::b/*\",\n      \"Condition\": {\"Bool\": {\"aws:SecureTransport\": true}}\n    }\n  ]\n}";
    let document = Document::parse(Kind::Identity, text).unwrap();
    assert_eq!(document.version(), Version::V2012);
    let [statement] = document.statements() else { panic!("one statement") };
    assert_eq!((statement.line, statement.column, statement.end_line), (4, 5, 10));
    assert!(
        text[statement.range.clone()].starts_with("{\n      \"Sid\"")
            && text[statement.range.clone()].ends_with('}')
    );
    assert_eq!((statement.sid.as_deref(), statement.effect), (Some("A"), Effect::Allow));
    assert_eq!(statement.actions.any(), ["s3:GetObject"]);
    assert_eq!(statement.resources.as_ref().unwrap().all_but(), ["arn:aws:s3:::b/*"]);
    assert_eq!((statement.conditions[0].values[0].as_str(), statement.conditions[0].line), ("true", 9));
    assert_eq!(document.to_value()["Statement"][0]["Sid"], "A");
}

#[test]
fn every_kind_of_principal_is_read() {
    let text = r#"{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ["111122223333", "*"], "Service": "glue.amazonaws.com", "Federated": "accounts.google.com", "CanonicalUser": "79a5"}}, {"Effect": "Deny", "Action": "*", "Principal": "*"}]}"#;
    let document = Document::parse(Kind::Trust, text).unwrap();
    let kinds: Vec<PrincipalKind> =
        document.statements()[0].principals.as_ref().unwrap().any().iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Aws, Aws, Service, Federated, CanonicalUser]);
    assert_eq!(document.statements()[1].principals.as_ref().unwrap().any()[0].kind, Everyone);
}

#[test]
fn what_aws_takes_is_never_refused() {
    for (kind, text) in [
        (Kind::Identity, identity(r#""Effect": "Allow", "Action": "*", "Resource": "*""#)),
        (Kind::Identity, identity(r#""Sid": "", "Effect": "Deny", "NotAction": ["iam:*"], "NotResource": ["arn:aws:s3:::b"]"#)),
        (Kind::Identity, format!("\u{feff}{}", identity(r#""Effect": "Allow", "Action": "s3:*", "Resource": "*""#))),
        (Kind::Identity, r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#.to_owned()),
        (Kind::Identity, r#"{"Id": "x", "Version": "2008-10-17", "Statement": []}"#.to_owned()),
        (Kind::Identity, identity(r#""Effect": "Allow", "Action": [], "Resource": [], "Condition": {}"#)),
        (Kind::Identity, identity(r#""Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"NumericLessThan": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": [true, "false"]}}"#)),
        (Kind::Identity, identity(r#""Effect": "Allow", "Action": "s3:NoSuchAction", "Resource": "arn:aws:s3:::${aws:username}""#)),
        (Kind::Resource, r#"{"Statement": {"Sid": "with spaces, and more", "Effect": "Allow", "Principal": "*", "Action": "ecr:*"}}"#.to_owned()),
        (Kind::Trust, r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEEXAMPLE12"}, "Action": "sts:AssumeRole"}}"#.to_owned()),
        (Kind::ServiceControl, identity(r#""Effect": "Allow", "NotAction": "iam:*", "NotResource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}"#)),
    ] {
        let parsed = Document::parse(kind, &text);
        assert!(parsed.is_ok(), "{text}: {parsed:?}");
    }
}

#[test]
fn what_aws_refuses_is_named_with_line_and_column() {
    let allow = r#""Effect": "Allow", "Action": "s3:*", "Resource": "*""#;
    for (text, expected) in [
        ("[]".to_owned(), "line 1, column 1: a policy is an object, this is a list"),
        ("{}".to_owned(), "line 1, column 1: the policy has no `Statement`"),
        (
            "{\"Version\": \"2012-10-18\",\n\"Statement\": []}".to_owned(),
            "line 1, column 13: `Version` is `2012-10-18`; it has to be `2012-10-17` or `2008-10-17`",
        ),
        (
            "{\"Statement\": [\n  1]}".to_owned(),
            "line 2, column 3: a statement is an object, this is a number",
        ),
        (
            identity(r#""Action": "s3:*", "Resource": "*""#),
            "line 1, column 40: the statement has no `Effect`",
        ),
        (
            identity(r#""Effect": "allow", "Action": "s3:*", "Resource": "*""#),
            "line 1, column 51: `Effect` is `allow`; it has to be `Allow` or `Deny`, so written",
        ),
        (
            identity(r#""Effect": "Allow", "Resource": "*""#),
            "line 1, column 40: the statement has no `Action`",
        ),
        (
            identity(r#""Effect": "Allow", "Action": "s3:*""#),
            "line 1, column 40: the statement has no `Resource`",
        ),
        (
            identity(r#""Effect": "Allow", "Action": "s3:*", "NotAction": "s3:*", "Resource": "*""#),
            "line 1, column 40: the statement has both `Action` and `NotAction`",
        ),
        (
            identity(r#""Effect": "Allow", "Action": {}, "Resource": "*""#),
            "line 1, column 70: `Action` has to be a string or a list of strings, this is an object",
        ),
        (
            identity(r#""Effect": "Allow", "Action": ["s3:*", null], "Resource": "*""#),
            "line 1, column 79: `Action` has to be a string or a list of strings, this is null",
        ),
        (
            identity(r#""Effect": "Allow", "Action": "GetObject", "Resource": "*""#),
            "line 1, column 70: the action `GetObject` has no service prefix, as in `s3:PutObject`",
        ),
        (
            identity(r#""Effect": "Allow", "Action": "s3:Get:Object", "Resource": "*""#),
            "line 1, column 70: the action `s3:Get:Object` has more than one colon",
        ),
        (
            identity(r#""Effect": "Allow", "Action": "s3:*", "Resource": "orders/*""#),
            "line 1, column 90: the resource `orders/*` is neither an ARN nor `*`",
        ),
        (
            identity(&format!(r#""Sid": "a b", {allow}"#)),
            "line 1, column 48: the `Sid` `a b` may hold letters and digits only",
        ),
        (
            identity(&format!(r#""Principal": "*", {allow}"#)),
            "line 1, column 54: `Principal` has no place in a policy of this kind",
        ),
        (
            identity(&format!(r#""Ressource": "*", {allow}"#)),
            "line 1, column 41: `Ressource` is not an element of a statement; did you mean `Resource`?",
        ),
        (
            identity(&format!(r#"{allow}, "Condition": {{"StringEqual": {{"aws:x": "y"}}}}"#)),
            "line 1, column 109: `StringEqual` is not a condition operator; did you mean `StringEquals`?",
        ),
        (
            identity(&format!(r#"{allow}, "Condition": {{"NullIfExists": {{"aws:x": "true"}}}}"#)),
            "line 1, column 109: `NullIfExists` is not a condition operator",
        ),
        (
            identity(&format!(r#"{allow}, "Condition": "x""#)),
            "line 1, column 108: `Condition` has to be an object, this is a string",
        ),
        (
            identity(&format!(r#"{allow}, "Condition": {{"Bool": {{"aws:x": {{}}}}}}"#)),
            "line 1, column 127: a condition's value is a string, a number or a boolean, this is an object",
        ),
        (
            identity(&format!(r#"{allow}, "Condition": {{"Bool": {{"x": "y"}}}}"#)),
            "line 1, column 118: the condition key `x` has no prefix, as in `aws:SourceIp`",
        ),
        ("{\"Statement\": [{},]}".to_owned(), "line 1, column 19: a comma stands before the closing bracket"),
    ] {
        let found = faults(Kind::Identity, &text);
        assert!(found.iter().any(|fault| fault == expected), "{text}\n{expected}\n{found:?}");
    }
    let twice = format!("{{\"Statement\": [{{\"Sid\": \"A\", {allow}}},\n{{\"Sid\": \"A\", {allow}}}]}}");
    assert_eq!(faults(Kind::Identity, &twice), ["line 2, column 1: the `Sid` `A` is used more than once"]);
    let no_principal = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}"#;
    assert_eq!(faults(Kind::Trust, no_principal), ["line 1, column 15: the statement has no `Principal`"]);
}

#[test]
fn what_is_likely_not_meant_is_a_warning() {
    let trust = |principal: &str| {
        format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {principal}}}}}"#
        )
    };
    for (principal, expected) in [
        (
            r#"{"AWS": "arn:aws:iam:300973880807:root"}"#,
            "the principal `arn:aws:iam:300973880807:root` is malformed and matches nobody",
        ),
        (r#"{"AWS": "arn:aws:iam::30097388080:root"}"#, "is malformed and matches nobody"),
        (r#"{"AWS": "arn:aws:iam:eu-west-1:300973880807:root"}"#, "is malformed and matches nobody"),
        (r#"{"AWS": "arn:aws:iam::300973880807:role/*"}"#, "has a wildcard in it"),
        (r#"{"AWS": "AROAEXAMPLEEXAMPLE12"}"#, "is the unique id of a principal that has been deleted"),
        (r#""arn:aws:iam::300973880807:root""#, "`Principal` lacks its kind"),
        (
            r#"{"AWS": "300973880807", "AWS": "111122223333"}"#,
            "`AWS` is given more than once, which AWS does not take: the last one counts",
        ),
    ] {
        let found = warnings(Kind::Trust, &trust(principal));
        assert!(found.iter().any(|warning| warning.contains(expected)), "{principal}: {found:?}");
    }
    let doubled = identity(
        r#""Effect": "Deny", "Effect": "Allow", "Action": "s3:Get Object", "Resource": "*", "Condition": {"Bool": {"aws:x": "true", "AWS:X": "false"}}"#,
    );
    let found = warnings(Kind::Identity, &doubled).join("\n");
    for expected in ["`Effect` is given more than once", "`AWS:X` is given more than once", "matches nothing"]
    {
        assert!(found.contains(expected), "{found}");
    }
    assert_eq!(Document::parse(Kind::Identity, &doubled).unwrap().statements()[0].effect, Effect::Allow);
}

/// What AWS refuses where it is put in place, though it can be made sense of.
const REFUSED: [(Kind, &str, &str); 14] = [
    (
        Kind::Identity,
        r#"{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#,
        "`Effect` is given more than once",
    ),
    (
        Kind::Identity,
        r#"{"Statement": [], "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#,
        "`Statement` is given more than once",
    ),
    (
        Kind::ServiceControl,
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:a": "true"}, "Bool": {"aws:b": "true"}}}}"#,
        "`Bool` is given more than once",
    ),
    (
        Kind::Boundary,
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:a": "true", "AWS:A": "true"}}}}"#,
        "`AWS:A` is given more than once",
    ),
    (
        Kind::Resource,
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": {"AWS": "111122223333", "AWS": "*"}}}"#,
        "`AWS` is given more than once",
    ),
    (
        Kind::Identity,
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"stringEquals": {"aws:a": "b"}}}}"#,
        "`stringEquals` is not a condition operator; did you mean `StringEquals`?",
    ),
    (
        Kind::Session,
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"forAnyValue:StringLikeIFEXISTS": {"aws:a": "b"}}}}"#,
        "did you mean `ForAnyValue:StringLikeIfExists`?",
    ),
    (
        Kind::Identity,
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"null": {"aws:a": "true"}}}}"#,
        "did you mean `Null`?",
    ),
    (
        Kind::Trust,
        r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}, "Resource": "*"}}"#,
        "Has prohibited field Resource",
    ),
    (
        Kind::Trust,
        r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}, "NotResource": "*"}}"#,
        "a trust policy has no resources",
    ),
    (
        Kind::Trust,
        r#"{"Statement": {"Effect": "Allow", "Action": ["sts:AssumeRole", "s3:GetObject"], "Principal": {"AWS": "111122223333"}}}"#,
        "AssumeRole policy may only specify STS AssumeRole actions",
    ),
    (
        Kind::Trust,
        r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "111122223333"}}"#,
        "`Principal` lacks its kind",
    ),
    (
        Kind::Resource,
        r#"{"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "NotPrincipal": "arn:aws:iam::111122223333:root"}}"#,
        "`Principal` lacks its kind",
    ),
    (
        Kind::Resource,
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#,
        "Missing required field Principal",
    ),
];

#[test]
fn what_can_be_understood_is_refused_when_put_in_place_and_read_when_stored() {
    for (kind, text, expected) in REFUSED {
        let faults = Document::parse_strictly(kind, text).unwrap_err();
        assert!(faults.iter().any(|fault| fault.message.contains(expected)), "{text}: {faults:?}");
        assert!(faults.iter().all(|fault| fault.weight == Weight::Refused), "{faults:?}");
        let stored = Document::parse(kind, text).unwrap();
        assert_eq!(stored.statements().len(), 1, "{text}");
        assert_eq!(stored.warnings(), faults, "{text}");
    }
}

#[test]
fn what_aws_may_take_is_not_refused() {
    for (kind, text) in [
        (
            Kind::Trust,
            r#"{"Statement": {"Effect": "Allow", "Action": ["*", "STS:AssumeRole", "sts:Tag*"], "Principal": "*"}}"#,
        ),
        (
            Kind::Trust,
            r#"{"Statement": {"Effect": "Deny", "NotAction": "sts:AssumeRole", "Principal": {"AWS": "*"}}}"#,
        ),
        (
            Kind::Resource,
            r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "NotPrincipal": {"AWS": "111122223333"}}}"#,
        ),
        (Kind::Endpoint, r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#),
        (
            Kind::Identity,
            r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"ForAllValues:StringLikeIfExists": {"aws:a": "b"}, "StringLike": {"aws:a": "b"}}}}"#,
        ),
    ] {
        let read = Document::parse_strictly(kind, text);
        assert!(read.is_ok(), "{text}: {read:?}");
    }
}

#[test]
fn a_refusal_is_told_among_any_number_of_warnings() {
    let warned = r#"{"Effect": "Allow", "Action": "s3:Get Object", "Resource": "*"}"#;
    let refused =
        r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"bool": {"aws:a": "true"}}}"#;
    let text = format!("{{\"Statement\": [{}, {refused}]}}", vec![warned; 200].join(", "));
    assert_eq!(Document::parse_strictly(Kind::Identity, &text).unwrap_err().len(), 1);
    assert!(Document::parse(Kind::Identity, &text).is_ok());
}

#[test]
fn every_fault_is_told_in_the_order_of_the_text() {
    let text = "{\"Statement\": [\n{\"Effect\": \"allow\", \"Action\": \"x\", \"Resource\": \"*\"},\n{\"Effect\": \"Allow\", \"Resource\": \"*\"}]}";
    let found = faults(Kind::Identity, text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[0].starts_with("line 2, column 12:") && found[2].starts_with("line 3, column 1:"),
        "{found:?}"
    );
}

#[test]
fn what_makes_sense_of_a_faulty_document_can_be_recovered() {
    let text =
        r#"{"Statement": [{"Effect": "Allow"}, {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    let (document, diagnostics) = Document::recover(Kind::Identity, text);
    assert_eq!(document.unwrap().statements()[0].index, 1);
    assert_eq!(diagnostics.len(), 2);
    assert!(Document::recover(Kind::Identity, "{").0.is_none());
}

#[test]
fn hostile_documents_are_refused_fast() {
    let start = std::time::Instant::now();
    let big = format!("{{\"Statement\": \"{}\"}}", "x".repeat(10_000_000));
    assert!(faults(Kind::Identity, &big)[0].contains("10000017 bytes"));
    assert!(faults(Kind::Identity, &"[".repeat(500_000))[0].contains("nested more than 32 levels deep"));
    let many_keys: Vec<String> = (0..60_000).map(|number| format!("\"k{number}\":1")).collect();
    assert!(!faults(Kind::Identity, &format!("{{{}}}", many_keys.join(","))).is_empty());
    let statements = vec!["{}"; 200_000].join(",");
    assert!(!faults(Kind::Identity, &format!("{{\"Statement\":[{statements}]}}")).is_empty());
    let keys: Vec<String> = (0..50_000).map(|number| format!("\"a:{number}\":\"\"")).collect();
    let conditions = identity(&format!(
        r#""Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {{"Bool": {{{}}}}}"#,
        keys.join(",")
    ));
    assert!(Document::parse(Kind::Identity, &conditions).is_ok());
    assert!(start.elapsed().as_secs() < 20, "took {:?}", start.elapsed());
}
