//! Conditions compiled for matching.

use std::net::IpAddr;

use super::arn_pattern::{ArnPattern, Segmented, Variables};
use super::context::{Given, Lookup};
use super::document;
use super::key::Key;
use super::operator::{Operator, Quantifier, Test};
use super::request::Facts;
use super::template::{Binding, Template, Variable};
use super::truth::Truth;
use super::value::{Date, Number, Range, base64, boolean};

/// A condition of a statement: an operator, a key and the values to compare it with.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    key: Key,
    expected: Vec<Expected>,
}

/// A value of a condition. What the operator cannot read matches nothing.
#[derive(Clone, Debug)]
enum Expected {
    Text(Template),
    Arn(ArnPattern),
    Number(Number),
    Date(Date),
    Bytes(Vec<u8>),
    Range(Range),
    Null(bool),
    Unreadable,
}

impl Condition {
    /// Compiles a condition. One whose operator AWS does not know is never met.
    pub(super) fn compile(written: &document::Condition, variables: bool) -> Self {
        let operator = Operator::parse(&written.operator).unwrap_or(Operator::UNKNOWN);
        let variables = variables && operator.has_variables();
        let expected =
            written.values.iter().map(|value| Expected::compile(operator, value, variables)).collect();
        Self { operator, key: Key::new(&written.key), expected }
    }

    /// The key.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Whether the condition holds for a request.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> Truth {
        match facts.lookup(&self.key) {
            Lookup::Given(values) if !values.is_empty() => self.holds_for(values, facts),
            Lookup::Given(_) | Lookup::Absent => self.holds_without_value(),
            Lookup::Unknown => self.holds_for_unknown(facts),
        }
    }

    /// Whether its key, or that of a variable in its values, is one that the test picks.
    pub(super) fn asks_for(&self, pick: impl Fn(&Key) -> bool) -> bool {
        pick(&self.key) || self.variables().any(|variable| pick(&variable.key))
    }

    /// The variables in its values.
    pub(super) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.expected.iter().flat_map(|expected| -> Box<dyn Iterator<Item = &Variable>> {
            match expected {
                Expected::Text(template) => Box::new(template.variables()),
                Expected::Arn(pattern) => Box::new(pattern.variables()),
                _ => Box::new(std::iter::empty()),
            }
        })
    }

    fn holds_without_value(&self) -> Truth {
        let Operator { quantifier, test, negated, if_exists } = self.operator;
        if test == Test::Null {
            return self.null_is(true);
        }
        // "ForAllValues returns true if there are no keys in the request"; ForAnyValue false.
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
        let holds = match quantifier {
            Quantifier::All => true,
            Quantifier::Any => if_exists,
            Quantifier::Single => if_exists || negated,
        };
        holds.into()
    }

    fn holds_for_unknown(&self, facts: &Facts<'_>) -> Truth {
        let (with_value, without) = if self.operator.test == Test::Null {
            (self.null_is(false), self.null_is(true))
        } else {
            (self.holds_for_any_value(facts), self.holds_without_value())
        };
        if with_value == without { with_value } else { Truth::Unknown }
    }

    /// Whether the condition holds whatever value the key has.
    fn holds_for_any_value(&self, facts: &Facts<'_>) -> Truth {
        // Any value whatever passes `*`: then only absence is left to ask about.
        let anything = |expected: &Expected| matches!(expected, Expected::Text(text) if text.is_anything());
        let is_readable = |expected: &Expected| !matches!(expected, Expected::Unreadable);
        if !self.expected.iter().any(is_readable) {
            Truth::No
        } else if self.expected.iter().any(anything) {
            Truth::from(!self.operator.negated)
        } else if self.expected.iter().all(|expected| expected.matches_nothing(facts)) {
            Truth::from(self.operator.negated)
        } else {
            Truth::Unknown
        }
    }

    fn null_is(&self, absent: bool) -> Truth {
        self.expected
            .iter()
            .any(|expected| matches!(expected, Expected::Null(wanted) if *wanted == absent))
            .into()
    }

    fn holds_for(&self, values: Given<'_>, facts: &Facts<'_>) -> Truth {
        if self.operator.test == Test::Null {
            return self.null_is(false);
        }
        match self.operator.quantifier {
            // AWS's validation calls a key with several values and no set operator an error
            // ("missing qualifier"): the condition is not met.
            Quantifier::Single => values.only().map_or(Truth::No, |value| self.passes(value, facts)),
            // A set that holds only empty texts is an empty set.
            Quantifier::All => values
                .iter()
                .filter(|value| !value.is_empty())
                .fold(Truth::Yes, |all, value| all.and(self.passes(value, facts))),
            Quantifier::Any => values
                .iter()
                .filter(|value| !value.is_empty())
                .fold(Truth::No, |any, value| any.or(self.passes(value, facts))),
        }
    }

    /// Whether one value of the request passes the operator: for a negated operator, whether it
    /// matches none of the values expected.
    fn passes(&self, value: &str, facts: &Facts<'_>) -> Truth {
        let Some(found) = Found::read(self.operator.test, value) else { return Truth::No };
        let mut any = Truth::No;
        let mut readable = false;
        for expected in &self.expected {
            readable |= !matches!(expected, Expected::Unreadable);
            // A variable without a value is equal to nothing and like nothing, and so "inverted
            // condition operators like `StringNotEquals` or `StringNotLike` do match":
            // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
            any = any.or(expected.matches(self.operator, &found, facts));
            if any == Truth::Yes {
                break;
            }
        }
        if self.operator.negated { any.not().and(readable.into()) } else { any }
    }
}

