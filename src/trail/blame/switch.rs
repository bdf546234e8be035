//! Changes that are none of a policy's text: a key's state, grants, tables that went, moves between accounts'
//! parents. Each takes something away or gives it back.

use serde_json::Value;

use super::Certainty;
use super::bearing::{is_bucket, is_key, is_owner};
use super::replay::Changed;
use super::target::{Entry, databases, entries};
use crate::denial::{Layer, Reason};
use crate::model::Arn;
use crate::trail::DenialGroup;
use crate::trail::changes::ChangeKind;
use crate::trail::lacking::Lacking;
use crate::trail::resource::bucket_of;

/// What a change does to what a denial is about. What was taken under a name is given back under the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It takes it away, as surely as this.
    Off(String, Certainty),
    /// It gives it back.
    On(String),
}

/// What a change does to what a denial of a role's call is about; nothing where it has nothing to do with it.
pub(super) fn turns(change: &Changed, denial: &DenialGroup, role: &Arn) -> Vec<Turn> {
    let one = match change.kind {
        ChangeKind::Key => key(change, denial),
        ChangeKind::Bucket => encryption(change, denial).or_else(|| bucket(change, denial, role)),
        ChangeKind::Catalog => encryption(change, denial),
        ChangeKind::Role => session(change, denial),
        ChangeKind::Organization => return parent(change, denial, role),
        ChangeKind::Database | ChangeKind::LakeFormation => return lake(change, denial, role),
        _ => None,
    };
    one.into_iter().collect()
}

/// A key that is disabled is refused for its state, which AWS mostly says, and not for want of a permission.
fn key(change: &Changed, denial: &DenialGroup) -> Option<Turn> {
    if !is_key(change, &change.target, denial.resource.as_deref()?) {
        return None;
    }
    let by_state = matches!(denial.cause, Reason::KeyState { .. });
    let action = denial.action.as_deref().and_then(|action| action.strip_prefix("kms:"));
    let action = action.or(by_state.then_some(""))?;
    let state = || "the key's state".to_owned();
    let grants = || "grants on the key".to_owned();
    let by_grant = denial.cause.is_unstated() || denial.cause == Reason::Implicit { layer: Layer::Resource };
    let is_of_call = |grantee: &str, operations: &[String]| {
        denial.principals.iter().any(|principal| principal == grantee)
            && operations.iter().any(|operation| operation == action)
    };
    match (change.event.event_name.as_str(), &change.grant) {
        ("DisableKey" | "ScheduleKeyDeletion" | "DeleteImportedKeyMaterial", _) if by_state => {
            Some(Turn::Off(state(), Certainty::Shown))
        }
        ("DisableKey" | "ScheduleKeyDeletion" | "DeleteImportedKeyMaterial", _) => {
            denial.cause.is_unstated().then(|| Turn::Off(state(), Certainty::Likely))
        }
        ("EnableKey" | "ImportKeyMaterial", _) => Some(Turn::On(state())),
        ("CreateGrant", Some(it)) => is_of_call(&it.grantee, &it.operations).then(|| Turn::On(grants())),
        ("RevokeGrant" | "RetireGrant", Some(it)) => {
            let taken = by_grant && is_of_call(&it.grantee, &it.operations);
            taken.then(|| Turn::Off(grants(), Certainty::Likely))
        }
        ("RevokeGrant" | "RetireGrant", None) => by_grant.then(|| Turn::Off(grants(), Certainty::Possible)),
        _ => None,
    }
}

/// A bucket or the Data Catalog that encrypts with a key asks it of whoever uses them, who did without before.
fn encryption(change: &Changed, denial: &DenialGroup) -> Option<Turn> {
    let (_, key) = denial.resource.as_deref()?.split_once(":key/")?;
    let name = match change.event.event_name.as_str() {
        "PutBucketEncryption" | "DeleteBucketEncryption"
            if denial.buckets.is_empty() || denial.buckets.contains(&change.target) =>
        {
            format!("the encryption of {}", change.target)
        }
        "PutDataCatalogEncryptionSettings" if is_same_catalog(change, denial) => {
            "the encryption of the Data Catalog".to_owned()
        }
        _ => return None,
    };
    let named = texts(&change.event.request_parameters);
    let is_used = named.iter().any(|text| text.rsplit('/').next() == Some(key));
    Some(if is_used { Turn::Off(name, Certainty::Likely) } else { Turn::On(name) })
}

