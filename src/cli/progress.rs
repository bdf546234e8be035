//! How reading goes on, on standard error.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use super::output::Printer;
use super::terminal;
use crate::collect::{Progress, Search};
use crate::diagnosis::in_another_account;
use crate::facts::{Caller, Target};
use crate::model::AccountId;
use crate::report::line;

/// How often a bar is drawn anew where nothing else does it.
const TICK: Duration = Duration::from_millis(120);

/// Shows who reads what, then a spinner while AWS is read, then a bar with an estimate for event
/// history, which CloudTrail paces.
pub(super) struct Screen<'a> {
    printer: &'a Printer,
    what: String,
    role: String,
    bar: ProgressBar,
    open: Mutex<Vec<(&'static str, &'static str)>>,
    /// Whether something better than the names of calls is shown.
    estimates: AtomicBool,
}

impl<'a> Screen<'a> {
    /// A screen for reading this target, if there is one.
    pub(super) fn new(printer: &'a Printer, target: Option<&Target>) -> Self {
        let connectors = target.map_or(&[][..], |target| &target.connectors);
        let what = connectors.iter().map(|connector| {
            let values = connector.parameters.iter().filter(|(_, value)| !value.is_empty());
            let values: Vec<String> = values.map(|(name, value)| format!("{name} {value}")).collect();
            format!("{} ({})", connector.connector, values.join(", "))
        });
        Self {
            printer,
            what: what.collect::<Vec<_>>().join(" and "),
            role: target.map(|target| target.role.name.clone()).unwrap_or_default(),
            bar: terminal::bar(printer),
            open: Mutex::default(),
            estimates: AtomicBool::new(false),
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Writes a note above the bar.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| self.printer.note(&line(text)));
    }

    /// From now on the bar shows how far things are, in this style.
    fn estimate(&self, template: &str) {
        if !self.estimates.swap(true, Ordering::Relaxed) {
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.enable_steady_tick(TICK);
        }
    }

    fn show_open(&self) {
        if self.estimates.load(Ordering::Relaxed) {
            return;
        }
        let open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((service, operation)) = open.last() {
            self.bar.set_message(format!("{service} {operation}"));
        }
    }
}

impl Progress for Screen<'_> {
    fn signed_in(&self, caller: &Caller, region: &str, role_account: &AccountId) {
        let what = if self.what.is_empty() { String::new() } else { format!(" for {}", self.what) };
        let text = line(&format!(
            "You are {} in account {}, region {region}. Reading the role {} of account {role_account}{what}. Nothing is changed.",
            caller.arn, caller.account, self.role
        ));
        self.bar.suspend(|| self.printer.paragraph(&text));
        if caller.account != *role_account {
            let text = in_another_account(&caller.account, role_account);
            self.bar.suspend(|| self.printer.warning(&text));
        }
        self.bar.enable_steady_tick(TICK);
    }

    fn asking(&self, service: &'static str, operation: &'static str) {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((service, operation));
        self.show_open();
    }

    fn answered(&self, service: &'static str, operation: &'static str) {
        {
            let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(at) = open.iter().position(|call| *call == (service, operation)) {
                open.swap_remove(at);
            }
        }
        self.show_open();
    }

    fn read(&self) {
        self.bar.set_message("CloudTrail event history");
    }

    fn history(&self, done: u32, expected: u32, left: Duration) {
        self.estimate("{msg} {bar:20} {pos}/{len} pages");
        self.bar.set_length(u64::from(expected.max(done)));
        self.bar.set_position(u64::from(done));
        self.bar.set_message(format!("Event history (paced), about {} s left", left.as_secs() + 1));
    }

    fn searching(&self, search: Search) {
        self.estimate("{spinner} {elapsed} {msg}");
        self.bar.set_message(match search {
            Search::Files { listed, scanned, bytes } => format!(
                "{} of {} log files searched, {}",
                HumanCount(scanned),
                HumanCount(listed),
                HumanBytes(bytes)
            ),
            Search::Query { running } => format!("the query runs in AWS, {} s so far", running.as_secs()),
            Search::Rows { read } => format!("the query has ended, {} rows read", HumanCount(read)),
        });
    }
}
