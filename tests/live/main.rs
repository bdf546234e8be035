//! The program against a real AWS API server on loopback: MiniStack, with a pass-through proxy before it.
//!
//! The server is wrong here and there (see `server`), so a green run shows that its answers are handled,
//! not that AWS answers so. `SimulatePrincipalPolicy` and `LookupEvents`, which no such server answers well,
//! are answered by the proxy in AWS's shapes, as are CloudTrail Lake, `DecodeAuthorizationMessage`, Lake Formation,
//! Redshift and the report of last use.

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
    reason = "helpers of tests: a panic is a failed test, and a story is told in one piece"
)]

#[path = "../common/logs.rs"]
mod logs;

mod account;
mod answers;
mod denials;
mod denials_sources;
mod failures;
mod governed;
mod half_answers;
mod healthy;
mod iceberg;
mod lake;
mod own_connector;
mod proxy;
mod refusals;
mod run;
mod server;
mod targets;
mod verdicts;
mod wire;
