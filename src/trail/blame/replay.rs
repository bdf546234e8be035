//! The changes in order of time, each with the policies before and after it, as far as events tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::aws_policies::aws_policy;
use super::target::target;
use crate::denial::Layer;
use crate::model::Arn;
use crate::trail::Event;
use crate::trail::changes::{ChangeKind, change_kind, is_of_role};
use crate::trail::document::document_of;

/// What is known of the role as it is now. It tells what was attached before the events begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNow {
    /// The ARNs of the managed policies attached to it; none: they are not known.
    pub attached: Option<BTreeSet<String>>,
}

/// A place in which a policy stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A managed policy of the role, by its ARN.
    Managed(String),
    /// A policy embedded in the role, by its name.
    Inline(String),
    /// The role's permissions boundary.
    Boundary,
    /// The role's trust policy.
    Trust,
    /// The policy of a bucket, by name.
    Bucket(String),
    /// The policy of a key, by its id.
    Key(String),
    /// The resource policy of a Data Catalog, by account and region.
    Catalog(String),
    /// A VPC endpoint's policy, by its id.
    Endpoint(String),
    /// A policy of the organisation, by its id, on a target; the target is empty where it is not known.
    Organization(String, String),
}

impl Place {
    /// Whether it is a policy of the role's own, of which any may allow a call.
    pub(crate) const fn is_of_identity(&self) -> bool {
        matches!(self, Self::Managed(_) | Self::Inline(_))
    }

    /// Whether it is a policy of the organisation on a target that is known.
    pub(crate) const fn is_on_target(&self) -> bool {
        matches!(self, Self::Organization(_, target) if !target.is_empty())
    }

    /// The policy in words.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Managed(arn) => format!("the policy {arn}"),
            Self::Inline(name) => format!("the role's policy {name}"),
            Self::Boundary => "the permissions boundary".to_owned(),
            Self::Trust => "the trust policy".to_owned(),
            Self::Bucket(name) => format!("the policy of the bucket {name}"),
            Self::Key(id) => format!("the policy of the key {id}"),
            Self::Catalog(_) => "the Data Catalog's policy".to_owned(),
            Self::Endpoint(id) => format!("the policy of the endpoint {id}"),
            Self::Organization(id, _) => format!("the organization's policy {id}"),
        }
    }
}

/// What stands in a place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// Nothing.
    Absent,
    /// Something that the events do not show, or perhaps nothing.
    Unknown,
    /// This document.
    Document(Arc<Value>),
}

impl Content {
    /// The document, where one is known to stand there.
    pub(crate) fn document(&self) -> Option<&Value> {
        match self {
            Self::Document(document) => Some(document),
            Self::Absent | Self::Unknown => None,
        }
    }
}

impl From<Option<Value>> for Content {
    fn from(written: Option<Value>) -> Self {
        written.map_or(Self::Unknown, |document| Self::Document(Arc::new(document)))
    }
}

/// What a change did to a place.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) place: Place,
    pub(crate) before: Content,
    pub(crate) after: Content,
    /// Whether the policy is known to bear on the role: attached to it, or to its account.
    pub(crate) bears: bool,
}

/// A role that was there before and is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remade {
    /// When it was deleted; none where the events do not show it.
    pub(crate) deleted: Option<Timestamp>,
}

/// A change with what it did.
pub(crate) struct Changed {
    pub(crate) kind: ChangeKind,
    /// What the change is about: a policy, a bucket, a key.
    pub(crate) target: String,
    pub(crate) steps: Vec<Step>,
    /// Whether it makes a role anew, which then has none of the policies that it had.
    pub(crate) remade: Option<Remade>,
    /// The organizational unit that the role's account was moved out of. The root it is in wherever it is.
    pub(crate) left: Option<String>,
    /// Whether it is about a service control policy or a resource control policy, where the events show it.
    pub(crate) layer: Option<Layer>,
    /// The grant on a key that was made or taken back, where the events show it.
    pub(crate) grant: Option<Grant>,
    pub(crate) event: Event,
}

