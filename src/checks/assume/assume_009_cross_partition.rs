//! ASSUME-009: the role is in another partition of AWS than Streamkap.

use crate::checks::{Check, View};
use crate::model::{Blocked, CheckId, Evidence, Finding, Outcome, Owner, Partition, Remedy, Section, Source};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 9), judge };

const REFERENCE: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html";

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let (partition, evidence) = partition(view)?;
    let own = &view.vendor().partition;
    if partition == *own {
        return Ok(Outcome::Pass(vec![evidence]));
    }
    let role = &view.target().role.name;
    let what = format!(
        "The role {role} is in the partition {partition}, and Streamkap's account {} in {own}: no role can be assumed across partitions",
        view.vendor().account
    );
    let finding = Finding::new(role.as_str(), what)
        .evidence(evidence)
        .evidence(Evidence {
            source: Source::Documentation { reference: REFERENCE.to_owned() },
            text: "partitions of AWS share neither accounts nor credentials".to_owned(),
        })
        .remedy(Remedy::Manual {
            owner: Owner::You,
            title: format!(
                "Use a role in the partition {own}, or access keys where the connector takes them"
            ),
            steps: vec![
                format!("Make the role and the bucket in an account of the partition {own}"),
                "Or set the connector to an access key of the other partition, which the S3 connector takes"
                    .to_owned(),
            ],
            commands: Vec::new(),
        });
    Ok(Outcome::Fail(vec![finding]))
}

/// The role's partition, from the ARN given or else from the role, and the proof.
fn partition(view: &View<'_>) -> Result<(Partition, Evidence), Blocked> {
    let given = view.target().role.partition.clone();
    if let Some(partition) = given {
        let text = format!("the role's ARN is of the partition {partition}");
        return Ok((partition, Evidence { source: Source::Given, text }));
    }
    if let Some(role) = view.role()? {
        return Ok((
            role.arn.partition(),
            Evidence::read("iam:GetRole", format!("the role is {}", role.arn)),
        ));
    }
    let Some(caller) = view.caller()? else {
        return Ok((
            Partition::aws(),
            Evidence { source: Source::Given, text: "no partition was given".to_owned() },
        ));
    };
    let text = format!("the doctor looked for the role as {}", caller.arn);
    Ok((caller.arn.partition(), Evidence::read("sts:GetCallerIdentity", text)))
}
