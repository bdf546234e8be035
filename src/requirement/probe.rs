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

/// Actions on log groups that ask for the ARN without what follows the group's name.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html>
const OF_BARE_GROUPS: [&str; 3] = ["logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource"];

/// Actions on the streams of a log group.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
const OF_STREAMS: [&str; 4] =
    ["logs:CreateLogStream", "logs:DeleteLogStream", "logs:GetLogEvents", "logs:PutLogEvents"];

/// The pattern of a log group's ARN in the form in which an action asks for it: `log-group:NAME` where that is about
/// tags, `log-group:NAME:log-stream:*` where it is about streams, and `log-group:NAME:*` for all others.
pub(super) fn of_log_group(action: &str, pattern: String) -> String {
    let Some((head, group)) = pattern.split_once(":log-group:").filter(|(head, _)| head.contains(":logs:"))
    else {
        return pattern;
    };
    let is_one_of = |actions: &[&str]| actions.iter().any(|it| it.eq_ignore_ascii_case(action));
    let name = match group.split_once(':') {
        None => group,
        Some((name, "*" | "log-stream:" | "log-stream:*")) => name,
        Some(_) => return pattern,
    };
    let ending = match () {
        () if is_one_of(&OF_BARE_GROUPS) => "",
        () if is_one_of(&OF_STREAMS) => ":log-stream:*",
        () => ":*",
    };
    format!("{head}:log-group:{name}{ending}")
}

/// The ARN of one log group in a pattern `log-group:NAME:*`. AWS asks for `log-group:NAME:log-stream:`, so its denials
/// say: `logs:PutRetentionPolicy on resource: arn:aws:logs:…:log-group:/aws/lambda/orders:log-stream:`.
fn whole_log_group(pattern: &str) -> Option<&str> {
    let group = pattern.strip_suffix(":*").filter(|it| it.contains(":logs:") && !it.contains(['*', '?']))?;
    let (_, name) = group.split_once(":log-group:")?;
    (!name.contains(':')).then_some(group)
}

/// One concrete ARN of a pattern.
pub(super) fn of(pattern: &str) -> String {
    if pattern == "*" {
        return pattern.to_owned();
    }
    if let Some(group) = whole_log_group(pattern) {
        return format!("{group}:log-stream:");
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
    fn a_log_group_is_asked_about_in_the_form_of_the_action() {
        let arn = "arn:aws:logs:eu-west-1:111122223333:";
        let asked = |action: &str, resource: &str| {
            let pattern = of_log_group(action, format!("{arn}{resource}"));
            pattern.strip_prefix(arn).unwrap().to_owned()
        };
        for written in ["log-group:/orders", "log-group:/orders:*"] {
            assert_eq!(asked("logs:PutRetentionPolicy", written), "log-group:/orders:*");
            assert_eq!(asked("logs:TagResource", written), "log-group:/orders");
            assert_eq!(asked("logs:listtagsforresource", written), "log-group:/orders");
            assert_eq!(asked("logs:PutLogEvents", written), "log-group:/orders:log-stream:*");
        }
        assert_eq!(of(&format!("{arn}log-group:/orders:*")), format!("{arn}log-group:/orders:log-stream:"));
        let stream = format!("{arn}log-group:/orders:log-stream:*");
        assert_eq!(of(&stream), stream.replace('*', PROBE));
        assert_eq!(asked("logs:PutLogEvents", "log-group:/a:log-stream:one"), "log-group:/a:log-stream:one");
        assert_eq!(asked("logs:CreateLogGroup", "log-group:*"), "log-group:*:*");
        assert_eq!(asked("logs:PutDestination", "destination:one"), "destination:one");
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
