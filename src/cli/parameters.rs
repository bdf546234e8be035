//! The target: which connectors, with which parameters, for which role.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::args::GlobalArgs;
use super::config::Config;
use super::connector_files::Definitions;
use super::environment::Environment;
use super::failure::Failure;
use super::target_args::{FLAGS, TargetArgs, flag};
use super::values::{Pasted, value};
use super::{regions, target};
use crate::catalog::{Catalog, Connector, Parameter, ParameterKind};
use crate::facts::{ConnectorTarget, RoleName, Target};
use crate::model::{ExternalId, nearest};

/// What was given for the target, each value from the flag, the environment or the file.
pub(super) struct Given {
    connectors: Vec<String>,
    definitions: Definitions,
    role: Option<String>,
    external_id: Option<String>,
    /// As the connector's: `AWS_REGION` only says where the session is.
    region: Option<String>,
    /// Parameters by name, as flags and with `--param`.
    flags: BTreeMap<String, String>,
    /// Parameters of one connector only, by connector and name.
    single: BTreeMap<(String, String), String>,
    /// Parameters by name, from the environment or the file: for the connectors that have them.
    standing: BTreeMap<String, String>,
}

/// What the values of a target tell besides.
#[derive(Default)]
struct Told {
    warnings: Vec<String>,
    /// A region that came along, with the parameter that it came with.
    region: Option<(String, String)>,
}

impl Given {
    /// Flag before environment before file.
    pub(super) fn new(
        args: &TargetArgs,
        global: &GlobalArgs,
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let pick = |flag: &Option<String>, variable: &str, file: &Option<String>| {
            let variable = environment.variable(variable).map(str::to_owned);
            flag.clone().or(variable).or_else(|| file.clone())
        };
        // An empty one, as of a variable that is not set in a script, is none.
        let flag = args.external_id.clone().filter(|id| !id.is_empty());
        let external_id = pick(&flag, "STREAMKAP_DOCTOR_EXTERNAL_ID", &config.external_id);
        let files = &args.more.connector_file;
        let files = if files.is_empty() { &config.connector_file } else { files };
        let mut given = Self {
            connectors: if args.connectors.is_empty() {
                config.connectors()
            } else {
                args.connectors.clone()
            },
            definitions: Definitions::read(files)?,
            role: pick(&args.role, "STREAMKAP_DOCTOR_ROLE", &config.role),
            external_id: external_id.filter(|id| !id.is_empty()),
            region: global.region.clone().or_else(|| config.region.clone()),
            flags: BTreeMap::new(),
            single: BTreeMap::new(),
            standing: config.param.clone(),
        };
        for (name, variable) in FLAGS {
            if let Some(value) = args.flag(name) {
                given.flags.insert(name.to_owned(), value.clone());
            }
            let file = config.parameter(name).cloned();
            if let Some(value) = environment.variable(variable).map(str::to_owned).or(file) {
                given.standing.insert(name.to_owned(), value);
            }
        }
        for param in &args.more.param {
            let known = match &param.connector {
                Some(connector) => {
                    given.single.insert((connector.clone(), param.name.clone()), param.value.clone())
                }
                None => given.flags.insert(param.name.clone(), param.value.clone()),
            };
            if known.is_some_and(|known| known != param.value) {
                return Err(Failure::usage(
                    format!("two values were given for {}", param.name),
                    "give one, or one for each connector: --param CONNECTOR.NAME=VALUE",
                ));
            }
        }
        Ok(given)
    }

