//! `denials --logs`: log files on disk or standard input. Needs no AWS.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{HumanBytes, HumanCount, ProgressStyle};

use super::Run;
use super::live::open_messages;
use crate::catalog::Catalog;
use crate::cli::Ended;
use crate::cli::failure::{Failure, INTERRUPTED};
use crate::cli::terminal;
use crate::collect::Settings;
use crate::collect::cloudtrail::scan::{Input, Options, Progress, query_of, scan_into};
use crate::denials::{Answer, Gathered, Scope, Searched, SourceKind};
use crate::facts::Facts;

impl Run<'_> {
    /// Scans the logs given. With `settings`, encoded messages are opened by AWS.
    pub(super) fn logs(&self, scope: &Scope, facts: Option<&Facts>, settings: Option<&Settings>) -> Ended {
        let inputs = self.args.logs.iter().map(input).collect::<Result<Vec<_>, _>>()?;
        let cancel = Arc::new(AtomicBool::new(false));
        cancel_on_interrupt(&cancel)?;
        let bar = terminal::bar(self.printer);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        let mut shown = |progress: Progress| {
            bar.set_message(format!(
                "{} files, {}, {} denials",
                HumanCount(progress.files),
                HumanBytes(progress.bytes),
                HumanCount(progress.found)
            ));
        };
        let mut gathered = Gathered::new(scope);
        let options = Options {
            threads: 0,
            cancel: Some(&cancel),
            progress: self.printer.shows_progress().then_some(&mut shown),
        };
        let (mut looked, parts) = scan_into(inputs, &query_of(scope), options, || gathered.sibling());
        for part in parts {
            gathered.merge(part);
        }
        bar.finish_and_clear();
        looked.duplicates = gathered.duplicates();
        let places = self.args.logs.iter().map(|path| name(path)).collect();
        let searched = Searched::logs(SourceKind::Logs, places, looked, scope.bucket());
        let mut answer = Answer::of(gathered, searched, facts, &Catalog::built_in().vendor.account);
        if let Some(settings) = settings {
            open_messages(&mut answer, settings, self.printer)?;
        }
        self.print(answer)
    }
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn input(path: &PathBuf) -> Result<Input, Failure> {
    if path == Path::new("-") {
        return Ok(Input::Reader(name(path), Box::new(io::stdin())));
    }
    match std::fs::metadata(path) {
        Ok(_) => Ok(Input::Path(path.clone())),
        Err(error) => Err(Failure::usage(
            format!("{} cannot be read: {error}", path.display()),
            "expected a folder with CloudTrail log files, such a file, or `-`",
        )),
    }
}

/// Lets Ctrl-C end the search with what was found so far; a second one ends the program.
fn cancel_on_interrupt(cancel: &Arc<AtomicBool>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::usage(format!("no threads can be started: {error}"), "check the limits of this shell")
    })?;
    let cancel = Arc::clone(cancel);
    std::thread::spawn(move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                cancel.store(true, Ordering::Relaxed);
                let _ = tokio::signal::ctrl_c().await;
                std::process::exit(i32::from(INTERRUPTED));
            }
        });
    });
    Ok(())
}
