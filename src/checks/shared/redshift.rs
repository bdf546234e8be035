//! What the role's policies say of a Redshift target: statements that name Redshift's actions on something
//! else than the cluster or workgroup that the connector writes to.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshift.html> and the same
//! lists of the Data API and of Redshift Serverless say which resources an action takes.

use std::sync::Arc;

use crate::catalog::ParameterKind;
use crate::checks::View;
use crate::model::{StatementRef, edit_distance};
use crate::policy::scope::{Need, covers, covers_action, without_variables};
use crate::policy::{Effect, Policy, Selector, Statement};

use super::words;

/// What an action is allowed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `dbuser:CLUSTER/USER`.
    User,
    /// `dbname:CLUSTER/DATABASE`: only when the call names a database.
    Database {
        /// Whether a policy has to name one.
        required: bool,
    },
    /// `cluster:CLUSTER`.
    Cluster,
    /// `workgroup/ID`.
    Workgroup,
    /// Nothing: `*`.
    Everything,
}

/// Actions of a target that is a cluster.
const OF_CLUSTER: [(&str, &[Form]); 9] = [
    ("redshift:GetClusterCredentials", &[Form::User, Form::Database { required: false }]),
    ("redshift:GetClusterCredentialsWithIAM", &[Form::Database { required: true }]),
    ("redshift:DescribeClusters", &[Form::Cluster]),
    ("redshift-data:ExecuteStatement", &[Form::Cluster]),
    ("redshift-data:BatchExecuteStatement", &[Form::Cluster]),
    ("redshift-data:DescribeStatement", &[Form::Everything]),
    ("redshift-data:GetStatementResult", &[Form::Everything]),
    ("redshift-data:CancelStatement", &[Form::Everything]),
    ("redshift-data:ListStatements", &[Form::Everything]),
];

/// Actions of a target that is a workgroup.
const OF_WORKGROUP: [(&str, &[Form]); 8] = [
    ("redshift-serverless:GetCredentials", &[Form::Workgroup]),
    ("redshift-serverless:GetWorkgroup", &[Form::Workgroup]),
    ("redshift-data:ExecuteStatement", &[Form::Workgroup]),
    ("redshift-data:BatchExecuteStatement", &[Form::Workgroup]),
    ("redshift-data:DescribeStatement", &[Form::Everything]),
    ("redshift-data:GetStatementResult", &[Form::Everything]),
    ("redshift-data:CancelStatement", &[Form::Everything]),
    ("redshift-data:ListStatements", &[Form::Everything]),
];

/// Where a connector writes in Redshift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The cluster's identifier or the workgroup's name.
    pub name: String,
    /// Whether it is a workgroup.
    pub serverless: bool,
    /// The workgroup's id, where it was read.
    pub id: Option<String>,
    /// The region, where it is known.
    pub region: Option<String>,
    partition: String,
    account: Option<String>,
    database: Option<String>,
    user: Option<String>,
}

/// The clusters and workgroups that the target's connectors write to.
pub(crate) fn places(view: &View<'_>) -> Vec<Place> {
    let (partition, account) = home(view);
    let mut found = Vec::new();
    for (target, connector) in view.connectors() {
        let value = |name: &str| target.parameters.get(name).cloned();
        for kind in [ParameterKind::RedshiftCluster, ParameterKind::RedshiftWorkgroup] {
            for name in connector.of_kind(kind).filter_map(|it| value(&it.name)) {
                let serverless = kind == ParameterKind::RedshiftWorkgroup;
                let id = serverless.then(|| view.workgroup(&name).ok().flatten()).flatten();
                found.push(Place {
                    id: id.map(|it| it.id.clone()),
                    serverless,
                    region: value("region").or_else(|| view.target().region.clone()),
                    partition: partition.clone(),
                    account: account.clone(),
                    database: value("db"),
                    user: value("db-user"),
                    name,
                });
            }
        }
    }
    found
}

