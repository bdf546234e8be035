//! Every `console` block of the documentation is run, and must print what it shows.
//!
//! A line that begins with `$ ` is a command, one with `> ` its continuation, the rest is what it prints
//! (standard output and error); a line `…` stands for any lines. `UPDATE_CONSOLE=1 cargo test --test
//! console` writes what the commands print now, except where a `…` shortens it.

#![allow(
    unreachable_pub,
    clippy::struct_field_names,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "helpers of tests: a panic is a failed test, and a story is told in one piece"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Printed after each command, so that outputs can be told apart.
const END: &str = "\u{1}end\u{1}";

#[test]
fn the_documentation_shows_what_the_program_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("UPDATE_CONSOLE").is_some();
    let mut wrong = Vec::new();
    for path in documents(root) {
        let text = fs::read_to_string(&path).unwrap();
        let scratch = Scratch::new();
        let mut printed = String::new();
        let mut rest = text.as_str();
        while let Some((before, block, after)) = next_block(rest) {
            let commands = commands(block);
            let outputs = scratch.run(&commands);
            printed.push_str(before);
            for (command, output) in commands.iter().zip(&outputs) {
                let same = matches(&command.output, output);
                if !same {
                    let name = path.strip_prefix(root).unwrap().display();
                    wrong.push(format!("{name}: $ {}\n--- prints\n{output}", command.text));
                }
                printed.push_str(&command.shown);
                printed.push_str(if same { &command.output } else { output });
            }
            rest = after;
        }
        printed.push_str(rest);
        if update {
            fs::write(&path, printed).unwrap();
        }
    }
    assert!(update || wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn an_ellipsis_stands_for_any_lines() {
    assert!(matches("a\n…\nd\n", "a\nb\nc\nd\n"));
    assert!(matches("…\nd\n", "a\nd\n"));
    assert!(!matches("a\n…\n", "b\n"));
    assert!(!matches("a\n", "a\nb\n"));
}

fn documents(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.join("README.md"), root.join("checks/README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The text up to and with a block's opening line, the block, the text from its closing line on.
fn next_block(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("```console\n")? + "```console\n".len();
    let end = start + text[start..].find("```")?;
    Some((&text[..start], &text[start..end], &text[end..]))
}

struct Shown {
    /// The lines of the command as shown.
    shown: String,
    /// The command for a shell.
    text: String,
    output: String,
}

fn commands(block: &str) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    for line in block.lines() {
        if let Some(text) = line.strip_prefix("$ ") {
            let text = text.replace("cargo run -- ", "streamkap-doctor ");
            commands.push(Shown { shown: format!("{line}\n"), text, output: String::new() });
        } else {
            let command = commands.last_mut().expect("a console block begins with a command");
            match line.strip_prefix("> ") {
                Some(more) if command.output.is_empty() => {
                    command.shown.push_str(&format!("{line}\n"));
                    command.text.push_str(&format!("\n{more}"));
                }
                _ => command.output.push_str(&format!("{line}\n")),
            }
        }
    }
    commands
}

/// Whether the output is the one shown, in which a line `…` stands for any lines.
fn matches(shown: &str, output: &str) -> bool {
    let parts: Vec<Vec<&str>> = split(shown);
    let output: Vec<&str> = output.lines().collect();
    let Some((first, rest)) = parts.split_first() else { return false };
    if !output.starts_with(first) {
        return false;
    }
    let mut at = first.len();
    for (position, part) in rest.iter().enumerate() {
        let last = position + 1 == rest.len();
        let found = (at..=output.len().saturating_sub(part.len()))
            .find(|from| output[*from..].starts_with(part) && (!last || from + part.len() == output.len()));
        match found {
            Some(from) => at = from + part.len(),
            None => return false,
        }
    }
    at == output.len()
}

fn split(shown: &str) -> Vec<Vec<&str>> {
    let mut parts = vec![Vec::new()];
    for line in shown.lines() {
        if line == "…" {
            parts.push(Vec::new());
        } else {
            parts.last_mut().unwrap().push(line);
        }
    }
    parts
}

/// A folder of its own for each document, with the program on its path and nothing else of this machine.
struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_streamkap-doctor"),
            folder.path().join("bin/streamkap-doctor"),
        )
        .unwrap();
        Self { folder }
    }

    /// Runs the commands of a block in one shell, so that `$?` holds.
    fn run(&self, commands: &[Shown]) -> Vec<String> {
        let mut script = String::new();
        for command in commands {
            script.push_str(&format!("{{ {}\n}} 2>&1\nrc=$?; printf '{END}'; (exit $rc)\n", command.text));
        }
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg(script)
            .current_dir(self.folder.path().join("work"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display()))
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split(END).take(commands.len()).map(str::to_owned).collect()
    }
}
