//! `denials` on an account: event history, the trail's log files, CloudTrail Lake, Athena.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;

use super::Run;
use super::args::{AnswerFormat, Source};
use crate::catalog::Catalog;
use crate::cli::Ended;
use crate::cli::failure::{Failure, INCOMPLETE};
use crate::cli::output::Printer;
use crate::cli::progress::Screen;
use crate::collect::cloudtrail::archive::{self, Archive};
use crate::collect::{HISTORY_DAYS, Session, Settings, StartError};
use crate::denials::{
    Answer, Gathered, Kind, Logged, Offer, Scope, Searched, SourceKind, TableName, Verdict, choose,
};
use crate::facts::{ConnectorTarget, FactId, Facts, RoleName, Target, Trail, TrailStatus};
use crate::model::{Blocked, Partition};
use crate::requirement::{self, requirements};

/// What is read to verify denials and to choose a source.
const FACTS: [FactId; 17] = [
    FactId::Caller,
    FactId::Role,
    FactId::RolePolicies,
    FactId::Boundary,
    FactId::BucketPolicy,
    FactId::BucketEncryption,
    FactId::Key,
    FactId::KeyPolicy,
    FactId::KeyGrants,
    FactId::GluePolicy,
    FactId::GlueEncryption,
    FactId::LakeSettings,
    FactId::LakePermissions,
    FactId::LakeLocations,
    FactId::LakeOptIns,
    FactId::Organization,
    FactId::Trails,
];
/// What is read for the definition of a table.
const DDL_FACTS: [FactId; 3] = [FactId::Caller, FactId::Organization, FactId::Trails];

/// Where a connector writes besides its bucket, as far as it was given.
pub(super) struct Places {
    /// The Glue database.
    pub(super) database: Option<String>,
    /// The Redshift cluster.
    pub(super) cluster: Option<String>,
}

impl Places {
    /// The connectors that write there. With a database, the bucket and the prefix in it are its warehouse.
    fn connectors(&self, bucket: Option<(&str, &str)>) -> Vec<ConnectorTarget> {
        let target = |connector: &str, parameters: Vec<(&str, String)>| {
            let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value));
            let connector = connector.to_owned();
            ConnectorTarget { connector, parameters: parameters.collect(), definition: None }
        };
        let lake = match (&self.database, bucket) {
            (Some(database), bucket) => {
                let warehouse =
                    bucket.map(|(bucket, prefix)| ("warehouse", format!("s3://{bucket}/{prefix}")));
                let parameters = [("database", database.clone())].into_iter().chain(warehouse);
                Some(target("iceberg-glue", parameters.collect()))
            }
            (None, Some((bucket, prefix))) => {
                Some(target("s3", vec![("bucket", bucket.to_owned()), ("prefix", prefix.to_owned())]))
            }
            (None, None) => None,
        };
        let cluster = self.cluster.clone().map(|cluster| target("redshift", vec![("cluster", cluster)]));
        lake.into_iter().chain(cluster).collect()
    }
}

/// A live search.
pub(super) struct Live<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) settings: Settings,
    pub(super) scope: Scope,
    pub(super) role: Option<RoleName>,
    /// Where the connector writes.
    pub(super) connector: Places,
    /// Facts of a case file, for verification.
    pub(super) case: Option<Facts>,
}

/// What reads: the threads, the session, and the screen that shows how it goes on.
pub(super) struct Reader<'s> {
    pub(super) runtime: &'s Runtime,
    pub(super) session: Session<'s>,
    pub(super) screen: &'s Screen<'s>,
}

/// An archive to search and what is known of it.
struct Found {
    source: SourceKind,
    archive: Archive,
    offers: Vec<Offer>,
    /// What the trail records.
    logged: Option<Logged>,
    /// Why the source cannot show what is wanted, where it was named all the same.
    doubt: Option<String>,
}