/// The partition and the account of the role, in which the cluster is.
fn home(view: &View<'_>) -> (String, Option<String>) {
    if let Ok(Some(role)) = view.role() {
        return (role.arn.partition().to_string(), Some(role.arn.account().to_owned()));
    }
    let target = view.target();
    let caller = || view.caller().ok().flatten().map(|caller| caller.account.clone());
    let account = target.role.account.clone().or_else(caller);
    (crate::requirement::partition(target).to_string(), account.map(|it| it.to_string()))
}

/// Actions that a statement allows, on something that is not the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// The statement.
    pub statement: StatementRef,
    /// The actions.
    pub actions: Vec<String>,
    /// The resource as written.
    pub found: String,
    /// What must stand there.
    pub wanted: String,
    /// What is wrong with what is written, as the end of a sentence.
    pub fault: String,
    /// Whether it was meant to be the target, so that it may be replaced.
    pub meant: bool,
}

/// What the policies allow on something else than the place, though on nothing that is the place.
///
/// Only actions that a statement names count, not those of `redshift:*`.
pub(crate) fn elsewhere(policies: &[Arc<Policy>], place: &Place) -> Vec<Elsewhere> {
    let actions: &[(&str, &[Form])] = if place.serverless { &OF_WORKGROUP } else { &OF_CLUSTER };
    let mut found: Vec<Elsewhere> = Vec::new();
    for (action, forms) in actions {
        for form in *forms {
            let Some(fault) = refused(policies, place, action, *form) else { continue };
            let same = |it: &&mut Elsewhere| it.statement == fault.statement && it.found == fault.found;
            match found.iter_mut().find(same) {
                Some(known) => {
                    known.meant &= fault.meant && known.wanted == fault.wanted;
                    words::add_all(&mut known.actions, fault.actions);
                }
                None => found.push(fault),
            }
        }
    }
    found
}

fn allowing(policies: &[Arc<Policy>]) -> impl Iterator<Item = (&Policy, usize, &Statement)> {
    policies.iter().flat_map(|policy| {
        let statements = policy.document().statements().iter().enumerate();
        let allowing = statements.filter(|(_, statement)| statement.effect == Effect::Allow);
        allowing.map(move |(at, statement)| (&**policy, at, statement))
    })
}

/// The first statement that names the action, on something that is not the place; none when the place is
/// allowed, or no statement names the action.
fn refused(policies: &[Arc<Policy>], place: &Place, action: &str, form: Form) -> Option<Elsewhere> {
    let of_action = || allowing(policies).filter(|(_, _, it)| super::standing::names(&it.actions, action));
    let is_place = |written: &String| covers(&without_variables(written), &place.arn(form, written));
    let reached = of_action().any(|(_, _, statement)| match &statement.resources {
        Some(Selector::Any(written)) => written.iter().any(is_place),
        Some(Selector::AllBut(written)) => !written.iter().any(is_place),
        None => false,
    });
    if reached || (form == Form::Workgroup && place.id.is_none()) {
        return None;
    }
    let (policy, at, written) = of_action().find_map(|(policy, at, statement)| {
        let named = statement.actions.any().iter().any(|it| is_named(it, action));
        let written = statement.resources.as_ref().filter(|_| named)?.any();
        let best = written.iter().min_by_key(|it| (place.kind_of(it, form), place.distance(it, form)))?;
        // A policy need not name a database at all.
        let silent = form == Form::Database { required: false } && place.kind_of(best, form) > 0;
        (!silent).then_some((policy, at, best))
    })?;
    let (fault, meant) = place.fault(written, form, action);
    Some(Elsewhere {
        statement: policy.statement_ref(at)?.clone(),
        actions: vec![action.to_owned()],
        found: written.clone(),
        wanted: place.right(form, written),
        fault,
        meant,
    })
}

