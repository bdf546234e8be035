//! Resources of needs: ARN templates with `{name}` places.

use std::ops::Range;

use super::connector::{Parameter, ParameterKind};
use super::fault::Fault;
use super::fields::{Text, fault, meant};

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
    }
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
