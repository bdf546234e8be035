//! From the text of a connector file to a [`Connector`]: every fault at once, each with its place.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::connector::{
    Connector, FileKind, Grade, Level, Need, Parameter, ParameterKind, Phase, ResourcePolicy, When, WhenFact,
    places,
};
use super::fault::{DefinitionError, Fault};
use super::fields::{Fields, Span, Text, fault, meant, one_of, texts, wrong_type};
use super::{action, template};
use crate::model::Arn;
use crate::policy::{Document, Kind};

/// No connector file is larger, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// What stands as source of a need that names none.
const OWN: &str = "the connector file";

/// Reads a connector file given as bytes; `path` is how it is called in what is wrong with it.
pub fn definition(path: &str, bytes: &[u8]) -> Result<Connector, DefinitionError> {
    if bytes.len() > MAX_BYTES {
        return Err(DefinitionError::whole(path, "it is larger than 1 MiB, which no connector file is"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1;
        DefinitionError::whole(path, &format!("line {line} is not UTF-8 (byte {at} of the file)"))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let table = DeTable::parse(text).map_err(|error| {
        let what = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
        let span = error.span().unwrap_or(0..0);
        DefinitionError::new(path, text, vec![fault(&span, format!("it is not TOML: {what}"), None)])
    })?;
    let mut faults = Vec::new();
    match connector(text, &table, &mut faults) {
        Some(connector) if faults.is_empty() => Ok(connector),
        _ => Err(DefinitionError::new(path, text, faults)),
    }
}

/// The error of a file whose connector has the name of another; it was read before.
pub(super) fn taken(path: &str, bytes: &[u8], name: &str) -> DefinitionError {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let span = DeTable::parse(text).ok().and_then(|table| Some(table.get_ref().get("name")?.span()));
    let what = format!("there is a connector `{name}` already");
    let hint = "give the one in the file another name".to_owned();
    DefinitionError::new(path, text, vec![fault(&span.unwrap_or(0..0), what, Some(hint))])
}

/// The connector of a table; none, or one that is not whole, where something is wrong.
fn connector(text: &str, table: &Spanned<DeTable<'_>>, faults: &mut Vec<Fault>) -> Option<Connector> {
    // What is missing in the file as a whole is shown at its first line.
    let mut fields = Fields::new("a connector file", 0..0, table.get_ref());
    let name = fields.required("name", faults);
    if let Some(name) = &name {
        named(name, "a connector", faults);
    }
    let title = fields.text("title", faults);
    if let Some(title) = title.as_ref().filter(|title| title.text.trim().is_empty()) {
        let hint = "leave it out, and the name stands in its place".to_owned();
        faults.push(fault(&title.span, "`title` is empty".to_owned(), Some(hint)));
    }
    let sessions = fields.texts("sessions", faults);
    let principals = principals(&fields.texts("principals", faults), faults);
    let notes = fields.texts("notes", faults);
    let groups = fields.lists("one_of", faults);
    let parameters = parameters(fields.tables("parameter", "a parameter", faults), faults);
    let one_of = groups.iter().map(|group| members(group, &parameters, faults)).collect();
    let tables = fields.tables("need", "a need", faults);
    if tables.is_empty() {
        faults.push(fields.missing("[[need]]"));
    }
    let needs: Vec<(Span, Vec<Need>)> =
        tables.into_iter().map(|table| (table.span(), needs(text, table, &parameters, faults))).collect();
    let mut known = BTreeSet::new();
    for (span, need) in needs.iter().flat_map(|(span, needs)| needs.iter().map(move |need| (span, need))) {
        let told: Vec<_> = keys(need).filter(|key| known.contains(key)).collect();
        if let Some((.., resource)) = told.first() {
            let what =
                format!("`{}` is needed on `{resource}` above already, in the same phase", need.action);
            faults.push(fault(span, what, Some("leave one of the two out".to_owned())));
        }
        known.extend(keys(need));
    }
    let needs = needs.iter().flat_map(|(_, needs)| needs.iter().cloned()).collect();
    fields.finish(faults);
    let name = name?.text.to_owned();
    let plain = |texts: Vec<Text<'_>>| texts.iter().map(|it| it.text.to_owned()).collect();
    Some(Connector {
        title: title.map_or_else(|| name.clone(), |title| title.text.to_owned()),
        name,
        sessions: plain(sessions),
        principals,
        notes: plain(notes),
        one_of,
        parameters,
        needs,
    })
}

/// What a need is known by: its phase, action and condition, with one of its resources.
fn keys(need: &Need) -> impl Iterator<Item = (Phase, String, String, &str)> {
    let of = |resource| (need.phase, need.action.to_ascii_lowercase(), format!("{:?}", need.when), resource);
    need.resources.iter().map(move |resource| of(resource.as_str()))
}

fn principals(texts: &[Text<'_>], faults: &mut Vec<Fault>) -> Vec<Arn> {
    let mut found = Vec::new();
    for principal in texts {
        if let Ok(arn) = principal.text.parse() {
            found.push(arn);
        } else {
            let hint = "expected the ARN of a role or an account: arn:aws:iam::111122223333:root";
            let what = format!("`{}` is no principal", principal.text);
            faults.push(fault(&principal.span, what, Some(hint.to_owned())));
        }
    }
    found
}

/// Names are words of lower-case letters, digits and hyphens: they stand on command lines.
fn named(name: &Text<'_>, what: &str, faults: &mut Vec<Fault>) {
    let allowed = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let begins = name.text.starts_with(|it: char| it.is_ascii_lowercase());
    if begins && name.text.len() <= 64 && name.text.chars().all(allowed) {
        return;
    }
    let lower: String = name.text.to_lowercase().replace([' ', '_', '.'], "-");
    let suggested = (lower != name.text && lower.starts_with(|it: char| it.is_ascii_lowercase()))
        .then(|| format!("; did you mean `{lower}`?"));
    let hint = "expected up to 64 lower-case letters, digits and hyphens, a letter first";
    let what = format!("`{}` cannot be the name of {what}", name.text);
    faults.push(fault(&name.span, what, Some(format!("{hint}{}", suggested.unwrap_or_default()))));
}

fn parameters(tables: Vec<Fields<'_>>, faults: &mut Vec<Fault>) -> Vec<Parameter> {
    let mut found: Vec<Parameter> = Vec::new();
    for table in tables {
        let span = table.span();
        let Some((parameter, name)) = parameter(table, faults) else { continue };
        let mut own = vec![&parameter.name];
        own.extend(&parameter.aliases);
        let taken: BTreeSet<&String> =
            found.iter().flat_map(|it| it.aliases.iter().chain([&it.name])).collect();
        if let Some(twice) = own.into_iter().find(|name| taken.contains(name)) {
            let place = if *twice == parameter.name { name } else { span };
            faults.push(fault(&place, format!("there is a parameter `{twice}` already"), None));
            continue;
        }
        found.push(parameter);
    }
    found
}

/// A parameter and where its name stands.
fn parameter(mut fields: Fields<'_>, faults: &mut Vec<Fault>) -> Option<(Parameter, Span)> {
    let name = fields.required("name", faults);
    if let Some(name) = &name {
        named(name, "a parameter", faults);
        if template::GIVEN.contains(&name.text) {
            let what = format!("`{{{}}}` is filled in by the doctor", name.text);
            faults.push(fault(&name.span, what, Some("give the parameter another name".to_owned())));
        }
    }
    let kind = fields.required("kind", faults);
    let kind_span = kind.as_ref().map(|kind| kind.span.clone());
    let kind = Fields::word(kind, "kind of parameter", &ParameterKind::ALL, faults);
    let aliases = fields.texts("aliases", faults);
    for alias in &aliases {
        named(alias, "a parameter", faults);
    }
    let choices = fields.texts("choices", faults);
    let required = fields.flag("required", faults);
    let default = fields.text("default", faults);
    let help = fields.required("help", faults);
    let find = fields.text("find", faults);
    fields.finish(faults);
    if let (Some(kind), Some(span)) = (kind, kind_span) {
        match (kind == ParameterKind::Choice, choices.first()) {
            (true, None) => {
                let hint = "expected choices = [\"one\", \"another\"]".to_owned();
                faults.push(fault(&span, "a choice needs `choices`".to_owned(), Some(hint)));
            }
            (false, Some(first)) => {
                let hint = "expected kind = \"choice\"".to_owned();
                faults.push(fault(&first.span, "only a choice has `choices`".to_owned(), Some(hint)));
            }
            _ => {}
        }
    }
    if let Some(default) = &default {
        if required {
            let what = "a parameter with a default is never missing: it cannot be required".to_owned();
            faults.push(fault(&default.span, what, Some("leave out `required` or `default`".to_owned())));
        }
        if !choices.is_empty() {
            chosen(default, &choices.iter().map(|it| it.text).collect::<Vec<_>>(), faults);
        } else if kind != Some(ParameterKind::Prefix) {
            names_one(default, faults);
        }
    }
    let name = name?;
    let plain = |texts: Vec<Text<'_>>| texts.iter().map(|it| it.text.to_owned()).collect();
    let parameter = Parameter {
        name: name.text.to_owned(),
        kind: kind?,
        aliases: plain(aliases),
        choices: plain(choices),
        required,
        default: default.map(|it| it.text.to_owned()),
        help: help?.text.to_owned(),
        find: find.map(|it| it.text.to_owned()),
    };
    Some((parameter, name.span))
}

/// A default stands in ARNs as a value from the command line does: as the name of one resource.
fn names_one(default: &Text<'_>, faults: &mut Vec<Fault>) {
    let pattern = default.text.contains(['*', '?', '{', '}']) || default.text.chars().any(char::is_control);
    if pattern || default.text.is_empty() {
        let hint = "expected the name of one resource, without `*`, `?`, `{` and `}`".to_owned();
        faults.push(fault(&default.span, format!("`{}` cannot be a default", default.text), Some(hint)));
    }
}

fn chosen(value: &Text<'_>, choices: &[&str], faults: &mut Vec<Fault>) {
    if !choices.contains(&value.text) {
        let hint = format!("expected {}{}", one_of(choices), meant(value.text, choices));
        faults.push(fault(&value.span, format!("`{}` is none of the choices", value.text), Some(hint)));
    }
}

/// A group of parameters of which one is given.
fn members(group: &(Span, Vec<Text<'_>>), parameters: &[Parameter], faults: &mut Vec<Fault>) -> Vec<String> {
    let (span, names) = group;
    if names.len() < 2 {
        faults.push(fault(span, "a group of `one_of` has two parameters or more".to_owned(), None));
    }
    for name in names {
        is_parameter(name, parameters, faults);
    }
    names.iter().map(|name| name.text.to_owned()).collect()
}

fn is_parameter<'p>(
    name: &Text<'_>,
    parameters: &'p [Parameter],
    faults: &mut Vec<Fault>,
) -> Option<&'p Parameter> {
    let found = parameters.iter().find(|parameter| parameter.name == name.text);
    if found.is_none() {
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let known = if names.is_empty() { "there are none".to_owned() } else { names.join(", ") };
        let hint = format!("parameters are: {known}{}", meant(name.text, &names));
        faults.push(fault(&name.span, format!("there is no parameter `{}`", name.text), Some(hint)));
    }
    found
}

/// The needs of one table: one for each of its actions.
fn needs(text: &str, mut fields: Fields<'_>, parameters: &[Parameter], faults: &mut Vec<Fault>) -> Vec<Need> {
    let phase = fields.required("phase", faults);
    let phase = Fields::word(phase, "phase", &Phase::ALL, faults);
    let actions = actions(&mut fields, faults);
    let resources = resources(&mut fields, faults);
    for resource in &resources {
        template::check(text, resource, parameters, faults);
        let unfit = actions.iter().find_map(|action| action::unfit(action.text, resource.text));
        faults.extend(unfit.map(|(what, hint)| fault(&resource.span, what, Some(hint))));
    }
    let policy = fields.text("resource_policy", faults);
    let resource_policy = policy.and_then(|policy| resource_policy(&policy, &actions, faults));
    let files = files(&mut fields, &resources, faults);
    let level = fields.required("level", faults);
    let level_span = level.as_ref().map(|level| level.span.clone());
    let level = Fields::word(level, "level", &Level::ALL, faults);
    let when = fields.any("when");
    let condition = when.and_then(|value| condition(value, parameters, faults));
    if let (Some(Level::Conditional), Some(span), None) = (level, level_span, when) {
        let hint = "expected when = \"bucket-key\", { given = \"…\" } or { parameter = \"…\", is = [\"…\"] }";
        faults.push(fault(&span, "a conditional need needs `when`".to_owned(), Some(hint.to_owned())));
    }
    let breaks = fields.required("breaks", faults);
    let symptom = fields.text("symptom", faults);
    let source = fields.text("source", faults);
    let grade = fields.text("grade", faults);
    let graded = grade.is_some();
    let grade = Fields::word(grade, "grade", &Grade::ALL, faults);
    fields.finish(faults);
    let (Some(phase), Some(level), Some(breaks)) = (phase, level, breaks) else { return Vec::new() };
    if graded && grade.is_none() {
        return Vec::new();
    }
    let need = |action: &Text<'_>| Need {
        phase,
        action: action.text.to_owned(),
        resources: resources.iter().map(|it| it.text.to_owned()).collect(),
        resource_policy: resource_policy.clone(),
        files: files.clone(),
        level,
        when: condition.clone(),
        breaks: breaks.text.to_owned(),
        symptom: symptom.as_ref().map(|it| it.text.to_owned()),
        source: source.as_ref().map_or_else(|| OWN.to_owned(), |it| it.text.to_owned()),
        grade: grade.unwrap_or(Grade::S),
    };
    actions.iter().map(need).collect()
}

/// The resources of a need, as they are written.
fn resources<'t>(fields: &mut Fields<'t>, faults: &mut Vec<Fault>) -> Vec<Text<'t>> {
    let Some(value) = fields.any("resources") else {
        faults.push(fields.missing("resources"));
        return Vec::new();
    };
    let before = faults.len();
    let resources = texts("resources", value, faults);
    if resources.is_empty() && faults.len() == before {
        let hint = "\"*\" stands for actions that name no resource".to_owned();
        faults.push(fault(&value.span(), "`resources` is empty".to_owned(), Some(hint)));
    }
    if let Some(all) = resources.iter().find(|it| it.text == "*" && resources.len() > 1) {
        let hint = "\"*\" stands for actions that name no resource: give it alone, or name the others only";
        faults.push(fault(&all.span, "`*` stands beside other resources".to_owned(), Some(hint.to_owned())));
    }
    resources
}