/// All texts within a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Whether a change has a bucket or the Data Catalog encrypt with the key that was denied.
pub(super) fn encrypts(change: &Changed, denial: &DenialGroup) -> bool {
    matches!(encryption(change, denial), Some(Turn::Off(..)))
}

/// What of a bucket, besides its policy, can refuse.
fn bucket(change: &Changed, denial: &DenialGroup, role: &Arn) -> Option<Turn> {
    let resource = denial.resource.as_deref()?;
    let bucket = bucket_of(resource)?;
    let of_account = change.event.event_name == "PutAccountPublicAccessBlock";
    let is_about =
        if of_account { is_owner(change, role, denial) } else { is_bucket(change, &change.target, resource) };
    if bucket.is_empty() || !is_about {
        return None;
    }
    let parameters = &change.event.request_parameters;
    let cause = &denial.cause;
    match change.event.event_name.as_str() {
        "PutBucketPublicAccessBlock" | "PutAccountPublicAccessBlock" => {
            let name =
                if of_account { "the account's public access block" } else { "the public access block" };
            let blocks = parameters.get("PublicAccessBlockConfiguration").and_then(|it| it.as_object());
            let blocks = blocks.is_none_or(|it| it.values().any(|value| value == true || value == "true"));
            match cause {
                _ if !blocks => Some(Turn::On(name.to_owned())),
                Reason::BlockPublicAccess { .. } => Some(Turn::Off(name.to_owned(), Certainty::Likely)),
                _ => cause.is_unstated().then(|| Turn::Off(name.to_owned(), Certainty::Possible)),
            }
        }
        "PutBucketEncryption" if *cause == Reason::SseCBlocked => {
            Some(Turn::Off("the encryption".to_owned(), Certainty::Likely))
        }
        "DeleteBucketEncryption" => Some(Turn::On("the encryption".to_owned())),
        "PutBucketAcl" | "PutBucketOwnershipControls" => {
            cause.is_unstated().then(|| Turn::Off("who owns the objects".to_owned(), Certainty::Possible))
        }
        _ => None,
    }
}

fn session(change: &Changed, denial: &DenialGroup) -> Option<Turn> {
    let shortens = change.event.event_name == "UpdateRole"
        && change.event.request_parameters.get("maxSessionDuration").is_some();
    (shortens && denial.cause == Reason::SessionDuration { chained: false })
        .then(|| Turn::Off("the session's length".to_owned(), Certainty::Likely))
}

/// Where in the organisation the role's account is decides which policies of the organisation it has.
fn parent(change: &Changed, denial: &DenialGroup, role: &Arn) -> Vec<Turn> {
    let by_organization = matches!(denial.cause.layer(), Some(Layer::Scp | Layer::Rcp));
    let event = &change.event;
    match event.event_name.as_str() {
        _ if !by_organization => Vec::new(),
        "MoveAccount" if event.parameter("accountId") == Some(role.account()) => {
            let of = |name: &str| format!("the parent {}", event.parameter(name).unwrap_or_default());
            let back = Turn::On(of("destinationParentId"));
            vec![back, Turn::Off(of("sourceParentId"), Certainty::Likely)]
        }
        "AcceptHandshake" if event.recipient_account.as_deref() == Some(role.account()) => {
            vec![Turn::Off("the organization".to_owned(), Certainty::Possible)]
        }
        _ => Vec::new(),
    }
}

impl Lacking<'_> {
    /// Whether something that is named `DATABASE`, `DATABASE.TABLE` or by the ARN of a location is what was
    /// asked for, as far as both are known.
    fn is_at(&self, place: &str) -> bool {
        if self.permission.as_deref() == Some("CREATE_DATABASE") {
            // It is granted on the catalogue, which has no name.
            return place.is_empty();
        }
        if place.starts_with("arn:") {
            let rest = self.location.as_deref().and_then(|it| it.strip_prefix(place.trim_end_matches('/')));
            return rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        }
        if self.location.is_some() {
            return false;
        }
        let (database, table) = place.split_once('.').map_or((place, None), |(it, table)| (it, Some(table)));
        let same = self.database.is_none_or(|ours| ours.eq_ignore_ascii_case(database));
        let same_table = match (self.table, table) {
            (Some(ours), Some(theirs)) => theirs == "*" || ours.eq_ignore_ascii_case(theirs),
            (None, None) => true,
            // On which of the two it was is told only where the resource is.
            _ => self.database.is_none(),
        };
        same && same_table
    }

    /// Whether the permissions hold what is lacking. Any of a table's or database's brings `DESCRIBE` along.
    fn is_among(&self, permissions: &[String]) -> bool {
        let Some(needed) = self.permission.as_deref().filter(|needed| *needed != "DESCRIBE") else {
            return true;
        };
        permissions.is_empty() || permissions.iter().any(|it| it == needed || it == "ALL")
    }

    /// Whether an entry of a grant or a revocation is about what is lacking.
    fn is_in(&self, entry: &Entry, role: &Arn) -> bool {
        is_for(&entry.principal, role) && self.is_at(&entry.place) && self.is_among(&entry.permissions)
    }

    fn off(&self, name: &str, certainty: Certainty) -> Turn {
        let certainty = if self.told { certainty } else { Certainty::Possible };
        Turn::Off(name.to_owned(), certainty)
    }
}

