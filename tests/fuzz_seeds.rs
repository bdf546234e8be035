//! The fuzz targets over their seeds, and over each seed cut short and with bytes changed.

include!("../fuzz/harness.rs");

use serde_json::Value;

/// The seeds of a target, at least a few.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let seeds: Vec<Vec<u8>> = entries.filter_map(|entry| std::fs::read(entry.path()).ok()).collect();
    assert!(seeds.len() >= 4, "{target} has {} seeds", seeds.len());
    seeds
}

/// What may stand in the place of any value of a case file.
const HOSTILE: [&str; 5] = ["null", r#""\u001b]0;x\u0007\u202e\n""#, r#""""#, "-1", "[[]]"];

/// JSON with the leaf at `place` replaced, counted in the order of writing; none when it has fewer.
fn with_leaf(value: &Value, place: usize, leaf: &Value) -> Option<Value> {
    fn replace(value: &mut Value, place: &mut usize, leaf: &Value) -> bool {
        match value {
            Value::Array(items) if !items.is_empty() => items.iter_mut().any(|it| replace(it, place, leaf)),
            Value::Object(members) if !members.is_empty() => {
                members.values_mut().any(|it| replace(it, place, leaf))
            }
            _ if *place == 0 => {
                *value = leaf.clone();
                true
            }
            _ => {
                *place -= 1;
                false
            }
        }
    }
    let mut changed = value.clone();
    replace(&mut changed, &mut { place }, leaf).then_some(changed)
}

/// Every seed whole, cut at places spread over it, and with one byte of those places replaced.
fn run(target: &str, harness: impl Fn(&[u8])) {
    for seed in seeds(target) {
        harness(&seed);
        for step in 0..40 {
            let at = seed.len() * step / 40;
            harness(&seed[..at]);
            for byte in *b"\"{}[]*$\\:\xff0" {
                let mut changed = seed.clone();
                if let Some(place) = changed.get_mut(at) {
                    *place = byte;
                }
                harness(&changed);
            }
        }
    }
}

#[test]
fn documents_are_read_without_panic() {
    run("document", document);
}

#[test]
fn lines_are_answered_without_panic() {
    run("evaluate", evaluate);
}

#[test]
fn denials_are_looked_for_without_panic() {
    run("denial", denial);
}

#[test]
fn log_files_are_scanned_without_panic() {
    run("log", log);
}

#[test]
fn case_files_with_any_value_changed_are_diagnosed_without_panic() {
    let mut diagnosed = 0;
    for scenario in ["healthy", "iceberg-glue", "redshift", "byoc"] {
        let Some(facts) = streamkap_doctor::demo::facts(scenario) else { panic!("no {scenario}") };
        let Ok(text) = Case::in_clear(facts).to_json() else { panic!("{scenario} cannot be written") };
        case(text.as_bytes());
        let Ok(whole) = serde_json::from_str::<Value>(&text) else { panic!("{scenario} is no JSON") };
        // Another value at each of some places, and other places for another scenario.
        let places = (0..).step_by(7).skip(scenario.len() % 3).take_while(|place| *place < 300);
        for (number, place) in places.enumerate() {
            let Ok(leaf) = serde_json::from_str(HOSTILE[number % HOSTILE.len()]) else { continue };
            let Some(changed) = with_leaf(&whole, place, &leaf) else { break };
            diagnosed += usize::from(Case::parse(changed.to_string().as_bytes()).is_ok());
            case(changed.to_string().as_bytes());
        }
    }
    assert!(diagnosed > 20, "only {diagnosed} of the changed cases could be read");
}
