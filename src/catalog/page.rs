//! Check pages: `checks/<section>/<ID>-<name>.md`, front matter and prose.

use serde::Deserialize;

use crate::facts::FactId;
use crate::model::{CheckId, Section, Severity};

/// One check's page.
#[derive(Clone, Debug)]
pub struct Page {
    /// The id.
    pub id: CheckId,
    /// The problem, as a name: `external-id-mismatch`.
    pub name: String,
    /// The problem, as a sentence: `The trust policy asks for another external id`.
    pub title: String,
    /// How much it hurts.
    pub severity: Severity,
    /// The sentence of Streamkap's guide that it carries out.
    pub guide: String,
    /// Facts without which it is unknown.
    pub needs: Vec<FactId>,
    /// Facts that it reads where it can, and can do without.
    pub uses: Vec<FactId>,
    /// The version that brought it.
    pub since: String,
    /// The prose: Markdown below the front matter.
    pub body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    id: CheckId,
    name: String,
    title: String,
    section: Section,
    severity: Severity,
    guide: String,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    uses: Vec<String>,
    since: String,
}

/// What is wrong with a page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// No `+++` block.
    #[error("{0}: no front matter between two lines `+++`")]
    NoFrontMatter(String),
    /// The block is not right.
    #[error("{0}: {1}")]
    FrontMatter(String, String),
}

impl Page {
    /// Reads a page; `path` is `<section>/<ID>-<name>.md` and must agree with the front matter.
    pub fn parse(path: &str, text: &str) -> Result<Self, PageError> {
        let wrong = |what: String| PageError::FrontMatter(path.to_owned(), what);
        let (front, body) = text
            .strip_prefix("+++\n")
            .and_then(|rest| rest.split_once("\n+++\n"))
            .ok_or_else(|| PageError::NoFrontMatter(path.to_owned()))?;
        let front: Front = toml::from_str(front).map_err(|error| wrong(error.to_string()))?;
        let facts = |names: &[String]| -> Result<Vec<FactId>, PageError> {
            names.iter().map(|name| name.parse().map_err(|error| wrong(format!("{error}")))).collect()
        };
        let expected = format!("{}/{}-{}.md", front.section, front.id, front.name);
        if expected != path || front.id.section() != front.section {
            return Err(wrong(format!("the front matter says that the file is {expected}")));
        }
        Ok(Self {
            id: front.id,
            title: front.title,
            severity: front.severity,
            guide: front.guide,
            needs: facts(&front.needs)?,
            uses: facts(&front.uses)?,
            since: front.since,
            name: front.name,
            body: body.trim_start().to_owned(),
        })
    }

    /// The page's address below the project's documentation.
    pub fn path(&self) -> String {
        format!("checks/{}/{}-{}.md", self.id.section(), self.id, self.name)
    }
}
