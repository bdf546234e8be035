//! Who asks for what, and what AWS knows of it without being told.

use std::borrow::Cow;

use super::arn_pattern::Segmented;
use super::context::{Context, Given, Lookup};
use super::explain::Found;
use super::key::{Key, hash};

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    text: String,
    pub(super) who: Who,
    account: String,
    /// `aws:PrincipalArn`: for a session, its role's ARN.
    arn: String,
    /// `aws:userid`, where the name tells it.
    user_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Root,
    User,
    Role,
    /// A session of a role.
    Session,
    FederatedUser,
    /// An AWS service or an identity provider: neither has policies of its own.
    Named,
    Anonymous,
}

impl Principal {
    /// Reads the ARN of a role, role session, user, federated user or account root, an account id
    /// (its root), a service name such as `glue.amazonaws.com`, an identity provider's name or
    /// ARN, or `*` for an anonymous caller.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, PrincipalError> {
        let principal = |who, account: &str, arn: String| Self {
            text: text.to_owned(),
            who,
            account: account.to_owned(),
            user_id: match who {
                Who::Root => Some(account.to_owned()),
                Who::FederatedUser => arn.split_once('/').map(|(_, name)| format!("{account}:{name}")),
                Who::Anonymous => Some("anonymous".to_owned()),
                _ => None,
            },
            arn,
        };
        if matches!(text, "*" | "anonymous" | "Anonymous") {
            return Ok(principal(Who::Anonymous, "", String::new()));
        }
        if is_account(text) {
            return Ok(principal(Who::Root, text, format!("arn:aws:iam::{text}:root")));
        }
        let fault = || PrincipalError(text.to_owned());
        if !text.starts_with("arn:") {
            let is_name =
                text.contains('.') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*');
            return if is_name { Ok(principal(Who::Named, "", String::new())) } else { Err(fault()) };
        }
        let segments = Segmented::new(text);
        let (service, resource) = segments.service_and_resource().ok_or_else(fault)?;
        let account = segments.account().or(text.contains(":iam::cloudfront:").then_some("cloudfront"));
        let account = account.ok_or_else(fault)?;
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        let arn = text.to_owned();
        match (service, kind) {
            ("iam", "root") if name.is_empty() => Ok(principal(Who::Root, account, arn)),
            ("iam", "user") if !name.is_empty() => Ok(principal(Who::User, account, arn)),
            ("iam", "role") if !name.is_empty() => Ok(principal(Who::Role, account, arn)),
            ("iam", "saml-provider" | "oidc-provider") if !name.is_empty() => {
                Ok(principal(Who::Named, "", String::new()))
            }
            ("sts", "assumed-role") => match name.split_once('/') {
                Some((role, session)) if !role.is_empty() && !session.is_empty() => {
                    let partition = text.split(':').nth(1).unwrap_or("aws");
                    Ok(principal(
                        Who::Session,
                        account,
                        format!("arn:{partition}:iam::{account}:role/{role}"),
                    ))
                }
                _ => Err(fault()),
            },
            ("sts", "federated-user") if !name.is_empty() => Ok(principal(Who::FederatedUser, account, arn)),
            _ => Err(fault()),
        }
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account it belongs to; a service, an identity provider and an anonymous caller have none.
    pub fn account(&self) -> Option<&str> {
        if self.account.is_empty() { None } else { Some(&self.account) }
    }

    /// The name after the last slash of its role's or its own ARN.
    pub(super) fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or("")
    }

    /// The ARN of `aws:PrincipalArn`, which for a session is its role's, as far as it is known: a
    /// session's ARN does not tell the role's path.
    pub(super) fn principal_arn(&self) -> Option<&str> {
        if self.arn.is_empty() { None } else { Some(&self.arn) }
    }

    /// What the ARN of every session of a role begins with; `None` for what is no role.
    pub(super) fn session_head(&self) -> Option<String> {
        let partition = self.text.split(':').nth(1)?;
        let (account, name) = (&self.account, self.name());
        (self.who == Who::Role).then(|| format!("arn:{partition}:sts::{account}:assumed-role/{name}/"))
    }

    /// Whether it is a service-linked role, which organisation policies do not restrict.
    pub(super) fn is_service_linked(&self) -> bool {
        match self.who {
            Who::Role => self.arn.contains(":role/aws-service-role/"),
            Who::Session => self.name().starts_with("AWSServiceRoleFor"),
            _ => false,
        }
    }

    /// Whether it is an AWS service. An identity provider may be named after AWS too: Cognito, and
    /// the provider of an EKS cluster, which has a path.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
    pub(super) fn is_service(&self) -> bool {
        const WITH_USERS: [&str; 2] =
            ["cognito-identity.amazonaws.com", "cognito-identity-us-gov.amazonaws.com"];
        let is_host = self.text.ends_with(".amazonaws.com") || self.text.ends_with(".amazonaws.com.cn");
        self.who == Who::Named && is_host && !self.text.contains('/') && !WITH_USERS.contains(&&*self.text)
    }

    /// The value of a condition key that AWS derives from the principal.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    fn derived(&self, key: &str) -> Option<&str> {
        match key {
            "aws:principalarn" => self.principal_arn(),
            "aws:principalaccount" if self.who == Who::Anonymous => Some("anonymous"),
            "aws:principalaccount" => self.account(),
            // Of "signed API requests that use AWS credentials": neither anonymous ones nor those
            // of an identity provider.
            "aws:principalisawsservice" => match self.who {
                Who::Anonymous => None,
                Who::Named => self.is_service().then_some("true"),
                _ => Some("false"),
            },
            "aws:principalservicename" => self.is_service().then_some(&*self.text),
            "aws:principaltype" => match self.who {
                Who::Root => Some("Account"),
                Who::User => Some("User"),
                Who::Role | Who::Session => Some("AssumedRole"),
                Who::FederatedUser => Some("FederatedUser"),
                Who::Anonymous => Some("Anonymous"),
                Who::Named => None,
            },
            "aws:username" => (self.who == Who::User).then(|| self.name()),
            "aws:userid" => self.user_id.as_deref(),
            _ => None,
        }
    }
}

