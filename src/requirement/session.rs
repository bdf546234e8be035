//! The calls that a connector makes with the role, put to the policy engine as they reach AWS: made by a
//! session of the role, and with each of the values that an uncertain condition key may have.
//!
//! AWS knows a session by two ARNs, the role's and its own. A policy may name either, and what it does to
//! one is not what it does to the other.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-role-session>

use std::sync::Arc;

use crate::model::{StatementRef, telling_addresses};
use crate::policy::scope::covers;
use crate::policy::{
    Condition, Context, Decision, Policy, PolicySet, Principal, PrincipalError, Request, Selector, Statement,
    evaluate,
};

use super::context::{Keys, Situation, keys};
use super::{Requirement, Resource};

/// What a decision hangs on that is different for sessions of different names.
pub const SESSION_NAME: &str = "the session's name";

/// Sets of values of uncertain keys that are tried at most.
const COMBINATIONS: usize = 20_000;

/// A session name that fits a pattern such as `iceberg-aws-*`.
pub fn example_session(pattern: &str) -> String {
    pattern.replace('*', "6f1c2e0a-8d3b-4c55-9e71-0b2a4d6f8c13")
}

/// The sessions of a role that make calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// The role's ARN.
    role: String,
    /// `arn:aws:sts::111122223333:assumed-role/NAME/`.
    head: String,
    /// The role's unique id; `None`: not read.
    id: Option<String>,
    /// What they are called: names, and patterns with `*`.
    names: Vec<String>,
    /// One of them.
    example: Caller,
}

/// One session as a policy may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Caller {
    principal: Principal,
    /// `aws:userid`; `None`: not known.
    user_id: Option<String>,
}

impl Sessions {
    /// The sessions of these names of a role; without a name, of any.
    ///
    /// # Errors
    /// When the text is not a role's ARN.
    pub fn of(role: &str, id: Option<&str>, names: &[String]) -> Result<Self, PrincipalError> {
        let principal = Principal::parse(role)?;
        let partition = role.split(':').nth(1).unwrap_or("aws");
        let (account, name) =
            (principal.account().unwrap_or_default(), role.rsplit('/').next().unwrap_or(role));
        let head = format!("arn:{partition}:sts::{account}:assumed-role/{name}/");
        let any = || vec!["*".to_owned()];
        let names = if names.is_empty() { any() } else { names.to_vec() };
        let example = caller(&head, id, &example_session(&names[0]))?;
        Ok(Self { role: role.to_owned(), head, id: id.map(str::to_owned), names, example })
    }

    /// The role's ARN.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The role's account.
    pub fn account(&self) -> Option<&str> {
        self.example.principal.account()
    }

    /// Whether an ARN is the role's or that of one of the sessions; `None`: of one that may be among them.
    pub fn include(&self, arn: &str) -> Option<bool> {
        let Some(name) = arn.strip_prefix(&self.head) else { return Some(arn == self.role) };
        let fitting = self.names.iter().filter(|pattern| covers(pattern, name));
        let certain = fitting.map(|pattern| pattern == name);
        certain.max().map_or(Some(false), |certain| certain.then_some(true))
    }

    /// What is decided of a request that any of the sessions may make: hanging on [`SESSION_NAME`] where it
    /// is not the same for all. `decide` is given the session and its `aws:userid`, if that is known.
    pub fn decide(
        &self,
        policies: &PolicySet,
        decide: impl Fn(&Principal, Option<&str>) -> Decision,
    ) -> Decision {
        let of = |caller: &Caller| decide(&caller.principal, caller.user_id.as_deref());
        let (first, rest) = (of(&self.example), self.others(policies).iter().map(of).collect::<Vec<_>>());
        if alike(&first, &rest) {
            return first;
        }
        let allowing = rest.iter().chain([&first]).filter(|it| it.verdict.is_allowed());
        let would_allow = allowing.flat_map(|it| it.statements.clone()).collect();
        let rank = |it: &Decision| (it.depends_on.is_empty(), it.verdict.is_allowed());
        let worst =
            rest.into_iter().fold(first, |worst, it| if rank(&it) < rank(&worst) { it } else { worst });
        if !worst.depends_on.is_empty() {
            return worst;
        }
        Decision { depends_on: vec![SESSION_NAME.to_owned()], would_allow, ..worst }
    }

