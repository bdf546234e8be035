//! What becomes now of a call that was refused, by all that was read: the policies, and Lake Formation's
//! grants. What was not read leaves it open.

use crate::catalog::ParameterKind;
use crate::checks::View;
use crate::denial::{Layer as Named, Reason};
use crate::facts::TABLES_ASKED;
use crate::model::{Blocked, LakeResource, StatementRef};
use crate::policy::carrier;
use crate::requirement::lake_formation::Access;
use crate::trail::{DenialGroup, Lacking};

use super::lake_formation;
use super::needs::Ask;
use super::state::{Judgement, Layer, State};
use super::words;

/// What becomes of such a call now.
pub(crate) enum Now {
    /// It is still refused.
    Denied(Still),
    /// It is allowed, by these statements.
    Allowed(Vec<StatementRef>),
    /// It cannot be told.
    Open(Blocked),
}

/// By what a call is still refused.
pub(crate) struct Still {
    /// The layer.
    pub layer: Layer,
    /// The statements that deny; none: nothing allows it.
    pub statements: Vec<StatementRef>,
    /// In words, within a sentence.
    pub why: String,
}

/// What becomes now of the calls of a group, put as this question.
pub(crate) fn now(view: &View<'_>, group: &DenialGroup, ask: &Ask<'_>) -> Now {
    if let Reason::LakeFormation { .. } = group.cause {
        return by_lake_formation(view, group, ask);
    }
    let judgement = State::now(view, std::slice::from_ref(ask)).judge(ask);
    match (judgement, unseen_policy(ask)) {
        (Judgement::Open(blocked), _) => Now::Open(blocked),
        // A statement that denies does so whatever another policy says.
        (Judgement::Refused { layer, statements, .. }, _) if !statements.is_empty() => {
            let why = format!("{} denies it", words::statement(&statements[0]));
            Now::Denied(Still { layer, statements, why })
        }
        (_, Some(unseen)) => Now::Open(unseen),
        (Judgement::Refused { layer, statements, nearest }, None) => {
            let why = nearest.map_or_else(|| "nothing allows it".to_owned(), |miss| miss.to_string());
            Now::Denied(Still { layer, statements, why })
        }
        (Judgement::Allowed(statements), None) => Now::Allowed(statements),
    }
}

/// The policy of the resource, where it may have one that is not among what is read.
fn unseen_policy(ask: &Ask<'_>) -> Option<Blocked> {
    let resource = ask.resource.probe.as_str();
    let service = resource.split(':').nth(2).unwrap_or_default();
    let is_read = match service {
        "" | "s3" | "kms" => true,
        "glue" => !ask.is_elsewhere(),
        other => !ask.has_another_side() && carrier(other, resource.splitn(6, ':').nth(5)).is_none(),
    };
    let whose = if ask.assumes_role() { "the trust policy" } else { "the policy" };
    (!is_read).then(|| Blocked {
        what: format!("{whose} of {resource}"),
        why: "it is not among what the doctor reads".to_owned(),
        grant: None,
        hint: Some("see in its owner's account whether it allows the role".to_owned()),
        concerns: vec![ask.concern()],
    })
}

/// The permissions that Lake Formation's messages name, as grants name them.
const PERMISSIONS: [&str; 9] = [
    "ALTER",
    "CREATE_DATABASE",
    "CREATE_TABLE",
    "DATA_LOCATION_ACCESS",
    "DELETE",
    "DESCRIBE",
    "DROP",
    "INSERT",
    "SELECT",
];

