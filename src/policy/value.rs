//! The values that condition operators compare: numbers, dates, addresses, bytes.

use std::cmp::Ordering;
use std::net::IpAddr;

/// A decimal number. Integers of any size an `i128` holds compare exactly, the rest as `f64`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Decimal(f64),
}

impl Number {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            return None;
        }
        if let Ok(integer) = text.parse() {
            return Some(Self::Integer(integer));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Decimal)
    }

    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(&right)),
            _ => self.as_decimal().partial_cmp(&other.as_decimal()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "one side is a decimal already")]
    fn as_decimal(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Decimal(number) => number,
        }
    }
}

/// A point in time in nanoseconds since 1970, from a W3C ISO 8601 profile
/// (<https://www.w3.org/TR/NOTE-datetime>) or seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date(i128);

impl Date {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('-').unwrap_or(text);
        // Four digits are a year.
        if digits.len() > 4 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Self::epoch(text);
        }
        Self::iso(text)
    }

    fn epoch(text: &str) -> Option<Self> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let seconds: i128 = seconds.parse().ok()?;
        let nanos = nanoseconds(fraction)?;
        let sign = if text.starts_with('-') { -1 } else { 1 };
        Some(Self(seconds.checked_mul(1_000_000_000)?.checked_add(sign * nanos)?))
    }

    fn iso(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year: i64 = number_of(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |month| number_of(month, 2))?;
        let day = parts.next().map_or(Some(1), |day| number_of(day, 2))?;
        if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day)
        {
            return None;
        }
        let (nanos, offset) = time.map_or(Some((0, 0)), time_of_day)?;
        let seconds = days_since_1970(year, month, day) * 86_400 - offset;
        Some(Self(i128::from(seconds) * 1_000_000_000 + nanos))
    }
}

fn number_of(text: &str, width: usize) -> Option<i64> {
    let plain = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Nanoseconds since midnight, and the zone's offset in seconds. No zone is taken for UTC.
fn time_of_day(text: &str) -> Option<(i128, i64)> {
    let (clock, offset) = if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        (clock, 0)
    } else if let Some(at) = text.rfind(['+', '-']) {
        let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
        let zone = &text[at + 1..];
        let (hours, minutes) = match zone.split_once(':') {
            Some(parts) => parts,
            None if zone.len() == 4 && zone.is_ascii() => zone.split_at(2),
            None => (zone, "00"),
        };
        (&text[..at], sign * (number_of(hours, 2)? * 3600 + number_of(minutes, 2)? * 60))
    } else {
        (text, 0)
    };
    let mut parts = clock.split(':');
    let hours = number_of(parts.next()?, 2)?;
    let minutes = number_of(parts.next()?, 2)?;
    let (seconds, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "0")),
        None => ("00", "0"),
    };
    let seconds = number_of(seconds, 2)?;
    if parts.next().is_some() || hours > 24 || minutes > 59 || seconds > 60 {
        return None;
    }
    let whole = i128::from(hours * 3600 + minutes * 60 + seconds) * 1_000_000_000;
    Some((whole + nanoseconds(fraction)?, offset))
}

/// A decimal fraction's digits as nanoseconds; further digits are dropped.
fn nanoseconds(fraction: &str) -> Option<i128> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    digits.parse().ok()
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar, counted in years that start in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// An address range, `203.0.113.0/24` or `2001:db8::/32`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The first address's bits, IPv4 in the lowest 32.
    first: u128,
    /// How many low bits are free.
    free: u32,
    v4: bool,
}

impl Range {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let (bits, width, v4) = bits_of(address.parse().ok()?);
        let prefix = match prefix {
            Some(prefix) if prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                prefix.parse().ok()?
            }
            Some(_) => return None,
            None => width,
        };
        let free = width.checked_sub(prefix)?;
        Some(Self { first: clear(bits, free), free, v4 })
    }

    /// Whether an address lies in the range. Unlike families never meet.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        let (bits, _, v4) = bits_of(address);
        v4 == self.v4 && clear(bits, self.free) == self.first
    }
}

fn bits_of(address: IpAddr) -> (u128, u32, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32, true),
        IpAddr::V6(address) => (address.to_bits(), 128, false),
    }
}

fn clear(bits: u128, free: u32) -> u128 {
    bits.checked_shr(free).unwrap_or(0).checked_shl(free).unwrap_or(0)
}

/// `true` or `false`, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// The bytes of a base-64 text, padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap_or(0));
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value() {
        let order = |left, right| Number::parse(left).unwrap().compare(Number::parse(right).unwrap());
        assert_eq!(order("10", "9"), Some(Ordering::Greater));
        assert_eq!(order("1.0", "1"), Some(Ordering::Equal));
        assert_eq!(order("123456789012345678", "123456789012345679"), Some(Ordering::Less));
        for text in ["", "ten", "0x10", "inf", "NaN", "1 2", "1e999"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_every_documented_form() {
        let same =
            |left, right| assert_eq!(Date::parse(left).unwrap(), Date::parse(right).unwrap(), "{left}");
        same("2026", "2026-01-01T00:00:00Z");
        same("2026-11", "2026-11-01");
        same("2026-11-23T12:00Z", "1795435200");
        same("2026-11-23T12:00:00Z", "2026-11-23T14:00:00+02:00");
        same("2026-11-23T12:00:00.500Z", "1795435200.5");
        same("1970-01-01", "00000");
        same("2000-02-29T23:59:59Z", "951868799");
        assert!(Date::parse("2026-11-23T12:00:00.1Z") > Date::parse("2026-11-23T12:00:00Z"));
        for text in ["", "tomorrow", "2026-13-01", "2026-02-30", "2026-11-23T25:00", "2026-11-23T", "26-1-1"]
        {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_hold_their_addresses_and_no_others() {
        let holds =
            |range: &str, address: &str| Range::parse(range).unwrap().contains(address.parse().unwrap());
        assert!(holds("203.0.113.0/24", "203.0.113.7"));
        assert!(!holds("203.0.113.0/24", "203.0.114.7"));
        assert!(holds("203.0.113.9/24", "203.0.113.7"));
        assert!(holds("0.0.0.0/0", "255.255.255.255"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8:1234:5678::/64", "2001:DB8:1234:5678::1"));
        assert!(holds("::/0", "2001:db8::1"));
        assert!(holds("203.0.113.7", "203.0.113.7"));
        for text in ["", "203.0.113.0/33", "203.0.113/24", "203.0.113.0/", "203.0.113.0/+8", "x", "::/129"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(base64("QmluYXJ5VmFsdWVJbkJhc2U2NA==").unwrap(), b"BinaryValueInBase64");
        assert_eq!(base64("QQ"), base64("QQ=="));
        assert_eq!(base64("Q"), None);
        assert_eq!(base64("Q*=="), None);
    }
}
