//! The command line of Kageos.

use std::process::ExitCode;

/// Many small, short-lived values on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kageos_server::cli::run(std::env::args_os().collect(), std::env::vars().collect())
}
