//! What a change is about, in words: a policy, a bucket, a key, a database.

use serde_json::Value;

use crate::trail::Event;
use crate::trail::changes::ChangeKind;

/// What a change is about; empty where the event does not tell.
pub(super) fn target(kind: ChangeKind, event: &Event) -> String {
    let parameter = |name: &str| event.parameter(name).map(str::to_owned);
    let response = |pointer: &str| event.response_elements.pointer(pointer).and_then(Value::as_str);
    let made = || response("/policy/arn").or_else(|| response("/policy/policySummary/id")).map(str::to_owned);
    let named = match kind {
        ChangeKind::Trust => parameter("roleName").map(|_| "trust policy".to_owned()),
        ChangeKind::Role => parameter("roleName"),
        ChangeKind::InlinePolicy => parameter("policyName"),
        ChangeKind::Attachment | ChangeKind::ManagedPolicy => {
            parameter("policyArn").or_else(made).or_else(|| parameter("policyName"))
        }
        ChangeKind::Boundary => parameter("permissionsBoundary"),
        ChangeKind::Bucket => parameter("bucketName"),
        ChangeKind::Key => key(event),
        ChangeKind::Catalog => None,
        ChangeKind::Database => Some(databases(event).join(", ")),
        ChangeKind::LakeFormation => permissions(event),
        ChangeKind::Organization => parameter("policyId").or_else(made).or_else(|| parameter("targetId")),
        ChangeKind::Endpoint => endpoint(event),
    };
    named.unwrap_or_default()
}

/// The id of the key, or the alias that stands for it.
fn key(event: &Event) -> Option<String> {
    let of_resource =
        event.resources.iter().filter_map(|it| it.arn.as_deref()).find(|arn| arn.contains(":key/"));
    let named = of_resource.or_else(|| event.parameter("keyId"))?;
    let id = named.split_once(":key/").map_or(named, |(_, id)| id);
    Some(id.to_owned())
}

/// EC2's records repeat the request's name, and its members begin with capitals.
fn endpoint(event: &Event) -> Option<String> {
    let asked = ["/vpcEndpointId", "/ModifyVpcEndpointRequest/VpcEndpointId"];
    let made = ["/vpcEndpoint/vpcEndpointId", "/CreateVpcEndpointResponse/vpcEndpoint/vpcEndpointId"];
    let text = |value: &Value, pointers: [&str; 2]| {
        pointers.iter().find_map(|pointer| value.pointer(pointer)?.as_str().map(str::to_owned))
    };
    text(&event.request_parameters, asked).or_else(|| text(&event.response_elements, made))
}

/// Each as `DATABASE` or `DATABASE.TABLE`.
pub(super) fn databases(event: &Event) -> Vec<String> {
    let text = |pointer: &str| event.request_parameters.pointer(pointer).and_then(Value::as_str);
    let of_table = event.event_name.ends_with("Table");
    if !of_table {
        let database = text("/name").or_else(|| text("/databaseInput/name"));
        return database.map(str::to_owned).into_iter().collect();
    }
    let Some(database) = text("/databaseName") else { return Vec::new() };
    let deleted = event.request_parameters.get("tablesToDelete").and_then(Value::as_array);
    let mut tables: Vec<&str> = deleted.into_iter().flatten().filter_map(Value::as_str).collect();
    tables.extend(text("/name").or_else(|| text("/tableInput/name")));
    if tables.is_empty() {
        return vec![database.to_owned()];
    }
    tables.into_iter().map(|table| format!("{database}.{table}")).collect()
}

/// What Lake Formation granted or revoked, as far as the event tells: `SELECT on sales.orders`.
fn permissions(event: &Event) -> Option<String> {
    let first = entries(event).into_iter().next()?;
    let listed = first.permissions.join(", ");
    let told = match (listed.is_empty(), first.place.is_empty()) {
        (true, _) => first.place,
        (false, true) => listed,
        (false, false) => format!("{listed} on {}", first.place),
    };
    (!told.is_empty()).then_some(told)
}

/// What one entry of a grant or a revocation of Lake Formation is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// To whom or from whom: an ARN, `IAM_ALLOWED_PRINCIPALS`; empty where it is not told.
    pub(super) principal: String,
    /// `DATABASE`, `DATABASE.TABLE`, `DATABASE.*`, or the ARN of a location; empty: the catalogue or other.
    pub(super) place: String,
    /// `SELECT`, `DESCRIBE` …
    pub(super) permissions: Vec<String>,
}

/// The entries of a grant or a revocation; a call for many has a list of them.
pub(super) fn entries(event: &Event) -> Vec<Entry> {
    match event.request_parameters.get("entries").and_then(Value::as_array) {
        Some(entries) => entries.iter().map(entry).collect(),
        None => vec![entry(&event.request_parameters)],
    }
}

fn entry(value: &Value) -> Entry {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    let permissions = value.get("permissions").and_then(Value::as_array);
    let permissions = permissions.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let of_table = ["/resource/table", "/resource/tableWithColumns"].into_iter().find_map(|table| {
        let database = text(&format!("{table}/databaseName"))?;
        let name = text(&format!("{table}/name"));
        let all = value.pointer(&format!("{table}/tableWildcard")).is_some();
        Some(format!("{database}.{}", name.filter(|_| !all).unwrap_or("*")))
    });
    let place = of_table.or_else(|| text("/resource/database/name").map(str::to_owned)).or_else(|| {
        text("/resource/dataLocation/resourceArn").or_else(|| text("/resourceArn")).map(str::to_owned)
    });
    Entry {
        principal: text("/principal/dataLakePrincipalIdentifier").unwrap_or_default().to_owned(),
        place: place.unwrap_or_default(),
        permissions: permissions.collect(),
    }
}