    /// All connectors, the user's own included.
    pub(super) fn catalog(&self) -> &Cow<'static, Catalog> {
        &self.definitions.catalog
    }

    /// The target, with warnings about what was given oddly.
    pub(super) fn target(&self) -> Result<(Target, Vec<String>), Failure> {
        let role = self.role.as_deref().map(target::role).transpose()?;
        let mut told = Told::default();
        let mut connectors = Vec::new();
        for connector in self.connectors()? {
            let parameters = self.values(connector, &mut told)?;
            complete(connector, &parameters)?;
            connectors.push(self.connector_target(connector, parameters));
        }
        let Some(role) = role else {
            return Err(Failure::usage(
                "no role was given",
                "add --role with its name or ARN; Streamkap's app shows it in the connector's settings",
            ));
        };
        let external_id = self.external_id.clone().map(|text| {
            told.warnings.extend(external_id_oddity(&text));
            ExternalId::new(text)
        });
        let target = self.assemble(role, external_id, connectors, told.region)?;
        let vendor = &self.catalog().vendor;
        told.warnings.extend(vendor.own_role(&target));
        told.warnings
            .extend(vendor.partition_oddity(&target).into_iter().chain(vendor.region_oddity(&target)));
        Ok((target, told.warnings))
    }

    /// The target with `*` for the role and the parameters that were not given: what a policy for any of
    /// them would name. Without a connector: all there are.
    pub(super) fn pattern(&self) -> Result<Target, Failure> {
        let nothing = self.connectors.is_empty() && self.definitions.own.is_empty();
        let given = !self.flags.is_empty() || !self.single.is_empty() || !self.standing.is_empty();
        let connectors =
            if nothing && !given { self.catalog().connectors.iter().collect() } else { self.connectors()? };
        let mut told = Told::default();
        let mut targets = Vec::new();
        for connector in connectors {
            let mut parameters = self.values(connector, &mut told)?;
            for parameter in connector.parameters.iter().filter(|it| it.required) {
                parameters.entry(parameter.name.clone()).or_insert_with(|| "*".to_owned());
            }
            for group in &connector.one_of {
                if !group.iter().any(|name| parameters.contains_key(name)) {
                    parameters.extend(group.iter().map(|name| (name.clone(), "*".to_owned())));
                }
            }
            targets.push(self.connector_target(connector, parameters));
        }
        let any =
            || RoleName { name: "*".to_owned(), path: Some("/".to_owned()), account: None, partition: None };
        let role = self.role.as_deref().map_or_else(|| Ok(any()), target::role)?;
        self.assemble(role, None, targets, told.region)
    }

    fn connector_target(
        &self,
        connector: &Connector,
        parameters: BTreeMap<String, String>,
    ) -> ConnectorTarget {
        let definition = self.definitions.text(&connector.name).map(str::to_owned);
        ConnectorTarget { connector: connector.name.clone(), parameters, definition }
    }

    fn assemble(
        &self,
        role: RoleName,
        external_id: Option<ExternalId>,
        connectors: Vec<ConnectorTarget>,
        told: Option<(String, String)>,
    ) -> Result<Target, Failure> {
        let given = self.region.as_deref().map(regions::parse).transpose()?;
        let region = match (given, told) {
            (Some(given), Some((with, region))) if given != region => {
                return Err(Failure::usage(
                    format!("two regions were given: {given}, and {region} with --{with}"),
                    "a connector and what it writes to are in one region: give one",
                ));
            }
            (given, told) => given.or(told.map(|(_, region)| region)),
        };
        Ok(Target { role, external_id, region_given: region.is_some(), region, connectors })
    }

    /// The connectors that were named, or the only one that has the parameters given.
    fn connectors(&self) -> Result<Vec<&Connector>, Failure> {
        let mut found: Vec<&Connector> = Vec::new();
        let own = self.definitions.own.iter().map(|(name, _)| name);
        let singled = self.single.keys().map(|(connector, _)| connector);
        let named: Vec<&String> = match () {
            () if !self.connectors.is_empty() => self.connectors.iter().collect(),
            () if !self.definitions.own.is_empty() => own.collect(),
            () => singled.collect(),
        };
        for name in named {
            let connector = self.catalog().connector(name).ok_or_else(|| self.no_connector(name))?;
            if !found.iter().any(|it| it.name == connector.name) {
                found.push(connector);
            }
        }
        if found.is_empty() {
            found.push(self.inferred()?);
        }
        self.all_taken(&found)?;
        Ok(found)
    }

    fn no_connector(&self, given: &str) -> Failure {
        const COMMANDS: [&str; 9] =
            ["check", "denials", "demo", "fix", "collect", "evaluate", "explain", "list", "policy"];
        let names: Vec<String> = self.catalog().connectors.iter().map(|it| it.name.clone()).collect();
        let near = connector_meant(given, &names);
        let near = near.or_else(|| nearest(given, COMMANDS.map(str::to_owned)));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Failure::usage(
            format!("`{given}` is neither a connector nor a command"),
            format!("connectors are: {}{near}", names.join(", ")),
        )
    }

    /// The one connector whose parameters are those given: first by their own names, then by what else
    /// they are called (`--bucket` for a warehouse).
    fn inferred(&self) -> Result<&Connector, Failure> {
        let given = if self.flags.is_empty() { &self.standing } else { &self.flags };
        let names: Vec<&String> = given.keys().collect();
        let connectors = &self.catalog().connectors;
        let fitting = |has: fn(&Connector, &str) -> bool| -> Vec<&Connector> {
            connectors.iter().filter(|it| names.iter().all(|name| has(it, name))).collect()
        };
        let own = fitting(|connector, name| connector.parameter(name).is_some());
        let fits = if own.is_empty() { fitting(has) } else { own };
        match fits.as_slice() {
            [one] if !names.is_empty() => Ok(one),
            _ => {
                let all = connectors.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
                let flags = names.iter().map(|name| flag(name)).collect::<Vec<_>>().join(", ");
                let why = match (names.is_empty(), fits.is_empty()) {
                    (true, _) => String::new(),
                    (_, true) => format!(": none has all of {flags}"),
                    (_, false) => format!(": several have {flags}"),
                };
                Err(Failure::usage("no connector was named", format!("name one of {all}{why}")))
            }
        }
    }

    /// What was given on the command line for a connector that has no such parameter is a mistake.
    fn all_taken(&self, connectors: &[&Connector]) -> Result<(), Failure> {
        let shared = self.flags.keys().map(|name| (None, name));
        let single = self.single.keys().map(|(connector, name)| (Some(connector), name));
        for (only, name) in shared.chain(single) {
            let mut of = connectors.iter().filter(|it| only.is_none_or(|only| it.name == *only)).peekable();
            if let (Some(only), None) = (only, of.peek()) {
                return Err(match self.catalog().connector(only) {
                    Some(_) => Failure::usage(
                        format!("--param {only}.{name} is for a connector that is not checked"),
                        format!("name it, too: {} {only}", names(connectors, " ")),
                    ),
                    None => self.no_connector(only),
                });
            }
            if of.any(|connector| has(connector, name)) {
                continue;
            }
            let known: Vec<&Parameter> = connectors.iter().flat_map(|it| &it.parameters).collect();
            let near = nearest(name, known.iter().map(|it| it.name.clone()));
            let near = near.map(|near| format!("; did you mean {}?", flag(&near))).unwrap_or_default();
            let known: Vec<String> = known.iter().map(|it| flag(&it.name)).collect();
            let (word, verb) =
                if connectors.len() == 1 { ("connector", "has") } else { ("connectors", "have") };
            return Err(Failure::usage(
                format!("the {word} {} {verb} no {}", names(connectors, " and "), flag(name)),
                format!("parameters are: {}{near}", known.join(", ")),
            ));
        }
        Ok(())
    }

    /// What was given for a parameter: its own name before what else it is called, what is for this
    /// connector alone before what is for all, the command line before the rest.
    fn given(&self, connector: &Connector, parameter: &Parameter) -> Result<Option<&String>, Failure> {
        let names = || std::iter::once(&parameter.name).chain(&parameter.aliases);
        let single = |name: &String| self.single.get(&(connector.name.clone(), name.clone()));
        let by_flag: Vec<&String> = names().filter(|name| self.flags.contains_key(*name)).collect();
        let alone = self.connectors.len() < 2;
        if let ([one, other, ..], true) = (by_flag.as_slice(), alone) {
            return Err(Failure::usage(
                format!("{} and {} are the same to the connector {}", flag(one), flag(other), connector.name),
                "give one",
            ));
        }
        let shared = |of: &'_ BTreeMap<String, String>| names().find(|name| of.contains_key(*name)).cloned();
        Ok(names()
            .find_map(single)
            .or_else(|| shared(&self.flags).and_then(|name| self.flags.get(&name)))
            .or_else(|| shared(&self.standing).and_then(|name| self.standing.get(&name))))
    }

    fn values(&self, connector: &Connector, told: &mut Told) -> Result<BTreeMap<String, String>, Failure> {
        let mut values = BTreeMap::new();
        // A bucket may bring the prefix along: prefixes come after buckets.
        let mut pasted_prefix = None;
        let of_kind = |wanted: bool| {
            connector.parameters.iter().filter(move |it| (it.kind == ParameterKind::Prefix) == wanted)
        };
        for parameter in of_kind(false).chain(of_kind(true)) {
            let given = self.given(connector, parameter)?;
            let given = given.map(|given| value(parameter, given)).transpose()?;
            let found = if parameter.kind == ParameterKind::Prefix {
                prefix(given.map(|it| it.text), pasted_prefix.take(), &mut told.warnings)?
            } else {
                given.map(|Pasted { text, prefix, region }| {
                    pasted_prefix = pasted_prefix.take().or(prefix);
                    told.region = told.region.take().or_else(|| Some((parameter.name.clone(), region?)));
                    text
                })
            };
            if let Some(value) = found.or_else(|| parameter.default.clone()) {
                values.insert(parameter.name.clone(), value);
            }
        }
        Ok(values)
    }
}

