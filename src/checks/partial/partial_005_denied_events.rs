//! PARTIAL-005: calls of the role that were refused, each put to the policies as they are now.

use crate::checks::shared::history;
use crate::checks::shared::needs::{Ask, asks};
use crate::checks::shared::phrases::{self, absent_role};
use crate::checks::shared::simulated::simulated;
use crate::checks::shared::state::{Judgement, Layer, State, ask_for};
use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::denial;
use crate::facts::Purpose;
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, StatementRef,
};
use crate::policy::scope::covers;
use crate::trail::{DenialGroup, DenialGroups, Event, change_kind, made_by_role};

pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Partial, 5), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(role) = view.role()? else { return Ok(absent_role(view)) };
    let searched = history::events(view, Purpose::Denials)?;
    let mut groups = DenialGroups::new();
    for event in searched.events.iter().filter(|event| made_by_role(event, &role.arn)) {
        groups.add(event);
    }
    let groups = groups.groups();
    if groups.is_empty() {
        return none(&searched);
    }
    let needs: Vec<Ask<'_>> = asks(view)?.into_iter().filter(Ask::is_required).collect();
    let judged: Vec<Judged<'_>> = groups
        .iter()
        .map(|group| Judged {
            group,
            needed: is_needed(group, &needs),
            standing: standing(view, group, &needs),
        })
        .collect();
    outcome(view, &searched, &judged)
}

/// A group of denials and what becomes of such a call now.
struct Judged<'g> {
    group: &'g DenialGroup,
    needed: bool,
    standing: Standing,
}

/// What becomes of a call now.
enum Standing {
    /// It is still refused.
    Denied(Still),
    /// It is allowed.
    Fixed(Vec<StatementRef>),
    /// It cannot be told.
    Open(Blocked),
}

struct Still {
    layer: Layer,
    statements: Vec<StatementRef>,
    why: String,
}

fn none(searched: &history::Searched<'_>) -> Result<Outcome, Blocked> {
    if let Some(unread) = searched.unread.first() {
        return Err(unread.clone());
    }
    let end = if searched.is_complete() { "" } else { ", which was not read to the end" };
    let text = format!(
        "no refused call of the role in the {}{end}; calls on S3 objects do not show there (PARTIAL-006)",
        searched.window()
    );
    Ok(Outcome::Pass(vec![Evidence::read("cloudtrail:LookupEvents", text)]))
}