/// Whether a text is an account id: twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The text names no principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a principal: expected the ARN of a role, role session, user or account, or a service name"
)]
pub struct PrincipalError(pub(super) String);

/// One action on one resource by one principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// The action, such as `s3:PutObject`, in any case.
    pub action: String,
    /// The resource's ARN, or `*`.
    pub resource: String,
    /// The account that owns the resource, where its ARN has none. Without either, the principal's own.
    pub resource_account: Option<String>,
    /// Condition keys. `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalType`,
    /// `aws:PrincipalIsAWSService`, `aws:PrincipalServiceName`, `aws:username` (of users),
    /// `aws:userid` (of root users, federated users and anonymous callers) and `aws:ResourceAccount`
    /// are derived when they are absent here, as AWS always supplies them; given or marked unknown,
    /// they are left alone.
    pub context: Context,
}

/// A request made ready for matching many statements.
pub(super) struct Facts<'a> {
    pub(super) principal: &'a Principal,
    asked: &'a str,
    /// In lower case.
    pub(super) action: Cow<'a, str>,
    /// Where the action's name begins, behind its service prefix and the colon.
    name_start: usize,
    /// The hash of its service prefix.
    pub(super) service: u64,
    pub(super) resource: Segmented<'a>,
    /// The principal's own where nothing tells it.
    pub(super) resource_account: Option<&'a str>,
    context: &'a Context,
    /// Whether keys that the context does not give are unknown.
    absent_is_unknown: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        let resource = Segmented::new(&request.resource);
        let told = request.resource_account.as_deref().or(resource.account());
        let resource_account = told.or(request.principal.account());
        let action = request.action.to_ascii_lowercase();
        let (service, name_start) = match action.find(':') {
            Some(colon) => (hash(&action[..colon]), colon + 1),
            None => (0, 0),
        };
        Self {
            principal: &request.principal,
            asked: &request.action,
            action: Cow::Owned(action),
            name_start,
            service,
            resource,
            resource_account,
            context: &request.context,
            absent_is_unknown: false,
        }
    }

    /// The same with every absent key unknown.
    pub(super) fn with_absent_unknown(&self) -> Facts<'_> {
        Facts { action: Cow::Borrowed(&self.action), absent_is_unknown: true, ..*self }
    }

    /// Looks up a condition key.
    pub(super) fn lookup(&self, key: &Key) -> Lookup<'_> {
        match self.given_or_derived(key) {
            Lookup::Given(values) if self.absent_is_unknown && values.is_empty() => Lookup::Unknown,
            Lookup::Absent if self.absent_is_unknown => Lookup::Unknown,
            known => known,
        }
    }

    fn given_or_derived(&self, key: &Key) -> Lookup<'_> {
        let known = self.context.lookup(key);
        let given = matches!(known, Lookup::Given(_)) || self.context.is_marked_unknown(key);
        if given || !key.is_derivable() {
            return known;
        }
        let derived = match key.as_str() {
            "aws:resourceaccount" => self.resource_account,
            key => self.principal.derived(key),
        };
        derived.map_or(known, |value| Lookup::Given(Given::Derived(value)))
    }

    /// Whether a key is absent or has no values.
    pub(super) fn is_absent(&self, key: &Key) -> bool {
        match self.lookup(key) {
            Lookup::Given(values) => values.is_empty(),
            Lookup::Absent => true,
            Lookup::Unknown => false,
        }
    }

    /// Whether a key is unknown.
    pub(super) fn is_unknown(&self, key: &Key) -> bool {
        self.lookup(key) == Lookup::Unknown
    }

    /// Whether it is the bucket owner's root user, who may see and change the bucket's policy "even
    /// if their bucket policy explicitly denies the root principal's access".
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
    pub(super) fn may_mend_bucket_policy(&self) -> bool {
        self.principal.who == Who::Root
            && self.same_account()
            && matches!(
                self.action.split_once(':'),
                Some(("s3" | "s3express", "getbucketpolicy" | "putbucketpolicy" | "deletebucketpolicy",))
            )
    }

    /// Whether the resource belongs to the principal's own account.
    pub(super) fn same_account(&self) -> bool {
        match (self.principal.account(), self.resource_account) {
            (Some(principal), Some(resource)) => principal == resource,
            _ => true,
        }
    }

    /// Whether any key may be unknown.
    pub(super) fn has_unknown(&self) -> bool {
        self.context.has_unknown()
    }

    /// The action's name in lower case, without its service prefix.
    pub(super) fn action_name(&self) -> &str {
        &self.action[self.name_start..]
    }

    /// The action as asked for.
    pub(super) fn asked(&self) -> &'a str {
        self.asked
    }

    /// What there is of a key, fit to be shown.
    pub(super) fn found(&self, key: &Key) -> Found {
        match self.lookup(key) {
            Lookup::Given(values) => {
                Found::Values(values.iter().map(|value| super::clean(value).into_owned()).collect())
            }
            Lookup::Absent => Found::Absent,
            Lookup::Unknown => Found::Unknown,
        }
    }

    /// A value of the context itself.
    pub(super) fn only(&self, key: &str) -> Option<&str> {
        match self.context.lookup(&Key::new(key)) {
            Lookup::Given(values) => values.only(),
            _ => None,
        }
    }

    /// A role's ARN as resource of an `sts:` action, which its trust policy has to allow.
    fn is_role_of_sts(&self) -> bool {
        let role = self.resource.service_and_resource();
        self.action.starts_with("sts:")
            && role.is_some_and(|(service, resource)| service == "iam" && resource.starts_with("role/"))
    }

    /// Whether the resource's own policy has to allow, even in one account: KMS keys and role trust.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
    pub(super) fn needs_resource_policy(&self) -> bool {
        let key = self.resource.service_and_resource();
        self.is_role_of_sts()
            || key.is_some_and(|(service, resource)| service == "kms" && resource.starts_with("key/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_told_apart() {
        for (text, who, account) in [
            ("arn:aws:iam::111122223333:root", Who::Root, Some("111122223333")),
            ("111122223333", Who::Root, Some("111122223333")),
            ("arn:aws:iam::111122223333:role/app/worker", Who::Role, Some("111122223333")),
            ("arn:aws:iam::111122223333:user/ann", Who::User, Some("111122223333")),
            ("arn:aws:sts::111122223333:assumed-role/worker/s", Who::Session, Some("111122223333")),
            ("arn:aws:sts::111122223333:federated-user/bob", Who::FederatedUser, Some("111122223333")),
            ("glue.amazonaws.com", Who::Named, None),
            ("accounts.google.com", Who::Named, None),
            ("arn:aws:iam::111122223333:saml-provider/idp", Who::Named, None),
            ("*", Who::Anonymous, None),
        ] {
            let principal = Principal::parse(text).unwrap();
            assert_eq!((principal.who, principal.account()), (who, account), "{text}");
        }
    }

    #[test]
    fn what_is_no_principal_is_refused() {
        for text in [
            "",
            "ann",
            "1111",
            "arn:aws:s3:::b",
            "arn:aws:iam:111122223333:root",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:sts::111122223333:assumed-role/r",
        ] {
            assert!(Principal::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_aws_always_supplies_is_derived_but_never_overrides() {
        let mut request = Request {
            principal: Principal::parse("arn:aws:sts::111122223333:assumed-role/worker/s").unwrap(),
            action: "s3:GetObject".to_owned(),
            resource: "arn:aws:s3:::orders".to_owned(),
            resource_account: Some("444455556666".to_owned()),
            context: Context::new(),
        };
        let value = |request: &Request, key: &str| match Facts::new(request).lookup(&Key::new(key)) {
            Lookup::Given(values) => values.only().map(str::to_owned),
            _ => None,
        };
        assert_eq!(value(&request, "aws:principalarn").unwrap(), "arn:aws:iam::111122223333:role/worker");
        assert_eq!(value(&request, "aws:resourceaccount").unwrap(), "444455556666");
        assert_eq!(value(&request, "aws:username"), None);
        request.context.set("aws:PrincipalArn", ["arn:aws:iam::111122223333:role/app/worker"]);
        assert_eq!(value(&request, "aws:principalarn").unwrap(), "arn:aws:iam::111122223333:role/app/worker");
    }
}
