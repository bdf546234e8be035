//! Answers that the proxy gives in place of the server, in AWS's shapes: `SimulatePrincipalPolicy`, decided
//! by the doctor's own engine on the policies that are on the server, and `LookupEvents`, from events that a
//! test writes down. Written by hand from AWS's API reference; not recorded.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};
use streamkap_doctor::model::EngineVerdict;
use streamkap_doctor::policy::{
    Context, Document, Kind, Policy, PolicySet, Principal, Request, decode, evaluate,
};

use super::account::Account;
use super::wire::Message;

/// The shape of an answer of the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Since 30 July 2026: one result for each action, ARNs in `ResourceSpecificResults`.
    ByAction,
    /// Before: one result for each action and ARN.
    ByActionAndResource,
}

/// Answers simulations from the policies that the role has now. `scp`: a service control policy.
pub fn simulator(
    account: &Account,
    role: &str,
    shape: Shape,
    scp: Option<&Value>,
) -> impl Fn(&Message) -> Option<Message> + use<> {
    let (policies, boundary) = account.policies_of(role);
    let compile = |kind, name: &str, text: &str| {
        let document =
            Document::parse(kind, &decode(text)).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        Policy::compile(name, document)
    };
    let identity: Vec<_> = policies.iter().map(|(name, text)| compile(Kind::Identity, name, text)).collect();
    let boundary = boundary.map(|(name, text)| compile(Kind::Boundary, &name, &text));
    let scp = scp.map(|scp| compile(Kind::ServiceControl, "scp", &scp.to_string()));
    move |request| {
        if request.operation().name != "SimulatePrincipalPolicy" {
            return None;
        }
        let excluded: BTreeSet<String> =
            request.parameters("PolicyExclusionList", ".PolicyType").into_iter().collect();
        let mut context = Context::new();
        for number in 1.. {
            let entry = format!("ContextEntries.member.{number}");
            let Some(key) = request.parameter(&format!("{entry}.ContextKeyName")) else { break };
            let values = request.parameters(&format!("{entry}.ContextKeyValues"), "");
            context.set(&key, values.iter().map(String::as_str));
        }
        let arn = request.parameter("PolicySourceArn").unwrap();
        let decide = |action: &str, resource: &str, with_boundary: bool, with_scps: bool| {
            let set = PolicySet {
                identity: identity.clone(),
                boundary: boundary.clone().filter(|_| with_boundary),
                scps: scp.clone().filter(|_| with_scps).map(|scp| vec![vec![scp]]),
                ..PolicySet::default()
            };
            let request = Request {
                principal: Principal::parse(&arn).unwrap(),
                action: action.to_owned(),
                resource: resource.to_owned(),
                resource_account: None,
                context: context.clone(),
            };
            evaluate(&set, &request).verdict
        };
        let (with_boundary, with_scps) =
            (!excluded.contains("permission-boundary"), !excluded.contains("scp"));
        let mut results = String::new();
        for action in request.parameters("ActionNames", "") {
            let answers: Vec<(String, EngineVerdict, bool)> = request
                .parameters("ResourceArns", "")
                .into_iter()
                .map(|resource| {
                    let verdict = decide(&action, &resource, with_boundary, with_scps);
                    let bounded = decide(&action, &resource, true, false).is_allowed()
                        || !decide(&action, &resource, false, false).is_allowed();
                    (resource, verdict, bounded)
                })
                .collect();
            let allowed_by_scps = answers.iter().all(|(resource, ..)| {
                decide(&action, resource, false, true).is_allowed()
                    || !decide(&action, resource, false, false).is_allowed()
            });
            let organization = scp.as_ref().map(|_| {
                format!("<OrganizationsDecisionDetail><AllowedByOrganizations>{allowed_by_scps}</AllowedByOrganizations></OrganizationsDecisionDetail>")
            });
            results +=
                &result(&action, &answers, boundary.is_some(), shape, &organization.unwrap_or_default());
        }
        Some(Message::answer(
            200,
            "text/xml",
            format!(
                "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>proxy</RequestId></ResponseMetadata></SimulatePrincipalPolicyResponse>"
            ),
        ))
    }
}

