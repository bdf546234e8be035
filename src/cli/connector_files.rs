//! Connector files of the user's own: `--connector-file F`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use super::failure::Failure;
use crate::catalog::{Catalog, DefinitionError, MAX_BYTES};

/// The catalogue with the user's own connectors, and what they are made of.
pub(super) struct Definitions {
    /// All connectors.
    pub(super) catalog: Cow<'static, Catalog>,
    /// The files' connectors, in the order given, each with its file's text.
    pub(super) own: Vec<(String, String)>,
}

impl Definitions {
    /// Reads the files.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut catalog = Cow::Borrowed(Catalog::built_in());
        let mut own = Vec::new();
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for path in paths {
            let shown = path.display().to_string();
            let bytes = bytes(path).map_err(|error| {
                let message = format!("the connector file {shown} cannot be read: {error}");
                Failure::usage(message, "check its path and permissions")
            })?;
            catalog = Cow::Owned(catalog.into_owned().with(&shown, &bytes)?);
            let name = catalog.connectors.last().map(|it| it.name.clone()).unwrap_or_default();
            if named.insert(name.clone(), shown).is_none() {
                own.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        Ok(Self { catalog, own })
    }

    /// The text of the file that defines a connector, where it is the user's own.
    pub(super) fn text(&self, connector: &str) -> Option<&str> {
        self.own.iter().find(|(name, _)| name == connector).map(|(_, text)| text.as_str())
    }
}

/// A file's content, no more of it than shows that it is too large.
fn bytes(path: &PathBuf) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl From<DefinitionError> for Failure {
    fn from(error: DefinitionError) -> Self {
        Self::listing(
            format!("a connector file cannot be used\n{error}"),
            "docs/guide/connector-files.md describes the format",
        )
    }
}
