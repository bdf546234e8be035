//! Changes in the history, undone one by one: what stood there before each.

use std::sync::Arc;

use serde_json::Value;

use crate::checks::View;
use crate::facts::Role;
use crate::model::Blocked;
use crate::policy::{Kind, Policy};
use crate::requirement::policy_in;
use crate::trail::{ChangeKind, Event, change_kind};

use super::history::{is_of_role, is_older};
use super::policies::compile;
use super::state::{Doc, State, inline};

/// What stood in a policy's place before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing.
    Nothing,
    /// This text.
    Text(String),
    /// Something that the history does not show.
    Unknown,
}

/// The role whose history is wound back, and all of that history, oldest first.
pub(crate) struct Past<'v, 'a> {
    /// The facts.
    pub view: &'v View<'a>,
    /// The role.
    pub role: &'a Role,
    /// Successful changes, oldest first.
    pub changes: Vec<&'a Event>,
}

impl Past<'_, '_> {
    /// Whether the history goes back to the role's making.
    fn reaches_creation(&self) -> bool {
        self.changes.iter().any(|event| event.event_name == "CreateRole" && self.is_role(event))
    }

    /// Whether a change is of this role.
    pub(crate) fn is_role(&self, event: &Event) -> bool {
        is_of_role(event, self.role.arn.name())
    }

    /// The positions of the changes since the role was made, newest first. Older ones took nothing from it.
    pub(crate) fn own(&self) -> impl Iterator<Item = usize> {
        (0..self.changes.len()).rev().filter(|at| !is_older(self.changes[*at], self.role))
    }

    /// Undoes the change at this position; whether it has to do with the state at all.
    pub(crate) fn undo(&self, state: &mut State, at: usize) -> bool {
        let event = self.changes[at];
        match change_kind(event) {
            Some(ChangeKind::Attachment) if self.is_role(event) => self.undo_attachment(state, at),
            Some(ChangeKind::InlinePolicy) if self.is_role(event) => self.undo_inline(state, at),
            Some(ChangeKind::Boundary) if self.is_role(event) => self.undo_boundary(state, at),
            Some(ChangeKind::ManagedPolicy) => self.undo_version(state, at),
            Some(ChangeKind::Bucket) => self.undo_bucket(state, at),
            Some(ChangeKind::Key) => self.undo_key(state, at),
            _ => false,
        }
    }

    fn undo_attachment(&self, state: &mut State, at: usize) -> bool {
        let event = self.changes[at];
        let Some(arn) = event.parameter("policyArn") else { return false };
        if event.event_name == "AttachRolePolicy" {
            return state.identity.remove(arn).is_some();
        }
        // Attached again since then: that is undone already.
        let document =
            self.managed(arn, at).map_or_else(|| unknown(&format!("the policy {arn}")), Doc::Known);
        state.identity.insert(arn.to_owned(), document);
        true
    }

    /// A managed policy as it stood before the change at a position: from the history, or as it is now where
    /// nothing was done to it.
    pub(crate) fn managed(&self, arn: &str, at: usize) -> Option<Arc<Policy>> {
        match self.version(arn, at) {
            Before::Text(text) => compile(Kind::Identity, arn.rsplit('/').next().unwrap_or(arn), &text).ok(),
            Before::Nothing if !self.changes[at..].iter().any(|event| default_of(event, arn)) => {
                let now = self.view.managed_policy(arn).ok().flatten()?;
                compile(Kind::Identity, &now.name, &now.document).ok()
            }
            Before::Nothing | Before::Unknown => None,
        }
    }

    /// The version that counted before a position; nothing: the history shows nothing of the policy before.
    fn version(&self, arn: &str, at: usize) -> Before {
        let earlier = &self.changes[..at];
        let Some(event) = earlier.iter().rev().find(|event| default_of(event, arn)) else {
            return Before::Nothing;
        };
        let made = match event.event_name.as_str() {
            // The text stands where the version was made.
            "SetDefaultPolicyVersion" => {
                earlier.iter().find(|made| is_version(made, arn, event.parameter("versionId")))
            }
            _ => Some(event),
        };
        made.and_then(|made| text_of(made, "policyDocument")).map_or(Before::Unknown, Before::Text)
    }

    fn undo_version(&self, state: &mut State, at: usize) -> bool {
        let event = self.changes[at];
        let replaces = match event.event_name.as_str() {
            "CreatePolicyVersion" => is_default(event),
            "SetDefaultPolicyVersion" => true,
            _ => false,
        };
        let Some(arn) = event.parameter("policyArn").filter(|_| replaces) else { return false };
        let bounding = self.role.boundary.as_ref().is_some_and(|boundary| boundary.as_str() == arn);
        if !bounding && !state.identity.contains_key(arn) {
            return false;
        }
        let before = match self.version(arn, at) {
            Before::Text(text) => compile(Kind::Identity, arn.rsplit('/').next().unwrap_or(arn), &text).ok(),
            Before::Nothing | Before::Unknown => None,
        };
        let before = before.map_or_else(|| unknown(&format!("the former version of {arn}")), Doc::Known);
        if bounding {
            state.boundary = match before {
                Doc::Known(policy) => {
                    compile(Kind::Boundary, policy.name(), policy.document().text()).map(Some).into()
                }
                other => other,
            };
        } else {
            state.identity.insert(arn.to_owned(), before);
        }
        true
    }

    /// What an embedded policy said before the change at a position.
    pub(crate) fn inline_before(&self, name: &str, at: usize) -> Before {
        let earlier = self.changes[..at].iter().rev().find(|event| {
            change_kind(event) == Some(ChangeKind::InlinePolicy)
                && self.is_role(event)
                && event.parameter("policyName") == Some(name)
        });
        match earlier {
            Some(event) if event.event_name == "PutRolePolicy" => {
                text_of(event, "policyDocument").map_or(Before::Unknown, Before::Text)
            }
            Some(_) => Before::Nothing,
            None if self.reaches_creation() => Before::Nothing,
            None => Before::Unknown,
        }
    }

