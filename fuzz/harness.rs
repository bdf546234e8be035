// What the fuzz targets and tests/fuzz_seeds.rs do with an input. It must not panic or hang.

use std::sync::Arc;

use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::Selection;
use streamkap_doctor::collect::cloudtrail::scan::{ObjectScanner, Query, ReadyQuery};
use streamkap_doctor::diagnosis::{Diagnosis, Mend};
use streamkap_doctor::facts::case::Case;
use streamkap_doctor::policy::{Context, Document, Kind, Policy, PolicySet, Principal, Request, scope, trust};
use streamkap_doctor::report::{FailOn, Format, Layout, Origin, render};

/// Reads bytes as a document of every kind, and asks everything that can be asked of it.
#[allow(dead_code, reason = "every target uses one of them")]
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
#[allow(dead_code, reason = "every target uses one of them")]
fn evaluate(data: &[u8]) {
    let mut output = Vec::new();
    let Ok(summary) = streamkap_doctor::evaluate::run(data, &mut output) else { return };
    let answers = String::from_utf8_lossy(&output).lines().count();
    assert_eq!(u64::try_from(answers).ok(), Some(summary.lines));
}

/// Reads bytes as a case file; if they are one, it is diagnosed and told in every format.
#[allow(dead_code, reason = "every target uses one of them")]
fn case(data: &[u8]) {
    let Ok(case) = Case::parse(data) else { return };
    let catalog = Catalog::built_in();
    let diagnosis = Diagnosis {
        catalog,
        selection: &Selection::all(catalog),
        ignores: &[],
        mend: Mend::Failures,
        fail_on: FailOn::Fail,
        origin: Origin::Case { path: "-".to_owned(), redacted: case.redacted },
        again: None,
        policy: None,
    };
    let report = diagnosis.report(&case.facts);
    assert!(report.checks.iter().all(|check| check.status != streamkap_doctor::model::Status::Broken));
    for format in [Format::Table, Format::Short, Format::Json] {
        let text = render(&report, format, Layout { width: 80, verbose: true, colour: false });
        assert!(!text.contains(|letter: char| letter != '\n' && letter.is_control()));
    }
}

/// Looks for denials in bytes as in anything that is pasted.
#[allow(dead_code, reason = "every target uses one of them")]
fn denial(data: &[u8]) {
    streamkap_doctor::denial::find_all(&String::from_utf8_lossy(data));
}

/// Scans bytes as a log file.
#[allow(dead_code, reason = "every target uses one of them")]
fn log(data: &[u8]) {
    const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/02/111122223333_CloudTrail_eu-west-1_20260302T0000Z_0123456789abcdef.json.gz";
    let query = Query::default();
    let ready = ReadyQuery::new(&query);
    let mut scanner = ObjectScanner::new(&ready);
    let events = scanner.scan(KEY, data).len();
    assert!(u64::try_from(events).is_ok_and(|events| events <= scanner.finish().records));
}