/// Follows the policies through the changes, which must come in order of time.
pub(crate) struct Replay<'r> {
    role: &'r Arn,
    /// The managed policies attached before the first change, as far as that is known.
    began: Attached<'r>,
    /// Since the role was made, all of its policies are known.
    made: bool,
    /// The role was there before the event at hand, by the changes.
    existed: bool,
    /// When it was there, by others.
    seen: Option<Timestamp>,
    deleted: Option<Timestamp>,
    /// The organizational unit or root that the role's account is in, where the events show it.
    parent: Option<String>,
    attached: BTreeMap<String, bool>,
    boundary: Option<String>,
    contents: BTreeMap<Place, Content>,
    /// The default version of managed policies by ARN, the text of the organisation's by id.
    texts: BTreeMap<String, Content>,
    versions: BTreeMap<(String, String), Content>,
    /// The types of the organisation's policies by id: `SERVICE_CONTROL_POLICY`, `TAG_POLICY` …
    types: BTreeMap<String, String>,
    grants: BTreeMap<String, Grant>,
}

/// A grant on a key, as the event that made it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The ARN of whom it is for.
    pub(crate) grantee: String,
    /// `Decrypt`, `GenerateDataKey` …
    pub(crate) operations: Vec<String>,
}

/// What was attached before the events begin.
struct Attached<'r> {
    /// By ARN, whether the first event of it is its detaching.
    by_first_event: BTreeMap<String, bool>,
    now: &'r RoleNow,
}

impl<'r> Replay<'r> {
    /// Before the first of these events. The role was there at a time of `seen`.
    pub(crate) fn new(role: &'r Arn, now: &'r RoleNow, seen: Option<Timestamp>, events: &[Event]) -> Self {
        let mut by_first_event = BTreeMap::new();
        for event in events.iter().filter(|event| change_kind(event) == Some(ChangeKind::Attachment)) {
            let Some(arn) = event.parameter("policyArn") else { continue };
            by_first_event.entry(arn.to_owned()).or_insert(event.event_name == "DetachRolePolicy");
        }
        let moves = |event: &&Event| moves_account(event, role) && change_kind(event).is_some();
        let parent = events.iter().find(moves).and_then(|event| event.parameter("sourceParentId"));
        Self {
            role,
            began: Attached { by_first_event, now },
            made: false,
            existed: false,
            seen,
            deleted: None,
            parent: parent.map(str::to_owned),
            attached: BTreeMap::new(),
            boundary: None,
            contents: BTreeMap::new(),
            texts: BTreeMap::new(),
            versions: BTreeMap::new(),
            types: events.iter().filter_map(type_of_policy).collect(),
            grants: BTreeMap::new(),
        }
    }

    /// Takes the next event; none when it is no change.
    pub(crate) fn follow(&mut self, event: Event) -> Option<Changed> {
        let kind = change_kind(&event)?;
        let is_of_role = is_of_role(kind);
        let existed = self.existed || self.seen.is_some_and(|seen| Some(seen) < event.event_time);
        let remade =
            (existed && event.event_name == "CreateRole").then_some(Remade { deleted: self.deleted });
        let steps = match kind {
            ChangeKind::Role => self.role_itself(&event),
            ChangeKind::Trust => vec![self.put(Place::Trust, document_of(&event).into())],
            ChangeKind::InlinePolicy => self.inline(&event),
            ChangeKind::Attachment => self.attachment(&event),
            ChangeKind::ManagedPolicy => self.managed(&event),
            ChangeKind::Boundary => self.boundary(&event),
            ChangeKind::Organization => self.organization(&event),
            ChangeKind::Bucket | ChangeKind::Key | ChangeKind::Catalog | ChangeKind::Endpoint => {
                self.resource(kind, &event)
            }
            ChangeKind::Database | ChangeKind::LakeFormation => Vec::new(),
        };
        self.existed |= is_of_role;
        let grant = self.grant(&event);
        let moved = moves_account(&event, self.role).then(|| event.parameter("sourceParentId"));
        let left = moved.flatten().filter(|parent| !parent.starts_with("r-")).map(str::to_owned);
        let layer = match self.type_of(&event) {
            Some(SCP) => Some(Layer::Scp),
            Some(RCP) => Some(Layer::Rcp),
            _ => None,
        };
        Some(Changed { kind, target: target(kind, &event), steps, remade, left, layer, grant, event })
    }