    fn undo_inline(&self, state: &mut State, at: usize) -> bool {
        let Some(name) = self.changes[at].parameter("policyName") else { return false };
        match self.inline_before(name, at) {
            Before::Text(text) => {
                state.identity.insert(inline(name), compile(Kind::Identity, name, &text).map(Some).into());
            }
            Before::Nothing => {
                state.identity.remove(&inline(name));
            }
            Before::Unknown => {
                state
                    .identity
                    .insert(inline(name), unknown(&format!("the former text of the policy {name}")));
            }
        }
        true
    }

    fn undo_boundary(&self, state: &mut State, at: usize) -> bool {
        if self.changes[at].event_name != "PutRolePermissionsBoundary" {
            return false;
        }
        let earlier = self.changes[..at]
            .iter()
            .rev()
            .find(|event| change_kind(event) == Some(ChangeKind::Boundary) && self.is_role(event));
        let bare = self.changes[..at].iter().any(|event| {
            event.event_name == "CreateRole"
                && self.is_role(event)
                && event.request_parameters.get("permissionsBoundary").is_none()
        });
        state.boundary = match earlier {
            Some(event) if event.event_name == "DeleteRolePermissionsBoundary" => Doc::None,
            None if bare => Doc::None,
            _ => unknown("the former permissions boundary"),
        };
        true
    }

    fn undo_bucket(&self, state: &mut State, at: usize) -> bool {
        let event = self.changes[at];
        let Some(bucket) = event.parameter("bucketName").filter(|it| state.resources.contains_key(*it))
        else {
            return false;
        };
        if !matches!(event.event_name.as_str(), "PutBucketPolicy" | "DeleteBucketPolicy") {
            return false;
        }
        let earlier = self.changes[..at].iter().rev().find(|it| {
            matches!(it.event_name.as_str(), "PutBucketPolicy" | "DeleteBucketPolicy")
                && it.parameter("bucketName") == Some(bucket)
        });
        let before = match earlier {
            Some(event) if event.event_name == "PutBucketPolicy" => text_of(event, "bucketPolicy"),
            Some(_) => {
                state.resources.insert(bucket.to_owned(), Doc::None);
                return true;
            }
            None => None,
        };
        let before = before.map_or_else(
            || unknown(&format!("the former policy of {bucket}")),
            |text| compile(Kind::Resource, "bucket policy", &text).map(Some).into(),
        );
        state.resources.insert(bucket.to_owned(), before);
        true
    }

    fn undo_key(&self, state: &mut State, at: usize) -> bool {
        let event = self.changes[at];
        let named =
            |event: &Event| event.parameter("keyId").map(|id| id.rsplit('/').next().unwrap_or(id).to_owned());
        let Some(id) = named(event).filter(|_| event.event_name == "PutKeyPolicy") else { return false };
        let Some(arn) = state.resources.keys().find(|arn| arn.ends_with(&format!("/{id}"))).cloned() else {
            return false;
        };
        let earlier = self.changes[..at]
            .iter()
            .rev()
            .find(|it| it.event_name == "PutKeyPolicy" && named(it) == Some(id.clone()));
        let before = earlier.and_then(|event| text_of(event, "policy")).map_or_else(
            || unknown(&format!("the former policy of {arn}")),
            |text| compile(Kind::Resource, "key policy", &text).map(Some).into(),
        );
        state.resources.insert(arn, before);
        true
    }

    /// The trust policy before the change at a position, as far as the history tells.
    pub(crate) fn trust_before(&self, at: usize) -> Option<String> {
        self.changes[..at].iter().rev().filter(|event| self.is_role(event)).find_map(|event| {
            match event.event_name.as_str() {
                "UpdateAssumeRolePolicy" => text_of(event, "policyDocument"),
                "CreateRole" => text_of(event, "assumeRolePolicyDocument"),
                _ => None,
            }
        })
    }
}

/// A policy document in an event.
pub(crate) fn text_of(event: &Event, member: &str) -> Option<String> {
    policy_in(&event.request_parameters, member)
}

/// Whether an event made a version of a managed policy the one that counts.
fn default_of(event: &Event, arn: &str) -> bool {
    match event.event_name.as_str() {
        "CreatePolicy" => created_arn(event) == Some(arn),
        "CreatePolicyVersion" => is_default(event) && event.parameter("policyArn") == Some(arn),
        "SetDefaultPolicyVersion" => event.parameter("policyArn") == Some(arn),
        _ => false,
    }
}

/// Whether an event made this version of a managed policy, the first of which is `v1`.
fn is_version(event: &Event, arn: &str, version: Option<&str>) -> bool {
    let made = event.response_elements.pointer("/policyVersion/versionId").and_then(Value::as_str);
    match event.event_name.as_str() {
        "CreatePolicy" => created_arn(event) == Some(arn) && version == Some("v1"),
        "CreatePolicyVersion" => {
            event.parameter("policyArn") == Some(arn) && version.is_some() && made == version
        }
        _ => false,
    }
}

fn created_arn(event: &Event) -> Option<&str> {
    event.response_elements.get("policy")?.get("arn")?.as_str()
}

fn is_default(event: &Event) -> bool {
    match event.request_parameters.get("setAsDefault") {
        Some(Value::Bool(default)) => *default,
        Some(Value::String(default)) => default == "true",
        _ => false,
    }
}

fn unknown(what: &str) -> Doc {
    Doc::Unknown(Blocked::new(what, "the history does not show it"))
}
