//! The log scanner against its limit: listing, reading and inflating the same files and nothing
//! else.
//!
//! ```text
//! cargo bench --bench scan -- ARCHIVE [ROLE-ARN] [--threads 2] [--runs 7] [--history] [--all] [--only limit|scan]
//! ```
//!
//! `ARCHIVE` is a folder of CloudTrail logs; without one, a small archive is made in a temporary
//! folder. The limit lists first, then reads each file whole and inflates it with libdeflate into
//! a buffer used again. Runs alternate; medians are compared. The files should be in the page
//! cache: the first round is not counted.

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

use streamkap_doctor::collect::cloudtrail::scan::{Input, Options, Query, scan};

fn main() {
    let arguments = Arguments::read();
    let archive = arguments.archive.clone().unwrap_or_else(make_archive);
    let query = Query {
        role: arguments
            .role
            .as_deref()
            .filter(|_| !arguments.all)
            .map(|role| role.parse().expect("a role's ARN")),
        history: arguments
            .role
            .as_deref()
            .filter(|_| arguments.history)
            .map(|role| role.parse().expect("a role's ARN")),
        ..Query::default()
    };
    let (mut limits, mut scans) = (Vec::new(), Vec::new());
    let (mut limit_ticks, mut scan_ticks) = (0, 0);
    let mut found = 0;
    for run in 0..=arguments.runs {
        let before = processor_ticks();
        let skip = |what: &str| arguments.only.as_deref().is_some_and(|only| only != what);
        let (limit, text) = timed(|| if skip("limit") { 0 } else { limit(&archive, arguments.threads) });
        let between = processor_ticks();
        let (scan, seen) =
            timed(|| if skip("scan") { 0 } else { run_scan(&archive, &query, arguments.threads) });
        found = seen;
        if run > 0 {
            limit_ticks += between - before;
            scan_ticks += processor_ticks() - between;
            limits.push(limit);
            scans.push(scan);
            println!(
                "limit {limit:?} scan {scan:?} ratio {:.3} ({} MB)",
                ratio(scan, limit),
                text / 1_000_000
            );
        }
    }
    let (limit, scan) = (median(&mut limits), median(&mut scans));
    println!("median: limit {limit:?}, scan {scan:?}, ratio {:.3}, {found} events found", ratio(scan, limit));
    let (limit, scan) = (limits[0], scans[0]);
    if limit_ticks > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand hundredths of a second")]
        let ratio = scan_ticks as f64 / limit_ticks as f64;
        println!("processor time: ratio {ratio:.3}");
    }
    println!("best:   limit {limit:?}, scan {scan:?}, ratio {:.3}", ratio(scan, limit));
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

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = run();
    (start.elapsed(), result)
}

/// Processor time of this process in hundredths of a second, where the system tells; what other
/// processes do disturbs it less than it does the wall clock.
fn processor_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn run_scan(archive: &Path, query: &Query, threads: usize) -> u64 {
    let mut found = 0;
    let options = Options { threads, ..Options::default() };
    let coverage = scan(vec![Input::Path(archive.to_owned())], query, options, |_| found += 1);
    assert!(coverage.files > 0, "no log files in {}", archive.display());
    found
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
