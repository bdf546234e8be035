//! Patterns over ARNs, matched segment by segment.

use super::key::Key;
use super::template::{Binding, Template, Unbound};

/// A `Resource` value or a value of an ARN condition operator.
///
/// Each of an ARN's first five segments is matched on its own, so that a `*` for the region does
/// not run on into the account; in the last one `*` takes colons and slashes too. A pattern with
/// fewer segments that ends in `*` takes all that follows: "if the `*` wildcard is the last
/// character of a resource ARN segment, it can expand to match beyond the colon boundaries"
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ArnPattern {
    Anything,
    Segments(Vec<Template>),
    /// Not an ARN: compared as a whole.
    Whole(Template),
}

/// A text with the places of its first five colons, found once for many patterns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segmented<'a> {
    pub(super) text: &'a str,
    colons: [usize; 5],
    count: usize,
}

impl<'a> Segmented<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut colons = [0; 5];
        let mut count = 0;
        for at in memchr::memchr_iter(b':', text.as_bytes()).take(5) {
            colons[count] = at;
            count += 1;
        }
        Self { text, colons, count }
    }

    fn start(&self, segment: usize) -> usize {
        segment.checked_sub(1).map_or(0, |colon| self.colons[colon] + 1)
    }

    /// One of the first five segments, which ends at a colon.
    fn segment(&self, segment: usize) -> Option<&'a str> {
        (segment < self.count).then(|| &self.text[self.start(segment)..self.colons[segment]])
    }

    /// A segment and all that follows it.
    fn rest(&self, segment: usize) -> Option<&'a str> {
        (segment <= self.count).then(|| &self.text[self.start(segment)..])
    }

    /// The account of an ARN, if it names one.
    pub(super) fn account(&self) -> Option<&'a str> {
        let account = self.segment(4)?;
        (self.text.starts_with("arn:")
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(account)
    }

    /// The service and the resource part of an ARN.
    pub(super) fn service_and_resource(&self) -> Option<(&'a str, &'a str)> {
        if !self.text.starts_with("arn:") {
            return None;
        }
        Some((self.segment(2)?, self.rest(5)?))
    }
}

impl ArnPattern {
    pub(super) fn new(text: &str, variables: bool) -> Self {
        if text == "*" {
            return Self::Anything;
        }
        let segments = segments(text, variables);
        let is_arn = segments[0] == "arn" && segments.len() > 1;
        if is_arn && (segments.len() == 6 || text.ends_with('*')) {
            Self::Segments(segments.iter().map(|segment| Template::new(segment, variables, true)).collect())
        } else {
            Self::Whole(Template::new(text, variables, true))
        }
    }

    pub(super) fn matches<'a>(
        &'a self,
        text: &Segmented<'_>,
        lookup: impl Fn(&Key) -> Binding<'a>,
    ) -> Result<bool, Unbound> {
        match self {
            Self::Anything => Ok(true),
            Self::Whole(template) => template.matches(text.text, &lookup),
            Self::Segments(segments) => {
                let Some((last, first)) = segments.split_last() else { return Ok(false) };
                let Some(rest) = text.rest(first.len()) else { return Ok(false) };
                // The last segment tells most patterns apart.
                let mut unknown = false;
                let mut fits = true;
                let parts = first.iter().enumerate().map(|(at, segment)| (segment, text.segment(at)));
                for (segment, found) in std::iter::once((last, Some(rest))).chain(parts) {
                    match segment.matches(found.unwrap_or(""), &lookup) {
                        Ok(same) => fits &= same,
                        Err(Unbound::Unknown) => unknown = true,
                        Err(Unbound::Missing) => return Err(Unbound::Missing),
                    }
                    if !fits {
                        return Ok(false);
                    }
                }
                if unknown { Err(Unbound::Unknown) } else { Ok(true) }
            }
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let templates = match self {
            Self::Anything => &[],
            Self::Segments(segments) => &segments[..],
            Self::Whole(template) => std::slice::from_ref(template),
        };
        templates.iter().flat_map(Template::keys)
    }
}

/// Cuts a pattern at its first five colons that stand outside variables.
fn segments(text: &str, variables: bool) -> Vec<&str> {
    let mut found = Vec::with_capacity(6);
    let mut start = 0;
    let mut inside = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'$' if variables && text[at..].starts_with("${") => inside = true,
            b'}' => inside = false,
            b':' if !inside && found.len() < 5 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, text: &str) -> bool {
        ArnPattern::new(pattern, true).matches(&Segmented::new(text), |_| Binding::Text("ann")).unwrap()
    }

    #[test]
    fn a_wildcard_stays_in_its_segment_but_the_last_takes_colons_and_slashes() {
        assert!(fits("arn:aws:s3:::orders/*", "arn:aws:s3:::orders/a/b:c"));
        assert!(fits(
            "arn:aws:logs:*:123456789012:log-group:/a/*:*",
            "arn:aws:logs:eu-west-1:123456789012:log-group:/a/b:s"
        ));
        assert!(!fits("arn:aws:sns:*:111122223333:t", "arn:aws:sns:eu-west-1:999999999999:x:111122223333:t"));
        assert!(!fits("arn:aws:s3:::Orders", "arn:aws:s3:::orders"));
        assert!(fits("arn:*:s3:::orders", "arn:aws-cn:s3:::orders"));
    }

    #[test]
    fn a_short_pattern_that_ends_in_a_star_takes_the_rest() {
        assert!(fits("arn:aws:s3:*", "arn:aws:s3:::orders"));
        assert!(fits("arn:aws:dynamodb:us-*", "arn:aws:dynamodb:us-east-1:123456789012:table/t"));
        assert!(!fits("arn:aws:s3", "arn:aws:s3:::orders"));
        assert!(fits("*", "*"));
        assert!(!fits("arn:aws:s3:::*", "*"));
    }

    #[test]
    fn a_variable_may_hold_colons_in_its_name() {
        assert!(fits("arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/ann/x"));
        assert!(!fits("arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::home/bob/x"));
    }
}