fn outcome(
    view: &View<'_>,
    searched: &history::Searched<'_>,
    judged: &[Judged<'_>],
) -> Result<Outcome, Blocked> {
    let still = |needed: bool| -> Vec<Finding> {
        let denied = judged.iter().filter(|it| it.needed == needed);
        denied
            .filter_map(|it| match &it.standing {
                Standing::Denied(still) => Some(finding(view, searched, it, still)),
                _ => None,
            })
            .collect()
    };
    let (mut failing, warning) = (still(true), still(false));
    if !failing.is_empty() {
        failing.extend(warning);
        return Ok(Outcome::Fail(failing));
    }
    let open = judged.iter().filter(|it| it.needed).find_map(|it| match &it.standing {
        Standing::Open(blocked) => Some(blocked.clone()),
        _ => None,
    });
    if let Some(blocked) = open {
        return Err(blocked);
    }
    if !warning.is_empty() {
        return Ok(Outcome::Warn(warning));
    }
    Ok(Outcome::Pass(judged.iter().map(|it| settled(view, it)).collect()))
}

/// Whether a connector cannot work without the call.
fn is_needed(group: &DenialGroup, needs: &[Ask<'_>]) -> bool {
    let Some(action) = group.action.as_deref() else { return false };
    needs.iter().any(|ask| {
        ask.action().eq_ignore_ascii_case(action)
            && group.resource.as_deref().is_none_or(|found| {
                covers(&ask.resource.pattern, found)
                    // A message may name the bucket where an object was meant.
                    || ask.resource.pattern.starts_with(&format!("{}/", found.trim_end_matches("/*")))
            })
    })
}

/// What becomes of such a call now, by the policies and by AWS's simulator where it was asked.
fn standing(view: &View<'_>, group: &DenialGroup, needs: &[Ask<'_>]) -> Standing {
    let Some(action) = group.action.as_deref() else { return Standing::Open(unnamed(group)) };
    let own = needs.iter().find(|ask| ask.action().eq_ignore_ascii_case(action));
    let resource = match (group.resource.as_deref(), own) {
        (Some(found), _) if found.starts_with("arn:") && !found.contains(['*', '?']) => found,
        (_, Some(own)) => own.resource.probe.as_str(),
        (Some(found), None) => found,
        (None, None) => "*",
    };
    if let Some(blocked) = out_of_sight(view, group, own) {
        return Standing::Open(blocked);
    }
    let ask = match ask_for(view, action, resource) {
        Ok(Some(ask)) => ask,
        Ok(None) => return Standing::Open(unnamed(group)),
        Err(blocked) => return Standing::Open(blocked),
    };
    match State::now(view, std::slice::from_ref(&ask)).judge(&ask) {
        Judgement::Allowed(statements) => Standing::Fixed(statements),
        Judgement::Open(blocked) => Standing::Open(blocked),
        Judgement::Refused { layer, statements, nearest } => {
            let why = nearest.map_or_else(
                || {
                    statements.first().map_or_else(
                        || "nothing allows it".to_owned(),
                        |it| format!("{} denies it", words::statement(it)),
                    )
                },
                |miss| miss.to_string(),
            );
            Standing::Denied(Still { layer, statements, why })
        }
    }
}

/// A denial by a layer whose policies cannot be read, unless AWS's simulator says that it allows now.
fn out_of_sight(view: &View<'_>, group: &DenialGroup, own: Option<&Ask<'_>>) -> Option<Blocked> {
    let hidden = match group.cause.layer()? {
        denial::Layer::Scp => "a service control policy of the organization",
        denial::Layer::Rcp => "a resource control policy of the organization",
        denial::Layer::Endpoint => "the policy of a VPC endpoint",
        denial::Layer::Session => "the policy of the session",
        _ => return None,
    };
    let aws = own.and_then(|ask| simulated(view, ask).ok());
    if group.cause.layer() == Some(denial::Layer::Scp)
        && aws.is_some_and(|aws| aws.organization() == Some(true))
    {
        return None;
    }
    Some(Blocked {
        what: format!("whether {} is still refused", described(group)),
        why: format!("it was refused by {hidden}, which cannot be read from here"),
        grant: None,
        hint: Some(
            "AWS's simulator knows service control policies: let the doctor use iam:SimulatePrincipalPolicy"
                .to_owned(),
        ),
    })
}

fn unnamed(group: &DenialGroup) -> Blocked {
    Blocked {
        what: "whether a refused call is still refused".to_owned(),
        why: format!("neither message nor event names the action ({})", group.reason),
        grant: None,
        hint: None,
    }
}

/// `s3:PutObject on arn:…`.
fn described(group: &DenialGroup) -> String {
    let action = group.action.as_deref().unwrap_or("an unnamed action");
    group.resource.as_ref().map_or_else(|| action.to_owned(), |resource| format!("{action} on {resource}"))
}

fn times(group: &DenialGroup) -> String {
    let count = phrases::count(usize::try_from(group.count).unwrap_or(usize::MAX), "time");
    let last = group.last.map_or_else(String::new, |last| format!(", last on {}", phrases::moment(last)));
    let first = group.first.filter(|_| group.count > 1);
    let first = first.map_or_else(String::new, |first| format!(", first on {}", phrases::moment(first)));
    format!("{count}{first}{last}")
}

fn finding(view: &View<'_>, searched: &history::Searched<'_>, judged: &Judged<'_>, still: &Still) -> Finding {
    let group = judged.group;
    let use_of_it = if judged.needed { "" } else { "; the connector can do without it" };
    let what = format!(
        "{} was refused {}, and {} refuse it still{use_of_it}",
        described(group),
        times(group),
        match still.layer {
            Layer::Identity => "the role's own policies",
            Layer::Boundary => "the policies of the permissions boundary",
            Layer::Resource => "the policies of the resource",
        }
    );
    let resource = group.resource.clone().unwrap_or_else(|| view.target().role.name.clone());
    let mut finding = Finding::new(resource, what);
    if let Some(event) = sample(searched, group) {
        let message = event.error_message.clone().unwrap_or_else(|| group.reason.clone());
        finding = finding.evidence(history::evidence(event, message));
    }
    finding = finding.evidence(Evidence::evaluated(still.statements.clone(), format!("now: {}", still.why)));
    finding = finding
        .evidence(Evidence { source: Source::Message, text: format!("AWS's reason: {}", group.reason) });
    if let Some(statement) = still.statements.first() {
        finding = finding.because(statement.clone());
    }
    match remedy(view, judged, still) {
        Some(remedy) => finding.remedy(remedy),
        None => finding,
    }
}

fn sample<'a>(searched: &history::Searched<'a>, group: &DenialGroup) -> Option<&'a Event> {
    let id = group.event_ids.last()?;
    searched.events.iter().copied().find(|event| event.event_id == *id)
}

