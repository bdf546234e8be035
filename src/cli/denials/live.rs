//! `denials` on an account: event history, the trail's log files, CloudTrail Lake, Athena.

use std::collections::BTreeSet;

use tokio::runtime::Runtime;

use super::Run;
use crate::catalog::Catalog;
use crate::cli::Ended;
use crate::cli::failure::{Failure, INCOMPLETE};
use crate::cli::progress::Screen;
use crate::cli::{regions, target};
use crate::collect::cloudtrail::archive::{self, Archive};
use crate::collect::{Collected, History, Settings, collect};
use crate::denials::{
    Answer, Gathered, Kind, Logged, Offer, Scope, Searched, SourceKind, TableLayout, TableName, Verdict,
    athena_ddl, choose, selector_to_add,
};
use crate::facts::{ConnectorTarget, Fact, FactId, Facts, RoleName, Target, Trail};
use crate::model::Blocked;
use crate::requirement::requirements;
use crate::trail::{Coverage, Problem, ProblemKind};

use super::args::Source;

/// What is read to verify denials and to choose a source.
const FACTS: [FactId; 10] = [
    FactId::Caller,
    FactId::Role,
    FactId::RolePolicies,
    FactId::Boundary,
    FactId::BucketPolicy,
    FactId::BucketEncryption,
    FactId::Key,
    FactId::KeyPolicy,
    FactId::Organization,
    FactId::Trails,
];
/// What event history is searched for besides.
const HISTORY: [FactId; 3] = [FactId::HistoryAssumeRole, FactId::HistoryChanges, FactId::HistoryDenials];

/// A source and what is known of it.
struct Found {
    source: SourceKind,
    offers: Vec<Offer>,
    facts: Option<Facts>,
    /// What the trail records.
    logged: Option<Logged>,
}

impl Found {
    fn queried(source: SourceKind) -> Self {
        Self { source, offers: Vec::new(), facts: None, logged: None }
    }
}

/// A live search.
pub(super) struct Live<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) settings: Settings,
    pub(super) scope: Scope,
    pub(super) role: Option<RoleName>,
    /// Facts of a case file, for verification.
    pub(super) case: Option<Facts>,
}