/// The connector that was probably meant: one of nearly that name, or one of whose name it is a part.
pub(super) fn connector_meant(given: &str, names: &[String]) -> Option<String> {
    let given = given.to_lowercase();
    let part = |name: &&String| name.split('-').any(|part| part == given);
    names.iter().find(part).cloned().or_else(|| nearest(&given, names.iter().cloned()))
}

/// Whether a connector has a parameter that is called so.
fn has(connector: &Connector, name: &str) -> bool {
    connector.parameters.iter().any(|it| it.name == name || it.aliases.iter().any(|alias| alias == name))
}

fn names(connectors: &[&Connector], join: &str) -> String {
    connectors.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(join)
}

/// Whether all that a connector needs was given.
fn complete(connector: &Connector, given: &BTreeMap<String, String>) -> Result<(), Failure> {
    if let Some(missing) = connector.parameters.iter().find(|it| it.required && !given.contains_key(&it.name))
    {
        return Err(Failure::usage(
            format!("the connector {} needs {}", connector.name, flag(&missing.name)),
            explained(missing),
        ));
    }
    for group in &connector.one_of {
        let of_group: Vec<&Parameter> = group.iter().filter_map(|name| connector.parameter(name)).collect();
        let flags: Vec<String> = group.iter().map(|name| flag(name)).collect();
        match group.iter().filter(|name| given.contains_key(*name)).count() {
            1 => {}
            0 => {
                let explained: Vec<String> =
                    of_group.iter().map(|it| format!("{}: {}", flag(&it.name), explained(it))).collect();
                return Err(Failure::usage(
                    format!("the connector {} needs {}", connector.name, flags.join(" or ")),
                    explained.join(". "),
                ));
            }
            _ => {
                return Err(Failure::usage(
                    format!("the connector {} takes one of {}", connector.name, flags.join(" and ")),
                    "give the one that the hostname in Streamkap's app names",
                ));
            }
        }
    }
    Ok(())
}

