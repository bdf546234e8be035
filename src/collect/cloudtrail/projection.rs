//! What the partition projection of an Athena table leaves out.
//!
//! <https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_athena::types::{Column, TableMetadata};
use jiff::{SignedDuration, Timestamp};

use crate::denials::{RoleFilter, Scope};

/// What of the scope is in no partition that the table's projection makes, one sentence each. `now` ends a
/// window that has no end.
pub(super) fn gaps(table: &TableMetadata, scope: &Scope, now: Timestamp) -> Vec<String> {
    let parameters: BTreeMap<&str, &str> = table
        .parameters()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let columns: Vec<&str> = table.partition_keys().iter().map(Column::name).collect();
    of_columns(&parameters, &columns, scope, now)
}

fn of_columns(
    parameters: &BTreeMap<&str, &str>,
    columns: &[&str],
    scope: &Scope,
    now: Timestamp,
) -> Vec<String> {
    let is_on = parameters.get("projection.enabled").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let mut gaps = Vec::new();
    for column in columns.iter().filter(|_| is_on) {
        let of = |what: &str| parameters.get(format!("projection.{column}.{what}").as_str()).copied();
        match (of("type").unwrap_or_default(), column.to_ascii_lowercase().as_str()) {
            ("date", _) => gaps.extend(of_dates(column, of("range"), of("format"), scope, now)),
            ("enum", "account" | "accountid" | "account_id") => {
                gaps.extend(of_values("account", of("values"), &accounts(scope)));
            }
            ("enum", "region" | "awsregion" | "aws_region") => {
                gaps.extend(of_values("region", of("values"), &scope.regions));
            }
            _ => {}
        }
    }
    gaps
}

/// The accounts asked for, else the role's own.
fn accounts(scope: &Scope) -> BTreeSet<String> {
    match &scope.role {
        Some(RoleFilter::Arn(role)) if scope.accounts.is_empty() => [role.account().to_owned()].into(),
        _ => scope.accounts.clone(),
    }
}

fn of_values(what: &str, values: Option<&str>, wanted: &BTreeSet<String>) -> Option<String> {
    let values: Vec<&str> = values.unwrap_or_default().split(',').map(str::trim).collect();
    let missing: Vec<&str> = wanted.iter().map(String::as_str).filter(|it| !values.contains(it)).collect();
    (!missing.is_empty())
        .then(|| format!("the table's partition projection has no {what} {}", missing.join(", ")))
}

/// What the dates of a column leave out of the window, day by day.
fn of_dates(
    column: &str,
    range: Option<&str>,
    format: Option<&str>,
    scope: &Scope,
    now: Timestamp,
) -> Option<String> {
    let range = range.unwrap_or_default();
    let bounds = range.split_once(',').and_then(|(first, last)| {
        let format = format.unwrap_or_default();
        Some((day_of(first.trim(), format, now)?, day_of(last.trim(), format, now)?))
    });
    let Some((first, last)) = bounds else {
        return Some(format!(
            "which days are in the table's partitions cannot be told: {column} has the range `{range}`"
        ));
    };
    let until = scope.window.until.unwrap_or(now).min(now);
    let begins_later = scope.window.since.is_some_and(|since| day(since) < first);
    (begins_later || last < day(until)).then(|| {
        format!(
            "the table's partitions are of the days from {first} to {last} only, by the range of {column}"
        )
    })
}

/// `2026/03/02`.
fn day(time: Timestamp) -> String {
    time.strftime("%Y/%m/%d").to_string()
}

/// The day of a bound: a date in the pattern's form, or `NOW` with an offset such as `-3YEARS`.
fn day_of(bound: &str, pattern: &str, now: Timestamp) -> Option<String> {
    if let Some(offset) = bound.strip_prefix("NOW") {
        return Some(day(now.checked_add(offset_of(offset)?).unwrap_or(now)));
    }
    let part = |letters: &str| pattern.find(letters).and_then(|at| bound.get(at..at + letters.len()));
    let year = part("yyyy")?;
    let numbers = [year, part("MM").unwrap_or("01"), part("dd").unwrap_or("01")];
    numbers.iter().all(|it| it.bytes().all(|byte| byte.is_ascii_digit())).then(|| numbers.join("/"))
}

/// The length of `-3YEARS`; that of months and years to the day or two.
fn offset_of(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    if text.is_empty() {
        return Some(SignedDuration::ZERO);
    }
    let end = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(end);
    let number: i64 = number.replace(' ', "").parse().ok()?;
    let hours = match unit.trim().trim_end_matches('S') {
        "YEAR" => 24 * 365,
        "MONTH" => 24 * 30,
        "WEEK" => 24 * 7,
        "DAY" => 24,
        "HOUR" => 1,
        "MINUTE" | "SECOND" => 0,
        _ => return None,
    };
    Some(SignedDuration::from_hours(number.checked_mul(hours)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denials::Window;

    fn told(range: &str, regions: &str, since: &str) -> String {
        let parameters = BTreeMap::from([
            ("projection.enabled", "true"),
            ("projection.day.type", "date"),
            ("projection.day.format", "yyyy/MM/dd"),
            ("projection.day.range", range),
            ("projection.region.type", "enum"),
            ("projection.region.values", regions),
        ]);
        let scope = Scope {
            regions: ["eu-west-1".to_owned()].into(),
            window: Window { since: Some(since.parse().unwrap()), until: None },
            ..Scope::default()
        };
        let now = "2026-03-31T12:00:00Z".parse().unwrap();
        of_columns(&parameters, &["region", "day"], &scope, now).join("; ")
    }

    #[test]
    fn days_and_regions_without_partitions_are_told() {
        let (early, late) = ("2025-12-01T00:00:00Z", "2026-03-01T00:00:00Z");
        for (range, regions, since, expected) in [
            ("2020/01/01,NOW", "us-east-1, eu-west-1", early, ""),
            ("NOW-1MONTHS,NOW", "eu-west-1", "2026-03-02T00:00:00Z", ""),
            ("2020/01/01,NOW+1DAYS", "us-east-1", late, "has no region eu-west-1"),
            ("2026/01/01,NOW", "eu-west-1", early, "from 2026/01/01 to 2026/03/31 only"),
            ("2020/01/01,2026/03/15", "eu-west-1", late, "from 2020/01/01 to 2026/03/15 only"),
            ("NOW-3WEEKS,NOW", "eu-west-1", late, "from 2026/03/10 to"),
            ("?,NOW", "eu-west-1", late, "cannot be told"),
        ] {
            let told = told(range, regions, since);
            assert!(told.contains(expected) && told.is_empty() == expected.is_empty(), "{range}: {told}");
        }
    }
}