/// What would mend a denial of something that is needed. What is not needed may stay refused.
fn remedy(view: &View<'_>, judged: &Judged<'_>, still: &Still) -> Option<Remedy> {
    let action = judged.group.action.clone()?;
    if !judged.needed {
        return Some(Remedy::Manual {
            owner: Owner::You,
            title: format!("Nothing, or allow {action} if something else uses this role"),
            steps: vec![format!("See who calls {action} with the role {}", view.target().role.name)],
            commands: Vec::new(),
        });
    }
    let resource = judged.group.resource.clone().unwrap_or_else(|| "*".to_owned());
    let needs = asks(view).ok()?;
    let pattern = needs
        .iter()
        .find(|ask| ask.action().eq_ignore_ascii_case(&action))
        .map(|ask| ask.resource.pattern.clone());
    let grants = vec![(action.clone(), vec![pattern.unwrap_or_else(|| resource.clone())])];
    let statement = still.statements.first();
    let is_key = action.starts_with("kms:");
    Some(match (still.layer, statement) {
        (Layer::Identity, None) => Remedy::AllowOnRole { grants },
        (Layer::Identity, Some(deny)) => {
            Remedy::ExemptFromRolePolicy { policy: deny.policy.clone(), statement: deny.index, grants }
        }
        (Layer::Boundary, _) => Remedy::AllowInBoundary { grants },
        (Layer::Resource, Some(deny)) if is_key => {
            Remedy::ExemptFromKeyPolicy { key: resource, statement: deny.index }
        }
        (Layer::Resource, None) if is_key => {
            Remedy::AllowInKeyPolicy { key: resource, actions: vec![action] }
        }
        (Layer::Resource, Some(deny)) => {
            Remedy::ExemptFromBucketPolicy { bucket: bucket_of(&resource)?, statement: deny.index }
        }
        (Layer::Resource, None) => Remedy::AllowInBucketPolicy { bucket: bucket_of(&resource)?, grants },
    })
}

fn bucket_of(arn: &str) -> Option<String> {
    arn.splitn(6, ':').nth(5)?.split('/').next().map(str::to_owned)
}

/// Denials that no longer matter, with the change after the last of them.
fn settled(view: &View<'_>, judged: &Judged<'_>) -> Evidence {
    let group = judged.group;
    let changes = history::events(view, Purpose::Changes).unwrap_or_default();
    let change =
        changes.events.iter().find(|event| change_kind(event).is_some() && event.event_time > group.last);
    let told = match &judged.standing {
        Standing::Fixed(statements) => {
            let by =
                statements.first().map_or_else(String::new, |it| format!(" by {}", words::statement(it)));
            format!("{} was refused {}, and is allowed now{by}", described(group), times(group))
        }
        _ => format!("{} was refused {}; the connector can do without it", described(group), times(group)),
    };
    match change {
        Some(change) => {
            let since =
                format!("{} by {} on {}", change.event_name, change.identity.actor(), history::when(change));
            history::evidence(change, format!("{told}, since {since}"))
        }
        None => Evidence::read("cloudtrail:LookupEvents", told),
    }
}
