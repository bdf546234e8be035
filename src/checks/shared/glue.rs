//! Why a Glue action is refused that a statement allows elsewhere in the Data Catalog.
//!
//! Glue asks for an action on the catalogue, the database and the table, each by its own ARN in the
//! region and account of the catalogue, with names in lower case.
//! <https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html>

use crate::catalog::ParameterKind;
use crate::checks::View;
use crate::model::{Outcome, StatementRef, nearest};
use crate::policy::Selector;
use crate::policy::scope::covers;
use crate::requirement::PROBE;

use super::lake_formation::may_be_hidden;
use super::needs::Ask;
use super::policies::role_policies;
use super::standing::Cause;
use super::words;

/// The kinds of things in a Data Catalog that an ARN names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `catalog`
    Catalog,
    /// `database/NAME`
    Database,
    /// `table/DATABASE/NAME`
    Table,
}

impl Part {
    /// In words, within a sentence.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Catalog => "the catalogue",
            Self::Database => "the database",
            Self::Table => "its tables",
        }
    }
}

/// What is wrong with the ARNs on which a Glue action is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// No ARN of this kind is there.
    Missing {
        /// The kind.
        part: Part,
    },
    /// The ARNs name another region.
    Region {
        /// As written.
        found: String,
    },
    /// The ARNs name another account, or none.
    Account {
        /// As written.
        found: String,
    },
    /// The ARNs name another partition.
    Partition {
        /// As written.
        found: String,
    },
    /// The ARNs name a database that is nearly the connector's.
    Database {
        /// As written.
        found: String,
    },
}

/// The gap of a Glue action that some statement allows, though not on what is asked. `written`: the
/// resources on which statements allow the action.
pub(super) fn gap(ask: &Ask<'_>, written: &[(StatementRef, String)]) -> (Cause, Option<StatementRef>) {
    let Some(asked) = GlueArn::parse(&ask.resource.probe) else { return (Cause::Missing, None) };
    let part = asked.part();
    let of_part: Vec<(&StatementRef, &String, GlueArn<'_>)> = written
        .iter()
        .filter_map(|(statement, text)| Some((statement, text, GlueArn::parse(text)?)))
        .filter(|(.., arn)| arn.part() == part && part.is_some())
        .collect();
    let scoped: Vec<_> =
        of_part.iter().filter(|(.., arn)| arn.table.is_some() && arn.is_of(&asked)).collect();
    if let [(statement, ..), ..] = scoped[..] {
        let written = scoped.iter().map(|(_, text, _)| (*text).clone()).collect();
        return (Cause::ExistingTables { written }, Some((*statement).clone()));
    }
    let mistaken = of_part.iter().filter_map(|(statement, text, arn)| {
        let (mistake, count) = arn.mistake(&asked)?;
        Some((count, *statement, *text, mistake, arn.corrected(&asked)))
    });
    match (mistaken.min_by_key(|(count, ..)| *count), part) {
        (Some((_, statement, text, mistake, corrected)), _) => {
            let correction = Some((text.clone(), corrected));
            (Cause::GlueArn { mistake, correction }, Some(statement.clone()))
        }
        (None, Some(part)) => (Cause::GlueArn { mistake: Mistake::Missing { part }, correction: None }, None),
        (None, None) => (Cause::Missing, None),
    }
}

/// Whether an action is one of Glue.
pub fn is_glue(action: &str) -> bool {
    action.get(..5).is_some_and(|service| service.eq_ignore_ascii_case("glue:"))
}

/// Whether a question is about tables that do not exist yet.
pub fn is_new_table(ask: &Ask<'_>) -> bool {
    is_glue(ask.action()) && ask.resource.probe.ends_with(&format!("/{PROBE}"))
}

/// What a check of the Data Catalog says when no connector writes to one.
pub fn without_database(view: &View<'_>) -> Option<Outcome> {
    let none = view.databases().next().is_none();
    none.then(|| Outcome::Skip("none of the connectors writes to a Glue database".to_owned()))
}

/// A database that is meant in place of one that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instead {
    /// Its name.
    pub name: String,
    /// Whether the catalogue has it.
    pub in_catalogue: bool,
    /// Whether the role's policies name it.
    pub in_policies: bool,
    /// Whether the name is nearly the one that was given.
    pub is_near: bool,
}

