//! Actions of needs: whether AWS has them, and whether they fit the resources that they are asked on.

use crate::model::{edit_distance, nearest};
use crate::policy::{action_named, actions_of, services};

/// Letters by which an action that AWS does not list may differ from one that was meant. What differs more may be
/// newer than the list.
const SLIP: usize = 2;

/// What is wrong with an action, and what is expected.
pub(super) fn fault_of(action: &str) -> Option<(String, String)> {
    let told = |what: &str, hint: &str| Some((format!("`{action}` {what}"), hint.to_owned()));
    let form = "expected a service and an action of it: sqs:SendMessage";
    let Some((service, name)) = action.split_once(':') else { return told("has no colon", form) };
    if action.contains(['*', '?']) {
        return told("has a wildcard: a need is one action, since a connector calls each by its name", form);
    }
    let service_fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let fits = !service.is_empty()
        && service.chars().all(service_fits)
        && !name.is_empty()
        && name.chars().all(|it| it.is_ascii_alphanumeric());
    if !fits {
        return told("is no IAM action", form);
    }
    let meant = meant(service, name)?;
    told("is no action that AWS lists", &format!("did you mean `{meant}`?"))
}

/// The action that was meant by one that AWS does not list; `None`: it is listed, or like none that is.
fn meant(service: &str, name: &str) -> Option<String> {
    let Some(actions) = actions_of(service) else {
        let near = nearest(service, services().map(str::to_owned))?;
        let is_near =
            edit_distance(service, &near) <= SLIP && action_named(&format!("{near}:{name}")).is_some();
        return is_near.then(|| format!("{near}:{name}"));
    };
    let known = |listed: &str| listed.eq_ignore_ascii_case(name);
    if actions.iter().any(|it| known(it.name)) {
        return None;
    }
    let alike = actions.iter().filter(|it| it.name.len().abs_diff(name.len()) <= SLIP);
    let near = nearest(name, alike.map(|it| it.name.to_owned()))?;
    let slip = edit_distance(&name.to_ascii_lowercase(), &near.to_ascii_lowercase()) <= SLIP;
    slip.then(|| format!("{service}:{near}"))
}

/// Why an action is never asked for on a resource, and what is expected.
pub(super) fn unfit(action: &str, resource: &str) -> Option<(String, String)> {
    let takes_none = action_named(action).is_some_and(|known| !known.takes_resource);
    if takes_none && resource != "*" {
        let what = format!("`{action}` is about no resource, and policies mean it by `*` only");
        return Some((what, "expected resources = [\"*\"]".to_owned()));
    }
    let (service, name) = action.split_once(':')?;
    let (_, path) = resource.split_once(":s3:::").filter(|_| service == "s3")?;
    let of_objects = !name.contains("Bucket")
        && (name.contains("Object") || matches!(name, "AbortMultipartUpload" | "ListMultipartUploadParts"));
    let of_bucket = name.starts_with("ListBucket") || name.contains("Bucket");
    // A parameter may stand for the bucket and a path.
    match path.contains(['/', '{', '*']) {
        false if of_objects => {
            let what = format!("`{action}` is about objects, and `{resource}` is a bucket");
            Some((what, format!("expected {resource}/*, or what the keys begin with before the `*`")))
        }
        true if of_bucket && path.contains('/') => {
            let what = format!("`{action}` is about a bucket, and `{resource}` is an object");
            let (bucket, _) = resource.split_once('/').unwrap_or((resource, ""));
            Some((what, format!("expected {bucket}")))
        }
        _ => None,
    }
}
