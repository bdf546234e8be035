//! What of the connectors' work questions and places are about.

use crate::checks::View;
use crate::model::{Blocked, Concern};
use crate::requirement::{Origin, Requirement};

use super::needs::Ask;

impl Ask<'_> {
    /// The call that is asked about.
    pub fn concern(&self) -> Concern {
        call(&self.requirement, &self.resource.pattern)
    }
}

/// The calls of a requirement.
pub(crate) fn calls(requirement: &Requirement<'_>) -> impl Iterator<Item = Concern> {
    requirement.resources.iter().map(|resource| call(requirement, &resource.pattern))
}

fn call(requirement: &Requirement<'_>, resource: &str) -> Concern {
    let (connector, action) = (requirement.connector.to_owned(), requirement.action.to_owned());
    Concern::Call { connector, action, resource: resource.to_owned() }
}

/// What lies at a place in S3 that has no bucket: files of tables, or else all of the connectors that are given
/// a place as a parameter.
pub(crate) fn files(view: &View<'_>, origin: &Origin) -> Vec<Concern> {
    match origin {
        Origin::Database { name, .. } | Origin::Warehouse { database: name, .. } => {
            vec![Concern::NewTables(name.clone())]
        }
        Origin::Table { .. } => view.databases().map(|name| Concern::Tables(name.to_owned())).collect(),
        Origin::Parameters => Vec::new(),
    }
}

/// Adds to what could not be read, where that is not told yet, what hangs on it.
pub(crate) fn unless_told(blocked: Blocked, concern: impl FnOnce() -> Concern) -> Blocked {
    if blocked.concerns.is_empty() { blocked.about([concern()]) } else { blocked }
}
