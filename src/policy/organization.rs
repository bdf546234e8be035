//! Whom and what the policies of an organisation restrict.

use super::request::Facts;

/// The services whose resources resource control policies restrict, by prefix, sorted.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services>
const WITH_RESOURCE_CONTROL: [&str; 62] = [
    "aoss",
    "appconfig",
    "appstream",
    "autoscaling",
    "autoscaling-plans",
    "budgets",
    "clouddirectory",
    "cloudfront",
    "cloudsearch",
    "cloudtrail-data",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-identity",
    "cognito-idp",
    "comprehend",
    "comprehendmedical",
    "compute-optimizer",
    "cost-optimization-hub",
    "dax",
    "dsql",
    "dynamodb",
    "ecr",
    "ecr-public",
    "events",
    "firehose",
    "fis",
    "fms",
    "gamelift",
    "health",
    "inspector-scan",
    "kendra",
    "kinesisvideo",
    "kms",
    "logs",
    "memorydb",
    "networkmonitor",
    "notifications",
    "opensearch",
    "pca-connector-ad",
    "personalize",
    "polly",
    "pricing",
    "resource-groups",
    "rolesanywhere",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "signin",
    "sqs",
    "sts",
    "support",
    "swf",
    "textract",
    "timestream-influxdb",
    "transcribe",
    "transfer",
    "translate",
    "wafv2",
    "workspaces",
    "xray",
];

impl Facts<'_> {
    /// Whether service control policies restrict the caller: principals of member accounts, their
    /// root users included, but no service-linked roles.
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html>
    pub(super) fn service_control_applies(&self) -> bool {
        let account = self.principal.account();
        account.is_some() && account != self.management_account() && !self.principal.is_service_linked()
    }

    /// Whether resource control policies restrict the call: on resources of member accounts, of some
    /// services only, and not by service-linked roles.
    /// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
    pub(super) fn resource_control_applies(&self) -> bool {
        let service = self.action.split(':').next().unwrap_or("");
        let in_management =
            self.resource_account.is_some() && self.resource_account == self.management_account();
        WITH_RESOURCE_CONTROL.binary_search(&service).is_ok()
            && self.action != "kms:retiregrant"
            && !in_management
            && !self.principal.is_service_linked()
    }

    /// The management account of the caller's organisation, as far as the context tells it.
    fn management_account(&self) -> Option<&str> {
        self.only("aws:principalorgmasteraccountid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_are_sorted_so_that_they_are_found() {
        assert!(WITH_RESOURCE_CONTROL.is_sorted());
    }
}