/// Whether an action pattern is about this action and not about all of its service.
fn is_named(pattern: &str, action: &str) -> bool {
    let all = pattern.split_once(':').is_none_or(|(_, name)| name.chars().all(|it| it == '*'));
    !all && covers_action(pattern, action)
}

/// The last part of a resource: the user of `dbuser:CLUSTER/USER`.
fn tail(resource: &str) -> &str {
    resource.rsplit_once('/').map_or("*", |(_, tail)| tail)
}

/// The part of an ARN, where it has one.
fn part(arn: &str, at: usize) -> Option<&str> {
    arn.splitn(6, ':').nth(at)
}

impl Place {
    /// The ARN that a policy must allow. What is not known of it is as it is written.
    fn right(&self, form: Form, written: &str) -> String {
        let or_written = |known: &Option<String>, at: usize| {
            known.clone().or_else(|| part(written, at).map(str::to_owned)).unwrap_or_default()
        };
        let (region, account) = (or_written(&self.region, 3), or_written(&self.account, 4));
        let of_tail = |known: &Option<String>| known.clone().unwrap_or_else(|| tail(written).to_owned());
        let (service, resource) = match form {
            Form::User => ("redshift", format!("dbuser:{}/{}", self.name, of_tail(&self.user))),
            Form::Database { .. } => {
                ("redshift", format!("dbname:{}/{}", self.name, of_tail(&self.database)))
            }
            Form::Cluster => ("redshift", format!("cluster:{}", self.name)),
            Form::Workgroup => {
                ("redshift-serverless", format!("workgroup/{}", self.id.as_deref().unwrap_or_default()))
            }
            Form::Everything => return "*".to_owned(),
        };
        format!("arn:{}:{service}:{region}:{account}:{resource}", self.partition)
    }

    /// One concrete ARN of the place, to ask a written resource about.
    fn arn(&self, form: Form, written: &str) -> String {
        if form == Form::Everything {
            return "*".to_owned();
        }
        without_variables(&self.right(form, written)).replace(['*', '?'], "x")
    }

    /// 0: the written resource is of the kind that is wanted; 1: of another.
    fn kind_of(&self, written: &str, form: Form) -> u8 {
        let kind = |arn: &str| part(arn, 5).unwrap_or(arn).split([':', '/']).next().map(str::to_owned);
        u8::from(kind(written) != kind(&self.right(form, written)))
    }

    fn distance(&self, written: &str, form: Form) -> usize {
        edit_distance(written, &self.right(form, written))
    }

    /// What is wrong with a resource, and whether it was meant to be this place.
    fn fault(&self, written: &str, form: Form, action: &str) -> (String, bool) {
        let (wanted, name) = (self.right(form, written), &self.name);
        let said = |text: String, meant: bool| (text, meant);
        if form == Form::Everything {
            return said(format!("{action} is not about any resource, so that only * matches"), false);
        }
        let Some(resource) = part(written, 5) else { return said("it is no ARN".to_owned(), true) };
        let resource_wanted = part(&wanted, 5).unwrap_or_default();
        if resource.replace('/', ":") == resource_wanted.replace('/', ":") && resource != resource_wanted {
            let (wrong, right) = if resource_wanted.starts_with("workgroup") {
                ("a colon", "a slash")
            } else {
                ("a slash", "a colon")
            };
            return said(format!("{wrong} stands where {right} belongs"), true);
        }
        if self.kind_of(written, form) > 0 {
            let kind = |text: &str| text.split([':', '/']).next().unwrap_or_default().to_owned();
            let (is, takes) = (kind(resource), kind(resource_wanted));
            return said(format!("{action} is allowed on {takes}, and this is {is}"), false);
        }
        for (at, what) in [(1, "partition"), (2, "service"), (3, "region"), (4, "account")] {
            let (is, right) = (part(written, at).unwrap_or_default(), part(&wanted, at).unwrap_or_default());
            if !covers(is, right) {
                let is = if is.is_empty() { "nothing" } else { is };
                return said(format!("its {what} is {is} in place of {right}"), true);
            }
        }
        if self.serverless {
            let named = resource.strip_prefix("workgroup/") == Some(name);
            let why = if named {
                format!(
                    "a workgroup's ARN has its id, {}, and not its name",
                    self.id.as_deref().unwrap_or("?")
                )
            } else {
                format!("it is another workgroup than {name}")
            };
            return said(why, named);
        }
        self.named(resource, resource_wanted)
    }

