//! `policy`: the permissions that the doctor itself needs.

use std::collections::BTreeSet;

use super::Ended;
use super::args::{GlobalArgs, PolicyArgs};
use super::check::{facts, selection};
use super::config::Config;
use super::environment::Environment;
use super::output::Printer;
use super::parameters::Given;
use super::settings;
use crate::catalog::Catalog;
use crate::collect::operations::Search;
use crate::collect::{History, minimal_policy};
use crate::facts::FactId;

/// Runs it. What was not given stands as `*` in the policy.
pub(super) fn run(
    args: &PolicyArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let config = Config::read(global, environment)?;
    let selection = selection(&args.selection, &config, Catalog::built_in())?;
    let settings = settings::settings(global, &args.history, &config, environment)?;
    let given = Given::new(&args.target, global, &config, environment)?;
    let catalog = given.catalog();
    let target = given.pattern()?;
    let mut facts = facts(&selection, catalog);
    if let History::Off(_) = settings.history {
        let all = || FactId::ALL.iter().map(|(id, _, _)| *id).collect::<BTreeSet<_>>();
        let kept = facts.get_or_insert_with(all);
        kept.retain(|id| {
            !matches!(id, FactId::HistoryAssumeRole | FactId::HistoryChanges | FactId::HistoryDenials)
        });
    }
    let searches: BTreeSet<Search> = args.denials.iter().map(|source| (*source).into()).collect();
    if searches.contains(&Search::Athena) {
        printer.note(
            "Athena reads and writes in the name of whoever asks it: glue:GetDatabase and glue:GetTable on the \
             table, s3:GetObject and s3:ListBucket on its logs, and, unless the workgroup keeps its own results, \
             s3:PutObject and s3:GetBucketLocation where these go. That is not in the policy.",
        );
    }
    let policy = minimal_policy(&target, catalog, facts.as_ref(), &searches);
    printer.out(&format!("{policy:#}\n"))?;
    Ok(0)
}
