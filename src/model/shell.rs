//! Words of a POSIX shell.

/// A text as one word of a POSIX shell, quoted where the shell would read it otherwise.
pub fn shell_word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_./:@%+=,-".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A flag with its value. A value that starts with a dash is tied to its flag, lest it be read as one.
pub fn shell_flag(flag: &str, value: &str) -> String {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    format!("{flag}{separator}{}", shell_word(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_stays_one_word() {
        assert_eq!(shell_word("arn:aws:s3:::orders/*"), "'arn:aws:s3:::orders/*'");
        assert_eq!(shell_word("a'; rm -rf ~; '"), r"'a'\''; rm -rf ~; '\'''");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_flag("--name", "-x$(id)"), "--name='-x$(id)'");
    }
}
