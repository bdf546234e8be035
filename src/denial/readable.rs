//! Undoes what a screen, a page or a log did to a text on its way to whoever pastes it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// The text without colours and tags, with the escapes of JSON, HTML and XML undone, where it has any.
pub(super) fn readable(text: &str) -> Cow<'_, str> {
    let mut text = plain(text);
    for (escape, plain) in [
        ("\\n", "\n"),
        ("\\t", "\t"),
        ("\\r", ""),
        ("\\\"", "\""),
        ("\\/", "/"),
        ("\\u0026", "&"),
        ("\\u003d", "="),
        ("&nbsp;", " "),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("\u{a0}", " "),
        ("\r", ""),
    ] {
        if text.contains(escape) {
            text = Cow::Owned(text.replace(escape, plain));
        }
    }
    without_quotation(without_tags(text))
}

/// The text without escape sequences: `ESC [ … letter`, and `ESC ] … BEL` as terminals take for links and titles.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut parts = text.split('\u{1b}');
    kept.push_str(parts.next().unwrap_or_default());
    let mut in_command = false;
    for part in parts {
        // A command ends with BEL, or with `ESC \`.
        if in_command {
            in_command = false;
            kept.push_str(part.strip_prefix('\\').unwrap_or(part));
            continue;
        }
        let rest = match part.as_bytes().first() {
            Some(b'[') => part[1..].trim_start_matches(|letter: char| ('\u{20}'..'\u{40}').contains(&letter)),
            Some(b']') => {
                in_command = !part.contains('\u{7}');
                kept.push_str(part.split_once('\u{7}').map_or("", |(_, rest)| rest));
                continue;
            }
            _ => part,
        };
        // The letter that ends the sequence.
        let mut letters = rest.chars();
        letters.next();
        kept.push_str(letters.as_str());
    }
    Cow::Owned(kept)
}

/// Tags that stand within a sentence of a page. Others may be part of AWS's own answer, as `<Code>` is.
const INLINE: [&str; 13] =
    ["a", "b", "code", "em", "i", "kbd", "mark", "pre", "samp", "small", "span", "strong", "tt"];
/// Tags that end a line.
const BLOCK: [&str; 10] = ["body", "br", "dd", "div", "html", "li", "p", "td", "tr", "ul"];

fn without_tags(text: Cow<'_, str>) -> Cow<'_, str> {
    let names = |name: &str| {
        let inline = INLINE.contains(&name).then_some("");
        inline.or_else(|| BLOCK.contains(&name).then_some("\n"))
    };
    if !text.contains("</") && !text.contains("<br") {
        return text;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, after)) = rest.split_once('<') {
        kept.push_str(before);
        let name = after.strip_prefix('/').unwrap_or(after);
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(name.len());
        match (names(&name[..end]), after.split_once('>')) {
            (Some(instead), Some((tag, behind))) if !tag.contains('<') => {
                kept.push_str(instead);
                rest = behind;
            }
            _ => {
                kept.push('<');
                rest = after;
            }
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// The text without the marks of a quoted mail, if every line that is not empty has one.
fn without_quotation(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    if lines.peek().is_none() || !lines.all(|line| line.starts_with('>')) {
        return text;
    }
    let line = |line: &str| line.trim_start_matches(['>', ' ']).to_owned() + "\n";
    Cow::Owned(text.lines().map(line).collect())
}

/// The text as it was before something of fixed width broke its lines in the midst of words; none where
/// nothing looks so.
pub(super) fn unbroken(text: &str) -> Option<String> {
    /// No terminal is narrower.
    const NARROWEST: usize = 20;
    let width = text.lines().map(|line| line.chars().count()).max().filter(|width| *width >= NARROWEST)?;
    text.trim_end().contains('\n').then(|| {
        let whole = |line: &str| if line.chars().count() == width { "" } else { "\n" };
        text.lines().flat_map(|line| [line, whole(line)]).collect()
    })
}

/// What stands before each line of a text that came through a frame, a container's or a daemon's log: Terraform's
/// `│ `, `connect-1  | `, times with streams and levels.
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?x) ^(?:
        [\ \t]*(?:│|┃|║|\||╷|╵)[\ \t]?
      | (?-u:[\w.@/-]){1,64}[\ \t]+\|[\ \t]
      | \[?(?-u:\d{4}-\d\d-\d\d)[T\ ](?-u:\d\d:\d\d:\d\d)[0-9.,:Z+\]-]*
        (?:\ std(?:out|err)\ (?P<flag>[FP])\ )?
        [\ \t]*(?:\[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\]?:?[\ \t]+)?
    )";
    #[expect(
        clippy::expect_used,
        reason = "the pattern is a constant, and every test of pasting compiles it"
    )]
    Regex::new(pattern).expect("the pattern is well formed")
});

