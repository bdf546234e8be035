//! AWS's policy simulator: one call for each resource, with the condition keys of the calls it stands for.
//!
//! Resources go into one call when they are asked the same actions with the same condition keys, which are
//! given per call; objects of S3 also when they are asked others, for every action on objects fits each of them. A denial is asked again without SCPs and without the boundary, so that AWS itself names the
//! layer.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType,
    PolicyIdentifierPolicyType,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::client::Aws;
use super::error::failed;
use super::operations::SIMULATE_PRINCIPAL_POLICY;
use crate::catalog::Level;
use crate::facts::{Fact, Facts, FailureKind, MatchedStatement, Simulation, SimulationResult};
use crate::model::EngineVerdict;
use crate::requirement::{Requirement, Resource, Situation, keys};

/// Calls under way at once: the simulator's rate is not published, and low.
pub(super) const IN_FLIGHT: usize = 2;
/// Actions in a call: AWS publishes no limit; real callers have used forty.
const ACTIONS: usize = 40;
/// Resources in a call.
const RESOURCES: usize = 10;
/// Pages of an answer.
const PAGES: usize = 20;
/// Keys that the simulator fills in from the principal itself.
const FILLED_IN: [&str; 2] = ["aws:userid", "aws:PrincipalType"];

/// Actions to be asked on resources with the same condition keys.
struct Group {
    resources: Vec<String>,
    context: BTreeMap<String, Vec<String>>,
    actions: Vec<String>,
    /// Each resource with an action that is asked on it: not all have to be asked all.
    pairs: BTreeSet<(String, String)>,
    /// Those of them without which the connector does not work.
    needed: BTreeSet<String>,
}

/// Which policies to leave out when a denial is asked about again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layers {
    /// The account may have SCPs.
    pub(super) scps: bool,
    /// The role may have a boundary.
    pub(super) boundary: bool,
}

impl Layers {
    /// The layers that may refuse, by these facts.
    pub(super) fn of(facts: &Facts) -> Self {
        let own = facts.caller.known().map(|caller| &caller.account);
        let scps = match &facts.organization {
            Fact::Absent => false,
            // SCPs do not apply in the management account, nor without the organisation's full features.
            Fact::Known(it) => Some(&it.management_account) != own && it.feature_set == "ALL",
            _ => true,
        };
        let boundary = facts.role.known().is_none_or(|role| role.boundary.is_some());
        Self { scps, boundary }
    }
}