/// Which files of an Iceberg table a need is about.
fn files(fields: &mut Fields<'_>, resources: &[Text<'_>], faults: &mut Vec<Fault>) -> Vec<FileKind> {
    let words = fields.texts("files", faults);
    let of_tables = |it: &Text<'_>| places(it.text).any(|name| matches!(name, "location" | "bucket_key"));
    if let Some(first) = words.first()
        && !resources.iter().any(of_tables)
    {
        let hint = "leave it out: `files` are those in `{location}`, or encrypted with `{bucket_key}`";
        let what = "the need is not about an Iceberg table's files".to_owned();
        faults.push(fault(&first.span, what, Some(hint.to_owned())));
    }
    words
        .into_iter()
        .filter_map(|it| Fields::word(Some(it), "kind of file", &FileKind::ALL, faults))
        .collect()
}

/// The resource's own policy: `none`, or a document. Of some services it is read from AWS.
fn resource_policy(
    policy: &Text<'_>,
    actions: &[Text<'_>],
    faults: &mut Vec<Fault>,
) -> Option<ResourcePolicy> {
    let read = ["s3:", "glue:", "kms:", "sts:"];
    if let Some(action) = actions.iter().find(|it| read.iter().any(|service| it.text.starts_with(service))) {
        let what = format!("`{}` takes no `resource_policy`", action.text);
        let hint = "leave it out: the policies of buckets, keys and the Data Catalog are read from AWS, and a role's trust policy is another matter";
        faults.push(fault(&policy.span, what, Some(hint.to_owned())));
        return None;
    }
    if policy.text.trim() == "none" {
        return Some(ResourcePolicy::None);
    }
    match Document::parse(Kind::Resource, policy.text) {
        Ok(_) => Some(ResourcePolicy::Document(policy.text.to_owned())),
        Err(wrong) => {
            let said = wrong.first().map(|it| format!(": {it}")).unwrap_or_default();
            let what = format!("`resource_policy` is no policy{said}");
            let hint = "expected \"none\", or between ''' and ''' the policy as AWS shows it";
            faults.push(fault(&policy.span, what, Some(hint.to_owned())));
            None
        }
    }
}

/// `action` or `actions`, each the name of one action.
fn actions<'t>(fields: &mut Fields<'t>, faults: &mut Vec<Fault>) -> Vec<Text<'t>> {
    let one = fields.text("action", faults);
    let several = fields.texts("actions", faults);
    if let (Some(one), Some(_)) = (&one, several.first()) {
        faults.push(fault(&one.span, "a need has `action` or `actions`, not both".to_owned(), None));
    }
    let found: Vec<Text<'t>> = one.into_iter().chain(several).collect();
    if found.is_empty() {
        faults.push(fields.missing("action"));
    }
    for action in &found {
        if let Some((what, hint)) = action::fault_of(action.text) {
            faults.push(fault(&action.span, what, Some(hint)));
        }
    }
    found
}

