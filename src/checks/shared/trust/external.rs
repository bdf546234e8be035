//! How an external id differs from the one that was meant, told without showing either.

use crate::model::edit_distance;

/// How `found` differs from `wanted`, as the end of a sentence: `they differ in case only`. Neither is shown.
pub(crate) fn difference(found: &str, wanted: &str) -> String {
    const QUOTES: [char; 9] = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}', '«', '»'];
    let bare = |text: &str| {
        text.trim_matches(|letter: char| letter.is_whitespace() || QUOTES.contains(&letter)).to_owned()
    };
    let visible = |text: &str| text.chars().filter(|letter| !is_invisible(*letter)).collect::<String>();
    if is_placeholder(found) {
        return "a placeholder was left where the external id belongs".to_owned();
    }
    if found.trim() == wanted.trim() {
        let place = white_space(found, wanted);
        return format!("they differ in white space only ({place})");
    }
    if bare(found) == bare(wanted) {
        return "they differ in quotation marks only".to_owned();
    }
    if visible(found) == visible(wanted) {
        return "they differ in an invisible character only".to_owned();
    }
    if found.to_lowercase() == wanted.to_lowercase() {
        return "they differ in upper and lower case only".to_owned();
    }
    if without_white_space(found) == without_white_space(wanted) {
        return "they differ in white space only".to_owned();
    }
    edited(found, wanted)
}

fn white_space(found: &str, wanted: &str) -> &'static str {
    let (longer, from) =
        if found.len() > wanted.len() { (found, "the trust policy's") } else { (wanted, "the given one") };
    let leads = longer.starts_with(char::is_whitespace);
    match (from, longer.ends_with('\n'), leads) {
        ("the trust policy's", true, _) => "the trust policy's ends with a line break",
        ("the trust policy's", _, true) => "the trust policy's begins with white space",
        ("the trust policy's", ..) => "the trust policy's ends with white space",
        (_, true, _) => "the given one ends with a line break",
        (_, _, true) => "the given one begins with white space",
        _ => "the given one ends with white space",
    }
}

/// Differences of a few characters, or that there is no likeness.
fn edited(found: &str, wanted: &str) -> String {
    let (left, right) = (found.chars().count(), wanted.chars().count());
    if wanted.starts_with(found) && left >= 4 {
        return format!("the trust policy's is cut off: {left} of {right} characters");
    }
    if wanted.ends_with(found) && left >= 4 {
        return format!("the beginning of the trust policy's is missing: {left} of {right} characters");
    }
    if found.starts_with(wanted) || found.ends_with(wanted) {
        return format!("the trust policy's has {} characters more", left - right);
    }
    let distance = edit_distance(found, wanted);
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    if distance <= 2 && sorted(found) == sorted(wanted) {
        return "characters are swapped".to_owned();
    }
    let dashes = |text: &str| text.replace(is_dash, "").to_lowercase();
    if dashes(found) == dashes(wanted) {
        return "they differ in dashes only".to_owned();
    }
    match distance {
        1 if left == right => "one character is another".to_owned(),
        1 if left < right => "the trust policy's lacks one character".to_owned(),
        1 => "the trust policy's has one character too many".to_owned(),
        2 | 3 if left.min(right) > 8 => format!("they differ in {distance} characters"),
        _ => "they have nothing in common".to_owned(),
    }
}

/// Whether the text was never replaced: `<external-id>`, `YOUR_EXTERNAL_ID`, `${ExternalId}`.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    (text.starts_with('<') && text.ends_with('>'))
        || text.contains("${") && !text.contains("${aws:") && !text.contains("${sts:")
        || ["externalid", "yourexternalid", "streamkapexternalid", "changeme", "xxx", "replaceme"]
            .contains(&plain.as_str())
}

/// The fault of a text that has fewer letters than any external id.
pub(crate) const TOO_SHORT: &str = "it is shorter than the two letters that an external id has at least";

/// Why a text is none that `sts:AssumeRole` takes for an external id.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) fn external_id_fault(text: &str) -> Option<&'static str> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@:/-".contains(letter);
    if text.contains(char::is_whitespace) {
        Some("it has white space in it")
    } else if !text.chars().all(is_letter) {
        Some("it has a letter in it that no external id has")
    } else if text.len() < 2 {
        Some(TOO_SHORT)
    } else if text.len() > 1_224 {
        Some("it is longer than the 1,224 letters that an external id has at most")
    } else {
        None
    }
}

/// Whether the letter is a dash, or looks like one.
fn is_dash(letter: char) -> bool {
    matches!(
        letter,
        '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn without_white_space(text: &str) -> String {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_call_can_carry_is_told_from_an_external_id() {
        for id in ["ab", "4f9d2c71-6b0e", "a+b=c,d.e@f:g/h_i", &"x".repeat(1_224)] {
            assert_eq!(external_id_fault(id), None, "{id}");
        }
        for text in ["", "a", "a b", "ab\n", "<EXTERNAL_ID>", "é1", "\"ab\"", &"x".repeat(1_225)] {
            assert!(external_id_fault(text).is_some(), "{text}");
        }
    }

    #[test]
    fn the_kind_of_difference_is_told_and_never_the_id() {
        let wanted = "4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3";
        for (found, told) in [
            ("4F9D2C71-6B0E-4A83-9C15-E72D08B5A6F3", "case only"),
            ("4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3 ", "ends with white space"),
            ("4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3\n", "line break"),
            (" 4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3", "begins with white space"),
            ("\"4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3\"", "quotation marks"),
            ("4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f3\u{200b}", "invisible"),
            ("4f9d2c71-6b0e-4a83-9c15-e72d08b5a63f", "swapped"),
            ("4f9d2c71-6b0e-4a83-9c15", "cut off: 23 of 36"),
            ("6b0e-4a83-9c15-e72d08b5a6f3", "beginning"),
            ("4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f4", "one character is another"),
            ("4f9d2c71-6b0e-4a83-9c15-e72d08b5a6f", "cut off"),
            ("4f9d2c716b0e4a839c15e72d08b5a6f3", "dashes"),
            ("4f9d2c71\u{2010}6b0e\u{2011}4a83\u{2013}9c15\u{2212}e72d08b5a6f3", "dashes"),
            ("<external-id>", "placeholder"),
            ("another-vendors-external-id", "nothing in common"),
        ] {
            let difference = difference(found, wanted);
            assert!(difference.contains(told), "{found}: {difference}");
            assert!(!difference.contains("6b0e"));
        }
    }
}