/// The text without what stands before each of its lines; none where nothing does. Lines that a container's log
/// broke into parts are joined.
pub(super) fn unprefixed(text: &str) -> Option<String> {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let marked = lines().filter(|line| PREFIX.is_match(line)).count();
    if marked < 2 || marked < lines().count() {
        return None;
    }
    let mut bare = String::with_capacity(text.len());
    for line in text.lines() {
        let mark = PREFIX.captures(line);
        let from = mark.as_ref().and_then(|mark| mark.get(0)).map_or(0, |mark| mark.end());
        let is_part = mark.is_some_and(|mark| mark.name("flag").is_some_and(|flag| flag.as_str() == "P"));
        if is_part {
            bare.push_str(&line[from..]);
        } else {
            bare.push_str(line[from..].trim_end_matches(['│', '┃', '║', ' ']));
            bare.push('\n');
        }
    }
    Some(bare)
}

/// The text with lines that end in the midst of a word at its hyphen joined; none where there are none.
pub(super) fn unhyphenated(text: &str) -> Option<String> {
    text.contains("-\n").then(|| text.replace("-\n", "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_every_line_goes() {
        let frame = "╷\n│ Error: User:\n│ arn is\n╵\n";
        assert_eq!(unprefixed(frame).unwrap(), "\nError: User:\narn is\n\n");
        assert_eq!(unprefixed("web-1  | a\nweb-1  | b").unwrap(), "a\nb\n");
        let parts = "2026-11-20T12:00:00.1Z stderr P one\n2026-11-20T12:00:00.2Z stderr F two\n";
        assert_eq!(unprefixed(parts).unwrap(), "onetwo\n");
        assert_eq!(
            unprefixed("2026-11-20 12:00:00,123 ERROR a\n2026-11-20 12:00:00,124 INFO b").unwrap(),
            "a\nb\n"
        );
        assert_eq!(unprefixed("a | b\nplain"), None);
    }

    #[test]
    fn colours_links_and_titles_go_and_the_text_stays() {
        let pasted =
            "\u{1b}[1;31mUser:\u{1b}[0m \u{1b}]8;;https://x\u{7}arn\u{1b}]8;;\u{1b}\\ is\u{1b}[K \u{1b}7not";
        assert_eq!(readable(pasted), "User: arn is not");
        assert_eq!(readable("a\u{1b}"), "a");
        assert_eq!(readable("a\u{1b}[31"), "a");
    }

    #[test]
    fn tags_of_a_page_go_and_those_of_an_answer_stay() {
        assert_eq!(readable("<p>User: <b class=x>u</b> is&nbsp;not</p>"), "\nUser: u is not\n");
        let answer = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        assert_eq!(readable(answer), answer);
        assert_eq!(readable("1 < 2 </"), "1 < 2 </");
    }

    #[test]
    fn a_quoted_mail_loses_its_marks() {
        assert_eq!(readable("> one\n>\n> > two\n"), "one\n\ntwo\n");
        assert_eq!(readable("> one\ntwo"), "> one\ntwo");
    }

    #[test]
    fn lines_of_full_width_are_joined_and_others_are_not() {
        let (full, rest) = ("x".repeat(40), "y".repeat(3));
        assert_eq!(unbroken(&format!("{full}\n{full}\n{rest}\n")).unwrap(), format!("{full}{full}{rest}\n"));
        assert_eq!(unbroken(&full), None);
    }
}
