//! Commands of the AWS CLI that findings advise, each complete: in the region of what it is about.

use crate::model::shell_flag;

/// The command on what is in a region, as far as that is known: `aws redshift describe-clusters --region R`.
pub(crate) fn in_region(command: &str, region: Option<&str>) -> String {
    match region.filter(|region| !region.is_empty()) {
        Some(region) => format!("{command} {}", shell_flag("--region", region)),
        None => command.to_owned(),
    }
}

/// The command of `aws kms` on a key: `aws kms enable-key --key-id ARN --region R`.
pub(crate) fn on_key(command: &str, key: &str) -> String {
    let region = key.split(':').nth(3);
    in_region(&format!("aws kms {command} {}", shell_flag("--key-id", key)), region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_region_of_what_it_is_about() {
        assert_eq!(in_region("aws redshift describe-clusters", None), "aws redshift describe-clusters");
        let key = "arn:aws:kms:eu-west-1:111122223333:key/0a1b";
        assert_eq!(
            on_key("enable-key", key),
            format!("aws kms enable-key --key-id {key} --region eu-west-1")
        );
        assert_eq!(on_key("enable-key", "alias/x y"), "aws kms enable-key --key-id 'alias/x y'");
    }
}
