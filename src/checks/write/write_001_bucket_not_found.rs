//! WRITE-001: there is no bucket of this name.

use crate::checks::shared::places::{each_bucket, told};
use crate::checks::shared::policies::{buckets_named, role_policies};
use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::facts::FactId;
use crate::model::{
    Blocked, CheckId, Concern, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, edit_distance,
    nearest, shell_flag, shell_word,
};
use crate::requirement::{Location, Origin};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 1), judge };

#[expect(clippy::unnecessary_wraps, reason = "the shape of every check")]
fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    Ok(each_bucket(view, |location| judge_bucket(view, location)))
}

fn judge_bucket(view: &View<'_>, location: &Location) -> Result<Outcome, Blocked> {
    let bucket = &location.bucket;
    let Some(head) = view.bucket(bucket, FactId::Bucket, |it| &it.head)? else {
        return Ok(Outcome::Fail(vec![told(not_found(view, location), &location.origin)]));
    };
    let mut text = format!("bucket {bucket} exists, in {}", head.region);
    if !head.accessible {
        text.push_str("; it refuses whoever runs the doctor, which shows that it exists");
    }
    Ok(Outcome::Pass(vec![Evidence::read("s3:ListBucket", text)]))
}

fn not_found(view: &View<'_>, location: &Location) -> Finding {
    let bucket = location.bucket.as_str();
    let named = buckets_named(&role_policies(view).documents());
    let agree = named.iter().any(|(name, _)| name == bucket);
    let near = nearest(bucket, named.iter().filter(|_| !agree).map(|(name, _)| name.clone()));
    let mut what = format!("There is no bucket {bucket}");
    if agree {
        what.push_str(", which the role's policies name as well");
    } else if let Some(near) = &near {
        let edits = edit_distance(bucket, near);
        let letters = if edits == 1 { "one letter".to_owned() } else { format!("{edits} letters") };
        what = format!("{what}; the role's policies name {near}, {letters} away");
    }
    let text = format!("HeadBucket of {bucket}: 404, no such bucket in any account");
    let mut finding = Finding::new(bucket, what)
        .about([Concern::Bucket(bucket.to_owned())])
        .evidence(Evidence::read("s3:ListBucket", text));
    if let Some((_, statement)) = near.as_ref().and_then(|near| named.iter().find(|(name, _)| name == near)) {
        let text = format!("{} names another bucket", words::statement(statement));
        finding =
            finding.evidence(Evidence::evaluated(vec![statement.clone()], text)).because(statement.clone());
    }
    if location.origin == Origin::Parameters {
        let text = format!("the bucket given is {bucket}");
        finding.evidence.push(Evidence { source: Source::Given, text });
    }
    finding.remedy(remedy(view, location, near.as_deref()))
}

fn remedy(view: &View<'_>, location: &Location, near: Option<&str>) -> Remedy {
    let bucket = location.bucket.as_str();
    let mut steps = Vec::new();
    if let Some(near) = near {
        let correct = match &location.origin {
            Origin::Parameters => format!("set the connector's bucket to {near} in the Streamkap app"),
            Origin::Warehouse { .. } => {
                format!("set the connector's warehouse to one in {near} in the Streamkap app")
            }
            Origin::Database { name, .. } => {
                format!("give the Glue database {name} a LocationUri in {near} (aws glue update-database)")
            }
            Origin::Table { name, .. } => format!("move the table {name} to {near}"),
        };
        steps.push(format!("If {near} is meant, {correct}"));
    }
    let create = if steps.is_empty() { "Create" } else { "Otherwise create" };
    steps.push(format!("{create} the bucket {bucket} in the connector's region"));
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
        // A comment, for whoever runs all commands: it may be the name that is wrong.
        commands: vec![format!(
            "# aws s3api create-bucket {} {}{location}",
            shell_flag("--bucket", bucket),
            shell_flag("--region", region)
        )],
    }
}
