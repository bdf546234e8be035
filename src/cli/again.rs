//! The words that name a target again on a command line: what to type next.

use super::args::{GlobalArgs, SubjectArgs};
use super::target_args::FLAGS;
use crate::catalog::Catalog;
use crate::diagnosis::two_accounts;
use crate::facts::{Fact, Facts, Target};
use crate::model::{nearest, shell_flag};

/// The words that name the target again on a command line. The external id is left to the reader, and so is
/// the profile where that of this run is of another account than the role.
pub(super) fn words(facts: &Facts, catalog: &Catalog, global: &GlobalArgs, args: &SubjectArgs) -> String {
    let target = &facts.target;
    let profile = if two_accounts(facts).is_some() { Some("PROFILE") } else { global.profile.as_deref() };
    let mut words: Vec<String> = target.connectors.iter().map(|it| it.connector.clone()).collect();
    let role = args.target.role.as_deref().map_or(target.role.name.as_str(), super::target::unquoted);
    words.push(shell_flag("--role", meant(facts).as_deref().unwrap_or(role)));
    words.extend(parameter_words(target, catalog));
    for file in &args.target.more.connector_file {
        words.push(shell_flag("--connector-file", &file.display().to_string()));
    }
    if args.target.external_id.is_some() {
        words.push("--external-id EXTERNAL_ID".to_owned());
    }
    let options = [
        ("--region", target.given_region()),
        ("--profile", profile),
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

/// The role that was probably meant, where there is none of the name given.
fn meant(facts: &Facts) -> Option<String> {
    let names = facts.role_names.known().filter(|_| facts.role == Fact::Absent)?;
    nearest(&facts.target.role.name, names.iter().cloned())
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
