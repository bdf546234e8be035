//! Names that stand for all that a pattern means.

use super::PROBE;

/// What Secrets Manager puts behind a secret's name in its ARN is six letters and digits after a hyphen.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>
const ENDING: &str = "-??????";

/// Six letters as Secrets Manager might give them.
const LETTERS: &str = "Strm0k";

/// The pattern of a secret's ARN with the end that its name gets, where it has none.
pub(super) fn with_ending(pattern: String) -> String {
    let is_whole = |name: &str| name.is_empty() || name.contains('*') || has_ending(name);
    match secret(&pattern) {
        Some(name) if !is_whole(name) => format!("{pattern}{ENDING}"),
        _ => pattern,
    }
}

/// One concrete ARN of a pattern.
pub(super) fn of(pattern: &str) -> String {
    if pattern == "*" {
        return pattern.to_owned();
    }
    let at = pattern.match_indices(':').nth(4).map_or(0, |(at, _)| at + 1);
    let (place, resource) = pattern.split_at(at);
    let mut letters = PROBE.chars().cycle();
    let mut filled = String::with_capacity(resource.len() + PROBE.len());
    let is_secret = secret(pattern).is_some();
    let mut rest = resource.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '*' if is_secret && rest.peek().is_none() => {
                if filled.ends_with([':', '/']) {
                    filled.push_str(PROBE);
                }
                filled.push_str(if filled.ends_with('-') { "" } else { "-" });
                filled.push_str(LETTERS);
            }
            '*' => filled.push_str(PROBE),
            '?' => filled.extend(letters.next()),
            letter => filled.push(letter),
        }
    }
    format!("{place}{filled}")
}

/// The name of the secret that an ARN is of.
fn secret(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':').skip(2);
    (parts.next() == Some("secretsmanager")).then(|| parts.nth(2)?.strip_prefix("secret:"))?
}

/// Whether a name ends as Secrets Manager ends them. A word of six small letters is taken for a part of the name.
fn has_ending(name: &str) -> bool {
    let Some((_, ending)) = name.rsplit_once('-') else { return false };
    ending.len() == 6
        && ending.chars().all(|it| it.is_ascii_alphanumeric() || it == '?')
        && !ending.chars().all(|it| it.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(resource: &str) -> String {
        let pattern = with_ending(format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:{resource}"));
        of(&pattern).rsplit_once("secret:").unwrap().1.to_owned()
    }

    #[test]
    fn a_secret_is_meant_with_the_end_of_its_name() {
        assert_eq!(probe("orders"), "orders-stream");
        assert_eq!(probe("orders-secret"), "orders-secret-stream");
        assert_eq!(probe("orders-??????"), "orders-stream");
        assert_eq!(probe("orders-a1B2c3"), "orders-a1B2c3");
        assert_eq!(probe("orders-*"), "orders-Strm0k");
        assert_eq!(probe("orders*"), "orders-Strm0k");
        assert_eq!(probe("app/*"), "app/streamkap-doctor-probe-Strm0k");
    }

    #[test]
    fn only_the_name_of_a_resource_is_made_up() {
        assert_eq!(of("arn:aws:s3:::orders/raw/*"), "arn:aws:s3:::orders/raw/streamkap-doctor-probe");
        assert_eq!(
            of("arn:aws:sqs:*:111122223333:a-*-?"),
            "arn:aws:sqs:*:111122223333:a-streamkap-doctor-probe-s"
        );
        assert_eq!(of("*"), "*");
    }
}
