//! WRITE-006: the KMS key that the bucket encrypts with refuses the role, or cannot be used at all.

use std::sync::Arc;

use crate::checks::shared::conditions::why_it_hits;
use crate::checks::shared::needs::{Ask, Verdict, asks};
use crate::checks::shared::policies::{RolePolicies, key_policy, role_policies};
use crate::checks::shared::standing::{Answer, Cause, Refusal, depends, identity_answer};
use crate::checks::shared::{absent_bucket, absent_role, bucket_name, without_bucket, words};
use crate::checks::{Check, View};
use crate::facts::{Encryption, FactId, Grant, KeyMetadata};
use crate::model::{
    Blocked, CheckId, Evidence, Finding, Outcome, Owner, Remedy, Section, StatementRef, shell_flag,
};
use crate::policy::{Policy, Selector};

/// The check.
pub(super) const CHECK: Check = Check { id: CheckId::new(Section::Write, 6), judge };

fn judge(view: &View<'_>) -> Result<Outcome, Blocked> {
    let Some(bucket) = bucket_name(view) else { return Ok(without_bucket()) };
    if let Some(skip) = absent_role(view).or_else(|| absent_bucket(view, bucket)) {
        return Ok(skip);
    }
    let encryption = view.bucket(bucket, FactId::BucketEncryption, |it| &it.encryption)?;
    let Some(encryption) = encryption.filter(|it| it.algorithm.starts_with("aws:kms")) else {
        return Ok(Outcome::Skip(format!("bucket {bucket} does not encrypt with a KMS key")));
    };
    let Some(entry) = view.bucket_key(bucket) else {
        return managed_or_unknown(view, bucket, encryption);
    };
    let metadata = view.key(&entry, FactId::Key, |it| &it.metadata);
    match &metadata {
        Ok(None) => return Ok(Outcome::Fail(vec![no_such_key(bucket, &entry)])),
        Ok(Some(key)) if key.manager == "AWS" => return Ok(aws_managed(view, bucket)),
        Ok(Some(key)) => {
            if let Some(finding) = unusable(bucket, key) {
                return Ok(Outcome::Fail(vec![finding]));
            }
        }
        Err(_) => {}
    }
    let asks: Vec<Ask<'_>> = asks(view)?.into_iter().filter(Ask::is_of_key).collect();
    if asks.is_empty() {
        // An alias that could not be resolved: the key's ARN is not known.
        metadata?;
        return Ok(Outcome::Skip("the connectors use no key".to_owned()));
    }
    let mut sides = Sides { view, entry: &entry, findings: Vec::new(), blocked: None, proof: Vec::new() };
    sides.judge(&asks);
    // A key whose state nobody read may be disabled.
    sides.outcome(metadata.err())
}

/// Encryption with KMS that names no key, or one that cannot be made out.
fn managed_or_unknown(view: &View<'_>, bucket: &str, encryption: &Encryption) -> Result<Outcome, Blocked> {
    match encryption.key.as_deref() {
        None | Some("alias/aws/s3") => Ok(aws_managed(view, bucket)),
        Some(key) => Err(Blocked {
            what: format!("the KMS key {key} of bucket {bucket}"),
            why: "its ARN cannot be told without the bucket's region and the account".to_owned(),
            grant: None,
            hint: None,
        }),
    }
}

/// The AWS managed key serves every principal of its own account, and nobody else.
fn aws_managed(view: &View<'_>, bucket: &str) -> Outcome {
    if !view.is_foreign_bucket(bucket) {
        let text = format!(
            "bucket {bucket} encrypts with the AWS managed key aws/s3, which asks nothing of the role"
        );
        return Outcome::Pass(vec![Evidence::read("s3:GetEncryptionConfiguration", text)]);
    }
    let what = format!(
        "Bucket {bucket} of another account encrypts with that account's AWS managed key aws/s3, which no other account can use"
    );
    let remedy = Remedy::Manual {
        owner: Owner::BucketAccount,
        title: format!("Encrypt bucket {bucket} with S3's own keys or with a customer managed key"),
        steps: vec![
            "Set the bucket's default encryption to SSE-S3, or to a customer managed key whose policy allows the role".to_owned(),
        ],
        commands: vec![format!("aws s3api get-bucket-encryption {}", shell_flag("--bucket", bucket))],
    };
    let evidence = Evidence::read("s3:GetEncryptionConfiguration", "aws:kms with the AWS managed key");
    Outcome::Fail(vec![
        Finding::new(format!("arn:aws:s3:::{bucket}"), what).evidence(evidence).remedy(remedy),
    ])
}

