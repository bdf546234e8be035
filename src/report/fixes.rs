//! The changes of a report on their own: as commands, as policies, as JSON.

use std::fmt::Write as _;

use crate::model::{Change, Verification};

use super::json::pretty;
use super::model::{RepairReport, Report};
use super::sanitise::{self, block, line};
use super::words;

/// As what changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixStyle {
    /// Commands of the AWS CLI, the rest as comments.
    Commands,
    /// Policies as they would stand afterwards.
    Policy,
    /// A JSON array of the report's fixes.
    Json,
}

/// At a prompt zsh takes no comments unless it is told to, and names in one could be commands.
/// <https://zsh.sourceforge.io/Doc/Release/Options.html#Input_002fOutput>
const COMMENTS: &str = "[ -z \"${ZSH_VERSION-}\" ] || setopt interactive_comments\n\n";

/// The changes that mend what a report tells, in order. Empty, or an empty array, when there is none.
pub fn render_fixes(report: &Report, style: FixStyle) -> String {
    let repairs = &report.repairs;
    match style {
        FixStyle::Commands => {
            if repairs.is_empty() {
                return String::new();
            }
            let caution = report.source.caution().map(|caution| format!("# {caution}\n\n"));
            let head = std::iter::once(COMMENTS.to_owned()).chain(caution);
            head.chain(chains(repairs).into_iter().map(commands)).collect()
        }
        FixStyle::Policy => repairs.iter().filter_map(policy).collect(),
        FixStyle::Json => sanitise::json(&pretty(repairs)),
    }
}

/// `WRITE-003, WRITE-004`.
pub(super) fn mended(repair: &RepairReport) -> String {
    repair.mends.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The changes in order, those of one owner together that hold only together: one of them is made only after those
/// before it.
pub(super) fn chains(repairs: &[RepairReport]) -> Vec<&[RepairReport]> {
    let hangs = |it: &RepairReport| matches!(it.fix.verification, Verification::VerifiedTogether { .. });
    repairs.chunk_by(|one, next| hangs(one) && hangs(next) && one.fix.owner == next.fix.owner).collect()
}

/// The commands of changes that hold together: where one fails, those after it are not run.
pub(super) fn chained(chain: &[RepairReport]) -> Vec<String> {
    let commands = chain.iter().flat_map(|repair| &repair.fix.commands).cloned();
    if chain.len() < 2 {
        return commands.collect();
    }
    let (mut notes, run): (Vec<String>, Vec<String>) = commands.partition(|command| command.starts_with('#'));
    notes.push(run.join(" &&\n"));
    notes
}

fn commands(chain: &[RepairReport]) -> String {
    let mut text = String::new();
    for repair in chain {
        let (title, proof) = (line(&repair.fix.title), words::owner_and_proof(repair));
        let _ = writeln!(text, "# {}: {title}\n# {proof}", mended(repair));
        for note in &repair.fix.notes {
            let _ = writeln!(text, "# {}", line(note));
        }
        if let Change::Manual { steps, .. } = &repair.fix.change {
            for (number, step) in steps.iter().enumerate() {
                let _ = writeln!(text, "# {}. {}", number + 1, line(step));
            }
        }
    }
    for command in chained(chain) {
        let _ = writeln!(text, "{}", block(&command));
    }
    text.push('\n');
    text
}

fn policy(repair: &RepairReport) -> Option<String> {
    match &repair.fix.change {
        Change::SetPolicy { after, .. } => Some(format!("{}\n", block(after))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::report;
    use super::super::{FailOn, FixReport};
    use super::*;
    use crate::model::Owner;

    fn repair(owner: Owner, verification: Verification, commands: &[&str]) -> RepairReport {
        let report = report(FailOn::Fail, |_| true);
        let [repair] = &report.repairs[..] else { unreachable!() };
        let commands = commands.iter().map(|it| (*it).to_owned()).collect();
        let fix = FixReport { owner, commands, verification, ..repair.fix.clone() };
        RepairReport { fix, ..repair.clone() }
    }

    fn together() -> Verification {
        Verification::VerifiedTogether { with: Vec::new() }
    }

    #[test]
    fn what_holds_only_together_stops_where_one_of_it_fails() {
        let repairs = [
            repair(Owner::You, Verification::Verified, &["a"]),
            repair(Owner::You, together(), &["# note", "b"]),
            repair(Owner::You, together(), &["c"]),
            repair(Owner::KeyOwner, together(), &["d"]),
        ];
        let chained: Vec<Vec<String>> = chains(&repairs).into_iter().map(chained).collect();
        assert_eq!(chained, [vec!["a"], vec!["# note", "b &&\nc"], vec!["d"]]);
    }
}
