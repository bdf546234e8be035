//! WRITE-012: the Redshift cluster or workgroup does not exist, or the role's policies are about another.

use std::rc::Rc;

use crate::checks::shared::commands::in_region;
use crate::checks::shared::places::join;
use crate::checks::shared::policies::{RolePolicies, role_policies};
use crate::checks::shared::redshift::{Elsewhere, Place, elsewhere, named_clusters, places};
use crate::checks::shared::{absent_role, phrases, words};
use crate::checks::{Check, View};
use crate::facts::{Cluster, Workgroup};
use crate::model::{
    Blocked, CheckId, Concern, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, nearest,
    shell_flag,
};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 12), judge };

#[expect(clippy::unnecessary_wraps, reason = "the shape of every check")]
fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let places = places(view);
    if places.is_empty() {
        return Ok(Outcome::Skip(nowhere(view)));
    }
    let policies = if absent_role(view).is_some() { Rc::default() } else { role_policies(view) };
    let mut outcomes: Vec<Result<Outcome, Blocked>> = Vec::new();
    for place in &places {
        match state(view, place) {
            Ok(State::Reachable(text)) => outcomes.push(Ok(Outcome::Pass(vec![text]))),
            Ok(State::Unreachable(finding)) => outcomes.push(Ok(Outcome::Fail(vec![finding]))),
            Ok(State::Absent) => {
                outcomes.push(Ok(Outcome::Fail(vec![absent(view, &policies, place)])));
                continue;
            }
            Err(blocked) => outcomes.push(Err(blocked)),
        }
        // The connector makes none of the calls that a policy may allow: where that names another target, nothing
        // of its own breaks. A policy that was not read may name the target.
        outcomes.push(policies.complete().map_err(|unread| unread.about([concern(place)])).map(|_| {
            let faults = elsewhere(&policies.documents(), place);
            let findings: Vec<Finding> = faults.iter().map(|fault| misdirected(place, fault)).collect();
            if findings.is_empty() { Outcome::Pass(Vec::new()) } else { Outcome::Warn(findings) }
        }));
    }
    outcomes.push(Ok(Outcome::Pass(said(view))));
    Ok(join(outcomes))
}

fn concern(place: &Place) -> Concern {
    Concern::Redshift(place.name.clone())
}

/// Why there is nothing to look for.
fn nowhere(view: &View<'_>) -> String {
    let redshift = view.connectors().find(|(_, it)| it.name == "redshift");
    redshift.map_or_else(
        || "none of the connectors writes to Redshift".to_owned(),
        |_| "neither --cluster nor --workgroup was given".to_owned(),
    )
}

/// What a connector's file says that its users ought to know.
fn said(view: &View<'_>) -> Vec<Evidence> {
    let redshift = view.connectors().filter(|(_, it)| it.name == "redshift");
    let note = |text: &String| {
        let reference = "docs.streamkap.com/docs/redshift".to_owned();
        Evidence { source: Source::Documentation { reference }, text: text.clone() }
    };
    words::unique(redshift.flat_map(|(_, connector)| &connector.notes)).into_iter().map(note).collect()
}

/// What was read of a cluster or workgroup.
enum State {
    /// It is there.
    Reachable(Evidence),
    /// It is there and takes no connections.
    Unreachable(Finding),
    /// AWS says that there is none.
    Absent,
}

fn state(view: &View<'_>, place: &Place) -> Result<State, Blocked> {
    let name = &place.name;
    let (status, text) = if place.serverless {
        let Some(workgroup) = view.workgroup(name)? else { return Ok(State::Absent) };
        (workgroup.status.to_lowercase(), of_workgroup(workgroup))
    } else {
        let Some(cluster) = view.cluster(name)? else { return Ok(State::Absent) };
        (cluster.status.to_lowercase(), of_cluster(cluster))
    };
    let call = call(place);
    let takes = takes_connections(&status).ok_or_else(|| {
        let why = format!("its status is {status}, of which the doctor does not know what it means");
        Blocked::new(format!("whether one can log in to {}", what(place)), why).about([concern(place)])
    })?;
    if !takes {
        let told = format!("{} is {status}: the connector cannot log in", words::capital(&what(place)));
        let finding = Finding::new(name.as_str(), told)
            .about([concern(place)])
            .evidence(Evidence::read(call, format!("its status is {status}")))
            .remedy(resume(place, &status));
        return Ok(State::Unreachable(finding));
    }
    Ok(State::Reachable(Evidence::read(call, format!("{} is {status}{text}", what(place)))))
}

