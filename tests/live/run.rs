//! Runs the built program as a user does: a clean environment, AWS's own variables, arguments.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use streamkap_doctor::facts::Facts;
use streamkap_doctor::facts::case::Case;

use super::account::{Account, EXTERNAL_ID, REGION, ROLE};
use super::proxy::Proxy;

/// A run to be.
pub struct Run {
    command: Command,
    connector: &'static str,
    target: Vec<String>,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Run {
    /// Signed in to an account, calling through the proxy.
    pub fn new(account: &Account, proxy: &Proxy) -> Self {
        let mut run = Self::signed_out();
        run.command
            .env("AWS_ACCESS_KEY_ID", &account.id)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", proxy.url());
        run.target(&["--role", ROLE, "--bucket", &account.bucket_name(), "--external-id", EXTERNAL_ID])
    }

    /// Without credentials.
    pub fn signed_out() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamkap-doctor"));
        command
            .env_clear()
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("AWS_CONFIG_FILE", "/nonexistent/config")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
            .env("AWS_REGION", REGION)
            .current_dir(env!("CARGO_TARGET_TMPDIR"));
        Self { command, connector: "s3", target: Vec::new() }
    }

    /// For another connector, with its parameters in place of the bucket.
    pub fn connector(self, name: &'static str, parameters: &[&str]) -> Self {
        let role = ["--role", ROLE, "--external-id", EXTERNAL_ID];
        Self { connector: name, ..self.target(&[&role, parameters].concat()) }
    }

    /// Another target than the account's own.
    pub fn target(mut self, arguments: &[&str]) -> Self {
        self.target = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    /// A variable of the environment.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without a variable of the environment.
    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs a command for the target, with more arguments.
    pub fn end(mut self, command: &str, more: &[&str]) -> Ended {
        let started = Instant::now();
        let Output { status, stdout, stderr } =
            self.command.args([command, self.connector]).args(&self.target).args(more).output().unwrap();
        Ended {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            took: started.elapsed(),
        }
    }

    /// Runs a command as it is.
    pub fn alone(mut self, command: &str, arguments: &[&str]) -> Ended {
        let started = Instant::now();
        let Output { status, stdout, stderr } = self.command.arg(command).args(arguments).output().unwrap();
        Ended {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            took: started.elapsed(),
        }
    }

    /// Runs `denials` for the target's role and bucket; the answer as JSON, and how it ended.
    pub fn denials(self, more: &[&str]) -> (Value, Ended) {
        let arguments = self.of_denials(more);
        let ended = self.alone("denials", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        (ended.answer(), ended)
    }

    /// The same, interrupted once `when` says so.
    pub fn denials_interrupted(self, more: &[&str], when: impl Fn() -> bool) -> (Value, Ended) {
        let arguments = self.of_denials(more);
        let mut run = self;
        run.command.arg("denials").args(arguments);
        let ended = interrupt(run.command, when);
        (ended.answer(), ended)
    }

    fn of_denials(&self, more: &[&str]) -> Vec<String> {
        let external_id = self.target.iter().position(|argument| argument == "--external-id");
        let target = self.target.iter().take(external_id.unwrap_or(self.target.len())).cloned();
        target
            .chain(["-o", "json"].map(str::to_owned))
            .chain(more.iter().map(|it| (*it).to_owned()))
            .collect()
    }

    /// Runs a command for the target and interrupts it, as Ctrl-C does, once `when` says so.
    pub fn interrupted(mut self, command: &str, more: &[&str], when: impl Fn() -> bool) -> Ended {
        self.command.args([command, self.connector]).args(&self.target).args(more);
        interrupt(self.command, when)
    }

    /// The facts that `collect` writes, without event history.
    pub fn facts(self) -> Facts {
        self.facts_with(&["--no-history"])
    }

    /// The same with other arguments.
    pub fn facts_with(self, more: &[&str]) -> Facts {
        let ended = self.end("collect", &[&["-o", "-", "--unredacted"], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        Case::parse(ended.stdout.as_bytes()).unwrap_or_else(|error| panic!("{error}: {}", ended.stdout)).facts
    }

    /// The report of `check`, without event history.
    pub fn report(self) -> Value {
        let ended = self.end("check", &["--no-history", "-o", "json"]);
        serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", ended.stdout, ended.stderr))
    }
}

impl Ended {
    /// Standard output as JSON.
    pub fn answer(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }
}

/// Runs a command and interrupts it, as Ctrl-C does, once `when` says so.
fn interrupt(mut command: Command, when: impl Fn() -> bool) -> Ended {
    let started = Instant::now();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !when() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // A moment for the answers that are under way.
    std::thread::sleep(Duration::from_millis(500));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Ended {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        took: started.elapsed(),
    }
}
