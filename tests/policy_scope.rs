//! What policies grant beyond a set of needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use streamkap_doctor::policy::scope::{Danger, Need, beyond, granted};
use streamkap_doctor::policy::{Document, Kind, Policy};

fn need(action: &str, resource: &str) -> Need {
    Need { action: action.to_owned(), resource: resource.to_owned() }
}

/// Action, resource and danger of every grant beyond the needs.
fn excess(statements: &str, needs: &[Need]) -> Vec<(String, String, Danger)> {
    let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{statements}]}}");
    let policy = Policy::compile("P", Document::parse(Kind::Identity, &text).unwrap());
    let grants = beyond(&[policy], needs).into_iter();
    grants.map(|grant| (grant.action, grant.resource, grant.danger)).collect()
}

fn row(action: &str, resource: &str, danger: Danger) -> (String, String, Danger) {
    (action.to_owned(), resource.to_owned(), danger)
}

#[test]
fn what_is_needed_is_no_excess() {
    let statement = r#"{"Effect": "Allow", "Action": ["s3:putobject", "s3:GetObject"], "Resource": "arn:aws:s3:::orders/raw/*"}"#;
    let needs =
        [need("s3:PutObject", "arn:aws:s3:::orders/*"), need("s3:GetObject", "arn:aws:s3:::orders/raw/*")];
    assert_eq!(excess(statement, &needs), []);
}

#[test]
fn what_is_wider_than_a_need_is_excess_worst_first() {
    let statement = r#"{"Effect": "Allow", "Action": ["s3:PutObject", "s3:*", "iam:Pass*"], "Resource": ["arn:aws:s3:::orders/*", "*"]}"#;
    let needs = [need("s3:PutObject", "arn:aws:s3:::orders/*")];
    assert_eq!(
        excess(statement, &needs),
        [
            row("iam:Pass*", "arn:aws:s3:::orders/*", Danger::Escalation),
            row("iam:Pass*", "*", Danger::Escalation),
            row("s3:PutObject", "*", Danger::Wildcard),
            row("s3:*", "arn:aws:s3:::orders/*", Danger::Wildcard),
            row("s3:*", "*", Danger::Wildcard),
        ]
    );
}

#[test]
fn a_pattern_of_actions_means_those_that_aws_has_under_it() {
    let needs = [
        need("s3:AbortMultipartUpload", "arn:aws:s3:::orders/*"),
        need("s3:ListMultipartUploadParts", "arn:aws:s3:::orders/*"),
        need("s3:ListBucketMultipartUploads", "arn:aws:s3:::orders/*"),
    ];
    let on = |action: &str| {
        format!(r#"{{"Effect": "Allow", "Action": "{action}", "Resource": "arn:aws:s3:::orders/*"}}"#)
    };
    for action in ["s3:Abort*", "S3:*multipartupload*", "s3:AbortMultipartUploa?"] {
        assert_eq!(excess(&on(action), &needs), [], "{action}");
    }
    // It means more, or nothing that is known, or something elsewhere.
    for action in ["s3:*Object*", "s3:List*", "s3:Frobnicate*", "unknown:Abort*", "*:Abort*"] {
        assert_eq!(excess(&on(action), &needs).len(), 1, "{action}");
    }
    assert_eq!(excess(&on("s3:Abort*"), &[need("s3:AbortMultipartUpload", "arn:aws:s3:::other/*")]).len(), 1);
    let denied = r#"{"Effect": "Deny", "Action": "s3:AbortMultipartUpload", "Resource": "*"}"#;
    assert_eq!(excess(&format!("{}, {denied}", on("s3:Abort*")), &[]), []);
}

#[test]
fn a_variable_may_stand_for_anything() {
    let statement = r#"{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::orders/${aws:PrincipalTag/team, 'x'}/*"}"#;
    assert_eq!(excess(statement, &[need("s3:PutObject", "arn:aws:s3:::orders/*")]), []);
    assert_eq!(excess(statement, &[need("s3:PutObject", "arn:aws:s3:::orders/a/*")]).len(), 1);
}

#[test]
fn all_but_some_actions_are_all_actions() {
    let statement = r#"{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}"#;
    assert_eq!(excess(statement, &[need("s3:*", "*")]), [row("*", "*", Danger::Escalation)]);
}

#[test]
fn what_is_denied_whole_and_without_condition_is_not_granted() {
    let allow =
        r#"{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/*"}"#;
    let deny = r#"{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}"#;
    assert_eq!(excess(&format!("{allow}, {deny}"), &[]), []);
    let conditional = r#"{"Effect": "Deny", "Action": "iam:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}"#;
    assert_eq!(excess(&format!("{allow}, {conditional}"), &[]).len(), 1);
    let partial =
        r#"{"Effect": "Deny", "Action": "iam:*", "NotResource": "arn:aws:iam::111122223333:role/x"}"#;
    assert_eq!(excess(&format!("{allow}, {partial}"), &[]).len(), 1);
}

#[test]
fn a_grant_names_its_statement_and_whether_it_is_conditional() {
    let text = r#"{"Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}"#;
    let policy = Policy::compile("P", Document::parse(Kind::Identity, text).unwrap());
    let grants = granted(&[policy]);
    assert_eq!((grants[0].statement.sid.as_deref(), grants[0].conditional), (Some("A"), true));
}
