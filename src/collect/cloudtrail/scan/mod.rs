//! Scans CloudTrail log files, from folders, single files, standard input and memory, at the
//! speed of decompression.
//!
//! Every worker lists, reads, inflates and looks through files with its own buffers. Text as
//! CloudTrail writes it takes one pass (`native`); all else is taken apart and parsed in full
//! (`split`, `carrier`); what is too large or broken goes through a stream (`stream`) that keeps
//! what is good. How fast and against what limit: `benches/scan.rs`.

mod carrier;
mod file;
mod form;
mod inflate;
mod layout;
mod marks;
mod native;
mod query;
mod split;
mod stream;
mod tally;
mod waiting;
mod walk;
mod wide;

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub(in crate::collect::cloudtrail) use carrier::parse;
use file::{Given, Scanner};
use jiff::{SignedDuration, Timestamp};
use layout::{Kind, Place};
use query::Compiled;
pub use query::{Query, query_of};
use waiting::Waiting;
use walk::{Folders, Found};

use crate::trail::{Coverage, EARLIER_CHANGES, Event, EventRef, Problem, ProblemKind, Sink};

/// Where logs are.
pub enum Input {
    /// A file, or a folder with all that is in it.
    Path(PathBuf),
    /// What can be read once, such as standard input, and what to call it.
    Reader(String, Box<dyn Read + Send>),
}

/// How to go about a scan.
#[derive(Default)]
pub struct Options<'a> {
    /// Workers; zero for one per processor.
    pub threads: usize,
    /// Set from elsewhere, it ends the scan soon: what was found so far is given, and the
    /// coverage says that it was interrupted.
    pub cancel: Option<&'a AtomicBool>,
    /// Called from the calling thread about ten times a second.
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files read.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Events found, copies included.
    pub found: u64,
}

/// Scans `inputs` and hands every event that `query` wants to `sink`, copies included, in no
/// particular order.
///
/// All workers share the one sink. Where many events may be found, give each a sink of its own:
/// [`scan_into`].
pub fn scan(
    inputs: Vec<Input>,
    query: &Query,
    options: Options<'_>,
    sink: impl FnMut(Event) + Send,
) -> Coverage {
    let sink = Mutex::new(sink);
    scan_into(inputs, query, options, || Shared(&sink)).0
}

/// A sink shared by all workers.
struct Shared<'s, F>(&'s Mutex<F>);

impl<F: FnMut(Event)> Sink for Shared<'_, F> {
    fn event(&mut self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)(event);
    }

    fn record(&mut self, record: &EventRef<'_>) {
        if let Some(event) = record.to_event() {
            self.event(event);
        }
    }
}

