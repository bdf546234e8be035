//! Which checks to run: `--only` and `--skip` take ids, names, sections and globs.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Page};
use crate::model::CheckId;

/// The checks to run.
#[derive(Clone, Debug)]
pub struct Selection(BTreeSet<CheckId>);

/// A pattern that selects nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no check is called `{pattern}`{}", .suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
pub struct SelectionError {
    /// What was given.
    pub pattern: String,
    /// The id or name nearest to it.
    pub suggestion: Option<String>,
}

impl Selection {
    /// Every check.
    pub fn all(catalog: &Catalog) -> Self {
        Self(catalog.pages.iter().map(|page| page.id).collect())
    }

    /// The checks that `only` names (all, if it is empty) less those that `skip` names.
    pub fn new(catalog: &Catalog, only: &[String], skip: &[String]) -> Result<Self, SelectionError> {
        let mut selected = if only.is_empty() { Self::all(catalog).0 } else { matching(catalog, only)? };
        for id in matching(catalog, skip)? {
            selected.remove(&id);
        }
        Ok(Self(selected))
    }

    /// Whether the check is to be run.
    pub fn contains(&self, id: CheckId) -> bool {
        self.0.contains(&id)
    }
}

fn matching(catalog: &Catalog, patterns: &[String]) -> Result<BTreeSet<CheckId>, SelectionError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let before = found.len();
        let names = catalog.pages.iter().filter(|page| selects(pattern, page));
        let mut any = false;
        for page in names {
            any = true;
            found.insert(page.id);
        }
        if !any && found.len() == before {
            return Err(SelectionError { pattern: pattern.clone(), suggestion: nearest(catalog, pattern) });
        }
    }
    Ok(found)
}

fn selects(pattern: &str, page: &Page) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let id = page.id.to_string().to_ascii_lowercase();
    [id.as_str(), &page.name, page.id.section().as_str()].iter().any(|name| glob(&pattern, name))
}

/// `*` stands for any run of characters, `?` for one.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    from = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// The id, name or section nearest to what was given, if any is near.
fn nearest(catalog: &Catalog, given: &str) -> Option<String> {
    let ids = catalog.pages.iter().map(|page| page.id.to_string());
    let names = catalog.pages.iter().map(|page| page.name.clone());
    let sections = crate::model::Section::ALL.iter().map(ToString::to_string);
    crate::model::nearest(given, ids.chain(names).chain(sections))
}
