//! How to read from AWS: flag before environment before file before default.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

use super::args::{GlobalArgs, HistoryArgs};
use super::config::Config;
use super::environment::Environment;
use super::failure::Failure;
use super::{regions, target};
use crate::collect::{History, Settings};

/// Options of AWS, each from the flag, the environment or the file.
pub(super) fn settings(
    global: &GlobalArgs,
    history: &HistoryArgs,
    config: &Config,
    environment: &Environment,
) -> Result<Settings, Failure> {
    let mut settings = Settings::at(environment.now);
    settings.profile =
        global.profile.clone().or_else(|| unless_set(environment, "AWS_PROFILE", config.profile.as_ref()));
    settings.region = region(global, config, environment)?;
    settings.endpoint_url = global.endpoint_url.clone().or_else(|| config.endpoint_url.clone());
    if let Some(url) = &settings.endpoint_url
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        return Err(Failure::usage(
            format!("`{url}` is not an endpoint"),
            "expected an address that begins with https:// or http://",
        ));
    }
    let since = history.since.as_ref().or(config.since.as_ref());
    settings.since = since.map(|text| moment(text, environment.now)).transpose()?;
    if let Some(why) = no_history(history, config) {
        settings.history = History::Off(why);
    }
    Ok(settings)
}

/// By what word event history is left out, if it is.
fn no_history(history: &HistoryArgs, config: &Config) -> Option<String> {
    if history.no_history {
        Some("--no-history was given".to_owned())
    } else if config.no_history && history.since.is_none() {
        Some("the configuration file says `no_history`".to_owned())
    } else {
        None
    }
}

/// The session's region by the flag or the file; `None` leaves it to AWS's own settings.
fn region(
    global: &GlobalArgs,
    config: &Config,
    environment: &Environment,
) -> Result<Option<String>, Failure> {
    let region =
        global.region.clone().or_else(|| unless_set(environment, "AWS_REGION", config.region.as_ref()));
    region.as_deref().map(regions::parse).transpose()
}

/// The file's value, unless AWS's own variable is set, which goes before it.
fn unless_set(environment: &Environment, variable: &str, file: Option<&String>) -> Option<String> {
    if environment.variable(variable).is_some() { None } else { file.cloned() }
}

/// `7d`, `12h`, `2w`, a day, or a full time.
pub(super) fn moment(given: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let text = target::unquoted(given);
    let wrong = || {
        Failure::usage(
            format!("`{given}` is not a time"),
            "expected how long ago (30m, 12h, 7d, 2w), a day (2026-11-01) or a full time (2026-11-01T08:00:00Z)",
        )
    };
    if let Some(hours) = ago(text) {
        // AWS knows whole seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        return now.checked_sub(hours).map_err(|_| wrong());
    }
    let at: Timestamp = match (text.parse::<Timestamp>(), text.parse::<civil::DateTime>()) {
        (Ok(at), _) => at,
        // Without an offset it is in UTC, as AWS's times are; of a zone by its name it would be another.
        (_, Ok(time)) if !text.contains('[') => TimeZone::UTC.to_timestamp(time).map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    if at >= now {
        return Err(Failure::usage(format!("`{given}` is not in the past"), "the search ends now"));
    }
    Ok(at)
}

fn ago(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let number: i64 =
        text[..text.len() - unit.len_utf8()].parse().ok().filter(|it| (1..=100_000).contains(it))?;
    match unit {
        'm' => Some(SignedDuration::from_mins(number)),
        'h' => Some(SignedDuration::from_hours(number)),
        'd' => Some(SignedDuration::from_hours(24 * number)),
        'w' => Some(SignedDuration::from_hours(7 * 24 * number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_length_a_day_or_a_time() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let at = |text: &str| moment(text, now).map(|it| it.to_string()).map_err(|failure| failure.message);
        assert_eq!(at("7d").as_deref(), Ok("2026-11-17T12:00:00Z"));
        assert_eq!(at("30m").as_deref(), Ok("2026-11-24T11:30:00Z"));
        assert_eq!(at("2026-11-01").as_deref(), Ok("2026-11-01T00:00:00Z"));
        for unzoned in
            ["2026-11-21T13:00:00", "2026-11-21 13:00", "2026-11-21T13:00", "2026-11-21T13:00:00.000"]
        {
            assert_eq!(at(unzoned).as_deref(), Ok("2026-11-21T13:00:00Z"), "{unzoned}");
        }
        assert_eq!(at("2026-11-01T08:00:00+02:00").as_deref(), Ok("2026-11-01T06:00:00Z"));
        for wrong in [
            "2026-11-21T13:00:00[Europe/Berlin]",
            "2026-11-21T25:00",
            "",
            "7",
            "d",
            "-1d",
            "yesterday",
            "2027-01-01",
            "99999999999999999999d",
            "7é",
        ] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