fn by_lake_formation(view: &View<'_>, group: &DenialGroup, ask: &Ask<'_>) -> Now {
    let blocked = |why: &str| Blocked {
        what: format!("whether Lake Formation still refuses {}", ask.action()),
        why: why.to_owned(),
        grant: None,
        hint: None,
        concerns: vec![ask.concern()],
    };
    let open = |why: &str| Now::Open(blocked(why));
    let Some((on, permission)) = lacked(group) else {
        return open("the message does not tell which permission on what was missing");
    };
    let lake = match lake_formation::read(view, ask.call.sessions.role()) {
        Ok(lake) => lake,
        Err(blocked) => return Now::Open(blocked),
    };
    if !matches!(lake.access(&on, &[permission]), Access::Lacking(_)) {
        return Now::Allowed(Vec::new());
    }
    // Of what was not asked about, silence says nothing.
    if !lake.names(&on) && !was_asked(view, &on) {
        return open(&format!("the grants on {} were not read", on.in_words()));
    }
    if lake.has_other_grants() {
        return open(
            "the role has grants by tags or filters or on conditions, of which the doctor cannot tell what they come to",
        );
    }
    match lake_formation::caller_sees_all(view) {
        Ok(true) => {}
        Ok(false) => {
            let why = "whoever runs the doctor is no data lake administrator, and is shown fewer grants than there are";
            return Now::Open(lake_formation::only_administrators_see(blocked(why)));
        }
        Err(blocked) => return Now::Open(blocked),
    }
    let why = format!("the role is granted no {permission} on {}", on.in_words());
    Now::Denied(Still { layer: Layer::LakeFormation, statements: Vec::new(), why })
}

/// Whether the grants on something were asked for, so that one that is not among them is not there.
fn was_asked(view: &View<'_>, on: &LakeResource) -> bool {
    if view.lists_all_grants() {
        return true;
    }
    match on {
        LakeResource::Database { database } => view.databases().any(|name| name == database),
        LakeResource::Table { database, table: Some(table) } => {
            let mut named = view.parameters(ParameterKind::GlueTable).peekable();
            if named.peek().is_some() {
                return named.any(|name| name == table);
            }
            let tables = view.tables(database).ok().flatten().map_or(&[][..], Vec::as_slice);
            let mut asked = tables.iter().filter(|it| it.is_iceberg()).take(TABLES_ASKED);
            asked.any(|it| it.name == *table)
        }
        _ => false,
    }
}

/// On what Lake Formation missed which permission; none where its message does not tell.
pub(crate) fn lacked(group: &DenialGroup) -> Option<(LakeResource, &'static str)> {
    let lacking = Lacking::of(group)?;
    let named =
        lacking.permission.as_deref().or(lacking.location.as_ref().map(|_| "DATA_LOCATION_ACCESS"))?;
    let permission = *PERMISSIONS.iter().find(|permission| **permission == named)?;
    let on = match (&lacking.location, lacking.database, lacking.table) {
        _ if permission == "CREATE_DATABASE" => LakeResource::Catalog,
        (Some(arn), ..) => LakeResource::Location { arn: arn.clone() },
        (None, Some(database), None) => LakeResource::Database { database: database.to_owned() },
        (None, Some(database), Some(table)) => {
            LakeResource::Table { database: database.to_owned(), table: Some(table.to_owned()) }
        }
        (None, None, _) => return None,
    };
    Some((on, permission))
}

/// Why it cannot be told whether a layer that AWS names refuses a call still: it does not show in an account.
pub(crate) fn hidden(cause: &Reason) -> Option<&'static str> {
    Some(match (cause, cause.layer()) {
        (Reason::SessionDuration { .. }, _) => "the length of the session",
        (Reason::BlockPublicAccess { .. }, _) => "S3 Block Public Access",
        (Reason::SseCBlocked, _) => "the bucket's encryption settings",
        (Reason::KeyState { .. }, _) => "the state of the key",
        (Reason::CrossAccountPassRole, _) => "a rule that no policy changes",
        (_, Some(Named::Scp)) => "a service control policy of the organization",
        (_, Some(Named::Rcp)) => "a resource control policy of the organization",
        (_, Some(Named::Endpoint)) => "the policy of a VPC endpoint",
        (_, Some(Named::Session)) => "the policy of the session",
        _ => return None,
    })
}