/// The database that is meant in place of one that is not there: one of nearly the same name, or else the one
/// that the role's policies name and the catalogue has. None where the policies name the given one itself: it
/// is to be made.
pub fn named_instead(view: &View<'_>, absent: &str) -> Option<Instead> {
    let in_policies = databases_in_policies(view);
    if in_policies.iter().any(|name| name == absent) {
        return None;
    }
    let names = view.database_names().ok().flatten().map_or(&[][..], Vec::as_slice);
    let others = || names.iter().chain(&in_policies).filter(|name| *name != absent);
    let near = nearest(absent, others().cloned());
    let is_near = near.is_some();
    let name = near.or_else(|| in_policies.iter().find(|name| names.contains(name)).cloned())?;
    let (in_catalogue, in_policies) = (names.contains(&name), in_policies.contains(&name));
    Some(Instead { name, in_catalogue, in_policies, is_near })
}

/// The database names in the Glue ARNs of the role's policies, without those that hold a wildcard.
pub fn databases_in_policies(view: &View<'_>) -> Vec<String> {
    let documents = role_policies(view).documents();
    let statements = documents.iter().flat_map(|policy| policy.document().statements());
    let resources = statements.flat_map(|statement| statement.resources.iter().flat_map(Selector::any));
    words::unique(resources.filter_map(|arn| database_in(arn)).map(str::to_owned))
}

/// What a check of permissions says when the database's name itself is what is wrong: there is none of this
/// name, and the one that the policies are about is meant. `found`: a database that they name.
pub fn mistyped_database(view: &View<'_>, found: &str) -> Option<Outcome> {
    let absent = view.databases().find(|name| matches!(view.database(name), Ok(None)))?;
    let is_named = || databases_in_policies(view).iter().any(|name| name == absent);
    let near = nearest(absent, [found.to_owned()]).is_some() && !is_named();
    let is_meant =
        found != absent && (near || named_instead(view, absent).is_some_and(|it| it.name == found));
    // What AWS does not show may be there all the same.
    if !is_meant || may_be_hidden(view, absent).is_err() {
        return None;
    }
    Some(Outcome::Skip(format!("there is no Glue database {absent}, though {found} (reported as WRITE-007)")))
}

/// Whether the user named the table that the connector writes to.
pub fn names_a_table(view: &View<'_>) -> bool {
    view.parameters(ParameterKind::GlueTable).next().is_some()
}

/// The database in a Glue ARN, if it names one by letters alone.
fn database_in(arn: &str) -> Option<&str> {
    let parsed = GlueArn::parse(arn)?;
    parsed.database.filter(|name| !name.is_empty() && !name.contains(['*', '?', '$']))
}

/// An ARN of Glue, or a pattern of such ARNs, cut at its colons.
#[derive(Clone, Copy, Debug)]
struct GlueArn<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
    resource: &'a str,
    database: Option<&'a str>,
    table: Option<&'a str>,
}