    fn grant(&mut self, event: &Event) -> Option<Grant> {
        if event.event_name != "CreateGrant" {
            return self.grants.get(event.parameter("grantId")?).cloned();
        }
        let operations = event.request_parameters.get("operations").and_then(Value::as_array);
        let operations = operations.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let grantee = event.parameter("granteePrincipal")?.to_owned();
        let grant = Grant { grantee, operations: operations.collect() };
        let id = event.response_elements.get("grantId").and_then(Value::as_str);
        self.grants.extend(id.map(|id| (id.to_owned(), grant.clone())));
        Some(grant)
    }

    /// Puts a policy in a place.
    fn put(&mut self, place: Place, after: Content) -> Step {
        let unseen = match place {
            Place::Managed(_) | Place::Inline(_) | Place::Boundary if self.made => Content::Absent,
            _ => Content::Unknown,
        };
        let before = self.contents.insert(place.clone(), after.clone()).unwrap_or(unseen);
        Step { place, before, after, bears: true }
    }

    /// With a role goes its trust policy; a role that is made anew has none of the policies of the one before.
    fn role_itself(&mut self, event: &Event) -> Vec<Step> {
        match event.event_name.as_str() {
            "DeleteRole" => {
                self.deleted = event.event_time;
                // What the policy said is held against that of a role that is made anew.
                let before = self.contents.get(&Place::Trust).cloned().unwrap_or(Content::Unknown);
                vec![Step { place: Place::Trust, before, after: Content::Absent, bears: true }]
            }
            "CreateRole" => self.made(event),
            _ => Vec::new(),
        }
    }

    fn made(&mut self, event: &Event) -> Vec<Step> {
        let mut steps = self.left_behind();
        let bounded = self.contents.remove(&Place::Boundary);
        self.made = true;
        self.deleted = None;
        self.attached.clear();
        steps.push(self.put(Place::Trust, document_of(event).into()));
        self.boundary = event.parameter("permissionsBoundary").map(str::to_owned);
        if self.boundary.is_some() || bounded.is_some() {
            let text = self.boundary.as_deref().map_or(Content::Absent, |arn| self.text(arn));
            let step = self.put(Place::Boundary, text);
            steps.push(Step { before: bounded.unwrap_or(step.before), ..step });
        }
        steps
    }

    /// The policies of the role that was, each of which is gone.
    fn left_behind(&mut self) -> Vec<Step> {
        let inline = self.contents.extract_if(.., |place, _| place.is_of_identity());
        let mut policies: Vec<(Place, Content)> = inline.collect();
        let attached = self.attached.iter().filter(|(_, attached)| **attached);
        policies.extend(attached.map(|(arn, _)| (Place::Managed(arn.clone()), self.text(arn))));
        policies.retain(|(_, content)| *content != Content::Absent);
        let gone = |(place, before)| Step { place, before, after: Content::Absent, bears: true };
        policies.into_iter().map(gone).collect()
    }

    fn inline(&mut self, event: &Event) -> Vec<Step> {
        let Some(name) = event.parameter("policyName") else { return Vec::new() };
        let deleted = event.event_name == "DeleteRolePolicy";
        let after = if deleted { Content::Absent } else { document_of(event).into() };
        vec![self.put(Place::Inline(name.to_owned()), after)]
    }

    fn attachment(&mut self, event: &Event) -> Vec<Step> {
        let Some(arn) = event.parameter("policyArn") else { return Vec::new() };
        let attaches = event.event_name == "AttachRolePolicy";
        let text = self.text(arn);
        let was = self.is_attached(arn);
        let before = match was {
            Some(true) => text.clone(),
            Some(false) => Content::Absent,
            None => Content::Unknown,
        };
        self.attached.insert(arn.to_owned(), attaches);
        let after = if attaches { text } else { Content::Absent };
        vec![Step { place: Place::Managed(arn.to_owned()), before, after, bears: true }]
    }

    /// Whether a policy is attached at this moment.
    fn is_attached(&self, arn: &str) -> Option<bool> {
        let known = self.attached.get(arn).copied();
        if known.is_some() || self.made {
            return Some(known == Some(true));
        }
        let first = self.began.by_first_event.get(arn).copied();
        first.or_else(|| self.began.now.attached.as_ref().map(|attached| attached.contains(arn)))
    }