/// Asks all that is required. `in_flight` has [`IN_FLIGHT`] places, for all who ask.
pub(super) async fn simulate(
    aws: &Aws<'_>,
    in_flight: &Semaphore,
    facts: &Facts,
    role_arn: &str,
    requirements: &[Requirement<'_>],
) -> Vec<Simulation> {
    let client = aws.iam();
    let layers = Layers::of(facts);
    let groups = groups(facts, requirements);
    let simulator = Simulator { aws, client: &client, in_flight, role_arn };
    let answers = join_all(groups.iter().map(|group| simulator.group(group, layers))).await;
    answers.into_iter().flatten().collect()
}

/// The same questions, none of them asked: why is said for each.
pub(super) fn unasked(facts: &Facts, requirements: &[Requirement<'_>], why: &Fact<()>) -> Vec<Simulation> {
    let unread = why.unread::<SimulationResult>().unwrap_or_default();
    groups(facts, requirements).into_iter().flat_map(|group| group.questions(|_, _| unread.clone())).collect()
}

impl Group {
    /// Each action on each resource with its answer.
    fn questions(&self, mut answer: impl FnMut(&str, &str) -> Fact<SimulationResult>) -> Vec<Simulation> {
        let pairs = self.resources.iter().flat_map(|it| self.actions.iter().map(move |action| (it, action)));
        pairs
            .filter(|(resource, action)| self.asks(resource, action))
            .map(|(resource, action)| Simulation {
                action: action.clone(),
                resource: resource.clone(),
                context: self.context.clone(),
                result: answer(resource, action),
            })
            .collect()
    }

    fn asks(&self, resource: &str, action: &str) -> bool {
        self.pairs.contains(&(resource.to_owned(), action.to_owned()))
    }

    /// The same for one of its resources.
    fn alone(&self, resource: &str) -> Self {
        let asked = |action: &&String| self.asks(resource, action);
        Self {
            resources: vec![resource.to_owned()],
            context: self.context.clone(),
            actions: self.actions.iter().filter(asked).cloned().collect(),
            pairs: self.pairs.iter().filter(|(it, _)| it == resource).cloned().collect(),
            needed: self.needed.clone(),
        }
    }

    /// Takes in another group that asks the same, or that asks of objects, too.
    fn takes(&mut self, other: &Self) -> bool {
        let set = |group: &Self| group.actions.iter().cloned().collect::<BTreeSet<String>>();
        let (ours, theirs) = (set(self), set(other));
        let of_objects = self.is_of_objects() && other.is_of_objects();
        let same = self.context == other.context && (ours == theirs || of_objects);
        let fits = self.resources.len() + other.resources.len() <= RESOURCES
            && ours.union(&theirs).count() <= ACTIONS;
        if same && fits {
            self.resources.extend(other.resources.iter().cloned());
            self.actions.extend(theirs.difference(&ours).cloned());
            self.pairs.extend(other.pairs.iter().cloned());
            self.needed.extend(other.needed.iter().cloned());
        }
        same && fits
    }

    fn is_of_objects(&self) -> bool {
        let is_object = |it: &String| it.split_once(":s3:::").is_some_and(|(_, name)| name.contains('/'));
        self.resources.iter().all(is_object)
    }
}

fn groups(facts: &Facts, requirements: &[Requirement<'_>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for requirement in requirements.iter().filter(|it| it.simulated) {
        let situation = Situation::of(facts, requirement);
        for resource in requirement.resources.iter().flat_map(Resource::simulated) {
            let mut context = keys(&situation, requirement, resource).values;
            context.retain(|key, _| !FILLED_IN.contains(&key.as_str()));
            let action = requirement.action.to_owned();
            let at = groups.iter().position(|it| {
                it.resources[0] == resource.probe
                    && it.context == context
                    && (it.actions.len() < ACTIONS || it.actions.contains(&action))
            });
            let at = at.unwrap_or_else(|| {
                let (actions, pairs, needed) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
                groups.push(Group {
                    resources: vec![resource.probe.clone()],
                    context,
                    actions,
                    pairs,
                    needed,
                });
                groups.len() - 1
            });
            groups[at].pairs.insert((resource.probe.clone(), action.clone()));
            if requirement.need.level != Level::Documented {
                groups[at].needed.insert(action.clone());
            }
            if !groups[at].actions.contains(&action) {
                groups[at].actions.push(action);
            }
        }
    }
    let mut together: Vec<Group> = Vec::new();
    for group in groups {
        if !together.iter_mut().any(|it| it.takes(&group)) {
            together.push(group);
        }
    }
    together
}

struct Simulator<'a> {
    aws: &'a Aws<'a>,
    client: &'a aws_sdk_iam::Client,
    in_flight: &'a Semaphore,
    role_arn: &'a str,
}

impl Simulator<'_> {
    async fn group(&self, group: &Group, layers: Layers) -> Vec<Simulation> {
        let answer = self.ask(group, &group.actions, None).await;
        if let (Fact::Known(results), true) = (&answer, group.resources.len() > 1) {
            // Not every server of this API looks at more than one resource.
            let silent = |resource: &&String| {
                group.actions.iter().all(|it| !read(results, it, resource, false).is_read())
            };
            if group.resources.iter().any(|it| silent(&it)) {
                let alone: Vec<Group> = group.resources.iter().map(|it| group.alone(it)).collect();
                let asked = alone.iter().map(|it| Box::pin(self.group(it, layers)));
                return join_all(asked).await.into_iter().flatten().collect();
            }
        }
        let mut simulations = group.questions(|resource, action| match &answer {
            Fact::Known(results) => read(results, action, resource, group.resources.len() == 1),
            unread => unread.unread().unwrap_or_default(),
        });
        self.peel(group, layers, &mut simulations).await;
        simulations
    }

    /// Asks again about denials that matter, without SCPs and without the boundary.
    async fn peel(&self, group: &Group, layers: Layers, simulations: &mut [Simulation]) {
        let denied = |may_refuse: bool, said: fn(&SimulationResult) -> Option<bool>| -> Vec<String> {
            let refused = |action: &&String| {
                let results = simulations.iter().filter(|it| it.action == **action);
                let mut results = results.filter_map(|it| it.result.known());
                results.any(|it| !it.decision.is_allowed() && said(it) != Some(true))
            };
            if may_refuse { group.needed.iter().filter(refused).cloned().collect() } else { Vec::new() }
        };
        let scps = denied(layers.scps, |it| it.allowed_by_organization);
        let boundary = denied(layers.boundary, |it| it.allowed_by_boundary);
        let (without_scps, without_boundary) = tokio::join!(
            self.without(group, &scps, PolicyIdentifierPolicyType::Scp),
            self.without(group, &boundary, PolicyIdentifierPolicyType::PermissionBoundary),
        );
        for simulation in simulations {
            if let Fact::Known(result) = &mut simulation.result {
                let key = (simulation.resource.clone(), simulation.action.clone());
                let refused = !result.decision.is_allowed();
                result.without_scps = without_scps.get(&key).copied().filter(|_| refused);
                result.without_boundary = without_boundary.get(&key).copied().filter(|_| refused);
            }
        }
    }

    /// The verdicts without one layer. A call that fails gives none: the denial stands as it is.
    async fn without(
        &self,
        group: &Group,
        actions: &[String],
        layer: PolicyIdentifierPolicyType,
    ) -> BTreeMap<(String, String), EngineVerdict> {
        if actions.is_empty() {
            return BTreeMap::new();
        }
        let Fact::Known(results) = self.ask(group, actions, Some(layer)).await else {
            return BTreeMap::new();
        };
        let alone = group.resources.len() == 1;
        let verdict = |resource: &String, action: &String| match read(&results, action, resource, alone) {
            Fact::Known(result) => Some(((resource.clone(), action.clone()), result.decision)),
            _ => None,
        };
        let of_one = |resource| actions.iter().filter_map(move |action| verdict(resource, action));
        group.resources.iter().flat_map(of_one).collect()
    }

    /// All pages of one call's answer.
    async fn ask(
        &self,
        group: &Group,
        actions: &[String],
        without: Option<PolicyIdentifierPolicyType>,
    ) -> Fact<Vec<EvaluationResult>> {
        let _turn = self.in_flight.acquire().await;
        let (mut results, mut marker) = (Vec::new(), None);
        for _ in 0..PAGES {
            let call = self
                .client
                .simulate_principal_policy()
                .policy_source_arn(self.role_arn)
                .set_action_names(Some(actions.to_vec()))
                .set_resource_arns(Some(group.resources.clone()))
                .set_context_entries(Some(
                    group.context.iter().map(|(key, values)| entry(key, values)).collect(),
                ))
                .set_marker(marker)
                .customize()
                .mutate_request(leave_out(without.as_ref()))
                .send();
            let answer = self.aws.ask(&SIMULATE_PRINCIPAL_POLICY, call).await;
            let Fact::Known(answer) = answer else { return answer.unread().unwrap_or(Fact::Absent) };
            results.extend_from_slice(answer.evaluation_results());
            marker = answer.marker().filter(|_| answer.is_truncated()).map(str::to_owned);
            if marker.is_none() {
                return Fact::Known(results);
            }
        }
        unreadable("the simulator's answer does not end".to_owned())
    }
}

