//! The generated references in `docs/reference/` are what the program would generate now.
//!
//! `UPDATE_REFERENCES=1 cargo test --test references` writes them.

use std::fs;
use std::path::Path;

#[test]
fn the_references_are_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
    let update = std::env::var_os("UPDATE_REFERENCES").is_some();
    let mut stale = Vec::new();
    for (name, text) in streamkap_doctor::cli::reference::files() {
        let path = folder.join(name);
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, text).unwrap();
        } else if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "out of date: {stale:?}; UPDATE_REFERENCES=1 cargo test --test references");
}