    fn text(&self, policy: &str) -> Content {
        self.texts.get(policy).cloned().unwrap_or_else(|| aws_policy(policy).into())
    }

    /// What counts of a managed policy is its default version. AWS deletes neither that nor a policy that is
    /// attached, and one that was just made is attached nowhere.
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html>
    fn managed(&mut self, event: &Event) -> Vec<Step> {
        let made = event.response_elements.pointer("/policy/arn").and_then(Value::as_str);
        let Some(arn) = event.parameter("policyArn").or(made).map(str::to_owned) else { return Vec::new() };
        let made = event.response_elements.pointer("/policyVersion/versionId").and_then(Value::as_str);
        let version = made.or_else(|| event.parameter("versionId")).map(str::to_owned);
        let written: Content = document_of(event).into();
        let after = match event.event_name.as_str() {
            "CreatePolicy" => {
                self.versions.insert((arn.clone(), "v1".to_owned()), written.clone());
                self.texts.insert(arn, written);
                return Vec::new();
            }
            "CreatePolicyVersion" => {
                self.versions.extend(version.map(|version| ((arn.clone(), version), written.clone())));
                let default = event.request_parameters.get("setAsDefault");
                if !default.is_some_and(|flag| *flag == true || *flag == "true") {
                    return Vec::new();
                }
                written
            }
            "SetDefaultPolicyVersion" => version
                .and_then(|version| self.versions.get(&(arn.clone(), version)).cloned())
                .unwrap_or(Content::Unknown),
            _ => return Vec::new(),
        };
        let before = self.texts.insert(arn.clone(), after.clone()).unwrap_or(Content::Unknown);
        let mut steps = Vec::new();
        let attached = self.is_attached(&arn);
        if attached != Some(false) {
            let (place, before, after) = (Place::Managed(arn.clone()), before.clone(), after.clone());
            steps.push(Step { place, before, after, bears: attached == Some(true) });
        }
        if self.boundary.as_ref() == Some(&arn) {
            self.contents.insert(Place::Boundary, after.clone());
            steps.push(Step { place: Place::Boundary, before, after, bears: true });
        }
        steps
    }

    fn boundary(&mut self, event: &Event) -> Vec<Step> {
        self.boundary = match event.event_name.as_str() {
            "PutRolePermissionsBoundary" => event.parameter("permissionsBoundary").map(str::to_owned),
            _ => None,
        };
        let after = match &self.boundary {
            Some(arn) => self.text(arn),
            None if event.event_name == "DeleteRolePermissionsBoundary" => Content::Absent,
            None => Content::Unknown,
        };
        vec![self.put(Place::Boundary, after)]
    }

    /// The type of the organisation's policy that a change is about, where the events show it.
    fn type_of(&self, event: &Event) -> Option<&str> {
        self.types.get(&policy_of_organization(event)?).map(String::as_str)
    }