    /// Sessions besides the example: of the other names, and those that the policies name or may tell from it.
    fn others(&self, policies: &PolicySet) -> Vec<Caller> {
        let mut others = Vec::new();
        let of = |name: &str| caller(&self.head, self.id.as_deref(), name).ok();
        for pattern in &self.names {
            others.extend(of(&example_session(pattern)));
            for statement in documents(policies).flat_map(|policy| policy.document().statements()) {
                let entries = statement.principals.iter().flat_map(Selector::values);
                let named = entries.filter_map(|entry| entry.value.strip_prefix(&self.head));
                others.extend(named.filter(|name| covers(pattern, name)).filter_map(of));
                if self.id.as_ref().is_some_and(|id| tells_apart(statement, &format!("{id}:{pattern}"))) {
                    others.push(Caller { user_id: None, ..self.example.clone() });
                }
            }
        }
        others.retain(|it| *it != self.example);
        others
    }
}

fn caller(head: &str, id: Option<&str>, name: &str) -> Result<Caller, PrincipalError> {
    let principal = Principal::parse(&format!("{head}{name}"))?;
    Ok(Caller { principal, user_id: id.map(|id| format!("{id}:{name}")) })
}

/// Whether a statement may hold for some of the user ids of a pattern (`AROA…:iceberg-aws-*`) and not for
/// others, as far as that can be seen.
fn tells_apart(statement: &Statement, user_ids: &str) -> bool {
    let fixed = |text: &str| text.find(['*', '?', '$']).unwrap_or(text.len());
    let ours = &user_ids[..fixed(user_ids)];
    if ours == user_ids {
        return false;
    }
    let of_user = statement.conditions.iter().filter(|it| it.key.eq_ignore_ascii_case("aws:userid"));
    let mut values = of_user.flat_map(|it| &it.values);
    asks_for_variable(statement, "aws:userid")
        || values.any(|value| {
            let theirs = &value[..fixed(value)];
            !covers(value, user_ids) && (ours.starts_with(theirs) || theirs.starts_with(ours))
        })
}

/// A call that a connector makes with the role, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCall {
    /// Who makes it.
    pub sessions: Sessions,
    /// The action.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The account that owns the resource, where its ARN has none.
    pub resource_account: Option<String>,
    /// The condition keys.
    pub keys: Keys,
}

impl SessionCall {
    /// The call of a requirement on one of its resources. `None`: the role's account is not known.
    ///
    /// # Errors
    /// When what should be the role's ARN is none.
    pub fn of(
        situation: &Situation,
        requirement: &Requirement<'_>,
        resource: &Resource,
    ) -> Result<Option<Self>, PrincipalError> {
        let Some(role) = situation.role_arn.as_deref() else { return Ok(None) };
        let owner = situation.bucket_account.as_ref().filter(|_| requirement.action.starts_with("s3:"));
        Ok(Some(Self {
            sessions: Sessions::of(role, situation.role_id.as_deref(), requirement.sessions)?,
            action: requirement.action.to_owned(),
            resource: resource.probe.clone(),
            resource_account: owner.map(ToString::to_string),
            keys: keys(situation, requirement, resource),
        }))
    }

    /// What AWS would decide. It hangs on nothing that comes to the same whatever its value.
    pub fn decide(&self, policies: &PolicySet) -> Decision {
        self.sessions.decide(policies, |principal, user_id| self.decide_as(principal, user_id, policies))
    }

    /// The condition keys of a call by the session of this user id, if that is known.
    fn keys_of(&self, user_id: Option<&str>) -> Keys {
        let mut keys = self.keys.clone().with("aws:userid", user_id);
        if user_id.is_none() {
            keys.unknown.push("aws:userid".to_owned());
        }
        keys
    }

