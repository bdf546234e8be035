//! A report with one of everything, for the formats' tests.

use std::collections::BTreeMap;

use super::{
    Caller, CheckInput, Circumstances, Commands, ConnectorTarget, Coverage, FailOn, Inputs, Origin,
    PhaseReport, Report, RoleTarget, Search, Target, build,
};
use crate::model::{
    Blocked, Bug, Change, Evidence, Finding, Fix, Outcome, Owner, PhaseState, PolicyHome, Repair, Source,
    StatementRef, Status, Verification,
};

/// A policy's ARN too long for any column at 80.
pub(super) const LONG_ARN: &str =
    "arn:aws:iam::111122223333:policy/team/data-platform/streaming/StreamkapWriteAccessForOrdersAndInvoices";

fn check(id: &str, name: &str, outcome: Outcome) -> CheckInput {
    let id: crate::model::CheckId = id.parse().unwrap();
    CheckInput {
        id,
        name: name.to_owned(),
        title: format!("The problem {name}"),
        severity: crate::model::Severity::High,
        page: format!("checks/{}/{id}-{name}.md", id.section()),
        guide: "https://docs.streamkap.com/aws-cross-account-iam".to_owned(),
        outcome,
    }
}

fn fix() -> Fix {
    let change = Change::SetPolicy {
        home: PolicyHome::Managed { arn: LONG_ARN.to_owned() },
        before: None,
        after: "{}".to_owned(),
    };
    let title = "Allow s3:PutObject on arn:aws:s3:::orders/*".to_owned();
    Fix::new(title, Owner::You, change, Verification::Verified)
}

fn failure() -> Finding {
    let statement = StatementRef {
        layer: "identity".to_owned(),
        policy: "StreamkapS3Access".to_owned(),
        sid: Some("WriteOrders".to_owned()),
        index: 0,
        effect: "Allow".to_owned(),
        line: 4,
    };
    let mut finding = Finding::new(
        LONG_ARN,
        format!("The policy {LONG_ARN} allows s3:PutObject on the bucket only, not on its objects."),
    )
    .evidence(Evidence::simulated("s3:PutObject on arn:aws:s3:::orders/* is implicitDeny"))
    .evidence(Evidence {
        source: Source::Event {
            id: "0f6a".to_owned(),
            time: "2026-11-20T08:00:00Z".to_owned(),
            region: "eu-west-1".to_owned(),
        },
        text: "s3:PutObject was denied".to_owned(),
    })
    .because(statement);
    finding.fixes.push(fix());
    finding
}

fn repair(check: &CheckInput) -> Repair {
    Repair { mends: vec![check.id], fix: fix() }
}

fn outcomes() -> Vec<CheckInput> {
    let blocked = || Blocked {
        grant: Some("s3:GetBucketPolicy".to_owned()),
        ..Blocked::new(
            "the bucket policy of orders",
            "User: x is not authorized to perform: s3:GetBucketPolicy",
        )
    };
    vec![
        check(
            "ASSUME-001",
            "role-not-found",
            Outcome::Pass(vec![Evidence::read("iam:GetRole", "it exists")]),
        ),
        check("ASSUME-010", "organization-may-block", Outcome::Skip("cannot be seen from here".to_owned())),
        check("WRITE-003", "bucket-or-object-arn-missing", Outcome::Fail(vec![failure()])),
        check("WRITE-005", "bucket-policy-denies", Outcome::Unknown(vec![blocked()])),
        check("WRITE-006", "key-access-missing", Outcome::Unknown(vec![blocked()])),
        check("LATER-001", "session-duration", Outcome::Broken(Bug { message: "index 3".to_owned() })),
        check(
            "PRACTICE-002",
            "wildcard-resource",
            Outcome::Warn(vec![Finding::new("P", "The policy \u{1b}[2J\u{202e}P allows `*`.\nAll of it.")]),
        ),
    ]
}

fn phase(name: &str, state: PhaseState, actions: &[&str]) -> PhaseReport {
    let checks = if state == PhaseState::Broken { vec!["WRITE-003".parse().unwrap()] } else { Vec::new() };
    PhaseReport {
        phase: name.to_owned(),
        state,
        actions: actions.iter().map(|it| (*it).to_owned()).collect(),
        checks,
        breaks: Vec::new(),
        unread: Vec::new(),
    }
}

/// Those of a destination that can be looked at.
pub(super) fn circumstances() -> Circumstances {
    Circumstances { cannot: "write with this role".to_owned(), ..Circumstances::default() }
}

/// The report; `kept` picks its checks.
pub(super) fn report(fail_on: FailOn, kept: impl Fn(&CheckInput) -> bool) -> Report {
    report_in(circumstances(), fail_on, kept)
}

/// The same in other circumstances.
pub(super) fn report_in(
    circumstances: Circumstances,
    fail_on: FailOn,
    kept: impl Fn(&CheckInput) -> bool,
) -> Report {
    let commands = |_: &Change| vec!["aws iam create-policy-version \\\n  --set-as-default".to_owned()];
    build(Inputs {
        origin: Origin::Live,
        collected_at: "2026-11-24T01:52:55Z".to_owned(),
        caller: Some(Caller {
            arn: "arn:aws:iam::111122223333:user/ana".to_owned(),
            account: "111122223333".to_owned(),
        }),
        target: Target {
            role: RoleTarget {
                name: "StreamkapConnectorAccess".to_owned(),
                arn: Some("arn:aws:iam::111122223333:role/StreamkapConnectorAccess".to_owned()),
                account: Some("111122223333".to_owned()),
            },
            external_id: None,
            region: Some("eu-west-1".to_owned()),
            connectors: vec![ConnectorTarget {
                name: "s3".to_owned(),
                title: "S3 destination".to_owned(),
                parameters: BTreeMap::from([("bucket".to_owned(), "orders".to_owned())]),
                notes: vec!["It writes as the role.".to_owned()],
                phases: vec![
                    phase("start", PhaseState::Ok, &[]),
                    phase("write", PhaseState::Broken, &["s3:PutObject"]),
                    phase("cleanup", PhaseState::Broken, &["s3:AbortMultipartUpload"]),
                ],
            }],
        },
        notes: vec!["The role is in another account.".to_owned()],
        repairs: outcomes()
            .iter()
            .filter(|check| kept(check) && check.outcome.status() == Status::Fail)
            .map(repair)
            .collect(),
        checks: outcomes().into_iter().filter(|check| kept(check)).collect(),
        coverage: Coverage {
            searches: vec![Search {
                purpose: "AssumeRole calls".to_owned(),
                region: "us-east-1".to_owned(),
                filter: "EventName=AssumeRole".to_owned(),
                since: "2026-08-26T01:52:55Z".to_owned(),
                until: "2026-11-24T01:52:55Z".to_owned(),
                events: Some(0),
                gap: None,
            }],
            blind_spots: vec!["Resource control policies of the organization.".to_owned()],
        },
        circumstances,
        fail_on,
        next: Commands {
            again: Some(
                "streamkap-doctor check s3 --role StreamkapConnectorAccess --bucket orders".to_owned(),
            ),
            again_as: None,
            policy: Some(
                "streamkap-doctor policy s3 --role StreamkapConnectorAccess --bucket orders".to_owned(),
            ),
        },
        commands: &commands,
    })
}