    /// Policies of the organisation. To delete one, or to switch a type of them on or off, takes nothing away
    /// by itself: one that is deleted is attached nowhere, and with its type goes what it denies.
    /// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnablePolicyType.html>
    fn organization(&mut self, event: &Event) -> Vec<Step> {
        if moves_account(event, self.role) {
            self.parent = event.parameter("destinationParentId").map(str::to_owned);
        }
        let Some(id) = policy_of_organization(event) else { return Vec::new() };
        // Others, such as tag policies, refuse no call of a role.
        if self.type_of(event).is_some_and(|kind| ![SCP, RCP].contains(&kind)) {
            return Vec::new();
        }
        let on = event.parameter("targetId").unwrap_or_default().to_owned();
        let is_account = on.len() == 12 && on.bytes().all(|it| it.is_ascii_digit());
        let elsewhere = is_account && on != self.role.account();
        let ours = self.is_above(&Place::Organization(id.clone(), on.clone()));
        match event.event_name.as_str() {
            "AttachPolicy" | "DetachPolicy" if elsewhere => Vec::new(),
            "AttachPolicy" => {
                let text = self.text(&id);
                let step = self.put(Place::Organization(id, on), text);
                vec![Step { before: Content::Absent, bears: ours, ..step }]
            }
            "DetachPolicy" => {
                let before = self.text(&id);
                let step = self.put(Place::Organization(id, on), Content::Absent);
                vec![Step { before, bears: ours, ..step }]
            }
            "CreatePolicy" => {
                self.texts.insert(id, document_of(event).into());
                Vec::new()
            }
            "UpdatePolicy" if event.request_parameters.get("content").is_some() => {
                let after: Content = document_of(event).into();
                let before = self.texts.insert(id.clone(), after.clone()).unwrap_or(Content::Unknown);
                let mut places: Vec<Place> = self.attachments(&id).collect();
                if places.is_empty() {
                    places.push(Place::Organization(id, String::new()));
                }
                let step = |place: Place| Step {
                    bears: self.is_above(&place),
                    place,
                    before: before.clone(),
                    after: after.clone(),
                };
                places.into_iter().map(step).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a policy of the organisation is known to be attached to the role's account, or to what it is in.
    fn is_above(&self, place: &Place) -> bool {
        let Place::Organization(_, target) = place else { return false };
        target == self.role.account() || self.parent.as_ref() == Some(target)
    }

    /// Where a policy of the organisation is attached, by the events.
    fn attachments<'s>(&'s self, id: &'s str) -> impl Iterator<Item = Place> + 's {
        let attached = self.contents.iter().filter(|(_, content)| **content != Content::Absent);
        let is_one = move |place: &&Place| matches!(place, Place::Organization(policy, target) if policy == id && !target.is_empty());
        attached.map(|(place, _)| place).filter(is_one).cloned()
    }

    fn resource(&mut self, kind: ChangeKind, event: &Event) -> Vec<Step> {
        let about = target(kind, event);
        let place = match event.event_name.as_str() {
            "PutBucketPolicy" | "DeleteBucketPolicy" => Place::Bucket(about),
            "PutKeyPolicy" => Place::Key(about),
            "PutResourcePolicy" | "DeleteResourcePolicy" => {
                let account = event.recipient_account.as_deref().unwrap_or_default();
                Place::Catalog(format!("{account} {}", event.region))
            }
            "CreateVpcEndpoint" | "ModifyVpcEndpoint" => Place::Endpoint(about),
            _ => return Vec::new(),
        };
        let after = match event.event_name.as_str() {
            "DeleteBucketPolicy" | "DeleteResourcePolicy" => Content::Absent,
            // Other parts of an endpoint change without its policy, and without one it allows all.
            "ModifyVpcEndpoint" if resets(event) => Content::Absent,
            "ModifyVpcEndpoint" if document_of(event).is_none() => return Vec::new(),
            "CreateVpcEndpoint" if document_of(event).is_none() => Content::Absent,
            _ => document_of(event).into(),
        };
        vec![self.put(place, after)]
    }
}

const SCP: &str = "SERVICE_CONTROL_POLICY";
const RCP: &str = "RESOURCE_CONTROL_POLICY";

/// The id of the organisation's policy that an event is about.
fn policy_of_organization(event: &Event) -> Option<String> {
    let made = || event.response_elements.pointer("/policy/policySummary/id").and_then(Value::as_str);
    let is_of_it = event.event_source == "organizations.amazonaws.com";
    event.parameter("policyId").or_else(made).filter(|_| is_of_it).map(str::to_owned)
}

/// The id and the type of the organisation's policy that an event is about, where it tells both.
fn type_of_policy(event: &Event) -> Option<(String, String)> {
    let told = || event.response_elements.pointer("/policy/policySummary/type").and_then(Value::as_str);
    let kind = event.parameter("type").or_else(told)?.to_owned();
    Some((policy_of_organization(event)?, kind))
}

/// Whether an event moves the role's account within the organization.
fn moves_account(event: &Event, role: &Arn) -> bool {
    event.event_name == "MoveAccount" && event.parameter("accountId") == Some(role.account())
}

/// Whether an endpoint is given the policy that allows all.
fn resets(event: &Event) -> bool {
    let members = ["/resetPolicy", "/ModifyVpcEndpointRequest/ResetPolicy"];
    members
        .iter()
        .filter_map(|member| event.request_parameters.pointer(member))
        .any(|it| it == true || it == "true")
}