/// Scans `inputs` and hands every event that `query` wants, copies included and in no particular
/// order, to the sink of the worker that found it. Gives the sinks with what was covered.
///
/// Never fails as a whole: what could not be read stands in the coverage's problems. Memory is
/// bounded by a few files per worker, whatever the archive's size.
pub fn scan_into<S: Sink + Send>(
    inputs: Vec<Input>,
    query: &Query,
    options: Options<'_>,
    mut sink: impl FnMut() -> S,
) -> (Coverage, Vec<S>) {
    let compiled = Compiled::new(query);
    let (mut folders, mut singles) = (Vec::new(), Vec::new());
    for input in inputs {
        match input {
            Input::Path(path) if path.is_dir() => folders.push(path),
            other => singles.push(Mutex::new(Some(other))),
        }
    }
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let job = Job {
        compiled: &compiled,
        cancel: options.cancel,
        folders: Folders::new(folders),
        singles,
        next_single: AtomicUsize::new(0),
        counters: Counters::default(),
        running: AtomicUsize::new(threads),
        caller: std::thread::current(),
    };
    let (mut coverage, mut sinks) = (Coverage::default(), Vec::new());
    std::thread::scope(|scope| {
        let job = &job;
        let start = |sink: S| scope.spawn(move || job.work(sink));
        let workers: Vec<_> = (0..threads).map(|_| start(sink())).collect();
        if let Some(progress) = options.progress {
            while job.running.load(Ordering::Acquire) > 0 {
                std::thread::park_timeout(Duration::from_millis(100));
                progress(job.counters.read());
            }
            progress(job.counters.read());
        }
        for worker in workers {
            match worker.join() {
                Ok((covered, sink)) => {
                    coverage.merge(covered);
                    sinks.push(sink);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    (coverage.finish(), sinks)
}

/// Scans objects that are already in memory, such as those fetched from S3: one per thread.
pub struct ObjectScanner<'q> {
    scanner: Scanner<'q, Vec<Event>>,
}

/// A query made ready for [`ObjectScanner`]s.
pub struct ReadyQuery<'q>(Compiled<'q>);

impl<'q> ReadyQuery<'q> {
    /// Makes a query ready.
    pub fn new(query: &'q Query) -> Self {
        Self(Compiled::new(query))
    }
}

impl<'q> ObjectScanner<'q> {
    /// A scanner with buffers of its own.
    pub fn new(query: &'q ReadyQuery<'q>) -> Self {
        Self { scanner: Scanner::new(&query.0, None, Vec::new()) }
    }

    /// Scans an object, named by its key, and gives the events wanted, copies included.
    pub fn scan(&mut self, key: &str, object: &[u8]) -> Vec<Event> {
        match layout::kind_of_key(key) {
            Kind::Log(place) => self.scanner.scan_object(key, object, place),
            other => pass_over(&mut self.scanner.coverage, &other),
        }
        std::mem::take(&mut self.scanner.sink)
    }

    /// What was covered.
    pub fn finish(self) -> Coverage {
        self.scanner.coverage.finish()
    }
}

/// How far a file's clock may be behind.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// What the workers share.
struct Job<'a> {
    compiled: &'a Compiled<'a>,
    cancel: Option<&'a AtomicBool>,
    folders: Folders,
    singles: Vec<Mutex<Option<Input>>>,
    next_single: AtomicUsize,
    counters: Counters,
    running: AtomicUsize,
    /// Who waits for the workers and tells the progress.
    caller: std::thread::Thread,
}

#[derive(Default)]
struct Counters {
    files: AtomicU64,
    bytes: AtomicU64,
    found: AtomicU64,
}

impl Counters {
    fn read(&self) -> Progress {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress { files: read(&self.files), bytes: read(&self.bytes), found: read(&self.found) }
    }
}

impl Job<'_> {
    fn work<S: Sink>(&self, sink: S) -> (Coverage, S) {
        let mut scanner = Scanner::new(self.compiled, self.cancel, sink);
        self.work_on_singles(&mut scanner);
        self.work_on_folders(&mut scanner);
        self.running.fetch_sub(1, Ordering::Release);
        self.caller.unpark();
        (scanner.coverage, scanner.sink)
    }

    fn work_on_singles<S: Sink>(&self, scanner: &mut Scanner<'_, S>) {
        while let Some(single) = self.singles.get(self.next_single.fetch_add(1, Ordering::Relaxed)) {
            let input = single.lock().unwrap_or_else(PoisonError::into_inner).take();
            match input {
                Some(Input::Path(path)) => self.scan_single(scanner, path),
                Some(Input::Reader(name, reader)) => self.scan_reader(scanner, &name, || Ok(reader)),
                None => {}
            }
            if self.account_for(scanner) {
                return;
            }
        }
    }

    /// A single file may be anything by its name; its content decides.
    fn scan_single<S: Sink>(&self, scanner: &mut Scanner<'_, S>, path: PathBuf) {
        let shown = path.to_string_lossy().into_owned();
        let is_special = |data: std::fs::Metadata| !data.is_file() && !data.is_dir();
        if path.metadata().is_ok_and(is_special) {
            return self.scan_reader(scanner, &shown, move || File::open(path));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let place = match layout::kind("", &name) {
            Kind::Log(place) => place,
            _ => Place::default(),
        };
        scanner.scan_file(File::open(&path), Given::Named, place, &name, || shown);
    }

    /// What can be read once, and may keep its reader waiting.
    fn scan_reader<S: Sink, R: Read>(
        &self,
        scanner: &mut Scanner<'_, S>,
        name: &str,
        open: impl FnOnce() -> std::io::Result<R> + Send + 'static,
    ) {
        match self.cancel {
            Some(cancel) => scanner.scan_reader(name, Waiting::new(open, cancel)),
            None => match open() {
                Ok(reader) => scanner.scan_reader(name, reader),
                Err(error) => {
                    let kind = ProblemKind::Unreadable { detail: error.to_string() };
                    let problem = Problem { file: name.to_owned(), kind, records_kept: 0 };
                    scanner.coverage.problems.push(problem);
                }
            },
        }
    }

    fn work_on_folders<S: Sink>(&self, scanner: &mut Scanner<'_, S>) {
        let (mut files, mut unlisted) = (Vec::new(), Vec::new());
        while !self.is_cancelled(scanner) && self.folders.next(&mut files, &mut unlisted) {
            for found in files.drain(..) {
                self.scan_found(scanner, &found);
                if self.account_for(scanner) {
                    return;
                }
            }
        }
        for (path, error) in unlisted {
            let kind = ProblemKind::Unreadable { detail: error.to_string() };
            let file = path.to_string_lossy().into_owned();
            scanner.coverage.problems.push(Problem { file, kind, records_kept: 0 });
        }
    }

    fn scan_found<S: Sink>(&self, scanner: &mut Scanner<'_, S>, found: &Found) {
        let name = found.name.to_string_lossy();
        match layout::kind(&found.folder.relative, &name) {
            Kind::Log(place) if self.is_before_window(&place) => scanner.coverage.earlier_files += 1,
            Kind::Log(place) => {
                // Whatever bears a log's name was one.
                let named = place.delivered.is_some() || name.ends_with(".json.gz");
                let given = if named { Given::Named } else { Given::Found };
                scanner.scan_file(found.open(), given, place, &name, || found.path());
            }
            other => pass_over(&mut scanner.coverage, &other),
        }
    }

    /// Whether a file was delivered so long before the window that no record of it can lie within, and neither can
    /// a change that would explain what is denied there, where such are wanted.
    ///
    /// The other way round nothing can be said: a file may hold records of any earlier time.
    fn is_before_window(&self, place: &Place<'_>) -> bool {
        let before = |from: Timestamp, delivered: Timestamp| {
            let margin = if self.compiled.wants_history() { EARLIER_CHANGES } else { LATE };
            from.checked_sub(margin).is_ok_and(|from| delivered < from)
        };
        match (self.compiled.query.from, place.delivered) {
            (Some(from), Some(delivered)) => before(from, delivered),
            _ => false,
        }
    }

    /// Tells what a file brought; true when the scan is to end.
    fn account_for<S: Sink>(&self, scanner: &mut Scanner<'_, S>) -> bool {
        self.counters.files.fetch_add(1, Ordering::Relaxed);
        self.counters.bytes.fetch_add(scanner.new_bytes(), Ordering::Relaxed);
        self.counters.found.fetch_add(std::mem::take(&mut scanner.found), Ordering::Relaxed);
        self.is_cancelled(scanner)
    }

    fn is_cancelled<S: Sink>(&self, scanner: &mut Scanner<'_, S>) -> bool {
        let cancelled = self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        scanner.coverage.interrupted |= cancelled;
        cancelled
    }
}

fn pass_over(coverage: &mut Coverage, kind: &Kind<'_>) {
    match kind {
        Kind::Digest => coverage.digests += 1,
        Kind::Insight => coverage.insights += 1,
        Kind::Log(_) | Kind::Other => coverage.other_files += 1,
    }
}
