//! The rounds of reading: what is asked at once, and what has to wait for which answer.
//!
//! 1. the caller, the buckets' regions and encryption, the organisation, the trails of the connector's region; databases,
//!    tables, the catalogue's policy and encryption, Lake Formation's settings and locations, clusters, workgroups
//! 2. the role and the lists of its policies, the buckets' other settings, the trails' status; buckets that only a
//!    database names; Lake Formation's grants; names near one that was not found
//! 3. policies, keys, simulations; the names of roles when there is no such role; what the role effectively
//!    has of Lake Formation where grants alone do not do
//! 4. versions of policies; denials without SCPs or boundary; the policy of a key named by an alias and its
//!    simulations
//! 5. denials of those; grants of a key whose policies refuse
//!
//! Event history and the report of last use go on beside rounds 3 to 5 and may end after them.

mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::client::Aws;
use super::error::failed;
use super::operations::GET_CALLER_IDENTITY;
use super::regional::{self, Regional};
use super::s3::{NOT_WANTED, wanted};
use super::settings::Settings;
use super::start::StartError;
use super::{grants, iam, kms, lake_formation, last_accessed, organizations, s3, simulate, sts, trails};
use crate::catalog::{Catalog, Connector};
use crate::facts::{
    Bucket, Caller, Fact, FactId, Facts, Failure, FailureKind, Key, LakeGrant, ManagedPolicy, Organization,
    Role, ServiceAccess, Simulation, Target, Trail,
};
use crate::model::{AccountId, Arn, Partition};
use crate::plan::Plan;
use crate::requirement::{Location, Requirement, encryption, locations, requirements};
use history::of_own_keys;

/// Buckets that are read because a database or its tables lie in them.
const REVEALED: usize = 5;

/// One run of reading.
pub(super) struct Reading<'a> {
    aws: &'a Aws<'a>,
    settings: &'a Settings,
    plan: &'a Plan,
    catalog: &'a Catalog,
    simulations_in_flight: Semaphore,
}

/// Managed policies by ARN and the texts of embedded ones by name.
type Documents = (BTreeMap<String, Fact<ManagedPolicy>>, BTreeMap<String, Fact<String>>);

/// How long IAM may take to answer where STS does not.
const WITHOUT_STS: Duration = Duration::from_secs(5);

/// What the first round brings beside the caller.
struct First {
    heads: BTreeMap<String, s3::Found>,
    organization: Fact<Organization>,
    /// With the region that was asked.
    trails: Option<(String, Fact<Vec<Trail>>)>,
    regional: Regional,
}

/// Where the connectors write, and whether that is all.
struct Places {
    known: Vec<Location>,
    complete: bool,
}

impl<'a> Reading<'a> {
    /// Reads by these settings what the plan says.
    pub(super) fn new(
        aws: &'a Aws<'a>,
        settings: &'a Settings,
        plan: &'a Plan,
        catalog: &'a Catalog,
    ) -> Self {
        Self { aws, settings, plan, catalog, simulations_in_flight: Semaphore::new(simulate::IN_FLIGHT) }
    }

    /// Goes through the rounds. Only a caller that cannot be read is an error, and only where the role does
    /// not tell the account.
    pub(super) async fn read(&self, target: Target) -> Result<Facts, StartError> {
        let mut facts = Facts::unread(target, whole(self.settings.now).to_string());
        if facts.target.region.is_none() && (regional::is_needed(self.plan) || self.installs(&facts.target)) {
            facts.target.region = self.aws.chosen_region().map(str::to_owned);
        }
        let ((caller, role), first) =
            tokio::try_join!(self.caller(&facts.target), async { Ok(self.first(&facts.target).await) })?;
        let elsewhere = caller.known().and_then(|caller| {
            let role_account = facts.target.role.account.as_ref().unwrap_or(&caller.account);
            self.aws.progress().signed_in(caller, self.aws.region(), role_account);
            elsewhere(caller, role_account)
        });
        (facts.caller, facts.role) = (caller, role);
        self.second(&mut facts, first, elsewhere.as_ref()).await;
        let (history, last_accessed, mut facts) = tokio::join!(
            self.history(&facts, elsewhere.as_ref()),
            self.last_accessed(&facts, elsewhere.as_ref()),
            self.third(facts.clone(), elsewhere.as_ref())
        );
        facts.last_accessed = last_accessed;
        facts.history = of_own_keys(history, &facts);
        Ok(facts)
    }