    fn decide_as(&self, principal: &Principal, user_id: Option<&str>, policies: &PolicySet) -> Decision {
        let decide = |context: Context| {
            let request = Request {
                principal: principal.clone(),
                action: self.action.clone(),
                resource: self.resource.clone(),
                resource_account: self.resource_account.clone(),
                context,
            };
            evaluate(policies, &request)
        };
        let open = decide(match user_id {
            Some(user_id) => self.keys.context().with("aws:userid", user_id),
            None => self.keys_of(None).context(),
        });
        if open.depends_on.is_empty() {
            return open;
        }
        let keys = self.keys_of(user_id);
        let mut tried = vec![keys.clone()];
        for key in &open.depends_on {
            let Some(values) = values(key, &keys, policies) else { continue };
            if tried.len() * values.len() > COMBINATIONS {
                return open;
            }
            let with =
                |tried: &Keys| values.iter().map(|value| tried.clone().with(key, value.as_deref())).collect();
            tried = tried.iter().flat_map(|tried| -> Vec<Keys> { with(tried) }).collect();
        }
        let mut decisions = tried.iter().map(|keys| decide(keys.context()));
        let Some(mut first) = decisions.next() else { return open };
        let rest: Vec<Decision> = decisions.collect();
        if !alike(&first, &rest) {
            return open;
        }
        // What decides whatever the values are, in words that name none of them.
        let always = |it: &StatementRef| rest.iter().all(|other| other.statements.contains(it));
        if first.statements.iter().any(always) {
            first.statements.retain(always);
        }
        let nearest_miss = first.nearest_miss.map(|miss| open.nearest_miss.unwrap_or(miss));
        Decision { nearest_miss, ..first }
    }
}

/// All values that a key may have as far as the policies can tell them apart; `None`: nobody can list them.
fn values(key: &str, keys: &Keys, policies: &PolicySet) -> Option<Vec<Option<String>>> {
    if key.eq_ignore_ascii_case("aws:SourceIp") {
        return addresses(policies);
    }
    keys.either.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, values)| values.clone())
}

/// The addresses that calls over the internet can come from, as far as the policies' ranges tell them apart.
/// A call through an endpoint of Streamkap's own network has none.
fn addresses(policies: &PolicySet) -> Option<Vec<Option<String>>> {
    let statements = documents(policies).flat_map(|policy| policy.document().statements());
    let (mut ranges, mut by_range) = (Vec::new(), true);
    for statement in statements {
        by_range &= !asks_for_variable(statement, "aws:sourceip");
        for condition in statement.conditions.iter().filter(|it| it.key.eq_ignore_ascii_case("aws:SourceIp"))
        {
            by_range &= compares_addresses(condition);
            ranges.extend(condition.values.iter().cloned());
        }
    }
    let addresses = telling_addresses(&ranges).into_iter().map(Some);
    by_range.then(|| [None].into_iter().chain(addresses).collect())
}

/// Whether the condition compares addresses as such, and not as texts.
fn compares_addresses(condition: &Condition) -> bool {
    let operator = condition.operator.to_ascii_lowercase();
    let operator = operator.rsplit(':').next().unwrap_or_default();
    matches!(operator.trim_end_matches("ifexists"), "ipaddress" | "notipaddress" | "null")
}

/// Whether a policy variable of a statement stands for the key, which is given in lower case.
fn asks_for_variable(statement: &Statement, key: &str) -> bool {
    let variable = format!("${{{key}");
    let values = statement.conditions.iter().flat_map(|it| &it.values);
    let resources = statement.resources.iter().flat_map(Selector::values);
    values.chain(resources).any(|text| text.contains("${") && text.to_ascii_lowercase().contains(&variable))
}

/// Every policy of a set.
pub fn documents(policies: &PolicySet) -> impl Iterator<Item = &Arc<Policy>> {
    let PolicySet { identity, boundary, session, scps, rcps, resource, endpoint } = policies;
    let levels = [scps, rcps].into_iter().flatten().flatten().flatten();
    identity.iter().chain(boundary).chain(session).chain(resource).chain(endpoint).chain(levels)
}