impl Live<'_> {
    /// Searches and prints.
    pub(super) fn run(mut self) -> Ended {
        let args = self.run.args;
        let target = self.target();
        let ddl = args.athena_ddl;
        if target.is_none() && (ddl || (args.lake.is_none() && args.athena.is_none())) {
            return Err(no_role());
        }
        // Queries are billed by what they read: without a start they go back as far as event history.
        let end = self.settings.window_end();
        let days = SignedDuration::from_hours(24 * HISTORY_DAYS);
        let start = end.checked_sub(days).unwrap_or(end);
        let start = Timestamp::from_second(start.as_second()).unwrap_or(start);
        self.scope.window.since.get_or_insert(start);
        let facts: &[FactId] = if ddl { &DDL_FACTS } else { &FACTS };
        self.settings.facts = Some(facts.iter().copied().collect());
        let runtime = runtime()?;
        let screen = Screen::new(self.run.printer, target.as_ref());
        let partition = target.as_ref().map_or_else(Partition::aws, requirement::partition);
        let session = runtime.block_on(Session::open(&self.settings, &partition, &screen))?;
        let reader = Reader { runtime: &runtime, session, screen: &screen };
        let ended = self.search(&reader, target);
        drop(reader);
        screen.clear();
        runtime.shutdown_background();
        ended
    }

    fn search(&mut self, reader: &Reader<'_>, target: Option<Target>) -> Ended {
        let args = self.run.args;
        let queried =
            |source, archive| Found { source, archive, offers: Vec::new(), logged: None, doubt: None };
        let found = if let Some(store) = &args.lake {
            let store = Some(store.clone()).filter(|store| !store.is_empty());
            Some(queried(SourceKind::Lake, Archive::Lake { store }))
        } else if let Some(table) = args.athena.as_ref().filter(|_| !args.athena_ddl) {
            let (table, workgroup) =
                (table_name(table)?, args.workgroup.clone().unwrap_or_else(|| "primary".to_owned()));
            Some(queried(SourceKind::Athena, Archive::Athena { table, workgroup }))
        } else {
            None
        };
        match (found, target) {
            // Verification is welcome, not necessary.
            (Some(found), Some(target)) if self.case.is_none() => {
                let facts = reader.facts(target).ok();
                self.archive(reader, found, facts.as_ref())
            }
            (Some(found), _) => self.archive(reader, found, None),
            (None, Some(target)) if args.athena_ddl => {
                let facts = reader.facts(target)?;
                self.ddl(reader, &facts)
            }
            (None, Some(target)) => {
                let facts = reader.facts(target)?;
                if reader.session.is_interrupted() {
                    return Err(StartError::Interrupted.into());
                }
                self.own_sources(reader, facts)
            }
            (None, None) => Err(no_role()),
        }
    }

    /// The target as far as it is known: a bucket makes it the S3 destination.
    fn target(&self) -> Option<Target> {
        Some(Target {
            role: self.role.clone()?,
            external_id: None,
            region: self.settings.region.clone(),
            region_given: false,
            connectors: self.connector.connectors(self.scope.bucket()),
        })
    }

    /// The account's own sources: the cheapest that can show the denials, or the one named.
    fn own_sources(&mut self, reader: &Reader<'_>, mut facts: Facts) -> Ended {
        // A role given by its name alone is, in an account that was read, that account's.
        if let Some(role) = facts.role.known() {
            self.scope.role = Some(crate::denials::RoleFilter::Arn(role.arn.clone()));
        }
        let wanted = wanted(&facts);
        let trails: Vec<Trail> = facts.trails.known().cloned().unwrap_or_default();
        let mut offers = self.offers(reader, &facts, &trails, &wanted);
        let source = self.run.args.source.unwrap_or(Source::Auto);
        let chosen = match source {
            Source::EventHistory => Some(0),
            // Asked for by name, a trail is searched whatever speaks against it, and the answer tells.
            Source::Trail => best_trail(&offers).or((!trails.is_empty()).then_some(1)),
            // Where nothing shows the denials, event history shows at least what is around them.
            Source::Auto => choose(&offers).or(self.reaches_history().then_some(0)),
        };
        let Some(chosen) = chosen else {
            return Err(Failure {
                message: "no source that could be reached can show these denials".to_owned(),
                hint: Some(reasons(&offers)),
                code: INCOMPLETE,
            });
        };
        crate::denials::compare(&mut offers, chosen);
        if source == Source::Auto {
            reader.screen.note(&format!("Source: {}", offers[chosen].taken()));
        }
        if chosen == 0 {
            self.announce(reader, SourceKind::EventHistory, None);
            reader.runtime.block_on(reader.session.search_history(&mut facts, Catalog::built_in()));
            return self.event_history(reader, &facts, offers, &wanted);
        }
        let trail = &trails[chosen - 1];
        let archive = Archive::TrailBucket { bucket: trail.bucket.clone(), prefix: trail.prefix.clone() };
        let logged = trail.selectors.known().map(|selectors| Logged::of(selectors, self.scope.bucket()));
        let doubt = match &offers[chosen].verdict {
            Verdict::None { why } => Some(why.clone()),
            _ => None,
        };
        let found = Found { source: SourceKind::TrailBucket, archive, offers, logged, doubt };
        self.archive(reader, found, Some(&facts))
    }

    /// Whether the window reaches into event history.
    fn reaches_history(&self) -> bool {
        self.settings.window_end() > self.settings.history_start()
    }

    /// Event history first, then each trail.
    fn offers(&self, reader: &Reader<'_>, facts: &Facts, trails: &[Trail], wanted: &[Kind]) -> Vec<Offer> {
        let why = format!("it goes back to {} only", self.settings.history_start());
        let reachable = if self.reaches_history() { Ok(()) } else { Err(why.as_str()) };
        let mut offers = vec![Offer::event_history(wanted, reachable)];
        for trail in trails {
            let prefix = trail.prefix.as_deref();
            let listed = reader.runtime.block_on(archive::can_list(&reader.session, &trail.bucket, prefix));
            let logged = match (delivers(trail), listed, trail.selectors.read("its event selectors")) {
                (_, Err(blocked), _) | (_, _, Err(blocked)) => Err(reason(&blocked)),
                (Err(why), ..) => Err(why),
                (.., Ok(selectors)) => {
                    Ok(Logged::of(selectors.map_or(&[], Vec::as_slice), self.scope.bucket()))
                }
            };
            offers.push(Offer::trail(trail.arn.as_str(), wanted, logged.as_ref().map_err(String::as_str)));
        }
        if let Err(blocked) = facts.trails.read("the account's trails") {
            offers.push(Offer::trail("", wanted, Err(&reason(&blocked))));
        }
        offers
    }

    fn archive(&self, reader: &Reader<'_>, found: Found, facts: Option<&Facts>) -> Ended {
        let Found { source, archive, offers, logged, doubt } = found;
        self.announce(reader, source, logged.as_ref());
        let mut gathered = Gathered::new(&self.scope);
        let archive::Searched { mut looked, place, billed_bytes } = {
            let mut sink = |event| gathered.add(event);
            archive::search(reader.runtime.handle(), &reader.session, &archive, &self.scope, &mut sink)
        };
        looked.duplicates = gathered.duplicates();
        if let Some(why) = doubt.filter(|_| looked.complete) {
            looked.lacks(&place, why);
        }
        let places = vec![place];
        let partition = facts.map(|facts| requirement::partition(&facts.target));
        let partition = partition.as_ref().map_or("aws", |partition| partition.as_str());
        let mut searched = match (source, logged) {
            (SourceKind::TrailBucket, Some(logged)) => {
                Searched::trail(places, looked, &logged, partition, self.scope.bucket())
            }
            (SourceKind::TrailBucket, None) => Searched::logs(source, places, looked, self.scope.bucket()),
            _ => Searched::queried(source, places, looked),
        };
        searched.billed_bytes = billed_bytes;
        self.answer(reader, gathered, searched, offers, facts)
    }

    /// The command that lets a trail of the account record calls on the bucket's objects.
    fn command_to_add(&self, facts: &Facts) -> Option<String> {
        let partition = requirement::partition(&facts.target);
        let objects =
            self.scope.bucket().map(|(bucket, prefix)| format!("arn:{partition}:s3:::{bucket}/{prefix}"));
        let objects: Vec<String> = objects.into_iter().collect();
        let mut own = facts.trails.known()?.iter().filter(|trail| !trail.organization);
        own.find_map(|trail| trail.command_to_log(&objects))
    }

    /// Says what is about to be searched.
    fn announce(&self, reader: &Reader<'_>, source: SourceKind, logged: Option<&Logged>) {
        let window = self.scope.window;
        let since = window.since.map_or("the beginning".to_owned(), |since| since.to_string());
        let until = window.until.map_or("now".to_owned(), |until| until.to_string());
        let regions: Vec<&str> = self.scope.regions.iter().map(String::as_str).collect();
        let regions = match (&regions[..], source) {
            ([], SourceKind::EventHistory) => "the connector's and that of global services".to_owned(),
            ([], _) => "all".to_owned(),
            _ => regions.join(", "),
        };
        let mut text = format!("Searching {} from {since} to {until}, regions: {regions}", source.as_str());
        if let Some(logged) = logged {
            text = format!("{text}, {}", logged.told());
        }
        reader.screen.note(&text);
    }

    /// Puts the answer together and prints it.
    pub(super) fn answer(
        &self,
        reader: &Reader<'_>,
        gathered: Gathered<'_>,
        mut searched: Searched,
        offers: Vec<Offer>,
        facts: Option<&Facts>,
    ) -> Ended {
        if searched.selector_to_add.is_some() {
            searched.command_to_add = facts.and_then(|facts| self.command_to_add(facts));
        }
        let facts = self.case.as_ref().or(facts);
        let mut answer = Answer::of(gathered, searched, facts, &Catalog::built_in().vendor.account);
        answer.sources = offers;
        if self.run.args.decode {
            reader.open_all(&mut answer);
        }
        reader.screen.clear();
        let queried = matches!(answer.coverage.source, SourceKind::Lake | SourceKind::Athena);
        if queried && self.run.output == AnswerFormat::Short && answer.coverage.looked.interrupted {
            // A line for each group has no room for it: a query may run on.
            let problems = answer.coverage.looked.problems.iter();
            self.run.printer.warnings(&problems.map(crate::denials::told).collect::<Vec<_>>());
        }
        self.run.print(answer)
    }
}

