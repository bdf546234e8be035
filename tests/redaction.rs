//! Redacting a case changes no verdict, and gives nothing away.

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

mod common;

use proptest::prelude::*;
use serde_json::{Value, json};
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::{Selection, diagnose};
use streamkap_doctor::facts::Facts;
use streamkap_doctor::facts::case::Case;
use streamkap_doctor::model::{CheckId, Status};

fn verdicts(facts: &Facts) -> Vec<(CheckId, Status, usize)> {
    let catalog = Catalog::built_in();
    let judged = diagnose(facts, catalog, &Selection::all(catalog));
    judged.iter().map(|it| (it.id, it.outcome.status(), it.outcome.findings().len())).collect()
}

fn redacted(facts: &Facts) -> Facts {
    Case::redacted(facts, &Catalog::built_in().kept()).unwrap().facts
}

/// The healthy world, and worlds broken in ways that a careless pseudonym would mend or make worse.
fn worlds() -> Vec<(&'static str, Facts)> {
    let trust =
        |statement: &Value| json!({"role": {"value": {"trust_policy": {"Statement": {"0": statement}}}}});
    let addresses = |range: &str| {
        let guard = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
            "Condition": {"NotIpAddress": {"aws:SourceIp": range}}});
        let policy = json!({"Version": "2012-10-17", "Statement": [guard]});
        json!({"buckets": {"orders-landing": {"policy": {"state": "known", "value": policy}}}})
    };
    let patches = [
        ("healthy", json!({})),
        (
            "external id in another case",
            json!({"target": {"external_id": "4F9D2C71-6B0E-4A83-9C15-E72D08B5A6F3"}}),
        ),
        (
            "external id with white space",
            json!({"target": {"external_id": "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3 "}}),
        ),
        ("mistyped account", trust(&json!({"Principal": {"AWS": "arn:aws:iam::300973880870:root"}}))),
        ("another account", trust(&json!({"Principal": {"AWS": "arn:aws:iam::999988887777:root"}}))),
        (
            "the vendor's role",
            trust(
                &json!({"Principal": {"AWS": "arn:aws:iam::300973880807:role/kafkaConnectTenantAccessRole"}}),
            ),
        ),
        (
            "another bucket",
            json!({"target": {"connectors": {"0": {"parameters": {"bucket": "orders-landing-2"}}}}}),
        ),
        ("a private network", addresses("10.0.0.0/8")),
        ("a network of the internet", addresses("52.94.0.0/16")),
        ("one of the newer internet", addresses("2600:1f00::/24")),
        ("no organization", json!({"organization": {"state": "absent", "value": null}})),
    ];
    let build = |patch: &Value| {
        let mut world = common::healthy();
        common::merge(&mut world, patch);
        common::facts(world).unwrap()
    };
    let by_patch = patches.iter().map(|(name, patch)| (*name, build(patch)));
    let demos = streamkap_doctor::demo::scenarios().iter();
    let demos = demos.map(|it| (it.name, streamkap_doctor::demo::facts(it.name).unwrap()));
    by_patch.chain(demos).collect()
}

#[test]
fn no_verdict_changes() {
    for (name, facts) in worlds() {
        assert_eq!(verdicts(&redacted(&facts)), verdicts(&facts), "{name}");
    }
}

/// The role's policy in the worlds of S3 and of Iceberg.
const POLICIES: [(&str, &str); 2] = [
    ("healthy", "arn:aws:iam::111122223333:policy/StreamkapS3Access"),
    ("iceberg-glue", "arn:aws:iam::111122223333:policy/StreamkapIcebergAccess"),
];

/// Every text in the resources of a policy's statements.
fn resources(document: &mut Value) -> Vec<&mut String> {
    let statements = document["Statement"].as_array_mut().into_iter().flatten();
    let listed = statements.filter_map(|statement| statement.get_mut("Resource"));
    let texts = listed.flat_map(|resource| match resource {
        Value::Array(items) => items.iter_mut().collect::<Vec<_>>(),
        one => vec![one],
    });
    texts
        .filter_map(|text| match text {
            Value::String(text) => Some(text),
            _ => None,
        })
        .collect()
}