    /// The fault of a resource of the right kind: another cluster, user or database.
    fn named(&self, resource: &str, wanted: &str) -> (String, bool) {
        let name = &self.name;
        let cluster = |text: &str| {
            let text = text.split_once(':').map_or(text, |(_, rest)| rest);
            text.split('/').next().unwrap_or_default().to_owned()
        };
        let found = cluster(resource);
        if covers(&without_variables(&found), name) {
            let what = if wanted.starts_with("dbuser") { "user" } else { "database" };
            let (is, right) = (tail(resource), tail(wanted));
            return (format!("the {what} is {is} in place of {right}"), near(is, right));
        }
        if found.eq_ignore_ascii_case(name) {
            return (format!("the cluster is {name}: its name is in lower case, and case counts"), true);
        }
        (format!("it is of the cluster {found}, and not of {name}"), near(&found, name))
    }
}

/// What a policy may allow for a place without being about more: the actions that are known, on it.
pub(crate) fn template(place: &Place) -> Vec<Need> {
    let name = &place.name;
    let (actions, resources): (&[(&str, &[Form])], Vec<String>) = if place.serverless {
        let id = place.id.as_deref().unwrap_or("*");
        let arn = |id: &str| format!("arn:*:redshift-serverless:*:*:workgroup/{id}");
        (&OF_WORKGROUP, vec![arn(id), arn(name)])
    } else {
        let kinds = ["dbuser", "dbname", "dbgroup"].map(|kind| format!("arn:*:redshift:*:*:{kind}:{name}/*"));
        let cluster = [':', '/'].map(|mark| format!("arn:*:redshift:*:*:cluster{mark}{name}"));
        (&OF_CLUSTER, kinds.into_iter().chain(cluster).collect())
    };
    let of_action = |(action, forms): &(&str, &[Form])| {
        let everything = forms.contains(&Form::Everything).then(|| "*".to_owned());
        let resources = resources.iter().cloned().chain(everything);
        let action = (*action).to_owned();
        resources.map(move |resource| Need { action: action.clone(), resource }).collect::<Vec<_>>()
    };
    actions.iter().flat_map(of_action).collect()
}

fn near(found: &str, wanted: &str) -> bool {
    edit_distance(found, wanted) <= (wanted.len() / 4).max(1)
}