impl Reader<'_> {
    fn facts(&self, target: Target) -> Result<Facts, Failure> {
        Ok(self.runtime.block_on(self.session.read(target, Catalog::built_in()))?)
    }

    /// Opens an encoded message.
    pub(super) fn decode(&self, encoded: &str) -> Result<serde_json::Value, Blocked> {
        self.runtime.block_on(archive::decode(&self.session, encoded))
    }

    /// Opens the encoded messages of an answer.
    fn open_all(&self, answer: &mut Answer) {
        for denied in &mut answer.denials {
            let Some(encoded) = &denied.group.encoded else { continue };
            match self.decode(encoded) {
                Ok(decoded) => denied.decoded = Some(decoded),
                Err(blocked) => answer.notes.push(not_decoded(&blocked)),
            }
        }
        answer.notes.dedup();
    }
}

/// Opens the encoded messages of an answer that was not read from AWS, if it has any.
pub(super) fn open_messages(
    answer: &mut Answer,
    settings: &Settings,
    printer: &Printer,
) -> Result<(), Failure> {
    if answer.denials.iter().all(|denied| denied.group.encoded.is_none()) {
        return Ok(());
    }
    let runtime = runtime()?;
    let screen = Screen::new(printer, None);
    let session = runtime.block_on(Session::open(settings, &Partition::aws(), &screen))?;
    Reader { runtime: &runtime, session, screen: &screen }.open_all(answer);
    screen.clear();
    Ok(())
}

