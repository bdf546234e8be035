// What the fuzz targets and tests/fuzz_seeds.rs do with an input. It must not panic or hang.

use std::sync::Arc;

use streamkap_doctor::policy::{Context, Document, Kind, Policy, PolicySet, Principal, Request, scope, trust};

/// Reads bytes as a document of every kind, and asks everything that can be asked of it.
#[allow(dead_code, reason = "every target uses one of the two")]
fn document(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = streamkap_doctor::policy::decode(text);
    let Ok(principal) = Principal::parse("arn:aws:iam::111122223333:role/worker") else { return };
    for kind in [Kind::Identity, Kind::ServiceControl, Kind::ResourceControl, Kind::Resource, Kind::Endpoint, Kind::Trust] {
        let strict = Document::parse(kind, &text);
        let (Some(document), _) = Document::recover(kind, &text) else { continue };
        assert!(strict.is_ok() || Document::parse_strictly(kind, &text).is_err());
        if let Ok(strict) = strict {
            assert_eq!(strict.statements(), document.statements());
        }
        for statement in document.statements() {
            assert!(text[statement.range.clone()].starts_with('{'));
        }
        let policy = Policy::compile("fuzzed", document);
        let request = Request {
            principal: principal.clone(),
            action: "sts:AssumeRole".to_owned(),
            resource: "arn:aws:iam::111122223333:role/target".to_owned(),
            resource_account: None,
            context: Context::new().with("sts:ExternalId", "*").unknown("aws:PrincipalTag/"),
        };
        let policies = PolicySet { resource: Some(Arc::clone(&policy)), ..PolicySet::default() };
        if let Some(miss) = streamkap_doctor::policy::evaluate(&policies, &request).nearest_miss {
            assert!(!miss.to_string().contains(char::is_control));
        }
        if text.len() < 2_000 {
            trust::without_external_id(&policy, &request.resource, &principal, &Context::open());
            scope::beyond(&[policy], &[]);
        }
    }
}

/// Answers bytes as lines; every line that is not blank has one answer.
#[allow(dead_code, reason = "every target uses one of the two")]
fn evaluate(data: &[u8]) {
    let mut output = Vec::new();
    let Ok(summary) = streamkap_doctor::evaluate::run(data, &mut output) else { return };
    let answers = String::from_utf8_lossy(&output).lines().count();
    assert_eq!(u64::try_from(answers).ok(), Some(summary.lines));
}
