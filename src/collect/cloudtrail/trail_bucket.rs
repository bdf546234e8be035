//! A trail's log files in S3: lists only the day folders needed, fetches many at once, and scans
//! while it fetches.
//!
//! Round trips are hidden behind each other: folders are listed side by side, files are fetched as
//! soon as a page names them, and what has come is scanned on threads of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::Client;
use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::archive::{Searched, asked, endless, problem};
use super::folders::{Folders, roots};
use super::scan::{ObjectScanner, ReadyQuery, query_of};
use crate::collect::client::Aws;
use crate::collect::operations::{GET_OBJECT, LIST_OBJECTS};
use crate::collect::pages::Pages;
use crate::collect::progress::Search;
use crate::denials::Scope;
use crate::facts::Fact;
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
/// Files that are refused, with none that is not, before no more are asked for.
const REFUSALS: u64 = 20;

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
    refused: AtomicU64,
    /// Files that were not asked for, since all before them were refused.
    unasked: AtomicU64,
}

impl Counts {
    /// Whether the next file would be refused as all before it were.
    fn is_shut(&self) -> bool {
        self.refused.load(Ordering::Relaxed) >= REFUSALS && self.scanned.load(Ordering::Relaxed) == 0
    }

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
        looked.merge(runtime.block_on(fetching.run(sender)));
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
    let call = client.list_objects_v2().bucket(bucket).prefix(&roots(prefix)[0]).max_keys(1).send();
    asked(aws, &LIST_OBJECTS, call).await.map(drop)
}

/// A client in the bucket's own region.
async fn client(aws: &Aws<'_>, bucket: &str) -> Result<Client, Blocked> {
    let head = crate::collect::s3::head(aws, bucket, None).await;
    let what = format!("the bucket {bucket}");
    let Some(head) = head.read(&what)? else {
        return Err(Blocked::new(what, "there is no such bucket"));
    };
    Ok(aws.s3(Some(&head.region)))
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
    async fn run(&self, sender: mpsc::Sender<Fetched>) -> Coverage {
        let mut looked = Coverage::default();
        let client = match client(self.aws, self.bucket).await {
            Ok(client) => client,
            Err(blocked) => {
                looked.problems.push(problem(&format!("s3://{}", self.bucket), &blocked));
                return looked;
            }
        };
        let Self { aws, bucket, prefix, scope, now, .. } = *self;
        let folders = Folders { aws, client: &client, bucket, prefix, scope, now };
        let folders = folders.days(&mut looked).await;
        let problems = Mutex::new(Vec::new());
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
        looked.problems.extend(problems.into_inner().unwrap_or_else(PoisonError::into_inner));
        let unasked = self.counts.unasked.load(Ordering::Relaxed);
        if unasked > 0 {
            let place = format!("s3://{bucket}: {unasked} more files");
            looked.lacks(&place, "they were not asked for, since all before them were refused");
        }
        looked
    }

    /// Hands on every file of a folder, page by page.
    async fn list(&self, client: &Client, folder: &str, names: mpsc::Sender<Listed>) -> Result<(), Blocked> {
        let (mut pages, mut token) = (Pages::default(), None);
        loop {
            let call = client.list_objects_v2().bucket(self.bucket).prefix(folder);
            let page = asked(self.aws, &LIST_OBJECTS, call.set_continuation_token(token).send()).await?;
            self.counts.listed.fetch_add(page.contents().len() as u64, Ordering::Relaxed);
            for object in page.contents() {
                let Some(key) = object.key() else { continue };
                let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                if names.send(Listed { key: key.to_owned(), size }).await.is_err() {
                    return Ok(());
                }
            }
            let (marker, goes_on) = (page.next_continuation_token(), page.is_truncated());
            let next = pages.next_if(goes_on.unwrap_or(marker.is_some()), marker);
            token = next.map_err(|_| endless(&LIST_OBJECTS))?;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// Fetches a file; none when it was not asked for, since all before it were refused.
    async fn fetch(&self, client: &Client, file: &Listed) -> Result<Option<Fetched>, Blocked> {
        let kib = u32::try_from(file.size / 1024 + 1).unwrap_or(BUDGET_KIB).min(BUDGET_KIB);
        // The semaphore is never closed.
        let Ok(share) = Arc::clone(&self.budget).acquire_many_owned(kib).await else { return Ok(None) };
        if self.counts.is_shut() {
            self.counts.unasked.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        let unread = |why: String, grant: Option<String>| {
            Err(Blocked { grant, ..Blocked::new("the log file", alike(&why, &file.key)) })
        };
        let mut why = String::new();
        for _ in 0..ATTEMPTS {
            let call = client.get_object().bucket(self.bucket).key(&file.key).send();
            let answer = match self.aws.ask(&GET_OBJECT, call).await {
                Fact::Known(answer) => answer,
                Fact::Denied(refusal) => {
                    self.counts.refused.fetch_add(1, Ordering::Relaxed);
                    return unread(refusal.message, Some(refusal.action));
                }
                Fact::Failed(failure) => return unread(failure.message, None),
                Fact::Absent => return unread("it was deleted after it was listed".to_owned(), None),
                Fact::NotAsked(reason) => return unread(reason, None),
            };
            match answer.body.collect().await {
                Ok(bytes) => {
                    return Ok(Some(Fetched { key: file.key.clone(), bytes: bytes.to_vec(), _share: share }));
                }
                Err(error) => why = format!("the transfer broke off: {error}"),
            }
        }
        unread(why, None)
    }
}

/// What AWS said of a file, in the words in which it says the same of others: without the file's name and
/// the request's.
fn alike(said: &str, key: &str) -> String {
    let said = said.replace(key, "*");
    match said.rsplit_once(" [request ") {
        Some((before, request)) if request.ends_with(']') => before.to_owned(),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_different_files_are_put_in_the_same_words() {
        let said = |key: &str, request: &str| {
            let text = format!(
                "AccessDenied (HTTP 403): User: u is not authorized to perform: kms:Decrypt on resource: \"arn:aws:s3:::logs/{key}\" [request {request}]"
            );
            alike(&text, key)
        };
        assert_eq!(said("AWSLogs/a.json.gz", "1"), said("AWSLogs/b.json.gz", "2"));
        assert!(said("AWSLogs/a.json.gz", "1").ends_with("\"arn:aws:s3:::logs/*\""));
    }
}
