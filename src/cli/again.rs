//! The words that name a target again on a command line: what to type next.

use super::args::{GlobalArgs, SubjectArgs};
use super::target_args::FLAGS;
use crate::catalog::Catalog;
use crate::facts::Target;
use crate::model::shell_flag;

/// The words that name the target again on a command line. The external id is left to the reader.
pub(super) fn words(target: &Target, catalog: &Catalog, global: &GlobalArgs, args: &SubjectArgs) -> String {
    let mut words: Vec<String> = target.connectors.iter().map(|it| it.connector.clone()).collect();
    let role = args.target.role.as_deref().map_or(target.role.name.as_str(), super::target::unquoted);
    words.push(shell_flag("--role", role));
    words.extend(parameter_words(target, catalog));
    for file in &args.target.parameters.connector_file {
        words.push(shell_flag("--connector-file", &file.display().to_string()));
    }
    if args.target.external_id.is_some() {
        words.push("--external-id EXTERNAL_ID".to_owned());
    }
    let options = [
        ("--region", target.given_region()),
        ("--profile", global.profile.as_deref()),
        ("--endpoint-url", global.endpoint_url.as_deref()),
        ("--since", args.history.since.as_deref()),
    ];
    for (name, value) in options {
        words.extend(value.map(|value| shell_flag(name, value)));
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
            let word = match (shared, is_flag) {
                (true, true) => shell_flag(&format!("--{name}"), value),
                (true, false) => shell_flag("--param", &format!("{name}={value}")),
                (false, _) => shell_flag("--param", &format!("{}.{name}={value}", it.connector)),
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words
}
