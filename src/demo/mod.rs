//! The cases built into the program: a healthy account, and patches of it with one fault each.

pub mod patch;

use serde_json::Value;

use crate::facts::Facts;

/// The healthy account: `demo/healthy.json`.
const HEALTHY: &str = include_str!("../../demo/healthy.json");

/// A case built into the program.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// What is wrong, in one sentence.
    pub title: &'static str,
    /// The scenario that it is a patch of; none: the healthy account.
    over: Option<&'static str>,
    /// The patch; see [`patch`].
    patch: &'static str,
}

macro_rules! scenario {
    ($name:literal, $title:literal) => {
        scenario!($name, $title, None)
    };
    ($name:literal, $title:literal, over $base:literal) => {
        scenario!($name, $title, Some($base))
    };
    ($name:literal, $title:literal, $over:expr) => {
        Scenario {
            name: $name,
            title: $title,
            over: $over,
            patch: include_str!(concat!("../../demo/", $name, ".json")),
        }
    };
}

/// The healthy account first, then one fault each, in the order of the report's sections.
const SCENARIOS: &[Scenario] = &[
    Scenario { name: "healthy", title: "Everything is as it should be", over: None, patch: "{}" },
    scenario!("wrong-external-id", "Two characters of the external id are swapped in the trust policy"),
    scenario!("mistyped-account", "The role trusts a mistyped account instead of Streamkap's"),
    scenario!("object-arn-missing", "The policy names the bucket and not its objects"),
    scenario!("bucket-policy-denies", "The bucket's policy denies calls from outside of a VPC endpoint"),
    scenario!("kms-key-refuses", "The bucket encrypts with a KMS key whose policy refuses the role"),
    scenario!("policy-detached", "It worked until somebody detached the policy"),
    scenario!("organization-denies", "A service control policy of the organization denies the uploads"),
    scenario!("boundary-denies", "The role's permissions boundary does not allow S3"),
    scenario!("iceberg-glue", "An Iceberg destination on Glue that is as it should be"),
    scenario!("one-table-only", "The policy names one table, and new tables are refused", over "iceberg-glue"),
    scenario!("database-location-elsewhere", "New tables go to the Glue database's own location, which the policy does not reach", over "iceberg-glue"),
    scenario!("lake-formation-blocks", "Lake Formation does not let the role use a table", over "iceberg-glue"),
    scenario!("glue-wrong-region", "The ARNs of the Glue policy name another region", over "iceberg-glue"),
    scenario!("redshift", "A Redshift destination that is as it should be"),
    scenario!("cluster-mistyped", "The cluster is mistyped", over "redshift"),
    scenario!("byoc", "A BYOC installation whose role is as it should be"),
    scenario!("network-actions-missing", "Actions on the network are missing from the installation role", over "byoc"),
];

/// Every case built into the program.
pub fn scenarios() -> &'static [Scenario] {
    SCENARIOS
}

/// The facts of a case; nothing when none has this name.
pub fn facts(name: &str) -> Option<Facts> {
    patch::facts(world(name)?).ok()
}

/// A case as JSON, its policy documents as objects, so that patches can reach into them.
pub fn world(name: &str) -> Option<Value> {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name)?;
    let mut world = scenario.over.map_or_else(|| Some(healthy()), world)?;
    let patch = serde_json::from_str(scenario.patch).ok()?;
    patch::merge(&mut world, &patch);
    Some(world)
}

/// The healthy account as JSON, its policy documents as objects, so that patches can reach into them.
pub fn healthy() -> Value {
    let mut world = serde_json::from_str(HEALTHY).unwrap_or_default();
    patch::open_documents(&mut world);
    world
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_can_be_read() {
        for scenario in scenarios() {
            assert!(serde_json::from_str::<Value>(scenario.patch).is_ok(), "{}", scenario.name);
            assert!(facts(scenario.name).is_some(), "{}", scenario.name);
        }
        assert!(facts("nonsense").is_none());
    }

    #[test]
    fn every_file_is_a_scenario() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/demo");
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let name = name.trim_end_matches(".json");
            assert!(scenarios().iter().any(|scenario| scenario.name == name), "{name}");
        }
    }
}
