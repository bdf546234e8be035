//! What holds of every policy: denies never widen, allows never narrow, what is called certain is,
//! and nothing that is fed in makes the engine panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use streamkap_doctor::policy::trust::{
    Assumption, Proof, assume, with_other_external_id, without_external_id,
};
use streamkap_doctor::policy::{
    Context, Decision, Document, Kind, Policy, PolicySet, Principal, Request, decode, evaluate, scope,
};

const PRINCIPALS: [&str; 6] = [
    "arn:aws:iam::111122223333:role/worker",
    "arn:aws:sts::111122223333:assumed-role/worker/s",
    "arn:aws:iam::111122223333:user/ann",
    "arn:aws:iam::444455556666:role/worker",
    "arn:aws:iam::111122223333:root",
    "glue.amazonaws.com",
];

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop_oneof![Just("Allow"), Just("Deny")];
    let action = prop_oneof![Just("s3:GetObject"), Just("s3:*"), Just("S3:get*"), Just("*"), Just("kms:*")];
    let resource = prop_oneof![
        Just("*"),
        Just("arn:aws:s3:::b/*"),
        Just("arn:aws:s3:::b/${aws:PrincipalTag/team}"),
        Just("arn:aws:s3:::c/*"),
    ];
    let operator = prop_oneof![
        Just("StringEquals"),
        Just("StringNotLike"),
        Just("StringEqualsIfExists"),
        Just("ForAllValues:StringLike"),
        Just("ForAnyValue:StringNotEquals"),
        Just("Null"),
        Just("NumericLessThan"),
    ];
    let value = prop_oneof![Just("true"), Just("a"), Just("*"), Just("5"), Just("${aws:PrincipalTag/team}")];
    let key = prop_oneof![Just("x:key"), Just("aws:PrincipalTag/team"), Just("aws:PrincipalArn")];
    let condition = proptest::option::of((operator, key, value));
    (effect, action, resource, condition, any::<bool>(), any::<bool>()).prop_map(
        |(effect, action, resource, condition, not_action, not_resource)| {
            let mut statement = json!({ "Effect": effect });
            statement[if not_action { "NotAction" } else { "Action" }] = json!(action);
            statement[if not_resource { "NotResource" } else { "Resource" }] = json!([resource]);
            if let Some((operator, key, value)) = condition {
                statement["Condition"] = json!({ operator: { key: [value] } });
            }
            statement
        },
    )
}

fn with_principal() -> impl Strategy<Value = Value> {
    let principal = prop_oneof![
        Just(json!("*")),
        Just(json!({ "AWS": "111122223333" })),
        Just(json!({ "AWS": PRINCIPALS[0] })),
        Just(json!({ "AWS": [PRINCIPALS[1], PRINCIPALS[2]] })),
        Just(json!({ "Service": PRINCIPALS[5] })),
    ];
    (statement(), principal, any::<bool>()).prop_map(|(mut statement, principal, negated)| {
        statement[if negated { "NotPrincipal" } else { "Principal" }] = principal;
        statement
    })
}

/// The statements of each layer: identity, boundary, session, scp, resource.
type Layers = [Vec<Value>; 5];

fn layers() -> impl Strategy<Value = Layers> {
    let some = || prop::collection::vec(statement(), 0..3);
    (some(), some(), some(), some(), prop::collection::vec(with_principal(), 0..3))
        .prop_map(|(identity, boundary, session, scp, resource)| [identity, boundary, session, scp, resource])
}

fn compile(kind: Kind, statements: &[Value]) -> Option<Arc<Policy>> {
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    (!statements.is_empty()).then(|| Policy::compile("P", Document::parse(kind, &text).unwrap()))
}

/// A layer without statements is not there.
fn set(layers: &Layers) -> PolicySet {
    let one = |kind, at: usize| compile(kind, &layers[at]);
    PolicySet {
        identity: one(Kind::Identity, 0).into_iter().collect(),
        boundary: one(Kind::Boundary, 1),
        session: one(Kind::Session, 2).into_iter().collect(),
        scps: one(Kind::ServiceControl, 3).map(|policy| vec![vec![policy]]),
        resource: one(Kind::Resource, 4),
        ..PolicySet::default()
    }
}