/// The clusters that the policies' Redshift ARNs name, as written, without those that are patterns.
pub(crate) fn named_clusters(policies: &[Arc<Policy>]) -> Vec<String> {
    let resources = allowing(policies).flat_map(|(_, _, it)| it.resources.iter().flat_map(Selector::any));
    let names = resources.filter(|it| part(it, 2) == Some("redshift")).filter_map(|it| {
        let (_, name) = part(it, 5)?.split_once(':')?;
        let name = name.split('/').next()?;
        (!name.is_empty() && !name.contains(['*', '?', '$'])).then(|| name.to_owned())
    });
    words::unique(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Document, Kind};

    fn place(serverless: bool) -> Place {
        Place {
            name: "analytics".to_owned(),
            serverless,
            id: serverless.then(|| "7c0e1b1e-0000-4000-8000-000000000001".to_owned()),
            region: Some("eu-west-1".to_owned()),
            partition: "aws".to_owned(),
            account: Some("111122223333".to_owned()),
            database: Some("sales".to_owned()),
            user: Some("streamkap".to_owned()),
        }
    }

    fn faults(place: &Place, action: &str, resource: &str) -> Vec<String> {
        let resource = resource.replace('~', "eu-west-1:111122223333");
        let text = serde_json::json!({"Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": action, "Resource": resource}});
        let document = Document::parse(Kind::Identity, &text.to_string()).unwrap();
        elsewhere(&[Policy::compile("p", document)], place).into_iter().map(|it| it.fault).collect()
    }

    #[test]
    fn each_action_takes_its_own_kind_of_resource() {
        for (action, resource) in [
            ("redshift:GetClusterCredentials", "arn:aws:redshift:~:dbuser:analytics/streamkap"),
            ("redshift:GetClusterCredentials", "arn:aws:redshift:~:dbuser:*/${redshift:DbUser}"),
            ("redshift:GetClusterCredentials", "*"),
            ("redshift:GetClusterCredentialsWithIAM", "arn:aws:redshift:*:*:dbname:analytics/*"),
            ("redshift:DescribeClusters", "arn:aws:redshift:~:cluster:analytics"),
            ("redshift-data:ExecuteStatement", "arn:aws:redshift:~:cluster:*"),
            ("redshift-data:DescribeStatement", "*"),
            // Not named: all of a service is no sign of what is meant.
            ("redshift:*", "arn:aws:redshift:~:cluster:analytics"),
            ("s3:GetObject", "arn:aws:s3:::bucket/*"),
        ] {
            assert!(faults(&place(false), action, resource).is_empty(), "{action} {resource}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (action, resource, said) in [
            ("redshift:GetClusterCredentials", "arn:aws:redshift:~:dbuser:billing/streamkap", "billing"),
            ("redshift:GetClusterCredentials", "arn:aws:redshift:~:dbuser:analytics/other", "the user is"),
            ("redshift:GetClusterCredentials", "arn:aws:redshift:~:dbname:analytics/sales", "on dbuser"),
            ("redshift:GetClusterCredentialsWithIAM", "arn:aws:redshift:~:dbuser:analytics/*", "on dbname"),
            ("redshift:DescribeClusters", "arn:aws:redshift:~:cluster/analytics", "a slash stands"),
            ("redshift:DescribeClusters", "arn:aws:redshift:~:cluster:Analytics", "case"),
            (
                "redshift:DescribeClusters",
                "arn:aws:redshift:us-east-1:111122223333:cluster:analytics",
                "its region is us-east-1 in place of eu-west-1",
            ),
            (
                "redshift:DescribeClusters",
                "arn:aws:redshift:eu-west-1:111122223334:cluster:analytics",
                "its account is",
            ),
            ("redshift-data:DescribeStatement", "arn:aws:redshift:~:cluster:analytics", "only * matches"),
        ] {
            let faults = faults(&place(false), action, resource);
            assert!(faults.len() == 1 && faults[0].contains(said), "{action} {resource}: {faults:?}");
        }
    }

    #[test]
    fn a_workgroup_is_known_to_policies_by_its_id() {
        let action = "redshift-serverless:GetCredentials";
        let arn = |id: &str| format!("arn:aws:redshift-serverless:~:workgroup/{id}");
        assert!(faults(&place(true), action, &arn("7c0e1b1e-0000-4000-8000-000000000001")).is_empty());
        assert!(faults(&place(true), action, &arn("analytics"))[0].contains("its id"));
        assert!(faults(&place(true), action, &arn("other"))[0].contains("another workgroup"));
    }

    #[test]
    fn what_is_not_known_of_the_place_is_no_fault() {
        let place = Place { region: None, account: None, database: None, user: None, ..place(false) };
        let of = |resource: &str| faults(&place, "redshift:GetClusterCredentials", resource);
        assert!(of("arn:aws:redshift:us-east-1:444455556666:dbuser:analytics/anybody").is_empty());
        assert!(of("arn:aws:redshift:us-east-1:444455556666:dbuser:billing/anybody")[0].contains("billing"));
    }
}
