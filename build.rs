//! Embeds `checks/` in the program: the check pages, the connector files, the vendor's facts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const SECTIONS: [&str; 5] = ["assume", "write", "partial", "later", "practice"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=checks");
    let checks = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("checks");
    let mut source = String::new();
    let mut pages = Vec::new();
    for section in SECTIONS {
        pages.extend(files(&checks, section, "md")?);
    }
    table(&mut source, "PAGES", &pages);
    table(&mut source, "CONNECTORS", &files(&checks, "connectors", "toml")?);
    let vendor = checks.join("streamkap.toml").display().to_string();
    let _ = writeln!(source, "pub(super) const VENDOR: &str = include_str!({vendor:?});");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("embedded.rs"), source)
}

/// Files of one folder by `folder/name`, sorted.
fn files(checks: &Path, folder: &str, extension: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let folder_path = checks.join(folder);
    // A section without pages has no folder: git keeps none that is empty.
    if !folder_path.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder_path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == extension) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            found.push((format!("{folder}/{name}"), path.clone()));
        }
    }
    found.sort();
    Ok(found)
}

fn table(source: &mut String, name: &str, files: &[(String, PathBuf)]) {
    let _ = writeln!(source, "pub(super) const {name}: &[(&str, &str)] = &[");
    for (key, path) in files {
        let path = path.display().to_string();
        let _ = writeln!(source, "    ({key:?}, include_str!({path:?})),");
    }
    source.push_str("];\n");
}