impl Live<'_> {
    /// Searches and prints.
    pub(super) fn run(mut self) -> Ended {
        let args = self.run.args;
        // Queries are billed by what they read: without a start they go as far back as event history.
        self.scope.window.since.get_or_insert(self.settings.window_start());
        let runtime = runtime()?;
        let ended = if args.athena_ddl {
            self.ddl(&runtime)
        } else if let Some(store) = &args.lake {
            let archive = Archive::Lake { store: Some(store.clone()).filter(|store| !store.is_empty()) };
            self.archive(&runtime, &archive, Found::queried(SourceKind::Lake))
        } else if let Some(table) = &args.athena {
            let archive = Archive::Athena { table: table_name(table)?, workgroup: args.workgroup.clone() };
            self.archive(&runtime, &archive, Found::queried(SourceKind::Athena))
        } else {
            self.own_sources(&runtime)
        };
        runtime.shutdown_background();
        ended
    }

    fn role(&self) -> Result<RoleName, Failure> {
        self.role.clone().ok_or_else(|| {
            Failure::usage(
                "no role was given",
                "add --role with its name or ARN, or read logs of anybody with --logs",
            )
        })
    }

    /// The target as far as it is known: a bucket makes it the S3 destination.
    fn target(&self) -> Result<Target, Failure> {
        let mut connectors = Vec::new();
        if let Some(bucket) = &self.run.args.bucket {
            let bucket = target::bucket(bucket)?;
            let prefix = bucket.prefix.unwrap_or_default();
            let parameters = [("bucket", bucket.name), ("prefix", prefix)];
            connectors.push(ConnectorTarget {
                connector: "s3".to_owned(),
                parameters: parameters.map(|(name, value)| (name.to_owned(), value)).into(),
                definition: None,
            });
        }
        let region = self.settings.region.clone();
        Ok(Target { role: self.role()?, external_id: None, region, region_given: false, connectors })
    }

    fn collect(&self, runtime: &Runtime, facts: &[FactId], history: bool) -> Result<Collected, Failure> {
        let target = self.target()?;
        let screen = Screen::new(self.run.printer, &target);
        let mut settings = self.settings.clone();
        settings.facts = Some(facts.iter().copied().collect());
        if !history {
            settings.history = History::Off("another source is searched".to_owned());
        }
        let collected = runtime.block_on(collect(&settings, target, Catalog::built_in(), &screen));
        screen.clear();
        Ok(collected?)
    }

    /// The account's own sources: the cheapest that can show the denials, or the one named.
    fn own_sources(&mut self, runtime: &Runtime) -> Ended {
        let Collected { facts, interrupted } = self.collect(runtime, &FACTS, false)?;
        if interrupted {
            return Err(crate::collect::StartError::Interrupted.into());
        }
        self.sharpen(&facts);
        let wanted = Self::wanted(&facts);
        let bucket = self.bucket()?;
        let bucket = bucket.as_ref().map(|(name, prefix)| (name.as_str(), prefix.as_str()));
        let trails: &[Trail] = facts.trails.known().map_or(&[], Vec::as_slice);
        let mut offers = vec![Offer::event_history(&wanted, 2)];
        for trail in trails {
            let logged = trail
                .selectors
                .read("its event selectors")
                .map_err(|blocked| blocked.why)
                .map(|selectors| Logged::of(selectors.map_or(&[], Vec::as_slice), bucket));
            offers.push(Offer::trail(trail.arn.as_str(), &wanted, logged.as_ref().map_err(String::as_str)));
        }
        if let Err(blocked) = facts.trails.read("the account's trails") {
            offers.push(Offer::trail("", &wanted, Err(&blocked.why)));
        }
        let chosen = match self.run.args.source {
            Source::EventHistory => Some(0),
            Source::Trail => best_trail(&offers),
            Source::Auto => {
                let choice = choose(&offers);
                self.run.printer.note(&format!("Source: {}", choice.why));
                choice.chosen
            }
        };
        match chosen {
            Some(0) => {
                self.announce(SourceKind::EventHistory, None);
                self.event_history(runtime, offers, &wanted, bucket)
            }
            Some(at) => {
                let trail = &trails[at - 1];
                let archive =
                    Archive::TrailBucket { bucket: trail.bucket.clone(), prefix: trail.prefix.clone() };
                let selectors = trail.selectors.known();
                let logged = selectors.map(|selectors| Logged::of(selectors, bucket));
                let found =
                    Found { source: SourceKind::TrailBucket, offers, facts: Some(facts.clone()), logged };
                self.archive(runtime, &archive, found)
            }
            None => Err(Failure {
                message: "no source that could be reached can show these denials".to_owned(),
                hint: Some(reasons(&offers)),
                code: INCOMPLETE,
            }),
        }
    }

    /// A role given by its name alone is, in an account that was read, that account's.
    fn sharpen(&mut self, facts: &Facts) {
        if let Some(role) = facts.role.known() {
            self.scope.role = Some(crate::denials::RoleFilter::Arn(role.arn.clone()));
        }
    }

    fn bucket(&self) -> Result<Option<(String, String)>, Failure> {
        let Some(given) = &self.run.args.bucket else { return Ok(None) };
        let bucket = target::bucket(given)?;
        Ok(Some((bucket.name, bucket.prefix.unwrap_or_default())))
    }

    /// The kinds of events in which this connector's denials show; all kinds without a connector.
    fn wanted(facts: &Facts) -> Vec<Kind> {
        let needs = requirements(facts, Catalog::built_in());
        let kinds: BTreeSet<Kind> = needs.iter().map(|need| Kind::of_action(need.action)).collect();
        if kinds.is_empty() { Kind::ALL.to_vec() } else { kinds.into_iter().collect() }
    }

    fn event_history(
        &self,
        runtime: &Runtime,
        offers: Vec<Offer>,
        wanted: &[Kind],
        bucket: Option<(&str, &str)>,
    ) -> Ended {
        let facts: Vec<FactId> = FACTS.iter().chain(&HISTORY).copied().collect();
        let Collected { facts, interrupted } = self.collect(runtime, &facts, true)?;
        let mut gathered = Gathered::new(&self.scope);
        let mut looked = history(&facts, &mut gathered);
        looked.interrupted = interrupted;
        looked.duplicates = gathered.duplicates();
        let mut blind_spots = vec![
            "event history holds management events of the last 90 days only, and was asked for the role's \
             sessions and changes, not swept"
                .to_owned(),
        ];
        let objects = wanted.contains(&Kind::S3Objects);
        if objects {
            blind_spots.push(
                "calls on S3 objects (PutObject, GetObject): they are data events, which event history never \
                 holds; a refused write to an encrypted bucket shows as a denial of KMS"
                    .to_owned(),
            );
        }
        let partition = crate::requirement::partition(&facts.target);
        let searched = Searched {
            source: SourceKind::EventHistory,
            places: looked.regions.iter().map(|region| format!("in {region}")).collect(),
            kinds: vec![Kind::Management, Kind::Kms],
            looked: looked.finish(),
            billed_bytes: None,
            blind_spots,
            selector_to_add: objects.then(|| selector_to_add(partition.as_str(), bucket)),
        };
        self.answer(runtime, gathered, searched, offers, Some(&facts))
    }

    fn archive(&self, runtime: &Runtime, archive: &Archive, found: Found) -> Ended {
        let Found { source, offers, facts, logged } = found;
        // Verification is welcome, not necessary.
        let facts = match facts {
            None if self.case.is_none() && self.role.is_some() => {
                self.collect(runtime, &FACTS, false).ok().map(|collected| collected.facts)
            }
            facts => facts,
        };
        self.announce(source, logged.as_ref());
        let mut gathered = Gathered::new(&self.scope);
        let bar = self.run.bar();
        bar.set_message(format!("searching {}", source.as_str()));
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        let searched = {
            let mut sink = |event| gathered.add(event);
            let progress = crate::collect::Silent;
            archive::search(runtime.handle(), &self.settings, archive, &self.scope, &progress, &mut sink)
        };
        bar.finish_and_clear();
        let archive::Searched { mut looked, place, billed_bytes } = searched?;
        looked.duplicates = gathered.duplicates();
        let places = vec![place];
        let bucket = self.bucket()?;
        let bucket = bucket.as_ref().map(|(name, prefix)| (name.as_str(), prefix.as_str()));
        let partition = facts.as_ref().map(|facts| crate::requirement::partition(&facts.target));
        let partition = partition.as_ref().map_or("aws", |partition| partition.as_str());
        let mut searched = match (source, logged) {
            (SourceKind::TrailBucket, Some(logged)) => {
                Searched::trail(places, looked, &logged, partition, bucket)
            }
            (SourceKind::TrailBucket, None) => Searched::logs(source, places, looked),
            _ => Searched::queried(source, places, looked),
        };
        searched.billed_bytes = billed_bytes;
        self.answer(runtime, gathered, searched, offers, facts.as_ref())
    }

    /// Says what is about to be searched.
    fn announce(&self, source: SourceKind, logged: Option<&Logged>) {
        let window = self.scope.window;
        let since = window.since.map_or("the beginning".to_owned(), |since| since.to_string());
        let until = window.until.map_or("now".to_owned(), |until| until.to_string());
        let names = |values: &BTreeSet<String>| {
            if values.is_empty() {
                "all".to_owned()
            } else {
                values.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            }
        };
        let mut text = format!(
            "Searching {} from {since} to {until}, regions: {}",
            source.as_str(),
            names(&self.scope.regions)
        );
        if let Some(logged) = logged {
            let kinds: Vec<_> = logged.full.iter().map(|kind| kind.as_str()).collect();
            text = format!("{text}, recorded: {}", kinds.join(", "));
        }
        self.run.printer.note(&text);
    }

    fn answer(
        &self,
        runtime: &Runtime,
        gathered: Gathered<'_>,
        searched: Searched,
        offers: Vec<Offer>,
        facts: Option<&Facts>,
    ) -> Ended {
        let facts = self.case.as_ref().or(facts);
        let mut answer = Answer::of(gathered, searched, facts, &Catalog::built_in().vendor.account);
        answer.sources = offers;
        if self.run.args.decode {
            for denied in &mut answer.denials {
                let Some(encoded) = &denied.group.encoded else { continue };
                match decode(runtime, &self.settings, encoded)? {
                    Ok(decoded) => denied.decoded = Some(decoded),
                    Err(blocked) => answer.notes.push(not_decoded(&blocked)),
                }
            }
            answer.notes.dedup();
        }
        self.run.print(answer)
    }

    /// Prints the definition of a table over the trail's logs.
    fn ddl(&self, runtime: &Runtime) -> Ended {
        let table = table_name(self.run.args.athena.as_deref().unwrap_or("default.cloudtrail_logs"))?;
        let Collected { facts, .. } =
            self.collect(runtime, &[FactId::Caller, FactId::Organization, FactId::Trails], false)?;
        let unread = |blocked: Blocked| Failure {
            message: format!("{} cannot be read: {}", blocked.what, blocked.why),
            hint: blocked.grant.map(|grant| format!("grant {grant} to whoever runs the doctor")),
            code: INCOMPLETE,
        };
        let trails = facts.trails.read("the account's trails").map_err(unread)?;
        let Some(trail) = trails.and_then(|trails| trails.iter().max_by_key(|trail| trail.organization))
        else {
            return Err(Failure {
                message: "there is no trail in this region".to_owned(),
                hint: Some("give the trail's region with --region".to_owned()),
                code: INCOMPLETE,
            });
        };
        let organization = match (trail.organization, &facts.organization) {
            (false, _) => None,
            (true, Fact::Known(organization)) => Some(organization.id.clone()),
            (true, other) => {
                return Err(other.read("the organisation").err().map_or_else(
                    || {
                        Failure::usage(
                            "the trail belongs to an organisation that is not this account's",
                            "run it there",
                        )
                    },
                    unread,
                ));
            }
        };
        let own = facts.caller.known().map(|caller| caller.account.as_str().to_owned());
        let accounts = if self.scope.accounts.is_empty() {
            own.into_iter().collect()
        } else {
            self.scope.accounts.iter().cloned().collect()
        };
        let all = || regions::all().map(str::to_owned).collect();
        let regions = match (&self.scope.regions, trail.multi_region) {
            (given, _) if !given.is_empty() => given.iter().cloned().collect(),
            (_, true) => all(),
            (_, false) => vec![trail.home_region.clone()],
        };
        let from = self.scope.window.since.unwrap_or(self.settings.window_start());
        let layout = TableLayout {
            bucket: trail.bucket.clone(),
            prefix: trail.prefix.as_deref().map(|prefix| prefix.trim_matches('/').to_owned()),
            organization,
            accounts,
            regions,
            from_day: from.strftime("%Y/%m/%d").to_string(),
        };
        if trail.organization && self.scope.accounts.is_empty() {
            self.run
                .printer
                .warning("only this account is in the table: name the organisation's with --account A,B,C");
        }
        self.run.printer.out(&athena_ddl(&table, &layout))?;
        Ok(0)
    }
}