    /// The caller. Where STS answers without an identity, the role's ARN may do: IAM gives roles of the
    /// caller's own account only, so that a role of the account given is read in the right one.
    async fn caller(&self, target: &Target) -> Result<(Fact<Caller>, Fact<Role>), StartError> {
        let error = match sts::caller(self.aws).await {
            Ok(caller) => return Ok((Fact::Known(caller), Fact::default())),
            Err(error) => error,
        };
        let given = target.role.account.as_ref().map(AccountId::as_str);
        // A private network may have no way to STS and one to the rest.
        let is_of_sts = matches!(
            error,
            StartError::NoIdentity { .. } | StartError::TimedOut { .. } | StartError::Unreachable { .. }
        );
        if given.is_none() || !is_of_sts {
            return Err(error);
        }
        let client = self.aws.iam();
        let role = iam::role(self.aws, &client, &target.role.name);
        let Ok(role) = tokio::time::timeout(WITHOUT_STS, role).await else { return Err(error) };
        if role.known().map(|role| role.arn.account()) != given {
            return Err(error);
        }
        Ok((failed(&GET_CALLER_IDENTITY, FailureKind::Service, error.to_string()), role))
    }

    /// Whether something is installed, which is where the session is as far as nobody says otherwise.
    fn installs(&self, target: &Target) -> bool {
        let mut connectors = target.connectors.iter().filter_map(|it| self.catalog.connector(&it.connector));
        connectors.any(Connector::is_installation)
    }

    /// The region in which the connector's trails are.
    fn trail_region(&self, target: &Target, heads: &BTreeMap<String, s3::Found>) -> String {
        let bucket = heads.values().find_map(|found| found.head.known()).map(|head| head.region.clone());
        target.region.clone().or(bucket).unwrap_or_else(|| self.aws.region().to_owned())
    }

    async fn first(&self, target: &Target) -> First {
        let region = target.region.as_deref();
        let heads = self.plan.buckets.iter().map(|bucket| async move {
            (bucket.clone(), s3::find(self.aws, self.plan, bucket, region).await)
        });
        // In the hope that the buckets are in this region, too.
        let asked = region.unwrap_or(self.aws.region());
        let trails = async {
            if self.plan.reads(FactId::Trails) { Some(trails::list(self.aws, asked).await) } else { None }
        };
        let organization = wanted(self.plan, FactId::Organization, organizations::organization(self.aws));
        let regional = Regional::first(self.aws, self.plan, region);
        let (heads, organization, trails, regional) =
            tokio::join!(join_all(heads), organization, trails, regional);
        let trails = trails.map(|trails| (asked.to_owned(), trails));
        First { heads: heads.into_iter().collect(), organization, trails, regional }
    }

    /// Takes in what was read in the connector's region.
    fn take(facts: &mut Facts, regional: Regional) {
        (facts.glue, facts.lake_formation, facts.redshift) =
            (regional.glue, regional.lake_formation, regional.redshift);
    }

    fn places(&self, facts: &Facts) -> Places {
        let mut places = Places { known: Vec::new(), complete: true };
        for target in &facts.target.connectors {
            let Some(connector) = self.catalog.connector(&target.connector) else { continue };
            let found = locations(facts, target, connector);
            places.complete &= found.open.is_none();
            places.known.extend(found.into_all());
        }
        places
    }

