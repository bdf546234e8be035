//! What a file is by its place and name, before it is opened.
//!
//! CloudTrail's own layout is `[prefix/]AWSLogs/[o-…/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/`
//! `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_….json.gz`, with `CloudTrail-Digest`,
//! `CloudTrail-Insight` and other services beside `CloudTrail`. In any other place the content
//! decides.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A log file, or what may be one.
    Log(Place<'a>),
    /// A digest of log files.
    Digest,
    /// An insight.
    Insight,
    /// Of another service, or an aggregate.
    Other,
}

/// What a log file's name tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    /// When it was delivered: its records are of that time or earlier.
    pub(super) delivered: Option<Timestamp>,
    /// It lies where other services put their logs: without records it is one of those.
    pub(super) doubtful: bool,
}

/// Tells what the object with this key is.
pub(super) fn kind_of_key(key: &str) -> Kind<'_> {
    let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
    kind(folders, name)
}

/// Tells what a file is; `folders` is its folder's path relative to the one that is searched, with
/// `/` between its parts.
pub(super) fn kind<'a>(folders: &'a str, name: &'a str) -> Kind<'a> {
    let mut place = Place::default();
    if let Some(named) = of_name(name) {
        match named {
            Kind::Log(named) => place = named,
            other => return other,
        }
    }
    let mut folders = folders.split('/').skip_while(|part| *part != "AWSLogs" && !is_sibling(part));
    match folders.next() {
        Some("AWSLogs") => of_folders(folders, place),
        Some(sibling) => of_service(sibling).unwrap_or(Kind::Log(place)),
        None => Kind::Log(place),
    }
}

/// A folder beside `CloudTrail` that bears its name.
fn is_sibling(part: &str) -> bool {
    matches!(part, "CloudTrail-Digest" | "CloudTrail-Insight" | "CloudTrail-Aggregated")
}

/// Folders of other services, which nobody opens. What is not in the list is looked into.
const OTHER_SERVICES: [&str; 12] = [
    "CloudTrail-Aggregated",
    "BedrockModelInvocationLogs",
    "Config",
    "GuardDuty",
    "WAFLogs",
    "elasticloadbalancing",
    "globalaccelerator",
    "network-firewall",
    "redshift",
    "vpc-lattice",
    "vpcdnsquerylogs",
    "vpcflowlogs",
];

/// What a service's folder, or its part of a file's name, tells; none for logs.
fn of_service(service: &str) -> Option<Kind<'static>> {
    match service {
        "CloudTrail-Digest" => Some(Kind::Digest),
        "CloudTrail-Insight" => Some(Kind::Insight),
        other => OTHER_SERVICES.contains(&other).then_some(Kind::Other),
    }
}

/// What follows `AWSLogs`.
fn of_folders<'a>(mut folders: impl Iterator<Item = &'a str>, mut place: Place<'a>) -> Kind<'a> {
    let mut account = folders.next();
    if account.is_some_and(|part| part.starts_with("o-")) {
        account = folders.next();
    }
    let Some(account) = account.filter(|account| is_account(account)) else { return Kind::Log(place) };
    let Some(service) = folders.next() else { return Kind::Log(place) };
    if let Some(other) = of_service(service) {
        return other;
    }
    if service != "CloudTrail" {
        place.doubtful = place.delivered.is_none();
        return Kind::Log(place);
    }
    place.account.get_or_insert(account);
    if let Some(region) = folders.next() {
        place.region.get_or_insert(region);
    }
    Kind::Log(place)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What `ACCOUNT_CloudTrail_REGION_TIME_….json.gz` tells; some old names lack the last `_`.
fn of_name(name: &str) -> Option<Kind<'_>> {
    let mut parts = name.split('_');
    let account = parts.next().filter(|account| is_account(account))?;
    let service = parts.next()?;
    if let Some(other) = of_service(service) {
        return Some(other);
    }
    if !service.starts_with("CloudTrail") {
        return None;
    }
    let region = parts.next()?;
    let time = parts.next().and_then(|time| time.get(..14)).and_then(time);
    let place = Place { account: Some(account), region: Some(region), delivered: time, doubtful: false };
    Some(Kind::Log(place))
}

