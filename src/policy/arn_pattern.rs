//! Patterns over ARNs, matched segment by segment.

use super::key::Key;
use super::template::{Binding, Template, Variable};
use super::truth::Truth;

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

/// Where in a pattern policy variables are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variables {
    /// Before version 2012-10-17 they are text.
    Nowhere,
    /// "only in the resource portion of the ARN": in `Resource`
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>).
    BehindFifthColon,
    /// In the values of conditions.
    Everywhere,
}

impl ArnPattern {
    pub(super) fn new(text: &str, variables: Variables) -> Self {
        if text == "*" {
            return Self::Anything;
        }
        let everywhere = variables == Variables::Everywhere;
        let segments = segments(text, everywhere);
        let is_arn = segments[0] == "arn" && segments.len() > 1;
        if is_arn && (segments.len() == 6 || text.ends_with('*')) {
            let template = |(at, segment): (usize, &&str)| {
                let replaced = everywhere || (at == 5 && variables == Variables::BehindFifthColon);
                Template::new(segment, replaced, true)
            };
            Self::Segments(segments.iter().enumerate().map(template).collect())
        } else {
            Self::Whole(Template::new(text, everywhere, true))
        }
    }

    pub(super) fn matches<'a>(&'a self, text: &Segmented<'_>, lookup: impl Fn(&Key) -> Binding<'a>) -> Truth {
        match self {
            Self::Anything => Truth::Yes,
            Self::Whole(template) => template.matches(text.text, &lookup),
            Self::Segments(segments) => {
                let Some((last, first)) = segments.split_last() else { return Truth::No };
                let Some(rest) = text.rest(first.len()) else { return Truth::No };
                // The last segment tells most patterns apart.
                let mut all = Truth::Yes;
                let parts = first.iter().enumerate().map(|(at, segment)| (segment, text.segment(at)));
                for (segment, found) in std::iter::once((last, Some(rest))).chain(parts) {
                    all = all.and(segment.matches(found.unwrap_or(""), &lookup));
                    if all == Truth::No {
                        break;
                    }
                }
                all
            }
        }
    }

    /// Its variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.templates().iter().flat_map(Template::variables)
    }

    /// Whether any of its variables has neither value nor default.
    pub(super) fn lacks_value<'a>(&self, lookup: impl Fn(&Key) -> Binding<'a>) -> bool {
        self.templates().iter().any(|template| template.lacks_value(&lookup))
    }

    fn templates(&self) -> &[Template] {
        match self {
            Self::Anything => &[],
            Self::Segments(segments) => segments,
            Self::Whole(template) => std::slice::from_ref(template),
        }
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
        fits_with(Variables::BehindFifthColon, pattern, text)
    }

    fn fits_with(variables: Variables, pattern: &str, text: &str) -> bool {
        let found =
            ArnPattern::new(pattern, variables).matches(&Segmented::new(text), |_| Binding::Text("ann"));
        assert_ne!(found, Truth::Unknown);
        found == Truth::Yes
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
        let role = "arn:aws:iam::${aws:PrincipalAccount}:role/r";
        assert!(fits_with(Variables::Everywhere, role, "arn:aws:iam::ann:role/r"));
    }

    #[test]
    fn a_variable_before_the_fifth_colon_of_a_resource_is_text() {
        for pattern in
            ["arn:aws:sqs:eu-west-1:${aws:username}:q", "arn:aws:sqs:${aws:username}:*", "${aws:username}"]
        {
            let text = pattern.replace("${aws:username}", "ann");
            assert!(fits_with(Variables::Everywhere, pattern, &text), "{pattern}");
            assert!(!fits(pattern, &text), "{pattern}");
        }
    }
}
