//! The log scanner against its limit: listing, reading and inflating the same files and nothing
//! else.
//!
//! ```text
//! cargo bench --bench scan -- ARCHIVE [ROLE-ARN] [--threads 2] [--runs 7] [--history] [--all] [--only limit|scan]
//! ```
//!
//! `ARCHIVE` is a folder of CloudTrail logs; without one, a small archive is made in a temporary
//! folder. What is found is gathered into groups, as `denials --logs` does; `--history` adds the
//! role's history, which the command always looks for, and `--all` looks for everybody's denials.
//!
//! The limit lists first, then reads each file whole and inflates it with libdeflate into a buffer
//! used again. Runs of both alternate, and whoever goes first alternates too, so that other work on
//! the machine falls on both. The files should be in the page cache: the first round is not
//! counted.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops at the first surprise"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use streamkap_doctor::collect::cloudtrail::scan::{Input, Options, query_of, scan_into};
use streamkap_doctor::denials::{Gathered, RoleFilter, Scope};
use streamkap_doctor::trail::RoleNow;

fn main() {
    let arguments = Arguments::read();
    let archive = arguments.archive.clone().unwrap_or_else(make_archive);
    let role =
        arguments.role.as_deref().filter(|_| !arguments.all).map(|role| role.parse().expect("a role's ARN"));
    let scope = Scope { role: role.map(RoleFilter::Arn), ..Scope::default() };
    let measures = |what: &str| arguments.only.as_deref().is_none_or(|only| only == what);
    let mut runs = Runs::default();
    for run in 0..=arguments.runs {
        let mut text = 0;
        let (mut limited, mut scanned) = (Spent::default(), Spent::default());
        for limit_next in [run % 2 == 0, run % 2 == 1] {
            if limit_next && measures("limit") {
                limited = Spent::by(|| text = limit(&archive, arguments.threads));
            } else if !limit_next && measures("scan") {
                scanned = Spent::by(|| runs.found = run_scan(&archive, &scope, &arguments));
            }
        }
        if run > 0 {
            println!(
                "limit {:?} scan {:?} ratio {:.3} ({} MB)",
                limited.wall,
                scanned.wall,
                ratio(scanned.wall, limited.wall),
                text / 1_000_000
            );
            runs.limits.push(limited);
            runs.scans.push(scanned);
        }
    }
    runs.tell();
}

/// All runs that count.
#[derive(Default)]
struct Runs {
    limits: Vec<Spent>,
    scans: Vec<Spent>,
    found: u64,
}

impl Runs {
    /// Prints the medians and the best runs, by the clock and by processor time: other work on the
    /// machine disturbs the latter less.
    fn tell(&self) {
        for (what, of) in [
            ("wall clock", (|spent| spent.wall) as fn(&Spent) -> Duration),
            ("processor", |spent| spent.processor),
        ] {
            let sorted = |runs: &[Spent]| {
                let mut times: Vec<_> = runs.iter().map(of).collect();
                times.sort();
                times
            };
            let (limits, scans) = (sorted(&self.limits), sorted(&self.scans));
            for (which, at) in [("median", limits.len() / 2), ("best", 0)] {
                let (limit, scan) = (limits[at], scans[at]);
                println!("{what}, {which}: limit {limit:?}, scan {scan:?}, ratio {:.3}", ratio(scan, limit));
            }
        }
        println!("{} events found", self.found);
    }
}

/// What a run took.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    processor: Duration,
}

impl Spent {
    fn by(run: impl FnOnce()) -> Self {
        let (start, before) = (Instant::now(), processor_time());
        run();
        Self { wall: start.elapsed(), processor: processor_time().saturating_sub(before) }
    }
}

struct Arguments {
    archive: Option<PathBuf>,
    role: Option<String>,
    threads: usize,
    runs: usize,
    history: bool,
    all: bool,
    only: Option<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut read =
            Self { archive: None, role: None, threads: 2, runs: 7, history: false, all: false, only: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse().ok()).expect("a number");
            match argument.as_str() {
                "--bench" => {}
                "--threads" => read.threads = number(),
                "--runs" => read.runs = number(),
                "--history" => read.history = true,
                "--only" => read.only = arguments.next(),
                "--all" => read.all = true,
                role if role.starts_with("arn:") => read.role = Some(role.to_owned()),
                folder => read.archive = Some(folder.into()),
            }
        }
        read
    }
}

