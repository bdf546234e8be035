//! PARTIAL-005: calls of the role that were refused, each put to the policies as they are now.

use crate::checks::shared::denied::{self, Now, Still};
use crate::checks::shared::history;
use crate::checks::shared::needs::{Ask, asks, patterns};
use crate::checks::shared::phrases::{self, absent_role};
use crate::checks::shared::rewind::Past;
use crate::checks::shared::simulated::simulated;
use crate::checks::shared::state::{Judgement, Layer, State, ask_for};
use crate::checks::shared::words;
use crate::checks::{Check, View};
use crate::denial::{self, Reason};
use crate::facts::Purpose;
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, Source, StatementRef,
};
use crate::policy::scope::covers;
use crate::trail::{ChangeKind, DenialGroup, DenialGroups, Event, change_kind, made_by_role};

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
    let changes = history::events(view, Purpose::Changes).unwrap_or_default();
    let is_change = |event: &&Event| change_kind(event).is_some();
    let past = Past { view, role, changes: changes.events.iter().copied().filter(is_change).collect() };
    let judged: Vec<Judged<'_>> = groups
        .iter()
        .map(|group| Judged {
            group,
            need: need_of(group, &needs),
            standing: standing(&past, &changes, group, &needs),
        })
        .collect();
    outcome(view, &searched, &judged)
}

/// A group of denials and what becomes of such a call now.
struct Judged<'g> {
    group: &'g DenialGroup,
    need: Need,
    standing: Standing<'g>,
}

/// What a connector makes of a call.
#[derive(PartialEq)]
enum Need {
    /// It cannot work without it.
    Needed,
    /// By what was given of it, it needs the call elsewhere: on these resources.
    Elsewhere(Vec<String>),
    /// It can do without it.
    None,
}

/// What becomes of a call now.
enum Standing<'g> {
    /// It is still refused.
    Denied(Still),
    /// It is allowed, by these statements, and since this change where one shows.
    Fixed(Vec<StatementRef>, Option<&'g Event>),
    /// It cannot be told.
    Open(Blocked),
}

fn none(searched: &history::Searched<'_>) -> Result<Outcome, Blocked> {
    if let Some(gap) = searched.gap() {
        return Err(gap);
    }
    let text = format!(
        "no refused call of the role in the {}; calls on S3 objects do not show there (PARTIAL-006)",
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
        let denied = judged.iter().filter(|it| (it.need == Need::Needed) == needed);
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
    let open = judged.iter().filter(|it| it.need == Need::Needed).find_map(|it| match &it.standing {
        Standing::Open(blocked) => Some(blocked.clone()),
        _ => None,
    });
    if let Some(blocked) = open {
        return Err(blocked);
    }
    if !warning.is_empty() {
        return Ok(Outcome::Warn(warning));
    }
    match searched.gap() {
        Some(gap) => Err(gap),
        None => Ok(Outcome::Pass(judged.iter().map(settled).collect())),
    }
}

/// Whether a connector cannot work without the call.
fn need_of(group: &DenialGroup, needs: &[Ask<'_>]) -> Need {
    let Some(action) = group.action.as_deref() else { return Need::None };
    let same: Vec<&Ask<'_>> = needs.iter().filter(|ask| ask.action().eq_ignore_ascii_case(action)).collect();
    let is_meant = |ask: &&Ask<'_>| {
        group.resource.as_deref().is_none_or(|found| {
            covers(&ask.resource.pattern, found)
                // A message may name the bucket where an object was meant.
                || ask.resource.pattern.starts_with(&format!("{}/", found.trim_end_matches("/*")))
        })
    };
    if same.is_empty() {
        Need::None
    } else if same.iter().any(is_meant) {
        Need::Needed
    } else {
        Need::Elsewhere(patterns(same))
    }
}

/// What becomes of such a call now, by the policies and by AWS's simulator where it was asked.
fn standing<'a>(
    past: &Past<'_, 'a>,
    changes: &history::Searched<'_>,
    group: &DenialGroup,
    needs: &[Ask<'_>],
) -> Standing<'a> {
    let view = past.view;
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
    match denied::now(view, group, &ask) {
        Now::Allowed(statements) => allowed(past, changes, group, &ask, statements),
        Now::Open(blocked) => Standing::Open(blocked),
        Now::Denied(still) => Standing::Denied(still),
    }
}

