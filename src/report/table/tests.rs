use super::super::sample::{LONG_ARN, report};
use super::super::{FailOn, Format, render};
use super::*;

fn at(width: usize, verbose: bool) -> String {
    let layout = Layout { width, verbose, colour: false };
    render(&report(FailOn::Fail, |_| true), Format::Table, layout)
}

#[test]
fn it_reads_at_80_columns() {
    insta::assert_snapshot!(at(80, false));
}

#[test]
fn it_reads_at_140_columns_with_the_checks_that_passed() {
    insta::assert_snapshot!(at(140, true));
}

#[test]
fn an_arn_is_whole_at_any_width() {
    for width in [1, 20, 60, 80, 100, 140, 1000] {
        assert!(at(width, true).contains(LONG_ARN), "{width}");
    }
}

#[test]
fn only_what_cannot_be_broken_is_wider_than_the_screen() {
    for line in at(80, true).lines().filter(|line| line.width() > 80) {
        let command = line.trim_start().starts_with("streamkap-doctor ");
        assert!(line.contains(LONG_ARN) || command, "{line}");
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let layout = Layout { width: 80, verbose: true, colour: true };
    let coloured = render(&report(FailOn::Fail, |_| true), Format::Table, layout);
    let mut plain = String::new();
    let mut parts = coloured.split('\u{1b}');
    plain.push_str(parts.next().unwrap());
    for part in parts {
        plain.push_str(part.split_once('m').unwrap().1);
    }
    assert_ne!(coloured, plain);
    assert_eq!(plain, at(80, true));
}

#[test]
fn checks_that_one_thing_blocks_share_a_row() {
    assert_eq!(at(80, false).matches("Could not look at the bucket policy of orders").count(), 1);
    assert!(at(80, false).contains("WRITE-006"));
}

#[test]
fn the_verdict_stands_above_the_counts_and_the_next_command_is_last() {
    let text = at(80, false);
    let line = |wanted: &str| {
        text.lines().position(|line| line.starts_with(wanted)).unwrap_or_else(|| panic!("{wanted}"))
    };
    let verdict = line("Streamkap cannot write with this role (WRITE-003).");
    assert_eq!(line("1 fail · 1 warn · 2 unknown · 1 broken · 1 pass · 1 skip"), verdict + 1);
    assert!(text.trim_end().lines().last().unwrap().contains("streamkap-doctor check s3 --role"));
}
