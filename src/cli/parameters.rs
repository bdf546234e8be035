//! The target: which connector, with which parameters, for which role.

use std::collections::BTreeMap;

use super::args::TargetArgs;
use super::config::Config;
use super::environment::Environment;
use super::failure::Failure;
use super::{regions, target};
use crate::catalog::{Catalog, Connector, Parameter, ParameterKind};
use crate::facts::{ConnectorTarget, RoleName, Target};
use crate::model::{ExternalId, nearest};

/// What was given for the target, each value from the flag, the environment or the file.
pub(super) struct Given {
    connector: Option<String>,
    role: Option<String>,
    external_id: Option<String>,
    region: Option<String>,
    parameters: BTreeMap<&'static str, String>,
}

impl Given {
    /// Flag before environment before file.
    pub(super) fn new(
        args: &TargetArgs,
        region: Option<&str>,
        config: &Config,
        environment: &Environment,
    ) -> Self {
        let pick = |flag: &Option<String>, variable: &str, file: &Option<String>| {
            let variable = environment.variable(variable).map(str::to_owned);
            flag.clone().or(variable).or_else(|| file.clone())
        };
        let named = [
            ("bucket", pick(&args.bucket, "STREAMKAP_DOCTOR_BUCKET", &config.bucket)),
            ("prefix", pick(&args.prefix, "STREAMKAP_DOCTOR_PREFIX", &config.prefix)),
        ];
        Self {
            connector: args.connector.clone().or_else(|| config.connector.clone()),
            role: pick(&args.role, "STREAMKAP_DOCTOR_ROLE", &config.role),
            external_id: pick(&args.external_id, "STREAMKAP_DOCTOR_EXTERNAL_ID", &config.external_id),
            region: region.map(str::to_owned),
            parameters: named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        }
    }

    /// The target, with warnings about what was given oddly.
    pub(super) fn target(&self, catalog: &Catalog) -> Result<(Target, Vec<String>), Failure> {
        let mut warnings = Vec::new();
        let connector = self.connector(catalog)?;
        let role = self.role.as_deref().map(target::role).transpose()?;
        let parameters = self.values(connector, &mut warnings)?;
        if let Some(missing) =
            connector.parameters.iter().find(|it| it.required && !parameters.contains_key(&it.name))
        {
            return Err(no_parameter(connector, missing));
        }
        let Some(role) = role else {
            return Err(Failure::usage(
                "no role was given",
                "add --role with its name or ARN; Streamkap's app shows it in the connector's settings",
            ));
        };
        let external_id = self.external_id.clone().map(|text| {
            warnings.extend(external_id_oddity(&text));
            ExternalId::new(text)
        });
        let target = self.assemble(role, external_id, connector, parameters)?;
        Ok((target, warnings))
    }

    /// The target with `*` for the role and the required parameters that were not given: what a policy
    /// for any of them would name.
    pub(super) fn pattern(&self, catalog: &Catalog) -> Result<Target, Failure> {
        let connector = self.connector(catalog)?;
        let mut parameters = self.values(connector, &mut Vec::new())?;
        for parameter in connector.parameters.iter().filter(|it| it.required) {
            parameters.entry(parameter.name.clone()).or_insert_with(|| "*".to_owned());
        }
        let any =
            || RoleName { name: "*".to_owned(), path: Some("/".to_owned()), account: None, partition: None };
        let role = self.role.as_deref().map_or_else(|| Ok(any()), target::role)?;
        self.assemble(role, None, connector, parameters)
    }

    fn assemble(
        &self,
        role: RoleName,
        external_id: Option<ExternalId>,
        connector: &Connector,
        parameters: BTreeMap<String, String>,
    ) -> Result<Target, Failure> {
        let region = self.region.as_deref().map(regions::parse).transpose()?;
        let connectors =
            vec![ConnectorTarget { connector: connector.name.clone(), parameters, definition: None }];
        Ok(Target { role, external_id, region, connectors })
    }

    /// The connector that was named, or the only one that has the parameters given.
    fn connector<'c>(&self, catalog: &'c Catalog) -> Result<&'c Connector, Failure> {
        let names = || catalog.connectors.iter().map(|connector| connector.name.clone());
        if let Some(given) = &self.connector {
            return catalog.connector(given).ok_or_else(|| {
                let commands =
                    ["check", "denials", "demo", "fix", "collect", "evaluate", "explain", "list", "policy"];
                let near = nearest(given, names().chain(commands.map(str::to_owned)));
                let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let known = names().collect::<Vec<_>>().join(", ");
                Failure::usage(
                    format!("`{given}` is neither a connector nor a command"),
                    format!("connectors are: {known}{near}"),
                )
            });
        }
        let takes_all = |connector: &&Connector| {
            self.parameters.keys().all(|name| connector.parameters.iter().any(|it| it.name == *name))
        };
        let fitting: Vec<&Connector> = catalog.connectors.iter().filter(takes_all).collect();
        match fitting.as_slice() {
            [one] if !self.parameters.is_empty() || catalog.connectors.len() == 1 => Ok(one),
            _ => Err(Failure::usage(
                "no connector was named",
                format!("name one: {}", names().collect::<Vec<_>>().join(", ")),
            )),
        }
    }

    fn values(
        &self,
        connector: &Connector,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<String, String>, Failure> {
        for name in self.parameters.keys() {
            if !connector.parameters.iter().any(|it| it.name == *name) {
                let known = connector.parameters.iter().map(|it| format!("--{}", it.name));
                return Err(Failure::usage(
                    format!("the connector {} has no --{name}", connector.name),
                    format!("it has {}", known.collect::<Vec<_>>().join(", ")),
                ));
            }
        }
        let mut values = BTreeMap::new();
        // A bucket may bring the prefix along: prefixes come after buckets.
        let mut pasted = None;
        let of_kind = |wanted: bool| {
            connector.parameters.iter().filter(move |it| (it.kind == ParameterKind::Prefix) == wanted)
        };
        for parameter in of_kind(false).chain(of_kind(true)) {
            let given = self.parameters.get(parameter.name.as_str());
            let value = match (given, parameter.kind) {
                (Some(given), ParameterKind::Bucket) => {
                    let bucket = target::bucket(given)?;
                    pasted = bucket.prefix;
                    Some(bucket.name)
                }
                (given, ParameterKind::Prefix) => prefix(given, pasted.take(), warnings)?,
                (Some(given), _) => Some(target::unquoted(given).to_owned()),
                (None, _) => None,
            };
            if let Some(value) = value.or_else(|| parameter.default.clone()) {
                values.insert(parameter.name.clone(), value);
            }
        }
        Ok(values)
    }
}

fn no_parameter(connector: &Connector, parameter: &Parameter) -> Failure {
    let find =
        parameter.find.as_deref().map(|find| format!(". Where to find it: {find}")).unwrap_or_default();
    Failure::usage(
        format!("the connector {} needs --{}", connector.name, parameter.name),
        format!("{}{find}", parameter.help),
    )
}

/// The prefix that was given, or that came with the bucket. Keys begin with it exactly, so that only
/// quotes and the `*` of a policy's resource are taken off.
fn prefix(
    given: Option<&String>,
    pasted: Option<String>,
    warnings: &mut Vec<String>,
) -> Result<Option<String>, Failure> {
    let given = given.map(|text| target::unquoted(text).trim_end_matches('*').to_owned());
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
