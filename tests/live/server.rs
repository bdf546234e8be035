//! MiniStack (PyPI `ministack`), installed once into a virtual environment under
//! `target/` and started once for each test binary.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const PACKAGE: &str = "ministack==1.5.33";

/// Starts the server, which ends when its standard input does: with this process, however that ends.
const START: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
from ministack.app import main
sys.exit(main())
";

/// The server of this test binary.
pub struct Server {
    address: SocketAddr,
    _process: Child,
}

/// The server's address; starts it when it is the first to ask.
pub fn address() -> SocketAddr {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(start).address
}

fn start() -> Server {
    let python = environment();
    for _ in 0..5 {
        if let Some(server) = try_start(&python) {
            return server;
        }
    }
    panic!("MiniStack did not start; {} -m ministack shows why", python.display());
}

fn try_start(python: &Path) -> Option<Server> {
    // The port may be taken between this and the server's start; then another is tried.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = folder().join(format!("run-{}", address.port()));
    fs::create_dir_all(&folder).unwrap();
    let mut process = Command::new(python)
        .args(["-c", START])
        .current_dir(&folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &folder)
        .env("TMPDIR", &folder)
        .env("AUTH", "true")
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", address.port().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        if answers(address) {
            return Some(Server { address, _process: process });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    process.kill().unwrap();
    None
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut first = [0; 5];
    stream
        .write_all(b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .is_ok()
        && stream.read_exact(&mut first).is_ok()
        && &first == b"HTTP/"
}

fn folder() -> PathBuf {
    // target/tmp, which cargo makes for integration tests.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ministack");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The interpreter of the virtual environment, which is made when there is none. One process makes it,
/// the others wait.
fn environment() -> PathBuf {
    let folder = folder();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let environment = folder.join(format!("venv-{}", PACKAGE.replace("==", "-")));
    let python = environment.join("bin/python");
    let complete = environment.join("complete");
    if !complete.exists() {
        let base = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        run(Command::new(base).args(["-m", "venv", "--clear"]).arg(&environment));
        run(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PACKAGE,
        ]));
        fs::write(complete, PACKAGE).unwrap();
    }
    python
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
