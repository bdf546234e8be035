//! Actions that take no resource: a statement means them by `Resource: "*"` only, or by a pattern that covers
//! whatever there is.

use super::actions::{action_named, meant_by};
use super::scope::covers;

/// Actions that are called without the resource that AWS lists for them.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/>
const MAY_GO_WITHOUT: [&str; 3] =
    ["cloudwatch:listmetrics", "cloudwatch:putmetricdata", "redshift:describeclusters"];

/// Actions that are asked on a resource though AWS lists none for them: a refusal names
/// `arn:aws:logs:…:log-group::log-stream:`, or the ARN of the cluster that is to be made.
const TAKES_ONE: [&str; 2] = ["eks:createcluster", "logs:describeloggroups"];

/// Patterns of actions that tell what there is, but for a few, and take no resource for it.
const LISTING: [&str; 3] = ["cloudwatch:list*", "ec2:describe*", "redshift-serverless:list*"];

/// Whether AWS lists an action, or all that a pattern means, without a resource type. An action that is not known
/// is not known to take none.
pub fn takes_no_resource(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    if !action.contains(['*', '?']) {
        return MAY_GO_WITHOUT.contains(&&*action)
            || !TAKES_ONE.contains(&&*action)
                && action_named(&action).is_some_and(|known| !known.takes_resource);
    }
    let meant = meant_by(&action);
    LISTING.iter().any(|known| covers(known, &action))
        || (!meant.is_empty() && meant.iter().all(|known| !known.takes_resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_takes_no_resource_where_aws_lists_none() {
        for (action, expected) in [
            ("ec2:DescribeVpcs", true),
            ("ec2:Describe*", true),
            ("ec2:DescribeVpcAttribute", false),
            ("ec2:RunInstances", false),
            ("kms:CreateKey", true),
            ("iam:PassRole", false),
            ("secretsmanager:ListSecrets", true),
            ("dynamodb:ListTables", true),
            ("lakeformation:*", true),
            ("sqs:*", false),
            ("redshift:DescribeClusters", true),
            ("sqs:NoSuchAction", false),
            ("nosuchservice:List*", false),
            ("logs:DescribeLogGroups", false),
            ("eks:CreateCluster", false),
        ] {
            assert_eq!(takes_no_resource(action), expected, "{action}");
        }
    }
}