/// How a resource is written otherwise.
#[derive(Clone, Debug)]
enum Rewriting {
    /// From this letter of the resource on, this many are a wildcard.
    Wildcard(usize, usize, char),
    /// Another account field.
    Account(&'static str),
    /// Another end.
    End(&'static str),
    /// One letter is another.
    Typo(usize),
}

impl Rewriting {
    fn of(&self, text: &mut String) {
        let start = text.splitn(6, ':').take(5).map(|field| field.len() + 1).sum::<usize>();
        let place = |at: usize| start + at % (text.len() - start).max(1);
        match self {
            Self::Wildcard(at, length, with) => {
                let at = place(*at).min(text.len());
                let end = (at + length).min(text.len());
                let with = if *with == '*' { "*".to_owned() } else { "?".repeat(end - at) };
                text.replace_range(at..end, &with);
            }
            Self::Account(account) => *text = text.replace(":111122223333:", &format!(":{account}:")),
            Self::End(end) => {
                let head = text.trim_end_matches('*').trim_end_matches('/').to_owned();
                *text = format!("{head}{end}");
            }
            Self::Typo(at) => {
                let at = place(*at).min(text.len() - 1);
                text.replace_range(at..=at, "x");
            }
        }
    }
}

fn rewriting() -> impl Strategy<Value = Rewriting> {
    prop_oneof![
        4 => (0..60_usize, 0..6_usize, prop::sample::select(vec!['*', '?']))
            .prop_map(|(at, length, with)| Rewriting::Wildcard(at, length, with)),
        2 => prop::sample::select(vec!["*", "1111*", "11112222333?", "${aws:PrincipalAccount}", "999988887777"])
            .prop_map(Rewriting::Account),
        2 => prop::sample::select(vec![
            "", "*", "/*", "/*/data/*", "/*/data*", "/*/metadata/*", "/*/d*", "/*a/*", "/date/*",
            "/${aws:PrincipalTag/Team}/*", ".d?/*",
        ])
        .prop_map(Rewriting::End),
        1 => (0..60_usize).prop_map(Rewriting::Typo),
    ]
}

/// Conditions of the role's own statements, met and not.
fn condition() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        json!({"StringLike": {"aws:RequestedRegion": "eu-*"}}),
        json!({"StringLike": {"aws:PrincipalAccount": "1111*"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": "999988887777"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Streamkap*"}}),
        json!({"StringLike": {"aws:PrincipalArn": "*:role/*Access"}}),
        json!({"StringEquals": {"aws:principaltag/TEAM": "data-eng"}}),
        json!({"StringLike": {"aws:PrincipalTag/Team": "data*"}}),
        json!({"StringNotEquals": {"aws:PrincipalTag/Team": "${aws:PrincipalTag/Team}"}}),
        json!({"StringLike": {"aws:userid": "AROA*:*"}}),
        json!({"StringLike": {"aws:userid": "*:Aws*"}}),
        json!({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}),
        json!({"Bool": {"aws:SecureTransport": "true"}}),
        json!({"DateGreaterThan": {"aws:CurrentTime": "2024-01-01"}}),
        json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}}),
        json!({"StringEquals": {"acme:Owner": "Acme Corp", "ec2:Owner": "111122223333"}}),
    ])
}

/// Conditions of the trust policy.
fn trusted() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        Value::Null,
        json!({"StringLike": {"sts:ExternalId": "4f9d*"}}),
        json!({"StringLike": {"sts:ExternalId": "????????-*"}}),
        json!({"StringEquals": {"sts:RoleSessionName": "AwsV2SDKConnectorSession"}}),
        json!({"StringLike": {"sts:RoleSessionName": ["Aws*", "iceberg-*"]}}),
        json!({"StringLike": {"aws:PrincipalAccount": "3009*"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::300973880807:role/kafka*"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::300973880807:role/acme*"}}),
        json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        json!({"NotIpAddress": {"aws:SourceIp": ["52.0.0.0/8", "198.51.100.7"]}}),
        json!({"StringEquals": {"aws:SourceVpce": "vpce-0acme"}}),
    ])
}

