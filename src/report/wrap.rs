//! Breaks text into lines between words, never within one: an ARN or a command stays whole.

use unicode_width::UnicodeWidthStr;

/// The text in lines of at most `width` columns. A word that is wider has a line of its own.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    join(text.split_whitespace(), " ", width)
}

/// The parts in lines of at most `width` columns, `separator` between parts on one line.
pub(super) fn join<'a>(
    parts: impl IntoIterator<Item = &'a str>,
    separator: &str,
    width: usize,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.width() + separator.width() + part.width() <= width => {
                line.push_str(separator);
                line.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

/// Text behind a label: the label stands in the first line, further lines are indented to it.
pub(super) fn labelled(label: &str, indent: usize, text: &str, width: usize) -> Vec<String> {
    let lines = wrap(text, width.saturating_sub(indent).max(20));
    lines
        .into_iter()
        .enumerate()
        .map(|(position, line)| {
            let head = if position == 0 { label } else { "" };
            let gap = indent.saturating_sub(head.width());
            format!("{head}{}{line}", " ".repeat(gap))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_never_broken() {
        let arn = "arn:aws:iam::111122223333:role/service/StreamkapConnectorAccess";
        assert_eq!(wrap(&format!("The role {arn} is gone"), 20), ["The role", arn, "is gone"]);
    }

    #[test]
    fn lines_fill_the_width_and_not_more() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert!(wrap("", 5).is_empty());
    }

    #[test]
    fn further_lines_stand_below_the_first() {
        assert_eq!(
            labelled("Fix", 5, "allow it on the bucket orders", 30),
            ["Fix  allow it on the bucket", "     orders"]
        );
    }
}