    async fn second(&self, facts: &mut Facts, first: First, elsewhere: Option<&Fact<()>>) {
        let First { heads, organization, trails, regional } = first;
        facts.organization = organization;
        // There may be a database of that name in the caller's account, too.
        let regional = elsewhere.map_or(regional, |why| Regional::unread(self.plan, why));
        Self::take(facts, regional.clone());
        let places = self.places(facts);
        let trail_region = self.trail_region(&facts.target, &heads);
        let trails = async {
            if !self.plan.reads(FactId::Trails) {
                return Fact::NotAsked(NOT_WANTED.to_owned());
            }
            let trails = match trails {
                Some((asked, trails)) if asked == trail_region => trails,
                _ => trails::list(self.aws, &trail_region).await,
            };
            trails::look_into(self.aws, trails).await
        };
        let region = facts.target.region.clone();
        let account = own_account(facts);
        let regional = async {
            match (elsewhere, region.as_deref()) {
                (None, Some(region)) => {
                    let account = account.as_ref();
                    regional.second(self.aws, self.plan, region, account, &places.known).await
                }
                _ => regional.clone(),
            }
        };
        let buckets = self.buckets(&places, heads, region.as_deref());
        let client = self.aws.iam();
        let name = &facts.target.role.name;
        let role = self.of_role(elsewhere, FactId::Role, iam::role(self.aws, &client, name));
        let attached = self.of_role(elsewhere, FactId::RolePolicies, iam::attached(self.aws, &client, name));
        let inline =
            self.of_role(elsewhere, FactId::RolePolicies, iam::inline_names(self.aws, &client, name));
        let (role, attached, inline, buckets, trails, regional) =
            tokio::join!(role, attached, inline, buckets, trails, regional);
        // Its policies are not those of a role that has none, but of none at all.
        let is_absent = matches!(attached, Fact::Absent) || matches!(inline, Fact::Absent);
        facts.role = if is_absent && role.known().is_none() { Fact::Absent } else { role };
        facts.attached_policies = attached;
        facts.inline_policy_names = inline;
        facts.buckets = buckets;
        facts.trails = trails;
        Self::take(facts, regional);
    }

    /// The buckets that the connectors write to: those that parameters name, unless a database has another
    /// place, and those that only a database or its tables name.
    async fn buckets(
        &self,
        places: &Places,
        mut heads: BTreeMap<String, s3::Found>,
        region: Option<&str>,
    ) -> BTreeMap<String, Bucket> {
        let written: BTreeSet<&str> = places.known.iter().map(|it| it.bucket.as_str()).collect();
        heads.retain(|name, _| !places.complete || written.contains(name.as_str()));
        let revealed = written.into_iter().filter(|name| !heads.contains_key(*name));
        let revealed = revealed.filter(|_| self.plan.reads(FactId::Bucket)).take(REVEALED);
        let revealed = revealed.map(|name| async move {
            (name.to_owned(), s3::bucket(self.aws, self.plan, name, region).await)
        });
        let revealed = join_all(revealed.collect::<Vec<_>>());
        let named = heads.into_iter().map(|(name, found)| async move {
            let bucket = s3::settings(self.aws, self.plan, &name, found).await;
            (name, bucket)
        });
        let (named, revealed) = tokio::join!(join_all(named), revealed);
        named.into_iter().chain(revealed).collect()
    }

    /// Reads a fact of the role, unless the role is in another account: there might be one of its name here.
    async fn of_role<T>(
        &self,
        elsewhere: Option<&Fact<()>>,
        id: FactId,
        read: impl Future<Output = Fact<T>>,
    ) -> Fact<T> {
        match elsewhere {
            Some(elsewhere) => elsewhere.unread().unwrap_or_default(),
            None => wanted(self.plan, id, read).await,
        }
    }

    /// Rounds three to five. What waits for what, and for nothing else: versions for policies, a key's
    /// policy and simulations for its alias, grants for all policies.
    async fn third(&self, mut facts: Facts, elsewhere: Option<&Fact<()>>) -> Facts {
        let documents = self.documents(&facts).shared();
        let needs = requirements(&facts, self.catalog);
        let (mut simulations, (keys, of_keys), (managed, inline), role_names, permissions) = tokio::join!(
            self.simulations(&facts, &needs, elsewhere),
            self.keys(&facts, &needs, documents.clone(), elsewhere),
            documents.clone(),
            self.role_names(&facts),
            self.lake_permissions(&facts, elsewhere)
        );
        simulations.extend(of_keys);
        drop(documents);
        facts.managed_policies = managed;
        facts.inline_policies = inline;
        facts.keys = keys;
        facts.simulations = simulations;
        facts.role_names = role_names;
        facts.lake_formation.permissions = permissions;
        self.aws.progress().read();
        facts
    }

