//! Which resources may have a policy of their own, that allows or denies beside the caller's.

use super::actions::actions_of;

/// A kind of resource that may have a policy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// What it is called: `queue`.
    pub noun: &'static str,
    /// The command that shows the policy, `ARN` or `NAME` standing for the resource's; none: AWS has one for each
    /// part of the service.
    pub command: Option<&'static str>,
    /// Whether it has to allow whatever the caller's own policies say.
    pub must_allow: bool,
}

/// Services whose resources let nobody in whom their policies do not name.
/// <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html>
/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/auth-policies.html>
const CLOSED: [&str; 2] = ["aoss", "vpc-lattice-svcs"];

/// Services with what their resources that may have a policy begin with, what these are called, and the command.
///
/// AWS's table of "services that work with IAM", as far as its third column says yes, and the services that have
/// got an action to put a policy since: that of a key is never optional, and that of a role is its trust policy.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>
const CARRIERS: [(&str, &str, &str, &str); 54] = [
    ("acm-pca", "", "certificate authority", "aws acm-pca get-policy --resource-arn ARN"),
    ("aoss", "", "collection", ""),
    ("apigateway", "", "API", ""),
    ("appsync", "", "API", ""),
    ("aps", "workspace", "workspace", "aws amp describe-resource-policy --workspace-id NAME"),
    (
        "backup",
        "backup-vault",
        "backup vault",
        "aws backup get-backup-vault-access-policy --backup-vault-name NAME",
    ),
    ("bedrock", "", "resource", ""),
    ("bedrock-agentcore", "", "resource", ""),
    (
        "cloudtrail",
        "",
        "event data store or channel",
        "aws cloudtrail get-resource-policy --resource-arn ARN",
    ),
    ("codeartifact", "", "domain or repository", ""),
    ("codebuild", "", "project", "aws codebuild get-resource-policy --resource-arn ARN"),
    ("comprehend", "", "model", "aws comprehend describe-resource-policy --resource-arn ARN"),
    ("dsql", "cluster", "cluster", "aws dsql get-cluster-policy --identifier NAME"),
    ("dynamodb", "table", "table", "aws dynamodb get-resource-policy --resource-arn ARN"),
    ("ecr", "repository", "repository", "aws ecr get-repository-policy --repository-name NAME"),
    ("ecr-public", "repository", "repository", "aws ecr-public get-repository-policy --repository-name NAME"),
    (
        "elasticfilesystem",
        "file-system",
        "file system",
        "aws efs describe-file-system-policy --file-system-id NAME",
    ),
    ("es", "domain", "domain", "aws opensearch describe-domain-config --domain-name NAME"),
    ("events", "event-bus", "event bus", "aws events describe-event-bus --name ARN"),
    ("execute-api", "", "API", ""),
    ("glacier", "vaults", "vault", ""),
    ("imagebuilder", "", "image or recipe", ""),
    ("kafka", "", "cluster", "aws kafka get-cluster-policy --cluster-arn ARN"),
    ("kinesis", "", "stream", "aws kinesis get-resource-policy --resource-arn ARN"),
    ("lambda", "", "function", "aws lambda get-policy --function-name ARN"),
    ("lex", "", "bot", "aws lexv2-models describe-resource-policy --resource-arn ARN"),
    ("logs", "", "log group", "aws logs describe-resource-policies"),
    ("mediaconvert", "", "account", "aws mediaconvert get-policy"),
    ("mediapackagev2", "", "channel or endpoint", ""),
    ("mediastore", "", "container", "aws mediastore get-container-policy --container-name NAME"),
    ("network-firewall", "", "resource", "aws network-firewall describe-resource-policy --resource-arn ARN"),
    ("omics", "", "store", ""),
    ("osis", "pipeline", "pipeline", "aws osis get-resource-policy --resource-arn ARN"),
    ("payment-cryptography", "", "key", ""),
    ("qbusiness", "", "application", ""),
    ("refactor-spaces", "", "environment", ""),
    ("rum", "", "app monitor", "aws rum get-resource-policy --name NAME"),
    ("s3", "", "bucket or access point", ""),
    ("s3-object-lambda", "", "access point", ""),
    ("s3-outposts", "", "bucket or access point", ""),
    ("s3express", "", "bucket or access point", "aws s3api get-bucket-policy --bucket NAME"),
    ("s3tables", "", "table bucket or table", ""),
    ("s3vectors", "", "vector bucket", ""),
    ("sagemaker", "", "resource", ""),
    ("schemas", "", "registry", "aws schemas get-resource-policy --registry-name NAME"),
    ("secretsmanager", "secret", "secret", "aws secretsmanager get-resource-policy --secret-id ARN"),
    ("serverlessrepo", "", "application", "aws serverlessrepo get-application-policy --application-id ARN"),
    ("servicediscovery", "", "namespace", ""),
    ("ses", "", "identity", "aws sesv2 get-email-identity-policies --email-identity NAME"),
    ("signer", "", "signing profile", ""),
    ("sns", "", "topic", "aws sns get-topic-attributes --topic-arn ARN --query Attributes.Policy"),
    ("sqs", "", "queue", "aws sqs get-queue-attributes --attribute-names Policy --queue-url THE-URL-OF-NAME"),
    ("vpc-lattice-svcs", "", "service", ""),
    ("xray", "", "account", "aws xray list-resource-policies"),
];

/// What a resource of a service is that may have a policy of its own; `None`: no resource like it has one.
/// `resource` is the last part of its ARN (`table/orders`), or nothing of resources that nobody can name.
///
/// A service that is not known may have any.
pub fn carrier(service: &str, resource: Option<&str>) -> Option<Carrier> {
    let of_service = || CARRIERS.iter().filter(|(known, ..)| *known == service);
    let is_meant = |prefix: &str| resource.is_none_or(|resource| resource.starts_with(prefix));
    if let Some((.., noun, command)) = of_service().find(|(_, prefix, ..)| is_meant(prefix)) {
        let command = Some(*command).filter(|it| !it.is_empty());
        return Some(Carrier { noun, command, must_allow: CLOSED.contains(&service) });
    }
    let is_known = of_service().next().is_some() || actions_of(service).is_some();
    (!is_known).then_some(Carrier { noun: "resource", command: None, must_allow: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_carrier_is_of_a_service_that_aws_has() {
        for (service, ..) in CARRIERS {
            assert!(actions_of(service).is_some(), "{service}");
        }
        assert!(CARRIERS.is_sorted());
    }

    #[test]
    fn some_resources_of_a_service_have_policies_and_others_none() {
        let noun = |service, resource| carrier(service, resource).map(|it| it.noun);
        assert_eq!(noun("sqs", Some("orders")), Some("queue"));
        assert_eq!(noun("dynamodb", Some("table/orders/index/by-day")), Some("table"));
        assert_eq!(noun("dynamodb", Some("global-table/orders")), None);
        assert_eq!(noun("events", Some("rule/nightly")), None);
        assert_eq!(noun("secretsmanager", None), Some("secret"));
        assert_eq!(noun("ec2", Some("instance/i-1")), None);
        assert_eq!(noun("nosuchservice", Some("x")), Some("resource"));
    }
}