/// A call that was refused and that the policies allow now: mended where a change shows that did it, or
/// where a change may have gone unseen of the layer that AWS named. Otherwise something refused it that the
/// policies do not show.
fn allowed<'a>(
    past: &Past<'_, 'a>,
    changes: &history::Searched<'_>,
    group: &DenialGroup,
    ask: &Ask<'_>,
    statements: Vec<StatementRef>,
) -> Standing<'a> {
    let change = mended_by(past, group, ask);
    // AWS's simulator was asked; the organisation's changes are in another account.
    let by_simulator = group.cause.layer() == Some(denial::Layer::Scp);
    let was_read = matches!(
        group.cause.layer(),
        Some(denial::Layer::Identity | denial::Layer::Boundary | denial::Layer::Resource)
    );
    // Changes of grants are not searched for; the grants themselves were read.
    let by_grants = matches!(group.cause, Reason::LakeFormation { .. });
    let gap = if changes.queries.is_empty() { Some("was not searched") } else { None };
    let gap = gap.or_else(|| (!changes.is_complete()).then_some("was not searched to the end"));
    if change.is_some() || by_simulator || by_grants || (was_read && gap.is_some()) {
        return Standing::Fixed(statements, change);
    }
    let seen = match gap {
        Some(gap) => format!("the history of changes {gap}"),
        None => "no change shows since that could have mended it".to_owned(),
    };
    let last = group.last.map_or_else(String::new, |last| format!(" on {}", phrases::moment(last)));
    let why = format!("AWS refused it{last}, the policies that could be read allow it, and {seen}");
    let hint = "a change takes up to 15 minutes to show: run the doctor again, or see whether the connector is still refused";
    Standing::Open(Blocked {
        hint: Some(hint.to_owned()),
        ..Blocked::new(format!("whether {} is still refused", described(group)), why)
    })
}

/// The newest change after the last refusal before which the call was not allowed, or may not have been.
fn mended_by<'a>(past: &Past<'_, 'a>, group: &DenialGroup, ask: &Ask<'_>) -> Option<&'a Event> {
    let mut state = State::now(past.view, std::slice::from_ref(ask));
    let after = past.own().take_while(|at| past.changes[*at].event_time > group.last);
    for at in after {
        let event = past.changes[at];
        let mends = if past.undo(&mut state, at) {
            !matches!(state.judge(ask), Judgement::Allowed(_))
        } else {
            is_beyond_policies(past, event, ask.action())
        };
        if mends {
            return Some(event);
        }
    }
    None
}

/// Whether a change of something else than the policies of a [`State`] may have allowed an action.
fn is_beyond_policies(past: &Past<'_, '_>, event: &Event, action: &str) -> bool {
    let service = action.split(':').next().unwrap_or_default();
    let is_policy =
        matches!(event.event_name.as_str(), "PutBucketPolicy" | "DeleteBucketPolicy" | "PutKeyPolicy");
    match change_kind(event) {
        Some(ChangeKind::Bucket) => matches!(service, "s3" | "kms") && !is_policy,
        Some(ChangeKind::Key) => service == "kms" && !is_policy,
        Some(ChangeKind::Catalog | ChangeKind::Database | ChangeKind::LakeFormation) => {
            matches!(service, "glue" | "lakeformation")
        }
        Some(ChangeKind::Organization | ChangeKind::Endpoint) => true,
        Some(ChangeKind::Role) => event.event_name == "CreateRole" && past.is_role(event),
        _ => false,
    }
}

