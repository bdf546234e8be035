//! The smallest IAM policy with which the doctor can do its work.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::operations::{ALL, Scope, Search};
use crate::catalog::Catalog;
use crate::facts::{FactId, Target};
use crate::plan::Plan;
use crate::requirement;

/// The policy document that lets a caller read what a run for this target reads; with `only`, what
/// those facts take. With `searches`, what those of `denials` take besides.
///
/// Limited to the role, the buckets, the databases, clusters and workgroups; the account is a wildcard when
/// the role's ARN was not given, and so is the region.
pub fn minimal_policy(
    target: &Target,
    catalog: &Catalog,
    only: Option<&BTreeSet<FactId>>,
    searches: &BTreeSet<Search>,
) -> Value {
    let plan = Plan::new(target, catalog);
    let plan = match only {
        Some(only) => plan.only(only),
        None => plan,
    };
    let mut actions: BTreeMap<Scope, BTreeSet<&str>> = BTreeMap::new();
    for operation in ALL {
        let is_wanted = operation.search.is_some_and(|search| searches.contains(&search));
        if is_wanted || operation.facts.iter().any(|id| plan.reads(*id)) {
            actions.entry(operation.scope).or_default().insert(operation.action);
        }
    }
    let statements: Vec<Value> = actions
        .into_iter()
        .filter_map(|(scope, actions)| {
            let (sid, resources) = resources(scope, target, &plan)?;
            Some(json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}))
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn resources(scope: Scope, target: &Target, plan: &Plan) -> Option<(&'static str, Vec<String>)> {
    let partition = requirement::partition(target);
    let account = target.role.account.as_ref().map_or("*", |account| account.as_str());
    let region = target.region.as_deref().unwrap_or("*");
    let of =
        |service: &str, resource: &str| format!("arn:{partition}:{service}:{region}:{account}:{resource}");
    let name = &target.role.name;
    let role = |path: &str| format!("arn:{partition}:iam::{account}:role{path}{name}");
    Some(match scope {
        Scope::Nothing => return None,
        Scope::Role => match target.role.path.as_deref() {
            Some(path) => ("StreamkapDoctorRole", vec![role(path)]),
            // A role named without its path may have one.
            None => ("StreamkapDoctorRole", vec![role("/"), role("/*/")]),
        },
        Scope::Policies => (
            "StreamkapDoctorPolicies",
            vec![
                format!("arn:{partition}:iam::{account}:policy/*"),
                format!("arn:{partition}:iam::aws:policy/*"),
            ],
        ),
        // A database and its tables may be in any bucket.
        Scope::Buckets if !plan.databases.is_empty() => {
            ("StreamkapDoctorBuckets", vec![format!("arn:{partition}:s3:::*")])
        }
        Scope::Buckets => (
            "StreamkapDoctorBuckets",
            plan.buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}")).collect(),
        ),
        Scope::Keys => ("StreamkapDoctorKeys", vec![format!("arn:{partition}:kms:*:{account}:key/*")]),
        Scope::Databases => {
            let names = plan.databases.keys();
            let of_one = |name: &String| [format!("database/{name}"), format!("table/{name}/*")];
            let resources = std::iter::once("catalog".to_owned()).chain(names.flat_map(of_one));
            ("StreamkapDoctorCatalog", resources.map(|resource| of("glue", &resource)).collect())
        }
        Scope::Clusters => ("StreamkapDoctorClusters", vec![of("redshift", "cluster:*")]),
        Scope::Workgroups => ("StreamkapDoctorWorkgroups", vec![of("redshift-serverless", "workgroup/*")]),
        // Which bucket it is the trail says, and the doctor has not asked.
        Scope::TrailBuckets => ("StreamkapDoctorTrailBuckets", vec![format!("arn:{partition}:s3:::*")]),
        Scope::LogFiles => ("StreamkapDoctorLogFiles", vec![format!("arn:{partition}:s3:::*/AWSLogs/*")]),
        Scope::Account => ("StreamkapDoctorAccount", vec!["*".to_owned()]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{ConnectorTarget, RoleName};

    fn target(account: Option<&str>) -> Target {
        Target {
            role: RoleName {
                name: "Streamkap".to_owned(),
                path: None,
                account: account.map(|id| id.parse().unwrap()),
                partition: None,
            },
            external_id: None,
            region: None,
            region_given: false,
            connectors: vec![ConnectorTarget {
                connector: "s3".to_owned(),
                parameters: [("bucket".to_owned(), "orders".to_owned())].into(),
                definition: None,
            }],
        }
    }

    fn actions(policy: &Value) -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().unwrap();
        let actions = statements.iter().flat_map(|it| it["Action"].as_array().unwrap());
        actions.map(|action| action.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_permission_that_a_fact_needs_is_granted_and_no_other() {
        let policy =
            minimal_policy(&target(Some("111122223333")), Catalog::built_in(), None, &BTreeSet::new());
        let plan = Plan::new(&target(None), Catalog::built_in());
        let needed: BTreeSet<String> =
            plan.facts.iter().flat_map(|id| id.actions()).map(|it| (*it).to_owned()).collect();
        assert_eq!(actions(&policy), needed);
    }

    #[test]
    fn permissions_are_limited_to_the_role_and_the_bucket() {
        let policy =
            minimal_policy(&target(Some("111122223333")), Catalog::built_in(), None, &BTreeSet::new());
        let of = |sid: &str| {
            let statements = policy["Statement"].as_array().unwrap();
            statements.iter().find(|it| it["Sid"] == sid).unwrap()["Resource"].clone()
        };
        assert_eq!(of("StreamkapDoctorBuckets"), json!(["arn:aws:s3:::orders"]));
        assert_eq!(of("StreamkapDoctorRole")[0], "arn:aws:iam::111122223333:role/Streamkap");
        let policy = minimal_policy(&target(None), Catalog::built_in(), None, &BTreeSet::new()).to_string();
        assert!(policy.contains("arn:aws:iam::*:role/Streamkap"));
    }

    #[test]
    fn an_iceberg_target_s_policy_names_its_database_in_its_region() {
        let mut target = target(Some("111122223333"));
        target.region = Some("eu-west-1".to_owned());
        target.connectors[0].connector = "iceberg-glue".to_owned();
        target.connectors[0].parameters = [("database".to_owned(), "sales".to_owned())].into();
        let policy = minimal_policy(&target, Catalog::built_in(), None, &BTreeSet::new());
        let of = |action: &str| {
            let statements = policy["Statement"].as_array().unwrap();
            let has = |it: &&Value| it["Action"].as_array().unwrap().iter().any(|it| it == action);
            statements.iter().find(has).unwrap()["Resource"].clone()
        };
        let glue = "arn:aws:glue:eu-west-1:111122223333";
        let expected = json!([
            format!("{glue}:catalog"),
            format!("{glue}:database/sales"),
            format!("{glue}:table/sales/*")
        ]);
        assert_eq!(of("glue:GetTables"), expected);
        assert_eq!(of("lakeformation:ListPermissions"), json!(["*"]));
        assert_eq!(of("s3:GetBucketPolicy"), json!(["arn:aws:s3:::*"]));
        assert!(!policy.to_string().contains("redshift"));
    }

    #[test]
    fn a_run_of_few_checks_needs_few_permissions() {
        let only = BTreeSet::from([FactId::BucketPolicy]);
        let policy = minimal_policy(&target(None), Catalog::built_in(), Some(&only), &BTreeSet::new());
        assert_eq!(
            actions(&policy),
            BTreeSet::from(["s3:GetBucketPolicy".to_owned(), "s3:ListBucket".to_owned()])
        );
    }

    #[test]
    fn a_search_of_denials_adds_what_it_calls_and_no_more() {
        let plain = minimal_policy(&target(None), Catalog::built_in(), None, &BTreeSet::new());
        let added = |search: Search| -> BTreeSet<String> {
            let searches = BTreeSet::from([search]);
            let policy = minimal_policy(&target(None), Catalog::built_in(), None, &searches);
            actions(&policy).difference(&actions(&plain)).cloned().collect()
        };
        assert_eq!(added(Search::Trail), BTreeSet::from(["s3:GetObject".to_owned()]));
        assert_eq!(added(Search::Decode), BTreeSet::from(["sts:DecodeAuthorizationMessage".to_owned()]));
        assert_eq!(added(Search::Lake).len(), 4);
        assert_eq!(added(Search::Athena).len(), 4);
    }
}
