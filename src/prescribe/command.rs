//! Changes as commands of the AWS CLI that can be pasted into a shell.

use serde_json::json;

use crate::model::{Change, LakeResource, PolicyHome, shell_flag, shell_word};

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
        Change::GrantLakeFormation { principal, on, permissions, region } => vec![format!(
            "aws lakeformation grant-permissions --principal {} --permissions {} --resource {} {}",
            shell_word(&format!("DataLakePrincipalIdentifier={principal}")),
            permissions.iter().map(|it| shell_word(it)).collect::<Vec<_>>().join(" "),
            shell_word(&lake_resource(on)),
            shell_flag("--region", region)
        )],
        Change::Manual { commands, .. } => commands.clone(),
    }
}

/// A resource as `lakeformation:GrantPermissions` takes it.
/// <https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_Resource.html>
fn lake_resource(on: &LakeResource) -> String {
    let resource = match on {
        LakeResource::Catalog | LakeResource::Other => json!({"Catalog": {}}),
        LakeResource::Database { database } => json!({"Database": {"Name": database}}),
        LakeResource::Table { database, table: Some(table) } => {
            json!({"Table": {"DatabaseName": database, "Name": table}})
        }
        LakeResource::Table { database, table: None } => {
            json!({"Table": {"DatabaseName": database, "TableWildcard": {}}})
        }
        LakeResource::Location { arn } => json!({"DataLocation": {"ResourceArn": arn}}),
    };
    resource.to_string()
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
    fn a_grant_of_lake_formation_is_one_command() {
        let change = Change::GrantLakeFormation {
            principal: "arn:aws:iam::111122223333:role/r".to_owned(),
            on: LakeResource::Database { database: "it's".to_owned() },
            permissions: vec!["DESCRIBE".to_owned(), "CREATE_TABLE".to_owned()],
            region: "eu-west-1".to_owned(),
        };
        assert_eq!(
            commands(&change),
            [r#"aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier=arn:aws:iam::111122223333:role/r --permissions DESCRIBE CREATE_TABLE --resource '{"Database":{"Name":"it'\''s"}}' --region eu-west-1"#]
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
