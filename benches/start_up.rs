//! Start-up: wall time from start to the last byte, as multiples of starting `/bin/true`.
//!
//! `cargo bench --bench start_up` measures the optimised program, `cargo bench --profile dev --bench
//! start_up` the newcomer's build. `-- PROGRAM` measures one that is built already.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and a panic ends it")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs of each command; the median counts.
const RUNS: usize = 41;

fn main() {
    // Cargo itself passes `--bench`.
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let program = given.unwrap_or_else(|| env!("CARGO_BIN_EXE_streamkap-doctor").to_owned());
    let program = Path::new(&program);
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case.json");
    let facts = streamkap_doctor::demo::facts("object-arn-missing").unwrap();
    let text = streamkap_doctor::facts::case::Case::in_clear(facts).to_json().unwrap();
    std::fs::write(&case, text).unwrap();
    let case = case.to_str().unwrap();

    let least = median(Path::new("/bin/true"), &[]);
    println!("{:<34} {:>8}  {:>10}", "command", "median", "/bin/true");
    let commands: [(&str, &[&str], Option<u64>); 5] = [
        ("--version", &["--version"], Some(10)),
        ("demo healthy", &["demo", "healthy"], Some(30)),
        ("demo object-arn-missing", &["demo", "object-arn-missing"], Some(30)),
        ("check --case FILE", &["check", "--case", case], Some(30)),
        ("check --case FILE -o json", &["check", "--case", case, "-o", "json"], Some(30)),
    ];
    println!("{:<34} {:>5.1} ms  {:>9.1}x", "/bin/true", milliseconds(least), 1.0);
    for (name, arguments, goal) in commands {
        let time = median(program, arguments);
        let goal = goal.map(|goal| format!("  (goal: under {goal} ms)")).unwrap_or_default();
        let multiple = time.as_secs_f64() / least.as_secs_f64();
        println!("{name:<34} {:>5.1} ms  {multiple:>9.1}x{goal}", milliseconds(time));
    }
}

fn median(program: &Path, arguments: &[&str]) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| once(program, arguments)).collect();
    times.sort_unstable();
    times[RUNS / 2]
}

fn once(program: &Path, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    start.elapsed()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
