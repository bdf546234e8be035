//! The program: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    streamkap_doctor::cli::main()
}