/// Whether a principal of Lake Formation is the role, or a group that it is in.
fn is_for(principal: &str, role: &Arn) -> bool {
    let lower = principal.to_ascii_lowercase();
    let of_account = lower.strip_suffix(":iamprincipals").is_some_and(|account| account == role.account());
    let same = principal.parse::<Arn>().is_ok_and(|arn| {
        arn.resource().starts_with("role/") && arn.account() == role.account() && arn.name() == role.name()
    });
    lower == "iam_allowed_principals" || of_account || same
}

/// With a table or a database go the grants on it.
/// <https://docs.aws.amazon.com/lake-formation/latest/dg/revoking-permissions.html>
fn lake(change: &Changed, denial: &DenialGroup, role: &Arn) -> Vec<Turn> {
    const GRANTS: &str = "grants of Lake Formation";
    let Some(lacking) = Lacking::of(denial).filter(|_| is_same_catalog(change, denial)) else {
        return Vec::new();
    };
    let event = &change.event;
    let named = || entries(event).into_iter().filter(|entry| lacking.is_in(entry, role));
    let location = event.parameter("resourceArn").unwrap_or_default();
    let gone = || databases(event).iter().any(|place| lacking.is_at(place) || lacking.is_in_database(place));
    let turn = match event.event_name.as_str() {
        "GrantPermissions" | "BatchGrantPermissions" => named().next().map(|_| Turn::On(GRANTS.to_owned())),
        "RevokePermissions" | "BatchRevokePermissions" => {
            named().next().map(|_| lacking.off(GRANTS, Certainty::Likely))
        }
        "DeleteTable" | "BatchDeleteTable" | "DeleteDatabase" => {
            gone().then(|| lacking.off(GRANTS, Certainty::Likely))
        }
        "CreateTable" | "CreateDatabase" | "UpdateDatabase" => {
            let made = lacking.told && databases(event).iter().any(|place| lacking.is_at(place));
            made.then(|| lacking.off("what comes with it", Certainty::Possible))
        }
        "RegisterResource" => lacking.is_at(location).then(|| lacking.off(location, Certainty::Likely)),
        "DeregisterResource" => Some(Turn::On(location.to_owned())),
        "CreateLakeFormationOptIn" => {
            named().next().map(|entry| lacking.off(&entry.place, Certainty::Likely))
        }
        "DeleteLakeFormationOptIn" => named().next().map(|entry| Turn::On(entry.place)),
        "PutDataLakeSettings" if lacking.told => {
            Some(lacking.off("the settings of Lake Formation", Certainty::Possible))
        }
        "RemoveLFTagsFromResource" | "UpdateLFTag" | "DeleteLFTag" | "DeleteDataCellsFilter" => {
            let mut entries = entries(event).into_iter();
            let about = lacking.told && entries.all(|it| it.place.is_empty() || lacking.is_at(&it.place));
            about.then(|| lacking.off("tags of Lake Formation", Certainty::Possible))
        }
        _ => None,
    };
    turn.into_iter().collect()
}

impl Lacking<'_> {
    /// Whether a database is the one of the table that was asked for.
    fn is_in_database(&self, place: &str) -> bool {
        !place.contains('.') && self.database.is_some_and(|ours| ours.eq_ignore_ascii_case(place))
    }
}

/// Whether a change is of the Data Catalog that was asked: each account has one in each region.
pub(super) fn is_same_catalog(change: &Changed, denial: &DenialGroup) -> bool {
    let event = &change.event;
    let account = denial.resource.as_deref().and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
    let same_account =
        account.is_empty() || event.recipient_account.as_deref().is_none_or(|it| it == account);
    let region = event.region.as_str();
    let same_region = region.is_empty() || denial.regions.is_empty() || denial.regions.contains(region);
    same_account && same_region
}