impl<'a> GlueArn<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut segments = text.splitn(6, ':');
        let (arn, partition, service) = (segments.next()?, segments.next()?, segments.next()?);
        let (region, account, resource) = (segments.next()?, segments.next()?, segments.next()?);
        if arn != "arn" || service != "glue" {
            return None;
        }
        let mut names = resource.splitn(3, '/');
        let kind = names.next()?;
        let is_entry = matches!(kind, "database" | "table");
        let database = names.next().filter(|_| is_entry);
        let table = names.next().filter(|_| kind == "table");
        Some(Self { partition, region, account, resource, database, table })
    }

    fn part(&self) -> Option<Part> {
        match self.resource.split('/').next() {
            Some("catalog") => Some(Part::Catalog),
            Some("database") => Some(Part::Database),
            Some("table") => Some(Part::Table),
            _ => None,
        }
    }

    /// Whether it is of the same catalogue and database as what is asked.
    fn is_of(&self, asked: &Self) -> bool {
        self.differences(asked) == [false; 4]
    }

    /// Whether partition, region, account and database differ.
    fn differences(&self, asked: &Self) -> [bool; 4] {
        let database = asked.database.is_some_and(|name| !self.database.is_some_and(|it| covers(it, name)));
        [
            !covers(self.partition, asked.partition),
            !covers(self.region, asked.region),
            !covers(self.account, asked.account),
            database,
        ]
    }

    /// The first mistake, and how many there are; `None`: it is about something else.
    fn mistake(&self, asked: &Self) -> Option<(Mistake, usize)> {
        let [partition, region, account, database] = self.differences(asked);
        let count =
            usize::from(partition) + usize::from(region) + usize::from(account) + usize::from(database);
        let written = self.database.unwrap_or_default();
        let near =
            !database || asked.database.is_some_and(|name| nearest(name, [written.to_owned()]).is_some());
        let mistake = match (partition, region, account, database) {
            _ if !near => return None,
            (true, ..) => Mistake::Partition { found: self.partition.to_owned() },
            (_, true, ..) => Mistake::Region { found: self.region.to_owned() },
            (_, _, true, _) => Mistake::Account { found: self.account.to_owned() },
            (.., true) => Mistake::Database { found: written.to_owned() },
            _ => return None,
        };
        Some((mistake, count))
    }

    /// What must stand there: what is asked, of the tables that are written.
    fn corrected(&self, asked: &Self) -> String {
        let [partition, region, account, database] = self.differences(asked);
        let pick =
            |differs: bool, asked: &str, own: &str| if differs { asked.to_owned() } else { own.to_owned() };
        let resource = match (self.part(), asked.database) {
            (Some(Part::Database), Some(name)) if database => format!("database/{name}"),
            (Some(Part::Table), Some(name)) if database => {
                format!("table/{name}/{}", self.table.unwrap_or("*"))
            }
            _ => self.resource.to_owned(),
        };
        format!(
            "arn:{}:glue:{}:{}:{resource}",
            pick(partition, asked.partition, self.partition),
            pick(region, asked.region, self.region),
            pick(account, asked.account, self.account),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "arn:aws:glue:eu-west-1:111122223333:table/sales/orders";

    fn mistake(written: &str) -> Option<(Mistake, String)> {
        let (written, asked) = (GlueArn::parse(written)?, GlueArn::parse(ASKED)?);
        written.mistake(&asked).map(|(mistake, _)| (mistake, written.corrected(&asked)))
    }

    #[test]
    fn a_region_an_account_and_a_name_are_told_apart() {
        let right = "arn:aws:glue:eu-west-1:111122223333:table/sales/*".to_owned();
        for (written, expected) in [
            (
                "arn:aws:glue:eu-west-2:111122223333:table/sales/*",
                Mistake::Region { found: "eu-west-2".into() },
            ),
            ("arn:aws:glue::111122223333:table/sales/*", Mistake::Region { found: String::new() }),
            (
                "arn:aws:glue:eu-west-1:111122223334:table/sales/*",
                Mistake::Account { found: "111122223334".into() },
            ),
            (
                "arn:aws-cn:glue:eu-west-1:111122223333:table/sales/*",
                Mistake::Partition { found: "aws-cn".into() },
            ),
            (
                "arn:aws:glue:eu-west-1:111122223333:table/Sales/*",
                Mistake::Database { found: "Sales".into() },
            ),
            (
                "arn:aws:glue:eu-west-1:111122223333:table/salse/*",
                Mistake::Database { found: "salse".into() },
            ),
        ] {
            assert_eq!(mistake(written), Some((expected, right.clone())), "{written}");
        }
    }

    #[test]
    fn another_database_is_no_mistake_and_wildcards_fit() {
        assert_eq!(mistake("arn:aws:glue:eu-west-1:111122223333:table/warehouse/*"), None);
        let wild = GlueArn::parse("arn:aws:glue:*:1111*:table/s*/sk_*").unwrap();
        assert!(wild.is_of(&GlueArn::parse(ASKED).unwrap()));
        assert_eq!(wild.part(), Some(Part::Table));
        assert!(GlueArn::parse("arn:aws:s3:::table/sales/x").is_none());
        assert_eq!(database_in(ASKED), Some("sales"));
        assert_eq!(database_in("arn:aws:glue:eu-west-1:111122223333:database/*"), None);
    }
}
