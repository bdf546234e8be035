//! `denials`: what was denied to a role, from wherever it was recorded.

mod args;
mod ddl;
mod event_history;
mod live;
mod logs;
mod paste;

use args::AnswerFormat;
pub(super) use args::DenialsArgs;

use std::collections::BTreeSet;

use live::{Live, Places};

use super::args::{GlobalArgs, HistoryArgs};
use super::config::Config;
use super::environment::Environment;
use super::failure::Failure;
use super::output::Printer;
use super::{Ended, case, regions, settings, target};
use crate::catalog::Catalog;
use crate::collect::{History, Settings};
use crate::denials::{Answer, Denied, Meaning, RoleFilter, Scope, Window};
use crate::facts::RoleName;
use crate::model::{AccountId, Arn, Partition};

/// Runs it.
pub(super) fn run(
    args: &DenialsArgs,
    global: &GlobalArgs,
    environment: &Environment,
    printer: &Printer,
) -> Ended {
    let config = Config::read(global, environment)?;
    let run = Run { args, output: output(args, &config), printer };
    let (idle, what) = args.idle();
    for flag in idle {
        printer.warning(&format!("{flag} does nothing {what}"));
    }
    let history = HistoryArgs { since: args.since.clone(), no_history: false };
    let settings = || settings::settings(global, &history, &config, environment);
    // What was asked of event history is asked here by name.
    let settings = || settings().map(|it| Settings { history: History::default(), ..it });
    if let Some(given) = &args.paste {
        let settings = args.decode.then(settings).transpose()?;
        return run.paste(given, settings.as_ref());
    }
    let (role, mut scope) = scope(args, &config, environment)?;
    let facts = args.case.as_deref().map(case::read).transpose()?.map(|case| case.facts);
    scope.bucket = bucket(args, &config, environment)?;
    if !args.logs.is_empty() {
        let settings = args.decode.then(settings).transpose()?;
        return run.logs(&scope, facts.as_ref(), settings.as_ref());
    }
    let settings = Settings { until: scope.window.until, regions: scope.regions.clone(), ..settings()? };
    let pick = |given: &Option<String>, variable: &str, file: &Option<String>| {
        let elsewhere = || environment.variable(variable).map(str::to_owned).or_else(|| file.clone());
        given.clone().or_else(elsewhere)
    };
    let database = pick(&args.database, "STREAMKAP_DOCTOR_DATABASE", &config.database);
    let cluster = pick(&args.cluster, "STREAMKAP_DOCTOR_CLUSTER", &config.cluster);
    let connector = Places { database, cluster };
    Live { run: &run, settings, scope, role, connector, case: facts }.run()
}

fn output(args: &DenialsArgs, config: &Config) -> AnswerFormat {
    args.output.or(config.output.map(AnswerFormat::from)).unwrap_or(AnswerFormat::Table)
}

/// The connector's bucket and its prefix, where they were given.
fn bucket(
    args: &DenialsArgs,
    config: &Config,
    environment: &Environment,
) -> Result<Option<(String, String)>, Failure> {
    let pick = |variable: &str, file: &Option<String>| {
        environment.variable(variable).map(str::to_owned).or_else(|| file.clone())
    };
    let given = args.bucket.clone().or_else(|| pick("STREAMKAP_DOCTOR_BUCKET", &config.bucket));
    let Some(given) = given else { return Ok(None) };
    let bucket = target::bucket(&given)?;
    // A prefix that stands elsewhere is that of the bucket that stands there.
    let elsewhere = || pick("STREAMKAP_DOCTOR_PREFIX", &config.prefix).filter(|_| args.bucket.is_none());
    Ok(Some((bucket.name, bucket.prefix.or_else(elsewhere).unwrap_or_default())))
}

/// What every way of running needs.
struct Run<'a> {
    args: &'a DenialsArgs,
    output: AnswerFormat,
    printer: &'a Printer,
}

impl Run<'_> {
    /// Prints an answer and gives its exit code.
    fn print(&self, mut answer: Answer) -> Ended {
        for Denied { meaning, .. } in &mut answer.denials {
            keep_known_checks(meaning);
        }
        let text = match self.output {
            AnswerFormat::Json => json(&answer),
            AnswerFormat::Short => crate::denials::short(&answer),
            AnswerFormat::Table => crate::denials::table(&answer, self.printer.layout(false).width),
        };
        self.printer.out(&text)?;
        Ok(answer.exit_code())
    }
}

/// Leaves out checks that this program does not have.
fn keep_known_checks(meaning: &mut Meaning) {
    let catalog = Catalog::built_in();
    meaning.checks.retain(|id| catalog.page(*id).is_some());
}

fn json(answer: &impl serde::Serialize) -> String {
    crate::report::json_text(answer)
}

/// Whose denials, where and when.
fn scope(
    args: &DenialsArgs,
    config: &Config,
    environment: &Environment,
) -> Result<(Option<RoleName>, Scope), Failure> {
    let given = args.role.as_deref().or_else(|| environment.variable("STREAMKAP_DOCTOR_ROLE"));
    let role = given.or(config.role.as_deref()).map(target::role).transpose()?;
    let moment = |text: &String| settings::moment(text, environment.now);
    let window = Window {
        since: args.since.as_ref().or(config.since.as_ref()).map(moment).transpose()?,
        until: args.until.as_ref().map(moment).transpose()?,
    };
    if let (Some(since), Some(until)) = (window.since, window.until)
        && since >= until
    {
        return Err(Failure::usage(
            format!("the window from {since} to {until} is empty"),
            "--since must be before --until",
        ));
    }
    let accounts = args.account.iter().map(|account| {
        let wrong = || Failure::usage(format!("`{account}` is not an account id"), "expected twelve digits");
        target::unquoted(account).parse::<AccountId>().map(|id| id.as_str().to_owned()).map_err(|_| wrong())
    });
    let regions = args.regions.iter().map(|region| regions::parse(region));
    let scope = Scope {
        role: role.clone().map(role_filter),
        accounts: accounts.collect::<Result<BTreeSet<_>, _>>()?,
        regions: regions.collect::<Result<BTreeSet<_>, _>>()?,
        window,
        asked: Some(environment.now),
        bucket: None,
    };
    Ok((role, scope))
}

/// A role with its account is that role; a name is looked for in every account.
fn role_filter(role: RoleName) -> RoleFilter {
    let Some(account) = &role.account else { return RoleFilter::Name(role.name) };
    let partition = role.partition.clone().unwrap_or_else(Partition::aws);
    let resource = format!("role{}{}", role.path.as_deref().unwrap_or("/"), role.name);
    RoleFilter::Arn(Arn::new(partition.as_str(), "iam", "", account.as_str(), &resource))
}
