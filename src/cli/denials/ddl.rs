//! `denials --athena-ddl`: the definition of a table over the trail's logs.

use super::live::{Live, Reader, table_name};
use crate::cli::failure::{Failure, INCOMPLETE};
use crate::cli::{Ended, regions};
use crate::denials::{TableLayout, athena_ddl};
use crate::facts::{Fact, Facts, Trail};
use crate::model::Blocked;

impl Live<'_> {
    /// Prints the definition of a table over the trail's logs.
    pub(super) fn ddl(&self, reader: &Reader<'_>, facts: &Facts) -> Ended {
        let table = table_name(self.run.args.athena.as_deref().unwrap_or("default.cloudtrail_logs"))?;
        let trails = facts.trails.read("the account's trails").map_err(unread)?;
        let Some(trail) = trails.and_then(|trails| trails.iter().max_by_key(|trail| trail.organization))
        else {
            return Err(Failure {
                message: "there is no trail in this region".to_owned(),
                hint: Some("give the trail's region with --region".to_owned()),
                code: INCOMPLETE,
            });
        };
        let layout = self.layout(facts, trail)?;
        reader.screen.clear();
        if trail.organization && self.scope.accounts.is_empty() {
            self.run
                .printer
                .warning("only this account is in the table: name the organization's with --account A,B,C");
        }
        self.run.printer.out(&athena_ddl(&table, &layout))?;
        Ok(0)
    }

    fn layout(&self, facts: &Facts, trail: &Trail) -> Result<TableLayout, Failure> {
        let organization = match (trail.organization, &facts.organization) {
            (false, _) => None,
            (true, Fact::Known(organization)) => Some(organization.id.clone()),
            (true, other) => {
                let foreign = || {
                    Failure::usage(
                        "the trail belongs to an organization that is not this account's",
                        "run it there",
                    )
                };
                return Err(other.read("the organization").err().map_or_else(foreign, unread));
            }
        };
        let own = facts.caller.known().map(|caller| caller.account.as_str().to_owned());
        let accounts = if self.scope.accounts.is_empty() {
            own.into_iter().collect()
        } else {
            self.scope.accounts.iter().cloned().collect()
        };
        let regions = match (&self.scope.regions, trail.multi_region) {
            (given, _) if !given.is_empty() => given.iter().cloned().collect(),
            (_, true) => regions::all().map(str::to_owned).collect(),
            (_, false) => vec![trail.home_region.clone()],
        };
        let from = self.scope.window.since.unwrap_or(self.settings.window_start());
        Ok(TableLayout {
            bucket: trail.bucket.clone(),
            prefix: trail.prefix.as_deref().map(|prefix| prefix.trim_matches('/').to_owned()),
            organization,
            accounts,
            regions,
            from_day: from.strftime("%Y/%m/%d").to_string(),
        })
    }
}

fn unread(blocked: Blocked) -> Failure {
    Failure {
        message: format!("{} cannot be read: {}", blocked.what, blocked.why),
        hint: blocked.grant.map(|grant| format!("grant {grant} to whoever runs the doctor")),
        code: INCOMPLETE,
    }
}
