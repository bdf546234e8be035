//! Worlds and the patches that pages and fault worlds make to them.

#![allow(dead_code, unused_imports, reason = "each test file uses what it needs")]

use serde_json::Value;
pub(crate) use streamkap_doctor::demo::healthy;
pub(crate) use streamkap_doctor::demo::patch::{facts, merge};

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