/// `YYYYMMDDTHHmmZ`.
fn time(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let small = |from, to| i8::try_from(number(from, to)?).ok();
    if !text.ends_with('Z') {
        return None;
    }
    let time =
        DateTime::new(number(0, 4)?, small(4, 6)?, small(6, 8)?, small(9, 11)?, small(11, 13)?, 0, 0).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layouts_of_accounts_and_organisations_tell_account_region_and_time() {
        let name = "111122223333_CloudTrail_eu-west-1_20260302T0005Z_abcdefghijklmnop.json.gz";
        for folder in [
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/02/",
            "some/prefix/AWSLogs/o-ab12cd34ef/111122223333/CloudTrail/eu-west-1/2026/03/02/",
            "flat/",
            "",
        ] {
            let path = format!("{folder}{name}");
            let Kind::Log(place) = kind_of_key(&path) else { panic!("{folder}") };
            assert_eq!(place.account, Some("111122223333"));
            assert_eq!(place.region, Some("eu-west-1"));
            assert_eq!(place.delivered.unwrap().to_string(), "2026-03-02T00:05:00Z");
        }
    }

    #[test]
    fn digests_insights_and_other_services_are_told_by_folder_or_name() {
        for (path, expected) in [
            ("AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/03/02/x.json.gz", Kind::Digest),
            ("AWSLogs/o-1/111122223333/CloudTrail-Insight/eu-west-1/x.json.gz", Kind::Insight),
            ("AWSLogs/111122223333/CloudTrail-Aggregated/x.json.gz", Kind::Other),
            ("AWSLogs/111122223333/Config/eu-west-1/x.json.gz", Kind::Other),
            ("CloudTrail-Digest/eu-west-1/x.json.gz", Kind::Digest),
            (
                "flat/111122223333_CloudTrail-Digest_eu-west-1_main_eu-west-1_20260302T000000Z.json.gz",
                Kind::Digest,
            ),
            ("flat/111122223333_vpcflowlogs_eu-west-1_fl-1_20260302T0005Z_a.log.gz", Kind::Other),
            ("flat/111122223333_elasticloadbalancing_eu-west-1_app.x_20260302T0005Z_a.log.gz", Kind::Other),
            ("flat/111122223333_CloudTrail-Insight_eu-west-1_20260302T0510Z_abc.json.gz", Kind::Insight),
        ] {
            assert_eq!(kind_of_key(path), expected, "{path}");
        }
    }

    #[test]
    fn logs_that_were_put_elsewhere_are_looked_into() {
        for path in [
            "AWSLogs/111122223333/eu-west-1/2026/03/02/x.json.gz",
            "AWSLogs/111122223333/2026/03/02/x.json.gz",
            "AWSLogs/111122223333/cloudtrail/eu-west-1/x.json.gz",
        ] {
            let doubtful = Place { doubtful: true, ..Place::default() };
            assert_eq!(kind_of_key(path), Kind::Log(doubtful), "{path}");
        }
        let named =
            "AWSLogs/111122223333/eu-west-1/111122223333_CloudTrail_eu-west-1_20260302T0005Z_a.json.gz";
        assert!(
            matches!(kind_of_key(named), Kind::Log(place) if !place.doubtful && place.region == Some("eu-west-1"))
        );
    }

    #[test]
    fn any_other_name_may_be_a_log() {
        for path in [
            "x.json",
            "CloudTrail-2026/a.json.gz",
            "AWSLogs/x.json",
            "AWSLogs/notes/x.json",
            "123_CloudTrail_a.json",
        ] {
            assert_eq!(kind_of_key(path), Kind::Log(Place::default()), "{path}");
        }
    }
}
