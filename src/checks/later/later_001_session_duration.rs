//! LATER-001: the role's maximum session duration against what the connectors ask for.

use crate::checks::shared::phrases::absent_role;
use crate::checks::{Check, View};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, shell_flag,
};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Later, 1), judge };

const CHAINING: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining";

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    let (allowed, asked) = (role.max_session_duration, view.vendor().session_seconds);
    let read =
        format!("the role's maximum session duration is {allowed} seconds; Streamkap asks for {asked}");
    if allowed < asked {
        let what = format!(
            "The role {} allows sessions of {allowed} seconds, and Streamkap asks for {asked}: STS refuses longer ones",
            role.arn.name()
        );
        let name = shell_flag("--role-name", role.arn.name());
        let command = format!("aws iam update-role {name} --max-session-duration {asked}");
        let finding = Finding::new(role.arn.as_str(), what)
            .evidence(Evidence::read("iam:GetRole", read))
            .remedy(Remedy::Manual {
                owner: Owner::You,
                title: format!("Allow sessions of {asked} seconds"),
                steps: vec![format!("Set the role's maximum session duration to {asked} seconds")],
                commands: vec![command],
            });
        return Ok(Outcome::Fail(vec![finding]));
    }
    let chained = "Streamkap calls with a role, and a session of a role that a role assumes lasts an hour at most, \
                   whatever the role allows: raising the maximum changes nothing";
    Ok(Outcome::Pass(vec![
        Evidence::read("iam:GetRole", read),
        Evidence {
            source: Source::Documentation { reference: CHAINING.to_owned() },
            text: chained.to_owned(),
        },
    ]))
}
