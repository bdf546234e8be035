//! The words that name a target again on a command line: what to type next.

use super::args::{GlobalArgs, SubjectArgs};
use super::target_args::FLAGS;
use crate::catalog::Catalog;
use crate::facts::Target;

/// The words that name the target again on a command line. The external id is left to the reader.
pub(super) fn words(target: &Target, catalog: &Catalog, global: &GlobalArgs, args: &SubjectArgs) -> String {
    let mut words: Vec<String> = target.connectors.iter().map(|it| it.connector.clone()).collect();
    let role = args.target.role.as_deref().map_or(target.role.name.as_str(), super::target::unquoted);
    words.extend(["--role".to_owned(), quoted(role)]);
    words.extend(parameter_words(target, catalog));
    for file in &args.target.parameters.connector_file {
        words.extend(["--connector-file".to_owned(), quoted(&file.display().to_string())]);
    }
    if args.target.external_id.is_some() {
        words.extend(["--external-id".to_owned(), "EXTERNAL_ID".to_owned()]);
    }
    let options = [
        ("--region", target.given_region()),
        ("--profile", global.profile.as_deref()),
        ("--endpoint-url", global.endpoint_url.as_deref()),
        ("--since", args.history.since.as_deref()),
    ];
    for (name, value) in options {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), quoted(value)]));
    }
    if args.history.no_history {
        words.push("--no-history".to_owned());
    }
    words.join(" ")
}

/// The parameters as flags: once where all connectors have the same value, else one for each connector.
fn parameter_words(target: &Target, catalog: &Catalog) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for it in &target.connectors {
        let default = |name: &str| {
            let parameter = catalog.connector(&it.connector).and_then(|known| known.parameter(name));
            parameter.and_then(|parameter| parameter.default.as_deref())
        };
        for (name, value) in &it.parameters {
            if Some(value.as_str()) == default(name) {
                continue;
            }
            let others = target.connectors.iter().filter_map(|other| other.parameters.get(name));
            let shared = others.clone().all(|other| other == value);
            let is_flag = FLAGS.iter().any(|(flag, _)| flag == name);
            let pair = match (shared, is_flag) {
                (true, true) => [format!("--{name}"), quoted(value)],
                (true, false) => ["--param".to_owned(), quoted(&format!("{name}={value}"))],
                (false, _) => ["--param".to_owned(), quoted(&format!("{}.{name}={value}", it.connector))],
            };
            if !words.chunks(2).any(|known| known == pair) {
                words.extend(pair);
            }
        }
    }
    words
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "+=,.@:/-_%".contains(it);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
