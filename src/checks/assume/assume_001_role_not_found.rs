//! ASSUME-001: the role does not exist, or not under the ARN given.

use crate::catalog::Phase;
use crate::checks::shared::phrases;
use crate::checks::{Check, View};
use crate::facts::{Role, Target};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, nearest, shell_flag,
};
use crate::requirement::needs_of;

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Assume, 1), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let target = view.target();
    let Some(role) = view.role()? else {
        return Ok(if may_be_gone(view) { gone(view) } else { Outcome::Fail(vec![absent(view)]) });
    };
    if let Some(given) = arn_given(target).filter(|given| given != role.arn.as_str()) {
        return Ok(Outcome::Fail(vec![misnamed(role, &given)]));
    }
    Ok(Outcome::Pass(vec![Evidence::read("iam:GetRole", format!("the role {} exists", role.arn))]))
}

/// Whether the role may be gone: after an installation, unless what was installed is to be removed.
fn may_be_gone(view: &View<'_>) -> bool {
    let needs = view.connectors().flat_map(|(target, connector)| needs_of(target, connector));
    view.installs_only() && needs.into_iter().all(|need| need.phase == Phase::Install)
}

/// What there is to say of the missing role of an installation.
fn gone(view: &View<'_>) -> Outcome {
    let name = &view.target().role.name;
    let known = view.role_names().ok().flatten();
    if known.is_some_and(|names| nearest(name, names.iter().cloned()).is_some()) {
        return Outcome::Warn(vec![absent(view)]);
    }
    Outcome::Skip(format!(
        "there is no role {name}: it may be gone after the installation, and has to be there again to install \
         or remove"
    ))
}

/// The ARN the user gave, when all of it was given.
fn arn_given(target: &Target) -> Option<String> {
    let (partition, account) = (target.role.partition.as_ref()?, target.role.account.as_ref()?);
    let path = target.role.path.as_deref()?;
    Some(format!("arn:{partition}:iam::{account}:role{path}{}", target.role.name))
}

fn misnamed(role: &Role, given: &str) -> Finding {
    let what = format!(
        "{given} names no role: the role is {}, and AssumeRole wants exactly that, path and case included",
        role.arn
    );
    Finding::new(role.arn.as_str(), what)
        .evidence(Evidence::read("iam:GetRole", phrases::found_and_expected(given, role.arn.as_str())))
        .remedy(give_arn(role.arn.as_str()))
}

fn absent(view: &View<'_>) -> Finding {
    let name = &view.target().role.name;
    let account = view.target().role.account.as_ref().map(ToString::to_string);
    let account = account.or_else(|| view.caller().ok().flatten().map(|caller| caller.account.to_string()));
    let place =
        account.as_ref().map_or_else(|| "this account".to_owned(), |account| format!("account {account}"));
    let known = view.role_names().ok().flatten();
    let near = known.and_then(|names| nearest(name, names.iter().cloned()));
    let mut finding = Finding::new(
        name.as_str(),
        match &near {
            Some(near) => format!("There is no role {name} in {place}; there is {near}"),
            None => format!("There is no role {name} in {place}"),
        },
    )
    .evidence(Evidence::read("iam:GetRole", "AWS answers NoSuchEntity"));
    if let Some(near) = &near {
        finding = finding
            .evidence(Evidence::read("iam:ListRoles", phrases::found_and_expected(name, near)))
            .remedy(give_arn(near));
    } else if let Some(names) = known {
        let evidence =
            format!("none of the account's {} is named like it", phrases::count(names.len(), "role"));
        finding = finding.evidence(Evidence::read("iam:ListRoles", evidence));
    }
    finding.remedy(create(view, name)).evidence(Evidence {
        source: Source::Documentation { reference: view.vendor().guide.clone() },
        text: "the role is made in the account that owns the data".to_owned(),
    })
}

fn give_arn(role: &str) -> Remedy {
    Remedy::Manual {
        owner: Owner::You,
        title: format!("Give Streamkap and the doctor the role {role}"),
        steps: vec![
            format!("Open the connector in the Streamkap app and set its role to {role}"),
            format!("Run the doctor again with --role {role}"),
        ],
        commands: Vec::new(),
    }
}

fn create(view: &View<'_>, name: &str) -> Remedy {
    let root = view.vendor().account.root_arn(&view.vendor().partition);
    Remedy::Manual {
        owner: Owner::You,
        title: format!("Create the role {name}"),
        steps: vec![
            format!("Write a trust policy that lets {root} in with the external id of the Streamkap app"),
            format!("Create the role {name} with it and attach the connector's permissions"),
        ],
        commands: vec![format!(
            "aws iam create-role {} --assume-role-policy-document file://trust-policy.json",
            shell_flag("--role-name", name)
        )],
    }
}
