//! Words of a POSIX shell.

use std::fmt::Write as _;

use super::is_unprintable;

/// A text as one word of a POSIX shell on one line, quoted where the shell would read it otherwise.
///
/// What cannot be printed as it is, a line feed above all, is written as octal bytes between `$'` and `'`:
/// <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_04>.
pub fn shell_word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_./:@%+=,-".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if !text.chars().any(is_unprintable) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = "$'".to_owned();
    for character in text.chars() {
        match character {
            '\'' | '\\' => word.extend(['\\', character]),
            '\n' => word.push_str("\\n"),
            _ if is_unprintable(character) => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(word, "\\{byte:03o}");
                }
            }
            _ => word.push(character),
        }
    }
    word.push('\'');
    word
}

/// A flag with its value. A value that starts with a dash is tied to its flag, lest it be read as one.
pub fn shell_flag(flag: &str, value: &str) -> String {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    format!("{flag}{separator}{}", shell_word(value))
}

/// What goes before a command that takes a variable which only its reader can set: the command is not run
/// unless it is set, at a prompt either. The meaning is plain words without marks.
pub fn shell_guard(variable: &str, meaning: &str) -> String {
    format!(": \"${{{variable}:?set it to {meaning}}}\" &&\n")
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

    #[test]
    fn a_word_never_leaves_its_line() {
        assert_eq!(shell_word("a\ntouch b"), r"$'a\ntouch b'");
        assert_eq!(shell_word("it's\r\\ \u{85}\u{2028}é"), r"$'it\'s\015\\ \302\205\342\200\250é'");
    }
}
