//! Redshift clusters and Redshift Serverless workgroups.

use futures::future::join_all;

use super::client::Aws;
use super::error::failed;
use super::operations::{DESCRIBE_CLUSTERS, GET_WORKGROUP, LIST_WORKGROUPS};
use super::s3::wanted;
use crate::facts::{Cluster, Fact, FactId, FailureKind, Redshift, Workgroup};
use crate::plan::Plan;

/// Entries of a page.
const PAGE: i32 = 100;
/// Pages of names, which are only for telling near misses.
const PAGES: usize = 10;

/// The clusters and workgroups that were named.
pub(super) async fn first(aws: &Aws<'_>, plan: &Plan, region: &str) -> Redshift {
    let clusters = plan.clusters.iter().map(|id| async move {
        (id.clone(), wanted(plan, FactId::RedshiftCluster, cluster(aws, region, id)).await)
    });
    let workgroups = plan.workgroups.iter().map(|name| async move {
        (name.clone(), wanted(plan, FactId::RedshiftWorkgroup, workgroup(aws, region, name)).await)
    });
    let (clusters, workgroups) = tokio::join!(join_all(clusters), join_all(workgroups));
    Redshift {
        clusters: clusters.into_iter().collect(),
        cluster_names: Fact::NotAsked("asked only when a cluster is not found".to_owned()),
        workgroups: workgroups.into_iter().collect(),
        workgroup_names: Fact::NotAsked("asked only when a workgroup is not found".to_owned()),
    }
}

/// Adds the names that there are when one was not found.
pub(super) async fn with_names(aws: &Aws<'_>, region: &str, read: Redshift) -> Redshift {
    let no_cluster = read.clusters.values().any(|it| *it == Fact::Absent);
    let no_workgroup = read.workgroups.values().any(|it| *it == Fact::Absent);
    let (cluster_names, workgroup_names) = tokio::join!(
        async { if no_cluster { cluster_names(aws, region).await } else { read.cluster_names.clone() } },
        async {
            if no_workgroup { workgroup_names(aws, region).await } else { read.workgroup_names.clone() }
        },
    );
    Redshift { cluster_names, workgroup_names, ..read }
}

async fn cluster(aws: &Aws<'_>, region: &str, id: &str) -> Fact<Cluster> {
    let call = aws.redshift(region).describe_clusters().cluster_identifier(id).send();
    let answer = aws.ask(&DESCRIBE_CLUSTERS, call).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let Some(cluster) = answer.clusters().first() else { return Fact::Absent };
    let text = |text: Option<&str>| text.filter(|it| !it.is_empty()).map(str::to_owned);
    let Some(status) = text(cluster.cluster_status()) else {
        let what = "DescribeClusters answered without a status";
        return failed(&DESCRIBE_CLUSTERS, FailureKind::Unreadable, what);
    };
    let endpoint = cluster.endpoint().and_then(|it| Some((it.address()?, it.port())));
    Fact::Known(Cluster {
        id: cluster.cluster_identifier().unwrap_or(id).to_owned(),
        status,
        database: text(cluster.db_name()),
        admin: text(cluster.master_username()),
        endpoint: endpoint.map(|(host, port)| address(host, port)),
        roles: cluster.iam_roles().iter().filter_map(|it| text(it.iam_role_arn())).collect(),
        public: cluster.publicly_accessible(),
    })
}

async fn cluster_names(aws: &Aws<'_>, region: &str) -> Fact<Vec<String>> {
    let client = aws.redshift(region);
    let (mut names, mut marker) = (Vec::new(), None);
    for _ in 0..PAGES {
        let call = client.describe_clusters().max_records(PAGE).set_marker(marker).send();
        let answer = aws.ask(&DESCRIBE_CLUSTERS, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        names.extend(answer.clusters().iter().filter_map(|it| it.cluster_identifier().map(str::to_owned)));
        marker = answer.marker().filter(|marker| !marker.is_empty()).map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    Fact::Known(names)
}

async fn workgroup(aws: &Aws<'_>, region: &str, name: &str) -> Fact<Workgroup> {
    let call = aws.redshift_serverless(region).get_workgroup().workgroup_name(name).send();
    let answer = aws.ask(&GET_WORKGROUP, call).await;
    let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
    let read = answer.workgroup().and_then(|it| {
        let endpoint = it.endpoint().and_then(|endpoint| Some((endpoint.address()?, endpoint.port())));
        Some(Workgroup {
            name: it.workgroup_name().unwrap_or(name).to_owned(),
            id: it.workgroup_id()?.to_owned(),
            status: it.status()?.as_str().to_owned(),
            namespace: it.namespace_name().unwrap_or_default().to_owned(),
            endpoint: endpoint.map(|(host, port)| address(host, port)),
            public: it.publicly_accessible(),
        })
    });
    read.map_or_else(
        || failed(&GET_WORKGROUP, FailureKind::Unreadable, "GetWorkgroup answered without an id or a status"),
        Fact::Known,
    )
}

async fn workgroup_names(aws: &Aws<'_>, region: &str) -> Fact<Vec<String>> {
    let client = aws.redshift_serverless(region);
    let (mut names, mut token) = (Vec::new(), None);
    for _ in 0..PAGES {
        let call = client.list_workgroups().max_results(PAGE).set_next_token(token).send();
        let answer = aws.ask(&LIST_WORKGROUPS, call).await;
        let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
        names.extend(answer.workgroups().iter().filter_map(|it| it.workgroup_name().map(str::to_owned)));
        token = answer.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    Fact::Known(names)
}

fn address(host: &str, port: Option<i32>) -> String {
    port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
