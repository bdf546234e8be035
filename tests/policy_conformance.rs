//! AWS's documented decisions, as tables in `tests/policy/*.json`, answered by the `evaluate` command's core.
//!
//! A file names its source, gives the fields its requests share, and lists cases: what differs and
//! what AWS decides. They are written from AWS's documentation, not taken from any tool.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Map, Value, json};

fn tables() -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policy");
    let mut tables: Vec<(String, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let table =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_name().unwrap().to_string_lossy().into_owned(), table)
        })
        .collect();
    tables.sort_by(|left, right| left.0.cmp(&right.0));
    tables
}

/// The request of a case: the table's shared fields, overlaid with the case's own.
fn request(table: &Value, case: &Map<String, Value>) -> Value {
    let mut request = table["shared"].as_object().cloned().unwrap_or_default();
    for (field, value) in case {
        if !matches!(field.as_str(), "case" | "expect" | "source") {
            request.insert(field.clone(), value.clone());
        }
    }
    Value::Object(request)
}

fn answer(request: &Value) -> Value {
    let mut output = Vec::new();
    streamkap_doctor::evaluate::run(request.to_string().as_bytes(), &mut output).unwrap();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn every_documented_decision_holds() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, table) in tables() {
        assert!(
            table["source"].as_str().is_some_and(|url| url.starts_with("https://")),
            "{name} has no source"
        );
        for case in table["cases"].as_array().unwrap() {
            count += 1;
            let case = case.as_object().unwrap();
            let answer = answer(&request(&table, case));
            let expect = case["expect"].as_object().unwrap();
            assert!(!expect.is_empty());
            for (field, expected) in expect {
                let found = match field.as_str() {
                    "sids" => {
                        let sids = answer["statements"].as_array().into_iter().flatten();
                        json!(sids.map(|statement| &statement["sid"]).collect::<Vec<_>>())
                    }
                    field => answer[field].clone(),
                };
                if found != *expected {
                    wrong.push(format!(
                        "{name}: {}: {field} is {found}, not {expected}: {answer}",
                        case["case"]
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 150, "only {count} cases were found");
}

#[test]
fn no_two_cases_of_a_table_have_one_name() {
    for (name, table) in tables() {
        let mut names: Vec<&str> =
            table["cases"].as_array().unwrap().iter().map(|case| case["case"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {names:?}");
    }
}