fn condition(
    value: &Spanned<DeValue<'_>>,
    parameters: &[Parameter],
    faults: &mut Vec<Fault>,
) -> Option<When> {
    let expected = "\"bucket-key\", \"catalog-key\", { given = \"PARAMETER\" } or { parameter = \"PARAMETER\", is = [\"VALUE\"] }";
    match value.get_ref() {
        DeValue::String(text) => {
            let text = Text { text: text.as_ref(), span: value.span() };
            Fields::word(Some(text), "condition", &WhenFact::ALL, faults).map(When::Fact)
        }
        DeValue::Table(table) => {
            let mut fields = Fields::new("a condition", value.span(), table);
            let given = fields.text("given", faults);
            let parameter = fields.text("parameter", faults);
            let is = fields.texts("is", faults);
            fields.finish(faults);
            match (given, parameter, is.is_empty()) {
                (Some(given), None, true) => {
                    is_parameter(&given, parameters, faults);
                    Some(When::Given { given: given.text.to_owned() })
                }
                (None, Some(parameter), false) => {
                    let known = is_parameter(&parameter, parameters, faults);
                    if let Some(known) = known.filter(|it| it.kind == ParameterKind::Choice) {
                        let choices: Vec<&str> = known.choices.iter().map(String::as_str).collect();
                        for value in &is {
                            chosen(value, &choices, faults);
                        }
                    }
                    let is = is.iter().map(|it| it.text.to_owned()).collect();
                    Some(When::Is { parameter: parameter.text.to_owned(), is })
                }
                _ => {
                    let what = "the condition is neither of a parameter given nor of its value".to_owned();
                    faults.push(fault(&value.span(), what, Some(format!("expected {expected}"))));
                    None
                }
            }
        }
        _ => {
            faults.push(wrong_type("when", value, expected));
            None
        }
    }
}

#[cfg(test)]
mod tests;