    async fn role_names(&self, facts: &Facts) -> Fact<Vec<String>> {
        if facts.role != Fact::Absent || !self.plan.reads(FactId::RoleNames) {
            return Fact::NotAsked("asked only when the role is not found".to_owned());
        }
        iam::role_names(self.aws, &self.aws.iam()).await
    }

    async fn lake_permissions(&self, facts: &Facts, elsewhere: Option<&Fact<()>>) -> Fact<Vec<LakeGrant>> {
        let permissions = facts.lake_formation.permissions.clone();
        let (Some(account), Some(region)) = (own_account(facts), &facts.target.region) else {
            return permissions;
        };
        if elsewhere.is_some() || no_such_role(facts).is_some() {
            return permissions;
        }
        let role = role_arn(facts, &account);
        lake_formation::third(self.aws, facts, self.catalog, region, &role).await
    }

    async fn last_accessed(&self, facts: &Facts, elsewhere: Option<&Fact<()>>) -> Fact<Vec<ServiceAccess>> {
        let why = elsewhere.cloned().or_else(|| no_such_role(facts));
        match (why.and_then(|why| why.unread()), own_account(facts)) {
            (Some(unread), _) => unread,
            (None, Some(account)) => {
                let role = role_arn(facts, &account);
                wanted(self.plan, FactId::RoleLastAccessed, last_accessed::services(self.aws, &role)).await
            }
            (None, None) => Fact::default(),
        }
    }

    /// The documents of the role's policies and of its boundary, each asked for once.
    async fn documents(&self, facts: &Facts) -> Documents {
        let client = &self.aws.iam();
        let attached = facts.attached_policies.known().into_iter().flatten().map(|policy| &policy.arn);
        let boundary = facts.role.known().and_then(|role| role.boundary.as_ref());
        let boundary = boundary.filter(|_| self.plan.reads(FactId::Boundary));
        let arns: BTreeSet<&Arn> = attached.chain(boundary).collect();
        let managed = arns
            .into_iter()
            .map(|arn| async move { (arn.to_string(), iam::managed(self.aws, client, arn.as_str()).await) });
        let role = &facts.target.role.name;
        let names = facts.inline_policy_names.known().into_iter().flatten();
        let inline =
            names.map(|name| async move { (name.clone(), iam::inline(self.aws, client, role, name).await) });
        let (managed, inline) = tokio::join!(join_all(managed), join_all(inline));
        (managed.into_iter().collect(), inline.into_iter().collect())
    }