fn explained(parameter: &Parameter) -> String {
    let find = parameter.find.as_deref().map(|find| format!(". Where to find it: {find}"));
    format!("{}{}", parameter.help, find.unwrap_or_default())
}

/// The prefix that was given, or that came with the bucket.
fn prefix(
    given: Option<String>,
    pasted: Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, Failure> {
    let value = match (given, pasted) {
        (Some(given), Some(pasted)) if given != pasted => {
            return Err(Failure::usage(
                format!("two prefixes were given: `{given}` with --prefix and `{pasted}` with --bucket"),
                "give one",
            ));
        }
        (given, pasted) => given.or(pasted),
    };
    if let Some(value) = &value {
        if value.starts_with('/') {
            warnings.push(format!("the prefix `{value}` begins with a slash: keys then begin with one, too"));
        }
        if value.len() > 1024 {
            return Err(Failure::usage(
                "the prefix is longer than any key can be",
                "a key has at most 1024 bytes",
            ));
        }
    }
    Ok(value)
}
/// An external id is kept as it was given, since what is odd about it may be the fault.
fn external_id_oddity(text: &str) -> Option<String> {
    let odd = if text.trim() != text {
        "begins or ends with white space"
    } else if text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']) {
        "begins or ends with a quote"
    } else if !(2..=1224).contains(&text.chars().count()) {
        "is not 2 to 1224 characters long, as AWS wants it"
    } else if !text.chars().all(|it| it.is_ascii_alphanumeric() || "+=,.@:/-_".contains(it)) {
        "has characters that AWS does not accept in one"
    } else {
        return None;
    };
    Some(format!("the external id given {odd}; it is compared exactly as given"))
}