/// Adds the layer to leave out to a request.
///
/// By hand: aws-sdk-iam 1.133.0 writes a `PolicyIdentifier` without the name of its member
/// (`PolicyExclusionList.member.1.member=scp`), so that AWS is not told what to leave out.
fn leave_out(layer: Option<&PolicyIdentifierPolicyType>) -> impl Fn(&mut HttpRequest) + use<> {
    let addition = layer.map(|layer| format!("&PolicyExclusionList.member.1.PolicyType={}", layer.as_str()));
    move |request| {
        let Some(addition) = &addition else { return };
        let Some(body) = request.body().bytes() else { return };
        let body = [body, addition.as_bytes()].concat();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body);
    }
}

/// A condition key as the simulator takes it.
fn entry(key: &str, values: &[String]) -> ContextEntry {
    let kind = match key {
        "aws:SecureTransport" | "aws:ViaAWSService" | "aws:PrincipalIsAWSService" => {
            ContextKeyTypeEnum::Boolean
        }
        "aws:CurrentTime" => ContextKeyTypeEnum::Date,
        "aws:EpochTime" | "s3:TlsVersion" => ContextKeyTypeEnum::Numeric,
        "kms:EncryptionContextKeys" => ContextKeyTypeEnum::StringList,
        _ if values.len() > 1 => ContextKeyTypeEnum::StringList,
        _ => ContextKeyTypeEnum::String,
    };
    ContextEntry::builder()
        .context_key_name(key)
        .context_key_type(kind)
        .set_context_key_values(Some(values.to_vec()))
        .build()
}

