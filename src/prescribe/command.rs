//! Changes as commands of the AWS CLI that can be pasted into a shell.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::model::{Change, LakeResource, PolicyHome, shell_flag, shell_guard, shell_word};

use super::mask::{CURRENT, EXTERNAL_ID};

/// What closes a document in a shell. No line of a JSON text can be this.
const END: &str = "END_OF_POLICY";

/// A change as commands of the AWS CLI, in order. Every name is quoted where a shell would read it otherwise.
/// Each command works or changes nothing: a document is written and used by one.
pub fn commands(change: &Change) -> Vec<String> {
    match change {
        Change::SetPolicy { home, before, after } => set_policy(home, before.as_deref(), after),
        Change::DeletePolicy { home, .. } => delete_policy(home).into_iter().collect(),
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

fn set_policy(home: &PolicyHome, before: Option<&str>, after: &str) -> Vec<String> {
    let (file, command) = match home {
        PolicyHome::Trust { role } => {
            let role = shell_flag("--role-name", role);
            ("trust-policy.json", format!("aws iam update-assume-role-policy {role} --policy-document"))
        }
        PolicyHome::Inline { role, name } => {
            let (role, name) = (shell_flag("--role-name", role), shell_flag("--policy-name", name));
            ("role-policy.json", format!("aws iam put-role-policy {role} {name} --policy-document"))
        }
        PolicyHome::Managed { arn } => {
            let arn = shell_flag("--policy-arn", arn);
            let command = format!("aws iam create-policy-version {arn} --set-as-default --policy-document");
            ("role-policy.json", command)
        }
        PolicyHome::Bucket { bucket } => {
            let bucket = shell_flag("--bucket", bucket);
            ("bucket-policy.json", format!("aws s3api put-bucket-policy {bucket} --policy"))
        }
        PolicyHome::Key { arn } => {
            let region = shell_flag("--region", arn.split(':').nth(3).unwrap_or_default());
            let key = shell_flag("--key-id", arn);
            (
                "key-policy.json",
                format!("aws kms put-key-policy {key} {region} --policy-name default --policy"),
            )
        }
        PolicyHome::Catalog { region, .. } => ("catalog-policy.json", catalog(region, before)),
    };
    let (mut commands, takes, document) = match home {
        PolicyHome::Trust { role } => external_ids(role, before.unwrap_or_default(), after),
        _ => (Vec::new(), String::new(), format!("<<'{END}' &&\n{after}")),
    };
    if let PolicyHome::Managed { arn } = home {
        commands.push(five_versions(arn));
    }
    commands.push(format!("{takes}cat > {file} {document}\n{END}\n{command} file://{file}"));
    commands
}

/// Deletes what can be deleted without more: the policies of a role, a bucket and the Data Catalog.
fn delete_policy(home: &PolicyHome) -> Option<String> {
    match home {
        PolicyHome::Inline { role, name } => Some(format!(
            "aws iam delete-role-policy {} {}",
            shell_flag("--role-name", role),
            shell_flag("--policy-name", name)
        )),
        PolicyHome::Bucket { bucket } => {
            Some(format!("aws s3api delete-bucket-policy {}", shell_flag("--bucket", bucket)))
        }
        PolicyHome::Catalog { region, .. } => {
            Some(format!("aws glue delete-resource-policy {}", shell_flag("--region", region)))
        }
        PolicyHome::Trust { .. } | PolicyHome::Key { .. } | PolicyHome::Managed { .. } => None,
    }
}

/// Without `--enable-hybrid` AWS refuses a policy once Lake Formation shares resources with other accounts; the
/// statement that lets it do so stays as it is.
/// <https://docs.aws.amazon.com/lake-formation/latest/dg/hybrid-cross-account.html>
fn catalog(region: &str, before: Option<&str>) -> String {
    let exists = if before.is_some() { "MUST_EXIST" } else { "NOT_EXIST" };
    format!(
        "aws glue put-resource-policy {} --enable-hybrid TRUE --policy-exists-condition {exists} --policy-in-json",
        shell_flag("--region", region)
    )
}

/// What to do where a managed policy has as many versions as AWS keeps of one, which makes the next command fail.
fn five_versions(arn: &str) -> String {
    let arn = shell_flag("--policy-arn", arn);
    format!(
        "# A policy keeps five versions. If it has five already, delete the oldest that is not in use first:\n\
         #   aws iam delete-policy-version {arn} --version-id \"$(aws iam list-policy-versions {arn} \
         --query 'sort_by(Versions[?!IsDefaultVersion], &CreateDate)[0].VersionId' --output text)\""
    )
}

/// A trust policy's external ids are no part of what is printed: those that it asks for now are read from AWS,
/// and those that it shall ask for have to be set before, or the command stops. A word on these, what comes
/// before the document is written, and the document for the shell to fill in.
fn external_ids(role: &str, before: &str, after: &str) -> (Vec<String>, String, String) {
    let names = names(after);
    if names.is_empty() {
        return (Vec::new(), String::new(), format!("<<'{END}' &&\n{after}"));
    }
    let escaped = after.chars().fold(String::new(), |mut text, letter| {
        if matches!(letter, '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(letter);
        text
    });
    let (mut words, mut takes, mut document) = (Vec::new(), String::new(), escaped);
    for name in names {
        document = document.replace(&format!("\"{name}\""), &format!("\"${{{name}}}\""));
        if let Some(path) = name.starts_with(CURRENT).then(|| path_of(before, &name)).flatten() {
            let (role, path) = (shell_flag("--role-name", role), shell_word(&path));
            let read = format!("aws iam get-role {role} --query {path} --output text");
            let _ = writeln!(takes, "{name}=\"$({read})\" && [ \"${name}\" != None ] &&");
        } else {
            let what = if name == EXTERNAL_ID {
                "the external id that the Streamkap app shows"
            } else {
                "an external id that the policy asked for before"
            };
            words.push(format!("# Set {name} first: {what}."));
            takes.push_str(&shell_guard(&name, what));
        }
    }
    (words, takes, format!("<<{END} &&\n{document}"))
}

/// The names that stand for external ids in a document, those to be set first.
fn names(document: &str) -> Vec<String> {
    let is_name = |text: &&str| {
        let number = text.strip_prefix(CURRENT).or_else(|| text.strip_prefix(EXTERNAL_ID));
        number.is_some_and(|it| {
            it.is_empty() || it.strip_prefix('_').is_some_and(|it| it.parse::<u16>().is_ok())
        })
    };
    let found: BTreeSet<(bool, &str)> =
        document.split('"').filter(is_name).map(|name| (name.starts_with(CURRENT), name)).collect();
    found.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// Where a text stands in a trust policy, as a query of the AWS CLI.
/// <https://jmespath.org/specification.html>
fn path_of(document: &str, text: &str) -> Option<String> {
    fn within(value: &Value, text: &str) -> Option<String> {
        match value {
            Value::String(found) => (found == text).then(String::new),
            Value::Array(items) => {
                let found = |(at, item)| Some(format!("[{at}]{}", within(item, text)?));
                items.iter().enumerate().find_map(found)
            }
            Value::Object(members) => {
                let found = |(name, member)| Some(format!(".{}{}", Value::from(name), within(member, text)?));
                members.iter().map(|(name, member)| (name.as_str(), member)).find_map(found)
            }
            _ => None,
        }
    }
    let document: Value = serde_json::from_str(document).ok()?;
    within(&document, text).map(|path| format!("Role.AssumeRolePolicyDocument{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inline(role: &str, name: &str) -> Vec<String> {
        let home = PolicyHome::Inline { role: role.to_owned(), name: name.to_owned() };
        commands(&Change::SetPolicy { home, before: None, after: "{}".to_owned() })
    }

    #[test]
    fn a_document_is_written_to_a_file_and_used_by_one_command() {
        assert_eq!(
            inline("Role", "Access"),
            ["cat > role-policy.json <<'END_OF_POLICY' &&\n{}\nEND_OF_POLICY\n\
              aws iam put-role-policy --role-name Role --policy-name Access --policy-document file://role-policy.json"]
        );
    }

    #[test]
    fn a_hostile_name_stays_one_word() {
        let commands = inline("a'; rm -rf ~; '", "-x$(id)");
        assert!(commands[0].ends_with(
            r"aws iam put-role-policy --role-name 'a'\''; rm -rf ~; '\''' --policy-name='-x$(id)' --policy-document file://role-policy.json"
        ));
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
            [
                r#"aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier=arn:aws:iam::111122223333:role/r --permissions DESCRIBE CREATE_TABLE --resource '{"Database":{"Name":"it'\''s"}}' --region eu-west-1"#
            ]
        );
    }

    #[test]
    fn a_managed_policy_gets_a_new_default_version_and_a_word_on_the_limit_of_five() {
        let home = PolicyHome::Managed { arn: "arn:aws:iam::111122223333:policy/p".to_owned() };
        let commands = commands(&Change::SetPolicy { home, before: None, after: "{}".to_owned() });
        assert!(commands[0].lines().all(|line| line.starts_with('#')) && commands[0].contains("five"));
        assert!(commands[1].ends_with("--set-as-default --policy-document file://role-policy.json"));
    }

    #[test]
    fn a_catalog_policy_is_kept_beside_what_lake_formation_shares() {
        let home = PolicyHome::Catalog { account: "111122223333".to_owned(), region: "eu-west-1".to_owned() };
        let before = Some("{}".to_owned());
        let commands = commands(&Change::SetPolicy { home, before, after: "{}".to_owned() });
        assert!(commands[0].contains(" --enable-hybrid TRUE --policy-exists-condition MUST_EXIST "));
    }

    #[test]
    fn an_external_id_is_asked_for_or_read_from_aws() {
        let document = |ids: &str| {
            format!(
                r#"{{"Statement": [{{"Condition": {{"StringLike": {{"sts:ExternalId": [{ids}], "aws:x": "${{aws:y}}"}}}}}}]}}"#
            )
        };
        let change = Change::SetPolicy {
            home: PolicyHome::Trust { role: "r".to_owned() },
            before: Some(document(r#""x", "CURRENT_EXTERNAL_ID""#)),
            after: document(r#""CURRENT_EXTERNAL_ID", "EXTERNAL_ID""#),
        };
        let commands = commands(&change);
        assert_eq!(commands[0], "# Set EXTERNAL_ID first: the external id that the Streamkap app shows.");
        assert_eq!(
            commands[1],
            r#": "${EXTERNAL_ID:?set it to the external id that the Streamkap app shows}" &&
CURRENT_EXTERNAL_ID="$(aws iam get-role --role-name r --query 'Role.AssumeRolePolicyDocument."Statement"[0]."Condition"."StringLike"."sts:ExternalId"[1]' --output text)" && [ "$CURRENT_EXTERNAL_ID" != None ] &&
cat > trust-policy.json <<END_OF_POLICY &&
{"Statement": [{"Condition": {"StringLike": {"sts:ExternalId": ["${CURRENT_EXTERNAL_ID}", "${EXTERNAL_ID}"], "aws:x": "\${aws:y}"}}}]}
END_OF_POLICY
aws iam update-assume-role-policy --role-name r --policy-document file://trust-policy.json"#
        );
    }
}
