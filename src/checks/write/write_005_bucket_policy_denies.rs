//! WRITE-005: the bucket's own policy refuses the role.

use std::sync::Arc;

use crate::checks::shared::conditions::why_it_hits;
use crate::checks::shared::needs::{Ask, Verdict, asks};
use crate::checks::shared::policies::bucket_policy;
use crate::checks::shared::standing::depends;
use crate::checks::shared::{absent_bucket, absent_role, bucket_name, without_bucket, words};
use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, StatementRef};
use crate::policy::Policy;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 5), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(bucket) = bucket_name(view) else { return Ok(without_bucket()) };
    if let Some(skip) = absent_role(view).or_else(|| absent_bucket(view, bucket)) {
        return Ok(skip);
    }
    // Only the account that owns a bucket may read its policy: what was read is of the caller's account.
    let Some(policy) = bucket_policy(view, bucket)? else {
        let text =
            format!("bucket {bucket} has no policy; in one account the role's own policies are enough");
        return Ok(Outcome::Pass(vec![Evidence::read("s3:GetBucketPolicy", text)]));
    };
    let bounded = view.role()?.is_some_and(|role| role.boundary.is_some());
    let asks: Vec<Ask<'_>> =
        asks(view)?.into_iter().filter(|ask| ask.is_required() && !ask.is_of_key()).collect();
    judge_policy(view, bucket, &policy, bounded, &asks)
}

fn judge_policy(
    view: &View<'_>,
    bucket: &str,
    policy: &Arc<Policy>,
    bounded: bool,
    asks: &[Ask<'_>],
) -> Result<Outcome, Blocked> {
    let mut denied: Vec<(StatementRef, Vec<&Ask<'_>>)> = Vec::new();
    let mut not_allowed = Vec::new();
    let mut blocked = None;
    for ask in asks {
        match ask.of_resource(policy, bounded) {
            Verdict::Allowed(_) => {}
            Verdict::Denied(statements) => {
                for statement in statements {
                    match denied.iter_mut().find(|(known, _)| *known == statement) {
                        Some((_, members)) => members.push(ask),
                        None => denied.push((statement, vec![ask])),
                    }
                }
            }
            Verdict::NotAllowed(_) => not_allowed.push(ask),
            Verdict::Depends { keys, statements } => blocked = Some(depends(ask, &keys, &statements)),
        }
    }
    let mut findings: Vec<Finding> =
        denied.into_iter().map(|(statement, asks)| denies(view, bucket, policy, &statement, &asks)).collect();
    if !not_allowed.is_empty() {
        findings.push(does_not_allow(view, bucket, &not_allowed));
    }
    match (findings.is_empty(), blocked) {
        (false, _) => Ok(Outcome::Fail(findings)),
        (true, Some(blocked)) => Err(blocked),
        (true, None) => {
            let text = format!("no statement of the policy of bucket {bucket} refuses the role");
            Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]))
        }
    }
}

fn denies(
    view: &View<'_>,
    bucket: &str,
    policy: &Arc<Policy>,
    statement: &StatementRef,
    asks: &[&Ask<'_>],
) -> Finding {
    let actions = words::unique(asks.iter().map(|ask| ask.action()));
    let why = asks.first().map(|ask| why_it_hits(policy, statement.index, &view.situation(&ask.requirement)));
    let why = why.unwrap_or_default();
    let named = words::statement(statement);
    let role = &view.target().role.name;
    let what =
        format!("The policy of bucket {bucket} denies {role} {} by {named}: {why}", words::list(&actions));
    Finding::new(format!("arn:aws:s3:::{bucket}"), what)
        .evidence(Evidence::evaluated(
            vec![statement.clone()],
            format!(
                "{} on bucket {bucket} with the role's session: denied by {named}",
                words::list(&actions)
            ),
        ))
        .because(statement.clone())
        .remedy(Remedy::ExemptFromBucketPolicy { bucket: bucket.to_owned(), statement: statement.index })
}

/// The bucket is another account's, whose policy has to allow the role.
fn does_not_allow(view: &View<'_>, bucket: &str, asks: &[&Ask<'_>]) -> Finding {
    let actions = words::unique(asks.iter().map(|ask| ask.action()));
    let role = &view.target().role.name;
    let what = format!(
        "Bucket {bucket} belongs to another account, and its policy does not allow {role} {}",
        words::list(&actions)
    );
    let grants =
        asks.iter().map(|ask| (ask.action().to_owned(), vec![ask.resource.pattern.clone()])).collect();
    Finding::new(format!("arn:aws:s3:::{bucket}"), what)
        .evidence(Evidence::evaluated(
            Vec::new(),
            "across accounts both the role's and the bucket's policy must allow",
        ))
        .remedy(Remedy::AllowInBucketPolicy { bucket: bucket.to_owned(), grants })
}
