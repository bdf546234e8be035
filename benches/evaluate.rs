//! Evaluations per second on one thread, explanations on, over `evaluate-200.jsonl`; and what
//! compiling the policies and the whole `evaluate` command cost.
//!
//! `cargo bench --bench evaluate`

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use streamkap_doctor::policy::{Context, Document, Kind, Policy, PolicySet, Principal, Request, evaluate};

const LINES: &str = include_str!("evaluate-200.jsonl");

/// How long each figure is measured for.
const WINDOW: Duration = Duration::from_secs(2);

/// About what the closest peer, iam-simulate on Node, does of the same requests in a second.
const PEER_PER_SECOND: f64 = 2_000.0;

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let lines: Vec<Value> = LINES.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut documents = Documents::default();
    let cases: Vec<(PolicySet, Request)> =
        lines.iter().map(|line| (documents.set(line), request(line))).collect();

    let evaluations = per_second(cases.len(), || {
        for (policies, request) in &cases {
            black_box(evaluate(black_box(policies), black_box(request)));
        }
    });
    println!("evaluate: {evaluations:.0} evaluations/s, {:.0} ns each", 1e9 / evaluations);
    println!(
        "          {:.0} times the {PEER_PER_SECOND:.0}/s of iam-simulate",
        evaluations / PEER_PER_SECOND
    );

    let texts: Vec<(Kind, &String)> = documents.compiled.keys().map(|(kind, text)| (*kind, text)).collect();
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let compiled = per_second(texts.len(), || {
        for (kind, text) in &texts {
            if let Ok(document) = Document::parse(*kind, text) {
                black_box(Policy::compile("policy", document));
            }
        }
    });
    println!(
        "compile:  {compiled:.0} policies/s, {:.1} us each ({} distinct, {} bytes on average)",
        1e6 / compiled,
        texts.len(),
        bytes / texts.len()
    );

    let streamed = per_second(cases.len(), || {
        black_box(streamkap_doctor::evaluate::run(LINES.as_bytes(), std::io::sink()).ok());
    });
    println!("command:  {streamed:.0} lines/s, JSON in and out, policies compiled once a run");
}

/// How often a second the work is done, `count` times a call.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn per_second(count: usize, mut work: impl FnMut()) -> f64 {
    work();
    let start = Instant::now();
    let mut rounds = 0_usize;
    while start.elapsed() < WINDOW {
        work();
        rounds += 1;
    }
    (rounds * count) as f64 / start.elapsed().as_secs_f64()
}

/// Policies compiled once for all lines.
#[derive(Default)]
struct Documents {
    compiled: HashMap<(Kind, String), Arc<Policy>>,
}

impl Documents {
    fn compile(&mut self, kind: Kind, name: &str, document: &Value) -> Option<Arc<Policy>> {
        let text = document.to_string();
        if let Some(policy) = self.compiled.get(&(kind, text.clone())) {
            return Some(Arc::clone(policy));
        }
        let policy = Policy::compile(name, Document::parse(kind, &text).ok()?);
        self.compiled.insert((kind, text), Arc::clone(&policy));
        Some(policy)
    }

    fn list(&mut self, kind: Kind, documents: &Value) -> Vec<Arc<Policy>> {
        let documents = documents.as_array().into_iter().flatten();
        documents.filter_map(|document| self.compile(kind, "policy", document)).collect()
    }

    fn levels(&mut self, kind: Kind, levels: &Value) -> Option<Vec<Vec<Arc<Policy>>>> {
        Some(levels.as_array()?.iter().map(|level| self.list(kind, level)).collect())
    }

    fn set(&mut self, line: &Value) -> PolicySet {
        let named = line["identity_policies"].as_array().into_iter().flatten();
        PolicySet {
            identity: named
                .filter_map(|policy| {
                    self.compile(Kind::Identity, policy["name"].as_str()?, &policy["document"])
                })
                .collect(),
            boundary: self.compile(Kind::Boundary, "boundary", &line["permissions_boundary"]),
            session: self.list(Kind::Session, &line["session_policies"]),
            scps: self.levels(Kind::ServiceControl, &line["service_control_policies"]),
            rcps: self.levels(Kind::ResourceControl, &line["resource_control_policies"]),
            resource: self.compile(Kind::Resource, "resource policy", &line["resource_policy"]),
            endpoint: self.compile(Kind::Endpoint, "endpoint policy", &line["endpoint_policy"]),
        }
    }
}

fn request(line: &Value) -> Request {
    let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let mut context = Context::new();
    for (key, value) in line["context"].as_object().into_iter().flatten() {
        match value {
            Value::Array(values) => context.set(key, values.iter().filter_map(Value::as_str)),
            value => context.set(key, value.as_str()),
        }
    }
    Request {
        principal: Principal::parse(&text("principal")).unwrap_or_else(|error| panic!("{error}")),
        action: text("action"),
        resource: text("resource"),
        resource_account: line["resource_account"].as_str().map(str::to_owned),
        context,
    }
}
