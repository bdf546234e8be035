//! What is read in the connector's region: the Data Catalog, Lake Formation, Redshift.

use super::client::Aws;
use super::{glue, lake_formation, redshift};
use crate::facts::{Database, Fact, FactId, Glue, LakeFormation, Redshift};
use crate::model::AccountId;
use crate::plan::Plan;
use crate::requirement::Location;

/// What is read in the connector's region.
#[derive(Clone, Debug, Default)]
pub(super) struct Regional {
    /// The Data Catalog.
    pub(super) glue: Glue,
    /// Lake Formation.
    pub(super) lake_formation: LakeFormation,
    /// Redshift.
    pub(super) redshift: Redshift,
}

/// Whether anything is.
pub(super) fn is_needed(plan: &Plan) -> bool {
    !(plan.databases.is_empty() && plan.clusters.is_empty() && plan.workgroups.is_empty())
}

impl Regional {
    /// What can be asked without any other answer.
    pub(super) async fn first(aws: &Aws<'_>, plan: &Plan, region: Option<&str>) -> Self {
        if !is_needed(plan) {
            return Self::default();
        }
        let Some(region) = region else {
            let why = "the connector's region was not given; give it with --region";
            return Self::unread(plan, &Fact::NotAsked(why.to_owned()));
        };
        let of_glue = async {
            if plan.databases.is_empty() {
                (Glue::default(), LakeFormation::default())
            } else {
                tokio::join!(glue::first(aws, plan, region), lake_formation::first(aws, plan, region))
            }
        };
        let ((glue, lake_formation), redshift) = tokio::join!(of_glue, redshift::first(aws, plan, region));
        Self { glue, lake_formation, redshift }
    }

    /// Adds what the first answers lead to. `account`: the caller's; `places`: where the connectors write.
    pub(super) async fn second(
        self,
        aws: &Aws<'_>,
        plan: &Plan,
        region: &str,
        account: Option<&AccountId>,
        places: &[Location],
    ) -> Self {
        let Self { glue, lake_formation, redshift } = self;
        let absent = glue.databases.values().any(|it| it.metadata == Fact::Absent);
        let (names, lake_formation, redshift) = tokio::join!(
            async {
                if absent && plan.reads(FactId::GlueDatabaseNames) {
                    glue::names(aws, region).await
                } else {
                    glue.database_names.clone()
                }
            },
            async {
                if plan.databases.is_empty() {
                    lake_formation.clone()
                } else {
                    let read = (&glue, &lake_formation);
                    lake_formation::second(aws, plan, region, read, account, places).await
                }
            },
            redshift::with_names(aws, region, redshift),
        );
        Self { glue: Glue { database_names: names, ..glue }, lake_formation, redshift }
    }

    /// None of it read, for this reason.
    pub(super) fn unread(plan: &Plan, why: &Fact<()>) -> Self {
        fn of<T>(why: &Fact<()>) -> Fact<T> {
            why.unread().unwrap_or_default()
        }
        let mut read = Self::default();
        for name in plan.databases.keys() {
            read.glue.databases.insert(name.clone(), Database { metadata: of(why), tables: of(why) });
        }
        if !plan.databases.is_empty() {
            (read.glue.policy, read.glue.encryption) = (of(why), of(why));
            read.glue.database_names = of(why);
            read.lake_formation = LakeFormation {
                settings: of(why),
                permissions: of(why),
                all_grants: false,
                locations: of(why),
                opt_ins: of(why),
            };
        }
        read.redshift.clusters = plan.clusters.iter().map(|id| (id.clone(), of(why))).collect();
        read.redshift.workgroups = plan.workgroups.iter().map(|name| (name.clone(), of(why))).collect();
        read
    }
}