/// What else AWS shows of a cluster: what the connector's settings can be compared with.
fn of_cluster(cluster: &Cluster) -> String {
    let mut text = reachable(cluster.endpoint.as_deref(), cluster.public);
    let made_with = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} {name}"));
    let made_with: Vec<String> =
        [made_with("the database", &cluster.database), made_with("the administrator", &cluster.admin)]
            .into_iter()
            .flatten()
            .collect();
    if !made_with.is_empty() {
        text = format!("{text}; it was made with {}, and AWS shows no others", words::list(&made_with));
    }
    if !cluster.roles.is_empty() {
        text = format!("{text}; COPY and UNLOAD use {}", words::list(&cluster.roles));
    }
    text
}

/// The same of a workgroup, whose databases, users and roles are its namespace's.
fn of_workgroup(workgroup: &Workgroup) -> String {
    let text = reachable(workgroup.endpoint.as_deref(), workgroup.public);
    let namespace = &workgroup.namespace;
    if namespace.is_empty() {
        return text;
    }
    format!(
        "{text}; its databases and users, and the role of COPY and UNLOAD, are those of the namespace {namespace}"
    )
}

fn reachable(endpoint: Option<&str>, public: Option<bool>) -> String {
    let endpoint = endpoint.map(|it| format!(" at {it}")).unwrap_or_default();
    let private = ", not publicly accessible: Streamkap needs a private way to it";
    format!("{endpoint}{}", if public == Some(false) { private } else { "" })
}

fn what(place: &Place) -> String {
    let kind = if place.serverless { "the Redshift Serverless workgroup" } else { "the Redshift cluster" };
    format!("{kind} {}", place.name)
}

fn call(place: &Place) -> &'static str {
    if place.serverless { "redshift-serverless:GetWorkgroup" } else { "redshift:DescribeClusters" }
}

/// Whether one can log in; none of a status that is not known. A cluster that is being changed may be read, at least.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/rs-mgmt-cluster-status.html>
fn takes_connections(status: &str) -> Option<bool> {
    const TAKING: [&str; 6] =
        ["available", "cancelling-resize", "modifying", "resizing", "rotating-keys", "updating-hsm"];
    const REFUSING: [&str; 11] = [
        "creating",
        "deleting",
        "final-snapshot",
        "hardware-failure",
        "incompatible",
        "paused",
        "pausing",
        "rebooting",
        "renaming",
        "resuming",
        "storage-full",
    ];
    let is_among = |known: &[&str]| known.iter().any(|it| status.starts_with(it));
    (is_among(&TAKING) || is_among(&REFUSING)).then(|| is_among(&TAKING))
}

fn resume(place: &Place, status: &str) -> Remedy {
    let name = &place.name;
    let paused = status.starts_with("paus");
    let (title, step) = if paused {
        (format!("Resume the cluster {name}"), "Resume it; the connector goes on by itself".to_owned())
    } else {
        (format!("See why {name} is {status}"), "Wait until its status is available again".to_owned())
    };
    let command = if paused { "resume-cluster" } else { "describe-clusters" };
    let command = if place.serverless {
        format!("aws redshift-serverless get-workgroup {}", shell_flag("--workgroup-name", name))
    } else {
        format!("aws redshift {command} {}", shell_flag("--cluster-identifier", name))
    };
    let commands = vec![in_region(&command, place.region.as_deref())];
    Remedy::Manual { owner: Owner::You, title, steps: vec![step], commands }
}