/// Processor time of this process, all threads; zero where the system does not tell.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn processor_time() -> Duration {
    Duration::ZERO
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn run_scan(archive: &Path, scope: &Scope, arguments: &Arguments) -> u64 {
    let mut query = query_of(scope);
    if !arguments.history {
        query.history = None;
    }
    let mut gathered = Gathered::new(scope);
    let options = Options { threads: arguments.threads, ..Options::default() };
    let inputs = vec![Input::Path(archive.to_owned())];
    let (coverage, parts) = scan_into(inputs, &query, options, || gathered.sibling());
    for part in parts {
        gathered.merge(part);
    }
    assert!(coverage.files > 0, "no log files in {}", archive.display());
    let copies = gathered.duplicates();
    gathered.finish(&RoleNow::default(), None).groups.iter().map(|group| group.count).sum::<u64>() + copies
}

/// Lists, reads, inflates; gives the bytes of text.
fn limit(archive: &Path, threads: usize) -> u64 {
    let mut files = Vec::new();
    list(archive, &mut files);
    let (next, total) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut inflater = Inflater::new();
                let (mut input, mut output) = (Vec::new(), Vec::new());
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let len = read(path, &mut input);
                    total.fetch_add(inflater.inflate(&input[..len], &mut output), Ordering::Relaxed);
                }
            });
        }
    });
    total.into_inner()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

fn read(path: &Path, input: &mut Vec<u8>) -> usize {
    use std::io::Read;
    let mut file = std::fs::File::open(path).expect("a file");
    let size = file.metadata().map_or(0, |data| usize::try_from(data.len()).unwrap_or(0));
    if input.len() < size {
        input.resize(size, 0);
    }
    file.read_exact(&mut input[..size]).expect("the file's bytes");
    size
}

struct Inflater(*mut libdeflate_sys::libdeflate_decompressor);

impl Inflater {
    #[expect(unsafe_code, reason = "the limit is libdeflate itself")]
    fn new() -> Self {
        // SAFETY: no preconditions; the process ends before memory does.
        Self(unsafe { libdeflate_sys::libdeflate_alloc_decompressor() })
    }

    #[expect(unsafe_code, reason = "the limit is libdeflate itself")]
    fn inflate(&mut self, input: &[u8], output: &mut Vec<u8>) -> u64 {
        if !input.starts_with(&[0x1f, 0x8b]) {
            return 0;
        }
        let size = input.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
        if output.len() < size {
            output.resize(size.min(1 << 30), 0);
        }
        let mut len = 0;
        // SAFETY: pointers and lengths come from live slices that do not overlap.
        unsafe {
            libdeflate_sys::libdeflate_gzip_decompress(
                self.0,
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                output.len(),
                &raw mut len,
            );
        }
        len as u64
    }
}

impl Drop for Inflater {
    #[expect(unsafe_code, reason = "the limit is libdeflate itself")]
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, freed once.
        unsafe { libdeflate_sys::libdeflate_free_decompressor(self.0) };
    }
}

/// Two thousand files of some hundred records each, one in a thousand denied.
fn make_archive() -> PathBuf {
    let root = std::env::temp_dir().join(format!("scan-bench-{}", std::process::id()));
    let record = include_str!("../tests/data/cloudtrail/record.json").trim_end();
    let counter = Mutex::new(0_u64);
    for file in 0..2_000 {
        let folder =
            root.join(format!("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/{:02}", 1 + file % 28));
        std::fs::create_dir_all(&folder).expect("a folder");
        let records: Vec<_> = (0..50 + file % 300)
            .map(|_| {
                let mut number = counter.lock().expect("one thread");
                *number += 1;
                let denied =
                    if number.is_multiple_of(1_000) { "\"errorCode\":\"AccessDenied\"," } else { "" };
                record
                    .replace("@ID@", &format!("{:032x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                    .replace("@CODE@", denied)
            })
            .collect();
        let path =
            folder.join(format!("111122223333_CloudTrail_eu-west-1_20260301T0000Z_{file:016}.json.gz"));
        let mut gz = flate2::write::GzEncoder::new(
            std::fs::File::create(path).expect("a file"),
            flate2::Compression::default(),
        );
        gz.write_all(format!("{{\"Records\":[{}]}}", records.join(",")).as_bytes()).expect("written");
        gz.finish().expect("written");
    }
    root
}
