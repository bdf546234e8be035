//! Policies that AWS keeps: their texts stand in nobody's log. Those that are short, and old enough not to change.

use serde_json::{Value, json};

/// The text of a policy of AWS, by its ARN or, of a service control policy, its id.
///
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
pub(super) fn aws_policy(policy: &str) -> Option<Value> {
    let name = match policy.split_once(":iam::aws:policy/") {
        Some((_, name)) => name,
        None if policy == "p-FullAWSAccess" => "AdministratorAccess",
        None => return None,
    };
    let (effect, member, actions) = match name {
        "AdministratorAccess" => ("Allow", "Action", json!("*")),
        "PowerUserAccess" => ("Allow", "NotAction", json!(["iam:*", "organizations:*", "account:*"])),
        "AmazonS3FullAccess" => ("Allow", "Action", json!(["s3:*", "s3-object-lambda:*"])),
        "AmazonS3ReadOnlyAccess" => (
            "Allow",
            "Action",
            json!(["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"]),
        ),
        "AWSDenyAll" => ("Deny", "Action", json!("*")),
        _ => return None,
    };
    Some(json!({"Statement": [{"Effect": effect, member: actions, "Resource": "*"}]}))
}
