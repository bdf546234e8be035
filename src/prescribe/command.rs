//! Changes as commands of the AWS CLI that can be pasted into a shell.

use crate::model::{Change, PolicyHome, shell_flag};

/// What closes a document in a shell. No line of a JSON text can be this.
const END: &str = "END_OF_POLICY";

/// What stands in documents where the external id has to be put.
pub const EXTERNAL_ID: &str = "EXTERNAL_ID";

/// A change as commands of the AWS CLI, in order. Every name is quoted where a shell would read it otherwise.
pub fn commands(change: &Change) -> Vec<String> {
    match change {
        Change::SetPolicy { home, after, .. } => set_policy(home, after),
        Change::AttachPolicy { role, policy_arn } => vec![format!(
            "aws iam attach-role-policy {} {}",
            shell_flag("--role-name", role),
            shell_flag("--policy-arn", policy_arn)
        )],
        Change::DetachPolicy { role, policy_arn } => vec![format!(
            "aws iam detach-role-policy {} {}",
            shell_flag("--role-name", role),
            shell_flag("--policy-arn", policy_arn)
        )],
        Change::Manual { commands, .. } => commands.clone(),
    }
}

fn set_policy(home: &PolicyHome, after: &str) -> Vec<String> {
    let file = match home {
        PolicyHome::Trust { .. } => "trust-policy.json",
        PolicyHome::Inline { .. } | PolicyHome::Managed { .. } => "role-policy.json",
        PolicyHome::Bucket { .. } => "bucket-policy.json",
        PolicyHome::Key { .. } => "key-policy.json",
        PolicyHome::Catalog { .. } => "catalog-policy.json",
    };
    let mut commands = Vec::new();
    if after.contains(&format!("\"{EXTERNAL_ID}\"")) {
        commands
            .push(format!("# Put the external id that the Streamkap app shows in place of {EXTERNAL_ID}."));
    }
    commands.push(format!("cat > {file} <<'{END}'\n{after}\n{END}"));
    let document = format!("file://{file}");
    match home {
        PolicyHome::Trust { role } => commands.push(format!(
            "aws iam update-assume-role-policy {} --policy-document {document}",
            shell_flag("--role-name", role)
        )),
        PolicyHome::Inline { role, name } => commands.push(format!(
            "aws iam put-role-policy {} {} --policy-document {document}",
            shell_flag("--role-name", role),
            shell_flag("--policy-name", name)
        )),
        PolicyHome::Managed { arn } => {
            let arn = shell_flag("--policy-arn", arn);
            commands.push(format!(
                "# A policy keeps five versions. If it has five already, delete an old one first:\n\
                 #   aws iam list-policy-versions {arn}\n\
                 #   aws iam delete-policy-version {arn} --version-id VERSION"
            ));
            commands.push(format!(
                "aws iam create-policy-version {arn} --policy-document {document} --set-as-default"
            ));
        }
        PolicyHome::Bucket { bucket } => commands.push(format!(
            "aws s3api put-bucket-policy {} --policy {document}",
            shell_flag("--bucket", bucket)
        )),
        PolicyHome::Key { arn } => {
            let region = arn.split(':').nth(3).unwrap_or_default();
            commands.push(format!(
                "aws kms put-key-policy {} --policy-name default --policy {document} {}",
                shell_flag("--key-id", arn),
                shell_flag("--region", region)
            ));
        }
        PolicyHome::Catalog { region, .. } => commands.push(format!(
            "aws glue put-resource-policy --policy-in-json {document} {}",
            shell_flag("--region", region)
        )),
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inline(role: &str, name: &str) -> Vec<String> {
        let home = PolicyHome::Inline { role: role.to_owned(), name: name.to_owned() };
        commands(&Change::SetPolicy { home, before: None, after: "{}".to_owned() })
    }

    #[test]
    fn a_document_is_written_to_a_file_that_the_command_reads() {
        assert_eq!(
            inline("Role", "Access"),
            [
                "cat > role-policy.json <<'END_OF_POLICY'\n{}\nEND_OF_POLICY",
                "aws iam put-role-policy --role-name Role --policy-name Access --policy-document file://role-policy.json",
            ]
        );
    }

    #[test]
    fn a_hostile_name_stays_one_word() {
        let commands = inline("a'; rm -rf ~; '", "-x$(id)");
        assert_eq!(
            commands[1],
            r"aws iam put-role-policy --role-name 'a'\''; rm -rf ~; '\''' --policy-name='-x$(id)' --policy-document file://role-policy.json"
        );
    }

    #[test]
    fn a_managed_policy_gets_a_new_default_version_and_a_word_on_the_limit_of_five() {
        let home = PolicyHome::Managed { arn: "arn:aws:iam::111122223333:policy/p".to_owned() };
        let commands = commands(&Change::SetPolicy { home, before: None, after: "{}".to_owned() });
        assert!(commands[1].lines().all(|line| line.starts_with('#')) && commands[1].contains("five"));
        assert!(commands[2].ends_with("--policy-document file://role-policy.json --set-as-default"));
    }

    #[test]
    fn a_placeholder_for_the_external_id_is_pointed_at() {
        let home = PolicyHome::Trust { role: "r".to_owned() };
        let after = r#"{"sts:ExternalId": "EXTERNAL_ID"}"#.to_owned();
        let commands = commands(&Change::SetPolicy { home, before: None, after });
        assert!(commands[0].starts_with('#') && commands[0].contains("EXTERNAL_ID"));
    }
}
