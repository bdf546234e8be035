//! The names of condition operators.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use crate::model::edit_distance;

/// A condition operator taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Quantifier,
    pub(super) test: Test,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
}

/// How many of a key's values have to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// No set operator: the key has one value.
    Single,
    /// `ForAllValues:`.
    All,
    /// `ForAnyValue:`.
    Any,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Numeric(Comparison),
    Date(Comparison),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
    /// No operator of AWS's: never met.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn accepts(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

const OPERATORS: [(&str, Test, bool); 27] = {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    [
        ("StringEquals", Test::Equals, false),
        ("StringNotEquals", Test::Equals, true),
        ("StringEqualsIgnoreCase", Test::EqualsIgnoreCase, false),
        ("StringNotEqualsIgnoreCase", Test::EqualsIgnoreCase, true),
        ("StringLike", Test::Like, false),
        ("StringNotLike", Test::Like, true),
        ("NumericEquals", Test::Numeric(Equal), false),
        ("NumericNotEquals", Test::Numeric(Equal), true),
        ("NumericLessThan", Test::Numeric(Less), false),
        ("NumericLessThanEquals", Test::Numeric(LessOrEqual), false),
        ("NumericGreaterThan", Test::Numeric(Greater), false),
        ("NumericGreaterThanEquals", Test::Numeric(GreaterOrEqual), false),
        ("DateEquals", Test::Date(Equal), false),
        ("DateNotEquals", Test::Date(Equal), true),
        ("DateLessThan", Test::Date(Less), false),
        ("DateLessThanEquals", Test::Date(LessOrEqual), false),
        ("DateGreaterThan", Test::Date(Greater), false),
        ("DateGreaterThanEquals", Test::Date(GreaterOrEqual), false),
        ("Bool", Test::Bool, false),
        ("BinaryEquals", Test::Binary, false),
        ("IpAddress", Test::Ip, false),
        ("NotIpAddress", Test::Ip, true),
        ("ArnEquals", Test::Arn, false),
        ("ArnLike", Test::Arn, false),
        ("ArnNotEquals", Test::Arn, true),
        ("ArnNotLike", Test::Arn, true),
        ("Null", Test::Null, false),
    ]
};

impl Operator {
    /// What stands for a name that AWS does not know.
    pub(super) const UNKNOWN: Self =
        Self { quantifier: Quantifier::Single, test: Test::Unknown, negated: false, if_exists: false };

    /// Reads an operator's name, in any case. `None`: AWS has no such operator.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::named(name).map(|(operator, _)| operator)
    }

    /// How AWS writes an operator's name, which it takes in no other case.
    pub(super) fn spelling(name: &str) -> Option<String> {
        let (operator, base) = Self::named(name)?;
        let set = match operator.quantifier {
            Quantifier::Single => "",
            Quantifier::All => "ForAllValues:",
            Quantifier::Any => "ForAnyValue:",
        };
        Some(format!("{set}{base}{}", if operator.if_exists { "IfExists" } else { "" }))
    }

    /// An operator and its name without set and suffix.
    fn named(name: &str) -> Option<(Self, &'static str)> {
        let (quantifier, base) = match name.split_once(':') {
            Some((set, base)) if set.eq_ignore_ascii_case("ForAllValues") => (Quantifier::All, base),
            Some((set, base)) if set.eq_ignore_ascii_case("ForAnyValue") => (Quantifier::Any, base),
            Some(_) => return None,
            None => (Quantifier::Single, name),
        };
        let suffix = base.len().checked_sub("IfExists".len());
        let (base, if_exists) = match suffix.and_then(|at| base.split_at_checked(at)) {
            Some((base, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (base, true),
            _ => (base, false),
        };
        let &(base, test, negated) = OPERATORS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(base))?;
        if test == Test::Null && if_exists {
            return None;
        }
        Some((Self { quantifier, test, negated, if_exists }, base))
    }

    /// The operator a misspelt name was likely meant to be.
    pub(super) fn suggestion(name: &str) -> Option<&'static str> {
        let base = name.rsplit(':').next().unwrap_or(name);
        closest(base, OPERATORS.iter().map(|(known, ..)| *known))
    }

    /// Whether policy variables are replaced in the values. The guide's pages list strings, ARNs and Bool.
    pub(super) fn has_variables(self) -> bool {
        matches!(self.test, Test::Equals | Test::EqualsIgnoreCase | Test::Like | Test::Arn | Test::Bool)
    }
}

/// The known name few edits from the one given: at most two, and one for every three letters.
pub(crate) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let length = name.chars().count();
    let most = 2.min(length / 3);
    known
        .filter(|known| known.chars().count().abs_diff(length) <= most)
        .map(|known| (edit_distance(&name, &known.to_ascii_lowercase()), known))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let operator = Operator::parse("ForAnyValue:StringNotLikeIfExists").unwrap();
        assert_eq!(operator.quantifier, Quantifier::Any);
        assert_eq!((operator.test, operator.negated, operator.if_exists), (Test::Like, true, true));
        assert!(Operator::parse("stringequals").is_some());
        let spelling = Operator::spelling("foranyvalue:stringnotlikeIFEXISTS");
        assert_eq!(spelling.as_deref(), Some("ForAnyValue:StringNotLikeIfExists"));
    }

    #[test]
    fn what_aws_does_not_know_is_unknown() {
        for name in ["", "StringEqual", "NullIfExists", "ForSomeValues:StringEquals", "IfExists", "BoolNot"] {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
        assert_eq!(Operator::suggestion("StringEqual"), Some("StringEquals"));
        assert_eq!(Operator::suggestion("Foo"), None);
    }
}
