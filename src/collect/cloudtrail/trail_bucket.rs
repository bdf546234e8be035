//! A trail's log files in S3: lists only the day folders needed, fetches many at once, and scans
//! while it fetches.
//!
//! Round trips are hidden behind each other: folders are listed side by side, files are fetched as
//! soon as a page names them, and what has come is scanned on threads of its own.
//! Layout: `[prefix/]AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/`.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::Client;
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::archive::{Searched, asked, problem};
use super::scan::{ObjectScanner, ReadyQuery, query_of};
use crate::collect::client::Aws;
use crate::collect::operations::{GET_OBJECT, LIST_OBJECTS};
use crate::collect::progress::Search;
use crate::denials::{RoleFilter, Scope};
use crate::model::Blocked;
use crate::trail::{Coverage, Event, Problem};

/// Files on their way at once: with 50 ms to the first byte, 5,000 files a second.
const FETCHES: usize = 256;
/// Folders listed at once.
const LISTINGS: usize = 64;
/// Bytes on their way or waiting to be scanned; a log file has at most 50 MB.
/// Counted in KiB, since a semaphore counts in 32 bits.
const BUDGET_KIB: u32 = 256 * 1024;
/// Attempts at a file whose transfer breaks off.
const ATTEMPTS: u32 = 3;
/// Days back when nobody says since when: as far as event history goes.
const DAYS: i64 = 90;

/// A file fetched, with its share of the budget.
struct Fetched {
    key: String,
    bytes: Vec<u8>,
    _share: OwnedSemaphorePermit,
}

/// A file that a listing named.
struct Listed {
    key: String,
    size: u64,
}

