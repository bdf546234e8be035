//! Resources of needs: ARN templates with `{name}` places.

use std::ops::Range;

use super::connector::{Parameter, ParameterKind};
use super::fault::Fault;
use super::fields::{Text, fault, meant};
use crate::model::AccountId;

/// Places that the doctor fills in itself, so that no parameter may be called so.
pub(super) const GIVEN: [&str; 7] =
    ["partition", "account", "bucket_key", "catalog_key", "location", "location_bucket", "workgroup_id"];

/// Notes what is wrong with a resource of a need. `source` is the text of the file.
pub(super) fn check(source: &str, resource: &Text<'_>, parameters: &[Parameter], faults: &mut Vec<Fault>) {
    let template = resource.text;
    for (place, closed) in every_place(template) {
        let span = within(source, resource, &format!("{{{place}"));
        if !closed {
            let hint = Some("expected {name}".to_owned());
            faults.push(fault(&span, format!("`{{{place}` is not closed"), hint));
        } else if let Some((what, hint)) = place_fault(place, parameters) {
            faults.push(fault(&span, what, Some(hint)));
        }
    }
    if template == "*" || matches!(template, "{bucket_key}" | "{catalog_key}") {
        return;
    }
    let mut wrong = |what: String, hint: &str| {
        faults.push(fault(&resource.span, what, Some(hint.to_owned())));
    };
    let parts: Vec<&str> = template.splitn(6, ':').collect();
    if parts.first() != Some(&"arn") {
        wrong(
            format!("`{template}` is no ARN"),
            "expected arn:{partition}:SERVICE:{region}:{account}:RESOURCE, {bucket_key}, {catalog_key} or *",
        );
    } else if parts.len() < 6 || parts[5].is_empty() {
        wrong(
            format!(
                "`{template}` has {} of an ARN's six parts",
                parts.iter().filter(|it| !it.is_empty()).count()
            ),
            "expected arn:{partition}:SERVICE:{region}:{account}:RESOURCE; region and account may be empty between their colons",
        );
    } else if parts[5].trim_end_matches('*').contains('*') || template.ends_with("**") {
        wrong(
            format!("`{template}` has a `*` elsewhere than at its end"),
            "a `*` at the end stands for any object or table; elsewhere a place with a parameter is expected",
        );
    } else if parts[..5].iter().any(|part| part.contains(['*', '?'])) {
        wrong(
            format!("`{template}` has a wildcard before the resource's name"),
            "a connector calls one service in one region and account: give these, or {region} and {account}",
        );
    } else if let Some((what, hint)) = place_of_arn(&parts) {
        wrong(what, hint);
    }
}

/// What is wrong with the region and the account of an ARN.
fn place_of_arn(parts: &[&str]) -> Option<(String, &'static str)> {
    /// What of S3 has a region and an account in its ARN.
    const OF_REGION: [&str; 6] =
        ["accesspoint", "access-grants", "async-request", "job", "storage-lens", "storage-lens-group"];
    let [_, _, service, region, account, resource] = *parts else { return None };
    let is_place = |part: &str| part.is_empty() || part.contains('{');
    let of_region = || OF_REGION.iter().any(|kind| resource.starts_with(kind));
    if service == "s3" && !(region.is_empty() && account.is_empty()) && !of_region() {
        let what =
            format!("a bucket's ARN has neither region nor account, and this one has `{region}:{account}`");
        return Some((
            what,
            "expected arn:{partition}:s3:::BUCKET, or with /KEYS* behind it for its objects",
        ));
    }
    if !is_place(region) && !is_region(region) {
        return Some((format!("`{region}` is no region"), "expected one such as eu-west-1, or {region}"));
    }
    let is_owner = account.parse::<AccountId>().is_ok() || account == "aws";
    if !is_place(account) && !is_owner {
        return Some((format!("`{account}` is no account"), "expected twelve digits, or {account}"));
    }
    None
}

/// Whether a text has the form of a region: `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let (Some(number), true) = (parts.last(), parts.len() >= 3) else { return false };
    let is_word = |part: &&str| !part.is_empty() && part.chars().all(|it| it.is_ascii_lowercase());
    !number.is_empty()
        && number.chars().all(|it| it.is_ascii_digit())
        && parts.iter().take(parts.len() - 1).all(is_word)
}

/// What is wrong with a place, and what is expected.
fn place_fault(place: &str, parameters: &[Parameter]) -> Option<(String, String)> {
    let has = |kinds: &[ParameterKind]| parameters.iter().any(|it| kinds.contains(&it.kind));
    let needs = |kinds: &[ParameterKind], words: &str| {
        let what = format!("`{{{place}}}` needs a parameter to tell it");
        (!has(kinds)).then(|| (what, format!("expected a parameter of the kind {words}")))
    };
    let writes = [ParameterKind::Bucket, ParameterKind::Location, ParameterKind::GlueDatabase];
    match place {
        "partition" | "region" | "account" => None,
        "bucket_key" | "location" | "location_bucket" => needs(&writes, "bucket, location or glue-database"),
        "catalog_key" => needs(&[ParameterKind::GlueDatabase], "glue-database"),
        "workgroup_id" => needs(&[ParameterKind::RedshiftWorkgroup], "redshift-workgroup"),
        _ if parameters.iter().any(|it| it.name == place) => None,
        _ => {
            let mut names: Vec<&str> = vec!["region"];
            names.extend(GIVEN);
            names.extend(parameters.iter().map(|it| it.name.as_str()));
            let hint = format!("places are: {}{}", names.join(", "), meant(place, &names));
            Some((format!("nothing fills in `{{{place}}}`"), hint))
        }
    }
}

/// Each place of a template, and whether it is closed.
fn every_place(template: &str) -> impl Iterator<Item = (&str, bool)> {
    template.split('{').skip(1).map(|rest| match rest.split_once('}') {
        Some((name, _)) => (name, true),
        None => (rest, false),
    })
}

/// Where a part of a text stands in the file; the whole text where escapes hide it.
fn within(source: &str, text: &Text<'_>, part: &str) -> Range<usize> {
    let written = source.get(text.span.clone()).unwrap_or_default();
    match written.find(part) {
        Some(at) => {
            let start = text.span.start + at;
            let closing = usize::from(written[at + part.len()..].starts_with('}'));
            start..start + part.len() + closing
        }
        None => text.span.clone(),
    }
}
