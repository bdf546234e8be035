//! Region names: their shape, and the one that was meant.

use super::failure::Failure;
use crate::model::nearest;

/// Regions of the commercial, Chinese and US government partitions.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
const KNOWN: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Every region that is known.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    KNOWN.into_iter()
}

/// The region that was named. One that is not known but differs from a known one by its number only
/// is taken: AWS opens new ones.
pub(super) fn parse(given: &str) -> Result<String, Failure> {
    let text = super::target::unquoted(given).to_ascii_lowercase();
    if KNOWN.contains(&text.as_str()) {
        return Ok(text);
    }
    let is_sibling = |known: &&str| {
        let number =
            |name: &str| name.rsplit_once('-').map(|(area, number)| (area.to_owned(), number.to_owned()));
        match (number(&text), number(known)) {
            (Some((area, digits)), Some((known_area, _))) => {
                area == known_area
                    && (1..=2).contains(&digits.len())
                    && digits.bytes().all(|it| it.is_ascii_digit())
            }
            _ => false,
        }
    };
    if KNOWN.iter().any(is_sibling) || is_isolated(&text) {
        return Ok(text);
    }
    let normal = text.replace(['_', ' '], "-");
    let zone = normal.trim_end_matches(|it: char| it.is_ascii_lowercase());
    let meant = KNOWN
        .iter()
        .find(|known| **known == zone)
        .map(|known| (*known).to_owned())
        .or_else(|| nearest(&normal, KNOWN.iter().map(|known| (*known).to_owned())));
    let hint = meant.map_or_else(
        || "expected a region's name, such as eu-west-1".to_owned(),
        |meant| format!("expected a region's name; did you mean `{meant}`?"),
    );
    Err(Failure::usage(format!("`{given}` is not an AWS region"), hint))
}

/// The isolated partitions, whose regions are not all published.
fn is_isolated(text: &str) -> bool {
    ["us-iso-", "us-isob-", "us-isof-", "eu-isoe-", "eusc-"].iter().any(|prefix| text.starts_with(prefix))
        && text.ends_with(|it: char| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_taken_however_it_is_pasted() {
        for given in ["eu-west-1", " \"EU-WEST-1\" ", "eu-west-9", "us-iso-east-1"] {
            assert!(parse(given).is_ok(), "{given}");
        }
    }

    #[test]
    fn what_was_meant_is_said() {
        for (given, meant) in [
            ("eu-wset-1", "eu-west-1"),
            ("eu-west-1a", "eu-west-1"),
            ("eu_west_1", "eu-west-1"),
            ("us-est-2", "us-east-2"),
        ] {
            let hint = parse(given).unwrap_err().hint.unwrap();
            assert!(hint.contains(&format!("`{meant}`")), "{given}: {hint}");
        }
        assert!(parse("Ireland, I think").is_err());
        assert!(parse("").is_err());
    }
}