fn no_such_key(bucket: &str, key: &str) -> Finding {
    let what = format!("Bucket {bucket} encrypts with {key}, and there is no such key");
    let remedy = Remedy::Manual {
        owner: Owner::BucketAccount,
        title: format!("Give bucket {bucket} a key that exists"),
        steps: vec!["Set the bucket's default encryption to SSE-S3 or to a key that exists".to_owned()],
        commands: vec![format!("aws s3api get-bucket-encryption {}", shell_flag("--bucket", bucket))],
    };
    let evidence = Evidence::read("kms:DescribeKey", format!("{key}: not found"));
    Finding::new(key, what).evidence(evidence).remedy(remedy)
}

/// A key that nobody can encrypt with.
fn unusable(bucket: &str, key: &KeyMetadata) -> Option<Finding> {
    let KeyMetadata { arn, state, usage, spec, .. } = key;
    let (what, steps, commands) = if state != "Enabled" {
        let enable = format!("aws kms enable-key {}", shell_flag("--key-id", arn));
        let (step, commands) = match state.as_str() {
            "PendingDeletion" => (
                "Cancel the key's deletion, then enable it",
                vec![format!("aws kms cancel-key-deletion {}", shell_flag("--key-id", arn)), enable],
            ),
            "Disabled" => ("Enable the key", vec![enable]),
            _ => (
                "Bring the key into the state Enabled",
                vec![format!("aws kms describe-key {}", shell_flag("--key-id", arn))],
            ),
        };
        (format!("is {state}"), vec![step.to_owned()], commands)
    } else if usage != "ENCRYPT_DECRYPT" || spec != "SYMMETRIC_DEFAULT" {
        let step = "Give the bucket a symmetric key for encryption".to_owned();
        (format!("is a {spec} key for {usage}, which S3 cannot use"), vec![step], Vec::new())
    } else {
        return None;
    };
    let remedy = Remedy::Manual {
        owner: Owner::KeyOwner,
        title: format!("Make the key of bucket {bucket} usable"),
        steps,
        commands,
    };
    let evidence =
        Evidence::read("kms:DescribeKey", format!("KeyState {state}, KeyUsage {usage}, KeySpec {spec}"));
    Some(
        Finding::new(arn.clone(), format!("The key of bucket {bucket}, {arn}, {what}"))
            .evidence(evidence)
            .remedy(remedy),
    )
}

/// The two sides that have to allow: the key's policy or a grant, and the role's own policies.
struct Sides<'v, 'a> {
    view: &'v View<'a>,
    entry: &'v str,
    findings: Vec<Finding>,
    blocked: Option<Blocked>,
    proof: Vec<Evidence>,
}

