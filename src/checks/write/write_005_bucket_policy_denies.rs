//! WRITE-005: the bucket's own policy refuses the role.

use std::sync::Arc;

use crate::checks::shared::conditions::why_it_hits;
use crate::checks::shared::needs::{Ask, Verdict, asks, in_words};
use crate::checks::shared::places::{absent_bucket, each_bucket, told};
use crate::checks::shared::policies::bucket_policy;
use crate::checks::shared::standing::depends;
use crate::checks::shared::{absent_role, words};
use crate::checks::{Check, View};
use crate::facts::FactId;
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Remedy, Section, StatementRef};
use crate::policy::Policy;
use crate::requirement::Location;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 5), judge };

#[expect(clippy::unnecessary_wraps, reason = "the shape of every check")]
fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    if let Some(skip) = absent_role(view) {
        return Ok(skip);
    }
    Ok(each_bucket(view, |location| judge_bucket(view, location)))
}

fn judge_bucket(view: &View<'_>, location: &Location) -> Result<Outcome, Blocked> {
    let bucket = location.bucket.as_str();
    if let Some(skip) = absent_bucket(view, bucket) {
        return Ok(skip);
    }
    // Only the account that owns a bucket may read its policy: what was read is of the caller's account.
    let policy = bucket_policy(view, bucket).map_err(|blocked| restricted(view, bucket, blocked))?;
    let Some(policy) = policy else {
        let text =
            format!("bucket {bucket} has no policy; in one account the role's own policies are enough");
        return Ok(Outcome::Pass(vec![Evidence::read("s3:GetBucketPolicy", text)]));
    };
    let bounded = view.role()?.is_some_and(|role| role.boundary.is_some());
    let is_about =
        |ask: &Ask<'_>| ask.is_called() && !ask.is_of_key() && ask.requirement.bucket() == Some(bucket);
    let asks = asks(view)?.into_iter().filter(is_about);
    let parts = asks.flat_map(|ask| ask.refused_parts(|part| part.of_resource(&policy, bounded)));
    let asks: Vec<Ask<'_>> = parts.collect();
    judge_policy(view, bucket, &policy, bounded, &asks)
}

/// Adds what is known of another account's bucket, whose policy is not.
fn restricted(view: &View<'_>, bucket: &str, blocked: Blocked) -> Blocked {
    let restricts = view.is_foreign_bucket(bucket)
        && view.bucket(bucket, FactId::BucketPublicAccess, |it| &it.restrict_public_buckets)
            == Ok(Some(&true));
    if !restricts {
        return blocked;
    }
    let more = "RestrictPublicBuckets is on there: S3 refuses other accounts' roles if that policy is public";
    Blocked { why: format!("{}; {more}", blocked.why), ..blocked }
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
            Verdict::Depends { keys, statements } => {
                blocked.get_or_insert_with(|| depends(ask, &keys, &statements));
            }
        }
    }
    let mut found: Vec<(bool, Finding)> = denied
        .iter()
        .map(|(statement, asks)| (is_required(asks), denies(view, bucket, policy, statement, asks)))
        .collect();
    if !not_allowed.is_empty() {
        found.push((is_required(&not_allowed), does_not_allow(view, bucket, &not_allowed)));
    }
    let (failing, warning): (Vec<_>, Vec<_>) = found.into_iter().partition(|(required, _)| *required);
    let findings = |found: Vec<(bool, Finding)>| found.into_iter().map(|(_, finding)| finding).collect();
    match blocked {
        _ if !failing.is_empty() => Ok(Outcome::Fail(findings(failing))),
        Some(blocked) => Err(blocked),
        None if !warning.is_empty() => Ok(Outcome::Warn(findings(warning))),
        None => {
            let text = format!("no statement of the policy of bucket {bucket} refuses the role");
            Ok(Outcome::Pass(vec![Evidence::evaluated(Vec::new(), text)]))
        }
    }
}

/// Whether the connector cannot work without one of these.
fn is_required(asks: &[&Ask<'_>]) -> bool {
    asks.iter().any(|ask| ask.is_required())
}

/// Adds why the connector writes to the bucket, where its settings do not name it.
fn with_why(finding: Finding, asks: &[&Ask<'_>]) -> Finding {
    let location = asks.iter().find_map(|ask| ask.requirement.location.as_ref());
    match location {
        Some(location) => told(finding, &location.origin),
        None => finding,
    }
}

/// On what, where it is not all that the connector needs: ` on arn:aws:s3:::lake/sales.db/orders/*`.
fn on_parts(asks: &[&Ask<'_>]) -> String {
    let are_parts = asks.iter().all(|ask| ask.whole() != ask.resource.pattern);
    if are_parts { format!(" on {}", in_words(asks.iter().copied())) } else { String::new() }
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
    let what = format!(
        "The policy of bucket {bucket} denies {role} {}{} by {named}: {why}",
        words::list(&actions),
        on_parts(asks)
    );
    let finding = Finding::new(format!("arn:aws:s3:::{bucket}"), what)
        .about(asks.iter().map(|ask| ask.concern()))
        .evidence(Evidence::evaluated(
            vec![statement.clone()],
            format!(
                "{} on bucket {bucket} with the role's session: denied by {named}",
                words::list(&actions)
            ),
        ))
        .because(statement.clone())
        .remedy(Remedy::ExemptFromBucketPolicy { bucket: bucket.to_owned(), statement: statement.index });
    with_why(finding, asks)
}

/// The bucket is another account's, whose policy has to allow the role.
fn does_not_allow(view: &View<'_>, bucket: &str, asks: &[&Ask<'_>]) -> Finding {
    let actions = words::unique(asks.iter().map(|ask| ask.action()));
    let role = &view.target().role.name;
    let what = format!(
        "Bucket {bucket} belongs to another account, and its policy does not allow {role} {}{}",
        words::list(&actions),
        on_parts(asks)
    );
    let grants = words::unique(asks.iter().map(|ask| ask.grant()));
    let finding = Finding::new(format!("arn:aws:s3:::{bucket}"), what)
        .about(asks.iter().map(|ask| ask.concern()))
        .evidence(Evidence::evaluated(
            Vec::new(),
            "across accounts both the role's and the bucket's policy must allow",
        ))
        .remedy(Remedy::AllowInBucketPolicy { bucket: bucket.to_owned(), grants });
    with_why(finding, asks)
}