fn request(principal: &str, context: Context) -> Request {
    Request {
        principal: Principal::parse(principal).unwrap(),
        action: "s3:GetObject".to_owned(),
        resource: "arn:aws:s3:::b/a".to_owned(),
        resource_account: Some("111122223333".to_owned()),
        context,
    }
}

fn contexts() -> impl Strategy<Value = Context> {
    let value = || prop::collection::vec(prop_oneof![Just("a"), Just("*"), Just("5"), Just("")], 0..3);
    (proptest::option::of(value()), proptest::option::of(value())).prop_map(|(key, team)| {
        let mut context = Context::new();
        for (key, values) in [("x:key", key), ("aws:PrincipalTag/team", team)] {
            if let Some(values) = values {
                context.set(key, values);
            }
        }
        context
    })
}

fn allowed(decision: &Decision) -> bool {
    decision.verdict.is_allowed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn adding_a_deny_never_widens(layers in layers(), more in with_principal(), at in 0_usize..5, who in 0_usize..6, context in contexts()) {
        prop_assume!(!layers[at].is_empty());
        let mut changed = layers.clone();
        changed[at].push(fit_for(at, more, "Deny"));
        let request = request(PRINCIPALS[who], context);
        let before = evaluate(&set(&layers), &request);
        let after = evaluate(&set(&changed), &request);
        prop_assert!(allowed(&before) || !allowed(&after));
    }

    #[test]
    fn adding_an_allow_never_narrows(layers in layers(), more in with_principal(), at in 0_usize..5, who in 0_usize..6, context in contexts()) {
        // A first boundary, session or control policy is a new limit, not a new allow.
        prop_assume!(!layers[at].is_empty() || at == 0 || at == 4);
        let mut changed = layers.clone();
        changed[at].push(fit_for(at, more, "Allow"));
        let request = request(PRINCIPALS[who], context);
        let before = evaluate(&set(&layers), &request);
        let after = evaluate(&set(&changed), &request);
        prop_assert!(allowed(&after) || !allowed(&before));
    }

    #[test]
    fn what_is_certain_with_a_key_unknown_is_so_whatever_its_value(layers in layers(), who in 0_usize..6, context in contexts()) {
        let policies = set(&layers);
        let open = Context::new().unknown("x:key").unknown("aws:PrincipalTag/");
        let unsure = evaluate(&policies, &request(PRINCIPALS[who], open));
        let sure = evaluate(&policies, &request(PRINCIPALS[who], context));
        if unsure.depends_on.is_empty() {
            prop_assert_eq!(allowed(&unsure), allowed(&sure));
        } else {
            prop_assert!(!allowed(&unsure), "the worst case is told");
        }
    }

    #[test]
    fn a_decision_names_statements_of_its_verdict(layers in layers(), who in 0_usize..6, context in contexts()) {
        let decision = evaluate(&set(&layers), &request(PRINCIPALS[who], context));
        let effects: Vec<&str> = decision.statements.iter().map(|statement| statement.effect.as_str()).collect();
        match decision.verdict.as_str() {
            "allowed" => prop_assert!(effects.iter().all(|effect| *effect == "Allow")),
            "explicitDeny" => {
                prop_assert!(!effects.is_empty() && effects.iter().all(|effect| *effect == "Deny"));
                prop_assert_eq!(&decision.statements[0].layer, decision.decided_by.as_str());
            }
            _ => prop_assert!(effects.is_empty()),
        }
        prop_assert_eq!(decision.nearest_miss.is_some() && decision.verdict.as_str() != "implicitDeny", false);
    }

    #[test]
    fn a_document_survives_being_printed_and_read_again(statements in prop::collection::vec(with_principal(), 1..4)) {
        let text = serde_json::to_string_pretty(&json!({ "Version": "2012-10-17", "Statement": statements })).unwrap();
        let first = Document::parse(Kind::Resource, &text).unwrap();
        let second = Document::parse(Kind::Resource, &first.to_value().to_string()).unwrap();
        for (left, right) in first.statements().iter().zip(second.statements()) {
            prop_assert_eq!(&left.actions, &right.actions);
            prop_assert_eq!(&left.resources, &right.resources);
            prop_assert_eq!(&left.principals, &right.principals);
            prop_assert_eq!(left.conditions.len(), right.conditions.len());
            let part: Value = serde_json::from_str(&text[left.range.clone()]).unwrap();
            prop_assert_eq!(&part, &first.to_value()["Statement"][left.index]);
        }
    }

    #[test]
    fn a_closed_trust_policy_lets_no_external_id_in(values in prop::collection::vec("[abc*?]{1,4}", 1..3), operator in 0_usize..6, effect in any::<bool>(), id in "[abcx]{2,5}") {
        let operator = ["StringEquals", "StringLike", "StringNotLike", "StringEqualsIfExists", "ForAllValues:StringLike", "StringNotEqualsIgnoreCase"][operator];
        let mut statements = vec![json!({ "Effect": if effect { "Allow" } else { "Deny" }, "Principal": { "AWS": "444455556666" }, "Action": "sts:AssumeRole", "Condition": { operator: { "sts:ExternalId": values } } })];
        if !effect {
            statements.push(json!({ "Effect": "Allow", "Principal": { "AWS": "444455556666" }, "Action": "sts:AssumeRole" }));
        }
        let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let trust = Policy::compile("trust policy", Document::parse(Kind::Trust, &text).unwrap());
        let principal = Principal::parse("arn:aws:iam::444455556666:role/r").unwrap();
        let role_arn = "arn:aws:iam::111122223333:role/target";
        let gets_in = |external_id: Option<&str>| {
            let assumption = Assumption { role_arn, principal: &principal, external_id, context: Context::new() };
            allowed(&assume(&trust, &assumption))
        };
        prop_assert_eq!(gets_in(None), without_external_id(&trust, role_arn, &principal, &Context::open()) != Proof::Never);
        if id != "abc" && gets_in(Some(&id)) {
            prop_assert_ne!(with_other_external_id(&trust, role_arn, &principal, "abc", &Context::open()), Proof::Never);
        }
    }

    #[test]
    fn whatever_text_is_fed_in_is_answered(text in ".{0,200}") {
        feed(&text);
    }

    #[test]
    fn whatever_json_is_fed_in_is_answered(value in arbitrary_json()) {
        feed(&value.to_string());
        feed(&json!({ "Version": "2012-10-17", "Statement": value }).to_string());
    }
}