fn absent(view: &View<'_>, policies: &RolePolicies, place: &Place) -> Finding {
    let name = &place.name;
    let names = if place.serverless { view.workgroup_names() } else { view.cluster_names() };
    let names = names.ok().flatten();
    let other = |names: &[String]| nearest(name, names.iter().filter(|it| *it != name).cloned());
    let near = names.and_then(|names| other(names));
    let region = place.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
    let mut told = format!("There is no {}{region}", what(place).trim_start_matches("the "));
    if let Some(near) = &near {
        told = format!("{told}; there is {near}");
    }
    let mut finding = Finding::new(name.as_str(), told)
        .about([concern(place)])
        .evidence(Evidence::read(call(place), "AWS says that there is none of that name"));
    if let Some(near) = &near {
        let list = if place.serverless { "redshift-serverless:ListWorkgroups" } else { call(place) };
        finding = finding.evidence(Evidence::read(list, phrases::found_and_expected(name, near)));
    } else if let Some(names) = names {
        let kind = if place.serverless { "workgroup" } else { "cluster" };
        let text = match names.len() {
            0 => format!("the region has no {kind} at all"),
            count => {
                format!("the region has {}, and none is named like it", phrases::count(count, kind))
            }
        };
        finding = finding.evidence(Evidence::read(call(place), text));
    }
    let written = if place.serverless { Vec::new() } else { named_clusters(&policies.documents()) };
    if !written.is_empty() && !written.contains(name) {
        let text = format!("the role's policies name the cluster {}", words::list(&written));
        finding = finding.evidence(Evidence::evaluated(Vec::new(), text));
    }
    let meant = near.or_else(|| other(&written));
    finding.remedy(look(place, meant.as_deref()))
}

fn look(place: &Place, meant: Option<&str>) -> Remedy {
    let (flag, command) = if place.serverless {
        (
            "--workgroup",
            "aws redshift-serverless list-workgroups --query 'workgroups[].[workgroupName,endpoint.address]'",
        )
    } else {
        (
            "--cluster",
            "aws redshift describe-clusters --query 'Clusters[].[ClusterIdentifier,Endpoint.Address]'",
        )
    };
    let right = meant.unwrap_or("one that exists");
    Remedy::Manual {
        owner: Owner::You,
        title: format!("Set the hostname in the connector's settings to that of {right}, if that is meant"),
        steps: vec![
            "Compare the hostname in the connector's settings with the endpoint that AWS shows".to_owned(),
            format!("Run the doctor again with {flag}, and with --region where it is in another one"),
        ],
        commands: vec![in_region(command, place.region.as_deref())],
    }
}

/// A statement that is about something else than the target. No phase hangs on it: the connector logs in with user
/// and password, and the calls that the statement is meant for are none of its own.
fn misdirected(place: &Place, fault: &Elsewhere) -> Finding {
    let actions = words::list(&fault.actions);
    let Elsewhere { statement, found, wanted, .. } = fault;
    let everything = wanted == "*";
    let told = format!(
        "{} allows {actions} on {found}, and nothing allows it on {}: {}. {BY_THE_GUIDE}",
        words::capital(&words::statement(statement)),
        if everything { "*".to_owned() } else { what(place) },
        fault.fault
    );
    let compared = if everything {
        format!("{found} in place of *")
    } else {
        phrases::found_and_expected(found, wanted)
    };
    let mut finding = Finding::new(found.as_str(), told)
        .evidence(Evidence::evaluated(vec![statement.clone()], compared))
        .evidence(Evidence {
            source: Source::Documentation { reference: RESOURCES.to_owned() },
            text: "AWS lists the resources that each action takes".to_owned(),
        })
        .because(statement.clone());
    let replace = Remedy::ReplaceResource {
        policy: statement.policy.clone(),
        statement: statement.index,
        found: found.clone(),
        wanted: vec![wanted.clone()],
    };
    let grants = fault.actions.iter().map(|action| (action.clone(), vec![wanted.clone()])).collect();
    // What was not meant to be the target may serve something else, and stays where that can be.
    let mut remedies = vec![Remedy::AllowOnRole { grants }, replace];
    if fault.meant {
        remedies.reverse();
    }
    finding.remedies = remedies;
    finding
}

/// Why it counts, though no call of the connector was found.
const BY_THE_GUIDE: &str = "Calls made with this role, for which Streamkap's guide has a policy, are refused";

const RESOURCES: &str =
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshift.html";
