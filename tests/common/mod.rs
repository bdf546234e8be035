//! Worlds and the patches that pages and fault worlds make to them.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "each test file uses what it needs, and fails by panicking"
)]

pub(crate) mod agreement;

use std::path::{Path, PathBuf};

use serde_json::Value;
use streamkap_doctor::catalog::Catalog;
use streamkap_doctor::checks::Selection;
pub(crate) use streamkap_doctor::demo::healthy;
pub(crate) use streamkap_doctor::demo::patch::{facts, merge};
use streamkap_doctor::diagnosis::{Diagnosis, Mend};
use streamkap_doctor::facts::Facts;
use streamkap_doctor::report::{FailOn, Origin, Report};

/// The healthy worlds: one for each connector. The first is an S3 destination's.
pub(crate) const HEALTHY: [&str; 4] = ["healthy", "iceberg-glue", "redshift", "byoc"];

/// A world that is built into the program.
pub(crate) fn world(name: &str) -> Value {
    streamkap_doctor::demo::world(name).unwrap_or_else(|| panic!("no world is called {name}"))
}

/// The world that a patch makes of the one it names as `base`, which is the first healthy one otherwise.
pub(crate) fn patched(mut patch: Value) -> Value {
    let base = patch.as_object_mut().and_then(|members| members.shift_remove("base"));
    let mut world = world(base.as_ref().and_then(Value::as_str).unwrap_or(HEALTHY[0]));
    merge(&mut world, &patch);
    world
}

/// The files of the fault worlds, in order.
pub(crate) fn world_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let folders = std::fs::read_dir(root).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// The fault worlds, each with the path of its file.
pub(crate) fn fault_worlds() -> impl Iterator<Item = (String, Facts)> {
    world_files().into_iter().map(|path| {
        let written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut world = world(written["base"].as_str().unwrap());
        merge(&mut world, &written["patch"]);
        (path.display().to_string(), facts(world).unwrap())
    })
}

/// The whole report on facts, as of a live run.
pub(crate) fn report(facts: &Facts, mend: Mend) -> Report {
    let catalog = Catalog::of_target(&facts.target).unwrap();
    let diagnosis = Diagnosis {
        catalog: &catalog,
        selection: &Selection::all(&catalog),
        ignores: &[],
        fail_on: FailOn::Fail,
        origin: Origin::Live,
        mend,
        again: None,
        policy: None,
    };
    diagnosis.report(facts)
}

/// The names that printed changes have for a trust policy's external ids, with the ids.
pub(crate) fn external_ids(trust_policy: &str) -> Vec<(String, String)> {
    let policy: Value = serde_json::from_str(trust_policy).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        only => vec![only.clone()],
    };
    let conditions = statements.iter().filter_map(|it| it["Condition"].as_object());
    let keys = conditions.flat_map(|it| it.values()).filter_map(Value::as_object).flatten();
    let ids = keys.filter(|(key, _)| key.to_ascii_lowercase().contains("externalid"));
    let mut found: Vec<String> = Vec::new();
    for value in ids.map(|(_, value)| value) {
        let values = value.as_array().map_or_else(|| vec![value.clone()], Clone::clone);
        for id in values.iter().filter_map(Value::as_str) {
            if id.contains(char::is_alphanumeric) && !found.iter().any(|known| known == id) {
                found.push(id.to_owned());
            }
        }
    }
    let name = |at: usize| match at {
        0 => "CURRENT_EXTERNAL_ID".to_owned(),
        at => format!("CURRENT_EXTERNAL_ID_{}", at + 1),
    };
    found.into_iter().enumerate().map(|(at, id)| (name(at), id)).collect()
}
