//! The command line of Kageos.

use std::process::ExitCode;

fn main() -> ExitCode {
    kageos_server::cli::run(std::env::args_os().collect(), std::env::vars().collect())
}