/// Whether all decisions are certain, and either all of them allow or none does.
fn alike(first: &Decision, rest: &[Decision]) -> bool {
    let same = |it: &Decision| it.verdict.is_allowed() == first.verdict.is_allowed();
    first.depends_on.is_empty() && rest.iter().all(|it| it.depends_on.is_empty() && same(it))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::EngineVerdict::{Allowed, ExplicitDeny, ImplicitDeny};
    use crate::policy::{Document, Kind};

    const ROLE: &str = "arn:aws:iam::111122223333:role/app/Writer";
    const HEAD: &str = "arn:aws:sts::111122223333:assumed-role/Writer/";

    fn sessions(names: &[&str]) -> Sessions {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Sessions::of(ROLE, Some("AROAWRITERWRITER0001"), &names).unwrap()
    }

    fn call(names: &[&str]) -> SessionCall {
        SessionCall {
            sessions: sessions(names),
            action: "s3:PutObject".to_owned(),
            resource: "arn:aws:s3:::orders/key".to_owned(),
            resource_account: Some("111122223333".to_owned()),
            keys: Keys { unknown: vec!["aws:SourceIp".to_owned()], ..Keys::default() }
                .with("aws:PrincipalArn", Some(ROLE)),
        }
    }

    /// A bucket policy that allows the role all, with one more statement.
    fn policies(mut statement: Value) -> PolicySet {
        statement["Action"] = json!("s3:*");
        statement["Resource"] = json!("arn:aws:s3:::orders/*");
        let all = json!({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "*", "Resource": "arn:aws:s3:::orders/*"});
        let statements =
            if statement["Effect"] == "Deny" { json!([all, statement]) } else { json!([statement]) };
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let document = Document::parse(Kind::Resource, &text).unwrap();
        PolicySet { resource: Some(Policy::compile("bucket policy", document)), ..PolicySet::default() }
    }

    fn deny(condition: &Value) -> PolicySet {
        policies(json!({"Effect": "Deny", "Principal": "*", "Condition": condition}))
    }

    fn hangs_on(decision: &Decision) -> Vec<&str> {
        decision.depends_on.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_session_is_known_by_its_own_arn_as_well_as_by_its_role_s() {
        let named = |name: &str| json!({"AWS": format!("{HEAD}{name}")});
        for (statement, expected) in [
            (json!({"Effect": "Allow", "Principal": named("s")}), Allowed),
            (json!({"Effect": "Allow", "Principal": {"AWS": ROLE}}), Allowed),
            (json!({"Effect": "Allow", "Principal": named("t")}), ImplicitDeny),
            (json!({"Effect": "Deny", "Principal": named("s")}), ExplicitDeny),
            (json!({"Effect": "Deny", "Principal": named("t")}), Allowed),
            (json!({"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}}), ExplicitDeny),
            (json!({"Effect": "Deny", "NotPrincipal": {"AWS": [ROLE, format!("{HEAD}s")]}}), Allowed),
        ] {
            let decision = call(&["s"]).decide(&policies(statement.clone()));
            assert_eq!((decision.verdict, hangs_on(&decision)), (expected, vec![]), "{statement}");
        }
    }

    #[test]
    fn a_session_of_unknown_name_may_be_one_that_is_named_and_fits() {
        let statement =
            |name: &str| json!({"Effect": "Allow", "Principal": {"AWS": format!("{HEAD}{name}")}});
        let decision = call(&["iceberg-aws-*"]).decide(&policies(statement("iceberg-aws-1")));
        assert_eq!(hangs_on(&decision), [SESSION_NAME]);
        assert_eq!(decision.would_allow.len(), 1);
        let decision = call(&["iceberg-aws-*"]).decide(&policies(statement("deploy")));
        assert_eq!((decision.verdict, hangs_on(&decision)), (ImplicitDeny, vec![]));
        let any = call(&[]).decide(&policies(statement("deploy")));
        assert_eq!(hangs_on(&any), [SESSION_NAME]);
        let all_but = json!({"Effect": "Deny", "NotPrincipal": {"AWS": [ROLE, format!("{HEAD}deploy")]}});
        let decision = call(&["iceberg-aws-*"]).decide(&policies(all_but));
        assert_eq!((decision.verdict, hangs_on(&decision)), (ExplicitDeny, vec![]));
    }

    #[test]
    fn a_user_id_is_decided_where_all_sessions_come_to_the_same() {
        let id = |session: &str| format!("AROAWRITERWRITER0001:{session}");
        let decide = |user_ids: &str| {
            let decision = call(&["iceberg-aws-*"])
                .decide(&deny(&json!({"StringNotLike": {"aws:userid": [user_ids, "111122223333"]}})));
            (decision.verdict, decision.depends_on)
        };
        assert_eq!(decide(&id("*")), (Allowed, vec![]));
        assert_eq!(decide(&id("iceberg-*")), (Allowed, vec![]));
        assert_eq!(decide(&id("deploy-*")), (ExplicitDeny, vec![]));
        assert_eq!(decide(&id("iceberg-aws-7*")), (ExplicitDeny, vec!["aws:userid".to_owned()]));
        assert_eq!(decide("*:iceberg-aws-7"), (ExplicitDeny, vec!["aws:userid".to_owned()]));
        assert_eq!(decide("AROAOTHEROTHER000001:*"), (ExplicitDeny, vec![]));
    }

    #[test]
    fn what_comes_to_the_same_whatever_an_uncertain_key_has_is_decided() {
        let mut call = call(&["s"]);
        let values = vec![Some("1.2".to_owned()), Some("1.3".to_owned())];
        call.keys.either.insert("s3:TlsVersion".to_owned(), values);
        let decide = |version: &str| {
            let decision = call.decide(&deny(&json!({"NumericLessThan": {"s3:tlsVersion": version}})));
            (decision.verdict, decision.depends_on)
        };
        assert_eq!(decide("1.2"), (Allowed, vec![]));
        assert_eq!(decide("1.3"), (ExplicitDeny, vec!["s3:tlsVersion".to_owned()]));
        assert_eq!(decide("1.4"), (ExplicitDeny, vec![]));
    }

    #[test]
    fn an_address_is_decided_where_no_call_over_the_internet_differs() {
        let decide = |operator: &str, range: &str| {
            let decision = call(&["s"]).decide(&deny(&json!({operator: {"aws:SourceIp": range}})));
            (decision.verdict, decision.depends_on.len())
        };
        assert_eq!(decide("NotIpAddress", "10.0.0.0/8"), (ExplicitDeny, 0));
        assert_eq!(decide("IpAddress", "10.0.0.0/8"), (Allowed, 0));
        assert_eq!(decide("NotIpAddress", "52.94.0.0/16"), (ExplicitDeny, 1));
        // Compared as a text, which these addresses do not tell.
        assert_eq!(decide("StringNotLike", "10.*"), (ExplicitDeny, 1));
    }

    #[test]
    fn a_statement_that_hits_for_one_value_only_is_not_blamed() {
        let text = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "*", "Resource": "*"},
            {"Sid": "Chance", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
             "Condition": {"Null": {"aws:SourceIp": "true"}}},
            {"Sid": "Always", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
             "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]});
        let document = Document::parse(Kind::Resource, &text.to_string()).unwrap();
        let resource = Some(Policy::compile("bucket policy", document));
        let decision = call(&["s"]).decide(&PolicySet { resource, ..PolicySet::default() });
        let names: Vec<_> = decision.statements.iter().filter_map(|it| it.sid.as_deref()).collect();
        assert_eq!((decision.verdict, names), (ExplicitDeny, vec!["Always"]));
    }

    #[test]
    fn grantees_are_the_role_or_its_sessions() {
        let sessions = sessions(&["s", "iceberg-aws-*"]);
        for (arn, expected) in [
            (ROLE.to_owned(), Some(true)),
            (format!("{HEAD}s"), Some(true)),
            (format!("{HEAD}iceberg-aws-1"), None),
            (format!("{HEAD}t"), Some(false)),
            ("arn:aws:iam::111122223333:role/Other".to_owned(), Some(false)),
        ] {
            assert_eq!(sessions.include(&arn), expected, "{arn}");
        }
    }

    #[test]
    fn what_is_no_role_has_no_sessions() {
        assert!(Sessions::of("Writer", None, &[]).is_err());
    }
}
