//! The sentence that says why nothing allows a request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use streamkap_doctor::policy::{Context, Document, Kind, Policy, PolicySet, Principal, Request, evaluate};

/// The explanation of an implicit deny by one identity policy that starts on line 1.
fn explained(statements: &str, action: &str, resource: &str, context: Context) -> Option<String> {
    let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [\n{statements}\n]}}");
    let document = Document::parse(Kind::Identity, &text).unwrap();
    let policies =
        PolicySet { identity: vec![Policy::compile("StreamkapS3Access", document)], ..PolicySet::default() };
    let request = Request {
        principal: Principal::parse("arn:aws:iam::111122223333:role/worker").unwrap(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account: None,
        context,
    };
    let decision = evaluate(&policies, &request);
    assert_eq!(decision.verdict.as_str(), "implicitDeny");
    decision.nearest_miss.map(|miss| miss.to_string())
}

fn plainly(statements: &str, action: &str, resource: &str) -> String {
    explained(statements, action, resource, Context::new()).unwrap()
}

const WRITE: &str = r#"{"Sid": "WriteData", "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::orders"}"#;

#[test]
fn a_resource_that_does_not_match() {
    assert_eq!(
        plainly(WRITE, "s3:PutObject", "arn:aws:s3:::orders/*"),
        "statement `WriteData` in policy `StreamkapS3Access` (line 2) allows s3:PutObject on arn:aws:s3:::orders, not on arn:aws:s3:::orders/*"
    );
}

#[test]
fn an_action_that_does_not_match() {
    assert_eq!(
        plainly(WRITE, "s3:ListBucket", "arn:aws:s3:::orders"),
        "statement `WriteData` in policy `StreamkapS3Access` (line 2) allows s3:PutObject and s3:GetObject, not s3:ListBucket"
    );
}

#[test]
fn a_condition_that_is_not_met() {
    let statement = r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}}"#;
    let context = Context::new().with("aws:sourcevpce", "vpce-9");
    assert_eq!(
        explained(statement, "s3:PutObject", "arn:aws:s3:::orders/x", context).unwrap(),
        "statement 1 in policy `StreamkapS3Access` (line 2) allows s3:PutObject only if aws:SourceVpce passes StringEquals vpce-1 or vpce-2; the request has vpce-9"
    );
}

#[test]
fn the_nearest_statement_is_told_not_the_first() {
    let statements = format!(
        r#"{{"Sid": "Far", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}},
{{"Sid": "Near", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::orders/raw/*"}},
{WRITE}"#
    );
    let found = plainly(&statements, "s3:PutObject", "arn:aws:s3:::orders/rows/x");
    assert!(found.starts_with("statement `Near` in policy `StreamkapS3Access` (line 3)"), "{found}");
}

#[test]
fn negated_elements_are_told_as_such() {
    let statement = r#"{"Effect": "Allow", "Action": "s3:*", "NotResource": ["arn:aws:s3:::orders/*"]}"#;
    assert!(plainly(statement, "s3:PutObject", "arn:aws:s3:::orders/x").ends_with(
        "allows s3:PutObject on everything but arn:aws:s3:::orders/*, not on arn:aws:s3:::orders/x"
    ));
}

#[test]
fn long_lists_are_shortened_and_no_arn_is_cut() {
    let resources: Vec<String> = (0..9).map(|number| format!("\"arn:aws:s3:::bucket-{number}\"")).collect();
    let statement =
        format!(r#"{{"Effect": "Allow", "Action": "s3:*", "Resource": [{}]}}"#, resources.join(","));
    let found = plainly(&statement, "s3:PutObject", "arn:aws:s3:::orders/x");
    assert!(found.contains("arn:aws:s3:::bucket-3, arn:aws:s3:::bucket-4 and 4 more, not on"), "{found}");
}

#[test]
fn hostile_names_cannot_steer_the_terminal() {
    let statement =
        r#"{"Effect": "Allow", "Action": "s3:Put\u001b[31mObject", "Resource": "arn:aws:s3:::\u202eorders"}"#;
    let found = plainly(statement, "s3:PutObject", "arn:aws:s3:::\u{202e}orders");
    assert!(!found.contains(['\u{1b}', '\u{202e}']), "{found:?}");
}

#[test]
fn what_says_nothing_of_the_service_is_no_near_miss() {
    assert_eq!(explained(WRITE, "glue:GetTable", "arn:aws:s3:::orders", Context::new()), None);
}

#[test]
fn a_decision_tells_its_ground_in_a_sentence() {
    let identity = |text: &str| Policy::compile("P", Document::parse(Kind::Identity, text).unwrap());
    let allow = r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    let deny = r#"{"Statement": [{"Sid": "D", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}}]}"#;
    let told = |documents: &[&str], context: Context| {
        let policies = PolicySet {
            identity: documents.iter().map(|text| identity(text)).collect(),
            ..PolicySet::default()
        };
        let request = Request {
            principal: Principal::parse("arn:aws:iam::111122223333:role/worker").unwrap(),
            action: "s3:GetObject".to_owned(),
            resource: "arn:aws:s3:::orders/a".to_owned(),
            resource_account: None,
            context,
        };
        evaluate(&policies, &request).explanation()
    };
    assert_eq!(told(&[], Context::new()), "no identity policy allows it");
    assert_eq!(told(&[allow], Context::new()), "allowed by statement 1 in policy `P` (line 1)");
    assert_eq!(told(&[allow, deny], Context::new()), "denied by statement `D` in policy `P` (line 1)");
    assert_eq!(
        told(&[allow, deny], Context::new().unknown("aws:SourceVpce")),
        "it hangs on aws:SourceVpce, not known here, and otherwise: denied by statement `D` in policy `P` (line 1)"
    );
}
