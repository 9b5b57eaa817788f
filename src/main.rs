//! The `soapgate` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    soapgate::cli::run(std::env::args_os())
}
