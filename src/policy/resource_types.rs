//! Actions that take no resource: a statement means them by `Resource: "*"` only, or by a pattern that covers
//! whatever there is.

use super::scope::covers;

/// Actions without a resource type, some by a pattern, in lower case.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/>
const WITHOUT: [&str; 41] = [
    "cloudwatch:list*",
    "cloudwatch:putmetricdata",
    "ec2:describe*",
    "ecr:getauthorizationtoken",
    "eks:describeaddonconfiguration",
    "eks:describeaddonversions",
    "eks:describeclusterversions",
    "eks:listaccesspolicies",
    "eks:listclusters",
    "iam:listaccountaliases",
    "iam:listopenidconnectproviders",
    "iam:listpolicies",
    "iam:listroles",
    "kms:createkey",
    "kms:generaterandom",
    "kms:listaliases",
    "kms:listkeys",
    "kms:listretirablegrants",
    "lakeformation:*",
    "logs:describe*",
    "organizations:describeorganization",
    "redshift-data:cancelstatement",
    "redshift-data:describestatement",
    "redshift-data:getstatementresult",
    "redshift-data:liststatements",
    "redshift-serverless:list*",
    "redshift:describeclusters",
    "redshift:listdatabases",
    "redshift:listtables",
    "route53:createhostedzone",
    "route53:listhostedzones*",
    "s3:getaccountpublicaccessblock",
    "s3:listaccesspoints",
    "s3:listallmybuckets",
    "s3:listjobs",
    "s3:liststoragelensconfigurations",
    "sqs:listqueues",
    "sts:decodeauthorizationmessage",
    "sts:getcalleridentity",
    "sts:getsessiontoken",
    "tag:getresources",
];

/// Actions that those patterns cover and that do take a resource.
const WITH: [&str; 27] = [
    "cloudwatch:listalarmmuterules",
    "cloudwatch:listtagsforresource",
    "ec2:describecapacityblockextensionofferings",
    "ec2:describeclientvpnauthorizationrules",
    "ec2:describeclientvpnconnections",
    "ec2:describeclientvpnroutes",
    "ec2:describeclientvpntargetnetworks",
    "ec2:describefleethistory",
    "ec2:describefleetinstances",
    "ec2:describefpgaimageattribute",
    "ec2:describeimageattribute",
    "ec2:describeinstanceattribute",
    "ec2:describesecuritygroupreferences",
    "ec2:describesnapshotattribute",
    "ec2:describespotfleetinstances",
    "ec2:describespotfleetrequesthistory",
    "ec2:describevolumeattribute",
    "ec2:describevpcattribute",
    "ec2:describevpcendpointservicepermissions",
    "logs:describelogstreams",
    "logs:describemetricfilters",
    "logs:describesubscriptionfilters",
    "redshift-serverless:listautonomicsdenylist",
    "redshift-serverless:listendpointaccess",
    "redshift-serverless:listrecoverypoints",
    "redshift-serverless:listsnapshots",
    "redshift-serverless:listtagsforresource",
];

/// Whether AWS lists an action, or all that a pattern means, without a resource type.
pub fn takes_no_resource(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    WITHOUT.iter().any(|known| covers(known, &action)) && !WITH.contains(&action.as_str())
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
        ] {
            assert_eq!(takes_no_resource(action), expected, "{action}");
        }
    }

    #[test]
    fn what_takes_a_resource_is_an_exception_to_a_pattern() {
        assert!(WITH.iter().all(|action| WITHOUT.iter().any(|known| covers(known, action))));
    }
}
