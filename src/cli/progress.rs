//! How reading goes on, on standard error.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::Printer;
use crate::collect::Progress;
use crate::facts::{Caller, Target};
use crate::model::AccountId;
use crate::report::line;

/// Shows who reads what, then a spinner while AWS is read, then a bar with an estimate for event
/// history, which CloudTrail paces.
pub(super) struct Screen<'a> {
    printer: &'a Printer,
    what: String,
    role: String,
    bar: ProgressBar,
    open: Mutex<Vec<(&'static str, &'static str)>>,
}

impl<'a> Screen<'a> {
    /// A screen for reading this target.
    pub(super) fn new(printer: &'a Printer, target: &Target) -> Self {
        let what = target.connectors.iter().map(|connector| {
            let values = connector.parameters.iter().filter(|(_, value)| !value.is_empty());
            let values: Vec<String> = values.map(|(name, value)| format!("{name} {value}")).collect();
            format!("{} ({})", connector.connector, values.join(", "))
        });
        let bar = if printer.shows_progress() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self {
            printer,
            what: what.collect::<Vec<_>>().join(" and "),
            role: target.role.name.clone(),
            bar,
            open: Mutex::default(),
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn show_open(&self) {
        let open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((service, operation)) = open.last() {
            self.bar.set_message(format!("{service} {operation}"));
        }
    }
}

impl Progress for Screen<'_> {
    fn signed_in(&self, caller: &Caller, region: &str, role_account: &AccountId) {
        let text = format!(
            "You are {} in account {}, region {region}. Reading the role {} of account {role_account} for {}. Nothing is changed.",
            caller.arn, caller.account, self.role, self.what
        );
        self.bar.suspend(|| self.printer.note(&line(&text)));
        if caller.account != *role_account {
            let text = format!(
                "the role is in account {role_account}, and you are signed in to account {}: choose another profile",
                caller.account
            );
            self.bar.suspend(|| self.printer.warning(&text));
        }
        self.bar.enable_steady_tick(Duration::from_millis(120));
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
        if self.bar.length().is_none()
            && let Ok(style) = ProgressStyle::with_template("{msg} {bar:24} {pos}/{len} pages")
        {
            self.bar.set_style(style);
        }
        self.bar.set_length(u64::from(expected.max(done)));
        self.bar.set_position(u64::from(done));
        self.bar
            .set_message(format!("Event history, two calls a second, about {} s left", left.as_secs() + 1));
    }
}