fn result(
    action: &str,
    answers: &[(String, EngineVerdict, bool)],
    has_boundary: bool,
    shape: Shape,
    organization: &str,
) -> String {
    let detail = |bounded: bool| {
        let detail = format!(
            "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>{bounded}</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>"
        );
        if has_boundary { detail } else { String::new() }
    };
    let rest = "<MatchedStatements/><MissingContextValues/>";
    match shape {
        Shape::ByActionAndResource => answers
            .iter()
            .map(|(resource, verdict, bounded)| {
                format!("<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName><EvalDecision>{}</EvalDecision>{rest}{}{organization}</member>", verdict.as_str(), detail(*bounded))
            })
            .collect(),
        Shape::ByAction => {
            let specific: String = answers
                .iter()
                .map(|(resource, verdict, bounded)| {
                    format!("<member><EvalResourceName>{resource}</EvalResourceName><EvalResourceDecision>{}</EvalResourceDecision>{rest}{}</member>", verdict.as_str(), detail(*bounded))
                })
                .collect();
            let severity = |verdict: &EngineVerdict| match verdict {
                EngineVerdict::Allowed => 0,
                EngineVerdict::ImplicitDeny => 1,
                EngineVerdict::ExplicitDeny => 2,
            };
            let worst = answers.iter().map(|(_, verdict, _)| verdict).max_by_key(|it| severity(it)).unwrap();
            format!("<member><EvalActionName>{action}</EvalActionName><EvalResourceName>arn:${{Partition}}:s3:::${{BucketName}}/${{KeyName}}</EvalResourceName><EvalDecision>{}</EvalDecision>{rest}<ResourceSpecificResults>{specific}</ResourceSpecificResults>{organization}</member>", worst.as_str())
        }
    }
}

/// Answers `LookupEvents` from these records of CloudTrail, fifty to a page, the newest first.
pub fn event_history(events: Vec<Value>) -> impl Fn(&Message) -> Option<Message> {
    let events = Mutex::new(events);
    move |request| {
        if request.operation().name != "LookupEvents" {
            return None;
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let attribute = &asked["LookupAttributes"][0];
        let (key, value) =
            (attribute["AttributeKey"].as_str().unwrap(), attribute["AttributeValue"].as_str().unwrap());
        let mut events: Vec<Value> = events.lock().unwrap().clone();
        let within = |event: &Value| {
            let time: jiff::Timestamp = event["eventTime"].as_str().unwrap().parse().unwrap();
            let bound = |name: &str| asked[name].as_i64();
            bound("StartTime").is_none_or(|start| time.as_second() >= start)
                && bound("EndTime").is_none_or(|end| time.as_second() <= end)
        };
        events.retain(|event| {
            event["awsRegion"] == request.region() && matches(event, key, value) && within(event)
        });
        events.sort_by_key(|event| std::cmp::Reverse(event["eventTime"].as_str().unwrap().to_owned()));
        let from: usize = asked["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let page: Vec<Value> = events.iter().skip(from).take(50).map(|event| {
            let time: jiff::Timestamp = event["eventTime"].as_str().unwrap().parse().unwrap();
            json!({"EventId": event["eventID"], "EventName": event["eventName"], "EventTime": time.as_second(),
                "CloudTrailEvent": event.to_string()})
        }).collect();
        let mut answer = json!({"Events": page});
        if from + 50 < events.len() {
            answer["NextToken"] = json!((from + 50).to_string());
        }
        Some(Message::answer(200, "application/x-amz-json-1.1", answer.to_string()))
    }
}

/// Answers `DecodeAuthorizationMessage` with this document, as AWS does in its query protocol:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>
pub fn decoder(document: &Value) -> impl Fn(&Message) -> Option<Message> + use<> {
    let text = document.to_string().replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    move |request| {
        (request.operation().name == "DecodeAuthorizationMessage").then(|| {
            Message::answer(
                200,
                "text/xml",
                format!(
                    "<DecodeAuthorizationMessageResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><DecodeAuthorizationMessageResult><DecodedMessage>{text}</DecodedMessage></DecodeAuthorizationMessageResult><ResponseMetadata><RequestId>proxy</RequestId></ResponseMetadata></DecodeAuthorizationMessageResponse>"
                ),
            )
        })
    }
}

fn matches(event: &Value, key: &str, value: &str) -> bool {
    match key {
        "EventName" => event["eventName"] == value,
        "EventSource" => event["eventSource"] == value,
        "Username" => {
            let arn = event["userIdentity"]["arn"].as_str().unwrap_or_default();
            event["userIdentity"]["userName"] == value || arn.rsplit('/').next() == Some(value)
        }
        // The names that CloudTrail extracts are among the parameters of the calls we look for.
        "ResourceName" => {
            event["requestParameters"].as_object().is_some_and(|it| it.values().any(|it| it == value))
        }
        other => panic!("{other} is not an attribute that the doctor asks for"),
    }
}