fn no_role() -> Failure {
    Failure::usage(
        "no role was given",
        "add --role with its name or ARN, or read logs of anybody with --logs",
    )
}

/// The kinds of events in which this connector's denials show; all kinds without a connector.
fn wanted(facts: &Facts) -> Vec<Kind> {
    let needs = requirements(facts, Catalog::built_in());
    let kinds: BTreeSet<Kind> = needs.iter().map(|need| Kind::of_action(need.action)).collect();
    if kinds.is_empty() { Kind::ALL.to_vec() } else { kinds.into_iter().collect() }
}

/// Whether a trail brings its log files to its bucket at present; if not, why not.
fn delivers(trail: &Trail) -> Result<(), String> {
    let status = trail
        .status
        .read("whether it logs")
        .map_err(|blocked| format!("whether it logs at present was not read: {}", reason(&blocked)))?;
    match status {
        Some(status) if !status.logging => Err("it does not log at present".to_owned()),
        Some(TrailStatus { delivery_error: Some(error), .. }) => {
            Err(format!("it could not deliver its last log file to {}: {error}", trail.bucket))
        }
        Some(_) => Ok(()),
        None => Err("it is gone".to_owned()),
    }
}

/// Why something was not read, with the permission that would help.
fn reason(blocked: &Blocked) -> String {
    let grant = blocked.grant.as_ref().map(|grant| format!(" (grant {grant})")).unwrap_or_default();
    format!("{}{grant}", blocked.why)
}

/// Why a message was not opened.
pub(super) fn not_decoded(blocked: &Blocked) -> String {
    format!("the encoded message was not opened: {}", reason(blocked))
}

/// Threads for calls.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Failure::usage(format!("no threads can be started: {error}"), "check the limits of this shell")
    })
}

pub(super) fn table_name(given: &str) -> Result<TableName, Failure> {
    given.parse::<TableName>().map_err(|error| Failure::usage(error.to_string(), "such as logs.cloudtrail"))
}

/// The trail that shows most, whatever event history can do.
fn best_trail(offers: &[Offer]) -> Option<usize> {
    choose(&offers[1..]).map(|at| at + 1)
}

fn reasons(offers: &[Offer]) -> String {
    let reasons: Vec<String> = offers
        .iter()
        .filter_map(|offer| match &offer.verdict {
            Verdict::None { why } => Some(format!("{}: {why}", offer.called())),
            _ => None,
        })
        .collect();
    reasons.join("; ")
}