/// A statement fit for a layer, with the effect given.
fn fit_for(at: usize, mut statement: Value, effect: &str) -> Value {
    statement["Effect"] = json!(effect);
    if at != 4 {
        let members = statement.as_object_mut().unwrap();
        members.remove("Principal");
        members.remove("NotPrincipal");
    }
    statement
}

fn feed(text: &str) {
    for kind in [Kind::Identity, Kind::Resource, Kind::Trust, Kind::ResourceControl, Kind::Endpoint] {
        let (document, diagnostics) = Document::recover(kind, &decode(text));
        assert!(diagnostics.iter().all(|diagnostic| diagnostic.line > 0 && diagnostic.column > 0));
        let Some(document) = document else { continue };
        let policy = Policy::compile(text, document);
        let policies = PolicySet {
            identity: vec![Arc::clone(&policy)],
            resource: Some(Arc::clone(&policy)),
            ..PolicySet::default()
        };
        let request = request(PRINCIPALS[0], Context::new().unknown("aws:PrincipalTag/"));
        evaluate(&policies, &request).nearest_miss.map(|miss| miss.to_string());
        scope::beyond(&[policy], &[]);
    }
}

/// JSON of the shape of policies, and not.
fn arbitrary_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("Allow".to_owned()),
        Just("s3:*".to_owned()),
        Just("*".to_owned()),
        Just("${aws:PrincipalTag/a, 'b'}".to_owned()),
        Just("arn:aws:s3:::b/${*}?".to_owned()),
        ".{0,10}",
    ];
    let name = prop_oneof![
        Just("Effect".to_owned()),
        Just("Action".to_owned()),
        Just("NotAction".to_owned()),
        Just("Resource".to_owned()),
        Just("Principal".to_owned()),
        Just("AWS".to_owned()),
        Just("Condition".to_owned()),
        Just("StringLike".to_owned()),
        Just("ForAnyValue:IpAddressIfExists".to_owned()),
        Just("aws:SourceIp".to_owned()),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