    async fn simulations(
        &self,
        facts: &Facts,
        needs: &[Requirement<'_>],
        elsewhere: Option<&Fact<()>>,
    ) -> Vec<Simulation> {
        let Some(account) = own_account(facts).filter(|_| self.plan.reads(FactId::Simulation)) else {
            return Vec::new();
        };
        if let Some(why) = elsewhere.cloned().or_else(|| no_such_role(facts)) {
            return simulate::unasked(facts, needs, &why);
        }
        let role = role_arn(facts, &account);
        simulate::simulate(self.aws, &self.simulations_in_flight, facts, &role, needs).await
    }

    /// The default keys of the buckets, by the name under which facts hold them, and simulations of needs
    /// that are not among `asked`: a key that a bucket names by an alias has its ARN only when it is described.
    async fn keys(
        &self,
        facts: &Facts,
        asked: &[Requirement<'_>],
        documents: impl Future<Output = Documents>,
        elsewhere: Option<&Fact<()>>,
    ) -> (BTreeMap<String, Key>, Vec<Simulation>) {
        let Some(caller) = own_account(facts) else {
            return (BTreeMap::new(), Vec::new());
        };
        let caller = &caller;
        let entries: BTreeSet<Arn> = key_entries(facts).filter(|_| self.plan.reads(FactId::Key)).collect();
        let keys = entries.iter().map(|entry| async move {
            (entry.to_string(), kms::key(self.aws, self.plan, entry, caller).await)
        });
        let described = Facts { keys: join_all(keys).await.into_iter().collect(), ..facts.clone() };
        let mut needs = requirements(&described, self.catalog);
        needs.retain(|need| !asked.contains(need));
        let (simulations, keys) = tokio::join!(self.simulations(&described, &needs, elsewhere), async {
            let policies =
                entries.iter().filter_map(|entry| Some((entry, described.keys.get(entry.as_str())?.clone())));
            let policies = policies.map(|(entry, key)| async move {
                (entry.to_string(), kms::with_policy(self.aws, self.plan, entry, key, caller).await)
            });
            let (keys, (managed_policies, inline_policies)) = tokio::join!(join_all(policies), documents);
            let keys = keys.into_iter().collect();
            self.with_grants(&Facts { managed_policies, inline_policies, keys, ..described.clone() }, caller)
                .await
        });
        (keys, simulations)
    }

    /// The keys, with the grants of those whose policies alone refuse.
    async fn with_grants(&self, facts: &Facts, caller: &AccountId) -> BTreeMap<String, Key> {
        let mut keys = facts.keys.clone();
        if !self.plan.reads(FactId::KeyGrants) || no_such_role(facts).is_some() {
            return keys;
        }
        let needs = requirements(facts, self.catalog);
        let wanting = facts.keys.iter().filter_map(|(entry, key)| {
            let metadata = key.metadata.known().filter(|it| it.manager != "AWS")?;
            let arn = metadata.arn.parse::<Arn>().ok()?;
            grants::worth_asking(facts, &needs, &metadata.arn, key).then_some((entry, arn))
        });
        let read =
            wanting.map(|(entry, arn)| async move { (entry, kms::grants(self.aws, &arn, caller).await) });
        for (entry, grants) in join_all(read).await {
            if let Some(key) = keys.get_mut(entry) {
                key.grants = grants;
            }
        }
        keys
    }
}

/// Whole seconds: moments are also sent to AWS, which need not know fractions.
fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// The caller's account; where STS did not tell it, that of the role, which IAM gives in its own account only.
fn own_account(facts: &Facts) -> Option<AccountId> {
    let role = || facts.role.known().and_then(|role| role.arn.account().parse().ok());
    facts.caller.known().map(|caller| caller.account.clone()).or_else(role)
}

/// Why nothing is read of a role that is in another account than the caller.
fn elsewhere(caller: &Caller, role_account: &AccountId) -> Option<Fact<()>> {
    (caller.account != *role_account).then(|| {
        Fact::Failed(Failure {
            kind: FailureKind::OtherAccount,
            action: "iam:GetRole".to_owned(),
            message: format!(
                "the role is in account {role_account}, and you are signed in to account {}",
                caller.account
            ),
        })
    })
}

/// Why nothing is asked about a role that does not exist.
fn no_such_role(facts: &Facts) -> Option<Fact<()>> {
    (facts.role == Fact::Absent).then(|| Fact::NotAsked("there is no such role".to_owned()))
}

/// The role's ARN: as read, else as given, without a path where none was given, which IAM accepts.
fn role_arn(facts: &Facts, account: &AccountId) -> String {
    if let Some(role) = facts.role.known() {
        return role.arn.to_string();
    }
    let given = facts.target.role.partition.clone();
    let caller = facts.caller.known().map(|caller| caller.arn.partition());
    let partition = given.or(caller).unwrap_or_else(Partition::aws);
    let path = facts.target.role.path.as_deref().unwrap_or("/");
    format!("arn:{partition}:iam::{account}:role{path}{}", facts.target.role.name)
}

/// The keys that encrypt by default, as ARNs of keys or aliases.
fn key_entries(facts: &Facts) -> impl Iterator<Item = Arn> {
    encryption::entries(facts).into_iter().filter_map(|entry| entry.parse().ok())
}