/// Where things are, by names that are what the doctor itself asks about, and others.
fn places() -> impl Strategy<Value = Value> {
    let iceberg = |location: &str| json!({"glue": {"databases": {"sales": {"metadata": {"value": {"location": location}}}}}});
    prop::sample::select(vec![
        json!({}),
        iceberg("s3://acme-lake/warehouse/sales.db"),
        iceberg("s3://acme-lake/warehouse/data"),
        iceberg("s3://acme-lake/data/sales.db/"),
        json!({"target": {"connectors": {"0": {"parameters": {"prefix": "data/"}}}}}),
        json!({"target": {"connectors": {"0": {"parameters": {"prefix": "data"}}}}}),
        json!({"target": {"connectors": {"0": {"parameters": {"prefix": "eu-west-1/raw/"}}}}}),
        json!({"lake_formation": {"settings": {"value": {"admins": [
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Lake_0123"]}}}}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

    #[test]
    fn no_verdict_changes_however_policies_are_written(
        (base, policy) in prop::sample::select(POLICIES.as_slice()),
        rewritings in prop::collection::vec((0..8_usize, rewriting()), 0..3),
        condition in condition(),
        trusted in trusted(),
        places in places(),
    ) {
        let mut world = common::world(base);
        common::merge(&mut world, &json!({"simulations": [], "role": {"value": {"tags": {"Team": "data-eng"}}}}));
        let is_of_iceberg = places.get("target").is_none();
        let is_of_s3 = places.get("target").is_some();
        if (base == "iceberg-glue" || !is_of_iceberg) && (base == "healthy" || !is_of_s3) {
            common::merge(&mut world, &places);
        }
        let document = &mut world["managed_policies"][policy]["value"]["document"];
        for (at, rewriting) in &rewritings {
            let mut all = resources(document);
            let count = all.len();
            rewriting.of(all[at % count]);
        }
        if !condition.is_null() {
            document["Statement"][0]["Condition"] = condition;
        }
        if let Value::Object(operators) = trusted {
            for (operator, keys) in operators {
                common::merge(&mut world["role"]["value"]["trust_policy"]["Statement"][0]["Condition"][&operator], &keys);
            }
        }
        let facts = common::facts(world.clone()).unwrap();
        prop_assert_eq!(verdicts(&redacted(&facts)), verdicts(&facts), "{:#}", world);
    }
}

#[test]
fn no_verdict_of_a_fault_world_changes() {
    for (name, facts) in common::fault_worlds() {
        assert_eq!(verdicts(&redacted(&facts)), verdicts(&facts), "{name}");
    }
}

#[test]
fn nothing_of_the_owner_is_left() {
    for (name, facts) in worlds() {
        let text = Case::redacted(&facts, &Catalog::built_in().kept()).unwrap().to_json().unwrap();
        for secret in [
            "111122223333",
            "orders-landing",
            "StreamkapConnectorAccess",
            "4f9d2c71",
            "e72d08b5a6f3",
            "acme-lake",
            "old-lake",
            "sales",
            "analytics",
            "abc123",
        ] {
            assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{name}: {secret} is left");
        }
    }
}

/// A world in which whatever may be called by a name has one that no other text has.
fn world_of_names() -> Facts {
    let names: Value = serde_json::from_str(include_str!("data/redaction/names.json")).unwrap();
    let mut world = common::world("iceberg-glue");
    common::merge(&mut world, &names["patch"]);
    let event = world["history"]["queries"][0]["events"]["value"][0].clone();
    for (number, patch) in names["events"].as_array().unwrap().iter().enumerate() {
        let mut event = event.clone();
        common::merge(&mut event, patch);
        event["event_id"] = json!(format!("00000000-0000-4000-8000-{number:012}"));
        world["history"]["queries"][0]["events"]["value"].as_array_mut().unwrap().push(event);
    }
    common::facts(world).unwrap()
}

#[test]
fn no_name_is_left_wherever_it_stood() {
    let names: Value = serde_json::from_str(include_str!("data/redaction/names.json")).unwrap();
    let facts = world_of_names();
    let clear = serde_json::to_string(&facts).unwrap().to_lowercase();
    let text = Case::redacted(&facts, &Catalog::built_in().kept()).unwrap().to_json().unwrap().to_lowercase();
    let mut left = Vec::new();
    for name in names["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_lowercase()) {
        assert!(clear.contains(&name), "{name} is nowhere in the world");
        if let Some(at) = text.find(&name) {
            left.push(format!("{name}: {}", &text[at.saturating_sub(80)..(at + 60).min(text.len())]));
        }
    }
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(verdicts(&redacted(&facts)), verdicts(&facts));
}

#[test]
fn encoded_documents_stay_encoded_and_can_be_read() {
    let redacted = redacted(&world_of_names());
    let events = redacted.history.queries[0].events.known().unwrap();
    let event = events.iter().find(|event| event.event_name == "PutRolePolicy").unwrap();
    let document = event.parameter("policyDocument").unwrap();
    assert!(document.starts_with("%7B%22Version%22"), "{document}");
    let document: Value = serde_json::from_str(&streamkap_doctor::policy::decode(document)).unwrap();
    assert_eq!(document["Statement"][0]["Action"], "s3:*");
}

/// A connector of the user's own, with names in its file.
#[test]
fn a_connector_file_keeps_its_meaning() {
    let definition = r#"
        name = "orders-queue"
        title = "Queue of Acme's orders"
        sessions = ["acme-queue-*"]
        [[parameter]]
        name = "queue"
        kind = "text"
        required = true
        help = "Name of the queue"
        [[parameter]]
        name = "stage"
        kind = "choice"
        choices = ["trial", "real"]
        default = "real"
        help = "Acme's stage"
        [[need]]
        phase = "write"
        action = "sqs:SendMessage"
        resources = ["arn:{partition}:sqs:{region}:{account}:{queue}", "arn:aws:sqs:{region}:111122223333:acme-audit"]
        level = "conditional"
        when = { parameter = "stage", is = ["real"] }
        breaks = "nothing is sent to Acme's auditors"
    "#;
    let world = |resources: &Value| {
        let mut world = common::healthy();
        common::merge(
            &mut world,
            &json!({"simulations": [], "target": {"connectors": [
                {"connector": "orders-queue", "parameters": {"queue": "acme-orders", "stage": "real"}, "definition": definition}]}}),
        );
        world["managed_policies"][POLICIES[0].1]["value"]["document"]["Statement"] =
            json!([{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": resources}]);
        common::facts(world).unwrap()
    };
    let judged = |facts: &Facts| {
        let catalog = Catalog::of_target(&facts.target).unwrap();
        let judged = diagnose(facts, &catalog, &Selection::all(&catalog));
        judged.iter().map(|it| (it.id, it.outcome.status(), it.outcome.findings().len())).collect::<Vec<_>>()
    };
    for resources in [
        json!("arn:aws:sqs:eu-west-1:111122223333:acme-*"),
        json!(["arn:aws:sqs:eu-west-1:111122223333:acme-orders", "arn:aws:sqs:*:*:acme-audit"]),
        json!("arn:aws:sqs:eu-west-1:111122223333:acme-orders"),
        json!("arn:aws:sqs:eu-west-1:111122223333:orders"),
    ] {
        let facts = world(&resources);
        let kept = Catalog::of_target(&facts.target).unwrap().kept();
        let redacted = Case::redacted(&facts, &kept).unwrap();
        let text = redacted.to_json().unwrap().to_lowercase();
        assert!(!text.contains("acme") && !text.contains("111122223333"), "{text}");
        assert_eq!(judged(&redacted.facts), judged(&facts), "{resources}");
    }
}

#[test]
fn a_redacted_case_reads_back_and_is_the_same_every_time() {
    let (_, facts) = worlds().remove(0);
    let case = Case::redacted(&facts, &Catalog::built_in().kept()).unwrap();
    let text = case.to_json().unwrap();
    assert_eq!(Case::parse(text.as_bytes()).unwrap(), case);
    let again = Case::redacted(&facts, &Catalog::built_in().kept()).unwrap();
    assert_eq!(again.to_json().unwrap(), text);
}
