//! `completions`: scripts for shells.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;

use super::Ended;
use super::args::{Cli, CompletionsArgs};
use super::output::Printer;
use crate::catalog::Catalog;
use crate::demo;

/// The program's name.
const NAME: &str = "streamkap-doctor";

/// Runs it.
pub(super) fn run(args: &CompletionsArgs, printer: &Printer) -> Ended {
    printer.out(&script(args.shell))?;
    Ok(0)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut offering(Cli::command()), NAME, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Bash { with_hyphen(&script) } else { script }
}

/// In the script for bash, the arms of subcommands are not called as what leads to them where the program's
/// name has a hyphen: <https://github.com/clap-rs/clap/issues/6421>.
fn with_hyphen(script: &str) -> String {
    let (first, rest) = NAME.split_once('-').unwrap_or((NAME, ""));
    script.replace(&format!("{first}__subcmd__{rest}__subcmd__"), &format!("{first}__{rest}__subcmd__"))
}

/// The command line with all words that may stand in its places, which it reads itself when it runs.
fn offering(command: Command) -> Command {
    let catalog = Catalog::built_in();
    let connectors: Vec<&'static str> = catalog.connectors.iter().map(|it| it.name.as_str()).collect();
    // Words have to live as long as the program, which ends after this.
    let checks: Vec<&'static str> = catalog.pages.iter().map(|page| &*page.id.to_string().leak()).collect();
    let scenarios: Vec<&'static str> = demo::scenarios().iter().map(|it| it.name).collect();
    let choices = |name: &str| -> Vec<&'static str> {
        let parameters = catalog.connectors.iter().filter_map(|it| it.parameter(name));
        parameters.flat_map(|it| it.choices.iter().map(String::as_str)).collect()
    };
    let words = |id: &str| match id {
        "connectors" => connectors.clone(),
        "check" | "only" | "skip" => checks.clone(),
        "scenario" => scenarios.clone(),
        id => choices(id),
    };
    let subcommands: Vec<String> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    subcommands.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |subcommand| {
            subcommand.mut_args(|argument| match words(argument.get_id().as_str()) {
                words if words.is_empty() => argument,
                words => offered(argument, words),
            })
        })
    })
}

fn offered(argument: Arg, words: Vec<&'static str>) -> Arg {
    argument.value_parser(PossibleValuesParser::new(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bash offers for the last of these words.
    fn bash(words: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("completions");
        std::fs::write(&file, script(Shell::Bash)).unwrap();
        let ask = r#"source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _streamkap__doctor "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\n' "${COMPREPLY[@]}""#;
        let output =
            std::process::Command::new("bash").args(["-c", ask, "bash"]).arg(&file).args(words).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn bash_completes_commands_options_and_the_words_of_the_catalogue() {
        for (words, offered) in [
            (&["streamkap-doctor", "che"][..], "check"),
            (&["streamkap-doctor", "demo", "--o"], "--only"),
            (&["streamkap-doctor", "demo", "wrong-e"], "wrong-external-id"),
            (&["streamkap-doctor", "check", "ice"], "iceberg-glue"),
            (&["streamkap-doctor", "check", "--phase", ""], "removal"),
            (&["streamkap-doctor", "check", "--only", "ASSUME-004"], "ASSUME-004"),
            (&["streamkap-doctor", "check", "-o", ""], "short"),
            (&["streamkap-doctor", "explain", "WRITE-00"], "WRITE-003"),
            (&["streamkap-doctor", "fix", "WRITE-00"], "WRITE-003"),
            (&["streamkap-doctor", "denials", "--source", ""], "event-history"),
        ] {
            assert!(bash(words).iter().any(|it| it == offered), "{words:?}: {:?}", bash(words));
        }
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            assert!(script(shell).contains("denials"), "{shell}");
        }
    }
}