/// A request's value, read as the operator reads it.
enum Found<'a> {
    Text(&'a str),
    Arn(Segmented<'a>),
    Number(Number),
    Date(Date),
    Address(IpAddr),
}

impl<'a> Found<'a> {
    fn read(test: Test, value: &'a str) -> Option<Self> {
        match test {
            Test::Equals | Test::EqualsIgnoreCase | Test::Like | Test::Binary | Test::Null => {
                Some(Self::Text(value))
            }
            Test::Unknown => None,
            Test::Bool => boolean(value).map(|_| Self::Text(value)),
            Test::Arn => Some(Self::Arn(Segmented::new(value))),
            Test::Numeric(_) => Number::parse(value).map(Self::Number),
            Test::Date(_) => Date::parse(value).map(Self::Date),
            Test::Ip => value.parse().ok().map(Self::Address),
        }
    }
}

impl Expected {
    fn compile(operator: Operator, value: &str, variables: bool) -> Self {
        let read = match operator.test {
            Test::Equals | Test::EqualsIgnoreCase => Some(Self::Text(Template::new(value, variables, false))),
            Test::Like => Some(Self::Text(Template::new(value, variables, true))),
            Test::Bool => {
                let template = Template::new(value, variables, false);
                let readable = template.literal().is_none_or(|text| boolean(text).is_some());
                readable.then_some(Self::Text(template))
            }
            Test::Arn => {
                let variables = if variables { Variables::Everywhere } else { Variables::Nowhere };
                Some(Self::Arn(ArnPattern::new(value, variables)))
            }
            Test::Numeric(_) => Number::parse(value).map(Self::Number),
            Test::Date(_) => Date::parse(value).map(Self::Date),
            Test::Binary => base64(value).map(Self::Bytes),
            Test::Ip => Range::parse(value).map(Self::Range),
            Test::Null => boolean(value).map(Self::Null),
            Test::Unknown => None,
        };
        read.unwrap_or(Self::Unreadable)
    }

    /// Whether it is what no value is, for want of a variable's value or because it cannot be read.
    fn matches_nothing(&self, facts: &Facts<'_>) -> bool {
        let binding = |key: &Key| facts.binding(key);
        match self {
            Self::Text(template) => template.lacks_value(binding),
            Self::Arn(pattern) => pattern.lacks_value(binding),
            Self::Unreadable => true,
            _ => false,
        }
    }

    fn matches(&self, operator: Operator, found: &Found<'_>, facts: &Facts<'_>) -> Truth {
        let binding = |key: &Key| facts.binding(key);
        match (self, found) {
            (Self::Text(template), Found::Text(value)) => match operator.test {
                Test::EqualsIgnoreCase | Test::Bool => match template.text(binding) {
                    Ok(text) => same_ignoring_case(&text, value).into(),
                    Err(unbound) => unbound.matches(),
                },
                _ => template.matches(value, binding),
            },
            (Self::Arn(pattern), Found::Arn(value)) => pattern.matches(value, binding),
            (Self::Number(wanted), Found::Number(value)) => operator.compares(value.compare(*wanted)).into(),
            (Self::Date(wanted), Found::Date(value)) => operator.compares(Some(value.cmp(wanted))).into(),
            (Self::Bytes(wanted), Found::Text(value)) => {
                (value.as_bytes() == wanted || base64(value).is_some_and(|bytes| bytes == *wanted)).into()
            }
            (Self::Range(range), Found::Address(address)) => range.contains(*address).into(),
            _ => Truth::No,
        }
    }
}

impl Operator {
    fn compares(self, order: Option<std::cmp::Ordering>) -> bool {
        match self.test {
            Test::Numeric(comparison) | Test::Date(comparison) => {
                order.is_some_and(|order| comparison.accepts(order))
            }
            _ => false,
        }
    }
}

fn same_ignoring_case(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}

impl Facts<'_> {
    /// What a policy variable stands for.
    pub(super) fn binding<'f>(&'f self, key: &Key) -> Binding<'f> {
        match self.lookup(key) {
            Lookup::Given(values) => values.only().map_or(Binding::None, Binding::Text),
            Lookup::Absent => Binding::None,
            Lookup::Unknown => Binding::Unknown,
        }
    }
}
