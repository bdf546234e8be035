//! Compiled policies kept from line to line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::policy::{self, Diagnostic, Document, Kind, Policy};

/// How many policies a generation of the cache holds.
const GENERATION: usize = 1024;

/// How many bytes of documents a generation of the cache holds.
const GENERATION_BYTES: usize = 8 << 20;

/// Compiled policies by document, those not used lately forgotten.
///
/// Two generations: what is used is kept in, or moved to, the young one; when that is full the
/// old one is dropped and the young one is old.
#[derive(Default)]
pub(super) struct Cache {
    young: HashMap<Key<'static>, Arc<Policy>>,
    old: HashMap<Key<'static>, Arc<Policy>>,
    bytes: usize,
}

#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    kind: Kind,
    name: Cow<'a, str>,
    document: Cow<'a, str>,
}

impl Cache {
    /// The policy that a document is, under the name that decisions print.
    ///
    /// # Errors
    /// What AWS would not take of the document.
    pub(super) fn policy(
        &mut self,
        kind: Kind,
        name: &str,
        document: &RawValue,
    ) -> Result<Arc<Policy>, String> {
        let raw = document.get();
        let key = Key { kind, name: Cow::Borrowed(name), document: Cow::Borrowed(raw) };
        if let Some(policy) = find(&self.young, &key) {
            return Ok(policy);
        }
        let policy = match find(&self.old, &key) {
            Some(policy) => policy,
            None => compile(kind, name, raw)?,
        };
        let owned = Key { kind, name: Cow::Owned(name.to_owned()), document: Cow::Owned(raw.to_owned()) };
        self.bytes += raw.len();
        self.young.insert(owned, Arc::clone(&policy));
        if self.young.len() >= GENERATION || self.bytes >= GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        Ok(policy)
    }

    /// The policies of each level of an organisation.
    pub(super) fn levels(
        &mut self,
        kind: Kind,
        name: &str,
        levels: Option<&[Vec<&RawValue>]>,
    ) -> Result<Option<Vec<Vec<Arc<Policy>>>>, String> {
        let Some(levels) = levels else { return Ok(None) };
        let mut compiled = Vec::with_capacity(levels.len());
        for (level, documents) in levels.iter().enumerate() {
            let mut policies = Vec::with_capacity(documents.len());
            for (at, document) in documents.iter().enumerate() {
                let name = format!("{name} {} of level {}", at + 1, level + 1);
                policies.push(self.policy(kind, &name, document)?);
            }
            compiled.push(policies);
        }
        Ok(Some(compiled))
    }
}

fn find<'k>(policies: &HashMap<Key<'k>, Arc<Policy>>, key: &Key<'k>) -> Option<Arc<Policy>> {
    policies.get(key).cloned()
}

/// A document may also be given as a string that holds its text, URL-encoded or not.
fn compile(kind: Kind, name: &str, raw: &str) -> Result<Arc<Policy>, String> {
    let text = if raw.starts_with('"') {
        let text: String = serde_json::from_str(raw).map_err(|error| format!("{name}: {error}"))?;
        Cow::Owned(policy::decode(&text).into_owned())
    } else {
        Cow::Borrowed(raw)
    };
    let document = Document::parse_strictly(kind, &text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().take(5).map(Diagnostic::to_string).collect();
        format!("{name}: {}", faults.join("; "))
    })?;
    Ok(Policy::compile(name, document))
}