/// A denial by a layer whose policies cannot be read, unless AWS's simulator says that it allows now.
fn out_of_sight(view: &View<'_>, group: &DenialGroup, own: Option<&Ask<'_>>) -> Option<Blocked> {
    let organization = own.and_then(|ask| simulated(view, ask).ok()).map(|aws| aws.organization());
    let hidden = denied::hidden(&group.cause)?;
    let hint = match group.cause.layer() {
        Some(denial::Layer::Scp) => match organization {
            Some(Some(true)) => return None,
            None => {
                "AWS's simulator knows service control policies: let the doctor use iam:SimulatePrincipalPolicy"
            }
            Some(_) => "LATER-005 tells what AWS's simulator says of service control policies now",
        },
        Some(denial::Layer::Rcp) => "ask the organization's administrator whether one refuses it still",
        Some(denial::Layer::Endpoint) => "ask whoever owns the endpoint whether its policy refuses it still",
        Some(denial::Layer::Session) => "it ends with the session: see whether a new one is refused",
        _ => "see whether the connector is still refused",
    };
    let why = format!("it was refused by {hidden}, which cannot be read from here");
    Some(Blocked {
        hint: Some(hint.to_owned()),
        ..Blocked::new(format!("whether {} is still refused", described(group)), why)
    })
}

fn unnamed(group: &DenialGroup) -> Blocked {
    Blocked::new(
        "whether a refused call is still refused",
        format!("neither message nor event names the action ({})", group.reason),
    )
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
    let use_of_it = judged.need.in_words();
    let what = format!(
        "{} was refused {}, and {} refuse it still{use_of_it}",
        described(group),
        times(group),
        match still.layer {
            Layer::Identity => "the role's own policies",
            Layer::Boundary => "the policies of the permissions boundary",
            Layer::Resource => "the policies of the resource",
            Layer::LakeFormation => "Lake Formation's grants",
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
    let manual = |title: String, step: String| {
        Some(Remedy::Manual { owner: Owner::You, title, steps: vec![step], commands: Vec::new() })
    };
    match &judged.need {
        Need::Needed => {}
        Need::Elsewhere(_) => {
            let step =
                "Compare what the Streamkap app says of the connector with what was given to the doctor";
            return manual(
                "See whether what was given is where the connector writes".to_owned(),
                step.to_owned(),
            );
        }
        Need::None => {
            return manual(
                format!("Nothing, or allow {action} if something else uses this role"),
                format!("See who calls {action} with the role {}", view.target().role.name),
            );
        }
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
        (Layer::LakeFormation, _) => {
            let (on, permission) = denied::lacked(judged.group)?;
            Remedy::GrantLakeFormation { grants: vec![(on, vec![permission.to_owned()])] }
        }
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

impl Need {
    /// As the end of a sentence about a refused call.
    fn in_words(&self) -> String {
        match self {
            Self::Needed => String::new(),
            Self::Elsewhere(resources) => {
                format!("; by what was given, the connector needs it on {} only", words::list(resources))
            }
            Self::None => "; the connector can do without it".to_owned(),
        }
    }
}

/// Denials that no longer matter, with the change that mended them where it shows.
fn settled(judged: &Judged<'_>) -> Evidence {
    let group = judged.group;
    let Standing::Fixed(statements, change) = &judged.standing else {
        let told = format!("{} was refused {}{}", described(group), times(group), judged.need.in_words());
        return Evidence::read("cloudtrail:LookupEvents", told);
    };
    let by = statements.first().map_or_else(String::new, |it| format!(" by {}", words::statement(it)));
    let told = format!("{} was refused {}, and is allowed now{by}", described(group), times(group));
    match change {
        Some(change) => {
            let since =
                format!("{} by {} on {}", change.event_name, change.identity.actor(), history::when(change));
            history::evidence(change, format!("{told}, since {since}"))
        }
        None => Evidence::read("cloudtrail:LookupEvents", told),
    }
}
