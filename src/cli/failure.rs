//! What ends a command early: what happened, what to do, and the exit code.

use crate::collect::StartError;
use crate::report::line;

/// Exit code of a wrong command line or configuration.
pub(super) const USAGE: u8 = 2;
/// Exit code when what was selected could not be looked at.
pub(super) const INCOMPLETE: u8 = 3;
/// Exit code after Ctrl-C, as shells have it: 128 and the signal's number.
pub(super) const INTERRUPTED: u8 = 130;

/// Why a command ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened: one sentence, or one followed by lines that show where.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: Option<String>,
    /// The exit code.
    pub(super) code: u8,
}

impl Failure {
    /// A wrong command line, configuration or file.
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: line(&message.into()), hint: Some(hint.into()), code: USAGE }
    }

    /// The same, told in several lines.
    pub(super) fn listing(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()), code: USAGE }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let code = match error {
            StartError::Settings(_) => USAGE,
            StartError::Interrupted => INTERRUPTED,
            _ => INCOMPLETE,
        };
        Self { message: line(&error.to_string()), hint: Some(error.hint()), code }
    }
}