fn unreadable<T>(what: String) -> Fact<T> {
    failed(&SIMULATE_PRINCIPAL_POLICY, FailureKind::Unreadable, what)
}

/// What an answer says of an action on a resource; `alone`: the only one that was asked about.
///
/// Since 30 July 2026 AWS answers once for each action, with the resource in `ResourceSpecificResults`
/// and an ARN template at the top; before, and still in places, once for each action and resource with
/// the ARN at the top. An answer that names neither the ARN nor a template is of something else.
fn read(results: &[EvaluationResult], action: &str, resource: &str, alone: bool) -> Fact<SimulationResult> {
    let of_action = || results.iter().filter(|it| it.eval_action_name().eq_ignore_ascii_case(action));
    let specific = of_action().find_map(|result| {
        let specific =
            result.resource_specific_results().iter().find(|it| it.eval_resource_name() == resource)?;
        Some((result, Some(specific)))
    });
    let at_top = || {
        let names =
            |name: Option<&str>| name.is_some_and(|name| name == resource || (alone && name.contains("${")));
        let of_this = |it: &&EvaluationResult| {
            it.resource_specific_results().is_empty() && names(it.eval_resource_name())
        };
        of_action().find(of_this).map(|result| (result, None))
    };
    let Some((result, specific)) = specific.or_else(at_top) else {
        return unreadable(format!("the simulator's answer says nothing of {action} on {resource}"));
    };
    let decision = specific.map_or(result.eval_decision(), |it| it.eval_resource_decision());
    let decision = match decision {
        PolicyEvaluationDecisionType::Allowed => EngineVerdict::Allowed,
        PolicyEvaluationDecisionType::ExplicitDeny => EngineVerdict::ExplicitDeny,
        PolicyEvaluationDecisionType::ImplicitDeny => EngineVerdict::ImplicitDeny,
        other => {
            return unreadable(format!("the simulator decided `{}`, which is not known", other.as_str()));
        }
    };
    let matched = specific.map_or(result.matched_statements(), |it| it.matched_statements());
    let missing = specific.map_or(&[][..], |it| it.missing_context_values());
    let missing: BTreeSet<&String> = result.missing_context_values().iter().chain(missing).collect();
    let boundary = specific
        .and_then(|it| it.permissions_boundary_decision_detail())
        .or(result.permissions_boundary_decision_detail());
    Fact::Known(SimulationResult {
        decision,
        matched: matched
            .iter()
            .map(|statement| MatchedStatement {
                policy_id: statement.source_policy_id().unwrap_or_default().to_owned(),
                line: statement.start_position().map_or(0, aws_sdk_iam::types::Position::line),
                column: statement.start_position().map_or(0, aws_sdk_iam::types::Position::column),
            })
            .collect(),
        missing_context: missing.into_iter().cloned().collect(),
        allowed_by_boundary: boundary
            .map(aws_sdk_iam::types::PermissionsBoundaryDecisionDetail::allowed_by_permissions_boundary),
        // Said of all resources together: that one of them is refused says nothing of this one.
        allowed_by_organization: result
            .organizations_decision_detail()
            .map(aws_sdk_iam::types::OrganizationsDecisionDetail::allowed_by_organizations)
            .filter(|allowed| alone || *allowed),
        without_scps: None,
        without_boundary: None,
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{
        OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail, Position, ResourceSpecificResult,
        Statement,
    };

    use super::*;

    const OBJECT: &str = "arn:aws:s3:::orders/streamkap-doctor-probe";

    fn top(
        action: &str,
        name: &str,
        decision: PolicyEvaluationDecisionType,
    ) -> aws_sdk_iam::types::builders::EvaluationResultBuilder {
        EvaluationResult::builder().eval_action_name(action).eval_resource_name(name).eval_decision(decision)
    }

    fn specific(name: &str, decision: PolicyEvaluationDecisionType) -> ResourceSpecificResult {
        ResourceSpecificResult::builder()
            .eval_resource_name(name)
            .eval_resource_decision(decision)
            .missing_context_values("aws:SourceIp")
            .permissions_boundary_decision_detail(
                PermissionsBoundaryDecisionDetail::builder().allowed_by_permissions_boundary(false).build(),
            )
            .build()
            .unwrap()
    }

    fn verdict(fact: &Fact<SimulationResult>) -> Option<EngineVerdict> {
        fact.known().map(|it| it.decision)
    }

    #[test]
    fn the_answer_for_the_resource_goes_before_the_aggregate() {
        use PolicyEvaluationDecisionType::{Allowed, ImplicitDeny};
        let result = top("s3:PutObject", "arn:${Partition}:s3:::${BucketName}/${KeyName}", ImplicitDeny)
            .resource_specific_results(specific("arn:aws:s3:::other/key", ImplicitDeny))
            .resource_specific_results(specific(OBJECT, Allowed))
            .organizations_decision_detail(
                OrganizationsDecisionDetail::builder().allowed_by_organizations(true).build(),
            )
            .build()
            .unwrap();
        let read = read(&[result], "s3:PutObject", OBJECT, true);
        let result = read.known().unwrap();
        assert_eq!(result.decision, EngineVerdict::Allowed);
        assert_eq!(result.missing_context, ["aws:SourceIp"]);
        assert_eq!((result.allowed_by_boundary, result.allowed_by_organization), (Some(false), Some(true)));
    }

    #[test]
    fn the_older_shape_is_read_by_action_and_resource() {
        use PolicyEvaluationDecisionType::{Allowed, ExplicitDeny};
        let position = Position::builder().line(3).column(6).build();
        let statement = Statement::builder().source_policy_id("role_r_p").start_position(position).build();
        let results = [
            top("s3:PutObject", "arn:aws:s3:::orders", ExplicitDeny).build().unwrap(),
            top("S3:putobject", OBJECT, Allowed).matched_statements(statement).build().unwrap(),
        ];
        let read = read(&results, "s3:PutObject", OBJECT, true);
        assert_eq!(verdict(&read), Some(EngineVerdict::Allowed));
        let matched = &read.known().unwrap().matched[0];
        assert_eq!((matched.policy_id.as_str(), matched.line, matched.column), ("role_r_p", 3, 6));
    }

    #[test]
    fn an_answer_about_something_else_is_never_taken_for_one() {
        use PolicyEvaluationDecisionType::Allowed;
        for result in [
            top("s3:PutObject", "*", Allowed).build().unwrap(),
            top("s3:PutObject", "arn:aws:s3:::orders", Allowed).build().unwrap(),
            top("s3:GetObject", OBJECT, Allowed).build().unwrap(),
            top("s3:PutObject", "arn:${Partition}:s3:::${BucketName}", Allowed)
                .resource_specific_results(specific("arn:aws:s3:::orders", Allowed))
                .build()
                .unwrap(),
            top("s3:PutObject", OBJECT, PolicyEvaluationDecisionType::from("perhaps")).build().unwrap(),
        ] {
            let read = read(&[result], "s3:PutObject", OBJECT, true);
            assert!(
                matches!(&read, Fact::Failed(failure) if failure.kind == FailureKind::Unreadable),
                "{read:?}"
            );
        }
        assert!(!read(&[], "s3:PutObject", OBJECT, true).is_read());
    }

    #[test]
    fn a_template_at_the_top_stands_for_the_one_resource_asked_about() {
        let result = top(
            "s3:PutObject",
            "arn:${Partition}:s3:::${BucketName}/${KeyName}",
            PolicyEvaluationDecisionType::ImplicitDeny,
        );
        let read = read(&[result.build().unwrap()], "s3:PutObject", OBJECT, true);
        assert_eq!(verdict(&read), Some(EngineVerdict::ImplicitDeny));
    }

    #[test]
    fn of_several_resources_each_has_its_own_answer_and_none_that_was_left_out() {
        use PolicyEvaluationDecisionType::{Allowed, ImplicitDeny};
        let template = "arn:${Partition}:s3:::${BucketName}/${KeyName}";
        let refused = OrganizationsDecisionDetail::builder().allowed_by_organizations(false).build();
        let result = top("s3:PutObject", template, ImplicitDeny)
            .resource_specific_results(specific(OBJECT, Allowed))
            .organizations_decision_detail(refused)
            .build()
            .unwrap();
        let results = [result];
        let known = read(&results, "s3:PutObject", OBJECT, false);
        assert_eq!(verdict(&known), Some(EngineVerdict::Allowed));
        assert_eq!(known.known().unwrap().allowed_by_organization, None);
        assert!(!read(&results, "s3:PutObject", "arn:aws:s3:::orders/other", false).is_read());
        let bare = [top("s3:PutObject", template, Allowed).build().unwrap()];
        assert!(!read(&bare, "s3:PutObject", OBJECT, false).is_read());
    }

    fn group(resource: &str, actions: &[&str]) -> Group {
        Group {
            resources: vec![resource.to_owned()],
            context: BTreeMap::new(),
            actions: actions.iter().map(|it| (*it).to_owned()).collect(),
            pairs: actions.iter().map(|it| (resource.to_owned(), (*it).to_owned())).collect(),
            needed: BTreeSet::new(),
        }
    }

    #[test]
    fn what_is_asked_the_same_is_asked_in_one_call() {
        let mut catalog = group("catalog", &["glue:GetTable", "glue:UpdateTable"]);
        assert!(catalog.takes(&group("database", &["glue:UpdateTable", "glue:GetTable"])));
        assert!(!catalog.takes(&group("table", &["glue:GetTable"])));
        assert_eq!(catalog.resources, ["catalog", "database"]);
    }

    #[test]
    fn objects_are_asked_in_one_call_and_each_what_it_is_asked() {
        let (data, manifest) = ("arn:aws:s3:::orders/data/a.parquet", "arn:aws:s3:::orders/metadata/a.avro");
        let mut objects = group(data, &["s3:PutObject"]);
        assert!(objects.takes(&group(manifest, &["s3:GetObject", "s3:PutObject"])));
        assert!(!objects.takes(&group("arn:aws:s3:::orders", &["s3:ListBucket"])), "a bucket is no object");
        let questions = objects.questions(|_, _| Fact::Absent);
        let asked: Vec<_> = questions.iter().map(|it| (it.resource.as_str(), it.action.as_str())).collect();
        assert_eq!(asked, [(data, "s3:PutObject"), (manifest, "s3:PutObject"), (manifest, "s3:GetObject")]);
        assert_eq!(objects.alone(data).actions, ["s3:PutObject"]);
    }

    #[test]
    fn condition_keys_are_sent_with_their_types() {
        let kind = |key: &str| entry(key, &["v".to_owned()]).context_key_type().cloned().unwrap();
        assert_eq!(kind("aws:SecureTransport"), ContextKeyTypeEnum::Boolean);
        assert_eq!(kind("aws:CurrentTime"), ContextKeyTypeEnum::Date);
        assert_eq!(kind("aws:PrincipalTag/team"), ContextKeyTypeEnum::String);
        assert_eq!(kind("kms:EncryptionContextKeys"), ContextKeyTypeEnum::StringList);
    }
}
