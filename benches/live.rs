//! What a live check costs: wall time in round trips, and calls of each service, with a fixed delay before
//! a real API server.
//!
//! `cargo bench --bench live`; figures are in `docs/design/speed.md`.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unused_self,
    clippy::zombie_processes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::print_stdout,
    reason = "a benchmark is run by hand, and shares the helpers of the live tests"
)]

#[path = "../tests/live/account.rs"]
mod account;
#[path = "../tests/live/answers.rs"]
mod answers;
#[path = "../tests/live/lake.rs"]
mod lake;
#[path = "../tests/live/proxy.rs"]
mod proxy;
#[path = "../tests/live/run.rs"]
mod run;
#[path = "../tests/live/server.rs"]
mod server;
#[path = "../tests/live/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use self::account::{Account, ROLE};
use self::answers::{Shape, simulator};
use self::lake::{DATABASE, catalog, lake_formation, left_to_iam};
use self::proxy::Proxy;
use self::run::{Ended, Run};

/// The delay before each answer: a round trip.
const DELAY: Duration = Duration::from_millis(100);
/// Runs, of which the fastest counts: the rest is the machine's.
const RUNS: usize = 3;

fn main() {
    let plain = Account::healthy();
    plain.trail();
    measure("S3, 3 attached and 2 inline policies, one trail", &plain, s3);
    let encrypted = Account::healthy();
    encrypted.trail();
    encrypted.encrypt(None, Some("alias/orders"));
    measure("the same with a key named by its alias, which refuses", &encrypted, s3);
    let lake = Account::lake();
    lake.tables();
    lake.trail();
    lake.encrypt(None, None);
    measure("Iceberg, 3 attached and 2 inline policies, one trail, a key that refuses", &lake, iceberg);
}

/// The run of one connector.
type Connector = fn(&Account, &Proxy) -> Run;

fn s3(account: &Account, proxy: &Proxy) -> Run {
    Run::new(account, proxy)
}

fn iceberg(account: &Account, proxy: &Proxy) -> Run {
    proxy.answer(lake_formation(left_to_iam())).answer(catalog(None));
    Run::new(account, proxy)
        .connector("iceberg-glue", &["--database", DATABASE, "--warehouse", &account.warehouse()])
}

fn measure(name: &str, account: &Account, connector: Connector) {
    let idle = (0..RUNS).map(|_| run(account, Duration::ZERO, connector).1.took).min().unwrap();
    let runs = (0..RUNS).map(|_| run(account, DELAY, connector));
    let (proxy, ended) = runs.min_by_key(|(_, ended)| ended.took).unwrap();
    let calls = proxy.calls();
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &calls {
        *services.entry(call.service).or_default() += 1;
    }
    let services: Vec<String> =
        services.iter().map(|(service, calls)| format!("{service} {calls}")).collect();
    println!("{name}");
    println!("  calls: {} ({})", calls.len(), services.join(", "));
    println!("  deepest chain of calls: {}", calls.iter().map(|call| call.depth).max().unwrap_or(0));
    println!(
        "  wall time: {:.0} ms with {} ms before each answer, {:.0} ms without: {:.1} round trips more",
        ended.took.as_secs_f64() * 1000.0,
        DELAY.as_millis(),
        idle.as_secs_f64() * 1000.0,
        (ended.took.as_secs_f64() - idle.as_secs_f64()) / DELAY.as_secs_f64(),
    );
}

fn run(account: &Account, delay: Duration, connector: Connector) -> (Proxy, Ended) {
    let proxy = Proxy::start(account.server);
    proxy.answer(simulator(account, ROLE, Shape::ByAction, None)).delay(delay);
    let ended = connector(account, &proxy).end("check", &["--no-history"]);
    assert!(ended.code <= 3 && !ended.stdout.is_empty(), "{}", ended.stderr);
    (proxy, ended)
}