impl Sides<'_, '_> {
    fn judge(&mut self, asks: &[Ask<'_>]) {
        let policies = role_policies(self.view);
        match key_policy(self.view, self.entry) {
            Ok(Some(policy)) => self.judge_key(asks, &policy, &policies),
            // A denial by the role's own policies is one whatever the key says.
            unread => {
                let blocked = unread.err().unwrap_or_else(|| no_policy(self.entry));
                let denied = self.identity_gaps(asks.iter(), &policies, None);
                let denied: Vec<_> = denied.into_iter().filter(|(_, it)| it.cause == Cause::Denied).collect();
                self.report_identity(&denied);
                self.blocked = Some(blocked);
            }
        }
    }

    fn judge_key(&mut self, asks: &[Ask<'_>], policy: &Arc<Policy>, policies: &RolePolicies) {
        let bounded = matches!(self.view.role(), Ok(Some(role)) if role.boundary.is_some());
        let mut denied: Vec<(StatementRef, Vec<&Ask<'_>>)> = Vec::new();
        let mut not_allowed: Vec<(&Ask<'_>, Option<String>)> = Vec::new();
        let mut left_to_role = Vec::new();
        for ask in asks {
            match ask.of_resource(policy, bounded) {
                Verdict::Allowed(_) => left_to_role.push(ask),
                Verdict::Denied(statements) => {
                    for statement in statements {
                        match denied.iter_mut().find(|(known, _)| *known == statement) {
                            Some((_, members)) => members.push(ask),
                            None => denied.push((statement, vec![ask])),
                        }
                    }
                }
                Verdict::Depends { keys, statements } => {
                    self.blocked.get_or_insert_with(|| depends(ask, &keys, &statements));
                }
                Verdict::NotAllowed(nearest) => match self.granted(ask) {
                    Granted::Yes(evidence) => self.proof.push(evidence),
                    Granted::Perhaps(blocked) => {
                        self.blocked.get_or_insert(blocked);
                    }
                    Granted::No => not_allowed.push((ask, nearest.map(|miss| miss.to_string()))),
                },
            }
        }
        for (statement, asks) in &denied {
            self.report_denied(policy, statement, asks);
        }
        self.report_not_allowed(&not_allowed);
        let gaps = self.identity_gaps(left_to_role.into_iter(), policies, Some(policy));
        self.report_identity(&gaps);
    }

    /// Questions that the role's own policies refuse and the key's policy does not allow by itself.
    fn identity_gaps<'s, 'a: 's>(
        &mut self,
        asks: impl Iterator<Item = &'s Ask<'a>>,
        policies: &RolePolicies,
        key: Option<&Arc<Policy>>,
    ) -> Vec<(&'s Ask<'a>, Refusal)> {
        let mut gaps = Vec::new();
        for ask in asks {
            let alone = key.map(|key| ask.with_resource(&[], Some(key)));
            let whole = key.map(|key| ask.with_resource(&policies.documents(), Some(key)));
            if let (Some(Verdict::Allowed(statements)), Some(Verdict::Allowed(_))) = (alone, whole) {
                let text = format!("{} is allowed by the key's policy itself", ask.action());
                self.proof.push(Evidence::evaluated(statements, text));
                continue;
            }
            match identity_answer(self.view, ask, policies) {
                Answer::Allowed(evidence) => self.proof.extend(evidence),
                Answer::Refused(refusal) => gaps.push((ask, refusal)),
                Answer::Undecided(blocked) => {
                    self.blocked.get_or_insert(blocked);
                }
            }
        }
        gaps
    }

    fn granted(&self, ask: &Ask<'_>) -> Granted {
        let grants = self.view.key(self.entry, FactId::KeyGrants, |it| &it.grants);
        let operation = ask.action().trim_start_matches("kms:");
        let fits = |grant: &&Grant| {
            grant.grantee == ask.request.principal.as_str()
                && grant.operations.iter().any(|it| it == operation)
        };
        let Ok(Some(grants)) = grants else { return Granted::No };
        let fitting: Vec<&Grant> = grants.iter().filter(fits).collect();
        match fitting.iter().find(|grant| !grant.constrained).or(fitting.first()) {
            None => Granted::No,
            Some(grant) if grant.constrained => Granted::Perhaps(Blocked {
                what: format!("whether {} is allowed on the key", ask.action()),
                why: format!("grant {} allows it under an encryption context that is not known", grant.id),
                grant: None,
                hint: Some("let the connector write once and read its log".to_owned()),
            }),
            Some(grant) => Granted::Yes(Evidence::read(
                "kms:ListGrants",
                format!("{} is allowed by grant {} on the key", ask.action(), grant.id),
            )),
        }
    }

    fn report_denied(&mut self, policy: &Arc<Policy>, statement: &StatementRef, asks: &[&Ask<'_>]) {
        let actions = words::unique(asks.iter().map(|ask| ask.action()));
        let Some(key) = asks.first().map(|ask| ask.resource.probe.clone()) else { return };
        let why = asks
            .first()
            .map(|ask| why_it_hits(policy, statement.index, &self.view.situation(&ask.requirement)));
        let (role, named) = (&self.view.target().role.name, words::statement(statement));
        let what = format!(
            "The policy of the bucket's key {key} denies {role} {} by {named}: {}",
            words::list(&actions),
            why.unwrap_or_default()
        );
        let text = format!("{} through S3: denied by {named}", words::list(&actions));
        self.findings.push(
            Finding::new(key.clone(), what)
                .evidence(Evidence::evaluated(vec![statement.clone()], text))
                .because(statement.clone())
                .remedy(Remedy::ExemptFromKeyPolicy { key, statement: statement.index }),
        );
    }

    fn report_not_allowed(&mut self, asks: &[(&Ask<'_>, Option<String>)]) {
        let Some((first, nearest)) = asks.first() else { return };
        let actions: Vec<String> = words::unique(asks.iter().map(|(ask, _)| ask.action().to_owned()));
        let key = first.resource.probe.clone();
        let role = &self.view.target().role.name;
        let what = format!(
            "The policy of the bucket's key {key} neither allows {role} {} nor leaves it to the account's own policies",
            words::list(&actions)
        );
        let text = nearest.clone().unwrap_or_else(|| "no statement of the key policy comes near".to_owned());
        let mut finding = Finding::new(key.clone(), what).evidence(Evidence::evaluated(Vec::new(), text));
        if let Err(blocked) = self.view.key(self.entry, FactId::KeyGrants, |it| &it.grants) {
            let text = format!(
                "{} were not read ({}); only one to the role could make up for it",
                blocked.what, blocked.why
            );
            finding = finding.evidence(Evidence::read("kms:ListGrants", text));
        }
        self.findings.push(finding.remedy(Remedy::AllowInKeyPolicy { key, actions }));
    }

    fn report_identity(&mut self, gaps: &[(&Ask<'_>, Refusal)]) {
        let Some((first, refusal)) = gaps.first() else { return };
        let actions: Vec<String> = words::unique(gaps.iter().map(|(ask, _)| ask.action().to_owned()));
        let key = first.resource.probe.clone();
        let role = &self.view.target().role.name;
        let mut what = format!("{role} may not do {} on {key}, the bucket's key", words::list(&actions));
        if let Some(detail) = &refusal.detail {
            what = format!("{what}: {detail}");
        }
        let grants: Vec<_> =
            gaps.iter().map(|(ask, _)| (ask.action().to_owned(), vec![ask.resource.probe.clone()])).collect();
        let alias = refusal.because.as_ref().and_then(|statement| Some((statement, self.alias(statement)?)));
        let remedy = match (&refusal.because, alias) {
            (Some(statement), _) if refusal.cause == Cause::Denied => {
                let (policy, statement) = (statement.policy.clone(), statement.index);
                Remedy::ExemptFromRolePolicy { policy, statement, grants }
            }
            (_, Some((statement, found))) => {
                what.push_str(
                    "; the ARN of an alias in Resource never matches: the key's own must stand there",
                );
                let (policy, statement) = (statement.policy.clone(), statement.index);
                Remedy::ReplaceResource { policy, statement, found, wanted: vec![key.clone()] }
            }
            _ => Remedy::AllowOnRole { grants },
        };
        let mut finding = Finding::new(key, what);
        for (_, refusal) in gaps {
            words::add_all(&mut finding.evidence, refusal.evidence.iter().cloned());
        }
        finding.because.clone_from(&refusal.because);
        self.findings.push(finding.remedy(remedy));
    }

    /// The ARN of an alias among the resources of a statement of the role's.
    fn alias(&self, statement: &StatementRef) -> Option<String> {
        let documents = role_policies(self.view).documents();
        let policy = documents.iter().find(|policy| policy.name() == statement.policy)?;
        let written = policy.document().statements().iter().find(|it| it.index == statement.index)?;
        let mut resources = written.resources.iter().flat_map(Selector::any);
        resources.find(|it| it.contains(":kms:") && it.contains(":alias/")).cloned()
    }

    fn outcome(self, state: Option<Blocked>) -> Result<Outcome, Blocked> {
        match (self.findings.is_empty(), self.blocked.or(state)) {
            (false, _) => Ok(Outcome::Fail(self.findings)),
            (true, Some(blocked)) => Err(blocked),
            (true, None) => Ok(Outcome::Pass(self.proof)),
        }
    }
}

enum Granted {
    Yes(Evidence),
    Perhaps(Blocked),
    No,
}

fn no_policy(key: &str) -> Blocked {
    let why = "AWS says that there is none, which cannot be".to_owned();
    Blocked { what: format!("the key policy of {key}"), why, grant: None, hint: None }
}