/// How far the search is.
#[derive(Default)]
struct Counts {
    listed: AtomicU64,
    scanned: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    fn scanned(&self, bytes: usize) {
        self.scanned.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn told(&self) -> Search {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Search::Files { listed: of(&self.listed), scanned: of(&self.scanned), bytes: of(&self.bytes) }
    }
}

/// Searches the log files of a trail. `now` ends a window that has no end.
pub(super) fn search(
    runtime: &Handle,
    aws: &Aws<'_>,
    bucket: &str,
    prefix: Option<&str>,
    scope: &Scope,
    now: Timestamp,
    sink: &mut (dyn FnMut(Event) + Send),
) -> Searched {
    let query = query_of(scope);
    let ready = ReadyQuery::new(&query);
    let (sender, receiver) = mpsc::channel::<Fetched>(FETCHES);
    let receiver = Mutex::new(receiver);
    let sink = Mutex::new(sink);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut looked = Coverage::default();
    let counts = Counts::default();
    std::thread::scope(|threads_scope| {
        let work = || {
            let mut scanner = ObjectScanner::new(&ready);
            loop {
                // The guard is dropped before the scan.
                let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                let Some(fetched) = next else { break };
                let events = scanner.scan(&fetched.key, &fetched.bytes);
                counts.scanned(fetched.bytes.len());
                aws.progress().searching(counts.told());
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                events.into_iter().for_each(&mut **sink);
            }
            scanner.finish()
        };
        let workers: Vec<_> = (0..threads).map(|_| threads_scope.spawn(work)).collect();
        let fetching = Fetching {
            aws,
            bucket,
            prefix,
            scope,
            now,
            budget: Arc::new(Semaphore::new(BUDGET_KIB as usize)),
            counts: &counts,
        };
        let problems = runtime.block_on(fetching.run(sender));
        looked.problems.extend(problems);
        for worker in workers {
            match worker.join() {
                Ok(coverage) => looked.merge(coverage),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    Searched { looked, place: format!("s3://{bucket}/{}", prefix.unwrap_or_default()), billed_bytes: None }
}

/// Whether the log files can be listed; if not, why.
pub(super) async fn can_list(aws: &Aws<'_>, bucket: &str, prefix: Option<&str>) -> Result<(), Blocked> {
    let client = client(aws, bucket).await?;
    let call = client.list_objects_v2().bucket(bucket).prefix(root(prefix)).max_keys(1).send();
    asked(aws, &LIST_OBJECTS, call).await.map(drop)
}

/// A client in the bucket's own region.
async fn client(aws: &Aws<'_>, bucket: &str) -> Result<Client, Blocked> {
    let head = crate::collect::s3::head(aws, bucket, None).await;
    let what = format!("the bucket {bucket}");
    let Some(head) = head.read(&what)? else {
        return Err(Blocked {
            what,
            why: "there is no such bucket".to_owned(),
            grant: None,
            hint: None,
            concerns: Vec::new(),
        });
    };
    Ok(aws.s3(Some(&head.region)))
}

/// The folder in which all log files are.
fn root(prefix: Option<&str>) -> String {
    let prefix = prefix.map(|prefix| prefix.trim_matches('/')).filter(|prefix| !prefix.is_empty());
    prefix.map_or_else(|| "AWSLogs/".to_owned(), |prefix| format!("{prefix}/AWSLogs/"))
}

struct Fetching<'a> {
    aws: &'a Aws<'a>,
    bucket: &'a str,
    prefix: Option<&'a str>,
    scope: &'a Scope,
    now: Timestamp,
    budget: Arc<Semaphore>,
    counts: &'a Counts,
}

impl Fetching<'_> {
    /// Lists and fetches all that is needed; gives what went wrong.
    async fn run(&self, sender: mpsc::Sender<Fetched>) -> Vec<Problem> {
        let client = match client(self.aws, self.bucket).await {
            Ok(client) => client,
            Err(blocked) => return vec![problem(&format!("s3://{}", self.bucket), &blocked)],
        };
        let mut problems = Vec::new();
        let folders = self.day_folders(&client, &mut problems).await;
        let problems = Mutex::new(problems);
        let note = |found: Problem| problems.lock().unwrap_or_else(PoisonError::into_inner).push(found);
        let (names, mut listed) = mpsc::channel::<Listed>(4 * FETCHES);
        let listing = async {
            let (client, note) = (&client, &note);
            stream::iter(folders)
                .for_each_concurrent(LISTINGS, |folder| {
                    let names = names.clone();
                    async move {
                        if let Err(blocked) = self.list(client, &folder, names).await {
                            note(problem(&format!("s3://{}/{folder}", self.bucket), &blocked));
                        }
                    }
                })
                .await;
            drop(names);
        };
        let fetching = async {
            let (client, note, sender) = (&client, &note, &sender);
            let arrivals = stream::poll_fn(|context| listed.poll_recv(context));
            arrivals
                .for_each_concurrent(FETCHES, |file| async move {
                    match self.fetch(client, &file).await {
                        // The scanners end only after the last file: nobody is gone.
                        Ok(Some(fetched)) => drop(sender.send(fetched).await),
                        Ok(None) => {}
                        Err(blocked) => note(problem(&file.key, &blocked)),
                    }
                })
                .await;
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(listing, fetching) } => {}
            () = self.aws.stopped() => {}
        }
        problems.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The day folders of all accounts and regions that are wanted.
    async fn day_folders(&self, client: &Client, problems: &mut Vec<Problem>) -> Vec<String> {
        let mut accounts = Vec::new();
        let mut open = vec![root(self.prefix)];
        // An organisation's trail has one more level, `o-…`.
        for _ in 0..2 {
            let levels = join_all(open.iter().map(|root| self.folders(client, root))).await;
            let mut next = Vec::new();
            for (root, level) in open.iter().zip(levels) {
                match level {
                    Ok(names) => {
                        for name in names {
                            if name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()) {
                                accounts.push((format!("{root}{name}/CloudTrail/"), name));
                            } else if name.starts_with("o-") {
                                next.push(format!("{root}{name}/"));
                            }
                        }
                    }
                    Err(blocked) => problems.push(problem(&format!("s3://{}/{root}", self.bucket), &blocked)),
                }
            }
            open = next;
        }
        accounts.retain(|(_, account)| self.wants_account(account));
        let regions = join_all(accounts.iter().map(|(root, _)| self.folders(client, root))).await;
        let mut folders = Vec::new();
        let days = self.days();
        for ((root, _), regions) in accounts.iter().zip(regions) {
            match regions {
                Ok(regions) => {
                    let wanted = &self.scope.regions;
                    for region in
                        regions.iter().filter(|region| wanted.is_empty() || wanted.contains(*region))
                    {
                        folders.extend(days.iter().map(|day| format!("{root}{region}/{day}/")));
                    }
                }
                Err(blocked) => problems.push(problem(&format!("s3://{}/{root}", self.bucket), &blocked)),
            }
        }
        folders
    }

    /// The accounts asked for; else the role's own, in whose trail its calls are recorded; else all.
    fn wants_account(&self, account: &str) -> bool {
        match (&self.scope.role, self.scope.accounts.is_empty()) {
            (_, false) => self.scope.accounts.contains(account),
            (Some(RoleFilter::Arn(role)), true) => role.account() == account,
            _ => true,
        }
    }

    /// `2026/03/02` of every day of the window and, since folders are named by the day of delivery,
    /// of the one after it.
    fn days(&self) -> Vec<String> {
        let until = self.scope.window.until.unwrap_or(self.now).min(self.now);
        let earliest = until.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(until);
        let mut day = self.scope.window.since.unwrap_or(earliest);
        let last = until.checked_add(SignedDuration::from_hours(24)).unwrap_or(until);
        let name = |time: Timestamp| time.strftime("%Y/%m/%d").to_string();
        let mut days = Vec::new();
        while name(day) <= name(last) {
            days.push(name(day));
            match day.checked_add(SignedDuration::from_hours(24)) {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        days
    }

    /// The names of the folders in a folder.
    async fn folders(&self, client: &Client, root: &str) -> Result<Vec<String>, Blocked> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let call = client
                .list_objects_v2()
                .bucket(self.bucket)
                .prefix(root)
                .delimiter("/")
                .set_continuation_token(token.take());
            let page = asked(self.aws, &LIST_OBJECTS, call.send()).await?;
            let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
            names.extend(folders.filter_map(|name| {
                name.strip_prefix(root).map(|name| name.trim_end_matches('/').to_owned())
            }));
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// Hands on every file of a folder, page by page.
    async fn list(&self, client: &Client, folder: &str, names: mpsc::Sender<Listed>) -> Result<(), Blocked> {
        let mut token = None;
        loop {
            let call = client
                .list_objects_v2()
                .bucket(self.bucket)
                .prefix(folder)
                .set_continuation_token(token.take());
            let page = asked(self.aws, &LIST_OBJECTS, call.send()).await?;
            self.counts.listed.fetch_add(page.contents().len() as u64, Ordering::Relaxed);
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                if names.send(Listed { key: key.to_owned(), size }).await.is_err() {
                    return Ok(());
                }
            }
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// Fetches a file; none when it was deleted since it was listed.
    async fn fetch(&self, client: &Client, file: &Listed) -> Result<Option<Fetched>, Blocked> {
        let kib = u32::try_from(file.size / 1024 + 1).unwrap_or(BUDGET_KIB).min(BUDGET_KIB);
        // The semaphore is never closed.
        let Ok(share) = Arc::clone(&self.budget).acquire_many_owned(kib).await else { return Ok(None) };
        let mut why = String::new();
        for _ in 0..ATTEMPTS {
            let call = client.get_object().bucket(self.bucket).key(&file.key).send();
            let answer = match self.aws.ask(&GET_OBJECT, call).await {
                crate::facts::Fact::Absent => return Ok(None),
                crate::facts::Fact::Known(answer) => answer,
                unread => return unread.read(&file.key).map(|_: Option<&_>| None),
            };
            match answer.body.collect().await {
                Ok(bytes) => {
                    return Ok(Some(Fetched { key: file.key.clone(), bytes: bytes.to_vec(), _share: share }));
                }
                Err(error) => why = format!("the transfer broke off: {error}"),
            }
        }
        Err(Blocked { what: file.key.clone(), why, grant: None, hint: None, concerns: Vec::new() })
    }
}