/// Opens an encoded message.
pub(super) fn decode(
    runtime: &Runtime,
    settings: &Settings,
    encoded: &str,
) -> Result<Result<serde_json::Value, Blocked>, Failure> {
    Ok(archive::decode(runtime.handle(), settings, encoded, &crate::collect::Silent)?)
}

/// Why a message was not opened.
pub(super) fn not_decoded(blocked: &Blocked) -> String {
    let grant = blocked.grant.as_ref().map(|grant| format!(" (grant {grant})")).unwrap_or_default();
    format!("the encoded message was not opened: {}{grant}", blocked.why)
}

/// Threads for calls.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Failure::usage(format!("no threads can be started: {error}"), "check the limits of this shell")
    })
}

fn table_name(given: &str) -> Result<TableName, Failure> {
    given.parse::<TableName>().map_err(|error| Failure::usage(error.to_string(), "such as logs.cloudtrail"))
}

/// The trail that shows most, whatever event history can do.
fn best_trail(offers: &[Offer]) -> Option<usize> {
    choose(&offers[1..]).chosen.map(|at| at + 1)
}

fn reasons(offers: &[Offer]) -> String {
    let reasons: Vec<String> = offers
        .iter()
        .filter_map(|offer| match &offer.verdict {
            Verdict::None { why } => Some(format!("{} {}: {why}", offer.source.as_str(), offer.name)),
            _ => None,
        })
        .collect();
    reasons.join("; ")
}

/// The events that event history gave, and how much of it was read.
fn history(facts: &Facts, gathered: &mut Gathered<'_>) -> Coverage {
    let mut looked = Coverage::default();
    for query in &facts.history.queries {
        looked.regions.insert(query.region.clone());
        let place = format!("event history of {} by {}", query.region, query.filter.attribute);
        let mut lost = |detail: String| {
            let kind = ProblemKind::Unreadable { detail };
            looked.problems.push(Problem { file: place.clone(), kind, records_kept: 0 });
        };
        if query.incomplete {
            lost("older events were left unread".to_owned());
        }
        match query.events.read(&place) {
            Ok(events) => {
                for event in events.into_iter().flatten() {
                    looked.records += 1;
                    looked.see_time(event.event_time);
                    gathered.add(event.clone());
                }
            }
            Err(blocked) => lost(blocked.why),
        }
    }
    if let (true, Some(why)) = (facts.history.queries.is_empty(), &facts.history.switched_off) {
        let kind = ProblemKind::Unreadable { detail: why.clone() };
        looked.problems.push(Problem { file: "event history".to_owned(), kind, records_kept: 0 });
    }
    looked
}
