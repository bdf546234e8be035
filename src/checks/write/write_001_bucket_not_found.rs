//! WRITE-001: there is no bucket of this name.

use crate::checks::shared::policies::role_policies;
use crate::checks::shared::{bucket_name, without_bucket, words};
use crate::checks::{Check, View};
use crate::facts::FactId;
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, StatementRef,
    edit_distance, nearest, shell_flag, shell_word,
};
use crate::policy::Selector;

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 1), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(bucket) = bucket_name(view) else { return Ok(without_bucket()) };
    let Some(head) = view.bucket(bucket, FactId::Bucket, |it| &it.head)? else {
        return Ok(Outcome::Fail(vec![not_found(view, bucket)]));
    };
    let mut text = format!("bucket {bucket} exists, in {}", head.region);
    if !head.accessible {
        text.push_str("; it refuses whoever runs the doctor, which shows that it exists");
    }
    Ok(Outcome::Pass(vec![Evidence::read("s3:ListBucket", text)]))
}

fn not_found(view: &View<'_>, bucket: &str) -> Finding {
    let named = buckets_in_policies(view);
    let near = nearest(bucket, named.iter().map(|(name, _)| name.clone()));
    let mut what = format!("There is no bucket {bucket}");
    if let Some(near) = &near {
        let edits = edit_distance(bucket, near);
        let letters = if edits == 1 { "one letter".to_owned() } else { format!("{edits} letters") };
        what = format!("{what}; the role's policies name {near}, {letters} away");
    }
    let mut finding = Finding::new(bucket, what).evidence(Evidence::read(
        "s3:ListBucket",
        format!("HeadBucket of {bucket}: 404, no such bucket in any account"),
    ));
    if let Some((_, statement)) = near.as_ref().and_then(|near| named.iter().find(|(name, _)| name == near)) {
        let text = format!("{} names another bucket", words::statement(statement));
        finding =
            finding.evidence(Evidence::evaluated(vec![statement.clone()], text)).because(statement.clone());
    }
    finding.evidence.push(Evidence { source: Source::Given, text: format!("the bucket given is {bucket}") });
    finding.remedy(remedy(view, bucket, near.as_deref()))
}

fn remedy(view: &View<'_>, bucket: &str, near: Option<&str>) -> Remedy {
    let mut steps = Vec::new();
    if let Some(near) = near {
        steps.push(format!("If {near} is meant, set the connector's bucket to {near} in the Streamkap app"));
    }
    steps.push(format!("Otherwise create the bucket {bucket} in the connector's region"));
    let region = view.target().given_region().unwrap_or("REGION");
    let location = if region == "us-east-1" {
        String::new()
    } else {
        format!(" --create-bucket-configuration {}", shell_word(&format!("LocationConstraint={region}")))
    };
    Remedy::Manual {
        owner: Owner::You,
        title: format!("Name a bucket that exists, or create {bucket}"),
        steps,
        commands: vec![format!(
            "aws s3api create-bucket {} {}{location}",
            shell_flag("--bucket", bucket),
            shell_flag("--region", region)
        )],
    }
}

/// The bucket names in the ARNs of the role's policies, without those that hold a wildcard.
fn buckets_in_policies(view: &View<'_>) -> Vec<(String, StatementRef)> {
    let mut found: Vec<(String, StatementRef)> = Vec::new();
    for policy in role_policies(view).documents() {
        for (at, statement) in policy.document().statements().iter().enumerate() {
            let Some(reference) = policy.statement_ref(at) else { continue };
            for resource in statement.resources.iter().flat_map(Selector::any) {
                let Some((_, rest)) = resource.split_once(":s3:::") else { continue };
                let name = rest.split('/').next().unwrap_or(rest);
                let known = found.iter().any(|(known, _)| known == name);
                if !name.is_empty() && !name.contains(['*', '?', '$']) && !known {
                    found.push((name.to_owned(), reference.clone()));
                }
            }
        }
    }
    found
}
